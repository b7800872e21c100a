//! Delivery: a sealed segment becomes objects in the bucket.
//!
//! Source records go to the raw prefix as they came, records that could not be transformed to the error prefix, the rest,
//! concatenated, to the stream's prefix. Then the segment is removed. A failed write is tried again for as long as the process
//! lives, with the same objects: the function is not called again.

mod assembly;

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use self::assembly::{Assembly, Object};
use super::journal::segment::Segment;
use super::prefix::Prefix;
use super::transform::{Record, Transformer, Verdict};
use crate::Error;
use crate::buckets::Buckets;

/// The error type of records that the function did not transform; a part of the key.
const PROCESSING_FAILED: &str = "processing-failed";

/// The wait after a failed write; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

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
                    if !self.deliver_until_done(&segment, &mut work, &mut queue).await {
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
    async fn deliver_until_done(&self, segment: &Segment, work: &mut mpsc::UnboundedReceiver<Work>, queue: &mut VecDeque<Work>) -> bool {
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
            warn!(stream = self.stream, segment = segment.number, message, "could not deliver; will try again");
            while let Ok(next) = work.try_recv() {
                queue.push_back(next);
            }
            let (answers, rest): (Vec<Work>, Vec<Work>) = queue.drain(..).partition(|next| matches!(next, Work::Answer(_)));
            queue.extend(rest);
            for answer in answers {
                if let Work::Answer(reply) = answer {
                    // Who asked may have gone.
                    drop(reply.send(Err(Error::Delivery { stream: self.stream.clone(), message: message.clone() })));
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
    async fn deliver(&self, segment: &Segment, assembled: &mut Option<Assembled>) -> Result<(), String> {
        let made = match assembled {
            Some(made) => made,
            None => match self.assemble(segment).await {
                Ok(made) => assembled.insert(made),
                Err(error) if is_lasting(error.kind()) => {
                    // Trying again would keep the stream's other segments from delivery.
                    let number = segment.number;
                    error!(stream = self.stream, segment = number, %error, "left a segment undelivered");
                    return Ok(());
                }
                Err(error) => return Err(format!("read a segment: {error}")),
            },
        };
        let store = self.buckets.get(&self.bucket);
        while let Some((key, bytes)) = made.objects.front() {
            put(store.as_ref(), key, bytes).await?;
            info!(stream = self.stream, bucket = self.bucket, key, bytes = bytes.len(), records = made.records, "delivered");
            made.objects.pop_front();
        }
        let removed = if made.torn {
            warn!(stream = self.stream, segment = segment.number, "kept a segment with an unreadable end as .torn");
            fs::rename(&segment.path, segment.path.with_extension("torn"))
        } else {
            fs::remove_file(&segment.path)
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("remove a delivered segment: {error}")),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Reads a segment through the function into objects. The parts that take the processor's time run beside the other tasks.
    async fn assemble(&self, segment: &Segment) -> io::Result<Assembled> {
        let mut assembly = Assembly::open(&segment.path, self.gzip, self.raw_prefix.is_some())?;
        let mut done: Option<(Vec<Record>, Vec<Verdict>)> = None;
        loop {
            let (transformer, number) = (self.transformer.clone(), segment.number);
            let step = move || {
                if let Some((records, verdicts)) = done.take() {
                    assembly.write(&records, verdicts, transformer.as_ref())?;
                }
                let batch = assembly.read(number, transformer.as_ref())?;
                Ok::<_, io::Error>((assembly, batch))
            };
            let (stepped, batch) = tokio::task::spawn_blocking(step).await.map_err(io::Error::other)??;
            assembly = stepped;
            if batch.is_empty() {
                break;
            }
            let verdicts = match &self.transformer {
                Some(transformer) => transformer.transform(&batch).await,
                None => batch.iter().map(|record| Verdict::Deliver(record.data.clone())).collect(),
            };
            done = Some((batch, verdicts));
        }
        self.finish(assembly)
    }

    fn finish(&self, assembly: Assembly) -> io::Result<Assembled> {
        let Assembly { reader, records, oldest, delivered, errors, raw, .. } = assembly;
        let oldest = oldest.and_then(DateTime::from_timestamp_millis).unwrap_or_else(Utc::now);
        let mut objects = VecDeque::new();
        if let (Some(prefix), Some(raw)) = (&self.raw_prefix, raw) {
            objects.extend(raw.into_object(&prefix.evaluate(oldest, ""), &self.stream, oldest)?);
        }
        let error_prefix = self.error_prefix.evaluate(oldest, PROCESSING_FAILED);
        objects.extend(errors.into_object(&error_prefix, &self.stream, oldest)?);
        objects.extend(delivered.into_object(&self.prefix.evaluate(oldest, ""), &self.stream, oldest)?);
        Ok(Assembled { objects, records, torn: reader.is_torn() })
    }
}

async fn put(store: &dyn ObjectStore, key: &str, bytes: &Bytes) -> Result<(), String> {
    let path = object_store::path::Path::parse(key).map_err(|error| error.to_string())?;
    store.put(&path, bytes.clone().into()).await.map(drop).map_err(|error| error.to_string())
}

/// Whether reading a segment will fail in this way however often it is tried: it is gone, or of another version.
fn is_lasting(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::InvalidData)
}

/// The objects of a segment that are still to be put.
struct Assembled {
    objects: VecDeque<Object>,
    records: usize,
    torn: bool,
}
