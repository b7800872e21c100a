//! First rows against what is reckoned row by row, with memory and without, and where they are not to be taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::SessionContext;

use super::{FirstRowsExec, SORTED};
use crate::testing::{self, physical};

const ROWS: i64 = 60_000;

/// What a row says: a partition of two columns of which one may be NULL, an order of two, and a text.
type Row = (Option<i64>, String, Option<i32>, i64, String);

fn rows(partitions: i64) -> Vec<Row> {
    let mut state = 17_u64;
    let mut draw = move |below: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(state >> 33).unwrap() % below
    };
    (0..ROWS)
        .map(|id| {
            let key = draw(partitions);
            let wish = (draw(9) > 0).then(|| i32::try_from(draw(40)).unwrap());
            (
                (key % 11 > 0).then_some(key),
                format!("shop {}", key % 3),
                wish,
                id,
                format!("row {id} of {key}: {}", "x".repeat(usize::try_from(draw(40)).unwrap())),
            )
        })
        .collect()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 5] = [
        ("key", Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>())),
        ("shop", Arc::new(rows.iter().map(|row| Some(row.1.as_str())).collect::<StringArray>())),
        ("wish", Arc::new(rows.iter().map(|row| row.2.map(|wish| f64::from(wish) / 4.0)).collect::<Float64Array>())),
        ("id", Arc::new(rows.iter().map(|row| Some(row.3)).collect::<Int64Array>())),
        ("text", Arc::new(rows.iter().map(|row| Some(row.4.as_str())).collect::<StringArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

/// The rows in two parts.
fn lake(rows: &[Row], memory: usize) -> SessionContext {
    testing::lake(rows.chunks(rows.len() / 2 + 1).map(|part| part.chunks(1_000).map(batch).collect()).collect(), memory)
}

const FIRSTS: &str = "SELECT id, text FROM (SELECT *, rank() OVER (PARTITION BY key, shop ORDER BY wish DESC) AS age FROM t) WHERE age = 1";
const LATEST: &str =
    "SELECT id, text FROM (SELECT *, row_number() OVER (PARTITION BY key, shop ORDER BY wish DESC, id) AS age FROM t) WHERE age = 1";

/// The rows that must be there, by their ids, each with its text: of each partition all whose rank is the least.
fn expected<R: Ord>(rows: &[Row], rank: impl Fn(&Row) -> R) -> BTreeMap<i64, String> {
    let mut best: BTreeMap<(Option<i64>, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let known = best.entry((row.0, row.1.as_str())).or_default();
        if known.first().is_some_and(|first| rank(row) < rank(first)) {
            known.clear();
        }
        if known.first().is_none_or(|first| rank(row) == rank(first)) {
            known.push(row);
        }
    }
    best.into_values().flatten().map(|row| (row.3, row.4.clone())).collect()
}

/// The largest wish first, and NULL last whatever the direction.
fn by_wish(row: &Row) -> (bool, Option<i32>) {
    (row.2.is_none(), row.2.map(|wish| -wish))
}

/// How often memory did not suffice for what stands in the plan.
fn sorted(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let here = plan.downcast_ref::<FirstRowsExec>().and_then(|plan| plan.metrics()?.sum_by_name(SORTED));
    here.map_or(0, |value| value.as_usize()) + plan.children().into_iter().map(sorted).sum::<usize>()
}

async fn found(context: &SessionContext, sql: &str, is_sorted: bool) -> (BTreeMap<i64, String>, usize) {
    let plan = physical(&context.state(), sql).await;
    let batches = collect(Arc::clone(&plan), context.task_ctx()).await.unwrap();
    assert_eq!(sorted(&plan) > 0, is_sorted);
    let mut all = BTreeMap::new();
    let mut rows = 0;
    for batch in &batches {
        let ids = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
        let texts = batch.column(1).as_any().downcast_ref::<StringArray>().unwrap();
        rows += ids.len();
        all.extend((0..ids.len()).map(|row| (ids.value(row), texts.value(row).to_owned())));
    }
    (all, rows)
}

#[tokio::test]
async fn each_partition_gives_its_best_row() {
    // Few partitions: nearly all rows are beaten. Many: nearly none is.
    for partitions in [1, 40, 9_000, 1_000_000_000] {
        let rows = rows(partitions);
        let (found, count) = found(&lake(&rows, 1 << 30), LATEST, false).await;
        assert_eq!((found.len(), &found), (count, &expected(&rows, |row| (by_wish(row), row.3))), "{partitions} partitions");
    }
}

#[tokio::test]
async fn all_that_tie_for_a_rank_are_first() {
    for (partitions, memory) in [(40, 1 << 30), (9_000, 1 << 30), (1_000_000_000, 10 << 20)] {
        let rows = rows(partitions);
        let expected = expected(&rows, by_wish);
        let (found, count) = found(&lake(&rows, memory), FIRSTS, memory < 1 << 30).await;
        assert_eq!((found.len(), &found), (count, &expected), "{partitions} partitions");
    }
}

#[tokio::test]
async fn without_memory_a_sort_gives_the_same() {
    let rows = rows(1_000_000_000);
    let (found, count) = found(&lake(&rows, 10 << 20), LATEST, true).await;
    assert_eq!((found.len(), &found), (count, &expected(&rows, |row| (by_wish(row), row.3))));
}

#[tokio::test]
async fn a_sort_stays_where_more_than_the_first_row_may_be_wanted() {
    let context = lake(&rows(40), 1 << 30);
    let is_kept = async |numbered: &str, condition: &str| {
        let sql = format!("SELECT id FROM (SELECT *, {numbered} FROM t) WHERE {condition}");
        let shown = displayable(physical(&context.state(), &sql).await.as_ref()).indent(false).to_string();
        assert_ne!(shown.contains("FirstRowsExec"), shown.contains("SortExec"), "{sql}\n{shown}");
        shown.contains("FirstRowsExec")
    };
    let number = "row_number() OVER (PARTITION BY key ORDER BY id) AS age";
    for condition in ["age = 1", "1 = age", "age <= 1", "age < 2", "1 >= age", "age = 1 AND wish > 3", "age = 1 AND (age = 1 OR wish > 3)"]
    {
        assert!(is_kept(number, condition).await, "{condition}");
    }
    for condition in ["age = 2", "age <= 2", "age > 1", "age <> 1", "age = 1 OR wish > 3", "age >= 1"] {
        assert!(!is_kept(number, condition).await, "{condition}");
    }
    let others = [
        "ntile(3) OVER (PARTITION BY key ORDER BY id) AS age",
        "row_number() OVER (ORDER BY id) AS age",
        "row_number() OVER (PARTITION BY key ORDER BY id) AS age, count(*) OVER (PARTITION BY key ORDER BY id) AS count",
    ];
    for other in others {
        let condition = if other.contains("count") { "age = 1 AND count > 0" } else { "age = 1" };
        assert!(!is_kept(other, condition).await, "{other}");
    }
}
