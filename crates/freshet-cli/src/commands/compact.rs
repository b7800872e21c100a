//! `freshet compact`: the landing zone into the tables, once.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use freshet_ingest::normalize::Normalizer;
use freshet_schema::Contract;
use freshet_table::PlannedFate;

use crate::output::{complain, say, table};
use crate::progress::Progress;
use crate::{environment, hash_keys, stack};

/// Arguments of `freshet compact`.
#[derive(Debug, Args)]
#[command(
    after_help = "Safe to run at any time, twice, and side by side with another.\n\nExamples:\n  freshet compact --dry-run\n  freshet compact --deadline-seconds 600 --memory-mib 512"
)]
pub(crate) struct Arguments {
    /// With --dry-run: plan merges of this table alone. A run takes the landing zone as a whole, for one object feeds many tables.
    #[arg(long)]
    table: Option<String>,
    /// Say what a run would do, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Stop after so many seconds and leave the rest to the next run.
    #[arg(long)]
    deadline_seconds: Option<u64>,
    /// What rows may take in memory.
    #[arg(long, default_value_t = 256)]
    memory_mib: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let contract = Contract::embedded();
    let lake = environment::lake().await?;
    if let Some(name) = &arguments.table {
        contract.table(name).with_context(|| format!("no table is named {name}; `freshet tables` lists them"))?;
    }
    let mut options = freshet_table::Options::new(uuid::Uuid::new_v4().to_string(), stack::now());
    options.deadline = arguments.deadline_seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    options.memory_budget = arguments.memory_mib * 1024 * 1024;
    if arguments.dry_run {
        let plan = freshet_table::plan(&lake, contract, &options, arguments.table.as_deref()).await?;
        if arguments.json {
            say(&serde_json::to_string_pretty(&plan)?);
            return Ok(ExitCode::SUCCESS);
        }
        let bytes: u64 = plan.objects.iter().map(|object| object.bytes).sum();
        say(&format!("{} landing objects, {bytes} bytes", plan.objects.len()));
        let aside = plan.objects.iter().filter(|object| object.fate != PlannedFate::Stored);
        for object in aside {
            let fate = if object.fate == PlannedFate::Waits { "waits for newer code" } else { "would go to quarantine/" };
            say(&format!("{}: {} rows, {fate}", object.key, object.rows));
        }
        let rows = plan.partitions.iter().map(|partition| {
            let numbers = [partition.rows, partition.bytes, partition.objects].map(|number| number.to_string());
            [vec![partition.table.clone(), partition.dt.clone()], numbers.to_vec()].concat()
        });
        table(&["table", "dt", "rows that wait", "bytes", "in objects"], rows);
        table(
            &["table", "dt", "files to merge", "bytes"],
            plan.merges.iter().map(|merge| vec![merge.table.clone(), merge.dt.clone(), merge.files.to_string(), merge.bytes.to_string()]),
        );
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &arguments.table {
        complain(&format!("note: a landing object feeds many tables, so the others are compacted with {name}"));
    }
    let aws = environment::aws().await;
    if let Some(key) = hash_keys::named(&aws).await? {
        freshet_lambda::compactor::drain_spill(&Normalizer::new(contract, key), &environment::s3(&aws), lake.bucket()).await?;
    } else {
        complain("note: the lake's key of personal hashes is not named here, so the spill zone is left to the lake's own compactor");
    }
    let shown = Progress::new("compacting", 0);
    let work = async { Ok(freshet_table::compact(&lake, contract, &options, |progress| shown.set(progress.objects, progress.of)).await?) };
    let what_is_left = "what was committed stays, and nothing is there twice; run it again to go on";
    let Some(report) = shown.unless_interrupted(work, what_is_left).await? else {
        return Ok(ExitCode::FAILURE);
    };
    if arguments.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        say(&format!(
            "{} objects, {} new rows, {} duplicates, {} conflicts, {} files written, {} files merged{}",
            report.objects,
            report.rows,
            report.duplicates,
            report.conflicts,
            report.files,
            report.merged,
            if report.is_partial { "; something is left for the next run" } else { "" }
        ));
        for key in &report.quarantined {
            complain(&format!("warning: {key} held more than good lines and is in quarantine/"));
        }
        for key in &report.waiting {
            complain(&format!("warning: {key} was written by newer code and waits"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
