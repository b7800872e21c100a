//! The making of objects out of a segment: batches of records out, what became of them in.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use uuid::Uuid;

use crate::firehose::journal::segment::SegmentReader;
use crate::firehose::transform::{Failure, Record, Transformer, Verdict};

/// The most bytes of records that are read at once where there is no function.
const UNTRANSFORMED_BYTES: usize = 1024 * 1024;

/// An object to put: its key and its bytes.
pub(super) type Object = (String, Bytes);

/// The objects of a segment while they are made.
pub(super) struct Assembly {
    pub(super) reader: SegmentReader,
    /// A record that was read and did not fit the last call.
    ahead: Option<Record>,
    pub(super) records: usize,
    pub(super) oldest: Option<i64>,
    pub(super) delivered: Content,
    pub(super) errors: Content,
    pub(super) raw: Option<Content>,
}

impl Assembly {
    pub(super) fn open(path: &Path, gzip: bool, raw: bool) -> io::Result<Self> {
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
    pub(super) fn read(&mut self, segment: u64, transformer: Option<&Transformer>) -> io::Result<Vec<Record>> {
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
                        self.oldest = Some(self.oldest.map_or(entry.arrival, |oldest| oldest.min(entry.arrival)));
                        self.records += 1;
                        let id = format!("{segment:020}{:036}", self.records);
                        Record { id, arrival: entry.arrival, data: entry.data }
                    }
                    None => return Ok(batch),
                },
            };
            let fits = transformer.map_or(batch.is_empty() || bytes + record.data.len() <= UNTRANSFORMED_BYTES, |transformer| {
                transformer.has_room(batch.len(), bytes, record.data.len())
            });
            if !fits {
                self.ahead = Some(record);
                return Ok(batch);
            }
            bytes += record.data.len();
            batch.push(record);
        }
    }

    /// Writes what became of records.
    pub(super) fn write(&mut self, records: &[Record], verdicts: Vec<Verdict>, transformer: Option<&Transformer>) -> io::Result<()> {
        for (record, verdict) in records.iter().zip(verdicts) {
            match verdict {
                Verdict::Deliver(data) => self.delivered.write(&data)?,
                Verdict::Drop => {}
                Verdict::Fail(failure) => {
                    let line = ErrorLine::new(record, &failure, transformer.map_or("", |transformer| &transformer.arn));
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
pub(super) enum Content {
    Plain(Vec<u8>),
    Gzip { encoder: Box<GzEncoder<Vec<u8>>>, written: bool },
}

impl Content {
    fn new(gzip: bool) -> Self {
        if gzip {
            Self::Gzip { encoder: Box::new(GzEncoder::new(Vec::new(), Compression::fast())), written: false }
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
    pub(super) fn into_object(self, prefix: &str, stream: &str, oldest: DateTime<Utc>) -> io::Result<Option<Object>> {
        let (content, ending) = match self {
            Self::Plain(content) if content.is_empty() => return Ok(None),
            Self::Gzip { written: false, .. } => return Ok(None),
            Self::Plain(content) => (content, ""),
            Self::Gzip { encoder, .. } => (encoder.finish()?, ".gz"),
        };
        let key = format!("{prefix}{stream}-1-{}-{}{ending}", oldest.format("%Y-%m-%d-%H-%M-%S"), Uuid::new_v4());
        Ok(Some((key, Bytes::from(content))))
    }
}
