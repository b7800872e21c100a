//! Rows become Parquet in Delta tables: compaction, merging of small files, retention, vacuum, erasure.
//!
//! A run takes the landing zone in rounds that fit a memory budget. Each round drops duplicates, sorts, writes one file
//! a table and day, and commits each table once; its landing objects are deleted when every table that their lines
//! name has committed and the counts are written. Many rounds leave several sorted files a day, which the merge
//! rewrites to few. Whatever is interrupted is repaired by running again.

mod blocking;
mod commit;
mod compact;
mod conflict;
mod counts;
mod damage;
mod decode;
mod erase;
mod error;
#[cfg(test)]
mod fixture;
mod flat;
mod identity;
mod join;
mod lake;
mod landing;
mod memory;
mod merge;
mod new_file;
mod object;
mod options;
mod parquet_file;
mod plan;
mod reader;
mod rejects;
mod replace;
#[cfg(test)]
mod requests;
mod retention;
mod rewrite;
mod round;
mod rows;
mod stats;
mod tables;

pub use compact::{Progress, Report, compact};
pub use erase::{Erasure, Names, Place, Request, Subject, Unread, erase, write_evidence};
pub use error::Error;
pub use lake::Lake;
pub use options::Options;
pub use plan::{Plan, PlannedFate, PlannedMerge, PlannedObject, PlannedPartition, plan};
pub use rejects::{Reject, RejectKey, Rejects, rejects, resolve};
pub use replace::{Replaced, replace};
pub use tables::{TableState, create_tables, tables};
