//! A producer for Kinesis Data Firehose that loses nothing.
//!
//! [`pack::pack`] puts the event lines of a delivery into few records, since each record is billed as 5 KB.
//! [`Producer::put`] sends records within the service's limits, sends again only what was refused, and puts what Firehose
//! has not acknowledged in time under `spill/` in S3. What it answers for is durable; what is not, is
//! [`Error::NotDurable`].
//!
//! It promises at least once, not exactly once: an attempt that was cut off may have been taken. It reads no record.

pub mod pack;
pub mod plan;

mod acknowledge;
mod backoff;
mod error;
mod failure;
mod producer;
mod spill;

pub use error::Error;
pub use producer::{Producer, Receipt, Settings};
