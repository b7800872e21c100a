//! What a delivery says of itself: the events in its body, and each one's topic, account, time and identity.

use freshet_schema::{Identity, Location, Source};

use crate::canonical::{canonical, hash, hash_parts, scalar_text};
use crate::envelope::Delivery;
use crate::json::Json;
use crate::time::{self, DAY, Millis, YEAR_2000};

/// One event of a delivery, described.
#[derive(Debug)]
pub struct Description {
    /// 32 hex digits that are the same for the same event.
    pub event_id: String,
    /// Hash of the canonical payload.
    pub payload_hash: String,
    /// Shop domain, Zendesk account, game; lower case.
    pub account: Option<String>,
    /// What the provider calls this kind of event.
    pub topic: String,
    /// When it happened, as far as that is known.
    pub occurred_at: Millis,
    /// Whether its own time was not credible.
    pub time_suspect: bool,
    /// Whether its day is certain: it comes from the signed body.
    pub is_day_certain: bool,
    /// The provider's id of the delivery.
    pub delivery_id: Option<String>,
    /// The provider's id of the event.
    pub provider_event_id: Option<String>,
    /// The provider's version of the payload.
    pub api_version: Option<String>,
}

/// The events of a body, and the array that they were elements of. An empty array is an event itself, so that
/// its delivery leaves a row.
pub fn events<'body, 'text>(source: &Source, body: &'body Json<'text>) -> (Vec<&'body Json<'text>>, Option<&'body Json<'text>>) {
    for array in source.delivery.batches.iter().filter_map(|pointer| body.at(pointer.steps())) {
        if let Json::Array(elements) = array
            && !elements.is_empty()
        {
            return (elements.iter().collect(), Some(array));
        }
    }
    (vec![body], None)
}

/// Describes an event of a body. `place` is its place in the batch.
pub fn describe(source: &Source, delivery: &Delivery, body: &Json<'_>, event: &Json<'_>, place: usize) -> Description {
    let said = body_topic(source, event);
    let has_said_topic = said.is_some();
    let topic = said
        .or_else(|| header_value(&source.delivery.topic, delivery))
        .or_else(|| pointer_value(&source.delivery.topic, event))
        .or_else(|| delivery.topic.clone())
        .or_else(|| source.delivery.default_topic.clone())
        .unwrap_or_else(|| "unknown".to_owned());
    let said = || pointer_value(&source.delivery.account, event).or_else(|| pointer_value(&source.delivery.account, body));
    let headed = || header_value(&source.delivery.account, delivery);
    let account = delivery
        .account
        .clone()
        .or_else(|| if source.delivery.account.body_first { said().or_else(headed) } else { headed().or_else(said) })
        .map(|account| account.trim().to_lowercase());
    let payload_hash = hash(canonical(event).as_bytes());
    let identity = identity(source, delivery, event, place, &payload_hash, has_said_topic);
    let (occurred_at, time_suspect, is_day_certain) = occurrence(source, delivery, event);
    let parts: Vec<&str> = [source.name.as_str(), account.as_deref().unwrap_or_default(), topic.as_str()]
        .into_iter()
        .chain(identity.iter().map(String::as_str))
        .collect();
    Description {
        event_id: hash_parts(&parts),
        payload_hash,
        topic,
        occurred_at,
        time_suspect,
        is_day_certain,
        delivery_id: locate(&source.delivery.delivery_id, delivery, event),
        provider_event_id: locate(&source.delivery.provider_event_id, delivery, event),
        api_version: locate(&source.delivery.api_version, delivery, event),
        account,
    }
}

/// Describes a body that is not JSON: the hash of its bytes is its identity.
pub fn describe_bytes(source: &str, contract: Option<&Source>, delivery: &Delivery, bytes: &[u8]) -> Description {
    let payload_hash = hash(bytes);
    let of = |rule: fn(&Source) -> &Location| contract.and_then(|source| header_value(rule(source), delivery));
    let account = delivery.account.clone().or_else(|| of(|source| &source.delivery.account)).map(|account| account.trim().to_lowercase());
    let topic = of(|source| &source.delivery.topic)
        .or_else(|| delivery.topic.clone())
        .or_else(|| contract.and_then(|source| source.delivery.default_topic.clone()))
        .unwrap_or_else(|| "unknown".to_owned());
    let delivery_id = of(|source| &source.delivery.delivery_id);
    let parts = [source, account.as_deref().unwrap_or_default(), topic.as_str(), "bytes", payload_hash.as_str()];
    Description {
        event_id: hash_parts(&parts),
        account,
        occurred_at: delivery.received_at,
        time_suspect: false,
        is_day_certain: false,
        delivery_id,
        provider_event_id: of(|source| &source.delivery.provider_event_id),
        api_version: of(|source| &source.delivery.api_version),
        topic,
        payload_hash,
    }
}

/// The topic that the body itself says: by its shape, or at a place that comes before headers.
fn body_topic(source: &Source, event: &Json<'_>) -> Option<String> {
    let holds = |pointer: &freshet_schema::Pointer| event.at(pointer.steps()).is_some_and(|value| !value.is_null());
    let shape = source.delivery.shapes.iter().find(|shape| shape.has.iter().all(holds));
    shape
        .map(|shape| shape.topic.clone())
        .or_else(|| source.delivery.topic.body_first.then(|| pointer_value(&source.delivery.topic, event)).flatten())
}

fn identity(source: &Source, delivery: &Delivery, event: &Json<'_>, place: usize, payload_hash: &str, has_said_topic: bool) -> Vec<String> {
    let by_payload = || vec!["payload".to_owned(), payload_hash.to_owned()];
    let Some(rule) = &source.identity else {
        return by_payload();
    };
    match rule.by {
        Identity::Payload => {
            let mut parts = by_payload();
            if !has_said_topic {
                parts.extend(rule.header.as_ref().and_then(|name| delivery.headers.get(name)).map(str::to_owned));
            }
            parts
        }
        Identity::Event => {
            let own = rule.event_id.iter().find_map(|pointer| event.at(pointer.steps()).and_then(scalar_text)).filter(|id| !id.is_empty());
            match (own, header_value(&source.delivery.delivery_id, delivery)) {
                (Some(own), _) => vec!["event".to_owned(), own.into_owned()],
                (None, Some(delivery_id)) => vec!["delivery".to_owned(), delivery_id, place.to_string()],
                (None, None) => by_payload(),
            }
        }
    }
}

/// When an event happened, whether its own time is suspect, and whether its day is certain.
fn occurrence(source: &Source, delivery: &Delivery, event: &Json<'_>) -> (Millis, bool, bool) {
    let received_at = delivery.received_at;
    match own_time(source, event) {
        Some(own) if own >= YEAR_2000 && own.0 <= received_at.0 + DAY => (own, false, true),
        Some(_) => (received_at, true, false),
        None => (received_at, false, false),
    }
}

fn own_time(source: &Source, event: &Json<'_>) -> Option<Millis> {
    own_time_value(source, event).and_then(time::parse_json).map(|time| time.millis)
}

/// The value that an event's time was read from.
pub(crate) fn own_time_value<'body, 'text>(source: &Source, event: &'body Json<'text>) -> Option<&'body Json<'text>> {
    let places = source.delivery.occurred_at.iter();
    places.filter_map(|pointer| event.at(pointer.steps())).find(|value| time::parse_json(value).is_some())
}

fn locate(location: &Location, delivery: &Delivery, event: &Json<'_>) -> Option<String> {
    if location.body_first {
        return pointer_value(location, event).or_else(|| header_value(location, delivery));
    }
    header_value(location, delivery).or_else(|| pointer_value(location, event))
}

fn header_value(location: &Location, delivery: &Delivery) -> Option<String> {
    delivery.headers.first(&location.headers).and_then(|value| accepted(location, value))
}

fn pointer_value(location: &Location, event: &Json<'_>) -> Option<String> {
    location
        .pointers
        .iter()
        .filter_map(|pointer| event.at(pointer.steps()).and_then(scalar_text))
        .find_map(|value| accepted(location, &value))
}

fn accepted(location: &Location, value: &str) -> Option<String> {
    let value = match &location.prefix {
        Some(prefix) => value.strip_prefix(prefix.as_str())?,
        None => value,
    };
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}
