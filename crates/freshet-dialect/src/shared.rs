//! A relation that a query reads several times, worked out once: a `WITH` query that is named twice, a view in two places, the
//! relation around a correlated subquery.
//!
//! DataFusion works out such a relation again at each place. [`rule`] finds it in the plan, by what is equal and holds more than a
//! scan, and puts a [`Shared`] node over each of its places; each becomes a [`exec::SharedExec`], and all of one relation read
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

/// One of the places at which a relation is read.
#[derive(Debug, Clone)]
struct Shared {
    /// Which of the query's repeated relations it is.
    id: usize,
    input: LogicalPlan,
    /// What all places read. While there is none, the optimizer is asked which columns a place needs: it may leave out others.
    rows: Option<Arc<Rows>>,
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.rows.is_some() == other.rows.is_some() && self.input == other.input
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, self.rows.is_some()).hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for Shared {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal).or_else(|| Some(self.id.cmp(&other.id)).filter(|order| order.is_ne()))
    }
}

// No condition goes below it, which is the trait's default: another place may want the rows.
impl UserDefinedLogicalNodeCore for Shared {
    fn name(&self) -> &'static str {
        "Shared"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Shared: {}", self.id)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Some(input) = inputs.pop().filter(|_| inputs.is_empty()) else { return internal_err!("a shared relation has one input") };
        Ok(Self { input, ..self.clone() })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        self.rows.is_none().then(|| vec![output_columns.to_vec()])
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
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(shared), [input]) = (node.as_any().downcast_ref::<Shared>(), inputs) else { return Ok(None) };
        Ok(Some(match &shared.rows {
            Some(rows) if rows.are_of(&shared.input) => Arc::new(SharedExec::new(Arc::clone(input), Arc::clone(rows))),
            // What became another relation in the meantime reads for itself.
            _ => Arc::clone(input),
        }))
    }
}

#[cfg(test)]
mod tests;
