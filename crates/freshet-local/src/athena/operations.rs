//! Athena's operations on executions.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::request::{invalid, limit, optional, required, texts};
use super::results::{ResultPlace, page};
use super::service::Service;
use super::{metadata_operations, saved_operations, start, work_group_operations};
use crate::service_error::ServiceError;

/// How long `GetQueryExecution` waits for the end before it says how far a query is.
const BEFORE_STATUS: Duration = Duration::from_millis(250);
/// How long `GetQueryResults` does, before it refuses.
const BEFORE_RESULTS: Duration = Duration::from_secs(2);
/// Executions that one `BatchGetQueryExecution` may name.
const BATCH: usize = 50;

/// Answers an operation.
pub(crate) async fn answer(service: &Arc<Service>, operation: &str, request: &Value) -> Result<Value, ServiceError> {
    match operation {
        "StartQueryExecution" => start::start(service, request),
        "GetQueryExecution" => {
            let execution = ended(service, required(request, "QueryExecutionId")?, BEFORE_STATUS).await?;
            Ok(json!({ "QueryExecution": execution.describe() }))
        }
        "GetQueryResults" => {
            let execution = ended(service, required(request, "QueryExecutionId")?, BEFORE_RESULTS).await?;
            let place = ResultPlace::of(&execution, &service.engine.buckets, &service.managed);
            page(&execution, place, optional(request, "NextToken"), limit(request, 1000)?).await
        }
        "StopQueryExecution" => {
            let id = required(request, "QueryExecutionId")?;
            find(service, id)?;
            service.executions.cancel(id).map_err(|error| ServiceError::server("InternalServerException", error.to_string()))?;
            Ok(json!({}))
        }
        "BatchGetQueryExecution" => batch(service, request),
        "ListQueryExecutions" => list(service, request),
        "GetQueryRuntimeStatistics" => {
            let execution = find(service, required(request, "QueryExecutionId")?)?;
            let described = execution.describe();
            let timeline = json!({ "TotalExecutionTimeInMillis": described["Statistics"]["TotalExecutionTimeInMillis"], "QueryQueueTimeInMillis": described["Statistics"]["QueryQueueTimeInMillis"], "EngineExecutionTimeInMillis": described["Statistics"]["EngineExecutionTimeInMillis"] });
            let rows = json!({ "InputBytes": execution.outcome.scanned, "OutputRows": execution.outcome.update_count.unwrap_or(0) });
            Ok(json!({ "QueryRuntimeStatistics": { "Timeline": timeline, "Rows": rows } }))
        }
        _ => match metadata_operations::answer(service, operation, request).await {
            Some(answered) => answered,
            None => match work_group_operations::answer(service, operation, request) {
                Some(answered) => answered,
                None => saved_operations::answer(service, operation, request).unwrap_or_else(|| {
                    Err(ServiceError::client(
                        "InvalidRequestException",
                        format!("Athena on loopback does not implement the operation {operation}"),
                    ))
                }),
            },
        },
    }
}

async fn ended(service: &Service, id: &str, patience: Duration) -> Result<super::execution::Execution, ServiceError> {
    service.executions.get_ended(id, patience).await.ok_or_else(|| invalid(format!("QueryExecution {id} was not found")))
}

fn find(service: &Service, id: &str) -> Result<super::execution::Execution, ServiceError> {
    service.executions.get(id).ok_or_else(|| invalid(format!("QueryExecution {id} was not found")))
}

fn batch(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let ids = texts(request, "QueryExecutionIds");
    if ids.is_empty() || ids.len() > BATCH {
        return Err(invalid(format!("QueryExecutionIds takes 1 to {BATCH} ids")));
    }
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for id in ids {
        match service.executions.get(&id) {
            Some(execution) => found.push(execution.describe()),
            None => unprocessed.push(json!({ "QueryExecutionId": id, "ErrorCode": "INVALID_INPUT", "ErrorMessage": format!("QueryExecution {id} was not found") })),
        }
    }
    Ok(json!({ "QueryExecutions": found, "UnprocessedQueryExecutionIds": unprocessed }))
}

fn list(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let limit = limit(request, 50)?;
    let after = match optional(request, "NextToken") {
        None => None,
        Some(token) => Some(read_token(token).ok_or_else(|| invalid("NextToken is not one of this list"))?),
    };
    let found = service.executions.list(optional(request, "WorkGroup").unwrap_or("primary"), after.as_ref(), limit);
    let mut answer = json!({ "QueryExecutionIds": found.iter().map(|(_, id)| id).collect::<Vec<_>>() });
    if let Some((when, id)) = found.last().filter(|_| found.len() == limit) {
        answer["NextToken"] = json!(URL_SAFE_NO_PAD.encode(format!("{when}:{id}")));
    }
    Ok(answer)
}

fn read_token(token: &str) -> Option<(u64, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (when, id) = text.split_once(':')?;
    Some((when.parse().ok()?, id.to_owned()))
}
