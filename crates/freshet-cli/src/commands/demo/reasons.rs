//! Whether a reason is so: what it says is computed again, from the lake's own rows, by SQL that no model uses.
//!
//! Reasons are read by their forms. One that has none here is not checked, and no claim is made of it.

use chrono::NaiveDate;
use freshet_ml::reasons::plain;
use freshet_query::Answer;
use serde::Serialize;

/// A reason, and what the lake says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Checked {
    pub(super) reason: String,
    pub(super) said: String,
    pub(super) lake: String,
    pub(super) holds: bool,
}

/// What stands before a reason's value, what behind it, and the fact that it is.
const FORMS: [(&str, &str, &str); 10] = [
    ("came back ", " times", "returns"),
    ("last ordered ", " days ago", "days_since_order"),
    ("customer for ", " days", "days_since_first"),
    ("ordered ", " times in 30 days", "order_days_30"),
    ("spent ", " in all", "spent"),
    ("", " checkouts left in 30 days", "checkouts_30"),
    ("checkout left ", " days ago", "days_since_checkout"),
    ("won ", " of ", "won"),
    ("account level ", " in its first match", "level"),
    ("account level ", "", "level"),
];

/// Days with an order that stood, of each customer.
const ORDERS: &str = "SELECT customer_key AS name, count(DISTINCT day) - 1 AS returns,
    date_diff('day', max(day), DATE '{day}') AS days_since_order, date_diff('day', min(day), DATE '{day}') AS days_since_first,
    count(DISTINCT CASE WHEN day >= date_add('day', -30, DATE '{day}') THEN day END) AS order_days_30,
    CAST(sum(total) AS double) AS spent
FROM (
    SELECT customer_key, order_id, CAST(min(processed_at) AS date) AS day, max_by(total_price, occurred_at) AS total
    FROM shopify_orders
    WHERE dt < DATE '{day}' AND customer_key IN ({names})
    GROUP BY customer_key, order_id
    HAVING max(CASE WHEN test OR cancelled_at IS NOT NULL THEN 1 ELSE 0 END) = 0
) AS standing
GROUP BY customer_key";
/// Checkouts that no order came of, of each lead.
const CHECKOUTS: &str = "SELECT customer_key AS name,
    count(CASE WHEN day >= date_add('day', -30, DATE '{day}') THEN 1 END) AS checkouts_30,
    date_diff('day', max(day), DATE '{day}') AS days_since_checkout
FROM (
    SELECT customer_key, token, CAST(max(occurred_at) AS date) AS day
    FROM shopify_checkouts
    WHERE dt < DATE '{day}' AND customer_key IN ({names})
    GROUP BY customer_key, token
    HAVING max(completed_at) IS NULL
) AS left_behind
GROUP BY customer_key";
/// Matches of an organiser that were won, of the first ten of each player.
const ORGANISED: &str = "SELECT puuid AS name, count_if(win) AS won
FROM (
    SELECT p.puuid, p.win, row_number() OVER (PARTITION BY p.puuid ORDER BY m.started_at, m.match_id) AS place
    FROM game_match_players p
    JOIN game_matches m ON m.match_id = p.match_id
    WHERE p.dt < DATE '{day}' AND m.tournament_code <> '' AND p.puuid IN ({names})
) AS organised
WHERE place <= 10
GROUP BY puuid";
/// The level that each player came with.
const LEVELS: &str = "SELECT puuid AS name, min_by(summoner_level, started_at) AS level
FROM game_match_players
WHERE dt < DATE '{day}' AND puuid IN ({names})
GROUP BY puuid";

/// The statements that tell the facts of leads.
pub(super) fn of_leads(day: NaiveDate, names: &[&str]) -> Vec<String> {
    statements(&[ORDERS, CHECKOUTS], day, names)
}

/// The statements that tell the facts of accounts.
pub(super) fn of_accounts(day: NaiveDate, names: &[&str]) -> Vec<String> {
    statements(&[ORGANISED, LEVELS], day, names)
}

fn statements(about: &[&str], day: NaiveDate, names: &[&str]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
    about.iter().map(|sql| sql.replace("{day}", &day.to_string()).replace("{names}", &quoted.join(", "))).collect()
}

/// Checks the first of the reasons that one of the facts speaks of.
pub(super) fn check(name: &str, reasons: &[String], facts: &Answer) -> Option<Checked> {
    let place = |wanted: &str| facts.columns.iter().position(|column| column.name == wanted);
    let names = place("name")?;
    let row = facts.rows.iter().find(|row| row.get(names).and_then(Option::as_deref) == Some(name));
    // Nobody's statement tells of everybody: a lead has no level, an account no order.
    reasons.iter().find_map(|reason| {
        FORMS.iter().find_map(|(before, behind, fact)| {
            let (said, column) = (said(reason, before, behind)?, place(fact)?);
            let value = row.and_then(|row| row.get(column)?.as_deref());
            let lake = value.and_then(|value| value.parse::<f64>().ok()).map_or_else(|| "nothing".to_owned(), plain);
            Some(Checked { reason: reason.clone(), said: said.to_owned(), holds: lake == said, lake })
        })
    })
}

/// The value in a reason of a form.
fn said<'a>(reason: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let rest = reason.strip_prefix(before)?;
    let value = if behind.is_empty() { rest.split([' ', ',']).next()? } else { rest.split_once(behind)?.0 };
    value.parse::<f64>().is_ok().then_some(value)
}

#[cfg(test)]
mod tests {
    use freshet_query::{Answer, ResultColumn};

    use super::*;

    fn facts(columns: &[&str], rows: &[&[&str]]) -> Answer {
        Answer {
            columns: columns
                .iter()
                .map(|name| ResultColumn { name: (*name).to_owned(), kind: "double".to_owned(), precision: 17, scale: 0 })
                .collect(),
            rows: rows.iter().map(|row| row.iter().map(|value| Some((*value).to_owned())).collect()).collect(),
            scanned_bytes: 0,
            execution_id: String::new(),
        }
    }

    #[test]
    fn a_reason_is_held_against_the_lakes_value_and_a_false_one_is_found() {
        let facts = facts(&["name", "returns", "days_since_order", "spent"], &[&["k", "3", "5", "1234.4"], &["l", "0", "9", "8"]]);
        let check = |name: &str, reason: &str| check(name, &["nothing of it".to_owned(), reason.to_owned()], &facts);
        for (name, reason, holds) in [
            ("k", "came back 3 times (+)", true),
            ("k", "came back 4 times (+)", false),
            ("l", "last ordered 9 days ago, typically 4 (-)", true),
            ("k", "spent 1234 in all, typically 50 (+)", true),
            ("m", "came back 1 times (+)", false),
        ] {
            assert_eq!(check(name, reason).map(|checked| checked.holds), Some(holds), "{reason}");
        }
        assert_eq!(check("k", "known for 3 days, typically 9 (+)"), None);
        assert_eq!(check("k", "2 checkouts left in 30 days (+)"), None, "no fact speaks of it");
    }

    #[test]
    fn values_are_read_by_the_forms_of_reasons() {
        for (reason, value) in [
            ("won 7 of 8 matches, 2.1 deviations more than a newcomer would against the same opponents", "7"),
            ("account level 31 in its first match here, low beside others", "31"),
            ("account level 44", "44"),
            ("2 checkouts left in 30 days (+)", "2"),
        ] {
            assert!(FORMS.iter().any(|(before, behind, _)| said(reason, before, behind) == Some(value)), "{reason}");
        }
        assert_eq!(said("gold a minute: 1.9 deviations above the same role", "won ", " of "), None);
    }

    #[test]
    fn names_are_quoted() {
        let day = NaiveDate::from_ymd_opt(2026, 6, 15).unwrap();
        let statements = of_accounts(day, &["a'b", "c"]);
        assert!(
            statements.len() == 2 && statements.iter().all(|sql| sql.contains("IN ('a''b', 'c')") && sql.contains("DATE '2026-06-15'"))
        );
        assert!(of_leads(day, &[]).is_empty());
    }
}
