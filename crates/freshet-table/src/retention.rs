//! Retention: rows of a table that keeps them for some days only are deleted; files that no version of the last seven
//! days names are deleted with the next vacuum.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use deltalake::DeltaTable;
use deltalake::kernel::Action;
use deltalake::operations::vacuum::{Clock, VacuumMode};
use freshet_ingest::time::{DAY, Millis};
use freshet_schema::Table;
use serde_json::Value;

use crate::commit::{DataFile, Operation, Outcome, commit, files};
use crate::error::Error;
use crate::join::{Candidate, Keep, join};
use crate::lake::Lake;
use crate::options::Options;

/// How long a file stays that left the table, in days; also the table's own property.
const VACUUM_DAYS: i64 = 7;

/// Takes out of a table the rows that it has kept for its days, counted in whole ones. A file of older and newer rows
/// is written again without the older. Returns the table as it is then.
pub(crate) async fn expire(lake: &Lake, table: &'static Table, mut delta: DeltaTable, options: &Options) -> Result<DeltaTable, Error> {
    let Some(days) = table.retention_days else {
        return Ok(delta);
    };
    let limit = Millis((options.now.0 - i64::from(days) * DAY).div_euclid(DAY) * DAY);
    let mut lost = 0;
    while lost < 3 && !options.is_late() {
        let Some(file) = files(&delta, table).await?.into_iter().find(|file| holds_older(file, limit)) else {
            break;
        };
        let day = file.day;
        let candidate = Candidate { day, files: vec![file] };
        let keep: Keep = Arc::new(move |batch| newer(batch, limit.0 * 1_000));
        let kept = join(lake, table, &candidate, options, Some(keep)).await?;
        let kept = kept.map(|mut add| {
            add.data_change = true;
            Action::Add(add)
        });
        let actions = candidate.files.into_iter().map(|file| Action::Remove(file.remove)).chain(kept).collect();
        match commit(lake, table, &delta, actions, Operation::Expire, Value::Null).await? {
            Outcome::Won => {
                tracing::info!(table = table.name, dt = crate::commit::day_text(day), "deleted rows that were kept long enough");
            }
            Outcome::Lost => lost += 1,
        }
        delta = lake.load(table).await?.unwrap_or(delta);
    }
    Ok(delta)
}

/// Whether a file has rows from before the limit; one that does not say is looked into.
fn holds_older(file: &DataFile, limit: Millis) -> bool {
    let limit = limit.text().replace(' ', "T");
    let oldest = file.stats["minValues"]["received_at"].as_str();
    oldest.is_none_or(|oldest| oldest.trim_end_matches('Z') < limit.as_str())
}

/// The rows that were received at a time, in microseconds, or later.
fn newer(batch: &RecordBatch, limit: i64) -> Result<RecordBatch, ArrowError> {
    let received = batch.column_by_name("received_at").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let received = received.ok_or_else(|| ArrowError::SchemaError("rows that expire have a time of receipt".to_owned()))?;
    let kept: BooleanArray = received.iter().map(|time| Some(time.is_some_and(|time| time >= limit))).collect();
    filter_record_batch(batch, &kept)
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
