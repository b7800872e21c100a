//! A run: rounds over the landing zone until it is empty, the budget of partitions is spent, or the deadline is near.
//!
//! What makes it safe to run twice, and two at once: a row's identity is in its table once, whoever commits it; a landing
//! object is deleted only when the tables have its rows and the counts are written; an object that is gone when it is
//! read was taken by another run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Date32Type;
use deltalake::DeltaTable;
use freshet_ingest::normalize::{COUNTS, REJECTED};
use freshet_schema::{Contract, envelope};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::Serialize;
use serde_json::{Map, json};
use tokio::sync::mpsc::Receiver;

use crate::blocking::threads;
use crate::counts::{self, Count, Uncopied};
use crate::decode::{self, TableDecoder};
use crate::error::Error;
use crate::lake::Lake;
use crate::object::{self, Part, Rows, Verdict};
use crate::options::Options;
use crate::{landing, memory, merge, retention, round, tables};

/// So many objects are read ahead, where they are together so small.
const OBJECTS_AHEAD: usize = 32;
const BYTES_AHEAD: u64 = 512 * 1024;
/// So many tables are stored at once.
const TABLES_AT_ONCE: usize = 4;

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Landing objects that have been taken.
    pub objects: u64,
    /// Of how many.
    pub of: u64,
}

/// What a run did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Landing objects whose rows are in their tables.
    pub objects: u64,
    /// New rows.
    pub rows: u64,
    /// Rows that were there already.
    pub duplicates: u64,
    /// Rows whose identity was there with another payload.
    pub conflicts: u64,
    /// Data files written.
    pub files: u64,
    /// Files that became part of a larger one.
    pub merged: u64,
    /// Objects that held more than good lines.
    pub quarantined: Vec<String>,
    /// Objects with lines of newer code, which stay.
    pub waiting: Vec<String>,
    /// Whether something was left for the next run.
    pub is_partial: bool,
}

/// Compacts the landing zone, then merges small files, then deletes what has been kept long enough.
pub async fn compact(
    lake: &Lake,
    contract: &'static Contract,
    options: &Options,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Report, Error> {
    memory::limit_heaps();
    // Before anything is committed, since a commit may clean the log that they ride in.
    let loaded = tables::load_all(lake, contract).await?;
    let is_carried = carry_counts(lake, contract, &loaded, options).await?;
    let ensured = tables::ensure_all(lake, contract, loaded).await?;
    let mut run =
        Run { lake, contract, options, rounds: 0, partitions: BTreeSet::new(), pending: Pending::default(), report: Report::default() };
    run.take_objects(landing::objects(lake).await?, progress).await?;
    let Run { partitions, mut report, .. } = run;
    let is_counted = is_carried || !partitions.is_empty() || !report.quarantined.is_empty();
    for (table, (delta, _)) in contract.tables().zip(ensured) {
        if options.is_late() {
            report.is_partial = true;
            break;
        }
        // A table that the run has not written is as it was when the run began, or another run looks after it.
        let is_written =
            partitions.iter().any(|(name, _)| *name == table.name) || (is_counted && [COUNTS, REJECTED].contains(&&*table.name));
        let delta = if is_written { lake.load(table).await?.unwrap_or(delta) } else { delta };
        let delta = retention::expire(lake, table, delta, options).await?;
        let (delta, merged) = merge::merge(lake, table, delta, options).await?;
        report.merged += merged;
        retention::vacuum(table, delta, options).await?;
    }
    Ok(report)
}

/// Copies the counts of commits whose run did not come to it, and says whether there were any.
pub(crate) async fn carry_counts(
    lake: &Lake,
    contract: &'static Contract,
    loaded: &[Option<DeltaTable>],
    options: &Options,
) -> Result<bool, Error> {
    let versions = contract.tables().zip(loaded).filter_map(|(table, delta)| Some((table.name.as_str(), delta.as_ref()?.version()?)));
    let versions: BTreeMap<&str, u64> = versions.collect();
    let uncopied = counts::uncopied(lake, contract, |table, copied| {
        // The first version is the table's creation, which counts nothing.
        versions.get(table.name.as_str()).copied().unwrap_or(0) > copied.unwrap_or(0)
    })
    .await?;
    if uncopied.counts.is_empty() {
        return Ok(false);
    }
    write_counts(lake, contract, uncopied, &[], Vec::new(), options).await.map(|()| true)
}

/// What has been read and is not yet in its tables.
#[derive(Default)]
struct Pending {
    rows: BTreeMap<&'static str, Vec<RecordBatch>>,
    bytes: usize,
    /// Lines that say which objects were damaged.
    damages: Vec<String>,
    finished: Vec<Path>,
    spoiled: Vec<Path>,
}

impl Pending {
    fn take(&mut self, rows: Rows) {
        for (table, batches) in rows {
            let all = self.rows.entry(table).or_default();
            for batch in batches {
                self.bytes += batch.get_array_memory_size();
                decode::append(all, batch);
            }
        }
    }
}

/// An object that is being read.
type Opened = (ObjectMeta, Receiver<Result<Part, Error>>);

/// Whether another object is to be opened: one more than there are threads, or many small ones, which cost but their way.
fn reads_ahead(ahead: &VecDeque<Opened>) -> bool {
    let bytes: u64 = ahead.iter().map(|(object, _)| object.size).sum();
    ahead.len() <= threads() || (ahead.len() < OBJECTS_AHEAD && bytes < BYTES_AHEAD)
}

struct Run<'a> {
    lake: &'a Lake,
    contract: &'static Contract,
    options: &'a Options,
    rounds: usize,
    /// The tables and days that the run touches.
    partitions: BTreeSet<(&'static str, i32)>,
    pending: Pending,
    report: Report,
}

impl Run<'_> {
    /// Takes objects, in their order, while others are being read ahead.
    async fn take_objects(&mut self, objects: Vec<ObjectMeta>, progress: impl Fn(Progress)) -> Result<(), Error> {
        let of = objects.len() as u64;
        let mut taken = 0;
        let mut waiting = objects.into_iter();
        let mut ahead = VecDeque::new();
        loop {
            while reads_ahead(&ahead)
                && let Some(object) = waiting.next()
            {
                let parts = object::open(self.lake, self.contract, object.clone(), self.options.memory_budget / 8);
                ahead.push_back((object, parts));
            }
            let Some((object, parts)) = ahead.pop_front() else {
                break;
            };
            if !self.take_object(&object, parts).await? {
                self.report.is_partial = true;
                break;
            }
            taken += 1;
            progress(Progress { objects: taken, of });
        }
        self.store().await
    }

    /// Takes an object's rows; stores in between where the budget is full. Whether the run goes on.
    async fn take_object(&mut self, object: &ObjectMeta, mut parts: Receiver<Result<Part, Error>>) -> Result<bool, Error> {
        let mut is_begun = false;
        loop {
            if self.options.is_late() {
                return Ok(false);
            }
            let (rows, verdict) = match parts.recv().await {
                Some(Ok(Part::Rows(rows))) => (rows, None),
                Some(Ok(Part::End(rows, verdict))) => (rows, Some(verdict)),
                Some(Err(error)) => return Err(error),
                // The reader has ended without a word, which a panic in it does: the object stays for the next run.
                None => return Ok(false),
            };
            if !self.has_room(&rows, is_begun) {
                return Ok(false);
            }
            is_begun = true;
            self.pending.take(rows);
            match verdict {
                None => {}
                Some(Verdict::Gone) => return Ok(true),
                Some(Verdict::Waits) => {
                    tracing::warn!(object = %object.location, "lines of newer code wait in the landing zone");
                    self.report.waiting.push(object.location.to_string());
                    return Ok(true);
                }
                Some(Verdict::Read(damage)) if damage.is_any() => {
                    self.pending.damages.push(damage.line(self.contract, object));
                    self.pending.spoiled.push(object.location.clone());
                    return self.store_if_full().await.map(|()| true);
                }
                Some(Verdict::Read(_)) => {
                    self.pending.finished.push(object.location.clone());
                    return self.store_if_full().await.map(|()| true);
                }
            }
            self.store_if_full().await?;
        }
    }

    /// Whether the run may touch the partitions of these rows too. One object may touch as many as it has to.
    fn has_room(&mut self, rows: &Rows, is_begun: bool) -> bool {
        let mut partitions = BTreeSet::new();
        for (table, batches) in rows {
            for days in batches.iter().filter_map(|batch| batch.column_by_name(envelope::PARTITION)) {
                partitions.extend(days.as_primitive::<Date32Type>().values().iter().map(|day| (*table, *day)));
            }
        }
        let more = partitions.difference(&self.partitions).count();
        if !is_begun && !self.partitions.is_empty() && more > 0 && self.partitions.len() + more > self.options.max_partitions {
            return false;
        }
        self.partitions.append(&mut partitions);
        true
    }

    async fn store_if_full(&mut self) -> Result<(), Error> {
        if self.pending.bytes >= self.options.memory_budget / 2 { self.store().await } else { Ok(()) }
    }

    /// Stores what is pending, writes its counts, and lets go of its objects. `rejected_events` comes late, since other
    /// tables may find conflicts; the counts come last.
    async fn store(&mut self) -> Result<(), Error> {
        let Pending { mut rows, damages, finished, spoiled, .. } = std::mem::take(&mut self.pending);
        let options = &Options { run: format!("{}-{}", self.options.run, self.rounds), ..self.options.clone() };
        self.rounds += 1;
        let (lake, contract) = (self.lake, self.contract);
        let mut rejected = rows.remove(REJECTED).unwrap_or_default();
        let counted = rows.remove(COUNTS).unwrap_or_default();
        let tables = rows.into_iter().filter_map(|(name, batches)| contract.table(name).map(|table| (table, batches)));
        let nothing = Map::new();
        let stored = tables.map(|(table, batches)| round::store(lake, contract, table, batches, options, &nothing));
        let mut all: Vec<round::Stored> = futures::stream::iter(stored.collect::<Vec<_>>()).buffered(TABLES_AT_ONCE).try_collect().await?;
        if let Some(table) = contract.table(REJECTED) {
            let lines: Vec<&String> = damages.iter().chain(all.iter().flat_map(|stored| &stored.conflicts)).collect();
            rejected.extend(own_rows(table, &lines));
            if !rejected.is_empty() {
                all.push(round::store(lake, contract, table, rejected, options, &nothing).await?);
            }
        }
        let counts: Vec<Count> = all.iter().flat_map(|stored| stored.counts.iter().cloned()).collect();
        if !counts.is_empty() || !counted.is_empty() {
            let uncopied = counts::uncopied(lake, contract, |table, _| counts.iter().any(|count| count.table == table.name)).await?;
            write_counts(lake, contract, uncopied, &counts, counted, options).await?;
        }
        let report = &mut self.report;
        for stored in &all {
            report.rows += stored.rows;
            report.duplicates += stored.duplicates;
            report.conflicts += stored.conflicts.len() as u64;
            report.files += stored.files;
        }
        report.objects += (finished.len() + spoiled.len()) as u64;
        for location in &spoiled {
            landing::quarantine(lake, location).await?;
            report.quarantined.push(location.to_string());
        }
        landing::delete(lake, &finished).await
    }
}

/// Rows from lines of the compactor's own, which a test holds to fit their tables.
pub(crate) fn own_rows(table: &freshet_schema::Table, lines: &[&String]) -> Vec<RecordBatch> {
    let mut decoder = TableDecoder::new(table);
    for line in lines {
        if let Err(message) = decoder.push(line.as_bytes()) {
            tracing::error!(table = table.name, message, "a row of the compactor's own does not fit its table");
        }
    }
    decoder.take()
}

/// Writes counts into their table, with those that rode in commits and were not copied: the commit says up to which
/// version of each table that is done. What another run copies too is there once, by the table's key.
async fn write_counts(
    lake: &Lake,
    contract: &'static Contract,
    uncopied: Uncopied,
    counts: &[Count],
    mut batches: Vec<RecordBatch>,
    options: &Options,
) -> Result<(), Error> {
    let Some(table) = contract.table(COUNTS) else {
        return Ok(());
    };
    let lines = counts::lines(contract, counts.iter().chain(&uncopied.counts), options.now);
    batches.extend(own_rows(table, &lines.iter().collect::<Vec<_>>()));
    let mut extra = Map::new();
    extra.insert("copied".to_owned(), json!(uncopied.copied));
    round::store(lake, contract, table, batches, options, &extra).await.map(|_| ())
}

#[cfg(test)]
mod tests;
