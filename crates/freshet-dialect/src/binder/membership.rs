//! `x IN (a, b)`.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Operator, when};
use datafusion::sql::sqlparser::ast::Expr as Ast;

use super::constants::{check_constant, folded};
use super::{Binder, Bound, Scope, place};
use crate::error::{Error, refuse};
use crate::kinds::{Kind, common};
use crate::scalar::{Call, of_values};
use crate::value::{Value, read};

impl Binder {
    /// `x IN (…)`.
    pub(super) fn in_list(&self, left: &Ast, list: &[Ast], negated: bool, scope: &Scope) -> Result<Bound, Error> {
        let value = self.expr(left, scope)?;
        let items = list.iter().map(|item| self.expr(item, scope)).collect::<Result<Vec<_>, _>>()?;
        let mut both = value.kind.clone();
        for item in &items {
            check_constant(&item.expr)?;
            both = common(&both, &item.kind).ok_or_else(|| {
                refuse(
                    "TYPE_MISMATCH",
                    format!(
                        "{}IN value and list items must be the same type or coercible to a common type: {both}, {}",
                        place(left),
                        item.kind
                    ),
                )
            })?;
        }
        if matches!(
            both,
            Kind::Real | Kind::Double | Kind::Zoned(_) | Kind::Array(_) | Kind::Map(..) | Kind::Row(_) | Kind::Json | Kind::Unknown
        ) {
            let searches = self.reads.get() && items.len() > 1 && matches!(both, Kind::Array(_) | Kind::Map(..) | Kind::Row(_));
            let is_whole: Vec<bool> = items.iter().map(|item| searches && is_whole_constant(&item.expr)).collect();
            let looks_up = searches && !is_whole.contains(&false);
            let mut any: Option<Expr> = None;
            for (item, is_whole) in items.into_iter().zip(is_whole) {
                let mut equal = self.compare(Operator::Eq, value.clone(), item)?.expr;
                if is_whole && !looks_up {
                    // Trino goes to such a constant by the value's hash, and so never where the value holds a NULL (476, seen).
                    let never = Expr::Literal(ScalarValue::Boolean(Some(false)), None);
                    equal = when(is_indeterminate(value.clone()), never).otherwise(equal)?;
                }
                any = Some(any.map_or(equal.clone(), |before| before.or(equal)));
            }
            let mut any = any.ok_or_else(|| Error::Syntax { message: "IN needs a value".to_owned() })?;
            if looks_up {
                // Trino looks a table's rows up in a set of such constants, and asks no element of what holds a NULL (476, seen).
                let unknown = Expr::Literal(ScalarValue::Boolean(None), None);
                any = when(is_indeterminate(value), unknown).otherwise(any)?;
            }
            return Ok(Bound { expr: if negated { Expr::Not(Box::new(any)) } else { any }, kind: Kind::Boolean });
        }
        let value = self.coerce(value, &both)?.expr;
        let items = items.into_iter().map(|item| self.coerce(item, &both).map(|item| item.expr)).collect::<Result<Vec<_>, _>>()?;
        Ok(Bound { expr: value.in_list(items, negated), kind: Kind::Boolean })
    }
}

/// A constant in which no NULL is.
fn is_whole_constant(expr: &Expr) -> bool {
    folded(expr).and_then(|value| value.to_array().ok()).is_some_and(|array| !holds_null(&read(&array, 0)))
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(items) | Value::Row(items) => items.iter().any(holds_null),
        Value::Map(entries) => entries.iter().any(|(_, item)| holds_null(item)),
        _ => false,
    }
}

/// Whether a value is NULL or holds one.
fn is_indeterminate(value: Bound) -> Expr {
    let call = Call { args: vec![value.kind], result: Kind::Boolean, lambdas: Vec::new() };
    of_values("is indeterminate", |values, _| Ok(Value::Bool(holds_null(&values[0]))), call, false, vec![value.expr])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
    use datafusion::physical_plan::collect;

    use crate::testing::{lake, physical};

    /// The answers of Trino 476 over a table of these rows. Over `VALUES` it compares one by one, and so do we.
    #[tokio::test]
    async fn a_row_that_holds_null_is_in_no_list_of_constants() {
        let a: ArrayRef = Arc::new(Int32Array::from(vec![Some(3), Some(1), Some(1), None, Some(1)]));
        let b: ArrayRef = Arc::new(StringArray::from(vec![None, None, Some("x"), Some("z"), Some("z")]));
        let c: ArrayRef = Arc::new(Int32Array::from(vec![9; 5]));
        let rows = RecordBatch::try_from_iter_with_nullable([("a", a, true), ("b", b, true), ("c", c, true)]).unwrap();
        let context = lake(vec![vec![rows]], 1 << 28);
        let (yes, no, unknown) = (Some(true), Some(false), None);
        for (condition, wanted) in [
            ("(a, b) IN ((1, 'x'), (2, 'y'))", [unknown, unknown, yes, unknown, no]),
            ("(a, b) NOT IN ((1, 'x'), (2, 'y'))", [unknown, unknown, no, unknown, yes]),
            ("(a, b) IN ((1, 'x'))", [no, unknown, yes, no, no]),
            ("ARRAY[a, 7] IN (ARRAY[1, 3], ARRAY[2])", [no, no, no, unknown, no]),
            // Of several, each constant by itself, beside what is none or holds a NULL.
            ("(a, b) IN ((c, 'z'), (1, 'x'))", [no, no, yes, unknown, no]),
            ("(a, b) NOT IN ((1, 'x'), (c, 'z'))", [yes, yes, no, unknown, yes]),
            ("(a, b) IN ((c, 'z'), (c, 'y'))", [no, no, no, unknown, no]),
            ("(a, b) IN ((1, 'x'), (3, NULL))", [unknown, no, yes, unknown, no]),
            ("ARRAY[a, 7] IN (ARRAY[c, 8], ARRAY[1, 7])", [no, yes, yes, no, yes]),
        ] {
            let plan = physical(&context.state(), &format!("SELECT {condition} FROM t")).await;
            let found = collect(plan, context.task_ctx()).await.unwrap();
            let found: Vec<Option<bool>> = found.iter().flat_map(|batch| batch.column(0).as_boolean().iter()).collect();
            assert_eq!(found, wanted, "{condition}");
        }
    }
}
