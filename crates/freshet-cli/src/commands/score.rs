//! `freshet score`: everyone of a day gets a score, as a row of the lake.

use std::process::ExitCode;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use clap::Args;
use freshet_lambda::scorer::lead::{self, ScoreReport};
use freshet_lambda::scorer::smurf;
use freshet_lambda::scorer::{Scoring, Work};
use freshet_schema::Contract;

use super::model::Kind;
use super::train::day;
use crate::output::say;
use crate::{environment, stack};

/// Arguments of `freshet score`.
#[derive(Debug, Args)]
#[command(
    after_help = "A day is scored once: running it again changes nothing, whatever came in since, and with another model neither.\n\nExamples:\n  freshet score lead\n  freshet score lead --as-of 2026-06-01\n  freshet query lead_list --param day=2026-06-01\n  freshet score smurf && freshet query smurf_review_queue"
)]
pub(crate) struct Arguments {
    /// What to score.
    #[arg(value_enum)]
    kind: Kind,
    /// The day (UTC), whose start is the cut-off; today where it is left out.
    #[arg(long, value_name = "DAY")]
    as_of: Option<NaiveDate>,
    /// The version that scores; the current one where it is left out.
    #[arg(long)]
    version: Option<String>,
    /// Leave the scores in the landing zone for the lake's own compactor.
    #[arg(long)]
    no_compact: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let as_of = day(arguments.as_of, Work::Score)?;
    let desk = environment::desk().await?;
    let (mut shown, (landed, was_there), words) = match arguments.kind {
        Kind::Lead => {
            let report = lead::score(&desk, &Scoring { as_of, version: arguments.version }).await?;
            (serde_json::to_value(&report)?, (report.landed, report.was_there), leads(&report))
        }
        Kind::Smurf => {
            let report = smurf::score(&desk, &Scoring { as_of, version: arguments.version }).await?;
            (serde_json::to_value(&report)?, (report.landed, report.was_there), accounts(&report))
        }
    };
    let compacted = if arguments.no_compact || landed == 0 { None } else { Some(compact().await?) };
    if arguments.json {
        shown["compacted"] = serde_json::to_value(&compacted)?;
        say(&serde_json::to_string_pretty(&shown)?);
    } else {
        say(&words);
        match compacted {
            None if was_there => say(&format!("nothing changed: {as_of} was scored before")),
            Some(compacted) => say(&format!("{} new rows, {} were there already", compacted.rows, compacted.duplicates)),
            None => say("the scores are in the landing zone: the next compaction stores them"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn compact() -> Result<freshet_table::Report> {
    let options = freshet_table::Options::new(uuid::Uuid::new_v4().to_string(), stack::now());
    freshet_table::compact(&environment::lake().await?, Contract::embedded(), &options, |_| {}).await.context("compact the scores")
}

fn leads(report: &ScoreReport) -> String {
    let words = format!(
        "{} customers and {} prospects scored for {}, {} days ahead, by {}",
        report.customers, report.prospects, report.as_of, report.horizon_days, report.version
    );
    if report.unspoken == 0 {
        return words;
    }
    format!("{words}\n{} people are of a class that the version was not trained on: train again", report.unspoken)
}

fn accounts(report: &smurf::ScoreReport) -> String {
    let tiers: Vec<String> = report.tiers.iter().map(|(tier, accounts)| format!("{accounts} {tier}")).collect();
    format!(
        "{} accounts scored for {} by {}: {}; {} matches of organisers rated\n`freshet query smurf_review_queue --param day={}` shows whom to look at, and why",
        report.accounts,
        report.as_of,
        report.version,
        if tiers.is_empty() { "none has matches enough".to_owned() } else { tiers.join(", ") },
        report.rated_matches,
        report.as_of
    )
}
