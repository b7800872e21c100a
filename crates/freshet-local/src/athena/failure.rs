//! Why a statement failed, as `GetQueryExecution` tells it, or an operation, as AWS's JSON has it.

use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cursor::Misread;
use crate::error::Error;
use crate::service_error::ServiceError;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    /// The statement's.
    User,
    /// What it names is not there.
    Missing,
    /// What it makes is there.
    Exists,
    /// Ours.
    System,
}

/// Why a statement has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Whose fault.
    pub(crate) fault: Fault,
    /// What Athena would say.
    pub(crate) message: String,
}

impl Failure {
    /// The statement's fault.
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self { fault: Fault::User, message: message.into() }
    }

    /// Something is not there.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self { fault: Fault::Missing, message: message.into() }
    }

    /// Something is there already.
    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self { fault: Fault::Exists, message: message.into() }
    }

    /// Our fault.
    pub(crate) fn system(message: impl Into<String>) -> Self {
        Self { fault: Fault::System, message: message.into() }
    }

    /// What Athena knows and this endpoint does not.
    pub(crate) fn not_supported(what: &str) -> Self {
        Self::user(format!("NOT_SUPPORTED: {what}"))
    }

    /// `Status.AthenaError`: category 1 is the system's, 2 the user's.
    pub(crate) fn athena_error(&self) -> Value {
        let (category, kind) = match self.fault {
            Fault::User => (2, 1006),
            Fault::Missing | Fault::Exists => (2, 1301),
            Fault::System => (1, 401),
        };
        json!({ "ErrorCategory": category, "ErrorType": kind, "Retryable": false, "ErrorMessage": self.message })
    }

    /// As Glue refuses.
    pub(crate) fn glue(self) -> ServiceError {
        match self.fault {
            Fault::User => ServiceError::client("InvalidInputException", self.message),
            Fault::Missing => ServiceError::client("EntityNotFoundException", self.message),
            Fault::Exists => ServiceError::client("AlreadyExistsException", self.message),
            Fault::System => ServiceError::server("InternalServiceException", self.message),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::system(error.to_string())
    }
}

impl From<Misread> for Failure {
    fn from(misread: Misread) -> Self {
        Self::user(format!("SYNTAX_ERROR: {}", misread.message))
    }
}

impl From<freshet_dialect::Error> for Failure {
    fn from(error: freshet_dialect::Error) -> Self {
        Self::user(error.to_string())
    }
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        match &error {
            object_store::Error::NotFound { path, .. } => Self::user(format!("HIVE_CANNOT_OPEN_SPLIT: no object or bucket at {path}")),
            _ => Self::system(format!("GENERIC_INTERNAL_ERROR: {error}")),
        }
    }
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        if let DataFusionError::External(inner) = error.find_root()
            && let Some(failure) = inner.downcast_ref::<Self>()
        {
            return failure.clone();
        }
        freshet_dialect::explain(&error).into()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
