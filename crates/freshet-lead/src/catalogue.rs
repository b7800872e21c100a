//! What each feature of a lead means, and how a reason says it.
//!
//! Features of transactions are those of [`crate::features`]; the others come from the lake: checkouts and carts,
//! refunds, support. A feature may be missing from a frame, and a frame may have others: those speak by their names.
//! Groups keep what says the same thing in one reason. A phrase tells what is there, never what it leads to.

use freshet_ml::feature::Feature;

/// Name, definition, group, phrase.
const FEATURES: [[&str; 4]; 41] = [
    ["recency", "days from the last day with a purchase to the cut-off", "recency", "last ordered {value} days ago, typically {typical}"],
    ["tenure", "days from the first day with a purchase to the cut-off", "tenure", "customer for {value} days, typically {typical}"],
    ["freq", "days with a purchase, after the first", "frequency", "came back {value} times"],
    ["n", "days with a purchase", "frequency", "ordered on {value} days"],
    ["tx", "days from the first to the last purchase", "rhythm", "{value} days between first and last order"],
    ["T", "days from the first purchase to the cut-off", "tenure", "customer for {value} days, typically {typical}"],
    ["m_sum", "sum of all purchases", "spend", "spent {value} in all, typically {typical}"],
    ["m_max", "largest sum of a day", "spend", "largest order {value}, typically {typical}"],
    ["m_mean", "mean sum of a day with a purchase", "spend", "{value} an order, typically {typical}"],
    ["m_last", "sum of the last day with a purchase", "spend", "last order {value}, typically {typical}"],
    ["q_sum", "pieces of all purchases", "spend", "bought {value} pieces, typically {typical}"],
    ["gap_mean", "mean days between purchases; tenure where there was one", "rhythm", "usually {value} days between orders"],
    ["gap_std", "standard deviation of the days between purchases", "rhythm", "days between orders vary by {value}"],
    ["overdue", "recency over the mean days between purchases, of at least one day", "rhythm", "quiet for {value} times the usual gap"],
    ["n_30", "days with a purchase in the last 30 days", "recent orders", "ordered {value} times in 30 days"],
    ["m_30", "sum of purchases in the last 30 days", "recent orders", "spent {value} in 30 days"],
    ["n_90", "days with a purchase in the last 90 days", "recent orders", "ordered {value} times in 90 days"],
    ["m_90", "sum of purchases in the last 90 days", "recent orders", "spent {value} in 90 days"],
    ["n_180", "days with a purchase in the last 180 days", "recent orders", "ordered {value} times in 180 days"],
    ["m_180", "sum of purchases in the last 180 days", "recent orders", "spent {value} in 180 days"],
    [
        "bgnbd",
        "BG/NBD probability of a purchase within the horizon, fitted at the cut-off",
        "purchase pattern",
        "pattern of orders: {value} by BG/NBD, typically {typical}",
    ],
    [
        "share",
        "share of earlier leads with the same signs that bought within the horizon, drawn towards the share of all, by how likely the lead comes back to a checkout",
        "leads like this",
        "of leads with such signs {value} are expected to buy, typically {typical}",
    ],
    ["refund_sum", "sum of refunds", "refunds", "refunded {value} in all"],
    ["refunds_90", "refunds in the last 90 days", "refunds", "{value} refunds in 90 days"],
    ["checkouts_30", "checkouts in the last 30 days that did not become an order", "checkout", "{value} checkouts left in 30 days"],
    ["checkout_age", "days since the last checkout that did not become an order", "checkout", "checkout left {value} days ago"],
    ["checkout_value", "sum of the last checkout that did not become an order", "checkout", "checkout of {value} left"],
    ["checkout_items", "pieces in the last checkout that did not become an order", "checkout", "{value} pieces in the checkout left"],
    ["cart_age", "days since the last change of a cart", "cart", "cart changed {value} days ago"],
    ["carts_30", "changes of carts in the last 30 days", "cart", "{value} cart changes in 30 days"],
    ["source", "where the first order or checkout came from", "source", "came by {value}"],
    ["lead_age", "days since the first sign of the lead", "lead age", "known for {value} days, typically {typical}"],
    ["tickets_30", "support tickets in the last 30 days", "support", "{value} tickets in 30 days"],
    ["tickets_90", "support tickets in the last 90 days", "support", "{value} tickets in 90 days"],
    ["open_tickets", "support tickets open at the cut-off", "support", "{value} tickets open now"],
    ["open_ticket", "whether a support ticket is open at the cut-off", "support", "ticket open now: {value} (1 is yes)"],
    ["last_ticket_age", "days since the last support ticket", "support", "last ticket {value} days ago"],
    [
        "first_reply_hours",
        "hours to the first reply to the last ticket",
        "support speed",
        "first reply after {value} hours, typically {typical}",
    ],
    ["last_satisfaction", "last answer to a satisfaction survey: 1 good, 0 bad", "satisfaction", "last satisfaction {value} (1 is good)"],
    [
        "bad_since_order",
        "whether a bad satisfaction came since the last order",
        "satisfaction",
        "bad satisfaction since the last order: {value} (1 is yes)",
    ],
    ["providers", "in how many sources the person is known", "identity", "known in {value} sources"],
];

/// All features.
pub fn catalogue() -> Vec<Feature> {
    FEATURES.iter().map(|[name, definition, group, phrase]| Feature::new(name, definition, group, phrase)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::catalogue;
    use crate::features::{BGNBD, NAMES};

    #[test]
    fn every_feature_of_transactions_is_explained_once_and_none_is_a_cause() {
        let features = catalogue();
        let names: BTreeSet<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
        assert_eq!(names.len(), features.len());
        assert!(NAMES.iter().chain(&[BGNBD, "q_sum", "refund_sum"]).all(|name| names.contains(name)));
        for feature in &features {
            assert!(feature.phrase.contains("{value}"), "{}", feature.name);
            assert!(
                !["because", "cause", "due to", "leads to", "makes"].iter().any(|word| feature.phrase.contains(word)),
                "{}",
                feature.phrase
            );
        }
    }
}
