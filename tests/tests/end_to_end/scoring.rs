//! What the tests of both models share: a lake with its tables registered and a desk to score from, rows put into it, and draws.

use std::path::Path;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::primitives::ByteStream;
use chrono::NaiveDate;
use freshet_ingest::time::Millis;
use freshet_lambda::scorer::Desk;
use freshet_local::Running;
use freshet_query::{Registration, Run, register, run};
use freshet_schema::Contract;
use freshet_table::{Lake, compact};
use serde_json::{Value, json};

use crate::queries;
use crate::running::{BUCKET, DATABASE, aws, s3};

/// How long a statement may take.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(2);

/// The next draw from 0 up to, without, 1 (Knuth's linear congruences, the high bits).
pub(crate) fn share(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    f64::from(u32::try_from(*state >> 32).unwrap()) / 4_294_967_296.0
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An empty lake of all tables over a folder, and what scores it.
pub(crate) async fn lake(home: &Path) -> (Running, SdkConfig, Desk) {
    let (running, config) = aws(home).await;
    let results = format!("s3://{BUCKET}/results/");
    let desk = Desk {
        athena: aws_sdk_athena::Client::new(&config),
        s3: s3(&config),
        bucket: BUCKET.to_owned(),
        database: DATABASE.to_owned(),
        workgroup: "primary".to_owned(),
        output_location: Some(results.clone()),
        timeout: TIMEOUT,
    };
    freshet_table::create_tables(&Lake::connect(&config, BUCKET).unwrap(), Contract::embedded()).await.unwrap();
    let place =
        Registration { database: DATABASE, bucket: BUCKET, workgroup: "primary", output_location: Some(&results), timeout: TIMEOUT };
    register(&desk.athena, Contract::embedded(), place).await.unwrap();
    (running, config, desk)
}

/// Puts rows, each of a table, into the lake.
pub(crate) async fn add(config: &SdkConfig, name: &str, rows: &[(&str, Value)]) {
    let contract = Contract::embedded();
    let lines = rows.iter().enumerate().map(|(place, (table, row))| {
        let mut row = row.as_object().unwrap().clone();
        row.entry("event_id").or_insert_with(|| json!(format!("{name}-{place}")));
        queries::line(contract.table(table).unwrap(), place, &row)
    });
    let body = ByteStream::from(lines.collect::<String>().into_bytes());
    s3(config).put_object().bucket(BUCKET).key(format!("landing/{name}.ndjson")).body(body).send().await.unwrap();
    assert_eq!(store(config, name).await, rows.len() as u64);
}

/// Compacts, and says how many rows of events were stored.
pub(crate) async fn store(config: &SdkConfig, name: &str) -> u64 {
    let options = freshet_table::Options::new(name, Millis(1_781_524_800_000));
    let report = compact(&Lake::connect(config, BUCKET).unwrap(), Contract::embedded(), &options, |_| ()).await.unwrap();
    assert_eq!((report.conflicts, report.quarantined.len()), (0, 0), "{report:?}");
    report.rows
}

/// The rows of a statement, as texts.
pub(crate) async fn rows(desk: &Desk, sql: &str) -> Vec<Vec<Option<String>>> {
    let request = Run {
        sql: sql.to_owned(),
        parameters: Vec::new(),
        database: desk.database.clone(),
        workgroup: desk.workgroup.clone(),
        output_location: desk.output_location.clone(),
        timeout: TIMEOUT,
        byte_limit: None,
        reuse_minutes: None,
        cancel: std::future::pending(),
    };
    run(&desk.athena, request).await.unwrap().rows
}
