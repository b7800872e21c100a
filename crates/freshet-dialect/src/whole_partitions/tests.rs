//! Windows over whole partitions against the sort and the windows that they stand in for, with memory and without.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::array::{Array as _, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::SessionContext;

use super::{SORTED, WholePartitionsExec};
use crate::testing::{self, physical};

const ROWS: i64 = 40_000;

fn key(id: i64) -> Option<i64> {
    (id % 17 > 0).then_some(id * 7_919 % 3_001)
}

fn gold(id: i64) -> Option<i64> {
    (id % 5 > 0).then_some(id * 31 % 1_009)
}

fn lake(memory: usize) -> SessionContext {
    let batch = |ids: std::ops::Range<i64>| {
        let columns: [(&str, ArrayRef); 5] = [
            ("id", Arc::new(ids.clone().collect::<Int64Array>())),
            ("key", Arc::new(ids.clone().map(key).collect::<Int64Array>())),
            ("gold", Arc::new(ids.clone().map(gold).collect::<Int64Array>())),
            (
                "rate",
                Arc::new(
                    ids.clone().map(|id| gold(id).map(|gold| f64::from(i32::try_from(gold).unwrap()) / 4.0)).collect::<Float64Array>(),
                ),
            ),
            ("shop", Arc::new(ids.map(|id| Some(format!("shop {} {}", id % 3, "x".repeat(40)))).collect::<StringArray>())),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
    };
    let part = |begin: i64| (0..ROWS / 2_000).map(|at| batch(begin + at * 1_000..begin + (at + 1) * 1_000)).collect();
    testing::lake(vec![part(0), part(ROWS / 2)], memory)
}

/// How often memory did not suffice.
fn sorted(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let here = plan.downcast_ref::<WholePartitionsExec>().and_then(|plan| plan.metrics()?.sum_by_name(SORTED));
    here.map_or(0, |value| value.as_usize()) + plan.children().into_iter().map(sorted).sum::<usize>()
}

const SQL: &str = "SELECT id, count(*) OVER w AS rows, count(gold) OVER w AS counted, sum(gold) OVER w AS total, min(gold) OVER w AS least,
    max(rate) OVER w AS most, avg(rate) OVER w AS mean, shop FROM t WINDOW w AS (PARTITION BY key, shop)";

#[tokio::test]
async fn each_row_is_given_the_aggregates_of_its_partition() {
    let mut groups: BTreeMap<(Option<i64>, i64), Vec<i64>> = BTreeMap::new();
    for id in 0..ROWS {
        groups.entry((key(id), id % 3)).or_default().push(id);
    }
    for memory in [1 << 30, 8 << 20] {
        let context = lake(memory);
        let plan = physical(&context.state(), SQL).await;
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        assert!(shown.contains("WholePartitionsExec") && !shown.contains("SortExec"), "{shown}");
        let batches = collect(Arc::clone(&plan), context.task_ctx()).await.unwrap();
        assert_eq!(sorted(&plan) > 0, memory < 1 << 30);
        let mut seen = 0;
        for batch in &batches {
            let [ids, rows, counted, total, least] = [0, 1, 2, 3, 4].map(|at| batch.column(at));
            let [most, mean] = [5, 6].map(|at| batch.column(at).as_primitive::<Float64Type>());
            let whole = |array: &ArrayRef, row: usize| {
                let value = || match array.as_primitive_opt::<Int64Type>() {
                    Some(array) => array.value(row),
                    None => i64::try_from(array.as_primitive::<Decimal128Type>().value(row)).unwrap(),
                };
                (!array.is_null(row)).then(value)
            };
            for row in 0..batch.num_rows() {
                let id = whole(ids, row).unwrap();
                let members = &groups[&(key(id), id % 3)];
                let golds: Vec<i64> = members.iter().filter_map(|id| gold(*id)).collect();
                let expected =
                    (Some(members.len()), Some(golds.len()), golds.iter().copied().reduce(|a, b| a + b), golds.iter().copied().min());
                let count = |array, row| whole(array, row).map(|count| usize::try_from(count).unwrap());
                assert_eq!((count(rows, row), count(counted, row), whole(total, row), whole(least, row)), expected, "row {id}");
                assert_eq!(most.is_null(row), golds.is_empty());
                if !golds.is_empty() {
                    let of = |gold: i64| f64::from(i32::try_from(gold).unwrap()) / 4.0;
                    assert!((most.value(row) - of(*golds.iter().max().unwrap())).abs() < 1e-9);
                    let sum = of(golds.iter().sum());
                    assert!((mean.value(row) * f64::from(u32::try_from(golds.len()).unwrap()) - sum).abs() < 1e-6);
                }
                seen += 1;
            }
        }
        assert_eq!(seen, ROWS);
    }
}

#[tokio::test]
async fn a_sort_stays_where_rows_of_a_partition_differ() {
    let context = lake(1 << 30);
    for (window, is_whole) in [
        ("sum(gold) OVER (PARTITION BY key)", true),
        ("sum(gold) OVER (PARTITION BY key ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)", true),
        ("sum(gold) OVER (PARTITION BY key RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)", true),
        ("sum(gold) OVER (PARTITION BY key ORDER BY id)", false),
        ("sum(gold) OVER (PARTITION BY key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)", false),
        ("sum(gold) OVER (PARTITION BY key ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING)", false),
        ("row_number() OVER (PARTITION BY key)", false),
    ] {
        let sql = format!("SELECT id, {window} FROM t");
        let shown = displayable(physical(&context.state(), &sql).await.as_ref()).indent(false).to_string();
        assert_eq!((shown.contains("WholePartitionsExec"), shown.contains("SortExec")), (is_whole, !is_whole), "{window}\n{shown}");
    }
}
