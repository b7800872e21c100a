//! What a run would do, before it does anything: it reads the landing zone and the logs, and changes nothing.

use std::collections::BTreeMap;

use freshet_schema::Contract;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use serde::Serialize;

use crate::blocking::{blocking, threads};
use crate::commit::{day_text, files};
use crate::decode::{Kind, kind};
use crate::error::Error;
use crate::join::Candidate;
use crate::lake::Lake;
use crate::landing::{self, Content, LARGEST_OBJECT, Line};
use crate::merge;
use crate::options::Options;

/// What a run would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Landing objects, the oldest first.
    pub objects: Vec<PlannedObject>,
    /// The rows that wait, by table and day; some may turn out to be there already.
    pub partitions: Vec<PlannedPartition>,
    /// Partitions whose small files it would merge, as they are now.
    pub merges: Vec<PlannedMerge>,
}

/// What would become of a landing object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedFate {
    /// Its rows go to their tables.
    Stored,
    /// It has lines of newer code and stays.
    Waits,
    /// It has more than rows: what is good is stored, and it moves to `quarantine/`.
    Quarantined,
}

/// A landing object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedObject {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// What would become of it.
    pub fate: PlannedFate,
}

/// Rows of a table and day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedPartition {
    /// The table.
    pub table: String,
    /// The day.
    pub dt: String,
    /// How many rows.
    pub rows: u64,
    /// Their bytes as text.
    pub bytes: u64,
    /// How many landing objects they lie in.
    pub objects: u64,
}

/// Files of a partition that would become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedMerge {
    /// The table.
    pub table: String,
    /// The partition's day.
    pub dt: String,
    /// How many files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Plans a run over all tables, or shows what of it is one table's.
pub async fn plan(lake: &Lake, contract: &'static Contract, options: &Options, only_table: Option<&str>) -> Result<Plan, Error> {
    let surveys = landing::objects(lake).await?.into_iter().map(|object| survey(lake, contract, object));
    let surveys: Vec<Option<Survey>> = futures::stream::iter(surveys.collect::<Vec<_>>()).buffered(threads()).try_collect().await?;
    let mut objects = Vec::new();
    let mut waiting: BTreeMap<(String, String), PlannedPartition> = BTreeMap::new();
    for survey in surveys.into_iter().flatten() {
        let is_stored = survey.object.fate != PlannedFate::Waits;
        for ((table, dt), (rows, bytes)) in
            survey.partitions.into_iter().filter(|((table, _), _)| is_stored && only_table.is_none_or(|only| only == table))
        {
            let empty = PlannedPartition { table: table.clone(), dt: dt.clone(), rows: 0, bytes: 0, objects: 0 };
            let partition = waiting.entry((table, dt)).or_insert(empty);
            partition.rows += rows;
            partition.bytes += bytes;
            partition.objects += 1;
        }
        objects.push(survey.object);
    }
    let mut merges = Vec::new();
    for table in contract.tables().filter(|table| only_table.is_none_or(|only| only == table.name)) {
        let Some(delta) = lake.load(table).await? else {
            continue;
        };
        for Candidate { day, files } in
            merge::candidates(files(&delta, table).await?, options.target_file, options.memory_budget, options.today())
        {
            let bytes = files.iter().map(|file| file.size).sum();
            merges.push(PlannedMerge { table: table.name.clone(), dt: day_text(day), files: files.len(), bytes });
        }
    }
    Ok(Plan { objects, partitions: waiting.into_values().collect(), merges })
}

/// What an object holds: rows and bytes by table and day.
struct Survey {
    object: PlannedObject,
    partitions: BTreeMap<(String, String), (u64, u64)>,
}

async fn survey(lake: &Lake, contract: &'static Contract, object: ObjectMeta) -> Result<Option<Survey>, Error> {
    let planned = PlannedObject { key: object.location.to_string(), bytes: object.size, rows: 0, fate: PlannedFate::Quarantined };
    if object.size > LARGEST_OBJECT {
        return Ok(Some(Survey { object: planned, partitions: BTreeMap::new() }));
    }
    let Some(content) = landing::fetch(lake, &object).await? else {
        return Ok(None);
    };
    let read = blocking(move || read(contract, &content, planned)).await;
    read.map(Some).map_err(|source| Error::TemporaryFile { source })
}

fn read(contract: &Contract, content: &Content, mut object: PlannedObject) -> std::io::Result<Survey> {
    let mut partitions = BTreeMap::new();
    let (mut is_newer, mut is_damaged) = (false, false);
    let mut lines = content.lines()?;
    loop {
        match lines.next() {
            Line::End => break,
            Line::Broken => {
                is_damaged = true;
                break;
            }
            Line::Text(line) => match (kind(contract, line), day_of(line)) {
                (Kind::Row(table), Some(day)) => {
                    let (rows, bytes): &mut (u64, u64) = partitions.entry((table.name.clone(), day)).or_default();
                    *rows += 1;
                    *bytes += line.len() as u64;
                    object.rows += 1;
                }
                (Kind::Newer, _) => is_newer = true,
                (Kind::Row(_) | Kind::Foreign, _) => is_damaged = true,
            },
        }
    }
    object.fate = match (is_newer, is_damaged) {
        (true, _) => PlannedFate::Waits,
        (false, true) => PlannedFate::Quarantined,
        (false, false) => PlannedFate::Stored,
    };
    Ok(Survey { object, partitions })
}

/// The day that stands in the front of a line.
fn day_of(line: &[u8]) -> Option<String> {
    let front = &line[..line.len().min(160)];
    let at = memchr::memmem::find(front, b"\"dt\":\"")?;
    std::str::from_utf8(front.get(at + 6..at + 16)?).ok().map(str::to_owned)
}
