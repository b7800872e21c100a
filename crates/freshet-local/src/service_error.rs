//! An answer that refuses, as AWS's JSON 1.1 protocol prints it.

/// A refusal of a JSON 1.1 service: status, error code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceError {
    /// HTTP status.
    pub status: u16,
    /// The error code (`__type`).
    pub code: String,
    /// What was refused and why.
    pub message: String,
}

impl ServiceError {
    /// The client's fault.
    pub(crate) fn client(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    /// The service's fault.
    pub(crate) fn server(code: &str, message: impl Into<String>) -> Self {
        Self { status: 500, code: code.to_owned(), message: message.into() }
    }
}
