//! Who bought for how much on which day.
//!
//! The unit is the customer-day: several transactions of a day are one purchase. A negative amount is a refund and
//! no purchase, and so is one of negative pieces: exports of shops write what came back either way. Days are whole numbers, so that differences are days.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};

/// A day as a number: days since the first of January of the year 1.
pub type Day = i32;

/// All of a customer's transactions of one day.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Purchase {
    /// The day.
    pub day: Day,
    /// What was bought for.
    pub amount: f64,
    /// How many pieces.
    pub quantity: f64,
    /// What was given back.
    pub refunded: f64,
    /// Whether anything was bought, rather than only given back.
    pub bought: bool,
}

/// Customers and their days, each in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    customers: Vec<String>,
    purchases: Vec<Vec<Purchase>>,
    has_quantity: bool,
    last_day: Day,
}

/// Collects transactions in any order.
#[derive(Debug, Default)]
pub struct Collector {
    places: HashMap<String, usize>,
    ledger: Ledger,
}

impl Collector {
    /// Adds a transaction.
    pub fn add(&mut self, customer: &str, day: Day, amount: f64, quantity: Option<f64>) {
        let place = if let Some(&place) = self.places.get(customer) {
            place
        } else {
            self.places.insert(customer.to_owned(), self.ledger.customers.len());
            self.ledger.customers.push(customer.to_owned());
            self.ledger.purchases.push(Vec::new());
            self.ledger.customers.len() - 1
        };
        self.ledger.has_quantity |= quantity.is_some();
        self.ledger.last_day = self.ledger.last_day.max(day);
        let bought = amount >= 0.0 && quantity.is_none_or(|quantity| quantity >= 0.0);
        self.ledger.purchases[place].push(if bought {
            Purchase { day, amount, quantity: quantity.unwrap_or_default(), refunded: 0.0, bought }
        } else {
            Purchase { day, refunded: amount.abs(), ..Purchase::default() }
        });
    }

    /// The customers in order of their first transaction, with a day's transactions as one.
    pub fn finish(mut self) -> Ledger {
        for days in &mut self.ledger.purchases {
            days.sort_by_key(|purchase| purchase.day);
            days.dedup_by(|next, kept| {
                let same = next.day == kept.day;
                if same {
                    kept.amount += next.amount;
                    kept.quantity += next.quantity;
                    kept.refunded += next.refunded;
                    kept.bought |= next.bought;
                }
                same
            });
            days.shrink_to_fit();
        }
        self.ledger
    }
}

impl Ledger {
    /// The customers' keys.
    pub fn customers(&self) -> &[String] {
        &self.customers
    }

    /// A customer's days.
    pub fn days(&self, customer: usize) -> &[Purchase] {
        &self.purchases[customer]
    }

    /// A customer's days before the cut-off: all that a feature may see.
    pub fn seen(&self, customer: usize, cut_off: Day) -> &[Purchase] {
        let days = &self.purchases[customer];
        &days[..days.partition_point(|purchase| purchase.day < cut_off)]
    }

    /// Whether a customer buys from `from` on and before `until`.
    pub fn buys_within(&self, customer: usize, from: Day, until: Day) -> bool {
        let days = &self.purchases[customer];
        days[days.partition_point(|purchase| purchase.day < from)..]
            .iter()
            .take_while(|purchase| purchase.day < until)
            .any(|purchase| purchase.bought)
    }

    /// Whether transactions say how many pieces.
    pub fn has_quantity(&self) -> bool {
        self.has_quantity
    }

    /// The last day on which anything happened.
    pub fn last_day(&self) -> Day {
        self.last_day
    }
}

/// A date's number.
pub fn number(date: NaiveDate) -> Day {
    date.num_days_from_ce()
}

/// A number's date.
pub fn date(day: Day) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::Collector;

    #[test]
    fn a_day_is_one_purchase_and_a_refund_is_none() {
        let mut collector = Collector::default();
        for (customer, day, amount) in [("b", 20, 5.0), ("a", 10, 1.0), ("b", 10, 2.0), ("b", 20, 7.0), ("b", 30, -7.0)] {
            collector.add(customer, day, amount, Some(1.0));
        }
        let ledger = collector.finish();
        assert_eq!(ledger.customers(), ["b", "a"]);
        let days: Vec<_> = ledger.days(0).iter().map(|day| (day.day, day.amount, day.quantity, day.bought)).collect();
        assert_eq!(days, [(10, 2.0, 1.0, true), (20, 12.0, 2.0, true), (30, 0.0, 0.0, false)]);
        assert_eq!(ledger.seen(0, 20).len(), 1);
        assert!(ledger.buys_within(0, 20, 21) && !ledger.buys_within(0, 21, 99), "a refund is no purchase");
        let mut collector = Collector::default();
        for (day, amount, pieces) in [(10, 8.0, 2.0), (20, 4.0, -1.0), (30, 0.0, -1.0)] {
            collector.add("a", day, amount, Some(pieces));
        }
        let ledger = collector.finish();
        let days: Vec<_> = ledger.days(0).iter().map(|day| (day.amount, day.quantity, day.refunded, day.bought)).collect();
        assert_eq!(days, [(8.0, 2.0, 0.0, true), (0.0, 0.0, 4.0, false), (0.0, 0.0, 0.0, false)]);
    }
}
