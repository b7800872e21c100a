//! The models at the end of a run: leads and accounts are scored, and each list is measured against what is true in the world.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use freshet_ingest::personal::customer_key;
use freshet_ingest::secret::HashKey;
use freshet_lambda::scorer::{Desk, Scoring, lead, smurf};
use freshet_ml::metrics::roc_auc;
use freshet_query::Answer;
use serde::Serialize;

use crate::environment;
use crate::output::{say, table};
use crate::simulation::Truth;

/// How far ahead the probabilities ask, in days.
pub(super) const HORIZON: u32 = 3;
/// The seed of the training.
const SEED: u64 = 1;

/// Each lead with its probability, and when it was last seen doing what a list without a model would go by: an order of
/// customers, a checkout of prospects.
const LEADS: &str =
    "SELECT s.class, s.customer_key, s.probability, to_unixtime(CASE WHEN s.class = 'customers' THEN o.at ELSE c.at END) AS seen_at
FROM lead_scores s
LEFT JOIN (SELECT customer_key, max(processed_at) AS at FROM shopify_orders GROUP BY customer_key) o ON o.customer_key = s.customer_key
LEFT JOIN (SELECT customer_key, max(occurred_at) AS at FROM shopify_checkouts GROUP BY customer_key) c ON c.customer_key = s.customer_key
WHERE s.customer_key IS NOT NULL
ORDER BY s.subject";
/// Each account with its score and its share of wins.
const ACCOUNTS: &str = "SELECT 'accounts' AS class, player_id, score, CAST(won AS double) / matches AS won
FROM smurf_scores
ORDER BY player_id";

/// What was scored, and how well.
#[derive(Debug, Serialize)]
pub(super) struct Scores {
    /// Which learner speaks of each class.
    speakers: BTreeMap<String, String>,
    lists: Vec<List>,
}

/// A list, and a simpler one beside it, both measured against the truth.
#[derive(Debug, Serialize)]
struct List {
    who: &'static str,
    what: &'static str,
    beside: &'static str,
    scored: usize,
    /// Those of whom it is true.
    true_of: usize,
    /// The area under the curve of the list; `None` where it is true of nobody, or of all.
    auc: Option<f64>,
    /// The same of the simpler list.
    auc_beside: Option<f64>,
}

/// Trains and scores, and lands the rows for the compactor.
pub(super) async fn land(desk: &Desk, day: NaiveDate) -> Result<BTreeMap<String, String>> {
    let training = lead::Training { as_of: day, horizon_days: HORIZON, seed: SEED };
    let trained = lead::train(desk, &training).await.context("train the models of leads")?;
    let scoring = Scoring { as_of: day, version: Some(trained.version.clone()) };
    lead::score(desk, &scoring).await.context("score the leads")?;
    smurf::score(desk, &Scoring { as_of: day, version: None }).await.context("score the accounts")?;
    Ok(trained.parts.into_iter().map(|part| (part.part, part.chosen)).collect())
}

/// Measures the lists against the truth.
pub(super) async fn judge(desk: &Desk, speakers: BTreeMap<String, String>, truth: &Truth, key: &HashKey) -> Result<Scores> {
    let ask = async |sql: &str| {
        let run = environment::statement(sql.to_owned(), Vec::new(), &desk.bucket, &desk.database);
        Box::pin(freshet_query::run(&desk.athena, run)).await.context("read the scores")
    };
    let buyers: BTreeSet<String> =
        truth.people.iter().filter(|person| person.buys_ahead).filter_map(|person| customer_key(key, &person.email)).collect();
    let smurfs: BTreeSet<String> = truth.players.iter().filter(|player| player.is_smurf).map(|player| player.puuid.clone()).collect();
    let (leads, accounts) = (ask(LEADS).await?, ask(ACCOUNTS).await?);
    let buys = "buys in the days ahead";
    Ok(Scores {
        speakers,
        lists: vec![
            List::new(&leads, "customers", buys, "the last order", &buyers),
            List::new(&leads, "prospects", buys, "the last checkout", &buyers),
            List::new(&accounts, "accounts", "hides a better player", "the share of wins", &smurfs),
        ],
    })
}

impl List {
    /// Of rows of a class, an id, and two numbers to order by: each the more the likelier.
    fn new(answer: &Answer, who: &'static str, what: &'static str, beside: &'static str, is_true_of: &BTreeSet<String>) -> Self {
        let text = |row: &[Option<String>], place: usize| row.get(place).cloned().flatten().unwrap_or_default();
        let rows: Vec<&Vec<Option<String>>> = answer.rows.iter().filter(|row| text(row, 0) == who).collect();
        let labels: Vec<bool> = rows.iter().map(|row| is_true_of.contains(&text(row, 1))).collect();
        // Who was never seen doing it comes last.
        let numbers = |place| rows.iter().map(|row| text(row, place).parse().unwrap_or(f64::MIN)).collect::<Vec<f64>>();
        Self {
            who,
            what,
            beside,
            scored: rows.len(),
            true_of: labels.iter().filter(|label| **label).count(),
            auc: roc_auc(&labels, &numbers(2)),
            auc_beside: roc_auc(&labels, &numbers(3)),
        }
    }
}

impl Scores {
    pub(super) fn print(&self) {
        let figure = |auc: Option<f64>| auc.map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}"));
        table(
            &["scored", "how many", "of whom it is true", "that it", "AUC of the scores", "AUC of a simpler list", "by"],
            self.lists.iter().map(|list| {
                vec![
                    list.who.to_owned(),
                    list.scored.to_string(),
                    list.true_of.to_string(),
                    list.what.to_owned(),
                    figure(list.auc),
                    figure(list.auc_beside),
                    list.beside.to_owned(),
                ]
            }),
        );
        let speakers: Vec<String> = self.speakers.iter().map(|(class, speaker)| format!("{class} by {speaker}")).collect();
        say(&format!("the truth is the simulated world's, {HORIZON} days ahead; leads were scored: {}", speakers.join(", ")));
    }
}
