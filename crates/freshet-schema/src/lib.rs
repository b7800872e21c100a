//! The table contract and everything that is derived from it.
//!
//! `schemas/` describes each source (how a delivery is verified, where its topic and time are, what identifies
//! an event, which keys are personal) and each table (which topics feed it, its columns, key and order). This
//! crate parses those files into types that cannot be wrong and derives the Arrow and Delta schemas, the Athena
//! statements and the data dictionary. It reads no file, no clock and no network: the contract is compiled in.

pub mod arrow;
pub mod athena;
mod catalogue;
mod column;
pub mod delta;
pub mod dictionary;
pub mod envelope;
mod error;
mod pointer;
pub mod released;
mod source;
mod table;

pub use catalogue::Contract;
pub use column::{Column, ColumnType, Convert, Origin, Person, PersonalData};
pub use error::Error;
pub use pointer::Pointer;
pub use source::{DeliveryRules, Identity, IdentityRule, List, Location, PersonalKeys, PersonalPlaces, Scheme, Shape, Signature, Source};
pub use table::Table;
