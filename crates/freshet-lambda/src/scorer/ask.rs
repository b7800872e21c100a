//! A named query of the catalogue, row by row: no more than a page of its answer is in memory.

use std::collections::BTreeMap;
use std::pin::pin;

use freshet_query::{Run, bind, execute, find, pages};
use futures::TryStreamExt as _;

use super::Desk;
use crate::error::Error;

/// Runs a query; `begin` takes the names of its columns, and what it gives takes each row.
pub async fn each_row<T>(
    desk: &Desk,
    name: &'static str,
    values: &[(&str, String)],
    begin: impl FnOnce(&[&str]) -> Result<T, Error>,
    mut take: impl FnMut(&mut T, &[Option<String>]) -> Result<(), Error>,
) -> Result<T, Error> {
    let failed = |source: freshet_query::Error| Error::Ask { query: name, source: Box::new(source) };
    let query = find(name).map_err(failed)?;
    let values: BTreeMap<String, String> = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let statement = bind(query, &values).map_err(failed)?;
    let run = Run {
        sql: statement.sql,
        parameters: statement.parameters,
        database: desk.database.clone(),
        workgroup: desk.workgroup.clone(),
        output_location: desk.output_location.clone(),
        timeout: desk.timeout,
        byte_limit: None,
        reuse_minutes: None,
        cancel: std::future::pending(),
    };
    let execution = Box::pin(execute(&desk.athena, run)).await.map_err(failed)?;
    let columns: Vec<&str> = query.columns.iter().map(|column| column.name.as_str()).collect();
    let mut taken = begin(&columns)?;
    let mut rows = 0;
    let mut answer = pin!(pages(&desk.athena, &execution));
    while let Some(page) = answer.try_next().await.map_err(failed)? {
        for row in &page.rows {
            take(&mut taken, row)?;
            rows += 1;
        }
    }
    tracing::info!(query = name, rows, scanned_bytes = execution.scanned_bytes, "asked for rows");
    Ok(taken)
}
