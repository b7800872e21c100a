//! The receiver behind a function's URL: what it takes is durable when it answers, what it refuses says why and is
//! counted, and bad moments of Firehose and S3 lose nothing. No transformer runs: the stream's records are read as they are.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flate2::read::MultiGzDecoder;
use freshet_firehose::{Producer, Settings};
use freshet_ingest::envelope::{Body, Delivery, Envelope, Refusals};
use freshet_ingest::secret::{Secret, Secrets};
use freshet_ingest::signature::{ZENDESK_TEST_SECRET, sign};
use freshet_ingest::time::Millis;
use freshet_lambda::receiver::{Parts, Receiver};
use freshet_local::function_url::FunctionUrl;
use freshet_local::{DeliveryStream, Fault, FaultOrder, Functions, Options, Running};
use freshet_schema::{Contract, Scheme};
use reqwest::{Client, Method, Response};

use crate::deliveries::noise;
use crate::running::{BUCKET, s3, sdk_config};

const STREAM: &str = "deliveries";
const SHOPIFY: &str = "a secret of the shop";
const GAME: &str = "whsec_YSBzZWNyZXQgb2YgdGhlIGdhbWUsIGxvbmcgZW5vdWdo";

/// A receiver over AWS on loopback.
struct Door {
    running: Running,
    url: FunctionUrl,
    receiver: Arc<Receiver>,
    s3: aws_sdk_s3::Client,
    client: Client,
    _folder: tempfile::TempDir,
}

async fn open(secrets: &[(&str, &str)], is_development: bool) -> Door {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = DeliveryStream::new(STREAM, BUCKET);
    "landing/".clone_into(&mut stream.prefix);
    "errors/!{firehose:error-output-type}/".clone_into(&mut stream.error_prefix);
    let options = Options {
        dir: folder.path().to_owned(),
        port: 0,
        buckets: vec![BUCKET.to_owned()],
        streams: vec![stream],
        functions: Functions::new(),
    };
    let running = freshet_local::start(options).await.unwrap();
    let config = sdk_config(&running.endpoint());
    let s3 = s3(&config);
    let mut known = Secrets::default();
    for (owner, secret) in secrets {
        known.add(owner, Secret::new(*secret));
    }
    let receiver = Arc::new(Receiver::new(Parts {
        contract: Contract::embedded(),
        secrets: known,
        producer: Producer::new(&aws_sdk_firehose::Client::new(&config), &s3, Settings::new(STREAM, BUCKET)),
        s3: s3.clone(),
        bucket: BUCKET.to_owned(),
        is_development,
        instance: "instance".to_owned(),
    }));
    let handler = Arc::clone(&receiver);
    let url = FunctionUrl::serve(
        0,
        Arc::new(move |request| {
            let receiver = Arc::clone(&handler);
            Box::pin(async move { receiver.receive(request, now()).await })
        }),
    );
    Door { running, url: url.await.unwrap(), receiver, s3, client: Client::new(), _folder: folder }
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Millis(i64::try_from(since.as_millis()).unwrap())
}

impl Door {
    async fn ask(&self, method: Method, path: &str) -> Response {
        self.client.request(method, format!("{}{path}", self.url.url())).send().await.unwrap()
    }

    async fn post(&self, path: &str, scheme: Scheme, secret: &str, kind: &str, body: &[u8]) -> Response {
        let mut request = self.client.post(format!("{}{path}", self.url.url())).header("content-type", kind).body(body.to_vec());
        for (name, value) in sign(scheme, &Secret::new(secret), "delivery-1", now(), body) {
            request = request.header(name, value);
        }
        request.header("x-shopify-topic", "orders/create").header("x-shopify-shop-domain", "Acme.myshopify.com").send().await.unwrap()
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
        listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
    }

    async fn object(&self, key: &str) -> Vec<u8> {
        let object = self.s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        let bytes = object.body.collect().await.unwrap().to_vec();
        if !bytes.starts_with(&[0x1F, 0x8B]) {
            return bytes;
        }
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap();
        unpacked
    }

    /// What lies below a prefix, as the records' lines.
    async fn lines(&self, prefix: &str) -> Vec<Envelope> {
        let mut found = Vec::new();
        for key in self.keys(prefix).await {
            let bytes = self.object(&key).await;
            found.extend(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| Envelope::decode(line).unwrap()));
        }
        found
    }

    /// What reached the stream.
    async fn delivered(&self) -> (Vec<Delivery>, Vec<Refusals>) {
        self.running.flush().await.unwrap();
        let (mut deliveries, mut refusals) = (Vec::new(), Vec::new());
        for line in self.lines("landing/").await {
            match line {
                Envelope::Delivery(delivery) => deliveries.push(delivery),
                Envelope::Refusals(counted) => refusals.push(counted),
            }
        }
        (deliveries, refusals)
    }

    fn fail(&self, service: &str, operation: &str, times: u32, fault: Fault) {
        self.running.order_fault(FaultOrder { service: service.to_owned(), operation: operation.to_owned(), times, fault });
    }

    async fn close(self) {
        self.url.stop().await;
        self.running.stop().await.unwrap();
    }
}

fn is_down(code: &str) -> Fault {
    Fault::Error { status: 503, code: code.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_delivery_is_answered_plainly() {
    let door = open(&[("shopify", SHOPIFY)], false).await;
    let long = format!("/webhooks/shopify/{}", "a".repeat(256));
    let cases = [
        (Method::GET, "/healthz", 200, None),
        (Method::POST, "/healthz", 405, Some("GET")),
        (Method::GET, "/webhooks/shopify", 405, Some("POST")),
        (Method::DELETE, "/webhooks/shopify/acme", 405, Some("POST")),
        (Method::POST, "/", 404, None),
        (Method::POST, "/webhooks", 404, None),
        (Method::POST, "/webhooks/nobody", 404, None),
        (Method::POST, "/webhooks/lake", 404, None),
        (Method::POST, "/webhooks/shopify/a/b", 400, None),
        (Method::POST, "/webhooks/shopify/%FF", 400, None),
        (Method::POST, "/webhooks/shopify?topic=%FF", 400, None),
        (Method::POST, long.as_str(), 400, None),
    ];
    for (method, path, status, allowed) in cases {
        let response = door.ask(method.clone(), path).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers().get("allow").map(|value| value.to_str().unwrap()), allowed, "{method} {path}");
        assert!(!response.text().await.unwrap().is_empty(), "{method} {path}");
    }
    assert_eq!(door.delivered().await, (Vec::new(), Vec::new()));
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_verify_is_refused_with_its_reason_and_counted() {
    let door = open(&[("shopify", SHOPIFY)], false).await;
    let unsigned = door.ask(Method::POST, "/webhooks/shopify").await;
    let forged = door.post("/webhooks/shopify", Scheme::Shopify, "another secret", "application/json", b"{}").await;
    let unknown = door.post("/webhooks/zendesk", Scheme::Zendesk, "any", "application/json", b"{}").await;
    for (response, reason) in [(unsigned, "X-Shopify-Hmac-Sha256"), (forged, "does not match"), (unknown, "no signing secret")] {
        assert_eq!(response.status(), 401);
        let said = response.text().await.unwrap();
        assert!(said.contains(reason) && !said.contains("secret of the shop"), "{said}");
    }
    door.receiver.finish(now()).await;
    let (deliveries, refusals) = door.delivered().await;
    assert!(deliveries.is_empty());
    let counted = |source: &str| refusals.iter().filter(|refusals| refusals.source == source).map(|refusals| refusals.count).sum::<u64>();
    assert_eq!((counted("shopify"), counted("zendesk")), (2, 1));
    let mut runs: Vec<&str> = refusals.iter().map(|refusals| refusals.run.as_str()).collect();
    runs.dedup();
    assert!(runs.iter().all(|run| run.starts_with("instance-")), "{runs:?}");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_the_path_wins_and_chooses_the_secret() {
    let door =
        open(&[("shopify", SHOPIFY), ("shopify/Other.myshopify.com", "its own"), ("shopify/other.myshopify.com", "its older one")], false)
            .await;
    for (path, secret, status) in [
        ("/webhooks/shopify", SHOPIFY, 200),
        ("/webhooks/shopify/", SHOPIFY, 200),
        ("/webhooks/shopify/OTHER.myshopify.com?topic=orders%2Fpaid", "its own", 200),
        ("/webhooks/shopify/other.myshopify.com", "its older one", 200),
        ("/webhooks/shopify/other.myshopify.com", SHOPIFY, 401),
        ("/webhooks/shopify", "its own", 401),
    ] {
        let response = door.post(path, Scheme::Shopify, secret, "application/json", b"{\"id\":1}").await;
        assert_eq!(response.status(), status, "{path} {secret}");
    }
    let (deliveries, _) = door.delivered().await;
    let accounts: Vec<Option<&str>> = deliveries.iter().map(|delivery| delivery.account.as_deref()).collect();
    assert_eq!(accounts, [None, None, Some("other.myshopify.com"), Some("other.myshopify.com")]);
    assert_eq!(deliveries[2].topic.as_deref(), Some("orders/paid"));
    for delivery in &deliveries {
        assert_eq!(delivery.body, Body::Bytes(b"{\"id\":1}".to_vec()));
        assert_eq!(delivery.headers.get("X-Shopify-Topic"), Some("orders/create"));
        assert!(delivery.headers.iter().all(|(name, _)| !name.contains("hmac")), "a signature is not kept");
    }
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zendesks_public_secret_opens_nothing_outside_development() {
    for (is_development, status) in [(false, 401), (true, 200)] {
        let door = open(&[("zendesk", ZENDESK_TEST_SECRET)], is_development).await;
        let response = door.post("/webhooks/zendesk", Scheme::Zendesk, ZENDESK_TEST_SECRET, "application/json", b"{}").await;
        assert_eq!(response.status(), status);
        assert!(!response.text().await.unwrap().contains(ZENDESK_TEST_SECRET));
        door.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_throttled_stream_does_not_take_is_spilled() {
    let door = open(&[("shopify", SHOPIFY)], false).await;
    door.fail("firehose", "PutRecordBatch", 1_000, is_down("ServiceUnavailableException"));
    let started = Instant::now();
    let response = door.post("/webhooks/shopify", Scheme::Shopify, SHOPIFY, "application/json", b"{\"id\":7}").await;
    assert_eq!(response.status(), 200);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let spilled = door.lines("spill/").await;
    assert!(matches!(&spilled[..], [Envelope::Delivery(delivery)] if delivery.body == Body::Bytes(b"{\"id\":7}".to_vec())), "{spilled:?}");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_durable_the_sender_is_asked_to_come_again() {
    let door = open(&[("shopify", SHOPIFY)], false).await;
    door.fail("firehose", "PutRecordBatch", 1_000, is_down("ServiceUnavailableException"));
    door.fail("s3", "PutObject", 1_000, is_down("SlowDown"));
    let started = Instant::now();
    let response = door.post("/webhooks/shopify", Scheme::Shopify, SHOPIFY, "application/json", b"{\"id\":8}").await;
    assert!(started.elapsed() < Duration::from_millis(3_500), "{:?}", started.elapsed());
    assert_eq!(response.status(), 503);
    let retry_after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&retry_after));
    door.fail("firehose", "PutRecordBatch", 0, is_down(""));
    door.fail("s3", "PutObject", 0, is_down(""));
    let response = door.post("/webhooks/shopify", Scheme::Shopify, SHOPIFY, "application/json", b"{\"id\":8}").await;
    assert_eq!(response.status(), 200);
    assert_eq!(door.delivered().await.0.len(), 1);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_on_the_way_loses_nothing() {
    let door = open(&[("shopify", SHOPIFY)], false).await;
    for fault in [Fault::DropAfter, Fault::Drop, Fault::PartialFailure { every: 1, code: "ServiceUnavailableException".to_owned() }] {
        door.fail("firehose", "PutRecordBatch", 1, fault);
        let response = door.post("/webhooks/shopify", Scheme::Shopify, SHOPIFY, "application/json", b"{\"id\":9}").await;
        assert_eq!(response.status(), 200);
    }
    // Once or twice each: what is double is told apart by its content later.
    assert!(door.delivered().await.0.len() >= 3);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_arrive_whole_up_to_what_an_event_holds() {
    let door = open(&[("game", GAME)], false).await;
    let json = format!("[{}]", vec![r#"{"event_id":"e-1","name":"move","x":12.5,"y":-3.25}"#; 40_000].join(","));
    assert!(json.len() > 2_000_000);
    let noise = noise(4_600_000);
    for (kind, body) in [("application/json", json.as_bytes()), ("application/octet-stream", &noise[..])] {
        assert_eq!(door.post("/webhooks/game", Scheme::StandardWebhooks, GAME, kind, body).await.status(), 200);
    }
    let (deliveries, _) = door.delivered().await;
    assert_eq!(deliveries.len(), 2);
    assert_eq!(deliveries[0].body, Body::Bytes(json.into_bytes()), "what shrinks travels in its record");
    let Body::Object { key } = &deliveries[1].body else { panic!("what fits no record travels by S3") };
    assert!(key.starts_with("spill/bodies/"), "{key}");
    assert!(door.object(key).await == noise, "byte for byte");

    let response = door.post("/webhooks/game", Scheme::StandardWebhooks, GAME, "application/json", &vec![b' '; 6 * 1024 * 1024]).await;
    assert_eq!(response.status(), 413);
    assert!(response.text().await.unwrap().contains("6291456"), "the limit is said");
    let response = door.post("/webhooks/game", Scheme::StandardWebhooks, GAME, "application/octet-stream", &vec![0xFF; 4_800_000]).await;
    assert_eq!(response.status(), 413);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_waits_for_no_storage_that_is_down() {
    let door = open(&[("game", GAME)], false).await;
    door.fail("s3", "PutObject", 1_000, Fault::Delay { millis: 10_000 });
    let started = Instant::now();
    let response = door.post("/webhooks/game", Scheme::StandardWebhooks, GAME, "application/octet-stream", &noise(2_000_000)).await;
    assert_eq!(response.status(), 503);
    assert!(started.elapsed() < Duration::from_millis(3_500), "{:?}", started.elapsed());
    door.close().await;
}
