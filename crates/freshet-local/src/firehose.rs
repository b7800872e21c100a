//! Firehose on loopback: what is acknowledged is durable, and is delivered at least once.
//!
//! A delivery stream is a journal on disk and a task that turns its segments into objects. Limits, error codes, the function's event
//! and answer, prefixes, names and error objects are Firehose's own; its quotas per second are not kept, and streams are described by
//! [`DeliveryStream`] when the process starts, since nothing here creates one by call.

mod delivery;
mod journal;
mod operations;
mod prefix;
mod request;
mod transform;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio::sync::mpsc;
use tracing::warn;

use self::delivery::Delivery;
use self::journal::{Buffering, Journal};
use self::prefix::Prefix;
use self::transform::Transformer;
use crate::Error;
use crate::buckets::Buckets;
use crate::functions::Functions;

/// The region in ARNs and in a function's event.
const REGION: &str = "us-east-1";

/// The account in ARNs.
const ACCOUNT: &str = "000000000000";

/// The most that a transform buffer may be: Firehose's limit.
const LARGEST_TRANSFORM_BUFFER: usize = 3 * 1024 * 1024;

/// How many buffers may wait to be delivered, and the bytes that always may, before further calls are told to slow down.
const WAITING_BUFFERS: u64 = 64;
const WAITING_BYTES: u64 = 16 * 1024 * 1024;

/// A delivery stream, as its creator would describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStream {
    /// The name: at most 64 letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// The bucket that it delivers to.
    pub bucket: String,
    /// The prefix of delivered objects, with Firehose's expressions.
    pub prefix: String,
    /// The prefix of records that could not be transformed.
    pub error_prefix: String,
    /// The prefix of the untouched source records, if they are kept.
    pub raw_prefix: Option<String>,
    /// The size at which a buffer is delivered, in bytes.
    pub buffering_bytes: u64,
    /// The age at which a buffer is delivered.
    pub buffering: Duration,
    /// The name of the function that transforms records, if there is one.
    pub transformer: Option<String>,
    /// The most bytes of records in one call of the function.
    pub transform_buffer_bytes: usize,
    /// Whether delivered objects are compressed.
    pub gzip: bool,
}

impl DeliveryStream {
    /// A stream with Firehose's defaults: buffers of 5 MiB or 300 s, calls of 1 MiB, no function, no source records; compressed.
    pub fn new(name: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bucket: bucket.into(),
            prefix: String::new(),
            error_prefix: String::new(),
            raw_prefix: None,
            buffering_bytes: 5 * 1024 * 1024,
            buffering: Duration::from_mins(5),
            transformer: None,
            transform_buffer_bytes: 1024 * 1024,
            gzip: true,
        }
    }

    /// The stream's ARN.
    fn arn(&self) -> String {
        format!("arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{}", self.name)
    }

    /// Checks the description; gives what the stream delivers with.
    fn delivery(&self, buckets: Buckets, functions: &Functions, undelivered: Arc<AtomicU64>) -> Result<Delivery, String> {
        let sane = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
        if self.name.is_empty() || self.name.len() > 64 || self.name.starts_with('.') || !self.name.chars().all(sane) {
            return Err("its name is not 1 to 64 letters, digits, '_', '-' and '.', or starts with '.'".to_owned());
        }
        if self.bucket.is_empty() {
            return Err("it names no bucket".to_owned());
        }
        if self.transform_buffer_bytes > LARGEST_TRANSFORM_BUFFER {
            return Err(format!("its transform buffer is above {LARGEST_TRANSFORM_BUFFER} bytes"));
        }
        let transformer = match &self.transformer {
            None => None,
            Some(name) => Some(Transformer {
                function: functions.get(name).cloned().ok_or_else(|| format!("there is no function {name}"))?,
                arn: function_arn(name),
                stream_arn: self.arn(),
                buffer_bytes: self.transform_buffer_bytes,
            }),
        };
        Ok(Delivery {
            stream: self.name.clone(),
            bucket: self.bucket.clone(),
            buckets,
            prefix: Prefix::of_data(&self.prefix)?,
            error_prefix: Prefix::of_errors(&self.error_prefix)?,
            raw_prefix: self.raw_prefix.as_deref().map(Prefix::of_data).transpose()?,
            gzip: self.gzip,
            transformer,
            undelivered,
        })
    }
}

/// The ARN of a function's latest version.
fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:$LATEST")
}

/// Records of a `PutRecordBatch` that are refused, to test what a sender does then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartialFailure {
    /// The places of refused records, from 0.
    pub(crate) indices: Vec<usize>,
    /// Refuses each record whose count is a multiple of this.
    pub(crate) every: Option<usize>,
    /// The error code of refused records.
    pub(crate) code: String,
}

impl PartialFailure {
    fn refuses(&self, index: usize) -> bool {
        let counted = |every: usize| every > 0 && (index + 1).is_multiple_of(every);
        self.indices.contains(&index) || self.every.is_some_and(counted)
    }
}

/// A stream at work.
struct Stream {
    description: DeliveryStream,
    opened: DateTime<Utc>,
    journal: Journal,
}

impl Stream {
    /// Whether more waits to be delivered than should.
    fn is_behind(&self) -> bool {
        let most = self.description.buffering_bytes.saturating_mul(WAITING_BUFFERS).max(WAITING_BYTES);
        self.journal.undelivered() > most
    }
}

/// The Firehose service.
pub(crate) struct Firehose {
    streams: BTreeMap<String, Stream>,
    stopping: AtomicBool,
}

impl Firehose {
    /// Opens the streams over their journals, below `journals`, and goes on delivering what an earlier process left there.
    ///
    /// Runs inside a tokio runtime. A folder is for one process at a time: the caller sees to that.
    pub(crate) fn open(journals: &Path, streams: Vec<DeliveryStream>, buckets: &Buckets, functions: &Functions) -> Result<Self, Error> {
        let mut names = BTreeSet::new();
        let mut checked = Vec::new();
        for description in streams {
            let undelivered = Arc::new(AtomicU64::new(0));
            let delivery = description.delivery(buckets.clone(), functions, Arc::clone(&undelivered));
            let delivery = delivery.and_then(|delivery| {
                names.insert(description.name.clone()).then_some(delivery).ok_or_else(|| "it is described twice".to_owned())
            });
            let delivery = delivery.map_err(|message| Error::DeliveryStream { stream: description.name.clone(), message })?;
            checked.push((description, delivery, undelivered));
        }
        let mut opened = BTreeMap::new();
        for (description, delivery, undelivered) in checked {
            let (work, received) = mpsc::unbounded_channel();
            let buffering = Buffering { bytes: description.buffering_bytes, age: description.buffering };
            let journal = Journal::open(&journals.join(&description.name), buffering, work, undelivered)?;
            tokio::spawn(delivery.run(received));
            opened.insert(description.name.clone(), Stream { description, opened: Utc::now(), journal });
        }
        warn_of_strangers(journals, &names);
        Ok(Self { streams: opened, stopping: AtomicBool::new(false) })
    }

    /// Delivers what is buffered now; answers when all of it is in the bucket.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        join_all(self.streams.values().map(|stream| stream.journal.flush())).await.into_iter().collect()
    }

    /// Takes no more records and delivers what is buffered. What cannot be delivered stays in the journal for the next start.
    pub(crate) async fn stop(&self) -> Result<(), Error> {
        self.stopping.store(true, Ordering::Relaxed);
        self.flush().await
    }
}

/// Says which journals belong to no stream: their records wait until the stream is described again.
fn warn_of_strangers(journals: &Path, names: &BTreeSet<String>) {
    let folders = std::fs::read_dir(journals).into_iter().flatten().flatten();
    for name in folders.filter_map(|folder| folder.file_name().into_string().ok()).filter(|name| !names.contains(name)) {
        warn!(stream = name, "the journal of a stream that is not described; its records wait");
    }
}

#[cfg(test)]
mod tests;
