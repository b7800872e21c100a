//! Delta tables as DataFusion reads them: the newest snapshot's live files, its schema, its statistics. No writes and no
//! time travel, as Athena has neither (docs.aws.amazon.com/athena, "Query Linux Foundation Delta Lake tables").

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics};
use deltalake::DeltaTable;
use deltalake::logstore::{StorageConfig, default_logstore};
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
    delta: DeltaTable,
    location: Location,
    /// The columns that lie in the files, with Athena's names.
    columns: SchemaRef,
    partitions: Vec<FieldRef>,
    /// The files' names of columns, where they are others.
    names: BTreeMap<String, String>,
}

impl Snapshot {
    /// Loads the newest version; `None` where no log is.
    pub(crate) async fn load(buckets: &Buckets, table: &Table) -> Result<Option<Self>, Failure> {
        let location = Location::parse(table.location())?;
        let root = buckets.get(&location.bucket);
        let url = Url::parse(&format!("{location}/")).map_err(|error| Failure::user(format!("location {location}: {error}")))?;
        let store = Arc::new(PrefixStore::new(Arc::clone(&root), location.path()?));
        let mut delta = DeltaTable::new(default_logstore(store, root, &url, &StorageConfig::default()));
        let broken = |error: deltalake::DeltaTableError| Failure::user(format!("DELTA_LAKE_INVALID_SCHEMA: the log of {}.{} cannot be read: {error}", table.database_name, table.name));
        if !delta.verify_deltatable_existence().await.unwrap_or(false) {
            return Ok(None);
        }
        delta.load().await.map_err(broken)?;
        let state = delta.snapshot().map_err(broken)?;
        let schema = state.snapshot().arrow_schema();
        let keys = state.metadata().partition_columns().to_vec();
        let field = |field: &FieldRef| Arc::new(Field::new(field.name().to_lowercase(), field.data_type().clone(), true));
        let columns: Vec<FieldRef> = schema.fields().iter().filter(|field| !keys.contains(field.name())).map(field).collect();
        let partitions: Option<Vec<FieldRef>> = keys.iter().map(|key| schema.field_with_name(key).ok().map(|found| field(&Arc::new(found.clone())))).collect();
        let partitions = partitions.ok_or_else(|| Failure::user(format!("DELTA_LAKE_INVALID_SCHEMA: a partition column of {} is not in its schema", table.name)))?;
        let names = schema.fields().iter().filter_map(|field| Some((field.name().to_lowercase(), field.metadata().get("delta.columnMapping.physicalName")?.clone()))).collect();
        Ok(Some(Self { delta, location, columns: Arc::new(Schema::new(columns)), partitions, names }))
    }

    /// The columns as Glue describes them: those of the files, and those of the partitions.
    pub(crate) fn describe(&self) -> (Vec<Column>, Vec<Column>) {
        let column = |field: &FieldRef| Column { name: field.name().clone(), kind: hive_type(field.data_type()), ..Column::default() };
        (self.columns.fields().iter().map(column).collect(), self.partitions.iter().map(column).collect())
    }

    /// The partitions that have live files, as SHOW PARTITIONS prints them.
    pub(crate) async fn partitions(&self) -> Result<Vec<String>, Failure> {
        let broken = |error: deltalake::DeltaTableError| Failure::user(format!("DELTA_LAKE_BAD_DATA: the live files of {} cannot be read: {error}", self.location));
        let log_store = self.delta.log_store();
        let views: Vec<_> = self.delta.snapshot().map_err(broken)?.snapshot().file_views(log_store.as_ref(), None).try_collect().await.map_err(broken)?;
        let line = |values: &HashMap<String, Option<String>>| {
            let value = |field: &FieldRef| values.iter().find(|(key, _)| self.is_named(field.name(), key)).and_then(|(_, value)| value.clone());
            let parts = self.partitions.iter().map(|field| format!("{}={}", field.name(), value(field).as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__")));
            parts.collect::<Vec<_>>().join("/")
        };
        let lines: BTreeSet<String> = views.iter().map(|view| line(&view.partition_values_map())).collect();
        Ok(lines.into_iter().collect())
    }

    /// The table for a query: its live files.
    pub(crate) async fn table(self) -> Result<LakeTable, Failure> {
        let broken = |error: deltalake::DeltaTableError| Failure::user(format!("DELTA_LAKE_BAD_DATA: the live files of {} cannot be read: {error}", self.location));
        let log_store = self.delta.log_store();
        let state = self.delta.snapshot().map_err(broken)?;
        let views: Vec<_> = state.snapshot().file_views(log_store.as_ref(), None).try_collect().await.map_err(broken)?;
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
        Ok(LakeTable::new(self.columns, self.partitions, Format::Parquet(self.names), files))
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
            let find = |values: &serde_json::Map<String, Value>| values.iter().find(|(name, _)| self.is_named(field.name(), name)).and_then(|(_, value)| bound(value, field.data_type()));
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
        (Value::Number(number), DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal128(_, _)) => number.to_string(),
        _ => return None,
    };
    ScalarValue::try_from_string(text, kind).ok()
}

/// A greatest value, not less than what was cut off it: a time's digits below the millisecond, a text's end.
fn widen(value: ScalarValue) -> Option<ScalarValue> {
    match value {
        ScalarValue::TimestampMicrosecond(Some(micros), zone) => Some(ScalarValue::TimestampMicrosecond(Some(micros.checked_add(999)?), zone)),
        // Whoever cuts a text makes its greatest value greater; one at the limit might come from one who does not.
        ScalarValue::Utf8(Some(text)) if text.chars().count() >= 32 => None,
        other => Some(other),
    }
}
