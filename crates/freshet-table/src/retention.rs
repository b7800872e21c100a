//! Retention: rows of a table that keeps them for some days only are deleted; files that no version of the last seven
//! days names are deleted with the next vacuum.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use deltalake::DeltaTable;
use deltalake::operations::vacuum::{Clock, VacuumMode};
use freshet_ingest::time::{DAY, Millis};
use freshet_schema::Table;
use serde_json::Value;

use crate::commit::{DataFile, Operation, Outcome, commit, files};
use crate::error::Error;
use crate::lake::Lake;
use crate::options::Options;
use crate::rewrite::{self, Gone};

/// How long a file stays that left the table, in days; also the table's own property.
const VACUUM_DAYS: i64 = 7;
/// How often a commit is tried while others are quicker; what is left is for the next run.
const ATTEMPTS: u32 = 3;

/// Takes out of a table the rows that it has kept for its days, counted in whole ones. A file of older and newer rows
/// is written again without the older. Returns the table as it is then.
pub(crate) async fn expire(lake: &Lake, table: &'static Table, mut delta: DeltaTable, options: &Options) -> Result<DeltaTable, Error> {
    let Some(days) = table.retention_days else {
        return Ok(delta);
    };
    let limit = Millis((options.now.0 - i64::from(days) * DAY).div_euclid(DAY) * DAY);
    let gone: Arc<Gone> = Arc::new(move |batch: &RecordBatch| older(batch, limit.0 * 1_000));
    for _ in 0..ATTEMPTS {
        let (mut actions, mut removed) = (Vec::new(), 0);
        for file in files(&delta, table).await?.iter().filter(|file| holds_older(file, limit)) {
            if options.is_late() {
                break;
            }
            let (of_file, rows) = rewrite::without(lake, table, file, &gone, options).await?;
            actions.extend(of_file);
            removed += rows;
        }
        if actions.is_empty() {
            break;
        }
        let outcome = commit(lake, table, &delta, actions, Operation::Expire, Value::Null).await?;
        delta = lake.load(table).await?.unwrap_or(delta);
        if outcome == Outcome::Won {
            tracing::info!(table = table.name, rows = removed, "deleted rows that were kept long enough");
            break;
        }
    }
    Ok(delta)
}

/// Whether a file has rows from before the limit; one that does not say is looked into.
fn holds_older(file: &DataFile, limit: Millis) -> bool {
    let limit = limit.text().replace(' ', "T");
    let oldest = file.stats["minValues"]["received_at"].as_str();
    oldest.is_none_or(|oldest| oldest.trim_end_matches('Z') < limit.as_str())
}

/// Which rows were received before a time, in microseconds.
fn older(batch: &RecordBatch, limit: i64) -> Vec<bool> {
    let received = batch.column_by_name("received_at").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    received.map_or_else(|| vec![false; batch.num_rows()], |times| times.iter().map(|time| time.is_none_or(|time| time < limit)).collect())
}

/// Deletes files that no version of the last seven days names, and those that were written and never committed.
/// What cannot be deleted now is there for the next run.
pub(crate) async fn vacuum(table: &Table, delta: DeltaTable, options: &Options) -> Result<(), Error> {
    let state = delta.snapshot().map_err(Error::delta("read the log", &table.name))?;
    // The library keeps the field to itself.
    let metadata = serde_json::to_value(state.metadata()).unwrap_or(Value::Null);
    let created = metadata["createdTime"].as_i64().unwrap_or(0);
    if options.now.0 - created < VACUUM_DAYS * DAY {
        return Ok(());
    }
    match delta.vacuum().with_mode(VacuumMode::Full).with_clock(Arc::new(Present(options.now))).await {
        Ok((_, metrics)) if metrics.files_deleted.is_empty() => {}
        Ok((_, metrics)) => tracing::info!(table = table.name, files = metrics.files_deleted.len(), "deleted files that no version names"),
        Err(error) => tracing::warn!(table = table.name, error = %error, "could not vacuum the files"),
    }
    Ok(())
}

/// The run's present for the library.
#[derive(Debug)]
struct Present(Millis);

impl Clock for Present {
    fn current_timestamp_millis(&self) -> i64 {
        self.0.0
    }
}
