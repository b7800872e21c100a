//! Who causes the cost: each line split by what it follows.

use std::collections::BTreeMap;

use super::model::{Driver, Estimate};

/// A source's part of a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    pub(crate) events: f64,
    pub(crate) event_bytes: f64,
}

/// The cost of each source. What follows no source is split evenly; the parts sum up to the total.
pub(crate) fn split(estimate: &Estimate, shares: &BTreeMap<String, Share>) -> BTreeMap<String, f64> {
    let events: f64 = shares.values().map(|share| share.events).sum();
    let bytes: f64 = shares.values().map(|share| share.events * share.event_bytes).sum();
    #[expect(clippy::cast_precision_loss, reason = "a few sources")]
    let sources = shares.len() as f64;
    let part = |share: &Share, driver: Driver| match driver {
        Driver::Events if events > 0.0 => share.events / events,
        Driver::Bytes | Driver::Queries if bytes > 0.0 => share.events * share.event_bytes / bytes,
        Driver::Events | Driver::Bytes | Driver::Queries | Driver::Fixed => 1.0 / sources,
    };
    shares.iter().map(|(name, share)| (name.clone(), estimate.lines.iter().map(|line| line.usd * part(share, line.driver)).sum())).collect()
}
