//! `freshet tables`: what each table holds.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use freshet_schema::Contract;
use freshet_table::TableState;

use crate::environment;
use crate::output::{say, table};

/// Arguments of `freshet tables`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  freshet tables --json | jq '.[] | select(.rows > 0) | .name'")]
pub(crate) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let states = freshet_table::tables(&environment::lake().await?, Contract::embedded()).await?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&states)?);
    } else {
        print(&states);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the states for people.
pub(crate) fn print(states: &[TableState]) {
    let row = |state: &TableState| {
        vec![state.name.clone(), state.rows.to_string(), state.files.to_string(), state.bytes.to_string(), state.newest_event.clone().unwrap_or_default()]
    };
    table(&["table", "rows", "files", "bytes", "newest event"], states.iter().map(row));
}
