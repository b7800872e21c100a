//! A source that nobody knows: a folder's files are all that it takes to be verified, described and stored.

#![cfg(test)]

use freshet_ingest::envelope::{Body, Delivery, Envelope};
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_ingest::signature::{Rules, sign, verify};
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{Fetched, transform_lines};
use freshet_schema::Contract;
use serde_json::Value;

const SOURCE: &str = r#"
name = "turnstile"
doc = "A stadium's gates."
retry_days = 3

[signature]
scheme = "gameanalytics"

[identity]
by = "event"
event_id = ["/pass/uid"]

[delivery]
topic = { pointers = ["/kind"], body_first = true }
account = { pointers = ["/venue"] }
occurred_at = ["/at"]
batches = ["/passes"]

[personal]
words = ["email", "phone", "address", "ip", "holder"]
"#;

const TABLE: &str = r#"
name = "turnstile_passes"
doc = "One row a pass."
version = 1
topics = ["pass.*"]
sort = ["gate"]

column = [
  { name = "pass_id", type = "string", from = "/pass/uid", convert = "id", required = true, doc = "The pass." },
  { name = "gate", type = "string", from = "/gate", convert = "lower", doc = "The gate." },
  { name = "price", type = "decimal(18,4)", from = "/pass/price", doc = "What it cost." },
  { name = "customer_key", type = "string", from = "/pass/email", convert = "email", pii = "hash", doc = "Who holds it." },
]
"#;

#[test]
fn a_source_is_its_folder_and_nothing_else() {
    let mut files = Contract::embedded_files().collect::<Vec<_>>();
    files.extend([("turnstile/source.toml", SOURCE), ("turnstile/turnstile_passes.toml", TABLE)]);
    let contract: &'static Contract = Box::leak(Box::new(Contract::parse(&files).unwrap()));
    let body = br#"{"venue":"North","passes":[
        {"kind":"pass.in","at":"2026-03-02T09:29:59Z","gate":"G7","pass":{"uid":99999999999999999999,"price":12.5,"email":"Ada@Example.org","holder":"Ada L."}},
        {"kind":"alarm","at":"2026-03-02T09:29:59Z","by":"Ada L."},
        {"kind":"pass.in"}]}"#;

    let scheme = contract.source("turnstile").unwrap().signature.as_ref().unwrap().scheme;
    let (secret, now) = (Secret::new("gate secret"), Millis(1_772_443_800_000));
    let headers = sign(scheme, &secret, "d", now, body).into_iter().collect();
    let rules = Rules { scheme, secrets: &[secret], now, tolerance_seconds: Some(300), is_development: false };
    verify(&rules, &headers, body).unwrap();

    let delivery = Delivery {
        source: "turnstile".to_owned(),
        account: None,
        topic: None,
        received_at: now,
        headers,
        body: Body::Bytes(body.to_vec()),
    };
    let normalizer = Normalizer::new(contract, HashKey { id: "k".to_owned(), secret: Secret::new("key") });
    let (text, _) = transform_lines(&normalizer, &Envelope::Delivery(delivery).encode(), &Fetched::new(), now);
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tables: Vec<&str> = rows.iter().map(|row| row["table"].as_str().unwrap()).collect();
    assert_eq!(tables, ["turnstile_passes", "unmapped_events", "rejected_events", "rejected_payloads", "pipeline_counts"]);
    assert_eq!(rows[0]["pass_id"], "99999999999999999999");
    assert_eq!((&rows[0]["gate"], &rows[0]["price"], &rows[0]["account"]), (&"g7".into(), &"12.5000".into(), &"north".into()));
    assert_eq!(rows[0]["customer_key"].as_str().map(str::len), Some(32));
    assert_eq!((&rows[2]["reason"], &rows[2]["pointer"]), (&"missing_field".into(), &"/pass/uid".into()));
    assert!(!rows[0].to_string().contains("Ada"));
}
