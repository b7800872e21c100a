//! Athena and Glue on loopback: statements over Delta tables and plain files, on DataFusion, with the answers, result
//! files and refusals that real clients know from AWS.
//!
//! What a statement is, is read here; what a query means is the dialect's (`freshet-dialect`). State (databases, tables,
//! views, workgroups, saved statements, executions) lies as one JSON file each in a folder and survives a kill.

mod alter;
mod alter_table;
mod catalogue;
mod column_names;
mod columns;
mod create;
mod cursor;
mod define;
mod delta;
mod documents;
mod execution;
mod executions;
mod explain;
mod failure;
mod files;
mod forget;
mod glue;
mod hive;
mod hive_type;
mod lake_table;
mod location;
mod memory;
mod metadata_operations;
mod operations;
mod partition_filter;
mod query;
mod request;
mod result_file;
mod results;
mod reuse;
mod run;
mod saved_operations;
mod service;
mod session;
mod show;
mod show_results;
mod start;
mod statement;
mod stop;
mod tokens;
mod view;
mod work_group_operations;
mod write;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::buckets::Buckets;
use crate::error::Error;
use crate::service_error::ServiceError;

/// The Athena and Glue services.
pub(crate) struct Athena {
    service: Arc<service::Service>,
}

impl Athena {
    /// Opens the services over their state's folder. Runs inside a tokio runtime.
    pub(crate) fn open(state: &Path, buckets: Buckets) -> Result<Self, Error> {
        Ok(Self { service: service::Service::open(state, buckets)? })
    }

    /// Answers an operation of Athena.
    pub(crate) async fn handle(&self, operation: &str, body: Bytes) -> Result<Value, ServiceError> {
        operations::answer(&self.service, operation, &read(&body)?).await
    }

    /// Answers an operation of Glue.
    pub(crate) async fn handle_glue(&self, operation: &str, body: Bytes) -> Result<Value, ServiceError> {
        glue::answer(&self.service, operation, &read(&body)?).await
    }

    /// Forgets executions that have ended, with their texts and with results that are kept here; says how many it knew.
    pub(crate) async fn forget(&self, body: &[u8]) -> Result<Value, ServiceError> {
        forget::forget(&self.service, &read(body)?).await
    }
}

fn read(body: &[u8]) -> Result<Value, ServiceError> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| ServiceError::client("SerializationException", error.to_string()))
}
