//! What can stop a compaction. Nothing here holds a payload.

/// An operation on the lake that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake's bucket could not be connected.
    #[error("connect to the bucket {bucket}")]
    Connect {
        /// The bucket.
        bucket: String,
        /// What the client says.
        #[source]
        source: object_store::Error,
    },
    /// An object could not be read, written or deleted.
    #[error("{tried}")]
    Object {
        /// What was tried.
        tried: String,
        /// What the store says.
        #[source]
        source: object_store::Error,
    },
    /// A table's log could not be read or written.
    #[error("{tried} of table {table}")]
    Delta {
        /// What was tried.
        tried: &'static str,
        /// The table.
        table: String,
        /// What the library says.
        #[source]
        source: Box<deltalake::DeltaTableError>,
    },
    /// A data file could not be read or written.
    #[error("{tried} of table {table}")]
    Parquet {
        /// What was tried.
        tried: &'static str,
        /// The table.
        table: String,
        /// What the library says.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Rows could not be decoded or ordered.
    #[error("{tried} of table {table}")]
    Arrow {
        /// What was tried.
        tried: &'static str,
        /// The table.
        table: String,
        /// What the library says.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// A large object is read from a file in the temporary folder, which failed.
    #[error("keep a landing object in the temporary folder")]
    TemporaryFile {
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Other writers were quicker, again and again.
    #[error("commit to table {table}: other writers were quicker {attempts} times in a row; run again")]
    Contention {
        /// The table.
        table: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A table is not as Athena needs it.
    #[error("create table {table}: {message}")]
    Protocol {
        /// The table.
        table: String,
        /// What is wrong.
        message: String,
    },
}

impl Error {
    pub(crate) fn object(tried: impl Into<String>) -> impl FnOnce(object_store::Error) -> Self {
        let tried = tried.into();
        move |source| Self::Object { tried, source }
    }

    pub(crate) fn delta(tried: &'static str, table: &str) -> impl Fn(deltalake::DeltaTableError) -> Self {
        let table = table.to_owned();
        move |source| Self::Delta { tried, table: table.clone(), source: Box::new(source) }
    }

    pub(crate) fn arrow(tried: &'static str, table: &str) -> impl Fn(arrow::error::ArrowError) -> Self {
        let table = table.to_owned();
        move |source| Self::Arrow { tried, table: table.clone(), source }
    }

    pub(crate) fn parquet(tried: &'static str, table: &str) -> impl Fn(parquet::errors::ParquetError) -> Self {
        let table = table.to_owned();
        move |source| Self::Parquet { tried, table: table.clone(), source }
    }
}
