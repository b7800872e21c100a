//! The Delta schema of a table, as the protocol's JSON (delta.io, PROTOCOL.md, "Schema Serialization Format").

use serde_json::{Value, json};

use crate::{Column, ColumnType, Table};

/// The `schemaString` of a table's metadata, as JSON.
pub fn schema(table: &Table) -> Value {
    json!({ "type": "struct", "fields": table.columns.iter().map(field).collect::<Vec<_>>() })
}

fn field(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": kind(column.kind),
        "nullable": true,
        "metadata": { "comment": column.doc },
    })
}

fn kind(kind: ColumnType) -> Value {
    match kind {
        ColumnType::String => json!("string"),
        ColumnType::Boolean => json!("boolean"),
        ColumnType::Int => json!("integer"),
        ColumnType::BigInt => json!("long"),
        ColumnType::Double => json!("double"),
        ColumnType::Decimal => json!("decimal(18,4)"),
        ColumnType::Timestamp => json!("timestamp_ntz"),
        ColumnType::Date => json!("date"),
        ColumnType::StringArray => json!({ "type": "array", "elementType": "string", "containsNull": true }),
    }
}
