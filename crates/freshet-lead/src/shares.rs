//! The cold start of those of whom BG/NBD knows nothing: the share of earlier leads with the same signs that bought.
//!
//! Signs are few and plain (a checkout left lately, one left long ago, a question alone), so that some labels suffice.
//! Each share is drawn towards that of all by as many rows as `WEIGHT`, and that of all towards `PRIOR`, which is a guess
//! and speaks alone only while no label at all has matured.
//!
//! Among leads of one sign, who is likelier to come back to a checkout has as much more of its share ([`crate::returns`]):
//! the last checkout alone would put whoever came by once, today, above who has come every few days.

use std::collections::BTreeMap;

use freshet_ml::digits::keep;
use freshet_ml::frame::Frame;

use crate::bgnbd::Bgnbd;
use crate::lake::number;
use crate::returns::Returns;

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

/// No lead is surer to buy than this.
const MOST: f64 = 0.95;
/// The beginning of the names of what is known of returns.
const RETURNS: &str = "share_returns";

/// A share for each sign, and who comes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    of_sign: [f64; SIGNS.len()],
    returns: Option<Returns>,
}

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
    /// The shares of rows whose labels are known. A row counts as much as it was likely to come back, over those of its day
    /// ([`weights`]); `returns` is what is known now, for rows to come.
    pub fn fit(frame: &Frame, labels: &[bool], weights: &[f64], returns: Option<Returns>) -> Self {
        let mut counts = [(0.0, 0.0); SIGNS.len()];
        for (row, (&label, weight)) in labels.iter().zip(weights).enumerate() {
            let (positives, rows) = &mut counts[sign(frame, row)];
            *positives += f64::from(u8::from(label));
            *rows += weight;
        }
        let (positives, rows) = counts.iter().fold((0.0, 0.0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let drawn = |positives: f64, rows: f64, towards: f64| keep((positives + WEIGHT * towards) / (rows + WEIGHT));
        let of_all = drawn(positives, rows, PRIOR);
        Self { of_sign: counts.map(|(positives, rows)| drawn(positives, rows, of_all)), returns }
    }

    /// Each row's share.
    pub fn of(&self, frame: &Frame) -> Vec<f64> {
        self.weighted(frame, &weights(self.returns.as_ref(), frame))
    }

    /// Each row's share, where rows have weights of their own days.
    pub fn weighted(&self, frame: &Frame, weights: &[f64]) -> Vec<f64> {
        weights.iter().enumerate().map(|(row, weight)| (self.of_sign[sign(frame, row)] * weight).min(MOST)).collect()
    }

    /// The shares by the names that a model file has them under.
    pub fn parameters(&self) -> BTreeMap<String, f64> {
        let shares = SIGNS.iter().zip(self.of_sign).map(|(sign, share)| (format!("{SHARE}_{sign}"), share));
        let returns = self.returns.map(|Returns { bgnbd, horizon_days, mean, least }| {
            let of_bgnbd = [("r", bgnbd.r), ("alpha", bgnbd.alpha), ("a", bgnbd.a), ("b", bgnbd.b)];
            let others = [("days", horizon_days.into()), ("mean", mean), ("least", least)];
            of_bgnbd.into_iter().chain(others).map(|(name, value)| (format!("{RETURNS}_{name}"), value))
        });
        shares.chain(returns.into_iter().flatten()).collect()
    }

    /// The shares of a model file.
    pub fn read(parameters: &BTreeMap<String, f64>) -> Option<Self> {
        let mut of_sign = [0.0; SIGNS.len()];
        for (share, sign) in of_sign.iter_mut().zip(SIGNS) {
            *share = *parameters.get(&format!("{SHARE}_{sign}"))?;
        }
        let value = |name: &str| parameters.get(&format!("{RETURNS}_{name}")).copied();
        let returns = || {
            let bgnbd = Bgnbd { r: value("r")?, alpha: value("alpha")?, a: value("a")?, b: value("b")? };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days, as they were written")]
            let horizon_days = value("days")? as u32;
            Some(Returns { bgnbd, horizon_days, mean: value("mean").filter(|mean| *mean > 0.0)?, least: value("least")? })
        };
        Some(Self { of_sign, returns: returns() })
    }
}

/// How likely each row comes back, over the others; 1 where nothing is known of it.
pub fn weights(returns: Option<&Returns>, frame: &Frame) -> Vec<f64> {
    (0..frame.rows()).map(|row| returns.map_or(1.0, |returns| returns.of(frame, row))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Shares, weights};
    use crate::bgnbd::Bgnbd;
    use crate::lake::tests::{Told, seen};
    use crate::returns::Returns;

    #[test]
    fn shares_follow_labels_and_stay_near_the_guess_without_them() {
        let rows: Vec<(String, [(&str, &str); 2])> = (0..200)
            .map(|row| (format!("p{row:03}"), [("lead_age", "5"), ("checkout_age", if row % 2 == 0 { "3" } else { "90" })]))
            .collect();
        let rows: Vec<Told<'_>> = rows.iter().map(|(name, values)| (name.as_str(), true, values.as_slice())).collect();
        let frame = seen(&rows).expect("people").prospects.frame;
        let nothing = Shares::fit(&frame, &[], &[], None);
        assert!(nothing.of(&frame).iter().all(|share| (share - 0.05).abs() < 1e-12));
        let labels: Vec<bool> = (0..200).map(|row| row % 4 == 0).collect();
        let shares = Shares::fit(&frame, &labels, &[1.0; 200], None);
        let of = shares.of(&frame);
        assert!(of[0] > 0.4 && of[0] < 0.5 && of[1] < 0.06 && of[1] > 0.0, "{of:?}");
        assert_eq!(Shares::read(&shares.parameters()), Some(shares));
        let bgnbd = Bgnbd { r: 0.4, alpha: 6.0, a: 0.5, b: 2.0 };
        let returns = Returns { bgnbd, horizon_days: 10, mean: 0.3, least: 0.05 };
        let returning = Shares::fit(&frame, &labels, &weights(Some(&returns), &frame), Some(returns));
        assert!(returning.of(&frame)[0] > returning.of(&frame)[1]);
        assert_eq!(Shares::read(&returning.parameters()), Some(returning));
        assert_eq!(Shares::read(&std::collections::BTreeMap::new()), None);
    }
}
