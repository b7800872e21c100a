//! One value outside Arrow, for functions that work value by value; read from arrays and written back to them.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMillisecondArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, IntervalYearMonthArray, LargeStringArray, ListArray, MapArray, NullArray,
    StringArray, StructArray, Time64NanosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMillisecondType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, IntervalYearMonthType, Time64NanosecondType, TimestampMicrosecondType,
};

use crate::error::{Error, fault};
use crate::kinds::Kind;

/// A value. Integers, days, microseconds, milliseconds and months are `Int`; text and JSON are `Text`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Decimal(i128),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// An instant in microseconds, and its zone's name.
    Zoned(i64, Arc<str>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Row(Vec<Value>),
}

impl Value {
    pub(crate) fn text(text: impl AsRef<str>) -> Value {
        Value::Text(Arc::from(text.as_ref()))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub(crate) fn str(&self) -> &str {
        match self {
            Value::Text(text) => text,
            _ => "",
        }
    }

    pub(crate) fn int(&self) -> i64 {
        match self {
            Value::Int(value) | Value::Zoned(value, _) => *value,
            Value::Bool(value) => i64::from(*value),
            _ => 0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a double asked of an integer is the nearest one")]
    pub(crate) fn float(&self) -> f64 {
        match self {
            Value::Float(value) => *value,
            Value::Int(value) => *value as f64,
            _ => 0.0,
        }
    }

    pub(crate) fn bool(&self) -> bool {
        matches!(self, Value::Bool(true))
    }

    pub(crate) fn decimal(&self) -> i128 {
        match self {
            Value::Decimal(value) => *value,
            Value::Int(value) => i128::from(*value),
            _ => 0,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Text(text) => text.as_bytes(),
            _ => &[],
        }
    }

    pub(crate) fn list(&self) -> &[Value] {
        match self {
            Value::List(values) | Value::Row(values) => values,
            _ => &[],
        }
    }

    pub(crate) fn entries(&self) -> &[(Value, Value)] {
        match self {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(Arc::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value::Bytes(Arc::from(value))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// The value of one row.
pub(crate) fn read(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Value::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Value::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => Value::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
        DataType::Utf8 => Value::text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::text(array.as_string_view().value(row)),
        DataType::Binary => Value::Bytes(Arc::from(array.as_binary::<i32>().value(row))),
        DataType::Date32 => Value::Int(array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Time64(_) => Value::Int(array.as_primitive::<Time64NanosecondType>().value(row)),
        DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Microsecond, _) => {
            Value::Int(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Millisecond, _) => {
            Value::Int(array.as_primitive::<datafusion::arrow::datatypes::TimestampMillisecondType>().value(row).saturating_mul(1000))
        }
        DataType::Duration(_) => Value::Int(array.as_primitive::<DurationMillisecondType>().value(row)),
        DataType::Interval(_) => Value::Int(array.as_primitive::<IntervalYearMonthType>().value(row).into()),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            Value::List((0..items.len()).map(|at| read(&items, at)).collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            Value::Map((0..entries.len()).map(|at| (read(entries.column(0), at), read(entries.column(1), at))).collect())
        }
        DataType::Struct(fields) => {
            let row_of = array.as_struct();
            if fields.len() == 2 && fields[0].name() == "instant" && fields[1].name() == "zone" {
                let zone = read(row_of.column(1), row);
                return Value::Zoned(read(row_of.column(0), row).int(), if let Value::Text(zone) = zone { zone } else { Arc::from("UTC") });
            }
            Value::Row(row_of.columns().iter().map(|column| read(column, row)).collect())
        }
        _ => Value::Null,
    }
}

fn out_of_range(kind: &Kind) -> Error {
    fault("NUMERIC_VALUE_OUT_OF_RANGE", format!("Value out of range for {kind}"))
}

/// An array of values of a type.
pub(crate) fn write(values: Vec<Value>, kind: &Kind) -> Result<ArrayRef, Error> {
    macro_rules! integers {
        ($array:ty) => {
            Arc::new(
                values
                    .iter()
                    .map(|value| if value.is_null() { Ok(None) } else { value.int().try_into().map(Some).map_err(|_| out_of_range(kind)) })
                    .collect::<Result<$array, Error>>()?,
            )
        };
    }
    fn some<T>(value: &Value, get: impl Fn(&Value) -> T) -> Option<T> {
        (!value.is_null()).then(|| get(value))
    }
    Ok(match kind {
        Kind::Unknown => Arc::new(NullArray::new(values.len())),
        Kind::Boolean => Arc::new(values.iter().map(|value| some(value, Value::bool)).collect::<BooleanArray>()),
        Kind::TinyInt => integers!(Int8Array),
        Kind::SmallInt => integers!(Int16Array),
        Kind::Integer => integers!(Int32Array),
        Kind::BigInt => Arc::new(values.iter().map(|value| some(value, Value::int)).collect::<Int64Array>()),
        #[expect(clippy::cast_possible_truncation, reason = "a real is the nearest one to the double")]
        Kind::Real => Arc::new(values.iter().map(|value| some(value, |value| value.float() as f32)).collect::<Float32Array>()),
        Kind::Double => Arc::new(values.iter().map(|value| some(value, Value::float)).collect::<Float64Array>()),
        Kind::Decimal(precision, scale) => {
            let limit = 10_i128.pow(u32::from(*precision));
            if values.iter().any(|value| value.decimal().abs() >= limit) {
                return Err(out_of_range(kind));
            }
            Arc::new(
                values
                    .iter()
                    .map(|value| some(value, Value::decimal))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(*precision, i8::try_from(*scale).unwrap_or(0))?,
            )
        }
        Kind::Varchar(_) | Kind::Char(_) => {
            Arc::new(values.iter().map(|value| (!value.is_null()).then(|| value.str())).collect::<StringArray>())
        }
        Kind::Json => Arc::new(values.iter().map(|value| (!value.is_null()).then(|| value.str())).collect::<LargeStringArray>()),
        Kind::Varbinary => Arc::new(values.iter().map(|value| (!value.is_null()).then(|| value.bytes())).collect::<BinaryArray>()),
        Kind::Date => integers!(Date32Array),
        Kind::Time(_) => Arc::new(values.iter().map(|value| some(value, Value::int)).collect::<Time64NanosecondArray>()),
        Kind::Timestamp(_) => Arc::new(values.iter().map(|value| some(value, Value::int)).collect::<TimestampMicrosecondArray>()),
        Kind::DayTime => Arc::new(values.iter().map(|value| some(value, Value::int)).collect::<DurationMillisecondArray>()),
        Kind::YearMonth => integers!(IntervalYearMonthArray),
        Kind::Zoned(_) => {
            let DataType::Struct(fields) = kind.arrow() else { return Err(out_of_range(kind)) };
            let instants: TimestampMicrosecondArray = values.iter().map(|value| some(value, Value::int)).collect();
            let zones: StringArray =
                values.iter().map(|value| if let Value::Zoned(_, zone) = value { Some(zone.as_ref()) } else { None }).collect();
            Arc::new(StructArray::try_new(fields, vec![Arc::new(instants), Arc::new(zones)], nulls(&values))?)
        }
        Kind::Array(of) => {
            let offsets = OffsetBuffer::from_lengths(values.iter().map(|value| value.list().len()));
            let nulls = nulls(&values);
            let items = values.into_iter().flat_map(|value| if let Value::List(items) = value { items } else { Vec::new() }).collect();
            Arc::new(ListArray::try_new(Arc::new(Field::new("item", of.arrow(), true)), offsets, write(items, of)?, nulls)?)
        }
        Kind::Map(key, value_kind) => {
            let offsets = OffsetBuffer::from_lengths(values.iter().map(|value| value.entries().len()));
            let nulls = nulls(&values);
            let (mut keys, mut items) = (Vec::new(), Vec::new());
            for value in values {
                if let Value::Map(entries) = value {
                    for (key, item) in entries {
                        keys.push(key);
                        items.push(item);
                    }
                }
            }
            let DataType::Map(entries_field, _) = kind.arrow() else { return Err(out_of_range(kind)) };
            let DataType::Struct(fields) = entries_field.data_type().clone() else { return Err(out_of_range(kind)) };
            if **key == Kind::Unknown && !keys.is_empty() {
                return Err(fault("INVALID_FUNCTION_ARGUMENT", "map key cannot be null"));
            }
            let entries = StructArray::try_new_with_length(
                fields,
                vec![write(keys, key)?, write(items, value_kind)?],
                None,
                usize::try_from(offsets.last().copied().unwrap_or(0)).unwrap_or(0),
            )?;
            Arc::new(MapArray::try_new(entries_field, offsets, entries, nulls, false)?)
        }
        Kind::Row(fields) => {
            let nulls = nulls(&values);
            let length = values.len();
            let mut columns = Vec::with_capacity(fields.len());
            for (at, (_, kind)) in fields.iter().enumerate() {
                columns.push(write(values.iter().map(|value| value.list().get(at).cloned().unwrap_or(Value::Null)).collect(), kind)?);
            }
            let DataType::Struct(arrow_fields) = kind.arrow() else { return Err(out_of_range(kind)) };
            Arc::new(StructArray::try_new_with_length(arrow_fields, columns, nulls, length)?)
        }
    })
}

fn nulls(values: &[Value]) -> Option<NullBuffer> {
    values.iter().any(Value::is_null).then(|| NullBuffer::from(values.iter().map(|value| !value.is_null()).collect::<Vec<_>>()))
}

/// Trino's `=`: `None` for NULL, also where a NULL inside decides.
pub(crate) fn equal(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Float(a), Value::Float(b)) => Some(a == b),
        (Value::Zoned(a, _), Value::Zoned(b, _)) => Some(a == b),
        (Value::List(a), Value::List(b)) if a.len() != b.len() => Some(false),
        (Value::List(a), Value::List(b)) | (Value::Row(a), Value::Row(b)) => all(a.iter().zip(b).map(|(a, b)| equal(a, b))),
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Some(false);
            }
            all(a
                .iter()
                .map(|(key, item)| b.iter().find(|(other, _)| same(key, other)).map_or(Some(false), |(_, other)| equal(item, other))))
        }
        _ => Some(a == b),
    }
}

fn all(facts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut answer = Some(true);
    for fact in facts {
        match fact {
            Some(false) => return Some(false),
            None => answer = None,
            Some(true) => {}
        }
    }
    answer
}

/// `IS NOT DISTINCT FROM`: NULLs and NaNs are the same as themselves.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Zoned(a, _), Value::Zoned(b, _)) => a == b,
        (Value::List(a), Value::List(b)) | (Value::Row(a), Value::Row(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(key, item)| b.iter().any(|(other, value)| same(key, other) && same(item, value)))
        }
        _ => a == b,
    }
}

/// The order of `ORDER BY`: NaN is the largest, NULL comes after it.
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) | (Value::Zoned(a, _), Value::Zoned(b, _)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) | (Value::Row(a), Value::Row(b)) => {
            for (a, b) in a.iter().zip(b) {
                let order = order(a, b);
                if order != Ordering::Equal {
                    return order;
                }
            }
            a.len().cmp(&b.len())
        }
        _ => Ordering::Equal,
    }
}

/// Trino's `<` and its kin on rows and arrays: an error where a NULL inside would decide.
pub(crate) fn compare(a: &Value, b: &Value) -> Result<Option<Ordering>, Error> {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => Ok(None),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b)),
        (Value::List(x), Value::List(y)) | (Value::Row(x), Value::Row(y)) => {
            for (a, b) in x.iter().zip(y) {
                match equal(a, b) {
                    None => return Err(fault("NOT_SUPPORTED", "comparison not supported for values with null elements")),
                    Some(true) => {}
                    Some(false) => return compare(a, b),
                }
            }
            Ok(Some(x.len().cmp(&y.len())))
        }
        _ => Ok(Some(order(a, b))),
    }
}

/// `<`, `<=`, `>` or `>=` of two values, by the order that it wants; NaN stands in none.
pub(crate) fn fact(a: &Value, b: &Value, wanted: fn(Ordering) -> bool) -> Result<Option<bool>, Error> {
    if let (Value::Float(a), Value::Float(b)) = (a, b)
        && (a.is_nan() || b.is_nan())
    {
        return Ok(Some(false));
    }
    Ok(compare(a, b)?.map(wanted))
}
