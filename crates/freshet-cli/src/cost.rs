//! What the lake costs: a pure model from a workload and prices to lines a month, and what depends on what.
//!
//! It reckons with list prices and the template's own settings. It does not know discounts, tax or an account's
//! remaining free tier.

mod attribution;
mod events;
mod model;
mod prices;
mod scoring;
#[cfg(test)]
mod tests;

pub(crate) use attribution::{Share, split};
pub(crate) use events::{SourceSize, fixture_sizes};
pub(crate) use model::{Door, Estimate, Freshness, Workload, estimate};
pub(crate) use prices::Prices;
pub(crate) use scoring::Scoring;
