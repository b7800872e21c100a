//! Generic telemetry of the game: one event, an array, or `{"events": […]}` in a delivery.

use freshet_ingest::time::Millis;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::truth::Truth;
use super::writing::{DAY, HOUR, SECOND, hex, pick, uuid};
use super::{Event, Settings};

/// The game as an account.
pub(super) const GAME: &str = "arena";

/// Exactly `quota` deliveries.
pub(super) fn events(rng: &mut StdRng, settings: Settings, quota: usize, truth: &Truth) -> Vec<Event> {
    (0..quota)
        .map(|_| {
            let at = Millis(settings.until.0 - rng.random_range(HOUR..i64::from(settings.days).max(1) * DAY));
            let player = &pick(rng, &truth.players).puuid;
            let body = match rng.random_range(0..10) {
                0..4 => event(rng, player, at),
                4..7 => Value::Array(batch(rng, player, at)),
                _ => json!({ "game": GAME, "sent_at": at.rfc3339(), "events": batch(rng, player, at) }),
            };
            delivery(at, body)
        })
        .collect()
}

/// A delivery of the game's own.
pub(super) fn delivery(at: Millis, body: Value) -> Event {
    Event { at, source: "game", account: Some(GAME.to_owned()), topic: None, body }
}

fn batch(rng: &mut StdRng, player: &str, at: Millis) -> Vec<Value> {
    let count = rng.random_range(2..9);
    let without_ids = rng.random_ratio(1, 5);
    (0..count)
        .map(|place| {
            let mut event = event(rng, player, Millis(at.0 - (count - place) * 3 * SECOND));
            if without_ids && let Some(event) = event.as_object_mut() {
                event.remove("event_id");
            }
            event
        })
        .collect()
}

/// One event.
pub(super) fn event(rng: &mut StdRng, player: &str, at: Millis) -> Value {
    let name = *pick(rng, &["session.started", "session.ended", "level.completed", "item.purchased", "match.queued", "chat.sent"]);
    let data = match name {
        "level.completed" => json!({ "level": rng.random_range(1..60), "stars": rng.random_range(1..4), "seconds": rng.random_range(20..900) }),
        "item.purchased" => json!({ "item": *pick(rng, &["cape", "torch", "Schlüssel", "map"]), "price": "4.99", "currency": *pick(rng, &["EUR", "USD"]) }),
        "session.ended" => json!({ "seconds": rng.random_range(30..9_000), "crashed": rng.random_ratio(1, 20) }),
        "chat.sent" => json!({ "length": rng.random_range(1..80), "text": "gg, write to me at someone@example.com 👋" }),
        _ => json!({ "build": "1.42.0" }),
    };
    json!({
        "event_id": uuid(rng), "type": name, "timestamp": at.rfc3339(), "client_ts": at.0 - rng.random_range(0..4_000), "player_id": player, "session_id": hex(rng, 16),
        "platform": *pick(rng, &["PC", "iOS", "Android"]), "build": "1.42.0", "region": *pick(rng, &["EU", "NA", "KR"]), "data": data,
    })
}
