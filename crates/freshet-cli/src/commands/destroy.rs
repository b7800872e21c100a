//! `freshet destroy`: removes a stage. Data goes only where that was said.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::output::{complain, say};
use crate::progress::Progress;
use crate::stage::{self, check_name, stack_name};
use crate::{bucket, environment};

/// Arguments of `freshet destroy`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --delete-data the stage's buckets stay where they hold anything; `freshet stages` then shows them as left over.\n\nExamples:\n  freshet destroy pr12 --dry-run\n  freshet destroy pr12 --delete-data --yes"
)]
pub(crate) struct Arguments {
    /// The stage.
    stage: String,
    /// Delete the stage's buckets with everything in them: deliveries, tables, results.
    #[arg(long)]
    delete_data: bool,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    check_name(&arguments.stage)?;
    let name = stack_name(&arguments.stage);
    let stack = stage::stack(&arguments.stage)?;
    let s3 = environment::s3(&environment::aws().await);
    let mut buckets = Vec::new();
    for found in bucket::all(&s3).await?.into_iter().filter(|found| found.stage == arguments.stage) {
        let has_data = bucket::has_data(&s3, &found.name).await?;
        buckets.push((found.name, has_data));
    }
    if stack.is_none() && buckets.is_empty() {
        say(&format!("there is no stage {0}: no stack {name}, no bucket", arguments.stage));
        return Ok(ExitCode::SUCCESS);
    }
    match &stack {
        Some(stack) => say(&format!("stack {name} ({}, since {}): is deleted", stack.status, stack.created)),
        None => say(&format!("stack {name}: is not there")),
    }
    let goes = |has_data: bool| arguments.delete_data || !has_data;
    for (bucket, has_data) in &buckets {
        let what = match (has_data, goes(*has_data)) {
            (true, true) => "is emptied and deleted",
            (true, false) => "holds data and stays; --delete-data deletes it too",
            (false, _) => "is empty and is deleted",
        };
        say(&format!("bucket {bucket}: {what}"));
    }
    if arguments.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes {
        confirm(&arguments.stage)?;
    }
    if stack.is_some() {
        stage::aws(&["cloudformation", "delete-stack", "--stack-name", &name])?;
        complain(&format!("deleting the stack {name}; this takes some minutes"));
        stage::aws(&["cloudformation", "wait", "stack-delete-complete", "--stack-name", &name])
            .with_context(|| format!("delete the stack {name}: the buckets were not touched; run it again, or look at its events"))?;
    }
    for (bucket, _) in buckets.iter().filter(|(_, has_data)| goes(*has_data)) {
        let shown = Progress::new("deleting objects", 0);
        let gone = bucket::remove(&s3, bucket, |gone| shown.set(gone as u64, 0)).await?;
        shown.finish();
        say(&format!("bucket {bucket}: deleted, with {gone} objects and versions"));
    }
    say(&format!("stage {} is removed", arguments.stage));
    Ok(ExitCode::SUCCESS)
}

/// Asks for the stage's name.
fn confirm(stage: &str) -> Result<()> {
    ensure!(std::io::stdin().is_terminal(), "destroy {stage}: there is no terminal to ask on; say --yes");
    let mut errors = std::io::stderr().lock();
    write!(errors, "type the stage's name to remove it: ").and_then(|()| errors.flush()).context("ask")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("read the answer")?;
    ensure!(answer.trim() == stage, "destroy {stage}: nothing was removed, since the answer was not its name");
    Ok(())
}
