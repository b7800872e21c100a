//! An identity that came again with another payload: a row of `rejected_events`. The event and that payload identify it.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use freshet_ingest::line::LINE_VERSION;
use freshet_ingest::normalize::REJECTED;
use freshet_ingest::time::Millis;
use freshet_schema::Contract;
use serde_json::json;

use crate::commit::day_text;
use crate::counts::Fate;
use crate::rows::Rows;

/// Columns that the rejected row takes over.
const KEPT: [&str; 8] = ["event_id", "source", "account", "topic", "delivery_id", "provider_event_id", "api_version", "payload_hash"];

/// The lines that say which rows were conflicts.
pub(crate) fn lines(contract: &Contract, rows: &Rows, fates: &[Fate], now: Millis) -> Vec<String> {
    let version = contract.table(REJECTED).map_or(1, |table| table.version);
    let conflicting = fates.iter().enumerate().filter(|(_, fate)| **fate == Fate::Conflict).map(|(row, _)| row);
    conflicting.map(|row| line(rows, row, version, now)).collect()
}

fn line(rows: &Rows, row: usize, version: u32, now: Millis) -> String {
    let (batch, at) = rows.place(row);
    let batch = &rows.batches[batch];
    let mut columns = BTreeMap::new();
    for name in KEPT {
        let text = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).filter(|column| column.is_valid(at));
        columns.extend(text.map(|column| (name, json!(column.value(at)))));
    }
    columns.insert("row_index", json!(row_index(batch, at)));
    columns.insert("occurred_at", json!(time(batch, "occurred_at", at, now)));
    columns.insert("received_at", json!(time(batch, "received_at", at, now)));
    columns.insert("time_suspect", json!(false));
    columns.insert("reason", json!("identity_conflict"));
    columns.insert("message", json!(format!("store a row of {}: the same event is there with another payload", rows.table.name)));
    columns.insert("table_name", json!(rows.table.name));
    let text = json!(columns).to_string();
    // Looked for over as many days as the row itself, so that it is said once.
    let (day, search_days) = (day_text(rows.day(row)), rows.search_days(row));
    let front = format!(
        "\"line_version\":{LINE_VERSION},\"schema_version\":{version},\"dt\":\"{day}\",\"search_days\":{search_days},\"deliveries\":0"
    );
    format!("{{\"table\":\"{REJECTED}\",{front},{}", &text[1..])
}

fn row_index(batch: &RecordBatch, at: usize) -> i32 {
    batch.column_by_name("row_index").map_or(0, |column| column.as_primitive::<Int32Type>().value(at))
}

fn time(batch: &RecordBatch, name: &str, at: usize, now: Millis) -> String {
    let column = batch.column_by_name(name).map(AsArray::as_primitive::<TimestampMicrosecondType>).filter(|column| column.is_valid(at));
    column.map_or(now, |column| Millis(column.value(at).div_euclid(1_000))).text()
}
