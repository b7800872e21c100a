//! Glue's operations on the same catalogue, as dbt and awswrangler use them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::catalogue::{Database, Partition, Table, now, partition_key};
use super::columns::columns_of;
use super::failure::Failure;
use super::partition_filter;
use super::request::optional;
use super::service::Service;
use super::session::CATALOG;
use crate::service_error::ServiceError;

/// Answers an operation.
pub(crate) async fn answer(service: &Service, operation: &str, request: &Value) -> Result<Value, ServiceError> {
    if let Some(catalog) = optional(request, "CatalogId")
        && !catalog.eq_ignore_ascii_case(CATALOG)
        && !catalog.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(ServiceError::client("EntityNotFoundException", format!("Catalog {catalog} not found.")));
    }
    let answered = match operation {
        "GetDatabases" => databases(service, request),
        "GetDatabase" => database(service, request, "Name").map(|database| json!({ "Database": describe_database(&database) })),
        "CreateDatabase" => create_database(service, request),
        "UpdateDatabase" => {
            return Err(ServiceError::client("InvalidInputException", "Glue on loopback does not implement the operation UpdateDatabase"));
        }
        "DeleteDatabase" => name(request, "Name").and_then(|name| service.engine.catalogue.drop_database(name)).map(|()| json!({})),
        "GetTables" => tables(service, request).await,
        "GetTable" => match table(service, request, "Name") {
            Ok(table) => Ok(json!({ "Table": describe_table(service, &table).await })),
            Err(failure) => Err(failure),
        },
        "CreateTable" => read_table(request).and_then(|table| service.engine.catalogue.create_table(table)).map(|()| json!({})),
        "UpdateTable" => read_table(request).and_then(|table| service.engine.catalogue.put_table(table, false)).map(|()| json!({})),
        "DeleteTable" => table(service, request, "Name")
            .and_then(|table| service.engine.catalogue.drop_table(&table.database_name, &table.name))
            .map(|()| json!({})),
        "BatchDeleteTable" => batch_delete_table(service, request),
        "GetTableVersions" => versions(service, request),
        "DeleteTableVersion" => delete_version(service, request),
        "BatchDeleteTableVersion" => batch_delete_version(service, request),
        "GetPartitions" => partitions(service, request),
        "GetPartition" => partition(service, request),
        "CreatePartition" => create_partition(service, request),
        "UpdatePartition" => update_partition(service, request),
        "DeletePartition" => delete_partition(service, request),
        "BatchCreatePartition" => batch_create_partition(service, request),
        "BatchDeletePartition" => batch_delete_partition(service, request),
        "BatchGetPartition" => batch_get_partition(service, request),
        "GetTags" => Ok(json!({ "Tags": {} })),
        _ => {
            return Err(ServiceError::client(
                "InvalidInputException",
                format!("Glue on loopback does not implement the operation {operation}"),
            ));
        }
    };
    answered.map_err(Failure::glue)
}

fn name<'a>(request: &'a Value, key: &str) -> Result<&'a str, Failure> {
    optional(request, key).ok_or_else(|| Failure::user(format!("{key} must not be empty")))
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| Failure::user(error.to_string()))
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// One page of items.
fn page<T>(items: Vec<T>, request: &Value, most: usize) -> Result<(Vec<T>, Option<String>), Failure> {
    super::request::page(items, request, most).map_err(|error| Failure::user(error.message))
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}

fn database(service: &Service, request: &Value, key: &str) -> Result<Database, Failure> {
    let name = name(request, key)?;
    service.engine.catalogue.database(name).ok_or_else(|| Failure::missing(format!("Database {name} not found.")))
}

fn table(service: &Service, request: &Value, key: &str) -> Result<Table, Failure> {
    let database = database(service, request, "DatabaseName")?;
    let name = name(request, key)?;
    service
        .engine
        .catalogue
        .table(&database.name, name)
        .ok_or_else(|| Failure::missing(format!("Entity Not Found: Table {name} not found.")))
}

fn describe_database(database: &Database) -> Value {
    let mut described = json!(database);
    described["CatalogId"] = json!("000000000000");
    described
}

fn databases(service: &Service, request: &Value) -> Result<Value, Failure> {
    let (found, next) = page(service.engine.catalogue.databases(), request, 100)?;
    Ok(with_token(json!({ "DatabaseList": found.iter().map(describe_database).collect::<Vec<_>>() }), next))
}

fn create_database(service: &Service, request: &Value) -> Result<Value, Failure> {
    let input = &request["DatabaseInput"];
    let database = Database {
        name: name(input, "Name")?.to_owned(),
        description: optional(input, "Description").map(str::to_owned),
        location_uri: optional(input, "LocationUri").map(str::to_owned),
        parameters: if input["Parameters"].is_null() { BTreeMap::new() } else { read(&input["Parameters"])? },
        create_time: now(),
    };
    service.engine.catalogue.create_database(database)?;
    Ok(json!({}))
}

/// A table's description; a Delta table's columns are those of its log.
async fn describe_table(service: &Service, table: &Table) -> Value {
    let mut table = table.clone();
    if table.is_delta() {
        let (columns, keys) = columns_of(&service.engine, &table).await;
        table.storage_descriptor.columns = columns;
        table.partition_keys = keys;
    }
    let mut described = json!(table);
    described["CatalogId"] = json!("000000000000");
    described["IsRegisteredWithLakeFormation"] = json!(false);
    described
}

async fn tables(service: &Service, request: &Value) -> Result<Value, Failure> {
    let database = database(service, request, "DatabaseName")?;
    let mut found = service.engine.catalogue.tables(&database.name);
    if let Some(expression) = optional(request, "Expression") {
        // Glue takes a regular expression here; clients send a name, `*`, or `a|b`.
        found.retain(|table| super::show::fits(&expression.replace(".*", "*"), &table.name));
    }
    let (found, next) = page(found, request, 100)?;
    let mut described = Vec::new();
    for table in &found {
        described.push(describe_table(service, table).await);
    }
    Ok(with_token(json!({ "TableList": described }), next))
}

fn read_table(request: &Value) -> Result<Table, Failure> {
    let database = name(request, "DatabaseName")?;
    let mut table: Table = read(&request["TableInput"])?;
    database.clone_into(&mut table.database_name);
    if table.name.is_empty() {
        return Err(Failure::user("Name must not be empty"));
    }
    Ok(table)
}

fn batch_delete_table(service: &Service, request: &Value) -> Result<Value, Failure> {
    let database = database(service, request, "DatabaseName")?;
    let mut errors = Vec::new();
    for table in texts(&request["TablesToDelete"]) {
        if let Err(failure) = service.engine.catalogue.drop_table(&database.name, &table) {
            errors.push(json!({ "TableName": table, "ErrorDetail": detail(failure) }));
        }
    }
    Ok(json!({ "Errors": errors }))
}

fn detail(failure: Failure) -> Value {
    let error = failure.glue();
    json!({ "ErrorCode": error.code, "ErrorMessage": error.message })
}

fn versions(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let versions = service.engine.catalogue.versions(&table.database_name, &table.name);
    let (found, next) = page(versions, request, 100)?;
    let described: Vec<Value> = found.iter().map(|table| json!({ "Table": table, "VersionId": table.version_id })).collect();
    Ok(with_token(json!({ "TableVersions": described }), next))
}

fn delete_version(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    service.engine.catalogue.drop_version(&table.database_name, &table.name, name(request, "VersionId")?)?;
    Ok(json!({}))
}

fn batch_delete_version(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    for version in texts(&request["VersionIds"]) {
        service.engine.catalogue.drop_version(&table.database_name, &table.name, &version)?;
    }
    Ok(json!({ "Errors": [] }))
}

fn describe_partition(table: &Table, partition: &Partition, without_columns: bool) -> Value {
    let mut described = json!(partition);
    described["DatabaseName"] = json!(table.database_name);
    described["TableName"] = json!(table.name);
    described["CatalogId"] = json!("000000000000");
    if without_columns && let Some(storage) = described["StorageDescriptor"].as_object_mut() {
        storage.remove("Columns");
    }
    described
}

fn partitions(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let filter = partition_filter::read(optional(request, "Expression").unwrap_or_default(), &table.partition_keys)
        .map_err(|misread| Failure::user(misread.message))?;
    let found = service
        .engine
        .catalogue
        .partitions(&table.database_name, &table.name)
        .into_values()
        .filter(|partition| filter.passes(&table.partition_keys, &partition.values));
    let (found, next) = page(found.collect(), request, 1000)?;
    let without_columns = request["ExcludeColumnSchema"] == true;
    let described: Vec<Value> = found.iter().map(|partition| describe_partition(&table, partition, without_columns)).collect();
    Ok(with_token(json!({ "Partitions": described }), next))
}

fn partition(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let key = partition_key(&texts(&request["PartitionValues"]));
    let found = service.engine.catalogue.partitions(&table.database_name, &table.name).remove(&key);
    found
        .map(|partition| json!({ "Partition": describe_partition(&table, &partition, false) }))
        .ok_or_else(|| Failure::missing("Cannot find partition."))
}

fn read_partition(table: &Table, input: &Value) -> Result<Partition, Failure> {
    let mut partition: Partition = read(input)?;
    if partition.values.len() != table.partition_keys.len() {
        return Err(Failure::user("The number of partition keys do not match the number of partition values"));
    }
    partition.creation_time = now();
    Ok(partition)
}

fn create_partition(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let partition = read_partition(&table, &request["PartitionInput"])?;
    service.engine.catalogue.change_partitions(&table.database_name, &table.name, |there| {
        match there.insert(partition_key(&partition.values), partition) {
            Some(_) => Err(Failure::exists("Partition already exists.")),
            None => Ok(()),
        }
    })?;
    Ok(json!({}))
}

fn update_partition(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let old = partition_key(&texts(&request["PartitionValueList"]));
    let partition = read_partition(&table, &request["PartitionInput"])?;
    service.engine.catalogue.change_partitions(&table.database_name, &table.name, |there| {
        there.remove(&old).ok_or_else(|| Failure::missing("Partition not found."))?;
        there.insert(partition_key(&partition.values), partition);
        Ok(())
    })?;
    Ok(json!({}))
}

fn delete_partition(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let key = partition_key(&texts(&request["PartitionValues"]));
    service.engine.catalogue.change_partitions(&table.database_name, &table.name, |there| {
        there.remove(&key).map(|_| ()).ok_or_else(|| Failure::missing("Partition not found."))
    })?;
    Ok(json!({}))
}

/// Partitions of a batch stand alone: those that can be made are made.
fn batch_create_partition(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let inputs: Vec<&Value> = request["PartitionInputList"].as_array().into_iter().flatten().collect();
    let mut errors = Vec::new();
    service.engine.catalogue.change_partitions(&table.database_name, &table.name, |there| {
        for input in inputs {
            let made = read_partition(&table, input).and_then(|partition| {
                let key = partition_key(&partition.values);
                if there.contains_key(&key) {
                    return Err(Failure::exists("Partition already exists."));
                }
                there.insert(key, partition);
                Ok(())
            });
            if let Err(failure) = made {
                errors.push(json!({ "PartitionValues": texts(&input["Values"]), "ErrorDetail": detail(failure) }));
            }
        }
        Ok(())
    })?;
    Ok(json!({ "Errors": errors }))
}

fn batch_delete_partition(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let lists: Vec<Vec<String>> =
        request["PartitionsToDelete"].as_array().into_iter().flatten().map(|list| texts(&list["Values"])).collect();
    let mut errors = Vec::new();
    service.engine.catalogue.change_partitions(&table.database_name, &table.name, |there| {
        for values in lists {
            if there.remove(&partition_key(&values)).is_none() {
                errors.push(json!({ "PartitionValues": values, "ErrorDetail": detail(Failure::missing("Partition not found.")) }));
            }
        }
        Ok(())
    })?;
    Ok(json!({ "Errors": errors }))
}

fn batch_get_partition(service: &Service, request: &Value) -> Result<Value, Failure> {
    let table = table(service, request, "TableName")?;
    let mut there = service.engine.catalogue.partitions(&table.database_name, &table.name);
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for list in request["PartitionsToGet"].as_array().into_iter().flatten() {
        let values = texts(&list["Values"]);
        match there.remove(&partition_key(&values)) {
            Some(partition) => found.push(describe_partition(&table, &partition, false)),
            None => unprocessed.push(json!({ "Values": values })),
        }
    }
    Ok(json!({ "Partitions": found, "UnprocessedKeys": unprocessed }))
}
