//! `freshet replay`: what is stored, through today's code again.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::time::{self, Millis};
use freshet_lambda::replay::{self, Report, Request, Selection, World};
use freshet_schema::Contract;

use crate::output::{complain, say, table};
use crate::progress::Progress;
use crate::{environment, hash_keys, stack};

/// What is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stored {
    /// Firehose's backup of its source records (raw/).
    Raw,
    /// Rejects with their bodies (`rejected_events`, `rejected_payloads`).
    Rejected,
    /// Firehose's error objects (errors/).
    Errors,
    /// Records that the stream did not take in time (spill/).
    Spill,
}

/// Arguments of `freshet replay`.
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
#[derive(Debug, Args)]
#[command(
    after_help = "What is there already stays single; a replay may be stopped and run again. A reject that becomes rows leaves rejected_events once its rows are in their tables.\nRecords of raw/ and rejects were counted as deliveries when they came and are not counted again; those of spill/ and errors/ are counted now.\n\nExamples:\n  freshet replay --from rejected --reason missing_field --dry-run\n  freshet replay --from raw --since 2026-11-01 --until 2026-11-08 --source shopify --replace"
)]
pub(crate) struct Arguments {
    /// What is replayed.
    #[arg(long, value_enum)]
    from: Stored,
    /// What was received then or later: RFC 3339, or a day.
    #[arg(long, value_parser = moment)]
    since: Option<Millis>,
    /// What was received before then: RFC 3339, or a day.
    #[arg(long, value_parser = moment)]
    until: Option<Millis>,
    /// Of this source alone.
    #[arg(long)]
    source: Option<String>,
    /// Rejected for this reason alone; of error objects, with this error code.
    #[arg(long)]
    reason: Option<String>,
    /// Put today's rows of an event in the place of those that are there, whatever their day; with --from raw.
    #[arg(long)]
    replace: bool,
    /// Leave what was replayed in the landing zone for the lake's own compactor.
    #[arg(long)]
    no_compact: bool,
    /// Say what a replay would do, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A time of the command line.
fn moment(text: &str) -> Result<Millis, String> {
    let form = || "the form is 2026-11-24T10:00:00Z or 2026-11-24".to_owned();
    if !text.starts_with(|first: char| first.is_ascii_digit()) || !text.contains('-') {
        return Err(form());
    }
    time::parse(text).map(|time| time.millis).ok_or_else(form)
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let contract = Contract::embedded();
    if let Some(name) = &arguments.source {
        ensure!(contract.source(name).is_some(), "no source is named `{name}`; schemas/README.md lists them");
    }
    let from = match arguments.from {
        Stored::Raw => replay::From::Raw,
        Stored::Rejected => replay::From::Rejected,
        Stored::Errors => replay::From::Errors,
        Stored::Spill => replay::From::Spill,
    };
    ensure!(
        !arguments.replace || from == replay::From::Raw,
        "--replace goes with --from raw: nothing else is stored of events that have rows"
    );
    ensure!(
        arguments.reason.is_none() || matches!(from, replay::From::Rejected | replay::From::Errors),
        "--reason goes with --from rejected or --from errors: records of raw/ and spill/ have none"
    );
    let lake = environment::lake().await?;
    let aws = environment::aws().await;
    let normalizer = Normalizer::new(contract, hash_keys::own(&aws).await?);
    let s3 = environment::s3(&aws);
    let request = Request {
        from,
        selection: Selection { since: arguments.since, until: arguments.until, source: arguments.source, reason: arguments.reason },
        is_dry_run: arguments.dry_run,
        replaces: arguments.replace,
        compacts: !arguments.no_compact,
        run: uuid::Uuid::new_v4().to_string(),
        now: stack::now(),
    };
    let shown = Progress::new("replaying", 0);
    let world = World { normalizer: &normalizer, s3: &s3, lake: &lake };
    let work = async { Ok(replay::replay(world, &request, |progress| shown.set(progress.done, progress.of)).await?) };
    let what_is_left = "what was done stays, and nothing is there twice; run it again to go on";
    let Some(report) = shown.unless_interrupted(work, what_is_left).await? else {
        return Ok(ExitCode::FAILURE);
    };
    for key in &report.damaged {
        complain(&format!("warning: {key} does not unpack to its end"));
    }
    if arguments.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        print(&report, &request);
    }
    Ok(if report.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Report, request: &Request) {
    let would = if report.is_dry_run { "would become" } else { "became" };
    say(&format!(
        "{} records read, {} selected; they {would} {} rows, and {} are still rejected",
        report.records,
        report.selected,
        report.made.row_count(),
        report.made.reject_count() + report.without_body.values().sum::<u64>(),
    ));
    if report.made.row_count() > 0 {
        table(&["table", "rows"], report.made.rows.iter().map(|(name, rows)| vec![name.clone(), rows.to_string()]));
    }
    let still = report.made.rejected.iter().map(|(reason, count)| vec![reason.clone(), count.to_string(), String::new()]);
    let bare = report.without_body.iter().map(|(reason, count)| vec![reason.clone(), count.to_string(), "has no body".to_owned()]);
    let still: Vec<Vec<String>> = still.chain(bare).collect();
    if !still.is_empty() {
        table(&["still rejected", "events", ""], still);
    }
    if report.waiting > 0 {
        say(&format!("{} records were written by newer code and wait", report.waiting));
    }
    if let Some(replaced) = &report.replaced {
        say(&format!(
            "{} rows written, {} gave way, {} unchanged, {} of events that are there with another payload",
            replaced.written, replaced.removed, replaced.unchanged, replaced.conflicts
        ));
    }
    if let Some(compacted) = &report.compacted {
        say(&format!(
            "compacted: {} new rows, {} were there already, {} conflicts",
            compacted.rows, compacted.duplicates, compacted.conflicts
        ));
    }
    if report.resolved > 0 {
        say(&format!("{} rejects have their rows in the tables and left rejected_events", report.resolved));
    }
    if !request.compacts && report.landed > 0 {
        say("what was replayed is in the landing zone: the next compaction stores it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_times_or_days() {
        assert_eq!(moment("2026-11-24").unwrap().rfc3339(), "2026-11-24T00:00:00.000Z");
        assert_eq!(moment("2026-11-24T10:00:00+02:00").unwrap().rfc3339(), "2026-11-24T08:00:00.000Z");
        for text in ["", "yesterday", "1790000000", "2026-13-01", "-5"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
