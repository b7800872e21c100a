//! Windows that look at no more than the row before: `row_number()` and `lag(status)`.
//!
//! DataFusion's window looks each partition up, keeps a state of it and works its rows out one by one, which for partitions of a few rows
//! is a third of what a statement takes. [`LookBackExec`] goes along the sorted rows once, batch by batch, and keeps the last row alone.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, BooleanArray, RecordBatch, UInt64Array, make_comparator, new_null_array};
use datafusion::arrow::compute::kernels::nullif::nullif;
use datafusion::arrow::compute::{SortOptions, concat, partition};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_expr::{OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions, replace_children_if_necessary};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput as _};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowUDFExpr};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, InputOrderMode, PlanProperties,
};
use futures::StreamExt as _;

use crate::each_node::EachNode;

/// Puts [`LookBackExec`] in the place of windows. It belongs after the rules that place sorts, and turn windows round to fit them.
pub(crate) const LOOK_BACK: EachNode = EachNode { name: "LookBack", replace: look_back };

fn look_back(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some((by, functions)) = node.downcast_ref::<BoundedWindowAggExec>().and_then(functions) else { return Ok(None) };
    Ok(Some(Arc::new(LookBackExec { window: Arc::clone(node), by, functions, metrics: ExecutionPlanMetricsSet::new() })))
}

/// What is worked out of a row and the one before it.
#[derive(Debug, Clone)]
enum Function {
    RowNumber,
    /// What this is in the row before, or NULL in the first of a partition.
    Lag(Arc<dyn PhysicalExpr>),
}

type Exprs = Vec<Arc<dyn PhysicalExpr>>;

/// The partition of a window's functions and these, if its rows come sorted by it and it has no others.
fn functions(window: &BoundedWindowAggExec) -> Option<(Exprs, Vec<Function>)> {
    let by = window.window_expr().first()?.partition_by();
    let functions = window.window_expr().iter().map(function).collect::<Option<Vec<_>>>()?;
    (window.input_order_mode == InputOrderMode::Sorted).then(|| (by.to_vec(), functions))
}

fn function(window: &Arc<dyn WindowExpr>) -> Option<Function> {
    let function = window.as_any().downcast_ref::<StandardWindowExpr>()?.get_standard_func_expr();
    let call = function.as_any().downcast_ref::<WindowUDFExpr>()?;
    match (call.fun().name(), call.args()) {
        ("row_number", []) => Some(Function::RowNumber),
        ("lag", [value, rest @ ..]) => {
            // By one row, not turned round and with NULL as any value: of ten rows it looks at 4 and 5 for row 5.
            let looks_at = function.create_evaluator().and_then(|evaluator| evaluator.get_range(5, 10)).ok()?;
            let has_default = rest.get(1).is_some_and(|default| !default.downcast_ref::<Literal>().is_some_and(|it| it.value().is_null()));
            (looks_at == (4..6) && !has_default).then(|| Function::Lag(Arc::clone(value)))
        }
        _ => None,
    }
}

/// Rows with what a window's functions give behind them.
#[derive(Debug, Clone)]
struct LookBackExec {
    /// What it stands in for: what it asks of its input and says of its rows is the same.
    window: Arc<dyn ExecutionPlan>,
    by: Exprs,
    functions: Vec<Function>,
    metrics: ExecutionPlanMetricsSet,
}

impl DisplayAs for LookBackExec {
    fn fmt_as(&self, how: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "LookBackExec: ")?;
        self.window.fmt_as(how, out)
    }
}

impl ExecutionPlan for LookBackExec {
    fn name(&self) -> &'static str {
        "LookBackExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.window.properties()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.window.required_input_ordering()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.window.input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.window.maintains_input_order()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.window.children()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let window = replace_children_if_necessary(Arc::clone(&self.window), children)?;
        Ok(Arc::new(Self { window, metrics: ExecutionPlanMetricsSet::new(), ..(*self).clone() }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(&self, each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        self.window.apply_expressions(each)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let [input] = self.window.children()[..] else { return internal_err!("a window has one input") };
        let input = input.execute(partition, context)?;
        let mut rows = Rows { by: self.by.clone(), functions: self.functions.clone(), last: None, schema: self.schema() };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let given = input.map(move |batch| {
            let _timer = metrics.elapsed_compute().timer();
            rows.of(&batch?).record_output(&metrics)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), given)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Going along the rows of one stream.
struct Rows {
    by: Exprs,
    functions: Vec<Function>,
    last: Option<Last>,
    schema: SchemaRef,
}

/// The last row that was seen: its partition, its number there, and what each function looks back at, arrays of one row.
struct Last {
    keys: Vec<ArrayRef>,
    number: u64,
    values: Vec<Option<ArrayRef>>,
}

impl Rows {
    fn of(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(RecordBatch::new_empty(Arc::clone(&self.schema)));
        }
        let array = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(rows);
        let keys = self.by.iter().map(array).collect::<Result<Vec<_>>>()?;
        let begins = self.begins(&keys, rows)?;
        let mut number = self.last.as_ref().map_or(0, |last| last.number);
        let numbers: UInt64Array = begins
            .iter()
            .map(|begins| {
                number = if *begins { 1 } else { number + 1 };
                number
            })
            .collect();
        let (numbers, begins): (ArrayRef, _) = (Arc::new(numbers), BooleanArray::from(begins));
        let mut columns = batch.columns().to_vec();
        let mut values = Vec::with_capacity(self.functions.len());
        for (at, function) in self.functions.iter().enumerate() {
            let Function::Lag(value) = function else {
                columns.push(Arc::clone(&numbers));
                values.push(None);
                continue;
            };
            let value = array(value)?;
            let before = self.last.as_ref().and_then(|last| last.values[at].clone());
            let before = before.unwrap_or_else(|| new_null_array(value.data_type(), 1));
            columns.push(nullif(&concat(&[&before, &value.slice(0, rows - 1)])?, &begins)?);
            values.push(Some(value.slice(rows - 1, 1)));
        }
        let keys = keys.iter().map(|key| key.slice(rows - 1, 1)).collect();
        self.last = Some(Last { keys, number, values });
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Which of so many rows, of which there is one at least, begin a partition.
    fn begins(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<bool>> {
        let mut begins = vec![false; rows];
        if !keys.is_empty() {
            partition(keys)?.ranges().into_iter().for_each(|range| begins[range.start] = true);
        }
        begins[0] = match &self.last {
            Some(last) => {
                let mut differs = false;
                for (last, key) in last.keys.iter().zip(keys) {
                    differs |= make_comparator(last, key, SortOptions::default())?(0, 0).is_ne();
                }
                differs
            }
            None => true,
        };
        Ok(begins)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::physical_plan::{collect, displayable};

    use crate::testing::{lake, physical};

    const ROWS: i64 = 40_000;

    /// Few rows of a partition, and for one of them thousands.
    fn key(id: i64) -> Option<i64> {
        (id % 11 > 0).then_some(if id % 3 == 0 { -1 } else { id * 7_919 % 9_001 })
    }

    fn status(id: i64) -> Option<String> {
        (id % 5 > 0).then(|| format!("s{}", id * 31 % 1_009))
    }

    #[tokio::test]
    async fn rows_are_numbered_and_know_the_row_before() {
        let batch = |ids: std::ops::Range<i64>| {
            let columns: [(&str, ArrayRef); 3] = [
                ("id", Arc::new(ids.clone().collect::<Int64Array>())),
                ("key", Arc::new(ids.clone().map(key).collect::<Int64Array>())),
                ("status", Arc::new(ids.map(status).collect::<StringArray>())),
            ];
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
        };
        let part = |begin: i64| (0..ROWS / 2_000).map(|at| batch(begin + at * 1_000..begin + (at + 1) * 1_000)).collect();
        let context = lake(vec![part(0), part(ROWS / 2)], 1 << 28);
        let mut partitions: BTreeMap<Option<i64>, Vec<i64>> = BTreeMap::new();
        (0..ROWS).for_each(|id| partitions.entry(key(id)).or_default().push(id));
        let everyone: Vec<i64> = (0..ROWS).collect();
        for over in ["PARTITION BY key ORDER BY id", "ORDER BY id"] {
            let sql = format!("SELECT id, row_number() OVER w AS number, lag(status) OVER w AS before FROM t WINDOW w AS ({over})");
            let plan = physical(&context.state(), &sql).await;
            let shown = displayable(plan.as_ref()).indent(false).to_string();
            assert!(shown.contains("LookBackExec"), "{shown}");
            let mut seen = 0;
            for batch in collect(plan, context.task_ctx()).await.unwrap() {
                let [ids, numbers] = [0, 1].map(|at| batch.column(at).as_primitive::<Int64Type>());
                let before = batch.column(2).as_string::<i32>();
                for row in 0..batch.num_rows() {
                    let id = ids.value(row);
                    let all = if over.starts_with("ORDER") { &everyone } else { &partitions[&key(id)] };
                    let at = all.binary_search(&id).unwrap();
                    let wanted = at.checked_sub(1).and_then(|at| status(all[at]));
                    let found = (!before.is_null(row)).then(|| before.value(row).to_owned());
                    assert_eq!((numbers.value(row), found), (i64::try_from(at).unwrap() + 1, wanted), "{over}: {id}");
                    seen += 1;
                }
            }
            assert_eq!(seen, ROWS);
        }
        for function in ["lead(status)", "lag(status, 2)", "lag(status) IGNORE NULLS", "lag(status, 1, 'none')", "rank()", "ntile(3)"] {
            let sql = format!("SELECT id, {function} OVER (PARTITION BY key ORDER BY id) FROM t");
            let shown = displayable(physical(&context.state(), &sql).await.as_ref()).indent(false).to_string();
            assert!(!shown.contains("LookBackExec"), "{shown}");
        }
    }
}
