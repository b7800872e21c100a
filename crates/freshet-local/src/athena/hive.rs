//! Plain tables as DataFusion reads them: Parquet, JSON lines and separated values in a folder, or in the folders of the
//! catalogue's partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::config::CsvOptions;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;

use super::catalogue::{Catalogue, Column, Table};
use super::failure::Failure;
use super::hive_type::arrow_type;
use super::lake_table::{Format, LakeFile, LakeTable, partition_value};
use super::location::Location;
use crate::buckets::Buckets;

/// A regular expression that nothing fits: `OpenCSVSerde` has no NULL.
const NO_NULL: &str = r"[^\s\S]";

/// The table for a query.
pub(crate) async fn table(catalogue: &Catalogue, buckets: &Buckets, table: &Table) -> Result<LakeTable, Failure> {
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
    Ok(LakeTable::new(Arc::new(Schema::new(columns)), keys, format, files))
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
    let mut options = CsvOptions {
        has_header: Some(header == "1"),
        newlines_in_values: Some(is_open_csv),
        truncated_rows: Some(true),
        ..CsvOptions::default()
    };
    if is_open_csv {
        options.delimiter = sign(&["separatorChar"], b',');
        options.quote = sign(&["quoteChar"], b'"');
        options.escape = Some(sign(&["escapeChar"], b'\\')).filter(|escape| *escape != options.quote);
        options.null_regex = Some(NO_NULL.to_owned());
    } else {
        options.delimiter = sign(&["field.delim", "serialization.format"], 1);
        // No quotes: a sign that no text has.
        options.quote = 0;
        options.escape = properties.get("escape.delim").and_then(|text| text.bytes().next());
        // The reader takes an empty value for NULL and nothing else: no other sign is read, rather than read wrongly.
        let null = properties.get("serialization.null.format").map_or(r"\N", String::as_str);
        if !null.is_empty() {
            let message = format!("separated values whose NULL is {null}, in table {}: declare NULL DEFINED AS ''", table.name);
            return Err(Failure::not_supported(&message));
        }
    }
    Ok(options)
}
