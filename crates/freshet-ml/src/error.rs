//! What can go wrong between a frame and its scores.

use chrono::NaiveDate;

/// A frame, a model file or a training that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of a table cannot be read as rows.
    #[error("read a table's text at line {line}")]
    UnreadableTable {
        /// The line, from 1.
        line: u64,
        /// What the parser says.
        #[source]
        source: csv::Error,
    },
    /// The bytes are no text.
    #[error("read a table's text: this is {kind}, not text in UTF-8")]
    NotText {
        /// What they are.
        kind: &'static str,
    },
    /// A row has more or fewer cells than the header.
    #[error("read a table's text at line {line}: {cells} cells where the header has {expected}")]
    UnevenRow {
        /// The line, from 1.
        line: u64,
        /// Its cells.
        cells: usize,
        /// The header's.
        expected: usize,
    },
    /// A table could not be written as text.
    #[error("write a table's text: {message}")]
    UnwrittenTable {
        /// What the writer says.
        message: String,
    },
    /// A column that is needed is not there.
    #[error("read a table: it has no column {column}; there are: {known}")]
    MissingColumn {
        /// The column.
        column: String,
        /// Those that are there.
        known: String,
    },
    /// A cell does not say what its column promises.
    #[error("read column {column} at line {line}: {expected} was expected")]
    UnreadableCell {
        /// The column.
        column: String,
        /// The line, from 1.
        line: u64,
        /// What the cell should hold.
        expected: &'static str,
    },
    /// Columns of one frame differ in length.
    #[error("make a frame: column {column} has {rows} rows where {expected} were expected")]
    UnevenColumns {
        /// The column.
        column: String,
        /// Its rows.
        rows: usize,
        /// The rows of the first column.
        expected: usize,
    },
    /// A frame has two columns of one name.
    #[error("make a frame: column {column} is there twice")]
    DoubleColumn {
        /// The column.
        column: String,
    },
    /// There are too few rows of one kind to learn from.
    #[error("train on {positives} positive and {negatives} negative rows: {needed} of each are needed")]
    TooFewLabels {
        /// Rows with the label.
        positives: usize,
        /// Rows without.
        negatives: usize,
        /// What is needed of each.
        needed: usize,
    },
    /// A part of the split is empty.
    #[error("train: the {part} part has no rows")]
    EmptyPart {
        /// The part.
        part: &'static str,
    },
    /// No feature is left to learn from.
    #[error("train: no feature has more than one value")]
    NoFeatures,
    /// A label window reaches into the snapshot that judges it.
    #[error("split by time: labels of {earlier} are known on {matures}, after the snapshot of {later}")]
    OverlappingWindows {
        /// The earlier cut-off.
        earlier: NaiveDate,
        /// When its labels are known.
        matures: NaiveDate,
        /// The later cut-off.
        later: NaiveDate,
    },
    /// A horizon has no days.
    #[error("make a snapshot: a horizon of {days} days")]
    EmptyHorizon {
        /// The days.
        days: u32,
    },
    /// The solver found no answer.
    #[error("fit a logistic regression")]
    Fit {
        /// What the solver says.
        #[source]
        source: linfa_logistic::error::Error,
    },
    /// The text is no model file.
    #[error("read a model file")]
    UnreadableModel {
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The file is of another format.
    #[error("read a model file: its format is {format}, not {expected}")]
    ForeignModel {
        /// What the file says it is.
        format: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The file's version is not the one that this code writes.
    #[error("read model {name}: it is of version {version}, this code reads version {known}")]
    ModelVersion {
        /// The model.
        name: String,
        /// The file's version.
        version: u32,
        /// The version that is known.
        known: u32,
    },
    /// The file contradicts itself.
    #[error("read model {name}: {problem}")]
    BrokenModel {
        /// The model.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The input does not have what the model was trained on.
    #[error("score with model {model}: the input lacks feature {feature}")]
    MissingFeature {
        /// The model.
        model: String,
        /// The feature.
        feature: String,
    },
    /// The input has a feature that the model does not know.
    #[error("score with model {model}: the input has feature {feature}, which the model does not know")]
    UnknownFeature {
        /// The model.
        model: String,
        /// The feature.
        feature: String,
    },
    /// The feature is of another kind than in training.
    #[error("score with model {model}: feature {feature} is not {expected}")]
    FeatureKind {
        /// The model.
        model: String,
        /// The feature.
        feature: String,
        /// What it was in training.
        expected: &'static str,
    },
    /// The model is for something else.
    #[error("use model {model}: it is of kind {kind}, not {expected}")]
    ModelKind {
        /// The model.
        model: String,
        /// Its kind.
        kind: String,
        /// The kind that was expected.
        expected: &'static str,
    },
}
