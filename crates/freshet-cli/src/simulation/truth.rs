//! What is true in a simulated world, for those who measure against it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::money::Currency;
use super::{Delivery, Event};

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Its rows are in tables.
    Stored,
    /// It was there already.
    Duplicate,
    /// It is a row of `rejected_events`.
    Rejected,
    /// It was answered 401.
    Refused,
    /// It was answered 413, before any receiver saw it.
    TooLarge,
}

/// The truth.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Truth {
    pub(crate) people: Vec<PersonTruth>,
    pub(crate) checkouts: Vec<CheckoutTruth>,
    pub(crate) players: Vec<PlayerTruth>,
    /// Orders by currency: how many, and what their buyers pay in hundredths or whole units, test orders aside.
    pub(crate) orders: BTreeMap<String, OrderTruth>,
    pub(crate) matches: usize,
    pub(crate) outcomes: BTreeMap<Outcome, u64>,
}

/// A buyer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PersonTruth {
    pub(crate) email: String,
    pub(crate) shop: &'static str,
    pub(crate) customer_id: Option<u64>,
    pub(crate) zendesk_user_id: Option<u64>,
    /// How likely a begun checkout is bought once the shop is familiar, 0 to 1.
    pub(crate) intent: f64,
    /// How often they come again: so many times the rate of the middle one of all people.
    pub(crate) eagerness: f64,
    pub(crate) last_order: Option<LastOrder>,
    /// Whether they buy in the days behind the world's end, in each of its futures; written as the share of them.
    #[serde(serialize_with = "share")]
    pub(crate) buys_ahead: Vec<bool>,
}

fn share<S: serde::Serializer>(futures: &[bool], serializer: S) -> Result<S::Ok, S::Error> {
    let count = futures.iter().filter(|is_true| **is_true).count() as f64;
    serializer.serialize_f64(count / futures.len().max(1) as f64)
}

/// What a buyer may write to the desk about.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LastOrder {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Milliseconds of Unix time.
    pub(crate) at: i64,
    pub(crate) was_refunded: bool,
    /// Whether it came broken, or was another.
    pub(crate) went_wrong: bool,
}

/// A checkout, and whether it was bought in the end.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CheckoutTruth {
    pub(crate) token: String,
    pub(crate) shop: &'static str,
    pub(crate) intent: f64,
    pub(crate) was_bought: bool,
}

/// A player of the game.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PlayerTruth {
    pub(crate) puuid: String,
    pub(crate) name: String,
    pub(crate) tag: String,
    pub(crate) level: u32,
    /// Standard deviations above the mean player.
    pub(crate) skill: f64,
    pub(crate) is_smurf: bool,
    pub(crate) role: usize,
}

/// Orders of a currency.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OrderTruth {
    pub(crate) count: u64,
    /// The sum of their last known totals, as text with the currency's digits.
    pub(crate) total: String,
}

impl Truth {
    /// Adds up the last state of each order that the events tell of.
    pub(super) fn note_orders(&mut self, events: &[Event]) {
        let mut last: BTreeMap<(String, String), (i64, &Event)> = BTreeMap::new();
        for event in events.iter().filter(|event| event.topic.is_some_and(|topic| topic.starts_with("orders/"))) {
            let key = (event.account.clone().unwrap_or_default(), event.body["id"].to_string());
            let newer = last.get(&key).is_none_or(|(at, _)| *at <= event.at.0);
            if newer {
                last.insert(key, (event.at.0, event));
            }
        }
        let mut sums: BTreeMap<String, (u64, i64)> = BTreeMap::new();
        for (_, event) in last.values().filter(|(_, event)| event.body["test"] != true) {
            let currency = event.body["currency"].as_str().unwrap_or_default();
            let total = event.body["total_price"].as_str().unwrap_or_default().replace('.', "").parse().unwrap_or(0);
            let sum = sums.entry(currency.to_owned()).or_default();
            *sum = (sum.0 + 1, sum.1 + total);
        }
        let text = |code: &str, minor| Currency::find(code).map_or_else(String::new, |currency| currency.text(minor));
        self.orders =
            sums.into_iter().map(|(code, (count, minor))| (code.clone(), OrderTruth { count, total: text(&code, minor) })).collect();
    }

    pub(super) fn note_outcomes(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            *self.outcomes.entry(delivery.outcome).or_default() += 1;
        }
    }
}
