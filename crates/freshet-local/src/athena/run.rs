//! Carrying a statement out.

use std::sync::Arc;

use super::alter_table::alter;
use super::define;
use super::execution::{Execution, Outcome, ResultColumn, Shape};
use super::explain::explain;
use super::failure::Failure;
use super::query;
use super::results::ResultPlace;
use super::reuse::reuse;
use super::service::Service;
use super::session::{CATALOG, Session};
use super::show_results::{Lines, describe, find, show};
use super::statement::{Name, Statement};
use super::stop::Stop;
use super::write::{Writing, create_table_as, insert, unload};

/// What a statement of this kind leaves as its result.
pub(crate) fn shape(statement: &Statement) -> Shape {
    match statement {
        Statement::Query | Statement::Execute { .. } => Shape::Csv,
        Statement::CreateTableAs { .. } | Statement::Insert { .. } | Statement::Unload { .. } | Statement::Modify { .. } => Shape::Count,
        Statement::Explain { .. }
        | Statement::CreateDatabase { .. }
        | Statement::DropDatabase { .. }
        | Statement::CreateTable(_)
        | Statement::CreateView { .. }
        | Statement::DropTable { .. }
        | Statement::DropView { .. }
        | Statement::Show(_)
        | Statement::Describe { .. }
        | Statement::Repair { .. }
        | Statement::Alter { .. }
        | Statement::Prepare { .. }
        | Statement::Deallocate { .. } => Shape::Text,
    }
}

/// Carries out a statement and leaves its result where the execution says.
pub(crate) async fn run(
    service: &Arc<Service>,
    execution: &Execution,
    statement: &Statement,
    sql: &str,
    stop: &Arc<Stop>,
) -> Result<Outcome, Failure> {
    let place = ResultPlace::of(execution, &service.engine.buckets, &service.managed)?;
    let outcome = match execution.shape {
        Shape::Csv => {
            if let Some(reused) = reuse(service, execution, &place).await? {
                reused
            } else {
                let session = service.engine.session(execution.database.as_deref(), stop);
                let cutoff = service.cutoff(&execution.work_group);
                let outcome = query::select(&session, sql, &execution.parameters, &place, cutoff).await?;
                service.reuse.remember(execution);
                outcome
            }
        }
        Shape::Text => {
            let (lines, columns, scanned) = lines(service, execution, statement, sql, stop).await?;
            let text: String = lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect();
            place.write(text.into_bytes()).await?;
            Outcome { columns, scanned, ..Outcome::default() }
        }
        Shape::Count => count(service, execution, statement, stop).await?,
    };
    if execution.output.is_some() {
        let mut described = execution.clone();
        described.outcome = outcome.clone();
        place.describe(&described).await?;
    }
    Ok(outcome)
}

async fn lines(
    service: &Arc<Service>,
    execution: &Execution,
    statement: &Statement,
    sql: &str,
    stop: &Arc<Stop>,
) -> Result<(Vec<String>, Vec<ResultColumn>, u64), Failure> {
    let engine = &service.engine;
    let database = execution.database.as_deref().unwrap_or("default");
    let session = || engine.session(execution.database.as_deref(), stop);
    let told = |(lines, columns): Lines| (lines, columns, 0);
    match statement {
        Statement::Show(what) => return show(engine, what, database).await.map(told),
        Statement::Describe { name, column, is_formatted } => {
            return describe(engine, name, column.as_deref(), *is_formatted, database).await.map(told);
        }
        Statement::Explain { query_at, of } => {
            let (lines, scanned) = explain(&session(), &sql[*query_at..], &execution.parameters, *of).await?;
            return Ok((
                lines,
                vec![ResultColumn { name: "Query Plan".to_owned(), kind: "varchar".to_owned(), precision: i32::MAX, scale: 0 }],
                scanned,
            ));
        }
        Statement::Repair { name } => {
            return super::alter_table::repair(engine, &find(engine, name, database)?).await.map(|lines| (lines, Vec::new(), 0));
        }
        Statement::CreateDatabase { name, if_not_exists, comment, location, properties } => {
            define::create_database(engine, name, *if_not_exists, comment.clone(), location.clone(), properties.clone())?;
        }
        Statement::DropDatabase { name, if_exists, cascade } => define::drop_database(engine, name, *if_exists, *cascade)?,
        Statement::CreateTable(create) => define::create_table(engine, create, database).await?,
        Statement::CreateView { name, or_replace, query } => {
            define::create_view(engine, &session(), name, *or_replace, query, database).await?;
        }
        Statement::DropTable { name, if_exists } => define::drop_table(engine, name, *if_exists, false, database)?,
        Statement::DropView { name, if_exists } => define::drop_table(engine, name, *if_exists, true, database)?,
        Statement::Alter { name, change } => alter(engine, find(engine, name, database)?, change)?,
        Statement::Prepare { name, query } => service.prepare(&execution.work_group, name, query)?,
        Statement::Deallocate { name } => service.deallocate(&execution.work_group, name)?,
        Statement::Query
        | Statement::Execute { .. }
        | Statement::CreateTableAs { .. }
        | Statement::Insert { .. }
        | Statement::Unload { .. }
        | Statement::Modify { .. } => return Err(Failure::system("a statement without lines")),
    }
    Ok((Vec::new(), Vec::new(), 0))
}

async fn count(service: &Arc<Service>, execution: &Execution, statement: &Statement, stop: &Arc<Stop>) -> Result<Outcome, Failure> {
    let engine = &service.engine;
    let database = execution.database.as_deref().unwrap_or("default");
    let session: Session = engine.session(execution.database.as_deref(), stop);
    let writing = Writing { engine, session: &session, execution, cutoff: service.cutoff(&execution.work_group), database };
    match statement {
        Statement::CreateTableAs { name, if_not_exists, properties, query, with_data } => {
            let is_enforced = service.is_enforced(&execution.work_group);
            create_table_as(&writing, name, *if_not_exists, properties, query, *with_data, is_enforced).await
        }
        Statement::Insert { name, columns, query } => insert(&writing, find_writable(service, name, database)?, columns, query).await,
        Statement::Unload { query, to, properties } => unload(&writing, query, to, properties).await,
        Statement::Modify { verb, name } => {
            let table = find_writable(service, name, database)?;
            Err(Failure::not_supported(&format!(
                "Modifying Hive table rows is only supported for transactional tables: {verb} on '{CATALOG}.{}.{}'",
                table.database_name, table.name
            )))
        }
        _ => Err(Failure::system("a statement without a count")),
    }
}

/// The table that a statement writes to. Delta tables are read only in Athena (docs.aws.amazon.com/athena, "Query Linux Foundation Delta Lake tables").
fn find_writable(service: &Arc<Service>, name: &Name, database: &str) -> Result<super::catalogue::Table, Failure> {
    let table = find(&service.engine, name, database)?;
    if table.is_delta() {
        return Err(Failure::not_supported(&format!(
            "Delta Lake tables are read only: write DML statements like UPDATE, INSERT, or DELETE are not supported for '{CATALOG}.{}.{}'",
            table.database_name, table.name
        )));
    }
    if table.is_view() {
        return Err(Failure::not_supported(&format!(
            "Inserting into views is not supported: '{CATALOG}.{}.{}'",
            table.database_name, table.name
        )));
    }
    Ok(table)
}
