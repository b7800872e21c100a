//! The catalogue: databases, tables, partitions, in the shape that Glue gives them; durable.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::documents::Documents;
use super::failure::Failure;
use crate::error::Error;

/// How many versions of a table are kept.
const VERSIONS: usize = 20;

/// A column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Column {
    /// Its name, in lower case.
    pub(crate) name: String,
    /// Its type, as Hive writes it.
    #[serde(rename = "Type", default)]
    pub(crate) kind: String,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    /// What clients add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<Value>,
}

/// How rows are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Serde {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) serialization_library: Option<String>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
}

/// Where and how a table or a partition lies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Storage {
    #[serde(default)]
    pub(crate) columns: Vec<Column>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input_format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output_format: Option<String>,
    #[serde(default)]
    pub(crate) serde_info: Serde,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    /// What Glue keeps and nothing here reads: Compressed, `SortColumns` and so on.
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, Value>,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Database {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location_uri: Option<String>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) create_time: f64,
}

/// A table or a view.
#[expect(clippy::struct_field_names, reason = "Glue's own names")]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Table {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) database_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) storage_descriptor: Storage,
    #[serde(default)]
    pub(crate) partition_keys: Vec<Column>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) view_original_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) view_expanded_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table_type: Option<String>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) create_time: f64,
    #[serde(default)]
    pub(crate) update_time: f64,
    #[serde(default)]
    pub(crate) version_id: String,
    /// What Glue keeps and nothing here reads: Owner, Retention and so on.
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, Value>,
}

impl Table {
    /// Whether it is a view.
    pub(crate) fn is_view(&self) -> bool {
        self.table_type.as_deref() == Some("VIRTUAL_VIEW")
    }

    /// Whether its rows come from a Delta log.
    pub(crate) fn is_delta(&self) -> bool {
        let says = |key: &str| self.parameters.get(key).is_some_and(|value| value.eq_ignore_ascii_case("delta"));
        says("table_type") || says("spark.sql.sources.provider") || says("classification")
    }

    /// Where it lies.
    pub(crate) fn location(&self) -> &str {
        self.storage_descriptor.location.as_deref().unwrap_or_default()
    }
}

/// A partition of a table that is no Delta table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Partition {
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) storage_descriptor: Storage,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) creation_time: f64,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, Value>,
}

/// A table's partitions, in one document.
pub(crate) type Partitions = BTreeMap<String, Partition>;

/// The catalogue.
#[derive(Debug)]
pub(crate) struct Catalogue {
    databases: Documents<Database>,
    tables: Documents<Table>,
    partitions: Documents<Partitions>,
    versions: Documents<Vec<Table>>,
}

/// The key of a table's documents.
fn key(database: &str, table: &str) -> String {
    format!("{}/{}", database.to_lowercase(), table.to_lowercase())
}

/// The key of a partition in its table's document.
pub(crate) fn partition_key(values: &[String]) -> String {
    values.join("\u{1}")
}

/// Seconds since 1970, as AWS's JSON has times.
pub(crate) fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| (since.as_secs_f64() * 1000.0).trunc() / 1000.0)
}

impl Catalogue {
    /// Opens the catalogue in a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        Ok(Self {
            databases: Documents::open(folder.join("databases"))?,
            tables: Documents::open(folder.join("tables"))?,
            partitions: Documents::open(folder.join("partitions"))?,
            versions: Documents::open(folder.join("versions"))?,
        })
    }

    /// All databases, by name.
    pub(crate) fn databases(&self) -> Vec<Database> {
        self.databases.beginning("")
    }

    /// A database.
    pub(crate) fn database(&self, name: &str) -> Option<Database> {
        self.databases.get(&name.to_lowercase())
    }

    /// Makes a database.
    pub(crate) fn create_database(&self, mut database: Database) -> Result<(), Failure> {
        database.name = database.name.to_lowercase();
        let name = database.name.clone();
        self.databases.change(&name, |there| {
            if there.is_some() { Err(Failure::exists(format!("Database {name} already exists"))) } else { Ok(Some(database)) }
        })
    }

    /// Removes a database with its tables; what lies in S3 stays.
    pub(crate) fn drop_database(&self, name: &str) -> Result<(), Failure> {
        let Some(database) = self.database(name) else {
            return Err(Failure::missing(format!("Database {name} not found.")));
        };
        for table in self.tables(&database.name) {
            self.drop_table(&database.name, &table.name)?;
        }
        self.databases.change(&database.name, |_| Ok(None))
    }

    /// A database's tables and views, by name.
    pub(crate) fn tables(&self, database: &str) -> Vec<Table> {
        self.tables.beginning(&key(database, ""))
    }

    /// A table or view.
    pub(crate) fn table(&self, database: &str, table: &str) -> Option<Table> {
        self.tables.get(&key(database, table))
    }

    /// Makes a table.
    pub(crate) fn create_table(&self, table: Table) -> Result<(), Failure> {
        self.change_table(
            table,
            |there, new| if there.is_some() { Err(Failure::exists(format!("Table {} already exists", new.name))) } else { Ok(()) },
        )
    }

    /// Replaces a table that is there, or makes it where `or_create`.
    pub(crate) fn put_table(&self, table: Table, or_create: bool) -> Result<(), Failure> {
        self.change_table(table, |there, new| {
            if there.is_some() || or_create { Ok(()) } else { Err(Failure::missing(format!("Table {} not found.", new.name))) }
        })
    }

    fn change_table(&self, mut table: Table, check: impl FnOnce(Option<&Table>, &Table) -> Result<(), Failure>) -> Result<(), Failure> {
        table.name = table.name.to_lowercase();
        table.database_name = table.database_name.to_lowercase();
        for column in table.storage_descriptor.columns.iter_mut().chain(&mut table.partition_keys) {
            column.name = column.name.to_lowercase();
        }
        if self.database(&table.database_name).is_none() {
            return Err(Failure::missing(format!("Database {} not found.", table.database_name)));
        }
        let key = key(&table.database_name, &table.name);
        let mut kept = None;
        self.tables.change(&key, |there| {
            check(there, &table)?;
            let version = there.and_then(|there| there.version_id.parse::<u64>().ok()).map_or(0, |version| version + 1);
            table.version_id = version.to_string();
            table.update_time = now();
            table.create_time = there.map_or(table.update_time, |there| there.create_time);
            kept = Some(table.clone());
            Ok::<_, Failure>(Some(table))
        })?;
        self.versions.change(&key, |there| {
            let mut versions = there.cloned().unwrap_or_default();
            versions.extend(kept);
            let old = versions.len().saturating_sub(VERSIONS);
            Ok(Some(versions.split_off(old)))
        })
    }

    /// Removes a table, its partitions and its versions; what lies in S3 stays.
    pub(crate) fn drop_table(&self, database: &str, table: &str) -> Result<(), Failure> {
        let key = key(database, table);
        self.tables
            .change(&key, |there| if there.is_some() { Ok(None) } else { Err(Failure::missing(format!("Table {table} not found."))) })?;
        self.partitions.change(&key, |_| Ok::<_, Failure>(None))?;
        self.versions.change(&key, |_| Ok(None))
    }

    /// A table's versions, newest first.
    pub(crate) fn versions(&self, database: &str, table: &str) -> Vec<Table> {
        let mut versions = self.versions.get(&key(database, table)).unwrap_or_default();
        versions.reverse();
        versions
    }

    /// Forgets a version of a table.
    pub(crate) fn drop_version(&self, database: &str, table: &str, version: &str) -> Result<(), Failure> {
        self.versions.change(&key(database, table), |there| {
            let mut versions = there.cloned().unwrap_or_default();
            versions.retain(|kept| kept.version_id != version);
            Ok(Some(versions))
        })
    }

    /// A table's partitions, by their values.
    pub(crate) fn partitions(&self, database: &str, table: &str) -> Partitions {
        self.partitions.get(&key(database, table)).unwrap_or_default()
    }

    /// Changes a table's partitions under one lock.
    pub(crate) fn change_partitions(
        &self,
        database: &str,
        table: &str,
        change: impl FnOnce(&mut Partitions) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.partitions.change(&key(database, table), |there| {
            let mut partitions = there.cloned().unwrap_or_default();
            change(&mut partitions)?;
            Ok(Some(partitions))
        })
    }
}
