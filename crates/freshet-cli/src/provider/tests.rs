//! What is signed and named here is what providers publish, and what the receiver takes.

use freshet_ingest::headers::Headers;
use freshet_ingest::signature::{Rules, verify};

use super::*;

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn signed(source: &str, secret: &str, delivery: &str, now: Millis, body: &[u8]) -> HeaderMap {
    let ids = Ids { delivery: delivery.to_owned(), event: "event".to_owned() };
    let outgoing = Outgoing { topic: Some("orders/create"), account: None, ids: &ids, body };
    Provider::find(source).unwrap().headers(&Secret::new(secret), &outgoing, now).unwrap()
}

/// Published by bold-commerce/go-shopify and Shopify/shopify_app.
#[test]
fn shopify_signatures_are_those_that_providers_publish() {
    for (secret, body, expected) in [
        ("hush", r#""my secret message""#, "hMTq0K2x7oyOjoBwGYeTj5oxfnaVYXzbanUG9aajpKI="),
        ("secret", "foo=anything", "yCGX/RrK4fcuNtr3ztk5tQGsOBjcAzHpGLdMUrbV8yI="),
    ] {
        let headers = signed("shopify", secret, "d", Millis(0), body.as_bytes());
        assert_eq!(header(&headers, "x-shopify-hmac-sha256"), expected);
    }
}

/// Published by the Standard Webhooks libraries.
#[test]
fn standard_webhooks_signatures_are_those_that_the_libraries_publish() {
    let headers = signed(
        "game",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        Millis(1_614_265_330_000),
        br#"{"test": 2432232314}"#,
    );
    assert_eq!(header(&headers, "webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(header(&headers, "webhook-timestamp"), "1614265330");
}

#[test]
fn what_is_signed_here_verifies_there() {
    let now = Millis(1_790_000_000_123);
    let body = b"{\"any\":\"bytes\",\"\xff\":1}";
    for (source, secret) in [("shopify", "hush"), ("zendesk", "hush"), ("game", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")] {
        let headers = signed(source, secret, "id-1", now, body);
        let headers: Headers = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let secrets = [Secret::new(secret)];
        let scheme = Provider::find(source).unwrap().scheme;
        let rules = Rules { scheme, secrets: &secrets, now, tolerance_seconds: Some(300), is_development: false };
        assert_eq!(verify(&rules, &headers, body), Ok(()), "{source}");
        assert!(verify(&rules, &headers, b"other").is_err(), "{source}");
    }
}

#[test]
fn the_folder_names_the_topic() {
    let shopify = Provider::find("shopify").unwrap();
    for (file, expected) in [
        ("shopify/orders-create/01.json", "orders/create"),
        ("customers-data_request/x", "customers/data_request"),
        ("a/order_transactions-create/x.json", "order_transactions/create"),
        ("a/customer.tags_added/x.json", "customer.tags_added"),
        ("a/one-two-three/x.json", "one/two-three"),
    ] {
        assert_eq!(shopify.topic(Path::new(file)).unwrap().as_deref(), Some(expected), "{file}");
    }
    assert!(shopify.topic(Path::new("/plain/x.json")).unwrap_err().to_string().contains("--topic"));
    assert_eq!(Provider::find("zendesk").unwrap().topic(Path::new("/plain/x.json")).unwrap(), None);
}

#[test]
fn the_same_topic_and_body_are_the_same_delivery() {
    let ids = Ids::of(Some("orders/create"), b"{}");
    assert_eq!(ids, Ids::of(Some("orders/create"), b"{}"));
    assert_ne!(ids, Ids::of(Some("orders/paid"), b"{}"));
    assert_ne!(ids, Ids::of(Some("orders/create"), b"{ }"));
    assert_eq!(ids.delivery.len(), 36);
}

#[test]
fn a_topic_that_no_header_can_hold_is_an_error() {
    let ids = Ids::of(None, b"");
    let outgoing = Outgoing { topic: Some("orders\n/create"), account: None, ids: &ids, body: b"" };
    assert!(Provider::find("shopify").unwrap().headers(&Secret::new("x"), &outgoing, Millis(0)).is_err());
    assert!(Provider::find("nobody").unwrap_err().to_string().contains("shopify"));
}
