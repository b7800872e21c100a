//! Stored records through the transform again: the raw ones, those that failed, and rejects.
//!
//! What is taken again was counted when it came. So its rows carry no delivery's outcome (`deliveries` is 0) and no count
//! of the door goes with them; the compactor counts them as rows, most of them as duplicates.

use serde::de::IgnoredAny;

use super::{DoorCounts, Fetched, delivery_rows, is_address, line_pointers, line_rows, lines, write_lead_first};
use crate::envelope::{Body, Delivery, Envelope};
use crate::error::Disposition;
use crate::event;
use crate::headers::Headers;
use crate::json::Json;
use crate::line::uncounted;
use crate::normalize::Normalizer;
use crate::partner;
use crate::time::Millis;

/// In a batch of more events than this the place of a rejected one is not looked for.
const PLACES: usize = 10_000;

/// The records of stored data: its lines, and each object of a line that holds several, as records without a newline
/// at their end become.
pub fn records(data: &[u8]) -> Vec<&[u8]> {
    lines(data).flat_map(objects).collect()
}

/// The objects of a line where it holds nothing else, else the line.
fn objects(line: &[u8]) -> Vec<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    let (mut found, mut start) = (Vec::new(), 0);
    loop {
        match values.next() {
            None => break,
            Some(Ok(IgnoredAny)) => {
                let value = line[start..values.byte_offset()].trim_ascii();
                if !value.starts_with(b"{") {
                    return vec![line];
                }
                found.push(value);
                start = values.byte_offset();
            }
            Some(Err(_)) => return vec![line],
        }
    }
    found
}

/// Whose a record is, and when it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The source; `lake` of what is no record of ours.
    pub source: String,
    /// When the receiver took it; where it does not say, when it came into the lake.
    pub received_at: Millis,
}

/// What a record says of itself; nothing where newer code wrote it.
pub fn stamp(record: &[u8], arrived_at: Millis) -> Option<Stamp> {
    let of = |source: &str, received_at| Some(Stamp { source: source.to_owned(), received_at });
    match Envelope::decode(record) {
        Ok(Envelope::Delivery(delivery)) => of(&delivery.source, delivery.received_at),
        Ok(Envelope::Refusals(refusals)) => of(&refusals.source, Millis(refusals.counted_at)),
        Err(error) => match (error.disposition(), partner::events(record, arrived_at)) {
            (Disposition::Wait, _) => None,
            (Disposition::Reject, Some(events)) => of(&events.first()?.delivery.source, arrived_at),
            (Disposition::Reject, None) => of("lake", arrived_at),
        },
    }
}

/// The rows of one record, uncounted; `None` where newer code wrote it. An event of which the payload lay at an address
/// that has run out has none: when it came, it became rows or a reject.
pub fn transform_again(normalizer: &Normalizer, record: &[u8], fetched: &Fetched, arrived_at: Millis) -> Option<String> {
    let mut out = String::new();
    if line_pointers(record).iter().any(|pointer| is_address(pointer) && !matches!(fetched.get(pointer), Some(Some(_)))) {
        return Some(out);
    }
    line_rows(normalizer, record, arrived_at.credible(), fetched, &mut DoorCounts::default(), &mut out)?;
    Some(uncounted(&out))
}

/// The rows of a delivery that never was one, such as what is imported: uncounted.
pub fn transform_delivery(normalizer: &Normalizer, delivery: &Delivery) -> String {
    let mut out = String::new();
    delivery_rows(normalizer, delivery, &Fetched::new(), &mut out);
    uncounted(&out)
}

/// A reject as it is stored: what was received, and why it did not become rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its identity.
    pub event_id: String,
    /// The source.
    pub source: String,
    /// The account, as far as it was known.
    pub account: Option<String>,
    /// The topic, as far as it was known.
    pub topic: Option<String>,
    /// When it was received.
    pub received_at: Millis,
    /// Why it was rejected.
    pub reason: String,
    /// The headers that were kept.
    pub headers: Headers,
    /// The body, or the element of it that was rejected.
    pub body: Vec<u8>,
}

impl Rejected {
    /// The object that its body lies in, where it was not there when it was looked for.
    pub fn pointer(&self) -> Option<String> {
        (self.reason == "missing_body").then(|| String::from_utf8_lossy(&self.body).into_owned())
    }
}

/// What today's code makes of a reject: rows, or a reject again, uncounted. `None` where there is nothing to try: a stub
/// never becomes a row, and what newer code wrote waits.
pub fn transform_rejected(normalizer: &Normalizer, rejected: &Rejected, fetched: &Fetched) -> Option<String> {
    match rejected.reason.as_str() {
        "stub" => return None,
        "unreadable_record" => return transform_again(normalizer, &rejected.body, fetched, rejected.received_at),
        _ => {}
    }
    let source = normalizer.contract().source(&rejected.source);
    // A topic of the query is kept nowhere else. One that only stood for none is not said again.
    let is_said = |topic: &String| source.is_none_or(|source| source.delivery.default_topic.as_ref() != Some(topic)) && topic != "unknown";
    let delivery = Delivery {
        source: rejected.source.clone(),
        account: rejected.account.clone(),
        topic: rejected.topic.clone().filter(is_said),
        received_at: rejected.received_at,
        headers: rejected.headers.clone(),
        body: rejected.pointer().map_or_else(|| Body::Bytes(rejected.body.clone()), |key| Body::Object { key }),
    };
    let mut out = String::new();
    if let (Some(source), Body::Bytes(bytes)) = (source, &delivery.body)
        && let Ok(element) = Json::parse(bytes)
        && let Some(place) = place(source, &delivery, &element, &rejected.event_id)
    {
        // An element of a batch: its place there is a part of what it is.
        let description = event::describe(source, &delivery, &element, &element, place);
        let opened = normalizer.open(source, &delivery, &element, None);
        match normalizer.rows(&opened, &element, place, &description) {
            Ok(rows) => write_lead_first(&rows, &mut out, false),
            Err(rejection) => {
                write_lead_first(&normalizer.rejected(&source.name, &delivery, bytes, &description, &rejection), &mut out, false);
            }
        }
        return Some(out);
    }
    delivery_rows(normalizer, &delivery, fetched, &mut out);
    Some(uncounted(&out))
}

/// The place in its batch, behind the first, that makes an element the event that it was.
fn place(source: &freshet_schema::Source, delivery: &Delivery, element: &Json<'_>, event_id: &str) -> Option<usize> {
    let id_at = |place| event::describe(source, delivery, element, element, place).event_id;
    let first = id_at(0);
    if first == event_id || first == id_at(1) {
        return None;
    }
    (1..PLACES).find(|place| id_at(*place) == event_id)
}

#[cfg(test)]
mod tests {
    use freshet_schema::Contract;
    use serde_json::Value;

    use super::*;
    use crate::secret::{HashKey, Secret};

    fn normalizer(contract: &'static Contract) -> Normalizer {
        Normalizer::new(contract, HashKey { id: "k1".to_owned(), secret: Secret::new("key") })
    }

    fn values(rows: &str) -> Vec<Value> {
        rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn delivery(source: &str, headers: &[(&str, &str)], body: &str) -> Delivery {
        Delivery {
            source: source.to_owned(),
            account: Some("acme".to_owned()),
            topic: None,
            received_at: Millis(1_790_000_000_000),
            headers: headers.iter().copied().collect(),
            body: Body::Bytes(body.as_bytes().to_vec()),
        }
    }

    #[test]
    fn records_are_lines_and_the_objects_of_lines() {
        let data = b"{\"a\":\"}{\"}{\"b\":[1]} {\"c\":{}}\n\n  {\"d\":1}\nnot json {\"e\":1}\n{\"f\":1}{\"g\":\n1 2\n";
        let expected: [&[u8]; 7] =
            [b"{\"a\":\"}{\"}", b"{\"b\":[1]}", b"{\"c\":{}}", b"{\"d\":1}", b"not json {\"e\":1}", b"{\"f\":1}{\"g\":", b"1 2"];
        assert_eq!(records(data), expected);
    }

    #[test]
    fn what_is_taken_again_has_the_same_rows_and_counts_nothing() {
        let normalizer = normalizer(Contract::embedded());
        let body = r#"{"id":1,"note":"a \"deliveries\":1 b","updated_at":"2026-09-21T10:00:00Z","line_items":[{"id":7}]}"#;
        let record = Envelope::Delivery(delivery("shopify", &[("x-shopify-topic", "orders/create")], body)).encode();
        let again = transform_again(&normalizer, &record, &Fetched::new(), Millis(0)).unwrap();
        let (first, _) = super::super::transform_lines(&normalizer, &record, &Fetched::new(), Millis(0));
        let (again, mut first) = (values(&again), values(&first));
        assert_eq!(first.pop().unwrap()["table"], "pipeline_counts");
        assert_eq!(first[0]["deliveries"], 1);
        first[0]["deliveries"] = 0.into();
        assert_eq!(again, first);
        assert_eq!(stamp(&record, Millis(0)).unwrap(), Stamp { source: "shopify".to_owned(), received_at: Millis(1_790_000_000_000) });
        assert_eq!(stamp(br#"{"envelope":99}"#, Millis(5)), None);
        assert_eq!(stamp(b"?", Millis(5)).unwrap().source, "lake");
    }

    /// The contract with one more required column in a table.
    fn stricter(table: &str, column: &str) -> &'static Contract {
        let path = format!("{table}.toml");
        let files: Vec<(&str, String)> = Contract::embedded_files()
            .map(|(name, text)| {
                let at = text.rfind(']').unwrap_or(0);
                (name, if name.ends_with(&path) { format!("{}{column},\n]{}", &text[..at], &text[at + 1..]) } else { text.to_owned() })
            })
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Box::leak(Box::new(Contract::parse(&files).unwrap()))
    }

    fn rejects(rows: &[Value]) -> Vec<Rejected> {
        use base64::Engine as _;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let of = |table: &str| rows.iter().filter(|row| row["table"] == table).cloned().collect::<Vec<_>>();
        let pairs = of("rejected_events").into_iter().zip(of("rejected_payloads"));
        let read = |(row, payload): (Value, Value)| Rejected {
            event_id: text(&row["event_id"]).unwrap(),
            source: text(&row["source"]).unwrap(),
            account: text(&row["account"]),
            topic: text(&row["topic"]),
            received_at: Millis(1_790_000_000_000),
            reason: text(&row["reason"]).unwrap(),
            headers: Headers::from_json(payload["headers"].as_str().unwrap()),
            body: base64::engine::general_purpose::STANDARD.decode(payload["body_base64"].as_str().unwrap()).unwrap(),
        };
        pairs.map(read).collect()
    }

    #[test]
    fn a_reject_becomes_the_rows_that_it_would_have_been() {
        let column = r#"  { name = "must", type = "string", from = "/must", required = true, doc = "Not there." }"#;
        for (source, table, headers, body) in [
            (
                "shopify",
                "shopify_orders",
                &[("x-shopify-topic", "orders/create")] as &[(&str, &str)],
                r#"{"id":1,"line_items":[{"id":7}]}"#,
            ),
            ("game", "game_events", &[("webhook-id", "w1")], r#"[{"type":"shot","n":1},{"type":"shot","n":2},{"type":"shot","n":2}]"#),
            (
                "game",
                "game_events",
                &[("webhook-id", "w1")],
                r#"{"events":[{"type":"shot","n":1},{"event_id":"e","type":"hit"}],"game":"g"}"#,
            ),
            ("game", "game_events", &[("webhook-id", "w1")], r#"{"type":"shot"}"#),
        ] {
            let delivery = delivery(source, headers, body);
            let before = values(&transform_delivery(&normalizer(stricter(table, column)), &delivery));
            let rejects = rejects(&before);
            assert!(!rejects.is_empty(), "{before:?}");
            assert_eq!(rejects.len() * 2, before.len(), "{before:?}");
            let today = normalizer(Contract::embedded());
            let whole = values(&transform_delivery(&today, &delivery));
            let again: Vec<Value> =
                rejects.iter().flat_map(|reject| values(&transform_rejected(&today, reject, &Fetched::new()).unwrap())).collect();
            let ids = |rows: &[Value]| {
                let id = |row: &Value| {
                    ["table", "event_id", "row_index", "payload_hash", "dt", "account", "topic"].map(|name| row[name].clone())
                };
                rows.iter().map(id).collect::<Vec<_>>()
            };
            assert_eq!(ids(&again), ids(&whole), "{body}");
            assert!(again.iter().all(|row| row["deliveries"] == 0));
            // Under the contract that rejected it, it is the same reject.
            let still: Vec<Value> = rejects
                .iter()
                .flat_map(|reject| values(&transform_rejected(&normalizer(stricter(table, column)), reject, &Fetched::new()).unwrap()))
                .collect();
            assert_eq!(ids(&still), ids(&before), "{body}");
        }
    }

    #[test]
    fn a_stub_stays_one_and_a_body_that_is_there_again_is_read() {
        let today = normalizer(Contract::embedded());
        let reject = |reason: &str, body: &[u8]| Rejected {
            event_id: "x".to_owned(),
            source: "shopify".to_owned(),
            account: None,
            topic: Some("orders/create".to_owned()),
            received_at: Millis(1_790_000_000_000),
            reason: reason.to_owned(),
            headers: Headers::default(),
            body: body.to_vec(),
        };
        assert_eq!(transform_rejected(&today, &reject("stub", b"{\"id\":1}"), &Fetched::new()), None);
        let missing = reject("missing_body", b"spill/bodies/b");
        let fetched = Fetched::from([(missing.pointer().unwrap(), Some(br#"{"id":1,"line_items":[]}"#.to_vec()))]);
        assert_eq!(values(&transform_rejected(&today, &missing, &fetched).unwrap())[0]["table"], "shopify_orders");
        let gone = values(&transform_rejected(&today, &missing, &Fetched::new()).unwrap());
        assert_eq!(gone[0]["reason"], "missing_body");
    }
}
