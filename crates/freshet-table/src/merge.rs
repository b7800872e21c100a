//! Merging: the small files of a partition become few, sorted as they are, without a change of their rows.
//!
//! The files are read side by side, a batch of each at a time, and written as they come: memory does not grow with them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use arrow::row::{OwnedRow, RowConverter, SortField};
use deltalake::kernel::Action;
use freshet_schema::Table;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::async_reader::{ParquetObjectReader, ParquetRecordBatchStreamBuilder};
use serde_json::Value;

use crate::commit::{self, DataFile, Outcome, commit, day_text, files};
use crate::compact::Options;
use crate::error::Error;
use crate::lake::Lake;
use crate::parquet_file;
use crate::stats::Statistics;

/// The size that files are merged up to.
pub(crate) const TARGET: u64 = 256 * 1024 * 1024;
/// So many small files in a partition are worth merging.
const WORTH: usize = 5;
/// So many files are read side by side.
const AT_ONCE: usize = 32;
/// Rows of a piece that is written.
const PIECE: usize = 4_096;

/// Small files of one partition.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) day: i32,
    pub(crate) files: Vec<DataFile>,
}

/// The partitions that are worth merging, and which files of each: together no larger than the target.
pub(crate) fn candidates(files: Vec<DataFile>, target: u64) -> Vec<Candidate> {
    let mut by_day: BTreeMap<i32, Vec<DataFile>> = BTreeMap::new();
    for file in files.into_iter().filter(|file| file.size < target / 2) {
        by_day.entry(file.day).or_default().push(file);
    }
    let mut found = Vec::new();
    for (day, mut files) in by_day {
        files.sort_by(|left, right| (left.size, &left.location).cmp(&(right.size, &right.location)));
        let mut sum = 0;
        files.retain(|file| {
            sum += file.size;
            sum <= target
        });
        files.truncate(AT_ONCE);
        if files.len() >= WORTH {
            found.push(Candidate { day, files });
        }
    }
    found
}

/// Merges what is worth it in a table, and deletes files that left it more than seven days ago. Returns how many files went.
pub(crate) async fn merge(lake: &Lake, table: &Table, options: &Options) -> Result<u64, Error> {
    let mut merged = 0;
    let mut lost = 0;
    loop {
        let Some(delta) = lake.load(table).await? else {
            return Ok(merged);
        };
        let Some(candidate) = candidates(files(&delta, table).await?, options.target_file).into_iter().next() else {
            break;
        };
        let add = join(lake, table, &candidate, options).await?;
        let removes = candidate.files.iter().map(|file| {
            let mut remove = file.remove.clone();
            remove.data_change = false;
            Action::Remove(remove)
        });
        let actions = removes.chain([add]).collect();
        match commit(lake, table, &delta, actions, "merge", Value::Null).await? {
            Outcome::Won => {
                merged += candidate.files.len() as u64;
                tracing::info!(table = table.name, dt = day_text(candidate.day), files = candidate.files.len(), "merged small files");
            }
            Outcome::Lost => lost += 1,
        }
        if lost > 3 || options.deadline.is_some_and(|deadline| std::time::Instant::now() >= deadline) {
            break;
        }
    }
    if merged > 0 {
        vacuum(lake, table).await?;
    }
    Ok(merged)
}

/// Deletes files that no version of the last seven days names.
async fn vacuum(lake: &Lake, table: &Table) -> Result<(), Error> {
    let Some(delta) = lake.load(table).await? else {
        return Ok(());
    };
    delta.vacuum().await.map_err(Error::delta("vacuum the files", &table.name))?;
    Ok(())
}

/// A file that is being read.
struct Source {
    stream: BoxStream<'static, Result<RecordBatch, parquet::errors::ParquetError>>,
    batch: RecordBatch,
    rows: Vec<OwnedRow>,
    at: usize,
}

/// Writes the rows of all files, in their order, into one file.
async fn join(lake: &Lake, table: &Table, candidate: &Candidate, options: &Options) -> Result<Action, Error> {
    let failed = Error::parquet("merge data files", &table.name);
    let store = lake.table_store(table);
    let schema: SchemaRef = Arc::new(freshet_schema::arrow::file_schema(table));
    let order: Vec<usize> = table.sort.iter().chain(&table.key).filter_map(|name| schema.index_of(name).ok()).collect();
    let converter = RowConverter::new(order.iter().map(|place| SortField::new(schema.field(*place).data_type().clone())).collect())
        .map_err(Error::arrow("merge data files", &table.name))?;
    let mut merger = Merger { table, schema: Arc::clone(&schema), order, converter, sources: Vec::new(), heap: BinaryHeap::new() };
    for file in &candidate.files {
        merger.open(&store, file).await?;
    }
    let inputs: Vec<&str> = candidate.files.iter().map(|file| file.location.as_ref()).collect();
    // Named by what went in: the same merge again writes the same file.
    let path = Path::from(format!("dt={}/merged-{}.parquet", day_text(candidate.day), freshet_ingest::canonical::hash_parts(&inputs)));
    let target = BufWriter::new(Arc::clone(&store), path.clone());
    let mut writer = AsyncArrowWriter::try_new(parquet::arrow::async_writer::ParquetObjectWriter::from_buf_writer(target), schema, Some(parquet_file::properties(table))).map_err(&failed)?;
    let mut statistics = Statistics::default();
    while let Some(piece) = merger.piece().await? {
        statistics.add(&piece);
        writer.write(&piece).await.map_err(&failed)?;
    }
    writer.close().await.map_err(&failed)?;
    let size = store.head(&path).await.map_err(Error::object(format!("read a merged file of table {}", table.name)))?.size;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    Ok(Action::Add(commit::add(&path, candidate.day, size, statistics.json(), options.now.0, false)))
}

struct Merger<'a> {
    table: &'a Table,
    schema: SchemaRef,
    order: Vec<usize>,
    converter: RowConverter,
    sources: Vec<Source>,
    heap: BinaryHeap<Reverse<(OwnedRow, usize)>>,
}

impl Merger<'_> {
    async fn open(&mut self, store: &Arc<dyn ObjectStore>, file: &DataFile) -> Result<(), Error> {
        let failed = Error::parquet("merge data files", &self.table.name);
        let reader = ParquetObjectReader::new(Arc::clone(store), file.location.clone()).with_file_size(file.size);
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&failed)?;
        let stream = builder.with_batch_size(PIECE).build().map_err(&failed)?;
        let source = Source { stream: Box::pin(stream), batch: RecordBatch::new_empty(Arc::clone(&self.schema)), rows: Vec::new(), at: 0 };
        self.sources.push(source);
        self.advance(self.sources.len() - 1).await
    }

    /// Puts a source's next row on the heap, reading its next batch where this one is used up.
    async fn advance(&mut self, place: usize) -> Result<(), Error> {
        let failed = Error::arrow("merge data files", &self.table.name);
        let source = &mut self.sources[place];
        while source.at >= source.rows.len() {
            let Some(batch) = source.stream.try_next().await.map_err(Error::parquet("merge data files", &self.table.name))? else {
                return Ok(());
            };
            source.batch = widen(&batch, &self.schema).map_err(&failed)?;
            let columns: Vec<ArrayRef> = self.order.iter().map(|place| Arc::clone(source.batch.column(*place))).collect();
            let rows = self.converter.convert_columns(&columns).map_err(&failed)?;
            source.rows = rows.iter().map(|row| row.owned()).collect();
            source.at = 0;
        }
        self.heap.push(Reverse((source.rows[source.at].clone(), place)));
        Ok(())
    }

    /// The next rows in order. A piece ends where a batch does, since the rows are taken from the batches at hand.
    async fn piece(&mut self) -> Result<Option<RecordBatch>, Error> {
        let mut picked: Vec<(usize, usize)> = Vec::with_capacity(PIECE);
        while picked.len() < PIECE {
            let Some(Reverse((_, place))) = self.heap.pop() else {
                break;
            };
            let source = &mut self.sources[place];
            picked.push((place, source.at));
            source.at += 1;
            if source.at >= source.rows.len() {
                let piece = self.gather(&picked)?;
                self.advance(place).await?;
                return Ok(Some(piece));
            }
            self.heap.push(Reverse((source.rows[source.at].clone(), place)));
        }
        if picked.is_empty() { Ok(None) } else { self.gather(&picked).map(Some) }
    }

    fn gather(&self, picked: &[(usize, usize)]) -> Result<RecordBatch, Error> {
        let failed = Error::arrow("merge data files", &self.table.name);
        let column = |place: usize| {
            let arrays: Vec<&dyn arrow::array::Array> = self.sources.iter().map(|source| source.batch.column(place).as_ref()).collect();
            interleave(&arrays, picked)
        };
        let columns: Vec<ArrayRef> = (0..self.schema.fields().len()).map(column).collect::<Result<_, _>>().map_err(&failed)?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(&failed)
    }
}

/// Rows of an older file with the columns that have been added since, as NULL.
fn widen(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    let column = |field: &Arc<arrow::datatypes::Field>| match batch.column_by_name(field.name()) {
        Some(column) => arrow::compute::cast(column, field.data_type()),
        None => Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
