//! A lake of one table in memory, for tests that look at plans and run them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::{CatalogProvider as _, MemTable, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider as _};
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use crate::{context, plan};

/// A lake of the table `t`, in parts of many batches, for queries with so much memory.
pub(crate) fn lake(parts: Vec<Vec<RecordBatch>>, memory: usize) -> SessionContext {
    let table = MemTable::try_new(parts[0][0].schema(), parts).unwrap();
    let context = context(memory).unwrap();
    {
        let state = context.state_ref();
        let mut state = state.write();
        let execution = &mut state.config_mut().options_mut().execution;
        (execution.target_partitions, execution.sort_spill_reservation_bytes) = (2, 1 << 20);
    }
    let schema = Arc::new(MemorySchemaProvider::new());
    schema.register_table("t".to_owned(), Arc::new(table)).unwrap();
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema("default", schema).unwrap();
    context.register_catalog("awsdatacatalog", Arc::new(catalog));
    context
}

/// How a statement would be run.
pub(crate) async fn physical(state: &SessionState, sql: &str) -> Arc<dyn ExecutionPlan> {
    let plan = plan(state, sql, &[]).await.unwrap();
    state.create_physical_plan(&plan).await.unwrap()
}
