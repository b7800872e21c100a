//! `information_schema`: tables, columns, views and schemata of the catalogue, as queries see them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;

use super::catalogue::{Column, Table};
use super::delta::Snapshot;
use super::failure::Failure;
use super::hive_type::trino_type;
use super::session::{CATALOG, Engine};
use super::view::View;

/// Its name.
pub(crate) const NAME: &str = "information_schema";

/// One of its tables.
pub(crate) async fn table(engine: &Engine, name: &str) -> Result<Option<Arc<dyn TableProvider>>, Failure> {
    let columns: &[&str] = match name.to_lowercase().as_str() {
        "schemata" => &["catalog_name", "schema_name"],
        "tables" => &["table_catalog", "table_schema", "table_name", "table_type"],
        "views" => &["table_catalog", "table_schema", "table_name", "view_definition"],
        "columns" => return all_columns(engine).await.map(Some),
        _ => return Ok(None),
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for database in engine.catalogue.databases() {
        if name.eq_ignore_ascii_case("schemata") {
            rows.push(vec![CATALOG.to_owned(), database.name]);
            continue;
        }
        for table in engine.catalogue.tables(&database.name) {
            let last = match (name.eq_ignore_ascii_case("views"), table.is_view()) {
                (true, false) => continue,
                (true, true) => View::of(&table).map(|view| view.sql).unwrap_or_default(),
                (false, true) => "VIEW".to_owned(),
                (false, false) => "BASE TABLE".to_owned(),
            };
            rows.push(vec![CATALOG.to_owned(), database.name.clone(), table.name, last]);
        }
    }
    let texts = |place: usize| Arc::new(rows.iter().map(|row| Some(row[place].as_str())).collect::<StringArray>()) as ArrayRef;
    let fields: Vec<Field> = columns.iter().map(|column| Field::new(*column, DataType::Utf8, true)).collect();
    provider(fields, (0..columns.len()).map(texts).collect()).map(Some)
}

/// A table's columns and those of its partitions, read from the log where it is a Delta table.
pub(crate) async fn columns_of(engine: &Engine, table: &Table) -> (Vec<Column>, Vec<Column>) {
    if table.is_delta()
        && let Ok(Some(snapshot)) = Snapshot::load(&engine.buckets, table).await
    {
        return snapshot.describe();
    }
    (table.storage_descriptor.columns.clone(), table.partition_keys.clone())
}

async fn all_columns(engine: &Engine) -> Result<Arc<dyn TableProvider>, Failure> {
    let mut texts: [Vec<Option<String>>; 9] = std::array::from_fn(|_| Vec::new());
    let mut places = Vec::new();
    for database in engine.catalogue.databases() {
        for table in engine.catalogue.tables(&database.name) {
            let (columns, keys) = columns_of(engine, &table).await;
            let first_key = columns.len();
            for (place, column) in columns.into_iter().chain(keys).enumerate() {
                places.push(i64::try_from(place + 1).unwrap_or(i64::MAX));
                let extra = (place >= first_key).then(|| "partition key".to_owned());
                let row = [Some(CATALOG.to_owned()), Some(database.name.clone()), Some(table.name.clone()), Some(column.name), None, Some("YES".to_owned()), Some(trino_type(&column.kind)), column.comment, extra];
                for (list, text) in texts.iter_mut().zip(row) {
                    list.push(text);
                }
            }
        }
    }
    let names = ["table_catalog", "table_schema", "table_name", "column_name", "column_default", "is_nullable", "data_type", "comment", "extra_info"];
    let mut fields: Vec<Field> = names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
    let mut arrays: Vec<ArrayRef> = texts.into_iter().map(|list| Arc::new(StringArray::from(list)) as ArrayRef).collect();
    fields.insert(4, Field::new("ordinal_position", DataType::Int64, true));
    arrays.insert(4, Arc::new(Int64Array::from(places)));
    provider(fields, arrays)
}

fn provider(fields: Vec<Field>, arrays: Vec<ArrayRef>) -> Result<Arc<dyn TableProvider>, Failure> {
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| Failure::system(error.to_string()))?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}
