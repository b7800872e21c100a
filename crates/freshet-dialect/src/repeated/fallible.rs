//! Whether a column has an error instead of a value for some rows, of those that a query may well hold: a cast of a text, a
//! division, an element that is not there. Not counted are numbers too large for their type, and what stands within a `CASE`, whose
//! conditions are there to keep errors away.
//!
//! A place that filters asks for no value of the rows that it leaves out. What it alone asks for is worked out for all rows once the
//! relation is shared.

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::binder::can_fail_itself;
use crate::scalar::{FENCE, identity};

/// Functions that have an answer, or a number that is too large.
const UNLIKELY: [&str; 9] = ["+", "-", "*", "negate", "round", "greatest", "least", "try_cast", FENCE];

/// Whether a column of a relation may well have errors.
pub(super) fn has_errors(plan: &LogicalPlan, column: &Column) -> Result<bool> {
    let Some(at) = plan.schema().maybe_index_of_column(column) else { return Ok(true) };
    let of_expr = |expr: &Expr, inputs: &[&LogicalPlan]| -> Result<bool> {
        if is_fallible(expr)? {
            return Ok(true);
        }
        for column in expr.column_refs() {
            for input in inputs.iter().filter(|input| input.schema().has_column(column)) {
                if has_errors(input, column)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    };
    let inputs = plan.inputs();
    match plan {
        LogicalPlan::Projection(projection) => of_expr(&projection.expr[at], &inputs),
        LogicalPlan::Aggregate(aggregate) => match aggregate.group_expr.iter().chain(&aggregate.aggr_expr).nth(at) {
            Some(expr) if aggregate.group_expr.len() + aggregate.aggr_expr.len() == plan.schema().fields().len() => of_expr(expr, &inputs),
            _ => Ok(true),
        },
        LogicalPlan::Window(window) => match at.checked_sub(window.input.schema().fields().len()) {
            Some(own) => of_expr(&window.window_expr[own], &inputs),
            None => has_errors(&window.input, column),
        },
        LogicalPlan::SubqueryAlias(alias) => has_errors(&alias.input, &Column::from(alias.input.schema().qualified_field(at))),
        LogicalPlan::Union(union) => {
            for input in &union.inputs {
                if has_errors(input, &Column::from(input.schema().qualified_field(at)))? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Distinct(_) | LogicalPlan::Join(_) | LogicalPlan::Repartition(_) => {
            of_expr(&Expr::Column(column.clone()), &inputs)
        }
        LogicalPlan::TableScan(_) | LogicalPlan::EmptyRelation(_) => Ok(false),
        _ => Ok(true),
    }
}

fn is_fallible(expr: &Expr) -> Result<bool> {
    let mut found = false;
    expr.apply(|node| {
        if matches!(node, Expr::Case(_)) {
            return Ok(TreeNodeRecursion::Jump);
        }
        found |= can_fail_itself(node) && !is_unlikely_to(node);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_unlikely_to(expr: &Expr) -> bool {
    let Expr::ScalarFunction(call) = expr else { return matches!(expr, Expr::TryCast(_)) };
    let is_number =
        |kind: &str| ["tinyint", "smallint", "integer", "bigint", "real", "double", "decimal"].iter().any(|name| kind.starts_with(name));
    let casts_number = || {
        let (from, to) = identity(call)?.strip_prefix("cast(")?.split_once(")->")?;
        Some(is_number(from) && is_number(to))
    };
    UNLIKELY.contains(&call.name()) || casts_number().unwrap_or(false)
}
