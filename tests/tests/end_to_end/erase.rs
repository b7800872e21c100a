//! Erasure on the real path: deliveries of two people to a shop and its desk, one of them erased by the command, and then every
//! file of the whole folder is searched: objects of every prefix, unpacked, and what the loopback keeps for itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use freshet_ingest::personal::customer_key;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_tests::texts::{holders, texts};
use serde_json::{Value, json};

use crate::deliveries::{ACCOUNTS, Delivery, SECRETS};
use crate::running::Up;

/// A person: their address, their id in the shop, and at the desk.
struct Person {
    email: &'static str,
    customer: u64,
    user: u64,
}

const ADA: Person = Person { email: "ada.lovelace@example.com", customer: 8_201_119_551_001, user: 390_011_700_551 };
const BOB: Person = Person { email: "bob@example.com", customer: 8_201_119_551_002, user: 390_011_700_552 };
/// Orders of each.
const ORDERS: u64 = 5;

fn shopify(topic: &str, body: &Value) -> Delivery {
    Delivery { source: "shopify", topic: topic.to_owned(), body: body.to_string().into_bytes() }
}

fn desk(kind: &str, id: u64, detail: &Value) -> Delivery {
    let body = json!({
        "type": format!("zen:event-type:{kind}"), "account_id": 42, "id": format!("{kind}-{id}"), "time": "2026-02-03T11:00:00Z",
        "zendesk_event_version": "2022-11-06", "subject": "zen:x", "detail": detail, "event": {},
    });
    Delivery { source: "zendesk", topic: String::new(), body: body.to_string().into_bytes() }
}

fn deliveries(person: &Person, first: u64) -> Vec<Delivery> {
    let mut all = Vec::new();
    for order in first..first + ORDERS {
        let body = json!({
            "id": 5_550_000_000 + order, "email": person.email, "created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z",
            "currency": "EUR", "total_price": format!("{}.25", order), "customer": { "id": person.customer, "email": person.email },
            "line_items": [{ "id": 7_770_000_000 + order, "product_id": 77, "title": "Tea", "quantity": 1, "price": "2.00" }],
            // Large enough to travel compressed.
            "note_attributes": vec![json!({ "name": "gift", "value": "yes" }); if order == first { 400 } else { 1 }],
        });
        all.push(shopify("orders/create", &body));
    }
    let customer = json!({ "id": person.customer, "email": person.email, "updated_at": "2026-02-03T09:00:00Z", "state": "enabled" });
    all.push(shopify("customers/update", &customer));
    // Verified and no JSON: it becomes a reject, with its bytes.
    let broken = format!("{{\"email\":\"{}\", oops", person.email);
    all.push(Delivery { source: "shopify", topic: "orders/create".to_owned(), body: broken.into_bytes() });
    all.push(desk("user.created", person.user, &json!({ "id": person.user.to_string(), "email": person.email, "role": "end-user" })));
    for ticket in first..first + 2 {
        let detail =
            json!({ "id": ticket.to_string(), "requester_id": person.user.to_string(), "status": "open", "subject": "Where is it?" });
        all.push(desk("ticket.created", ticket, &detail));
    }
    all
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Every file below a folder with all that it says, in lower case.
fn said(dir: &Path) -> BTreeMap<String, String> {
    let mut all = Vec::new();
    files(dir, &mut all);
    let read = |path: PathBuf| {
        // A file may go while it is searched.
        let bytes = fs::read(&path).unwrap_or_default();
        (path.strip_prefix(dir).unwrap().display().to_string(), texts(&bytes))
    };
    all.into_iter().map(read).collect()
}

fn needles(dir: &Path, person: &Person) -> Vec<String> {
    let secret = fs::read_to_string(dir.join("hash-key")).unwrap();
    let key = HashKey { id: "local".to_owned(), secret: Secret::new(secret.trim()) };
    let hash = customer_key(&key, person.email).unwrap();
    vec![person.email.to_owned(), hash, person.customer.to_string(), person.user.to_string()]
}

/// Rows, and the sum of their money, of everyone or of some.
fn totals(up: &Up, only: &str) -> Vec<Value> {
    let sql = |table: &str, sum: &str| format!("SELECT count(*) AS n, {sum} AS s FROM {table} WHERE 1 = 1");
    let mut totals = Vec::new();
    for (table, sum, column) in [
        ("shopify_orders", "CAST(sum(total_price) AS varchar)", "customer_id"),
        ("shopify_customers", "'-'", "customer_id"),
        ("zendesk_tickets", "'-'", "requester_id"),
        ("zendesk_user_events", "'-'", "user_id"),
    ] {
        let wanted = if only.is_empty() {
            String::new()
        } else {
            format!(" AND {column} = '{}'", if column == "customer_id" { BOB.customer } else { BOB.user })
        };
        totals.extend(up.rows(&(sql(table, sum) + &wanted)));
    }
    // What names nobody stays whole.
    totals.extend(up.rows(&sql("shopify_order_lines", "CAST(sum(quantity) AS varchar)")));
    totals
}

#[tokio::test]
async fn an_erased_person_is_in_no_file_and_all_others_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &SECRETS);
    let client = reqwest::Client::new();
    let url = up.variable("FRESHET_WEBHOOK_URL").to_owned();
    for (place, delivery) in deliveries(&ADA, 1).into_iter().chain(deliveries(&BOB, 101)).enumerate() {
        assert_eq!(delivery.post(&client, &url, &format!("d-{place}")).await, Some(200));
    }
    up.settle();
    // One more that is not compacted, and one that lies in the stream's buffer.
    assert_eq!(deliveries(&ADA, 50)[0].post(&client, &url, "late").await, Some(200));
    let asked = up.rows(&format!("SELECT order_id, customer_id FROM shopify_orders WHERE customer_id = '{}'", ADA.customer));
    assert_eq!(asked.len(), usize::try_from(ORDERS).unwrap());
    let gone = needles(dir.path(), &ADA);
    let before = said(dir.path());
    for needle in &gone {
        assert!(!holders(&before, needle).is_empty(), "nothing holds {needle} from the start");
    }
    let others = totals(&up, "bob");
    let arguments = ["erase", "--account", ACCOUNTS[0].1, "--email", ADA.email, "--json"];
    let look: Value = serde_json::from_str(&up.freshet(&[&arguments[..], &["--dry-run"]].concat())).unwrap();
    assert!(look["is_dry_run"] == true && look["places"]["shopify_orders"]["rows"].as_u64() >= Some(ORDERS), "{look}");
    let printed = up.freshet(&arguments);
    let after = said(dir.path());
    for needle in &gone {
        assert!(!printed.contains(needle.as_str()), "the report names whom it has erased");
        let holders = holders(&after, needle);
        assert!(holders.is_empty(), "{needle} is in {holders:#?}\n{printed}");
    }
    let erased: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(erased["places"]["query texts"]["rows"], 1, "{erased}");
    up.freshet(&["compact"]);
    let left = totals(&up, "");
    assert_eq!(left[..others.len() - 1], others[..others.len() - 1]);
    let lines = |totals: &[Value]| totals.last().unwrap()["n"].as_i64().unwrap();
    assert!(lines(&left) >= lines(&others), "lines of orders name nobody");
    assert_eq!(up.rows("SELECT count(*) AS n FROM rejected_events")[0]["n"], 2);
    let evidence = up.rows("SELECT place, rows_erased FROM erasures WHERE subject = 'email' AND account = 'acme.myshopify.com'");
    assert!(evidence.iter().any(|row| row["place"] == "shopify_orders" && row["rows_erased"].as_u64() >= Some(ORDERS)), "{evidence:?}");
    let again: Value = serde_json::from_str(&up.freshet(&arguments)).unwrap();
    assert!(again["is_empty"] == true, "{again}");
    for needle in needles(dir.path(), &BOB) {
        let place = if needle.contains('@') { "/raw/" } else { "/tables/" };
        assert!(holders(&after, &needle).iter().any(|path| path.contains(place)), "{needle}");
    }
}

#[tokio::test]
async fn a_request_for_erasure_is_listed_with_its_command_until_that_has_run() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &SECRETS);
    let client = reqwest::Client::new();
    let url = up.variable("FRESHET_WEBHOOK_URL").to_owned();
    let ask = json!({
        "shop_id": 1, "shop_domain": ACCOUNTS[0].1, "customer": { "id": ADA.customer, "email": ADA.email }, "orders_to_redact": [5_550_000_001_u64],
    });
    let all = deliveries(&ADA, 1).into_iter().chain([shopify("customers/redact", &ask)]);
    for (place, delivery) in all.enumerate() {
        assert_eq!(delivery.post(&client, &url, &format!("d-{place}")).await, Some(200));
    }
    up.settle();
    let open: Value = serde_json::from_str(&up.freshet(&["privacy", "--json"])).unwrap();
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open}");
    assert_eq!((&open[0]["request"], open[0]["days_left"].as_i64()), (&json!("redact"), Some(29)), "{open}");
    let command = open[0]["command"].as_str().unwrap().to_owned();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    up.freshet(&words);
    assert_eq!(up.freshet(&["privacy", "--json"]).trim(), "[]");
    let customer = ADA.customer.to_string();
    assert_eq!(holders(&said(dir.path()), &customer), [""; 0]);
}
