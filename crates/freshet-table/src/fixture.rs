//! A lake in memory, lines for it, and what its tables hold afterwards. For tests.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use flate2::Compression;
use flate2::write::GzEncoder;
use freshet_ingest::canonical::hash;
use freshet_ingest::normalize::COUNTS;
use freshet_ingest::time::{DAY, Millis};
use freshet_schema::{Contract, Table};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;

use crate::commit::{self, DataFile, day_text};
use crate::compact::{Report, compact};
use crate::lake::Lake;
use crate::options::Options;
use crate::reader::FileReader;

/// The table that most tests write.
pub(crate) const EVENTS: &str = "unmapped_events";
/// The day that tests begin at: 2026-11-20.
pub(crate) const FIRST_DAY: i32 = 20_777;

/// The lake's own tables, which are enough for most tests.
pub(crate) fn contract() -> &'static Contract {
    static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
        let files: Vec<_> = Contract::embedded_files().filter(|(path, _)| path.starts_with("lake/")).collect();
        Contract::parse(&files).unwrap()
    });
    &CONTRACT
}

pub(crate) fn table(name: &str) -> &'static Table {
    contract().table(name).unwrap()
}

pub(crate) fn lake() -> Lake {
    Lake::over(Arc::new(InMemory::new()), "lake")
}

/// A row on its way: what tests vary of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    pub(crate) id: u32,
    pub(crate) payload: u32,
    pub(crate) day: i32,
    pub(crate) search_days: i32,
}

pub(crate) fn event(id: u32, payload: u32, day: i32) -> Event {
    Event { id, payload, day: FIRST_DAY + day, search_days: 0 }
}

impl Event {
    pub(crate) fn event_id(&self) -> String {
        hash(&self.id.to_be_bytes())
    }

    pub(crate) fn payload_hash(&self) -> String {
        hash(&self.payload.to_le_bytes())
    }

    pub(crate) fn line(&self, table: &str) -> String {
        let at = Millis(i64::from(self.day) * DAY + i64::from(self.id % 1_000)).text();
        format!(
            "{{\"table\":\"{table}\",\"line_version\":1,\"schema_version\":1,\"dt\":\"{}\",\"search_days\":{},\"deliveries\":1,\"event_id\":\"{}\",\"row_index\":0,\"source\":\"game\",\"account\":\"a{}\",\"topic\":\"t\",\"occurred_at\":\"{at}\",\"received_at\":\"{at}\",\"time_suspect\":false,\"payload_hash\":\"{}\",\"payload\":\"{{\\\"n\\\":{}}}\"}}",
            day_text(self.day),
            self.search_days,
            self.event_id(),
            self.id % 3,
            self.payload_hash(),
            self.payload,
        )
    }
}

pub(crate) fn gzip(lines: &[String]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for line in lines {
        encoder.write_all(line.as_bytes()).unwrap();
        encoder.write_all(b"\n").unwrap();
    }
    encoder.finish().unwrap()
}

pub(crate) async fn put(lake: &Lake, key: &str, bytes: Vec<u8>) {
    lake.store().put(&Path::from(key), bytes.into()).await.unwrap();
}

/// Puts events of [`EVENTS`] as one landing object.
pub(crate) async fn land(lake: &Lake, name: &str, events: &[Event]) {
    let lines: Vec<String> = events.iter().map(|event| event.line(EVENTS)).collect();
    put(lake, &format!("landing/{name}.gz"), gzip(&lines)).await;
}

/// Options of a run on the day after so many.
pub(crate) fn options(run: &str, day: i32) -> Options {
    Options::new(run, Millis(i64::from(FIRST_DAY + day) * DAY + DAY / 2))
}

pub(crate) async fn run(lake: &Lake, run: &str) -> Report {
    compact(lake, contract(), &options(run, 0), |_| {}).await.unwrap()
}

pub(crate) async fn keys(lake: &Lake, prefix: &str) -> Vec<String> {
    let listed: Vec<_> = lake.store().list(Some(&Path::from(prefix))).try_collect().await.unwrap();
    let mut keys: Vec<String> = listed.into_iter().map(|object| object.location.to_string()).collect();
    keys.sort();
    keys
}

pub(crate) async fn files(lake: &Lake, name: &str) -> Vec<DataFile> {
    match lake.load(table(name)).await.unwrap() {
        Some(delta) => commit::files(&delta, table(name)).await.unwrap(),
        None => Vec::new(),
    }
}

pub(crate) async fn read(lake: &Lake, name: &str, file: &DataFile) -> Vec<RecordBatch> {
    let reader = FileReader::new(&lake.table_store(table(name)), file);
    let stream = ParquetRecordBatchStreamBuilder::new(reader).await.unwrap().build().unwrap();
    stream.try_collect().await.unwrap()
}

/// The rows of a table, each as the texts of some columns behind its day.
pub(crate) async fn rows(lake: &Lake, name: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for file in files(lake, name).await {
        for batch in read(lake, name, &file).await {
            for row in 0..batch.num_rows() {
                let mut texts = vec![day_text(file.day)];
                texts.extend(columns.iter().map(|column| text(&batch, column, row)));
                rows.push(texts);
            }
        }
    }
    rows.sort();
    rows
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> String {
    let column = batch.column_by_name(name).unwrap();
    if column.is_null(row) {
        return String::new();
    }
    if let Some(column) = column.as_string_opt::<i32>() {
        return column.value(row).to_owned();
    }
    if let Some(column) = column.as_primitive_opt::<Int32Type>() {
        return column.value(row).to_string();
    }
    column.as_primitive::<Int64Type>().value(row).to_string()
}

/// The events that [`EVENTS`] holds, as (day, event, payload).
pub(crate) async fn stored(lake: &Lake) -> Vec<Vec<String>> {
    rows(lake, EVENTS, &["event_id", "payload_hash"]).await
}

/// The same of events that are expected.
pub(crate) fn expected(events: &[Event]) -> Vec<Vec<String>> {
    let mut rows: Vec<_> = events.iter().map(|event| vec![day_text(event.day), event.event_id(), event.payload_hash()]).collect();
    rows.sort();
    rows
}

/// Received, stored, duplicates, rejected by step and table, over all runs; each row has to add up.
pub(crate) async fn counts(lake: &Lake) -> BTreeMap<(String, String), [u64; 4]> {
    let mut sums: BTreeMap<(String, String), [u64; 4]> = BTreeMap::new();
    let mut keys = std::collections::BTreeSet::new();
    for row in rows(lake, COUNTS, &["run", "step", "source", "table_name", "received", "stored", "duplicates", "rejected", "refused"]).await
    {
        assert!(keys.insert(row[..5].to_vec()), "counted twice: {row:?}");
        let numbers: Vec<u64> = row[5..].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(numbers[0], numbers[1..].iter().sum::<u64>(), "{row:?}");
        let sum = sums.entry((row[2].clone(), row[4].clone())).or_default();
        for (sum, number) in sum.iter_mut().zip(numbers) {
            *sum += number;
        }
    }
    sums
}
