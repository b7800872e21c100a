//! placeholder until merged
use std::path::Path;
use bytes::Bytes;
use serde_json::Value;
use crate::Error;
use crate::buckets::Buckets;
use crate::service_error::ServiceError;
pub(crate) struct Athena;
impl Athena {
    pub(crate) fn open(_state: &Path, _buckets: Buckets) -> Result<Self, Error> { Ok(Self) }
    pub(crate) async fn handle(&self, operation: &str, _body: Bytes) -> Result<Value, ServiceError> { Err(ServiceError::client("InvalidRequestException", operation)) }
    pub(crate) async fn handle_glue(&self, operation: &str, _body: Bytes) -> Result<Value, ServiceError> { Err(ServiceError::client("InvalidRequestException", operation)) }
}
