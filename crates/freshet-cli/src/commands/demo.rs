//! `freshet demo`: the whole story once. A simulated world sends deliveries over HTTP, and the lake accounts for each.

mod account;
mod drive;
mod reasons;
mod scores;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base64::Engine as _;
use clap::Args;
use freshet_ingest::secret::{Secret, Secrets};
use freshet_ingest::time::{DAY, Millis};
use freshet_query::Answer;
use freshet_schema::Contract;
use freshet_table::TableState;
use serde_json::{Value, json};

use crate::commands::{query, tables};
use crate::environment::{self, DEFAULT_DATABASE as DATABASE};
use crate::output::{complain, say};
use crate::progress::Progress;
use crate::simulation::{FEWEST, Settings, Simulation, simulate};
use crate::stack::{self, BUCKET, Stack, Start, WORKGROUP};
use account::Account;
use drive::{Drive, Keys};
use scores::Scores;

/// How many days the world tells of.
const DAYS: u32 = 15;
/// The queries that are shown.
const SHOWN: [&str; 7] = [
    "revenue_by_day_and_channel",
    "abandoned_checkouts",
    "refund_rate_by_product",
    "ticket_customer_share",
    "new_accounts_high_results",
    "rejects_by_reason",
    "delivery_outcomes",
];
/// How many rows of an answer are shown.
const ROWS: usize = 8;
/// How wide an answer is shown.
const WIDTH: usize = 150;

/// Arguments of `freshet demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: every delivery is accounted for; 1: something does not add up.\n\nExamples:\n  freshet demo\n  freshet demo --seed 7 --deliveries 20000\n  freshet demo --dir /tmp/lake --json   # keeps the lake, and the world's truth in truth.json"
)]
pub(crate) struct Arguments {
    /// The world's seed: the same seed on the same day sends the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many deliveries are sent.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(FEWEST as i64..=1_000_000))]
    deliveries: u32,
    /// Keep everything in this folder, new or empty; else it is a temporary one.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let begun = Instant::now();
    let temporary = tempfile::tempdir().context("make a temporary folder")?;
    let dir = match &arguments.dir {
        Some(dir) => {
            let is_used = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
            anyhow::ensure!(!is_used, "use the folder {}: it is not empty, and what lies there would be counted too", dir.display());
            dir.clone()
        }
        None => temporary.path().to_owned(),
    };
    // The world ends with yesterday, so that no event lies in the future.
    let until = Millis(stack::now().0.div_euclid(DAY) * DAY);
    let world =
        simulate(Settings { seed: arguments.seed, deliveries: arguments.deliveries as usize, days: DAYS, until, ahead: scores::HORIZON });
    let keys = keys();
    let start = Start { dir: dir.clone(), port: 0, webhook_port: 0, secrets: keys.secrets(), flush: Duration::from_secs(2) };
    let stack = Stack::start(start).await.context("start the lake")?;
    let told = tokio::select! {
        told = tell(&stack, &world, &keys, &dir, until) => told?,
        _ = tokio::signal::ctrl_c() => {
            complain("interrupted");
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(dir) = &arguments.dir {
        let path = dir.join("truth.json");
        std::fs::write(&path, serde_json::to_vec_pretty(&world.truth)?).with_context(|| format!("write {}", path.display()))?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    if arguments.json {
        say(&serde_json::to_string_pretty(&told.to_json(&arguments, seconds))?);
    } else {
        told.print(&arguments, seconds);
    }
    stack.stop().await?;
    Ok(if told.account.adds_up() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What there is to show in the end.
struct Told {
    tables: Vec<TableState>,
    answers: Vec<(&'static str, &'static str, Answer)>,
    account: Account,
    scores: Scores,
}

async fn tell(stack: &Stack, world: &Simulation, keys: &Keys, dir: &Path, until: Millis) -> Result<Told> {
    let drive = Drive::new(&stack.url.url(), keys)?;
    let progress = Progress::new("sending", world.deliveries.len() as u64);
    // In two parts: what the second part repeats of the first is in the tables already.
    let (first, second) = world.deliveries.split_at(world.deliveries.len() * 3 / 5);
    let mut sent = drive.send(first, &progress).await?;
    settle(stack).await?;
    sent.add(&drive.send(second, &progress).await?);
    progress.finish();
    settle(stack).await?;
    let client = aws_sdk_athena::Client::new(&stack.config);
    let account = account::take(&client, sent, stack.unclear(), &world.truth).await?;
    let desk = environment::desk_of(&stack.config, BUCKET, DATABASE.to_owned(), WORKGROUP.to_owned());
    let day = chrono::DateTime::from_timestamp_millis(until.0).unwrap_or_default().date_naive();
    let progress = Progress::new("scoring", 2);
    let speakers = scores::land(&desk, day).await?;
    progress.advance(1);
    settle(stack).await?;
    let scores = scores::judge(&desk, day, speakers, &world.truth, &stack::hash_key(dir)?).await?;
    progress.finish();
    let tables = freshet_table::tables(stack.lake(), Contract::embedded()).await?;
    let mut answers = Vec::new();
    for name in SHOWN {
        let query = freshet_query::find(name)?;
        let values = period(query, until);
        let bound = freshet_query::bind(query, &values)?;
        let run = environment::statement(bound.sql, bound.parameters, BUCKET, DATABASE);
        let answer = Box::pin(freshet_query::run(&client, run)).await.with_context(|| format!("run the query {}", query.name))?;
        answers.push((query.name.as_str(), query.summary.as_str(), answer));
    }
    Ok(Told { tables, answers, account, scores })
}

/// Delivers and compacts what is there.
async fn settle(stack: &Stack) -> Result<()> {
    stack.flush().await?;
    let progress = Progress::new("compacting", 0);
    loop {
        let report = stack.compact(|step| progress.set(step.objects, step.of)).await?;
        if !report.is_partial {
            progress.finish();
            return Ok(());
        }
    }
}

/// The world's own days, today for arrivals, for a query's parameters that bound days.
fn period(query: &freshet_query::Query, until: Millis) -> std::collections::BTreeMap<String, String> {
    let bounds = [("from", Millis(until.0 - i64::from(DAYS) * DAY).date()), ("to", stack::now().date())];
    bounds.into_iter().filter(|(name, _)| query.parameter(name).is_some()).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Secrets that nobody else knows.
fn keys() -> Keys {
    let random = || format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let game = format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(random()));
    Keys([("shopify", Secret::new(random())), ("zendesk", Secret::new(random())), ("game", Secret::new(game))])
}

impl Keys {
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for (source, secret) in &self.0 {
            secrets.add(source, secret.clone());
        }
        secrets
    }
}

impl Told {
    fn print(&self, arguments: &Arguments, seconds: f64) {
        say(&format!("{} deliveries of a world with seed {} became, in {seconds:.0} s:\n", arguments.deliveries, arguments.seed));
        tables::print(&self.tables);
        for (name, summary, answer) in &self.answers {
            say(&format!("\n{name}: {summary}"));
            let mut shown = answer.clone();
            shown.rows.truncate(ROWS);
            query::print(&shown, WIDTH);
            if answer.rows.len() > ROWS {
                say(&format!("… and {} rows more: freshet query {name}", answer.rows.len() - ROWS));
            }
        }
        self.scores.print();
        say("");
        self.account.print();
        if let Some(dir) = &arguments.dir {
            say(&format!("\nthe lake is kept: freshet up --dir {} shows it to any client", dir.display()));
        }
    }

    fn to_json(&self, arguments: &Arguments, seconds: f64) -> Value {
        let answers: serde_json::Map<String, Value> =
            self.answers.iter().map(|(name, _, answer)| ((*name).to_owned(), json!(freshet_query::json::Objects(answer)))).collect();
        json!({
            "seed": arguments.seed, "deliveries": arguments.deliveries, "seconds": (seconds * 10.0).round() / 10.0,
            "tables": self.tables, "queries": answers, "scores": self.scores, "account": self.account,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_in_the_catalogue_and_takes_the_worlds_days() {
        for name in SHOWN {
            let query = freshet_query::find(name).unwrap();
            assert_eq!(query.kind, freshet_query::Kind::Query);
            freshet_query::bind(query, &period(query, Millis(1_790_035_200_000))).unwrap();
        }
    }
}
