//! A view as Glue holds it: `/* Presto View: <base64 of JSON> */` in `ViewOriginalText`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

use super::catalogue::{Column, Storage, Table};
use super::failure::Failure;
use super::hive_type::trino_type;
use super::session::CATALOG;

/// A view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// Its query.
    pub(crate) sql: String,
    /// The database that names without one mean.
    pub(crate) schema: Option<String>,
    /// The names of its columns.
    pub(crate) columns: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    original_sql: String,
    #[serde(default)]
    catalog: Option<String>,
    #[serde(default)]
    schema: Option<String>,
    #[serde(default)]
    columns: Vec<StoredColumn>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredColumn {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

impl View {
    /// The view of a catalogue's entry.
    pub(crate) fn of(table: &Table) -> Result<Self, Failure> {
        let text = table.view_original_text.as_deref().unwrap_or_default();
        let broken = || Failure::user(format!("HIVE_INVALID_VIEW_DATA: Invalid view data of {}.{}", table.database_name, table.name));
        let encoded = text.trim().strip_prefix("/* Presto View:").and_then(|text| text.strip_suffix("*/")).ok_or_else(broken)?;
        let stored: Stored = STANDARD.decode(encoded.trim()).ok().and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(broken)?;
        Ok(Self {
            sql: stored.original_sql,
            schema: stored.schema,
            columns: stored.columns.into_iter().map(|column| column.name).collect(),
        })
    }
}

/// A catalogue's entry for a view.
pub(crate) fn entry(database: &str, name: &str, sql: &str, schema: &str, columns: Vec<Column>) -> Table {
    let stored = Stored {
        original_sql: sql.to_owned(),
        catalog: Some(CATALOG.to_owned()),
        schema: Some(schema.to_owned()),
        columns: columns.iter().map(|column| StoredColumn { name: column.name.clone(), kind: trino_type(&column.kind) }).collect(),
    };
    let encoded = STANDARD.encode(json!(stored).to_string());
    Table {
        name: name.to_owned(),
        database_name: database.to_owned(),
        storage_descriptor: Storage { columns, location: Some(String::new()), ..Storage::default() },
        view_original_text: Some(format!("/* Presto View: {encoded} */")),
        view_expanded_text: Some("/* Presto View */".to_owned()),
        table_type: Some("VIRTUAL_VIEW".to_owned()),
        parameters: BTreeMap::from([("presto_view".to_owned(), "true".to_owned()), ("comment".to_owned(), "Presto View".to_owned())]),
        ..Table::default()
    }
}
