//! From a learner's log-odds to a probability that means what it says.
//!
//! Platt scaling is two numbers, fitted on the newest matured rows by Newton's method (Lin, Lin and Weng 2007, "A
//! note on Platt's probabilistic outputs for support vector machines"). It keeps the order of scores: a fit that
//! would turn it round is not used. Isotonic steps are there for those who have the labels for them.

use serde::{Deserialize, Serialize};

use crate::digits::{keep, read};
use crate::isotonic::Isotonic;

/// No offset is farther from 0 than this: odds of one in ten trillion.
const FARTHEST: f64 = 30.0;

/// How log-odds become a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// The learner's own log-odds.
    None,
    /// Log-odds times `slope` plus `offset`.
    Platt {
        /// Above 0: the order stays.
        #[serde(deserialize_with = "read")]
        slope: f64,
        /// Moves all probabilities to the base rate.
        #[serde(deserialize_with = "read")]
        offset: f64,
    },
    /// Steps over the learner's probability.
    Isotonic(Isotonic),
}

impl Calibration {
    /// The probability for log-odds.
    pub fn apply(&self, log_odds: f64) -> f64 {
        match self {
            Self::None => probability(log_odds),
            Self::Platt { slope, offset } => probability(slope * log_odds + offset),
            Self::Isotonic(steps) => steps.apply(probability(log_odds)),
        }
    }

    /// Platt scaling of the same slope with which the mean probability of these log-odds is `rate`; others as they are.
    #[must_use]
    pub fn level(self, log_odds: &[f64], rate: f64) -> Self {
        let Self::Platt { slope, .. } = self else { return self };
        #[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
        let mean =
            |offset: f64| log_odds.iter().map(|input| probability(slope * input + offset)).sum::<f64>() / log_odds.len().max(1) as f64;
        // The mean rises with the offset.
        let (mut low, mut high) = (-FARTHEST, FARTHEST);
        while high - low > 1e-9 {
            let middle = f64::midpoint(low, high);
            if mean(middle) < rate { low = middle } else { high = middle }
        }
        Self::Platt { slope, offset: keep(f64::midpoint(low, high)) }
    }

    /// The calibration's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Platt { .. } => "platt",
            Self::Isotonic(_) => "isotonic",
        }
    }

    /// Whether the numbers are ones that a fit gives.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::None => true,
            Self::Platt { slope, offset } => *slope > 0.0 && slope.is_finite() && offset.is_finite(),
            Self::Isotonic(steps) => steps.is_sound(),
        }
    }
}

/// The probability of log-odds.
pub fn probability(log_odds: f64) -> f64 {
    if log_odds >= 0.0 {
        1.0 / (1.0 + (-log_odds).exp())
    } else {
        let odds = log_odds.exp();
        odds / (1.0 + odds)
    }
}

/// The log-odds of a probability, which is kept a little away from 0 and 1.
pub fn log_odds(probability: f64) -> f64 {
    let probability = probability.clamp(1e-9, 1.0 - 1e-9);
    (probability / (1.0 - probability)).ln()
}

/// Fits Platt scaling; [`Calibration::None`] where one kind of rows is missing or the order would turn.
pub fn platt(log_odds: &[f64], labels: &[bool]) -> Calibration {
    match newton(log_odds, labels) {
        Some((slope, offset)) if keep(slope) > 0.0 && slope.is_finite() && offset.is_finite() => {
            Calibration::Platt { slope: keep(slope), offset: keep(offset) }
        }
        _ => Calibration::None,
    }
}

/// Slope and offset of the likeliest logistic curve through softened labels.
#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
fn newton(inputs: &[f64], labels: &[bool]) -> Option<(f64, f64)> {
    let positives = labels.iter().filter(|&&label| label).count() as f64;
    let negatives = labels.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 || inputs.iter().any(|input| !input.is_finite()) {
        return None;
    }
    let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
    let target = |label: bool| if label { high } else { low };
    let loss = |slope: f64, offset: f64| -> f64 {
        inputs.iter().zip(labels).map(|(&input, &label)| softplus(slope * input + offset) - target(label) * (slope * input + offset)).sum()
    };
    let (mut slope, mut offset) = (0.0, ((positives + 1.0) / (negatives + 1.0)).ln());
    let mut current = loss(slope, offset);
    for _ in 0..100 {
        let (mut by_slope, mut by_offset) = (0.0, 0.0);
        let (mut h11, mut h12, mut h22) = (1e-12, 0.0, 1e-12);
        for (&input, &label) in inputs.iter().zip(labels) {
            let foretold = probability(slope * input + offset);
            let (error, curve) = (foretold - target(label), foretold * (1.0 - foretold));
            by_slope += input * error;
            by_offset += error;
            h11 += input * input * curve;
            h12 += input * curve;
            h22 += curve;
        }
        let determinant = h11 * h22 - h12 * h12;
        if by_slope.hypot(by_offset) < 1e-9 * labels.len() as f64 || determinant <= 0.0 {
            break;
        }
        let step = ((h22 * by_slope - h12 * by_offset) / determinant, (h11 * by_offset - h12 * by_slope) / determinant);
        let mut size = 1.0;
        let mut next = loss(slope - step.0, offset - step.1);
        while next > current && size > 1e-6 {
            size /= 2.0;
            next = loss(slope - size * step.0, offset - size * step.1);
        }
        if next > current {
            break;
        }
        slope -= size * step.0;
        offset -= size * step.1;
        current = next;
    }
    Some((slope, offset))
}

/// ln(1 + e^x), safe for any x.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::{Calibration, log_odds, platt, probability};
    use crate::metrics::{measure, ranking};
    use crate::random::Draws;

    #[test]
    fn scaling_mends_the_base_rate_and_keeps_the_order() {
        let mut draws = Draws::new(2);
        let inputs: Vec<f64> = (0..5_000).map(|_| draws.normal() * 2.0).collect();
        let labels: Vec<bool> = inputs.iter().map(|input| draws.share() < probability(0.5 * input - 2.0)).collect();
        let scaled = platt(&inputs, &labels);
        let raw: Vec<f64> = inputs.iter().map(|&input| probability(input)).collect();
        let calibrated: Vec<f64> = inputs.iter().map(|&input| scaled.apply(input)).collect();
        let (before, after) = (measure(&labels, &raw), measure(&labels, &calibrated));
        assert!(after.brier < before.brier && after.ece < 0.02 && before.ece > 0.1);
        assert_eq!(before.auc, after.auc);
        assert_eq!(ranking(&raw), ranking(&calibrated));
    }

    #[test]
    fn a_level_moves_the_mean_to_a_rate_and_keeps_the_slope() {
        let mut draws = Draws::new(3);
        let inputs: Vec<f64> = (0..1_000).map(|_| draws.normal() * 2.0).collect();
        for rate in [0.001, 0.2, 0.9] {
            let levelled = Calibration::Platt { slope: 0.7, offset: 1.0 }.level(&inputs, rate);
            let mean = inputs.iter().map(|&input| levelled.apply(input)).sum::<f64>() / 1_000.0;
            assert!(
                (mean - rate).abs() < 1e-6 && matches!(levelled, Calibration::Platt { slope, .. } if (slope - 0.7).abs() < f64::EPSILON),
                "{mean} {rate}"
            );
        }
        assert_eq!(Calibration::None.level(&inputs, 0.2), Calibration::None);
    }

    #[test]
    fn a_fit_that_turns_the_order_is_not_used() {
        let inputs = [-2.0, -1.0, 1.0, 2.0];
        assert_eq!(platt(&inputs, &[true, true, false, false]), Calibration::None);
        assert_eq!(platt(&inputs, &[true; 4]), Calibration::None);
        assert!(matches!(platt(&inputs, &[false, true, false, true]), Calibration::Platt { slope, .. } if slope > 0.0));
    }

    #[test]
    fn log_odds_and_probability_are_inverse() {
        for value in [0.001, 0.2, 0.5, 0.999] {
            assert!((probability(log_odds(value)) - value).abs() < 1e-12);
        }
        assert!(log_odds(0.0).is_finite() && log_odds(1.0).is_finite());
    }
}
