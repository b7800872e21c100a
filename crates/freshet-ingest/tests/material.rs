//! Real deliveries and signature vectors that other people published, where `FRESHET_MATERIAL` names their folder.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use freshet_ingest::envelope::{Body, Delivery, Envelope};
use freshet_ingest::headers::Headers;
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_ingest::signature::{Rules, verify};
use freshet_ingest::time::{self, Millis};
use freshet_ingest::transform::{Fetched, transform_lines};
use freshet_schema::{Contract, Scheme};
use serde_json::Value;

fn material() -> Option<PathBuf> {
    let folder = env::var_os("FRESHET_MATERIAL").map(PathBuf::from).map(|folder| folder.join("payloads"));
    if folder.as_ref().is_none_or(|folder| !folder.is_dir()) {
        eprintln!("skipped: FRESHET_MATERIAL names no folder of published deliveries");
        return None;
    }
    folder
}

#[test]
fn every_published_signature_vector_is_judged_right() {
    let Some(folder) = material() else { return };
    let vectors: Value = serde_json::from_slice(&fs::read(folder.join("VECTORS.json")).unwrap()).unwrap();
    for vector in vectors["vectors"].as_array().unwrap() {
        let scheme: Scheme = serde_json::from_value(vector["scheme"].clone()).unwrap();
        let headers: Headers =
            vector["headers"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let body = match vector["body_file"].as_str() {
            Some(file) => fs::read(folder.join(file)).unwrap(),
            None => vector["body_utf8"].as_str().unwrap().as_bytes().to_vec(),
        };
        let now = time::parse(&vector["now"].to_string().replace('"', "")).map_or(Millis(0), |time| time.millis);
        let ignore_age = vector["ignore_age"].as_bool().unwrap_or(false);
        let secrets = [Secret::new(vector["secret"].as_str().unwrap())];
        let rules = Rules { scheme, secrets: &secrets, now, tolerance_seconds: (!ignore_age).then_some(300), is_development: true };
        let verdict = verify(&rules, &headers, &body);
        assert_eq!(verdict.is_ok(), vector["valid"].as_bool().unwrap(), "{}: {verdict:?}", vector["name"]);
    }
}

/// Files of a provider's folder, with the topic that the folder names.
fn deliveries(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for topic in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in fs::read_dir(&topic).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            found.push((topic.file_name().unwrap().to_str().unwrap().to_owned(), file));
        }
    }
    found.sort();
    found
}

fn rows(source: &str, topic: &str, body: &[u8]) -> String {
    let normalizer = Normalizer::new(Contract::embedded(), HashKey { id: "k1".to_owned(), secret: Secret::new("key") });
    let topic = topic.replacen('-', "/", 1);
    let delivery = Delivery {
        source: source.to_owned(),
        account: None,
        topic: None,
        received_at: Millis(1_790_000_000_000),
        headers: [("x-shopify-topic", topic.as_str()), ("webhook-id", "d1")].into_iter().collect(),
        body: Body::Bytes(body.to_vec()),
    };
    transform_lines(&normalizer, &Envelope::Delivery(delivery).encode(), &Fetched::new(), Millis(0)).0
}

#[test]
fn every_published_delivery_leaves_rows_and_no_personal_data() {
    let Some(folder) = material() else { return };
    for (source, provider) in [
        ("shopify", "shopify"),
        ("zendesk", "zendesk"),
        ("game", "riot"),
        ("game", "standard-webhooks"),
        ("game", "pubg"),
        ("game", "csgo-gsi"),
        ("game", "gameanalytics"),
        ("game", "playfab"),
        ("game", "dota2"),
        ("game", "lichess"),
    ] {
        for (topic, file) in deliveries(&folder.join(provider)) {
            let body = fs::read(&file).unwrap();
            let rows = rows(source, &topic, &body);
            let mut tables = BTreeSet::new();
            for line in rows.lines() {
                let row: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", file.display()));
                tables.insert(row["table"].as_str().unwrap().to_owned());
                if row["table"] == "rejected_payloads" {
                    continue;
                }
                for value in personal_values(&body) {
                    assert!(!line.contains(&value), "{}: `{value}` is in a row of {}", file.display(), row["table"]);
                }
                if env::var_os("FRESHET_SHOW_ROWS").is_some() {
                    eprintln!("{} {line}", file.file_name().unwrap().display());
                }
            }
            eprintln!("{topic} {}: {tables:?}", file.file_name().unwrap().display());
            assert!(tables.len() > 1, "{}: {tables:?}", file.display());
        }
    }
}

#[test]
fn every_published_event_of_a_partner_bus_is_the_shops_own() {
    let Some(folder) = material() else { return };
    let normalizer = Normalizer::new(Contract::embedded(), HashKey { id: "k1".to_owned(), secret: Secret::new("key") });
    let mut seen = 0;
    for (_, file) in deliveries(&folder.join("shopify-eventbridge")) {
        let Ok(event) = serde_json::from_slice::<Value>(&fs::read(&file).unwrap()) else {
            continue;
        };
        let (rows, _) = transform_lines(&normalizer, event.to_string().as_bytes(), &Fetched::new(), Millis(1_790_000_000_000));
        let row: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
        assert_eq!((&row["table"], &row["source"]), (&"shopify_products".into(), &"shopify".into()), "{}: {row}", file.display());
        assert!(row["account"].is_string() && row["topic"].as_str().unwrap().starts_with("products/"), "{}: {row}", file.display());
        seen += 1;
    }
    assert!(seen > 1, "{seen} events");
}

/// E-mail addresses anywhere, phone numbers and streets by their keys.
fn personal_values(body: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(body);
    let mut found: BTreeSet<String> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || "@._+-".contains(c)))
        .filter(|word| word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.trim_end_matches('.').contains('.')))
        .map(str::to_owned)
        .collect();
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        collect(&value, &mut found);
    }
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, entry) in entries {
                let personal = ["phone", "address1", "address2", "street", "mobile"].contains(&key.as_str());
                if let Some(text) = entry.as_str().filter(|text| personal && text.len() > 5) {
                    found.insert(text.to_owned());
                }
                collect(entry, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
