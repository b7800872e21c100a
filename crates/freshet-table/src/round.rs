//! One round: the rows of some landing objects, into one of their tables.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::compute::interleave;
use deltalake::kernel::Action;
use freshet_schema::{Contract, Table};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::errors::ParquetError;
use serde_json::{Map, Value, json};

use crate::blocking::{blocking, threads};
use crate::commit::{self, Operation, Outcome, commit, day_text};
use crate::conflict;
use crate::counts::{Count, Fate};
use crate::error::Error;
use crate::lake::Lake;
use crate::options::Options;
use crate::parquet_file::{FileWriter, PIECE};
use crate::rows::{Place, Rows};
use crate::tables::ensure;

/// How often a commit is tried while others are quicker.
const ATTEMPTS: u32 = 20;
/// So many files are put at once.
const AT_ONCE: usize = 4;

/// What storing a table's rows came to.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) counts: Vec<Count>,
    /// Lines for `rejected_events`: identities that came again with another payload.
    pub(crate) conflicts: Vec<String>,
    pub(crate) rows: u64,
    pub(crate) duplicates: u64,
    pub(crate) files: u64,
}

/// Stores rows of one table: each identity once, sorted, a file a day, in one commit. `extra` goes into the commit's note.
pub(crate) async fn store(
    lake: &Lake,
    contract: &'static Contract,
    table: &'static Table,
    batches: Vec<RecordBatch>,
    options: &Options,
    extra: &Map<String, Value>,
) -> Result<Stored, Error> {
    let rows = blocking(move || Rows::new(table, batches)).await.map_err(Error::arrow("sort rows", &table.name))?;
    let rows = Arc::new(rows);
    for _ in 0..ATTEMPTS {
        let (delta, _) = ensure(lake, table).await?;
        let fates = rows.judge(lake, &delta).await?;
        let of = |wanted: Fate| fates.iter().filter(|fate| **fate == wanted).count() as u64;
        let mut stored = Stored {
            rows: of(Fate::Stored),
            duplicates: of(Fate::Duplicate),
            conflicts: conflict::lines(contract, &rows, &fates, options.now),
            counts: rows.counts(&fates).list(table, &options.run),
            ..Stored::default()
        };
        if stored.rows == 0 && extra.is_empty() {
            return Ok(stored);
        }
        let actions = write_files(lake, &rows, &fates, options).await?;
        stored.files = actions.len() as u64;
        let mut note = extra.clone();
        note.insert("counts".to_owned(), json!(stored.counts));
        match commit(lake, table, &delta, actions, Operation::Compact, Value::Object(note)).await? {
            Outcome::Won => {
                tracing::info!(
                    table = table.name,
                    rows = stored.rows,
                    duplicates = stored.duplicates,
                    files = stored.files,
                    "compacted a table"
                );
                return Ok(stored);
            }
            // The files that were written stay until vacuum: their names are hashes of their content, and may be live.
            Outcome::Lost => {}
        }
    }
    Err(Error::Contention { table: table.name.clone(), attempts: ATTEMPTS })
}

/// Writes the rows that are stored as one sorted file a day and returns the actions that add them.
pub(crate) async fn write_files(lake: &Lake, rows: &Arc<Rows>, fates: &[Fate], options: &Options) -> Result<Vec<Action>, Error> {
    let files = rows.stored_by_day(fates).into_iter().map(|(day, stored)| write_file(lake, Arc::clone(rows), day, stored, options));
    futures::stream::iter(files).buffered(AT_ONCE).try_collect().await
}

async fn write_file(lake: &Lake, rows: Arc<Rows>, day: i32, stored: Vec<u32>, options: &Options) -> Result<Action, Error> {
    let table = rows.table;
    let written = blocking(move || encode(&rows, &stored)).await;
    let (bytes, statistics) = written.map_err(Error::parquet("write a data file", &table.name))?;
    // The name is the content's hash: the same bytes again are the same file.
    let path = Path::from(format!("dt={}/part-{}.parquet", day_text(day), freshet_ingest::canonical::hash(&bytes)));
    let size = bytes.len();
    lake.table_store(table).put(&path, bytes.into()).await.map_err(Error::object(format!("put a file of table {}", table.name)))?;
    Ok(Action::Add(commit::add(&path, day, size, statistics, options.now.0, true)))
}

fn encode(rows: &Rows, stored: &[u32]) -> Result<(Vec<u8>, String), ParquetError> {
    let mut writer = FileWriter::new(rows.table, Vec::new(), threads())?;
    let columns: Vec<Vec<&dyn Array>> = writer.schema().fields().iter().map(|field| rows.column(field.name())).collect();
    for piece in stored.chunks(PIECE) {
        let places: Vec<Place> = piece.iter().map(|row| rows.place(*row as usize)).collect();
        writer.write(places.len(), |column| interleave(&columns[column], &places))?;
    }
    writer.finish()
}
