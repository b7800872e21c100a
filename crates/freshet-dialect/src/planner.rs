//! From a query's text to a plan.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::ast::{Query, visit_relations};

use crate::Error;
use crate::binder::{Binder, Table};
use crate::branches::SORT_BRANCHES;
use crate::each_node::EachNode;
use crate::first_rows::KEEP_FIRST_ROWS;
use crate::information::Information;
use crate::looking_back::LOOK_BACK;
use crate::parser;
use crate::repeated::{Planner, ShareRepeated};
use crate::whole_partitions::AGGREGATE_WHOLE_PARTITIONS;

/// The bytes, and where these are not known the rows, of a side of a join that is read whole.
const SMALL_SIDE: usize = 32 << 20;
const SMALL_SIDE_ROWS: usize = 1 << 19;

/// A session with Athena's settings, and a memory limit in bytes.
pub fn context(memory_limit: usize) -> Result<SessionContext, Error> {
    let mut config =
        SessionConfig::new().with_default_catalog_and_schema("awsdatacatalog", "default").with_create_default_catalog_and_schema(false);
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    "nulls_last".clone_into(&mut config.options_mut().sql_parser.default_null_ordering);
    config.options_mut().execution.parquet.schema_force_view_types = false;
    // It would look each row's key up in a join's table, and the join would look it up once more.
    config.options_mut().optimizer.enable_join_dynamic_filter_pushdown = false;
    // A small side of a join is read whole: to divide both by their keys copies each row once more.
    config.options_mut().optimizer.hash_join_single_partition_threshold = SMALL_SIDE;
    config.options_mut().optimizer.hash_join_single_partition_threshold_rows = SMALL_SIDE_ROWS;
    // The one rule lets DataFusion's work on each part of a plan as often as they need.
    config.options_mut().optimizer.max_passes = 1;
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(memory_limit))).build_arc();
    let runtime = runtime.map_err(|error| Error::Execution { message: error.to_string() })?;
    let mut rules = PhysicalOptimizer::default().rules;
    let mut before = |name: &str, added: [EachNode; 2]| {
        let place = rules.iter().position(|rule| rule.name() == name).unwrap_or(rules.len());
        rules.splice(place..place, added.map(|rule| Arc::new(rule) as _));
    };
    before("EnsureRequirements", [KEEP_FIRST_ROWS, AGGREGATE_WHOLE_PARTITIONS]);
    before("EnsureCooperative", [SORT_BRANCHES, LOOK_BACK]);
    let state = SessionStateBuilder::new_with_default_features().with_config(config).with_runtime_env(runtime);
    let state = state.with_optimizer_rules(vec![Arc::new(ShareRepeated)]);
    let state = state.with_physical_optimizer_rules(rules).with_query_planner(Arc::new(Planner));
    Ok(SessionContext::new_with_state(state.build()))
}

/// Plans one query. Each parameter is a literal's text, for the `?` of its place.
pub async fn plan(state: &SessionState, sql: &str, parameters: &[String]) -> Result<LogicalPlan, Error> {
    let query = parser::parse(sql, parameters)?;
    let options = &state.config_options().catalog;
    let (catalog, schema) = (options.default_catalog.to_lowercase(), options.default_schema.to_lowercase());
    let (tables, asks_information) = tables(state, &query, &catalog, &schema).await?;
    let information = if asks_information { Information::load(state, &catalog).await? } else { Information::default() };
    let now = chrono::Utc::now().timestamp_micros();
    // Binding is synchronous, and holds no lock and no thread.
    let binder = Binder {
        tables,
        information,
        catalog,
        schema,
        now,
        next: std::cell::Cell::default(),
        kinds: std::cell::RefCell::default(),
        reads: std::cell::Cell::default(),
        fenced: std::cell::RefCell::default(),
        names: crate::decorrelate::Names::default(),
    };
    let plan = binder.statement(&query)?;
    crate::decorrelate::resolve(plan, &binder.names)
}

/// The tables that a query names and the catalogue has; and whether it asks `information_schema`.
async fn tables(state: &SessionState, query: &Query, catalog: &str, schema: &str) -> Result<(HashMap<Vec<String>, Table>, bool), Error> {
    let mut paths: Vec<Vec<String>> = Vec::new();
    let _ = visit_relations(query, |name| {
        let mut path: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.to_lowercase()).collect();
        if path.len() == 1 {
            path.insert(0, schema.to_owned());
        }
        if path.len() == 2 {
            path.insert(0, catalog.to_owned());
        }
        if !paths.contains(&path) {
            paths.push(path);
        }
        ControlFlow::<()>::Continue(())
    });
    let mut found = HashMap::new();
    let mut asks_information = false;
    for path in paths {
        let [catalog, schema, table] = path.as_slice() else { continue };
        asks_information |= schema == "information_schema";
        let Some(provider) = state.catalog_list().catalog(catalog).and_then(|catalog| catalog.schema(schema)) else { continue };
        if let Some(provider) = provider.table(table).await? {
            let reference = TableReference::full(catalog.clone(), schema.clone(), table.clone());
            found.insert(path.clone(), Table { reference, source: provider_as_source(provider) });
        }
    }
    Ok((found, asks_information))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use datafusion::datasource::ViewTable;
    use datafusion::physical_plan::joins::HashJoinExec;
    use datafusion::physical_plan::{ExecutionPlan, displayable};

    use crate::testing::{lake, physical};

    /// The columns of each join.
    fn joined(plan: &Arc<dyn ExecutionPlan>) -> Vec<usize> {
        let here = plan.downcast_ref::<HashJoinExec>().map(|join| join.schema().fields().len());
        here.into_iter().chain(plan.children().into_iter().flat_map(joined)).collect()
    }

    #[tokio::test]
    async fn a_join_in_a_view_hands_on_what_is_asked_for() {
        let columns: [(&str, ArrayRef); 3] = [
            ("id", Arc::new((0..20_000).collect::<Int64Array>())),
            ("key", Arc::new((0..20_000).map(|id| id % 100).collect::<Int64Array>())),
            ("text", Arc::new((0..20_000).map(|id| Some(format!("text {id}"))).collect::<StringArray>())),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap();
        let context = lake(vec![vec![rows]], 1 << 28);
        for (large, small) in [("a", "b"), ("b", "a")] {
            let sql = format!(
                "SELECT a.id, a.key, a.text, b.id AS other FROM t a JOIN t b ON a.key = b.key WHERE {small}.id < 100 AND {large}.id > 0"
            );
            let view = super::plan(&context.state(), &sql, &[]).await.unwrap();
            let schema = context.catalog("awsdatacatalog").unwrap().schema("default").unwrap();
            schema.register_table("v".to_owned(), Arc::new(ViewTable::new(view, None))).unwrap();
            let plan = physical(&context.state(), "SELECT max(text), max(other) FROM v").await;
            assert_eq!(joined(&plan), [2], "{}", displayable(plan.as_ref()).indent(false));
            schema.deregister_table("v").unwrap();
        }
    }
}
