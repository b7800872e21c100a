//! The functions: receiver, transformer, compactor, scorer; and what an operator runs beside them: replay, import. Each takes its
//! clients and the time as arguments; the binaries in `bin/` only wire them to Lambda, and the command wires them to
//! loopback. There is no other code path.
//!
//! The feature `tables`, on by default, is what works on tables. Receiver and transformer, which start for every delivery and every
//! batch, are built without it: small, and in a few minutes.

pub mod aws;
#[cfg(feature = "tables")]
pub mod compactor;
pub mod config;
pub mod error;
#[cfg(feature = "tables")]
pub mod import;
#[cfg(feature = "tables")]
mod lander;
mod objects;
mod pointed;
pub mod receiver;
#[cfg(feature = "tables")]
pub mod replay;
#[cfg(feature = "tables")]
pub mod scorer;
pub mod secrets;
pub mod transformer;
