//! Deliveries that other people published, sent through the command: each is found again, sending again changes
//! nothing, values are right, and no personal data is in the lake. Needs `FRESHET_MATERIAL`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use freshet_ingest::canonical::{canonical, hash};
use freshet_ingest::event::events;
use freshet_ingest::json::Json;
use freshet_schema::Contract;
use serde_json::Value;

use crate::deliveries::{ACCOUNTS, Delivery, SECRETS};
use crate::running::Up;

/// Folders of the material, and the source that they are deliveries of.
const FOLDERS: [(&str, &str); 4] =
    [("shopify", "shopify"), ("zendesk", "zendesk"), ("riot/match-v5", "game"), ("standard-webhooks", "game")];
/// What analysts never see, and so may hold personal data until it expires.
const CLOSED: [&str; 5] = ["raw", "spill", "errors", "quarantine", "restricted"];

struct Published {
    file: PathBuf,
    source: &'static str,
    topic: String,
    body: Vec<u8>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_published_delivery_is_found_again_once_and_without_personal_data() {
    let Some(material) =
        std::env::var_os("FRESHET_MATERIAL").map(|folder| PathBuf::from(folder).join("payloads")).filter(|folder| folder.is_dir())
    else {
        eprintln!("skipped: FRESHET_MATERIAL names no folder of published deliveries");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let up = tokio::task::block_in_place(|| Up::start(folder.path(), &SECRETS));
    let published: Vec<Published> = FOLDERS.iter().flat_map(|(path, source)| read(&material.join(path), source)).collect();
    assert!(published.len() > 90, "{} deliveries", published.len());
    let send = || {
        for (path, source) in FOLDERS {
            let account = ACCOUNTS.iter().find(|(name, _)| *name == source).unwrap().1;
            up.freshet(&["send", material.join(path).to_str().unwrap(), "--source", source, "--account", account]);
        }
        up.settle();
    };

    tokio::task::block_in_place(|| {
        send();
        find_each(&up, &published);
        values_are_right(&up, &published);
    });
    let once = tokio::task::block_in_place(|| state(&up));
    tokio::task::block_in_place(send);
    assert_eq!(tokio::task::block_in_place(|| state(&up)), once, "sent twice");

    let client = reqwest::Client::new();
    for delivery in published.iter().filter(|delivery| !is_trigger(delivery)) {
        // Standard Webhooks sign the id: without an event id of its own, another id is another event.
        if delivery.source == "game" && !has_own_id(&delivery.body) {
            continue;
        }
        let again = Delivery { source: delivery.source, topic: delivery.topic.clone(), body: delivery.body.clone() };
        let status = again.post(&client, up.variable("FRESHET_WEBHOOK_URL"), "another-id").await;
        assert_eq!(status, Some(200), "{}", delivery.file.display());
    }
    tokio::task::block_in_place(|| {
        up.settle();
        let again = state(&up);
        let changed: Vec<_> = again.iter().filter(|(table, state)| once.get(*table) != Some(state)).map(|(table, _)| table).collect();
        assert!(changed.is_empty(), "other ids changed {changed:?}");
        no_personal_data(&up, folder.path(), &published);
    });
}

fn read(folder: &Path, source: &'static str) -> Vec<Published> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(read(&path, source));
        } else {
            let topic = path.parent().unwrap().file_name().unwrap().to_str().unwrap().replacen('-', "/", 1);
            found.push(Published { body: fs::read(&path).unwrap(), file: path, source, topic });
        }
    }
    found
}

fn is_trigger(delivery: &Published) -> bool {
    let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
    delivery.source == "zendesk" && !body["type"].as_str().is_some_and(|kind| kind.starts_with("zen:event-type:"))
}

fn has_own_id(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    ["/id", "/event_id", "/metadata/matchId"].iter().any(|pointer| body.pointer(pointer).is_some())
}

/// The hashes of a delivery's events, or of its bytes.
fn payload_hashes(delivery: &Published) -> BTreeSet<String> {
    let source = Contract::embedded().source(delivery.source).unwrap();
    match Json::parse(&delivery.body) {
        Ok(body) => events(source, &body).0.into_iter().map(|event| hash(canonical(event).as_bytes())).collect(),
        Err(_) => BTreeSet::from([hash(&delivery.body)]),
    }
}

fn find_each(up: &Up, published: &[Published]) {
    let tables = Contract::embedded().tables().filter(|table| table.column("payload_hash").is_some() && !table.restricted);
    let union: Vec<String> = tables.map(|table| format!("SELECT '{0}' AS t, payload_hash AS h FROM {0}", table.name)).collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in up.rows(&union.join(" UNION ALL ")) {
        found.entry(row["h"].as_str().unwrap().to_owned()).or_default().insert(row["t"].as_str().unwrap().to_owned());
    }
    for delivery in published {
        for hash in payload_hashes(delivery) {
            assert!(found.contains_key(&hash), "{} is in no table", delivery.file.display());
        }
    }
    for row in up.rows("SELECT reason, message FROM rejected_events") {
        assert!(
            row["reason"].as_str().is_some_and(|reason| !reason.is_empty())
                && row["message"].as_str().is_some_and(|message| message.len() > 10),
            "{row}"
        );
    }
}

/// Rows, files and bytes of every table but the counts.
fn state(up: &Up) -> BTreeMap<String, (u64, u64, u64)> {
    let tables: Vec<Value> = serde_json::from_str(&up.freshet(&["tables", "--json"])).unwrap();
    let number = |table: &Value, name: &str| table[name].as_u64().unwrap();
    tables
        .iter()
        .filter(|table| table["name"] != "pipeline_counts")
        .map(|table| (table["name"].as_str().unwrap().to_owned(), (number(table, "rows"), number(table, "files"), number(table, "bytes"))))
        .collect()
}

/// Money to the cent, ids exact, statuses in lower case, participants complete: read from the body by other means.
fn values_are_right(up: &Up, published: &[Published]) {
    let mut orders: BTreeMap<String, Value> = BTreeMap::new();
    for row in up.rows("SELECT payload_hash, topic, order_id, CAST(total_price AS varchar) AS total_price, created_at, financial_status FROM shopify_orders") {
        orders.insert(row["payload_hash"].as_str().unwrap().to_owned(), row);
    }
    let mut compared = 0;
    for delivery in published.iter().filter(|delivery| delivery.source == "shopify" && delivery.topic.starts_with("orders/")) {
        let Ok(body) = serde_json::from_slice::<Value>(&delivery.body) else { continue };
        let (Some(row), Some(id), Some(total)) =
            (orders.get(payload_hashes(delivery).first().unwrap()), body["id"].as_u64(), body["total_price"].as_str())
        else {
            continue;
        };
        assert_eq!(row["order_id"], id.to_string(), "{}", delivery.file.display());
        let (whole, fraction) = total.split_once('.').unwrap_or((total, ""));
        assert_eq!(row["total_price"], format!("{whole}.{fraction:0<4}"), "{}", delivery.file.display());
        if let Some(created) = body["created_at"].as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok()) {
            let expected = created.to_utc().format("%Y-%m-%d %H:%M:%S%.3f").to_string();
            assert_eq!(row["created_at"], expected, "{}", delivery.file.display());
        }
        if let Some(status) = body["financial_status"].as_str() {
            assert_eq!(row["financial_status"], status.to_lowercase(), "{}", delivery.file.display());
        }
        compared += 1;
    }
    assert!(compared >= 15, "{compared} orders compared");

    let participants = up.rows("SELECT payload_hash, puuid, kills, gold_earned FROM game_match_players");
    let mut compared = 0;
    for delivery in published.iter().filter(|delivery| delivery.source == "game") {
        let Ok(body) = serde_json::from_slice::<Value>(&delivery.body) else { continue };
        let hashes = payload_hashes(delivery);
        for participant in body.pointer("/info/participants").and_then(Value::as_array).into_iter().flatten() {
            let row = participants.iter().find(|row| {
                hashes.contains(row["payload_hash"].as_str().unwrap())
                    && row["puuid"] == participant["puuid"]
                    && row["gold_earned"] == participant["goldEarned"]
            });
            assert_eq!(row.map(|row| &row["kills"]), Some(&participant["kills"]), "{}", delivery.file.display());
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared} participants compared");

    let tickets = up.rows("SELECT payload_hash, ticket_id, status FROM zendesk_tickets");
    for row in &tickets {
        assert!(row["status"].as_str().is_none_or(|status| status == status.to_lowercase()), "{row}");
    }
    assert!(!tickets.is_empty());
}

/// Looks for e-mail addresses, phone numbers and streets of the bodies in every table and every open object.
fn no_personal_data(up: &Up, folder: &Path, published: &[Published]) {
    let personal: BTreeSet<String> = published.iter().flat_map(|delivery| personal_values(&delivery.body)).collect();
    assert!(personal.len() > 30, "{} personal values", personal.len());
    let search = |text: &str, place: &str| {
        for value in &personal {
            assert!(!text.contains(value.as_str()), "`{value}` is in {place}");
        }
    };
    for table in Contract::embedded().tables().filter(|table| !table.restricted) {
        search(&up.freshet(&["query", "--sql", &format!("SELECT * FROM {}", table.name), "--format", "csv"]), &table.name);
    }
    let bucket = folder.join("s3").join(up.variable("FRESHET_BUCKET"));
    for entry in fs::read_dir(&bucket).unwrap().map(|entry| entry.unwrap()) {
        if !CLOSED.contains(&entry.file_name().to_str().unwrap()) {
            search_files(&entry.path(), &search);
        }
    }
    search_files(&folder.join("meta"), &search);
}

fn search_files(path: &Path, search: &impl Fn(&str, &str)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            search_files(&entry.unwrap().path(), search);
        }
        return;
    }
    let mut bytes = fs::read(path).unwrap();
    if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut unpacked = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap();
        bytes = unpacked;
    }
    search(&String::from_utf8_lossy(&bytes), &path.display().to_string());
}

/// E-mail addresses anywhere, phone numbers and streets by their keys.
fn personal_values(body: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(body);
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "@._+-".contains(c)));
    let is_address =
        |word: &&str| word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.trim_end_matches('.').contains('.'));
    let mut found: BTreeSet<String> = words.filter(is_address).map(str::to_owned).collect();
    collect(&serde_json::from_slice(body).unwrap_or_default(), &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, entry) in entries {
                let is_personal = ["phone", "address1", "address2", "street", "mobile"].contains(&key.as_str());
                found.extend(entry.as_str().filter(|text| is_personal && text.len() > 5).map(str::to_owned));
                collect(entry, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
