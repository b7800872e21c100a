//! `freshet model`: what the models are worth.

mod evaluate;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Arguments of `freshet model`.
#[derive(Debug, Args)]
#[command(after_help = "Example: freshet model evaluate lead --frame customers.csv.gz --ignore id --json")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Train on files and say how good the result is on rows that it has not seen.
    Evaluate(evaluate::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.action {
        Action::Evaluate(arguments) => evaluate::run(arguments),
    }
}
