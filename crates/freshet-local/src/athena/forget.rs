//! Forgetting executions: AWS has no call for it and drops them after 45 days; an erasure does not wait so long.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::{Value, json};

use super::request::texts;
use super::service::Service;
use crate::service_error::ServiceError;

/// Answers `{"QueryExecutionIds": [...]}` with how many executions were forgotten; one that is under way stays.
pub(crate) async fn forget(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let failed = |error: String| ServiceError::server("InternalServerException", error);
    let mut forgotten = 0;
    for id in texts(request, "QueryExecutionIds") {
        if !service.executions.forget(&id).map_err(|error| failed(error.to_string()))? {
            continue;
        }
        forgotten += 1;
        service.reuse.forget(&id);
        for path in [Path::from(id.as_str()), Path::from(format!("{id}.metadata"))] {
            match service.managed.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(error.to_string())),
            }
        }
    }
    Ok(json!({ "forgotten": forgotten }))
}
