//! The columns that every row from a delivery carries, and the partition.

use crate::{Column, ColumnType};

/// The partition column of every table: the UTC date of `occurred_at`.
pub const PARTITION: &str = "dt";
/// JSON text of what no column took, personal data removed.
pub const EXTRA: &str = "extra";
/// The id of the key that a row's hashes were made with.
pub const HASH_KEY_ID: &str = "hash_key_id";

const COLUMNS: [(&str, ColumnType, bool, &str); 13] = [
    ("event_id", ColumnType::String, true, "Identity of the event: 32 hex digits, the same however often and by whichever door it came."),
    ("row_index", ColumnType::Int, true, "Place in the array that was opened into rows; 0 where none was."),
    ("source", ColumnType::String, true, "Source of the delivery: shopify, zendesk, game."),
    ("account", ColumnType::String, false, "Shop domain, Zendesk account or game; lower case."),
    ("topic", ColumnType::String, false, "What the provider calls this kind of event."),
    (
        "occurred_at",
        ColumnType::Timestamp,
        true,
        "When it happened, UTC; when it was received, where the signed body says no (credible) time.",
    ),
    ("received_at", ColumnType::Timestamp, true, "When the receiver took it first, UTC."),
    (
        "time_suspect",
        ColumnType::Boolean,
        true,
        "Whether the event's own time was before 2000 or more than a day ahead, and so was not used.",
    ),
    ("delivery_id", ColumnType::String, false, "The provider's id of the delivery (unsigned for Shopify and Zendesk)."),
    ("provider_event_id", ColumnType::String, false, "The provider's id of the event."),
    ("api_version", ColumnType::String, false, "The provider's version of the payload."),
    ("payload_hash", ColumnType::String, true, "Hash of the canonical payload: 32 hex digits."),
    ("schema_version", ColumnType::Int, true, "Version of the table that the row was made for."),
];

/// The envelope's columns in front of a table's own.
pub fn columns() -> Vec<Column> {
    COLUMNS.iter().map(|(name, kind, required, doc)| column(name, *kind, *required, doc)).collect()
}

/// The names of the envelope's columns.
pub fn names() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|(name, ..)| *name)
}

pub(crate) fn hash_key_column() -> Column {
    column(HASH_KEY_ID, ColumnType::String, false, "Id of the secret key that this row's hashes were made with.")
}

pub(crate) fn extra_column() -> Column {
    column(EXTRA, ColumnType::String, false, "What no column took, as JSON text with personal data removed.")
}

pub(crate) fn partition_column() -> Column {
    column(PARTITION, ColumnType::Date, true, "Partition: UTC date of `occurred_at`. Filter on it.")
}

fn column(name: &str, kind: ColumnType, required: bool, doc: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind,
        from: Vec::new(),
        convert: None,
        with: None,
        only: std::collections::BTreeMap::new(),
        required,
        pii: None,
        person: None,
        doc: doc.to_owned(),
    }
}
