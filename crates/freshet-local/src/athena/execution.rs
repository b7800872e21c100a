//! A query execution: what was asked, how it went, where its result lies; and as `GetQueryExecution` tells it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::failure::Failure;

/// The version of the document.
pub(crate) const VERSION: u32 = 1;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResultColumn {
    /// Its name.
    pub(crate) name: String,
    /// Its type.
    pub(crate) kind: String,
    /// Its precision.
    pub(crate) precision: i32,
    /// Its scale.
    pub(crate) scale: i32,
}

impl ResultColumn {
    /// A column of a statement that is no query: text without precision.
    pub(crate) fn text(name: &str) -> Self {
        Self { name: name.to_owned(), kind: "string".to_owned(), precision: 0, scale: 0 }
    }

    /// The one column of INSERT, CTAS and UNLOAD.
    pub(crate) fn rows() -> Self {
        Self { name: "rows".to_owned(), kind: "bigint".to_owned(), precision: 19, scale: 0 }
    }

    /// As `GetQueryResults` describes it.
    pub(crate) fn describe(&self) -> Value {
        json!({
            "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": self.name, "Label": self.name, "Type": self.kind,
            "Precision": self.precision, "Scale": self.scale, "Nullable": "UNKNOWN", "CaseSensitive": matches!(self.kind.as_str(), "varchar" | "char" | "json")
        })
    }
}

/// How far an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl State {
    /// Whether nothing will change any more.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// What a result file is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// Rows of values below a header, as CSV.
    Csv,
    /// Lines of text.
    Text,
    /// No rows: INSERT, CTAS, UNLOAD.
    Count,
}

/// What a statement came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The columns of its result.
    pub(crate) columns: Vec<ResultColumn>,
    /// The rows that it wrote.
    #[serde(default)]
    pub(crate) update_count: Option<u64>,
    /// The bytes that it read.
    #[serde(default)]
    pub(crate) scanned: u64,
    /// Where the list of written files is.
    #[serde(default)]
    pub(crate) manifest: Option<String>,
    /// The execution whose result this one took.
    #[serde(default)]
    pub(crate) reused: Option<String>,
}

/// An execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Execution {
    /// The version of this document.
    pub(crate) version: u32,
    pub(crate) id: String,
    pub(crate) query: String,
    pub(crate) statement_type: String,
    pub(crate) substatement_type: String,
    pub(crate) shape: Shape,
    pub(crate) work_group: String,
    pub(crate) catalog: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) parameters: Vec<String>,
    /// Where the result lies; `None` where the workgroup manages results.
    pub(crate) output: Option<String>,
    /// What the client said of reusing results.
    pub(crate) reuse: Value,
    pub(crate) token: Option<String>,
    pub(crate) state: State,
    pub(crate) failure: Option<Failure>,
    pub(crate) submitted: f64,
    pub(crate) started: Option<f64>,
    pub(crate) completed: Option<f64>,
    pub(crate) outcome: Outcome,
}

#[expect(clippy::cast_possible_truncation, reason = "a duration in milliseconds")]
fn millis(from: f64, to: f64) -> i64 {
    ((to - from) * 1000.0).round().max(0.0) as i64
}

impl Execution {
    /// As `GetQueryExecution` tells it.
    pub(crate) fn describe(&self) -> Value {
        let mut context = Map::new();
        if let Some(database) = &self.database {
            context.insert("Database".to_owned(), json!(database));
        }
        context.insert("Catalog".to_owned(), json!(self.catalog.as_deref().unwrap_or("awsdatacatalog").to_lowercase()));
        let mut described = json!({
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.statement_type,
            "SubstatementType": self.substatement_type,
            "WorkGroup": self.work_group,
            "QueryExecutionContext": context,
            "EngineVersion": { "SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3" },
            "Status": self.status(),
            "Statistics": self.statistics(),
            "ResultReuseConfiguration": if self.reuse.is_null() { json!({ "ResultReuseByAgeConfiguration": { "Enabled": false } }) } else { self.reuse.clone() },
        });
        match &self.output {
            Some(output) => described["ResultConfiguration"] = json!({ "OutputLocation": output }),
            None => described["ManagedQueryResultsConfiguration"] = json!({ "Enabled": true }),
        }
        if !self.parameters.is_empty() {
            described["ExecutionParameters"] = json!(self.parameters);
        }
        described
    }

    fn status(&self) -> Value {
        let mut status = json!({ "State": self.state, "SubmissionDateTime": self.submitted });
        if let Some(completed) = self.completed {
            status["CompletionDateTime"] = json!(completed);
        }
        if let Some(failure) = &self.failure {
            status["StateChangeReason"] = json!(failure.message);
            if self.state == State::Failed {
                status["AthenaError"] = failure.athena_error();
            }
        }
        status
    }

    fn statistics(&self) -> Value {
        let end = self.completed.unwrap_or_else(super::catalogue::now);
        let started = self.started.unwrap_or(end);
        let mut statistics = json!({
            "DataScannedInBytes": self.outcome.scanned,
            "TotalExecutionTimeInMillis": millis(self.submitted, end),
            "QueryQueueTimeInMillis": millis(self.submitted, started),
            "ServicePreProcessingTimeInMillis": 0,
            "QueryPlanningTimeInMillis": 0,
            "EngineExecutionTimeInMillis": millis(started, end),
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": { "ReusedPreviousResult": self.outcome.reused.is_some() },
        });
        if let Some(manifest) = &self.outcome.manifest {
            statistics["DataManifestLocation"] = json!(manifest);
        }
        statistics
    }
}
