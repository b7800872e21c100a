//! The Athena client: a statement in, an answer out, through the AWS SDK alone.
//!
//! Where Athena is comes with the client (`AWS_ENDPOINT_URL`, region, credentials); nothing here knows.

use std::fmt::Debug;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use aws_sdk_athena::Client;
use aws_sdk_athena::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionContext, QueryExecutionState, QueryExecutionStatistics, ResultConfiguration,
    ResultReuseByAgeConfiguration, ResultReuseConfiguration, ResultReuseInformation, StatementType,
};
use futures::future::{Either, select};
use futures::stream::TryStreamExt as _;
use tracing::debug;

use crate::supervise::{Calls, Failure, Halt, supervise};
use crate::{Answer, Error, limit, pages, quote};

/// Error codes that mean: too many calls.
const THROTTLED: [&str; 5] = ["TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded", "SlowDown"];

/// A statement to run, where, and for how long.
#[derive(Debug, Clone)]
pub struct Run<Cancel> {
    /// The statement, with a `?` for each parameter.
    pub sql: String,
    /// A literal for each `?`, as [`crate::bind`] gives them.
    pub parameters: Vec<String>,
    /// The database that names without one mean.
    pub database: String,
    /// The workgroup.
    pub workgroup: String,
    /// Where the result is written (`s3://…/`), unless the workgroup says.
    pub output_location: Option<String>,
    /// How long it may take, from the first call to the last row.
    pub timeout: Duration,
    /// The bytes that it may read: one that is foretold to read more is not run, and one that has read more is stopped.
    pub byte_limit: Option<u64>,
    /// Takes the result of the same statement that is at most so old, if there is one; 10,080 (a week) at most.
    pub reuse_minutes: Option<u32>,
    /// Done when nobody waits any more; `std::future::pending()` for never.
    pub cancel: Cancel,
}

/// An execution that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// The bytes that Athena read for it.
    pub scanned_bytes: u64,
    /// Whether Athena bills what was read: it does for queries, not for DDL, EXPLAIN and an answer that was there.
    pub is_billed: bool,
    /// Whether it is the result of an earlier execution.
    pub is_reused: bool,
    /// The list of the files that an UNLOAD wrote (`s3://…`).
    pub(crate) manifest: Option<String>,
    /// The first row of its result holds the columns' names.
    pub(crate) may_have_header: bool,
}

/// Runs a statement and gathers its answer.
pub async fn run<Cancel: Future<Output = ()>>(client: &Client, request: Run<Cancel>) -> Result<Answer, Error> {
    let (request, mut halt) = parted(request);
    let execution = attempt(client, request, halt.as_mut()).await?;
    let gathering = pin!(gather(client, &execution));
    match select(gathering, halt).await {
        Either::Left((answer, _)) => answer,
        Either::Right((reason, _)) => Err(reason.into_error(Some(execution.id.clone()))),
    }
}

/// Runs a statement without reading its result; [`pages`] reads it.
pub async fn execute<Cancel: Future<Output = ()>>(client: &Client, request: Run<Cancel>) -> Result<Execution, Error> {
    let (request, mut halt) = parted(request);
    attempt(client, request, halt.as_mut()).await
}

/// What is asked, and when nobody waits any more.
fn parted<Cancel: Future<Output = ()>>(request: Run<Cancel>) -> (Run<()>, Pin<Box<impl Future<Output = Halt>>>) {
    let Run { sql, parameters, database, workgroup, output_location, timeout, byte_limit, reuse_minutes, cancel } = request;
    let asked = Run { sql, parameters, database, workgroup, output_location, timeout, byte_limit, reuse_minutes, cancel: () };
    (asked, Box::pin(halt(cancel, timeout)))
}

/// Runs a statement within its limit; what Athena refuses is explained.
async fn attempt(client: &Client, request: Run<()>, mut halt: Pin<&mut impl Future<Output = Halt>>) -> Result<Execution, Error> {
    if let Some(limit) = request.byte_limit {
        limit::foretell(client, &request, limit, halt.as_mut()).await?;
    }
    match start_and_watch(client, &request, halt.as_mut()).await {
        Err(Error::Refused { execution, message }) if limit::is_cutoff(&message) => {
            let bytes = limit::cutoff(client, &request.workgroup).await;
            Err(Error::Cutoff { execution, workgroup: request.workgroup, bytes })
        }
        Err(Error::Refused { execution, message }) => Err(Error::Refused { execution, message: quote::quoted(message, &request.sql) }),
        other => other,
    }
}

/// All rows of an execution that has succeeded.
pub async fn gather(client: &Client, execution: &Execution) -> Result<Answer, Error> {
    let mut answer =
        Answer { columns: Vec::new(), rows: Vec::new(), scanned_bytes: execution.scanned_bytes, execution_id: execution.id.clone() };
    let mut pages = pin!(pages(client, execution));
    while let Some(page) = pages.try_next().await? {
        answer.columns = page.columns;
        answer.rows.extend(page.rows);
    }
    Ok(answer)
}

async fn halt(cancel: impl Future<Output = ()>, timeout: Duration) -> Halt {
    match select(pin!(cancel), pin!(tokio::time::sleep(timeout))).await {
        Either::Left(_) => Halt::Cancelled,
        Either::Right(_) => Halt::TimedOut(timeout.as_secs()),
    }
}

pub(crate) async fn start_and_watch(
    client: &Client,
    request: &Run<()>,
    halt: Pin<&mut impl Future<Output = Halt>>,
) -> Result<Execution, Error> {
    let results = request.output_location.as_ref().map(|to| ResultConfiguration::builder().output_location(to).build());
    let reuse = request.reuse_minutes.map(|minutes| {
        let by_age = ResultReuseByAgeConfiguration::builder().enabled(true);
        let by_age = by_age.max_age_in_minutes(i32::try_from(minutes).unwrap_or(i32::MAX)).build();
        ResultReuseConfiguration::builder().result_reuse_by_age_configuration(by_age).build()
    });
    let start = client
        .start_query_execution()
        // One token for all attempts: a start that was answered unclearly and is made again is one execution.
        .client_request_token(uuid::Uuid::new_v4().to_string())
        .query_string(&request.sql)
        // Athena takes no empty list.
        .set_execution_parameters((!request.parameters.is_empty()).then(|| request.parameters.clone()))
        .query_execution_context(QueryExecutionContext::builder().database(&request.database).build())
        .work_group(&request.workgroup)
        .set_result_configuration(results)
        .set_result_reuse_configuration(reuse);
    let calls = Calls {
        start: || {
            let call = start.clone().send();
            async {
                let output = call.await.map_err(|error| refusal("StartQueryExecution", error))?;
                output.query_execution_id.ok_or_else(|| missing("StartQueryExecution", "the execution's id"))
            }
        },
        poll: |id: String| {
            let call = client.get_query_execution().query_execution_id(id).send();
            async {
                let output = call.await.map_err(|error| failure("GetQueryExecution", error))?;
                let execution = output.query_execution.ok_or_else(|| missing("GetQueryExecution", "the execution"))?;
                limit::watch(&execution, request.byte_limit)?;
                progress(&execution)
            }
        },
        stop: |id: String| {
            let call = client.stop_query_execution().query_execution_id(id).send();
            async { call.await.map(|_| ()).map_err(|error| failure("StopQueryExecution", error)) }
        },
        pause: tokio::time::sleep,
    };
    let execution = supervise(&calls, halt).await?;
    debug!(execution = execution.id, scanned_bytes = execution.scanned_bytes, "statement done");
    Ok(execution)
}

/// What an execution has come to: nothing while it is under way.
fn progress(execution: &QueryExecution) -> Result<Option<Execution>, Failure> {
    let id = execution.query_execution_id().ok_or_else(|| missing("GetQueryExecution", "the execution's id"))?.to_owned();
    let status = execution.status().ok_or_else(|| missing("GetQueryExecution", "the status"))?;
    let message = || {
        let detail = status.athena_error().and_then(|error| error.error_message());
        status.state_change_reason().or(detail).unwrap_or("athena gives no reason").to_owned()
    };
    match status.state() {
        Some(QueryExecutionState::Succeeded) => {
            let statistics = execution.statistics();
            let scanned = statistics.and_then(QueryExecutionStatistics::data_scanned_in_bytes);
            let is_query = execution.statement_type() == Some(&StatementType::Dml);
            let reuse = statistics.and_then(QueryExecutionStatistics::result_reuse_information);
            let is_reused = reuse.is_some_and(ResultReuseInformation::reused_previous_result);
            Ok(Some(Execution {
                id,
                scanned_bytes: scanned.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
                is_billed: is_query && !is_reused && execution.substatement_type() != Some("EXPLAIN"),
                is_reused,
                manifest: statistics.and_then(QueryExecutionStatistics::data_manifest_location).map(str::to_owned),
                may_have_header: is_query,
            }))
        }
        Some(QueryExecutionState::Failed) => Err(Failure::Final(Error::Refused { execution: Some(id), message: message() })),
        Some(QueryExecutionState::Cancelled) => Err(Failure::Final(Error::Stopped { execution: id, message: message() })),
        Some(_) => Ok(None),
        None => Err(missing("GetQueryExecution", "the state")),
    }
}

/// An error of a call that carries the statement: what Athena says of the statement is a refusal.
fn refusal<E, R>(operation: &'static str, error: SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    if error.code() == Some("InvalidRequestException") {
        let message = error.message().unwrap_or("athena gives no reason").to_owned();
        return Failure::Final(Error::Refused { execution: None, message });
    }
    failure(operation, error)
}

pub(crate) fn failure<E, R>(operation: &'static str, error: SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    let is_throttled = error.code().is_some_and(|code| THROTTLED.contains(&code));
    let message = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => DisplayErrorContext(&error).to_string(),
    };
    let error = Error::Call { operation, message, source: Box::new(error) };
    if is_throttled { Failure::Throttled(error) } else { Failure::Final(error) }
}

fn missing(operation: &'static str, what: &str) -> Failure {
    Failure::Final(Error::Malformed { operation, message: format!("{what} is missing") })
}

#[cfg(test)]
mod tests;
