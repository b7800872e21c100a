//! The compactor: takes what was spilled and what the stream could not transform into the landing zone first, then
//! compacts it.
//!
//! Safe to run twice, and two at once: an object is deleted only after its rows are in the landing zone under a key that
//! is the hash of their content, and the tables take a row's identity once. Records of newer code wait under `spill/`.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freshet_ingest::canonical::hash;
use freshet_ingest::envelope::gunzip;
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{LandingObject, landing_object, line_pointers, transform_lines};
use freshet_table::{Lake, Options, Report};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::{objects, pointed};

/// Where records lie that the stream did not take in time.
pub const SPILL_PREFIX: &str = "spill/";
/// Where the rows of spilled records go.
pub const LANDING_PREFIX: &str = "landing/spill/";
/// Where records wait that newer code wrote.
pub const WAITING_PREFIX: &str = "spill/waiting/";
/// Where the stream puts records that it could not have transformed: the function was down, or older than the record.
pub const FAILED_PREFIX: &str = "errors/processing-failed/";

/// What a drain did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Drained {
    /// Objects whose rows are in the landing zone now.
    pub objects: usize,
    /// Objects that hold records of newer code and stay.
    pub waiting: usize,
}

/// What a run did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunReport {
    /// Before it compacted.
    pub drained: Drained,
    /// Its compaction.
    #[serde(flatten)]
    pub compacted: Report,
}

/// One run: drains, then compacts.
pub async fn compact(normalizer: &Normalizer, s3: &aws_sdk_s3::Client, lake: &Lake, options: &Options) -> Result<RunReport, Error> {
    let drained = drain(normalizer, s3, lake.bucket(), options.deadline).await?;
    let compacted = freshet_table::compact(lake, normalizer.contract(), options, |_| {}).await;
    let compacted = compacted.map_err(|source| Error::Compact { source: Box::new(source) })?;
    let lag_seconds = oldest_age(s3, lake.bucket(), "landing/", options.now).await?;
    let spill_age_seconds = oldest_age(s3, lake.bucket(), SPILL_PREFIX, options.now).await?;
    // What the alarms on lag and on the age of what was spilled read.
    tracing::info!(
        objects = compacted.objects,
        rows = compacted.rows,
        duplicates = compacted.duplicates,
        partial = compacted.is_partial,
        lag_seconds,
        spill_age_seconds,
        "compacted the lake"
    );
    Ok(RunReport { drained, compacted })
}

/// How old the oldest object under a prefix is, in seconds; 0 where there is none.
async fn oldest_age(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str, now: Millis) -> Result<i64, Error> {
    let oldest = objects::list(s3, bucket, prefix).await?.into_iter().map(|(_, put_at)| put_at.0).fold(now.0, i64::min);
    Ok((now.0 - oldest) / 1000)
}

/// Takes every spilled object, and every record that the stream could not have transformed, into the landing zone.
pub async fn drain_spill(normalizer: &Normalizer, s3: &aws_sdk_s3::Client, bucket: &str) -> Result<Drained, Error> {
    drain(normalizer, s3, bucket, None).await
}

async fn drain(normalizer: &Normalizer, s3: &aws_sdk_s3::Client, bucket: &str, deadline: Option<Instant>) -> Result<Drained, Error> {
    let mut drained = Drained::default();
    let mut found = objects::list(s3, bucket, SPILL_PREFIX).await?;
    found.extend(objects::list(s3, bucket, FAILED_PREFIX).await?);
    for (key, put_at) in found {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
        let Some(data) = objects::get(s3, bucket, &key).await? else {
            // Another compactor was quicker.
            continue;
        };
        let data = if key.starts_with(FAILED_PREFIX) { failed_records(data) } else { data };
        let fetched = pointed::fetch(s3, bucket, line_pointers(&data)).await?;
        let (rows, waiting) = transform_lines(normalizer, &data, &fetched, put_at);
        if !rows.is_empty() {
            objects::put(s3, bucket, landing_object(LANDING_PREFIX, rows.as_bytes())).await?;
        }
        drained.objects += 1;
        if !waiting.is_empty() {
            tracing::warn!(key, records = waiting.len(), "records of newer code wait in the spill zone");
            drained.waiting += 1;
            let waits_at = waiting_object(&waiting);
            if waits_at.key == key {
                drained.objects -= 1;
                continue;
            }
            // Alone, so that the others are not taken again with every run.
            objects::put(s3, bucket, waits_at).await?;
        }
        objects::delete(s3, bucket, &key).await?;
    }
    if drained != Drained::default() {
        tracing::info!(objects = drained.objects, waiting = drained.waiting, "drained the spill zone");
    }
    Ok(drained)
}

pub(crate) fn waiting_object(lines: &[Vec<u8>]) -> LandingObject {
    let mut body = lines.join(&b'\n');
    body.push(b'\n');
    LandingObject { key: format!("{WAITING_PREFIX}{}.ndjson", hash(&body)), body }
}

/// What Firehose says of a record whose transformation failed (docs.aws.amazon.com/firehose, "Data transformation failure").
#[derive(Deserialize)]
struct FailedRecord {
    #[serde(rename = "rawData")]
    raw_data: String,
}

/// The records of an error object, as lines; what is no record of Firehose's stays as it is, to be rejected and counted.
fn failed_records(object: Vec<u8>) -> Vec<u8> {
    let object = if object.starts_with(&[0x1F, 0x8B]) { gunzip(&object).unwrap_or(object) } else { object };
    let mut lines = Vec::with_capacity(object.len());
    for line in object.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record = serde_json::from_slice(line).ok().and_then(|FailedRecord { raw_data }| STANDARD.decode(raw_data).ok());
        lines.extend_from_slice(record.as_deref().unwrap_or(line));
        lines.push(b'\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_records_are_what_firehose_was_given() {
        let object = br#"{"attemptsMade":4,"arrivalTimestamp":1,"errorCode":"Lambda.FunctionError","rawData":"YQpi"}
not a record
"#;
        assert_eq!(failed_records(object.to_vec()), b"a\nb\nnot a record\n");
        assert_eq!(failed_records(freshet_ingest::envelope::gzip(object)), b"a\nb\nnot a record\n");
    }

    #[test]
    fn what_waits_alone_stays_where_it_is() {
        let first = waiting_object(&[b"x".to_vec(), b"y".to_vec()]);
        let again: Vec<Vec<u8>> = first.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        assert_eq!(waiting_object(&again), first);
    }
}
