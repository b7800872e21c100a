//! What can go wrong between transactions and scores.

use chrono::NaiveDate;

/// Transactions or models that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of a table cannot be read as rows.
    #[error("read transactions")]
    UnreadableTable {
        /// Where and why.
        #[source]
        source: freshet_ml::error::Error,
    },
    /// A column that is needed is not there.
    #[error("read transactions: there is no column {column}; there are: {known}")]
    MissingColumn {
        /// The column, by name or number.
        column: String,
        /// Those that are there.
        known: String,
    },
    /// The lake's query does not have a column that is needed.
    #[error("read features: there is no column {column}")]
    MissingFeature {
        /// The column.
        column: String,
    },
    /// A row of the lake's query does not say what its column promises.
    #[error("read features: column {column} of row {row} is no number")]
    UnreadableFeature {
        /// The column.
        column: String,
        /// The row, from 1.
        row: usize,
    },
    /// No known way of writing dates fits the column.
    #[error("read transactions: fewer than half of the rows have a date in column {column}, as of line {line}")]
    NoDates {
        /// The column.
        column: String,
        /// The first line without one.
        line: u64,
    },
    /// No row is whole.
    #[error("read transactions: none of {rows} rows has a customer, a date and an amount")]
    NoTransactions {
        /// Rows that were read.
        rows: usize,
    },
    /// Nobody had bought before the cut-off.
    #[error("look at customers before {cut_off}: nobody has bought")]
    NoCustomers {
        /// The cut-off.
        cut_off: NaiveDate,
    },
    /// The labels of a snapshot are not known yet.
    #[error("train: labels of the snapshot of {cut_off} are known on {matures}, the transactions end on {end}")]
    UnripeSnapshot {
        /// The cut-off.
        cut_off: NaiveDate,
        /// When the labels are known.
        matures: NaiveDate,
        /// The last day of the transactions.
        end: NaiveDate,
    },
    /// The optimiser found no parameters.
    #[error("fit a BG/NBD model: {problem}")]
    Bgnbd {
        /// What it says.
        problem: String,
    },
    /// Training or scoring failed.
    #[error("use a model of leads")]
    Model {
        /// What failed.
        #[from]
        source: freshet_ml::error::Error,
    },
}
