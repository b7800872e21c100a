//! The cold start of those of whom BG/NBD knows nothing: the share of earlier leads with the same signs that bought.
//!
//! Signs are few and plain (a checkout left lately, one left long ago, a question alone), so that some labels suffice.
//! Each share is drawn towards that of all by as many rows as `WEIGHT`, and that of all towards `PRIOR`, which is a guess
//! and speaks alone only while no label at all has matured.

use std::collections::BTreeMap;

use freshet_ml::digits::keep;
use freshet_ml::frame::Frame;

use crate::lake::number;

/// The feature's name, and the beginning of its numbers' names in a model file.
pub const SHARE: &str = "share";
/// So many rows of the wider share stand beside those of a narrower one.
const WEIGHT: f64 = 20.0;
/// The share of all leads, before anything is known.
const PRIOR: f64 = 0.05;
/// A checkout left for no more days is one left lately.
const LATELY: f64 = 30.0;
/// Signs, the strongest first.
const SIGNS: [&str; 6] = ["again", "once", "checkout_lately", "checkout_before", "cart", "question"];

/// A share for each sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares([f64; SIGNS.len()]);

/// The strongest sign of a row, by its place in [`SIGNS`].
fn sign(frame: &Frame, row: usize) -> usize {
    let value = |name: &str| number(frame, name).get(row).copied().filter(|value| value.is_finite());
    match (value("freq"), value("checkout_age"), value("cart_age")) {
        (Some(repeats), ..) if repeats > 0.0 => 0,
        (Some(_), ..) => 1,
        (None, Some(days), _) if days <= LATELY => 2,
        (None, Some(_), _) => 3,
        (None, None, Some(_)) => 4,
        (None, None, None) => 5,
    }
}

impl Shares {
    /// The shares of rows whose labels are known.
    pub fn fit(frame: &Frame, labels: &[bool]) -> Self {
        let mut counts = [(0.0, 0.0); SIGNS.len()];
        for (row, &label) in labels.iter().enumerate() {
            let (positives, rows) = &mut counts[sign(frame, row)];
            *positives += f64::from(u8::from(label));
            *rows += 1.0;
        }
        let (positives, rows) = counts.iter().fold((0.0, 0.0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let drawn = |positives: f64, rows: f64, towards: f64| keep((positives + WEIGHT * towards) / (rows + WEIGHT));
        let of_all = drawn(positives, rows, PRIOR);
        Self(counts.map(|(positives, rows)| drawn(positives, rows, of_all)))
    }

    /// Each row's share.
    pub fn of(&self, frame: &Frame) -> Vec<f64> {
        (0..frame.rows()).map(|row| self.0[sign(frame, row)]).collect()
    }

    /// The shares by the names that a model file has them under.
    pub fn parameters(&self) -> BTreeMap<String, f64> {
        SIGNS.iter().zip(self.0).map(|(sign, share)| (format!("{SHARE}_{sign}"), share)).collect()
    }

    /// The shares of a model file.
    pub fn read(parameters: &BTreeMap<String, f64>) -> Option<Self> {
        let mut shares = [0.0; SIGNS.len()];
        for (share, sign) in shares.iter_mut().zip(SIGNS) {
            *share = *parameters.get(&format!("{SHARE}_{sign}"))?;
        }
        Some(Self(shares))
    }
}

#[cfg(test)]
mod tests {
    use super::Shares;
    use crate::lake::tests::{Told, seen};

    #[test]
    fn shares_follow_labels_and_stay_near_the_guess_without_them() {
        let rows: Vec<(String, [(&str, &str); 2])> = (0..200)
            .map(|row| (format!("p{row:03}"), [("lead_age", "5"), ("checkout_age", if row % 2 == 0 { "3" } else { "90" })]))
            .collect();
        let rows: Vec<Told<'_>> = rows.iter().map(|(name, values)| (name.as_str(), true, values.as_slice())).collect();
        let frame = seen(&rows).expect("people").prospects.frame;
        let nothing = Shares::fit(&frame, &[]);
        assert!(nothing.of(&frame).iter().all(|share| (share - 0.05).abs() < 1e-12));
        let labels: Vec<bool> = (0..200).map(|row| row % 4 == 0).collect();
        let shares = Shares::fit(&frame, &labels);
        let of = shares.of(&frame);
        assert!(of[0] > 0.4 && of[0] < 0.5 && of[1] < 0.06 && of[1] > 0.0, "{of:?}");
        assert_eq!(Shares::read(&shares.parameters()), Some(shares));
        assert_eq!(Shares::read(&std::collections::BTreeMap::new()), None);
    }
}
