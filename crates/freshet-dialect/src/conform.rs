//! Brings what a table's columns are in Arrow to the one form of their Trino type, and takes fields out of rows.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringArray, StructArray, TimestampMicrosecondArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::logical_expr::{Cast, ColumnarValue, Expr};

use crate::error::{Error, missing};
use crate::kinds::Kind;
use crate::scalar::{Columns, arrays, of_columns};

/// The column in the form that its type has everywhere.
pub(crate) fn conform(expr: Expr, from: &DataType, kind: &Kind) -> Expr {
    let to = kind.arrow();
    if *from == to {
        return expr;
    }
    if !from.is_nested() && !matches!(kind, Kind::Zoned(_)) {
        return Expr::Cast(Cast::new(Box::new(expr), to));
    }
    let target = kind.clone();
    let work: Columns = Arc::new(move |args, rows| Ok(ColumnarValue::Array(shape(&arrays(args, rows)?[0], &target)?)));
    of_columns("conform", &to.to_string(), kind, work, vec![expr])
}

fn shape(array: &ArrayRef, kind: &Kind) -> Result<ArrayRef, Error> {
    let to = kind.arrow();
    if *array.data_type() == to {
        return Ok(array.clone());
    }
    match (kind, array.data_type(), &to) {
        (Kind::Zoned(_), DataType::Timestamp(..), DataType::Struct(fields)) => {
            let micros = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let rounded: TimestampMicrosecondArray =
                micros.as_primitive::<TimestampMicrosecondType>().unary(|micros| crate::moments::round(micros, 3));
            let nulls = micros.nulls().cloned();
            let zones = StringArray::from_iter_values(std::iter::repeat_n("UTC", array.len()));
            Ok(Arc::new(StructArray::try_new(fields.clone(), vec![Arc::new(rounded), Arc::new(zones)], nulls)?))
        }
        (Kind::Array(of), DataType::List(_), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            Ok(Arc::new(ListArray::try_new(field.clone(), list.offsets().clone(), shape(list.values(), of)?, list.nulls().cloned())?))
        }
        (Kind::Map(key, value), DataType::Map(..), DataType::Map(field, _)) => {
            let map = array.as_map();
            let DataType::Struct(fields) = field.data_type() else { return Err(missing("maps of this shape")) };
            let entries = StructArray::try_new(fields.clone(), vec![shape(map.keys(), key)?, shape(map.values(), value)?], None)?;
            Ok(Arc::new(MapArray::try_new(field.clone(), map.offsets().clone(), entries, map.nulls().cloned(), false)?))
        }
        (Kind::Row(members), DataType::Struct(_), DataType::Struct(fields)) => {
            let row = array.as_struct();
            let columns =
                row.columns().iter().zip(members).map(|(column, (_, kind))| shape(column, kind)).collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, row.nulls().cloned(), row.len())?))
        }
        _ => Ok(cast(array, &to)?),
    }
}

/// A field of a row, by its place.
pub(crate) fn field(row: Expr, at: usize, kind: &Kind) -> Expr {
    let work: Columns = Arc::new(move |args, rows| {
        let array = &arrays(args, rows)?[0];
        if array.data_type() == &DataType::Null {
            return Ok(ColumnarValue::Array(array.clone()));
        }
        let row = array.as_struct();
        let column = row.column(at);
        if column.data_type() == &DataType::Null {
            return Ok(ColumnarValue::Array(column.clone()));
        }
        let nulls = NullBuffer::union(row.nulls(), column.nulls());
        let data = column.to_data().into_builder().nulls(nulls).build()?;
        Ok(ColumnarValue::Array(datafusion::arrow::array::make_array(data)))
    });
    of_columns("field", &format!("{at}:{kind}"), kind, work, vec![row])
}

/// The same value, of which the engine no longer knows that it tells rows apart: what `UNNEST` repeats does so no more, and
/// the engine would drop other columns that are grouped by.
pub(crate) fn repeated(value: Expr, kind: &Kind) -> Expr {
    let work: Columns = Arc::new(|args, _| Ok(args[0].clone()));
    of_columns("repeated", &kind.to_string(), kind, work, vec![value])
}

/// A boolean as a number, 1 where it is true, and back: the engine sees through neither.
pub(crate) fn number_of_fact(fact: Expr) -> Expr {
    let work: Columns = Arc::new(|args, rows| Ok(ColumnarValue::Array(cast(&arrays(args, rows)?[0], &DataType::Int8)?)));
    of_columns("number of fact", "", &Kind::TinyInt, work, vec![fact])
}

/// See [`number_of_fact`].
pub(crate) fn fact(number: Expr) -> Expr {
    let work: Columns = Arc::new(|args, rows| Ok(ColumnarValue::Array(cast(&arrays(args, rows)?[0], &DataType::Boolean)?)));
    of_columns("fact", "", &Kind::Boolean, work, vec![number])
}

/// The instant of a zoned time, for orders and comparisons.
pub(crate) fn instant(zoned: Expr) -> Expr {
    field(zoned, 0, &Kind::Timestamp(6))
}

/// What orders go by: a zoned time's instant, one zero, and one NaN whatever its bits (the engine puts negative ones first). It is
/// the greatest number, and where NULLs come first the least, as Trino has it.
pub(crate) fn order_key(expr: Expr, kind: &Kind, nulls_first: bool) -> Expr {
    match kind {
        Kind::Zoned(_) => instant(expr),
        Kind::Real | Kind::Double if nulls_first => {
            floats("first", expr, kind, |number| if number.is_nan() { -f64::NAN } else { number + 0.0 })
        }
        Kind::Real | Kind::Double => floats("order", expr, kind, |number| if number.is_nan() { f64::NAN } else { number + 0.0 }),
        _ => expr,
    }
}

/// What groups go by: of doubles that Trino holds to be the same, the two zeros and all NaN, one (the engine goes by bits).
pub(crate) fn group_key(expr: Expr, kind: &Kind) -> Expr {
    let one = |number: f64| match number {
        number if number.is_nan() => f64::NAN,
        0.0 => 0.0,
        number => number,
    };
    if matches!(kind, Kind::Real | Kind::Double) { floats("group", expr, kind, one) } else { expr }
}

fn floats(what: &str, expr: Expr, kind: &Kind, one: fn(f64) -> f64) -> Expr {
    #[expect(clippy::cast_possible_truncation, reason = "a real that was made a double, unless it is NaN or 0")]
    let work: Columns = Arc::new(move |args, rows| {
        let array = &arrays(args, rows)?[0];
        Ok(ColumnarValue::Array(match array.data_type() {
            DataType::Float64 => Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(one)),
            DataType::Float32 => Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(|number| one(number.into()) as f32)),
            _ => array.clone(),
        }))
    });
    of_columns(&format!("{what} key"), &kind.to_string(), kind, work, vec![expr])
}
