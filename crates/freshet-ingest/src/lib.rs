//! A delivery becomes a verified envelope, an envelope becomes rows.
//!
//! The way in: [`signature`] judges the raw bytes, [`envelope`] carries them through the stream, [`transform`]
//! answers Firehose, and [`normalize`] makes the rows that the contract describes. All of it is pure: no clock, no
//! network, no configuration but arguments. The same input gives the same bytes.

pub mod canonical;
mod convert;
pub mod envelope;
pub mod error;
pub mod event;
pub mod headers;
pub mod import;
pub mod json;
pub mod line;
pub mod normalize;
pub mod partner;
pub mod personal;
pub mod secret;
pub mod signature;
pub mod time;
pub mod transform;
