//! Sorted files of a partition into one sorted file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, Rows, SortField};
use deltalake::kernel::Add;
use freshet_schema::Table;
use futures::TryStreamExt;
use object_store::ObjectStore;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::errors::ParquetError;
use tokio::sync::mpsc::{self, Receiver};

use crate::commit::DataFile;
use crate::error::Error;
use crate::lake::Lake;
use crate::new_file::NewFile;
use crate::options::Options;
use crate::parquet_file::PIECE;
use crate::reader::{FileReader, rows_at_once};
use crate::rows::order;

/// Files of one partition that become one.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) day: i32,
    pub(crate) files: Vec<DataFile>,
}

/// Writes the rows of all files, in their order, into one file; `None` where there are none.
pub(crate) async fn join(lake: &Lake, table: &'static Table, candidate: &Candidate, options: &Options) -> Result<Option<Add>, Error> {
    let mut merger = Merger::open(&lake.table_store(table), table, &candidate.files, options).await?;
    let mut file = NewFile::new(lake, table, candidate.day, "merged")?;
    while let Some(piece) = merger.piece().await? {
        file = file.write(piece.picked.len(), move |column| piece.gather(column)).await?;
    }
    file.finish(options, false).await
}

/// A batch and the keys of its rows.
type Read = Result<(RecordBatch, Rows), Error>;

/// A file that is being read, a batch ahead.
struct Source {
    batches: Receiver<Read>,
    keys: Option<Rows>,
    /// Its batch among those that are held.
    slot: usize,
    at: usize,
}

/// Rows that come next, in order.
struct Piece {
    held: Vec<RecordBatch>,
    picked: Vec<(usize, usize)>,
}

impl Piece {
    fn gather(&self, column: usize) -> Result<ArrayRef, arrow::error::ArrowError> {
        let arrays: Vec<&dyn Array> = self.held.iter().map(|batch| batch.column(column).as_ref()).collect();
        interleave(&arrays, &self.picked)
    }
}

struct Merger {
    sources: Vec<Source>,
    /// The sources that have rows left, as a heap: the one with the least row first.
    heap: Vec<usize>,
    held: Vec<RecordBatch>,
}

impl Merger {
    async fn open(store: &Arc<dyn ObjectStore>, table: &'static Table, files: &[DataFile], options: &Options) -> Result<Self, Error> {
        let failed = Error::parquet("merge data files", &table.name);
        let mut opened = Vec::new();
        for file in files {
            let mut reader = FileReader::new(store, file);
            let metadata = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::default()).await.map_err(&failed)?;
            opened.push((reader, metadata));
        }
        // Three batches of each file are held at most.
        let groups = opened.iter().flat_map(|(_, metadata)| metadata.metadata().row_groups());
        let batch = rows_at_once(groups, options.memory_budget / (3 * files.len().max(1))).min(PIECE / 2);
        let mut merger = Self { sources: Vec::new(), heap: Vec::new(), held: Vec::new() };
        for (reader, metadata) in opened {
            let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata).with_batch_size(batch);
            let source = Source { batches: read(table, builder).map_err(&failed)?, keys: None, slot: 0, at: 0 };
            merger.sources.push(source);
        }
        for place in 0..merger.sources.len() {
            if merger.refill(place).await? {
                merger.heap.push(place);
            }
        }
        for root in (0..merger.heap.len() / 2).rev() {
            merger.sift(root);
        }
        Ok(merger)
    }

    /// Takes a source's next batch; whether there was one.
    async fn refill(&mut self, place: usize) -> Result<bool, Error> {
        let source = &mut self.sources[place];
        match source.batches.recv().await {
            None => Ok(false),
            Some(Err(error)) => Err(error),
            Some(Ok((batch, keys))) => {
                (source.keys, source.slot, source.at) = (Some(keys), self.held.len(), 0);
                self.held.push(batch);
                Ok(true)
            }
        }
    }

    fn precedes(&self, left: usize, right: usize) -> bool {
        let (left_source, right_source) = (&self.sources[left], &self.sources[right]);
        match (&left_source.keys, &right_source.keys) {
            (Some(left_keys), Some(right_keys)) => (left_keys.row(left_source.at), left) < (right_keys.row(right_source.at), right),
            _ => false,
        }
    }

    fn sift(&mut self, mut root: usize) {
        loop {
            let least = [2 * root + 1, 2 * root + 2].into_iter().filter(|child| *child < self.heap.len());
            let least = least.fold(root, |least, child| if self.precedes(self.heap[child], self.heap[least]) { child } else { least });
            if least == root {
                return;
            }
            self.heap.swap(root, least);
            root = least;
        }
    }

    async fn piece(&mut self) -> Result<Option<Piece>, Error> {
        let mut picked = Vec::with_capacity(PIECE);
        while picked.len() < PIECE
            && let Some(place) = self.heap.first().copied()
        {
            let source = &mut self.sources[place];
            picked.push((source.slot, source.at));
            source.at += 1;
            if source.at >= self.held[source.slot].num_rows() && !self.refill(place).await? {
                self.heap.swap_remove(0);
            }
            self.sift(0);
        }
        if picked.is_empty() {
            return Ok(None);
        }
        // The batches that still have rows are held on.
        let held = std::mem::take(&mut self.held);
        for place in self.heap.clone() {
            let source = &mut self.sources[place];
            self.held.push(held[source.slot].clone());
            source.slot = self.held.len() - 1;
        }
        Ok(Some(Piece { held, picked }))
    }
}

/// Reads a file on a task of its own, a batch ahead.
fn read(table: &'static Table, builder: ParquetRecordBatchStreamBuilder<FileReader>) -> Result<Receiver<Read>, ParquetError> {
    let (sender, receiver) = mpsc::channel(1);
    let schema: SchemaRef = Arc::new(freshet_schema::arrow::file_schema(table));
    let order: Vec<usize> = order(table).into_iter().filter_map(|name| schema.index_of(name).ok()).collect();
    let converter = RowConverter::new(order.iter().map(|place| SortField::new(schema.field(*place).data_type().clone())).collect())?;
    let mut stream = builder.build()?;
    let prepare = move |batch: &RecordBatch| {
        let batch = widen(batch, &schema)?;
        let columns: Vec<ArrayRef> = order.iter().map(|place| Arc::clone(batch.column(*place))).collect();
        converter.convert_columns(&columns).map(|keys| (batch, keys))
    };
    tokio::spawn(async move {
        loop {
            let next = match stream.try_next().await {
                Ok(None) => return,
                Ok(Some(batch)) => prepare(&batch).map_err(Error::arrow("merge data files", &table.name)),
                Err(error) => Err(Error::parquet("merge data files", &table.name)(error)),
            };
            let is_over = next.is_err();
            if sender.send(next).await.is_err() || is_over {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Rows of an older file with the columns that have been added since, as NULL.
pub(crate) fn widen(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    let column = |field: &Arc<arrow::datatypes::Field>| match batch.column_by_name(field.name()) {
        Some(column) => arrow::compute::cast(column, field.data_type()),
        None => Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
