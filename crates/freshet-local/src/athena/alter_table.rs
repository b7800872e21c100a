//! ALTER TABLE and MSCK REPAIR TABLE: what they do to the catalogue.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use percent_encoding::percent_decode_str;

use super::alter::{Change, Specification};
use super::catalogue::{Column, Partition, Storage, Table, now, partition_key};
use super::create::ColumnDefinition;
use super::failure::Failure;
use super::location::Location;
use super::session::Engine;

const FAILED: &str = "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask.";

/// Changes a table. A Delta table's log is its truth: it cannot be altered.
pub(crate) fn alter(engine: &Engine, mut table: Table, change: &Change) -> Result<(), Failure> {
    if table.is_delta() && !matches!(change, Change::SetProperties(_)) {
        return Err(Failure::not_supported(&format!("ALTER TABLE on the Delta Lake table {}.{}", table.database_name, table.name)));
    }
    let (database, name) = (table.database_name.clone(), table.name.clone());
    match change {
        Change::AddPartitions { if_not_exists, partitions } => {
            let new: Vec<Partition> =
                partitions.iter().map(|(values, location)| partition(&table, values, location.clone())).collect::<Result<_, _>>()?;
            return engine.catalogue.change_partitions(&database, &name, |there| {
                for partition in new {
                    let key = partition_key(&partition.values);
                    if there.contains_key(&key) {
                        if *if_not_exists {
                            continue;
                        }
                        return Err(Failure::exists(format!("{FAILED} AlreadyExistsException(message:Partition already exists.)")));
                    }
                    there.insert(key, partition);
                }
                Ok(())
            });
        }
        Change::DropPartitions { if_exists, partitions } => {
            return engine.catalogue.change_partitions(&database, &name, |there| {
                for wanted in partitions {
                    let before = there.len();
                    there.retain(|_, partition| !matches(&table, partition, wanted));
                    if there.len() == before && !if_exists {
                        return Err(Failure::missing(format!("{FAILED} Partition not found {wanted:?}")));
                    }
                }
                Ok(())
            });
        }
        Change::RenamePartition { from, to } => {
            let values = values(&table, to)?;
            return engine.catalogue.change_partitions(&database, &name, |there| {
                let key = there.iter().find(|(_, partition)| matches(&table, partition, from)).map(|(key, _)| key.clone());
                let mut partition = key
                    .and_then(|key| there.remove(&key))
                    .ok_or_else(|| Failure::missing(format!("{FAILED} Partition not found {from:?}")))?;
                partition.values = values;
                there.insert(partition_key(&partition.values), partition);
                Ok(())
            });
        }
        Change::SetLocation { partition: Some(wanted), location } => {
            return engine.catalogue.change_partitions(&database, &name, |there| {
                let found = there.values_mut().find(|partition| matches(&table, partition, wanted));
                let partition = found.ok_or_else(|| Failure::missing(format!("{FAILED} Partition not found {wanted:?}")))?;
                partition.storage_descriptor.location = Some(location.clone());
                Ok(())
            });
        }
        Change::SetLocation { partition: None, location } => table.storage_descriptor.location = Some(location.clone()),
        Change::SetProperties(properties) => table.parameters.extend(properties.clone()),
        Change::AddColumns(columns) => table.storage_descriptor.columns.extend(columns.iter().map(column)),
        Change::ReplaceColumns(columns) => table.storage_descriptor.columns = columns.iter().map(column).collect(),
        Change::ChangeColumn { from, to } => {
            let found = table.storage_descriptor.columns.iter_mut().find(|column| column.name == *from);
            *found.ok_or_else(|| Failure::user(format!("{FAILED} Invalid column reference {from}")))? = column(to);
        }
    }
    super::hive::fields(&table.storage_descriptor.columns)?;
    engine.catalogue.put_table(table, false)
}

fn column(definition: &ColumnDefinition) -> Column {
    Column { name: definition.name.clone(), kind: definition.kind.clone(), comment: definition.comment.clone(), parameters: None }
}

fn values(table: &Table, specification: &Specification) -> Result<Vec<String>, Failure> {
    let value =
        |key: &Column| specification.iter().find(|(column, _)| column.eq_ignore_ascii_case(&key.name)).map(|(_, value)| value.clone());
    let values: Option<Vec<String>> = table.partition_keys.iter().map(value).collect();
    let values = values.filter(|values| values.len() == specification.len() && !values.is_empty());
    values.ok_or_else(|| {
        Failure::user(format!(
            "FAILED: SemanticException [Error 10006]: Partition spec {specification:?} does not name the partition columns of {}",
            table.name
        ))
    })
}

fn matches(table: &Table, partition: &Partition, wanted: &Specification) -> bool {
    wanted.iter().all(|(column, value)| {
        let place = table.partition_keys.iter().position(|key| key.name.eq_ignore_ascii_case(column));
        place.and_then(|place| partition.values.get(place)) == Some(value)
    })
}

/// A partition at its place, or where Hive puts it.
pub(crate) fn partition(table: &Table, specification: &Specification, location: Option<String>) -> Result<Partition, Failure> {
    let values = values(table, specification)?;
    Ok(partition_at(table, values, location))
}

/// A partition of these values.
pub(crate) fn partition_at(table: &Table, values: Vec<String>, location: Option<String>) -> Partition {
    let folder = || {
        let parts: Vec<String> = table.partition_keys.iter().zip(&values).map(|(key, value)| folder_name(&key.name, value)).collect();
        format!("{}/{}/", table.location().trim_end_matches('/'), parts.join("/"))
    };
    let location = location.unwrap_or_else(folder);
    let storage_descriptor = Storage { location: Some(location), ..table.storage_descriptor.clone() };
    Partition { values, storage_descriptor, creation_time: now(), ..Partition::default() }
}

/// A partition's folder, as Hive escapes it.
pub(crate) fn folder_name(column: &str, value: &str) -> String {
    use std::fmt::Write;
    let mut name = format!("{column}=");
    if value.is_empty() {
        name.push_str("__HIVE_DEFAULT_PARTITION__");
    }
    for character in value.chars() {
        if character.is_control() || "\"#%'*/:=?\\{[]^".contains(character) {
            let _ = write!(name, "%{:02X}", u32::from(character));
        } else {
            name.push(character);
        }
    }
    name
}

/// Adds the partitions whose folders are there and that the catalogue does not know. The lines are Hive's.
pub(crate) async fn repair(engine: &Engine, table: &Table) -> Result<Vec<String>, Failure> {
    if table.is_delta() {
        return Err(Failure::not_supported("MSCK REPAIR TABLE on a Delta Lake table, which needs none"));
    }
    if table.partition_keys.is_empty() {
        return Ok(Vec::new());
    }
    let location = Location::parse(table.location())?;
    let mut found = BTreeSet::new();
    for object in super::hive::list(&engine.buckets, &location).await? {
        let below = object.location.as_ref().get(location.key.len()..).unwrap_or_default().trim_start_matches('/');
        let parts: Vec<&str> = below.split('/').collect();
        let values = table.partition_keys.iter().zip(&parts).map(|(key, part)| {
            let (column, value) = part.split_once('=')?;
            column.eq_ignore_ascii_case(&key.name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
        });
        if let Some(values) = values.collect::<Option<Vec<String>>>()
            && values.len() == table.partition_keys.len()
            && parts.len() > values.len()
        {
            let folder = location.join(&parts[..values.len()].join("/"));
            found.insert((values, format!("{folder}/")));
        }
    }
    let mut added = Vec::new();
    engine.catalogue.change_partitions(&table.database_name, &table.name, |there| {
        for (values, folder) in found {
            if let Entry::Vacant(vacant) = there.entry(partition_key(&values)) {
                let parts = table.partition_keys.iter().zip(&values).map(|(key, value)| format!("{}={value}", key.name));
                added.push(parts.collect::<Vec<_>>().join("/"));
                vacant.insert(partition_at(table, values, Some(folder)));
            }
        }
        Ok(())
    })?;
    if added.is_empty() {
        return Ok(Vec::new());
    }
    let listed: Vec<String> = added.iter().map(|line| format!("{}:{line}", table.name)).collect();
    let mut lines = vec![format!("Partitions not in metastore:\t{}", listed.join("\t"))];
    lines.extend(added.iter().map(|line| format!("Repair: Added partition to metastore {}:{line}", table.name)));
    Ok(lines)
}
