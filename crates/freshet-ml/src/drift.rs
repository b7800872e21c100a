//! Drift: how far what is scored today is from what was learned from, feature by feature, and score by score.
//!
//! The population stability index over ten bins of equal mass before, and one for what is missing: the sum of
//! (now - before) ln(now / before) over the bins' shares. By custom below 0.1 is still, above 0.25 is another population.
//! A share is never taken for less than half a row. A base rate is two bins: those who did, and those who did not.

use std::collections::BTreeMap;

use crate::digits::keep;
use crate::frame::{Column, Frame};

/// Bins of numbers.
const BINS: usize = 10;

/// How far a feature has moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// The index.
    pub index: f64,
    /// The mean before, of numbers that were there.
    pub mean_before: Option<f64>,
    /// The mean now.
    pub mean_now: Option<f64>,
    /// The share that was missing before.
    pub missing_before: f64,
    /// The share that is missing now.
    pub missing_now: f64,
}

/// The drift of every feature that both frames have, by its name; nothing where one of them has no rows.
pub fn drift(before: &Frame, now: &Frame) -> Vec<(String, Drift)> {
    if before.rows() == 0 || now.rows() == 0 {
        return Vec::new();
    }
    let of = |name: &str, before: &Column| match (before, now.column(name)?) {
        (Column::Number(before), Column::Number(now)) => Some(of_numbers(before, now)),
        (Column::Category(before), Column::Category(now)) => Some(of_categories(before, now)),
        (Column::Number(_), Column::Category(_)) | (Column::Category(_), Column::Number(_)) => None,
    };
    before.columns().iter().filter_map(|(name, column)| Some((name.clone(), of(name, column)?))).collect()
}

/// The drift of numbers; `NaN` is missing.
pub fn of_numbers(before: &[f64], now: &[f64]) -> Drift {
    let mut sorted: Vec<f64> = before.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..BINS).filter_map(|bin| sorted.get(sorted.len() * bin / BINS).copied()).collect();
    edges.dedup();
    let bin = |value: f64| if value.is_finite() { 1 + edges.partition_point(|&edge| edge <= value) } else { 0 };
    let count = |values: &[f64]| {
        let mut counts = vec![0.0; edges.len() + 2];
        for &value in values {
            counts[bin(value)] += 1.0;
        }
        counts
    };
    let mean = |values: &[f64]| {
        let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        (!known.is_empty()).then(|| keep(known.iter().sum::<f64>() / rows(known.len())))
    };
    let (counts_before, counts_now) = (count(before), count(now));
    Drift {
        index: index(&counts_before, &counts_now),
        mean_before: mean(before),
        mean_now: mean(now),
        missing_before: keep(counts_before[0] / rows(before.len())),
        missing_now: keep(counts_now[0] / rows(now.len())),
    }
}

/// The drift of a share of rows: `before` is what it was, `yes` of `now` rows are what it is.
pub fn of_share(before: f64, yes: usize, now: usize) -> Drift {
    let of_now = |share: f64| [(1.0 - share) * rows(now), share * rows(now)];
    let share = rows_of(yes) / rows(now);
    Drift {
        index: index(&of_now(before), &of_now(share)),
        mean_before: Some(keep(before)),
        mean_now: Some(keep(share)),
        missing_before: 0.0,
        missing_now: 0.0,
    }
}

fn of_categories(before: &[Option<String>], now: &[Option<String>]) -> Drift {
    let mut counts: BTreeMap<Option<&str>, [f64; 2]> = BTreeMap::new();
    for (place, values) in [before, now].into_iter().enumerate() {
        for value in values {
            counts.entry(value.as_deref()).or_default()[place] += 1.0;
        }
    }
    let missing = counts.get(&None).copied().unwrap_or_default();
    let of = |place: usize| counts.values().map(|count| count[place]).collect::<Vec<f64>>();
    Drift {
        index: index(&of(0), &of(1)),
        mean_before: None,
        mean_now: None,
        missing_before: keep(missing[0] / rows(before.len())),
        missing_now: keep(missing[1] / rows(now.len())),
    }
}

/// The index over the bins' counts.
fn index(before: &[f64], now: &[f64]) -> f64 {
    let share = |count: f64, counts: &[f64]| count.max(0.5) / counts.iter().sum::<f64>().max(1.0);
    let terms = before.iter().zip(now).filter(|(before, now)| **before > 0.0 || **now > 0.0);
    keep(
        terms
            .map(|(&one, &other)| {
                let (one, other) = (share(one, before), share(other, now));
                (other - one) * (other / one).ln()
            })
            .sum(),
    )
}

fn rows(count: usize) -> f64 {
    rows_of(count.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
fn rows_of(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{drift, of_numbers, of_share};
    use crate::frame::{Column, Frame};
    use crate::random::Draws;

    #[test]
    fn what_stays_is_still_and_what_moves_is_seen() {
        let mut draws = Draws::new(3);
        let mut normal = |mean: f64| (0..4_000).map(|_| mean + draws.normal()).collect::<Vec<f64>>();
        let (before, same, moved) = (normal(0.0), normal(0.0), normal(0.7));
        assert!(of_numbers(&before, &same).index < 0.02);
        assert!(of_numbers(&before, &moved).index > 0.25);
        assert!((of_numbers(&before, &moved).mean_now.expect("numbers") - 0.7).abs() < 0.1);
        let gaps: Vec<f64> = same.iter().enumerate().map(|(row, &value)| if row % 2 == 0 { f64::NAN } else { value }).collect();
        let drift = of_numbers(&before, &gaps);
        assert!(drift.index > 0.25 && (drift.missing_now - 0.5).abs() < 1e-9 && drift.missing_before.abs() < 1e-9);
        // By hand: one of two halves becomes three quarters: 0.25 ln 1.5 + -0.25 ln 0.5.
        let halves = of_numbers(&[0.0, 0.0, 1.0, 1.0], &[0.0, 1.0, 1.0, 1.0]).index;
        assert!((halves - (0.25 * 1.5_f64.ln() - 0.25 * 0.5_f64.ln())).abs() < 1e-9, "{halves}");
    }

    #[test]
    fn a_base_rate_is_two_bins() {
        assert!(of_share(0.1, 10, 100).index.abs() < 1e-12);
        // By hand: from a tenth to three tenths: 0.2 ln 3 - 0.2 ln (7 / 9).
        let moved = of_share(0.1, 30, 100);
        assert!((moved.index - 0.2 * (3.0_f64.ln() - (7.0_f64 / 9.0).ln())).abs() < 1e-9, "{moved:?}");
        assert_eq!((moved.mean_before, moved.mean_now), (Some(0.1), Some(0.3)));
        assert!(of_share(0.1, 0, 100).index.is_finite() && of_share(0.1, 0, 100).index > 0.2);
    }

    #[test]
    fn kinds_and_columns_are_compared_by_name() {
        let kinds = |kinds: &[&str]| Column::Category(kinds.iter().map(|kind| (!kind.is_empty()).then(|| (*kind).to_owned())).collect());
        let frame = |values: &[f64], names: &[&str]| {
            Frame::new(vec![("n".to_owned(), Column::Number(values.to_vec())), ("k".to_owned(), kinds(names))]).expect("a frame")
        };
        let found = drift(&frame(&[1.0, 2.0], &["web", "web"]), &frame(&[1.0, 2.0], &["web", "new"]));
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["n", "k"]);
        assert!(found[0].1.index.abs() < 1e-12 && found[1].1.index > 0.1);
        assert!(drift(&frame(&[], &[]), &frame(&[1.0], &["web"])).is_empty());
    }
}
