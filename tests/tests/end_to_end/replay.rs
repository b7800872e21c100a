//! Replay and backfill: rejects become rows once, a converter's fix replaces rows across days, a REST list is the same
//! events as the webhooks, and what the stream could not transform is driven again.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freshet_ingest::canonical::hash;
use freshet_ingest::envelope::{Body, Delivery as Taken, Envelope, gzip};
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{Fetched, transform_lines};
use freshet_lambda::replay::{From, Report, Request, Selection, World, replay};
use freshet_schema::Contract;
use freshet_table::Lake;
use serde_json::{Value, json};

use crate::deliveries::{ACCOUNTS, Delivery, SECRETS};
use crate::running::{BUCKET, Up, aws, s3, sdk_config};

/// 2026-03-02 at noon.
const RECEIVED: Millis = Millis(1_772_452_800_000);
const ORDERS: u64 = 40;

/// The contract with a file of it changed: what stood there before a fix.
fn before(file: &str, from: &str, to: &str) -> &'static Contract {
    let mut is_changed = false;
    let files: Vec<(&str, String)> = Contract::embedded_files()
        .map(|(path, text)| {
            let changed = if path == file { text.replacen(from, to, 1) } else { text.to_owned() };
            is_changed |= changed != text;
            (path, changed)
        })
        .collect();
    assert!(is_changed, "{from} is not in {file}");
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    Box::leak(Box::new(Contract::parse(&files).unwrap()))
}

fn normalizer(contract: &'static Contract) -> Normalizer {
    Normalizer::new(contract, HashKey { id: "local".to_owned(), secret: Secret::new("no row of these tests has a hash") })
}

fn order(number: u64) -> Value {
    json!({
        "id": 9_007_199_254_740_993_u64 + number, "currency": "EUR", "total_price": "2.50",
        "created_at": "2026-02-01T23:30:00Z", "updated_at": format!("2026-03-02T0{}:00:00Z", number % 10),
        "line_items": [{"id": number * 10 + 1, "price": "1.00"}, {"id": number * 10 + 2, "price": "1.50"}],
        "former_items": [{"id": number * 10 + 1}, {"id": number * 10 + 2}, {"id": number * 10 + 3}],
    })
}

fn webhook(number: u64) -> Delivery {
    Delivery { source: "shopify", topic: "orders/updated".to_owned(), body: order(number).to_string().into_bytes() }
}

/// The delivery as the receiver wrote it.
fn record(delivery: &Delivery, received_at: Millis) -> Vec<u8> {
    let headers = match delivery.source {
        "shopify" => {
            vec![("x-shopify-topic", delivery.topic.as_str()), ("x-shopify-shop-domain", ACCOUNTS[0].1), ("x-shopify-webhook-id", "w")]
        }
        _ => vec![("webhook-id", "w1"), ("x-game", ACCOUNTS[2].1)],
    };
    let taken = Taken {
        source: delivery.source.to_owned(),
        account: None,
        topic: None,
        received_at,
        headers: headers.into_iter().collect(),
        body: Body::Bytes(delivery.body.clone()),
    };
    Envelope::Delivery(taken).encode()
}

async fn put(s3: &Client, bucket: &str, key: &str, bytes: Vec<u8>) {
    s3.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes)).send().await.unwrap();
}

async fn keys(s3: &Client, bucket: &str, prefix: &str) -> Vec<String> {
    let listed = s3.list_objects_v2().bucket(bucket).prefix(prefix).send().await.unwrap();
    listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
}

/// Lands what a contract made of deliveries.
async fn land(up: &Up, contract: &'static Contract, records: &[u8]) {
    let (rows, waiting) = transform_lines(&normalizer(contract), records, &Fetched::new(), RECEIVED);
    assert!(waiting.is_empty());
    let client = s3(&sdk_config(up.variable("AWS_ENDPOINT_URL")));
    // As every writer does, under a name that no other content has: a run that has stored one object may delete it late.
    let key = format!("landing/before-{}.gz", hash(rows.as_bytes()));
    put(&client, up.variable("FRESHET_BUCKET"), &key, gzip(rows.as_bytes())).await;
}

async fn post(up: &Up, deliveries: &[Delivery]) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    for (place, delivery) in deliveries.iter().enumerate() {
        assert_eq!(delivery.post(&client, up.variable("FRESHET_WEBHOOK_URL"), &format!("d{place}")).await, Some(200));
    }
}

fn number(up: &Up, sql: &str) -> i64 {
    up.rows(sql)[0]["n"].as_i64().unwrap()
}

fn report(up: &Up, arguments: &[&str]) -> Value {
    serde_json::from_str(&up.freshet(arguments)).unwrap()
}

fn counts_add_up(up: &Up) {
    let unequal = "SELECT count(*) AS n FROM pipeline_counts WHERE received <> stored + duplicates + rejected + refused";
    assert_eq!(number(up, unequal), 0);
}

/// Deliveries at the door and by their outcome. Duplicates are left out: two compactors at once may both see what one stores.
fn counted_deliveries(up: &Up) -> Vec<Value> {
    up.rows(
        "SELECT step, sum(stored) AS s, sum(rejected) AS r FROM pipeline_counts WHERE step IN ('receive', 'settle') GROUP BY step ORDER BY step",
    )
}

/// All rows of the tables that matter, to be compared.
fn everything(up: &Up) -> Vec<Vec<Value>> {
    let tables = [
        "SELECT order_id, event_id, received_at, dt FROM shopify_orders ORDER BY order_id, event_id",
        "SELECT order_id, line_item_id, row_index, dt FROM shopify_order_lines ORDER BY line_item_id, row_index",
        "SELECT event_id, event_name, account, received_at, dt FROM game_events ORDER BY event_id",
        "SELECT event_id, reason FROM rejected_events ORDER BY event_id",
        "SELECT run, step, table_name, source, dt, stored, rejected FROM pipeline_counts WHERE stored + rejected > 0 ORDER BY run, step, table_name, source, dt",
    ];
    tables.iter().map(|sql| up.rows(sql)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_become_rows_once_after_a_contract_is_fixed() {
    let folder = tempfile::tempdir().unwrap();
    let up = tokio::task::block_in_place(|| Up::start(folder.path(), &SECRETS));
    // Bodies of rejects are kept for some weeks.
    let received = Millis(chrono::Utc::now().timestamp_millis() - 3_600_000);
    let strict = r#"column = [
  { name = "must", type = "string", from = "/must", required = true, doc = "Not there." },"#;
    let shots = json!([{"name": "shot", "n": 1}, {"name": "shot", "n": 2}, {"name": "shot", "n": 2}]).to_string().into_bytes();
    let shots = Delivery { source: "game", topic: String::new(), body: shots };
    let orders: Vec<u8> = (0..ORDERS).flat_map(|number| record(&webhook(number), received)).collect();
    let too_strict = before("shopify/shopify_orders.toml", "column = [", strict);
    land(&up, too_strict, &orders).await;
    tokio::task::block_in_place(|| up.settle());
    land(&up, before("game/game_events.toml", "column = [", strict), &record(&shots, received)).await;
    let bad = Delivery { source: "shopify", topic: "orders/updated".to_owned(), body: b"{\"id\":".to_vec() };
    tokio::task::block_in_place(|| up.settle());
    land(&up, Contract::embedded(), &record(&bad, received)).await;
    tokio::task::block_in_place(|| {
        up.settle();
        let rejected = i64::try_from(ORDERS).unwrap() + 4;
        assert_eq!(number(&up, "SELECT count(*) AS n FROM rejected_events"), rejected);
        assert_eq!(number(&up, "SELECT count(*) AS n FROM shopify_orders"), 0);
        counts_add_up(&up);
        let counted = counted_deliveries(&up);
        assert_eq!(counted[0], json!({"step": "receive", "s": ORDERS + 2, "r": 0}));
        assert_eq!(counted[1], json!({"step": "settle", "s": 0, "r": ORDERS + 2}));
        let untouched = everything(&up);
        let dry = report(&up, &["replay", "--from", "rejected", "--dry-run", "--json"]);
        assert_eq!(
            (&dry["records"], &dry["rows"]["shopify_orders"], &dry["rows"]["game_events"]),
            (&json!(rejected), &json!(ORDERS), &json!(3))
        );
        assert_eq!((&dry["rejected"], &dry["landed"]), (&json!({"not_json": 1}), &json!(0)));
        assert_eq!(everything(&up), untouched);
        // One reason, one source; then all.
        let some = report(&up, &["replay", "--from", "rejected", "--source", "game", "--reason", "missing_field", "--json"]);
        assert_eq!((&some["resolved"], &some["compacted"]["conflicts"]), (&json!(3), &json!(0)));
        assert_eq!(number(&up, "SELECT count(DISTINCT event_id) AS n FROM game_events"), 3);
        let none = report(&up, &["replay", "--from", "rejected", "--until", &received.rfc3339(), "--json"]);
        assert_eq!(none["selected"], 0);
        let all = report(&up, &["replay", "--from", "rejected", "--since", &received.rfc3339(), "--json"]);
        assert_eq!((&all["resolved"], &all["rejected"]), (&json!(ORDERS), &json!({"not_json": 1})));
        up.settle();
        let orders =
            up.rows("SELECT count(*) AS n, count(DISTINCT order_id) AS d, min(CAST(received_at AS varchar)) AS r FROM shopify_orders");
        assert_eq!(orders, [json!({"n": ORDERS, "d": ORDERS, "r": received.text()})]);
        assert_eq!(number(&up, "SELECT count(*) AS n FROM shopify_order_lines"), i64::try_from(2 * ORDERS).unwrap());
        assert_eq!(up.rows("SELECT reason FROM rejected_events"), [json!({"reason": "not_json"})]);
        counts_add_up(&up);
        assert_eq!(counted_deliveries(&up), counted);
        let replayed = "SELECT sum(stored) AS n FROM pipeline_counts WHERE step = 'replay' AND table_name = 'rejected_events'";
        assert_eq!(number(&up, replayed), rejected - 1);
        let once = everything(&up);
        let again = report(&up, &["replay", "--from", "rejected", "--json"]);
        assert_eq!((&again["records"], &again["landed"], &again["resolved"]), (&json!(1), &json!(0), &json!(0)));
        up.settle();
        assert_eq!(everything(&up), once);
    });
    // What a provider delivers again finds its row there.
    post(&up, &[webhook(0), webhook(1)]).await;
    tokio::task::block_in_place(|| {
        up.settle();
        assert_eq!(number(&up, "SELECT count(*) AS n FROM shopify_orders"), i64::try_from(ORDERS).unwrap());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_converter_replaces_rows_across_days_and_leaves_none_double() {
    let folder = tempfile::tempdir().unwrap();
    let up = tokio::task::block_in_place(|| Up::start(folder.path(), &SECRETS));
    let records: Vec<u8> = (0..ORDERS).flat_map(|number| record(&webhook(number), RECEIVED)).collect();
    // Before the fix an order's day was that of its creation, and its lines were those of another list.
    let by_creation =
        before("shopify/source.toml", r#"occurred_at = ["/updated_at", "#, r#"occurred_at = ["/created_at", "/updated_at", "#);
    land(&up, by_creation, &records).await;
    tokio::task::block_in_place(|| up.settle());
    let other_lines = before("shopify/shopify_order_lines.toml", r#"rows = "/line_items""#, r#"rows = "/former_items""#);
    land(&up, other_lines, &records).await;
    tokio::task::block_in_place(|| up.settle());
    // The stream's own backup of the same deliveries, and of one more.
    let deliveries: Vec<Delivery> = (0..=ORDERS).map(webhook).collect();
    post(&up, &deliveries).await;
    tokio::task::block_in_place(|| {
        up.settle();
        let doubled = "SELECT count(*) AS n FROM (SELECT event_id FROM shopify_orders GROUP BY event_id HAVING count(*) > 1) AS t";
        assert_eq!(number(&up, doubled), i64::try_from(ORDERS).unwrap());
        let counted = counted_deliveries(&up);
        let dry = report(&up, &["replay", "--from", "raw", "--replace", "--dry-run", "--json"]);
        assert_eq!(dry["rows"]["shopify_orders"], json!(ORDERS + 1));
        assert_eq!(number(&up, doubled), i64::try_from(ORDERS).unwrap());
        let done = report(&up, &["replay", "--from", "raw", "--source", "shopify", "--replace", "--json"]);
        assert_eq!(done["replaced"]["conflicts"], 0);
        assert_eq!(number(&up, doubled), 0);
        let days = up.rows("SELECT CAST(dt AS varchar) AS d, count(*) AS n, count(DISTINCT order_id) AS o FROM shopify_orders GROUP BY dt");
        assert_eq!(days, [json!({"d": "2026-03-02", "n": ORDERS + 1, "o": ORDERS + 1})]);
        let lines = up.rows("SELECT CAST(dt AS varchar) AS d, count(*) AS n, count(DISTINCT line_item_id) AS l, max(row_index) AS i, sum(price) AS p FROM shopify_order_lines GROUP BY dt");
        assert_eq!(
            (&lines[0]["d"], &lines[0]["n"], &lines[0]["l"], &lines[0]["i"]),
            (&json!("2026-03-02"), &json!(2 * (ORDERS + 1)), &json!(2 * (ORDERS + 1)), &json!(1))
        );
        assert_eq!(lines.len(), 1);
        // The first receipt is kept.
        let first = "SELECT count(*) AS n FROM shopify_orders WHERE received_at = TIMESTAMP '2026-03-02 12:00:00.000'";
        assert_eq!(number(&up, first), i64::try_from(ORDERS).unwrap());
        let again = report(&up, &["replay", "--from", "raw", "--replace", "--json"]);
        assert_eq!((&again["replaced"]["written"], &again["replaced"]["removed"]), (&json!(0), &json!(0)));
        // Without --replace the raw records are duplicates, to a row.
        let plain = report(&up, &["replay", "--from", "raw", "--json"]);
        assert_eq!((&plain["compacted"]["rows"], &plain["compacted"]["conflicts"]), (&json!(0), &json!(0)));
        assert_eq!(number(&up, doubled), 0);
        counts_add_up(&up);
        assert_eq!(counted_deliveries(&up), counted);
    });
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_rest_api_is_the_same_events_as_the_webhooks() {
    let folder = tempfile::tempdir().unwrap();
    let up = tokio::task::block_in_place(|| Up::start(&folder.path().join("lake"), &SECRETS));
    let deliveries: Vec<Delivery> = (0..ORDERS / 2).map(webhook).collect();
    post(&up, &deliveries).await;
    let files = folder.path().join("files");
    let page = json!({"orders": (0..ORDERS / 2 + 5).map(order).collect::<Vec<_>>()});
    write(&files, "page.json", serde_json::to_string_pretty(&page).unwrap().as_bytes());
    let lines: String = (ORDERS / 2..ORDERS).map(|number| order(number).to_string() + "\n").collect();
    write(&files, "orders-updated/lines.ndjson.gz", &gzip(lines.as_bytes()));
    let arguments = |path: &str, more: &[&str]| -> Vec<String> {
        ["import", path, "--source", "shopify", "--account", "Acme.myshopify.com"]
            .iter()
            .chain(more)
            .map(|text| (*text).to_owned())
            .collect()
    };
    let path = files.to_str().unwrap().to_owned();
    let client = s3(&sdk_config(up.variable("AWS_ENDPOINT_URL")));
    let bucket = up.variable("FRESHET_BUCKET").to_owned();
    put(&client, &bucket, "archive/2025/page.json", page.to_string().into_bytes()).await;
    tokio::task::block_in_place(|| {
        up.settle();
        let counted = counted_deliveries(&up);
        let run = |arguments: &[String]| up.output(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let dry = run(&arguments(&path, &["--dry-run", "--json"]));
        assert!(dry.status.success(), "{}", String::from_utf8_lossy(&dry.stderr));
        assert_eq!(number(&up, "SELECT count(*) AS n FROM shopify_orders"), i64::try_from(ORDERS / 2).unwrap());
        let first = run(&arguments(&path, &["--json"]));
        let printed: Value = serde_json::from_slice(&first.stdout).unwrap();
        assert!(first.status.success());
        assert_eq!((&printed["events"], &printed["rows"]["shopify_orders"]), (&json!(ORDERS + 5), &json!(ORDERS + 5)));
        let again = run(&arguments(&format!("s3://{bucket}/archive/"), &["--json"]));
        let printed: Value = serde_json::from_slice(&again.stdout).unwrap();
        assert_eq!((&printed["events"], &printed["compacted"]["rows"]), (&json!(ORDERS / 2 + 5), &json!(0)));
        up.settle();
        let orders = up.rows("SELECT count(*) AS n, count(DISTINCT order_id) AS o, count(DISTINCT event_id) AS e, count(DISTINCT account) AS a FROM shopify_orders");
        assert_eq!(orders, [json!({"n": ORDERS, "o": ORDERS, "e": ORDERS, "a": 1})]);
        counts_add_up(&up);
        assert_eq!(counted_deliveries(&up), counted);
        // A bad file is named, and the others are taken.
        write(&files, "broken.json", b"{\"orders\": [");
        write(&files, "orders-updated/one.json", br#"{"id": 1, "updated_at": "2026-03-03T00:00:00Z", "line_items": []}"#);
        write(&files, "orders-updated/no_id.json", br#"{"name": "nameless", "line_items": []}"#);
        let bad = run(&arguments(&path, &["--json"]));
        assert_eq!(bad.status.code(), Some(1));
        let printed: Value = serde_json::from_slice(&bad.stdout).unwrap();
        let named: Vec<String> = printed["bad_files"].as_array().unwrap().iter().map(|bad| bad["file"].to_string()).collect();
        assert_eq!(named.len(), 2, "{printed}");
        assert!(named[0].contains("broken.json") && named[1].contains("no_id.json"), "{named:?}");
        assert!(String::from_utf8_lossy(&bad.stderr).contains("broken.json: line 1:"));
        assert_eq!(number(&up, "SELECT count(*) AS n FROM shopify_orders WHERE order_id = '1'"), 1);
        assert_eq!(number(&up, "SELECT count(*) AS n FROM rejected_events WHERE reason = 'missing_field'"), 1);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_did_not_transform_is_driven_by_source_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let (running, config) = aws(folder.path()).await;
    let (client, lake) = (s3(&config), Lake::connect(&config, BUCKET).unwrap());
    let contract = Contract::embedded();
    freshet_table::create_tables(&lake, contract).await.unwrap();
    let hour = |hours: i64| Millis(RECEIVED.0 + hours * 3_600_000);
    let game = Delivery { source: "game", topic: String::new(), body: br#"{"name":"shot"}"#.to_vec() };
    let mixed = [record(&webhook(1), hour(0)), record(&game, hour(0)), record(&webhook(2), hour(5))];
    put(&client, BUCKET, "spill/2026/03/02/12/a.ndjson", mixed.concat()).await;
    let error = |record: &[u8], code: &str| {
        json!({"attemptsMade": 4, "arrivalTimestamp": hour(0).0, "errorCode": code, "errorMessage": "m", "attemptEndingTimestamp": 1, "rawData": STANDARD.encode(record), "lambdaArn": "a"})
            .to_string()
    };
    // Two records of which the first has no newline at its end.
    let joined = [record(&webhook(3), hour(0)).trim_ascii_end(), record(&webhook(4), hour(1)).as_slice()].concat();
    let errors =
        format!("{}\n{}\n", error(&joined, "Lambda.FunctionError"), error(&record(&webhook(5), hour(0)), "Lambda.InvokeLimitExceeded"));
    put(&client, BUCKET, "errors/processing-failed/2026/03/02/12/a", errors.into_bytes()).await;
    let today = normalizer(contract);
    let run = async |from: From, selection: Selection, is_dry_run: bool| -> Report {
        let world = World { normalizer: &today, s3: &client, lake: &lake };
        let run = format!("{from:?}-{is_dry_run}-{selection:?}");
        let request = Request { from, selection, is_dry_run, replaces: false, compacts: true, run, now: hour(24) };
        replay(world, &request, |_| {}).await.unwrap()
    };
    let shopify_until = || Selection { source: Some("shopify".to_owned()), until: Some(hour(5)), ..Selection::default() };
    let everything = || keys(&client, BUCKET, "");
    let untouched = everything().await;
    let dry = run(From::Spill, shopify_until(), true).await;
    assert_eq!((dry.records, dry.selected, dry.made.rows["shopify_orders"]), (3, 1, 1));
    assert_eq!(everything().await, untouched);
    let some = run(From::Spill, shopify_until(), false).await;
    assert_eq!((some.selected, some.compacted.unwrap().rows > 0), (1, true));
    let aside = keys(&client, BUCKET, "spill/").await;
    assert!(aside.len() == 1 && aside[0].starts_with("spill/aside/"), "{aside:?}");
    let rest = run(From::Spill, Selection::default(), false).await;
    assert_eq!((rest.records, rest.selected), (2, 2));
    assert_eq!(keys(&client, BUCKET, "spill/").await, [""; 0]);
    let orders = async || {
        let states = freshet_table::tables(&lake, contract).await.unwrap();
        states.into_iter().find(|state| state.name == "shopify_orders").unwrap().rows
    };
    assert_eq!(orders().await, 2);
    let coded = run(From::Errors, Selection { reason: Some("Lambda.FunctionError".to_owned()), ..Selection::default() }, false).await;
    assert_eq!((coded.records, coded.selected, orders().await), (3, 2, 4));
    assert_eq!(keys(&client, BUCKET, "errors/").await, [""; 0]);
    // The other is drained by any run of the compactor.
    let drained = run(From::Spill, Selection::default(), false).await;
    assert_eq!((drained.selected, orders().await), (1, 5));
    running.stop().await.unwrap();
}
