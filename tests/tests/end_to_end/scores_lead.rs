//! Lead likelihood over the lake: deliveries by the real path become a model and scores, twice the same; and no feature looks past
//! its cut-off.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use freshet_lambda::scorer::shelf::Shelf;
use freshet_lambda::scorer::{Scoring, lead};
use freshet_lead::lake::Seen;
use freshet_ml::frame::{Column, Frame, Labelled};
use freshet_ml::frozen::{self, Origin};
use freshet_ml::given::given;
use freshet_ml::options::Options;
use freshet_ml::split::Part;
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::deliveries::{Delivery, SECRETS};
use crate::queries;
use crate::running::{BUCKET, Up, aws, s3};
use crate::scoring::{self, add, day, share};

/// How many customers buy every other day, and how many hardly ever.
const CUSTOMERS: [(u64, f64); 2] = [(60, 3.0), (90, 24.0)];
/// How many leads leave a checkout, all over the days.
const PROSPECTS: u64 = 700;
const DAYS: i32 = 24;
const HORIZON: i64 = 5;

fn text(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn order(id: u64, customer: u64, at: DateTime<Utc>, total: f64, checkout: Option<u64>) -> Delivery {
    let body = json!({
        "id": id, "email": format!("c{customer}@example.com"), "created_at": text(at), "processed_at": text(at), "updated_at": text(at),
        "total_price": format!("{total:.2}"), "currency": "USD", "source_name": "web", "test": false, "financial_status": "paid",
        "customer": { "id": customer, "email": format!("c{customer}@example.com") },
        "checkout_token": checkout.map(|token| format!("token-{token}")),
        "line_items": [{ "id": id + 1, "quantity": 2, "price": format!("{:.2}", total / 2.0), "title": "Tea" }],
    });
    Delivery { source: "shopify", topic: "orders/create".to_owned(), body: body.to_string().into_bytes() }
}

fn checkout(token: u64, customer: u64, at: DateTime<Utc>, total: f64) -> Delivery {
    let body = json!({
        "id": token, "token": format!("token-{token}"), "email": format!("c{customer}@example.com"), "created_at": text(at),
        "updated_at": text(at), "completed_at": null, "total_price": format!("{total:.2}"), "currency": "USD", "source_name": "web",
        "line_items": [{ "quantity": 1, "title": "Tea", "price": format!("{total:.2}") }],
    });
    Delivery { source: "shopify", topic: "checkouts/create".to_owned(), body: body.to_string().into_bytes() }
}

fn desk(kind: &str, id: u64, at: DateTime<Utc>, detail: &Value) -> Delivery {
    let body = json!({
        "type": format!("zen:event-type:{kind}"), "account_id": 42, "id": format!("event-{kind}-{id}"), "time": text(at),
        "zendesk_event_version": "2022-11-06", "subject": format!("zen:{id}"), "detail": detail, "event": {},
    });
    Delivery { source: "zendesk", topic: kind.to_owned(), body: body.to_string().into_bytes() }
}

/// A shop of those who buy often and those who seldom do, of leads of whom those with a large checkout come back, and a desk.
fn world(now: DateTime<Utc>) -> Vec<Delivery> {
    let begin = now - TimeDelta::days(DAYS.into());
    let days = f64::from(DAYS);
    let at = |day: f64| begin + TimeDelta::from_std(Duration::from_secs_f64(day * 86_400.0)).unwrap();
    let mut state = 7;
    let mut told = Vec::new();
    let (mut customer, mut id) = (10_000, 5_000_000);
    for (count, gap) in CUSTOMERS {
        for _ in 0..count {
            customer += 1;
            let mut day = share(&mut state) * 4.0;
            while day < days {
                id += 10;
                told.push(order(id, customer, at(day), 10.0 + 50.0 * share(&mut state), None));
                day += gap * (0.4 + 1.2 * share(&mut state));
            }
        }
    }
    for _ in 0..PROSPECTS {
        (customer, id) = (customer + 1, id + 10);
        let (day, total) = (share(&mut state) * days, 20.0 + 280.0 * share(&mut state));
        told.push(checkout(id, customer, at(day), total));
        let wish = share(&mut state);
        let comes_at = day + 0.5 + 5.0 * share(&mut state);
        if wish < if total > 160.0 { 0.7 } else { 0.05 } && comes_at < days {
            told.push(order(id + 5, customer, at(comes_at), total, Some(id)));
        }
    }
    // A customer who asked, and somebody who only did.
    let user = |id: u64, email: &str| json!({ "id": id.to_string(), "email": email, "role": "end-user", "created_at": text(at(10.0)), "updated_at": text(at(10.0)) });
    let ticket = |id: u64, requester: u64| json!({ "id": id.to_string(), "requester_id": requester.to_string(), "status": "OPEN", "created_at": text(at(21.0)), "updated_at": text(at(21.0)), "via": { "channel": "email" } });
    told.push(desk("user.created", 900, at(10.0), &user(900, "c10001@example.com")));
    told.push(desk("user.created", 901, at(10.0), &user(901, "asks@example.com")));
    told.push(desk("ticket.created", 70, at(21.0), &ticket(70, 900)));
    told.push(desk("ticket.created", 71, at(21.0), &ticket(71, 901)));
    told
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_become_a_model_and_scores_that_running_again_does_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let up = tokio::task::block_in_place(|| Up::start(folder.path(), &SECRETS));
    let client = reqwest::Client::new();
    let url = up.variable("FRESHET_WEBHOOK_URL");
    let told = world(Utc::now());
    let sent = futures::stream::iter(told.iter().enumerate())
        .map(|(place, delivery)| {
            let client = client.clone();
            async move { delivery.post(&client, url, &format!("delivery-{place}")).await }
        })
        .buffer_unordered(24)
        .collect::<Vec<_>>()
        .await;
    assert!(sent.iter().all(|status| *status == Some(200)));
    tokio::task::block_in_place(|| {
        up.settle();
        train_and_score(&up);
        erased_people_have_no_score(&up, folder.path());
    });
}

fn train_and_score(up: &Up) {
    let as_of = Utc::now().date_naive().to_string();
    let train = || -> Value {
        let printed = up.freshet(&["train", "lead", "--as-of", &as_of, "--horizon", &HORIZON.to_string(), "--json"]);
        serde_json::from_str(&printed).unwrap()
    };
    let first = train();
    assert_eq!((&first["was_there"], &first["is_current"]), (&json!(false), &json!(true)), "{first}");
    let part = |name: &str| first["parts"].as_array().unwrap().iter().find(|part| part["part"] == name).unwrap().clone();
    for (name, least) in [("customers", 0.75), ("prospects", 0.65)] {
        let part = part(name);
        assert!(part["chosen"].as_str().is_some_and(|chosen| chosen.contains("logistic") || chosen.contains("trees")), "{part}");
        assert!(number(&part["test"]["auc"]) > least, "{part}");
    }
    let shelf = |name: &str| up.freshet(&["model", "show", "lead"]).contains(name);
    assert!(shelf("## Backtest") && shelf("sha256") && shelf("never causes"));
    let again = train();
    assert_eq!((&again["version"], &again["was_there"], &again["is_current"]), (&first["version"], &json!(true), &json!(true)));
    let repeated: Value = serde_json::from_str(&up.freshet(&["model", "repeat", "lead", "--json"])).unwrap();
    let outcomes: Vec<&Value> = repeated["parts"].as_array().unwrap().iter().map(|part| &part["outcome"]).collect();
    assert_eq!(outcomes, [&json!("same"), &json!("same")], "learned again from the frozen frames: {repeated}");

    let score = || -> Value { serde_json::from_str(&up.freshet(&["score", "lead", "--as-of", &as_of, "--json"])).unwrap() };
    let report = score();
    let people = number(&report["customers"]) + number(&report["prospects"]);
    assert!(people > 700.0 && number(&report["compacted"]["rows"]) >= 0.0, "{report}");
    let state = || {
        let rows =
            up.rows("SELECT count(*) AS rows, count(DISTINCT subject) AS people, round(sum(probability), 6) AS sum FROM lead_scores");
        let tables: Vec<Value> = serde_json::from_str(&up.freshet(&["tables", "--json"])).unwrap();
        (rows, tables.into_iter().find(|table| table["name"] == "lead_scores").unwrap())
    };
    let once = state();
    assert_eq!((number(&once.0[0]["rows"]), number(&once.0[0]["people"])), (people, people));
    let second = score();
    assert_eq!((&second["version"], &second["was_there"], &second["landed"]), (&report["version"], &json!(true), &json!(0)));
    assert_eq!(state(), once, "a second run for the day");
    rows_say_what_they_must(up, &as_of, &first);
    let drifted = up.rows("SELECT model, count(*) AS features, max(drift_index) AS most FROM model_drift GROUP BY model ORDER BY model");
    assert!(drifted.len() == 2 && drifted.iter().all(|row| number(&row["features"]) > 10.0 && number(&row["most"]) > 0.0), "{drifted:?}");
}

fn rows_say_what_they_must(up: &Up, as_of: &str, trained: &Value) {
    let odd =
        "SELECT count(*) AS n FROM lead_scores WHERE NOT (probability > 0 AND probability < 1 AND decile BETWEEN 1 AND 10 AND base_rate > 0
        AND as_of = dt AND label_matures_at = date_add('day', horizon_days, as_of) AND hash_key_id IS NOT NULL AND reason_1 IS NOT NULL)";
    assert_eq!(up.rows(odd)[0]["n"], 0);
    let models = up.rows("SELECT DISTINCT model FROM lead_scores ORDER BY model");
    let version = trained["version"].as_str().unwrap();
    assert_eq!(models, [json!({ "model": format!("lead-{version}/customers") }), json!({ "model": format!("lead-{version}/prospects") })]);
    // The truth of this world: those who buy often against those who seldom do.
    let sql = "SELECT CASE WHEN o.id <= 10060 THEN 'often' ELSE 'seldom' END AS buys, avg(s.probability) AS mean FROM lead_scores s
        JOIN (SELECT customer_key, max(CAST(customer_id AS bigint)) AS id FROM shopify_orders GROUP BY customer_key) o ON o.customer_key = s.customer_key
        WHERE o.id <= 10150 GROUP BY CASE WHEN o.id <= 10060 THEN 'often' ELSE 'seldom' END";
    let means: BTreeMap<String, f64> =
        up.rows(sql).iter().map(|row| (row["buys"].as_str().unwrap().to_owned(), number(&row["mean"]))).collect();
    assert!(means["often"] > means["seldom"] + 0.2, "{means:?}");
    reasons_are_true(up, as_of);
    // A customer who asks the desk is one person; somebody who only asked is a lead.
    let known = up.rows("SELECT class, known_in FROM lead_scores WHERE known_in LIKE '%42%' ORDER BY class");
    let expected =
        [json!({ "class": "customers", "known_in": "42, acme.myshopify.com" }), json!({ "class": "prospects", "known_in": "42" })];
    assert_eq!(known, expected);
    let list = up.freshet(&["query", "lead_list", "--param", &format!("day={as_of}"), "--param", "top=5", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    assert!(list.len() >= 5 && number(&list[0]["percent"]) >= number(&list[4]["percent"]));
}

/// What a reason says of orders is so, by the lake's own rows.
fn reasons_are_true(up: &Up, as_of: &str) {
    let sql = format!(
        "SELECT s.reason, o.days, date_diff('day', o.first, DATE '{as_of}') AS tenure, date_diff('day', o.last, DATE '{as_of}') AS recency
        FROM (SELECT customer_key, reason_1 AS reason FROM lead_scores WHERE class = 'customers'
            UNION ALL SELECT customer_key, reason_2 FROM lead_scores WHERE class = 'customers'
            UNION ALL SELECT customer_key, reason_3 FROM lead_scores WHERE class = 'customers') s
        JOIN (SELECT customer_key, count(DISTINCT CAST(processed_at AS date)) AS days, min(CAST(processed_at AS date)) AS first,
            max(CAST(processed_at AS date)) AS last FROM shopify_orders WHERE dt < DATE '{as_of}' GROUP BY customer_key) o
        ON o.customer_key = s.customer_key"
    );
    let (rows, mut checked) = (up.rows(&sql), 0);
    for row in &rows {
        let reason = row["reason"].as_str().unwrap_or_default();
        let words: Vec<&str> = reason.split(' ').collect();
        let (said, is) = match words.as_slice() {
            ["last", "ordered", days, ..] => (days, number(&row["recency"])),
            ["customer", "for", days, ..] => (days, number(&row["tenure"])),
            ["came", "back", times, ..] => (times, number(&row["days"]) - 1.0),
            // All days of this world lie within the last thirty.
            ["ordered", times, "times", "in", ..] => (times, number(&row["days"])),
            _ => continue,
        };
        assert!((said.parse::<f64>().unwrap() - is).abs() < 1e-9, "{row}");
        checked += 1;
    }
    assert!(checked > 50, "{checked} reasons of {} speak of orders: {:?}", rows.len(), rows.iter().take(9).collect::<Vec<_>>());
}

fn erased_people_have_no_score(up: &Up, folder: &std::path::Path) {
    let key =
        up.rows("SELECT DISTINCT customer_key AS k FROM shopify_orders WHERE customer_id = '10001'")[0]["k"].as_str().unwrap().to_owned();
    let rows = format!("SELECT count(*) AS n FROM lead_scores WHERE subject = '{key}'");
    assert_eq!(up.rows(&rows)[0]["n"], 1);
    // It warns that a compactor may run beside it, and one does.
    up.output(&["erase", "--account", "acme.myshopify.com", "--email", "c10001@example.com", "--yes"]);
    assert_eq!(up.rows(&rows)[0]["n"], 0);
    let models = folder.join("s3").join(up.variable("FRESHET_BUCKET")).join("models");
    let frames = walk(&models).into_iter().filter(|path| path.to_string_lossy().ends_with(".csv.gz"));
    for frame in frames {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(std::fs::File::open(&frame).unwrap()), &mut text).unwrap();
        assert!(!text.contains(&key), "{}", frame.display());
    }
    let shown: Value = serde_json::from_str(&up.freshet(&["model", "show", "lead", "--json"])).unwrap();
    let erased: Vec<f64> = shown.as_object().unwrap().values().map(|model| number(&model["training"]["erased_rows"])).collect();
    assert!(erased.iter().sum::<f64>() > 0.0, "the model files say what their frames lack: {shown}");
    // As if the day had not been scored.
    let as_of = Utc::now().date_naive().to_string();
    std::fs::remove_file(models.join("lead").join(format!("scored-{as_of}.json"))).unwrap();
    let again: Value = serde_json::from_str(&up.freshet(&["score", "lead", "--as-of", &as_of, "--json"])).unwrap();
    assert!(number(&again["customers"]) > 0.0 && again["was_there"] == false, "it scores on with frames that are not whole: {again}");
    assert_eq!(up.rows(&rows)[0]["n"], 0);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Everyone at a cut-off, as text: what is missing is not equal to itself.
fn shown(seen: &Seen) -> String {
    format!("{seen:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_feature_of_the_lake_sees_past_the_cut_off() {
    let home = tempfile::tempdir().unwrap();
    let (running, config, desk) = scoring::lake(home.path()).await;
    queries::load(&config).await;
    let look = || async { shown(&lead::features(&desk, day("2026-06-10"), day("2026-06-12")).await.unwrap()) };
    let before = look().await;
    assert!(before.contains("k-anna") && before.contains("k-gina"));
    let after = |at: &str, received: &str| {
        vec![
            (
                "shopify_orders",
                json!({ "order_id": "2001", "occurred_at": at, "received_at": received, "processed_at": "2026-06-05 10:00:00.000", "customer_id": "11", "customer_key": "k-anna", "total_price": "999.0000", "cart_token": "c1" }),
            ),
            // A new state of an order that is known: cancelled, another customer, another total.
            (
                "shopify_orders",
                json!({ "order_id": "1006", "occurred_at": at, "received_at": received, "processed_at": "2026-06-02 12:00:00.000", "customer_id": "11", "customer_key": "k-new", "total_price": "1.0000", "cancelled_at": at }),
            ),
            (
                "shopify_checkouts",
                json!({ "token": "t11", "occurred_at": at, "received_at": received, "completed_at": at, "customer_key": "k-fred", "total_price": "1.0000" }),
            ),
            (
                "shopify_checkouts",
                json!({ "token": "t99", "occurred_at": at, "received_at": received, "customer_key": "k-late", "total_price": "1.0000", "cart_token": "c1" }),
            ),
            ("shopify_customers", json!({ "customer_id": "15", "occurred_at": at, "received_at": received, "customer_key": "k-fifteen" })),
            ("shopify_carts", json!({ "cart_token": "c1", "occurred_at": at, "received_at": received })),
            (
                "shopify_refunds",
                json!({ "refund_id": "999", "order_id": "1006", "occurred_at": at, "received_at": received, "transaction_amount": "5.0000" }),
            ),
            (
                "zendesk_tickets",
                json!({ "ticket_id": "6", "topic": "ticket.status_changed", "occurred_at": at, "received_at": received, "status": "solved", "requester_id": "501", "satisfaction": "bad", "created_at": "2026-06-08 10:00:00.000" }),
            ),
            (
                "zendesk_ticket_events",
                json!({ "ticket_id": "8", "topic": "ticket.comment_added", "event_type": "comment_added", "occurred_at": at, "received_at": received, "comment_is_public": true, "author_is_staff": true }),
            ),
            (
                "zendesk_user_events",
                json!({ "user_id": "504", "topic": "user.identity_changed", "event_type": "identity_changed", "occurred_at": at, "received_at": received, "customer_key": "k-other", "role": "agent" }),
            ),
        ]
    };
    // Happened on the day of the cut-off, and later; happened before it and was received after its day; received after `as_of`.
    for (name, at, received) in [
        ("on-the-day", "2026-06-10 00:00:00.000", "2026-06-10 00:00:01.000"),
        ("later", "2026-06-14 09:00:00.000", "2026-06-14 09:00:01.000"),
        ("late", "2026-06-09 23:00:00.000", "2026-06-11 00:00:00.000"),
        ("imported-after", "2026-05-30 09:00:00.000", "2026-06-13 00:00:00.000"),
    ] {
        add(&config, name, &after(at, received)).await;
        assert_eq!(look().await, before, "{name}");
    }
    // The comparison can fail: each table alone shows, received in time.
    let mut last = before;
    for (place, row) in after("2026-06-09 20:00:00.000", "2026-06-09 20:00:01.000").into_iter().enumerate() {
        let table = row.0;
        add(&config, &format!("in-time-{place}"), &[row]).await;
        let now = look().await;
        assert_ne!(now, last, "{table} is not looked at");
        last = now;
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_true_of_earlier_scores_is_beside_the_base_rate() {
    let home = tempfile::tempdir().unwrap();
    let (running, config, desk) = scoring::lake(home.path()).await;
    let order = |customer: usize, at: &str| {
        let total = 10 + customer;
        (
            "shopify_orders",
            json!({ "order_id": format!("{customer}-{at}"), "occurred_at": format!("{at} 10:00:00.000"), "customer_key": format!("k-{customer}"), "total_price": format!("{total}.0000") }),
        )
    };
    // Sixty buy in May, a third of them twice. In the ten days from June on a quarter buys, a tenth after them alone.
    let mut orders: Vec<(&str, Value)> = (0..60).map(|customer| order(customer, &format!("2026-05-{:02}", 1 + customer % 20))).collect();
    orders.extend((0..60).step_by(3).map(|customer| order(customer, "2026-05-25")));
    orders.extend((0..60).step_by(4).map(|customer| order(customer, "2026-06-10")));
    orders.extend((1..60).step_by(10).map(|customer| order(customer, "2026-06-11")));
    add(&config, "orders", &orders).await;
    let trained = lead::train(&desk, &lead::Training { as_of: day("2026-06-01"), horizon_days: 10, seed: 1 }).await.unwrap();
    for (as_of, name) in [("2026-06-01", "scores"), ("2026-06-12", "later-scores")] {
        let report = lead::score(&desk, &Scoring { as_of: day(as_of), version: None }).await.unwrap();
        assert_eq!((report.customers, report.unspoken), (60, 0), "{report:?}");
        scoring::store(&config, name).await;
    }
    let drifted = scoring::rows(&desk, "SELECT dt, model, feature, mean_now, rows_now FROM model_drift WHERE what = 'base_rate'").await;
    let model = format!("lead-{}/customers", trained.version);
    assert_eq!(drifted, [["2026-06-12", model.as_str(), "label", "0.25", "60"].map(|text| Some(text.to_owned()))], "fifteen of sixty");
    running.stop().await.unwrap();
}

/// Shelves a version whose one model gives a feature as it is, on ten rows of which half have the label.
async fn shelve(shelf: &Shelf<'_>, version: &str, feature: &str, horizon_days: u32, part: Part) {
    let labels: Vec<bool> = (0..10).map(|row| row % 2 == 0).collect();
    let column = |yes: f64, no: f64| Column::Number(labels.iter().map(|label| if *label { yes } else { no }).collect());
    let columns = vec![("good".to_owned(), column(0.9, 0.2)), ("bad".to_owned(), column(0.4, 0.6))];
    let frame = Frame::new(columns).unwrap();
    let labelled = Labelled::new(frame.clone(), labels, vec![part; 10]).unwrap();
    let options = Options { name: format!("lead-{version}"), kind: "lead".to_owned(), ..Options::default() };
    let mut model = given(&frame, &labelled, &options, feature, "a test").unwrap();
    model.training.horizon_days = Some(horizon_days);
    let origin = |row: usize| Origin { person: format!("p{row}"), cut_off: "2026-06-01".to_owned() };
    let text = frozen::write(&labelled, &(0..10).map(origin).collect::<Vec<_>>()).unwrap();
    shelf.put_model(version, "customers", &model, &text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_scores_only_when_it_beats_the_current_one() {
    let home = tempfile::tempdir().unwrap();
    let (running, config) = aws(home.path()).await;
    let s3 = s3(&config);
    let shelf = Shelf::new(&s3, BUCKET, lead::KIND);
    assert!(shelf.versions().await.unwrap().is_empty() && shelf.current().await.unwrap().is_none());
    assert!(shelf.models("nothing").await.is_err() && shelf.models("../escape").await.is_err());
    for (version, feature, horizon, part) in [
        ("a", "bad", 30, Part::Test),
        ("b", "good", 30, Part::Test),
        ("c", "bad", 30, Part::Test),
        ("d", "good", 90, Part::Test),
        ("e", "good", 30, Part::Train),
    ] {
        shelve(&shelf, version, feature, horizon, part).await;
    }
    assert_eq!(shelf.versions().await.unwrap(), ["a", "b", "c", "d", "e"]);
    let (passes, why) = lead::gate(&shelf, "a").await.unwrap();
    assert!(passes && why.contains("none"), "{why}");
    shelf.promote("a", &why).await.unwrap();
    let (passes, again) = lead::gate(&shelf, "a").await.unwrap();
    assert!(passes, "the current one stays: {again}");
    shelf.promote("a", &again).await.unwrap();
    assert_eq!(shelf.current().await.unwrap().unwrap().reason, why);
    let (passes, why) = lead::gate(&shelf, "b").await.unwrap();
    assert!(passes && why.contains("10 rows"), "{why}");
    shelf.promote("b", &why).await.unwrap();
    assert_eq!(shelf.current().await.unwrap().unwrap().version, "b");
    for (version, reason) in [("c", "no better"), ("d", "another horizon"), ("e", "no label has matured")] {
        let (passes, why) = lead::gate(&shelf, version).await.unwrap();
        assert!(!passes && why.contains(reason), "{version}: {why}");
    }
    // A frame that is not the training's is refused; one with fewer rows is what an erasure leaves before the model file says so, and
    // one that an erasure took leaves nothing to judge by.
    let models = shelf.models("c").await.unwrap();
    let frame = async |rows: usize| {
        let text = format!("person,cut_off,y,split,good,bad\n{}", "p,d,1,test,0.5,0.5\n".repeat(rows));
        shelf.write("c", "customers.csv.gz", freshet_ingest::envelope::gzip(text.as_bytes())).await.unwrap();
    };
    frame(9).await;
    assert_eq!(shelf.frame("c", "customers", &models["customers"]).await.unwrap().map(|frame| frame.labels().len()), Some(9));
    frame(10).await;
    assert!(shelf.frame("c", "customers", &models["customers"]).await.unwrap_err().to_string().contains("not what the training wrote"));
    s3.delete_object().bucket(BUCKET).key("models/lead/c/customers.csv.gz").send().await.unwrap();
    assert_eq!(shelf.frame("c", "customers", &models["customers"]).await.unwrap(), None);
    assert!(!lead::gate(&shelf, "c").await.unwrap().0);
    // A model file of another version is refused by its name.
    let text = String::from_utf8(shelf.read("b", "customers.json").await.unwrap().unwrap()).unwrap();
    shelf.write("b", "customers.json", text.replacen("\"version\": 1", "\"version\": 2", 1).into_bytes()).await.unwrap();
    let refused = shelf.models("b").await.unwrap_err();
    assert!(std::error::Error::source(&refused).unwrap().to_string().contains("lead-b"), "{refused}");
    running.stop().await.unwrap();
}
