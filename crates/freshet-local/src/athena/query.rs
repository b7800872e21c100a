//! A query's rows, streamed into its result file.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use freshet_dialect::Printer;
use futures::StreamExt;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWriteExt;

use super::execution::{Outcome, ResultColumn};
use super::failure::Failure;
use super::result_file::csv_row;
use super::results::ResultPlace;
use super::session::Session;
use super::stop::interruptible;

/// Rows whose text is made at once, so that a stop is heard between them.
const ROWS: usize = 1024;

/// How many such texts wait or are at work beside each other: the last operators of a plan are often one thread's work, and so
/// the others are free.
const AT_ONCE: usize = 4;

/// What a plan's columns are for a client.
pub(crate) fn columns(plan: &LogicalPlan) -> Vec<ResultColumn> {
    let column = |column: freshet_dialect::OutputColumn| ResultColumn {
        name: column.name,
        kind: column.kind,
        precision: column.precision,
        scale: column.scale,
    };
    freshet_dialect::output(plan).into_iter().map(column).collect()
}

/// A plan at work.
pub(crate) struct Run {
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    /// Its rows.
    pub(crate) rows: SendableRecordBatchStream,
    cutoff: Option<u64>,
}

impl Run {
    /// Begins to run a plan, which may read so many bytes.
    pub(crate) async fn begin(session: &Session, plan: &LogicalPlan, cutoff: Option<u64>) -> Result<Self, Failure> {
        let plan = interruptible(session.state.create_physical_plan(plan).await?, &session.stop)?;
        let rows = execute_stream(Arc::clone(&plan), session.state.task_ctx())?;
        Ok(Self { plan, rows, cutoff })
    }

    /// The next rows.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        let batch = self.rows.next().await.transpose()?;
        if self.cutoff.is_some_and(|cutoff| self.scanned() > cutoff) {
            return Err(Failure::user("Bytes scanned limit was exceeded"));
        }
        Ok(batch)
    }

    /// The bytes that were read from files.
    pub(crate) fn scanned(&self) -> u64 {
        scanned(self.plan.as_ref())
    }
}

fn scanned(plan: &dyn ExecutionPlan) -> u64 {
    let counted = plan.metrics().and_then(|metrics| metrics.sum_by_name("bytes_scanned")).map(|value| value.as_usize() as u64);
    // What is not Parquet is read whole.
    let whole = || {
        let config = plan.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()?;
        Some(config.file_groups.iter().flat_map(FileGroup::iter).map(|file| file.object_meta.size).sum())
    };
    let own: u64 = counted.filter(|bytes| *bytes > 0).or_else(whole).unwrap_or(0);
    own + plan.children().into_iter().map(|child| scanned(child.as_ref())).sum::<u64>()
}

/// Runs a query and writes its rows as CSV.
pub(crate) async fn select(
    session: &Session,
    sql: &str,
    parameters: &[String],
    place: &ResultPlace,
    cutoff: Option<u64>,
) -> Result<Outcome, Failure> {
    let plan = session.plan(sql, parameters).await?;
    let columns = columns(&plan);
    let printers: Arc<[Printer]> = plan.schema().fields().iter().map(|field| Printer::new(field)).collect();
    let mut run = Run::begin(session, &plan, cutoff).await?;
    let mut writer = BufWriter::new(Arc::clone(&place.store), place.path.clone());
    let mut heading = Vec::new();
    csv_row(&mut heading, columns.iter().map(|column| Some(&column.name)));
    write(&mut writer, heading).await?;
    // Texts in the order of the rows, each at work on a thread of its own.
    let mut texts = VecDeque::with_capacity(AT_ONCE);
    while let Some(batch) = run.next().await? {
        for begin in (0..batch.num_rows()).step_by(ROWS) {
            if texts.len() == AT_ONCE
                && let Some(text) = texts.pop_front()
            {
                write(&mut writer, finished(text).await?).await?;
            }
            let (rows, printers) = (batch.slice(begin, ROWS.min(batch.num_rows() - begin)), Arc::clone(&printers));
            texts.push_back(SpawnedTask::spawn(async move { text_of(&rows, &printers) }));
        }
    }
    for text in texts {
        write(&mut writer, finished(text).await?).await?;
    }
    writer.shutdown().await.map_err(|error| Failure::user(format!("write the result: {error}")))?;
    Ok(Outcome { columns, scanned: run.scanned(), ..Outcome::default() })
}

/// The lines of some rows.
fn text_of(rows: &RecordBatch, printers: &[Printer]) -> Vec<u8> {
    let mut text = Vec::new();
    for row in 0..rows.num_rows() {
        csv_row(&mut text, printers.iter().zip(rows.columns()).map(|(printer, array)| printer.text(array, row)));
    }
    text
}

async fn finished(text: SpawnedTask<Vec<u8>>) -> Result<Vec<u8>, Failure> {
    text.await.map_err(|error| Failure::system(format!("write the rows as text: {error}")))
}

async fn write(writer: &mut BufWriter, text: Vec<u8>) -> Result<(), Failure> {
    writer.put(text.into()).await.map_err(|error| Failure::system(format!("write the result: {error}")))
}
