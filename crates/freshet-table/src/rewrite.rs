//! Data files written again without some of their rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use deltalake::kernel::Action;
use freshet_schema::Table;
use futures::TryStreamExt;
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;

use crate::commit::DataFile;
use crate::error::Error;
use crate::join::widen;
use crate::lake::Lake;
use crate::new_file::NewFile;
use crate::options::Options;
use crate::parquet_file::PIECE;
use crate::reader::{FileReader, rows_at_once};

/// The column that says which event a row is of.
pub(crate) const EVENT_ID: &str = "event_id";

/// Which rows of a batch go.
pub(crate) type Gone = dyn Fn(&RecordBatch) -> Vec<bool> + Send + Sync;

/// Whether a file has rows of any of the events.
pub(crate) async fn holds_any(lake: &Lake, table: &Table, file: &DataFile, events: &HashSet<String>) -> Result<bool, Error> {
    let failed = Error::parquet("read the events of a data file", &table.name);
    let reader = FileReader::new(&lake.table_store(table), file);
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&failed)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), [EVENT_ID]);
    let mut batches = builder.with_projection(mask).with_batch_size(PIECE).build().map_err(&failed)?;
    while let Some(batch) = batches.try_next().await.map_err(&failed)? {
        if of_events(&batch, events).contains(&true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Which rows of a batch are of any of the events.
pub(crate) fn of_events(batch: &RecordBatch, events: &HashSet<String>) -> Vec<bool> {
    let ids = batch.column_by_name(EVENT_ID).and_then(|column| column.as_string_opt::<i32>());
    ids.map_or_else(|| vec![false; batch.num_rows()], |ids| ids.iter().map(|id| id.is_some_and(|id| events.contains(id))).collect())
}

/// Those rows of a file that `is_wanted` says, with the columns that their table has now.
pub(crate) async fn read_rows(
    lake: &Lake,
    table: &'static Table,
    file: &DataFile,
    is_wanted: impl Fn(&RecordBatch) -> Vec<bool> + Send,
) -> Result<Vec<RecordBatch>, Error> {
    let failed = Error::parquet("read a data file", &table.name);
    let unreadable = Error::arrow("read a data file", &table.name);
    let schema: SchemaRef = Arc::new(freshet_schema::arrow::file_schema(table));
    let reader = FileReader::new(&lake.table_store(table), file);
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&failed)?.with_batch_size(PIECE / 4);
    let mut batches = builder.build().map_err(&failed)?;
    let mut found = Vec::new();
    while let Some(batch) = batches.try_next().await.map_err(&failed)? {
        let wanted = BooleanArray::from(is_wanted(&batch));
        if wanted.true_count() > 0 {
            let rows = filter_record_batch(&batch, &wanted).map_err(&unreadable)?;
            found.push(widen(&rows, &schema).map_err(&unreadable)?);
        }
    }
    Ok(found)
}

/// The actions that put a file without some of its rows in its place, and how many rows go. The rest keep their order.
pub(crate) async fn without(
    lake: &Lake,
    table: &'static Table,
    file: &DataFile,
    gone: &Arc<Gone>,
    options: &Options,
) -> Result<(Vec<Action>, u64), Error> {
    let failed = Error::parquet("write a data file again", &table.name);
    let schema: SchemaRef = Arc::new(freshet_schema::arrow::file_schema(table));
    let reader = FileReader::new(&lake.table_store(table), file);
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&failed)?;
    let batch = rows_at_once(builder.metadata().row_groups(), options.memory_budget).min(PIECE);
    let mut batches = builder.with_batch_size(batch).build().map_err(&failed)?;
    let mut rest = NewFile::new(lake, table, file.day, "rewritten")?;
    let mut removed = 0;
    while let Some(batch) = batches.try_next().await.map_err(&failed)? {
        let keep: BooleanArray = gone(&batch).into_iter().map(|gone| Some(!gone)).collect();
        let rows = filter_record_batch(&batch, &keep).and_then(|rows| widen(&rows, &schema));
        let rows = rows.map_err(Error::arrow("write a data file again", &table.name))?;
        removed += (batch.num_rows() - rows.num_rows()) as u64;
        rest = rest.write(rows.num_rows(), move |column| Ok(Arc::clone(rows.column(column)))).await?;
    }
    if removed == 0 {
        return Ok((Vec::new(), 0));
    }
    let add = rest.finish(options, true).await?.map(Action::Add);
    Ok((std::iter::once(Action::Remove(file.remove.clone())).chain(add).collect(), removed))
}
