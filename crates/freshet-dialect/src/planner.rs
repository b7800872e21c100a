//! From a query's text to a plan.

use std::sync::Arc;

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::Error;

/// A session with Athena's settings and functions, and a memory limit in bytes.
pub fn context(memory_limit: usize) -> Result<SessionContext, Error> {
    let mut config = SessionConfig::new().with_default_catalog_and_schema("awsdatacatalog", "default").with_create_default_catalog_and_schema(false);
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    config.options_mut().sql_parser.default_null_ordering = "nulls_last".to_owned();
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(memory_limit))).build_arc();
    let runtime = runtime.map_err(|error| Error::Execution { message: error.to_string() })?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// Plans one query. Each parameter is a literal's text, for the `?` of its place.
pub async fn plan(state: &SessionState, sql: &str, _parameters: &[String]) -> Result<LogicalPlan, Error> {
    state.create_logical_plan(sql).await.map_err(|error| Error::Syntax { message: error.to_string() })
}
