//! The statistics of a data file as the Delta log keeps them (delta.io, PROTOCOL.md, "Per-file Statistics").

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{max, max_boolean, max_string, min, min_boolean, min_string};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value, json};

/// Longer texts have no bounds: a cut-off one would have to be rounded up.
const LONGEST_BOUND: usize = 64;

/// Of one column of a file: its NULLs and bounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnStatistics {
    nulls: usize,
    bounds: Option<(Value, Value)>,
    /// Whether some values have no bounds that the log could hold.
    is_unbounded: bool,
}

impl ColumnStatistics {
    /// The statistics of values.
    pub(crate) fn of(column: &ArrayRef) -> Self {
        let nulls = column.null_count();
        let has_bounds = nulls < column.len() && !matches!(column.data_type(), DataType::List(_));
        let bounds = if has_bounds { bounds(column) } else { None };
        Self { nulls, is_unbounded: has_bounds && bounds.is_none(), bounds }
    }

    /// Takes the statistics of more values of the column.
    pub(crate) fn add(&mut self, more: Self) {
        self.nulls += more.nulls;
        self.is_unbounded |= more.is_unbounded;
        self.bounds = match (self.bounds.take(), more.bounds) {
            (Some((least, greatest)), Some((new_least, new_greatest))) => Some((
                if precedes(&new_least, &least) { new_least } else { least },
                if precedes(&greatest, &new_greatest) { new_greatest } else { greatest },
            )),
            (bounds, None) | (None, bounds) => bounds,
        };
    }
}

/// A file's statistics as the log's JSON text.
pub(crate) fn text(records: usize, schema: &Schema, columns: &[ColumnStatistics]) -> String {
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (field, column) in schema.fields().iter().zip(columns) {
        nulls.insert(field.name().clone(), json!(column.nulls));
        if let (Some((from, to)), false) = (&column.bounds, column.is_unbounded) {
            least.insert(field.name().clone(), from.clone());
            greatest.insert(field.name().clone(), to.clone());
        }
    }
    json!({ "numRecords": records, "minValues": least, "maxValues": greatest, "nullCount": nulls }).to_string()
}

/// Dates and times compare as their texts do.
fn precedes(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left < right,
            _ => left.as_f64() < right.as_f64(),
        },
        (Value::String(left), Value::String(right)) => left < right,
        (Value::Bool(left), Value::Bool(right)) => left < right,
        _ => false,
    }
}

fn bounds(column: &ArrayRef) -> Option<(Value, Value)> {
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            let (least, greatest) = (min_string(texts)?, max_string(texts)?);
            (least.len() <= LONGEST_BOUND && greatest.len() <= LONGEST_BOUND).then(|| (json!(least), json!(greatest)))
        }
        DataType::Boolean => Some((json!(min_boolean(column.as_boolean())?), json!(max_boolean(column.as_boolean())?))),
        DataType::Int32 => {
            let values = column.as_primitive::<Int32Type>();
            Some((json!(min(values)?), json!(max(values)?)))
        }
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            Some((json!(min(values)?), json!(max(values)?)))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            let (least, greatest) = (min(values)?, max(values)?);
            (least.is_finite() && greatest.is_finite()).then(|| (json!(least), json!(greatest)))
        }
        DataType::Decimal128(_, scale) => {
            let values = column.as_primitive::<Decimal128Type>();
            Some((decimal(min(values)?, *scale)?, decimal(max(values)?, *scale)?))
        }
        DataType::Date32 => {
            let values = column.as_primitive::<Date32Type>();
            Some((date(min(values)?)?, date(max(values)?)?))
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            Some((time(min(values)?)?, time(max(values)?)?))
        }
        _ => None,
    }
}

fn decimal(value: i128, scale: i8) -> Option<Value> {
    let scale = u32::try_from(scale).ok()?;
    let (whole, fraction) = (value.unsigned_abs() / 10_u128.pow(scale), value.unsigned_abs() % 10_u128.pow(scale));
    let text = format!("{}{whole}.{fraction:0width$}", if value < 0 { "-" } else { "" }, width = scale as usize);
    // A double gives back fifteen digits as they were; with more it might round a bound into the values.
    let number: f64 = text.parse().ok()?;
    (value.unsigned_abs() < 1_000_000_000_000_000).then(|| json!(number))
}

fn date(days: i32) -> Option<Value> {
    let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(719_163)?)?;
    Some(json!(date.format("%Y-%m-%d").to_string()))
}

fn time(micros: i64) -> Option<Value> {
    Some(json!(DateTime::from_timestamp_micros(micros)?.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Float64Array, ListArray, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::Field;

    use super::*;

    fn check(parts: &[ArrayRef], expected: &Value) {
        let mut all = ColumnStatistics::default();
        for part in parts {
            all.add(ColumnStatistics::of(part));
        }
        let schema = Schema::new(vec![Field::new("a", parts[0].data_type().clone(), true)]);
        let text: Value = serde_json::from_str(&text(0, &schema, &[all])).unwrap();
        assert_eq!(json!([text["minValues"]["a"], text["maxValues"]["a"], text["nullCount"]["a"]]), *expected);
    }

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn decimals(values: &[i128]) -> ArrayRef {
        Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(18, 4).unwrap())
    }

    #[test]
    fn bounds_hold_every_value_of_every_part() {
        check(&[texts(&[Some("b"), None]), texts(&[None, None]), texts(&[Some("a"), Some("ä")])], &json!(["a", "ä", 4 - 1]));
        check(&[decimals(&[-12_345_000, 1]), decimals(&[999_999_999_999_999])], &json!([-1234.5, 99_999_999_999.999_9, 0]));
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_000, 1_700_000_000_123_000]));
        check(&[times], &json!(["1970-01-01T00:00:00.001", "2023-11-14T22:13:20.123", 0]));
    }

    #[test]
    fn a_column_has_no_bounds_where_one_value_has_none() {
        let long = "x".repeat(LONGEST_BOUND + 1);
        check(&[texts(&[Some("b")]), texts(&[Some(&long)]), texts(&[Some("c")])], &json!([null, null, 0]));
        check(&[decimals(&[1]), decimals(&[1_000_000_000_000_000])], &json!([null, null, 0]));
        check(&[Arc::new(Float64Array::from(vec![1.0, f64::NAN]))], &json!([null, null, 0]));
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]);
        check(&[Arc::new(lists)], &json!([null, null, 1]));
    }
}
