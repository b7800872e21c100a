//! An endpoint in a temporary folder, with buckets, a client, and a Delta table that nobody's library wrote.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use aws_credential_types::Credentials;
use aws_sdk_athena::error::SdkError;
use aws_sdk_athena::operation::start_query_execution::{StartQueryExecutionError, StartQueryExecutionOutput};
use aws_sdk_athena::types::{QueryExecution, QueryExecutionContext, QueryExecutionState, ResultConfiguration};
use aws_sdk_s3::primitives::ByteStream;
use freshet_local::{ACCESS_KEY, Options, REGION, Running, SECRET_KEY};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

/// A row of text; NULL is `None`.
pub(crate) type Row = Vec<Option<String>>;

/// An endpoint.
pub(crate) struct Endpoint {
    folder: TempDir,
    running: Running,
    pub(crate) athena: aws_sdk_athena::Client,
    s3: aws_sdk_s3::Client,
}

/// A row without NULL.
pub(crate) fn cells(row: &Row) -> Vec<&str> {
    row.iter().map(|cell| cell.as_deref().unwrap()).collect()
}

async fn run(dir: PathBuf) -> (Running, aws_sdk_athena::Client, aws_sdk_s3::Client) {
    let buckets = vec!["lake".to_owned(), "results".to_owned()];
    let options = Options { dir, port: 0, buckets, streams: Vec::new(), functions: freshet_local::Functions::new() };
    let running = freshet_local::start(options).await.unwrap();
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
    let athena = aws_sdk_athena::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_athena::config::Region::new(REGION))
        .endpoint_url(running.endpoint())
        .credentials_provider(credentials.clone())
        .build();
    let s3 = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_s3::config::Region::new(REGION))
        .endpoint_url(running.endpoint())
        .credentials_provider(credentials)
        .force_path_style(true)
        .build();
    (running, aws_sdk_athena::Client::from_conf(athena), aws_sdk_s3::Client::from_conf(s3))
}

/// Where results go.
pub(crate) fn place() -> ResultConfiguration {
    ResultConfiguration::builder().output_location("s3://results/here/").build()
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (running, athena, s3) = run(folder.path().to_owned()).await;
        Self { folder, running, athena, s3 }
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }

    /// The same folder, served anew.
    pub(crate) async fn restart(self) -> Self {
        self.running.stop().await.unwrap();
        let (running, athena, s3) = run(self.folder.path().to_owned()).await;
        Self { folder: self.folder, running, athena, s3 }
    }

    pub(crate) async fn start_query(&self, sql: &str) -> Result<StartQueryExecutionOutput, SdkError<StartQueryExecutionError>> {
        let context = QueryExecutionContext::builder().database("shop").build();
        self.athena.start_query_execution().query_string(sql).query_execution_context(context).result_configuration(place()).send().await
    }

    /// Waits until an execution has ended.
    pub(crate) async fn wait(&self, id: &str) -> QueryExecution {
        let begun = Instant::now();
        loop {
            let got = self.athena.get_query_execution().query_execution_id(id).send().await.unwrap();
            let execution = got.query_execution.unwrap();
            match execution.status().and_then(|status| status.state()) {
                Some(QueryExecutionState::Queued | QueryExecutionState::Running) => {
                    assert!(begun.elapsed() < Duration::from_mins(1), "no end");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                _ => return execution,
            }
        }
    }

    /// Runs a statement to whatever end.
    pub(crate) async fn run_any(&self, sql: &str) -> QueryExecution {
        let started = self.start_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        self.wait(started.query_execution_id().unwrap()).await
    }

    /// Runs a statement that succeeds.
    pub(crate) async fn run(&self, sql: &str) -> QueryExecution {
        let execution = self.run_any(sql).await;
        let status = execution.status().unwrap();
        assert_eq!(status.state(), Some(&QueryExecutionState::Succeeded), "{sql}: {:?}", status.state_change_reason());
        execution
    }

    pub(crate) async fn ok(&self, sql: &str) {
        self.run(sql).await;
    }

    /// The rows of a statement's first page, its header among them.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Row> {
        let execution = self.run(sql).await;
        let got = self.athena.get_query_results().query_execution_id(execution.query_execution_id().unwrap()).send().await.unwrap();
        let rows = got.result_set().unwrap().rows();
        rows.iter().map(|row| row.data().iter().map(|datum| datum.var_char_value().map(str::to_owned)).collect()).collect()
    }

    pub(crate) async fn object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let got = self.s3.get_object().bucket(bucket).key(key).send().await.unwrap_or_else(|error| panic!("{bucket}/{key}: {error:?}"));
        got.body.collect().await.unwrap().to_vec()
    }

    pub(crate) async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) {
        self.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes)).send().await.unwrap();
    }

    /// A Delta table of two days in which a column came later.
    pub(crate) async fn write_orders(&self) {
        let text = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
        let old = parquet(vec![("id", text(vec![Some("a"), Some("b")])), ("amount", Arc::new(Int64Array::from(vec![1, 2])))]);
        let new = parquet(vec![
            ("amount", Arc::new(Int64Array::from(vec![Some(3), None]))),
            ("id", text(vec![Some("c"), Some("d")])),
            ("channel", text(vec![None, Some("web \"x\", y")])),
        ]);
        let schema = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},{\"name\":\"dt\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}},{\"name\":\"amount\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},{\"name\":\"channel\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}"#;
        let add = |day: &str, bytes: &[u8]| {
            let stats = r#"{\"numRecords\":2,\"minValues\":{\"amount\":1},\"maxValues\":{\"amount\":3},\"nullCount\":{\"amount\":0}}"#;
            format!(
                r#"{{"add":{{"path":"dt={day}/part.parquet","partitionValues":{{"dt":"{day}"}},"size":{},"modificationTime":1767225600000,"dataChange":true,"stats":"{stats}"}}}}"#,
                bytes.len()
            )
        };
        let first = format!(
            "{{\"protocol\":{{\"minReaderVersion\":1,\"minWriterVersion\":2}}}}\n{{\"metaData\":{{\"id\":\"5a1d0c0e-0000-4000-8000-000000000000\",\"format\":{{\"provider\":\"parquet\",\"options\":{{}}}},\"schemaString\":\"{schema}\",\"partitionColumns\":[\"dt\"],\"configuration\":{{}},\"createdTime\":1767225600000}}}}\n{}\n",
            add("2026-01-01", &old)
        );
        let second = format!("{}\n", add("2026-01-02", &new));
        self.put("lake", "tables/orders/dt=2026-01-01/part.parquet", old).await;
        self.put("lake", "tables/orders/dt=2026-01-02/part.parquet", new).await;
        self.put("lake", "tables/orders/_delta_log/00000000000000000000.json", first.into_bytes()).await;
        self.put("lake", "tables/orders/_delta_log/00000000000000000001.json", second.into_bytes()).await;
    }

    /// A version in which the first day's file is gone.
    pub(crate) async fn remove_first_day(&self) {
        let remove = "{\"remove\":{\"path\":\"dt=2026-01-01/part.parquet\",\"deletionTimestamp\":1767225600001,\"dataChange\":true}}\n";
        self.put("lake", "tables/orders/_delta_log/00000000000000000002.json", remove.as_bytes().to_vec()).await;
    }
}

/// A Parquet file of these columns.
pub(crate) fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}
