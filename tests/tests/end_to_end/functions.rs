//! The functions as the binaries that run on Lambda: deliveries over HTTP, the receiver, Firehose, the transformer, S3, the
//! compactor, rows by Athena. A transformer that is killed in the middle of a batch loses nothing and doubles nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use aws_config::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use freshet_local::function_url::FunctionUrl;
use freshet_local::lambda::{Lambda, LambdaFunction};
use freshet_local::{DeliveryStream, Fault, FaultOrder, Functions, Options, Running};
use freshet_query::json::Objects;
use freshet_schema::Contract;
use freshet_table::Lake;
use serde_json::{Map, Value, json};

use crate::deliveries::{Delivery, SECRETS, noise};
use crate::running::{BUCKET, DATABASE, asks, s3, sdk_config};

const STREAM: &str = "deliveries";
/// Firehose calls a function once, and three times more.
const CALLS: u32 = 4;

/// A function's binary, built with the tests.
fn bootstrap(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push(name);
    assert!(path.exists(), "{} is missing: test the whole workspace, or `cargo build -p freshet-lambda --bins` first", path.display());
    path
}

/// Functions and what is around them.
struct Stage {
    running: Running,
    url: FunctionUrl,
    receiver: Lambda,
    transformer: Lambda,
    compactor: Lambda,
    config: SdkConfig,
    s3: aws_sdk_s3::Client,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str, memory: u32, timeout: u64| {
            let mut function = LambdaFunction::new(name, bootstrap(name));
            (function.memory, function.timeout) = (memory, Duration::from_secs(timeout));
            function.log = Some(folder.path().join(format!("{name}.log")));
            Lambda::open(function).unwrap()
        };
        // As the template has them; the builds of tests take more time and memory than what is deployed.
        let (receiver, transformer, compactor) = (open("receiver", 256, 30), open("transformer", 512, 120), open("compactor", 2_048, 900));
        let mut stream = DeliveryStream::new(STREAM, BUCKET);
        "landing/!{timestamp:yyyy/MM/dd/HH}/".clone_into(&mut stream.prefix);
        "errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/".clone_into(&mut stream.error_prefix);
        stream.transformer = Some("transformer".to_owned());
        let options = Options {
            dir: folder.path().join("aws"),
            port: 0,
            buckets: vec![BUCKET.to_owned()],
            streams: vec![stream],
            functions: Functions::from([("transformer".to_owned(), transformer.function())]),
        };
        let running = freshet_local::start(options).await.unwrap();
        let secrets: Vec<String> =
            SECRETS.iter().filter(|(source, _)| *source != "zendesk").map(|(source, secret)| format!("{source}={secret}")).collect();
        let variables = |own: &[(&str, &str)]| -> BTreeMap<String, String> {
            let endpoint = running.endpoint();
            let all = [("AWS_ENDPOINT_URL", endpoint.as_str()), ("FRESHET_BUCKET", BUCKET)];
            all.iter().chain(own).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        receiver.configure(variables(&[("FRESHET_STREAM", STREAM), ("FRESHET_SIGNING_SECRETS", &secrets.join(" "))]));
        let key = [("FRESHET_HASH_KEY", "k1=a key of the tests")];
        transformer.configure(variables(&key));
        compactor.configure(variables(&key));
        let config = sdk_config(&running.endpoint());
        let lake = Lake::connect(&config, BUCKET).unwrap();
        freshet_table::create_tables(&lake, Contract::embedded()).await.unwrap();
        let url = FunctionUrl::serve(0, receiver.handler()).await.unwrap();
        let s3 = s3(&config);
        let stage = Self { running, url, receiver, transformer, compactor, config, s3, _folder: folder };
        for sql in freshet_schema::athena::statements(Contract::embedded(), DATABASE, BUCKET) {
            stage.ask(&sql).await;
        }
        stage
    }

    async fn ask(&self, sql: &str) -> Vec<Map<String, Value>> {
        let answer = Box::pin(freshet_query::run(&aws_sdk_athena::Client::new(&self.config), asks(sql))).await.unwrap();
        serde_json::from_value(json!(Objects(&answer))).unwrap()
    }

    /// How often each key is there.
    async fn count(&self, sql: &str) -> BTreeMap<String, i64> {
        let rows = self.ask(sql).await;
        rows.into_iter().map(|row| (row["k"].as_str().unwrap().to_owned(), row["n"].as_i64().unwrap())).collect()
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
        listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
    }

    async fn deliver(&self, delivery: &Delivery, id: &str) {
        assert_eq!(delivery.post(&reqwest::Client::new(), &self.url.url(), id).await, Some(200));
    }

    /// The compactor's own report.
    async fn compact(&self) -> Value {
        let answer = self.compactor.invoke(Bytes::from_static(b"{}")).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }

    /// Makes the transformer wait for bodies, this many times.
    fn delay_bodies(&self, times: u32) {
        self.running.order_fault(FaultOrder {
            service: "s3".to_owned(),
            operation: "GetObject:spill/bodies".to_owned(),
            times,
            fault: Fault::Delay { millis: 4_000 },
        });
    }

    /// Kills the transformer in the middle of its batch, so many times, each time another process; while `work` is done.
    async fn kill_transformer(&self, times: usize, work: impl Future<Output = ()>) -> BTreeSet<u32> {
        let killed = async {
            let mut killed = BTreeSet::new();
            while killed.len() < times {
                let busy = self.transformer.processes().into_iter().find(|process| process.is_busy && !killed.contains(&process.id));
                match busy {
                    Some(process) => {
                        kill(process.id);
                        killed.insert(process.id);
                    }
                    None => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
            killed
        };
        tokio::join!(killed, work).0
    }

    /// Stops everything; no process is left.
    async fn stop(self) {
        self.url.stop().await;
        self.running.stop().await.unwrap();
        for function in [&self.receiver, &self.transformer, &self.compactor] {
            function.stop().await;
            assert_eq!(function.processes(), []);
        }
    }
}

/// Kills a process as `kill -9` does.
fn kill(id: u32) {
    let status = std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
    assert!(status.success(), "process {id} is not there to be killed");
}

fn order(place: u64, note: &str) -> Delivery {
    let body = json!({
        "id": 9_007_199_254_740_993_u64 + place, "updated_at": "2026-03-01T12:00:00Z", "currency": "EUR", "total_price": "1.10", "line_items": [],
        "note_attributes": [{ "name": "n", "value": note }],
    });
    Delivery { source: "shopify", topic: "orders/updated".to_owned(), body: body.to_string().into_bytes() }
}

fn match_events(place: u64) -> Delivery {
    let event = |event: u64| json!({ "event_id": format!("g-{place}-{event}"), "name": "shot", "player_id": "p", "timestamp": "2026-03-01T12:00:00Z" });
    let body = json!({ "events": [event(0), event(1), event(2)] });
    Delivery { source: "game", topic: String::new(), body: body.to_string().into_bytes() }
}

/// A text that fits no record, however it is compressed, so that its body travels by S3.
fn large_note() -> String {
    STANDARD.encode(noise(1_300_000))
}

fn each_once(keys: impl IntoIterator<Item = String>) -> BTreeMap<String, i64> {
    keys.into_iter().map(|key| (key, 1)).collect()
}

const ORDERS: &str = "SELECT order_id AS k, count(*) AS n FROM shopify_orders GROUP BY order_id";
const EVENTS: &str = "SELECT provider_event_id AS k, count(*) AS n FROM game_events GROUP BY provider_event_id";
const UNEQUAL: &str = "SELECT count(*) AS n FROM pipeline_counts WHERE received <> stored + duplicates + rejected + refused";

fn order_ids(places: std::ops::Range<u64>) -> BTreeMap<String, i64> {
    each_once(places.map(|place| (9_007_199_254_740_993_u64 + place).to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_becomes_a_row_by_way_of_the_binaries() {
    let stage = Stage::start().await;
    for place in 0..12 {
        stage.deliver(&order(place, "n"), &format!("order-{place}")).await;
        stage.deliver(&match_events(place), &format!("events-{place}")).await;
        if place % 3 == 0 {
            // Again, under another id.
            stage.deliver(&order(place, "n"), &format!("again-{place}")).await;
        }
    }
    let mut forged = order(99, "n");
    forged.source = "game";
    let unsigned = reqwest::Client::new().post(format!("{}/webhooks/shopify", stage.url.url())).body(forged.body).send().await.unwrap();
    assert_eq!(unsigned.status(), 401);
    assert_eq!(stage.receiver.processes().len(), 1, "one instance is used again and again");
    stage.running.flush().await.unwrap();
    assert_eq!(stage.keys("errors/").await, [""; 0]);
    let report = stage.compact().await;
    assert_eq!((report["rows"].as_u64(), report["duplicates"].as_u64()), (Some(12 + 36), Some(4)), "{report}");
    assert_eq!(stage.keys("landing/").await, [""; 0]);
    assert_eq!(stage.count(ORDERS).await, order_ids(0..12));
    let events = (0..12).flat_map(|place| (0..3).map(move |event| format!("g-{place}-{event}")));
    assert_eq!(stage.count(EVENTS).await, each_once(events));
    assert_eq!(stage.ask(UNEQUAL).await[0]["n"], 0);
    // Once more: what is there already is not there twice.
    stage.deliver(&order(3, "n"), "late").await;
    stage.running.flush().await.unwrap();
    assert_eq!(stage.compact().await["rows"], 0);
    assert_eq!(stage.count(ORDERS).await, order_ids(0..12));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transformer_that_is_killed_in_the_middle_of_a_batch_loses_nothing() {
    let stage = Stage::start().await;
    let large = order(0, &large_note());
    // Killed once: Firehose's own repetition brings the batch through.
    stage.deliver(&large, "large").await;
    for place in 1..6 {
        stage.deliver(&order(place, "n"), &format!("order-{place}")).await;
    }
    assert_eq!(stage.keys("spill/bodies/").await.len(), 1, "the batch waits for a body");
    stage.delay_bodies(1);
    let flush = async { stage.running.flush().await.unwrap() };
    assert_eq!(stage.kill_transformer(1, flush).await.len(), 1);
    assert_eq!(stage.keys("errors/").await, [""; 0]);
    stage.delay_bodies(0);
    let report = stage.compact().await;
    assert_eq!((report["rows"].as_u64(), report["duplicates"].as_u64()), (Some(6), Some(0)), "{report}");
    assert_eq!(stage.count(ORDERS).await, order_ids(0..6));

    // Killed in each of Firehose's calls: the records are error objects, and the compactor takes them from there.
    for place in 6..9 {
        stage.deliver(&order(place, "n"), &format!("order-{place}")).await;
    }
    stage.deliver(&large, "large again").await;
    stage.deliver(&order(9, &large_note()), "another large one").await;
    stage.delay_bodies(CALLS);
    let flush = async { stage.running.flush().await.unwrap() };
    assert_eq!(stage.kill_transformer(CALLS as usize, flush).await.len(), CALLS as usize);
    assert_ne!(stage.keys("errors/processing-failed/").await, [""; 0]);
    stage.delay_bodies(0);
    let report = stage.compact().await;
    assert_eq!((report["rows"].as_u64(), report["duplicates"].as_u64()), (Some(4), Some(1)), "{report}");
    assert_eq!(stage.keys("errors/").await, [""; 0]);
    assert_eq!(stage.count(ORDERS).await, order_ids(0..10));
    assert_eq!(stage.ask(UNEQUAL).await[0]["n"], 0);
    stage.stop().await;
}
