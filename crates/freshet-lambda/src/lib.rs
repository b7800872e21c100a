//! The functions: receiver, transformer, compactor, scorer; and what an operator runs beside them: replay, import. Each takes its
//! clients and the time as arguments; the binaries in `bin/` only wire them to Lambda, and the command wires them to
//! loopback. There is no other code path.

pub mod aws;
pub mod compactor;
pub mod config;
pub mod error;
pub mod import;
mod lander;
mod objects;
mod pointed;
pub mod receiver;
pub mod replay;
pub mod scorer;
pub mod secrets;
pub mod transformer;
