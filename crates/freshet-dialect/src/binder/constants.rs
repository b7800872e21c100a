//! Expressions without columns, worked out while a query is bound.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;

use crate::error::Error;

/// The failure of an expression that has no columns and cannot be computed.
pub(super) fn check_constant(expr: &Expr) -> Result<(), Error> {
    compute(expr).map_or(Ok(()), |value| value.map(|_| ()))
}

/// The value of an expression that has no columns.
pub(super) fn folded(expr: &Expr) -> Option<ScalarValue> {
    compute(expr).and_then(Result::ok)
}

fn compute(expr: &Expr) -> Option<Result<ScalarValue, Error>> {
    if let Expr::Literal(value, _) = expr {
        return Some(Ok(value.clone()));
    }
    if !expr.column_refs().is_empty() || expr.is_volatile() || super::subqueries::has_subquery(expr) || expr.contains_outer() {
        return None;
    }
    let physical = create_physical_expr(expr, &DFSchema::empty(), &ExecutionProps::new(), &PhysicalPlanningContext::default()).ok()?;
    let one_row = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one_row).ok()?;
    let value = physical.evaluate(&batch).and_then(|value| value.into_array(1)).and_then(|array| ScalarValue::try_from_array(&array, 0));
    Some(value.map_err(Error::from))
}
