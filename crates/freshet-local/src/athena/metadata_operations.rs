//! Athena's operations on the catalogue: data catalogues, databases, tables.

use serde_json::{Map, Value, json};

use super::catalogue::{Column, Database, Table};
use super::columns::columns_of;
use super::request::{optional, page, required};
use super::service::Service;
use super::session::CATALOG;
use crate::service_error::ServiceError;

/// Answers an operation, if it is one of these.
pub(crate) async fn answer(service: &Service, operation: &str, request: &Value) -> Option<Result<Value, ServiceError>> {
    Some(match operation {
        "ListDataCatalogs" => Ok(json!({ "DataCatalogsSummary": [{ "CatalogName": "AwsDataCatalog", "Type": "GLUE" }] })),
        "GetDataCatalog" => data_catalog(request),
        "ListDatabases" => list_databases(service, request),
        "GetDatabase" => get_database(service, request),
        "ListTableMetadata" => list_tables(service, request).await,
        "GetTableMetadata" => get_table(service, request).await,
        _ => return None,
    })
}

/// A refusal in the words that `PyAthena` reads to tell a missing table from other errors.
fn missing(what: &str) -> ServiceError {
    let id = uuid::Uuid::new_v4();
    ServiceError::client(
        "MetadataException",
        format!(
            "{what} (Service: AmazonDataCatalog; Status Code: 400; Error Code: EntityNotFoundException; Request ID: {id}; Proxy: null)"
        ),
    )
}

fn check_catalog(name: &str) -> Result<(), ServiceError> {
    if name.eq_ignore_ascii_case(CATALOG) {
        Ok(())
    } else {
        Err(ServiceError::client("InvalidRequestException", format!("Data catalog {name} was not found")))
    }
}

fn data_catalog(request: &Value) -> Result<Value, ServiceError> {
    check_catalog(required(request, "Name")?)?;
    Ok(json!({ "DataCatalog": { "Name": "AwsDataCatalog", "Type": "GLUE", "Parameters": { "catalog-id": "000000000000" } } }))
}

fn describe_database(database: &Database) -> Value {
    let mut described = json!({ "Name": database.name, "Parameters": database.parameters });
    if let Some(description) = &database.description {
        described["Description"] = json!(description);
    }
    described
}

fn list_databases(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    check_catalog(required(request, "CatalogName")?)?;
    let (databases, next) = page(service.engine.catalogue.databases(), request, 50)?;
    Ok(with_token(json!({ "DatabaseList": databases.iter().map(describe_database).collect::<Vec<_>>() }), next))
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}

fn find_database(service: &Service, name: &str) -> Result<Database, ServiceError> {
    service.engine.catalogue.database(name).ok_or_else(|| missing(&format!("Database {name} not found.")))
}

fn get_database(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    check_catalog(required(request, "CatalogName")?)?;
    Ok(json!({ "Database": describe_database(&find_database(service, required(request, "DatabaseName")?)?) }))
}

async fn list_tables(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    check_catalog(required(request, "CatalogName")?)?;
    let database = find_database(service, required(request, "DatabaseName")?)?;
    let mut tables = service.engine.catalogue.tables(&database.name);
    if let Some(expression) = optional(request, "Expression") {
        tables.retain(|table| super::show::fits(&expression.replace(".*", "*"), &table.name));
    }
    let (tables, next) = page(tables, request, 50)?;
    let mut described = Vec::new();
    for table in &tables {
        described.push(describe_table(service, table).await);
    }
    Ok(with_token(json!({ "TableMetadataList": described }), next))
}

async fn get_table(service: &Service, request: &Value) -> Result<Value, ServiceError> {
    check_catalog(required(request, "CatalogName")?)?;
    let database = find_database(service, required(request, "DatabaseName")?)?;
    let name = required(request, "TableName")?;
    let table = service
        .engine
        .catalogue
        .table(&database.name, name)
        .ok_or_else(|| missing(&format!("EntityNotFoundException: Table {name} not found.")))?;
    Ok(json!({ "TableMetadata": describe_table(service, &table).await }))
}

async fn describe_table(service: &Service, table: &Table) -> Value {
    let (columns, keys) = columns_of(&service.engine, table).await;
    let list = |columns: &[Column]| columns.iter().map(describe_column).collect::<Vec<_>>();
    let storage = &table.storage_descriptor;
    let mut parameters: Map<String, Value> = table.parameters.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let mut add = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            parameters.insert(key.to_owned(), json!(value));
        }
    };
    add("location", storage.location.as_deref());
    add("inputformat", storage.input_format.as_deref());
    add("outputformat", storage.output_format.as_deref());
    add("serde.serialization.lib", storage.serde_info.serialization_library.as_deref());
    add("comment", table.description.as_deref());
    for (key, value) in &storage.serde_info.parameters {
        add(&format!("serde.param.{key}"), Some(value));
    }
    json!({
        "Name": table.name, "CreateTime": table.create_time, "LastAccessTime": 0.0, "TableType": table.table_type.as_deref().unwrap_or("EXTERNAL_TABLE"),
        "Columns": list(&columns), "PartitionKeys": list(&keys), "Parameters": parameters
    })
}

fn describe_column(column: &Column) -> Value {
    let mut described = json!({ "Name": column.name, "Type": column.kind });
    if let Some(comment) = &column.comment {
        described["Comment"] = json!(comment);
    }
    described
}
