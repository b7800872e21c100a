//! A simulated world: three shops, a support desk and a game, and all that goes wrong between them and a lake.
//!
//! The same settings give the same bytes. What is true in this world (who will buy, whose account hides a better
//! player, what becomes of each delivery) is kept beside the deliveries, so that results can be measured against it.

#![expect(clippy::cast_precision_loss, reason = "simulated numbers are far below 2^52")]

mod catalogue;
mod desk;
mod game;
mod journey;
mod mischief;
mod money;
mod order;
mod people;
mod shop;
mod telemetry;
mod truth;
mod writing;

use bytes::Bytes;
use freshet_ingest::time::Millis;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

pub(crate) use truth::{Outcome, Truth};

/// What a world is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    /// How many deliveries are sent.
    pub(crate) deliveries: usize,
    /// How many days they tell of.
    pub(crate) days: u32,
    /// The end of the last day.
    pub(crate) until: Millis,
    /// How many days behind it the truth knows of, and no delivery tells.
    pub(crate) ahead: u32,
}

/// The fewest deliveries in which everything that goes wrong has a place.
pub(crate) const FEWEST: usize = 200;

/// The simulated deliveries in the order in which they are sent, and the truth.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) truth: Truth,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) source: &'static str,
    pub(crate) account: Option<String>,
    pub(crate) topic: Option<String>,
    pub(crate) id: String,
    pub(crate) event_id: String,
    pub(crate) body: Bytes,
    pub(crate) forgery: Option<Forgery>,
    /// What is to become of it.
    pub(crate) outcome: Outcome,
    /// When it is sent, in the world's own time.
    pub(crate) sent_at: Millis,
}

/// How a delivery is not what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// Signed with another secret.
    OtherSecret,
    /// Another body than the one that was signed.
    AlteredBody,
    /// Not signed at all.
    Unsigned,
    /// Signed an hour ago, where the time is signed.
    Stale,
}

/// Something that happened in the world.
#[derive(Debug, Clone)]
struct Event {
    at: Millis,
    source: &'static str,
    account: Option<String>,
    topic: Option<&'static str>,
    body: Value,
}

/// Makes a world.
pub(crate) fn simulate(settings: Settings) -> Simulation {
    let mut rng = StdRng::seed_from_u64(settings.seed);
    let deliveries = settings.deliveries.max(FEWEST);
    let nasty = mischief::share(deliveries);
    let plain = deliveries - nasty;
    let quota = |part: usize| plain * part / 100;
    let mut truth = Truth::default();
    let mut events = shop::events(&mut rng, settings, quota(66), &mut truth);
    events.extend(desk::events(&mut rng, settings, quota(16), &mut truth));
    events.extend(game::events(&mut rng, settings, quota(9), &mut truth));
    let left = plain - events.len();
    events.extend(telemetry::events(&mut rng, settings, left, &truth));
    truth.note_orders(&events);
    let deliveries = mischief::deliveries(&mut rng, settings, events, deliveries);
    truth.note_outcomes(&deliveries);
    Simulation { deliveries, truth }
}

#[cfg(test)]
mod tests;
