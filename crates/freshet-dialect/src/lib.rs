//! Athena's SQL (engine version 3, which is Trino's) on DataFusion: parser, rewrites, functions, types and text forms.
//!
//! [`context`] is a session with Athena's settings and functions; the caller registers its catalogue. [`plan`] takes one
//! query's text, with `?` for execution parameters, to a logical plan; [`output`] says what a client is told of its
//! columns, and [`text`] prints a value as Athena does. This crate reads no storage and knows no AWS API: statements
//! other than queries belong to the endpoint.

mod error;
mod output;
mod planner;
mod text;

pub use error::Error;
pub use output::{OutputColumn, hive_type, output};
pub use planner::{context, plan};
pub use text::text;
