//! `StartQueryExecution`: checks what was asked, writes it down, and runs it on its own task.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::catalogue::now;
use super::execution::{Execution, Outcome, Shape, State, VERSION};
use super::failure::{Failure, Fault};
use super::location::Location;
use super::request::{invalid, optional, required, texts};
use super::run::{run, shape};
use super::service::{Service, prepared_key};
use super::statement::{Statement, parse};
use super::stop::Stop;
use crate::service_error::ServiceError;

/// The longest query (docs.aws.amazon.com/athena, "Service Quotas": 262144 bytes).
const QUERY_BYTES: usize = 262_144;

/// Answers `StartQueryExecution`.
pub(crate) fn start(service: &Arc<Service>, request: &Value) -> Result<Value, ServiceError> {
    let query = required(request, "QueryString")?;
    if query.len() > QUERY_BYTES {
        return Err(invalid(format!("The query string is longer than {QUERY_BYTES} bytes")));
    }
    let work_group = optional(request, "WorkGroup").unwrap_or("primary");
    let group = service.work_groups.get(work_group).ok_or_else(|| invalid(format!("WorkGroup {work_group} is not found.")))?;
    if group.state == "DISABLED" {
        return Err(invalid(format!("WorkGroup {work_group} is disabled.")));
    }
    let context = &request["QueryExecutionContext"];
    let catalog = optional(context, "Catalog");
    if catalog.is_some_and(|catalog| !catalog.eq_ignore_ascii_case(super::session::CATALOG)) {
        return Err(invalid(format!("Data catalog {} was not found", catalog.unwrap_or_default())));
    }
    let (statement, sql, mut parameters) = resolve(service, query, work_group)?;
    parameters.extend(texts(request, "ExecutionParameters"));
    let id = Uuid::new_v4().to_string();
    let shape = shape(&statement);
    let kinds = statement.kinds();
    let execution = Execution {
        version: VERSION,
        id: id.clone(),
        query: query.to_owned(),
        statement_type: kinds.0.to_owned(),
        substatement_type: kinds.1.to_owned(),
        shape,
        work_group: work_group.to_owned(),
        catalog: catalog.map(str::to_owned),
        // Some clients quote the database as in a statement.
        database: optional(context, "Database").map(|database| database.trim_matches('`').to_owned()),
        parameters,
        output: output(&group.configuration, work_group, request, &statement, shape, &id)?,
        reuse: request["ResultReuseConfiguration"].clone(),
        token: optional(request, "ClientRequestToken").map(str::to_owned),
        state: State::Queued,
        failure: None,
        submitted: now(),
        started: None,
        completed: None,
        outcome: Outcome::default(),
    };
    let earlier = service.executions.begin(execution).map_err(|failure| match failure.fault {
        Fault::System => ServiceError::server("InternalServerException", failure.message),
        Fault::User | Fault::Missing | Fault::Exists => invalid(failure.message),
    })?;
    if let Some(earlier) = earlier {
        return Ok(json!({ "QueryExecutionId": earlier }));
    }
    begin(service, &id, statement, sql);
    Ok(json!({ "QueryExecutionId": id }))
}

/// The statement that a text asks for: what was prepared, for EXECUTE.
fn resolve(service: &Service, query: &str, work_group: &str) -> Result<(Statement, String, Vec<String>), ServiceError> {
    let malformed = |misread: super::cursor::Misread| invalid(misread.message);
    let (statement, sql) = parse(query).map_err(malformed)?;
    let Statement::Execute { name, parameters } = statement else {
        return Ok((statement, sql.to_owned(), Vec::new()));
    };
    let prepared = service
        .prepared
        .get(&prepared_key(work_group, &name))
        .ok_or_else(|| invalid(format!("PreparedStatement {name} was not found in workGroup {work_group}")))?;
    let (statement, sql) = parse(&prepared.query).map_err(malformed)?;
    if matches!(statement, Statement::Execute { .. }) {
        return Err(invalid("a prepared statement that executes a prepared statement"));
    }
    Ok((statement, sql.to_owned(), parameters))
}

/// Where the result goes: the workgroup's place if it insists or the client names none; `None` for a result that we keep.
fn output(
    configuration: &Value,
    work_group: &str,
    request: &Value,
    statement: &Statement,
    shape: Shape,
    id: &str,
) -> Result<Option<String>, ServiceError> {
    if configuration["ManagedQueryResultsConfiguration"]["Enabled"] == true {
        return Ok(None);
    }
    let of_group = optional(&configuration["ResultConfiguration"], "OutputLocation");
    let of_client = optional(&request["ResultConfiguration"], "OutputLocation");
    let chosen = if configuration["EnforceWorkGroupConfiguration"] == true { of_group.or(of_client) } else { of_client.or(of_group) };
    let Some(folder) = chosen else {
        // Every account has this workgroup; a client that was told nothing works with it.
        if work_group == "primary" {
            return Ok(None);
        }
        return Err(invalid(
            "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.",
        ));
    };
    let location = Location::parse(folder).map_err(|failure| invalid(format!("outputLocation is not a valid S3 path: {failure}")))?;
    let place = match shape {
        Shape::Csv => location.join(&format!("{id}.csv")),
        Shape::Text => location.join(&format!("{id}.txt")),
        Shape::Count if matches!(statement, Statement::CreateTableAs { .. }) => location.join(&format!("tables/{id}")),
        Shape::Count => location.join(id),
    };
    Ok(Some(place.to_string()))
}

/// Runs an execution on a task of its own. A panic there is its failure, and nobody else's.
fn begin(service: &Arc<Service>, id: &str, statement: Statement, sql: String) {
    let (running, of_run, watched) = (Arc::clone(service), id.to_owned(), id.to_owned());
    let stop = Arc::new(Stop::default());
    let heard = Arc::clone(&stop);
    let task = service.workers.spawn(async move {
        let _turn = running.turns.acquire().await;
        let started = |execution: &mut Execution| {
            execution.state = State::Running;
            execution.started = Some(now());
        };
        running.executions.change(&of_run, started)?;
        match running.executions.get(&of_run) {
            Some(execution) if !execution.state.is_final() => run(&running, &execution, &statement, &sql, &heard).await.map(Some),
            _ => Ok(None),
        }
    });
    service.executions.stopped_by(id, task.abort_handle(), stop);
    let service = Arc::clone(service);
    tokio::spawn(async move {
        let ended = task.await;
        service.workers.ended();
        let result = match ended {
            Ok(Ok(None)) => return,
            Ok(Ok(Some(outcome))) => Ok(outcome),
            Ok(Err(failure)) => Err(failure),
            Err(stopped) if stopped.is_cancelled() => return,
            Err(_) => Err(Failure::system("GENERIC_INTERNAL_ERROR: the query engine failed at this query")),
        };
        let written = service.executions.change(&watched, |execution| {
            execution.completed = Some(now());
            match result {
                Ok(outcome) => {
                    execution.state = State::Succeeded;
                    execution.outcome = outcome;
                }
                Err(failure) => {
                    execution.state = State::Failed;
                    execution.failure = Some(failure);
                }
            }
        });
        if let Err(error) = written {
            tracing::error!(%error, execution = watched, "an execution's end could not be written");
        }
    });
}
