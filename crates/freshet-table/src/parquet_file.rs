//! Data files, written to be read: sorted, zstd, row groups of a sane size, statistics, page index, bloom filters on ids.
//!
//! The columns of a piece are gathered and encoded side by side; what is held is encoded already.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use freshet_schema::{Convert, Table};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use crate::blocking::side_by_side;
use crate::stats::ColumnStatistics;

/// Rows a row group: some tens of megabytes of our rows.
const ROW_GROUP: usize = 128 * 1024;
/// A row group ends where it takes so much memory, however few its rows are.
const ROW_GROUP_BYTES: usize = 48 * 1024 * 1024;
/// Rows that are gathered and encoded at a time.
pub(crate) const PIECE: usize = 8 * 1024;
/// Below, threads cost more than they bring.
const WORTH_THREADS: usize = 2 * 1024;

/// How a table's files are written.
fn properties(table: &Table) -> WriterProperties {
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
    for unique in ["event_id", "payload_hash", "delivery_id", "extra"] {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(unique), false);
    }
    let ids = table.own_columns().iter().filter(|column| column.convert == Some(Convert::Id) && column.required);
    for name in ids.map(|column| column.name.as_str()).chain(["event_id"]).filter(|name| table.column(name).is_some()) {
        builder = builder.set_column_bloom_filter_enabled(ColumnPath::from(name), true);
    }
    builder.build()
}

/// A data file that is being written.
pub(crate) struct FileWriter<W: Write + Send> {
    schema: SchemaRef,
    writer: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    threads: usize,
    /// A column each, of the row group that is open.
    columns: Vec<Mutex<Option<ArrowColumnWriter>>>,
    rows: usize,
    records: usize,
    statistics: Vec<ColumnStatistics>,
}

impl<W: Write + Send> FileWriter<W> {
    /// Begins a file of a table.
    pub(crate) fn new(table: &Table, sink: W, threads: usize) -> Result<Self, ParquetError> {
        let schema: SchemaRef = Arc::new(freshet_schema::arrow::file_schema(table));
        let properties = Arc::new(properties(table));
        let converted = ArrowSchemaConverter::new().convert(&schema)?;
        let mut writer = SerializedFileWriter::new(sink, converted.root_schema_ptr(), properties)?;
        writer.append_key_value_metadata(KeyValue::new("freshet.table".to_owned(), table.name.clone()));
        let factory = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&schema));
        let statistics = vec![ColumnStatistics::default(); schema.fields().len()];
        Ok(Self { schema, writer, factory, threads, columns: Vec::new(), rows: 0, records: 0, statistics })
    }

    /// The columns, in order.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Writes rows: `gather` gives a column's values of them.
    pub(crate) fn write(&mut self, rows: usize, gather: impl Fn(usize) -> Result<ArrayRef, ArrowError> + Sync) -> Result<(), ParquetError> {
        if rows == 0 {
            return Ok(());
        }
        if self.rows > 0 && (self.rows + rows > ROW_GROUP || self.held() > ROW_GROUP_BYTES) {
            self.end_row_group()?;
        }
        if self.rows == 0 {
            let writers = self.factory.create_column_writers(self.writer.flushed_row_groups().len())?;
            self.columns = writers.into_iter().map(|writer| Mutex::new(Some(writer))).collect();
        }
        let (schema, columns) = (&self.schema, &self.columns);
        let encode = |place: usize| {
            let values = gather(place)?;
            let mut column = columns[place].lock().unwrap_or_else(PoisonError::into_inner);
            // A list of texts has one leaf, as every other type of ours: columns and leaves count alike.
            for leaf in compute_leaves(schema.field(place), &values)? {
                column.as_mut().expect("the row group is open").write(&leaf)?;
            }
            Ok::<_, ParquetError>(ColumnStatistics::of(&values))
        };
        let threads = if rows < WORTH_THREADS { 1 } else { self.threads };
        let statistics = side_by_side(schema.fields().len(), threads, encode)?;
        for (all, part) in self.statistics.iter_mut().zip(statistics) {
            all.add(part);
        }
        self.rows += rows;
        self.records += rows;
        Ok(())
    }

    fn held(&self) -> usize {
        let size = |column: &Mutex<Option<ArrowColumnWriter>>| {
            column.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, ArrowColumnWriter::memory_size)
        };
        self.columns.iter().map(size).sum()
    }

    fn end_row_group(&mut self) -> Result<(), ParquetError> {
        let columns = std::mem::take(&mut self.columns);
        let close = |place: usize| match columns[place].lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(writer) => writer.close(),
            None => Err(ParquetError::General("a column is closed once".to_owned())),
        };
        let threads = if self.rows < WORTH_THREADS { 1 } else { self.threads };
        let chunks = side_by_side(columns.len(), threads, close)?;
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Where finished row groups go.
    pub(crate) fn sink(&mut self) -> &mut W {
        self.writer.inner_mut()
    }

    /// Ends the file; returns where it went and its statistics as the log keeps them.
    pub(crate) fn finish(mut self) -> Result<(W, String), ParquetError> {
        if self.rows > 0 {
            self.end_row_group()?;
        }
        let statistics = crate::stats::text(self.records, &self.schema, &self.statistics);
        Ok((self.writer.into_inner()?, statistics))
    }
}
