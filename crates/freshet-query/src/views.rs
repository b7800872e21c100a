//! The views of the catalogue, created in a database.

use std::time::Duration;

use aws_sdk_athena::Client;
use tracing::info;

use crate::{Error, Kind, Query, Run, catalogue, execute};

/// The statement that creates a view, or replaces the one that is there.
pub fn view_statement(view: &Query) -> String {
    format!("CREATE OR REPLACE VIEW {} AS\n{}", view.name, view.sql)
}

/// Creates or replaces every view of the catalogue, each after the views that it reads, and gives their names. Safe to
/// run again.
pub async fn create_views(
    client: &Client,
    database: &str,
    workgroup: &str,
    output_location: Option<&str>,
    timeout: Duration,
) -> Result<Vec<&'static str>, Error> {
    let mut created = Vec::new();
    for view in catalogue().iter().filter(|query| query.kind == Kind::View) {
        let request = Run {
            sql: view_statement(view),
            parameters: Vec::new(),
            database: database.to_owned(),
            workgroup: workgroup.to_owned(),
            output_location: output_location.map(str::to_owned),
            timeout,
            cancel: std::future::pending(),
        };
        execute(client, request).await?;
        created.push(view.name.as_str());
    }
    info!(database, views = created.len(), "created views");
    Ok(created)
}
