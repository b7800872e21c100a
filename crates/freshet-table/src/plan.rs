//! What a run would do, before it does anything.

use freshet_schema::Contract;
use serde::Serialize;

use crate::commit::{day_text, files};
use crate::error::Error;
use crate::lake::Lake;
use crate::landing;
use crate::merge::{self, Candidate};

/// What a run would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// Landing objects that it would take, the oldest first.
    pub objects: Vec<PlannedObject>,
    /// Partitions whose small files it would merge.
    pub merges: Vec<PlannedMerge>,
}

/// A landing object.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedObject {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Files of a partition that would become one.
#[derive(Debug, Clone, Serialize)]
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

/// Plans a run over all tables, or over one. Reads logs and lists, and changes nothing.
pub async fn plan(lake: &Lake, contract: &Contract, only_table: Option<&str>) -> Result<Plan, Error> {
    let objects = landing::objects(lake).await?;
    let objects = objects.into_iter().map(|object| PlannedObject { key: object.location.to_string(), bytes: object.size }).collect();
    let mut merges = Vec::new();
    for table in contract.tables().filter(|table| only_table.is_none_or(|only| only == table.name)) {
        let Some(delta) = lake.load(table).await? else {
            continue;
        };
        for Candidate { day, files } in merge::candidates(files(&delta, table).await?, merge::TARGET) {
            let bytes = files.iter().map(|file| file.size).sum();
            merges.push(PlannedMerge { table: table.name.clone(), dt: day_text(day), files: files.len(), bytes });
        }
    }
    Ok(Plan { objects, merges })
}
