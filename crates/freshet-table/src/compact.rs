//! A run: rounds over the landing zone until it is empty, the budget of partitions is spent, or the deadline is near.
//!
//! What makes it safe to run twice, and two at once: a row's identity is in its table once, whoever commits it; a landing
//! object is deleted only when the tables have its rows and the counts are written; an object that is gone when it is
//! read was taken by another run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use freshet_ingest::canonical::hash_parts;
use freshet_ingest::line::LINE_VERSION;
use freshet_ingest::normalize::{COUNTS, REJECTED};
use freshet_ingest::time::Millis;
use freshet_schema::Contract;
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::Serialize;
use serde_json::{Map, json};

use crate::counts::{self, Count};
use crate::decode::{Kind, TableDecoder, kind};
use crate::error::Error;
use crate::lake::Lake;
use crate::landing::{self, Line, Lines};
use crate::{merge, retention, round, tables};

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// An id of this run; a new one for each.
    pub run: String,
    /// The present.
    pub now: Millis,
    /// When to stop and leave the rest to the next run.
    pub deadline: Option<Instant>,
    /// What rows may take in memory, in bytes.
    pub memory_budget: usize,
    /// The size of a data file that small ones are merged up to, in bytes.
    pub target_file: u64,
    /// How many partitions a run may touch.
    pub max_partitions: usize,
}

impl Options {
    /// The usual options.
    pub fn new(run: impl Into<String>, now: Millis) -> Self {
        Self { run: run.into(), now, deadline: None, memory_budget: 256 * 1024 * 1024, target_file: merge::TARGET, max_partitions: 400 }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

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

/// What has been read and is not yet in its tables.
struct Pending<'contract> {
    contract: &'contract Contract,
    decoders: BTreeMap<String, TableDecoder>,
    days: BTreeSet<(String, Vec<u8>)>,
    finished: Vec<Path>,
    spoiled: Vec<Path>,
}

/// Compacts the landing zone, then merges small files, then deletes what has been kept long enough.
pub async fn compact(lake: &Lake, contract: &Contract, options: &Options, progress: impl Fn(Progress) + Send + Sync) -> Result<Report, Error> {
    let mut report = Report::default();
    tables::create_tables(lake, contract).await?;
    let objects = landing::objects(lake).await?;
    let of = objects.len() as u64;
    let (carried, _) = counts::uncopied(lake, contract).await?;
    if !carried.is_empty() {
        write_counts(lake, contract, &carried, Vec::new(), options).await?;
    }
    let mut pending = Pending::new(contract);
    for (place, object) in objects.iter().enumerate() {
        if options.is_late() || pending.days.len() > options.max_partitions {
            report.is_partial = true;
            break;
        }
        read(lake, &mut pending, object, options, &mut report).await?;
        if pending.bytes() >= options.memory_budget / 4 {
            pending = store(lake, pending, options, &mut report).await?;
        }
        progress(Progress { objects: place as u64 + 1, of });
    }
    store(lake, pending, options, &mut report).await?;
    for table in contract.tables() {
        if options.is_late() {
            report.is_partial = true;
            break;
        }
        retention::expire(lake, table, options).await?;
        report.merged += merge::merge(lake, table, options).await?;
    }
    Ok(report)
}

impl<'contract> Pending<'contract> {
    fn new(contract: &'contract Contract) -> Self {
        Self { contract, decoders: BTreeMap::new(), days: BTreeSet::new(), finished: Vec::new(), spoiled: Vec::new() }
    }

    fn bytes(&self) -> usize {
        self.decoders.values().map(TableDecoder::bytes).sum()
    }

    /// Decodes the lines that are left; says how many do not fit their tables.
    fn decode(&mut self) -> Result<crate::decode::BadLines, Error> {
        let mut all = crate::decode::BadLines::default();
        for decoder in self.decoders.values_mut() {
            let bad = decoder.flush()?;
            all.count += bad.count;
            all.message = all.message.or(bad.message);
        }
        Ok(all)
    }

    fn push(&mut self, table: &str, line: &[u8]) -> Result<crate::decode::BadLines, Error> {
        let Some(found) = self.contract.table(table) else {
            return Ok(crate::decode::BadLines::default());
        };
        if let Some(day) = day_of(line) {
            self.days.insert((table.to_owned(), day.to_vec()));
        }
        if !self.decoders.contains_key(table) {
            self.decoders.insert(table.to_owned(), TableDecoder::new(found)?);
        }
        match self.decoders.get_mut(table) {
            Some(decoder) => decoder.push(line),
            None => Ok(crate::decode::BadLines::default()),
        }
    }
}

fn day_of(line: &[u8]) -> Option<&[u8]> {
    let front = &line[..line.len().min(160)];
    let at = front.windows(6).position(|window| window == b"\"dt\":\"")?;
    front.get(at + 6..at + 16)
}

/// Reads an object's lines; stores in between where the budget is full.
async fn read(lake: &Lake, pending: &mut Pending<'_>, object: &ObjectMeta, options: &Options, report: &mut Report) -> Result<(), Error> {
    let Some(bytes) = landing::fetch(lake, &object.location).await? else {
        return Ok(());
    };
    if waits(pending.contract, bytes.clone()) {
        tracing::warn!(object = %object.location, "lines of newer code wait in the landing zone");
        report.waiting.push(object.location.to_string());
        return Ok(());
    }
    let mut damage = Damage::default();
    let mut lines = Lines::new(bytes);
    let mut line = Vec::new();
    loop {
        match lines.next(&mut line) {
            Line::End => break,
            Line::Broken => {
                damage.is_broken = true;
                break;
            }
            Line::Text => match kind(pending.contract, &line) {
                Kind::Row(table) => {
                    let name = table.name.clone();
                    let bad = pending.push(&name, &line)?;
                    damage.add(bad);
                    damage.good += 1;
                }
                Kind::Newer | Kind::Foreign => damage.foreign += 1,
            },
        }
        if pending.bytes() >= options.memory_budget / 2 {
            let contract = pending.contract;
            let full = std::mem::replace(pending, Pending::new(contract));
            *pending = store(lake, full, options, report).await?;
        }
    }
    // Lines are decoded in batches, and what is still pending is decoded now, so that this object answers for its own.
    damage.add(pending.decode()?);
    if damage.is_damaged() || damage.bad > 0 {
        let line = damage.line(pending.contract, object);
        pending.push(REJECTED, line.as_bytes())?;
        pending.spoiled.push(object.location.clone());
    } else {
        pending.finished.push(object.location.clone());
    }
    Ok(())
}

/// Whether an object has a line that is for newer code.
fn waits(contract: &Contract, bytes: bytes::Bytes) -> bool {
    let mut lines = Lines::new(bytes);
    let mut line = Vec::new();
    while let Line::Text = lines.next(&mut line) {
        if matches!(kind(contract, &line), Kind::Newer) {
            return true;
        }
    }
    false
}

/// What is wrong with an object.
#[derive(Debug, Default)]
struct Damage {
    good: usize,
    foreign: usize,
    bad: usize,
    is_broken: bool,
    message: Option<String>,
}

impl Damage {
    fn add(&mut self, bad: crate::decode::BadLines) {
        self.bad += bad.count;
        if self.message.is_none() {
            self.message = bad.message;
        }
    }

    fn is_damaged(&self) -> bool {
        self.is_broken || self.foreign > 0
    }

    /// The row that says so. The object's key and ETag identify it: however often it is read, it is said once.
    fn line(&self, contract: &Contract, object: &ObjectMeta) -> String {
        let version = contract.table(REJECTED).map_or(1, |table| table.version);
        let etag = object.e_tag.clone().unwrap_or_default();
        let id = hash_parts(&["landing", object.location.as_ref(), &etag]);
        let reason = if self.good == 0 && !self.is_broken { "foreign_object" } else { "damaged_object" };
        let ending = if self.is_broken { ", and its end does not unpack" } else { "" };
        let said = self.message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default();
        let message = format!(
            "read landing object {}: {} good lines, {} that are no rows of ours, {} that do not fit their table{said}{ending}; it is in quarantine/",
            object.location, self.good, self.foreign, self.bad
        );
        let received_at = Millis(object.last_modified.timestamp_millis());
        let columns = json!({
            "dt": received_at.date(), "search_days": 0, "deliveries": 0,
            "event_id": id, "row_index": 0, "source": "lake", "topic": "landing", "occurred_at": received_at.text(), "received_at": received_at.text(),
            "time_suspect": false, "payload_hash": id, "reason": reason, "message": message,
        })
        .to_string();
        format!("{{\"table\":\"{REJECTED}\",\"line_version\":{LINE_VERSION},\"schema_version\":{version},{}", &columns[1..])
    }
}

/// Stores what is pending, writes its counts, and lets go of its objects. `rejected_events` comes late, since other
/// tables may find conflicts; the counts come last.
async fn store<'contract>(lake: &Lake, pending: Pending<'contract>, options: &Options, report: &mut Report) -> Result<Pending<'contract>, Error> {
    let contract = pending.contract;
    let Pending { mut decoders, finished, spoiled, .. } = pending;
    let rejected = decoders.remove(REJECTED);
    let count_lines = decoders.remove(COUNTS);
    let round = format!("{}-{}", options.run, report.objects);
    let options = &Options { run: round, ..options.clone() };
    let mut all_counts: Vec<Count> = Vec::new();
    let mut conflicts: Vec<String> = Vec::new();
    for (name, decoder) in decoders {
        let Some(table) = contract.table(&name) else { continue };
        let (schema, batches) = decoder.finish()?;
        let stored = round::store(lake, contract, table, (schema, batches), options, &Map::new()).await?;
        take(report, &stored);
        conflicts.extend(stored.conflicts);
        all_counts.extend(stored.counts);
    }
    if let Some(table) = contract.table(REJECTED).filter(|_| rejected.is_some() || !conflicts.is_empty()) {
        let mut decoder = match rejected {
            Some(decoder) => decoder,
            None => TableDecoder::new(table)?,
        };
        for line in &conflicts {
            decoder.push(line.as_bytes())?;
        }
        let (schema, batches) = decoder.finish()?;
        let stored = round::store(lake, contract, table, (schema, batches), options, &Map::new()).await?;
        take(report, &stored);
        all_counts.extend(stored.counts);
    }
    if !all_counts.is_empty() || count_lines.is_some() {
        let batches = match count_lines {
            Some(decoder) => vec![decoder],
            None => Vec::new(),
        };
        write_counts(lake, contract, &all_counts, batches, options).await?;
    }
    report.objects += (finished.len() + spoiled.len()) as u64;
    for location in &spoiled {
        landing::quarantine(lake, location).await?;
        report.quarantined.push(location.to_string());
    }
    landing::delete(lake, &finished).await?;
    Ok(Pending::new(contract))
}

fn take(report: &mut Report, stored: &round::Stored) {
    report.rows += stored.rows;
    report.duplicates += stored.duplicates;
    report.conflicts += stored.conflicts.len() as u64;
    report.files += stored.files;
}

/// Writes counts into their table; the commit says up to which version of each table that is done.
async fn write_counts(lake: &Lake, contract: &Contract, counts: &[Count], decoders: Vec<TableDecoder>, options: &Options) -> Result<(), Error> {
    let Some(table) = contract.table(COUNTS) else {
        return Ok(());
    };
    let (_, copied) = counts::uncopied(lake, contract).await?;
    let mut decoder = match decoders.into_iter().next() {
        Some(decoder) => decoder,
        None => TableDecoder::new(table)?,
    };
    for line in counts::lines(contract, counts, options.now) {
        decoder.push(line.as_bytes())?;
    }
    let (schema, batches) = decoder.finish()?;
    let mut extra = Map::new();
    extra.insert("copied".to_owned(), json!(copied));
    round::store(lake, contract, table, (schema, batches), options, &extra).await.map(|_| ())
}
