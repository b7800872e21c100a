//! Whole erasures over a lake in memory: two people, a shop and its desk, another shop, and everything that lies anywhere.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Decimal128Type;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freshet_ingest::envelope::{Body, Delivery, Envelope, gzip};
use freshet_ingest::personal::customer_key;
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{Fetched, transform_lines};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use self::texts::{holders, row_texts, texts};
use super::*;
use crate::compact::compact;
use crate::fixture::{keys, lake, options, put};

#[expect(unreachable_pub, reason = "it is the library of the end-to-end tests")]
#[path = "../../../../tests/src/texts.rs"]
mod texts;

const SHOP: &str = "acme.myshopify.com";
const OTHER_SHOP: &str = "other.myshopify.com";
/// Whom the tests erase.
const ADA: (&str, u64, u64) = ("ada@example.com", 207_119_551_001, 9_001_700);
/// Who stays.
const BOB: (&str, u64, u64) = ("bob@example.com", 207_119_551_002, 9_001_701);
/// 2026-11-20 at noon.
const NOW: i64 = 1_795_176_000_000;

fn hash_keys() -> Vec<HashKey> {
    vec![HashKey { id: "k1".to_owned(), secret: Secret::new("a secret") }]
}

fn normalizer() -> Normalizer {
    Normalizer::new(Contract::embedded(), hash_keys().remove(0))
}

fn delivery(source: &str, topic: &str, account: &str, body: &Value) -> Delivery {
    let headers: Vec<(&str, &str)> = match source {
        "shopify" => vec![("x-shopify-topic", topic), ("x-shopify-shop-domain", account)],
        _ => vec![("x-zendesk-account-id", account), ("x-zendesk-webhook-invocation-id", topic)],
    };
    Delivery {
        source: source.to_owned(),
        account: None,
        topic: None,
        received_at: Millis(NOW),
        headers: headers.into_iter().collect(),
        body: Body::Bytes(body.to_string().into_bytes()),
    }
}

fn order(id: u64, (email, customer, _): (&str, u64, u64), shop: &str) -> Delivery {
    let body = json!({
        "id": id, "email": email, "created_at": "2026-11-19T10:00:00Z", "updated_at": "2026-11-19T10:00:00Z", "currency": "EUR",
        "total_price": format!("{}.50", id % 100), "customer": { "id": customer, "email": email, "first_name": "A" },
        "line_items": [{ "id": id * 10, "product_id": 77, "title": "Tea", "quantity": 1, "price": "2.00" }],
    });
    delivery("shopify", "orders/create", shop, &body)
}

fn desk((email, _, user): (&str, u64, u64), ticket: u64) -> Vec<Delivery> {
    let event = |kind: &str, detail: Value| {
        let body = json!({
            "type": format!("zen:event-type:{kind}"), "account_id": 42, "id": format!("{kind}-{ticket}"), "time": "2026-11-19T11:00:00Z",
            "zendesk_event_version": "2022-11-06", "subject": "zen:x", "detail": detail, "event": {},
        });
        delivery("zendesk", &format!("{kind}-{ticket}"), "42", &body)
    };
    vec![
        event("user.created", json!({ "id": user.to_string(), "email": email, "role": "end-user" })),
        event("ticket.created", json!({ "id": ticket.to_string(), "requester_id": user.to_string(), "status": "open", "subject": "Help" })),
    ]
}

fn deliveries() -> Vec<Delivery> {
    let mut all =
        vec![order(5_550_001, ADA, SHOP), order(5_550_002, BOB, SHOP), order(5_550_003, BOB, SHOP), order(5_550_004, BOB, OTHER_SHOP)];
    all.extend(desk(ADA, 501));
    all.extend(desk(BOB, 502));
    // An id in a field that no column takes, and a body that is no JSON.
    let tagged = json!({ "id": 88, "title": "Cup", "updated_at": "2026-11-19T10:00:00Z", "made_for": ADA.1, "variants": [{ "id": 880 }] });
    all.push(delivery("shopify", "products/update", SHOP, &tagged));
    let mut broken = order(5_550_009, ADA, SHOP);
    broken.body = Body::Bytes(format!("{{\"email\": \"{}\", oops", ADA.0).into_bytes());
    all.push(broken);
    all
}

fn envelopes(deliveries: &[Delivery]) -> Vec<Vec<u8>> {
    deliveries.iter().map(|delivery| Envelope::Delivery(delivery.clone()).encode()).collect()
}

fn rows_of(deliveries: &[Delivery]) -> Vec<u8> {
    transform_lines(&normalizer(), &envelopes(deliveries).concat(), &Fetched::new(), Millis(NOW)).0.into_bytes()
}

/// A lake with tables, a merged day, and something under every prefix.
async fn full_lake() -> Lake {
    let (lake, all) = (lake(), deliveries());
    for (place, part) in all.chunks(5).enumerate() {
        put(&lake, &format!("landing/2026/11/20/12/{place}.gz"), gzip(&rows_of(part))).await;
        compact(&lake, Contract::embedded(), &options(&format!("run-{place}"), 0), |_| {}).await.unwrap();
    }
    put(&lake, "raw/2026/11/20/12/a.gz", gzip(&envelopes(&all).concat())).await;
    put(&lake, "landing/2026/11/20/13/late.gz", gzip(&rows_of(&[order(5_550_011, ADA, SHOP), order(5_550_012, BOB, SHOP)]))).await;
    put(&lake, "spill/2026/11/20/12/only.ndjson", envelopes(&[order(5_550_021, ADA, SHOP)]).concat()).await;
    let mut large = order(5_550_022, ADA, SHOP);
    let Body::Bytes(body) = std::mem::replace(&mut large.body, Body::Object { key: "spill/bodies/large".to_owned() }) else {
        unreachable!("a body is bytes");
    };
    put(&lake, "spill/bodies/large", body).await;
    put(&lake, "spill/2026/11/20/12/pointer.ndjson", envelopes(&[large, order(5_550_023, BOB, SHOP)]).concat()).await;
    let record = |deliveries: &[Delivery]| {
        let data = STANDARD.encode(envelopes(deliveries).concat());
        json!({ "attemptsMade": 4, "arrivalTimestamp": NOW, "errorCode": "Lambda.FunctionError", "rawData": data }).to_string()
    };
    let errors = [record(&[order(5_550_031, ADA, SHOP), order(5_550_032, BOB, SHOP)]), record(&[order(5_550_033, ADA, SHOP)])].join("\n");
    put(&lake, "errors/processing-failed/2026/11/20/12/e.gz", gzip(errors.as_bytes())).await;
    // Two packed members, of which the second is torn: the first is read, the other said.
    let mut torn = gzip(&rows_of(&[order(5_550_041, ADA, SHOP), order(5_550_042, BOB, SHOP)]));
    torn.extend(&gzip(b"{\"more\":\"of the same, and more of it\"}\n")[..20]);
    put(&lake, "quarantine/2026/11/20/torn.gz", torn).await;
    put(&lake, "athena-results/a.csv", format!("\"customer_id\"\n\"{}\"\n", ADA.1).into_bytes()).await;
    put(&lake, "athena-results/b.csv", format!("\"customer_id\"\n\"{}\"\n", BOB.1).into_bytes()).await;
    lake
}

async fn run(lake: &Lake, subject: &Subject, is_dry_run: bool) -> Erasure {
    let keys = hash_keys();
    let request = Request { account: SHOP, subject, hash_keys: &keys, is_dry_run, other_buckets: &[] };
    let options = options("erasure-1", 0);
    let erasure = erase(lake, Contract::embedded(), &request, &options, |_| {}).await.unwrap();
    if !is_dry_run {
        write_evidence(lake, Contract::embedded(), &erasure, &options).await.unwrap();
    }
    erasure
}

/// Every object with all that it says, in lower case.
async fn said(lake: &Lake) -> BTreeMap<String, String> {
    let objects: Vec<_> = lake.store().list(None).try_collect().await.unwrap();
    let mut said = BTreeMap::new();
    for object in objects {
        let bytes = lake.store().get(&object.location).await.unwrap().bytes().await.unwrap();
        said.insert(object.location.to_string(), texts(&bytes));
    }
    said
}

fn needles((email, customer, user): (&str, u64, u64)) -> Vec<String> {
    vec![email.to_owned(), customer_key(&hash_keys()[0], email).unwrap(), customer.to_string(), user.to_string()]
}

/// By table: rows, and the sum of `total_price` where there is one; of rows that a test takes by their texts.
async fn sums(lake: &Lake, counts: impl Fn(&str) -> bool) -> BTreeMap<String, (u64, i128)> {
    let mut sums = BTreeMap::new();
    for table in Contract::embedded().tables().filter(|table| !table.computed) {
        let Some(delta) = lake.load(table).await.unwrap() else { continue };
        for file in crate::commit::files(&delta, table).await.unwrap() {
            let bytes = lake.table_store(table).get(&file.location).await.unwrap().bytes().await.unwrap();
            for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap() {
                let batch = batch.unwrap();
                for row in 0..batch.num_rows() {
                    if counts(&row_texts(&batch, row)) {
                        let sum: &mut (u64, i128) = sums.entry(table.name.clone()).or_default();
                        sum.0 += 1;
                        let price = batch.column_by_name("total_price").map(AsArray::as_primitive::<Decimal128Type>);
                        sum.1 += price.filter(|price| price.is_valid(row)).map_or(0, |price| price.value(row));
                    }
                }
            }
        }
    }
    sums
}

async fn check_erased(lake: &Lake, subject: &Subject) {
    let (gone, before) = (needles(ADA), said(lake).await);
    for needle in &gone {
        assert!(!holders(&before, needle).is_empty(), "nothing holds {needle} from the start");
    }
    let others = sums(lake, |row| !gone.iter().any(|needle| row.contains(needle))).await;
    let look = run(lake, subject, true).await;
    assert!(look.is_dry_run && said(lake).await == before, "a look changes nothing");
    let erasure = run(lake, subject, false).await;
    let after = said(lake).await;
    for needle in &gone {
        assert_eq!(holders(&after, needle), [""; 0], "{needle}");
    }
    assert_eq!(sums(lake, |_| true).await, others);
    for needle in needles(BOB) {
        let place = if needle.contains('@') { "raw/" } else { "tables/" };
        assert!(holders(&after, &needle).iter().any(|key| key.starts_with(place)), "{needle}");
    }
    // The look has said what was done, but for the files and entries that only the deed replaces.
    for (name, place) in &look.places {
        let done = &erasure.places[name];
        assert_eq!((place.rows, place.rewritten), (done.rows, done.rewritten), "{name}");
    }
    assert_eq!((erasure.places["shopify_orders"].rows, erasure.places["zendesk_user_events"].rows), (1, 1));
    assert_eq!((erasure.places["athena-results/"].deleted, erasure.places["spill/"].rows), (1, 2));
    assert_eq!(erasure.unread.len(), 1, "{:?}", erasure.unread);
    assert!(run(lake, subject, false).await.is_empty(), "the second time there is nothing");
}

#[tokio::test]
async fn a_person_is_found_by_their_address_and_gone_everywhere() {
    check_erased(&full_lake().await, &Subject::Email(" ADA@example.com".to_owned())).await;
}

#[tokio::test]
async fn a_person_is_found_by_their_id_and_gone_everywhere() {
    check_erased(&full_lake().await, &Subject::Customer(ADA.1.to_string())).await;
}

#[tokio::test]
async fn what_is_left_still_compacts_and_counts() {
    let lake = full_lake().await;
    run(&lake, &Subject::Email(ADA.0.to_owned()), false).await;
    let report = compact(&lake, Contract::embedded(), &options("after", 0), |_| {}).await.unwrap();
    assert_eq!((report.rows, report.duplicates), (3, 0), "one order and two lines, of which none names anyone");
    let states = crate::tables::tables(&lake, Contract::embedded()).await.unwrap();
    let evidence = states.iter().find(|state| state.name == "erasures").unwrap();
    assert!(evidence.rows > 5, "{evidence:?}");
}

#[tokio::test]
async fn an_account_goes_whole_and_another_stays() {
    let lake = full_lake().await;
    let kept = sums(&lake, |row| !row.contains(SHOP)).await;
    let erasure = run(&lake, &Subject::Shop, false).await;
    let after = said(&lake).await;
    let left = holders(&after, SHOP);
    assert!(left.iter().all(|key| key.starts_with("tables/erasures/")), "{left:?}");
    assert_eq!(sums(&lake, |_| true).await, kept);
    assert_eq!(kept["shopify_orders"].0, 1);
    assert!(erasure.places["raw/"].rows >= 5 && run(&lake, &Subject::Shop, false).await.is_empty());
}

#[tokio::test]
async fn an_account_that_nobody_knows_erases_nothing() {
    let lake = full_lake().await;
    let (before, keys_given) = (keys(&lake, "").await, hash_keys());
    let subject = Subject::Email(ADA.0.to_owned());
    let request = Request { account: "acme.example", subject: &subject, hash_keys: &keys_given, is_dry_run: false, other_buckets: &[] };
    let erasure = erase(&lake, Contract::embedded(), &request, &options("typo", 0), |_| {}).await.unwrap();
    assert!(!erasure.places.keys().any(|name| name.starts_with("shopify_") || name.starts_with("zendesk_")), "{:?}", erasure.places);
    assert!(keys(&lake, "tables/shopify_orders").await.iter().all(|key| before.contains(key)));
}
