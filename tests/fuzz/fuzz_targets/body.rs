//! Any bytes as a verified body, of every source: a row says what became of them, the same each time, in JSON.

#![no_main]

use std::sync::LazyLock;

use freshet_ingest::envelope::{Body, Delivery, Envelope};
use freshet_ingest::json::Json;
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{Fetched, transform_lines};
use freshet_schema::Contract;
use libfuzzer_sys::fuzz_target;

static NORMALIZER: LazyLock<Normalizer> =
    LazyLock::new(|| Normalizer::new(Contract::embedded(), HashKey { id: "k".to_owned(), secret: Secret::new("key") }));
const TOPICS: [&str; 6] = ["orders/create", "products/update", "refunds/create", "checkouts/update", "customers/update", "odd"];

fuzz_target!(|data: &[u8]| {
    let topic = TOPICS[data.len() % TOPICS.len()];
    for source in Contract::embedded().sources().iter().filter(|source| source.signature.is_some()) {
        let delivery = Delivery {
            source: source.name.clone(),
            account: None,
            topic: None,
            received_at: Millis(1_790_000_000_000),
            headers: [("x-shopify-topic", topic), ("webhook-id", "d")].into_iter().collect(),
            body: Body::Bytes(data.to_vec()),
        };
        let line = Envelope::Delivery(delivery).encode();
        let (rows, waiting) = transform_lines(&NORMALIZER, &line, &Fetched::new(), Millis(0));
        assert!(waiting.is_empty());
        assert_eq!(rows, transform_lines(&NORMALIZER, &line, &Fetched::new(), Millis(0)).0);
        let mut leads = 0;
        for row in rows.lines() {
            let row = Json::parse(row.as_bytes()).expect("a row is JSON");
            let table = row.get("table").and_then(Json::scalar).expect("a row names its table");
            assert!(Contract::embedded().table(table).is_some());
            leads += i32::from(row.get("deliveries").and_then(Json::scalar) == Some("1"));
        }
        assert_eq!(leads, 1, "a delivery has one outcome");
    }
});
