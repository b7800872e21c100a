//! The Athena client: a statement in, an answer out, through the AWS SDK alone.
//!
//! Where Athena is comes with the client (`AWS_ENDPOINT_URL`, region, credentials); nothing here knows.

use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use aws_sdk_athena::Client;
use aws_sdk_athena::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionContext, QueryExecutionState, QueryExecutionStatistics, ResultConfiguration, StatementType,
};
use futures::future::{Either, select};
use futures::stream::{Stream, TryStreamExt as _, try_unfold};
use tracing::debug;

use crate::supervise::{Calls, Failure, Halt, retried, supervise};
use crate::{Answer, Error, Page};

/// Rows that Athena gives in one page at most.
const PAGE_ROWS: i32 = 1000;

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
    /// The list of the files that an UNLOAD wrote (`s3://…`).
    pub(crate) manifest: Option<String>,
    /// The first row of its result holds the columns' names.
    may_have_header: bool,
}

/// Runs a statement and gathers its answer.
pub async fn run<Cancel: Future<Output = ()>>(client: &Client, request: Run<Cancel>) -> Result<Answer, Error> {
    let Run { sql, parameters, database, workgroup, output_location, timeout, cancel } = request;
    let place = Place { database, workgroup, output_location };
    let mut halt = pin!(halt(cancel, timeout));
    let execution = start_and_watch(client, sql, parameters, place, halt.as_mut()).await?;
    let gathering = pin!(gather(client, &execution));
    match select(gathering, halt).await {
        Either::Left((answer, _)) => answer,
        Either::Right((reason, _)) => Err(reason.into_error(Some(execution.id.clone()))),
    }
}

/// Runs a statement without reading its result; [`pages`] reads it.
pub async fn execute<Cancel: Future<Output = ()>>(client: &Client, request: Run<Cancel>) -> Result<Execution, Error> {
    let Run { sql, parameters, database, workgroup, output_location, timeout, cancel } = request;
    let place = Place { database, workgroup, output_location };
    let halt = pin!(halt(cancel, timeout));
    start_and_watch(client, sql, parameters, place, halt).await
}

/// The result of an execution, page by page: no more than one is in memory.
pub fn pages<'a>(client: &'a Client, execution: &'a Execution) -> impl Stream<Item = Result<Page, Error>> + 'a {
    try_unfold(Next::First, move |next| async move {
        let (token, is_first) = match next {
            Next::First => (None, true),
            Next::Token(token) => (Some(token), false),
            Next::End => return Ok(None),
        };
        let output = retried(
            &|| {
                let request = client.get_query_results().query_execution_id(&execution.id);
                let call = request.max_results(PAGE_ROWS).set_next_token(token.clone()).send();
                async { call.await.map_err(|error| failure("GetQueryResults", error)) }
            },
            &tokio::time::sleep,
        )
        .await?;
        let page = Page::read(&output, is_first && execution.may_have_header)?;
        Ok(Some((page, output.next_token.map_or(Next::End, Next::Token))))
    })
}

/// Where a statement runs.
struct Place {
    database: String,
    workgroup: String,
    output_location: Option<String>,
}

/// The page to read next.
enum Next {
    First,
    Token(String),
    End,
}

async fn gather(client: &Client, execution: &Execution) -> Result<Answer, Error> {
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

async fn start_and_watch(
    client: &Client,
    sql: String,
    parameters: Vec<String>,
    place: Place,
    halt: std::pin::Pin<&mut impl Future<Output = Halt>>,
) -> Result<Execution, Error> {
    let results = place.output_location.map(|to| ResultConfiguration::builder().output_location(to).build());
    let start = client
        .start_query_execution()
        // One token for all attempts: a start that was answered unclearly and is made again is one execution.
        .client_request_token(uuid::Uuid::new_v4().to_string())
        .query_string(sql)
        // Athena takes no empty list.
        .set_execution_parameters((!parameters.is_empty()).then_some(parameters))
        .query_execution_context(QueryExecutionContext::builder().database(place.database).build())
        .work_group(place.workgroup)
        .set_result_configuration(results);
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
            Ok(Some(Execution {
                id,
                scanned_bytes: scanned.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
                is_billed: is_query && execution.substatement_type() != Some("EXPLAIN"),
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
