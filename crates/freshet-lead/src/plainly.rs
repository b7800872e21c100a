//! The reasons of a cold start: which plain facts its probability goes by, and which way each moves it.
//!
//! A given probability has one feature, and that one says little to who calls. So each fact that it was computed from
//! is set to the median of those who are scored, one at a time: what that takes from the log-odds, or adds to them, is
//! the fact's weight. Only what is there is told; nothing of it is a cause.

use freshet_ml::calibrate::log_odds;
use freshet_ml::feature::Feature;
use freshet_ml::frame::{Column, Frame};
use freshet_ml::model::{Learner, Model};
use freshet_ml::reasons::{Reason, plain};

use crate::bgnbd::Bgnbd;
use crate::catalogue::catalogue;
use crate::error::Error;
use crate::features::BGNBD;
use crate::lake::{number, summaries};
use crate::shares::{SHARE, Shares};

/// What BG/NBD goes by.
const ORDERS: [&str; 3] = ["freq", "recency", "tenure"];
/// What shares and returns go by.
const CHECKOUTS: [&str; 3] = ["checkouts_30", "checkout_age", "lead_age"];
/// What else tells which sign a lead has.
const SIGNS: [&str; 2] = ["freq", "cart_age"];
/// Below this a fact is no reason.
const LEAST: f64 = 0.01;

/// The facts of everyone who is scored, with their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Plainly {
    facts: Vec<Fact>,
}

#[derive(Debug, Clone, PartialEq)]
struct Fact {
    feature: Feature,
    typical: f64,
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl Plainly {
    /// The facts behind a given probability; `None` for a model that was learned, which has reasons of its own.
    pub fn new(model: &Model, frame: &Frame, horizon_days: u32) -> Result<Option<Self>, Error> {
        let Learner::Given { feature } = &model.learner else { return Ok(None) };
        let (names, needed): ([&str; 3], Vec<&str>) = match feature.as_str() {
            BGNBD => (ORDERS, ORDERS.to_vec()),
            SHARE => (CHECKOUTS, CHECKOUTS.into_iter().chain(SIGNS).collect()),
            _ => return Ok(None),
        };
        let bgnbd = Bgnbd::of_parameters(&model.parameters);
        let shares = Shares::read(&model.parameters);
        let probabilities = |frame: &Frame| -> Vec<f64> {
            match (feature.as_str(), &bgnbd, &shares) {
                (BGNBD, Some(bgnbd), _) => summaries(frame).into_iter().map(|summary| bgnbd.buys_within(summary, horizon_days)).collect(),
                (SHARE, _, Some(shares)) => shares.of(frame),
                _ => vec![model.base_rate; frame.rows()],
            }
        };
        let columns: Vec<(String, Column)> = frame.columns().iter().filter(|(name, _)| needed.contains(&name.as_str())).cloned().collect();
        let known = Frame::new(columns.clone())?;
        let present = probabilities(&known);
        let catalogue = catalogue();
        let mut facts = Vec::new();
        for name in names {
            let values = number(&known, name).to_vec();
            let Some(typical) = median(&values) else { continue };
            let others = columns.iter().map(|(other, column)| match column {
                Column::Number(values) if other == name => {
                    let set = values.iter().map(|value| if value.is_finite() { typical } else { *value }).collect();
                    (other.clone(), Column::Number(set))
                }
                column => (other.clone(), column.clone()),
            });
            let others = Frame::new(others.collect())?;
            let weights = present.iter().zip(probabilities(&others)).map(|(p, other)| log_odds(*p) - log_odds(other)).collect();
            facts.push(Fact { feature: Feature::find(&catalogue, name), typical, values, weights });
        }
        Ok(Some(Self { facts }))
    }

    /// A row's facts as reasons, the strongest first, and behind them those that it has already.
    pub fn reasons(&self, row: usize, given: [String; 3]) -> [String; 3] {
        let mut found: Vec<Reason> = self.facts.iter().filter_map(|fact| fact.reason(row)).collect();
        found.sort_by(|one, other| other.weight.abs().total_cmp(&one.weight.abs()).then_with(|| one.feature.cmp(&other.feature)));
        let mut all = found.iter().map(Reason::sentence).chain(given.into_iter().filter(|reason| !reason.is_empty()));
        std::array::from_fn(|_| all.next().unwrap_or_default())
    }
}

impl Fact {
    fn reason(&self, row: usize) -> Option<Reason> {
        let (value, weight) = (*self.values.get(row)?, *self.weights.get(row)?);
        let text = self.feature.phrase.replace("{value}", &plain(value)).replace("{typical}", &plain(self.typical));
        let is_reason = value.is_finite() && weight.is_finite() && weight.abs() >= LEAST;
        is_reason.then(|| Reason { group: self.feature.group.clone(), feature: self.feature.name.clone(), text, weight })
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    known.get(known.len() / 2).copied()
}
