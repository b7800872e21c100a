//! One module a subcommand: its arguments and what it does.

pub(crate) mod check;
pub(crate) mod compact;
pub(crate) mod cost;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod destroy;
pub(crate) mod erase;
pub(crate) mod flush;
pub(crate) mod import;
pub(crate) mod model;
pub(crate) mod package;
pub(crate) mod privacy;
pub(crate) mod queries;
pub(crate) mod query;
pub(crate) mod replay;
pub(crate) mod schema;
pub(crate) mod score;
pub(crate) mod send;
pub(crate) mod source;
pub(crate) mod stages;
pub(crate) mod tables;
pub(crate) mod train;
pub(crate) mod up;
pub(crate) mod verify;
