//! An answer as Arrow record batches, a page a batch: no more than one page is in memory.
//!
//! Text becomes values by the types of [`crate::schema`]; a value that is not of its column's type is an error that names column
//! and row. Nothing is rounded or cut.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray,
    Time32MillisecondArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef, TimeUnit,
};
use aws_sdk_athena::Client;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
use futures::stream::{Stream, StreamExt as _, TryStreamExt as _};

use crate::field::{schema, type_name};
use crate::{Error, Execution, Page, ResultColumn, pages};

/// The result of an execution as record batches. There is always one, which says the columns, if only without rows.
pub fn batches<'a>(client: &'a Client, execution: &'a Execution) -> impl Stream<Item = Result<RecordBatch, Error>> + 'a {
    let decode = |decoder: &mut Option<Decoder>, page: Result<Page, Error>| {
        let batch = page.and_then(|page| decoder.get_or_insert_with(|| Decoder::new(&page.columns)).decode(&page.rows));
        futures::future::ready(Some(batch))
    };
    pages(client, execution).scan(None, decode).into_stream()
}

/// Turns rows of text into record batches.
#[derive(Debug, Clone)]
pub struct Decoder {
    columns: Vec<ResultColumn>,
    schema: SchemaRef,
    rows: u64,
}

impl Decoder {
    /// Begins with the columns of an answer.
    pub fn new(columns: &[ResultColumn]) -> Self {
        Self { columns: columns.to_vec(), schema: schema(columns), rows: 0 }
    }

    /// The schema of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next rows. One that is too short ends in NULL, as some statements that are no queries answer; one that is too long is
    /// an error.
    pub fn decode(&mut self, rows: &[Vec<Option<String>>]) -> Result<RecordBatch, Error> {
        let before = self.rows;
        self.rows += rows.len() as u64;
        if let Some(place) = rows.iter().position(|row| row.len() > self.columns.len()) {
            let message = format!("row {} has {} values for {} columns", before + place as u64 + 1, rows[place].len(), self.columns.len());
            return Err(Error::Malformed { operation: "GetQueryResults", message });
        }
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (place, (column, field)) in self.columns.iter().zip(self.schema.fields()).enumerate() {
            let texts: Vec<Option<&str>> = rows.iter().map(|row| row.get(place).and_then(Option::as_deref)).collect();
            let array = array(field.data_type(), &texts).map_err(|row| Error::Unreadable {
                column: column.name.clone(),
                kind: type_name(column),
                row: before + row as u64 + 1,
            })?;
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

/// The values, each by `read`; the place of the first that it does not read.
fn values<T>(texts: &[Option<&str>], read: impl Fn(&str) -> Option<T>) -> Result<Vec<Option<T>>, usize> {
    let value = |(place, text): (usize, Option<&str>)| text.map(|text| read(text).ok_or(place)).transpose();
    texts.iter().copied().enumerate().map(value).collect()
}

fn numbers<T: ArrowPrimitiveType>(texts: &[Option<&str>]) -> Result<ArrayRef, usize>
where
    T::Native: std::str::FromStr,
{
    let numbers = values(texts, |text| text.parse::<T::Native>().ok())?;
    Ok(Arc::new(numbers.into_iter().collect::<PrimitiveArray<T>>()))
}

/// A column; the place of a value that is not of its type.
fn array(kind: &DataType, texts: &[Option<&str>]) -> Result<ArrayRef, usize> {
    Ok(match kind {
        DataType::Boolean => Arc::new(values(texts, |text| text.parse().ok())?.into_iter().collect::<BooleanArray>()),
        DataType::Int8 => numbers::<Int8Type>(texts)?,
        DataType::Int16 => numbers::<Int16Type>(texts)?,
        DataType::Int32 => numbers::<Int32Type>(texts)?,
        DataType::Int64 => numbers::<Int64Type>(texts)?,
        DataType::Float32 => numbers::<Float32Type>(texts)?,
        DataType::Float64 => numbers::<Float64Type>(texts)?,
        DataType::Decimal128(precision, scale) => {
            let numbers = values(texts, |text| decimal(text, *precision, *scale))?;
            let array = numbers.into_iter().collect::<Decimal128Array>().with_precision_and_scale(*precision, *scale);
            Arc::new(array.map_err(|_| 0_usize)?)
        }
        DataType::Date32 => Arc::new(values(texts, date)?.into_iter().collect::<Date32Array>()),
        DataType::Time32(_) => Arc::new(values(texts, time)?.into_iter().collect::<Time32MillisecondArray>()),
        DataType::Timestamp(unit, None) => timestamps(*unit, None, values(texts, |text| ticks(clock(text)?, *unit))?),
        DataType::Timestamp(unit, Some(zone)) => timestamps(*unit, Some(zone), values(texts, |text| ticks(moment(text)?, *unit))?),
        DataType::Binary => {
            let bytes = values(texts, |text| hex::decode(text.replace(' ', "")).ok())?;
            Arc::new(bytes.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
        _ => Arc::new(texts.iter().copied().collect::<StringArray>()),
    })
}

fn timestamps(unit: TimeUnit, zone: Option<&Arc<str>>, ticks: Vec<Option<i64>>) -> ArrayRef {
    let zone = zone.cloned();
    match unit {
        TimeUnit::Nanosecond => Arc::new(ticks.into_iter().collect::<TimestampNanosecondArray>().with_timezone_opt(zone)),
        TimeUnit::Microsecond => Arc::new(ticks.into_iter().collect::<TimestampMicrosecondArray>().with_timezone_opt(zone)),
        TimeUnit::Millisecond | TimeUnit::Second => {
            Arc::new(ticks.into_iter().collect::<TimestampMillisecondArray>().with_timezone_opt(zone))
        }
    }
}

/// The whole number that a decimal is at a scale.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let scale = usize::try_from(scale).ok()?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !digits.is_empty() && whole.len() + fraction.len() > 0 && fraction.len() <= scale;
    if !is_number || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padding = std::iter::repeat_n('0', scale - fraction.len());
    let unscaled: String = whole.chars().chain(fraction.chars()).chain(padding).collect();
    let unscaled = unscaled.trim_start_matches('0');
    let number: i128 = if unscaled.is_empty() { 0 } else { unscaled.parse().ok()? };
    (unscaled.len() <= usize::from(precision)).then_some(if text.starts_with('-') { -number } else { number })
}

/// Days since 1970.
fn date(text: &str) -> Option<i32> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

/// Milliseconds since midnight.
fn time(text: &str) -> Option<i32> {
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?;
    let milliseconds = time.num_seconds_from_midnight() * 1000 + time.nanosecond() / 1_000_000;
    time.nanosecond().is_multiple_of(1_000_000).then(|| i32::try_from(milliseconds).ok()).flatten()
}

fn clock(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim_end();
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

/// A time with its zone at the end, a name or an offset, as the moment in UTC. The hour that a clock shows twice is its first.
fn moment(text: &str) -> Option<NaiveDateTime> {
    let (local, zone) = text.rsplit_once(' ')?;
    let local = clock(local)?;
    if zone == "UTC" || zone == "Z" {
        return Some(local);
    }
    if let Ok(offset) = zone.parse::<FixedOffset>() {
        return local.checked_sub_offset(offset);
    }
    let zone: chrono_tz::Tz = zone.parse().ok()?;
    local.and_local_timezone(zone).earliest().map(|moment: DateTime<chrono_tz::Tz>| moment.naive_utc())
}

/// A time in units since 1970; nothing where it is between two of them.
fn ticks(time: NaiveDateTime, unit: TimeUnit) -> Option<i64> {
    let time = time.and_utc();
    let (ticks, nanoseconds) = match unit {
        TimeUnit::Nanosecond => (time.timestamp_nanos_opt()?, 1),
        TimeUnit::Microsecond => (time.timestamp_micros(), 1000),
        TimeUnit::Millisecond | TimeUnit::Second => (time.timestamp_millis(), 1_000_000),
    };
    time.timestamp_subsec_nanos().is_multiple_of(nanoseconds).then_some(ticks)
}

#[cfg(test)]
mod tests;
