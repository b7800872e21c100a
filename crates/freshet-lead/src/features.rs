//! What is seen of each customer at a cut-off: recency, frequency, spend, rhythm, and the last weeks.
//!
//! Every function takes only days before the cut-off; [`rows`] is the one place that looks across it, for labels.

use chrono::NaiveDate;
use freshet_ml::frame::{Column, Frame};
use freshet_ml::snapshot::{Label, Snapshot};

use crate::bgnbd::{Bgnbd, Summary, fit, summarize};
use crate::error::Error;
use crate::ledger::{Day, Ledger, Purchase, number};

/// The features that transactions give, in order; `q_sum`, `refund_sum` and `bgnbd` come after them.
pub const NAMES: [&str; 16] = [
    "recency", "tenure", "freq", "m_sum", "m_max", "m_mean", "m_last", "gap_mean", "gap_std", "overdue", "n_30", "m_30", "n_90", "m_90",
    "n_180", "m_180",
];
/// The cold-start model's probability, as a feature.
pub const BGNBD: &str = "bgnbd";

/// Customers who had bought before a cut-off, and what was seen of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Their places in the ledger.
    pub customers: Vec<usize>,
    /// Their features.
    pub frame: Frame,
    /// Their labels; unripe ones are for scoring only.
    pub labels: Vec<Label>,
    /// The cold-start model of what was seen; none where nobody had bought twice.
    pub bgnbd: Option<Bgnbd>,
}

/// The features of one customer's days, all before the cut-off; `None` where nothing was bought.
pub fn features(seen: &[Purchase], cut_off: Day) -> Option<[f64; 16]> {
    let bought = || seen.iter().filter(|purchase| purchase.bought);
    let (first, last) = (bought().next()?, bought().next_back()?);
    let days = f64::from(u32::try_from(bought().count()).ok()?);
    let (recency, tenure, repeats) = (f64::from(cut_off - last.day), f64::from(cut_off - first.day), days - 1.0);
    let sum: f64 = bought().map(|purchase| purchase.amount).sum();
    let gap_mean = if repeats > 0.0 { f64::from(last.day - first.day) / repeats } else { tenure };
    let squares: f64 = bought().zip(bought().skip(1)).map(|(one, next)| (f64::from(next.day - one.day) - gap_mean).powi(2)).sum();
    let gap_deviation = if repeats > 1.0 { (squares / repeats).sqrt() } else { 0.0 };
    let recent = |window: Day| {
        bought()
            .rev()
            .take_while(|purchase| purchase.day >= cut_off - window)
            .fold((0.0, 0.0), |(days, amount), purchase| (days + 1.0, amount + purchase.amount))
    };
    let (month, quarter, half) = (recent(30), recent(90), recent(180));
    Some([
        recency,
        tenure,
        repeats,
        sum,
        bought().map(|purchase| purchase.amount).fold(0.0, f64::max),
        sum / days,
        last.amount,
        gap_mean,
        gap_deviation,
        recency / gap_mean.max(1.0),
        month.0,
        month.1,
        quarter.0,
        quarter.1,
        half.0,
        half.1,
    ])
}

/// The rows of a snapshot; labels are those known on the day `as_of`.
pub fn rows(ledger: &Ledger, snapshot: &Snapshot, as_of: NaiveDate) -> Result<Rows, Error> {
    let (cut_off, matures) = (number(snapshot.cut_off()), number(snapshot.matures()));
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); NAMES.len()];
    let (mut customers, mut summaries, mut quantities, mut refunds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for customer in 0..ledger.customers().len() {
        let seen = ledger.seen(customer, cut_off);
        let (Some(values), Some(summary)) = (features(seen, cut_off), summarize(ledger, customer, cut_off)) else { continue };
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
        quantities.push(seen.iter().map(|purchase| purchase.quantity).sum());
        refunds.push(seen.iter().map(|purchase| purchase.refunded).sum());
        summaries.push(summary);
        customers.push(customer);
    }
    if customers.is_empty() {
        return Err(Error::NoCustomers { cut_off: snapshot.cut_off() });
    }
    let bgnbd = fit(&summaries).ok();
    let mut named: Vec<(String, Column)> =
        NAMES.iter().map(|name| (*name).to_owned()).zip(columns.into_iter().map(Column::Number)).collect();
    if ledger.has_quantity() {
        named.push(("q_sum".to_owned(), Column::Number(quantities)));
    }
    named.push(("refund_sum".to_owned(), Column::Number(refunds)));
    named.push((BGNBD.to_owned(), Column::Number(probabilities(bgnbd.as_ref(), &summaries, snapshot.horizon_days()))));
    let labels = customers
        .iter()
        .map(|&customer| {
            if as_of < snapshot.matures() {
                Label::Unripe
            } else if ledger.buys_within(customer, cut_off, matures) {
                Label::Yes
            } else {
                Label::No
            }
        })
        .collect();
    Ok(Rows { customers, frame: Frame::new(named)?, labels, bgnbd })
}

fn probabilities(bgnbd: Option<&Bgnbd>, summaries: &[Summary], horizon_days: u32) -> Vec<f64> {
    summaries.iter().map(|&summary| bgnbd.map_or(f64::NAN, |bgnbd| bgnbd.buys_within(summary, horizon_days))).collect()
}

#[cfg(test)]
mod tests {
    use freshet_ml::frame::Column;
    use freshet_ml::snapshot::{Label, Snapshot};

    use super::{NAMES, features, rows};
    use crate::ledger::{Collector, Purchase, date, number};
    use crate::simulation;

    fn day(text: &str) -> chrono::NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn features_are_what_they_are_called() {
        let purchase = |day, amount| Purchase { day, amount, bought: true, ..Purchase::default() };
        let seen =
            [purchase(100, 10.0), purchase(110, 30.0), purchase(140, 20.0), Purchase { day: 150, refunded: 20.0, ..Purchase::default() }];
        let values = features(&seen, 200).expect("a customer");
        let value = |name: &str| values[NAMES.iter().position(|other| *other == name).expect("a feature")];
        for (name, expected) in [
            ("recency", 60.0),
            ("tenure", 100.0),
            ("freq", 2.0),
            ("m_sum", 60.0),
            ("m_max", 30.0),
            ("m_mean", 20.0),
            ("m_last", 20.0),
            ("gap_mean", 20.0),
            ("gap_std", 10.0),
            ("overdue", 3.0),
            ("n_30", 0.0),
            ("n_90", 2.0),
            ("m_90", 50.0),
            ("n_180", 3.0),
        ] {
            assert!((value(name) - expected).abs() < 1e-9, "{name}: {}", value(name));
        }
        assert!(features(&seen[3..], 200).is_none(), "a refund alone makes no customer");
    }

    #[test]
    fn no_feature_sees_past_the_cut_off() {
        // The same shop, once cut at the cut-off and once with all that came after it, doubled: every feature is the
        // same to the bit, the cold-start model's included. Moving the cut shows that the comparison can fail.
        let start = number(day("2024-01-01"));
        let whole = simulation::shop(400, start, 3);
        let snapshot = Snapshot::new(day("2024-10-01"), 60).expect("a snapshot");
        let cut = |until: i32, extra: bool| {
            let mut collector = Collector::default();
            for (customer, key) in whole.customers().iter().enumerate() {
                for purchase in whole.days(customer) {
                    if purchase.day < until {
                        collector.add(key, purchase.day, purchase.amount, None);
                    } else if extra {
                        collector.add(key, purchase.day, purchase.amount * 2.0, None);
                        collector.add(key, number(snapshot.cut_off()), 999.0, None);
                    }
                }
            }
            rows(&collector.finish(), &snapshot, day("2026-01-01")).expect("rows")
        };
        let cut_off = number(snapshot.cut_off());
        let (past, future) = (cut(cut_off, false), cut(cut_off, true));
        assert_eq!(past.frame, future.frame);
        assert_eq!(past.bgnbd, future.bgnbd);
        assert_ne!(past.labels, future.labels);
        assert_ne!(cut(cut_off - 1, false).frame, cut(cut_off - 30, true).frame, "a leak would show");
    }

    #[test]
    fn rows_are_labels_only_when_the_horizon_has_passed() {
        let ledger = simulation::shop(200, number(day("2024-01-01")), 4);
        let snapshot = Snapshot::new(day("2024-08-01"), 30).expect("a snapshot");
        let early = rows(&ledger, &snapshot, day("2024-08-30")).expect("rows");
        assert!(early.labels.iter().all(|&label| label == Label::Unripe));
        let ripe = rows(&ledger, &snapshot, day("2024-08-31")).expect("rows");
        assert!(ripe.labels.contains(&Label::Yes) && ripe.labels.contains(&Label::No) && !ripe.labels.contains(&Label::Unripe));
        assert_eq!(early.frame, ripe.frame);
        for (&customer, &label) in ripe.customers.iter().zip(&ripe.labels) {
            let buys = ledger.days(customer).iter().any(|purchase| (day("2024-08-01")..day("2024-08-31")).contains(&date(purchase.day)));
            assert_eq!(label == Label::Yes, buys);
        }
    }

    #[test]
    fn quantities_are_a_feature_only_where_they_are_known() {
        let mut collector = Collector::default();
        collector.add("a", 100, 5.0, Some(2.0));
        collector.add("a", 120, 5.0, Some(3.0));
        let snapshot = Snapshot::new(date(200), 30).expect("a snapshot");
        let found = rows(&collector.finish(), &snapshot, date(300)).expect("rows");
        assert_eq!(found.frame.column("q_sum"), Some(&Column::Number(vec![5.0])));
        let mut collector = Collector::default();
        collector.add("a", 100, 5.0, None);
        assert!(rows(&collector.finish(), &snapshot, date(300)).expect("rows").frame.column("q_sum").is_none());
    }
}
