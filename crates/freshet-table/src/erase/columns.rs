//! The texts of Arrow columns, whatever their type: which rows of a batch name someone, and whether a Parquet file does.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::names::{Names, Plan, Told};

/// What a row of a batch tells, with its source and account.
pub(crate) struct Named {
    pub(crate) source: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) told: Vec<Told>,
}

/// The rows of a batch that name them, by their places.
pub(crate) fn named(names: &Names, plan: &Plan, batch: &RecordBatch) -> Vec<(usize, Named)> {
    let columns: Vec<Option<&ArrayRef>> = plan.columns.iter().map(|(name, _)| batch.column_by_name(name)).collect();
    let (sources, accounts) = (batch.column_by_name("source"), batch.column_by_name("account"));
    let mut found = Vec::new();
    for row in 0..batch.num_rows() {
        let (source, account) = (cell(sources, row), cell(accounts, row));
        let told = names.judge(plan, source, account, |place, take| {
            if let Some(column) = columns[place] {
                texts(column, row, take);
            }
        });
        if let Some(told) = told {
            found.push((row, Named { source: source.map(str::to_owned), account: account.map(str::to_owned), told }));
        }
    }
    found
}

fn cell(column: Option<&ArrayRef>, row: usize) -> Option<&str> {
    let column = column?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row))
}

fn texts(column: &ArrayRef, row: usize, take: &mut dyn FnMut(&str)) {
    if column.is_null(row) {
        return;
    }
    if let Some(column) = column.as_string_opt::<i32>() {
        take(column.value(row));
    } else if let Some(column) = column.as_list_opt::<i32>()
        && let Some(values) = column.value(row).as_string_opt::<i32>()
    {
        values.iter().flatten().for_each(take);
    }
}

/// Whether any text of a Parquet file names them: of any column, however deep. For files that are no table of the contract.
pub(crate) fn is_in_parquet(bytes: Bytes, names: &impl Fn(&str) -> bool) -> Result<bool, ParquetError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()?;
    for batch in reader {
        let batch = batch?;
        if batch.columns().iter().any(|column| is_in_array(column, names)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_in_array(array: &ArrayRef, names: &impl Fn(&str) -> bool) -> bool {
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().iter().any(|column| is_in_array(column, names)),
        DataType::List(_) => is_in_array(array.as_list::<i32>().values(), names),
        DataType::LargeList(_) => is_in_array(array.as_list::<i64>().values(), names),
        DataType::Map(..) => array.as_map().entries().columns().iter().any(|column| is_in_array(column, names)),
        _ => cast(array, &DataType::Utf8)
            .ok()
            .is_some_and(|array| array.as_string_opt::<i32>().is_some_and(|texts| texts.iter().flatten().any(names))),
    }
}
