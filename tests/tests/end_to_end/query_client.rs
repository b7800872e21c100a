//! The query client against Athena on loopback: types of pages and of UNLOAD, what is left behind, limits, reuse, stops, and
//! what the command writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit};
use aws_config::SdkConfig;
use aws_sdk_athena::types::{QueryExecutionState, ResultConfiguration, WorkGroupConfiguration};
use freshet_local::{ACCESS_KEY, REGION, Running, SECRET_KEY};
use freshet_query::{AS_TEXT, Error, Run, Statement, batches, bind, execute, parse, run, unload};
use futures::TryStreamExt as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::running::{BUCKET, asks, aws, binary, s3};

/// Every type that both ways give alike, a row of values and one of NULLs.
const SCALARS: &str = "SELECT * FROM (VALUES
    (true, CAST(7 AS tinyint), CAST(-7 AS integer), BIGINT '9223372036854775807', 1.5e0, CAST('-12345678901234567890.1000' AS decimal(38,4)),
        DATE '1969-12-31', CAST(TIMESTAMP '2026-01-02 03:04:05.678' AS timestamp(3)), '', to_utf8('a;é')),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    ) AS t (flag, tiny, whole, big, dbl, money, day, at, txt, raw)";

struct Lake {
    running: Running,
    config: SdkConfig,
    athena: aws_sdk_athena::Client,
    s3: aws_sdk_s3::Client,
}

impl Lake {
    async fn start(home: &Path) -> Self {
        let (running, config) = aws(home).await;
        let lake = Self { running, athena: aws_sdk_athena::Client::new(&config), s3: s3(&config), config };
        run(&lake.athena, asks("CREATE DATABASE lake")).await.unwrap();
        lake
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let page = self.s3.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
        page.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
    }

    /// The answer by pages.
    async fn paged(&self, sql: &str) -> RecordBatch {
        let execution = execute(&self.athena, asks(sql)).await.unwrap();
        whole(&batches(&self.athena, &execution).try_collect::<Vec<_>>().await.unwrap())
    }

    /// The answer by UNLOAD, which leaves nothing.
    async fn unloaded(&self, sql: &str) -> RecordBatch {
        let unloaded = unload(&self.athena, &self.s3, asks(sql)).await.unwrap();
        let read = whole(&unloaded.batches(&self.s3).try_collect::<Vec<_>>().await.unwrap());
        assert_eq!(unloaded.clean(&self.s3).await, None);
        read
    }

    async fn group(&self, name: &str, configuration: WorkGroupConfiguration) {
        self.athena.create_work_group().name(name).configuration(configuration).send().await.unwrap();
    }

    /// A table of so many rows, by the thousand where they are more than a sequence may have.
    async fn table(&self, name: &str, rows: usize) {
        let (times, of) = if rows > 10_000 { (rows / 1000, 1000) } else { (1, rows) };
        let sql = format!(
            "CREATE TABLE {name} WITH (external_location = 's3://{BUCKET}/{name}/') AS
            SELECT {of} * m + n AS id, 'name ' || CAST({of} * m + n AS varchar) AS name
            FROM UNNEST(sequence(0, {times} - 1)) AS t (m) CROSS JOIN UNNEST(sequence(1, {of})) AS u (n)"
        );
        run(&self.athena, asks(&sql)).await.unwrap();
    }
}

fn whole(batches: &[RecordBatch]) -> RecordBatch {
    concat_batches(&batches[0].schema(), batches).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_unload_give_the_same_values_with_the_same_types() {
    let home = tempfile::tempdir().unwrap();
    let lake = Lake::start(home.path()).await;
    let (paged, unloaded) = (lake.paged(SCALARS).await, lake.unloaded(SCALARS).await);
    let kinds: Vec<&DataType> = paged.schema_ref().fields().iter().map(|field| field.data_type()).collect();
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    assert_eq!((kinds[5], kinds[7]), (&DataType::Decimal128(38, 4), &time));
    assert_eq!(paged.column(5).as_primitive::<Decimal128Type>().value(0), -123_456_789_012_345_678_901_000);
    let texts = paged.column(8).as_string::<i32>();
    assert!(texts.is_valid(0) && texts.value(0).is_empty() && texts.is_null(1), "NULL is not the empty text");
    for (place, field) in paged.schema_ref().fields().iter().enumerate() {
        assert_eq!(unloaded.schema_ref().field(place).name(), field.name());
        assert_eq!(unloaded.column(place), paged.column(place), "{}", field.name());
    }

    let nested = "SELECT ARRAY['a, b', NULL, ''] AS list, MAP(ARRAY['k'], ARRAY[BIGINT '1']) AS pairs, CAST(ROW(1, 'x') AS ROW(a integer, b varchar)) AS both";
    let (paged, unloaded) = (lake.paged(nested).await, lake.unloaded(nested).await);
    for field in paged.schema_ref().fields() {
        assert!(field.data_type() == &DataType::Utf8 && field.metadata()[AS_TEXT].contains("UNLOAD"), "{field:?}");
    }
    let items = unloaded.column(0).as_list::<i32>().value(0);
    assert_eq!(items.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a, b"), None, Some("")]);
    assert_eq!(unloaded.column(1).as_map().value(0).column(1).as_primitive::<Int64Type>().value(0), 1);
    assert_eq!(unloaded.column(2).as_struct().column_names(), ["a", "b"]);
    assert_eq!(lake.keys("results/unload/").await, Vec::<String>::new());
    lake.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_is_unloaded_in_batches_and_leaves_nothing_where_the_workgroup_says() {
    let home = tempfile::tempdir().unwrap();
    let lake = Lake::start(home.path()).await;
    lake.table("many", 30_000).await;
    let place = ResultConfiguration::builder().output_location(format!("s3://{BUCKET}/answers/")).build();
    let configuration = WorkGroupConfiguration::builder().enforce_work_group_configuration(true).result_configuration(place).build();
    lake.group("analysts", configuration).await;
    let request = Run { workgroup: "analysts".to_owned(), ..asks("SELECT id, name FROM many WHERE id > ? ORDER BY id; -- all") };
    let unloaded = unload(&lake.athena, &lake.s3, Run { parameters: vec!["10".to_owned()], ..request.clone() }).await.unwrap();
    assert!(unloaded.files() > 0 && unloaded.execution.is_billed && unloaded.execution.scanned_bytes > 0);
    assert_eq!(lake.keys("answers/unload/").await.len(), unloaded.files());
    assert!(lake.keys("results/").await.iter().all(|key| !key.contains("unload")), "an enforced workgroup's place is taken");
    let read: Vec<RecordBatch> = unloaded.batches(&lake.s3).try_collect().await.unwrap();
    assert!(read.len() > 3 && read.iter().all(|batch| batch.num_rows() <= 8192), "{}", read.len());
    let mut ids: Vec<i64> = read.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (11..=30_000).collect::<Vec<i64>>());
    assert_eq!(unloaded.clean(&lake.s3).await, None);
    assert_eq!(lake.keys("answers/").await, Vec::<String>::new());

    let nobody = unload(&lake.athena, &lake.s3, Run { parameters: vec!["30000".to_owned()], ..request.clone() }).await.unwrap();
    let none: Vec<RecordBatch> = nobody.batches(&lake.s3).try_collect().await.unwrap();
    assert_eq!(none.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    assert_eq!(nobody.clean(&lake.s3).await, None);
    for (sql, workgroup, said) in [
        ("SELECT TIMESTAMP '2026-01-01 00:00:00 UTC' AS at", "analysts", "AS timestamp"),
        ("SHOW TABLES", "analysts", "takes a SELECT"),
        ("SELECT nme FROM many", "analysts", "nme"),
        ("SELECT 1 AS a", "managed", "no place in S3"),
    ] {
        let request = Run { workgroup: workgroup.to_owned(), output_location: None, ..asks(sql) };
        let refused = unload(&lake.athena, &lake.s3, request).await.map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains(said), "{sql}: {refused}");
    }
    assert_eq!(lake.keys("answers/unload/").await, Vec::<String>::new());
    lake.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_held_to_its_limit_and_the_workgroups_is_explained() {
    let home = tempfile::tempdir().unwrap();
    let lake = Lake::start(home.path()).await;
    lake.table("many", 5000).await;
    let limited = |sql: &str, limit| Run { byte_limit: Some(limit), ..asks(sql) };
    let before = lake.athena.list_query_executions().send().await.unwrap().query_execution_ids().len();
    let refused = execute(&lake.athena, limited("SELECT * FROM many WHERE id > 1", 100)).await.unwrap_err();
    assert!(matches!(refused, Error::Foretold { foretold, limit: 100 } if foretold > 100), "{refused}");
    assert_eq!(
        lake.athena.list_query_executions().send().await.unwrap().query_execution_ids().len(),
        before + 1,
        "only the plan was asked for"
    );
    let refused = unload(&lake.athena, &lake.s3, limited("SELECT * FROM many", 100)).await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, Error::Foretold { .. }), "{refused}");
    for (sql, limit) in [("SELECT * FROM many", 100_000_000), ("SELECT 1", 0), ("SHOW TABLES", 0)] {
        execute(&lake.athena, limited(sql, limit)).await.unwrap();
    }
    let parameters = vec!["'it''s (a; b'".to_owned()];
    execute(&lake.athena, Run { parameters, ..limited("SELECT id FROM many WHERE name = ?", 100_000_000) }).await.unwrap();

    lake.group(
        "frugal",
        WorkGroupConfiguration::builder().bytes_scanned_cutoff_per_query(1).enforce_work_group_configuration(false).build(),
    )
    .await;
    let over = execute(&lake.athena, Run { workgroup: "frugal".to_owned(), ..asks("SELECT * FROM many") }).await.unwrap_err();
    assert!(matches!(&over, Error::Cutoff { bytes: Some(1), workgroup, .. } if workgroup == "frugal"), "{over}");
    assert!(over.to_string().contains("dt >= DATE"), "{over}");
    lake.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_reused_errors_quote_and_values_are_never_sql() {
    let home = tempfile::tempdir().unwrap();
    let lake = Lake::start(home.path()).await;
    lake.table("many", 10).await;
    for (minutes, is_reused) in [(Some(60), false), (Some(60), true), (None, false)] {
        let execution = execute(&lake.athena, Run { reuse_minutes: minutes, ..asks("SELECT count(*) FROM many") }).await.unwrap();
        assert_eq!((execution.is_reused, execution.is_billed), (is_reused, !is_reused));
    }
    let wrong = execute(&lake.athena, asks("SELECT id,\n  nme FROM many")).await.unwrap_err().to_string();
    assert!(wrong.contains("2 |   nme FROM many\n  |   ^"), "{wrong}");

    // In a condition too, which readers of files may be handed.
    let fails = execute(&lake.athena, asks("SELECT name FROM many WHERE 10 / (id - 3) > 1")).await.unwrap_err().to_string();
    assert!(fails.contains("DIVISION_BY_ZERO"), "{fails}");

    let text = "-- name: told\n-- summary: Names.\n-- kind: query\n-- param: name string x The name.\n-- param: least integer 0 The least id.\n-- column: id bigint The id.\nSELECT id, :name AS said FROM many WHERE id > :least AND name <> :name";
    let queries = parse(&[("told.sql", text)], &["many"], |table| table == "many").unwrap();
    for value in ["'; DROP TABLE many; --", "' OR '1'='1", "x') --", "\\' OR 1=1 /*", "?", ":least", "\u{1F525}\n\"", "${jndi:x}"] {
        let values = BTreeMap::from([("name".to_owned(), value.to_owned())]);
        let Statement { sql, parameters } = bind(&queries[0], &values).unwrap();
        let answer = run(&lake.athena, Run { parameters: parameters.clone(), ..asks(&sql) }).await.unwrap();
        assert_eq!(answer.rows.len(), 10, "{value}");
        assert!(answer.rows.iter().all(|row| row[1].as_deref() == Some(value)), "{value}");
        let unloaded = unload(&lake.athena, &lake.s3, Run { parameters, ..asks(&sql) }).await.unwrap();
        let read = whole(&unloaded.batches(&lake.s3).try_collect::<Vec<_>>().await.unwrap());
        assert!(read.column(1).as_string::<i32>().iter().all(|said| said == Some(value)), "{value}");
        assert_eq!(unloaded.clean(&lake.s3).await, None);
    }
    for (name, value) in [("least", "0 OR 1=1"), ("least", "0; DROP TABLE many"), ("least", "'0'")] {
        assert!(bind(&queries[0], &BTreeMap::from([(name.to_owned(), value.to_owned())])).is_err(), "{value}");
    }
    lake.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_nobody_waits_for_is_stopped() {
    let home = tempfile::tempdir().unwrap();
    let lake = Lake::start(home.path()).await;
    lake.table("many", 20_000).await;
    let endless = "SELECT count(*) FROM many a CROSS JOIN many b CROSS JOIN many c WHERE a.id + b.id + c.id = 7";
    let request = asks(endless);
    let request = Run {
        sql: request.sql,
        parameters: request.parameters,
        database: request.database,
        workgroup: request.workgroup,
        output_location: request.output_location,
        timeout: request.timeout,
        byte_limit: None,
        reuse_minutes: None,
        cancel: tokio::time::sleep(Duration::from_millis(300)),
    };
    let Err(Error::Cancelled { execution: Some(id) }) = execute(&lake.athena, request).await else { panic!("not cancelled") };
    let found = lake.athena.get_query_execution().query_execution_id(id).send().await.unwrap();
    let state = found.query_execution().unwrap().status().unwrap().state().unwrap().clone();
    assert_eq!(state, QueryExecutionState::Cancelled);
    lake.running.stop().await.unwrap();
}

/// Runs the command against the lake.
fn freshet(lake: &Lake, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(binary());
    command.args(arguments).env("AWS_ENDPOINT_URL", lake.config.endpoint_url().unwrap()).env("AWS_REGION", REGION);
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command.env("FRESHET_BUCKET", BUCKET).env("FRESHET_DATABASE", "lake").output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_writes_files_that_read_back() {
    let home = tempfile::tempdir().unwrap();
    let lake = Lake::start(home.path()).await;
    lake.table("many", 2500).await;
    let told = lake.unloaded("SELECT id, name FROM many").await;
    tokio::task::block_in_place(|| {
        let path = home.path().join("many.parquet");
        let file = path.to_str().unwrap();
        for unload in [&[][..], &["--unload"]] {
            let arguments =
                [&["query", "--sql", "SELECT id, name FROM many ORDER BY id", "--format", "parquet", "--output", file], unload].concat();
            let output = freshet(&lake, &arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && output.stdout.is_empty(), "{said}");
            assert!(said.contains("2500 rows") && said.contains("$0.00005"), "{said}");
            let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap().build().unwrap();
            let read = whole(&reader.map(Result::unwrap).collect::<Vec<_>>());
            assert_eq!((read.num_rows(), read.column(1)), (2500, told.column(1)), "{unload:?}");
            std::fs::remove_file(&path).unwrap();
        }
        let output = freshet(&lake, &["query", "--sql", "SELECT id, name FROM many", "--format", "arrow"]);
        let reader = arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(output.stdout), None).unwrap();
        assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2500);
        let output = freshet(&lake, &["query", "--sql", "SELECT id, name FROM many WHERE id < 0", "--unload", "--format", "parquet"]);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(output.stdout)).unwrap();
        assert_eq!(reader.schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["id", "name"]);
        let output = freshet(&lake, &["query", "--sql", "SELECT id FROM many WHERE id = 7", "--format", "json"]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "[\n  {\n    \"id\": 7\n  }\n]\n");
        let output = freshet(&lake, &["query", "--sql", "SELECT * FROM many", "--max-bytes", "10", "--format", "csv"]);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("more than the limit of 10"));
        let output = freshet(&lake, &["query", "--sql", "SELECT nme FROM many", "--format", "csv", "--output", file]);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("1 | SELECT nme FROM many\n"), "{output:?}");
        assert!(!path.exists() && !home.path().join("many.parquet.part").exists());
    });
    lake.running.stop().await.unwrap();
}
