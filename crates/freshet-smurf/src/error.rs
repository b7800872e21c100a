//! What can go wrong between matches and a queue.

/// Matches, ladders or models that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of a table cannot be read as rows.
    #[error("read matches")]
    UnreadableTable {
        /// Where and why.
        #[source]
        source: freshet_ml::error::Error,
    },
    /// A column that is needed is not there.
    #[error("read matches: there is no column {column}; there are: {known}")]
    MissingColumn {
        /// The column.
        column: String,
        /// Those that are there.
        known: String,
    },
    /// No row is whole.
    #[error("read matches: none of {rows} rows has two players, two scores and a time")]
    NoMatches {
        /// Rows that were read.
        rows: usize,
    },
    /// There is nothing to rate.
    #[error("rate matches: there is none")]
    NoGames,
    /// Too few strong players to make smurfs of.
    #[error("inject smurfs: {strong} players are strong and busy enough, {needed} are needed")]
    TooFewStrong {
        /// How many there are.
        strong: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A ladder of one rank.
    #[error("train a ladder: {ranks} ranks, at least two with {needed} accounts on each side are needed")]
    TooFewRanks {
        /// How many there are.
        ranks: usize,
        /// Accounts on each side of a step.
        needed: usize,
    },
    /// The text is no ladder file.
    #[error("read a ladder file")]
    UnreadableLadder {
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The ladder file's format or version is not the one that this code writes.
    #[error("read ladder {name}: it is {format} of version {version}, this code reads {expected} of version {known}")]
    LadderVersion {
        /// The ladder.
        name: String,
        /// What it says it is.
        format: String,
        /// Its version.
        version: u32,
        /// What was expected.
        expected: &'static str,
        /// The version that is known.
        known: u32,
    },
    /// The input does not have what the ladder was trained on.
    #[error("place accounts on ladder {name}: {problem}")]
    UnfitInput {
        /// The ladder.
        name: String,
        /// What does not fit.
        problem: String,
    },
    /// Training or scoring failed.
    #[error("use a model of accounts")]
    Model {
        /// What failed.
        #[from]
        source: freshet_ml::error::Error,
    },
}
