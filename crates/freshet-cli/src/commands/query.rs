//! `freshet query`: a named query or a statement, through Athena.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use freshet_query::{Answer, ResultColumn, Statement};

use crate::environment;
use crate::output::{complain, say, table};

/// Arguments of `freshet query`.
#[derive(Debug, Args)]
#[command(
    after_help = "A parameter that is left out takes its example.\n\nExamples:\n  freshet query revenue_by_day_and_channel --param from=2026-01-01 --param time_zone=Europe/Berlin\n  freshet query --sql \"SELECT count(*) FROM shopify_orders\" --format json\n  freshet query rejects_by_reason --show-sql"
)]
pub(crate) struct Arguments {
    /// The query's name; `freshet queries` lists them.
    #[arg(required_unless_present = "sql", conflicts_with = "sql")]
    name: Option<String>,
    /// A statement of your own.
    #[arg(long)]
    sql: Option<String>,
    /// A parameter, as NAME=VALUE.
    #[arg(long = "param", value_name = "NAME=VALUE", conflicts_with = "sql")]
    parameters: Vec<String>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Print the statement with its parameters filled in, to paste into Athena's console.
    #[arg(long)]
    show_sql: bool,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// Comma-separated values.
    Csv,
    /// An array of objects.
    Json,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let statement = match (&arguments.name, &arguments.sql) {
        (Some(name), _) => freshet_query::bind(freshet_query::find(name)?, &values(&arguments.parameters)?)?,
        (None, Some(sql)) => Statement { sql: sql.clone(), parameters: Vec::new() },
        (None, None) => bail!("name a query, or give a statement with --sql"),
    };
    if arguments.show_sql {
        say(&freshet_query::filled(&statement));
        return Ok(ExitCode::SUCCESS);
    }
    let client = aws_sdk_athena::Client::new(&environment::aws().await);
    let bucket = environment::bucket()?;
    let run = environment::statement(statement.sql, statement.parameters, &bucket, &environment::database());
    let answer = Box::pin(freshet_query::run(&client, run)).await.context("run the query")?;
    match arguments.format {
        Format::Table => {
            print(&answer, usize::MAX);
            complain(&format!("{} rows, {} bytes scanned", answer.rows.len(), answer.scanned_bytes));
        }
        Format::Csv => say(freshet_query::csv::to_csv(&answer).trim_end_matches('\n')),
        Format::Json => say(&serde_json::to_string_pretty(&freshet_query::json::Objects(&answer))?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer for people; the columns that `width` does not hold are left out, and counted.
pub(crate) fn print(answer: &Answer, width: usize) {
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    let widest =
        |place: usize| answer.rows.iter().filter_map(|row| row.get(place).map(|cell| value(cell).chars().count())).max().unwrap_or(0);
    let mut left = width;
    let mut fits = |(place, column): &(usize, &ResultColumn)| {
        let needed = widest(*place).max(column.name.chars().count()) + 3;
        let is_in = *place == 0 || needed <= left;
        left = left.saturating_sub(needed);
        is_in
    };
    let headings: Vec<&str> = answer.columns.iter().enumerate().take_while(&mut fits).map(|(_, column)| column.name.as_str()).collect();
    let shown = headings.len();
    table(&headings, answer.rows.iter().map(|row| row.iter().take(shown).map(value).collect()));
    if shown < answer.columns.len() {
        say(&format!("… and {} columns more", answer.columns.len() - shown));
    }
}

fn values(pairs: &[String]) -> Result<BTreeMap<String, String>> {
    let pairs = pairs.iter().map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
    pairs.collect::<Option<_>>().context("read --param: the form is NAME=VALUE")
}
