//! Firehose's transformation, pure: an event of records in, an answer for each of them and objects to put first.
//!
//! The contract is Firehose's (docs.aws.amazon.com/firehose, "Transform source data"): every record id comes back
//! once, with `Ok`, `Dropped` or `ProcessingFailed`, and request and response hold 6 MiB each. What does not fit the
//! response becomes an object of the landing zone whose key is the hash of its content: the function puts it before
//! it answers `Dropped`, and puts the same object again if it is called again. Nothing is sent back into the stream.

mod again;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::canonical::{hash, hash_parts};
use crate::convert::Cell;
use crate::envelope::{Body, Delivery, Envelope, Refusals, gzip};
use crate::error::Disposition;
use crate::event::{self, Description};
use crate::headers::Headers;
use crate::json::{Json, NotJson};
use crate::line::Line;
use crate::normalize::{COUNTS, Normalizer, Rejection};
use crate::partner::{self, PartnerEvent, Stub};
use crate::time::Millis;

pub use again::{Rejected, Stamp, records, stamp, transform_again, transform_delivery, transform_rejected};

/// What the answer may hold: 6 MiB is Lambda's limit, and this leaves room for what surrounds the records.
pub const RESPONSE_BUDGET: usize = 6_000_000;
/// What surrounds a record's id and data in the answer.
const ANSWER_FRAME: usize = 64;
/// Where outputs go that do not fit the answer.
pub const OVERFLOW_PREFIX: &str = "landing/overflow/";
/// Where bodies lie that fit no record.
pub const BODIES_PREFIX: &str = "spill/bodies/";

/// What Firehose sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransformEvent {
    /// Id of the invocation.
    #[serde(default)]
    pub invocation_id: String,
    /// The stream.
    #[serde(default)]
    pub delivery_stream_arn: String,
    /// The region.
    #[serde(default)]
    pub region: String,
    /// The records.
    pub records: Vec<TransformRecord>,
}

/// One record of an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransformRecord {
    /// Firehose's id of the record.
    pub record_id: String,
    /// When Firehose took it, in milliseconds of Unix time.
    #[serde(default)]
    pub approximate_arrival_timestamp: i64,
    /// The bytes in base64.
    pub data: String,
}

/// What Firehose gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransformResponse {
    /// An answer for every record, in their order.
    pub records: Vec<TransformAnswer>,
}

/// The answer for one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransformAnswer {
    /// Firehose's id of the record.
    pub record_id: String,
    /// What became of it.
    pub result: TransformResult,
    /// The output in base64; none where it was put as an object or waits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransformResult {
    /// Its rows are in the answer.
    Ok,
    /// Its rows are in an object.
    Dropped,
    /// It was written by newer code and waits below the error prefix.
    ProcessingFailed,
}

/// An object to put into the lake's bucket before answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandingObject {
    /// Its key: the hash of its content.
    pub key: String,
    /// Gzip of newline-delimited rows.
    pub body: Vec<u8>,
}

/// The bodies that pointers named, by key or address; `None` where there is no such body any more.
pub type Fetched = BTreeMap<String, Option<Vec<u8>>>;

/// What an event's records point to: keys of objects, and addresses. Fetch them, then call [`transform`].
pub fn pointers(event: &TransformEvent) -> Vec<String> {
    let records = event.records.iter().filter_map(|record| STANDARD.decode(&record.data).ok());
    let mut pointers: Vec<String> = records.flat_map(|data| line_pointers(&data)).collect();
    pointers.sort();
    pointers.dedup();
    pointers
}

/// Whether a pointer is an address outside, and no key of an object.
pub fn is_address(pointer: &str) -> bool {
    pointer.starts_with("https://")
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn line_pointer(line: &[u8]) -> Vec<String> {
    match Envelope::decode(line) {
        Ok(Envelope::Delivery(Delivery { body: Body::Object { key }, .. })) if key.starts_with(BODIES_PREFIX) => vec![key],
        Ok(Envelope::Delivery(_) | Envelope::Refusals(_)) => Vec::new(),
        Err(_) => {
            let events = partner::events(line, Millis(0)).unwrap_or_default();
            let address = |event: PartnerEvent| match event.stub? {
                Stub::Address(address) => Some(address),
                Stub::Id => None,
            };
            events.into_iter().filter_map(address).collect()
        }
    }
}

/// Answers an event. The same event and the same fetched bodies give the same answer and the same objects.
pub fn transform(normalizer: &Normalizer, event: &TransformEvent, fetched: &Fetched) -> (TransformResponse, Vec<LandingObject>) {
    let mut counts = DoorCounts::default();
    let mut outputs: Vec<Option<String>> =
        event.records.iter().map(|record| record_rows(normalizer, record, fetched, &mut counts)).collect();
    let run = run_id(event);
    if let Some(output) = outputs.iter_mut().flatten().next() {
        counts.write(normalizer, &run, output);
    }
    let mut answers = Vec::with_capacity(outputs.len());
    let mut objects: Vec<LandingObject> = Vec::new();
    let mut size: usize = event.records.iter().map(|record| record.record_id.len() + ANSWER_FRAME).sum();
    for (record, output) in event.records.iter().zip(outputs) {
        let (result, data) = match output {
            None => (TransformResult::ProcessingFailed, String::new()),
            // Nothing but white space: there is nothing to store.
            Some(output) if output.is_empty() => (TransformResult::Dropped, String::new()),
            Some(output) => {
                let encoded = output.len().div_ceil(3) * 4;
                if size + encoded <= RESPONSE_BUDGET {
                    size += encoded;
                    (TransformResult::Ok, STANDARD.encode(output))
                } else {
                    objects.push(landing_object(OVERFLOW_PREFIX, output.as_bytes()));
                    (TransformResult::Dropped, String::new())
                }
            }
        };
        answers.push(TransformAnswer { record_id: record.record_id.clone(), result, data });
    }
    (TransformResponse { records: answers }, objects)
}

/// The rows of records that lie in an object, such as a spilled batch: newline-delimited envelopes.
/// Returns the rows, and the lines that were written by newer code and so must stay.
pub fn transform_lines(normalizer: &Normalizer, data: &[u8], fetched: &Fetched, arrived_at: Millis) -> (String, Vec<Vec<u8>>) {
    let arrived_at = arrived_at.credible();
    let mut counts = DoorCounts::default();
    let mut out = String::new();
    let mut waiting = Vec::new();
    for line in lines(data) {
        if line_rows(normalizer, line, arrived_at, fetched, &mut counts, &mut out).is_none() {
            waiting.push(line.to_vec());
        }
    }
    counts.write(normalizer, &hash(data), &mut out);
    (out, waiting)
}

/// What the lines of an object point to: keys of objects, and addresses.
pub fn line_pointers(data: &[u8]) -> Vec<String> {
    if !contains(data, BODIES_PREFIX.as_bytes()) && !contains(data, b"payload_url") {
        return Vec::new();
    }
    lines(data).flat_map(line_pointer).collect()
}

/// A landing object below a prefix, named by its content.
pub fn landing_object(prefix: &str, rows: &[u8]) -> LandingObject {
    LandingObject { key: format!("{prefix}{}.ndjson.gz", hash(rows)), body: gzip(rows) }
}

fn run_id(event: &TransformEvent) -> String {
    let parts: Vec<&str> = event.records.iter().map(|record| record.data.as_str()).collect();
    hash_parts(&parts)
}

fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace))
}

/// The rows of a record; `None` where a line of it waits for newer code.
fn record_rows(normalizer: &Normalizer, record: &TransformRecord, fetched: &Fetched, counts: &mut DoorCounts) -> Option<String> {
    let arrived_at = Millis(record.approximate_arrival_timestamp).credible();
    let mut out = String::new();
    let Ok(data) = STANDARD.decode(&record.data) else {
        reject_bytes(normalizer, record.data.as_bytes(), arrived_at, "the record is not base64".to_owned(), &mut out);
        return Some(out);
    };
    let mut own = DoorCounts::default();
    for line in lines(&data) {
        line_rows(normalizer, line, arrived_at, fetched, &mut own, &mut out)?;
    }
    counts.add(own);
    Some(out)
}

fn line_rows(
    normalizer: &Normalizer,
    line: &[u8],
    arrived_at: Millis,
    fetched: &Fetched,
    counts: &mut DoorCounts,
    out: &mut String,
) -> Option<()> {
    match Envelope::decode(line) {
        Ok(Envelope::Refusals(refusals)) => counts.refusals.push(refusals),
        Ok(Envelope::Delivery(delivery)) => {
            counts.deliveries.entry((delivery.source.clone(), delivery.received_at.date())).or_default().count(&delivery);
            delivery_rows(normalizer, &delivery, fetched, out);
        }
        Err(error) => match error.disposition() {
            Disposition::Wait => return None,
            Disposition::Reject => match partner::events(line, arrived_at) {
                Some(events) => events.iter().for_each(|event| partner_rows(normalizer, event, fetched, counts, out)),
                None => reject_bytes(normalizer, line, arrived_at, error.to_string(), out),
            },
        },
    }
    Some(())
}

/// The rows of an event of a partner bus. A stub never becomes a row of a table: it would overwrite what is known.
fn partner_rows(normalizer: &Normalizer, event: &PartnerEvent, fetched: &Fetched, counts: &mut DoorCounts, out: &mut String) {
    let PartnerEvent { delivery, stub } = event;
    counts.deliveries.entry((delivery.source.clone(), delivery.received_at.date())).or_default().count(delivery);
    let missing = match stub {
        None => {
            delivery_rows(normalizer, delivery, fetched, out);
            return;
        }
        Some(Stub::Address(address)) => {
            if let Some(Some(payload)) = fetched.get(address) {
                let whole = Delivery { body: Body::Bytes(payload.clone()), ..delivery.clone() };
                delivery_rows(normalizer, &whole, fetched, out);
                return;
            }
            "could not be had from the address that it names"
        }
        Some(Stub::Id) => "was too large for it",
    };
    let Body::Bytes(bytes) = &delivery.body else { return };
    let source = normalizer.contract().source(&delivery.source);
    let description = event::describe_bytes(&delivery.source, source, delivery, bytes);
    let message = format!("read an event of the bus: it is a stub of a payload that {missing}; import the object");
    let rejection = Rejection { reason: "stub", pointer: None, message, table: None };
    write_lead_first(&normalizer.rejected(&delivery.source, delivery, bytes, &description, &rejection), out, true);
}

fn delivery_rows(normalizer: &Normalizer, delivery: &Delivery, fetched: &Fetched, out: &mut String) {
    let source = normalizer.contract().source(&delivery.source);
    let reject = |bytes: &[u8], rejection: Rejection| {
        let description = event::describe_bytes(&delivery.source, source, delivery, bytes);
        normalizer.rejected(&delivery.source, delivery, bytes, &description, &rejection)
    };
    let bytes = match &delivery.body {
        Body::Bytes(bytes) => bytes,
        Body::Object { key } => {
            if let Some(Some(bytes)) = fetched.get(key) {
                bytes
            } else {
                let message = "fetch the delivery's body from the spill zone: it is not there any more".to_owned();
                let rejection = Rejection { reason: "missing_body", pointer: None, message, table: None };
                write_lead_first(&reject(key.as_bytes(), rejection), out, true);
                return;
            }
        }
    };
    let rejection = match (source, Json::parse(bytes)) {
        (_, Err(_)) if bytes.is_empty() => {
            Rejection { reason: "not_json", pointer: None, message: "parse the body as JSON: it is empty".to_owned(), table: None }
        }
        (Some(source), Ok(body)) => {
            body_rows(normalizer, source, delivery, bytes, &body, out);
            return;
        }
        (_, Err(error)) => not_json(&error),
        (None, Ok(_)) => Rejection {
            reason: "unknown_source",
            pointer: None,
            message: "normalise a delivery of a source that this version's contract does not know".to_owned(),
            table: None,
        },
    };
    write_lead_first(&reject(bytes, rejection), out, true);
}

fn not_json(error: &NotJson) -> Rejection {
    let reason = if error.what.starts_with("nesting") { "too_deep" } else { "not_json" };
    Rejection { reason, pointer: None, message: format!("parse the body as JSON: {} at byte {}", error.what, error.offset), table: None }
}

/// The rows of all events of a body. A delivery has one outcome: the line that it hangs on is written with
/// `deliveries` 1, and it is the first rejection where there is one, else the first row of the first event.
fn body_rows(
    normalizer: &Normalizer,
    source: &freshet_schema::Source,
    delivery: &Delivery,
    bytes: &[u8],
    body: &Json<'_>,
    out: &mut String,
) {
    let (events, array) = event::events(source, body);
    let opened = normalizer.open(source, delivery, body, array);
    let mut outcomes: Vec<(bool, Vec<Line>)> = Vec::with_capacity(events.len());
    for (place, event) in events.iter().enumerate() {
        let description = event::describe(source, delivery, body, event, place);
        outcomes.push(match normalizer.rows(&opened, event, place, &description) {
            Ok(lines) => (false, lines),
            Err(rejection) => (true, rejected_rows(normalizer, source, delivery, (bytes, array.map(|_| *event)), &description, &rejection)),
        });
    }
    let lead = outcomes.iter().position(|(is_rejected, _)| *is_rejected).unwrap_or(0);
    for (place, (_, lines)) in outcomes.iter().enumerate() {
        write_lead_first(lines, out, place == lead);
    }
}

fn rejected_rows(
    normalizer: &Normalizer,
    source: &freshet_schema::Source,
    delivery: &Delivery,
    (bytes, element): (&[u8], Option<&Json<'_>>),
    description: &Description,
    rejection: &Rejection,
) -> Vec<Line> {
    match element {
        None => normalizer.rejected(&source.name, delivery, bytes, description, rejection),
        Some(element) => {
            let mut text = String::new();
            element.write(&mut text);
            normalizer.rejected(&source.name, delivery, text.as_bytes(), description, rejection)
        }
    }
}

fn write_lead_first(lines: &[Line], out: &mut String, is_lead: bool) {
    for (place, line) in lines.iter().enumerate() {
        line.write(out, u8::from(is_lead && place == 0));
    }
}

/// A record that is no envelope of ours: its bytes are kept, and a row says so.
fn reject_bytes(normalizer: &Normalizer, bytes: &[u8], arrived_at: Millis, message: String, out: &mut String) {
    let delivery = Delivery {
        source: "lake".to_owned(),
        account: None,
        topic: None,
        received_at: arrived_at,
        headers: Headers::default(),
        body: Body::Bytes(Vec::new()),
    };
    let description = event::describe_bytes(&delivery.source, None, &delivery, bytes);
    let rejection = Rejection { reason: "unreadable_record", pointer: None, message, table: None };
    write_lead_first(&normalizer.rejected(&delivery.source, &delivery, bytes, &description, &rejection), out, false);
}

/// Deliveries at the door, by source and day.
#[derive(Debug, Default)]
struct DoorCounts {
    deliveries: BTreeMap<(String, String), DoorCount>,
    refusals: Vec<Refusals>,
}

#[derive(Debug, Default)]
struct DoorCount {
    received: i64,
    newest: i64,
}

impl DoorCount {
    fn count(&mut self, delivery: &Delivery) {
        self.received += 1;
        self.newest = self.newest.max(delivery.received_at.0);
    }
}

impl DoorCounts {
    fn add(&mut self, other: Self) {
        for (owner, count) in other.deliveries {
            let sum = self.deliveries.entry(owner).or_default();
            sum.received += count.received;
            sum.newest = sum.newest.max(count.newest);
        }
        self.refusals.extend(other.refusals);
    }

    fn write(self, normalizer: &Normalizer, run: &str, out: &mut String) {
        for ((source, _), count) in self.deliveries {
            count_line(normalizer, run, &source, Millis(count.newest), (count.received, count.received, 0)).write(out, 0);
        }
        for refusals in self.refusals {
            let refused = i64::try_from(refusals.count).unwrap_or(i64::MAX);
            count_line(normalizer, &refusals.run, &refusals.source, Millis(refusals.counted_at), (refused, 0, refused)).write(out, 0);
        }
    }
}

fn count_line(normalizer: &Normalizer, run: &str, source: &str, counted_at: Millis, (received, stored, refused): (i64, i64, i64)) -> Line {
    let mut line = Line::new(normalizer.table(COUNTS), counted_at, 0);
    line.push_text("run", run);
    line.push_text("step", "receive");
    line.push_text("source", source);
    line.push_text("table_name", "");
    for (name, value) in [("received", received), ("stored", stored), ("duplicates", 0), ("rejected", 0), ("refused", refused)] {
        line.push(name, &Cell::Integer(value));
    }
    line.push("counted_at", &Cell::Time(counted_at));
    line
}

#[cfg(test)]
mod tests;
