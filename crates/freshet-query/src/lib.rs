//! The catalogue of named SQL in `queries/`, and the Athena client that runs it.
//!
//! A query is a file: a comment header (name, summary, typed parameters with an example each, columns) and one
//! statement in the SQL of Athena engine version 3. The catalogue is compiled in. [`bind`] turns a query and values
//! into a statement with execution parameters: a value is parsed by its type and never spliced into the text.
//! [`run`] sends a statement to Athena through the AWS SDK and reads the answer, [`json::Objects`] and
//! [`csv::to_csv`] render it; [`batches`] gives it as Arrow's columns, page by page, and [`unload()`]
//! those of a large one through Parquet files. This crate executes no SQL itself.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! let text = "-- name: recent\n-- summary: Orders since a day.\n-- kind: query\n\
//!     -- param: since date 2026-01-01 First day.\n-- column: id string The order.\n\
//!     SELECT id FROM orders WHERE dt >= :since";
//! let queries = freshet_query::parse(&[("recent.sql", text)], &["orders"], |table| table == "orders")?;
//! let values = BTreeMap::from([("since".to_owned(), "2026-02-03".to_owned())]);
//! let statement = freshet_query::bind(&queries[0], &values)?;
//! assert_eq!(statement.sql, "SELECT id FROM orders WHERE dt >= ?");
//! assert_eq!(statement.parameters, ["DATE '2026-02-03'"]);
//! # Ok::<(), freshet_query::Error>(())
//! ```

mod answer;
mod batch;
mod bind;
mod catalogue;
mod client;
pub mod csv;
mod error;
mod field;
mod header;
pub mod json;
mod limit;
mod literal;
mod object;
mod pages;
mod query;
mod quote;
mod register;
mod relations;
mod supervise;
mod tokens;
mod unload;

pub use answer::{Answer, Page, ResultColumn};
pub use batch::{Decoder, batches};
pub use bind::{Statement, bind, filled};
pub use catalogue::{catalogue, find, parse};
pub use client::{Execution, Run, execute, gather, run};
pub use error::Error;
pub use field::{AS_TEXT, ATHENA_TYPE, schema};
pub use pages::pages;
pub use query::{Kind, OutputColumn, Parameter, ParameterKind, Query};
pub use register::{Change, Registered, Registration, register, view_statement};
pub use tokens::bare;
pub use unload::{Left, Unloaded, unload};
