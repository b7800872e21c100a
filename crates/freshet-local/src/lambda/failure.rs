//! How an invocation fails: Lambda's error documents, and what it refuses before a function sees it.
//!
//! Types and messages are those of Lambda's page on Invoke and of what it writes into a function's log.

use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{EVENT_LIMIT, RESPONSE_LIMIT};

/// An invocation that failed. Shown as Lambda's error document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its type, such as `Runtime.ExitError`.
    pub error_type: String,
    /// What happened.
    pub error_message: String,
    /// The HTTP status with which Invoke refuses; 200 where the function ran and failed.
    #[serde(skip)]
    pub status: u16,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let document = serde_json::to_string(self).map_err(|_| std::fmt::Error)?;
        formatter.write_str(&document)
    }
}

impl std::error::Error for Failure {}

/// The document that a function sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error_message: String,
}

impl Failure {
    fn of(status: u16, error_type: &str, error_message: String) -> Self {
        Self { error_type: error_type.to_owned(), error_message, status }
    }

    /// What a function said of its own failure.
    pub(super) fn said(document: &Bytes) -> Self {
        let Ok(Document { error_type, error_message }) = serde_json::from_slice(document) else {
            return Self::of(200, "Runtime.UnknownReason", "the function's error is no error document".to_owned());
        };
        Self { error_type, error_message, status: 200 }
    }

    pub(super) fn event_too_large(bytes: usize) -> Self {
        let message = format!("{bytes} byte payload is too large for the RequestResponse invocation type (limit {EVENT_LIMIT} bytes)");
        Self::of(413, "RequestEntityTooLargeException", message)
    }

    pub(super) fn event_is_not_json() -> Self {
        Self::of(400, "InvalidRequestContentException", "Could not parse request body into json".to_owned())
    }

    pub(super) fn response_too_large() -> Self {
        let message = format!("Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes).");
        Self::of(200, "Function.ResponseSizeTooLarge", message)
    }

    pub(super) fn throttled() -> Self {
        Self::of(429, "TooManyRequestsException", "Rate Exceeded.".to_owned())
    }

    /// Not Lambda's: the function is being stopped.
    pub(super) fn stopped() -> Self {
        Self::of(503, "ServiceException", "The function is stopped.".to_owned())
    }

    pub(super) fn not_started(error: &std::io::Error) -> Self {
        Self::of(200, "Runtime.InvalidEntrypoint", format!("Error: {error}"))
    }

    pub(super) fn timed_out(request_id: &str, after: Duration) -> Self {
        let message = format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", after.as_secs_f64());
        Self::of(200, "Sandbox.Timedout", message)
    }

    pub(super) fn out_of_memory(request_id: &str) -> Self {
        let message = format!("RequestId: {request_id} Error: Runtime exited with error: signal: killed");
        Self::of(200, "Runtime.OutOfMemory", message)
    }

    pub(super) fn exited(request_id: &str, status: Option<ExitStatus>) -> Self {
        let reason = match status {
            Some(status) if status.success() => "Runtime exited without providing a reason".to_owned(),
            Some(status) => format!("Runtime exited with error: {}", reason(status)),
            None => "Runtime exited".to_owned(),
        };
        Self::of(200, "Runtime.ExitError", format!("RequestId: {request_id} Error: {reason}"))
    }
}

fn reason(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            6 => "aborted".to_owned(),
            9 => "killed".to_owned(),
            11 => "segmentation fault".to_owned(),
            15 => "terminated".to_owned(),
            other => other.to_string(),
        };
        return format!("signal: {name}");
    }
    status.code().map_or_else(|| "it was ended".to_owned(), |code| format!("exit status {code}"))
}
