//! Data files, written to be read: sorted, zstd, row groups of a sane size, statistics, page index, bloom filters on ids.

use std::sync::Arc;

use arrow::array::RecordBatch;
use freshet_schema::{Convert, Table};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::error::Error;

/// Rows a row group: some tens of megabytes of our rows.
pub(crate) const ROW_GROUP: usize = 128 * 1024;

/// How a table's files are written.
pub(crate) fn properties(table: &Table) -> WriterProperties {
    let schema = freshet_schema::arrow::file_schema(table);
    let sorting = table.sort.iter().filter_map(|name| schema.index_of(name).ok()).filter_map(|place| i32::try_from(place).ok());
    let sorting = sorting.map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true }).collect();
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting))
        .set_created_by(format!("freshet {}", env!("CARGO_PKG_VERSION")));
    // A dictionary of values that are all different only costs time.
    for unique in ["event_id", "payload_hash", "extra"] {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(unique), false);
    }
    let ids = table.own_columns.iter().filter(|column| column.convert == Some(Convert::Id) && column.required);
    for name in ids.map(|column| column.name.as_str()).chain(["event_id"]).filter(|name| table.column(name).is_some()) {
        builder = builder.set_column_bloom_filter_enabled(ColumnPath::from(name), true);
    }
    builder.build()
}

/// Writes sorted rows (without the partition) into a file's bytes.
pub(crate) fn write(table: &Table, rows: &RecordBatch) -> Result<Vec<u8>, Error> {
    let failed = Error::parquet("write a data file", &table.name);
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties(table))).map_err(&failed)?;
    writer.write(rows).map_err(&failed)?;
    writer.into_inner().map_err(&failed)
}

/// Rows without the columns that a file does not hold.
pub(crate) fn file_rows(table: &Table, rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let schema = Arc::new(freshet_schema::arrow::file_schema(table));
    let columns = schema.fields().iter().filter_map(|field| rows.column_by_name(field.name()).cloned()).collect();
    RecordBatch::try_new(schema, columns).map_err(Error::arrow("write a data file", &table.name))
}
