//! The Runtime API: what a function's process asks for its events, and where it puts its answers.
//!
//! Paths, headers, statuses and error documents are those of docs.aws.amazon.com/lambda, "Using the Lambda runtime API for
//! custom runtimes".

use std::sync::Mutex as Lock;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::failure::Failure;
use super::{RESPONSE_LIMIT, lock};

/// The paths' beginning.
const VERSION: &str = "/2018-06-01/runtime/";

/// How far an instance has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not asked for an event yet.
    Starting,
    /// It has.
    Ready,
    /// It said that it cannot.
    Failed(Failure),
}

/// An invocation, on its way to the process.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) request_id: String,
    /// When it has to be done, in milliseconds of the epoch.
    pub(super) deadline: u128,
    pub(super) event: Bytes,
}

/// Who waits for an answer, and for which.
type Waiting = (String, oneshot::Sender<Result<Bytes, Failure>>);

/// Between who invokes and the process.
#[derive(Debug)]
pub(super) struct Desk {
    arn: String,
    phase: watch::Sender<Phase>,
    inbox: mpsc::Sender<Work>,
    outbox: Mutex<mpsc::Receiver<Work>>,
    waiting: Lock<Option<Waiting>>,
}

impl Desk {
    pub(super) fn new(arn: String) -> Self {
        let (inbox, outbox) = mpsc::channel(1);
        Self { arn, phase: watch::Sender::new(Phase::Starting), inbox, outbox: Mutex::new(outbox), waiting: Lock::default() }
    }

    /// How far the instance has come.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Lays down an event, and gives what becomes of it.
    pub(super) fn put(&self, work: Work) -> impl Future<Output = Option<Result<Bytes, Failure>>> + use<> {
        let (sender, receiver) = oneshot::channel();
        *lock(&self.waiting) = Some((work.request_id.clone(), sender));
        let inbox = self.inbox.clone();
        async move {
            inbox.send(work).await.ok()?;
            receiver.await.ok()
        }
    }

    /// Takes who waits for this invocation.
    fn take(&self, request_id: &str) -> Option<oneshot::Sender<Result<Bytes, Failure>>> {
        let mut waiting = lock(&self.waiting);
        let is_it = waiting.as_ref().is_some_and(|(waits_for, _)| waits_for == request_id);
        if is_it { waiting.take().map(|(_, sender)| sender) } else { None }
    }
}

/// Answers the process. Nothing where there will be no more events.
pub(super) async fn answer(request: Request<Incoming>, desk: &Desk) -> Option<Response<Full<Bytes>>> {
    let path = request.uri().path().strip_prefix(VERSION).unwrap_or_default().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    match (request.method(), &parts[..]) {
        (&Method::GET, ["invocation", "next"]) => next(desk).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            let Some(body) = crate::listener::read_body(request.into_body(), RESPONSE_LIMIT).await else {
                conclude(desk, id, Err(Failure::response_too_large()));
                let message = format!("Exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes).");
                return Some(refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message));
            };
            Some(conclude(desk, id, Ok(body)))
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            let said = crate::listener::read_body(request.into_body(), RESPONSE_LIMIT).await.unwrap_or_default();
            Some(conclude(desk, id, Err(Failure::said(&said))))
        }
        (&Method::POST, ["init", "error"]) => {
            let said = crate::listener::read_body(request.into_body(), RESPONSE_LIMIT).await.unwrap_or_default();
            desk.phase.send_replace(Phase::Failed(Failure::said(&said)));
            Some(accepted())
        }
        _ => Some(refuse(StatusCode::NOT_FOUND, "NotFound", "no such path of the Runtime API")),
    }
}

/// The next event; asked for early, it is waited for.
async fn next(desk: &Desk) -> Option<Response<Full<Bytes>>> {
    desk.phase.send_replace(Phase::Ready);
    let work = desk.outbox.lock().await.recv().await?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let random = uuid::Uuid::new_v4().simple().to_string();
    let trace = format!("Root=1-{now:08x}-{};Parent={};Sampled=0", &random[..24], &random[16..]);
    let response = Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", work.request_id)
        .header("Lambda-Runtime-Deadline-Ms", work.deadline.to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", &desk.arn)
        .header("Lambda-Runtime-Trace-Id", trace)
        .body(Full::new(work.event));
    response.ok()
}

fn conclude(desk: &Desk, request_id: &str, answer: Result<Bytes, Failure>) -> Response<Full<Bytes>> {
    match desk.take(request_id) {
        Some(sender) => {
            // Who waited may have gone.
            let _ = sender.send(answer);
            accepted()
        }
        None => refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
    }
}

fn accepted() -> Response<Full<Bytes>> {
    reply(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    reply(status, &json!({ "errorMessage": message, "errorType": error_type }))
}

fn reply(status: StatusCode, document: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(document.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
