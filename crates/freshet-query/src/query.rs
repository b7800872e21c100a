//! A named query: what its header says, and its statement.

use serde::Serialize;

/// A query or view of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Query {
    /// The name, which is the file's; a view's name in the database.
    pub name: String,
    /// A query to run or a view to create.
    pub kind: Kind,
    /// One sentence: the question that it answers.
    pub summary: String,
    /// What it takes, in the header's order.
    pub parameters: Vec<Parameter>,
    /// What it gives, in the statement's order.
    pub columns: Vec<OutputColumn>,
    /// The statement, with parameters as `:name`, without a semicolon at its end.
    pub sql: String,
}

impl Query {
    /// A parameter by its name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// Whether a file is a query or a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Takes parameters and is run.
    Query,
    /// Takes none and is created in the database, for other queries to read.
    View,
}

impl Kind {
    /// The word in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::View => "view",
        }
    }
}

/// A parameter of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// The name, as in `:name`.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    /// A value that works, taken where none is given.
    pub example: String,
    /// What it means.
    pub doc: String,
}

/// The types that a parameter may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    /// A calendar day.
    Date,
    /// A time in UTC, to the millisecond.
    Timestamp,
    /// Text.
    String,
    /// A whole number of 64 bits.
    Integer,
    /// An exact number of up to 38 digits.
    Decimal,
}

impl ParameterKind {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::Date, Self::Timestamp, Self::String, Self::Integer, Self::Decimal];

    /// The word in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
        }
    }
}

/// A column that a query gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputColumn {
    /// The name.
    pub name: String,
    /// The type, as Athena names it.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means.
    pub doc: String,
}
