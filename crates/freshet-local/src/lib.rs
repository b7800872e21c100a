//! AWS on loopback.

mod buckets;
mod error;
mod service_error;

pub mod firehose;
pub mod functions;

pub use error::Error;
