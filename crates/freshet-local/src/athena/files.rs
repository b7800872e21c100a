//! Writing a query's rows into files of a table or an UNLOAD: a folder a partition, Parquet, JSON lines or separated text.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::compute::{CastOptions, cast_with_options, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use freshet_dialect::Printer;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::alter_table::folder_name;
use super::failure::Failure;
use super::location::Location;
use crate::buckets::Buckets;

/// Partitions that one statement may write (docs.aws.amazon.com/athena, "Create a table from query results": 100).
const PARTITIONS: usize = 100;
/// Bytes that a row group holds in memory before it is written.
const ROW_GROUP_BYTES: usize = 64 * 1024 * 1024;

/// How files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileFormat {
    Parquet(Compression),
    /// A JSON object a line.
    Json,
    /// Lines of values with this sign between them.
    Text(char),
}

impl FileFormat {
    /// The format of WITH (…)'s names.
    pub(crate) fn of(name: &str, compression: Option<&str>, delimiter: Option<&str>) -> Result<Self, Failure> {
        let compression = compression.map(str::to_uppercase);
        match (name.to_uppercase().as_str(), compression.as_deref()) {
            ("PARQUET", None | Some("SNAPPY")) => Ok(Self::Parquet(Compression::SNAPPY)),
            ("PARQUET", Some("ZSTD")) => Ok(Self::Parquet(Compression::ZSTD(ZstdLevel::default()))),
            ("PARQUET", Some("NONE" | "UNCOMPRESSED")) => Ok(Self::Parquet(Compression::UNCOMPRESSED)),
            ("JSON", None | Some("NONE")) => Ok(Self::Json),
            ("TEXTFILE", None | Some("NONE")) => Ok(Self::Text(delimiter.and_then(|text| text.chars().next()).unwrap_or('\u{1}'))),
            (format, Some(compression)) => Err(Failure::not_supported(&format!("compression {compression} of format {format}"))),
            (format, None) => Err(Failure::not_supported(&format!("format {format}"))),
        }
    }
}

/// Where rows go and how.
pub(crate) struct Target {
    pub(crate) location: Location,
    pub(crate) format: FileFormat,
    /// The columns of the files, in the order of the rows.
    pub(crate) columns: Vec<FieldRef>,
    /// The partition columns, which follow them.
    pub(crate) partitions: Vec<FieldRef>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) location: Location,
    /// The values of its partition, as text; empty for NULL.
    pub(crate) values: Vec<String>,
}

/// Files under way.
pub(crate) struct Files {
    target: Target,
    schema: SchemaRef,
    buckets: Buckets,
    open: BTreeMap<Vec<String>, (Location, Writer)>,
    rows: u64,
}

enum Writer {
    Parquet(Box<AsyncArrowWriter<BufWriter>>),
    Lines(Box<BufWriter>),
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::user(format!("HIVE_WRITER_DATA_ERROR: {error}"))
}

impl Files {
    pub(crate) fn new(target: Target, buckets: Buckets) -> Self {
        let schema = Arc::new(Schema::new(target.columns.clone()));
        Self { target, schema, buckets, open: BTreeMap::new(), rows: 0 }
    }

    /// Writes rows, whose fields say how a value's text is.
    pub(crate) async fn write(&mut self, batch: &RecordBatch, fields: &[FieldRef]) -> Result<(), Failure> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let width = self.target.columns.len();
        let mut groups: BTreeMap<Vec<String>, Vec<u64>> = BTreeMap::new();
        let partitions: Vec<(Printer, &ArrayRef)> =
            (width..width + self.target.partitions.len()).map(|place| (Printer::new(&fields[place]), batch.column(place))).collect();
        for row in 0..batch.num_rows() {
            let values = partitions.iter().map(|(printer, array)| printer.text(array, row).unwrap_or_default().into_owned());
            groups.entry(values.collect()).or_default().push(row as u64);
        }
        for (values, rows) in groups {
            let rows = UInt64Array::from(rows);
            let columns = self.target.columns.iter().zip(batch.columns()).map(|(field, array)| {
                let taken = take(array.as_ref(), &rows, None)?;
                cast_with_options(&taken, field.data_type(), &strict)
            });
            let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>().map_err(failed)?;
            self.rows += rows.len() as u64;
            let part = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(failed)?;
            self.append(values, &part).await?;
        }
        Ok(())
    }

    async fn append(&mut self, values: Vec<String>, batch: &RecordBatch) -> Result<(), Failure> {
        if !self.open.contains_key(&values) {
            if self.open.len() >= PARTITIONS {
                return Err(Failure::user(format!(
                    "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of {PARTITIONS} open writers for partitions/buckets"
                )));
            }
            let opened = self.begin(&values)?;
            self.open.insert(values.clone(), opened);
        }
        let Some((_, writer)) = self.open.get_mut(&values) else {
            return Ok(());
        };
        match writer {
            Writer::Parquet(writer) => {
                writer.write(batch).await.map_err(failed)?;
                if writer.in_progress_size() > ROW_GROUP_BYTES {
                    writer.flush().await.map_err(failed)?;
                }
            }
            Writer::Lines(out) => {
                let mut text = Vec::new();
                lines(&self.target.format, batch, &mut text)?;
                out.write_all(&text).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    fn begin(&self, values: &[String]) -> Result<(Location, Writer), Failure> {
        let mut location = self.target.location.clone();
        for (field, value) in self.target.partitions.iter().zip(values) {
            location = location.join(&folder_name(field.name(), value));
        }
        let location = location.join(&Uuid::new_v4().to_string());
        let store = self.buckets.get(&location.bucket);
        let path: Path = location.path()?;
        let writer = match &self.target.format {
            FileFormat::Parquet(compression) => {
                let properties = WriterProperties::builder().set_compression(*compression).build();
                let writer = AsyncArrowWriter::try_new(BufWriter::new(store, path), Arc::clone(&self.schema), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(failed)?))
            }
            FileFormat::Json | FileFormat::Text(_) => Writer::Lines(Box::new(BufWriter::new(store, path))),
        };
        Ok((location, writer))
    }

    /// Ends all files: what was written, and how many rows.
    pub(crate) async fn finish(self) -> Result<(Vec<Written>, u64), Failure> {
        let mut written = Vec::new();
        for (values, (location, writer)) in self.open {
            match writer {
                Writer::Parquet(writer) => {
                    writer.close().await.map_err(failed)?;
                }
                Writer::Lines(mut out) => {
                    out.shutdown().await.map_err(failed)?;
                }
            }
            written.push(Written { location, values });
        }
        Ok((written, self.rows))
    }
}

/// Rows as lines. Times at the top are text as Athena prints it.
fn lines(format: &FileFormat, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), Failure> {
    let schema = batch.schema();
    let printers: Vec<Printer> = schema.fields().iter().map(|field| Printer::new(field)).collect();
    let text = |place: usize, row: usize| printers[place].text(batch.column(place), row);
    if let FileFormat::Text(delimiter) = format {
        for row in 0..batch.num_rows() {
            let values: Vec<String> = (0..batch.num_columns()).map(|place| text(place, row).unwrap_or(r"\N".into()).into_owned()).collect();
            writeln!(out, "{}", values.join(&delimiter.to_string())).map_err(failed)?;
        }
        return Ok(());
    }
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (place, field) in schema.fields().iter().enumerate() {
        if matches!(field.data_type(), DataType::Timestamp(_, _)) {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new((0..batch.num_rows()).map(|row| text(place, row)).collect::<StringArray>()));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(batch.column(place)));
        }
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(failed)?;
    let mut writer = arrow_json::LineDelimitedWriter::new(out);
    writer.write(&batch).map_err(failed)?;
    writer.finish().map_err(failed)
}
