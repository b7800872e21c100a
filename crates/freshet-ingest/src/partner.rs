//! Shopify's events on a partner event bus: the second door into the stream, beside the receiver's.
//!
//! The bus re-serialises a delivery, so that its payload is the same as the webhook's only in canonical form, which is
//! what identifies an event. Metadata are a webhook's headers: classic ones (`X-Shopify-Topic`) and those of the newer
//! events (`shopify-topic`, `shopify-action`). Who may put events on the bus is IAM's to say; a signature among the
//! metadata is of bytes that are gone, and is neither verified nor kept. Above a million bytes the bus carries a stub: of a
//! webhook its id, of the newer events an address that gives the payload for a time
//! (shopify.dev/changelog/amazon-eventbridge-webhook-payload-size-limit-increased-to-1-mb).

use crate::envelope::{Body, Delivery};
use crate::headers::Headers;
use crate::json::Json;
use crate::time::Millis;

/// The source of the contract that these events are of.
const SOURCE: &str = "shopify";
/// What an event's own `source` begins with.
const BUS: &str = "aws.partner/shopify.com/";
/// Metadata that are kept, as a receiver keeps headers.
const KEPT: [&str; 2] = ["x-shopify-", "shopify-"];

/// An event of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerEvent {
    /// The delivery that it carries.
    pub delivery: Delivery,
    /// Where it stands for a payload that was too large, and so says nothing of its state.
    pub stub: Option<Stub>,
}

/// What stands in place of a payload that was too large for the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stub {
    /// An id alone: the rest is to be had from the provider's own API.
    Id,
    /// An address that gives the payload for a time.
    Address(String),
}

/// The events of a record, one behind another with or without space between; nothing where it is anything else.
pub fn events(record: &[u8], arrived_at: Millis) -> Option<Vec<PartnerEvent>> {
    let mut rest = std::str::from_utf8(record).ok()?;
    let mut found = Vec::new();
    while !rest.trim_start().is_empty() {
        let (value, behind) = Json::parse_first(rest).ok()?;
        found.push(event(&value, arrived_at)?);
        rest = behind;
    }
    (!found.is_empty()).then_some(found)
}

fn event(value: &Json<'_>, arrived_at: Millis) -> Option<PartnerEvent> {
    value.get("source").and_then(Json::scalar).filter(|source| source.starts_with(BUS))?;
    let (payload, metadata) = (value.get("detail")?.get("payload")?, value.get("detail")?.get("metadata")?);
    let Json::Object(entries) = metadata else { return None };
    let headers: Headers = entries.iter().filter_map(|(name, value)| Some((name.as_ref(), value.scalar()?))).collect();
    let headers = headers.kept(&KEPT.map(str::to_owned));
    let mut body = String::new();
    payload.write(&mut body);
    let stub = stub(payload, headers.get("x-shopify-topic").or_else(|| headers.get("shopify-topic")).unwrap_or_default());
    let delivery = Delivery {
        source: SOURCE.to_owned(),
        account: None,
        topic: None,
        received_at: arrived_at,
        headers,
        body: Body::Bytes(body.into_bytes()),
    };
    Some(PartnerEvent { delivery, stub })
}

/// A payload that is nothing but an id or an address. Of what is deleted the id is all that there is.
fn stub(payload: &Json<'_>, topic: &str) -> Option<Stub> {
    let Json::Object(entries) = payload else { return None };
    if let Some((_, address)) = entries.iter().find(|(name, _)| name == "payload_url") {
        return Some(address.scalar().filter(|address| is_public(address)).map_or(Stub::Id, |address| Stub::Address(address.to_owned())));
    }
    let has_only_an_id = entries.len() == 1 && entries[0].0 == "id" && !topic.ends_with("/delete") && !topic.ends_with("_delete");
    has_only_an_id.then_some(Stub::Id)
}

/// Whether an address is HTTPS at a host with a public name: nothing of ours is to be reached by what an event says.
fn is_public(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.strip_suffix(":443").unwrap_or(authority);
    let is_name = host.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_'));
    let suffix = host.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    is_name && suffix.len() > 1 && suffix.chars().all(|letter| letter.is_ascii_alphabetic()) && !matches!(suffix, "internal" | "local")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use freshet_schema::Contract;
    use serde_json::Value;

    use super::*;
    use crate::envelope::Envelope;
    use crate::normalize::Normalizer;
    use crate::secret::{HashKey, Secret};
    use crate::transform::{Fetched, TransformEvent, TransformRecord, line_pointers, transform};

    const ARRIVED: i64 = 1_790_000_000_000;

    fn rows(record: &[u8]) -> Vec<Value> {
        rows_of(record, &Fetched::new())
    }

    fn rows_of(record: &[u8], fetched: &Fetched) -> Vec<Value> {
        let normalizer = Normalizer::new(Contract::embedded(), HashKey { id: "k1".to_owned(), secret: Secret::new("key") });
        let record = TransformRecord { record_id: "r".to_owned(), approximate_arrival_timestamp: ARRIVED, data: STANDARD.encode(record) };
        let event = TransformEvent {
            invocation_id: String::new(),
            delivery_stream_arn: String::new(),
            region: String::new(),
            records: vec![record],
        };
        let (response, _) = transform(&normalizer, &event, fetched);
        let data = STANDARD.decode(&response.records[0].data).unwrap();
        data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    fn over_https(topic: &str, body: &str) -> Vec<u8> {
        let headers = [
            ("X-Shopify-Topic", topic),
            ("X-Shopify-Shop-Domain", "Acme.myshopify.com"),
            ("X-Shopify-Webhook-Id", "w1"),
            ("X-Shopify-Event-Id", "e1"),
        ];
        let delivery = Delivery {
            source: SOURCE.to_owned(),
            account: None,
            topic: None,
            received_at: Millis(ARRIVED),
            headers: headers.into_iter().collect(),
            body: Body::Bytes(body.as_bytes().to_vec()),
        };
        Envelope::Delivery(delivery).encode()
    }

    fn over_the_bus(topic: &str, ids: &str, payload: &str) -> Vec<u8> {
        format!(
            r#"{{"version":"0","id":"9f1e","detail-type":"shopifyWebhook","source":"aws.partner/shopify.com/1/lake","account":"1","time":"2026-09-21T14:13:20Z","region":"eu-central-1","resources":[],"detail":{{"payload":{payload},"metadata":{{"Content-Type":"application/json","X-Shopify-Topic":"{topic}","X-Shopify-Shop-Domain":"acme.myshopify.com","X-Shopify-Hmac-SHA256":"c2VjcmV0"{ids}}}}}}}"#
        )
        .into_bytes()
    }

    fn ids(rows: &[Value], table: &str) -> Vec<(String, i64)> {
        let rows = rows.iter().filter(|row| row["table"] == table);
        rows.map(|row| (row["event_id"].as_str().unwrap().to_owned(), row["row_index"].as_i64().unwrap())).collect()
    }

    #[test]
    fn a_thousand_orders_through_both_doors_are_a_thousand_rows() {
        let mut once = std::collections::BTreeSet::new();
        for number in 0..1000_u64 {
            // Beyond 2^53, and the bus writes keys in another order, other escapes, and a number otherwise.
            let id = 9_007_199_254_740_993 + number;
            let webhook = format!(
                r#"{{"id":{id},"name":"Café {number}","total_price":"60.33","currency":"AUD","weight":1.50,"updated_at":"2026-09-21T10:00:00+11:00","line_items":[]}}"#
            );
            let bus = format!(
                r#"{{"updated_at":"2026-09-21T10:00:00+11:00","currency":"AUD", "line_items": [],"total_price":"60.33","weight":1.5,"name":"Caf\u00e9 {number}","id":{id}}}"#
            );
            let named = if number % 2 == 0 { r#","X-Shopify-Webhook-Id":"w2","X-Shopify-Event-Id":"e2""# } else { "" };
            let first = ids(&rows(&over_https("orders/create", &webhook)), "shopify_orders");
            assert_eq!(first, ids(&rows(&over_the_bus("orders/create", named, &bus)), "shopify_orders"), "{number}");
            once.extend(first);
        }
        assert_eq!(once.len(), 1000);
    }

    #[test]
    fn newer_events_have_lower_case_metadata() {
        let record = br#"{"detail-type":"shopifyWebhook","source":"aws.partner/shopify.com/1/lake","detail":{"payload":{"topic":"Order","action":"update","data":{"order":null}},"metadata":{"shopify-topic":"Order","shopify-action":"update","shopify-handle":"h","shopify-api-version":"2026-10"}}}"#;
        let found = rows(record);
        assert!(!found.is_empty());
        assert!(found.iter().all(|row| row["reason"] != "unreadable_record"), "{found:?}");
        assert_eq!(found[0]["source"], "shopify");
        assert_eq!(found[0]["api_version"], "2026-10");
    }

    #[test]
    fn a_stub_is_a_reject_and_what_is_deleted_is_not() {
        for stub in [r#"{"id":820982911946154508}"#, r#"{"payload_url":"https://example.com/large"}"#] {
            let found = rows(&over_the_bus("orders/updated", "", stub));
            assert!(ids(&found, "shopify_orders").is_empty(), "{found:?}");
            assert!(found.iter().any(|row| row["table"] == "rejected_events" && row["reason"] == "stub"), "{found:?}");
        }
        let deleted = rows(&over_the_bus("orders/delete", "", r#"{"id":820982911946154508}"#));
        assert!(deleted.iter().all(|row| row["reason"] != "stub"), "{deleted:?}");
    }

    #[test]
    fn a_payload_that_was_fetched_is_the_same_event_as_the_webhook() {
        let address = "https://payloads.example.com/large?signature=s";
        let stub = format!(r#"{{"payload_url":"{address}","payload_size_bytes":1200000,"expires_at":"2026-09-22T10:00:00Z"}}"#);
        let record = over_the_bus("orders/updated", "", &stub);
        assert_eq!(line_pointers(&record), [address]);
        let body = r#"{"id":820982911946154508,"line_items":[]}"#;
        let fetched = |body: Option<&str>| Fetched::from([(address.to_owned(), body.map(|body| body.as_bytes().to_vec()))]);
        let found = rows_of(&record, &fetched(Some(body)));
        assert_eq!(ids(&found, "shopify_orders"), ids(&rows(&over_https("orders/updated", body)), "shopify_orders"));
        assert!(found.iter().all(|row| row["reason"] != "stub"), "{found:?}");
        let gone = rows_of(&record, &fetched(None));
        assert!(gone.iter().any(|row| row["reason"] == "stub"), "{gone:?}");
        assert!(
            gone.iter().filter(|row| row["table"] == "rejected_events").all(|row| !row.to_string().contains("signature=s")),
            "{gone:?}"
        );
    }

    #[test]
    fn only_public_addresses_are_fetched() {
        for address in ["https://storage.googleapis.com/a/b?c=d", "https://shopify.dev", "https://a.example.com:443/"] {
            assert!(is_public(address), "{address}");
        }
        for address in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://localhost/",
            "https://metadata.google.internal/",
            "https://user@example.com/",
            "https://example.com:8443/",
            "https://example.com\\@127.0.0.1/",
            "https:///x",
            "",
        ] {
            assert!(!is_public(address), "{address}");
        }
    }

    #[test]
    fn records_without_a_delimiter_are_told_apart() {
        let mut record = over_the_bus("orders/create", "", r#"{"id":1,"line_items":[]}"#);
        record.extend(over_the_bus("orders/create", "", r#"{"id":2,"line_items":[]}"#));
        assert_eq!(ids(&rows(&record), "shopify_orders").len(), 2);
        assert_eq!(events(b"{\"source\":\"aws.partner/zendesk.com/1\"}", Millis(0)), None);
        record.extend(b"{\"and\":\"more\"}");
        assert_eq!(events(&record, Millis(0)), None);
    }

    #[test]
    fn no_signature_and_no_secret_is_kept() {
        let record = over_the_bus("orders/create", "", r#"{"id":1}"#);
        let found = events(&record, Millis(0)).unwrap();
        assert_eq!(found[0].delivery.headers.get("x-shopify-hmac-sha256"), None);
        assert_eq!(found[0].delivery.headers.get("x-shopify-topic"), Some("orders/create"));
    }
}
