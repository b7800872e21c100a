//! A function's URL in front of a binary: a request becomes the event of payload format 2.0, and the function's answer a
//! response (docs.aws.amazon.com/lambda, "Invoking Lambda function URLs").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::Utc;
use http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use crate::function_url::is_text;

/// The event of a request.
pub(super) fn event(request: &Request<Bytes>) -> Bytes {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = match std::str::from_utf8(request.body()) {
        Ok(body) if is_text(text(CONTENT_TYPE)) => (body.to_owned(), false),
        Ok(_) | Err(_) => (STANDARD.encode(request.body()), true),
    };
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let now = Utc::now();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": joined(headers),
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "loopback",
            "domainName": text(HOST),
            "domainPrefix": "loopback",
            "http": {
                "method": request.method().as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": text(USER_AGENT),
            },
            "requestId": uuid::Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.timestamp_millis(),
        },
        "isBase64Encoded": body.1,
    });
    let cookies: Vec<&str> =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|all| all.split("; ")).collect();
    if let Some(event) = event.as_object_mut() {
        if !cookies.is_empty() {
            event.insert("cookies".to_owned(), json!(cookies));
        }
        if !query.is_empty() {
            event.insert("queryStringParameters".to_owned(), Value::Object(parameters(query)));
        }
        if !request.body().is_empty() {
            event.insert("body".to_owned(), Value::String(body.0));
        }
    }
    Bytes::from(event.to_string())
}

/// Headers in lower case, those that come several times joined by commas; cookies are apart.
fn joined(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let place = joined.entry(name.as_str()).or_default();
        if !place.is_empty() {
            place.push(',');
        }
        place.push_str(&value);
    }
    joined
}

fn parameters(query: &str) -> Map<String, Value> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut parameters = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        match parameters.get_mut(&name) {
            Some(Value::String(known)) => {
                known.push(',');
                known.push_str(&value);
            }
            _ => {
                parameters.insert(name, Value::String(value));
            }
        }
    }
    parameters
}

/// What a function answers where it chooses the status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response of a function's answer; 502 where it failed, 429 where it was throttled, 413 where the event is too large.
pub(super) fn response(answered: Result<Bytes, Failure>) -> Response<Bytes> {
    match answered {
        Ok(payload) => respond(&payload).unwrap_or_else(|| refuse(StatusCode::BAD_GATEWAY)),
        Err(failure) if failure.status == 200 => {
            tracing::warn!(error_type = failure.error_type, "a function's URL answers 502");
            refuse(StatusCode::BAD_GATEWAY)
        }
        Err(failure) => refuse(StatusCode::from_u16(failure.status).unwrap_or(StatusCode::BAD_GATEWAY)),
    }
}

fn respond(payload: &Bytes) -> Option<Response<Bytes>> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    if value.get("statusCode").is_none() {
        let mut response = Response::new(payload.clone());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Some(response);
    }
    let answered: Answered = serde_json::from_value(value).ok()?;
    let body = answered.body.unwrap_or_default();
    let body = if answered.is_base64_encoded { STANDARD.decode(body).ok()? } else { body.into_bytes() };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(answered.status_code).ok()?;
    let several = answered.multi_value_headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let cookies = answered.cookies.iter().map(|cookie| (SET_COOKIE.to_string(), Value::String(cookie.clone())));
    for (name, value) in answered.headers.iter().chain(several).map(|(name, value)| (name.clone(), value.clone())).chain(cookies) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = HeaderName::try_from(name).ok()?;
        // Several values of one header that are in both maps are one.
        if response.headers().get_all(&name).iter().all(|known| known != text.as_str()) {
            response.headers_mut().append(name, HeaderValue::try_from(text).ok()?);
        }
    }
    Some(response)
}

fn refuse(status: StatusCode) -> Response<Bytes> {
    let message = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Bytes::from(json!({ "Message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_an_event_of_format_two() {
        let request = Request::post("/webhooks/shop%20a?topic=orders%2Fpaid&a=1&a=2")
            .header("Content-Type", "application/json")
            .header("X-Twice", "1")
            .header("x-twice", "2")
            .header("cookie", "a=1; b=2")
            .body(Bytes::from_static(br#"{"id":"1"}"#))
            .unwrap();
        let event: Value = serde_json::from_slice(&event(&request)).unwrap();
        assert_eq!(event["rawPath"], "/webhooks/shop%20a");
        assert_eq!(event["rawQueryString"], "topic=orders%2Fpaid&a=1&a=2");
        assert_eq!(event["queryStringParameters"], json!({ "topic": "orders/paid", "a": "1,2" }));
        assert_eq!(event["headers"], json!({ "content-type": "application/json", "x-twice": "1,2" }));
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{\"id\":\"1\"}"), &json!(false)));
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
    }

    #[test]
    fn bytes_travel_in_base64() {
        for (kind, body) in [("application/octet-stream", &b"abc"[..]), ("application/json", &[0xFF, 0xFE])] {
            let request = Request::post("/").header("content-type", kind).body(Bytes::copy_from_slice(body)).unwrap();
            let event: Value = serde_json::from_slice(&event(&request)).unwrap();
            assert_eq!(event["isBase64Encoded"], true);
            assert_eq!(STANDARD.decode(event["body"].as_str().unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn an_answer_is_a_response() {
        let answer = json!({ "statusCode": 201, "headers": { "x-a": "1" }, "multiValueHeaders": { "x-a": ["1"], "x-b": ["2", "3"] },
            "cookies": ["c=1"], "body": "aGk=", "isBase64Encoded": true });
        let given = response(Ok(Bytes::from(answer.to_string())));
        assert_eq!((given.status(), given.body().as_ref()), (StatusCode::CREATED, &b"hi"[..]));
        let values = |name: &str| given.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!((values("x-a"), values("x-b"), values("set-cookie")), (vec!["1"], vec!["2", "3"], vec!["c=1"]));
        let given = response(Ok(Bytes::from_static(b"{\"a\":1}")));
        assert_eq!((given.status(), given.body().as_ref()), (StatusCode::OK, &b"{\"a\":1}"[..]));
        for (failure, status) in
            [(Failure::throttled(), 429), (Failure::event_too_large(7_000_000), 413), (Failure::response_too_large(), 502)]
        {
            assert_eq!(response(Err(failure)).status(), status);
        }
        assert_eq!(response(Ok(Bytes::from_static(b"no JSON"))).status(), 502);
    }
}
