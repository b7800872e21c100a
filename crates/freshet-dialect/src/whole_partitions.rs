//! Windows over whole partitions without sorting: `max(gold) OVER (PARTITION BY match)`, which is one value for all rows of a partition.
//!
//! DataFusion sorts the rows by their partition, to have each together. [`WholePartitionsExec`] aggregates them as a `GROUP BY` would and
//! gives each row its group's value; the rows come out in the order in which they came. As a sort must, it keeps all rows
//! until the last has come. Where memory does not suffice it hands what it has, and the rest of its input, to the sort and the window
//! that it stands in for, which can spill.

mod rule;

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, WindowExpr};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::execution_plan::{Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, apply_expression_roots,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

pub(crate) use self::rule::AGGREGATE_WHOLE_PARTITIONS;
use crate::handed;
use crate::room::Room;

/// The metric that counts how often memory did not suffice.
const SORTED: &str = "sorted";

type Windows = Vec<Arc<dyn WindowExpr>>;

/// Rows with the aggregates of their partition behind them.
#[derive(Debug, Clone)]
struct WholePartitionsExec {
    input: Arc<dyn ExecutionPlan>,
    /// Of one partition, all of them [`PlainAggregateWindowExpr`].
    windows: Windows,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl WholePartitionsExec {
    /// In place of windows over `input` whose rows have `schema`.
    fn new(input: Arc<dyn ExecutionPlan>, windows: Windows, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            input.output_partitioning().clone(),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { input, windows, schema, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }

    fn partition_by(&self) -> &[Arc<dyn PhysicalExpr>] {
        self.windows.first().map_or(&[], |window| window.partition_by())
    }
}

impl DisplayAs for WholePartitionsExec {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partition: Vec<String> = self.partition_by().iter().map(ToString::to_string).collect();
        let names: Vec<&str> = self.windows.iter().map(|window| window.name()).collect();
        write!(out, "WholePartitionsExec: partition=[{}], aggregates=[{}]", partition.join(", "), names.join(", "))
    }
}

impl ExecutionPlan for WholePartitionsExec {
    fn name(&self) -> &'static str {
        "WholePartitionsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::KeyPartitioned(self.partition_by().to_vec())]
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
            return internal_err!("partitions are of one input");
        };
        Ok(Arc::new(Self::new(input, self.windows.clone(), Arc::clone(&self.schema))))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(&self, each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        let arguments: Vec<_> = self.windows.iter().flat_map(|window| window.expressions()).collect();
        apply_expression_roots(self.partition_by().iter().chain(&arguments), each)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let partitions = Partitions::new(&input.schema(), &self.windows)?;
        let room = Room::new("WholePartitions", partition, self.input.output_partitioning().partition_count(), &context);
        let sorted = MetricBuilder::new(&self.metrics).counter(SORTED, partition);
        let rows = aggregate(input, partitions, room, (self.windows.clone(), sorted), Arc::clone(&self.schema), context);
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::once(rows).try_flatten())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// What is known of the rows that have come.
struct Partitions {
    by: Vec<Arc<dyn PhysicalExpr>>,
    keys: Box<dyn GroupValues>,
    aggregates: Vec<Aggregate>,
    /// Each batch with its rows' partitions and its bytes.
    batches: Vec<(RecordBatch, UInt32Array, usize)>,
    bytes: usize,
}

struct Aggregate {
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    accumulator: Box<dyn GroupsAccumulator>,
}

impl Partitions {
    fn new(schema: &Schema, windows: &[Arc<dyn WindowExpr>]) -> Result<Self> {
        let by = windows.first().map_or_else(Vec::new, |window| window.partition_by().to_vec());
        let fields = by.iter().map(|key| Ok(Field::new("", key.data_type(schema)?, true))).collect::<Result<Vec<_>>>()?;
        let aggregate = |window: &Arc<dyn WindowExpr>| match rule::aggregate(window) {
            Some(aggregate) => Ok(Aggregate { arguments: aggregate.expressions(), accumulator: aggregate.create_groups_accumulator()? }),
            None => internal_err!("{} is no aggregate of whole partitions", window.name()),
        };
        Ok(Self {
            by,
            keys: new_group_values(Arc::new(Schema::new(fields)), &GroupOrdering::None)?,
            aggregates: windows.iter().map(aggregate).collect::<Result<_>>()?,
            batches: Vec::new(),
            bytes: 0,
        })
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let arrays = |exprs: &[Arc<dyn PhysicalExpr>]| -> Result<Vec<ArrayRef>> {
            exprs.iter().map(|expr| expr.evaluate(&batch)?.into_array(rows)).collect()
        };
        let mut groups = Vec::with_capacity(rows);
        self.keys.intern(&arrays(&self.by)?, &mut groups)?;
        for aggregate in &mut self.aggregates {
            aggregate.accumulator.update_batch(&arrays(&aggregate.arguments)?, &groups, None, self.keys.len())?;
        }
        let groups = groups.into_iter().map(u32::try_from).collect::<Result<Vec<u32>, _>>();
        let Ok(groups) = groups else { return exec_err!("more than {} partitions", u32::MAX) };
        let bytes = get_record_batch_memory_size(&batch) + rows * size_of::<u32>();
        self.bytes += bytes;
        self.batches.push((batch, UInt32Array::from(groups), bytes));
        Ok(())
    }

    fn size(&self) -> usize {
        self.bytes + self.keys.size() + self.aggregates.iter().map(|aggregate| aggregate.accumulator.size()).sum::<usize>()
    }
}

/// Reads all of the input and gives it with its aggregates; or, where memory does not suffice, what a sort and the windows give.
async fn aggregate(
    mut input: SendableRecordBatchStream,
    mut partitions: Partitions,
    room: Room,
    (windows, sorted): (Windows, Count),
    schema: SchemaRef,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    while let Some(batch) = input.try_next().await? {
        partitions.push(batch)?;
        if !room.resize(partitions.size()) {
            sorted.add(1);
            room.free();
            return sort(partitions, input, windows, context);
        }
    }
    let Partitions { keys, aggregates, batches, .. } = partitions;
    drop(keys);
    let values = aggregates.into_iter().map(|mut aggregate| aggregate.accumulator.evaluate(EmitTo::All)).collect::<Result<Vec<_>>>()?;
    let given = Arc::clone(&schema);
    let rows = stream::iter(batches).map(move |(batch, groups, bytes)| {
        let of_rows = values.iter().map(|values| take(values, &groups, None)).collect::<Result<Vec<_>, _>>()?;
        room.shrink(bytes);
        Ok(RecordBatch::try_new(Arc::clone(&schema), batch.columns().iter().cloned().chain(of_rows).collect())?)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(given, rows)))
}

/// What has come and what is still to come, through the sort and the windows that were stood in for.
fn sort(
    partitions: Partitions,
    rest: SendableRecordBatchStream,
    windows: Windows,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let Partitions { by, batches, .. } = partitions;
    let Some(order) = LexOrdering::new(by.into_iter().map(PhysicalSortExpr::new_default)) else {
        return internal_err!("a window without partitions needs no sort");
    };
    let given = rest.schema();
    let all = stream::iter(batches).map(|(batch, ..)| Ok(batch)).chain(rest);
    let rows = handed::plan_of(Box::pin(RecordBatchStreamAdapter::new(given, all)))?;
    WindowAggExec::try_new(windows, Arc::new(SortExec::new(order, rows)), false)?.execute(0, context)
}

#[cfg(test)]
mod tests;
