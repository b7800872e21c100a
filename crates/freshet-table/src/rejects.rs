//! Rejects, read with their bodies, and taken out once they have become rows.
//!
//! `rejected_events` holds what could not become rows. What today's code makes rows of can: when those are in their
//! tables, each with its payload, the reject's row and its body go, and a count of the step `replay` says so. Nothing
//! is taken out before, so that a replay which ends anywhere is repaired by running it again.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freshet_ingest::headers::Headers;
use freshet_ingest::normalize::{REJECTED, REJECTED_PAYLOADS};
use freshet_ingest::time::Millis;
use freshet_ingest::transform::Rejected;
use freshet_schema::{Contract, Table};
use futures::TryStreamExt;
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use serde_json::json;

use crate::blocking::blocking;
use crate::commit::{DataFile, Operation, Outcome, commit, files};
use crate::counts::{Count, Tally};
use crate::decode::{Kind, TableDecoder, kind};
use crate::error::Error;
use crate::lake::Lake;
use crate::options::Options;
use crate::reader::FileReader;
use crate::rewrite::{self, EVENT_ID, Gone, holds_any};
use crate::rows::Rows;

/// The step of the counts that say what a replay did.
pub(crate) const STEP: &str = "replay";
/// How often a commit is tried while others are quicker.
pub(crate) const ATTEMPTS: u32 = 20;
/// Rejects that are handed over at a time: a body may have megabytes.
const BATCH: usize = 32;

/// What identifies a reject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RejectKey {
    /// The event.
    pub event_id: String,
    /// The row of it, where one row contradicts another.
    pub row_index: i32,
    /// Its payload.
    pub payload_hash: String,
}

/// A reject with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// What identifies it.
    pub key: RejectKey,
    /// What was received.
    pub rejected: Rejected,
}

/// Rejects that are being read.
pub struct Rejects {
    table: Option<&'static Table>,
    lake: Lake,
    heads: HashMap<RejectKey, Rejected>,
    files: VecDeque<DataFile>,
    open: Option<ParquetRecordBatchStream<FileReader>>,
}

impl std::fmt::Debug for Rejects {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rejects").field("left", &self.heads.len()).finish_non_exhaustive()
    }
}

/// Begins to read the rejects that `is_wanted` says, given each without its body.
pub async fn rejects(lake: &Lake, contract: &'static Contract, is_wanted: impl Fn(&Rejected) -> bool + Send) -> Result<Rejects, Error> {
    let mut heads = HashMap::new();
    if let Some(table) = contract.table(REJECTED)
        && let Some(delta) = lake.load(table).await?
    {
        for file in files(&delta, table).await? {
            for batch in rewrite::read_rows(lake, table, &file, |batch| vec![true; batch.num_rows()]).await? {
                heads.extend((0..batch.num_rows()).map(|row| head(&batch, row)).filter(|(_, rejected)| is_wanted(rejected)));
            }
        }
    }
    let table = contract.table(REJECTED_PAYLOADS);
    let files = match table {
        Some(table) => match lake.load(table).await? {
            Some(delta) => files(&delta, table).await?,
            None => Vec::new(),
        },
        None => Vec::new(),
    };
    Ok(Rejects { table, lake: lake.clone(), heads, files: files.into(), open: None })
}

impl Rejects {
    /// How many there are that have not been handed over, bodies or not.
    pub fn left(&self) -> usize {
        self.heads.len()
    }

    /// The next ones that have a body; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Reject>>, Error> {
        let Some(table) = self.table else { return Ok(None) };
        let failed = Error::parquet("read the bodies of rejects", &table.name);
        while !self.heads.is_empty() {
            let Some(open) = &mut self.open else {
                let Some(file) = self.files.pop_front() else { return Ok(None) };
                let reader = FileReader::new(&self.lake.table_store(table), &file);
                let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&failed)?;
                let wanted = [EVENT_ID, "row_index", "payload_hash", "body_base64", "headers"];
                let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
                self.open = Some(builder.with_projection(mask).with_batch_size(BATCH).build().map_err(&failed)?);
                continue;
            };
            let Some(batch) = open.try_next().await.map_err(&failed)? else {
                self.open = None;
                continue;
            };
            let found: Vec<Reject> = (0..batch.num_rows()).filter_map(|row| self.take(&batch, row)).collect();
            if !found.is_empty() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn take(&mut self, batch: &RecordBatch, row: usize) -> Option<Reject> {
        let key = key(batch, row);
        let body = STANDARD.decode(text(batch, "body_base64", row)?).ok()?;
        let mut rejected = self.heads.remove(&key)?;
        rejected.body = body;
        rejected.headers = Headers::from_json(&text(batch, "headers", row).unwrap_or_default());
        Some(Reject { key, rejected })
    }

    /// What has no body, or none any more, by its reason.
    pub fn without_body(&self) -> BTreeMap<String, u64> {
        let mut reasons = BTreeMap::new();
        for rejected in self.heads.values() {
            *reasons.entry(rejected.reason.clone()).or_default() += 1;
        }
        reasons
    }
}

fn head(batch: &RecordBatch, row: usize) -> (RejectKey, Rejected) {
    let key = key(batch, row);
    let received = batch.column_by_name("received_at").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let received = received.filter(|times| times.is_valid(row)).map_or(0, |times| times.value(row));
    let rejected = Rejected {
        event_id: key.event_id.clone(),
        source: text(batch, "source", row).unwrap_or_default(),
        account: text(batch, "account", row),
        topic: text(batch, "topic", row),
        received_at: Millis(received.div_euclid(1_000)),
        reason: text(batch, "reason", row).unwrap_or_default(),
        headers: Headers::default(),
        body: Vec::new(),
    };
    (key, rejected)
}

fn key(batch: &RecordBatch, row: usize) -> RejectKey {
    let index = batch.column_by_name("row_index").and_then(|column| column.as_primitive_opt::<Int32Type>());
    RejectKey {
        event_id: text(batch, EVENT_ID, row).unwrap_or_default(),
        row_index: index.filter(|index| index.is_valid(row)).map_or(0, |index| index.value(row)),
        payload_hash: text(batch, "payload_hash", row).unwrap_or_default(),
    }
}

pub(crate) fn text(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// Takes out those rejects whose rows, the lines beside each, are all in their tables. Returns how many those are.
pub async fn resolve(lake: &Lake, contract: &'static Contract, became: &[(RejectKey, String)], options: &Options) -> Result<u64, Error> {
    let unstored = unstored(lake, contract, became).await?;
    let done: HashSet<RejectKey> =
        became.iter().zip(&unstored).filter(|(_, unstored)| !**unstored).map(|((key, _), _)| key.clone()).collect();
    if done.is_empty() {
        return Ok(0);
    }
    let done = Arc::new(done);
    let mut resolved = 0;
    // The body goes last: one without its reject is no reject, and expires.
    for name in [REJECTED, REJECTED_PAYLOADS] {
        if let Some(table) = contract.table(name) {
            let removed = take_out(lake, table, &done, options).await?;
            resolved = if name == REJECTED { removed } else { resolved };
        }
    }
    Ok(resolved)
}

/// Of each of the rejects, whether a row of it is not in its table with its payload, or there is none at all.
async fn unstored(lake: &Lake, contract: &'static Contract, became: &[(RejectKey, String)]) -> Result<Vec<bool>, Error> {
    let mut unstored = vec![false; became.len()];
    let mut tables: BTreeMap<&str, (&'static Table, TableDecoder, Vec<usize>)> = BTreeMap::new();
    for (place, (_, lines)) in became.iter().enumerate() {
        unstored[place] = lines.is_empty();
        for line in lines.lines() {
            let Kind::Row(table) = kind(contract, line.as_bytes()) else {
                unstored[place] = true;
                continue;
            };
            let (_, decoder, owners) = tables.entry(table.name.as_str()).or_insert_with(|| (table, TableDecoder::new(table), Vec::new()));
            match decoder.push(line.as_bytes()) {
                Ok(()) => owners.push(place),
                Err(_) => unstored[place] = true,
            }
        }
    }
    for (table, mut decoder, owners) in tables.into_values() {
        let held = match lake.load(table).await? {
            None => vec![false; owners.len()],
            Some(delta) => {
                let rows = blocking(move || Rows::new(table, decoder.take())).await.map_err(Error::arrow("sort rows", &table.name))?;
                rows.are_held(lake, &delta).await?
            }
        };
        for (owner, _) in owners.into_iter().zip(held).filter(|(_, is_held)| !is_held) {
            unstored[owner] = true;
        }
    }
    Ok(unstored)
}

async fn take_out(lake: &Lake, table: &'static Table, keys: &Arc<HashSet<RejectKey>>, options: &Options) -> Result<u64, Error> {
    let events: HashSet<String> = keys.iter().map(|key| key.event_id.clone()).collect();
    let wanted = Arc::clone(keys);
    let gone: Arc<Gone> = Arc::new(move |batch: &RecordBatch| (0..batch.num_rows()).map(|row| wanted.contains(&key(batch, row))).collect());
    for _ in 0..ATTEMPTS {
        let Some(delta) = lake.load(table).await? else { return Ok(0) };
        let (mut actions, mut removed, mut counts) = (Vec::new(), 0, Vec::new());
        for file in files(&delta, table).await? {
            if !holds_any(lake, table, &file, &events).await? {
                continue;
            }
            if table.name == REJECTED {
                let of_file = rewrite::read_rows(lake, table, &file, |batch| gone(batch)).await?;
                count(&of_file, table, file.day, &options.run, &mut counts);
            }
            let (of_file, rows) = rewrite::without(lake, table, &file, &gone, options).await?;
            actions.extend(of_file);
            removed += rows;
        }
        if actions.is_empty() {
            return Ok(0);
        }
        if commit(lake, table, &delta, actions, Operation::Resolve, json!({ "counts": counts, "removed": removed })).await? == Outcome::Won
        {
            tracing::info!(table = table.name, rows = removed, "took out rejects that have become rows");
            return Ok(removed);
        }
    }
    Err(Error::Contention { table: table.name.clone(), attempts: ATTEMPTS })
}

/// Counts rejects by source and day: so many were taken and became rows.
fn count(batches: &[RecordBatch], table: &Table, day: i32, run: &str, counts: &mut Vec<Count>) {
    for batch in batches {
        for row in 0..batch.num_rows() {
            let source = text(batch, "source", row).unwrap_or_default();
            let place = counts.iter().position(|count| count.source == source && count.day == day).unwrap_or_else(|| {
                let tally = Tally::default();
                counts.push(Count { run: run.to_owned(), step: STEP.to_owned(), source, table: table.name.clone(), day, tally });
                counts.len() - 1
            });
            counts[place].tally.stored += 1;
        }
    }
}

#[cfg(test)]
mod tests;
