//! The statistics of a data file as the Delta log keeps them (delta.io, PROTOCOL.md, "Per-file Statistics").

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{max, max_boolean, max_string, min, min_boolean, min_string};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value, json};

/// Longer texts have no bounds: a cut-off one would have to be rounded up.
const LONGEST_BOUND: usize = 64;

/// Numbers of records, of NULLs, and bounds, over all batches of a file.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    records: usize,
    nulls: Map<String, Value>,
    least: Map<String, Value>,
    greatest: Map<String, Value>,
    /// Columns of which some batch had no bounds although it had values.
    unbounded: Vec<String>,
}

impl Statistics {
    pub(crate) fn of(batch: &RecordBatch) -> Self {
        let mut statistics = Self::default();
        statistics.add(batch);
        statistics
    }

    /// Takes another batch of the same file.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        self.records += batch.num_rows();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let name = field.name();
            let nulls = self.nulls.get(name).and_then(Value::as_u64).unwrap_or(0) + column.null_count() as u64;
            self.nulls.insert(name.clone(), json!(nulls));
            if column.null_count() == column.len() || matches!(field.data_type(), DataType::List(_)) {
                continue;
            }
            match bounds(column) {
                Some((least, greatest)) => {
                    widen(&mut self.least, name, least, |new, old| precedes(new, old));
                    widen(&mut self.greatest, name, greatest, |new, old| precedes(old, new));
                }
                None => self.unbounded.push(name.clone()),
            }
        }
    }

    /// The statistics as the log's JSON text.
    pub(crate) fn json(mut self) -> String {
        for name in &self.unbounded {
            self.least.remove(name);
            self.greatest.remove(name);
        }
        json!({ "numRecords": self.records, "minValues": self.least, "maxValues": self.greatest, "nullCount": self.nulls }).to_string()
    }
}

fn widen(bounds: &mut Map<String, Value>, name: &str, value: Value, replaces: impl Fn(&Value, &Value) -> bool) {
    match bounds.get(name) {
        Some(old) if !replaces(&value, old) => {}
        Some(_) | None => {
            bounds.insert(name.to_owned(), value);
        }
    }
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
    // Only where a double holds the number exactly is it a bound.
    let number: f64 = text.parse().ok()?;
    (value.unsigned_abs() < 1 << 53).then(|| json!(number))
}

fn date(days: i32) -> Option<Value> {
    let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(719_163)?)?;
    Some(json!(date.format("%Y-%m-%d").to_string()))
}

fn time(micros: i64) -> Option<Value> {
    Some(json!(DateTime::from_timestamp_micros(micros)?.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()))
}
