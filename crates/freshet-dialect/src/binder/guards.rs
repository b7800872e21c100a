//! Conditions that keep others from being looked at: `x <> 0 AND 1 / x > 2` divides by no 0.
//!
//! The engine may evaluate both sides of `AND` and `OR` for all rows, makes them of a `CASE` between booleans, and puts the
//! conditions of a query and of the one around it together. So where what comes later can fail, the whole is a `CASE` that
//! the engine does not see through, beside what cannot fail, which it may still take to the files.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};

use super::Binder;
use super::constants::folded;
use crate::conform::{fact, number_of_fact};
use crate::error::Error;
use crate::scalar::fence;

/// Functions that have an answer for every row; the names of [`crate::scalar::of_columns`] and [`crate::scalar::of_values`].
const SURE: [&str; 23] = [
    "conform",
    "field",
    "repeated",
    "order key",
    "group key",
    "lower",
    "upper",
    "length",
    "trim",
    "ltrim",
    "rtrim",
    "starts_with",
    "strpos",
    "concat",
    "cardinality",
    "contains",
    "year",
    "month",
    "day",
    "hour",
    "is distinct",
    "is not distinct",
    "is indeterminate",
];

/// `AND` (else `OR`) of conditions, in their order.
pub(super) fn chain(conditions: Vec<Expr>, is_and: bool) -> Result<Expr, Error> {
    let fold = |conditions: &[&Expr]| {
        let all = conditions.iter().map(|condition| (*condition).clone());
        all.reduce(|all, next| if is_and { all.and(next) } else { all.or(next) })
    };
    let mut movable = Vec::with_capacity(conditions.len());
    let mut failing = Vec::with_capacity(conditions.len());
    for condition in &conditions {
        let is_movable = is_movable(condition)?;
        movable.push(is_movable);
        failing.push(is_movable && can_fail(condition)?);
    }
    let of = |fails: bool| (0..conditions.len()).filter(|at| failing[*at] == fails).map(|at| &conditions[at]).collect::<Vec<_>>();
    let last = failing.iter().rposition(|fails| *fails).filter(|last| movable[..*last].contains(&true));
    let (Some(last), Some(rest)) = (last, fold(&of(true))) else {
        let all: Vec<&Expr> = conditions.iter().collect();
        return fold(&all).ok_or_else(|| Error::Syntax { message: "a condition was expected".to_owned() });
    };
    let settles = |condition: &Expr| {
        let condition = Box::new(condition.clone());
        Box::new(if is_and { Expr::IsFalse(condition) } else { Expr::IsTrue(condition) })
    };
    let when_then_expr = (0..last)
        .filter(|at| movable[*at])
        .map(|at| (settles(&conditions[at]), Box::new(number_of_fact(Expr::Literal((!is_and).into(), None)))))
        .collect();
    let guarded = fact(Expr::Case(Case { expr: None, when_then_expr, else_expr: Some(Box::new(number_of_fact(rest))) }));
    Ok(match fold(&of(false)) {
        Some(sure) if is_and => sure.and(guarded),
        Some(sure) => sure.or(guarded),
        None => guarded,
    })
}

/// A `CASE` of booleans of which a branch can fail, so that the engine makes no `AND` and `OR` of it.
pub(super) fn case(case: Case) -> Result<Expr, Error> {
    let mut fails = false;
    for then in case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr) {
        fails |= can_fail(then)?;
    }
    if !fails {
        return Ok(Expr::Case(case));
    }
    let number = |expr: Box<Expr>| Box::new(number_of_fact(*expr));
    let when_then_expr = case.when_then_expr.into_iter().map(|(when, then)| (when, number(then))).collect();
    Ok(fact(Expr::Case(Case { expr: None, when_then_expr, else_expr: case.else_expr.map(number) })))
}

impl Binder {
    /// The plan of a subquery whose conditions stay in front of what they guard: its columns that can fail are such that no condition
    /// from outside is moved to before them.
    pub(super) fn keep_in_front(&self, plan: LogicalPlan) -> Result<LogicalPlan, Error> {
        let LogicalPlan::Projection(projection) = plan else { return Ok(plan) };
        let input = self.keep_in_front(projection.input.as_ref().clone())?;
        let has_conditions = input.exists(|node| Ok(matches!(node, LogicalPlan::Filter(_))))?;
        let mut exprs = Vec::with_capacity(projection.expr.len());
        for expr in projection.expr {
            exprs.push(match expr {
                Expr::Alias(alias) if has_conditions && can_fail(&alias.expr)? && is_movable(&alias.expr)? => {
                    let field = projection.schema.field_with_unqualified_name(&alias.name)?;
                    self.fenced.borrow_mut().insert(alias.name.clone());
                    fence(*alias.expr, field.data_type()).alias(alias.name)
                }
                Expr::Alias(alias) => {
                    if self.looks_behind(&alias.expr) {
                        self.fenced.borrow_mut().insert(alias.name.clone());
                    }
                    Expr::Alias(alias)
                }
                other => other,
            });
        }
        Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?))
    }

    /// A query's condition: the terms of it that ask for what a subquery's conditions guard stay where they are.
    pub(super) fn stay(&self, condition: Expr) -> Expr {
        let terms = split_conjunction_owned(condition).into_iter();
        let terms = terms.map(|term| if self.looks_behind(&term) { fence(term, &DataType::Boolean) } else { term });
        conjunction(terms).unwrap_or_else(|| Expr::Literal(true.into(), None))
    }

    /// What has a second name is guarded under it as well.
    pub(super) fn fence_too<'a>(&self, names: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut fenced = self.fenced.borrow_mut();
        for (from, to) in names {
            if fenced.contains(from) {
                fenced.insert(to.to_owned());
            }
        }
    }

    fn looks_behind(&self, expr: &Expr) -> bool {
        let fenced = self.fenced.borrow();
        !fenced.is_empty() && expr.column_refs().iter().any(|column| fenced.contains(&column.name))
    }
}

/// Whether it may stand in a `CASE`, and twice: no subquery, which becomes a join, nothing of an outer row, and nothing that is
/// another each time.
fn is_movable(expr: &Expr) -> Result<bool, Error> {
    let fixed = expr.exists(|node| {
        let is_fixed = matches!(
            node,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..) | Expr::SetComparison(_)
        );
        Ok(is_fixed || node.is_volatile_node())
    })?;
    Ok(!fixed)
}

/// Whether a row may have no answer but an error. What has no columns has one answer for all rows, and is asked for it.
fn can_fail(expr: &Expr) -> Result<bool, Error> {
    let mut fails = false;
    expr.apply(|node| {
        if can_fail_itself(node) {
            if folded(node).is_some() {
                return Ok(TreeNodeRecursion::Jump);
            }
            fails = true;
        }
        Ok(if fails { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(fails)
}

/// Whether a condition has an answer for every row, so that it may be asked where its failure could not be told: in a reader of
/// files.
pub fn is_total(condition: &Expr) -> bool {
    let is_partial = condition.exists(|node| Ok(can_fail_itself(node) || matches!(node, Expr::Cast(_))));
    is_partial.is_ok_and(|is_partial| !is_partial)
}

/// The same, of what an expression does with the values of its arguments.
pub(crate) fn can_fail_itself(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => !SURE.contains(&call.name()) && !call.name().starts_with("compare "),
        Expr::BinaryExpr(binary) => binary.op.is_numerical_operators(),
        Expr::Negative(_) | Expr::TryCast(_) => true,
        _ => false,
    }
}
