//! The models at the end of a run: leads and accounts are scored, and each list is measured against what is true in the world.
//!
//! Beside each list stands the simpler one that somebody would make without a model. The figures are printed as they fall.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use freshet_ingest::personal::customer_key;
use freshet_ingest::secret::HashKey;
use freshet_lambda::scorer::{Desk, Scoring, lead, smurf};
use freshet_ml::metrics::{ranking, roc_auc};
use freshet_query::Answer;
use serde::Serialize;

use super::reasons::{self, Checked};
use crate::environment;
use crate::output::{say, table};
use crate::simulation::Truth;

/// How far ahead the probabilities ask, in days.
pub(super) const HORIZON: u32 = 7;
/// The seed of the training.
const SEED: u64 = 1;
/// How many rows of a list are shown and checked.
const TOP: usize = 8;
/// So much of a key or a player's id is shown.
const NAME: usize = 12;

/// Each lead with its score, and when it was last seen doing what a list without a model would go by: an order of customers,
/// a checkout of prospects.
const LEADS: &str =
    "SELECT s.class, s.customer_key, s.probability, to_unixtime(CASE WHEN s.class = 'customers' THEN o.at ELSE c.at END) AS seen_at,
    s.decile, s.reason_1, s.reason_2, s.reason_3
FROM lead_scores s
LEFT JOIN (SELECT customer_key, max(processed_at) AS at FROM shopify_orders GROUP BY customer_key) o ON o.customer_key = s.customer_key
LEFT JOIN (SELECT customer_key, max(occurred_at) AS at FROM shopify_checkouts GROUP BY customer_key) c ON c.customer_key = s.customer_key
WHERE s.customer_key IS NOT NULL
ORDER BY s.subject";
/// Each account with its score and its share of wins.
const ACCOUNTS: &str =
    "SELECT 'accounts' AS class, player_id, score, CAST(won AS double) / matches AS won, tier, reason_1, reason_2, reason_3
FROM smurf_scores
ORDER BY player_id";

/// What was scored, and how well.
#[derive(Debug, Serialize)]
pub(super) struct Scores {
    /// The days that the probabilities and the truth of leads are about.
    horizon_days: u32,
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
    /// In so many futures of the world it was looked; 1 of what is so today.
    futures: usize,
    /// Those of whom it is true; this and what follows are means over the futures.
    true_of: f64,
    /// The area under the curve of the list; `None` where it is true of nobody, or of all.
    auc: Option<f64>,
    /// The same of the simpler list.
    auc_beside: Option<f64>,
    /// Of how many of the top rows it is true, and of the simpler list's.
    true_of_top: f64,
    true_of_top_beside: f64,
    top: Vec<Row>,
}

/// A row at the top of a list.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// The probability of a lead, the score of an account.
    score: f64,
    /// The decile of a lead, the tier of an account.
    rank: String,
    reasons: Vec<String>,
    /// One of the reasons, recomputed by SQL over the lake; `None` where no reason is of a form that is.
    checked: Option<Checked>,
    /// In how many futures it is true of them.
    true_in: usize,
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
pub(super) async fn judge(desk: &Desk, day: NaiveDate, speakers: BTreeMap<String, String>, truth: &Truth, key: &HashKey) -> Result<Scores> {
    let ask = async |sql: String| {
        let run = environment::statement(sql, Vec::new(), &desk.bucket, &desk.database);
        Box::pin(freshet_query::run(&desk.athena, run)).await.context("read the scores")
    };
    let buyers: BTreeMap<String, Vec<bool>> =
        truth.people.iter().filter_map(|person| Some((customer_key(key, &person.email)?, person.buys_ahead.clone()))).collect();
    let smurfs: BTreeMap<String, Vec<bool>> = truth.players.iter().map(|player| (player.puuid.clone(), vec![player.is_smurf])).collect();
    let (leads, accounts) = (ask(LEADS.to_owned()).await?, ask(ACCOUNTS.to_owned()).await?);
    let buys = "buys in the days ahead";
    let mut lists = vec![
        List::new(&leads, "customers", buys, "the last order", &buyers),
        List::new(&leads, "prospects", buys, "the last checkout", &buyers),
        List::new(&accounts, "accounts", "hides a better player", "the share of wins", &smurfs),
    ];
    let leads: Vec<&str> = lists[..2].iter().flat_map(List::names).collect();
    let statements = [reasons::of_leads(day, &leads), reasons::of_accounts(day, &lists[2].names().collect::<Vec<_>>())].concat();
    for statement in statements {
        let facts = ask(statement).await?;
        for row in lists.iter_mut().flat_map(|list| &mut list.top) {
            row.checked = row.checked.take().or_else(|| reasons::check(&row.name, &row.reasons, &facts));
        }
    }
    Ok(Scores { horizon_days: HORIZON, speakers, lists })
}

impl List {
    /// Of rows of a class, an id, two numbers to order by (each the more the likelier), a rank, and reasons; and of whom it is
    /// true in each future.
    fn new(answer: &Answer, who: &'static str, what: &'static str, beside: &'static str, truth: &BTreeMap<String, Vec<bool>>) -> Self {
        let text = |row: &[Option<String>], place: usize| row.get(place).cloned().flatten().unwrap_or_default();
        let rows: Vec<&Vec<Option<String>>> = answer.rows.iter().filter(|row| text(row, 0) == who).collect();
        let futures = truth.values().map(Vec::len).max().unwrap_or_default();
        let is_true = |row: &[Option<String>], future: usize| {
            truth.get(&text(row, 1)).and_then(|futures| futures.get(future)).copied().unwrap_or_default()
        };
        let labels: Vec<Vec<bool>> = (0..futures).map(|future| rows.iter().map(|row| is_true(row, future)).collect()).collect();
        // Who was never seen doing it comes last.
        let numbers = |place| rows.iter().map(|row| text(row, place).parse().unwrap_or(f64::MIN)).collect::<Vec<f64>>();
        let (scores, simple) = (numbers(2), numbers(3));
        let top = |numbers: &[f64]| ranking(numbers).into_iter().take(TOP).collect::<Vec<usize>>();
        let auc = |numbers: &[f64]| mean(labels.iter().filter_map(|labels| roc_auc(labels, numbers)));
        let true_of = |places: &[usize]| {
            let count = |labels: &Vec<bool>| places.iter().map(|&place| f64::from(u8::from(labels[place]))).sum::<f64>();
            mean(labels.iter().map(count)).unwrap_or_default()
        };
        let row = |&place: &usize| Row {
            name: text(rows[place], 1),
            score: scores[place],
            rank: text(rows[place], 4),
            reasons: (5..8).map(|column| text(rows[place], column)).filter(|reason| !reason.is_empty()).collect(),
            checked: None,
            true_in: labels.iter().filter(|labels| labels[place]).count(),
        };
        Self {
            who,
            what,
            beside,
            scored: rows.len(),
            futures,
            true_of: true_of(&(0..rows.len()).collect::<Vec<usize>>()),
            auc: auc(&scores),
            auc_beside: auc(&simple),
            true_of_top: true_of(&top(&scores)),
            true_of_top_beside: true_of(&top(&simple)),
            top: top(&scores).iter().map(row).collect(),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.top.iter().map(|row| row.name.as_str())
    }

    fn print(&self) {
        let rank = if self.who == "accounts" { "tier" } else { "decile" };
        let of_leads = self.who != "accounts";
        say(&format!("\nthe {} at the top of their list:", self.who));
        table(
            &["", "who", if of_leads { "percent" } else { "score" }, rank, "a reason", "the lake says", "in the world"],
            self.top.iter().enumerate().map(|(place, row)| {
                let score = if of_leads { format!("{:.1}", 100.0 * row.score) } else { format!("{:.2}", row.score) };
                let reason = row.checked.as_ref().map(|checked| &checked.reason).or(row.reasons.first()).cloned().unwrap_or_default();
                let lake = row.checked.as_ref().map_or("-", |checked| if checked.holds { "so it is" } else { "NOT SO" });
                let world = match (row.true_in, self.futures) {
                    (0, _) => "-".to_owned(),
                    (_, 1) => self.what.to_owned(),
                    (futures, of) => format!("{} in {futures} of {of} futures", self.what),
                };
                let name: String = row.name.chars().take(NAME).collect();
                vec![(place + 1).to_string(), format!("{name}…"), score, row.rank.clone(), reason, lake.to_owned(), world]
            }),
        );
    }

    /// The figures in words, whichever way they fall.
    fn verdict(&self) -> String {
        let (Some(auc), Some(beside)) = (self.auc, self.auc_beside) else {
            return format!("{}: of nobody, or of all, it is true that it {}: nothing to measure by", self.who, self.what);
        };
        let verb = if auc > beside { "rank better than" } else { "rank no better than" };
        format!("{}: the scores {verb} {} alone, by {auc:.3} against {beside:.3}", self.who, self.beside)
    }
}

/// The mean; `None` of nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// A mean of counts, with a digit where it is no whole one.
fn counted(mean: f64) -> String {
    if mean.fract() == 0.0 { format!("{mean}") } else { format!("{mean:.1}") }
}

impl Scores {
    pub(super) fn print(&self) {
        self.lists.iter().for_each(List::print);
        say("");
        let figure = |auc: Option<f64>| auc.map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}"));
        table(
            &["scored", "how many", "true of", "that it", "AUC", "of the top", "a simpler list", "AUC", "of its top"],
            self.lists.iter().map(|list| {
                vec![
                    list.who.to_owned(),
                    list.scored.to_string(),
                    counted(list.true_of),
                    list.what.to_owned(),
                    figure(list.auc),
                    format!("{} of {}", counted(list.true_of_top), list.top.len()),
                    list.beside.to_owned(),
                    figure(list.auc_beside),
                    format!("{} of {}", counted(list.true_of_top_beside), list.top.len()),
                ]
            }),
        );
        for list in &self.lists {
            say(&list.verdict());
        }
        let speakers: Vec<String> = self.speakers.iter().map(|(class, speaker)| format!("{class} by {speaker}")).collect();
        let futures = self.lists.iter().map(|list| list.futures).max().unwrap_or_default();
        say(&format!(
            "the truth is the simulated world's; who buys was looked up {} days ahead in {futures} futures, and what stands above is their mean; leads were scored: {}",
            self.horizon_days,
            speakers.join(", ")
        ));
    }
}
