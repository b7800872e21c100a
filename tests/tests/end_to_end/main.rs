//! The whole lake, end to end: real servers on loopback, real clients, real processes. One binary, since each links the engine.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod compaction;
mod deliveries;
mod erase;
mod functions;
mod kill;
mod published;
mod queries;
mod query_client;
mod receiver;
mod replay;
mod round_trips;
mod running;
mod s3;
mod scores_lead;
mod scores_smurf;
mod scoring;
