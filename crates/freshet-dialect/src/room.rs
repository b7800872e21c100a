//! The memory of an operator that keeps what has come, and has another way where there is none.

use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};

/// What one operator may keep of all that queries have: one part in so many, shared by its partitions.
const PART: usize = 2;

/// A reservation that is never more than its part. It does not count among those that spill: these are given equal shares, of which
/// most lie idle while a query works through its operators one after the other, and none may take what another leaves.
#[derive(Debug)]
pub(crate) struct Room {
    reservation: MemoryReservation,
    most: usize,
}

impl Room {
    pub(crate) fn new(name: &str, partition: usize, partitions: usize, context: &TaskContext) -> Self {
        let pool = context.memory_pool();
        let most = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / PART / partitions.max(1),
            _ => usize::MAX,
        };
        Self { reservation: MemoryConsumer::new(format!("{name}[{partition}]")).register(pool), most }
    }

    /// Takes room for so many bytes in all; where there is none it keeps what it had.
    pub(crate) fn resize(&self, bytes: usize) -> bool {
        bytes <= self.most && self.reservation.try_resize(bytes).is_ok()
    }

    /// Takes room for so many bytes more.
    pub(crate) fn grow(&self, bytes: usize) -> bool {
        self.resize(self.reservation.size().saturating_add(bytes))
    }

    /// Gives so many bytes back.
    pub(crate) fn shrink(&self, bytes: usize) {
        self.reservation.shrink(bytes.min(self.reservation.size()));
    }

    /// Gives all back.
    pub(crate) fn free(&self) {
        self.reservation.free();
    }
}
