//! Runs lists of statements whose answers a real Trino gave, and judges each answer: right, wrong or refused. The lists and
//! their tables are found by `FRESHET_MATERIAL`; without it there is nothing to run. `FRESHET_MATERIAL_SHOW=wrong` or
//! `refused` prints what was so, with the answers; `types` prints where the types differ. With `UPDATE_GOLDEN=1` the
//! refusals are written, by their reasons and families, to `REFUSALS.md` beside the sources.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int32Builder, ListArray, MapBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
    TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::MemTable;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use freshet_dialect::{Printer, context, explain, plan, trino_type};
use serde_json::Value;

/// The rows of an answer as text, or why there is none.
type Answer = Result<Vec<Vec<Option<String>>>, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Right,
    Wrong,
    Refused,
}

/// How many of a list must be right, and how many may be wrong.
struct Bounds {
    list: &'static str,
    database: &'static str,
    right: usize,
    wrong: usize,
}

const LISTS: [Bounds; 3] = [
    Bounds { list: "basics", database: "lakedb", right: 137, wrong: 0 },
    Bounds { list: "analyst", database: "analyst", right: 133, wrong: 0 },
    Bounds { list: "trino", database: "lakedb", right: 2100, wrong: 0 },
];

#[test]
fn answers_are_those_of_a_real_trino() {
    let Some(material) = std::env::var_os("FRESHET_MATERIAL").map(PathBuf::from) else {
        eprintln!("skipped: FRESHET_MATERIAL names no folder with lists of statements");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_stack_size(16 << 20).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut failures = String::new();
        let mut told = HEAD.to_owned();
        let only = std::env::var("FRESHET_MATERIAL_LIST").ok();
        for bounds in LISTS.iter().filter(|bounds| only.as_deref().is_none_or(|only| only == bounds.list)) {
            let session = session(&material.join("athena/tables"), bounds.database).await;
            let items: Vec<Value> =
                serde_json::from_slice(&std::fs::read(material.join(format!("athena/items/{}.json", bounds.list))).unwrap()).unwrap();
            let mut refusals = Refusals::new();
            let counts = run(&session, bounds.list, &items, &mut refusals).await;
            let of = |verdict| counts.get(&verdict).copied().unwrap_or(0);
            let [right, wrong, refused] = [Verdict::Right, Verdict::Wrong, Verdict::Refused].map(of);
            let figures = format!("{}: {} statements, {right} right, {wrong} wrong, {refused} refused", bounds.list, items.len());
            eprintln!("{figures}");
            write!(told, "\n## {figures}\n\n").unwrap();
            told.push_str(&list_of(&refusals));
            if wrong > bounds.wrong || right < bounds.right {
                writeln!(failures, "{}: at least {} right and at most {} wrong were expected", bounds.list, bounds.right, bounds.wrong)
                    .unwrap();
            }
        }
        assert!(failures.is_empty(), "{failures}");
        if only.is_none() && std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("REFUSALS.md"), told).unwrap();
        }
    });
}

const HEAD: &str = "# What is refused

Statements whose answers a real Trino gave, and how many of them this dialect answers. What it does not answer it refuses
by name; here are the reasons, how often each was met, and in which families of statements. Written by
`UPDATE_GOLDEN=1 cargo test -p freshet-dialect --test material`, with `FRESHET_MATERIAL` naming the folder of the lists.
";

/// How often each reason to refuse was met, by families of statements.
type Refusals = BTreeMap<String, BTreeMap<String, usize>>;

/// A refusal without its place and without the names that are the statement's own.
fn reason(error: &str) -> String {
    let (code, rest) = error.split_once(": ").unwrap_or((error, ""));
    let rest = match rest.strip_prefix("line ").and_then(|placed| placed.split_once(": ")) {
        Some((_, rest)) => rest,
        None => rest,
    };
    let cut = rest.find(['(', '{', '<', ',']).unwrap_or(rest.len());
    format!("{code}: {}", rest[..cut].trim_end_matches([' ', ':']).chars().take(80).collect::<String>())
}

fn list_of(refusals: &Refusals) -> String {
    let mut reasons: Vec<_> = refusals.iter().map(|(reason, families)| (families.values().sum::<usize>(), reason, families)).collect();
    reasons.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let mut out = String::new();
    for (count, reason, families) in reasons {
        let families = families.iter().map(|(family, count)| format!("{family} {count}")).collect::<Vec<_>>().join(", ");
        writeln!(out, "- {count} × `{}` ({families})", reason.replace('`', "'")).unwrap();
    }
    out
}

async fn run(session: &SessionContext, list: &str, items: &[Value], refusals: &mut Refusals) -> BTreeMap<Verdict, usize> {
    let show = std::env::var("FRESHET_MATERIAL_SHOW").unwrap_or_default();
    let mut counts = BTreeMap::new();
    for item in items {
        let sql = item["sql"].as_str().unwrap().to_owned();
        let task = tokio::spawn({
            let (session, sql) = (session.clone(), sql.clone());
            async move { tokio::time::timeout(Duration::from_mins(1), ask(&session, &sql)).await }
        });
        let answer = match task.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("no answer in time".to_owned()),
            Err(panic) => Err(format!("panic: {panic}")),
        };
        let verdict = judge(item, &answer);
        if let (Verdict::Refused, Err(error)) = (verdict, &answer) {
            let family = item["family"].as_str().unwrap_or("").to_owned();
            *refusals.entry(reason(error)).or_default().entry(family).or_default() += 1;
        }
        if show.contains("types") && answer.is_ok() {
            show_types(session, &sql, item).await;
        }
        *counts.entry(verdict).or_default() += 1;
        if (show.contains("wrong") && verdict == Verdict::Wrong) || (show.contains("refused") && verdict == Verdict::Refused) {
            if let (Ok(rows), Some(wanted)) = (&answer, item.get("rows").and_then(Value::as_array)) {
                let different = wanted.iter().zip(rows).find(|(a, b)| serde_json::to_value(b).unwrap() != **a);
                eprintln!("   {} rows wanted, {} got, first difference {different:?}", wanted.len(), rows.len());
            }
            let shorten = |text: String| text.chars().take(300).collect::<String>();
            eprintln!(
                "{verdict:?} {list} [{}] {}\n   wanted {}\n   got    {}",
                item["family"].as_str().unwrap_or(""),
                sql.replace('\n', " "),
                shorten(item.get("error").or(item.get("rows")).map(ToString::to_string).unwrap_or_default()),
                shorten(format!("{answer:?}"))
            );
        }
    }
    counts
}

/// Prints where a column's type is another than the list's.
async fn show_types(session: &SessionContext, sql: &str, item: &Value) {
    let Ok(plan) = plan(&session.state(), sql, &[]).await else { return };
    let own: Vec<String> = plan.schema().fields().iter().map(|field| trino_type(field).unwrap_or_default()).collect();
    let wanted: Vec<&str> = item["types"].as_array().map(|kinds| kinds.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    for (at, (own, wanted)) in own.iter().zip(&wanted).enumerate() {
        let spelled = |kind: &str| kind.replace(", ", ",").to_lowercase();
        if spelled(own) != spelled(wanted) {
            eprintln!("Type of column {at}: wanted {wanted}, got {own}: {}", sql.replace('\n', " "));
        }
    }
}

async fn ask(session: &SessionContext, sql: &str) -> Answer {
    let plan = plan(&session.state(), sql, &[]).await.map_err(|error| error.to_string())?;
    let fields: Vec<_> = plan.schema().fields().iter().cloned().collect();
    let frame = session.execute_logical_plan(plan).await.map_err(|error| explain(&error).to_string())?;
    let batches = frame.collect().await.map_err(|error| explain(&error).to_string())?;
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            rows.push(
                fields
                    .iter()
                    .zip(batch.columns())
                    .map(|(field, column)| Printer::new(field).text(column, row).map(Cow::into_owned))
                    .collect(),
            );
        }
    }
    Ok(rows)
}

/// An answer is right if it is the list's: text by text, doubles nearly, maps in any order, rows in any order unless theirs counts.
fn judge(item: &Value, answer: &Answer) -> Verdict {
    if item.get("runs").is_some_and(|runs| runs == true) {
        return if answer.is_ok() { Verdict::Right } else { Verdict::Refused };
    }
    if item.get("error").is_some() {
        return if answer.is_ok() { Verdict::Wrong } else { Verdict::Right };
    }
    let Ok(got) = answer else { return Verdict::Refused };
    let kinds: Vec<&str> = item["types"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
    let mut wanted: Vec<Vec<Option<String>>> = item["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().iter().map(|cell| cell.as_str().map(str::to_owned)).collect())
        .collect();
    let mut got = got.clone();
    if !item.get("ordered").is_some_and(|ordered| ordered == true) {
        wanted.sort();
        got.sort();
    }
    let alike = wanted.len() == got.len()
        && wanted
            .iter()
            .zip(&got)
            .all(|(a, b)| a.len() == b.len() && a.iter().zip(b).zip(&kinds).all(|((a, b), kind)| same(a.as_deref(), b.as_deref(), kind)));
    if alike { Verdict::Right } else { Verdict::Wrong }
}

fn same(a: Option<&str>, b: Option<&str>, kind: &str) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a == b };
    if a == b {
        return true;
    }
    if kind == "double" || kind == "real" {
        let (Ok(x), Ok(y)) = (a.parse::<f64>(), b.parse::<f64>()) else { return false };
        return (x - y).abs() <= if kind == "double" { 1e-9 } else { 1e-5 } * x.abs().max(y.abs()).max(1.0);
    }
    kind.starts_with("map") && a.starts_with('{') && b.starts_with('{') && members(a) == members(b)
}

/// The members of `{a=1, b=[2, 3]}`, sorted.
fn members(text: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut depth = 0;
    for letter in text[1..text.len() - 1].chars() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(String::new());
                continue;
            }
            _ => {}
        }
        members.last_mut().unwrap().push(letter);
    }
    let mut members: Vec<String> = members.into_iter().map(|member| member.trim().to_owned()).collect();
    members.sort();
    members
}

async fn session(tables: &Path, database: &str) -> SessionContext {
    let session = context(1 << 30).unwrap();
    database.clone_into(&mut session.state_ref().write().config_mut().options_mut().catalog.default_schema);
    let catalog = MemoryCatalogProvider::new();
    let lakedb = MemorySchemaProvider::new();
    let batch = table_t();
    lakedb.register_table("t".to_owned(), Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap())).unwrap();
    catalog.register_schema("lakedb", Arc::new(lakedb)).unwrap();
    catalog.register_schema("analyst", Arc::new(MemorySchemaProvider::new())).unwrap();
    session.register_catalog("awsdatacatalog", Arc::new(catalog));
    for entry in std::fs::read_dir(tables).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("awsdatacatalog.analyst.{}", path.file_stem().unwrap().to_str().unwrap());
        session.register_parquet(name, path.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    }
    session
}

/// The small table of the lists: `id`, `usr`, `ts`, `amount`, `js`, `arr`, `m`, `st`.
fn table_t() -> RecordBatch {
    let time = |hour: i64, minute: i64| Some((20_454 * 24 + hour) * 3_600_000 + minute * 60_000);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for value in 1..=3 {
        maps.keys().append_value("k1");
        maps.values().append_value(value);
        maps.append(true).unwrap();
    }
    let rows =
        StructArray::from(vec![(Arc::new(Field::new("f", DataType::Int32, true)), Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef)]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ("usr", Arc::new(Int32Array::from(vec![1, 1, 2]))),
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![time(10, 5), time(11, 0), time(12, 30)]))),
        ("amount", Arc::new(Float64Array::from(vec![1.5, 2.5, 3.5]))),
        ("js", Arc::new(StringArray::from(vec![Some("{\"k\":\"v1\"}"), Some("{\"k\":\"v2\"}"), None]))),
        (
            "arr",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
                Some(vec![Some(1), Some(2)]),
                Some(vec![Some(3)]),
                Some(vec![Some(4)]),
            ])),
        ),
        ("m", Arc::new(maps.finish())),
        ("st", Arc::new(rows)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}
