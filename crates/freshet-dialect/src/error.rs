//! What can go wrong with a query, in Athena's words.

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no query.
    #[error("SYNTAX_ERROR: {message}")]
    Syntax {
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
