//! Customers made by the rules of BG/NBD, for tests that need to know the truth.

use freshet_ml::random::Draws;

use crate::bgnbd::{Bgnbd, Summary};
use crate::ledger::{Collector, Ledger};

/// A draw of the gamma distribution of this shape and scale 1 (Marsaglia and Tsang 2000).
fn gamma(draws: &mut Draws, shape: f64) -> f64 {
    if shape < 1.0 {
        return gamma(draws, shape + 1.0) * draws.share().powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    loop {
        let x = draws.normal();
        let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
        if v > 0.0 && (1.0 - draws.share()).ln() < x * x / 2.0 + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// The days, from a first purchase at 0 on, on which a customer buys until `age`.
fn purchases(draws: &mut Draws, model: &Bgnbd, age: f64) -> Vec<f64> {
    let rate = gamma(draws, model.r) / model.alpha;
    let (left, right) = (gamma(draws, model.a), gamma(draws, model.b));
    let leaves = left / (left + right);
    let (mut days, mut now) = (vec![0.0], 0.0);
    loop {
        now += -(1.0 - draws.share()).ln() / rate;
        if now >= age {
            return days;
        }
        days.push(now);
        if draws.share() < leaves {
            return days;
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days of a year or two")]
pub(crate) fn summaries(model: &Bgnbd, customers: usize, seed: u64) -> Vec<Summary> {
    let mut draws = Draws::new(seed);
    (0..customers)
        .map(|_| {
            let age = 180.0 + 180.0 * draws.share();
            let days = purchases(&mut draws, model, age);
            Summary { repeats: days.len() as u32 - 1, last: days[days.len() - 1] as u32, age: age as u32 }
        })
        .collect()
}

/// A shop of customers who came within half a year and are watched for two; days from `start` on.
#[expect(clippy::cast_possible_truncation, reason = "days of a year or two")]
pub(crate) fn shop(customers: usize, start: i32, seed: u64) -> Ledger {
    let model = Bgnbd { r: 0.7, alpha: 40.0, a: 0.6, b: 2.5 };
    let mut draws = Draws::new(seed);
    let mut collector = Collector::default();
    for customer in 0..customers {
        let first = (draws.share() * 180.0) as i32;
        for day in purchases(&mut draws, &model, f64::from(720 - first)) {
            let amount = (3.0 + draws.normal() * 0.5).exp();
            collector.add(&format!("customer-{customer}"), start + first + day as i32, amount, None);
        }
    }
    collector.finish()
}
