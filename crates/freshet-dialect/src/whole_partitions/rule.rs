//! Which windows are over whole partitions.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use super::{PlainAggregateWindowExpr, WholePartitionsExec};
use crate::each_node::EachNode;

/// Puts [`WholePartitionsExec`] in the place of windows. It belongs before the rule that adds sorts, since nothing may rely on one.
pub(crate) const AGGREGATE_WHOLE_PARTITIONS: EachNode = EachNode { name: "AggregateWholePartitions", replace: aggregate_whole_partitions };

fn aggregate_whole_partitions(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (input, windows) = if let Some(window) = node.downcast_ref::<WindowAggExec>() {
        (window.input(), window.window_expr())
    } else if let Some(window) = node.downcast_ref::<BoundedWindowAggExec>() {
        (window.input(), window.window_expr())
    } else {
        return Ok(None);
    };
    if !windows.iter().all(|window| aggregate(window).is_some()) {
        return Ok(None);
    }
    Ok(Some(Arc::new(WholePartitionsExec::new(Arc::clone(input), windows.to_vec(), node.schema()))))
}

/// The aggregate of a window that is the same for all rows of a partition, if it can be reckoned for many partitions at once. None has a
/// `FILTER`, which Athena's SQL has not for windows.
pub(super) fn aggregate(window: &Arc<dyn WindowExpr>) -> Option<&AggregateFunctionExpr> {
    let plain = window.as_any().downcast_ref::<PlainAggregateWindowExpr>()?;
    let aggregate = plain.get_aggregate_expr();
    let frame = window.get_window_frame();
    let is_whole = frame.start_bound.is_unbounded()
        && (frame.end_bound.is_unbounded()
            || frame.units == WindowFrameUnits::Range && matches!(frame.end_bound, WindowFrameBound::CurrentRow));
    let is_plain =
        window.order_by().is_empty() && !window.partition_by().is_empty() && !aggregate.is_distinct() && aggregate.order_bys().is_empty();
    (is_whole && is_plain && aggregate.groups_accumulator_supported()).then_some(aggregate)
}
