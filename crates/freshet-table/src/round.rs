//! One round: the rows of some landing objects, into their tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{Date32Type, Int32Type, SchemaRef};
use deltalake::DeltaTable;
use deltalake::kernel::Action;
use freshet_ingest::line::LINE_VERSION;
use freshet_ingest::normalize::REJECTED;
use freshet_schema::{Contract, Table, envelope};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::{Map, Value, json};

use crate::commit::{self, DataFile, Outcome, commit, day_text};
use crate::compact::Options;
use crate::counts::{Count, Counts, Fate};
use crate::decode::{DELIVERIES, SEARCH_DAYS};
use crate::error::Error;
use crate::identity::{self, Candidate, Found, Incoming};
use crate::lake::Lake;
use crate::parquet_file;
use crate::stats::Statistics;
use crate::tables::ensure;

/// How often a commit is tried while others are quicker.
const ATTEMPTS: u32 = 20;

/// What storing a table's rows came to.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) counts: Vec<Count>,
    /// Whether the counts ride in a commit.
    pub(crate) is_committed: bool,
    /// Lines for `rejected_events`: identities that came again with another payload.
    pub(crate) conflicts: Vec<String>,
    pub(crate) rows: u64,
    pub(crate) duplicates: u64,
    pub(crate) files: u64,
}

/// Stores rows of one table: each identity once, sorted, a file a day, in one commit. `extra` goes into the commit's note.
pub(crate) async fn store(
    lake: &Lake,
    contract: &Contract,
    table: &Table,
    (schema, batches): (SchemaRef, Vec<RecordBatch>),
    options: &Options,
    extra: &Map<String, Value>,
) -> Result<Stored, Error> {
    let rows = concat_batches(&schema, &batches).map_err(Error::arrow("put rows together", &table.name))?;
    drop(batches);
    let incoming_rows = Rows::new(table, &rows);
    for _ in 0..ATTEMPTS {
        let (delta, _) = ensure(lake, table).await?;
        let fates = incoming_rows.judge(lake, table, &delta).await?;
        let counts = incoming_rows.counts(table, &fates).list(table, &options.run);
        let kept: BooleanArray = fates.iter().map(|fate| Some(*fate == Fate::Stored)).collect();
        let kept = filter_record_batch(&rows, &kept).map_err(Error::arrow("choose the new rows", &table.name))?;
        let mut stored = Stored {
            rows: kept.num_rows() as u64,
            duplicates: fates.iter().filter(|fate| **fate == Fate::Duplicate).count() as u64,
            conflicts: conflicts(contract, table, &rows, &fates, options),
            counts,
            ..Stored::default()
        };
        if kept.num_rows() == 0 {
            return Ok(stored);
        }
        let actions = write_files(lake, table, &kept, options).await?;
        stored.files = actions.len() as u64;
        let mut note = extra.clone();
        note.insert("counts".to_owned(), json!(stored.counts));
        match commit(lake, table, &delta, actions, "compact", Value::Object(note)).await? {
            Outcome::Won => {
                stored.is_committed = true;
                tracing::info!(table = table.name, rows = stored.rows, duplicates = stored.duplicates, files = stored.files, "compacted a table");
                return Ok(stored);
            }
            // The files that were written stay until vacuum: their names are hashes of their content, and may be live.
            Outcome::Lost => {}
        }
    }
    Err(Error::Contention { table: table.name.clone(), attempts: ATTEMPTS })
}

struct Rows<'a> {
    fingerprints: Vec<identity::Fingerprint>,
    payloads: Vec<u64>,
    days: &'a [i32],
    search_days: Vec<i32>,
    deliveries: Vec<u64>,
    sources: Option<&'a arrow::array::StringArray>,
}

impl<'a> Rows<'a> {
    fn new(table: &Table, rows: &'a RecordBatch) -> Self {
        let numbers = |name: &str| rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int32Type>());
        let or_zero = |name: &str| match numbers(name) {
            Some(column) => column.iter().map(|value| value.unwrap_or(0)).collect(),
            None => vec![0; rows.num_rows()],
        };
        let days = rows.column_by_name(envelope::PARTITION).and_then(|column| column.as_primitive_opt::<Date32Type>());
        Self {
            fingerprints: identity::fingerprints(rows, &table.key),
            payloads: identity::payloads(rows),
            days: days.map_or(&[], |days| days.values().as_ref()),
            search_days: or_zero(SEARCH_DAYS),
            deliveries: or_zero(DELIVERIES).into_iter().map(|value| u64::try_from(value).unwrap_or(0)).collect(),
            sources: rows.column_by_name("source").and_then(|column| column.as_string_opt()),
        }
    }

    /// What becomes of each row, given what the table holds now.
    async fn judge(&self, lake: &Lake, table: &Table, delta: &DeltaTable) -> Result<Vec<Fate>, Error> {
        let mut fates = vec![Fate::Stored; self.days.len()];
        let mut incoming = Incoming::default();
        for row in 0..self.days.len() {
            let candidate =
                Candidate { row, day: self.days[row], search_days: self.search_days[row], payload: self.payloads[row], found: Found::Nothing };
            match incoming.get(&self.fingerprints[row]) {
                Some(first) if (first.day - candidate.day).abs() <= first.search_days.max(candidate.search_days) => {
                    fates[row] = if first.payload == candidate.payload { Fate::Duplicate } else { Fate::Conflict };
                }
                Some(_) | None => {
                    incoming.insert(self.fingerprints[row], candidate);
                }
            }
        }
        let days: BTreeSet<i32> =
            incoming.values().flat_map(|candidate| candidate.day - candidate.search_days..=candidate.day + candidate.search_days).collect();
        let store = lake.table_store(table);
        for file in commit::files(delta, table).await?.iter().filter(|file: &&DataFile| days.contains(&file.day)) {
            identity::mark(&store, &table.name, &table.key, file, &mut incoming).await?;
        }
        for candidate in incoming.values() {
            match candidate.found {
                Found::Nothing => {}
                Found::Same => fates[candidate.row] = Fate::Duplicate,
                Found::Other => fates[candidate.row] = Fate::Conflict,
            }
        }
        Ok(fates)
    }

    fn counts(&self, table: &Table, fates: &[Fate]) -> Counts {
        let mut counts = Counts::default();
        if table.name == freshet_ingest::normalize::COUNTS {
            return counts;
        }
        for (row, fate) in fates.iter().enumerate() {
            let source = self.sources.filter(|sources| sources.is_valid(row)).map_or("", |sources| sources.value(row));
            counts.count(table, source, self.days[row], self.deliveries[row], *fate);
        }
        counts
    }
}

/// Writes the rows as one sorted file a day and returns the actions that add them.
async fn write_files(lake: &Lake, table: &Table, rows: &RecordBatch, options: &Options) -> Result<Vec<Action>, Error> {
    let failed = Error::arrow("sort rows", &table.name);
    let order = [envelope::PARTITION].into_iter().chain(table.sort.iter().map(String::as_str)).chain(table.key.iter().map(String::as_str));
    let columns: Vec<SortColumn> =
        order.filter_map(|name| rows.column_by_name(name)).map(|values| SortColumn { values: Arc::clone(values), options: None }).collect();
    let indices: UInt32Array = lexsort_to_indices(&columns, None).map_err(&failed)?;
    let sorted = take_record_batch(rows, &indices).map_err(&failed)?;
    let days = sorted.column_by_name(envelope::PARTITION).map(|column| column.as_primitive::<Date32Type>().clone());
    let days = days.map(|days| days.values().to_vec()).unwrap_or_default();
    let mut actions = Vec::new();
    let mut from = 0;
    while from < days.len() {
        let until = days.partition_point(|day| *day <= days[from]);
        let day_rows = parquet_file::file_rows(table, &sorted.slice(from, until - from))?;
        let bytes = parquet_file::write(table, &day_rows)?;
        let path = Path::from(format!("dt={}/part-{}.parquet", day_text(days[from]), freshet_ingest::canonical::hash(&bytes)));
        let size = bytes.len();
        // The name is the content's hash: the same bytes again are the same file.
        lake.table_store(table).put(&path, bytes.into()).await.map_err(Error::object(format!("put a file of table {}", table.name)))?;
        let stats = Statistics::of(&day_rows).json();
        actions.push(Action::Add(commit::add(&path, days[from], size, stats, options.now.0, true)));
        from = until;
    }
    Ok(actions)
}

/// Lines that say that an identity came again with another payload. The event and that payload identify them.
fn conflicts(contract: &Contract, table: &Table, rows: &RecordBatch, fates: &[Fate], options: &Options) -> Vec<String> {
    let version = contract.table(REJECTED).map_or(1, |table| table.version);
    let text = |name: &str, row: usize| {
        let column = rows.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let conflicting = fates.iter().enumerate().filter(|(_, fate)| **fate == Fate::Conflict).map(|(row, _)| row);
    let line = |row: usize| {
        let mut columns = BTreeMap::new();
        for name in ["event_id", "source", "account", "topic", "delivery_id", "provider_event_id", "api_version", "payload_hash"] {
            columns.extend(text(name, row).map(|value| (name, json!(value))));
        }
        let index = rows.column_by_name("row_index").map_or(0, |column| column.as_primitive::<Int32Type>().value(row));
        let time = |name: &str| {
            let micros = rows.column_by_name(name).map(|column| column.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(row));
            freshet_ingest::time::Millis(micros.map_or(options.now.0, |micros| micros.div_euclid(1000))).text()
        };
        columns.insert("row_index", json!(index));
        columns.insert("occurred_at", json!(time("occurred_at")));
        columns.insert("received_at", json!(time("received_at")));
        columns.insert("time_suspect", json!(false));
        columns.insert("reason", json!("identity_conflict"));
        columns.insert("message", json!(format!("store a row of {}: the same event is there with another payload", table.name)));
        columns.insert("table_name", json!(table.name));
        let days = rows.column_by_name(envelope::PARTITION).map_or(0, |column| column.as_primitive::<Date32Type>().value(row));
        let text = json!(columns).to_string();
        let front = format!("\"line_version\":{LINE_VERSION},\"schema_version\":{version},\"dt\":\"{}\",\"search_days\":0,\"deliveries\":0", day_text(days));
        format!("{{\"table\":\"{REJECTED}\",{front},{}", &text[1..])
    };
    conflicting.map(line).collect()
}
