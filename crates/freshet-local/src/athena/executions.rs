//! The executions: those under way in memory, all of them on disk, one document each, with a small index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::catalogue::now;
use super::documents::replace;
use super::execution::{Execution, State};
use super::failure::Failure;
use super::stop::Stop;
use crate::error::Error;

/// How long an execution is kept (docs.aws.amazon.com/athena, "View recent queries": 45 days).
const KEPT_SECONDS: f64 = 45.0 * 24.0 * 3600.0;

/// The executions.
pub(crate) struct Executions {
    folder: PathBuf,
    inner: Mutex<Inner>,
    /// Told whenever an execution ends.
    ended: Notify,
}

/// What stops a running execution: the end of its task, and what its plan asks.
type StoppedBy = (AbortHandle, Arc<Stop>);

#[derive(Default)]
struct Inner {
    /// Under way, with what stops them.
    running: HashMap<String, (Execution, Option<StoppedBy>)>,
    /// By workgroup, when and id.
    order: BTreeMap<String, BTreeSet<(u64, String)>>,
    known: BTreeSet<String>,
    /// Client tokens, with the execution that they started.
    tokens: HashMap<String, String>,
}

impl Inner {
    fn index(&mut self, execution: &Execution) {
        self.known.insert(execution.id.clone());
        self.order.entry(execution.work_group.clone()).or_default().insert((millis(execution.submitted), execution.id.clone()));
        if let Some(token) = &execution.token {
            self.tokens.insert(token.clone(), execution.id.clone());
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time after 1970 in milliseconds")]
fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0) as u64
}

impl Executions {
    /// Opens the executions in a folder. What was under way when the process ended has failed; what is old is forgotten.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(|source| Error::Folder { path: folder.clone(), source })?;
        let entries = fs::read_dir(&folder).map_err(|source| Error::Folder { path: folder.clone(), source })?;
        let mut inner = Inner::default();
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "tmp") {
                let _ = fs::remove_file(&path);
                continue;
            }
            let Some(mut execution) = read(&path) else {
                continue;
            };
            if execution.submitted < now() - KEPT_SECONDS {
                let _ = fs::remove_file(&path);
                continue;
            }
            if !execution.state.is_final() {
                execution.state = State::Failed;
                execution.completed = Some(now());
                execution.failure = Some(Failure::system("INTERNAL_ERROR: the endpoint was stopped while the query ran"));
                write(&path, &execution)?;
            }
            inner.index(&execution);
        }
        Ok(Self { folder, inner: Mutex::new(inner), ended: Notify::new() })
    }

    /// Begins an execution, unless its client token has begun one: then that one's id is answered.
    pub(crate) fn begin(&self, execution: Execution) -> Result<Option<String>, Failure> {
        let earlier = execution.token.as_ref().and_then(|token| self.lock().tokens.get(token).cloned());
        if let Some(earlier) = earlier.and_then(|id| self.get(&id)) {
            if earlier.query == execution.query && earlier.parameters == execution.parameters {
                return Ok(Some(earlier.id));
            }
            return Err(Failure::user("Idempotent parameters do not match"));
        }
        write(&self.path(&execution.id), &execution)?;
        let mut inner = self.lock();
        inner.index(&execution);
        inner.running.insert(execution.id.clone(), (execution, None));
        Ok(None)
    }

    /// Says what stops a running execution.
    pub(crate) fn stopped_by(&self, id: &str, handle: AbortHandle, stop: Arc<Stop>) {
        if let Some((_, stopped_by)) = self.lock().running.get_mut(id) {
            *stopped_by = Some((handle, stop));
        }
    }

    /// Changes an execution that is under way; one that has ended stays as it is. Whether it did.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Execution)) -> Result<bool, Error> {
        let mut inner = self.lock();
        let Some((execution, _)) = inner.running.get_mut(id) else {
            return Ok(false);
        };
        change(execution);
        if execution.state.is_final() {
            // On disk before it is told: who has seen it end will see it after a restart.
            let ended = execution.clone();
            let written = write(&self.path(id), &ended);
            inner.running.remove(id);
            self.ended.notify_waiters();
            written?;
        }
        Ok(true)
    }

    /// Stops an execution that is under way.
    pub(crate) fn cancel(&self, id: &str) -> Result<(), Error> {
        let stopped_by = self.lock().running.get_mut(id).and_then(|(_, stopped_by)| stopped_by.take());
        if let Some((handle, stop)) = stopped_by {
            stop.pull();
            handle.abort();
        }
        self.change(id, |execution| {
            execution.state = State::Cancelled;
            execution.completed = Some(now());
            execution.failure = Some(Failure::user("Query cancelled by user"));
        })?;
        Ok(())
    }

    /// An execution, once it has ended or the time is over: clients that ask again only after a while, or never, get their answer
    /// at once where the query is quick.
    pub(crate) async fn get_ended(&self, id: &str, patience: Duration) -> Option<Execution> {
        let wait = async {
            loop {
                let mut ended = pin!(self.ended.notified());
                ended.as_mut().enable();
                if !self.lock().running.contains_key(id) {
                    return;
                }
                ended.await;
            }
        };
        // Either way the answer is how it stands.
        let _ = tokio::time::timeout(patience, wait).await;
        self.get(id)
    }

    /// An execution.
    pub(crate) fn get(&self, id: &str) -> Option<Execution> {
        let inner = self.lock();
        if let Some((execution, _)) = inner.running.get(id) {
            return Some(execution.clone());
        }
        let is_known = inner.known.contains(id);
        drop(inner);
        is_known.then(|| read(&self.path(id))).flatten()
    }

    /// Forgets an execution that has ended; says whether it was known.
    pub(crate) fn forget(&self, id: &str) -> Result<bool, Error> {
        let mut inner = self.lock();
        if inner.running.contains_key(id) || !inner.known.remove(id) {
            return Ok(false);
        }
        for order in inner.order.values_mut() {
            order.retain(|(_, known)| known != id);
        }
        inner.tokens.retain(|_, known| known != id);
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Store { tried: "forget an execution".to_owned(), source })
            }
            Ok(()) | Err(_) => Ok(true),
        }
    }

    /// The ids of a workgroup's executions, newest first, after one that was listed before.
    pub(crate) fn list(&self, work_group: &str, after: Option<&(u64, String)>, limit: usize) -> Vec<(u64, String)> {
        let inner = self.lock();
        let Some(order) = inner.order.get(work_group) else {
            return Vec::new();
        };
        let newest_first = order.iter().rev().skip_while(|entry| after.is_some_and(|after| *entry >= after));
        newest_first.take(limit).cloned().collect()
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Option<Execution> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write(path: &Path, execution: &Execution) -> Result<(), Error> {
    let bytes =
        serde_json::to_vec(execution).map_err(|error| Error::Store { tried: "write an execution".to_owned(), source: error.into() })?;
    replace(path, &bytes)
}
