//! JSON.

use super::json_path::{at, steps};
use crate::error::{Error, fault};
use crate::json::{Json, Style, parse, read, sorted, write};
use crate::kinds::Kind;
use crate::scalar::Call;
use crate::signatures::{Entry, strict};
use crate::value::Value;

type Answer = Result<Value, Error>;

fn extract(v: &[Value], call: &Call) -> Answer {
    let steps = steps(v[1].str())?;
    let Some(json) = read(v[0].str()) else { return Ok(Value::Null) };
    let _ = call;
    Ok(at(&json, &steps).map(|found| write(found, Style::Parsed)).into())
}

fn extract_scalar(v: &[Value], _: &Call) -> Answer {
    let steps = steps(v[1].str())?;
    let Some(json) = read(v[0].str()) else { return Ok(Value::Null) };
    Ok(match at(&json, &steps) {
        Some(Json::Text(text) | Json::Number(text)) => Value::from(text.as_str()),
        Some(Json::Bool(value)) => Value::from(if *value { "true" } else { "false" }),
        _ => Value::Null,
    })
}

fn size(v: &[Value], _: &Call) -> Answer {
    let steps = steps(v[1].str())?;
    let Some(json) = read(v[0].str()) else { return Ok(Value::Null) };
    Ok(match at(&json, &steps) {
        Some(Json::Array(items)) => Value::Int(i64::try_from(items.len()).unwrap_or(0)),
        Some(Json::Object(members)) => Value::Int(i64::try_from(members.len()).unwrap_or(0)),
        Some(_) => Value::Int(0),
        None => Value::Null,
    })
}

fn array(value: &Value) -> Option<Vec<Json>> {
    match read(value.str()) {
        Some(Json::Array(items)) => Some(items),
        _ => None,
    }
}

fn array_get(v: &[Value], _: &Call) -> Answer {
    let Some(items) = array(&v[0]) else { return Ok(Value::Null) };
    let index = v[1].int();
    let place = if index >= 0 {
        usize::try_from(index).ok()
    } else {
        usize::try_from(index.unsigned_abs()).ok().and_then(|back| items.len().checked_sub(back))
    };
    Ok(match place.and_then(|place| items.into_iter().nth(place)) {
        // A text comes without its quotes, and so is no JSON; a number comes as it stands: Trino has it so.
        Some(Json::Text(text) | Json::Number(text)) => Value::from(text),
        Some(Json::Null) | None => Value::Null,
        Some(other) => Value::from(write(&other, Style::Part)),
    })
}

fn array_contains(v: &[Value], call: &Call) -> Answer {
    let Some(items) = array(&v[0]) else { return Ok(Value::Null) };
    let found = items.iter().any(|item| match (item, &call.args[1]) {
        (Json::Bool(value), Kind::Boolean) => *value == v[1].bool(),
        (Json::Number(text), Kind::BigInt) => text.parse::<i64>().is_ok_and(|value| value == v[1].int()),
        (Json::Number(text), Kind::Double) => {
            text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) && text.parse::<f64>().is_ok_and(|value| value == v[1].float())
        }
        (Json::Text(text), kind) if kind.is_text() => text == v[1].str(),
        _ => false,
    });
    Ok(Value::Bool(found))
}

fn is_scalar(v: &[Value], _: &Call) -> Answer {
    let json = read(v[0].str()).ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid JSON value: {}", v[0].str())))?;
    Ok(Value::Bool(json.is_scalar()))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("json_parse", "varchar -> json", |v, _| Ok(Value::from(write(&sorted(parse(v[0].str())?), Style::Parsed)))),
    strict("$json_parse", "varchar -> json", |v, _| Ok(Value::from(write(&parse(v[0].str())?, Style::Part)))),
    strict("json_format", "json -> varchar", |v, _| Ok(Value::from(v[0].str()))),
    strict("json_extract", "varchar, varchar -> json", extract),
    strict("json_extract", "json, varchar -> json", extract),
    strict("json_extract_scalar", "varchar(x), varchar -> varchar(x)", extract_scalar),
    strict("json_extract_scalar", "json, varchar -> varchar", extract_scalar),
    strict("json_size", "varchar, varchar -> bigint", size),
    strict("json_size", "json, varchar -> bigint", size),
    strict("json_array_length", "varchar -> bigint", |v, _| Ok(array(&v[0]).and_then(|items| i64::try_from(items.len()).ok()).into())),
    strict("json_array_length", "json -> bigint", |v, _| Ok(array(&v[0]).and_then(|items| i64::try_from(items.len()).ok()).into())),
    strict("json_array_get", "varchar, bigint -> json", array_get),
    strict("json_array_get", "json, bigint -> json", array_get),
    strict("json_array_contains", "varchar, boolean -> boolean", array_contains),
    strict("json_array_contains", "varchar, bigint -> boolean", array_contains),
    strict("json_array_contains", "varchar, double -> boolean", array_contains),
    strict("json_array_contains", "varchar, varchar -> boolean", array_contains),
    strict("json_array_contains", "json, boolean -> boolean", array_contains),
    strict("json_array_contains", "json, bigint -> boolean", array_contains),
    strict("json_array_contains", "json, double -> boolean", array_contains),
    strict("json_array_contains", "json, varchar -> boolean", array_contains),
    strict("is_json_scalar", "varchar -> boolean", is_scalar),
    strict("is_json_scalar", "json -> boolean", is_scalar),
];
