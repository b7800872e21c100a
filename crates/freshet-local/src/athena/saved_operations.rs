//! Athena's operations on prepared statements and named queries.

use serde_json::{Value, json};
use uuid::Uuid;

use super::catalogue::now;
use super::failure::{Failure, Fault};
use super::request::{invalid, optional, page, required, texts};
use super::service::{Named, Prepared, Service, prepared_key};
use super::statement::parse;
use crate::service_error::ServiceError;

/// Answers an operation, if it is one of these.
pub(crate) fn answer(service: &Service, operation: &str, request: &Value) -> Option<Result<Value, ServiceError>> {
    Some(match operation {
        "CreatePreparedStatement" => put_prepared(service, request, false),
        "UpdatePreparedStatement" => put_prepared(service, request, true),
        "GetPreparedStatement" => {
            find_prepared(service, request).map(|prepared| json!({ "PreparedStatement": describe_prepared(&prepared) }))
        }
        "DeletePreparedStatement" => find_prepared(service, request)
            .and_then(|prepared| service.deallocate(&prepared.work_group, &prepared.name).map_err(refuse))
            .map(|()| json!({})),
        "ListPreparedStatements" => list_prepared(service, request),
        "BatchGetPreparedStatement" => batch_prepared(service, request),
        "CreateNamedQuery" => create_named(service, request),
        "GetNamedQuery" => find_named(service, request).map(|named| json!({ "NamedQuery": describe_named(&named) })),
        "UpdateNamedQuery" => update_named(service, request),
        "DeleteNamedQuery" => find_named(service, request)
            .and_then(|named| service.named.change(&named.id, |_| Ok::<_, Failure>(None)).map_err(refuse))
            .map(|()| json!({})),
        "ListNamedQueries" => list_named(service, request),
        "BatchGetNamedQuery" => Ok(batch_named(service, request)),
        _ => return None,
    })
}

fn refuse(failure: Failure) -> ServiceError {
    match failure.fault {
        Fault::System => ServiceError::server("InternalServerException", failure.message),
        Fault::Missing => ServiceError::client("ResourceNotFoundException", failure.message),
        Fault::User | Fault::Exists => invalid(failure.message),
    }
}

fn work_group<'a>(service: &Service, request: &'a Value) -> Result<&'a str, ServiceError> {
    let name = optional(request, "WorkGroup").unwrap_or("primary");
    if service.work_groups.get(name).is_some() { Ok(name) } else { Err(invalid(format!("WorkGroup {name} is not found."))) }
}

fn put_prepared(service: &Service, request: &Value, is_update: bool) -> Result<Value, ServiceError> {
    let (name, work_group, query) =
        (required(request, "StatementName")?, work_group(service, request)?, required(request, "QueryStatement")?);
    parse(query).map_err(|misread| invalid(misread.message))?;
    let prepared = Prepared {
        name: name.to_owned(),
        work_group: work_group.to_owned(),
        query: query.to_owned(),
        description: optional(request, "Description").map(str::to_owned),
        modified: now(),
    };
    let change = service.prepared.change(&prepared_key(work_group, name), |there| match (there, is_update) {
        (Some(_), false) => Err(Failure::exists(format!("PreparedStatement {name} already exists in workGroup {work_group}"))),
        (None, true) => Err(Failure::missing(format!("PreparedStatement {name} was not found in workGroup {work_group}"))),
        (Some(_), true) | (None, false) => Ok(Some(prepared)),
    });
    change.map_err(refuse)?;
    Ok(json!({}))
}

fn find_prepared(service: &Service, request: &Value) -> Result<Prepared, ServiceError> {
    let (name, work_group) = (required(request, "StatementName")?, work_group(service, request)?);
    service.prepared.get(&prepared_key(work_group, name)).ok_or_else(|| {
        ServiceError::client("ResourceNotFoundException", format!("PreparedStatement {name} was not found in workGroup {work_group}"))
    })
}

fn describe_prepared(prepared: &Prepared) -> Value {
    let mut described = json!({ "StatementName": prepared.name, "QueryStatement": prepared.query, "WorkGroupName": prepared.work_group, "LastModifiedTime": prepared.modified });
    if let Some(description) = &prepared.description {
        described["Description"] = json!(description);
    }
    described
}

fn list_prepared(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let (found, next) = page(service.prepared.beginning(&prepared_key(work_group(service, request)?, "")), request, 50)?;
    let brief: Vec<Value> =
        found.iter().map(|prepared| json!({ "StatementName": prepared.name, "LastModifiedTime": prepared.modified })).collect();
    Ok(with_token(json!({ "PreparedStatements": brief }), next))
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}

fn batch_prepared(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let work_group = work_group(service, request)?;
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for name in texts(request, "PreparedStatementNames") {
        match service.prepared.get(&prepared_key(work_group, &name)) {
            Some(prepared) => found.push(describe_prepared(&prepared)),
            None => unprocessed.push(json!({ "StatementName": name, "ErrorCode": "STATEMENT_NOT_FOUND", "ErrorMessage": format!("PreparedStatement {name} was not found in workGroup {work_group}") })),
        }
    }
    Ok(json!({ "PreparedStatements": found, "UnprocessedPreparedStatementNames": unprocessed }))
}

fn create_named(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let token = optional(request, "ClientRequestToken").map(str::to_owned);
    if let Some(earlier) =
        token.as_ref().and_then(|token| service.named.beginning("").into_iter().find(|named| named.token.as_ref() == Some(token)))
    {
        return Ok(json!({ "NamedQueryId": earlier.id }));
    }
    let named = Named {
        id: Uuid::new_v4().to_string(),
        name: required(request, "Name")?.to_owned(),
        work_group: work_group(service, request)?.to_owned(),
        database: required(request, "Database")?.to_owned(),
        query: required(request, "QueryString")?.to_owned(),
        description: optional(request, "Description").map(str::to_owned),
        token,
    };
    let id = named.id.clone();
    service.named.put(&id, named).map_err(|error| refuse(error.into()))?;
    Ok(json!({ "NamedQueryId": id }))
}

fn find_named(service: &Service, request: &Value) -> Result<Named, ServiceError> {
    let id = required(request, "NamedQueryId")?;
    service.named.get(id).ok_or_else(|| invalid(format!("NamedQuery {id} was not found")))
}

fn describe_named(named: &Named) -> Value {
    let mut described = json!({ "NamedQueryId": named.id, "Name": named.name, "WorkGroup": named.work_group, "Database": named.database, "QueryString": named.query });
    if let Some(description) = &named.description {
        described["Description"] = json!(description);
    }
    described
}

fn update_named(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let mut named = find_named(service, request)?;
    required(request, "Name")?.clone_into(&mut named.name);
    required(request, "QueryString")?.clone_into(&mut named.query);
    named.description = optional(request, "Description").map(str::to_owned);
    let id = named.id.clone();
    service.named.put(&id, named).map_err(|error| refuse(error.into()))?;
    Ok(json!({}))
}

fn list_named(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let work_group = work_group(service, request)?;
    let ids: Vec<String> =
        service.named.beginning("").into_iter().filter(|named| named.work_group == work_group).map(|named| named.id).collect();
    let (ids, next) = page(ids, request, 50)?;
    Ok(with_token(json!({ "NamedQueryIds": ids }), next))
}

fn batch_named(service: &Service, request: &Value) -> Value {
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for id in texts(request, "NamedQueryIds") {
        match service.named.get(&id) {
            Some(named) => found.push(describe_named(&named)),
            None => unprocessed.push(
                json!({ "NamedQueryId": id, "ErrorCode": "INVALID_INPUT", "ErrorMessage": format!("NamedQuery {id} was not found") }),
            ),
        }
    }
    json!({ "NamedQueries": found, "UnprocessedNamedQueryIds": unprocessed })
}
