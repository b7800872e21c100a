//! Replacing: the rows of events give way to those that today's code makes of them, whatever day each lies in.
//!
//! In each table, in one commit: the files that hold rows of an event that changed are written again without them, and
//! today's rows go into a new file a day. So an event may have fewer rows than before, or rows on another day, and none
//! is there twice. Where an event leaves a table for another, the other is committed first. What has not changed is not
//! touched: a second run does nothing.
//!
//! A row keeps the time at which its event was first received. An event that is there with another payload stays as it
//! is, as it does in compaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Date32Type, Int32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use freshet_ingest::normalize::{REJECTED, REJECTED_PAYLOADS};
use freshet_ingest::time::DAY;
use freshet_schema::{Contract, Table, envelope};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::json;

use crate::blocking::blocking;
use crate::commit::{DataFile, Operation, Outcome, commit, files};
use crate::counts::{Count, Fate, Tally};
use crate::decode::{Kind, TableDecoder, kind};
use crate::error::Error;
use crate::lake::Lake;
use crate::options::Options;
use crate::rejects::{ATTEMPTS, text};
use crate::rewrite::{self, EVENT_ID, Gone, holds_any, of_events};
use crate::round;
use crate::rows::Rows;
use crate::tables::ensure;

/// The step of the counts that say what was replaced.
const STEP: &str = "replace";
/// So many files are looked through at once.
const AT_ONCE: usize = 4;

/// What replacing came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// Rows that were written, new or in place of others.
    pub written: u64,
    /// Rows that gave way.
    pub removed: u64,
    /// Rows that are as they were.
    pub unchanged: u64,
    /// Rows of an event that is there with another payload.
    pub conflicts: u64,
}

/// The payloads that came for each event, the first first.
type Versions = HashMap<String, Vec<String>>;

/// Puts today's rows of events, as landing lines, in the place of those that the tables hold. Lines of `rejected_events`
/// and of counts are left out: an event that cannot become rows today keeps those that it has. `options.run` is new for
/// each call.
pub async fn replace(lake: &Lake, contract: &'static Contract, lines: &str, options: &Options) -> Result<Replaced, Error> {
    let mut decoders: BTreeMap<&str, TableDecoder> = BTreeMap::new();
    for line in lines.lines() {
        if let Kind::Row(table) = kind(contract, line.as_bytes())
            && is_of_events(table)
            && let Err(message) = decoders.entry(table.name.as_str()).or_insert_with(|| TableDecoder::new(table)).push(line.as_bytes())
        {
            tracing::error!(table = table.name, message, "a row of today's code does not fit its table");
        }
    }
    let today: BTreeMap<&str, Vec<RecordBatch>> = decoders.into_iter().map(|(name, mut decoder)| (name, decoder.take())).collect();
    let mut all = Versions::new();
    for batch in today.values().flatten() {
        versions(batch, &mut all);
    }
    let mut replaced = Replaced::default();
    for table in contract.tables() {
        if let Some(batches) = today.get(table.name.as_str()) {
            let mut here = Versions::new();
            for batch in batches {
                versions(batch, &mut here);
            }
            swap(lake, table, batches, &here, options, &mut replaced).await?;
        }
    }
    // Only now do events leave the tables that they no longer feed.
    for table in contract.tables().filter(|table| is_of_events(table)) {
        let mut here = Versions::new();
        for batch in today.get(table.name.as_str()).into_iter().flatten() {
            versions(batch, &mut here);
        }
        let elsewhere: Versions =
            all.iter().filter(|(event, _)| !here.contains_key(*event)).map(|(event, payloads)| (event.clone(), payloads.clone())).collect();
        if !elsewhere.is_empty() {
            swap(lake, table, &[], &elsewhere, options, &mut replaced).await?;
        }
    }
    Ok(replaced)
}

/// Whether a table's rows are what events become.
fn is_of_events(table: &Table) -> bool {
    !table.computed && table.name != REJECTED && table.name != REJECTED_PAYLOADS
}

fn versions(batch: &RecordBatch, versions: &mut Versions) {
    for row in 0..batch.num_rows() {
        let (Some(event), Some(payload)) = (text(batch, EVENT_ID, row), text(batch, "payload_hash", row)) else { continue };
        let payloads = versions.entry(event).or_default();
        if !payloads.contains(&payload) {
            payloads.push(payload);
        }
    }
}

/// A row as far as replacing needs it: two that are equal are the same row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    index: i32,
    day: i32,
    payload: String,
    /// All its values.
    values: Vec<u8>,
}

/// What a table holds of events.
#[derive(Debug, Default)]
struct Held {
    rows: HashMap<String, Vec<Row>>,
    /// When each event and payload was first received, in microseconds.
    received: HashMap<(String, String), i64>,
    files: Vec<DataFile>,
}

async fn swap(
    lake: &Lake,
    table: &'static Table,
    batches: &[RecordBatch],
    versions: &Versions,
    options: &Options,
    replaced: &mut Replaced,
) -> Result<(), Error> {
    let events: Arc<HashSet<String>> = Arc::new(versions.keys().cloned().collect());
    for _ in 0..ATTEMPTS {
        let delta = if batches.is_empty() { lake.load(table).await? } else { Some(ensure(lake, table).await?.0) };
        let Some(delta) = delta else { return Ok(()) };
        let held = held(lake, table, files(&delta, table).await?, &events).await?;
        if batches.is_empty() && held.files.is_empty() {
            return Ok(());
        }
        let failed = Error::arrow("compare rows", &table.name);
        let first = batches.iter().map(|batch| with_first_receipt(batch, &held.received)).collect::<Result<Vec<_>, _>>();
        let first = first.map_err(&failed)?;
        let rows = blocking(move || Rows::new(table, first)).await.map_err(&failed)?;
        let judged = judge(&rows, &held, versions).map_err(&failed)?;
        if judged.gone.is_empty() && judged.done.written == 0 {
            replaced.add(judged.done);
            return Ok(());
        }
        let mut done = judged.done;
        let counts = counts(&rows, &judged.fates, &options.run);
        let rows = Arc::new(rows);
        let mut actions = if done.written > 0 { round::write_files(lake, &rows, &judged.fates, options).await? } else { Vec::new() };
        let gone = judged.gone;
        let gone: Arc<Gone> = Arc::new(move |batch: &RecordBatch| {
            let is_gone = |row| Some(gone.get(&text(batch, EVENT_ID, row)?)? == &text(batch, "payload_hash", row)?);
            (0..batch.num_rows()).map(|row| is_gone(row).unwrap_or(false)).collect()
        });
        for file in &held.files {
            let (of_file, removed) = rewrite::without(lake, table, file, &gone, options).await?;
            actions.extend(of_file);
            done.removed += removed;
        }
        let note = json!({ "counts": counts, "removed": done.removed });
        match commit(lake, table, &delta, actions, Operation::Replace, note).await? {
            Outcome::Won => {
                tracing::info!(table = table.name, written = done.written, removed = done.removed, "replaced rows");
                replaced.add(done);
                return Ok(());
            }
            Outcome::Lost => {}
        }
    }
    Err(Error::Contention { table: table.name.clone(), attempts: ATTEMPTS })
}

impl Replaced {
    /// Takes in what another call came to.
    pub fn add(&mut self, other: Self) {
        self.written += other.written;
        self.removed += other.removed;
        self.unchanged += other.unchanged;
        self.conflicts += other.conflicts;
    }
}

/// Looks through the files for rows of the events: the day that a row lies in may be any.
async fn held(lake: &Lake, table: &'static Table, files: Vec<DataFile>, events: &Arc<HashSet<String>>) -> Result<Held, Error> {
    let looks = files.into_iter().map(|file| {
        let events = Arc::clone(events);
        async move {
            if !holds_any(lake, table, &file, &events).await? {
                return Ok::<_, Error>(None);
            }
            let rows = rewrite::read_rows(lake, table, &file, |batch| of_events(batch, &events)).await?;
            Ok(Some((file, rows)))
        }
    });
    let found: Vec<Option<(DataFile, Vec<RecordBatch>)>> =
        futures::stream::iter(looks.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
    let mut held = Held::default();
    for (file, batches) in found.into_iter().flatten() {
        for batch in &batches {
            let days = vec![file.day; batch.num_rows()];
            let rows = describe(table, batch, &days).map_err(Error::arrow("compare rows", &table.name))?;
            let received = batch.column_by_name("received_at").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
            for (at, (event, row)) in rows.into_iter().enumerate() {
                if let Some(time) = received.filter(|times| times.is_valid(at)).map(|times| times.value(at)) {
                    let first = held.received.entry((event.clone(), row.payload.clone())).or_insert(time);
                    *first = time.min(*first);
                }
                held.rows.entry(event).or_default().push(row);
            }
        }
        held.files.push(file);
    }
    Ok(held)
}

/// The rows of a batch, each with its event.
fn describe(table: &Table, batch: &RecordBatch, days: &[i32]) -> Result<Vec<(String, Row)>, ArrowError> {
    let schema = freshet_schema::arrow::file_schema(table);
    let converter = RowConverter::new(schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect())?;
    let column =
        |name: &String| batch.column_by_name(name).cloned().ok_or_else(|| ArrowError::SchemaError(format!("there is no `{name}`")));
    let columns = schema.fields().iter().map(|field| column(field.name())).collect::<Result<Vec<ArrayRef>, _>>()?;
    let values = converter.convert_columns(&columns)?;
    let index = batch.column_by_name("row_index").map(AsArray::as_primitive::<Int32Type>);
    let row = |at: usize| {
        let row = Row {
            index: index.map_or(0, |index| index.value(at)),
            day: days[at],
            payload: text(batch, "payload_hash", at).unwrap_or_default(),
            values: values.row(at).as_ref().to_vec(),
        };
        (text(batch, EVENT_ID, at).unwrap_or_default(), row)
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// Today's rows with the time at which the table says that their events were first received, where that is earlier. A
/// row whose own time that was moves with it.
fn with_first_receipt(batch: &RecordBatch, first: &HashMap<(String, String), i64>) -> Result<RecordBatch, ArrowError> {
    let times = |name: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        column.ok_or_else(|| ArrowError::SchemaError(format!("there is no `{name}`")))
    };
    let (received, occurred) = (times("received_at")?, times("occurred_at")?);
    let days = batch.column_by_name(envelope::PARTITION).and_then(|column| column.as_primitive_opt::<Date32Type>());
    let days = days.ok_or_else(|| ArrowError::SchemaError("there is no day".to_owned()))?;
    let (mut new_received, mut new_occurred, mut new_days) =
        (received.values().to_vec(), occurred.values().to_vec(), days.values().to_vec());
    let mut is_changed = false;
    for row in 0..batch.num_rows() {
        let key = text(batch, EVENT_ID, row).zip(text(batch, "payload_hash", row)).unwrap_or_default();
        let Some(earlier) = first.get(&key).filter(|time| **time < new_received[row]) else { continue };
        if new_occurred[row] == new_received[row] {
            new_occurred[row] = *earlier;
            new_days[row] = i32::try_from(earlier.div_euclid(DAY * 1_000)).unwrap_or(new_days[row]);
        }
        new_received[row] = *earlier;
        is_changed = true;
    }
    if !is_changed {
        return Ok(batch.clone());
    }
    let times = |values: Vec<i64>, old: &TimestampMicrosecondArray| TimestampMicrosecondArray::new(values.into(), old.nulls().cloned());
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| -> ArrayRef {
        match field.name().as_str() {
            "received_at" => Arc::new(times(new_received.clone(), received)),
            "occurred_at" => Arc::new(times(new_occurred.clone(), occurred)),
            envelope::PARTITION => Arc::new(Date32Array::from(new_days.clone())),
            _ => Arc::clone(column),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns)
}

/// What becomes of today's rows, and which rows of the table go.
struct Judged {
    fates: Vec<Fate>,
    /// Events whose rows of this payload go.
    gone: HashMap<String, String>,
    done: Replaced,
}

fn judge(rows: &Rows, held: &Held, versions: &Versions) -> Result<Judged, ArrowError> {
    let mut today: HashMap<String, Vec<(usize, Row)>> = HashMap::new();
    let mut at = 0;
    for batch in &rows.batches {
        let days: Vec<i32> = (at..at + batch.num_rows()).map(|row| rows.day(row)).collect();
        for (event, row) in describe(rows.table, batch, &days)? {
            today.entry(event).or_default().push((at, row));
            at += 1;
        }
    }
    let mut judged = Judged { fates: vec![Fate::Duplicate; rows.len()], gone: HashMap::new(), done: Replaced::default() };
    for (event, payloads) in versions {
        let of_table = held.rows.get(event).map_or(&[] as &[Row], Vec::as_slice);
        let is_there = |payload: &&String| of_table.iter().any(|row| row.payload == **payload);
        // The version that the table holds stays; where it holds none, the first that came.
        let version = payloads.iter().find(is_there).or_else(|| if of_table.is_empty() { payloads.first() } else { None });
        let mut taken: HashSet<i32> = HashSet::new();
        taken.extend(of_table.iter().filter(|row| Some(&row.payload) != version).map(|row| row.index));
        let (mut chosen, mut new) = (Vec::new(), Vec::new());
        for (place, row) in today.get(event).into_iter().flatten() {
            if Some(&row.payload) != version {
                judged.fates[*place] = Fate::Conflict;
            } else if taken.insert(row.index) {
                chosen.push(*place);
                new.push(row);
            }
        }
        let mut old: Vec<&Row> = of_table.iter().filter(|row| Some(&row.payload) == version).collect();
        old.sort();
        new.sort();
        if old != new {
            judged.done.written += chosen.len() as u64;
            for place in &chosen {
                judged.fates[*place] = Fate::Stored;
            }
            if let Some(version) = version.filter(|_| !old.is_empty()) {
                judged.gone.insert(event.clone(), version.clone());
            }
        }
    }
    let number = |wanted: Fate| judged.fates.iter().filter(|fate| **fate == wanted).count() as u64;
    (judged.done.unchanged, judged.done.conflicts) = (number(Fate::Duplicate), number(Fate::Conflict));
    Ok(judged)
}

/// What is counted of today's rows, by source and day.
fn counts(rows: &Rows, fates: &[Fate], run: &str) -> Vec<Count> {
    let mut tallies: BTreeMap<(String, i32), Tally> = BTreeMap::new();
    for (row, fate) in fates.iter().enumerate() {
        let (batch, at) = rows.place(row);
        let tally = tallies.entry((text(&rows.batches[batch], "source", at).unwrap_or_default(), rows.day(row))).or_default();
        match fate {
            Fate::Stored => tally.stored += 1,
            Fate::Duplicate => tally.duplicates += 1,
            Fate::Conflict => tally.rejected += 1,
        }
    }
    let table = &rows.table.name;
    let count = |((source, day), tally)| Count { run: run.to_owned(), step: STEP.to_owned(), source, table: table.clone(), day, tally };
    tallies.into_iter().map(count).collect()
}

#[cfg(test)]
mod tests;
