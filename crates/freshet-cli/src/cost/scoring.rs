//! What the scorer does in a month: nightly scorings, weekly trainings, and the queries that both ask.

use serde::Serialize;

use super::prices::Prices;

/// Which models the scorer keeps, as the template's parameter `Scoring` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scoring {
    /// No scorer.
    None,
    /// Lead likelihood.
    Lead,
    /// Anti-smurfing.
    Smurf,
    /// Both.
    Both,
}

/// A month of the scorer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    /// How often the function is started.
    pub(crate) runs: f64,
    /// Queries that it asks.
    pub(crate) queries: f64,
    /// Objects that these read: each day's file of each table, and the tables' logs.
    pub(crate) gets: f64,
}

impl Scoring {
    /// A month's work. A scoring asks about today, and about what has come true (orders and scores, or verdicts); a training
    /// about each look at the past besides, twice.
    pub(crate) fn month(self, prices: &Prices, days: f64) -> Scored {
        let of = |name: &str| prices.measure(name);
        let trainings = days / 7.0;
        let (mut runs, mut queries, mut gets) = (0.0, 0.0, 0.0);
        let reads = |tables: f64, days: f64| tables * (of("table_log_gets") + of("table_day_gets") * days);
        for (is_kept, tables, nightly, looks, outcomes) in [
            (matches!(self, Self::Lead | Self::Both), of("lead_tables"), 1.0, of("lead_looks"), reads(2.0, of("outcome_days"))),
            (matches!(self, Self::Smurf | Self::Both), of("smurf_tables"), 2.0, of("smurf_looks"), reads(1.0, of("scoring_days"))),
        ] {
            if is_kept {
                let asked = days * nightly + trainings * (1.0 + 2.0 * looks);
                runs += days + trainings;
                queries += asked + days;
                gets += asked * reads(tables, of("scoring_days")) + days * outcomes;
            }
        }
        Scored { runs, queries, gets }
    }
}
