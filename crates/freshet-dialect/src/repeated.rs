//! A relation that a query reads several times, worked out once: a `WITH` query that is named twice, a view in two places, the
//! relation around a correlated subquery.
//!
//! DataFusion works out such a relation again at each place. [`rule`] finds it in the plan, by what is equal and holds more than a
//! scan, and puts a [`Shared`] node in each of its places; each becomes a [`exec::SharedExec`], and all of one relation read
//! the same [`rows::Rows`]. The first to run works the relation out, as far as any of them has asked; what one of
//! them has yet to read is kept in memory, or on disk where memory does not suffice.

mod exec;
mod fallible;
mod rows;
mod rule;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchemaRef, Result, internal_err};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use self::exec::SharedExec;
use self::rows::Rows;
pub(crate) use self::rule::ShareRepeated;

/// A relation that is read at several places, of the columns that these need.
#[derive(Debug)]
struct Relation {
    plan: LogicalPlan,
    /// As its places know it: once it is optimized more columns may be known to have no NULL.
    schema: DFSchemaRef,
    rows: Rows,
}

/// One of the places at which a relation is read. It has no inputs, so that no rule takes anything from around it into the relation.
#[derive(Debug, Clone)]
struct Shared {
    /// Which of the query's repeated relations it is.
    id: usize,
    schema: DFSchemaRef,
    /// None on trial.
    relation: Option<Arc<Relation>>,
    /// Whether the plan that runs shows the relation here.
    shows: bool,
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.shows, &self.schema) == (other.id, other.shows, &other.schema)
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, self.shows).hash(state);
    }
}

impl PartialOrd for Shared {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal).or_else(|| Some(self.id.cmp(&other.id)).filter(|order| order.is_ne()))
    }
}

impl UserDefinedLogicalNodeCore for Shared {
    fn name(&self) -> &'static str {
        "Shared"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Shared: {}", self.id)?;
        match &self.relation {
            Some(relation) if self.shows => write!(out, ", worked out once:\n{}", relation.plan.display_indent()),
            _ => Ok(()),
        }
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, _: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}

/// DataFusion's planner, which knows shared relations too.
#[derive(Debug)]
pub(crate) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Planner)]).create_physical_plan(plan, session).await
    }
}

#[async_trait]
impl ExtensionPlanner for Planner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        _: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(shared) = node.as_any().downcast_ref::<Shared>() else { return Ok(None) };
        let Some(relation) = &shared.relation else { return internal_err!("a shared relation is planned on trial") };
        let plan = relation.rows.plan(&relation.plan, session).await?;
        Ok(Some(Arc::new(SharedExec::new(plan, Arc::clone(relation), shared.shows))))
    }
}

#[cfg(test)]
mod tests;
