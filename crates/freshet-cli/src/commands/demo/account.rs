//! The account of a run: what was sent, what the lake says became of it, and what the world knows to be true.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use freshet_query::Answer;
use serde::Serialize;

use super::drive::Sent;
use crate::environment::{self, DEFAULT_DATABASE as DATABASE};
use crate::output::{say, table};
use crate::simulation::{Outcome, Truth};
use crate::stack::BUCKET;

/// What the lake counted of deliveries: at the door, and by their outcome.
const DELIVERIES: &str = "SELECT step, sum(received) AS received, sum(stored) AS stored, sum(duplicates) AS duplicates, sum(rejected) AS rejected, sum(refused) AS refused
FROM pipeline_counts
WHERE table_name = '' AND step IN ('receive', 'settle')
GROUP BY step";
/// The last state of each order, added up.
const ORDERS: &str = "SELECT currency, count(*) AS orders, sum(total_price) AS total
FROM (
  SELECT currency, total_price, test, row_number() OVER (PARTITION BY account, order_id ORDER BY occurred_at DESC, received_at DESC, event_id) AS place
  FROM shopify_orders
)
WHERE place = 1 AND NOT coalesce(test, false)
GROUP BY currency
ORDER BY currency";
/// Matches with all their players.
const MATCHES: &str = "SELECT count(DISTINCT match_id) AS matches FROM game_match_players";

/// The account.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    pub(super) sent: u64,
    pub(super) stored: u64,
    pub(super) duplicates: u64,
    pub(super) rejected: u64,
    /// Answered 401 and counted by the receiver, or 413 before the receiver saw it.
    pub(super) refused: u64,
    /// Deliveries that came twice, since an answer to the first was late.
    pub(super) repeats: u64,
    checks: Vec<Check>,
}

/// Two numbers that have to be the same.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    simulated: String,
    lake: String,
    is_same: bool,
}

/// Takes the account through Athena.
///
/// The stream takes a record at least once: where its answer to the receiver was not clear, the record was sent again or
/// spilled; and a sender whom the receiver did not answer in time sends again, as providers do. The lake settles all of
/// them, the second one as a duplicate (or as a reject that is there already). So the account may have as many repeats as
/// there were unclear answers and attempts, and no more; without one it holds to the number.
pub(super) async fn take(client: &aws_sdk_athena::Client, sent: Sent, unclear: u64, truth: &Truth) -> Result<Account> {
    let ask = async |sql: &str| {
        let run = environment::statement(sql.to_owned(), Vec::new(), BUCKET, DATABASE);
        Box::pin(freshet_query::run(client, run)).await.context("take the account")
    };
    let counts = counts(&ask(DELIVERIES).await?);
    let count = |step: &str, column: &str| counts.get(&(step.to_owned(), column.to_owned())).copied().unwrap_or(0);
    let (stored, duplicates, rejected) = (count("settle", "stored"), count("settle", "duplicates"), count("settle", "rejected"));
    let refused = count("receive", "refused") + sent.too_large;
    let taken = count("receive", "stored");
    let repeats = taken.saturating_sub(sent.acknowledged).min(unclear + sent.retries);
    let expected = |outcome| truth.outcomes.get(&outcome).copied().unwrap_or(0);
    let repeated_rejects = rejected.saturating_sub(expected(Outcome::Rejected)).min(repeats);
    let (duplicates, rejected) = (duplicates.saturating_sub(repeats - repeated_rejects), rejected - repeated_rejects);
    let mut checks = vec![
        Check::numbers("deliveries sent", truth.outcomes.values().sum(), sent.total),
        Check::numbers("answered 2xx, and taken in", sent.acknowledged, taken - repeats),
        Check::numbers("stored", expected(Outcome::Stored), stored),
        Check::numbers("duplicates", expected(Outcome::Duplicate), duplicates),
        Check::numbers("rejected", expected(Outcome::Rejected), rejected),
        Check::numbers("refused: answered 401", expected(Outcome::Refused), count("receive", "refused")),
        Check::numbers("refused: answered 413", expected(Outcome::TooLarge), sent.too_large),
        Check::numbers("sent = stored + duplicates + rejected + refused", sent.total, stored + duplicates + rejected + refused),
    ];
    let orders = ask(ORDERS).await?;
    let mut found: BTreeMap<String, (String, String)> =
        orders.rows.iter().map(|row| (text(row, 0), (text(row, 1), text(row, 2)))).collect();
    for (currency, order) in &truth.orders {
        let (count, total) = found.remove(currency).unwrap_or_default();
        checks.push(Check::texts(format!("orders in {currency}"), order.count.to_string(), count));
        checks.push(Check::texts(format!("what they cost in {currency}"), order.total.clone(), trim(&total)));
    }
    for (currency, (count, _)) in found {
        checks.push(Check::texts(format!("orders in {currency}"), "0".to_owned(), count));
    }
    let matches = ask(MATCHES).await?;
    checks.push(Check::texts(
        "matches".to_owned(),
        truth.matches.to_string(),
        matches.rows.first().map(|row| text(row, 0)).unwrap_or_default(),
    ));
    Ok(Account { sent: sent.total, stored, duplicates, rejected, refused, repeats, checks })
}

fn counts(answer: &Answer) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    for row in &answer.rows {
        for (column, value) in answer.columns.iter().zip(row).skip(1) {
            let number = value.as_deref().and_then(|value| value.parse().ok()).unwrap_or(0);
            counts.insert((text(row, 0), column.name.clone()), number);
        }
    }
    counts
}

fn text(row: &[Option<String>], place: usize) -> String {
    row.get(place).cloned().flatten().unwrap_or_default()
}

/// `12.3400` and `1200.0000` as a currency writes them.
fn trim(amount: &str) -> String {
    match amount.split_once('.') {
        Some((whole, digits)) if digits.trim_end_matches('0').is_empty() => whole.to_owned(),
        Some((whole, digits)) => format!("{whole}.{:0<2}", digits.trim_end_matches('0')),
        None => amount.to_owned(),
    }
}

impl Check {
    fn numbers(what: &str, simulated: u64, lake: u64) -> Self {
        Self::texts(what.to_owned(), simulated.to_string(), lake.to_string())
    }

    fn texts(what: String, simulated: String, lake: String) -> Self {
        let is_same = trim(&simulated) == trim(&lake);
        Self { what, simulated, lake, is_same }
    }
}

impl Account {
    /// Whether all is as it has to be.
    pub(super) fn adds_up(&self) -> bool {
        self.checks.iter().all(|check| check.is_same)
    }

    pub(super) fn print(&self) {
        let Self { sent, stored, duplicates, rejected, refused, repeats, checks } = self;
        table(
            &["account", "the world", "the lake", ""],
            checks.iter().map(|check| {
                vec![
                    check.what.clone(),
                    check.simulated.clone(),
                    check.lake.clone(),
                    if check.is_same { "ok" } else { "NOT THE SAME" }.to_owned(),
                ]
            }),
        );
        let verdict = if self.adds_up() { "all add up" } else { "THIS DOES NOT ADD UP" };
        say(&format!("{verdict}: {sent} sent = {stored} stored + {duplicates} duplicates + {rejected} rejected + {refused} refused"));
        if *repeats > 0 {
            say(&format!("({repeats} of them reached the lake twice, since an answer was slow, and were taken once)"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_compared_by_value() {
        for (one, other, expected) in
            [("12.30", "12.3000", true), ("1200", "1200.0000", true), ("12.34", "12.3401", false), ("0.00", "0.0000", true)]
        {
            assert_eq!(Check::texts(String::new(), one.to_owned(), other.to_owned()).is_same, expected, "{one} {other}");
        }
    }
}
