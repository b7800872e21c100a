//! `freshet train`: models are trained on the lake, shelved, and promoted if they pass the gate.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use chrono::NaiveDate;
use clap::Args;
use freshet_lambda::scorer::{TrainReport, Work, lead, smurf, usual_day};

use super::model::{Kind, figures};
use crate::environment;
use crate::output::{say, table};

/// Arguments of `freshet train`.
#[derive(Debug, Args)]
#[command(
    after_help = "A new model scores only when it beats the current one on the newest snapshot whose labels are known.\nTraining twice on the same data gives the same version, to the byte.\n\nExamples:\n  freshet train lead\n  freshet train lead --as-of 2026-06-01 --horizon 90"
)]
pub(crate) struct Arguments {
    /// What to train.
    #[arg(value_enum)]
    kind: Kind,
    /// Only what had been received by the end of this day (UTC) is used; yesterday where it is left out, since today is not over.
    #[arg(long, value_name = "DAY")]
    as_of: Option<NaiveDate>,
    /// lead: how many days ahead the probability asks.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=730))]
    horizon: u32,
    /// The seed of every draw.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let as_of = day(arguments.as_of, Work::Train)?;
    let desk = environment::desk().await?;
    let report = match arguments.kind {
        Kind::Lead => {
            let training = lead::Training { as_of, horizon_days: arguments.horizon, seed: arguments.seed };
            lead::train(&desk, &training).await?
        }
        Kind::Smurf => smurf::train(&desk, &smurf::Training { as_of, seed: arguments.seed }).await?,
    };
    if arguments.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

/// The day that was asked for, or the usual one; none that has not begun can be looked back from.
pub(crate) fn day(asked: Option<NaiveDate>, job: Work) -> Result<NaiveDate> {
    let today = chrono::DateTime::from_timestamp_millis(crate::stack::now().0).unwrap_or_default().date_naive();
    let day = asked.unwrap_or_else(|| usual_day(job, today));
    ensure!(day <= today, "look at {day}: it has not begun, and what happens until then would be missing");
    Ok(day)
}

fn print(report: &TrainReport) {
    let is_new = if report.was_there { "was on the shelf already" } else { "trained" };
    say(&format!("version {} {is_new}", report.version));
    table(
        &["part", "chosen", "rows", "test rows", "AUC", "PR AUC", "Brier", "ECE", "precision at 10 %"],
        report
            .parts
            .iter()
            .map(|part| [vec![part.part.clone(), part.chosen.clone(), part.rows.to_string()], figures(part.test.as_ref())].concat()),
    );
    let verdict = if report.is_current { "scores from now on" } else { "does not score" };
    say(&format!("{} {verdict}: {}", report.version, report.reason));
}
