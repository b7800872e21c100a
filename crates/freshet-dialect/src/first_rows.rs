//! The first row of each partition without sorting: what `row_number() OVER (PARTITION BY … ORDER BY …) = 1` asks for; or the first
//! rows, where it is a `rank` that is 1.
//!
//! "The latest version of each order" is the commonest question to a lake of events. DataFusion sorts all rows by partition and order
//! and numbers them, to throw away all but one of each partition; [`FirstRowsExec`] stands in for that window where [`rule`] finds
//! that a filter above it keeps the number 1 alone. It keeps the best row so far of each partition ([`keeper`]) and hands the rows on
//! as they came, with the number 1 behind them, so that all that stands above stays as it was. Rows that tie for a number are told apart by
//! nothing, as in a sort. Where memory does not suffice it hands what it has kept, and the rest of its input, to the sort and the window after
//! all, which can spill.
//!
//! DataFusion has an operator for the first few of each partition (`PartitionedTopKExec`), off by default: it has a heap a
//! partition, which costs more than the sort where partitions are many and small, as here.

mod keeper;
mod rule;

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_expr::{Distribution, EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputOrderMode, PlanProperties, apply_expression_roots,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use self::keeper::Keeper;
pub(crate) use self::rule::KEEP_FIRST_ROWS;
use crate::handed;
use crate::room::Room;

/// What becomes of rows that tie for the first place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ties {
    /// One of them is first: `row_number`.
    Broken,
    /// All of them are: `rank` and `dense_rank`.
    Kept,
}

/// The metric that counts how often memory did not suffice.
const SORTED: &str = "sorted";

/// The first row of each partition, with its number behind it.
#[derive(Debug, Clone)]
struct FirstRowsExec {
    input: Arc<dyn ExecutionPlan>,
    /// The number or rank that it stands in for.
    window: Arc<dyn WindowExpr>,
    ties: Ties,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl FirstRowsExec {
    /// In place of a window over `input` whose rows have `schema`.
    fn new(input: Arc<dyn ExecutionPlan>, window: Arc<dyn WindowExpr>, ties: Ties, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            input.output_partitioning().clone(),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { input, window, ties, schema, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for FirstRowsExec {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partition: Vec<String> = self.window.partition_by().iter().map(ToString::to_string).collect();
        let order: Vec<String> = self.window.order_by().iter().map(ToString::to_string).collect();
        write!(out, "FirstRowsExec: partition=[{}], order=[{}]", partition.join(", "), order.join(", "))
    }
}

impl ExecutionPlan for FirstRowsExec {
    fn name(&self) -> &'static str {
        "FirstRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::KeyPartitioned(self.window.partition_by().to_vec())]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop().filter(|_| children.is_empty()) else {
            return internal_err!("the first rows are of one input");
        };
        Ok(Arc::new(Self::new(input, Arc::clone(&self.window), self.ties, Arc::clone(&self.schema))))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(&self, each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        let order = self.window.order_by().iter().map(|order| &order.expr);
        apply_expression_roots(self.window.partition_by().iter().chain(order), each)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let keeper = Keeper::new(&input.schema(), self.window.partition_by(), self.window.order_by(), self.ties)?;
        let room = Room::new("FirstRows", partition, self.input.output_partitioning().partition_count(), &context);
        let (window, schema) = (Arc::clone(&self.window), Arc::clone(&self.schema));
        let sorted = MetricBuilder::new(&self.metrics).counter(SORTED, partition);
        let rows = stream::once(keep(input, keeper, room, (window, sorted), schema, context)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Reads all of the input and gives the kept rows; or, where memory does not suffice, those of a sort.
async fn keep(
    mut input: SendableRecordBatchStream,
    mut keeper: Keeper,
    room: Room,
    (window, sorted): (Arc<dyn WindowExpr>, Count),
    schema: SchemaRef,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    while let Some(batch) = input.try_next().await? {
        keeper.push(batch)?;
        if !room.resize(keeper.size()) {
            keeper.drop_beaten()?;
            if !room.resize(keeper.size()) {
                sorted.add(1);
                return sort(keeper.into_batches(), &room, input, &window, &schema, context);
            }
        }
    }
    let kept = stream::iter(keeper.into_batches()).map(move |batch| {
        let (batch, bytes) = batch?;
        room.shrink(bytes);
        numbered(&batch, &schema)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(input.schema(), kept)))
}

/// Rows with the number 1 behind them.
fn numbered(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let number: ArrayRef = Arc::new(UInt64Array::from_value(1, batch.num_rows()));
    let columns = batch.columns().iter().cloned().chain([number]).collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// What was kept and what is still to come, through the sort and the window that were stood in for.
fn sort(
    kept: impl Iterator<Item = Result<(RecordBatch, usize)>> + Send + 'static,
    room: &Room,
    rest: SendableRecordBatchStream,
    window: &Arc<dyn WindowExpr>,
    schema: &SchemaRef,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let given = rest.schema();
    room.free();
    let all = stream::iter(kept.map(|batch| Ok(batch?.0))).chain(rest);
    let rows = Box::pin(RecordBatchStreamAdapter::new(given, all));
    let partition = window.partition_by().iter().map(|key| PhysicalSortExpr::new_default(Arc::clone(key)));
    let Some(order) = LexOrdering::new(partition.chain(window.order_by().iter().cloned())) else {
        return internal_err!("a window without partitions has no first rows");
    };
    let sorted = Arc::new(SortExec::new(order, handed::plan_of(rows)?));
    let numbered = BoundedWindowAggExec::try_new(vec![Arc::clone(window)], sorted, InputOrderMode::Sorted, false)?;
    let one = UInt64Array::new_scalar(1);
    let first = numbered.execute(0, context)?.map(move |batch| {
        let batch = batch?;
        let numbers = batch.column(batch.num_columns() - 1);
        Ok(filter_record_batch(&batch, &eq(numbers, &one)?)?)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), first)))
}

#[cfg(test)]
mod tests;
