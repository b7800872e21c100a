//! BG/NBD: how likely a customer is to buy again, from counts and dates alone, without labels.
//!
//! Customers buy at a rate of their own until, after some purchase, they silently leave. Likelihood, probability of
//! being alive and its use are those of Fader, Hardie and Lee 2005, "'Counting your customers' the easy way: an
//! alternative to the Pareto/NBD model", Marketing Science 24(2), 275-284 (equations 6 and following). The number of
//! purchases within a horizon, given alive, is taken as negative binomial without leaving in between.
//!
//! The likelihood of a few dozen customers is flat: its maximum may say that whoever came back is gone, and rank customers
//! below those who bought once. So a fit of few customers is drawn towards what the numbers usually are, as far as the
//! customers say nothing against it; the more there are, the less, and from a thousand on not at all.

use std::collections::BTreeMap;

use argmin::core::{CostFunction, Executor};
use argmin::solver::neldermead::NelderMead;
use freshet_ml::digits::keep;
use libm::lgamma;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ledger::{Day, Ledger};

/// With more customers than this, every so many-th is fitted on.
const MOST_CUSTOMERS: usize = 60_000;
/// From so many customers on a fit stands on its own.
const ENOUGH_CUSTOMERS: f64 = 1_000.0;
/// What r, alpha over the customers' mean age, a and b usually are, and how far their logarithms are from that. It is a guess,
/// wide enough that the fit of the paper named above (r .243, a .793, b 2.426) lies well within it.
const USUAL: [(f64, f64); 4] = [(0.4, 0.7), (0.25, 1.5), (0.5, 0.7), (3.0, 0.7)];

/// A customer as the model sees one, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Summary {
    /// Days with a purchase, after the first.
    pub repeats: u32,
    /// From the first to the last purchase.
    pub last: u32,
    /// From the first purchase to the cut-off.
    pub age: u32,
}

/// The four numbers of the model, in days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bgnbd {
    /// Shape of the purchase rates.
    pub r: f64,
    /// Scale of the purchase rates.
    pub alpha: f64,
    /// First shape of the leaving probability.
    pub a: f64,
    /// Second shape of the leaving probability.
    pub b: f64,
}

impl Bgnbd {
    /// As a model file has them among its parameters.
    pub(crate) fn parameters(&self) -> BTreeMap<String, f64> {
        let numbers = [("bgnbd_r", self.r), ("bgnbd_alpha", self.alpha), ("bgnbd_a", self.a), ("bgnbd_b", self.b)];
        numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Those of a model file, if it has them.
    pub(crate) fn of_parameters(parameters: &BTreeMap<String, f64>) -> Option<Self> {
        let value = |name: &str| parameters.get(name).copied();
        Some(Self { r: value("bgnbd_r")?, alpha: value("bgnbd_alpha")?, a: value("bgnbd_a")?, b: value("bgnbd_b")? })
    }
}

/// A customer's summary at a cut-off; `None` where nothing was bought before.
pub fn summarize(ledger: &Ledger, customer: usize, cut_off: Day) -> Option<Summary> {
    let mut days = ledger.seen(customer, cut_off).iter().filter(|purchase| purchase.bought).map(|purchase| purchase.day);
    let first = days.next()?;
    let (mut last, mut repeats) = (first, 0);
    for day in days {
        last = day;
        repeats += 1;
    }
    Some(Summary { repeats, last: u32::try_from(last - first).ok()?, age: u32::try_from(cut_off - first).ok()? })
}

/// Fits to customers by maximum likelihood.
pub fn fit(summaries: &[Summary]) -> Result<Bgnbd, Error> {
    let step = summaries.len().div_ceil(MOST_CUSTOMERS).max(1);
    let mut counts: BTreeMap<Summary, f64> = BTreeMap::new();
    for &summary in summaries.iter().step_by(step) {
        *counts.entry(summary).or_default() += 1.0;
    }
    if counts.keys().all(|summary| summary.repeats == 0) {
        return Err(Error::Bgnbd { problem: "nobody has bought twice".to_owned() });
    }
    let problem = Likelihood::new(&counts);
    let mut start = [0.0, (problem.age / 4.0).max(1.0).ln(), 0.0, 0.0].to_vec();
    // A simplex may settle on a slope; started again around its answer, it moves on.
    for size in [0.5, 0.1, 0.02] {
        let simplex = std::iter::once(start.clone()).chain((0..4).map(|place| {
            let mut corner = start.clone();
            corner[place] += size;
            corner
        }));
        let optimiser_says = |problem: argmin::core::Error| Error::Bgnbd { problem: problem.to_string() };
        let solver = NelderMead::new(simplex.collect()).with_sd_tolerance(1e-12).map_err(optimiser_says)?;
        let result =
            Executor::new(&problem, solver).configure(|state| state.max_iters(2_000)).timer(false).run().map_err(optimiser_says)?;
        start = result.state.best_param.ok_or_else(|| Error::Bgnbd { problem: "the optimiser gave no answer".to_owned() })?;
    }
    let [r, alpha, a, b] = [start[0], start[1], start[2], start[3]].map(|logarithm| keep(logarithm.exp()));
    Ok(Bgnbd { r, alpha, a, b })
}

/// Customers who are alike, and what share of all they are; days are places in [`Likelihood::days`].
struct Alike {
    repeats: u32,
    last: usize,
    age: usize,
    share: f64,
}

struct Likelihood {
    /// In order of their repeats.
    customers: Vec<Alike>,
    /// The numbers of days that customers have, each once: far fewer than customers, so that logarithms are few.
    days: Vec<u32>,
    /// The weight of what is usual beside the mean customer.
    prior: f64,
    /// The customers' mean age.
    age: f64,
}

impl CostFunction for &Likelihood {
    type Param = Vec<f64>;
    type Output = f64;

    /// Mean negative log-likelihood of the parameters' logarithms.
    fn cost(&self, logarithms: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        if logarithms.iter().any(|logarithm| logarithm.abs() > 30.0) {
            return Ok(f64::MAX.sqrt());
        }
        let model = Bgnbd { r: logarithms[0].exp(), alpha: logarithms[1].exp(), a: logarithms[2].exp(), b: logarithms[3].exp() };
        let constant = model.r * logarithms[1] - lgamma(model.r) + lgamma(model.a + model.b) - lgamma(model.b);
        let log_since: Vec<f64> = self.days.iter().map(|&days| (model.alpha + f64::from(days)).ln()).collect();
        let mut sum = 0.0;
        for alike in self.customers.chunk_by(|one, next| one.repeats == next.repeats) {
            let x = f64::from(alike[0].repeats);
            let of_repeats = constant + lgamma(model.r + x) + lgamma(model.b + x) - lgamma(model.a + model.b + x);
            let log_leaving = (model.a / (model.b + x - 1.0)).ln();
            for customers in alike {
                let there = -(model.r + x) * log_since[customers.age];
                let there_or_gone = if customers.repeats == 0 {
                    there
                } else {
                    let gone = log_leaving - (model.r + x) * log_since[customers.last];
                    there.max(gone) + (-(there - gone).abs()).exp().ln_1p()
                };
                sum += customers.share * (of_repeats + there_or_gone);
            }
        }
        Ok(self.prior * self.unusual(&model) - sum)
    }
}

impl Likelihood {
    fn new(counts: &BTreeMap<Summary, f64>) -> Self {
        let all: f64 = counts.values().sum();
        let age = counts.iter().map(|(summary, count)| f64::from(summary.age) * count).sum::<f64>() / all;
        let mut days: Vec<u32> = counts.keys().flat_map(|summary| [summary.last, summary.age]).collect();
        days.sort_unstable();
        days.dedup();
        let place = |number: u32| days.partition_point(|&other| other < number);
        let customers = counts.iter().map(|(&Summary { repeats, last, age }, count)| Alike {
            repeats,
            last: place(last),
            age: place(age),
            share: count / all,
        });
        Self { customers: customers.collect(), days, prior: (1.0 - all / ENOUGH_CUSTOMERS).max(0.0) / all, age: age.max(1.0) }
    }

    /// How far a model is from what is usual: a normal density's negative logarithm, over each number's logarithm.
    fn unusual(&self, model: &Bgnbd) -> f64 {
        let numbers = [model.r, model.alpha / self.age, model.a, model.b];
        numbers.iter().zip(USUAL).map(|(number, (usual, spread))| ((number / usual).ln() / spread).powi(2) / 2.0).sum()
    }
}

impl Bgnbd {
    /// The probability that a customer has not left. Not for ranking: it is 1 for everyone who bought once.
    pub fn alive(&self, summary: Summary) -> f64 {
        if summary.repeats == 0 {
            return 1.0;
        }
        let x = f64::from(summary.repeats);
        let ratio = (self.alpha + f64::from(summary.age)) / (self.alpha + f64::from(summary.last));
        1.0 / (1.0 + self.a / (self.b + x - 1.0) * ratio.powf(self.r + x))
    }

    /// The probability that a customer buys within so many days.
    pub fn buys_within(&self, summary: Summary, days: u32) -> f64 {
        let since = self.alpha + f64::from(summary.age);
        self.alive(summary) * (1.0 - (since / (since + f64::from(days))).powf(self.r + f64::from(summary.repeats)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Bgnbd, Summary, fit};
    use crate::simulation;

    #[test]
    fn the_fit_finds_the_numbers_that_customers_were_made_with() {
        let truth = Bgnbd { r: 0.8, alpha: 30.0, a: 0.9, b: 2.5 };
        let fitted = fit(&simulation::summaries(&truth, 30_000, 5)).expect("a fit");
        for (ours, theirs) in [(fitted.r, truth.r), (fitted.alpha, truth.alpha), (fitted.a, truth.a), (fitted.b, truth.b)] {
            assert!((ours / theirs - 1.0).abs() < 0.15, "{fitted:?}");
        }
    }

    #[test]
    fn more_purchases_mean_a_higher_probability() {
        let model = Bgnbd { r: 0.27, alpha: 41.5, a: 0.47, b: 1.94 };
        let mut last = 0.0;
        for repeats in 0..20 {
            let probability = model.buys_within(Summary { repeats, last: if repeats == 0 { 0 } else { 190 }, age: 200 }, 30);
            assert!(probability > last && probability < 1.0, "{repeats}");
            last = probability;
        }
    }

    #[test]
    fn a_longer_silence_means_less_and_a_longer_horizon_more() {
        let model = Bgnbd { r: 0.27, alpha: 41.5, a: 0.47, b: 1.94 };
        let quiet = |last| Summary { repeats: 4, last, age: 300 };
        assert!(model.buys_within(quiet(290), 30) > model.buys_within(quiet(100), 30));
        assert!(model.buys_within(quiet(290), 60) > model.buys_within(quiet(290), 30));
        assert!((model.alive(Summary { repeats: 0, last: 0, age: 300 }) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn few_customers_are_ranked_as_many_would_be() {
        // Of fits of forty customers each, none puts who came back often, and lately, below who bought once.
        let truth = Bgnbd { r: 0.4, alpha: 20.0, a: 0.5, b: 3.0 };
        for seed in 0..30 {
            let customers = simulation::summaries(&truth, 40, seed);
            let Ok(fitted) = fit(&customers) else { continue };
            let often = fitted.buys_within(Summary { repeats: 4, last: 170, age: 180 }, 30);
            let once = fitted.buys_within(Summary { repeats: 0, last: 0, age: 60 }, 30);
            assert!(often > once, "{seed}: {fitted:?}");
        }
    }

    #[test]
    fn nobody_who_bought_twice_is_said() {
        assert!(fit(&[Summary { repeats: 0, last: 0, age: 9 }]).is_err());
        assert!(fit(&[]).is_err());
    }
}
