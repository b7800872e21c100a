//! An answer that refuses, as AWS's JSON 1.1 protocol prints it.

/// A refusal of a JSON 1.1 service: status, error code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// HTTP status.
    pub status: u16,
    /// The error code (`__type`).
    pub code: String,
    /// What was refused and why.
    pub message: String,
}
