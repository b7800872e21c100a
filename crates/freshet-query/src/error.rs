//! What can go wrong between a query's name and its answer.

/// A query that cannot be used, bound or answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of `queries/` has a header or a statement that the catalogue does not take.
    #[error("parse queries/{file}:{line}: {message}")]
    Parse {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// No query or view of the catalogue has that name.
    #[error("find query `{name}`: the catalogue has {known}")]
    UnknownQuery {
        /// The name that was asked for.
        name: String,
        /// The names that are there.
        known: String,
    },
    /// A value was given for a parameter that the query does not have.
    #[error("bind query `{query}`: it has no parameter `{parameter}`, but {known}")]
    UnknownParameter {
        /// The query.
        query: String,
        /// The name that was given.
        parameter: String,
        /// The names that it has.
        known: String,
    },
    /// A value is not of its parameter's type.
    #[error("bind parameter `{parameter}` of query `{query}`: {message}")]
    Value {
        /// The query.
        query: String,
        /// The parameter.
        parameter: String,
        /// What a value of that type looks like.
        message: String,
    },
    /// A call to Athena got no answer, or an error that says nothing about the statement.
    #[error("call athena {operation}: {message}")]
    Call {
        /// The operation.
        operation: &'static str,
        /// The error's code and message, as far as there is one.
        message: String,
        /// What the SDK says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Athena refused the statement, or it failed while it ran.
    #[error("run statement: {message}")]
    Refused {
        /// The execution, where one was started.
        execution: Option<String>,
        /// Athena's message.
        message: String,
    },
    /// The workgroup stopped it, for it read more than one query there may.
    #[error(
        "run statement: it read more than {} that one query of the workgroup `{workgroup}` may read (`Bytes scanned limit was exceeded`); {}",
        bytes.map_or_else(|| "the bytes".to_owned(), |bytes| format!("the {bytes} bytes")),
        crate::limit::ADVICE
    )]
    Cutoff {
        /// The execution, where one was started.
        execution: Option<String>,
        /// The workgroup.
        workgroup: String,
        /// How many bytes that is, where the caller may know.
        bytes: Option<u64>,
    },
    /// Athena foretells that it would read more than the caller's limit; it was not run.
    #[error(
        "run statement: athena foretells that it reads {foretold} bytes of values, more than the limit of {limit}; {}",
        crate::limit::ADVICE
    )]
    Foretold {
        /// What it would read.
        foretold: u64,
        /// The limit.
        limit: u64,
    },
    /// It had read more than the caller's limit, and was told to stop.
    #[error("run statement: it had read {read} bytes, more than the limit of {limit}, and was stopped; {}", crate::limit::ADVICE)]
    OverLimit {
        /// The execution.
        execution: Option<String>,
        /// What it had read.
        read: u64,
        /// The limit.
        limit: u64,
    },
    /// Somebody else stopped the execution.
    #[error("run statement: execution {execution} was stopped: {message}")]
    Stopped {
        /// The execution.
        execution: String,
        /// Athena's message.
        message: String,
    },
    /// The execution was not done in time; it was told to stop.
    #[error("run statement: not done after {seconds} s")]
    TimedOut {
        /// The execution, where its start was answered.
        execution: Option<String>,
        /// The time that it had.
        seconds: u64,
    },
    /// The caller cancelled; the execution was told to stop.
    #[error("run statement: cancelled")]
    Cancelled {
        /// The execution, where its start was answered.
        execution: Option<String>,
    },
    /// An answer lacks what Athena's model promises.
    #[error("read the answer of athena {operation}: {message}")]
    Malformed {
        /// The operation.
        operation: &'static str,
        /// What is missing.
        message: String,
    },
    /// A value is not what its column says: the column and the row, but not the value, which may be personal.
    #[error("read the answer: column `{column}` of row {row} is no {kind}")]
    Unreadable {
        /// The column.
        column: String,
        /// Its type.
        kind: String,
        /// The row, from 1.
        row: u64,
    },
    /// Arrow refused what was made of an answer.
    #[error("read the answer as columns")]
    Columns {
        /// What Arrow says.
        #[from]
        source: arrow::error::ArrowError,
    },
    /// A statement cannot be unloaded, or has nowhere to be unloaded to.
    #[error("unload the answer: {message}")]
    Unload {
        /// Why not, and what to do.
        message: String,
    },
    /// A call to S3 got no answer, or an error.
    #[error("call s3 {operation} of s3://{bucket}/{key}: {message}")]
    Object {
        /// The operation.
        operation: &'static str,
        /// The bucket.
        bucket: String,
        /// The key, or the beginning of several.
        key: String,
        /// The error's code and message, as far as there is one.
        message: String,
    },
    /// A file that an UNLOAD wrote cannot be read.
    #[error("read the unloaded file {file}")]
    File {
        /// The file.
        file: String,
        /// What Parquet says.
        source: parquet::errors::ParquetError,
    },
}
