//! Rows become Parquet in Delta tables: compaction, merging of small files, retention, vacuum.
//!
//! A run takes the landing zone in rounds that fit a memory budget. Each round drops duplicates, sorts, writes one file
//! a table and day, and commits each table once; its landing objects are deleted when every table that their lines
//! name has committed and the counts are written. Many rounds leave several sorted files a day, which the merge
//! rewrites to few. Whatever is interrupted is repaired by running again.

mod commit;
mod compact;
mod counts;
mod decode;
mod error;
mod identity;
mod lake;
mod landing;
mod merge;
mod parquet_file;
mod plan;
mod retention;
mod round;
mod stats;
mod tables;

pub use compact::{Options, Progress, Report, compact};
pub use error::Error;
pub use lake::Lake;
pub use plan::{Plan, plan};
pub use tables::{TableState, create_tables, tables};
