//! The other door: deliveries that a provider's partner event bus puts straight into the stream.
//!
//! The bus is the trust, nothing is signed (shopify.dev, "Deliver webhooks through Amazon `EventBridge`"). It has
//! serialised the payload again; the canonical form makes it the same event as by HTTPS.

use crate::envelope::{Body, Delivery};
use crate::headers::Headers;
use crate::json::Json;
use crate::time::Millis;

/// How the source of Shopify's events begins.
const SHOPIFY: &str = "aws.partner/shopify.com/";

/// The delivery in a line that is an event of a partner's bus; `None` for any other line.
pub(crate) fn delivery(line: &[u8], arrived_at: Millis) -> Option<Delivery> {
    let event = Json::parse(line).ok()?;
    if !matches!(event.get("source")?, Json::String(source) if source.starts_with(SHOPIFY)) {
        return None;
    }
    let detail = event.get("detail")?;
    let mut body = String::new();
    detail.get("payload")?.write(&mut body);
    let headers: Headers = match detail.get("metadata") {
        Some(Json::Object(entries)) => entries.iter().filter_map(|(name, value)| Some((name.as_ref(), value.scalar()?))).collect(),
        _ => Headers::default(),
    };
    let beginnings = ["x-shopify-", "shopify-"].map(str::to_owned);
    Some(Delivery {
        source: "shopify".to_owned(),
        account: None,
        topic: None,
        received_at: arrived_at,
        headers: headers.kept(&beginnings),
        body: Body::Bytes(body.into_bytes()),
    })
}
