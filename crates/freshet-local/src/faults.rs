//! The fault switch: makes the next calls of one operation fail in a chosen way. For tests, over `/_freshet/faults`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

/// How a call fails.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// An error is answered, and nothing is done.
    Error {
        /// HTTP status.
        status: u16,
        /// The error's code.
        code: String,
    },
    /// It is done, and an error is answered.
    ErrorAfter {
        /// HTTP status.
        status: u16,
        /// The error's code.
        code: String,
    },
    /// The connection is closed, and nothing is done.
    Drop,
    /// It is done, and the connection is closed without an answer.
    DropAfter,
    /// It is done after a while.
    Delay {
        /// How long, in milliseconds.
        millis: u64,
    },
    /// Of a batch, every n-th record is not taken.
    PartialFailure {
        /// Which: 2 is every second one.
        every: usize,
        /// The record's error code.
        code: String,
    },
}

/// A fault that is to happen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// `s3`, `firehose` or `athena`.
    pub service: String,
    /// The operation, as the API names it; with `:` and a part of the path behind it, of calls with that path alone.
    pub operation: String,
    /// How many calls fail.
    pub times: u32,
    /// How.
    pub fault: Fault,
}

/// How many calls of a service's operation fail, and how.
type Orders = HashMap<(String, String), (u32, Fault)>;

/// The faults that are to happen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    orders: Arc<Mutex<Orders>>,
}

impl Faults {
    /// Orders a fault; it replaces one of the same operation.
    pub(crate) fn order(&self, order: FaultOrder) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.insert((order.service, order.operation), (order.times, order.fault));
    }

    /// Forgets all faults.
    pub(crate) fn clear(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The fault of this call, if it is to fail.
    pub(crate) fn take(&self, service: &str, operation: &str, path: &str) -> Option<Fault> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |(of, name): &(String, String)| {
            let (name, part) = name.split_once(':').unwrap_or((name, ""));
            of == service && name == operation && path.contains(part)
        };
        let (_, (left, fault)) = orders.iter_mut().find(|(order, (left, _))| *left > 0 && is_meant(order))?;
        *left -= 1;
        Some(fault.clone())
    }
}
