//! Files of a provider's data become deliveries: webhook bodies, values one behind another (NDJSON), and the lists of its
//! REST API. Nothing is verified: who imports vouches for the files.
//!
//! `{"orders": [{"id": 1}, {"id": 2}]}` is two deliveries of the topic that `lists` of the source's contract names, the
//! same events as the webhooks of that topic with the same payloads.

use freshet_schema::{List, Source};

use crate::envelope::{Body, Delivery};
use crate::headers::Headers;
use crate::json::{Json, write_string};
use crate::time::Millis;

/// What all files of an import have in common.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The source.
    pub source: &'a Source,
    /// The account: shop domain, Zendesk account, game.
    pub account: &'a str,
    /// The topic, where the files do not say it or say another.
    pub topic: Option<&'a str>,
    /// The present.
    pub received_at: Millis,
}

/// A part of a file that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line that it begins in, from 1.
    pub line: usize,
    /// What is wrong, without what is there.
    pub message: String,
}

/// Hands a file's deliveries over, one by one. What is no event spoils no other; it is said.
pub fn read(import: &Import<'_>, bytes: &[u8], folder: Option<&str>, mut take: impl FnMut(Delivery)) -> Vec<Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let topic = import.topic.map(str::to_owned).or_else(|| folder.and_then(|folder| folder_topic(import.source, folder)));
    let mut problems = Vec::new();
    let mut line = 1;
    match std::str::from_utf8(bytes) {
        Ok(text) => values(import, topic.as_deref(), text, &mut line, &mut problems, &mut take),
        // A byte that is not UTF-8 spoils its line.
        Err(_) => {
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                if let Ok(text) = std::str::from_utf8(part) {
                    values(import, topic.as_deref(), text, &mut line, &mut problems, &mut take);
                } else {
                    problems.push(Problem { line, message: "it is not UTF-8".to_owned() });
                    line += 1;
                }
            }
        }
    }
    problems
}

/// The topic that a folder is named by, such as `orders-create`, where a table takes it.
fn folder_topic(source: &Source, folder: &str) -> Option<String> {
    let topic = if source.delivery.topic.headers.is_empty() { folder.to_owned() } else { folder.replacen('-', "/", 1) };
    source.tables.iter().any(|table| !table.topics.iter().any(|topic| topic == "*") && table.feeds_on(&topic, |_| true)).then_some(topic)
}

/// The values of a text, one behind another. One that is broken ends with its line.
fn values(
    import: &Import<'_>,
    topic: Option<&str>,
    text: &str,
    line: &mut usize,
    problems: &mut Vec<Problem>,
    take: &mut impl FnMut(Delivery),
) {
    let mut rest = text;
    loop {
        let begin = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        *line += newlines(&rest[..rest.len() - begin.len()]);
        if begin.is_empty() {
            return;
        }
        rest = match Json::parse_first(begin) {
            Ok((value, behind)) => {
                if let Err(message) = value_deliveries(import, topic, &value, take) {
                    problems.push(Problem { line: *line, message });
                }
                behind
            }
            Err(error) => {
                problems.push(Problem { line: *line, message: format!("it is not JSON: {} at byte {} of it", error.what, error.offset) });
                begin.find('\n').map_or("", |end| &begin[end..])
            }
        };
        *line += newlines(&begin[..begin.len() - rest.len()]);
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn value_deliveries(import: &Import<'_>, topic: Option<&str>, value: &Json<'_>, take: &mut impl FnMut(Delivery)) -> Result<(), String> {
    let rules = &import.source.delivery;
    let mut is_list = false;
    for (list, elements) in rules.lists.iter().filter_map(|list| Some((list, elements(list, value)?))) {
        is_list = true;
        for element in elements {
            take(delivery(import, Some(topic.unwrap_or(&list.topic)), list.under.as_deref(), element));
        }
    }
    if is_list {
        return Ok(());
    }
    match value {
        Json::Array(elements) if !rules.batches.iter().any(|pointer| pointer.steps().is_empty()) => {
            elements.iter().try_for_each(|element| value_deliveries(import, topic, element, take))
        }
        Json::Object(_) | Json::Array(_) => {
            let says = |pointer: &freshet_schema::Pointer| value.at(pointer.steps()).and_then(Json::scalar).is_some();
            if topic.is_none() && !rules.topic.headers.is_empty() && !rules.topic.pointers.iter().any(says) {
                return Err("nothing says its topic: it is no list that the contract knows, and its folder has no topic's name".to_owned());
            }
            take(delivery(import, topic, None, value));
            Ok(())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Err("it is neither an object nor an array".to_owned()),
    }
}

/// The elements of a list's page, or the one that is answered alone. A body that has an id of its own is neither.
fn elements<'a, 'text>(list: &List, value: &'a Json<'text>) -> Option<Vec<&'a Json<'text>>> {
    let Json::Object(entries) = value else { return None };
    if let ([(key, one @ Json::Object(_))], Some(name)) = (entries.as_slice(), &list.one)
        && key == name
    {
        return Some(vec![one]);
    }
    let Some(Json::Array(elements)) = value.get(&list.key) else { return None };
    let is_page = value.get("id").is_none() && elements.iter().all(|element| matches!(element, Json::Object(_)));
    is_page.then(|| elements.iter().collect())
}

fn delivery(import: &Import<'_>, topic: Option<&str>, under: Option<&str>, value: &Json<'_>) -> Delivery {
    let mut body = String::new();
    if let Some(key) = under {
        body.push('{');
        write_string(&mut body, key);
        body.push(':');
        value.write(&mut body);
        body.push('}');
    } else {
        value.write(&mut body);
    }
    // A topic stands where the provider's webhooks have it, so that it goes before what a body says by chance.
    let header = import.source.delivery.topic.headers.first();
    let headers: Headers = header.zip(topic).into_iter().map(|(name, topic)| (name.as_str(), topic)).collect();
    Delivery {
        source: import.source.name.clone(),
        account: Some(import.account.to_lowercase()),
        topic: topic.filter(|_| header.is_none()).map(str::to_owned),
        received_at: import.received_at,
        headers,
        body: Body::Bytes(body.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use freshet_schema::Contract;
    use serde_json::Value;

    use super::*;
    use crate::normalize::Normalizer;
    use crate::secret::{HashKey, Secret};
    use crate::transform::transform_delivery;

    fn rows(source: &str, topic: Option<&str>, folder: Option<&str>, bytes: &[u8]) -> (Vec<Value>, Vec<Problem>) {
        let contract = Contract::embedded();
        let normalizer = Normalizer::new(contract, HashKey { id: "k1".to_owned(), secret: Secret::new("key") });
        let import = Import {
            source: contract.source(source).unwrap(),
            account: "Acme.myshopify.com",
            topic,
            received_at: Millis(1_790_000_000_000),
        };
        let mut rows = String::new();
        let problems = read(&import, bytes, folder, |delivery| rows.push_str(&transform_delivery(&normalizer, &delivery)));
        (rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), problems)
    }

    fn webhook(topic: &str, body: &str) -> String {
        let normalizer = Normalizer::new(Contract::embedded(), HashKey { id: "k1".to_owned(), secret: Secret::new("key") });
        let delivery = Delivery {
            source: "shopify".to_owned(),
            account: None,
            topic: None,
            received_at: Millis(1_780_000_000_000),
            headers: [("x-shopify-topic", topic), ("x-shopify-shop-domain", "acme.myshopify.com"), ("x-shopify-webhook-id", "w")]
                .into_iter()
                .collect(),
            body: Body::Bytes(body.as_bytes().to_vec()),
        };
        let rows = transform_delivery(&normalizer, &delivery);
        serde_json::from_str::<Value>(rows.lines().next().unwrap()).unwrap()["event_id"].as_str().unwrap().to_owned()
    }

    fn ids(rows: &[Value], table: &str) -> Vec<String> {
        rows.iter().filter(|row| row["table"] == table).map(|row| row["event_id"].as_str().unwrap().to_owned()).collect()
    }

    const ORDERS: [&str; 2] = [
        r#"{"id":9007199254740993,"name":"Caf\u00e9","updated_at":"2026-09-01T10:00:00+02:00","total_price":"1.50","line_items":[]}"#,
        r#"{"id":2,"updated_at":"2026-09-02T10:00:00Z","total_price":"2.00","line_items":[{"id":3}]}"#,
    ];

    #[test]
    fn a_list_is_the_same_events_as_the_webhooks() {
        let page = format!("{{\n \"orders\": [{},\n {}], \"next\": null }}", ORDERS[0], ORDERS[1]);
        let (listed, problems) = rows("shopify", None, None, page.as_bytes());
        assert_eq!(problems, []);
        assert_eq!(ids(&listed, "shopify_orders"), ORDERS.map(|order| webhook("orders/updated", order)));
        assert_eq!(listed[0]["occurred_at"], "2026-09-01 08:00:00.000");
        assert_eq!(listed[0]["received_at"], "2026-09-21 14:13:20.000");
        assert!(listed.iter().all(|row| row["deliveries"] == 0));
        let (created, _) = rows("shopify", Some("orders/create"), None, page.as_bytes());
        assert_eq!(ids(&created, "shopify_orders"), ORDERS.map(|order| webhook("orders/create", order)));
        for form in
            [ORDERS.join("\n"), ORDERS.concat(), format!("[{}]", ORDERS.join(",")), format!("\u{FEFF}{}\r\n{}\r\n", ORDERS[0], ORDERS[1])]
        {
            let (rows, problems) = rows("shopify", None, Some("orders-updated"), form.as_bytes());
            assert_eq!((ids(&rows, "shopify_orders"), problems), (ids(&listed, "shopify_orders"), vec![]), "{form}");
        }
        let (alone, _) = rows("shopify", None, None, format!("{{\"order\":{}}}", ORDERS[0]).as_bytes());
        assert_eq!(ids(&alone, "shopify_orders"), ids(&listed, "shopify_orders")[..1]);
    }

    #[test]
    fn every_list_of_the_contract_has_tables_that_take_it() {
        for source in Contract::embedded().sources() {
            for list in &source.delivery.lists {
                let element =
                    r#"{"id":1,"order_id":2,"token":"t","updated_at":"2026-09-02T10:00:00Z","created_at":"2026-09-02T10:00:00Z"}"#;
                let (rows, problems) = rows(&source.name, None, None, format!("{{\"{}\":[{element}],\"count\":1}}", list.key).as_bytes());
                assert_eq!(problems, [], "{}", list.key);
                assert!(!rows.is_empty());
                for row in rows {
                    let table = row["table"].as_str().unwrap();
                    assert!(table.starts_with(&source.name), "{}: {row}", list.key);
                    assert_eq!(row["topic"], Value::from(list.topic.as_str()));
                    assert_eq!(row["occurred_at"], "2026-09-02 10:00:00.000");
                }
            }
        }
    }

    #[test]
    fn people_of_a_list_stay_unnamed() {
        let page = r#"{"users":[{"id":7,"name":"Jane Roebuck","alias":"Roebuck the Great","email":"jane@example.org","phone":"+49 171 5550123","notes":"Likes tea, says Roebuck","details":"lives at Elm Street 5","role":"end-user","photo":{"content_url":"https://x/jane.png"},"updated_at":"2026-09-02T10:00:00Z"}],
          "tickets":[{"id":8,"requester_id":7,"status":"open","subject":"Hello","via":{"channel":"email","source":{"from":{"name":"Jane Roebuck","address":"jane@example.org"}}},"updated_at":"2026-09-02T10:00:00Z"}]}"#;
        let (rows, problems) = rows("zendesk", None, None, page.as_bytes());
        assert_eq!(problems, []);
        let tables: Vec<&str> = rows.iter().map(|row| row["table"].as_str().unwrap()).collect();
        for table in ["zendesk_user_events", "zendesk_tickets"] {
            assert!(tables.contains(&table), "{tables:?}");
        }
        let user = rows.iter().find(|row| row["table"] == "zendesk_user_events").unwrap();
        assert_eq!((&user["user_id"], &user["role"]), (&Value::from("7"), &Value::from("end-user")));
        assert!(user["customer_key"].is_string());
        let text = Value::from(rows.clone()).to_string();
        for word in ["Jane", "jane", "Roebuck", "5550123", "Elm Street"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }

    #[test]
    fn what_is_no_event_is_said_with_its_line_and_spoils_no_other() {
        let mut file = format!("\n{}\n{{\"id\":\n17\n{}\n", ORDERS[0], ORDERS[1]).into_bytes();
        let (found, problems) = rows("shopify", Some("orders/updated"), None, &file);
        assert_eq!(ids(&found, "shopify_orders").len(), 2);
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [3, 4]);
        file.extend(b"\xFF\xFE\n");
        let (found, problems) = rows("shopify", Some("orders/updated"), None, &file);
        assert_eq!(ids(&found, "shopify_orders").len(), 2);
        assert_eq!(problems.last().unwrap(), &Problem { line: 6, message: "it is not UTF-8".to_owned() });
        let (found, problems) = rows("shopify", None, Some("2026-11"), ORDERS[0].as_bytes());
        assert_eq!((found.len(), problems.len()), (0, 1));
        let (found, problems) = rows("game", None, None, br#"[{"event_id":"a","name":"x"},{"event_id":"b","name":"y"}]"#);
        assert_eq!((ids(&found, "game_events").len(), problems.len()), (2, 0));
    }
}
