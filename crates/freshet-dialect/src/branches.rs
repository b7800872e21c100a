//! Sorts that keep their first rows, over the branches of a `UNION`.
//!
//! DataFusion leaves out of a sort what is constant in each partition, though not the same in all, as what tells the branches of a union
//! apart; the merge above orders by it. But the partitions of such a sort share the least of their last rows, and keep no row that
//! comes after it in what is left of the order: with `'a' AS source` and `'b' AS source`, `ORDER BY source, at LIMIT 1` may find no row of
//! `a` (seen in its version 55.2). Here each branch has a sort of its own.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_expr::equivalence::AcrossPartitions;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::LocalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties as _};

use crate::each_node::EachNode;

/// Sorts each branch by itself. It belongs after the rules that place sorts and limits, and before the one that hands filters down.
pub(crate) const SORT_BRANCHES: EachNode = EachNode { name: "SortBranches", replace: sort_branches };

fn sort_branches(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(None) };
    let Some(fetch) = sort.fetch().filter(|_| sort.preserve_partitioning() && differs(sort.input())) else { return Ok(None) };
    let over = |input| SortExec::new(sort.expr().clone(), input).with_preserve_partitioning(true);
    let Some(branches) = branches(sort.input())? else {
        return Ok(Some(Arc::new(LocalLimitExec::new(Arc::new(over(Arc::clone(sort.input()))), fetch))));
    };
    let sorts = branches.into_iter().map(|branch| Arc::new(over(branch).with_fetch(Some(fetch))) as _);
    UnionExec::try_new(sorts.collect()).map(Some)
}

/// Whether something is constant in each of many partitions, and not the same in all.
fn differs(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let constants = plan.equivalence_properties().constants();
    plan.output_partitioning().partition_count() > 1
        && constants.iter().any(|constant| constant.across_partitions == AcrossPartitions::Heterogeneous)
}

/// The branches of a union, each with what is done with the rows of the union; `None` where that is more than filters and projections.
fn branches(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Vec<Arc<dyn ExecutionPlan>>>> {
    if let Some(union) = plan.downcast_ref::<UnionExec>() {
        let names = |plan: &Arc<dyn ExecutionPlan>| plan.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        let wanted = names(plan);
        let are_alike = union.inputs().iter().all(|input| names(input) == wanted);
        return Ok(are_alike.then(|| union.inputs().clone()));
    }
    let input = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        projection.input()
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        filter.input()
    } else {
        return Ok(None);
    };
    let Some(below) = branches(input)? else { return Ok(None) };
    below.into_iter().map(|branch| replace_children_if_necessary(Arc::clone(plan), vec![branch])).collect::<Result<_>>().map(Some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::arrow::util::display::array_value_to_string;
    use datafusion::physical_plan::collect;

    use crate::testing::{lake, physical};

    const ROWS: i64 = 20_000;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_branch_that_comes_first_gives_the_first_rows() {
        let part = |from: i64| {
            let batch = |at: i64| {
                let ids: ArrayRef = Arc::new((at..at + 1_000).collect::<Int64Array>());
                RecordBatch::try_from_iter_with_nullable([("id", ids, true)]).unwrap()
            };
            (from..from + ROWS / 2).step_by(1_000).map(batch).collect::<Vec<_>>()
        };
        let context = lake(vec![part(0), part(ROWS / 2)], 1 << 28);
        let two = "(SELECT 10 AS c, id FROM t UNION ALL SELECT NULL, id - 50000 FROM t) u";
        for (sql, wanted) in [
            (format!("SELECT c, id FROM {two} ORDER BY c, id LIMIT 2"), "10 0, 10 1"),
            (format!("SELECT c, id + 1 FROM {two} WHERE id % 7 = 3 ORDER BY c, id OFFSET 1 LIMIT 2"), "10 11, 10 18"),
            ("SELECT s, id FROM (SELECT 'b' AS s, -id AS id FROM t UNION ALL SELECT 'a', id FROM t UNION ALL SELECT 'c', -9 - id FROM t) u ORDER BY s, id LIMIT 2".to_owned(), "a 0, a 1"),
            (format!("SELECT u.c, u.id FROM {two} LEFT JOIN (SELECT DISTINCT id % 10 AS k FROM t) v ON u.id = v.k ORDER BY u.c, u.id LIMIT 2"), "10 0, 10 1"),
            (format!("SELECT c, id FROM {two} ORDER BY id, c LIMIT 2"), " -50000,  -49999"),
        ] {
            for _ in 0..20 {
                let plan = physical(&context.state(), &sql).await;
                let found = collect(plan, context.task_ctx()).await.unwrap();
                let rows = found.iter().flat_map(|batch| {
                    (0..batch.num_rows()).map(|row| {
                        let value = |column| array_value_to_string(batch.column(column), row).unwrap();
                        format!("{} {}", value(0), value(1))
                    })
                });
                assert_eq!(rows.collect::<Vec<_>>().join(", "), wanted, "{sql}");
            }
        }
    }
}
