//! Statements that change the catalogue alone: databases, tables, views.

use std::collections::BTreeMap;

use serde_json::json;

use super::catalogue::{Column, Database, Serde, Storage, Table, now};
use super::create::{ColumnDefinition, CreateTable};
use super::failure::{Failure, Fault};
use super::hive::fields;
use super::location::Location;
use super::query::columns;
use super::session::{CATALOG, Engine, Session};
use super::show_results::find;
use super::statement::Name;
use super::view;

const PARQUET: (&str, &str, &str) = (
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
);
const TEXT: (&str, &str, &str) = (
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
);

/// CREATE DATABASE.
pub(crate) fn create_database(
    engine: &Engine,
    name: &str,
    if_not_exists: bool,
    comment: Option<String>,
    location: Option<String>,
    properties: BTreeMap<String, String>,
) -> Result<(), Failure> {
    let database =
        Database { name: name.to_owned(), description: comment, location_uri: location, parameters: properties, create_time: now() };
    match engine.catalogue.create_database(database) {
        Err(failure) if failure.fault == Fault::Exists && if_not_exists => Ok(()),
        Err(failure) if failure.fault == Fault::Exists => Err(Failure::exists(format!(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. Database {name} already exists"
        ))),
        other => other,
    }
}

/// DROP DATABASE.
pub(crate) fn drop_database(engine: &Engine, name: &str, if_exists: bool, cascade: bool) -> Result<(), Failure> {
    if engine.catalogue.database(name).is_none() {
        return if if_exists {
            Ok(())
        } else {
            Err(Failure::missing(format!("FAILED: SemanticException [Error 10072]: Database does not exist: {name}")))
        };
    }
    if !cascade && !engine.catalogue.tables(name).is_empty() {
        return Err(Failure::user(format!(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. InvalidOperationException(message:Database {name} is not empty. One or more tables exist.)"
        )));
    }
    engine.catalogue.drop_database(name)
}

/// DROP TABLE and DROP VIEW: the entry goes, what lies in S3 stays.
pub(crate) fn drop_table(engine: &Engine, name: &Name, if_exists: bool, is_view: bool, database: &str) -> Result<(), Failure> {
    let table = match find(engine, name, database) {
        Ok(table) => table,
        Err(failure) if failure.fault == Fault::Missing && if_exists => return Ok(()),
        Err(failure) => return Err(failure),
    };
    if is_view && !table.is_view() {
        return Err(Failure::user(format!(
            "TABLE_NOT_FOUND: View '{CATALOG}.{}.{}' does not exist, but a table with that name exists.",
            table.database_name, table.name
        )));
    }
    if !is_view && table.is_view() {
        return Err(Failure::user(format!(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. Cannot drop a view with DROP TABLE: {}",
            table.name
        )));
    }
    engine.catalogue.drop_table(&table.database_name, &table.name)
}

fn as_columns(definitions: &[ColumnDefinition]) -> Vec<Column> {
    let column = |definition: &ColumnDefinition| Column {
        name: definition.name.clone(),
        kind: definition.kind.clone(),
        comment: definition.comment.clone(),
        parameters: None,
    };
    definitions.iter().map(column).collect()
}

/// CREATE EXTERNAL TABLE.
pub(crate) async fn create_table(engine: &Engine, create: &CreateTable, database: &str) -> Result<(), Failure> {
    let Some(name) = &create.name else {
        return Err(Failure::system("a table without a name"));
    };
    let database = name.database.as_deref().unwrap_or(database);
    if !create.is_external {
        let is_iceberg = create.properties.get("table_type").is_some_and(|kind| kind.eq_ignore_ascii_case("iceberg"));
        return Err(if is_iceberg {
            Failure::not_supported("Iceberg tables")
        } else {
            Failure::user("FAILED: ParseException: CREATE TABLE without EXTERNAL makes Iceberg tables alone; use CREATE EXTERNAL TABLE")
        });
    }
    if engine.catalogue.database(database).is_none() {
        return Err(Failure::missing(format!("FAILED: SemanticException [Error 10072]: Database does not exist: {database}")));
    }
    let Some(location) = &create.location else {
        return Err(Failure::user(
            "FAILED: SemanticException table is not partitioned or has no location: CREATE EXTERNAL TABLE needs a LOCATION",
        ));
    };
    Location::parse(location)?;
    let mut table = Table {
        name: name.table.clone(),
        database_name: database.to_owned(),
        description: create.comment.clone(),
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        partition_keys: as_columns(&create.partitions),
        parameters: create.properties.clone(),
        ..Table::default()
    };
    table.parameters.insert("EXTERNAL".to_owned(), "TRUE".to_owned());
    table.rest.insert("Owner".to_owned(), json!("hadoop"));
    table.storage_descriptor = storage(create, location)?;
    if table.is_delta() {
        delta_columns(engine, create, &mut table).await?;
    } else {
        if create.columns.is_empty() {
            return Err(Failure::user(
                "FAILED: SemanticException [Error 10043]: Either list of columns or a custom serializer should be specified",
            ));
        }
        fields(&table.storage_descriptor.columns)?;
        fields(&table.partition_keys)?;
    }
    match engine.catalogue.create_table(table) {
        Err(failure) if failure.fault == Fault::Exists && create.if_not_exists => Ok(()),
        Err(failure) if failure.fault == Fault::Exists => Err(Failure::exists(format!(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. AlreadyExistsException(message:Table {} already exists)",
            name.table
        ))),
        other => other,
    }
}

/// A Delta table's columns come from its log; a column list is refused (docs.aws.amazon.com/athena, "Create Delta Lake tables").
async fn delta_columns(engine: &Engine, create: &CreateTable, table: &mut Table) -> Result<(), Failure> {
    if !create.columns.is_empty() || !create.partitions.is_empty() {
        return Err(Failure::user(
            "INVALID_TABLE_PROPERTY: a column list must not be specified for Delta Lake tables: the schema is read from the Delta log",
        ));
    }
    table.parameters.insert("classification".to_owned(), "delta".to_owned());
    if let Some(snapshot) = engine.deltas.load(&engine.buckets, table).await? {
        (table.storage_descriptor.columns, table.partition_keys) = snapshot.describe();
    }
    Ok(())
}

fn storage(create: &CreateTable, location: &str) -> Result<Storage, Failure> {
    let (library, input, output) = match create.stored_as.as_deref() {
        Some("PARQUET") => PARQUET,
        None if create.properties.get("table_type").is_some_and(|kind| kind.eq_ignore_ascii_case("delta")) => PARQUET,
        Some("TEXTFILE") | None => TEXT,
        Some(other) => return Err(Failure::not_supported(&format!("STORED AS {other}"))),
    };
    let mut parameters = create.serde_properties.clone();
    parameters.entry("serialization.format".to_owned()).or_insert_with(|| "1".to_owned());
    Ok(Storage {
        columns: as_columns(&create.columns),
        location: Some(location.to_owned()),
        input_format: Some(create.input_format.clone().unwrap_or_else(|| input.to_owned())),
        output_format: Some(create.output_format.clone().unwrap_or_else(|| output.to_owned())),
        serde_info: Serde {
            name: None,
            serialization_library: Some(create.serde.clone().unwrap_or_else(|| library.to_owned())),
            parameters,
        },
        ..Storage::default()
    })
}

/// How CTAS and INSERT lay out Parquet.
pub(crate) fn parquet_storage(columns: Vec<Column>, location: String) -> Storage {
    let (library, input, output) = PARQUET;
    Storage {
        columns,
        location: Some(location),
        input_format: Some(input.to_owned()),
        output_format: Some(output.to_owned()),
        serde_info: Serde {
            name: None,
            serialization_library: Some(library.to_owned()),
            parameters: BTreeMap::from([("serialization.format".to_owned(), "1".to_owned())]),
        },
        ..Storage::default()
    }
}

/// A query's columns as a table has them: each with a name of its own and a type that Hive has.
pub(crate) fn hive_columns(plan: &datafusion::logical_expr::LogicalPlan) -> Result<Vec<Column>, Failure> {
    let mut found: Vec<Column> = Vec::new();
    for (place, (column, field)) in columns(plan).into_iter().zip(plan.schema().fields()).enumerate() {
        let name = column.name.to_lowercase();
        if name.starts_with("_col") && name[4..].parse() == Ok(place) {
            return Err(Failure::user(format!("MISSING_COLUMN_NAME: line 1:1: Column name not specified at position {}", place + 1)));
        }
        if found.iter().any(|other| other.name == name) {
            return Err(Failure::user(format!("DUPLICATE_COLUMN_NAME: line 1:1: Column name '{name}' specified more than once")));
        }
        let kind = freshet_dialect::hive_type(field)
            .ok_or_else(|| Failure::user(format!("NOT_SUPPORTED: Unsupported Hive type: {}", column.kind)))?;
        found.push(Column { name, kind, ..Column::default() });
    }
    Ok(found)
}

/// CREATE VIEW.
pub(crate) async fn create_view(
    engine: &Engine,
    session: &Session,
    name: &Name,
    or_replace: bool,
    query: &str,
    database: &str,
) -> Result<(), Failure> {
    let into = name.database.as_deref().unwrap_or(database);
    if engine.catalogue.database(into).is_none() {
        return Err(Failure::missing(format!("SCHEMA_NOT_FOUND: Schema '{into}' does not exist")));
    }
    let there = engine.catalogue.table(into, &name.table);
    if there.as_ref().is_some_and(|table| !table.is_view()) {
        return Err(Failure::user(format!("TABLE_ALREADY_EXISTS: line 1:1: Table already exists: '{CATALOG}.{into}.{}'", name.table)));
    }
    if there.is_some() && !or_replace {
        return Err(Failure::user(format!("TABLE_ALREADY_EXISTS: line 1:1: View already exists: '{CATALOG}.{into}.{}'", name.table)));
    }
    let plan = session.plan(query, &[]).await?;
    let columns = hive_columns(&plan)?;
    engine.catalogue.put_table(view::entry(into, &name.table, query, database, columns), true)
}
