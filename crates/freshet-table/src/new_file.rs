//! A data file on its way into a table: rows are encoded a piece at a time, and what is encoded is put as row groups end,
//! so that memory does not grow with the file. A file that is not committed is vacuumed.

use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use deltalake::kernel::Add;
use freshet_schema::Table;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::blocking::{blocking, threads};
use crate::commit::{self, day_text};
use crate::error::Error;
use crate::lake::Lake;
use crate::options::Options;
use crate::parquet_file::FileWriter;

/// A data file that is being written to a table's folder.
pub(crate) struct NewFile {
    table: &'static Table,
    day: i32,
    path: Path,
    target: BufWriter,
    writer: FileWriter<Vec<u8>>,
    size: usize,
    rows: usize,
}

impl NewFile {
    /// Begins a file of a day. `made_by` begins its name, which is new: two who write the same rows do not write into each other's.
    pub(crate) fn new(lake: &Lake, table: &'static Table, day: i32, made_by: &str) -> Result<Self, Error> {
        let path = Path::from(format!("dt={}/{made_by}-{}.parquet", day_text(day), Uuid::new_v4().simple()));
        let target = BufWriter::new(lake.table_store(table), path.clone());
        let writer = FileWriter::new(table, Vec::new(), threads()).map_err(Error::parquet("write a data file", &table.name))?;
        Ok(Self { table, day, path, target, writer, size: 0, rows: 0 })
    }

    /// Writes rows: `gather` gives a column's values of them.
    pub(crate) async fn write(
        mut self,
        rows: usize,
        gather: impl Fn(usize) -> Result<ArrayRef, ArrowError> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let mut writer = self.writer;
        let (writer, written) = blocking(move || {
            let written = writer.write(rows, gather);
            (writer, written)
        })
        .await;
        self.writer = writer;
        written.map_err(Error::parquet("write a data file", &self.table.name))?;
        self.rows += rows;
        let bytes = std::mem::take(self.writer.sink());
        self.size += bytes.len();
        put(self.table, &mut self.target, &bytes).await?;
        Ok(self)
    }

    /// Ends the file; nothing is left of one without rows.
    pub(crate) async fn finish(self, options: &Options, data_change: bool) -> Result<Option<Add>, Error> {
        let Self { table, day, path, mut target, writer, size, rows } = self;
        if rows == 0 {
            return Ok(None);
        }
        let finished = blocking(move || writer.finish()).await;
        let (bytes, statistics) = finished.map_err(Error::parquet("write a data file", &table.name))?;
        put(table, &mut target, &bytes).await?;
        target.shutdown().await.map_err(unwritten(table))?;
        Ok(Some(commit::add(&path, day, size + bytes.len(), statistics, options.now.0, data_change)))
    }
}

async fn put(table: &Table, target: &mut BufWriter, bytes: &[u8]) -> Result<(), Error> {
    target.write_all(bytes).await.map_err(unwritten(table))
}

fn unwritten(table: &Table) -> impl Fn(std::io::Error) -> Error {
    let tried = format!("put a file of table {}", table.name);
    move |source| Error::Object { tried: tried.clone(), source: object_store::Error::Generic { store: "S3", source: Box::new(source) } }
}
