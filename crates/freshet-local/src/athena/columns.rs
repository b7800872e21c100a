//! A table's columns as every operation tells them: a Delta table's are those of its log.

use super::catalogue::{Column, Table};
use super::session::Engine;

/// A table's columns and those of its partitions, read from the log where it is a Delta table.
pub(crate) async fn columns_of(engine: &Engine, table: &Table) -> (Vec<Column>, Vec<Column>) {
    if table.is_delta()
        && let Ok(Some(snapshot)) = engine.deltas.load(&engine.buckets, table).await
    {
        return snapshot.describe();
    }
    (table.storage_descriptor.columns.clone(), table.partition_keys.clone())
}
