//! Delta tables as DataFusion reads them: the newest snapshot's live files, its schema, its statistics. No writes and no
//! time travel, as Athena has neither (docs.aws.amazon.com/athena, "Query Linux Foundation Delta Lake tables").

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics};
use deltalake::kernel::LogicalFileView;
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::{DeltaTable, DeltaTableError};
use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use serde_json::Value;
use url::Url;

use super::catalogue::{Column, Table};
use super::failure::Failure;
use super::hive_type::hive_type;
use super::lake_table::{Format, LakeFile, LakeTable, partition_value};
use super::location::Location;
use crate::buckets::Buckets;

/// A table at its newest version.
pub(crate) struct Snapshot {
    location: Location,
    /// The version, and what told its entry of the log from another.
    version: Option<(u64, String)>,
    /// The columns that lie in the files, with Athena's names.
    columns: SchemaRef,
    partitions: Vec<FieldRef>,
    /// The files' names of columns, where they are others.
    names: BTreeMap<String, String>,
    /// The partitions that have live files, as SHOW PARTITIONS prints them.
    pub(crate) lines: BTreeSet<String>,
    /// The table for a query: its live files.
    pub(crate) table: Result<Arc<LakeTable>, Failure>,
}

/// The tables that were read, each good for as long as its log stays as it is.
#[derive(Default)]
pub(crate) struct Deltas(Mutex<HashMap<String, Arc<Snapshot>>>);

impl Deltas {
    /// The newest version; `None` where no log is.
    pub(crate) async fn load(&self, buckets: &Buckets, table: &Table) -> Result<Option<Arc<Snapshot>>, Failure> {
        let location = Location::parse(table.location())?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&location.to_string()).cloned();
        if let Some(known) = known
            && known.is_newest(buckets).await
        {
            return Ok(Some(known));
        }
        let loaded = Snapshot::load(buckets, table, location).await?.map(Arc::new);
        if let Some(loaded) = &loaded {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(loaded.location.to_string(), Arc::clone(loaded));
        }
        Ok(loaded)
    }
}

/// The entries of a log from a version on, by version, each with what tells it from another.
async fn log_since(buckets: &Buckets, location: &Location, version: u64) -> Result<BTreeMap<u64, String>, Failure> {
    let log = location.join("_delta_log");
    let store = buckets.get(&log.bucket);
    let offset = log.join(&format!("{version:020}")).path()?;
    let found: Vec<ObjectMeta> = store.list_with_offset(Some(&log.path()?), &offset).try_collect().await?;
    let entry = |meta: &ObjectMeta| {
        let version = meta.location.filename()?.strip_suffix(".json").filter(|name| name.len() == 20)?.parse().ok()?;
        Some((version, format!("{:?} {:?} {}", meta.e_tag, meta.last_modified, meta.size)))
    };
    Ok(found.iter().filter_map(entry).collect())
}

impl Snapshot {
    /// Whether the log's last entry is still the one that this was read from.
    async fn is_newest(&self, buckets: &Buckets) -> bool {
        let Some((version, tag)) = &self.version else {
            return false;
        };
        let since = log_since(buckets, &self.location, *version).await.unwrap_or_default();
        since.len() == 1 && since.get(version) == Some(tag)
    }

    async fn load(buckets: &Buckets, table: &Table, location: Location) -> Result<Option<Self>, Failure> {
        let root = buckets.get(&location.bucket);
        let url = Url::parse(&format!("{location}/")).map_err(|error| Failure::user(format!("location {location}: {error}")))?;
        let store = Arc::new(PrefixStore::new(Arc::clone(&root), location.path()?));
        let mut delta = DeltaTable::new(default_logstore(store, root, &url, &StorageConfig::default()));
        let broken = |error: DeltaTableError| {
            Failure::user(format!("DELTA_LAKE_INVALID_SCHEMA: the log of {}.{} cannot be read: {error}", table.database_name, table.name))
        };
        if !delta.verify_deltatable_existence().await.unwrap_or(false) {
            return Ok(None);
        }
        delta.load().await.map_err(broken)?;
        let state = delta.snapshot().map_err(broken)?;
        let schema = state.snapshot().arrow_schema();
        let keys = state.metadata().partition_columns().to_vec();
        let field = |field: &FieldRef| Arc::new(Field::new(field.name().to_lowercase(), field.data_type().clone(), true));
        let columns: Vec<FieldRef> = schema.fields().iter().filter(|field| !keys.contains(field.name())).map(field).collect();
        let partitions: Option<Vec<FieldRef>> =
            keys.iter().map(|key| schema.field_with_name(key).ok().map(|found| field(&Arc::new(found.clone())))).collect();
        let partitions = partitions.ok_or_else(|| {
            Failure::user(format!("DELTA_LAKE_INVALID_SCHEMA: a partition column of {} is not in its schema", table.name))
        })?;
        let names = schema
            .fields()
            .iter()
            .filter_map(|field| Some((field.name().to_lowercase(), field.metadata().get("delta.columnMapping.physicalName")?.clone())))
            .collect();
        let version = state.version();
        let tag = log_since(buckets, &location, version).await?.remove(&version);
        let views: Vec<LogicalFileView> =
            state.snapshot().file_views(delta.log_store().as_ref(), None).try_collect().await.map_err(broken)?;
        let nothing = Err(Failure::system("the files are not read yet"));
        let version = tag.map(|tag| (version, tag));
        let mut snapshot =
            Self { location, version, columns: Arc::new(Schema::new(columns)), partitions, names, lines: BTreeSet::new(), table: nothing };
        snapshot.lines = views.iter().map(|view| snapshot.line(&view.partition_values_map())).collect();
        snapshot.table = snapshot.files(&views).map(|files| {
            Arc::new(LakeTable::new(
                Arc::clone(&snapshot.columns),
                snapshot.partitions.clone(),
                Format::Parquet(snapshot.names.clone()),
                files,
            ))
        });
        Ok(Some(snapshot))
    }

    /// The columns as Glue describes them: those of the files, and those of the partitions.
    pub(crate) fn describe(&self) -> (Vec<Column>, Vec<Column>) {
        let column = |field: &FieldRef| Column { name: field.name().clone(), kind: hive_type(field.data_type()), ..Column::default() };
        (self.columns.fields().iter().map(column).collect(), self.partitions.iter().map(column).collect())
    }

    /// A partition as SHOW PARTITIONS prints it.
    fn line(&self, values: &HashMap<String, Option<String>>) -> String {
        let value = |field: &FieldRef| values.iter().find(|(key, _)| self.is_named(field.name(), key)).and_then(|(_, value)| value.clone());
        let parts = self
            .partitions
            .iter()
            .map(|field| format!("{}={}", field.name(), value(field).as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__")));
        parts.collect::<Vec<_>>().join("/")
    }

    fn files(&self, views: &[LogicalFileView]) -> Result<Vec<LakeFile>, Failure> {
        let mut files = Vec::with_capacity(views.len());
        for view in views {
            if view.deletion_vector_descriptor().is_some() {
                return Err(Failure::not_supported(&format!("deletion vectors, which the Delta table at {} has", self.location)));
            }
            let stats: Value = view.stats().and_then(|stats| serde_json::from_str(&stats).ok()).unwrap_or(Value::Null);
            let values = view.partition_values_map();
            let partition = self.partitions.iter().map(|field| {
                let value = values.iter().find(|(key, _)| self.is_named(field.name(), key)).and_then(|(_, value)| value.as_deref());
                partition_value(value.filter(|value| !value.is_empty()), field)
            });
            files.push(LakeFile {
                bucket: self.location.bucket.clone(),
                meta: ObjectMeta {
                    location: below(&self.location, &view.object_store_path()),
                    last_modified: view.modification_datetime().unwrap_or_default(),
                    size: u64::try_from(view.size()).unwrap_or_default(),
                    e_tag: None,
                    version: None,
                },
                partition: partition.collect::<Result<_, _>>()?,
                rows: stats["numRecords"].as_u64().and_then(|rows| usize::try_from(rows).ok()),
                bounds: self.bounds(&stats).map(Arc::new),
            });
        }
        Ok(files)
    }

    fn is_named(&self, column: &str, name: &str) -> bool {
        self.names.get(column).map_or_else(|| column.eq_ignore_ascii_case(name), |mapped| mapped == name)
    }

    /// What the log says of a file's values. Only for leaving files out: texts may be cut and times are in milliseconds.
    fn bounds(&self, stats: &Value) -> Option<Statistics> {
        let (least, greatest) = (stats["minValues"].as_object()?, stats["maxValues"].as_object()?);
        let fields: Vec<FieldRef> = self.columns.fields().iter().chain(&self.partitions).cloned().collect();
        let mut bounds = Statistics::new_unknown(&Schema::new(fields));
        for (field, column) in self.columns.fields().iter().zip(&mut bounds.column_statistics) {
            let find = |values: &serde_json::Map<String, Value>| {
                values.iter().find(|(name, _)| self.is_named(field.name(), name)).and_then(|(_, value)| bound(value, field.data_type()))
            };
            if let (Some(least), Some(greatest)) = (find(least), find(greatest).and_then(widen)) {
                column.min_value = Precision::Exact(least);
                column.max_value = Precision::Exact(greatest);
            }
        }
        Some(bounds)
    }
}

fn below(location: &Location, path: &Path) -> Path {
    if location.key.is_empty() {
        return path.clone();
    }
    Path::parse(format!("{}/{path}", location.key)).unwrap_or_else(|_| path.clone())
}

/// A bound of the log as a value. Floating-point bounds are left out: they say nothing of NaN. A text's bound may be cut.
fn bound(value: &Value, kind: &DataType) -> Option<ScalarValue> {
    let text = match (value, kind) {
        (Value::String(text), DataType::Date32 | DataType::Timestamp(_, _) | DataType::Utf8) => text.clone(),
        (Value::Number(number), DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal128(_, _)) => {
            number.to_string()
        }
        _ => return None,
    };
    ScalarValue::try_from_string(text, kind).ok()
}

/// A greatest value, not less than what was cut off it: a time's digits below the millisecond, a text's end.
fn widen(value: ScalarValue) -> Option<ScalarValue> {
    match value {
        ScalarValue::TimestampMicrosecond(Some(micros), zone) => {
            Some(ScalarValue::TimestampMicrosecond(Some(micros.checked_add(999)?), zone))
        }
        // Whoever cuts a text makes its greatest value greater; one at the limit might come from one who does not.
        ScalarValue::Utf8(Some(text)) if text.chars().count() >= 32 => None,
        other => Some(other),
    }
}
