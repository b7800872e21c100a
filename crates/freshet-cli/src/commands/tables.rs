//! `freshet tables`: what each table holds; and the tables made, widened and made known to Athena.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use freshet_query::Change;
use freshet_schema::Contract;
use freshet_table::TableState;
use serde_json::json;

use crate::environment;
use crate::output::{say, table};

/// Arguments of `freshet tables`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  freshet tables --json | jq '.[] | select(.rows > 0) | .name'\n  freshet tables register")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make, widen and register every table and view of the contract, and say what changed.
    ///
    /// Run it after a deployment, before the new compactor writes. Safe to run again and beside a compactor. On AWS the
    /// environment names the stage: `FRESHET_BUCKET`, `FRESHET_DATABASE`, `FRESHET_WORKGROUP`.
    Register,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    match arguments.action {
        None => show(arguments.json).await,
        Some(Action::Register) => register(arguments.json).await,
    }
}

async fn show(as_json: bool) -> Result<ExitCode> {
    let states = freshet_table::tables(&environment::lake().await?, Contract::embedded()).await?;
    if as_json {
        say(&serde_json::to_string_pretty(&states)?);
    } else {
        print(&states);
    }
    Ok(ExitCode::SUCCESS)
}

/// The Delta tables first, since Athena reads a table's columns from its log.
async fn register(as_json: bool) -> Result<ExitCode> {
    let bucket = environment::bucket()?;
    let changed = freshet_table::create_tables(&environment::lake().await?, Contract::embedded()).await.context("make the tables")?;
    let registered = environment::register(&environment::aws().await, &bucket, &environment::database(), &environment::workgroup()).await?;
    if as_json {
        say(&serde_json::to_string_pretty(&json!({ "delta": changed, "athena": registered }))?);
        return Ok(ExitCode::SUCCESS);
    }
    for name in &changed {
        say(&format!("table {name}: made or widened in the lake"));
    }
    for one in &registered {
        let what = match one.change {
            Change::Created => "made known".to_owned(),
            Change::Recreated if one.added.is_empty() => "made known at its place in this lake".to_owned(),
            Change::Recreated => format!("made known again, with {}", one.added.join(", ")),
            Change::Rewritten | Change::Unchanged => continue,
        };
        say(&format!("{} {}: {what}", one.kind, one.name));
    }
    let count = |change: Change| registered.iter().filter(|one| one.change == change).count();
    say(&format!("{} tables are as they were, {} views were written again", count(Change::Unchanged), count(Change::Rewritten)));
    Ok(ExitCode::SUCCESS)
}

/// Prints the states for people.
pub(crate) fn print(states: &[TableState]) {
    let row = |state: &TableState| {
        vec![
            state.name.clone(),
            state.rows.to_string(),
            state.files.to_string(),
            state.bytes.to_string(),
            state.newest_event.clone().unwrap_or_default(),
        ]
    };
    table(&["table", "rows", "files", "bytes", "newest event"], states.iter().map(row));
}
