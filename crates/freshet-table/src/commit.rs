//! Commits to a table's log: a compare-and-swap on the version that was read.
//!
//! The library's own conflict check is not enough: from one snapshot, two commits that each remove the same files and add a
//! merged one both succeed, and two appends of the same rows do too. So nothing is retried on top of a newer version: who
//! loses reads again. A commit carries an id of its own; after a conflict or an unclear answer the log is read first, and
//! if the id is there, the commit has won.

use std::collections::HashMap;

use chrono::NaiveDate;
use deltalake::DeltaTable;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Remove};
use deltalake::protocol::{DeltaOperation, SaveMode};
use freshet_schema::{Table, envelope};
use futures::TryStreamExt;
use object_store::path::Path;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::Error;
use crate::lake::Lake;

/// The key of what we add to `commitInfo`.
const OURS: &str = "freshet";
/// Days from year 1 to 1970.
const EPOCH: i32 = 719_163;

/// A live data file of a table.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// Its path in the table's folder.
    pub(crate) location: Path,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its partition, in days since 1970.
    pub(crate) day: i32,
    /// Its rows.
    pub(crate) records: usize,
    /// Its statistics.
    pub(crate) stats: Value,
    /// The action that takes it out.
    pub(crate) remove: Remove,
}

/// What a commit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Adds rows.
    Compact,
    /// Puts the rows of some files into one.
    Merge,
    /// Deletes what has been kept long enough.
    Expire,
    /// Puts rows in the place of others.
    Replace,
    /// Deletes rejects that have become rows.
    Resolve,
    /// Deletes what names a person or an account.
    Erase,
}

impl Operation {
    /// Its name in the log.
    fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Merge => "merge",
            Self::Expire => "expire",
            Self::Replace => "replace",
            Self::Resolve => "resolve",
            Self::Erase => "erase",
        }
    }
}

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the log.
    Won,
    /// Another writer was quicker: read again.
    Lost,
}

/// A day in days since 1970 as its partition is written.
pub(crate) fn day_text(day: i32) -> String {
    NaiveDate::from_num_days_from_ce_opt(day + EPOCH).map(|date| date.format("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// Days since 1970 of a partition's value.
pub(crate) fn parse_day(text: &str) -> Option<i32> {
    use chrono::Datelike;
    Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.num_days_from_ce() - EPOCH)
}

/// The live files of a loaded table.
pub(crate) async fn files(delta: &DeltaTable, table: &Table) -> Result<Vec<DataFile>, Error> {
    let failed = Error::delta("read the live files", &table.name);
    let log_store = delta.log_store();
    let state = delta.snapshot().map_err(&failed)?;
    let views: Vec<_> = state.snapshot().file_views(log_store.as_ref(), None).try_collect().await.map_err(&failed)?;
    let files = views.into_iter().filter_map(|view| {
        let day = view.partition_values_map().get(envelope::PARTITION).cloned().flatten().and_then(|text| parse_day(&text))?;
        Some(DataFile {
            location: view.object_store_path(),
            size: u64::try_from(view.size()).unwrap_or(0),
            day,
            records: view.num_records().unwrap_or(0),
            stats: view.stats().and_then(|stats| serde_json::from_str(&stats).ok()).unwrap_or(Value::Null),
            remove: view.remove_action(true),
        })
    });
    Ok(files.collect())
}

/// The action that adds a data file.
pub(crate) fn add(path: &Path, day: i32, size: usize, stats: String, now_millis: i64, data_change: bool) -> Add {
    Add {
        path: path.to_string(),
        partition_values: HashMap::from([(envelope::PARTITION.to_owned(), Some(day_text(day)))]),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        modification_time: now_millis,
        data_change,
        stats: Some(stats),
        ..Add::default()
    }
}

/// Commits actions on top of the version that `delta` has loaded. `note` goes into `commitInfo`.
pub(crate) async fn commit(
    lake: &Lake,
    table: &Table,
    delta: &DeltaTable,
    actions: Vec<Action>,
    operation: Operation,
    note: Value,
) -> Result<Outcome, Error> {
    let failed = Error::delta("commit to the log", &table.name);
    let id = Uuid::new_v4().to_string();
    let state = delta.snapshot().map_err(&failed)?;
    let ours = json!({ "commit": id, "operation": operation.name(), "note": note });
    let properties = CommitProperties::default().with_max_retries(0).with_metadata([(OURS.to_owned(), ours)]);
    let operation = match operation {
        Operation::Compact => {
            DeltaOperation::Write { mode: SaveMode::Append, partition_by: Some(vec![envelope::PARTITION.to_owned()]), predicate: None }
        }
        Operation::Merge => DeltaOperation::Optimize { predicate: None, target_size: 0 },
        Operation::Replace => DeltaOperation::Update { predicate: None },
        Operation::Expire | Operation::Resolve | Operation::Erase => DeltaOperation::Delete { predicate: None },
    };
    let committed = CommitBuilder::from(properties).with_actions(actions).build(Some(state), delta.log_store(), operation).await;
    match committed {
        Ok(_) => Ok(Outcome::Won),
        Err(error) => {
            // The entry may be there although the answer says no: only the log knows.
            if is_in_log(lake, table, state.version(), &id).await? {
                tracing::info!(table = table.name, error = %error, "a commit has won although its answer was another");
                return Ok(Outcome::Won);
            }
            if newer_version(lake, table, state.version()).await? {
                tracing::info!(table = table.name, "another writer was quicker");
                return Ok(Outcome::Lost);
            }
            Err(failed(error))
        }
    }
}

async fn newer_version(lake: &Lake, table: &Table, version: u64) -> Result<bool, Error> {
    Ok(lake.load(table).await?.and_then(|delta| delta.version()).is_some_and(|newest| newest > version))
}

async fn is_in_log(lake: &Lake, table: &Table, version: u64, id: &str) -> Result<bool, Error> {
    let found = notes_since(lake, table, Some(version)).await?;
    Ok(found.iter().any(|(_, ours)| ours["commit"] == id))
}

/// What our commits after a version say, or all that the log still has: (version, note).
pub(crate) async fn notes_since(lake: &Lake, table: &Table, version: Option<u64>) -> Result<Vec<(u64, Value)>, Error> {
    let store = lake.table_store(table);
    let log = Path::from("_delta_log");
    let entries = match version {
        Some(version) => store.list_with_offset(Some(&log), &Path::from(format!("_delta_log/{version:020}.json"))),
        None => store.list(Some(&log)),
    };
    let entries: Vec<_> = entries.try_collect().await.map_err(Error::object(format!("list the log of table {}", table.name)))?;
    let mut notes = Vec::new();
    for entry in entries {
        let Some(version) = entry.location.filename().and_then(|name| name.strip_suffix(".json")).and_then(|name| name.parse().ok()) else {
            continue;
        };
        let read = async { object_store::ObjectStoreExt::get(&store, &entry.location).await?.bytes().await };
        let bytes = match read.await {
            Ok(bytes) => bytes,
            // Cleaned since it was listed.
            Err(object_store::Error::NotFound { .. }) => continue,
            Err(source) => return Err(Error::Object { tried: format!("read the log of table {}", table.name), source }),
        };
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(action) = serde_json::from_slice::<Value>(line)
                && !action["commitInfo"][OURS].is_null()
            {
                notes.push((version, action["commitInfo"][OURS].clone()));
            }
        }
    }
    notes.sort_by_key(|(version, _)| *version);
    Ok(notes)
}
