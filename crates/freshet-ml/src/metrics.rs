//! How good scores are: ranking (ROC AUC, PR AUC, precision and lift at a share) and honesty (Brier, log-loss, ECE).
//!
//! Definitions: ROC AUC counts ties as half; PR AUC is average precision by steps with ties grouped; log-loss cuts
//! probabilities at 1e-6; ECE has ten bins of equal mass; precision at a share f looks at the first round(f n) rows,
//! ties in the order of the rows. Intervals are percentiles of bootstrap samples of the rows. A figure that needs
//! both kinds of rows is `None` when one is missing.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::digits::keep;
use crate::random::Draws;

/// How many bins the calibration error has.
const BINS: usize = 10;
/// Probabilities are kept this far from 0 and 1 in the log-loss.
const CLIP: f64 = 1e-6;

/// The figures of one list of probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Rows judged.
    pub rows: usize,
    /// Rows with the label.
    pub positives: usize,
    /// The share of rows with the label.
    pub base_rate: f64,
    /// The chance that a row with the label is ranked above one without.
    pub auc: Option<f64>,
    /// Its 95 % interval.
    pub auc_interval: Option<[f64; 2]>,
    /// Average precision.
    pub pr_auc: Option<f64>,
    /// Its 95 % interval.
    pub pr_auc_interval: Option<[f64; 2]>,
    /// Mean squared error of the probability.
    pub brier: f64,
    /// Its 95 % interval.
    pub brier_interval: Option<[f64; 2]>,
    /// Mean negative logarithm of the probability of what happened.
    pub log_loss: f64,
    /// Its 95 % interval.
    pub log_loss_interval: Option<[f64; 2]>,
    /// Mean distance between foretold and seen shares.
    pub ece: f64,
    /// Its 95 % interval.
    pub ece_interval: Option<[f64; 2]>,
    /// The share of labels in the first 1 %.
    pub precision_at_1pct: f64,
    /// Its 95 % interval.
    pub precision_at_1pct_interval: Option<[f64; 2]>,
    /// The share of labels in the first 10 %.
    pub precision_at_10pct: f64,
    /// Its 95 % interval.
    pub precision_at_10pct_interval: Option<[f64; 2]>,
    /// Precision in the first 10 % over the base rate.
    pub lift_at_10pct: Option<f64>,
}

/// Rows in order of falling probability, each with how often it counts.
struct Ranked {
    labels: Vec<bool>,
    probabilities: Vec<f64>,
    weights: Vec<u32>,
    /// Places in order of rising probability, ties in the order of the rows.
    rising: Vec<usize>,
}

impl Ranked {
    fn new(labels: &[bool], probabilities: &[f64]) -> Self {
        let order = ranking(probabilities);
        let mut rising: Vec<usize> = (0..order.len()).collect();
        rising.sort_by(|&a, &b| probabilities[order[a]].total_cmp(&probabilities[order[b]]).then(a.cmp(&b)));
        Self {
            rising,
            labels: order.iter().map(|&row| labels[row]).collect(),
            probabilities: order.iter().map(|&row| probabilities[row]).collect(),
            weights: vec![1; order.len()],
        }
    }

    fn rows(&self) -> f64 {
        self.weights.iter().map(|&weight| f64::from(weight)).sum()
    }

    /// For each run of equal probabilities: rows with the label, rows without.
    fn ties(&self) -> Vec<(f64, f64)> {
        let mut ties: Vec<(f64, f64)> = Vec::new();
        let mut last = f64::NAN;
        for ((&label, &probability), &weight) in self.labels.iter().zip(&self.probabilities).zip(&self.weights) {
            if probability.total_cmp(&last) != Ordering::Equal {
                ties.push((0.0, 0.0));
                last = probability;
            }
            if let Some(tie) = ties.last_mut() {
                *(if label { &mut tie.0 } else { &mut tie.1 }) += f64::from(weight);
            }
        }
        ties
    }

    fn precision_at(&self, share: f64) -> f64 {
        let wanted = (share * self.rows()).round().max(1.0);
        let (mut taken, mut hits) = (0.0, 0.0);
        for (&label, &weight) in self.labels.iter().zip(&self.weights) {
            let take = f64::from(weight).min(wanted - taken);
            taken += take;
            hits += if label { take } else { 0.0 };
            if taken >= wanted {
                break;
            }
        }
        if taken > 0.0 { hits / taken } else { 0.0 }
    }

    /// Bins from the least probability on; the first bins take the rest of the division.
    fn calibration_error(&self) -> f64 {
        let rows: usize = self.weights.iter().map(|&weight| weight as usize).sum();
        let size = |bin: usize| rows / BINS + usize::from(bin < rows % BINS);
        let (mut bin, mut left, mut error) = (0, size(0), 0.0);
        let (mut foretold, mut seen) = (0.0, 0.0);
        for &row in &self.rising {
            let mut weight = self.weights[row] as usize;
            while weight > 0 {
                while left == 0 && bin + 1 < BINS {
                    error += f64::abs(foretold - seen);
                    (foretold, seen) = (0.0, 0.0);
                    bin += 1;
                    left = size(bin);
                }
                let take = weight.min(left.max(1));
                foretold += count(take) * self.probabilities[row];
                seen += if self.labels[row] { count(take) } else { 0.0 };
                left = left.saturating_sub(take);
                weight -= take;
            }
        }
        (error + (foretold - seen).abs()) / count(rows).max(1.0)
    }

    fn measure(&self) -> Metrics {
        let rows = self.rows();
        let ties = self.ties();
        let positives: f64 = ties.iter().map(|tie| tie.0).sum();
        let negatives = rows - positives;
        let (mut above, mut below, mut ranked, mut precision) = (0.0, 0.0, 0.0, 0.0);
        for (with, without) in &ties {
            ranked += without * (above + with / 2.0);
            above += with;
            below += without;
            precision += with * above / (above + below).max(1.0);
        }
        let (mut brier, mut log_loss) = (0.0, 0.0);
        for ((&label, &probability), &weight) in self.labels.iter().zip(&self.probabilities).zip(&self.weights) {
            let right = if label { probability } else { 1.0 - probability };
            brier += f64::from(weight) * (1.0 - right) * (1.0 - right);
            log_loss -= f64::from(weight) * right.clamp(CLIP, 1.0 - CLIP).ln();
        }
        let all = rows.max(1.0);
        let at_tenth = self.precision_at(0.1);
        Metrics {
            rows: whole(rows),
            positives: whole(positives),
            base_rate: positives / all,
            auc: (positives > 0.0 && negatives > 0.0).then(|| ranked / (positives * negatives)),
            auc_interval: None,
            pr_auc: (positives > 0.0).then(|| precision / positives),
            pr_auc_interval: None,
            brier: brier / all,
            brier_interval: None,
            log_loss: log_loss / all,
            log_loss_interval: None,
            ece: self.calibration_error(),
            ece_interval: None,
            precision_at_1pct: self.precision_at(0.01),
            precision_at_1pct_interval: None,
            precision_at_10pct: at_tenth,
            precision_at_10pct_interval: None,
            lift_at_10pct: (positives > 0.0).then(|| at_tenth * all / positives),
        }
    }
}

/// The rows in order of falling score, ties in their own order; what is not a number comes last.
pub fn ranking(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| match (scores[a].is_nan(), scores[b].is_nan()) {
        (false, false) => scores[b].partial_cmp(&scores[a]).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    });
    order
}

/// The chance that a row with the label has a higher score than one without.
pub fn roc_auc(labels: &[bool], scores: &[f64]) -> Option<f64> {
    Ranked::new(labels, scores).measure().auc
}

/// Average precision.
pub fn pr_auc(labels: &[bool], scores: &[f64]) -> Option<f64> {
    Ranked::new(labels, scores).measure().pr_auc
}

/// The share of labels in the first `share` of the rows.
pub fn precision_at(labels: &[bool], scores: &[f64], share: f64) -> f64 {
    Ranked::new(labels, scores).precision_at(share)
}

/// How much richer in labels the first `share` of the rows is than all of them.
pub fn lift_at(labels: &[bool], scores: &[f64], share: f64) -> Option<f64> {
    let positives = labels.iter().filter(|&&label| label).count();
    (positives > 0).then(|| precision_at(labels, scores, share) * count(labels.len()) / count(positives))
}

/// All figures, without intervals.
pub fn measure(labels: &[bool], probabilities: &[f64]) -> Metrics {
    Ranked::new(labels, probabilities).measure()
}

/// All figures with 95 % intervals from `resamples` bootstrap samples of the rows.
pub fn measure_with_intervals(labels: &[bool], probabilities: &[f64], resamples: usize, seed: u64) -> Metrics {
    let mut ranked = Ranked::new(labels, probabilities);
    let mut metrics = ranked.measure();
    let mut draws = Draws::new(seed);
    let mut samples: Vec<Metrics> = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        ranked.weights.fill(0);
        for _ in 0..labels.len() {
            let row = draws.below(labels.len());
            ranked.weights[row] += 1;
        }
        samples.push(ranked.measure());
    }
    let interval = |figure: fn(&Metrics) -> Option<f64>| percentiles(samples.iter().filter_map(figure).collect());
    metrics.auc_interval = interval(|sample| sample.auc);
    metrics.pr_auc_interval = interval(|sample| sample.pr_auc);
    metrics.brier_interval = interval(|sample| Some(sample.brier));
    metrics.log_loss_interval = interval(|sample| Some(sample.log_loss));
    metrics.ece_interval = interval(|sample| Some(sample.ece));
    metrics.precision_at_1pct_interval = interval(|sample| Some(sample.precision_at_1pct));
    metrics.precision_at_10pct_interval = interval(|sample| Some(sample.precision_at_10pct));
    metrics
}

/// The 2.5th and 97.5th percentile.
fn percentiles(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| values[whole(share * count(last)).min(last)];
    Some([at(0.025), at(0.975)])
}

impl Metrics {
    /// The figures with the digits that a model file keeps.
    #[must_use]
    pub fn kept(mut self) -> Self {
        for value in [
            &mut self.base_rate,
            &mut self.brier,
            &mut self.log_loss,
            &mut self.ece,
            &mut self.precision_at_1pct,
            &mut self.precision_at_10pct,
        ] {
            *value = keep(*value);
        }
        self.auc = self.auc.map(keep);
        self.pr_auc = self.pr_auc.map(keep);
        self.lift_at_10pct = self.lift_at_10pct.map(keep);
        for interval in [
            &mut self.auc_interval,
            &mut self.pr_auc_interval,
            &mut self.brier_interval,
            &mut self.log_loss_interval,
            &mut self.ece_interval,
            &mut self.precision_at_1pct_interval,
            &mut self.precision_at_10pct_interval,
        ] {
            *interval = interval.map(|ends| ends.map(keep));
        }
        self
    }
}

#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
fn count(rows: usize) -> f64 {
    rows as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
fn whole(rows: f64) -> usize {
    rows.round() as usize
}

#[cfg(test)]
mod tests {
    use super::{lift_at, measure, measure_with_intervals, precision_at, ranking, roc_auc};
    use crate::random::Draws;

    #[test]
    fn ties_count_half_and_nothing_is_known_of_one_kind() {
        assert_eq!(roc_auc(&[true, false, true, false], &[0.5; 4]), Some(0.5));
        assert_eq!(roc_auc(&[true, false], &[0.1, 0.9]), Some(0.0));
        assert_eq!(roc_auc(&[true, true], &[0.1, 0.9]), None);
        assert_eq!(roc_auc(&[], &[]), None);
        let empty = measure(&[], &[]);
        assert!(empty.brier == 0.0 && empty.ece == 0.0 && empty.pr_auc.is_none());
    }

    #[test]
    fn precision_takes_ties_in_the_order_of_the_rows() {
        let labels = [true, false, false, true];
        assert!((precision_at(&labels, &[0.5; 4], 0.25) - 1.0).abs() < 1e-12);
        assert!((precision_at(&labels, &[0.5; 4], 0.5) - 0.5).abs() < 1e-12);
        assert_eq!(lift_at(&labels, &[0.5; 4], 0.25), Some(2.0));
        assert_eq!(ranking(&[0.1, f64::NAN, 0.3, 0.1]), [2, 0, 3, 1]);
    }

    #[test]
    fn intervals_hold_the_figure_and_narrow_with_rows() {
        let mut draws = Draws::new(4);
        let rows: Vec<(bool, f64)> = (0..4_000)
            .map(|_| {
                let probability = draws.share();
                (draws.share() < probability, probability)
            })
            .collect();
        let width = |rows: &[(bool, f64)]| {
            let (labels, probabilities): (Vec<bool>, Vec<f64>) = rows.iter().copied().unzip();
            let metrics = measure_with_intervals(&labels, &probabilities, 100, 1);
            let (auc, [low, high]) = (metrics.auc.expect("both kinds"), metrics.auc_interval.expect("samples"));
            assert!(low < auc && auc < high);
            assert_eq!(metrics, measure_with_intervals(&labels, &probabilities, 100, 1));
            high - low
        };
        let (few, many) = (width(&rows[..250]), width(&rows));
        assert!(many < few / 2.5, "{many} {few}");
    }
}
