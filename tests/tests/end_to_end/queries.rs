//! `queries/` on loopback: every view and query gives the rows that were worked out by hand from `queries/fixtures/`.
//!
//! The fixtures go the way of all rows: lines of the landing zone, compacted into the tables, asked through Athena.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::primitives::ByteStream;
use flate2::Compression;
use flate2::write::GzEncoder;
use freshet_ingest::line::LINE_VERSION;
use freshet_ingest::time::Millis;
use freshet_query::json::Objects;
use freshet_query::{Answer, Change, Kind, Query, Registered, Registration, Run, bind, catalogue, register};
use freshet_schema::{Contract, Table};
use freshet_table::{Lake, compact};
use serde_json::{Map, Value, json};

use crate::running::{BUCKET, DATABASE, asks, aws, s3};

const TIMEOUT: Duration = Duration::from_mins(2);
/// 2026-06-15 12:00:00 UTC: later than every fixture.
const NOW: Millis = Millis(1_781_524_800_000);

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../queries").join(name)
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names_in(name: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// A fixture's row as a line of the landing zone, its envelope filled in as `queries/fixtures/README.md` says.
pub(crate) fn line(table: &Table, index: usize, given: &Map<String, Value>) -> String {
    let mut row = Map::new();
    if !table.computed {
        let owner =
            Contract::embedded().sources().iter().find(|source| source.tables.iter().any(|other| other.name == table.name)).unwrap();
        let source = match owner.name.as_str() {
            "lake" => given.get("source").and_then(Value::as_str).unwrap_or("shopify"),
            source => source,
        };
        let account = match source {
            "shopify" => "acme.myshopify.com",
            "zendesk" => "100",
            _ => "euw1",
        };
        let event_id = given.get("event_id").cloned().unwrap_or_else(|| json!(format!("{}-{index}", table.name)));
        let envelope = json!({
            "event_id": event_id, "row_index": 0, "source": source, "account": account, "payload_hash": event_id,
            "received_at": given["occurred_at"], "time_suspect": false,
        });
        row.extend(envelope.as_object().unwrap().clone());
    }
    row.extend(given.clone());
    let time = ["occurred_at", "counted_at", "as_of"].iter().find_map(|name| row.get(*name)).and_then(Value::as_str).unwrap();
    let day = row.get("dt").and_then(Value::as_str).unwrap_or(&time[..10]).to_owned();
    row.remove("dt");
    if !table.computed {
        row.insert("schema_version".to_owned(), json!(table.version));
    }
    row.retain(|name, value| name != "schema_version" && !value.is_null());
    let columns = Value::Object(row).to_string();
    format!(
        "{{\"table\":\"{}\",\"line_version\":{LINE_VERSION},\"schema_version\":{},\"dt\":\"{day}\",\"search_days\":0,\"deliveries\":0,{}\n",
        table.name,
        table.version,
        &columns[1..]
    )
}

/// Every fixture in its table.
pub(crate) async fn load(config: &SdkConfig) {
    let mut object = GzEncoder::new(Vec::new(), Compression::fast());
    let mut rows = 0_u64;
    for name in names_in("fixtures") {
        let table = Contract::embedded().table(&name).unwrap_or_else(|| panic!("a fixture names the table `{name}`"));
        for (index, row) in read(&folder("fixtures").join(format!("{name}.json"))).as_array().unwrap().iter().enumerate() {
            object.write_all(line(table, index, row.as_object().unwrap()).as_bytes()).unwrap();
            // A run's report leaves out counts.
            rows += u64::from(table.name != "pipeline_counts");
        }
    }
    let body = ByteStream::from(object.finish().unwrap());
    s3(config).put_object().bucket(BUCKET).key("landing/2026/06/15/12/fixtures.gz").body(body).send().await.unwrap();
    let lake = Lake::connect(config, BUCKET).unwrap();
    let options = freshet_table::Options::new("fixtures", NOW);
    let report = compact(&lake, Contract::embedded(), &options, |_| ()).await.unwrap();
    assert_eq!((report.rows, report.duplicates, report.conflicts, report.quarantined.len()), (rows, 0, 0, 0), "{report:?}");
}

async fn ask(client: &aws_sdk_athena::Client, sql: String, parameters: Vec<String>) -> Result<Answer, freshet_query::Error> {
    let request = Run { parameters, ..asks(sql) };
    freshet_query::run(client, request).await
}

/// The statement of a case and its parameters; the present moment is written out where the expectation says one.
fn statement(query: &Query, case: &Value, now: Option<&str>) -> (String, Vec<String>) {
    if query.kind == Kind::View {
        return (format!("SELECT * FROM {} WHERE {}", query.name, case["where"].as_str().unwrap_or("true")), Vec::new());
    }
    let values: BTreeMap<String, String> = case["parameters"]
        .as_object()
        .map_or_else(BTreeMap::new, |given| given.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect());
    let bound = bind(query, &values).unwrap();
    let sql = match now.map(|now| now.trim_end_matches('Z').replace('T', " ")) {
        Some(now) => bound
            .sql
            .replace("localtimestamp", &format!("TIMESTAMP '{now}.000'"))
            .replace("current_date", &format!("DATE '{}'", &now[..10])),
        None => bound.sql,
    };
    (sql, bound.parameters)
}

/// Where an answer's columns are not those of the query's header.
fn declared_differences(query: &Query, answer: &Answer) -> Vec<String> {
    let base = |kind: &str| match kind.split(['(', '<']).next().unwrap() {
        "string" => "varchar".to_owned(),
        "int" => "integer".to_owned(),
        other => other.to_owned(),
    };
    let declared: Vec<(String, String)> = query.columns.iter().map(|column| (column.name.clone(), base(&column.kind))).collect();
    let answered: Vec<(String, String)> = answer.columns.iter().map(|column| (column.name.clone(), base(&column.kind))).collect();
    if declared == answered { Vec::new() } else { vec![format!("the header declares {declared:?}, the answer has {answered:?}")] }
}

fn is_same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0)
        }
        _ => expected == found,
    }
}

fn row_differences(query: &Query, case: &Value, answer: &Answer) -> Vec<String> {
    let all: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    let columns: Vec<&str> = case["columns"].as_array().map_or(all, |names| names.iter().map(|name| name.as_str().unwrap()).collect());
    let pick = |rows: &Value| -> Vec<Vec<Value>> {
        let cell = |row: &Value, column: &str| row.get(column).cloned().unwrap_or(json!("no such column"));
        rows.as_array().unwrap().iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()).collect()
    };
    let (mut expected, mut found) = (pick(&case["rows"]), pick(&json!(Objects(answer))));
    if query.kind == Kind::View {
        expected.sort_by_key(|row| json!(row).to_string());
        found.sort_by_key(|row| json!(row).to_string());
    }
    if expected.len() != found.len() {
        return vec![format!("expected {} rows, found {}: {}", expected.len(), found.len(), json!(found))];
    }
    let mut differences = Vec::new();
    for (index, (expected, found)) in expected.iter().zip(&found).enumerate() {
        for ((column, expected), found) in columns.iter().zip(expected).zip(found) {
            if !is_same(expected, found) {
                differences.push(format!("row {index}, {column}: expected {expected}, found {found}"));
            }
        }
    }
    differences
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_and_query_gives_the_rows_that_were_worked_out_by_hand() {
    let home = tempfile::tempdir().unwrap();
    let (running, config) = aws(home.path()).await;
    load(&config).await;
    let client = aws_sdk_athena::Client::new(&config);
    let results = format!("s3://{BUCKET}/results/");
    let place =
        Registration { database: DATABASE, bucket: BUCKET, workgroup: "primary", output_location: Some(&results), timeout: TIMEOUT };
    let registered = register(&client, Contract::embedded(), place).await.unwrap();
    assert!(registered.iter().all(|one| one.change == Change::Created), "{registered:?}");
    let again = register(&client, Contract::embedded(), place).await.unwrap();
    let unchanged = |one: &Registered| one.change == if one.kind == "view" { Change::Rewritten } else { Change::Unchanged };
    assert!(again.len() == registered.len() && again.iter().all(unchanged), "{again:?}");
    let mut failures = Vec::new();
    for query in catalogue() {
        let expected = read(&folder("expected").join(format!("{}.json", query.name)));
        for case in expected["cases"].as_array().unwrap() {
            let (sql, parameters) = statement(query, case, expected["now"].as_str());
            let found = match ask(&client, sql, parameters).await {
                Ok(answer) => [declared_differences(query, &answer), row_differences(query, case, &answer)].concat(),
                Err(error) => vec![error.to_string()],
            };
            failures.extend(found.into_iter().map(|found| format!("{}: {}: {found}", query.name, case["says"])));
        }
    }
    running.stop().await.unwrap();
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_view_and_query_has_expected_rows_and_none_is_left_over() {
    let named: BTreeSet<String> = catalogue().iter().map(|query| query.name.clone()).collect();
    assert_eq!(named, names_in("expected"));
    for query in catalogue() {
        let expected = read(&folder("expected").join(format!("{}.json", query.name)));
        let has_rows = expected["cases"].as_array().unwrap().iter().any(|case| !case["rows"].as_array().unwrap().is_empty());
        assert!(has_rows, "{}: no case expects a row", query.name);
    }
}

#[test]
fn the_view_of_all_events_reads_every_table_of_events() {
    let sql = &freshet_query::find("all_events").unwrap().sql;
    for table in Contract::embedded().tables().filter(|table| !table.computed && !table.restricted) {
        assert!(sql.contains(&format!("FROM {}\n", table.name)) || sql.ends_with(&format!("FROM {}", table.name)), "{}", table.name);
        assert!(sql.contains(&format!("'{}' AS table_name", table.name)), "{}", table.name);
    }
}

#[test]
fn the_readme_names_every_view_and_query() {
    let readme = std::fs::read_to_string(folder("README.md")).unwrap();
    for query in catalogue() {
        assert!(readme.contains(&format!("`{}`", query.name)), "queries/README.md does not name {}", query.name);
    }
}
