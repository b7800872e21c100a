//! Records that have not been through the transform: spilled ones, and those of Firehose's error objects. Those that are
//! selected are drained as the compactor drains them, the others of the object are put aside for its next run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freshet_ingest::canonical::hash;
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{LandingObject, landing_object, records, stamp, transform_lines};
use serde::Deserialize;

use super::{From, Progress, Report, Request, World, fetch};
use crate::compactor::{LANDING_PREFIX, SPILL_PREFIX, waiting_object};
use crate::error::Error;
use crate::lander::unpack;
use crate::objects;

/// Where Firehose puts what it could not deliver, whatever the reason.
const ERRORS_PREFIX: &str = "errors/";
/// Where records go that were not selected, out of an object of which others were.
const ASIDE_PREFIX: &str = "spill/aside/";

/// A line of an error object (docs.aws.amazon.com/firehose, "Data transformation failure").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorLine {
    raw_data: String,
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    arrival_timestamp: i64,
}

/// A record, when it came into the lake, and why it failed.
struct Record {
    data: Vec<u8>,
    arrived_at: Millis,
    error_code: String,
}

pub(super) async fn replay(
    world: World<'_>,
    request: &Request,
    progress: &(impl Fn(Progress) + Send + Sync),
    report: &mut Report,
) -> Result<(), Error> {
    let is_errors = request.from == From::Errors;
    let objects = objects::list(world.s3, world.lake.bucket(), if is_errors { ERRORS_PREFIX } else { SPILL_PREFIX }).await?;
    let of = objects.len() as u64;
    for (done, (key, put_at)) in (1..).zip(objects) {
        if let Some(bytes) = objects::get(world.s3, world.lake.bucket(), &key).await? {
            let (data, is_whole) = unpack(bytes);
            report.objects += 1;
            if is_whole {
                take(world, request, &key, &data, put_at, report).await?;
            } else {
                report.damaged.push(key);
            }
        }
        progress(Progress { done, of });
    }
    Ok(())
}

async fn take(world: World<'_>, request: &Request, key: &str, data: &[u8], put_at: Millis, report: &mut Report) -> Result<(), Error> {
    let found = if request.from == From::Errors { failed_records(data, put_at) } else { spilled_records(data, put_at) };
    let (mut selected, mut others) = (Vec::new(), Vec::new());
    for record in found {
        report.records += 1;
        let is_selected = if let Some(stamp) = stamp(&record.data, record.arrived_at) {
            request.selection.takes(&stamp.source, stamp.received_at) && request.selection.takes_reason(&record.error_code)
        } else {
            report.waiting += 1;
            false
        };
        let list = if is_selected { &mut selected } else { &mut others };
        list.extend_from_slice(&record.data);
        list.push(b'\n');
        report.selected += u64::from(is_selected);
    }
    if selected.is_empty() {
        return Ok(());
    }
    let fetched = fetch(world, &selected).await?;
    let (rows, waiting) = transform_lines(world.normalizer, &selected, &fetched, put_at);
    report.made.note(&rows);
    if request.is_dry_run {
        return Ok(());
    }
    let (s3, bucket) = (world.s3, world.lake.bucket());
    if !rows.is_empty() {
        objects::put(s3, bucket, landing_object(LANDING_PREFIX, rows.as_bytes())).await?;
        report.landed += 1;
    }
    if !waiting.is_empty() {
        objects::put(s3, bucket, waiting_object(&waiting)).await?;
    }
    if !others.is_empty() {
        objects::put(s3, bucket, LandingObject { key: format!("{ASIDE_PREFIX}{}.ndjson", hash(&others)), body: others }).await?;
    }
    objects::delete(s3, bucket, key).await
}

fn spilled_records(data: &[u8], put_at: Millis) -> Vec<Record> {
    let record = |data: &[u8]| Record { data: data.to_vec(), arrived_at: put_at, error_code: String::new() };
    records(data).into_iter().map(record).collect()
}

/// The records of an error object. What is none of Firehose's lines is a record itself, to be rejected and counted.
fn failed_records(data: &[u8], put_at: Millis) -> Vec<Record> {
    let mut found = Vec::new();
    for line in records(data) {
        let failed = serde_json::from_slice::<ErrorLine>(line).ok();
        let raw = failed.as_ref().and_then(|failed| STANDARD.decode(&failed.raw_data).ok());
        let (arrived_at, error_code) = failed.map_or((put_at, String::new()), |failed| {
            let arrived_at = if failed.arrival_timestamp > 0 { Millis(failed.arrival_timestamp) } else { put_at };
            (arrived_at, failed.error_code)
        });
        for data in records(raw.as_deref().unwrap_or(line)) {
            found.push(Record { data: data.to_vec(), arrived_at, error_code: error_code.clone() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firehoses_own_error_lines_are_read() {
        let line = |data: &str, code: &str| {
            format!(
                r#"{{"attemptsMade":4,"arrivalTimestamp":5,"errorCode":"{code}","errorMessage":"m","attemptEndingTimestamp":6,"rawData":"{}","lambdaArn":"a"}}"#,
                STANDARD.encode(data)
            )
        };
        let object = format!("{}\n{}not a record\n", line("{\"a\":1}\n{\"a\":2}\n", "x"), line("{\"a\":3}{\"a\":4}", "y") + "\n");
        let found: Vec<(String, i64, String)> = failed_records(object.as_bytes(), Millis(9))
            .into_iter()
            .map(|record| (String::from_utf8(record.data).unwrap(), record.arrived_at.0, record.error_code))
            .collect();
        let of = |data: &str, at, code: &str| (data.to_owned(), at, code.to_owned());
        let expected =
            [of("{\"a\":1}", 5, "x"), of("{\"a\":2}", 5, "x"), of("{\"a\":3}", 5, "y"), of("{\"a\":4}", 5, "y"), of("not a record", 9, "")];
        assert_eq!(found, expected);
    }
}
