//! Athena's SQL (engine version 3, which is Trino's) on DataFusion: parser, signatures, functions, types and text forms.
//!
//! [`context`] is a session with Athena's settings; the caller registers its catalogue. [`plan`] takes one query's text,
//! with `?` for execution parameters, to a logical plan; [`output`] says what a client is told of its columns, [`Printer`]
//! prints values as Athena does, and [`explain`] puts a failure of the run into Athena's words. This crate reads no
//! storage and knows no AWS API: statements other than queries belong to the endpoint.
//!
//! The way of a query: `parser` reads it, `binder` resolves its names and types by Trino's rules and builds DataFusion's
//! plan itself; each function, operator and coercion is looked up in `signatures`, and what is not there is refused by its
//! name. `kinds` says how each type lies in Arrow, `value` and `scalar` run functions value by value, `gather` aggregates.

#![allow(clippy::unnecessary_wraps, reason = "all functions of the table have one shape, also those that never fail")]
#![allow(clippy::float_cmp, reason = "SQL compares doubles as IEEE has them")]
#![allow(clippy::unused_self, reason = "what binds is a method of the binder")]
#![allow(clippy::match_same_arms, reason = "an arm a rule of Trino's, also where two rules agree")]
#![allow(clippy::needless_pass_by_value, reason = "bound expressions are consumed by what is built of them")]
#![allow(clippy::format_push_string, reason = "texts of values are short")]
#![allow(clippy::doc_markdown, reason = "names of products are no code")]
#![allow(clippy::single_match_else, reason = "what is not found is made in the other arm")]
#![allow(clippy::struct_field_names, reason = "the rows of the gathered rows")]
#![allow(clippy::unnested_or_patterns, reason = "pairs of types read better side by side")]
#![allow(clippy::similar_names, reason = "the two sides of an operator are called alike")]

mod binder;
mod branches;
mod casts;
mod conform;
mod decorrelate;
mod digest;
mod each_node;
mod error;
mod extremes;
mod first_rows;
mod folds;
mod functions;
mod gather;
mod handed;
mod information;
mod json;
mod kept;
mod kinds;
mod looking_back;
mod moments;
mod numbers;
mod output;
mod parser;
mod planner;
mod ranks;
mod repeated;
mod room;
mod scalar;
mod signatures;
mod sorting;
#[cfg(test)]
mod testing;
mod text;
mod type_names;
mod unnesting;
mod value;
mod whole_partitions;

pub use binder::is_total;
pub use error::{Error, explain};
pub use output::{OutputColumn, hive_type, output, trino_type};
pub use planner::{context, plan};
pub use signatures::supported;
pub use text::Printer;
