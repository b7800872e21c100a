//! What can be wrong with a contract.

/// A contract that cannot be used, with the place that is at fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not TOML, or holds a key or a value that the contract does not know.
    #[error("parse schemas/{file}:{line}: {message}")]
    Parse {
        /// The file, from `schemas/` on.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A file is well formed but contradicts itself or another file.
    #[error("check schemas/{file}: {message}")]
    Contradiction {
        /// The file, from `schemas/` on.
        file: String,
        /// What contradicts what.
        message: String,
    },
    /// A released column was renamed, retyped, moved or removed.
    #[error("compare table {table} with schemas/released.json: {message}")]
    Released {
        /// The table.
        table: String,
        /// What changed that may not change.
        message: String,
    },
}
