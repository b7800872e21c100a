//! AWS on loopback: S3 on one port.

mod bucket_store;
mod buckets;
mod error;
mod faults;
mod firehose;
pub mod function_url;
mod functions;
mod listener;
mod s3;
mod service_error;
mod store;
mod sts;

pub use error::Error;
