//! A limit of the bytes that a query reads: asked before it runs, watched while it does.
//!
//! Before: `EXPLAIN (TYPE IO, FORMAT JSON)`, which Athena offers and does not bill, foretells how many bytes of values each table
//! would give (docs.aws.amazon.com/athena, "EXPLAIN"). It speaks of values, which Parquet packs, so it may refuse what would have
//! read a little less than the limit; and it does not know every table: what it does not know is not refused. While it runs,
//! Athena says what has been read, and a query past its limit is stopped: what it has read by then is billed.

use std::future::Future;
use std::pin::Pin;

use aws_sdk_athena::Client;
use aws_sdk_athena::types::{QueryExecution, QueryExecutionStatistics};
use futures::TryStreamExt as _;
use serde_json::Value;
use tracing::debug;

use crate::client::{failure, start_and_watch};
use crate::supervise::{Failure, Halt, retried};
use crate::tokens::tokens;
use crate::{Error, Run, Statement, filled, pages};

/// How to read less.
pub(crate) const ADVICE: &str =
    "narrow it by the partition, as in `WHERE dt >= DATE '2026-01-01'`, and name the columns that you need in place of `*`";

/// What a message says when the workgroup's limit is hit.
pub(crate) fn is_cutoff(message: &str) -> bool {
    message.contains("Bytes scanned limit was exceeded")
}

/// Refuses a query that is foretold to read more than its limit. Where Athena cannot say, the query goes on.
pub(crate) async fn foretell(
    client: &Client,
    request: &Run<()>,
    limit: u64,
    halt: Pin<&mut impl Future<Output = Halt>>,
) -> Result<(), Error> {
    let Some(query) = explained(request) else { return Ok(()) };
    let sql = format!("EXPLAIN (TYPE IO, FORMAT JSON) {query}");
    let explain = Run { sql, parameters: Vec::new(), byte_limit: None, reuse_minutes: None, ..request.clone() };
    let execution = match start_and_watch(client, &explain, halt).await {
        Ok(execution) => execution,
        Err(error @ (Error::TimedOut { .. } | Error::Cancelled { .. })) => return Err(error),
        Err(error) => {
            debug!(%error, "athena does not say what the statement would read");
            return Ok(());
        }
    };
    let pages: Vec<_> = pages(client, &execution).try_collect().await?;
    let lines = pages.into_iter().flat_map(|page| page.rows).flat_map(|row| row.into_iter().take(1).flatten());
    match foretold(&lines.collect::<Vec<String>>().join("\n")) {
        Some(foretold) if foretold > limit => Err(Error::Foretold { foretold, limit }),
        Some(_) => Ok(()),
        None => {
            debug!("athena's plan says no bytes");
            Ok(())
        }
    }
}

/// The query to explain, its parameters filled in, since EXPLAIN takes none; nothing for a statement that is no query.
fn explained(request: &Run<()>) -> Option<String> {
    let pieces = tokens(&request.sql).ok()?;
    let mut said = pieces.iter().filter(|piece| !piece.is_blank());
    let first = said.next()?;
    let filled = |sql: &str| filled(&Statement { sql: sql.to_owned(), parameters: request.parameters.clone() });
    if first.is_word("SELECT") || first.is_word("WITH") || first.is_symbol("(") {
        return Some(filled(&request.sql));
    }
    if !first.is_word("UNLOAD") {
        return None;
    }
    // What stands between its parentheses.
    let open = said.next().filter(|next| next.is_symbol("("))?;
    let mut depth = 1;
    let close = said.find(|piece| {
        depth += i32::from(piece.is_symbol("(")) - i32::from(piece.is_symbol(")"));
        depth == 0
    })?;
    Some(filled(&request.sql[open.at + 1..close.at]))
}

/// The bytes of values that the tables of a plan give, as far as they are known (`NaN` where not); nothing for what is no such plan.
fn foretold(plan: &str) -> Option<u64> {
    let plan: Value = serde_json::from_str(plan).ok()?;
    let tables = plan.get("inputTableColumnInfos")?.as_array()?;
    let bytes: f64 =
        tables.iter().filter_map(|table| table.pointer("/estimate/outputSizeInBytes")?.as_f64()).filter(|bytes| *bytes > 0.0).sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate above 0, and a cast that ends at the largest")]
    Some(bytes as u64)
}

/// Fails where an execution under way has read more than the limit.
pub(crate) fn watch(execution: &QueryExecution, limit: Option<u64>) -> Result<(), Failure> {
    use aws_sdk_athena::types::QueryExecutionState::{Queued, Running};
    let state = execution.status().and_then(|status| status.state());
    let read = execution.statistics().and_then(QueryExecutionStatistics::data_scanned_in_bytes).and_then(|read| u64::try_from(read).ok());
    match (limit, read) {
        (Some(limit), Some(read)) if read > limit && matches!(state, Some(Queued | Running)) => {
            let execution = execution.query_execution_id().map(str::to_owned);
            Err(Failure::Final(Error::OverLimit { execution, read, limit }))
        }
        _ => Ok(()),
    }
}

/// The bytes that one query of a workgroup may read, where the caller may know.
pub(crate) async fn cutoff(client: &Client, workgroup: &str) -> Option<u64> {
    let ask = || {
        let call = client.get_work_group().work_group(workgroup).send();
        async { call.await.map_err(|error| failure("GetWorkGroup", error)) }
    };
    let output = retried(&ask, &tokio::time::sleep).await.ok()?;
    let cutoff = output.work_group()?.configuration()?.bytes_scanned_cutoff_per_query()?;
    u64::try_from(cutoff).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_athena::types::{QueryExecutionState, QueryExecutionStatus};

    use super::*;

    fn request(sql: &str, parameters: &[&str]) -> Run<()> {
        Run {
            sql: sql.to_owned(),
            parameters: parameters.iter().map(|parameter| (*parameter).to_owned()).collect(),
            database: "lake".to_owned(),
            workgroup: "primary".to_owned(),
            output_location: None,
            timeout: Duration::from_secs(1),
            byte_limit: Some(1),
            reuse_minutes: None,
            cancel: (),
        }
    }

    #[test]
    fn queries_are_explained_with_their_parameters_and_other_statements_are_not() {
        for (sql, expected) in [
            ("SELECT * FROM t WHERE a = ? AND b = '?'", Some("SELECT * FROM t WHERE a = 'x' AND b = '?'")),
            ("-- all\nWITH a AS (SELECT 1) SELECT * FROM a", Some("-- all\nWITH a AS (SELECT 1) SELECT * FROM a")),
            ("UNLOAD (\nSELECT f(')', ?) -- )\n) TO 's3://a/' WITH (format = 'PARQUET')", Some("\nSELECT f(')', 'x') -- )\n")),
            ("SHOW TABLES", None),
            ("CREATE TABLE a AS SELECT 1", None),
            ("SELECT 'a", None),
            ("UNLOAD (SELECT 1", None),
            ("", None),
        ] {
            assert_eq!(explained(&request(sql, &["'x'"])).as_deref(), expected, "{sql}");
        }
    }

    #[test]
    fn a_plan_says_what_its_tables_give_as_far_as_it_knows() {
        let plan = r#"{ "inputTableColumnInfos": [
            { "table": { "catalog": "awsdatacatalog" }, "estimate": { "outputRowCount": 10.0, "outputSizeInBytes": 1200.5 } },
            { "table": {}, "estimate": { "outputSizeInBytes": "NaN" } }, { "table": {} },
            { "estimate": { "outputSizeInBytes": 3.0e3 } } ], "estimate": { "outputSizeInBytes": 1.0 } }"#;
        assert_eq!(foretold(plan), Some(4200));
        assert_eq!(foretold(r#"{ "inputTableColumnInfos": [] }"#), Some(0));
        assert_eq!(foretold(r#"{ "inputTableColumnInfos": [{ "estimate": { "outputSizeInBytes": 1e300 } }] }"#), Some(u64::MAX));
        for other in ["", "Fragment 0 [SINGLE]", "{}", "[]"] {
            assert_eq!(foretold(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_under_way_is_held_to_its_limit_and_what_is_done_is_not() {
        let execution = |state, read| {
            let status = QueryExecutionStatus::builder().state(state).build();
            let statistics = QueryExecutionStatistics::builder().data_scanned_in_bytes(read).build();
            QueryExecution::builder().query_execution_id("e-1").status(status).statistics(statistics).build()
        };
        for (state, read, limit, passes) in [
            (QueryExecutionState::Running, 11, Some(10), false),
            (QueryExecutionState::Running, 10, Some(10), true),
            (QueryExecutionState::Running, 11, None, true),
            (QueryExecutionState::Succeeded, 11, Some(10), true),
            (QueryExecutionState::Running, -1, Some(10), true),
        ] {
            assert_eq!(watch(&execution(state, read), limit).is_ok(), passes);
        }
        let Err(Failure::Final(error)) = watch(&execution(QueryExecutionState::Running, 11), Some(10)) else { panic!("no error") };
        assert!(error.to_string().contains("11 bytes") && error.to_string().contains("dt >= DATE"), "{error}");
    }

    #[test]
    fn the_cutoff_of_a_workgroup_is_explained() {
        assert!(is_cutoff("Bytes scanned limit was exceeded") && !is_cutoff("line 1:8: no"));
        for (bytes, said) in [(Some(10_000_000_000), "the 10000000000 bytes that"), (None, "the bytes that")] {
            let error = Error::Cutoff { execution: None, workgroup: "analysts".to_owned(), bytes }.to_string();
            assert!(error.contains(said) && error.contains("`analysts`") && error.contains("WHERE dt >="), "{error}");
        }
    }
}
