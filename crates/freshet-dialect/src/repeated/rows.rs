//! The rows of a shared relation: worked out once, on demand of whichever reader is ahead, and kept until the last has read them.
//!
//! No task of its own works: a reader that finds nothing kept asks the relation's stream itself, and wakes the others. Two that come
//! to the same partition at a time do not wait for each other on a thread: the second is woken when the first is done.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker, ready};

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, SpillManager};
use futures::lock::Mutex as AsyncMutex;
use futures::{Stream, StreamExt as _, stream};

use super::Planner;
use crate::room::Room;

/// What all readers of a relation share.
#[derive(Default)]
pub(super) struct Rows {
    /// The relation's plan as the reader that shows it has it by now.
    planned: Mutex<Option<Arc<dyn ExecutionPlan>>>,
    planning: AsyncMutex<()>,
    readers: AtomicUsize,
    run: OnceLock<Run>,
}

struct Run {
    plan: Arc<dyn ExecutionPlan>,
    parts: Vec<Arc<Part>>,
    metrics: ExecutionPlanMetricsSet,
}

impl fmt::Debug for Rows {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Rows")
    }
}

impl Rows {
    /// The relation's plan, which is made once. It is optimized with the plan around it.
    pub(super) async fn plan(&self, relation: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let _planning = self.planning.lock().await;
        if let Some(plan) = self.planned() {
            return Ok(plan);
        }
        let Some(state) = session.as_any().downcast_ref::<SessionState>() else { return internal_err!("a session without a state") };
        let state = SessionStateBuilder::new_from_existing(state.clone()).with_physical_optimizer_rules(Vec::new()).build();
        let plan = Planner.create_physical_plan(relation, &state).await?;
        self.is_now(&plan);
        Ok(plan)
    }

    fn planned(&self) -> Option<Arc<dyn ExecutionPlan>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of the plan after another rule.
    pub(super) fn is_now(&self, plan: &Arc<dyn ExecutionPlan>) {
        *self.planned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(plan));
    }

    /// The number of a new reader; all are there before the first of them reads.
    pub(super) fn reader(&self) -> usize {
        self.readers.fetch_add(1, Ordering::Relaxed)
    }

    /// The rows of one of a reader's partitions, of which there are so many.
    pub(super) fn read(
        &self,
        reader: usize,
        (partition, partitions): (usize, usize),
        schema: &SchemaRef,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(plan) = self.planned() else { return internal_err!("a shared relation without a plan") };
        let run = self.run.get_or_init(|| {
            let readers = self.readers.load(Ordering::Relaxed);
            let parts = (0..plan.output_partitioning().partition_count()).map(|_| Arc::new(Part::new(readers)));
            Run { parts: parts.collect(), plan, metrics: ExecutionPlanMetricsSet::new() }
        });
        // A rule may have divided the relation otherwise since the reader was made.
        let mut streams = Vec::new();
        for at in (partition..run.parts.len()).step_by(partitions.max(1)) {
            let part = &run.parts[at];
            part.begin(run, at, context)?;
            if part.has_read.get(reader).is_none_or(|place| place.swap(0, Ordering::AcqRel) != UNREAD) {
                return internal_err!("a shared relation is read twice by one reader");
            }
            streams.push(Reader { part: Arc::clone(part), reader, place: 0, file: None });
        }
        let known = Arc::clone(schema);
        let rows = stream::iter(streams).flatten().map(move |batch| {
            let batch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&known), batch.columns().to_vec(), &options)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), rows)))
    }

    /// How often memory did not suffice.
    #[cfg(test)]
    pub(super) fn spills(&self) -> usize {
        self.run.get().map_or(0, |run| run.metrics.clone_inner().spill_count().unwrap_or(0))
    }
}

/// The place of a reader that has not begun.
const UNREAD: usize = usize::MAX;
/// The place of one that has ended.
const DONE: usize = usize::MAX - 1;

/// A partition of the relation.
struct Part {
    state: Mutex<State>,
    wakers: Arc<Wakers>,
    /// How many batches each reader has read.
    has_read: Vec<AtomicUsize>,
}

struct State {
    source: Source,
    /// What some reader has yet to read, in order; `first` is the number of its first batch.
    kept: VecDeque<Kept>,
    first: usize,
    memory: Option<(Room, SpillManager)>,
}

enum Source {
    Unread,
    Running(SendableRecordBatchStream),
    Ended,
    Failed(Arc<DataFusionError>),
}

enum Kept {
    Batch(RecordBatch, usize),
    /// Batches on disk, so many.
    File(Arc<dyn SpillFile>, usize),
}

impl Kept {
    fn batches(&self) -> usize {
        match self {
            Kept::Batch(..) => 1,
            Kept::File(_, batches) => *batches,
        }
    }
}

enum Next {
    Batch(RecordBatch),
    /// A file, of whose batches so many are to be passed over.
    File(SendableRecordBatchStream, usize),
}

impl Part {
    fn new(readers: usize) -> Self {
        let state = State { source: Source::Unread, kept: VecDeque::new(), first: 0, memory: None };
        let has_read = (0..readers).map(|_| AtomicUsize::new(UNREAD)).collect();
        Self { state: Mutex::new(state), wakers: Arc::default(), has_read }
    }

    fn begin(&self, run: &Run, partition: usize, context: &Arc<TaskContext>) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(state.source, Source::Unread) {
            let metrics = SpillMetrics::new(&run.metrics, partition);
            let spills = SpillManager::new(context.runtime_env(), metrics, run.plan.schema());
            state.memory = Some((Room::new("Shared", partition, run.parts.len(), context), spills));
            state.source = Source::Running(run.plan.execute(partition, Arc::clone(context))?);
        }
        Ok(())
    }

    /// The batch of this number, as far as it is kept or can be had.
    fn poll(&self, number: usize, context: &Context<'_>) -> Poll<Result<Option<Next>>> {
        // First to be woken, then to look: who is at work now wakes the others when it has let go.
        self.wakers.add(context.waker());
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Poll::Pending,
        };
        let answer = self.look(&mut state, number);
        drop(state);
        if answer.is_ready() {
            self.wakers.wake_all();
        }
        answer
    }

    fn look(&self, state: &mut MutexGuard<'_, State>, number: usize) -> Poll<Result<Option<Next>>> {
        self.forget_read(state);
        loop {
            if let Some(next) = state.kept(number) {
                return Poll::Ready(next.map(Some));
            }
            let stream = match &mut state.source {
                Source::Running(stream) => stream,
                Source::Failed(error) => return Poll::Ready(Err(DataFusionError::Shared(Arc::clone(error)))),
                Source::Ended | Source::Unread => return Poll::Ready(Ok(None)),
            };
            let waker = Waker::from(Arc::clone(&self.wakers));
            match ready!(stream.poll_next_unpin(&mut Context::from_waker(&waker))) {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => {
                    if let Err(error) = state.keep(batch) {
                        state.source = Source::Failed(Arc::new(error));
                    }
                }
                Some(Err(error)) => state.source = Source::Failed(Arc::new(error)),
                None => state.source = Source::Ended,
            }
        }
    }

    /// Lets go of what all readers have read.
    fn forget_read(&self, state: &mut State) {
        let place = |read: &AtomicUsize| match read.load(Ordering::Acquire) {
            UNREAD => 0,
            place => place,
        };
        let least = self.has_read.iter().map(place).min().unwrap_or(0);
        while let Some(kept) = state.kept.pop_front_if(|kept| state.first + kept.batches() <= least) {
            state.first += kept.batches();
            if let (Kept::Batch(_, bytes), Some((room, _))) = (kept, &state.memory) {
                room.shrink(bytes);
            }
        }
    }
}

impl State {
    fn kept(&self, number: usize) -> Option<Result<Next>> {
        let mut begin = self.first;
        for kept in &self.kept {
            if number < begin + kept.batches() {
                return Some(match (kept, &self.memory) {
                    (Kept::Batch(batch, _), _) => Ok(Next::Batch(batch.clone())),
                    (Kept::File(file, _), Some((_, spills))) => {
                        spills.read_spill_as_stream(Arc::clone(file), None).map(|rows| Next::File(rows, number - begin))
                    }
                    (Kept::File(..), None) => internal_err!("a file of a relation that was not begun"),
                });
            }
            begin += kept.batches();
        }
        None
    }

    /// Keeps a batch, on disk with all that is in memory where that does not suffice.
    fn keep(&mut self, batch: RecordBatch) -> Result<()> {
        let bytes = get_record_batch_memory_size(&batch);
        self.kept.push_back(Kept::Batch(batch, bytes));
        let Some((room, spills)) = &self.memory else { return internal_err!("rows of a relation that was not begun") };
        if room.grow(bytes) {
            return Ok(());
        }
        let begin = self.kept.iter().rposition(|kept| matches!(kept, Kept::File(..))).map_or(0, |file| file + 1);
        let batches = self.kept.drain(begin..).filter_map(|kept| match kept {
            Kept::Batch(batch, _) => Some(batch),
            Kept::File(..) => None,
        });
        let batches: Vec<RecordBatch> = batches.collect();
        if let Some(file) = spills.spill_record_batch_and_finish(&batches, "Shared")? {
            self.kept.push_back(Kept::File(file, batches.len()));
        }
        room.free();
        Ok(())
    }
}

/// A reader of a partition.
struct Reader {
    part: Arc<Part>,
    reader: usize,
    /// The number of its next batch.
    place: usize,
    file: Option<(SendableRecordBatchStream, usize)>,
}

impl Stream for Reader {
    type Item = Result<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let this = self.get_mut();
        loop {
            if let Some((rows, passed_over)) = &mut this.file {
                match ready!(rows.poll_next_unpin(context)) {
                    Some(Ok(_)) if *passed_over > 0 => *passed_over -= 1,
                    Some(Ok(batch)) => return Poll::Ready(Some(Ok(this.has_read(batch)))),
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => this.file = None,
                }
                continue;
            }
            match ready!(this.part.poll(this.place, context)) {
                Ok(Some(Next::Batch(batch))) => return Poll::Ready(Some(Ok(this.has_read(batch)))),
                Ok(Some(Next::File(rows, passed_over))) => this.file = Some((rows, passed_over)),
                Ok(None) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl Reader {
    fn has_read(&mut self, batch: RecordBatch) -> RecordBatch {
        self.place += 1;
        self.part.has_read[self.reader].store(self.place, Ordering::Release);
        batch
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.part.has_read[self.reader].store(DONE, Ordering::Release);
    }
}

/// All that wait for a partition.
#[derive(Debug, Default)]
struct Wakers(Mutex<Vec<Waker>>);

impl Wakers {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}
