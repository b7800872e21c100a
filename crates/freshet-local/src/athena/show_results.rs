//! What SHOW and DESCRIBE answer: lines of text, laid out as Hive does.

use std::collections::BTreeMap;

use super::catalogue::{Column, Partition, Table};
use super::columns::columns_of;
use super::execution::ResultColumn;
use super::failure::Failure;
use super::session::{CATALOG, Engine};
use super::show::{Show, fits};
use super::statement::Name;
use super::view::View;

/// Lines and the columns that they are told as.
pub(crate) type Lines = (Vec<String>, Vec<ResultColumn>);

/// The table that a name means, in a database that names without one mean.
pub(crate) fn find(engine: &Engine, name: &Name, database: &str) -> Result<Table, Failure> {
    let database = name.database.as_deref().unwrap_or(database);
    if engine.catalogue.database(database).is_none() {
        return Err(Failure::missing(format!("SCHEMA_NOT_FOUND: Schema '{database}' does not exist")));
    }
    engine
        .catalogue
        .table(database, &name.table)
        .ok_or_else(|| Failure::missing(format!("TABLE_NOT_FOUND: Table '{CATALOG}.{database}.{}' does not exist", name.table)))
}

/// Answers SHOW.
pub(crate) async fn show(engine: &Engine, show: &Show, database: &str) -> Result<Lines, Failure> {
    let one = |name: &str| vec![ResultColumn::text(name)];
    let fit = |pattern: &Option<String>, name: &str| pattern.as_ref().is_none_or(|pattern| fits(pattern, name));
    let known = |name: &Option<String>| {
        let name = name.as_deref().unwrap_or(database).to_owned();
        if engine.catalogue.database(&name).is_some() {
            Ok(name)
        } else {
            Err(Failure::missing(format!("SCHEMA_NOT_FOUND: Schema '{name}' does not exist")))
        }
    };
    Ok(match show {
        Show::Databases { pattern } => {
            let names = engine.catalogue.databases().into_iter().map(|database| database.name).filter(|name| fit(pattern, name));
            (names.collect(), one("database_name"))
        }
        Show::Tables { database, pattern } => {
            let names = engine.catalogue.tables(&known(database)?).into_iter().map(|table| table.name).filter(|name| fit(pattern, name));
            (names.collect(), one("tab_name"))
        }
        Show::Views { database, pattern } => {
            let views = engine
                .catalogue
                .tables(&known(database)?)
                .into_iter()
                .filter(Table::is_view)
                .map(|table| table.name)
                .filter(|name| fit(pattern, name));
            (views.collect(), one("views"))
        }
        Show::Columns { name } => {
            let (columns, keys) = columns_of(engine, &find(engine, name, database)?).await;
            // Hive pads each name to twenty signs and one.
            (columns.iter().chain(&keys).map(|column| format!("{:<20}", column.name)).collect(), one("field"))
        }
        Show::Partitions { name, partition } => {
            let table = find(engine, name, database)?;
            let lines = partitions(engine, &table).await?;
            let wanted: Vec<String> = partition.iter().flatten().map(|(column, value)| format!("{column}={value}")).collect();
            let lines = lines.into_iter().filter(|line| wanted.iter().all(|part| line.split('/').any(|found| found == part)));
            (lines.collect(), one("partition"))
        }
        Show::CreateTable { name } => {
            let table = find(engine, name, database)?;
            if table.is_view() {
                return Err(Failure::user(format!("Relation {} is a view, not a table", name.table)));
            }
            let (columns, keys) = columns_of(engine, &table).await;
            (create_table(&table, &columns, &keys), one("createtab_stmt"))
        }
        Show::CreateView { name } => {
            let table = find(engine, name, database)?;
            if !table.is_view() {
                return Err(Failure::user(format!("Relation '{CATALOG}.{}.{}' is a table, not a view", table.database_name, table.name)));
            }
            let view = View::of(&table)?;
            let text = format!("CREATE VIEW {}.{} AS\n{}", table.database_name, table.name, view.sql);
            (text.lines().map(str::to_owned).collect(), one("Create View"))
        }
        Show::Properties { name, key } => {
            let table = find(engine, name, database)?;
            let lines = match key {
                Some(key) => vec![
                    table.parameters.get(key).map_or_else(|| format!("Table {} does not have property: {key}", table.name), Clone::clone),
                ],
                None => table.parameters.iter().map(|(key, value)| format!("{key}\t{value}")).collect(),
            };
            (lines, vec![ResultColumn::text("prpt_name"), ResultColumn::text("prpt_value")])
        }
    })
}

async fn partitions(engine: &Engine, table: &Table) -> Result<Vec<String>, Failure> {
    if table.is_delta() {
        let snapshot = engine.deltas.load(&engine.buckets, table).await?;
        return Ok(snapshot.map(|snapshot| snapshot.lines.iter().cloned().collect()).unwrap_or_default());
    }
    if table.partition_keys.is_empty() {
        return Err(Failure::user(format!(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. Table {} is not a partitioned table",
            table.name
        )));
    }
    let line = |partition: &Partition| {
        table.partition_keys.iter().zip(&partition.values).map(|(key, value)| format!("{}={value}", key.name)).collect::<Vec<_>>().join("/")
    };
    Ok(engine.catalogue.partitions(&table.database_name, &table.name).values().map(line).collect())
}

/// A line of DESCRIBE: three texts, padded, with tabs between them.
fn described(column: &Column) -> String {
    format!("{:<20}\t{:<20}\t{:<20}", column.name, column.kind, column.comment.as_deref().unwrap_or_default())
}

/// Answers DESCRIBE.
pub(crate) async fn describe(
    engine: &Engine,
    name: &Name,
    column: Option<&str>,
    is_formatted: bool,
    database: &str,
) -> Result<Lines, Failure> {
    let table = find(engine, name, database)?;
    let (columns, keys) = columns_of(engine, &table).await;
    let mut lines: Vec<String> = Vec::new();
    if let Some(wanted) = column {
        let found = columns.iter().chain(&keys).find(|column| column.name.eq_ignore_ascii_case(wanted));
        lines.push(described(found.ok_or_else(|| Failure::user(format!("COLUMN_NOT_FOUND: Column '{wanted}' cannot be resolved")))?));
        return Ok((lines, description()));
    }
    if is_formatted {
        lines.push(format!("{:<20}\t{:<20}\t{:<20}", "# col_name", "data_type", "comment"));
        lines.push(format!("{:<20}\t{:<20}\t{:<20}", "", "", ""));
    }
    lines.extend(columns.iter().map(described));
    if !is_formatted {
        lines.extend(keys.iter().map(described));
    }
    if !keys.is_empty() {
        let blank = format!("{:<20}\t{:<20}\t{:<20}", "", "", "");
        lines.extend([
            blank.clone(),
            format!("{:<20}\t{:<20}\t{:<20}", "# Partition Information", "", ""),
            format!("{:<20}\t{:<20}\t{:<20}", "# col_name", "data_type", "comment"),
            blank,
        ]);
        lines.extend(keys.iter().map(described));
    }
    if is_formatted {
        lines.extend(details(&table));
    }
    Ok((lines, description()))
}

fn description() -> Vec<ResultColumn> {
    ["col_name", "data_type", "comment"].into_iter().map(ResultColumn::text).collect()
}

fn details(table: &Table) -> Vec<String> {
    let line = |name: &str, value: &str| format!("{name:<20}\t{value:<20}\t{:<20}", "");
    let mut lines = vec![
        line("", ""),
        line("# Detailed Table Information", ""),
        line("Database:", &table.database_name),
        line("Location:", table.location()),
        line("Table Type:", table.table_type.as_deref().unwrap_or_default()),
        line("Table Parameters:", ""),
    ];
    lines.extend(table.parameters.iter().map(|(key, value)| format!("\t{key:<20}\t{value:<20}")));
    lines.extend([
        line("# Storage Information", ""),
        line("SerDe Library:", table.storage_descriptor.serde_info.serialization_library.as_deref().unwrap_or_default()),
        line("InputFormat:", table.storage_descriptor.input_format.as_deref().unwrap_or_default()),
        line("OutputFormat:", table.storage_descriptor.output_format.as_deref().unwrap_or_default()),
    ]);
    lines
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn create_table(table: &Table, columns: &[Column], keys: &[Column]) -> Vec<String> {
    let column_lines = |columns: &[Column], end: &str| {
        let last = columns.len().saturating_sub(1);
        let comment = |column: &Column| column.comment.as_ref().map_or_else(String::new, |comment| format!(" COMMENT {}", text(comment)));
        columns
            .iter()
            .enumerate()
            .map(|(place, column)| {
                format!("  `{}` {}{}{}", column.name, column.kind, comment(column), if place == last { end } else { ", " })
            })
            .collect::<Vec<_>>()
    };
    let property_lines = |pairs: &BTreeMap<String, String>| {
        let last = pairs.len().saturating_sub(1);
        pairs
            .iter()
            .enumerate()
            .map(|(place, (key, value))| format!("  {}={}{}", text(key), text(value), if place == last { ")" } else { ", " }))
            .collect::<Vec<_>>()
    };
    let mut lines = vec![format!("CREATE EXTERNAL TABLE `{}.{}`(", table.database_name, table.name)];
    lines.extend(column_lines(columns, ")"));
    if !keys.is_empty() {
        lines.push("PARTITIONED BY ( ".to_owned());
        lines.extend(column_lines(keys, ")"));
    }
    let storage = &table.storage_descriptor;
    if let Some(library) = &storage.serde_info.serialization_library {
        lines.extend(["ROW FORMAT SERDE ".to_owned(), format!("  {} ", text(library))]);
        if !storage.serde_info.parameters.is_empty() {
            lines.push("WITH SERDEPROPERTIES ( ".to_owned());
            lines.extend(property_lines(&storage.serde_info.parameters));
        }
    }
    if let (Some(input), Some(output)) = (&storage.input_format, &storage.output_format) {
        lines.extend([
            "STORED AS INPUTFORMAT ".to_owned(),
            format!("  {} ", text(input)),
            "OUTPUTFORMAT ".to_owned(),
            format!("  {}", text(output)),
        ]);
    }
    lines.extend(["LOCATION".to_owned(), format!("  {}", text(table.location()))]);
    if !table.parameters.is_empty() {
        lines.push("TBLPROPERTIES (".to_owned());
        lines.extend(property_lines(&table.parameters));
    }
    lines
}
