//! Retention: rows of a table that keeps them for some days only are deleted; their files go with the next vacuum.
//!
//! A file goes when its newest row has been kept long enough. Files of such tables are small and of a few days, so that no
//! row stays much longer than it should.

use chrono::DateTime;
use deltalake::kernel::Action;
use freshet_ingest::time::{DAY, Millis};
use freshet_schema::Table;
use serde_json::Value;

use crate::commit::{Outcome, commit, files};
use crate::compact::Options;
use crate::error::Error;
use crate::lake::Lake;

/// Takes out of a table what it has kept long enough.
pub(crate) async fn expire(lake: &Lake, table: &Table, options: &Options) -> Result<(), Error> {
    let Some(days) = table.retention_days else {
        return Ok(());
    };
    let before = Millis(options.now.0 - i64::from(days) * DAY);
    let limit = DateTime::from_timestamp_millis(before.0).map(|time| time.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()).unwrap_or_default();
    loop {
        let Some(delta) = lake.load(table).await? else {
            return Ok(());
        };
        let old = files(&delta, table).await?.into_iter().filter(|file| {
            let newest = file.stats["maxValues"]["received_at"].as_str();
            newest.is_some_and(|newest| newest.trim_end_matches('Z') < limit.as_str())
        });
        let actions: Vec<Action> = old.map(|file| Action::Remove(file.remove)).collect();
        if actions.is_empty() {
            return Ok(());
        }
        let count = actions.len();
        if commit(lake, table, &delta, actions, "expire", Value::Null).await? == Outcome::Won {
            tracing::info!(table = table.name, files = count, "deleted rows that were kept long enough");
            return Ok(());
        }
    }
}
