//! The one port: routes each request to its service, and applies the fault switch first.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use s3s::Body;
use s3s::service::S3Service;
use serde_json::{Value, json};

use crate::athena::Athena;
use crate::faults::{Fault, FaultOrder, Faults};
use crate::firehose::{Firehose, PartialFailure};
use crate::listener::Reply;
use crate::service_error::ServiceError;
use crate::sts;

/// The largest body of a JSON service: a batch of 4 MiB in base64, with room to spare.
const JSON_LIMIT: usize = 16 * 1024 * 1024;

/// The services behind the port.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) s3: S3Service,
    pub(crate) firehose: Arc<Firehose>,
    pub(crate) athena: Arc<Athena>,
    pub(crate) faults: Faults,
}

/// Answers one request.
pub(crate) async fn answer(services: Services, request: Request<Incoming>) -> Reply<Body> {
    if !is_loopback(request.headers()) {
        let refusal = ServiceError {
            status: 421,
            code: "MisdirectedRequest".to_owned(),
            message: "this port answers to 127.0.0.1 and localhost alone".to_owned(),
        };
        return Reply::Answer(refuse(&refusal));
    }
    let (service, operation) = classify(&request);
    let fault = services.faults.take(service, &operation, &percent_decode_str(request.uri().path()).decode_utf8_lossy());
    match &fault {
        Some(Fault::Drop) => return Reply::Close,
        Some(Fault::Error { status, code }) => return Reply::Answer(faulty(service, *status, code)),
        Some(Fault::Delay { millis }) => tokio::time::sleep(Duration::from_millis(*millis)).await,
        Some(Fault::ErrorAfter { .. } | Fault::DropAfter | Fault::PartialFailure { .. }) | None => {}
    }
    let response = route(&services, service, &operation, request, fault.as_ref()).await;
    match fault {
        Some(Fault::DropAfter) => Reply::Close,
        Some(Fault::ErrorAfter { status, code }) => Reply::Answer(faulty(service, status, &code)),
        Some(Fault::Error { .. } | Fault::Drop | Fault::Delay { .. } | Fault::PartialFailure { .. }) | None => Reply::Answer(response),
    }
}

/// A browser's page must not reach the services by a name that it makes point here.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
    name == "localhost" || name == "127.0.0.1" || name == "[::1]" || name.ends_with(".localhost")
}

fn classify(request: &Request<Incoming>) -> (&'static str, String) {
    if request.uri().path().starts_with("/_freshet/") {
        return ("control", request.uri().path().trim_start_matches("/_freshet/").to_owned());
    }
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some((prefix, operation)) = target.and_then(|target| target.split_once('.')) {
        let service = match prefix {
            "Firehose_20150804" => "firehose",
            "AmazonAthena" => "athena",
            "AWSGlue" => "glue",
            _ => "unknown",
        };
        return (service, operation.to_owned());
    }
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if request.method() == Method::POST && request.uri().path() == "/" && content_type.starts_with("application/x-www-form-urlencoded") {
        return ("sts", String::new());
    }
    ("s3", s3_operation(request))
}

/// The name of an S3 operation, as far as the fault switch tells them apart.
fn s3_operation(request: &Request<Incoming>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|pair| pair == name || pair.starts_with(&format!("{name}=")));
    let has_key = request.uri().path().trim_matches('/').contains('/');
    let name = match (request.method(), has_key) {
        (&Method::GET, true) => "GetObject",
        (&Method::HEAD, true) => "HeadObject",
        (&Method::PUT, true) if has("partNumber") => "UploadPart",
        (&Method::PUT, true) if request.headers().contains_key("x-amz-copy-source") => "CopyObject",
        (&Method::PUT, true) => "PutObject",
        (&Method::DELETE, true) if has("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, true) => "DeleteObject",
        (&Method::POST, true) if has("uploads") => "CreateMultipartUpload",
        (&Method::POST, true) => "CompleteMultipartUpload",
        (&Method::POST, false) if has("delete") => "DeleteObjects",
        (&Method::GET, false) if has("list-type") => "ListObjectsV2",
        (&Method::GET, false) => "ListObjects",
        (&Method::PUT, false) => "CreateBucket",
        (&Method::DELETE, false) => "DeleteBucket",
        (_, _) => "HeadBucket",
    };
    name.to_owned()
}

async fn route(services: &Services, service: &str, operation: &str, request: Request<Incoming>, fault: Option<&Fault>) -> Response<Body> {
    if service == "s3" {
        return s3(services, request).await;
    }
    let method = request.method().clone();
    let Ok(body) = Limited::new(request.into_body(), JSON_LIMIT).collect().await else {
        return refuse(&ServiceError {
            status: 413,
            code: "RequestTooLarge".to_owned(),
            message: format!("a request holds {JSON_LIMIT} bytes"),
        });
    };
    let body = body.to_bytes();
    let answered = match service {
        "firehose" => {
            let partial = match fault {
                Some(Fault::PartialFailure { every, code }) => {
                    Some(PartialFailure { indices: Vec::new(), every: Some(*every), code: code.clone() })
                }
                Some(Fault::Error { .. } | Fault::ErrorAfter { .. } | Fault::Drop | Fault::DropAfter | Fault::Delay { .. }) | None => None,
            };
            services.firehose.handle(operation, body, partial).await
        }
        "athena" => services.athena.handle(operation, body).await,
        "glue" => services.athena.handle_glue(operation, body).await,
        "sts" => return caller_identity(&body),
        "control" => control(services, &method, operation, &body).await,
        _ => Err(ServiceError::client("UnknownOperationException", format!("no service on this port knows the operation {operation}"))),
    };
    match answered {
        Ok(value) => json_response(StatusCode::OK, &value),
        Err(error) => refuse(&error),
    }
}

async fn s3(services: &Services, mut request: Request<Incoming>) -> Response<Body> {
    let is_streaming = request
        .headers()
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("STREAMING-"));
    if !is_streaming {
        // Everyone may come in: only a body whose chunks are signed needs its signature to be read.
        request.headers_mut().remove(header::AUTHORIZATION);
    }
    match services.s3.call(request.map(Body::from)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(?error, "S3 could not answer");
            refuse(&ServiceError::server("InternalError", "S3 could not answer"))
        }
    }
}

async fn control(services: &Services, method: &Method, operation: &str, body: &[u8]) -> Result<Value, ServiceError> {
    match (method, operation) {
        (&Method::GET, "health") => Ok(json!({ "status": "ok" })),
        (&Method::POST, "flush") => match services.firehose.flush().await {
            Ok(()) => Ok(json!({ "status": "flushed" })),
            Err(error) => Err(ServiceError::server("FlushFailed", error.to_string())),
        },
        (&Method::POST, "forget") => services.athena.forget(body).await,
        (&Method::POST, "faults") => {
            let order: FaultOrder =
                serde_json::from_slice(body).map_err(|error| ServiceError::client("ValidationException", error.to_string()))?;
            services.faults.order(order);
            Ok(json!({ "status": "ordered" }))
        }
        (&Method::DELETE, "faults") => {
            services.faults.clear();
            Ok(json!({ "status": "cleared" }))
        }
        (_, _) => Err(ServiceError {
            status: 404,
            code: "NotFound".to_owned(),
            message: "GET health, POST flush, POST forget, POST or DELETE faults".to_owned(),
        }),
    }
}

fn caller_identity(body: &[u8]) -> Response<Body> {
    let form = String::from_utf8_lossy(body);
    if !form.split('&').any(|pair| pair == "Action=GetCallerIdentity") {
        return refuse(&ServiceError::client("InvalidAction", "STS on loopback answers GetCallerIdentity"));
    }
    let mut response = Response::new(Body::from(Bytes::from(sts::caller_identity())));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml"));
    response
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = header::HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn refuse(error: &ServiceError) -> Response<Body> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &json!({ "__type": error.code, "message": error.message, "Message": error.message }));
    if let Ok(code) = header::HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn faulty(service: &str, status: u16, code: &str) -> Response<Body> {
    if service != "s3" {
        return refuse(&ServiceError { status, code: code.to_owned(), message: "a fault that was ordered".to_owned() });
    }
    let xml =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>a fault that was ordered</Message></Error>");
    let mut response = Response::new(Body::from(Bytes::from(xml)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/xml"));
    response
}
