//! How likely those who have not ordered come back to a checkout: BG/NBD over checkouts, which needs no label.
//!
//! A first checkout takes the place of the first purchase, and those after it that of repeats, as far as the last
//! thirty days show them. That rates differ between people, so that how often somebody came says more than when they
//! came last, was found of buying long ago (Ehrenberg 1959, "The pattern of consumer purchases", Applied Statistics
//! 8(1), 26-41); that people silently leave is what [`crate::bgnbd`] adds. Who comes back may still not buy: how many
//! do is what [`crate::shares`] draws from labels.

use freshet_ml::digits::keep;
use freshet_ml::frame::Frame;

use crate::bgnbd::{Bgnbd, Summary, fit};
use crate::lake::number;

/// As far back as `checkouts_30` counts, in days.
const WATCHED: f64 = 30.0;

/// Who comes back, over the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Returns {
    /// The model of checkouts.
    pub bgnbd: Bgnbd,
    /// The days that it is asked about.
    pub horizon_days: u32,
    /// The mean probability of those whom it was fitted to.
    pub mean: f64,
    /// The least of them: no more is expected of those who never came as far as a checkout.
    pub least: f64,
}

/// What BG/NBD sees of a row; `None` where no checkout was left, or there was an order.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days and counts, cut to what they can be")]
fn summary(frame: &Frame, row: usize) -> Option<Summary> {
    let value = |name: &str| number(frame, name).get(row).copied().filter(|value| value.is_finite());
    if value("freq").is_some() {
        return None;
    }
    let since = value("checkout_age")?.max(0.0);
    let watched = value("lead_age").unwrap_or(since).min(WATCHED).max(since);
    let left = value("checkouts_30").unwrap_or(1.0);
    Some(Summary { repeats: (left - 1.0).max(0.0) as u32, last: (watched - since) as u32, age: watched as u32 })
}

impl Returns {
    /// Fits to rows; `None` where nobody has come back, so that nothing is known of it.
    pub fn fit(frame: &Frame, horizon_days: u32) -> Option<Self> {
        let summaries: Vec<Summary> = (0..frame.rows()).filter_map(|row| summary(frame, row)).collect();
        let bgnbd = fit(&summaries).ok()?;
        let probabilities: Vec<f64> = summaries.iter().map(|&summary| bgnbd.buys_within(summary, horizon_days)).collect();
        #[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
        let mean = probabilities.iter().sum::<f64>() / probabilities.len() as f64;
        let least = probabilities.iter().copied().fold(f64::INFINITY, f64::min);
        (mean.is_finite() && least > 0.0).then(|| Self { bgnbd, horizon_days, mean: keep(mean), least: keep(least) })
    }

    /// So many times as likely as the others a row comes back; 1 for customers, of whom checkouts are not asked.
    pub fn of(&self, frame: &Frame, row: usize) -> f64 {
        let is_customer = number(frame, "freq").get(row).is_some_and(|value| value.is_finite());
        if is_customer {
            return 1.0;
        }
        summary(frame, row).map_or(self.least, |summary| self.bgnbd.buys_within(summary, self.horizon_days)) / self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::Returns;
    use crate::lake::tests::{Told, seen};

    #[test]
    fn who_came_often_is_likelier_to_come_back_than_who_came_last() {
        // Three in four came once, on some day of thirty; the others came every few days.
        let rows: Vec<(String, [String; 3])> = (0..200)
            .map(|place| {
                let (age, is_often) = (1 + place % 30, place % 4 == 0);
                let (left, since) = if is_often { (1 + age / 4, age % 4) } else { (1, age) };
                (format!("p{place}"), [left.to_string(), since.to_string(), age.to_string()])
            })
            .collect();
        let names = ["checkouts_30", "checkout_age", "lead_age"];
        let borrowed: Vec<Vec<(&str, &str)>> =
            rows.iter().map(|(_, values)| names.iter().copied().zip(values.iter().map(String::as_str)).collect()).collect();
        let told: Vec<Told<'_>> = rows.iter().zip(&borrowed).map(|((name, _), values)| (name.as_str(), true, values.as_slice())).collect();
        let frame = seen(&told).expect("people").prospects.frame;
        let returns = Returns::fit(&frame, 10).expect("some came back");
        let probe = |left: &str, since: &str, age: &str| {
            let row: [(&str, &str); 3] = [("checkouts_30", left), ("checkout_age", since), ("lead_age", age)];
            let told: [Told<'_>; 1] = [("probe", true, &row)];
            returns.of(&seen(&told).expect("somebody").prospects.frame, 0)
        };
        assert!(probe("5", "4", "20") > 2.0 * probe("1", "2", "2"), "{} {}", probe("5", "4", "20"), probe("1", "2", "2"));
        assert!(probe("1", "2", "2") > probe("1", "28", "28") && probe("4", "1", "20") > probe("4", "15", "20"));
        let question: [Told<'_>; 1] = [("asks", true, &[("lead_age", "3"), ("checkouts_30", "0")])];
        let asks = seen(&question).expect("somebody").prospects.frame;
        assert!((0..200).all(|row| returns.of(&frame, row) >= returns.of(&asks, 0)) && returns.of(&asks, 0) > 0.0);
        assert!(Returns::fit(&asks, 10).is_none());
    }
}
