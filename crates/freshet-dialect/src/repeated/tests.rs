//! Queries that read a relation several times give the rows that they give where each place works it out for itself.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::optimizer::Optimizer;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::SessionContext;

use super::exec::SharedExec;
use crate::testing::{self, physical};

const ROWS: i64 = 40_000;

fn lake(memory: usize) -> SessionContext {
    let batch = |ids: std::ops::Range<i64>| {
        let columns: [(&str, ArrayRef); 4] = [
            ("id", Arc::new(ids.clone().collect::<Int64Array>())),
            ("key", Arc::new(ids.clone().map(|id| (id % 13 > 0).then_some(id * 7_919 % 2_003)).collect::<Int64Array>())),
            ("amount", Arc::new(ids.clone().map(|id| Some(id % 97)).collect::<Int64Array>())),
            ("text", Arc::new(ids.map(|id| Some(format!("{} {}", id % 5, "x".repeat(60)))).collect::<StringArray>())),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
    };
    let part = |begin: i64| (0..ROWS / 2_000).map(|at| batch(begin + at * 1_000..begin + (at + 1) * 1_000)).collect();
    testing::lake(vec![part(0), part(ROWS / 2)], memory)
}

/// The same session, in which each place works out its relation for itself.
fn apart(state: SessionState) -> SessionState {
    SessionStateBuilder::new_from_existing(state).with_optimizer_rules(Optimizer::new().rules).build()
}

/// Of a plan, what `of` says of its shared relations.
fn each<T>(plan: &Arc<dyn ExecutionPlan>, of: &dyn Fn(&SharedExec) -> T) -> Vec<T> {
    let here = plan.downcast_ref::<SharedExec>().map(of);
    here.into_iter().chain(plan.children().into_iter().flat_map(|child| each(child, of))).collect()
}

async fn rows(plan: &Arc<dyn ExecutionPlan>, context: &SessionContext) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in collect(Arc::clone(plan), context.task_ctx()).await.unwrap() {
        let options = FormatOptions::default().with_null("NULL");
        let columns: Vec<_> = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        rows.extend(
            (0..batch.num_rows()).map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|")),
        );
    }
    rows.sort();
    rows
}

/// Of a statement whose plan has so many shared places, how often memory did not suffice; its rows are those of places apart.
async fn shares(context: &SessionContext, sql: &str, places: usize) -> usize {
    let plan = physical(&context.state(), sql).await;
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    assert_eq!(each(&plan, &|_| ()).len(), places, "{sql}\n{shown}");
    let apart = physical(&apart(context.state()), sql).await;
    assert!(each(&apart, &|_| ()).is_empty());
    let found = rows(&plan, context).await;
    assert!(!found.is_empty(), "{sql}");
    assert_eq!(found, rows(&apart, &lake(1 << 30)).await, "{sql}\n{shown}");
    each(&plan, &SharedExec::spills).into_iter().max().unwrap_or(0)
}

const KEYS: &str = "keys AS (SELECT key, count(*) AS times, sum(amount) AS total, max(text) AS text FROM t GROUP BY key)";
const RESTS: &str = "rests AS (SELECT coalesce(key, 0) AS some, coalesce(sum(amount), 0) AS rest FROM t GROUP BY key)";

#[tokio::test]
async fn what_is_named_twice_is_worked_out_once() {
    let context = lake(1 << 30);
    for (places, rest) in [
        (2, "SELECT a.key, a.times, b.total FROM keys a JOIN keys b ON a.key = b.key"),
        (2, "SELECT key, total FROM keys UNION ALL SELECT times, NULL FROM keys"),
        (2, "SELECT count(*) FROM keys a CROSS JOIN (SELECT max(total) AS most FROM keys) b WHERE a.total < b.most"),
        (2, "SELECT key FROM keys WHERE total = (SELECT max(total) FROM keys)"),
        (2, "SELECT count(*) FROM t WHERE key IN (SELECT key FROM keys) OR amount IN (SELECT times FROM keys)"),
        (2, "SELECT text, times FROM keys UNION ALL SELECT text, NULL FROM keys WHERE key > 1000"),
        // What is known to have no NULL only once it is optimized.
        (
            2,
            "SELECT some, count(*) FROM (SELECT coalesce(key, 0) + 1 AS some FROM keys) GROUP BY some UNION ALL SELECT key, times FROM keys",
        ),
        (2, "SELECT some, count(*) FROM rests GROUP BY some UNION ALL SELECT coalesce(some, 1), rest FROM rests"),
        // Conditions that name no column hold for their place alone.
        (2, "SELECT key FROM keys WHERE (SELECT count(*) FROM t) < 3 UNION ALL SELECT times FROM keys"),
        (2, "SELECT key FROM keys WHERE rand() < 0 UNION ALL SELECT times FROM keys"),
        (2, "SELECT key FROM keys WHERE EXISTS (SELECT 1 FROM t WHERE id < 0) UNION ALL SELECT times FROM keys"),
        (3, "SELECT a.key FROM keys a LEFT JOIN keys b ON a.total = b.times FULL JOIN keys c ON c.key = a.key + 1"),
    ] {
        shares(&context, &format!("WITH {KEYS}, {RESTS} {rest}"), places).await;
    }
}

#[tokio::test]
async fn a_shared_relation_may_read_another() {
    let context = lake(1 << 30);
    let sql = format!(
        "WITH {KEYS}, pairs AS (SELECT a.key, b.total FROM keys a JOIN keys b ON a.key = b.key + 1)
         SELECT 'pair', key, total FROM pairs
         UNION ALL SELECT 'pair again', total, key FROM pairs
         UNION ALL SELECT 'key', key, times FROM keys"
    );
    // Two places of the pairs, of which one shows how they read the keys twice; the last term reads these once more.
    shares(&context, &sql, 2 + 2 + 1).await;
}

#[tokio::test]
async fn the_relation_around_a_correlated_subquery_is_worked_out_once() {
    let sql = format!(
        "WITH {KEYS} SELECT key, (SELECT min(id) FROM t WHERE t.key = keys.key AND t.amount < keys.times) FROM keys WHERE total >= 0"
    );
    // Its rows, and the keys of it that the subquery takes: these are read twice too.
    shares(&lake(1 << 30), &sql, 2 + 2).await;
}

#[tokio::test]
async fn what_waits_for_a_reader_goes_to_disk_without_memory() {
    // One place is read to its end before the other begins.
    let sql = "WITH counted AS (SELECT t.*, times FROM t JOIN (SELECT key, count(*) AS times FROM t GROUP BY key) k ON k.key = t.key)
               SELECT id, text, times FROM counted WHERE id > (SELECT max(id) - 900 FROM counted)";
    assert_eq!(shares(&lake(1 << 30), sql, 2).await, 0);
    assert!(shares(&lake(3 << 20), sql, 2).await > 0);
}

#[tokio::test]
async fn a_reader_that_has_enough_stops_no_other() {
    let context = lake(1 << 30);
    let sql = format!("WITH {KEYS} SELECT (SELECT count(*) FROM (SELECT key FROM keys LIMIT 3)), (SELECT count(*) FROM keys)");
    shares(&context, &sql, 2).await;
}

#[tokio::test]
async fn each_place_is_told_of_an_error() {
    let context = lake(1 << 30);
    let sql = "WITH keys AS (SELECT key, sum(100 / (amount - 13)) AS total FROM t GROUP BY key)
               SELECT a.key FROM keys a JOIN keys b ON a.total = b.total";
    let plan = physical(&context.state(), sql).await;
    assert_eq!(each(&plan, &|_| ()).len(), 2);
    let error = collect(plan, context.task_ctx()).await.unwrap_err();
    assert_eq!(crate::explain(&error).to_string(), "DIVISION_BY_ZERO: Division by zero");
}

#[tokio::test]
async fn places_stay_apart_where_sharing_gains_nothing_or_may_be_told() {
    let context = lake(1 << 30);
    for sql in [
        // A scan alone.
        "WITH some AS (SELECT id, key FROM t WHERE amount > 3) SELECT a.id FROM some a JOIN some b ON a.id = b.key",
        // Each place filters, and reads less.
        &format!("WITH {KEYS} SELECT total FROM keys WHERE key = 1 UNION ALL SELECT times FROM keys WHERE key = 2"),
        // One place filters, and what it alone asks for fails for other rows.
        "WITH keys AS (SELECT key, CAST(max(text) AS integer) AS number FROM t GROUP BY key)
         SELECT count(*) FROM keys UNION ALL SELECT number FROM keys WHERE key < 0",
        // Others may be the first rows the next time.
        "WITH some AS (SELECT a.id FROM t a JOIN t b ON a.id = b.id LIMIT 10) SELECT count(*) FROM some a CROSS JOIN some b",
    ] {
        shares(&context, sql, 0).await;
    }
    for sql in [
        "WITH keys AS (SELECT key, max(rand()) AS number FROM t GROUP BY key) SELECT a.key FROM keys a JOIN keys b ON a.number = b.number",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9), keys AS (SELECT key, count(*) AS times FROM t GROUP BY key)
         SELECT count(*) FROM n CROSS JOIN keys a JOIN keys b ON a.key = b.key",
    ] {
        assert!(each(&physical(&context.state(), sql).await, &|_| ()).is_empty(), "{sql}");
    }
}
