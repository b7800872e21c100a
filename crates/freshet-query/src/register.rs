//! The contract's tables and the catalogue's views, made known to Athena.
//!
//! Athena copies a Delta table's columns into the Glue catalogue when the table is made, and no later: a table that has
//! been widened since is dropped from the catalogue, which touches no data, and made again (docs.aws.amazon.com/athena,
//! "Query Delta Lake tables": "Synchronize Delta Lake metadata"). The log must be there before: this makes no Delta table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_athena::Client;
use aws_sdk_athena::types::TableMetadata;
use freshet_schema::{Contract, Table, athena};
use serde::Serialize;
use tracing::info;

use crate::client::failure;
use crate::supervise::retried;
use crate::{Error, Kind, Query, Run, catalogue, execute};

/// The catalogue that Athena has by itself.
const CATALOG: &str = "AwsDataCatalog";

/// Where things are made known.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// The database; made where it is missing.
    pub database: &'a str,
    /// The lake's bucket.
    pub bucket: &'a str,
    /// The workgroup that the statements run in.
    pub workgroup: &'a str,
    /// Where their results are written, unless the workgroup says.
    pub output_location: Option<&'a str>,
    /// How long one statement may take.
    pub timeout: Duration,
}

/// What became of a table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// `table` or `view`.
    pub kind: &'static str,
    /// What was done.
    pub change: Change,
    /// Columns that the catalogue did not know of.
    pub added: Vec<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not known.
    Created,
    /// It was known with fewer columns, or at another place.
    Recreated,
    /// A view that was known: its statement was written again, whether or not it is another.
    Rewritten,
    /// It was known as it is.
    Unchanged,
}

/// The statement that creates a view, or replaces the one that is there.
pub fn view_statement(view: &Query) -> String {
    format!("CREATE OR REPLACE VIEW {} AS\n{}", view.name, view.sql)
}

/// Makes every table of the contract known, and then every view of the catalogue, each after the views that it reads.
/// Safe to run again.
pub async fn register(client: &Client, contract: &Contract, place: Registration<'_>) -> Result<Vec<Registered>, Error> {
    let run = |sql: String| {
        let request = Run {
            sql,
            parameters: Vec::new(),
            database: place.database.to_owned(),
            workgroup: place.workgroup.to_owned(),
            output_location: place.output_location.map(str::to_owned),
            timeout: place.timeout,
            byte_limit: None,
            reuse_minutes: None,
            cancel: std::future::pending(),
        };
        async { Box::pin(execute(client, request)).await.map(|_| ()) }
    };
    run(athena::create_database(place.database)).await?;
    let known = known(client, place.database).await?;
    let mut registered = Vec::new();
    for table in contract.tables() {
        let (change, added) = judge(table, place.bucket, known.get(&table.name));
        if change == Change::Recreated {
            run(athena::drop_table(table, place.database)).await?;
        }
        if change != Change::Unchanged {
            run(athena::create_table(table, place.database, place.bucket)).await?;
        }
        registered.push(Registered { name: table.name.clone(), kind: "table", change, added });
    }
    for view in catalogue().iter().filter(|query| query.kind == Kind::View) {
        run(view_statement(view)).await?;
        let change = if known.contains_key(&view.name) { Change::Rewritten } else { Change::Created };
        registered.push(Registered { name: view.name.clone(), kind: "view", change, added: Vec::new() });
    }
    let changed = registered.iter().filter(|one| one.change != Change::Unchanged).count();
    info!(database = place.database, of = registered.len(), changed, "registered tables and views");
    Ok(registered)
}

/// What the catalogue knows of a table.
#[derive(Debug, Default)]
struct Known {
    columns: BTreeSet<String>,
    location: Option<String>,
}

impl Known {
    fn read(table: &TableMetadata) -> Self {
        let columns = table.columns().iter().chain(table.partition_keys()).map(|column| column.name().to_owned()).collect();
        Self { columns, location: table.parameters().and_then(|parameters| parameters.get("location")).cloned() }
    }
}

/// What is to be done about a table, and the columns that its entry lacks.
fn judge(table: &Table, bucket: &str, known: Option<&Known>) -> (Change, Vec<String>) {
    let Some(known) = known else {
        return (Change::Created, Vec::new());
    };
    let missing = table.columns.iter().filter(|column| !known.columns.contains(&column.name));
    let missing: Vec<String> = missing.map(|column| column.name.clone()).collect();
    let place = format!("s3://{bucket}/{}", table.prefix());
    let is_elsewhere = known.location.as_ref().is_some_and(|location| location.trim_end_matches('/') != place);
    (if missing.is_empty() && !is_elsewhere { Change::Unchanged } else { Change::Recreated }, missing)
}

/// The tables and views that a database has.
async fn known(client: &Client, database: &str) -> Result<BTreeMap<String, Known>, Error> {
    const OPERATION: &str = "ListTableMetadata";
    let mut known = BTreeMap::new();
    let mut token = None;
    loop {
        let page = retried(
            &|| {
                let request = client.list_table_metadata().catalog_name(CATALOG).database_name(database);
                let call = request.set_next_token(token.clone()).send();
                async { call.await.map_err(|error| failure(OPERATION, error)) }
            },
            &tokio::time::sleep,
        )
        .await?;
        known.extend(page.table_metadata_list().iter().map(|table| (table.name().to_owned(), Known::read(table))));
        token = page.next_token;
        if token.is_none() {
            return Ok(known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(columns: &[&str], location: &str) -> Known {
        Known { columns: columns.iter().map(|name| (*name).to_owned()).collect(), location: Some(location.to_owned()) }
    }

    #[test]
    fn a_table_is_made_again_where_its_entry_is_older_or_elsewhere() {
        let table = Contract::embedded().table("shopify_orders").unwrap();
        let all: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let (fewer, place) = (&all[..all.len() - 2], "s3://lake/tables/shopify_orders/");
        assert_eq!(judge(table, "lake", None), (Change::Created, Vec::new()));
        assert_eq!(judge(table, "lake", Some(&known(&all, place))), (Change::Unchanged, Vec::new()));
        let added = all[all.len() - 2..].iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(judge(table, "lake", Some(&known(fewer, place))), (Change::Recreated, added));
        assert_eq!(judge(table, "other", Some(&known(&all, place))), (Change::Recreated, Vec::new()));
    }
}
