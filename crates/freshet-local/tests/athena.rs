//! Athena on loopback through the AWS SDK: statements, results, result files, refusals, restarts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "athena/lake.rs"]
mod lake;

use std::time::{Duration, Instant};

use aws_sdk_athena::types::{QueryExecution, QueryExecutionState, ResultReuseByAgeConfiguration, ResultReuseConfiguration, StatementType};
use lake::{Endpoint, cells, place};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delta_table_is_made_known_and_read() {
    let endpoint = Endpoint::start().await;
    endpoint.write_orders().await;
    endpoint.ok("CREATE DATABASE IF NOT EXISTS `shop`").await;
    endpoint.ok("CREATE EXTERNAL TABLE IF NOT EXISTS `shop`.`orders`\nLOCATION 's3://lake/tables/orders/'\nTBLPROPERTIES ('table_type' = 'DELTA')").await;
    // A column that the first file does not have is NULL there, and the partition's column comes last.
    let rows = endpoint.rows("SELECT * FROM orders ORDER BY id").await;
    assert_eq!(cells(&rows[0]), ["id", "amount", "channel", "dt"]);
    assert_eq!(rows.len(), 5);
    assert_eq!((rows[1][0].as_deref(), rows[1][2].as_deref()), (Some("a"), None));
    assert_eq!((rows[4][0].as_deref(), rows[4][2].as_deref()), (Some("d"), Some("web \"x\", y")));
    // Only the day that is asked for is read.
    let all = endpoint.run("SELECT id FROM orders").await;
    let one = endpoint.run("SELECT id FROM orders WHERE dt = DATE '2026-01-02'").await;
    let none = endpoint.run("SELECT id FROM orders WHERE dt > DATE '2027-01-02'").await;
    let scanned = |execution: &QueryExecution| {
        execution.statistics().and_then(aws_sdk_athena::types::QueryExecutionStatistics::data_scanned_in_bytes).unwrap()
    };
    assert!(0 < scanned(&one) && scanned(&one) < scanned(&all), "{} of {}", scanned(&one), scanned(&all));
    assert_eq!(scanned(&none), 0);
    assert_eq!(endpoint.rows("SELECT id FROM orders WHERE dt = DATE '2026-01-02' ORDER BY id").await.len(), 3);
    // Parts of the log: the newest version counts.
    endpoint.remove_first_day().await;
    assert_eq!(endpoint.rows("SELECT id FROM orders").await.len(), 3);
    endpoint.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_are_pages_and_files() {
    let endpoint = Endpoint::start().await;
    let values: Vec<String> = (0..1500).map(|number| format!("({number}, 'n{number}')")).collect();
    let execution = endpoint.run(&format!("SELECT * FROM (VALUES {}) AS t(n, text) ORDER BY n;", values.join(", "))).await;
    assert_eq!(execution.statement_type(), Some(&StatementType::Dml));
    assert_eq!(execution.substatement_type(), Some("SELECT"));
    let id = execution.query_execution_id().unwrap();
    let output = execution.result_configuration().and_then(|result| result.output_location()).unwrap();
    assert_eq!(output, format!("s3://results/here/{id}.csv"));
    let first = endpoint.athena.get_query_results().query_execution_id(id).send().await.unwrap();
    assert_eq!(first.result_set().unwrap().rows().len(), 1000);
    let second = endpoint
        .athena
        .get_query_results()
        .query_execution_id(id)
        .set_next_token(first.next_token().map(str::to_owned))
        .send()
        .await
        .unwrap();
    assert_eq!((second.result_set().unwrap().rows().len(), second.next_token()), (501, None));
    let csv = endpoint.object("results", &format!("here/{id}.csv")).await;
    assert!(csv.starts_with(b"\"n\",\"text\"\n\"0\",\"n0\"\n"), "{}", String::from_utf8_lossy(&csv[..40]));
    let metadata = endpoint.object("results", &format!("here/{id}.csv.metadata")).await;
    assert_eq!(&metadata[..2], [0x0a, 36]);
    assert_eq!(&metadata[2..38], id.as_bytes());
    // Rows that are not there: a header alone.
    assert_eq!(endpoint.rows("SELECT 1 AS one WHERE 1 = 2").await.len(), 1);
    // A result that is young enough is taken again, if the client wants that.
    let reuse = ResultReuseConfiguration::builder()
        .result_reuse_by_age_configuration(ResultReuseByAgeConfiguration::builder().enabled(true).max_age_in_minutes(5).build())
        .build();
    for reused in [false, true] {
        let started = endpoint
            .athena
            .start_query_execution()
            .query_string("SELECT 3 AS x")
            .result_configuration(place())
            .result_reuse_configuration(reuse.clone())
            .send()
            .await
            .unwrap();
        let execution = endpoint.wait(started.query_execution_id().unwrap()).await;
        assert_eq!(
            execution
                .statistics()
                .and_then(|statistics| statistics.result_reuse_information())
                .map(aws_sdk_athena::types::ResultReuseInformation::reused_previous_result),
            Some(reused)
        );
        assert_eq!(endpoint.object("results", &format!("here/{}.csv", execution.query_execution_id().unwrap())).await, b"\"x\"\n\"3\"\n");
    }
    // A workgroup that manages results keeps them out of the buckets.
    let managed = endpoint.athena.start_query_execution().query_string("SELECT 4 AS x").work_group("managed").send().await.unwrap();
    let managed = endpoint.wait(managed.query_execution_id().unwrap()).await;
    assert!(managed.result_configuration().is_none());
    let kept = endpoint.athena.get_query_results().query_execution_id(managed.query_execution_id().unwrap()).send().await.unwrap();
    assert_eq!(kept.result_set().unwrap().rows()[1].data()[0].var_char_value(), Some("4"));
    // A token given twice is one execution.
    let start = || {
        endpoint
            .athena
            .start_query_execution()
            .client_request_token("a-token-of-at-least-32-characters")
            .query_string("SELECT 7 AS x")
            .result_configuration(place())
            .send()
    };
    let (one, two) = (start().await.unwrap(), start().await.unwrap());
    assert_eq!(one.query_execution_id(), two.query_execution_id());
    endpoint.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_says_why_and_takes_nothing_down() {
    let endpoint = Endpoint::start().await;
    endpoint.write_orders().await;
    endpoint.ok("CREATE DATABASE shop").await;
    endpoint.ok("CREATE EXTERNAL TABLE shop.orders LOCATION 's3://lake/tables/orders' TBLPROPERTIES ('table_type'='DELTA')").await;
    for (sql, reason) in [
        ("SELECT * FROM nope", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.shop.nope' does not exist"),
        ("SELECT * FROM other.nope", "SCHEMA_NOT_FOUND: line 1:15: Schema 'other' does not exist"),
        ("INSERT INTO orders VALUES ('x')", "NOT_SUPPORTED: Delta Lake tables are read only"),
        ("DELETE FROM orders WHERE id = 'a'", "NOT_SUPPORTED: Delta Lake tables are read only"),
        ("UPDATE orders SET id = 'a'", "NOT_SUPPORTED: Delta Lake tables are read only"),
        ("MERGE INTO orders USING t ON true WHEN MATCHED THEN DELETE", "NOT_SUPPORTED: Delta Lake tables are read only"),
        ("CREATE TABLE x WITH (table_type = 'DELTA') AS SELECT 1 AS a", "NOT_SUPPORTED: CREATE TABLE AS SELECT is not supported for Delta"),
        (
            "CREATE EXTERNAL TABLE d (a string) LOCATION 's3://lake/d/' TBLPROPERTIES ('table_type'='DELTA')",
            "INVALID_TABLE_PROPERTY: a column list must not be specified",
        ),
        ("CREATE DATABASE shop", "FAILED: Execution Error"),
        ("DROP DATABASE shop", "FAILED: Execution Error"),
        ("DROP TABLE nope", "TABLE_NOT_FOUND: Table 'awsdatacatalog.shop.nope' does not exist"),
        ("SHOW TABLES IN nope", "SCHEMA_NOT_FOUND"),
        ("SELECT * FROM orders FOR VERSION AS OF 0", ""),
    ] {
        let execution = endpoint.run_any(sql).await;
        let status = execution.status().unwrap();
        assert_eq!(status.state(), Some(&QueryExecutionState::Failed), "{sql}");
        let said = status.state_change_reason().unwrap();
        assert!(said.starts_with(reason), "{sql}: {said}");
        assert_eq!(status.athena_error().and_then(aws_sdk_athena::types::AthenaError::error_category), Some(2), "{sql}");
        let id = execution.query_execution_id().unwrap();
        let refused = endpoint.athena.get_query_results().query_execution_id(id).send().await.unwrap_err();
        assert!(refused.into_service_error().is_invalid_request_exception(), "{sql}");
    }
    for sql in ["SELEC 1", "SELECT 1; SELECT 2", "DROP INDEX x", " "] {
        let refused = endpoint.start_query(sql).await.unwrap_err();
        assert!(refused.into_service_error().is_invalid_request_exception(), "{sql}");
    }
    endpoint.athena.create_work_group().name("bare").send().await.unwrap();
    let bare = endpoint.athena.start_query_execution().query_string("SELECT 1").work_group("bare").send().await.unwrap_err();
    assert!(bare.into_service_error().to_string().contains("No output location provided"));
    endpoint.ok("SELECT 1").await;
    endpoint.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_nobody_wants_stops() {
    let endpoint = Endpoint::start().await;
    let endless = "SELECT count(*) FROM UNNEST(sequence(1, 9000)) AS x(a), UNNEST(sequence(1, 9000)) AS y(b), UNNEST(sequence(1, 9000)) AS z(c) WHERE a % 7 <> b % 5 + c";
    let started = endpoint.start_query(endless).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let id = started.query_execution_id().unwrap();
    let running = endpoint.athena.get_query_results().query_execution_id(id).send().await.unwrap_err();
    assert!(running.into_service_error().to_string().contains("has not yet finished"));
    let asked = Instant::now();
    endpoint.athena.stop_query_execution().query_execution_id(id).send().await.unwrap();
    let execution = endpoint.wait(id).await;
    assert_eq!(execution.status().unwrap().state(), Some(&QueryExecutionState::Cancelled));
    endpoint.ok("SELECT 1").await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    endpoint.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_and_the_catalogue_survive_a_restart() {
    let endpoint = Endpoint::start().await;
    endpoint.write_orders().await;
    endpoint.ok("CREATE DATABASE shop COMMENT 'it''s ours'").await;
    endpoint.ok("CREATE EXTERNAL TABLE shop.orders LOCATION 's3://lake/tables/orders/' TBLPROPERTIES ('table_type'='DELTA')").await;
    endpoint.ok("CREATE OR REPLACE VIEW shop.latest AS\nSELECT id, dt FROM orders WHERE dt >= DATE '2026-01-02'").await;
    endpoint.ok("CREATE OR REPLACE VIEW \"latest_two\" AS SELECT * FROM latest").await;
    endpoint.ok("PREPARE by_id FROM SELECT id FROM orders WHERE id = 'b'").await;
    let before = endpoint.run("SELECT id FROM latest_two ORDER BY 1").await;
    let id = before.query_execution_id().unwrap().to_owned();
    let endpoint = endpoint.restart().await;
    let again = endpoint.athena.get_query_results().query_execution_id(&id).send().await.unwrap();
    assert_eq!(again.result_set().unwrap().rows().len(), 3);
    assert_eq!(endpoint.rows("EXECUTE by_id").await.len(), 2);
    let lines = |rows: Vec<Vec<Option<String>>>| rows.into_iter().map(|row| row[0].clone().unwrap()).collect::<Vec<_>>();
    assert_eq!(lines(endpoint.rows("SHOW TABLES").await), ["latest", "latest_two", "orders"]);
    assert_eq!(lines(endpoint.rows("SHOW VIEWS IN shop 'latest_*'").await), ["latest_two"]);
    assert_eq!(lines(endpoint.rows("SHOW DATABASES").await), ["shop"]);
    assert_eq!(lines(endpoint.rows("SHOW PARTITIONS orders").await), ["dt=2026-01-01", "dt=2026-01-02"]);
    assert_eq!(
        lines(endpoint.rows("SHOW CREATE VIEW \"shop\".\"latest\";").await)[1],
        "SELECT id, dt FROM orders WHERE dt >= DATE '2026-01-02'"
    );
    let described = lines(endpoint.rows("DESCRIBE orders").await);
    assert!(described[0].starts_with("id                  \tstring"), "{}", described[0]);
    assert!(described.iter().any(|line| line.starts_with("# Partition Information")));
    assert!(lines(endpoint.rows("SHOW CREATE TABLE orders").await).contains(&"  's3://lake/tables/orders/'".to_owned()));
    assert_eq!(
        endpoint
            .rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' AND table_type = 'VIEW' ORDER BY 1")
            .await
            .len(),
        3
    );
    endpoint.ok("DROP VIEW latest_two").await;
    endpoint.ok("DROP TABLE orders").await;
    assert!(!endpoint.object("lake", "tables/orders/_delta_log/00000000000000000000.json").await.is_empty());
    let stale = endpoint.run_any("SELECT * FROM latest").await;
    assert!(stale.status().unwrap().state_change_reason().is_some());
    endpoint.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_written_by_ctas_insert_and_unload() {
    let endpoint = Endpoint::start().await;
    endpoint.write_orders().await;
    endpoint.ok("CREATE DATABASE shop").await;
    endpoint.ok("CREATE EXTERNAL TABLE shop.orders LOCATION 's3://lake/tables/orders/' TBLPROPERTIES ('table_type'='DELTA')").await;
    let made = endpoint.run("CREATE TABLE \"awsdatacatalog\".\"shop\".\"copy\" WITH (format = 'PARQUET', external_location = 's3://lake/copy/', partitioned_by = ARRAY['channel']) AS SELECT id, channel FROM orders").await;
    assert_eq!((made.statement_type(), made.substatement_type()), (Some(&StatementType::Ddl), Some("CREATE_TABLE_AS_SELECT")));
    let results = endpoint.athena.get_query_results().query_execution_id(made.query_execution_id().unwrap()).send().await.unwrap();
    assert_eq!(results.update_count(), Some(4));
    let manifest = made.statistics().unwrap().data_manifest_location().unwrap();
    let lines = String::from_utf8(endpoint.object("results", manifest.strip_prefix("s3://results/").unwrap()).await).unwrap();
    assert!(lines.lines().count() == 2 && lines.lines().all(|line| line.starts_with("s3://lake/copy/channel=")), "{lines}");
    assert_eq!(endpoint.rows("SELECT id FROM copy WHERE channel IS NULL").await.len(), 4);
    endpoint.ok("INSERT INTO copy (channel, id) ( SELECT 'x/y', 'new' );").await;
    assert_eq!(endpoint.rows("SELECT id FROM copy WHERE channel = 'x/y'").await.len(), 2);
    assert!(endpoint.rows("SHOW PARTITIONS copy").await.iter().any(|row| row[0].as_deref() == Some("channel=x/y")));
    let unloaded = endpoint.run("UNLOAD (SELECT id FROM copy) TO 's3://lake/unloaded/' WITH (format = 'PARQUET')").await;
    assert_eq!(unloaded.substatement_type(), Some("UNLOAD"));
    let again = endpoint.run_any("UNLOAD (SELECT id FROM copy) TO 's3://lake/unloaded/' WITH (format = 'PARQUET')").await;
    assert!(again.status().unwrap().state_change_reason().unwrap().starts_with("HIVE_PATH_ALREADY_EXISTS"));
    endpoint.ok("CREATE TABLE empty WITH (external_location = 's3://lake/empty/') AS SELECT id FROM orders WITH NO DATA").await;
    assert_eq!(endpoint.rows("SELECT * FROM empty").await.len(), 1);
    endpoint
        .ok("CREATE TABLE lines WITH (format = 'JSON', external_location = 's3://lake/lines/') AS SELECT id, channel FROM orders")
        .await;
    assert_eq!(endpoint.rows("SELECT id FROM lines WHERE channel IS NULL").await.len(), 4);
    endpoint.ok("CREATE TABLE texts WITH (format = 'TEXTFILE', field_delimiter = '|', external_location = 's3://lake/texts/') AS SELECT id, channel FROM orders").await;
    assert_eq!(endpoint.rows("SELECT id FROM texts WHERE channel IS NULL").await.len(), 4);
    let seed = "create external table shop.seed (n bigint, text string) row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde' location 's3://lake/seed/' tblproperties ('skip.header.line.count'='1')";
    endpoint.put("lake", "seed/seed.csv", b"n,text\n7,\"a,b\"\n8,\n".to_vec()).await;
    endpoint.ok(seed).await;
    let seeded = endpoint.rows("SELECT text FROM seed ORDER BY n").await;
    assert_eq!((cells(&seeded[1]), cells(&seeded[2])), (vec!["a,b"], vec![""]));
    endpoint.stop().await;
}
