//! CREATE TABLE AS, INSERT INTO and UNLOAD: a query's rows into files, a manifest of them, and the catalogue told.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::scalar::ScalarValue;

use super::alter_table::partition_at;
use super::catalogue::{Column, Table, partition_key};
use super::create::Properties;
use super::define::{hive_columns, parquet_storage};
use super::execution::{Execution, Outcome, ResultColumn};
use super::failure::Failure;
use super::files::{FileFormat, Files, Target, Written};
use super::hive::{fields, list};
use super::location::Location;
use super::query::Run;
use super::session::{CATALOG, Engine, Session};
use super::statement::Name;

/// What the three statements share.
pub(crate) struct Writing<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) session: &'a Session,
    pub(crate) execution: &'a Execution,
    pub(crate) cutoff: Option<u64>,
    pub(crate) database: &'a str,
}

impl Writing<'_> {
    async fn rows(&self, plan: &LogicalPlan, target: Target) -> Result<(Vec<Written>, u64, u64), Failure> {
        let fields: Vec<FieldRef> = plan.schema().fields().iter().cloned().collect();
        let mut files = Files::new(target, self.engine.buckets.clone());
        let mut run = Run::begin(self.session, plan, self.cutoff).await?;
        while let Some(batch) = run.next().await? {
            files.write(&batch, &fields).await?;
        }
        let scanned = run.scanned();
        let (written, rows) = files.finish().await?;
        Ok((written, rows, scanned))
    }

    /// Writes the list of files beside the result, and answers where.
    async fn outcome(&self, written: &[Written], rows: u64, scanned: u64) -> Result<Outcome, Failure> {
        let mut manifest = None;
        if let Some(output) = &self.execution.output {
            let place = Location::parse(&format!("{output}-manifest.csv"))?;
            let lines: String = written.iter().flat_map(|file| [file.location.to_string(), "\n".to_owned()]).collect();
            let store = self.engine.buckets.get(&place.bucket);
            object_store::ObjectStoreExt::put(&store, &place.path()?, lines.into_bytes().into()).await?;
            manifest = Some(place.to_string());
        }
        Ok(Outcome { columns: vec![ResultColumn::rows()], update_count: Some(rows), scanned, manifest, reused: None })
    }

    async fn expect_empty(&self, location: &Location) -> Result<(), Failure> {
        if list(&self.engine.buckets, location).await?.is_empty() {
            return Ok(());
        }
        Err(Failure::user(format!(
            "HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: {location}. You may need to manually clean the data at location '{location}' before retrying. Athena will not delete data in your account."
        )))
    }
}

fn property<'a>(properties: &'a Properties, key: &str) -> Option<&'a str> {
    properties.get(key).and_then(|values| values.first()).map(String::as_str)
}

/// The format that WITH (…) asks for.
fn format(properties: &Properties) -> Result<FileFormat, Failure> {
    let name = property(properties, "format").unwrap_or("PARQUET");
    let compression = ["write_compression", "compression", "parquet_compression"].into_iter().find_map(|key| property(properties, key));
    FileFormat::of(name, compression, property(properties, "field_delimiter"))
}

/// The columns of the files and those of the partitions, which must be the last.
fn split(columns: Vec<Column>, partitioned_by: &[String]) -> Result<(Vec<Column>, Vec<Column>), Failure> {
    let first = columns.len().checked_sub(partitioned_by.len()).filter(|first| *first > 0);
    let are_last =
        first.is_some_and(|first| columns[first..].iter().zip(partitioned_by).all(|(column, key)| column.name.eq_ignore_ascii_case(key)));
    let (Some(first), true) = (first, are_last) else {
        return Err(Failure::user(format!(
            "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table and in the same order as the table properties: [{}]",
            partitioned_by.join(", ")
        )));
    };
    let mut columns = columns;
    let keys = columns.split_off(first);
    Ok((columns, keys))
}

/// CREATE TABLE AS.
pub(crate) async fn create_table_as(
    writing: &Writing<'_>,
    name: &Name,
    if_not_exists: bool,
    properties: &Properties,
    query: &str,
    with_data: bool,
    is_enforced: bool,
) -> Result<Outcome, Failure> {
    const KNOWN: [&str; 12] = [
        "format",
        "external_location",
        "partitioned_by",
        "write_compression",
        "parquet_compression",
        "compression",
        "bucketed_by",
        "bucket_count",
        "table_type",
        "is_external",
        "field_delimiter",
        "location",
    ];
    let engine = writing.engine;
    let database = name.database.as_deref().unwrap_or(writing.database);
    if engine.catalogue.database(database).is_none() {
        return Err(Failure::missing(format!("SCHEMA_NOT_FOUND: line 1:1: Schema {database} not found")));
    }
    if engine.catalogue.table(database, &name.table).is_some() {
        return if if_not_exists {
            writing.outcome(&[], 0, 0).await
        } else {
            Err(Failure::exists(format!("TABLE_ALREADY_EXISTS: line 1:1: Table '{CATALOG}.{database}.{}' already exists", name.table)))
        };
    }
    if let Some(unknown) = properties.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(Failure::user(format!(
            "INVALID_TABLE_PROPERTY: line 1:1: Catalog '{CATALOG}' table property '{unknown}' does not exist"
        )));
    }
    match property(properties, "table_type").map(str::to_lowercase).as_deref() {
        None | Some("hive") => {}
        Some("delta") => return Err(Failure::not_supported("CREATE TABLE AS SELECT is not supported for Delta Lake tables")),
        Some(other) => return Err(Failure::not_supported(&format!("CREATE TABLE AS SELECT with table_type {other}"))),
    }
    if properties.contains_key("bucketed_by") {
        return Err(Failure::not_supported("bucketed_by"));
    }
    if is_enforced && properties.contains_key("external_location") {
        return Err(Failure::user(
            "The Create Table As Select query failed because it was submitted with an 'external_location' property to an Athena Workgroup that enforces a centralized output location for all queries. Please remove the 'external_location' property and resubmit the query.",
        ));
    }
    let format = format(properties)?;
    let location = property(properties, "external_location").map(str::to_owned).or_else(|| writing.execution.output.clone());
    let location = Location::parse(
        &location.ok_or_else(|| Failure::user("CREATE TABLE AS SELECT in a workgroup with managed results needs an external_location"))?,
    )?;
    writing.expect_empty(&location).await?;
    let plan = writing.session.plan(query, &writing.execution.parameters).await?;
    let (columns, keys) = split(hive_columns(&plan)?, properties.get("partitioned_by").map_or(&[][..], Vec::as_slice))?;
    let target = Target { location: location.clone(), format: format.clone(), columns: fields(&columns)?, partitions: fields(&keys)? };
    let mut storage = parquet_storage(columns, format!("{location}/"));
    let classification = lay_out(&mut storage, &format);
    let parameters = [("EXTERNAL", "TRUE"), ("has_encrypted_data", "false"), ("classification", classification)];
    let table = Table {
        name: name.table.clone(),
        database_name: database.to_owned(),
        storage_descriptor: storage,
        partition_keys: keys,
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        parameters: parameters.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        ..Table::default()
    };
    let (written, rows, scanned) = if with_data { writing.rows(&plan, target).await? } else { (Vec::new(), 0, 0) };
    engine.catalogue.create_table(table.clone())?;
    register(engine, &table, &written)?;
    writing.outcome(&written, rows, scanned).await
}

/// Sets the row format of a table that is not Parquet, and answers its classification.
fn lay_out(storage: &mut super::catalogue::Storage, format: &FileFormat) -> &'static str {
    let (library, classification) = match format {
        FileFormat::Parquet(_) => return "parquet",
        FileFormat::Json => ("org.apache.hive.hcatalog.data.JsonSerDe", "json"),
        FileFormat::Text(delimiter) => {
            storage.serde_info.parameters.insert("field.delim".to_owned(), delimiter.to_string());
            ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", "csv")
        }
    };
    storage.serde_info.serialization_library = Some(library.to_owned());
    storage.input_format = Some("org.apache.hadoop.mapred.TextInputFormat".to_owned());
    storage.output_format = Some("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat".to_owned());
    classification
}

/// Makes the partitions of written files known.
fn register(engine: &Engine, table: &Table, written: &[Written]) -> Result<(), Failure> {
    if table.partition_keys.is_empty() || written.is_empty() {
        return Ok(());
    }
    engine.catalogue.change_partitions(&table.database_name, &table.name, |there| {
        for file in written {
            let values: Vec<String> = file
                .values
                .iter()
                .map(|value| if value.is_empty() { "__HIVE_DEFAULT_PARTITION__".to_owned() } else { value.clone() })
                .collect();
            let folder = file.location.key.rsplit_once('/').map(|(folder, _)| format!("s3://{}/{folder}/", file.location.bucket));
            there.entry(partition_key(&values)).or_insert_with(|| partition_at(table, values, folder));
        }
        Ok(())
    })
}

/// INSERT INTO.
pub(crate) async fn insert(writing: &Writing<'_>, table: Table, columns: &[String], query: &str) -> Result<Outcome, Failure> {
    let library = table.storage_descriptor.serde_info.serialization_library.clone().unwrap_or_default();
    let format = if library.ends_with("ParquetHiveSerDe") {
        FileFormat::Parquet(parquet::basic::Compression::SNAPPY)
    } else if library.ends_with(".JsonSerDe") {
        FileFormat::Json
    } else if library.ends_with("LazySimpleSerDe") {
        FileFormat::Text(
            table.storage_descriptor.serde_info.parameters.get("field.delim").and_then(|text| text.chars().next()).unwrap_or('\u{1}'),
        )
    } else {
        return Err(Failure::not_supported(&format!("INSERT INTO a table with the row format {library}")));
    };
    let plan = writing.session.plan(query, &writing.execution.parameters).await?;
    let all: Vec<Column> = table.storage_descriptor.columns.iter().chain(&table.partition_keys).cloned().collect();
    let plan = arrange(plan, &table, &all, columns)?;
    let target = Target {
        location: Location::parse(table.location())?,
        format,
        columns: fields(&table.storage_descriptor.columns)?,
        partitions: fields(&table.partition_keys)?,
    };
    let (written, rows, scanned) = writing.rows(&plan, target).await?;
    register(writing.engine, &table, &written)?;
    writing.outcome(&written, rows, scanned).await
}

/// The query's columns in the order of the table's; what the list leaves out is NULL.
fn arrange(plan: LogicalPlan, table: &Table, all: &[Column], named: &[String]) -> Result<LogicalPlan, Failure> {
    let named: Vec<String> = if named.is_empty() { all.iter().map(|column| column.name.clone()).collect() } else { named.to_vec() };
    if let Some(unknown) = named.iter().find(|name| !all.iter().any(|column| column.name == **name)) {
        return Err(Failure::user(format!("COLUMN_NOT_FOUND: line 1:1: Insert column name does not exist in target table: {unknown}")));
    }
    let given: Vec<_> = plan.schema().columns();
    let kinds: Vec<Option<String>> = plan
        .schema()
        .fields()
        .iter()
        .map(|field| if field.data_type() == &DataType::Null { Some("null".to_owned()) } else { freshet_dialect::hive_type(field) })
        .collect();
    let wanted: Vec<&Column> = named.iter().filter_map(|name| all.iter().find(|column| column.name == *name)).collect();
    let fit = given.len() == wanted.len()
        && kinds.iter().zip(&wanted).all(|(kind, column)| kind.as_ref().is_some_and(|kind| is_coercible(kind, &column.kind)));
    if !fit {
        let list = |kinds: Vec<String>| kinds.join(", ");
        let tables = list(wanted.iter().map(|column| super::hive_type::trino_type(&column.kind)).collect());
        let queries = list(
            kinds
                .iter()
                .map(|kind| kind.as_deref().map_or_else(|| "timestamp with time zone".to_owned(), super::hive_type::trino_type))
                .collect(),
        );
        return Err(Failure::user(format!(
            "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: Table: [{tables}], Query: [{queries}] ('{}')",
            table.name
        )));
    }
    let expression = |column: &Column| {
        let place = named.iter().position(|name| *name == column.name);
        place.map_or_else(|| lit(ScalarValue::Null), |place| Expr::Column(given[place].clone())).alias(column.name.clone())
    };
    let expressions: Vec<Expr> = all.iter().map(expression).collect();
    Ok(LogicalPlanBuilder::from(plan).project(expressions)?.build()?)
}

/// Whether Trino puts a value of one type into a column of another without a cast.
fn is_coercible(from: &str, to: &str) -> bool {
    const NUMBERS: [&str; 6] = ["tinyint", "smallint", "int", "bigint", "float", "double"];
    let head = |kind: &str| kind.split(['(', '<']).next().unwrap_or_default().to_owned();
    let (from_head, to_head) = (head(from), head(to));
    let is_text = |head: &str| matches!(head, "string" | "varchar" | "char");
    let rank = |head: &str| NUMBERS.iter().position(|number| *number == head);
    from == "null"
        || from_head == to_head
        || (is_text(&from_head) && is_text(&to_head))
        || rank(&from_head).zip(rank(&to_head)).is_some_and(|(from, to)| from <= to)
        || (from_head == "decimal" && matches!(to_head.as_str(), "float" | "double"))
        || (to_head == "decimal" && rank(&from_head).is_some_and(|rank| rank < 4))
        || (from_head == "date" && to_head == "timestamp")
}

/// UNLOAD.
pub(crate) async fn unload(writing: &Writing<'_>, query: &str, to: &str, properties: &Properties) -> Result<Outcome, Failure> {
    let location = Location::parse(to)?;
    if !properties.contains_key("format") {
        return Err(Failure::user("INVALID_PROPERTY: UNLOAD needs a format in WITH (…)"));
    }
    let format = format(properties)?;
    writing.expect_empty(&location).await?;
    let plan = writing.session.plan(query, &writing.execution.parameters).await?;
    let columns = unloaded_columns(&plan)?;
    let (columns, keys) = split(columns, properties.get("partitioned_by").map_or(&[][..], Vec::as_slice))?;
    let target = Target { location, format, columns: fields(&columns)?, partitions: fields(&keys)? };
    let (written, rows, scanned) = writing.rows(&plan, target).await?;
    writing.outcome(&written, rows, scanned).await
}

/// UNLOAD takes columns without a name (`_col0`), and names twice.
fn unloaded_columns(plan: &LogicalPlan) -> Result<Vec<Column>, Failure> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut columns = Vec::new();
    for (column, field) in super::query::columns(plan).into_iter().zip(plan.schema().fields()) {
        let kind = freshet_dialect::hive_type(field)
            .ok_or_else(|| Failure::user(format!("NOT_SUPPORTED: Unsupported Hive type: {}", column.kind)))?;
        let times = seen.entry(column.name.clone()).or_default();
        let name = if *times == 0 { column.name.clone() } else { format!("{}_{times}", column.name) };
        *times += 1;
        columns.push(Column { name, kind, ..Column::default() });
    }
    Ok(columns)
}
