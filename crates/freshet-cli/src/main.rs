//! The `freshet` command: the whole lake on one machine, and the tools to run it.

mod bucket;
mod commands;
mod cost;
mod courier;
mod environment;
mod guardian;
mod hash_keys;
mod output;
mod progress;
mod provider;
mod simulation;
mod stack;
mod stage;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Webhooks of shops, support desks and games become tables that analysts query with SQL.
#[derive(Debug, Parser)]
#[command(
    name = "freshet",
    version,
    about,
    max_term_width = 110,
    after_help = "Exit codes: 0 done, 1 failed or not so, 2 wrong arguments.\nExamples:\n  freshet demo\n  freshet up --secret shopify=hush --secret zendesk=hush2\n  freshet query revenue_by_day_and_channel --param from=2026-01-01"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole story once in a temporary folder: deliveries, tables, queries, and a reconciliation.
    Demo(commands::demo::Arguments),
    /// Run the lake on loopback until Ctrl-C.
    Up(commands::up::Arguments),
    /// Sign and deliver files or folders.
    Send(commands::send::Arguments),
    /// Say whether a delivery verifies and, if not, why.
    Verify(commands::verify::Arguments),
    /// Deliver what the loopback's streams have buffered.
    Flush(commands::flush::Arguments),
    /// Compact the landing zone into the tables.
    Compact(commands::compact::Arguments),
    /// Show the tables with their rows, files and bytes.
    Tables(commands::tables::Arguments),
    /// List the named queries and views.
    Queries(commands::queries::Arguments),
    /// Run a named query or a statement.
    Query(commands::query::Arguments),
    /// Train models on the lake; a new one scores if it beats the current one.
    Train(commands::train::Arguments),
    /// Score everyone of a day, as rows of the lake.
    Score(commands::score::Arguments),
    /// Show the models of a lake, and which of them scores; judge them on files.
    Model(commands::model::Arguments),
    /// Build the functions, pack them for Lambda, and judge the packages.
    Package(commands::package::Arguments),
    /// Take what is stored through today's code again: raw records, rejects, errors, spilled ones.
    Replay(commands::replay::Arguments),
    /// Take in a provider's data from files: bodies, NDJSON, lists of its REST API.
    Import(commands::import::Arguments),
    /// Take a person, or an account whole, out of the lake at once.
    Erase(commands::erase::Arguments),
    /// List the privacy requests that are open, their deadlines, and what answers each.
    Privacy(commands::privacy::Arguments),
    /// Judge the template that the lake is deployed with.
    Check(commands::check::Arguments),
    /// Reckon what a month of the lake costs.
    Cost(commands::cost::Arguments),
    /// Make or update a stage on AWS with SAM, and register its tables.
    Deploy(commands::deploy::Arguments),
    /// Remove a stage from AWS.
    Destroy(commands::destroy::Arguments),
    /// List the stages on AWS, and what is left over of them.
    Stages(commands::stages::Arguments),
    /// Write or check what derives from the table contract.
    Schema(commands::schema::Arguments),
    /// Begin a source of your own.
    Source(commands::source::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A table that is not there yet is no error here: it is made.
    let filter = EnvFilter::try_from_env("FRESHET_LOG").unwrap_or_else(|_| EnvFilter::new("error,buoyant_kernel::snapshot::builder=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("start the runtime")),
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(arguments) => commands::demo::run(arguments).await,
        Command::Up(arguments) => commands::up::run(arguments).await,
        Command::Send(arguments) => commands::send::run(arguments).await,
        Command::Verify(arguments) => commands::verify::run(&arguments),
        Command::Flush(arguments) => commands::flush::run(&arguments).await,
        Command::Compact(arguments) => commands::compact::run(arguments).await,
        Command::Tables(arguments) => commands::tables::run(&arguments).await,
        Command::Queries(arguments) => commands::queries::run(&arguments),
        Command::Query(arguments) => commands::query::run(arguments).await,
        Command::Train(arguments) => Box::pin(commands::train::run(arguments)).await,
        Command::Score(arguments) => Box::pin(commands::score::run(arguments)).await,
        Command::Model(arguments) => commands::model::run(arguments).await,
        Command::Deploy(arguments) => commands::deploy::run(arguments).await,
        Command::Destroy(arguments) => commands::destroy::run(arguments).await,
        Command::Stages(arguments) => commands::stages::run(&arguments).await,
        Command::Package(arguments) => commands::package::run(&arguments),
        Command::Replay(arguments) => commands::replay::run(arguments).await,
        Command::Import(arguments) => Box::pin(commands::import::run(arguments)).await,
        Command::Erase(arguments) => commands::erase::run(arguments).await,
        Command::Privacy(arguments) => commands::privacy::run(&arguments).await,
        Command::Check(arguments) => commands::check::run(arguments),
        Command::Cost(arguments) => commands::cost::run(arguments).await,
        Command::Schema(arguments) => commands::schema::run(&arguments),
        Command::Source(arguments) => commands::source::run(&arguments),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    output::complain(&format!("error: {error:#}"));
    ExitCode::FAILURE
}
