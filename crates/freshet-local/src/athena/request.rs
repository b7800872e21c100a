//! Reading a request's fields.

use serde_json::Value;

use crate::service_error::ServiceError;

/// A refusal of what was asked.
pub(crate) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::client("InvalidRequestException", message)
}

/// A text that may be absent.
pub(crate) fn optional<'a>(request: &'a Value, key: &str) -> Option<&'a str> {
    request[key].as_str().filter(|text| !text.is_empty())
}

/// A text that must be there.
pub(crate) fn required<'a>(request: &'a Value, key: &str) -> Result<&'a str, ServiceError> {
    optional(request, key).ok_or_else(|| {
        let mut name = key.to_owned();
        name[..1].make_ascii_lowercase();
        invalid(format!("1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must not be null"))
    })
}

/// Texts of a list.
pub(crate) fn texts(request: &Value, key: &str) -> Vec<String> {
    request[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// How many results a page may have.
pub(crate) fn limit(request: &Value, most: usize) -> Result<usize, ServiceError> {
    match &request["MaxResults"] {
        Value::Null => Ok(most),
        value => value
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| invalid(format!("MaxResults is more than maximum allowed length {most}."))),
    }
}

/// One page of items, whose token is the place of its first.
pub(crate) fn page<T>(items: Vec<T>, request: &Value, most: usize) -> Result<(Vec<T>, Option<String>), ServiceError> {
    let limit = limit(request, most)?;
    let from = match optional(request, "NextToken") {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| invalid("NextToken is not one of this list"))?,
    };
    let next = (from + limit < items.len()).then(|| (from + limit).to_string());
    Ok((items.into_iter().skip(from).take(limit).collect(), next))
}
