//! The functions: receiver, transformer, compactor. Each takes its clients and the time as arguments; the binaries
//! in `bin/` only wire them to Lambda, and the command wires them to loopback. There is no other code path.

pub mod compactor;
pub mod config;
pub mod error;
pub mod receiver;
pub mod secrets;
pub mod transformer;
