//! Every record is answered once, whatever its bytes; rows say their table; what does not fit becomes an object.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::secret::{HashKey, Secret};
use freshet_schema::Contract;

fn normalizer() -> Normalizer {
    Normalizer::new(Contract::embedded(), HashKey { id: "k1".to_owned(), secret: Secret::new("key") })
}

fn event(records: &[Vec<u8>]) -> TransformEvent {
    let records = records.iter().enumerate().map(|(place, data)| TransformRecord {
        record_id: format!("record-{place}"),
        approximate_arrival_timestamp: 1_790_000_000_000,
        data: STANDARD.encode(data),
    });
    TransformEvent { invocation_id: "i".to_owned(), delivery_stream_arn: String::new(), region: String::new(), records: records.collect() }
}

fn delivery(source: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let delivery = Delivery {
        source: source.to_owned(),
        account: None,
        topic: None,
        received_at: Millis(1_790_000_000_000),
        headers: headers.iter().copied().collect(),
        body: Body::Bytes(body.as_bytes().to_vec()),
    };
    Envelope::Delivery(delivery).encode()
}

fn rows(answer: &TransformAnswer) -> Vec<Value> {
    let data = STANDARD.decode(&answer.data).unwrap();
    data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn tables(answer: &TransformAnswer) -> Vec<String> {
    rows(answer).iter().map(|row| row["table"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_order_feeds_its_tables_and_counts_once() {
    let body = r#"{"id":820982911946154508,"name":"1001","total_price":"60.33","currency":"AUD","email":"ann@example.org",
        "updated_at":"2026-09-21T10:00:00+11:00","line_items":[{"id":1,"price":"30.00"},{"id":2,"price":"30.33"}]}"#;
    let record = delivery("shopify", &[("x-shopify-topic", "orders/create"), ("x-shopify-shop-domain", "Acme.myshopify.com")], body);
    let (response, objects) = transform(&normalizer(), &event(&[record]), &Fetched::new());
    assert!(objects.is_empty());
    assert_eq!(tables(&response.records[0]), ["shopify_orders", "shopify_order_lines", "shopify_order_lines", "pipeline_counts"]);
    let rows = rows(&response.records[0]);
    assert_eq!(rows[0]["order_id"], "820982911946154508");
    assert_eq!(rows[0]["total_price"], "60.3300");
    assert_eq!(rows[0]["account"], "acme.myshopify.com");
    assert_eq!(rows[0]["occurred_at"], "2026-09-20 23:00:00.000");
    assert_eq!(rows[0]["updated_at_text"], "2026-09-21T10:00:00+11:00");
    assert_eq!((&rows[0]["deliveries"], &rows[1]["deliveries"]), (&Value::from(1), &Value::from(0)));
    assert_eq!((&rows[3]["received"], &rows[3]["refused"]), (&Value::from(1), &Value::from(0)));
    assert!(!response.records[0].data.contains(&STANDARD.encode("ann@example.org")));
}

#[test]
fn a_batch_gives_rows_for_its_good_events_and_rejects_the_rest_with_one_outcome() {
    let body = r#"{"game":"arena","events":[{"event_id":"e1","name":"login","player_id":"p"},7]}"#;
    let record = delivery("game", &[("webhook-id", "d1")], body);
    let (response, _) = transform(&normalizer(), &event(&[record]), &Fetched::new());
    let rows = rows(&response.records[0]);
    assert_eq!(tables(&response.records[0]), ["game_events", "rejected_events", "rejected_payloads", "pipeline_counts"]);
    assert_eq!(rows[0]["account"], "arena");
    assert_eq!(rows[1]["reason"], "not_an_object");
    let leads: i64 = rows.iter().filter_map(|row| row["deliveries"].as_i64()).sum();
    assert_eq!((leads, &rows[1]["deliveries"]), (1, &Value::from(1)));
}

#[test]
fn other_headers_and_another_spelling_are_the_same_event() {
    let one =
        delivery("shopify", &[("x-shopify-topic", "orders/create"), ("x-shopify-webhook-id", "a")], r#"{"id":1,"total_price":"1.0"}"#);
    let two =
        delivery("shopify", &[("shopify-topic", "orders/create"), ("x-shopify-webhook-id", "b")], r#"{"total_price": "1.0", "id": 1.0}"#);
    let (response, _) = transform(&normalizer(), &event(&[one, two]), &Fetched::new());
    assert_eq!(rows(&response.records[0])[0]["event_id"], rows(&response.records[1])[0]["event_id"]);
}

#[test]
fn a_delivery_by_the_other_door_is_the_same_event() {
    let headers = [("x-shopify-topic", "orders/create"), ("x-shopify-shop-domain", "acme.myshopify.com"), ("x-shopify-webhook-id", "w")];
    let posted = delivery("shopify", &headers, r#"{"id":820982911946154508,"note":"Gr\u00fc\u00dfe","total_price":"1.00"}"#);
    let bus = r#"{"version":"0","id":"e","detail-type":"shopifyWebhook","source":"aws.partner/shopify.com/1/lake","account":"1","time":"2026-09-21T14:13:20Z",
        "detail":{"payload":{"total_price":"1.00","note":"Grüße","id":820982911946154508},"metadata":{"X-Shopify-Topic":"orders/create",
        "X-Shopify-Shop-Domain":"Acme.myshopify.com","X-Shopify-Hmac-SHA256":"not to be checked"}}}"#;
    let other = bus.replace("aws.partner/shopify.com", "aws.partner/unknown.example");
    let (response, _) =
        transform(&normalizer(), &event(&[posted, bus.replace('\n', "").into_bytes(), other.into_bytes()]), &Fetched::new());
    let (posted, bus) = (rows(&response.records[0]), rows(&response.records[1]));
    for key in ["table", "event_id", "payload_hash", "account", "order_id", "topic"] {
        assert_eq!(posted[0][key], bus[0][key], "{key}");
    }
    assert_eq!(bus[0]["received_at"], "2026-09-21 14:13:20.000");
    assert_eq!(rows(&response.records[2])[0]["reason"], "unreadable_record");
}

#[test]
fn a_body_that_is_not_json_is_known_by_its_bytes_alone() {
    for source in ["shopify", "zendesk", "game"] {
        let records: Vec<Vec<u8>> = ["a", "b"]
            .iter()
            .map(|id| delivery(source, &[("webhook-id", id), ("x-zendesk-webhook-invocation-id", id), ("x-shopify-webhook-id", id)], "{"))
            .collect();
        let (response, _) = transform(&normalizer(), &event(&records), &Fetched::new());
        let ids: BTreeSet<String> = response.records.iter().map(|answer| rows(answer)[0]["event_id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "{source}");
    }
}

#[test]
fn a_large_batch_takes_no_longer_than_its_events() {
    let events: Vec<String> =
        (0..20_000).map(|place| format!(r#"{{"event_id":"e{place}","name":"move","contact_phone":"+49 30 {place:07}"}}"#)).collect();
    let body = format!(r#"{{"server":"{}","events":[{}]}}"#, "s".repeat(2_000), events.join(","));
    let (response, objects) = transform(&normalizer(), &event(&[delivery("game", &[("webhook-id", "d")], &body)]), &Fetched::new());
    assert_eq!((response.records[0].result, objects.len()), (TransformResult::Dropped, 1));
    let text = String::from_utf8(crate::envelope::gunzip(&objects[0].body).unwrap()).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("\"table\":\"game_events\"")).count(), 20_000);
    assert_eq!(text.matches("ssssss").count() / 333, 1, "what surrounds a batch is kept once where it is long");
    assert!(!text.contains("+49 30"));
}

#[test]
fn thousands_of_empty_records_fit_the_answer() {
    let records: Vec<Vec<u8>> = (0..20_000).map(|_| b" \n".to_vec()).collect();
    let (response, _) = transform(&normalizer(), &event(&records), &Fetched::new());
    assert!(response.records.iter().all(|answer| answer.result == TransformResult::Dropped));
}

#[test]
fn a_sum_that_no_column_holds_is_null_and_a_pointer_elsewhere_is_not_followed() {
    let body = r#"{"id":1,"refund_line_items":[{"subtotal":"99999999999999.9999"},{"subtotal":"99999999999999.9999"}]}"#;
    let strange =
        r#"{"envelope":1,"delivery":{"source":"shopify","received_at":1790000000000,"headers":[],"body":{"object":"restricted/secret"}}}"#;
    let late = r#"{"envelope":1,"delivery":{"source":"shopify","received_at":9223372036854775807,"headers":[],"body":{"text":"{}"}}}"#;
    let records = [delivery("shopify", &[("x-shopify-topic", "refunds/create")], body), strange.into(), late.into()];
    let event = event(&records);
    assert!(pointers(&event).is_empty());
    let (response, _) = transform(&normalizer(), &event, &Fetched::new());
    let refund = &rows(&response.records[0])[0];
    assert!(refund["refund_subtotal"].is_null() && refund["extra"].as_str().unwrap().contains("99999999999999.9999"));
    assert_eq!(rows(&response.records[1])[0]["reason"], "missing_body");
    assert_eq!(rows(&response.records[2])[0]["reason"], "unreadable_record");
}

#[test]
fn two_triggers_with_one_body_are_two_events() {
    let body = r#"{"ticket":{"id":"7","status":"Open"}}"#;
    let records: Vec<Vec<u8>> = ["a", "b"].iter().map(|id| delivery("zendesk", &[("x-zendesk-webhook-invocation-id", id)], body)).collect();
    let (response, _) = transform(&normalizer(), &event(&records), &Fetched::new());
    let ids: BTreeSet<String> = response.records.iter().map(|answer| rows(answer)[0]["event_id"].to_string()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(tables(&response.records[1]), ["zendesk_tickets"]);
}

#[test]
fn a_time_of_2099_is_suspect_and_kept() {
    let record = delivery("shopify", &[("x-shopify-topic", "orders/create")], r#"{"id":1,"updated_at":"2099-01-01T00:00:00Z"}"#);
    let (response, _) = transform(&normalizer(), &event(&[record]), &Fetched::new());
    let row = &rows(&response.records[0])[0];
    assert_eq!((&row["time_suspect"], &row["occurred_at"]), (&Value::from(true), &row["received_at"]));
    assert!(row["extra"].as_str().unwrap().contains("2099-01-01T00:00:00Z"));
    assert_eq!(row["search_days"], 2);
}

#[test]
fn an_output_that_does_not_fit_becomes_an_object_named_by_its_content() {
    let text = "x".repeat(900_000);
    let body = format!(r#"{{"id":1,"note":"{text}"}}"#);
    let records: Vec<Vec<u8>> =
        (0..8).map(|place| delivery("shopify", &[("x-shopify-topic", &format!("strange/{place}"))], &body)).collect();
    let event = event(&records);
    let (response, objects) = transform(&normalizer(), &event, &Fetched::new());
    let dropped = response.records.iter().filter(|answer| answer.result == TransformResult::Dropped).count();
    assert!(dropped > 0 && dropped == objects.len());
    assert!(serde_json::to_vec(&response).unwrap().len() <= 6 * 1024 * 1024);
    assert_eq!(transform(&normalizer(), &event, &Fetched::new()), (response, objects));
}

#[test]
fn a_record_of_newer_code_waits_alone() {
    let newer = br#"{"envelope":9,"delivery":{}}"#.to_vec();
    let (response, _) = transform(&normalizer(), &event(&[newer, delivery("game", &[], "{}")]), &Fetched::new());
    assert_eq!(response.records[0].result, TransformResult::ProcessingFailed);
    assert_eq!(response.records[1].result, TransformResult::Ok);
}

#[test]
fn a_body_in_the_spill_zone_is_read_and_a_missing_one_is_a_reject() {
    let pointer = |key: &str| {
        Envelope::Delivery(Delivery {
            source: "shopify".to_owned(),
            account: None,
            topic: Some("orders/create".to_owned()),
            received_at: Millis(1_790_000_000_000),
            headers: Headers::default(),
            body: Body::Object { key: format!("{BODIES_PREFIX}{key}") },
        })
        .encode()
    };
    let event = event(&[pointer("here"), pointer("gone")]);
    assert_eq!(pointers(&event), [format!("{BODIES_PREFIX}gone"), format!("{BODIES_PREFIX}here")]);
    let fetched = [(format!("{BODIES_PREFIX}here"), Some(br#"{"id":5}"#.to_vec())), (format!("{BODIES_PREFIX}gone"), None)].into();
    let (response, _) = transform(&normalizer(), &event, &fetched);
    assert_eq!(rows(&response.records[0])[0]["order_id"], "5");
    assert_eq!(rows(&response.records[1])[0]["reason"], "missing_body");
}

fn check_any(records: &[Vec<u8>]) {
    let event = event(records);
    let (response, objects) = transform(&normalizer(), &event, &Fetched::new());
    let answered: Vec<&str> = response.records.iter().map(|answer| answer.record_id.as_str()).collect();
    let asked: Vec<&str> = event.records.iter().map(|record| record.record_id.as_str()).collect();
    assert_eq!(answered, asked);
    let known: BTreeSet<&str> = Contract::embedded().tables().map(|table| table.name.as_str()).collect();
    for (answer, data) in response.records.iter().zip(records) {
        let found = rows(answer);
        assert!(found.iter().all(|row| row["table"].as_str().is_some_and(|table| known.contains(table))));
        if answer.result == TransformResult::Ok && !data.iter().all(u8::is_ascii_whitespace) {
            assert!(!found.is_empty(), "a record left no row");
        }
    }
    assert!(objects.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_as_records_are_answered(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5)) {
        check_any(&records);
    }

    #[test]
    fn any_text_as_a_body_leaves_a_row(body in "\\PC{0,200}", topic in "[a-z/_.]{0,20}", source in "shopify|zendesk|game|other") {
        check_any(&[delivery(&source, &[("x-shopify-topic", &topic)], &body)]);
    }

    #[test]
    fn any_json_as_a_body_leaves_a_row(body in json_text(), topic in "orders/create|products/update|customers/update|refunds/create|checkouts/update") {
        check_any(&[delivery("shopify", &[("x-shopify-topic", &topic)], &body), delivery("zendesk", &[], &body), delivery("game", &[], &body)]);
    }
}

/// JSON of known keys and strange values.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-0.0".to_owned()),
        Just("1e400".to_owned()),
        Just("99999999999999999999999".to_owned()),
        Just("\"2026-01-01T00:00:00.123456789+14:00\"".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        any::<i64>().prop_map(|value| value.to_string()),
        "[a-z@. ]{0,12}".prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        let keys = "id|type|time|email|customer|line_items|variants|detail|event|events|updated_at|tags|total_price|metadata|info|participants|matchId";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|elements| format!("[{}]", elements.join(","))),
            prop::collection::vec((keys, inner), 0..6).prop_map(|entries| {
                let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}
