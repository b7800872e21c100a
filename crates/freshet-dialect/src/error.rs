//! What can go wrong with a query, in Athena's words.

use datafusion::common::DataFusionError;

/// Why a query has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The text is no query.
    #[error("SYNTAX_ERROR: {message}")]
    Syntax {
        /// What is at fault, with `line L:C:` in front where the place is known.
        message: String,
    },
    /// The query's names, types or shape are refused; the code is Trino's name of the error.
    #[error("{code}: {message}")]
    Refused {
        /// Trino's error name: `TYPE_MISMATCH`, `FUNCTION_NOT_FOUND`, `COLUMN_NOT_FOUND`.
        code: &'static str,
        /// What is at fault, with `line L:C:` in front where the place is known.
        message: String,
    },
    /// Athena knows it and this engine does not.
    #[error("NOT_SUPPORTED: {message}")]
    NotSupported {
        /// What is missing, by its name.
        message: String,
    },
    /// The query began and failed: division by zero, a bad cast.
    #[error("{message}")]
    Execution {
        /// Trino's error name and what happened.
        message: String,
    },
}

/// A run-time failure with Trino's error name.
pub(crate) fn fault(code: &str, message: impl std::fmt::Display) -> Error {
    Error::Execution { message: format!("{code}: {message}") }
}

/// A refusal of the analysis with Trino's error name.
pub(crate) fn refuse(code: &'static str, message: impl Into<String>) -> Error {
    Error::Refused { code, message: message.into() }
}

/// Something of Trino's that this engine does not do.
pub(crate) fn missing(message: impl Into<String>) -> Error {
    Error::NotSupported { message: message.into() }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        explain(&error)
    }
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        explain(&DataFusionError::ArrowError(Box::new(error), None))
    }
}

/// A failure of the engine in Athena's words: `DIVISION_BY_ZERO: Division by zero`.
pub fn explain(error: &DataFusionError) -> Error {
    if let Some(known) = find(error) {
        return known;
    }
    let text = error.strip_backtrace();
    let text = text.lines().next().unwrap_or_default().to_owned();
    if text.contains("Divide by zero") || text.contains("divide by zero") {
        return fault("DIVISION_BY_ZERO", "Division by zero");
    }
    if text.contains("Overflow happened") || text.contains("Arithmetic overflow") || text.contains("overflow") {
        return fault("NUMERIC_VALUE_OUT_OF_RANGE", text);
    }
    if text.contains("more than one row") || text.contains("more than 1 row") {
        return fault("SUBQUERY_MULTIPLE_ROWS", "Scalar sub-query has returned multiple rows");
    }
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => fault("EXCEEDED_LOCAL_MEMORY_LIMIT", "Query exceeded the memory limit"),
        DataFusionError::NotImplemented(what) | DataFusionError::Plan(what) => missing(what.clone()),
        _ => fault("GENERIC_INTERNAL_ERROR", text),
    }
}

/// Our own error inside the engine's wrappings.
fn find(error: &DataFusionError) -> Option<Error> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(at) = source {
        if let Some(own) = at.downcast_ref::<Error>() {
            return Some(own.clone());
        }
        if let Some(DataFusionError::External(inner)) = at.downcast_ref::<DataFusionError>() {
            if let Some(own) = inner.downcast_ref::<Error>() {
                return Some(own.clone());
            }
            if let Some(inner) = inner.downcast_ref::<DataFusionError>() {
                return find(inner);
            }
        }
        source = at.source();
    }
    None
}
