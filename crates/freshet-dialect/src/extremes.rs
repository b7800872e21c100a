//! `max` and `min` of floating point numbers by the engine's own aggregates, which are fast and take NaN for the greatest or for none, as
//! they come: Athena takes it only where there is no other. So they are asked for whole numbers that stand as the numbers do.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::logical_expr::{ColumnarValue, Expr};

use crate::kinds::Kind;
use crate::scalar::{Columns, arrays, of_columns};

/// Where a number stands among all, as a whole number, for the largest and the smallest: NaN is behind the last, so that it is found
/// where it is alone.
pub(crate) fn place_on_line(expr: Expr, kind: &Kind, wants_largest: bool) -> Expr {
    let work: Columns = Arc::new(move |args, rows| {
        let numbers = cast(&arrays(args, rows)?[0], &DataType::Float64)?;
        let place = |number: f64| match number.to_bits().cast_signed() {
            _ if number.is_nan() => {
                if wants_largest {
                    i64::MIN
                } else {
                    i64::MAX
                }
            }
            bits => turned(bits),
        };
        Ok(ColumnarValue::Array(Arc::new(numbers.as_primitive::<Float64Type>().unary::<_, Int64Type>(place))))
    });
    of_columns("place on line", &format!("{kind} {wants_largest}"), &Kind::BigInt, work, vec![expr])
}

/// The number at such a place.
pub(crate) fn at_place(place: Expr, kind: &Kind) -> Expr {
    let to = kind.arrow();
    let work: Columns = Arc::new(move |args, rows| {
        let array = &arrays(args, rows)?[0];
        let number = |place: i64| match place {
            i64::MIN | i64::MAX => f64::NAN,
            place => f64::from_bits(turned(place).cast_unsigned()),
        };
        let numbers = array.as_primitive::<Int64Type>().unary::<_, Float64Type>(number);
        Ok(ColumnarValue::Array(cast(&numbers, &to)?))
    });
    of_columns("at place", &kind.to_string(), kind, work, vec![place])
}

/// A number's bits, of which the negative ones go downwards, so that they go up from the least to the greatest; or back.
const fn turned(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}
