//! Where the first rows are all that is wanted: a filter keeps the number 1 alone of a `row_number` or `rank` below it.

use std::sync::Arc;

use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, Literal};
use datafusion::physical_expr::window::StandardWindowExpr;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowUDFExpr};

use super::{FirstRowsExec, Ties};
use crate::each_node::EachNode;

/// Puts [`FirstRowsExec`] in the place of windows. It belongs before the rule that adds sorts, since nothing may rely on one.
pub(crate) const KEEP_FIRST_ROWS: EachNode = EachNode { name: "KeepFirstRows", replace: keep_first_rows };

fn keep_first_rows(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = node.downcast_ref::<FilterExec>() else { return Ok(None) };
    let mut numbers = split_conjunction(filter.predicate()).into_iter().filter_map(only_one);
    let below = numbers.find_map(|number| without_window(filter.input(), number));
    below.map(|below| replace_children_if_necessary(Arc::clone(node), vec![below])).transpose()
}

/// The column of which a condition keeps nothing above 1.
fn only_one(condition: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    let condition = condition.downcast_ref::<BinaryExpr>()?;
    let (left, right) = (condition.left(), condition.right());
    let (column, operator, number) = match (column(left), column(right)) {
        (Some(column), None) => (column, *condition.op(), right),
        (None, Some(column)) => (column, condition.op().swap()?, left),
        _ => return None,
    };
    let most = match (operator, whole(number)?) {
        (Operator::Eq | Operator::LtEq, most) => most,
        (Operator::Lt, above) => above - 1,
        _ => return None,
    };
    (most == 1).then_some(column)
}

/// The column that an expression gives, as it is or as another whole number.
fn column(expression: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    if let Some(cast) = expression.downcast_ref::<CastExpr>() {
        return if cast.cast_type().is_integer() { column(cast.expr()) } else { None };
    }
    expression.downcast_ref::<Column>().map(Column::index)
}

fn whole(expression: &Arc<dyn PhysicalExpr>) -> Option<i128> {
    match expression.downcast_ref::<Literal>()?.value() {
        ScalarValue::UInt64(Some(number)) => Some(i128::from(*number)),
        ScalarValue::Int64(Some(number)) => Some(i128::from(*number)),
        ScalarValue::Int32(Some(number)) => Some(i128::from(*number)),
        _ => None,
    }
}

/// A plan whose window is replaced, if its column of this place is the number or rank of a row in a partition, and it has no other.
fn without_window(plan: &Arc<dyn ExecutionPlan>, place: usize) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let below = without_window(projection.input(), column(&projection.expr().get(place)?.expr)?)?;
        return replace_children_if_necessary(Arc::clone(plan), vec![below]).ok();
    }
    let window = plan.downcast_ref::<BoundedWindowAggExec>()?;
    let [number] = window.window_expr() else { return None };
    let function = number.as_any().downcast_ref::<StandardWindowExpr>()?.get_standard_func_expr();
    let ties = match function.as_any().downcast_ref::<WindowUDFExpr>()?.fun().name() {
        "row_number" => Ties::Broken,
        "rank" | "dense_rank" => Ties::Kept,
        _ => return None,
    };
    let is_last = place == window.input().schema().fields().len();
    let has_partitions = !number.partition_by().is_empty();
    let first = || FirstRowsExec::new(Arc::clone(window.input()), Arc::clone(number), ties, window.schema());
    (is_last && has_partitions).then(|| Arc::new(first()) as Arc<dyn ExecutionPlan>)
}
