//! Statements with the types and rows that Athena gives, of every family; and the parameters and names of a plan.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider};
use datafusion::prelude::SessionContext;
use freshet_dialect::{Printer, context, explain, hive_type, output, plan, supported};

fn session() -> SessionContext {
    let session = context(1 << 28).unwrap();
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema("default", Arc::new(MemorySchemaProvider::new())).unwrap();
    session.register_catalog("awsdatacatalog", Arc::new(catalog));
    session
}

/// The types and rows of a statement as the cases write them.
async fn ask(session: &SessionContext, sql: &str, parameters: &[String]) -> Result<String, String> {
    let plan = plan(&session.state(), sql, parameters).await.map_err(|error| error.to_string())?;
    let fields: Vec<_> = plan.schema().fields().iter().cloned().collect();
    let kinds: Vec<String> = output(&plan).into_iter().map(|column| column.kind).collect();
    let batches = session
        .execute_logical_plan(plan)
        .await
        .map_err(|error| explain(&error).to_string())?
        .collect()
        .await
        .map_err(|error| explain(&error).to_string())?;
    let mut out = format!("> {}", kinds.join(" | "));
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = fields
                .iter()
                .zip(batch.columns())
                .map(|(field, column)| Printer::new(field).text(column, row).map_or_else(|| "NULL".to_owned(), Cow::into_owned))
                .collect();
            write!(out, "\n{}", cells.join(" | ")).unwrap();
        }
    }
    Ok(out)
}

#[tokio::test]
async fn statements_answer_as_athena_does() {
    let session = session();
    let mut failures = String::new();
    let mut count = 0;
    for case in include_str!("cases.txt").split("\n\n") {
        let lines: Vec<&str> = case.lines().filter(|line| !line.starts_with('#')).collect();
        let Some((sql, wanted)) = lines.split_first() else { continue };
        count += 1;
        let wanted = wanted.join("\n");
        let got = ask(&session, sql, &[]).await;
        let right = match (&got, wanted.strip_prefix("! ")) {
            (Ok(got), None) => *got == wanted,
            (Err(error), Some(code)) => error.starts_with(code),
            _ => false,
        };
        if !right {
            writeln!(failures, "{sql}\n  wanted {wanted}\n  got    {got:?}").unwrap();
        }
    }
    assert!(count > 60, "only {count} cases were read");
    assert!(failures.is_empty(), "{failures}");
}

#[tokio::test]
async fn parameters_are_literals_in_their_places() {
    let session = session();
    let sql = "SELECT x FROM (VALUES 1, 2, 3) t (x) WHERE x > ? AND 'a' = ? LIMIT 1";
    assert_eq!(ask(&session, sql, &["1".to_owned(), "'a'".to_owned()]).await.unwrap(), "> integer\n2");
    let count = ask(&session, sql, &["1".to_owned()]).await.unwrap_err();
    assert!(count.contains("expected 2 but found 1"), "{count}");
    let spliced = ask(&session, sql, &["1 OR true".to_owned(), "'a'".to_owned()]).await.unwrap_err();
    assert!(spliced.starts_with("INVALID_PARAMETER_USAGE"), "{spliced}");
    assert_eq!(ask(&session, "SELECT ?", &["'; DROP TABLE t --'".to_owned()]).await.unwrap(), "> varchar\n; DROP TABLE t --");
}

#[tokio::test]
async fn columns_are_named_and_typed_as_clients_are_told() {
    let session = session();
    let sql = "SELECT count(*), 1.5 AS Price, TIMESTAMP '2026-01-01 00:00:00 UTC' AS \"At\", 'abc', ARRAY['x'] AS a FROM (VALUES 1) t (x)";
    let plan = plan(&session.state(), sql, &[]).await.unwrap();
    let told: Vec<_> = output(&plan).into_iter().map(|column| (column.name, column.kind, column.precision, column.scale)).collect();
    let wanted = [
        ("_col0", "bigint", 19, 0),
        ("price", "decimal", 2, 1),
        ("at", "timestamp with time zone", 3, 0),
        ("_col3", "varchar", 3, 0),
        ("a", "array", 0, 0),
    ];
    assert_eq!(told, wanted.map(|(name, kind, precision, scale)| (name.to_owned(), kind.to_owned(), precision, scale)));
    let hive: Vec<_> = plan.schema().fields().iter().map(|field| hive_type(field)).collect();
    let wanted = [Some("bigint"), Some("decimal(2,1)"), None, Some("varchar(3)"), Some("array<varchar(1)>")];
    assert_eq!(hive, wanted.map(|kind| kind.map(str::to_owned)));
}

#[test]
fn the_table_of_functions_is_listed() {
    let lines = supported();
    assert!(lines.len() > 400, "{} lines", lines.len());
    assert!(lines.contains(&("date_trunc", "varchar, timestamp -> timestamp")));
    assert!(lines.iter().all(|(name, _)| !name.starts_with('$')));
}
