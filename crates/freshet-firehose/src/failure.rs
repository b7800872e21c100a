//! What a failed call means: try again, or do not bother.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// A call that did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Throttled, timed out, broken connection, a fault of the service: the same call may work in a moment.
    Passing(String),
    /// Refused for what it is: the same call will be refused again.
    Lasting(String),
}

impl Failure {
    /// Why, without any payload: an error code or the kind of failure.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Passing(reason) | Self::Lasting(reason) => reason,
        }
    }
}

/// Error codes that pass although their status is a 4xx.
const PASSING_CODES: [&str; 10] = [
    "LimitExceededException",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// What an answer with this status and error code means.
fn judge(status: u16, code: Option<&str>) -> Failure {
    let reason = code.map_or_else(|| format!("status {status}"), ToOwned::to_owned);
    if status >= 500 || status == 429 || status == 408 || code.is_some_and(|code| PASSING_CODES.contains(&code)) {
        Failure::Passing(reason)
    } else {
        Failure::Lasting(reason)
    }
}

impl<E: ProvideErrorMetadata> From<SdkError<E>> for Failure {
    fn from(error: SdkError<E>) -> Self {
        match &error {
            SdkError::ServiceError(answer) => judge(answer.raw().status().as_u16(), answer.err().code()),
            SdkError::TimeoutError(_) => Self::Passing("timed out".to_owned()),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::Passing("timed out".to_owned()),
            SdkError::DispatchFailure(failure) if failure.is_io() => Self::Passing("connection failed".to_owned()),
            SdkError::DispatchFailure(_) => Self::Passing("request not sent".to_owned()),
            SdkError::ResponseError(answer) => Self::Passing(format!("unreadable answer of status {}", answer.raw().status().as_u16())),
            SdkError::ConstructionFailure(_) => Self::Lasting("request not built".to_owned()),
            _ => Self::Passing("unknown failure".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_and_faults_pass_and_refusals_last() {
        for (status, code) in [
            (500, Some("InternalFailure")),
            (503, Some("ServiceUnavailableException")),
            (400, Some("ServiceUnavailableException")),
            (400, Some("ThrottlingException")),
            (429, None),
            (502, None),
        ] {
            assert!(matches!(judge(status, code), Failure::Passing(_)), "{status} {code:?}");
        }
        for (status, code) in [
            (400, Some("InvalidArgumentException")),
            (400, Some("ResourceNotFoundException")),
            (400, Some("AccessDeniedException")),
            (400, Some("ValidationException")),
            (403, Some("AccessDenied")),
            (404, Some("NoSuchBucket")),
            (413, None),
        ] {
            assert!(matches!(judge(status, code), Failure::Lasting(_)), "{status} {code:?}");
        }
    }
}
