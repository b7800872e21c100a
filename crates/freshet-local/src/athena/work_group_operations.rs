//! Athena's operations on workgroups.

use serde_json::{Value, json};

use super::catalogue::now;
use super::request::{invalid, optional, page, required};
use super::service::{Service, WorkGroup, configuration};
use crate::error::Error;
use crate::service_error::ServiceError;

/// Answers an operation, if it is one of these.
pub(crate) fn answer(service: &Service, operation: &str, request: &Value) -> Option<Result<Value, ServiceError>> {
    Some(match operation {
        "CreateWorkGroup" => create(service, request),
        "GetWorkGroup" => {
            required(request, "WorkGroup").and_then(|name| find(service, name)).map(|group| json!({ "WorkGroup": describe(&group) }))
        }
        "ListWorkGroups" => list(service, request),
        "UpdateWorkGroup" => update(service, request),
        "DeleteWorkGroup" => delete(service, request),
        "ListEngineVersions" => Ok(
            json!({ "EngineVersions": [{ "SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3" }, { "SelectedEngineVersion": "Athena engine version 3", "EffectiveEngineVersion": "Athena engine version 3" }] }),
        ),
        "ListTagsForResource" => Ok(json!({ "Tags": [] })),
        _ => return None,
    })
}

fn find(service: &Service, name: &str) -> Result<WorkGroup, ServiceError> {
    service.work_groups.get(name).ok_or_else(|| invalid(format!("WorkGroup {name} is not found.")))
}

fn describe(group: &WorkGroup) -> Value {
    let mut described =
        json!({ "Name": group.name, "State": group.state, "Configuration": group.configuration, "CreationTime": group.created });
    if let Some(description) = &group.description {
        described["Description"] = json!(description);
    }
    described
}

fn failed(error: &Error) -> ServiceError {
    ServiceError::server("InternalServerException", error.to_string())
}

fn create(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let name = required(request, "Name")?;
    let is_name = name.len() <= 128 && name.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character));
    if !is_name {
        return Err(invalid(format!("WorkGroup name {name} is not 1 to 128 letters, digits, dots, dashes and underscores")));
    }
    if service.work_groups.get(name).is_some() {
        return Err(invalid(format!("WorkGroup {name} is already created")));
    }
    let group = WorkGroup {
        name: name.to_owned(),
        description: optional(request, "Description").map(str::to_owned),
        state: "ENABLED".to_owned(),
        configuration: configuration(&request["Configuration"]),
        created: now(),
    };
    service.work_groups.put(name, group).map_err(|error| failed(&error))?;
    Ok(json!({}))
}

fn list(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let (groups, next) = page(service.work_groups.beginning(""), request, 50)?;
    let brief = |group: &WorkGroup| {
        let description = group.description.clone().unwrap_or_default();
        json!({ "Name": group.name, "State": group.state, "Description": description, "CreationTime": group.created, "EngineVersion": group.configuration["EngineVersion"] })
    };
    let mut answer = json!({ "WorkGroups": groups.iter().map(brief).collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

/// `UpdateWorkGroup` names what changes apart from a configuration (`ResultConfigurationUpdates`, `Remove…`).
fn update(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let mut group = find(service, required(request, "WorkGroup")?)?;
    if let Some(description) = optional(request, "Description") {
        group.description = Some(description.to_owned());
    }
    if let Some(state) = optional(request, "State") {
        if !matches!(state, "ENABLED" | "DISABLED") {
            return Err(invalid(format!("State {state} is neither ENABLED nor DISABLED")));
        }
        state.clone_into(&mut group.state);
    }
    for (key, value) in request["ConfigurationUpdates"].as_object().into_iter().flatten() {
        match key.as_str() {
            "ResultConfigurationUpdates" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    match key.strip_prefix("Remove") {
                        Some(removed) if value == true => group.configuration["ResultConfiguration"][removed] = Value::Null,
                        Some(_) => {}
                        None => group.configuration["ResultConfiguration"][key] = value.clone(),
                    }
                }
            }
            "RemoveBytesScannedCutoffPerQuery" if value == true => group.configuration["BytesScannedCutoffPerQuery"] = Value::Null,
            "ManagedQueryResultsConfigurationUpdates" => group.configuration["ManagedQueryResultsConfiguration"] = value.clone(),
            "EngineVersion" => {}
            key if key.starts_with("Remove") => {}
            key => group.configuration[key] = value.clone(),
        }
    }
    let name = group.name.clone();
    service.work_groups.put(&name, group).map_err(|error| failed(&error))?;
    Ok(json!({}))
}

fn delete(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    let name = required(request, "WorkGroup")?;
    if name == "primary" {
        return Err(invalid("The primary workgroup cannot be deleted"));
    }
    find(service, name)?;
    service.work_groups.change(name, |_| Ok::<_, Error>(None)).map_err(|error| failed(&error))?;
    Ok(json!({}))
}
