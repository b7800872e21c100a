//! Rows that go through the lake come back equal, by whichever way they are read: as pages of `GetQueryResults`, from the CSV in S3,
//! from Parquet by UNLOAD, and with what others wrote (boto3, `PyAthena`). Every type of the contract, NULL and empty apart.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
};
use aws_config::SdkConfig;
use aws_sdk_s3::primitives::ByteStream;
use chrono::{NaiveDate, NaiveDateTime};
use flate2::Compression;
use flate2::write::GzEncoder;
use freshet_ingest::line::LINE_VERSION;
use freshet_ingest::time::Millis;
use freshet_local::{ACCESS_KEY, REGION, SECRET_KEY};
use freshet_query::{batches, execute, run, unload};
use freshet_schema::{Column, ColumnType, Contract, Table};
use freshet_table::{Lake, compact};
use futures::TryStreamExt as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::running::{BUCKET, DATABASE, asks, aws, s3};

/// Together they have every type of the contract.
const TABLES: [&str; 2] = ["shopify_orders", "game_match_players"];
/// How often rows are made up, each time so many a table.
const CASES: u32 = 4;
const ROWS: usize = 40;
/// 2026-06-15 12:00:00 UTC.
const NOW: Millis = Millis(1_781_524_800_000);
/// What readers of CSV and of SQL have been known to take for something else.
const TRICKY: &[&str] = &[
    "",
    " ",
    "\"",
    "\"\"",
    ",",
    "\n",
    "\r\n",
    "\r",
    "'",
    "\\",
    "\\N",
    "NULL",
    "null",
    "NaN",
    "None",
    "N/A",
    "nan",
    "a,b\n\"c\"",
    " x ",
    "007",
    "1e3",
    "true",
    "2026-01-01",
    "[a, b]",
];

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Text(String),
    Flag(bool),
    Whole(i64),
    /// By its bits, so that a zero has its sign.
    Double(u64),
    /// Ten-thousandths.
    Decimal(i128),
    /// Milliseconds since 1970.
    Time(i64),
    /// Days since 1970.
    Day(i32),
    Texts(Vec<Option<String>>),
}

/// A row, in the order of its table's columns.
type Row = Vec<Cell>;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~]{0,12}", proptest::sample::select(TRICKY).prop_map(str::to_owned)]
}

/// Any value of a type, NULL now and then.
fn cell(kind: ColumnType) -> BoxedStrategy<Cell> {
    let value = match kind {
        ColumnType::String => text().prop_map(Cell::Text).boxed(),
        ColumnType::Boolean => any::<bool>().prop_map(Cell::Flag).boxed(),
        ColumnType::Int => any::<i32>().prop_map(|whole| Cell::Whole(whole.into())).boxed(),
        ColumnType::BigInt => any::<i64>().prop_map(Cell::Whole).boxed(),
        // What JSON can say: no infinity, no NaN.
        ColumnType::Double => {
            let any = proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO;
            let double = prop_oneof![any, -1e6..1e6, (-1000..1000).prop_map(f64::from)];
            double.prop_map(|double| Cell::Double(double.to_bits())).boxed()
        }
        ColumnType::Decimal => {
            let least = 1 - 10_i128.pow(18);
            prop_oneof![least..=-least, -100_000..100_000_i128].prop_map(Cell::Decimal).boxed()
        }
        // 1900 to 2199, which pandas' nanoseconds hold too.
        ColumnType::Timestamp => (-2_208_988_800_000_i64..7_258_118_400_000).prop_map(Cell::Time).boxed(),
        ColumnType::Date => (0..100_i32).prop_map(|day| Cell::Day(20_000 + day % 3)).boxed(),
        ColumnType::StringArray => proptest::collection::vec(proptest::option::weighted(0.8, text()), 0..4).prop_map(Cell::Texts).boxed(),
    };
    prop_oneof![4 => value, 1 => Just(Cell::Null)].boxed()
}

/// Rows of a table. What the compactor needs is never NULL; their ids are given later.
fn rows(table: &'static Table) -> impl Strategy<Value = Vec<Row>> {
    let cell_of = |column: &Column| match column.name.as_str() {
        name if name == table.partition || column.required && freshet_schema::envelope::names().any(|known| known == name) => {
            cell(column.kind).prop_filter("never NULL", |cell| *cell != Cell::Null).boxed()
        }
        _ => cell(column.kind),
    };
    proptest::collection::vec(table.columns.iter().map(cell_of).collect::<Vec<_>>(), ROWS)
}

fn clock(millis: i64) -> NaiveDateTime {
    chrono::DateTime::from_timestamp_millis(millis).unwrap().naive_utc()
}

fn day(days: i32) -> NaiveDate {
    NaiveDate::from_epoch_days(days).unwrap()
}

fn decimal(ten_thousandths: i128) -> String {
    let sign = if ten_thousandths < 0 { "-" } else { "" };
    format!("{sign}{}.{:04}", ten_thousandths.abs() / 10_000, ten_thousandths.abs() % 10_000)
}

impl Cell {
    /// As a line of the landing zone has it, and as other clients are told to expect it.
    fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => json!(text),
            Self::Flag(flag) => json!(flag),
            Self::Whole(whole) => json!(whole),
            Self::Double(bits) => json!(f64::from_bits(*bits)),
            Self::Decimal(amount) => json!(decimal(*amount)),
            Self::Time(millis) => json!(clock(*millis).format("%Y-%m-%d %H:%M:%S%.3f").to_string()),
            Self::Day(days) => json!(day(*days).to_string()),
            Self::Texts(texts) => json!(texts),
        }
    }

    /// What is left of it in a result's text: Athena prints an array without quotes.
    fn printed(&self) -> Self {
        match self {
            Self::Texts(texts) => {
                let texts: Vec<&str> = texts.iter().map(|text| text.as_deref().unwrap_or("null")).collect();
                Self::Text(format!("[{}]", texts.join(", ")))
            }
            other => other.clone(),
        }
    }

    /// A value from a result's text.
    fn of_text(kind: ColumnType, text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::Null };
        let read = match kind {
            ColumnType::String | ColumnType::StringArray => Some(Self::Text(text.to_owned())),
            ColumnType::Boolean => text.parse().ok().map(Self::Flag),
            ColumnType::Int | ColumnType::BigInt => text.parse().ok().map(Self::Whole),
            ColumnType::Double => text.parse::<f64>().ok().map(|double| Self::Double(double.to_bits())),
            ColumnType::Decimal => text
                .split_once('.')
                .filter(|(_, fraction)| fraction.len() == 4)
                .and_then(|(whole, fraction)| format!("{whole}{fraction}").parse().ok().map(Self::Decimal)),
            ColumnType::Timestamp => {
                let is_in_millis = text.len() == "2026-01-02 03:04:05.678".len();
                let read = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.3f").ok().filter(|_| is_in_millis);
                read.map(|time| Self::Time(time.and_utc().timestamp_millis()))
            }
            ColumnType::Date => text.parse::<NaiveDate>().ok().map(|date| Self::Day(date.to_epoch_days())),
        };
        read.unwrap_or_else(|| panic!("{text:?} is no {}", kind.athena()))
    }

    /// A value from an Arrow array.
    fn of_array(kind: ColumnType, array: &ArrayRef, row: usize) -> Self {
        if array.is_null(row) {
            return Self::Null;
        }
        match (kind, array.data_type()) {
            (ColumnType::String | ColumnType::StringArray, DataType::Utf8) => Self::Text(array.as_string::<i32>().value(row).to_owned()),
            (ColumnType::Boolean, DataType::Boolean) => Self::Flag(array.as_boolean().value(row)),
            (ColumnType::Int, DataType::Int32) => Self::Whole(array.as_primitive::<Int32Type>().value(row).into()),
            (ColumnType::BigInt, DataType::Int64) => Self::Whole(array.as_primitive::<Int64Type>().value(row)),
            (ColumnType::Double, DataType::Float64) => Self::Double(array.as_primitive::<Float64Type>().value(row).to_bits()),
            (ColumnType::Decimal, DataType::Decimal128(18, 4)) => Self::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
            (ColumnType::Timestamp, DataType::Timestamp(TimeUnit::Millisecond, None)) => {
                Self::Time(array.as_primitive::<TimestampMillisecondType>().value(row))
            }
            (ColumnType::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, None)) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                assert_eq!(micros.rem_euclid(1000), 0, "a time has whole milliseconds");
                Self::Time(micros.div_euclid(1000))
            }
            (ColumnType::Date, DataType::Date32) => Self::Day(array.as_primitive::<Date32Type>().value(row)),
            (ColumnType::StringArray, DataType::List(_)) => {
                let items = array.as_list::<i32>().value(row);
                Self::Texts(items.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
            }
            (kind, found) => panic!("a {} came as {found}", kind.athena()),
        }
    }
}

/// The lines of a CSV as RFC 4180 has it, but that what stands in no quotes is NULL.
fn parse_csv(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut lines, mut line, mut rest) = (Vec::new(), Vec::new(), text);
    while !rest.is_empty() {
        let value = if let Some(mut quoted) = rest.strip_prefix('"') {
            let mut value = String::new();
            loop {
                let (part, after) = quoted.split_once('"').expect("a quote ends");
                value.push_str(part);
                let Some(more) = after.strip_prefix('"') else {
                    rest = after;
                    break Some(value);
                };
                value.push('"');
                quoted = more;
            }
        } else {
            None
        };
        line.push(value);
        if let Some(more) = rest.strip_prefix(',') {
            rest = more;
        } else {
            rest = rest.strip_prefix('\n').expect("a value ends at a comma or a line's end");
            lines.push(std::mem::take(&mut line));
        }
    }
    lines
}

/// Writes rows to the landing zone and compacts them.
async fn write(config: &SdkConfig, name: &str, tables: &[(&Table, Vec<Row>)]) {
    let mut object = GzEncoder::new(Vec::new(), Compression::fast());
    for (table, rows) in tables {
        let partition = table.columns.iter().position(|column| column.name == table.partition).unwrap();
        for row in rows {
            let values: Vec<String> = table
                .columns
                .iter()
                .zip(row)
                .filter(|(column, cell)| **cell != Cell::Null && !["schema_version", "dt"].contains(&column.name.as_str()))
                .map(|(column, cell)| format!("{}:{}", json!(column.name), cell.json()))
                .collect();
            let (version, dt) = (table.version, row[partition].json());
            writeln!(
                object,
                "{{\"table\":\"{}\",\"line_version\":{LINE_VERSION},\"schema_version\":{version},\"dt\":{dt},\"search_days\":0,\"deliveries\":0,{}}}",
                table.name,
                values.join(",")
            )
            .unwrap();
        }
    }
    let body = ByteStream::from(object.finish().unwrap());
    s3(config).put_object().bucket(BUCKET).key(format!("landing/2026/06/15/12/{name}.gz")).body(body).send().await.unwrap();
    let lake = Lake::connect(config, BUCKET).unwrap();
    let report = compact(&lake, Contract::embedded(), &freshet_table::Options::new(name, NOW), |_| ()).await.unwrap();
    let expected = tables.iter().map(|(_, rows)| rows.len() as u64).sum::<u64>();
    assert_eq!((report.rows, report.duplicates, report.conflicts, report.quarantined.len()), (expected, 0, 0, 0), "{report:?}");
}

/// What one way of reading makes of a table's rows, by their ids.
type Read = BTreeMap<String, Row>;

fn by_id(table: &Table, rows: impl IntoIterator<Item = Row>) -> Read {
    let id = table.columns.iter().position(|column| column.name == "event_id").unwrap();
    let named = |row: Row| match &row[id] {
        Cell::Text(text) => (text.clone(), row),
        other => panic!("an id is {other:?}"),
    };
    rows.into_iter().map(named).collect()
}

fn of_texts(table: &Table, rows: &[Vec<Option<String>>]) -> Read {
    let row = |row: &Vec<Option<String>>| {
        assert_eq!(row.len(), table.columns.len());
        table.columns.iter().zip(row).map(|(column, text)| Cell::of_text(column.kind, text.as_deref())).collect()
    };
    by_id(table, rows.iter().map(row))
}

fn of_batches(table: &Table, batches: &[RecordBatch]) -> Read {
    let row = |batch: &RecordBatch, row: usize| {
        table.columns.iter().zip(batch.columns()).map(|(column, array)| Cell::of_array(column.kind, array, row)).collect()
    };
    by_id(table, batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|place| row(batch, place)).collect::<Vec<Row>>()))
}

fn compare(table: &Table, way: &str, expected: &Read, read: &Read) {
    assert_eq!(read.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{way}: the rows of {}", table.name);
    for (id, row) in expected {
        for ((column, expected), found) in table.columns.iter().zip(row).zip(&read[id]) {
            assert_eq!(found, expected, "{way}: {}.{} of the row {id}", table.name, column.name);
        }
    }
}

/// Reads a table's rows by every way of our own, and compares.
async fn read_back(config: &SdkConfig, case: &str, table: &Table, rows: &[Row]) {
    let athena = aws_sdk_athena::Client::new(config);
    let columns: Vec<String> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let sql = format!("SELECT {} FROM {} WHERE event_id LIKE '{case}-%'", columns.join(", "), table.name);
    let exact = by_id(table, rows.to_vec());
    let printed = by_id(table, rows.iter().map(|row| row.iter().map(Cell::printed).collect()));

    let answer = run(&athena, asks(sql.clone())).await.unwrap();
    compare(table, "GetQueryResults", &printed, &of_texts(table, &answer.rows));

    let execution = execute(&athena, asks(sql.clone())).await.unwrap();
    let paged: Vec<RecordBatch> = batches(&athena, &execution).try_collect().await.unwrap();
    compare(table, "record batches of pages", &printed, &of_batches(table, &paged));

    let object = s3(config).get_object().bucket(BUCKET).key(format!("results/{}.csv", execution.id)).send().await.unwrap();
    let csv = String::from_utf8(object.body.collect().await.unwrap().to_vec()).unwrap();
    let lines = parse_csv(&csv);
    let names: Vec<Option<String>> = table.columns.iter().map(|column| Some(column.name.clone())).collect();
    assert_eq!(lines[0], names);
    compare(table, "the CSV in S3", &printed, &of_texts(table, &lines[1..]));

    let unloaded = unload(&athena, &s3(config), asks(sql)).await.unwrap();
    let read: Vec<RecordBatch> = unloaded.batches(&s3(config)).try_collect().await.unwrap();
    compare(table, "UNLOAD", &exact, &of_batches(table, &read));
    assert_eq!(unloaded.clean(&s3(config)).await, None);
}

/// What other clients are told to expect.
fn expectation(table: &Table, rows: &[Row]) -> Value {
    let columns: Vec<Value> = table.columns.iter().map(|column| json!([column.name, column.kind.athena()])).collect();
    let rows: Vec<Value> = rows.iter().map(|row| row.iter().map(Cell::json).collect()).collect();
    json!({ "name": table.name, "columns": columns, "rows": rows })
}

/// Lets Python's clients read all rows and compare.
async fn read_by_others(config: &SdkConfig, home: &Path, expected: &Value) {
    let Ok(clients) = std::env::var("FRESHET_CLIENTS") else {
        eprintln!("skipped: what boto3 and PyAthena read, since FRESHET_CLIENTS does not say where they are");
        return;
    };
    let file = home.join("expected.json");
    std::fs::write(&file, serde_json::to_vec(expected).unwrap()).unwrap();
    let mut command = Command::new(PathBuf::from(clients).join("bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/round_trips.py")).arg(file);
    command.env("AWS_ENDPOINT_URL", config.endpoint_url().unwrap()).env("AWS_REGION", REGION).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command.env("FRESHET_BUCKET", BUCKET).env("FRESHET_DATABASE", DATABASE);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{said}");
    assert!(output.status.success(), "{said}");
}

#[test]
fn rows_come_back_equal_whichever_way_they_are_read() {
    let tables = TABLES.map(|name| Contract::embedded().table(name).unwrap());
    let kinds: BTreeSet<&str> = tables.iter().flat_map(|table| &table.columns).map(|column| column.kind.athena()).collect();
    assert_eq!(kinds, ColumnType::ALL.iter().map(|kind| kind.athena()).collect::<BTreeSet<&str>>(), "every type of the contract is read");
    let home = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (running, config) = runtime.block_on(aws(home.path()));
    let number = std::cell::Cell::new(0);
    let all = std::cell::RefCell::new(BTreeMap::<&str, Vec<Row>>::new());
    // A failure names its cell: nothing is made smaller, since each try would be a compaction.
    let settings = Config { cases: CASES, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let done = TestRunner::new(settings).run(&(rows(tables[0]), rows(tables[1])), |made| {
        let case = format!("c{}", number.replace(number.get() + 1));
        let written: Vec<(&Table, Vec<Row>)> =
            tables.into_iter().zip([made.0, made.1]).map(|(table, rows)| (table, identified(table, &case, rows))).collect();
        runtime.block_on(async {
            write(&config, &case, &written).await;
            let athena = aws_sdk_athena::Client::new(&config);
            run(&athena, asks(freshet_schema::athena::create_database(DATABASE))).await.unwrap();
            for (table, rows) in &written {
                run(&athena, asks(freshet_schema::athena::create_table(table, DATABASE, BUCKET))).await.unwrap();
                read_back(&config, &case, table, rows).await;
            }
        });
        for (table, rows) in written {
            all.borrow_mut().entry(&table.name).or_default().extend(rows);
        }
        Ok(())
    });
    done.unwrap();
    let expected: Vec<Value> = tables.iter().map(|table| expectation(table, &all.borrow()[table.name.as_str()])).collect();
    runtime.block_on(async {
        read_by_others(&config, home.path(), &json!({ "tables": expected })).await;
        running.stop().await.unwrap();
    });
}

/// Gives rows their identity: each is an event of its own.
fn identified(table: &Table, case: &str, rows: Vec<Row>) -> Vec<Row> {
    let identify = |(place, mut row): (usize, Row)| {
        for (cell, column) in row.iter_mut().zip(&table.columns) {
            match column.name.as_str() {
                "event_id" | "payload_hash" => *cell = Cell::Text(format!("{case}-{place}")),
                "row_index" => *cell = Cell::Whole(0),
                "schema_version" => *cell = Cell::Whole(table.version.into()),
                _ => {}
            }
        }
        row
    };
    rows.into_iter().enumerate().map(identify).collect()
}
