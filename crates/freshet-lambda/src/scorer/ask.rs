//! A named query of the catalogue, row by row: Athena writes the answer to Parquet files, of which no more than a batch is in memory.
//!
//! Files come in no order, so **rows do**: whoever needs an order sorts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::pin::pin;

use arrow::array::{Array as _, RecordBatch};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use freshet_query::{Run, Unloaded, bind, find, unload};
use futures::TryStreamExt as _;

use super::Desk;
use crate::error::Error;

/// How values are written: as Athena prints them.
const TEXT: FormatOptions<'static> =
    FormatOptions::new().with_display_error(false).with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.3f")).with_date_format(Some("%Y-%m-%d"));

/// Runs a query; `begin` takes the names of its columns, and what it gives takes each row. The files are deleted.
pub async fn each_row<T>(
    desk: &Desk,
    name: &'static str,
    values: &[(&str, String)],
    begin: impl FnOnce(&[&str]) -> Result<T, Error>,
    take: impl FnMut(&mut T, &[Option<String>]) -> Result<(), Error>,
) -> Result<T, Error> {
    let failed = |source: freshet_query::Error| Error::Ask { query: name, source: Box::new(source) };
    let query = find(name).map_err(failed)?;
    let values: BTreeMap<String, String> = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let statement = bind(query, &values).map_err(failed)?;
    let run = Run {
        sql: statement.sql,
        parameters: statement.parameters,
        database: desk.database.clone(),
        workgroup: desk.workgroup.clone(),
        output_location: desk.output_location.clone(),
        timeout: desk.timeout,
        byte_limit: None,
        reuse_minutes: None,
        cancel: std::future::pending(),
    };
    let unloaded = Box::pin(unload(&desk.athena, &desk.s3, run)).await.map_err(failed)?;
    let columns: Vec<&str> = query.columns.iter().map(|column| column.name.as_str()).collect();
    let taken = match begin(&columns) {
        Ok(taken) => Box::pin(read(desk, name, &unloaded, &columns, taken, take)).await,
        Err(error) => Err(error),
    };
    if let Some(left) = unloaded.clean(&desk.s3).await {
        tracing::warn!(query = name, folder = left.folder, reason = left.reason, "an answer's files are left to the lifecycle rule");
    }
    taken
}

async fn read<T>(
    desk: &Desk,
    name: &'static str,
    unloaded: &Unloaded,
    columns: &[&str],
    mut taken: T,
    mut take: impl FnMut(&mut T, &[Option<String>]) -> Result<(), Error>,
) -> Result<T, Error> {
    let mut rows = 0;
    let mut batches = pin!(unloaded.batches(&desk.s3));
    while let Some(batch) = batches.try_next().await.map_err(|source| Error::Ask { query: name, source: Box::new(source) })? {
        each_row_of(name, &batch, columns, |row| take(&mut taken, row))?;
        rows += batch.num_rows();
    }
    tracing::info!(query = name, rows, files = unloaded.files(), scanned_bytes = unloaded.execution.scanned_bytes, "asked for rows");
    Ok(taken)
}

/// The rows of a batch as text; `None` is NULL.
fn each_row_of(
    name: &'static str,
    batch: &RecordBatch,
    columns: &[&str],
    mut take: impl FnMut(&[Option<String>]) -> Result<(), Error>,
) -> Result<(), Error> {
    let names = batch.schema();
    let names: Vec<&str> = names.fields().iter().map(|field| field.name().as_str()).collect();
    if names != columns {
        return Err(Error::Ask { query: name, source: "the columns are not those of the query's header".into() });
    }
    let unreadable = |error: ArrowError| Error::Ask { query: name, source: Box::new(error) };
    let formatters = batch.columns().iter().map(|array| ArrayFormatter::try_new(array.as_ref(), &TEXT));
    let formatters: Vec<ArrayFormatter<'_>> = formatters.collect::<Result<_, _>>().map_err(unreadable)?;
    let mut row: Vec<Option<String>> = vec![None; columns.len()];
    for place in 0..batch.num_rows() {
        for ((cell, array), formatter) in row.iter_mut().zip(batch.columns()).zip(&formatters) {
            if array.is_null(place) {
                *cell = None;
                continue;
            }
            let text = cell.get_or_insert_with(String::new);
            text.clear();
            write!(text, "{}", formatter.value(place)).map_err(|error| Error::Ask { query: name, source: Box::new(error) })?;
        }
        take(&row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
    };

    use super::*;

    #[test]
    fn values_are_written_as_athena_prints_them_and_null_is_none() {
        let decimal = Decimal128Array::from(vec![Some(-15_000), None]).with_precision_and_scale(38, 4).unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("text", Arc::new(StringArray::from(vec![Some(""), None]))),
            ("whole", Arc::new(Int64Array::from(vec![Some(-7), None]))),
            ("double", Arc::new(Float64Array::from(vec![Some(0.1 + 0.2), None]))),
            ("money", Arc::new(decimal)),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("day", Arc::new(Date32Array::from(vec![Some(0), None]))),
            ("time", Arc::new(TimestampMillisecondArray::from(vec![Some(1000), None]))),
        ];
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let batch = RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (*name, Arc::clone(array), true))).unwrap();
        let mut rows = Vec::new();
        each_row_of("q", &batch, &names, |row| {
            rows.push(row.to_vec());
            Ok(())
        })
        .unwrap();
        let told = ["", "-7", "0.30000000000000004", "-1.5000", "true", "1970-01-01", "1970-01-01 00:00:01.000"];
        assert_eq!(rows, [told.map(|text| Some(text.to_owned())).to_vec(), vec![None; 7]]);
        assert_eq!(rows[0][2].as_ref().unwrap().parse::<f64>().unwrap().to_bits(), (0.1_f64 + 0.2).to_bits());
        assert!(each_row_of("q", &batch, &names[1..], |_| Ok(())).is_err(), "a column more");
    }
}
