//! Plain tables as DataFusion reads them: Parquet, JSON lines and separated values in a folder, or in the folders of the
//! catalogue's partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::config::CsvOptions;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::functions::core::expr_fn::{coalesce, nullif};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit, try_cast};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;

use super::catalogue::{Catalogue, Column, Table};
use super::failure::Failure;
use super::hive_type::arrow_type;
use super::lake_table::{Format, LakeFile, LakeTable, partition_value};
use super::location::Location;
use crate::buckets::Buckets;

/// The table for a query.
pub(crate) async fn table(catalogue: &Catalogue, buckets: &Buckets, table: &Table) -> Result<Arc<dyn TableProvider>, Failure> {
    if table.parameters.get("projection.enabled").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(Failure::not_supported(&format!(
            "partition projection, which table {} has; register its partitions instead",
            table.name
        )));
    }
    let columns = fields(&table.storage_descriptor.columns)?;
    let keys = fields(&table.partition_keys)?;
    let format = format(table)?;
    let mut files = Vec::new();
    if keys.is_empty() {
        let location = Location::parse(table.location())?;
        files.extend(list(buckets, &location).await?.into_iter().map(|meta| file(&location, meta, Vec::new())));
    } else {
        for partition in catalogue.partitions(&table.database_name, &table.name).into_values() {
            let location = Location::parse(partition.storage_descriptor.location.as_deref().unwrap_or_default())?;
            let values: Vec<ScalarValue> =
                keys.iter().zip(&partition.values).map(|(field, value)| partition_value(Some(value), field)).collect::<Result<_, _>>()?;
            files.extend(list(buckets, &location).await?.into_iter().map(|meta| file(&location, meta, values.clone())));
        }
    }
    match format {
        Format::Parquet(_) | Format::Json => Ok(Arc::new(LakeTable::new(Arc::new(Schema::new(columns)), keys, format, files))),
        Format::Csv(_) => separated(table, &columns, keys, format, files),
    }
}

/// Separated values as the row format means them. The reader takes an empty text for NULL and knows no sign for it; so texts
/// are read, and NULL and values are made of them here: `OpenCSVSerde` has no NULL in a text, `LazySimpleSerDe` writes `\N`, and
/// gives NULL for what is no value of its column's type.
fn separated(
    table: &Table,
    columns: &[FieldRef],
    keys: Vec<FieldRef>,
    format: Format,
    files: Vec<LakeFile>,
) -> Result<Arc<dyn TableProvider>, Failure> {
    let serde = &table.storage_descriptor.serde_info;
    let is_lazy = serde.serialization_library.as_deref().is_some_and(|library| library.ends_with("LazySimpleSerDe"));
    if let Some(nested) = columns.iter().find(|column| column.data_type().is_nested()) {
        return Err(Failure::not_supported(&format!("column {} of table {}: nested types in separated values", nested.name(), table.name)));
    }
    let null = serde.parameters.get("serialization.null.format").map_or(r"\N", String::as_str);
    let as_text = |column: &FieldRef| if is_lazy { Arc::new(Field::new(column.name(), DataType::Utf8, true)) } else { Arc::clone(column) };
    let raw = LakeTable::new(Arc::new(Schema::new(columns.iter().map(as_text).collect::<Vec<_>>())), keys, format, files);
    let scan = LogicalPlanBuilder::scan(table.name.as_str(), provider_as_source(Arc::new(raw)), None)?.build()?;
    let mut values: Vec<Expr> = scan.schema().columns().into_iter().map(Expr::Column).collect();
    for (value, column) in values.iter_mut().zip(columns) {
        let text = coalesce(vec![value.clone(), lit("")]);
        *value = match (is_lazy, column.data_type()) {
            (true, DataType::Utf8) => nullif(text, lit(null)),
            (true, kind) => try_cast(value.clone(), kind.clone()),
            (false, DataType::Utf8) => text,
            (false, _) => value.clone(),
        }
        .alias(column.name());
    }
    Ok(Arc::new(ViewTable::new(LogicalPlanBuilder::from(scan).project(values)?.build()?, None)))
}

/// The objects of a folder that hold rows: no hidden ones and no empty ones.
pub(crate) async fn list(buckets: &Buckets, location: &Location) -> Result<Vec<ObjectMeta>, Failure> {
    let path = location.path()?;
    let prefix = (!location.key.is_empty()).then_some(&path);
    let found = buckets.get(&location.bucket).list(prefix).try_filter(|meta| {
        let below = meta.location.as_ref().get(location.key.len()..).unwrap_or_default();
        let is_hidden = below.split('/').any(|part| part.starts_with('_') || part.starts_with('.'));
        futures::future::ready(meta.size > 0 && !is_hidden)
    });
    let mut found: Vec<ObjectMeta> = found.boxed().try_collect().await?;
    found.sort_by(|one, other| one.location.cmp(&other.location));
    Ok(found)
}

fn file(location: &Location, meta: ObjectMeta, partition: Vec<ScalarValue>) -> LakeFile {
    LakeFile { bucket: location.bucket.clone(), meta, partition, rows: None, bounds: None }
}

/// Columns as Arrow's fields.
pub(crate) fn fields(columns: &[Column]) -> Result<Vec<FieldRef>, Failure> {
    let field = |column: &Column| {
        let kind =
            arrow_type(&column.kind).ok_or_else(|| Failure::not_supported(&format!("type {} of column {}", column.kind, column.name)))?;
        Ok(Arc::new(Field::new(column.name.to_lowercase(), kind, true)))
    };
    columns.iter().map(field).collect()
}

fn format(table: &Table) -> Result<Format, Failure> {
    let library = table.storage_descriptor.serde_info.serialization_library.as_deref().unwrap_or_default();
    let input = table.storage_descriptor.input_format.as_deref().unwrap_or_default();
    if library.ends_with("ParquetHiveSerDe") || input.ends_with("MapredParquetInputFormat") {
        return Ok(Format::Parquet(BTreeMap::new()));
    }
    if library.ends_with(".JsonSerDe") {
        return Ok(Format::Json);
    }
    if library.ends_with("OpenCSVSerde") || library.ends_with("LazySimpleSerDe") {
        return Ok(Format::Csv(Box::new(csv_options(table, library.ends_with("OpenCSVSerde"))?)));
    }
    Err(Failure::not_supported(&format!("the row format {library} of table {}", table.name)))
}

fn csv_options(table: &Table, is_open_csv: bool) -> Result<CsvOptions, Failure> {
    let properties = &table.storage_descriptor.serde_info.parameters;
    let sign = |keys: &[&str], otherwise: u8| {
        keys.iter().find_map(|key| properties.get(*key)).and_then(|text| text.bytes().next()).unwrap_or(otherwise)
    };
    let header =
        table.parameters.get("skip.header.line.count").or_else(|| properties.get("skip.header.line.count")).map_or("0", String::as_str);
    if !matches!(header, "0" | "1") {
        return Err(Failure::not_supported(&format!("skip.header.line.count of {header}")));
    }
    let mut options = CsvOptions { has_header: Some(header == "1"), newlines_in_values: Some(is_open_csv), ..CsvOptions::default() };
    if is_open_csv {
        options.delimiter = sign(&["separatorChar"], b',');
        options.quote = sign(&["quoteChar"], b'"');
        options.escape = Some(sign(&["escapeChar"], b'\\')).filter(|escape| *escape != options.quote);
    } else {
        options.delimiter = sign(&["field.delim", "serialization.format"], 1);
        // No quotes: a sign that no text has.
        options.quote = 0;
        options.escape = properties.get("escape.delim").and_then(|text| text.bytes().next());
    }
    Ok(options)
}
