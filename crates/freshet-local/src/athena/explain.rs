//! EXPLAIN: the plan of a query, what it would read, and how it was run.

use std::collections::BTreeSet;

use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use serde_json::{Value, json};

use super::failure::Failure;
use super::query::Run;
use super::session::{CATALOG, Session};
use super::statement::Explained;

/// The lines that EXPLAIN answers, and the bytes that were read for them.
pub(crate) async fn explain(session: &Session, sql: &str, parameters: &[String], of: Explained) -> Result<(Vec<String>, u64), Failure> {
    let plan = session.plan(sql, parameters).await?;
    match of {
        Explained::Plan => {
            let optimized = session.state.optimize(&plan)?;
            Ok((format!("{}", optimized.display_indent()).lines().map(str::to_owned).collect(), 0))
        }
        Explained::Reads => {
            let plan = session.state.create_physical_plan(&plan).await?;
            let mut tables = Vec::new();
            reads(plan.as_ref(), &mut tables);
            let text = format!("{:#}", json!({ "inputTableColumnInfos": tables }));
            Ok((text.lines().map(str::to_owned).collect(), 0))
        }
        Explained::Run => {
            let mut run = Run::begin(session, &plan, None).await?;
            let mut rows = 0;
            while let Some(batch) = run.next().await? {
                rows += batch.num_rows();
            }
            let mut lines = vec![format!("Rows: {rows}, bytes read: {}", run.scanned())];
            let text = DisplayableExecutionPlan::with_metrics(run.plan.as_ref()).indent(false).to_string();
            lines.extend(text.lines().map(str::to_owned));
            Ok((lines, run.scanned()))
        }
    }
}

/// What each scan of a plan would read, in the form of Trino's plan of type IO: of its files that the filters leave, the share of
/// their columns that it needs.
fn reads(plan: &dyn ExecutionPlan, found: &mut Vec<Value>) {
    let scan = plan.downcast_ref::<DataSourceExec>().and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    if let Some(scan) = scan {
        let files = || scan.file_groups.iter().flat_map(FileGroup::iter);
        let bytes: u64 = files()
            .map(|file| file.range.as_ref().map_or(file.object_meta.size, |range| u64::try_from(range.end - range.start).unwrap_or(0)))
            .sum();
        let projected = scan.projected_schema().map(|schema| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>());
        let filtered = scan.file_source().filter().map(|filter| collect_columns(&filter)).unwrap_or_default();
        let needed: BTreeSet<String> =
            projected.unwrap_or_default().into_iter().chain(filtered.into_iter().map(|column| column.name().to_owned())).collect();
        let columns = scan.file_schema();
        let needed = columns.fields().iter().filter(|field| needed.contains(field.name())).count();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let bytes = bytes as f64 * needed as f64 / columns.fields().len().max(1) as f64;
        let place = files().next().map_or_else(String::new, |file| file.object_meta.location.to_string());
        let folder = place.rsplit_once('/').map_or("", |(folder, _)| folder);
        found.push(json!({
            "table": { "catalog": CATALOG, "location": folder },
            "estimate": { "outputRowCount": "NaN", "outputSizeInBytes": bytes },
        }));
    }
    for child in plan.children() {
        reads(child.as_ref(), found);
    }
}
