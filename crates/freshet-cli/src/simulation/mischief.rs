//! What goes wrong on the way: deliveries twice, in other clothes, out of order, late, broken, forged, too large.
//!
//! Each kind says what is to become of it. A delivery has one outcome, in a batch the worst of its events'.

use std::collections::HashSet;

use bytes::Bytes;
use freshet_ingest::time::Millis;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::telemetry::{GAME, delivery as telemetry, event as telemetry_event};
use super::writing::{DAY, HOUR, MINUTE, SECOND, hex, pick, rewrite, token, uuid};
use super::{Delivery, Event, Forgery, Outcome, Settings, game};

/// Of a thousand deliveries, how many are of a kind; at least two.
const KINDS: [(Kind, usize); 15] = [
    (Kind::Again, 45),
    (Kind::OtherIds, 20),
    (Kind::Rewritten, 15),
    (Kind::NotJson, 9),
    (Kind::NoId, 6),
    (Kind::BadElement, 4),
    (Kind::OverlappingBatch, 3),
    (Kind::Conflict, 2),
    (Kind::WrongYear, 8),
    (Kind::TwinTrigger, 2),
    (Kind::ForgedSecret, 7),
    (Kind::ForgedBody, 4),
    (Kind::Unsigned, 3),
    (Kind::Stale, 3),
    (Kind::Large, 1),
];
/// How many deliveries are too large for any door: each is megabytes.
const TOO_LARGE: usize = 2;
/// What no function's event holds.
const TOO_LARGE_BYTES: usize = 6_400_000;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Again,
    OtherIds,
    Rewritten,
    NotJson,
    NoId,
    BadElement,
    OverlappingBatch,
    Conflict,
    WrongYear,
    TwinTrigger,
    ForgedSecret,
    ForgedBody,
    Unsigned,
    Stale,
    Large,
}

/// How many of so many deliveries are not plain.
pub(super) fn share(deliveries: usize) -> usize {
    KINDS.iter().map(|(kind, share)| count(*share, deliveries) * width(*kind)).sum::<usize>() + TOO_LARGE
}

fn count(share: usize, deliveries: usize) -> usize {
    (deliveries * share / 1_000).max(2)
}

/// How many deliveries one of a kind is.
fn width(kind: Kind) -> usize {
    if matches!(kind, Kind::OverlappingBatch | Kind::Conflict | Kind::TwinTrigger) { 2 } else { 1 }
}

/// The plain events as deliveries, with all that goes wrong, in the order in which they are sent: `total` of them.
pub(super) fn deliveries(rng: &mut StdRng, settings: Settings, events: Vec<Event>, total: usize) -> Vec<Delivery> {
    let mut seen = HashSet::new();
    let mut plain: Vec<Delivery> = events.into_iter().map(|event| dress(rng, event, &mut seen)).collect();
    for delivery in &mut plain {
        // Most arrive within seconds, out of order; some are days late.
        let late = if rng.random_ratio(1, 40) { rng.random_range(HOUR..3 * DAY) } else { rng.random_range(0..90 * SECOND) };
        delivery.sent_at = Millis(delivery.sent_at.0 + late);
    }
    let mut all = Vec::with_capacity(total);
    for (kind, share) in KINDS {
        for number in 0..count(share, total) {
            let at = Millis(settings.until.0 - rng.random_range(HOUR..i64::from(settings.days).max(1) * DAY) / SECOND * SECOND);
            spoil(rng, kind, number, at, &plain, &mut all);
        }
    }
    for _ in 0..TOO_LARGE {
        let text = hex(rng, 1_000).repeat(TOO_LARGE_BYTES / 1_000);
        let event = telemetry(settings.until, json!({ "type": "replay.saved", "event_id": uuid(rng), "data": { "replay": text } }));
        all.push(Delivery { outcome: Outcome::TooLarge, ..dress(rng, event, &mut seen) });
    }
    all.extend(plain);
    all.sort_by(|one, other| (one.sent_at, &one.delivery_id).cmp(&(other.sent_at, &other.delivery_id)));
    all
}

/// An event as its provider sends it.
fn dress(rng: &mut StdRng, event: Event, seen: &mut HashSet<(String, String)>) -> Delivery {
    let body = Bytes::from(event.body.to_string());
    // Bodies that carry neither time nor id (a product's deletion) may come twice by themselves.
    let owner = format!("{}/{}/{}", event.source, event.account.as_deref().unwrap_or_default(), event.topic.unwrap_or_default());
    let is_known = event.source == "shopify" && !seen.insert((owner, freshet_ingest::canonical::hash(&body)));
    Delivery {
        source: event.source,
        account: event.account,
        topic: event.topic.map(str::to_owned),
        delivery_id: uuid(rng),
        event_id: uuid(rng),
        body,
        forgery: None,
        outcome: if is_known { Outcome::Duplicate } else { Outcome::Stored },
        sent_at: event.at,
    }
}

fn spoil(rng: &mut StdRng, kind: Kind, number: usize, at: Millis, plain: &[Delivery], all: &mut Vec<Delivery>) {
    let fresh = |rng: &mut StdRng, outcome, body: Value| Delivery { outcome, ..dress(rng, telemetry(at, body), &mut HashSet::new()) };
    let player = hex(rng, 8);
    let delivery = match kind {
        Kind::Again => {
            let first = pick(rng, plain).clone();
            Delivery { outcome: Outcome::Duplicate, sent_at: later(rng, &first), ..first }
        }
        Kind::OtherIds => {
            let first = choose(rng, plain, identifies_itself);
            Delivery { outcome: Outcome::Duplicate, sent_at: later(rng, &first), delivery_id: uuid(rng), event_id: uuid(rng), ..first }
        }
        Kind::Rewritten => {
            let first = choose(rng, plain, identifies_itself);
            let body = serde_json::from_slice(&first.body).map_or_else(|_| first.body.clone(), |value: Value| Bytes::from(rewrite(&value)));
            Delivery { outcome: Outcome::Duplicate, sent_at: later(rng, &first), body, ..first }
        }
        Kind::NotJson => {
            let first = pick(rng, plain).clone();
            let mark = hex(rng, 12);
            let body = match number % 4 {
                0 => [&first.body[..first.body.len() / 2], mark.as_bytes()].concat(),
                1 => [b"\xff\xfe\x00", mark.as_bytes()].concat(),
                2 => format!("{{\"{mark}\": {}", "[".repeat(rng.random_range(600..3_000))).into_bytes(),
                _ => format!("id={mark}&status=paid").into_bytes(),
            };
            Delivery { outcome: Outcome::Rejected, body: Bytes::from(body), delivery_id: uuid(rng), event_id: uuid(rng), ..first }
        }
        Kind::NoId => {
            let body = json!({ "token": hex(rng, 32), "total_price": "12.00", "currency": "EUR", "created_at": at.rfc3339(), "updated_at": at.rfc3339(), "line_items": [] });
            let event = Event { at, source: "shopify", account: Some("kiln-and-clay.myshopify.com".to_owned()), topic: Some("orders/create"), body };
            Delivery { outcome: Outcome::Rejected, ..dress(rng, event, &mut HashSet::new()) }
        }
        Kind::BadElement => {
            let events = [telemetry_event(rng, &player, at), json!("no event"), telemetry_event(rng, &player, at)];
            fresh(rng, Outcome::Rejected, json!(events))
        }
        Kind::OverlappingBatch => {
            // A client that got no answer sends again what it has sent, before what is new.
            let event = telemetry_event(rng, &player, at);
            all.push(fresh(rng, Outcome::Stored, event.clone()));
            let body = json!([event, telemetry_event(rng, &player, at)]);
            Delivery { sent_at: Millis(at.0 + MINUTE), ..fresh(rng, Outcome::Duplicate, body) }
        }
        Kind::Conflict => {
            // One id, two stories.
            let mut event = telemetry_event(rng, &player, at);
            all.push(fresh(rng, Outcome::Stored, event.clone()));
            event["data"] = json!({ "tampered": hex(rng, 8) });
            Delivery { sent_at: Millis(at.0 + MINUTE), ..fresh(rng, Outcome::Rejected, event) }
        }
        Kind::WrongYear => {
            let mut event = telemetry_event(rng, &player, at);
            event["timestamp"] = json!(*pick(rng, &["1970-01-01T00:00:00Z", "2099-12-31T23:59:59.999999999Z", "1999-12-30T23:59:59-05:00"]));
            fresh(rng, Outcome::Stored, event)
        }
        Kind::TwinTrigger => {
            // Two triggers that send the same body are two events: the invocation tells.
            let body = json!({ "ticket_id": rng.random_range(5_000..9_000_u64).to_string(), "note": format!("Abierto {}", hex(rng, 8)) });
            let event = Event { at, source: "zendesk", account: Some("22129848".to_owned()), topic: None, body };
            let first = dress(rng, event, &mut HashSet::new());
            all.push(first.clone());
            Delivery { delivery_id: uuid(rng), event_id: uuid(rng), ..first }
        }
        Kind::ForgedSecret => forge(rng, Forgery::OtherSecret, plain),
        Kind::ForgedBody => forge(rng, Forgery::AlteredBody, plain),
        Kind::Unsigned => forge(rng, Forgery::Unsigned, plain),
        Kind::Stale => {
            let first = choose(rng, plain, |delivery| delivery.source != "shopify");
            Delivery { outcome: Outcome::Refused, forgery: Some(Forgery::Stale), ..first }
        }
        Kind::Large if number % 2 == 0 => {
            let body = game::timeline(rng, 1_800_000, at);
            Delivery { account: None, ..fresh(rng, Outcome::Stored, body) }
        }
        Kind::Large => {
            let replay = token(rng, 1_200_000);
            let body = json!({ "event_id": uuid(rng), "type": "replay.saved", "timestamp": at.rfc3339(), "game": GAME, "data": { "replay": replay } });
            fresh(rng, Outcome::Stored, body)
        }
    };
    all.push(delivery);
}

/// Some time after a delivery.
fn later(rng: &mut StdRng, delivery: &Delivery) -> Millis {
    Millis(delivery.sent_at.0 + *pick(rng, &[SECOND, 30 * SECOND, 5 * MINUTE, HOUR, DAY]))
}

fn forge(rng: &mut StdRng, forgery: Forgery, plain: &[Delivery]) -> Delivery {
    let first = pick(rng, plain).clone();
    Delivery { outcome: Outcome::Refused, forgery: Some(forgery), ..first }
}

/// Whether the body alone says which event it is, whatever the headers say.
fn identifies_itself(delivery: &Delivery) -> bool {
    match delivery.source {
        "shopify" => true,
        "zendesk" => !delivery.body.starts_with(b"{\"ticket\""),
        _ => serde_json::from_slice::<Value>(&delivery.body).is_ok_and(|body| {
            let events = body.as_array().or_else(|| body["events"].as_array());
            let first = events.and_then(|events| events.first()).unwrap_or(&body);
            first["event_id"].is_string() || first["metadata"]["matchId"].is_string()
        }),
    }
}

fn choose(rng: &mut StdRng, plain: &[Delivery], fits: impl Fn(&Delivery) -> bool) -> Delivery {
    let begin = rng.random_range(0..plain.len());
    let found = plain[begin..].iter().chain(&plain[..begin]).find(|delivery| fits(delivery));
    found.unwrap_or(&plain[begin]).clone()
}
