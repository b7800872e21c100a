//! Delivery: a sealed segment becomes objects in the bucket.
//!
//! Source records go to the raw prefix as they came, records that could not be transformed to the error prefix, the rest,
//! concatenated, to the stream's prefix. Then the segment is removed. A failed write is tried again for as long as the process
//! lives, with the same objects: the function is not called again.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};
use uuid::Uuid;

use super::journal::segment::{Segment, SegmentReader};
use super::prefix::Prefix;
use super::transform::{Failure, Record, Transformer, Verdict};
use crate::Error;
use crate::buckets::Buckets;

/// The error type of records that the function did not transform; a part of the key.
const PROCESSING_FAILED: &str = "processing-failed";

/// The wait after a failed write; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The most bytes of records that are read at once where there is no function.
const UNTRANSFORMED_BYTES: usize = 1024 * 1024;

/// What delivery is asked, in order.
pub(crate) enum Work {
    /// Deliver a segment.
    Deliver(Segment),
    /// Answer that all before is delivered.
    Answer(oneshot::Sender<Result<(), Error>>),
}

/// Where and how a stream delivers.
pub(crate) struct Delivery {
    /// The stream's name.
    pub(crate) stream: String,
    /// The bucket.
    pub(crate) bucket: String,
    /// The buckets.
    pub(crate) buckets: Buckets,
    /// The prefix of delivered objects.
    pub(crate) prefix: Prefix,
    /// The prefix of error objects.
    pub(crate) error_prefix: Prefix,
    /// The prefix of source records, if they are kept.
    pub(crate) raw_prefix: Option<Prefix>,
    /// Whether delivered objects are compressed.
    pub(crate) gzip: bool,
    /// The function, if there is one.
    pub(crate) transformer: Option<Transformer>,
    /// The bytes on disk that wait to be delivered.
    pub(crate) undelivered: Arc<AtomicU64>,
}

/// An object to put: its key and its bytes.
type Object = (String, Bytes);

impl Delivery {
    /// Works until the journal's writer has ended and nothing is left to do.
    pub(crate) async fn run(self, mut work: mpsc::UnboundedReceiver<Work>) {
        let mut queue = VecDeque::new();
        loop {
            let next = match queue.pop_front() {
                Some(next) => Some(next),
                None => work.recv().await,
            };
            match next {
                Some(Work::Deliver(segment)) => {
                    if !self
                        .deliver_until_done(&segment, &mut work, &mut queue)
                        .await
                    {
                        return;
                    }
                }
                // Who asked may have gone.
                Some(Work::Answer(reply)) => drop(reply.send(Ok(()))),
                None => return,
            }
        }
    }

    /// Delivers a segment, however often that takes; says no when the process ends first, and the segment waits for the next.
    async fn deliver_until_done(
        &self,
        segment: &Segment,
        work: &mut mpsc::UnboundedReceiver<Work>,
        queue: &mut VecDeque<Work>,
    ) -> bool {
        let mut wait = FIRST_WAIT;
        let mut assembled = None;
        loop {
            let message = match self.deliver(segment, &mut assembled).await {
                Ok(()) => {
                    self.undelivered.fetch_sub(segment.bytes, Ordering::Relaxed);
                    return true;
                }
                Err(message) => message,
            };
            warn!(
                stream = self.stream,
                segment = segment.number,
                message,
                "could not deliver; will try again"
            );
            while let Ok(next) = work.try_recv() {
                queue.push_back(next);
            }
            let (answers, rest): (Vec<Work>, Vec<Work>) = queue
                .drain(..)
                .partition(|next| matches!(next, Work::Answer(_)));
            queue.extend(rest);
            for answer in answers {
                if let Work::Answer(reply) = answer {
                    // Who asked may have gone.
                    drop(reply.send(Err(Error::Delivery {
                        stream: self.stream.clone(),
                        message: message.clone(),
                    })));
                }
            }
            if work.is_closed() {
                return false;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// One try: makes the objects unless an earlier try has, puts those that are not yet put, removes the segment.
    async fn deliver(
        &self,
        segment: &Segment,
        assembled: &mut Option<Assembled>,
    ) -> Result<(), String> {
        let made = match assembled {
            Some(made) => made,
            None => assembled.insert(
                self.assemble(&segment.path)
                    .await
                    .map_err(|error| error.to_string())?,
            ),
        };
        let store = self.buckets.get(&self.bucket);
        while let Some((key, bytes)) = made.objects.front() {
            put(store.as_ref(), key, bytes).await?;
            info!(
                stream = self.stream,
                bucket = self.bucket,
                key,
                bytes = bytes.len(),
                records = made.records,
                "delivered"
            );
            made.objects.pop_front();
        }
        let removed = if made.torn {
            warn!(
                stream = self.stream,
                segment = segment.number,
                "kept a segment with an unreadable end as .torn"
            );
            fs::rename(&segment.path, segment.path.with_extension("torn"))
        } else {
            fs::remove_file(&segment.path)
        };
        removed.map_err(|error| format!("remove a delivered segment: {error}"))
    }

    /// Reads a segment through the function into objects. The parts that take the processor's time run beside the other tasks.
    async fn assemble(&self, path: &Path) -> io::Result<Assembled> {
        let mut assembly = Assembly::open(path, self.gzip, self.raw_prefix.is_some())?;
        let mut done: Option<(Vec<Record>, Vec<Verdict>)> = None;
        loop {
            let (transformer, path_number) = (self.transformer.clone(), number_of(path));
            let step = move || {
                if let Some((records, verdicts)) = done.take() {
                    assembly.write(&records, verdicts, transformer.as_ref())?;
                }
                let batch = assembly.read(path_number, transformer.as_ref())?;
                Ok::<_, io::Error>((assembly, batch))
            };
            let (stepped, batch) = tokio::task::spawn_blocking(step)
                .await
                .map_err(io::Error::other)??;
            assembly = stepped;
            if batch.is_empty() {
                break;
            }
            let verdicts = match &self.transformer {
                Some(transformer) => transformer.transform(&batch).await,
                None => batch
                    .iter()
                    .map(|record| Verdict::Deliver(record.data.clone()))
                    .collect(),
            };
            done = Some((batch, verdicts));
        }
        self.finish(assembly)
    }

    fn finish(&self, assembly: Assembly) -> io::Result<Assembled> {
        let mut objects = VecDeque::new();
        let oldest = assembly
            .oldest
            .and_then(DateTime::from_timestamp_millis)
            .unwrap_or_else(Utc::now);
        if let (Some(prefix), Some(raw)) = (&self.raw_prefix, assembly.raw) {
            raw.into_object(&prefix.evaluate(oldest, ""), &self.stream, oldest)?
                .map(|object| objects.push_back(object));
        }
        assembly
            .errors
            .into_object(
                &self.error_prefix.evaluate(oldest, PROCESSING_FAILED),
                &self.stream,
                oldest,
            )?
            .map(|object| objects.push_back(object));
        assembly
            .delivered
            .into_object(&self.prefix.evaluate(oldest, ""), &self.stream, oldest)?
            .map(|object| objects.push_back(object));
        Ok(Assembled {
            objects,
            records: assembly.records,
            torn: assembly.reader.is_torn(),
        })
    }
}

async fn put(store: &dyn ObjectStore, key: &str, bytes: &Bytes) -> Result<(), String> {
    let path = object_store::path::Path::parse(key).map_err(|error| error.to_string())?;
    store
        .put(&path, bytes.clone().into())
        .await
        .map(drop)
        .map_err(|error| error.to_string())
}

/// A segment's number, by its file name.
fn number_of(path: &Path) -> u64 {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .and_then(|stem| stem.parse().ok())
        .unwrap_or_default()
}

/// The objects of a segment that are still to be put.
struct Assembled {
    objects: VecDeque<Object>,
    records: usize,
    torn: bool,
}

/// The objects of a segment while they are made.
struct Assembly {
    reader: SegmentReader,
    /// A record that was read and did not fit the last call.
    ahead: Option<Record>,
    records: usize,
    oldest: Option<i64>,
    delivered: Content,
    errors: Content,
    raw: Option<Content>,
}

impl Assembly {
    fn open(path: &Path, gzip: bool, raw: bool) -> io::Result<Self> {
        Ok(Self {
            reader: SegmentReader::open(path)?,
            ahead: None,
            records: 0,
            oldest: None,
            delivered: Content::new(gzip),
            errors: Content::new(false),
            raw: raw.then(|| Content::new(true)),
        })
    }

    /// The next records, as many as one call takes; none at the end.
    fn read(&mut self, segment: u64, transformer: Option<&Transformer>) -> io::Result<Vec<Record>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        loop {
            let record = match self.ahead.take() {
                Some(record) => record,
                None => match self.reader.next()? {
                    Some(entry) => {
                        if let Some(raw) = &mut self.raw {
                            raw.write(&entry.data)?;
                        }
                        self.oldest = Some(
                            self.oldest
                                .map_or(entry.arrival, |oldest| oldest.min(entry.arrival)),
                        );
                        self.records += 1;
                        let id = format!("{segment:020}{:036}", self.records);
                        Record {
                            id,
                            arrival: entry.arrival,
                            data: entry.data,
                        }
                    }
                    None => return Ok(batch),
                },
            };
            let fits = transformer.map_or(
                batch.is_empty() || bytes + record.data.len() <= UNTRANSFORMED_BYTES,
                |transformer| transformer.has_room(batch.len(), bytes, record.data.len()),
            );
            if !fits {
                self.ahead = Some(record);
                return Ok(batch);
            }
            bytes += record.data.len();
            batch.push(record);
        }
    }

    /// Writes what became of records.
    fn write(
        &mut self,
        records: &[Record],
        verdicts: Vec<Verdict>,
        transformer: Option<&Transformer>,
    ) -> io::Result<()> {
        for (record, verdict) in records.iter().zip(verdicts) {
            match verdict {
                Verdict::Deliver(data) => self.delivered.write(&data)?,
                Verdict::Drop => {}
                Verdict::Fail(failure) => {
                    let line = ErrorLine::new(
                        record,
                        &failure,
                        transformer.map_or("", |transformer| &transformer.arn),
                    );
                    let mut line = serde_json::to_vec(&line)?;
                    line.push(b'\n');
                    self.errors.write(&line)?;
                }
            }
        }
        Ok(())
    }
}

/// A line of an error object: Firehose's own form, read by whoever replays.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorLine<'a> {
    attempts_made: u32,
    arrival_timestamp: i64,
    error_code: &'a str,
    error_message: &'a str,
    attempt_ending_timestamp: i64,
    raw_data: String,
    lambda_arn: &'a str,
}

impl<'a> ErrorLine<'a> {
    fn new(record: &Record, failure: &'a Failure, lambda_arn: &'a str) -> Self {
        Self {
            attempts_made: failure.attempts,
            arrival_timestamp: record.arrival,
            error_code: failure.code,
            error_message: &failure.message,
            attempt_ending_timestamp: failure.ended,
            raw_data: STANDARD.encode(&record.data),
            lambda_arn,
        }
    }
}

/// The content of an object while it is written.
enum Content {
    Plain(Vec<u8>),
    Gzip {
        encoder: Box<GzEncoder<Vec<u8>>>,
        written: bool,
    },
}

impl Content {
    fn new(gzip: bool) -> Self {
        if gzip {
            Self::Gzip {
                encoder: Box::new(GzEncoder::new(Vec::new(), Compression::fast())),
                written: false,
            }
        } else {
            Self::Plain(Vec::new())
        }
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(content) => {
                content.extend_from_slice(data);
                Ok(())
            }
            Self::Gzip { encoder, written } => {
                *written |= !data.is_empty();
                encoder.write_all(data)
            }
        }
    }

    /// The object under Firehose's name for it; none where nothing was written.
    fn into_object(
        self,
        prefix: &str,
        stream: &str,
        oldest: DateTime<Utc>,
    ) -> io::Result<Option<Object>> {
        let (content, ending) = match self {
            Self::Plain(content) if content.is_empty() => return Ok(None),
            Self::Gzip { written: false, .. } => return Ok(None),
            Self::Plain(content) => (content, ""),
            Self::Gzip { encoder, .. } => (encoder.finish()?, ".gz"),
        };
        let key = format!(
            "{prefix}{stream}-1-{}-{}{ending}",
            oldest.format("%Y-%m-%d-%H-%M-%S"),
            Uuid::new_v4()
        );
        Ok(Some((key, Bytes::from(content))))
    }
}
