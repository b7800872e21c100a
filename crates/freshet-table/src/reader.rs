//! A data file in the lake, read in ranges.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

use crate::commit::DataFile;

/// The file's end, where its metadata lies: mostly all of it, so that one request is enough.
const END: usize = 64 * 1024;

/// A data file of a table's folder.
#[derive(Debug, Clone)]
pub(crate) struct FileReader {
    store: Arc<dyn ObjectStore>,
    location: Path,
    size: u64,
}

impl FileReader {
    pub(crate) fn new(store: &Arc<dyn ObjectStore>, file: &DataFile) -> Self {
        Self { store: Arc::clone(store), location: file.location.clone(), size: file.size }
    }
}

/// How many rows of files may be read at once, where a batch of them may take a quarter of a budget: texts may take twice
/// their size in the files' pages.
pub(crate) fn rows_at_once<'a>(groups: impl IntoIterator<Item = &'a RowGroupMetaData>, budget: usize) -> usize {
    let (mut bytes, mut rows) = (0, 0);
    for group in groups {
        bytes += usize::try_from(group.total_byte_size()).unwrap_or(0);
        rows += usize::try_from(group.num_rows()).unwrap_or(0);
    }
    let width = bytes / rows.max(1) * 2 + 64;
    (budget / 4 / width).max(1)
}

fn failed(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move { self.store.get_range(&self.location, range).await.map_err(failed) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.location, &ranges).await.map_err(failed) }.boxed()
    }

    fn get_metadata<'a>(&'a mut self, _options: Option<&'a ArrowReaderOptions>) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let size = self.size;
        async move { ParquetMetaDataReader::new().with_prefetch_hint(Some(END)).load_and_finish(self, size).await.map(Arc::new) }.boxed()
    }
}
