//! AWS on loopback: S3 on one port.

mod buckets;
mod error;
mod faults;
pub mod function_url;
mod listener;
mod s3;
mod service_error;
mod store;
mod sts;

pub use error::Error;
