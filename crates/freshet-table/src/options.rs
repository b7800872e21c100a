//! How a run of the compactor behaves.

use std::time::Instant;

use freshet_ingest::time::{DAY, Millis};

/// The size that files are merged up to.
const TARGET_FILE: u64 = 256 * 1024 * 1024;

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// An id of this run; a new one for each.
    pub run: String,
    /// The present.
    pub now: Millis,
    /// When to stop and leave the rest to the next run.
    pub deadline: Option<Instant>,
    /// What rows may take in memory, in bytes.
    pub memory_budget: usize,
    /// The size of a data file that small ones are merged up to, in bytes.
    pub target_file: u64,
    /// How many partitions a run may touch.
    pub max_partitions: usize,
}

impl Options {
    /// The usual options.
    pub fn new(run: impl Into<String>, now: Millis) -> Self {
        Self { run: run.into(), now, deadline: None, memory_budget: 256 * 1024 * 1024, target_file: TARGET_FILE, max_partitions: 400 }
    }

    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The day in days since 1970.
    pub(crate) fn today(&self) -> i32 {
        i32::try_from(self.now.0.div_euclid(DAY)).unwrap_or(0)
    }
}
