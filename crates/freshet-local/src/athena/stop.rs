//! The stop of a query, where a plan would not hear it. A task that is aborted ends where it pauses, and a join that throws away
//! almost every pair of rows pauses nowhere: it looks on within itself until it has a batch of rows to give. So its condition asks
//! before each batch of pairs, and fails once the query is stopped.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, HashJoinExecBuilder, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

/// Whether a query is to stop.
#[derive(Debug, Default)]
pub(crate) struct Stop(AtomicBool);

impl Stop {
    /// Stops the query.
    pub(crate) fn pull(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_pulled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Lets a stop be heard within the operators that make many rows of few, or few of very many: a join of two small tables can go on
/// for hours without asking its inputs for more, and DataFusion pauses at its sources alone.
pub(crate) fn interruptible(plan: Arc<dyn ExecutionPlan>, stop: &Arc<Stop>) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|node| {
        if node.name().ends_with("JoinExec") || node.name().ends_with("UnnestExec") {
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(heeding(node, stop)?)) as Arc<dyn ExecutionPlan>));
        }
        Ok(Transformed::no(node))
    });
    wrapped.data()
}

/// A join whose condition asks whether to stop.
fn heeding(node: Arc<dyn ExecutionPlan>, stop: &Arc<Stop>) -> Result<Arc<dyn ExecutionPlan>> {
    let wrap = |filter: &JoinFilter| {
        let condition = Heeding { condition: Arc::clone(filter.expression()), stop: Arc::clone(stop) };
        JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    };
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>()
        && let Some(filter) = join.filter()
    {
        return Ok(Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(Some(wrap(filter))).build()?));
    }
    if let Some(join) = node.downcast_ref::<HashJoinExec>()
        && let Some(filter) = join.filter()
    {
        return HashJoinExecBuilder::from(join).with_filter(Some(wrap(filter))).build_exec();
    }
    Ok(node)
}

/// A condition that fails once its query is stopped.
#[derive(Debug)]
struct Heeding {
    condition: Arc<dyn PhysicalExpr>,
    stop: Arc<Stop>,
}

impl fmt::Display for Heeding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)
    }
}

impl PartialEq for Heeding {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition) && Arc::ptr_eq(&self.stop, &other.stop)
    }
}

impl Eq for Heeding {}

impl Hash for Heeding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl PhysicalExpr for Heeding {
    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.stop.is_pulled() {
            return Err(DataFusionError::Execution("Query cancelled by user".to_owned()));
        }
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children.pop().unwrap_or_else(|| Arc::clone(&self.condition));
        Ok(Arc::new(Self { condition, stop: Arc::clone(&self.stop) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::SessionContext;

    use super::*;

    /// The rows of a join's answer, or why there are none.
    async fn run(sql: &str, join: &str, is_stopped: bool) -> Result<usize> {
        let context = SessionContext::new();
        for name in ["a", "b"] {
            let sql = format!("CREATE TABLE {name} AS SELECT * FROM (VALUES (1, 'x'), (2, 'y'), (3, 'z')) AS t (id, word)");
            context.sql(&sql).await?.collect().await?;
        }
        let stop = Arc::new(Stop::default());
        let plan = interruptible(context.sql(sql).await?.create_physical_plan().await?, &stop)?;
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        assert!(shown.contains(join), "{shown}");
        if is_stopped {
            stop.pull();
        }
        Ok(collect(plan, context.task_ctx()).await?.iter().map(RecordBatch::num_rows).sum())
    }

    #[tokio::test]
    async fn a_join_that_gives_no_rows_hears_that_its_query_is_stopped() {
        for (join, sql) in [
            ("NestedLoopJoinExec", "SELECT * FROM a JOIN b ON a.id * b.id = 6"),
            ("NestedLoopJoinExec", "SELECT * FROM a LEFT JOIN b ON a.id + b.id = 100"),
            ("HashJoinExec", "SELECT * FROM a JOIN b ON a.id = b.id AND a.word || b.word <> 'xx'"),
        ] {
            assert!(run(sql, join, false).await.unwrap() > 0, "{sql}");
            let stopped = run(sql, join, true).await.unwrap_err().to_string();
            assert!(stopped.contains("Query cancelled by user"), "{sql}: {stopped}");
        }
    }
}
