//! The producer: Firehose first, S3 for what Firehose does not take in time.

use std::time::{Duration, SystemTime};

use aws_sdk_firehose::operation::put_record_batch::PutRecordBatchOutput;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::future::join_all;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::Error;
use crate::acknowledge::{Outcome, Verdicts, acknowledge};
use crate::backoff::Attempts;
use crate::plan::{RECORD_BYTES, split};
use crate::spill::Spill;

/// Where records go and how long that may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The delivery stream's name.
    pub stream: String,
    /// The bucket that takes what the stream does not.
    pub bucket: String,
    /// The prefix of spilled objects; `spill/`.
    pub spill_prefix: String,
    /// The time after which records that Firehose has not acknowledged are spilled; 1.5 s.
    pub deadline: Duration,
    /// The time that spilling may then take; 1.3 s, so that the whole stays below 3 s.
    pub spill_deadline: Duration,
    /// The longest that one attempt at Firehose or S3 may take; 1 s.
    pub attempt: Duration,
}

impl Settings {
    /// The usual settings for a stream and a bucket.
    pub fn new(stream: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self {
            stream: stream.into(),
            bucket: bucket.into(),
            spill_prefix: "spill/".to_owned(),
            deadline: Duration::from_millis(1_500),
            spill_deadline: Duration::from_millis(1_300),
            attempt: Duration::from_secs(1),
        }
    }
}

/// Where records have become durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// How many records Firehose acknowledged.
    pub acknowledged: usize,
    /// How many records lie in S3 instead.
    pub spilled: usize,
    /// The object that holds the spilled records, if there are any.
    pub spill_key: Option<String>,
    /// How many times a record was sent to Firehose without a clear answer, and so may be there once more.
    pub unclear: usize,
}

/// A producer for one delivery stream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Producer {
    firehose: aws_sdk_firehose::Client,
    s3: aws_sdk_s3::Client,
    settings: Settings,
}

impl Producer {
    /// A producer over these clients. Their own retries are switched off for its calls: it repeats only what was refused, and
    /// it alone knows the time left.
    pub fn new(firehose: &aws_sdk_firehose::Client, s3: &aws_sdk_s3::Client, settings: Settings) -> Self {
        let once = aws_sdk_firehose::config::retry::RetryConfig::disabled();
        let firehose = firehose.config().to_builder().retry_config(once.clone()).build();
        let s3 = s3.config().to_builder().retry_config(once).build();
        Self { firehose: aws_sdk_firehose::Client::from_conf(firehose), s3: aws_sdk_s3::Client::from_conf(s3), settings }
    }

    /// Makes newline-terminated records durable: in Firehose within the deadline, else in S3.
    ///
    /// A record above Firehose's limit goes to S3 at once. A repetition after an unclear answer may double a record, never
    /// lose one; nor does dropping the future undo what was acknowledged.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when neither took some of the records. Others of the same call may be durable: sending all again is
    /// safe, as those downstream are told apart by their content.
    pub async fn put(&self, records: Vec<Bytes>) -> Result<Receipt, Error> {
        let until = Instant::now() + self.settings.deadline;
        let (sendable, mut left): (Vec<usize>, Vec<usize>) = (0..records.len()).partition(|index| records[*index].len() <= RECORD_BYTES);
        let mut reason = if left.is_empty() { String::new() } else { "record above the limit".to_owned() };
        let runs = split(sendable.iter().map(|index| records[*index].len()));
        let calls = runs.iter().map(|run| {
            let batch: Vec<Bytes> = sendable[run.clone()].iter().map(|index| records[*index].clone()).collect();
            self.call(batch, until)
        });
        let mut unclear = 0;
        for (run, outcome) in runs.iter().zip(join_all(calls).await) {
            left.extend(outcome.left.iter().map(|place| sendable[run.start + place]));
            unclear += outcome.unclear;
            if !outcome.reason.is_empty() {
                reason = outcome.reason;
            }
        }
        let acknowledged = records.len() - left.len();
        debug!(stream = self.settings.stream, acknowledged, left = left.len(), "put records");
        if left.is_empty() {
            return Ok(Receipt { acknowledged, unclear, ..Receipt::default() });
        }
        left.sort_unstable();
        let spilled: Vec<Bytes> = left.into_iter().map(|index| records[index].clone()).collect();
        let spill_key = Some(self.spill(&spilled, reason).await?);
        Ok(Receipt { acknowledged, spilled: spilled.len(), spill_key, unclear })
    }

    /// One call's worth of records, until all are acknowledged or the time is up.
    async fn call(&self, records: Vec<Bytes>, until: Instant) -> Outcome {
        acknowledge(&records, Attempts::new(until, self.settings.attempt), |batch| async {
            let records = batch.into_iter().map(record).collect();
            let call = self.firehose.put_record_batch().delivery_stream_name(&self.settings.stream);
            Ok(verdicts(&call.set_records(Some(records)).send().await?))
        })
        .await
    }

    /// Puts records under the spill prefix and says so; gives the key.
    async fn spill(&self, records: &[Bytes], stream_reason: String) -> Result<String, Error> {
        let Settings { stream, bucket, spill_prefix, spill_deadline, attempt, .. } = &self.settings;
        let spill = Spill::new(spill_prefix, SystemTime::now().into(), records);
        let attempts = Attempts::new(Instant::now() + *spill_deadline, *attempt);
        let put = spill.put(attempts, |spill| async {
            let put = self.s3.put_object().bucket(bucket).key(spill.key).content_type("application/x-ndjson");
            put.body(ByteStream::from(spill.body)).send().await?;
            Ok(())
        });
        match put.await {
            Ok(()) => {
                warn!(
                    stream,
                    bucket,
                    key = spill.key,
                    records = records.len(),
                    bytes = spill.body.len(),
                    reason = stream_reason,
                    "spilled records"
                );
                Ok(spill.key)
            }
            Err(failure) => Err(Error::NotDurable {
                records: records.len(),
                stream: stream.clone(),
                key: spill.key,
                stream_reason,
                bucket_reason: failure.reason().to_owned(),
            }),
        }
    }
}

fn record(data: Bytes) -> Record {
    Record::builder().data(Blob::new(data)).build().expect("its data, the only field, is set")
}

/// What an answer says of each record.
fn verdicts(answer: &PutRecordBatchOutput) -> Verdicts {
    answer
        .request_responses()
        .iter()
        .map(|response| match (response.record_id(), response.error_code()) {
            (Some(_), None) => None,
            (_, Some(code)) => Some(code.to_owned()),
            (None, None) => Some("no record id".to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests;
