//! `freshet query`: a named query or a statement, through Athena, printed for people or written for machines.

mod destination;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use arrow::array::RecordBatch;
use clap::{Args, ValueEnum};
use freshet_query::{Answer, Error, Execution, ResultColumn, Run, Statement, batches, gather, pages};
use futures::Stream;
use futures::future::{Either, select};

use crate::cost::Prices;
use crate::environment;
use crate::output::{complain, say, table};
use destination::Destination;

/// Arguments of `freshet query`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
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
    /// Write the answer to a file, which is there once it is whole.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Let Athena write the answer to Parquet files and read those: for large answers, and nested columns with their types. The rows
    /// come in no order.
    #[arg(long)]
    unload: bool,
    /// Do not run a query that Athena foretells to read more bytes, and stop one that has read more.
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// Take the answer of the same statement that is at most so old, if there is one: it costs nothing.
    #[arg(long, value_name = "MINUTES", conflicts_with = "unload", value_parser = clap::value_parser!(u32).range(0..=10_080))]
    reuse_minutes: Option<u32>,
    /// Print the statement with its parameters filled in, to paste into Athena's console.
    #[arg(long)]
    show_sql: bool,
}

const EXAMPLES: &str = "A parameter that is left out takes its example. Everything but the table is written as it comes, page by page.

Examples:
  freshet query revenue_by_day_and_channel --param from=2026-01-01 --param time_zone=Europe/Berlin
  freshet query --sql \"SELECT count(*) FROM shopify_orders\" --format json
  freshet query orders_by_day --format parquet --output orders.parquet
  freshet query --sql \"SELECT * FROM orders_current\" --format arrow | python3 -c \"import sys, pyarrow as pa; print(pa.ipc.open_file(pa.py_buffer(sys.stdin.buffer.read())).read_all())\"
  freshet query --sql \"SELECT * FROM shopify_orders WHERE dt >= DATE '2026-01-01'\" --unload --format parquet --output all.parquet
  freshet query --sql \"SELECT count(*) FROM all_events\" --max-bytes 1000000000 --reuse-minutes 60
  freshet query rejects_by_reason --show-sql";

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// Comma-separated values, as in Athena's result files.
    Csv,
    /// An array of objects.
    Json,
    /// A Parquet file with typed columns.
    Parquet,
    /// An Arrow IPC file (Feather) with typed columns.
    Arrow,
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
    ensure!(
        arguments.format != Format::Table || arguments.output.is_none(),
        "a table is for people: with --output say --format csv, json, parquet or arrow"
    );
    let is_binary = matches!(arguments.format, Format::Parquet | Format::Arrow);
    ensure!(!arguments.unload || is_binary, "--unload gives typed columns: say --format parquet or arrow");
    let destination = Destination::open(arguments.output.as_deref(), is_binary)?;
    let client = aws_sdk_athena::Client::new(&environment::aws().await);
    let bucket = environment::bucket()?;
    if arguments.unload {
        return Box::pin(unloaded(&client, statement, &bucket, &arguments, destination)).await;
    }
    let run = environment::statement(statement.sql, statement.parameters, &bucket, &environment::database());
    let run = Run { byte_limit: arguments.max_bytes, reuse_minutes: arguments.reuse_minutes, ..run };
    let execution = Box::pin(freshet_query::execute(&client, run)).await.context("run the query")?;
    let rows = Box::pin(until_interrupted(answer(&client, &execution, arguments.format, destination))).await?;
    complain(&summary(rows, &execution)?);
    Ok(ExitCode::SUCCESS)
}

/// Reads the answer and prints or writes it; how many rows it has.
async fn answer(client: &aws_sdk_athena::Client, execution: &Execution, format: Format, mut destination: Destination) -> Result<u64> {
    let rows = match format {
        Format::Table => {
            let answer = gather(client, execution).await?;
            print(&answer, usize::MAX);
            answer.rows.len() as u64
        }
        Format::Csv => write::csv(&mut destination.writer(), pages(client, execution)).await?,
        Format::Json => write::json(&mut destination.writer(), pages(client, execution)).await?,
        Format::Parquet | Format::Arrow => typed(batches(client, execution), format, &mut destination).await?,
    };
    destination.finish()?;
    Ok(rows)
}

/// Runs a query by UNLOAD and writes what Athena's files hold, which are deleted whatever comes of it.
async fn unloaded(
    client: &aws_sdk_athena::Client,
    statement: Statement,
    bucket: &str,
    arguments: &Arguments,
    mut destination: Destination,
) -> Result<ExitCode> {
    let format = arguments.format;
    let s3 = environment::s3(&environment::aws().await);
    let database = environment::database();
    let run = environment::statement(statement.sql.clone(), statement.parameters.clone(), bucket, &database);
    let run = Run { byte_limit: arguments.max_bytes, ..run };
    let unloaded = freshet_query::unload(client, &s3, run).await.context("run the query")?;
    let execution = unloaded.execution.clone();
    let written = if unloaded.files() == 0 {
        // Only rows say what the columns are: asked for none of them, Athena reads nothing.
        let none = format!("SELECT * FROM (\n{}\n) LIMIT 0", freshet_query::bare(&statement.sql));
        let run = environment::statement(none, statement.parameters, bucket, &database);
        let none = freshet_query::execute(client, run).await.context("ask for the columns of no rows")?;
        until_interrupted(typed(batches(client, &none), format, &mut destination)).await
    } else {
        until_interrupted(typed(unloaded.batches(&s3), format, &mut destination)).await
    };
    if let Some(left) = unloaded.clean(&s3).await {
        complain(&format!("the files under {} are left to the bucket's lifecycle rule: {}", left.folder, left.reason));
    }
    let rows = written?;
    destination.finish()?;
    complain(&summary(rows, &execution)?);
    Ok(ExitCode::SUCCESS)
}

/// Writes typed rows.
async fn typed(batches: impl Stream<Item = Result<RecordBatch, Error>>, format: Format, destination: &mut Destination) -> Result<u64> {
    let mut out = destination.writer();
    if format == Format::Arrow { write::arrow(&mut out, batches).await } else { write::parquet(&mut out, batches).await }
}

/// Waits for work, but no longer than until Ctrl-C: what was begun is dropped.
async fn until_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match select(pin!(work), pin!(environment::interrupted())).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => bail!("read the answer: cancelled"),
    }
}

/// What is said of an answer beside it.
fn summary(rows: u64, execution: &Execution) -> Result<String> {
    let scanned = format!("{rows} rows, {} bytes scanned", execution.scanned_bytes);
    if execution.is_reused {
        return Ok(format!("{rows} rows of an earlier run of the same statement, which Athena does not bill"));
    }
    if !execution.is_billed {
        return Ok(format!("{scanned}, which Athena does not bill"));
    }
    Ok(format!("{scanned}, ${} on AWS", price(&Prices::load(None)?, execution.scanned_bytes)))
}

/// What Athena takes for a query at the list price, which has a least.
fn price(prices: &Prices, scanned_bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "cents of petabytes")]
    let usd = prices.usd("athena", (scanned_bytes as f64).max(prices.measure("query_least_bytes")));
    if usd < 0.01 { format!("{usd:.5}") } else { format!("{usd:.2}") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_is_by_bytes_and_ten_megabytes_at_least() {
        let prices = Prices::load(None).unwrap();
        for (bytes, said) in [(0, "0.00005"), (10_000_000, "0.00005"), (200_000_000, "0.00100"), (1_000_000_000_000, "5.00")] {
            assert_eq!(price(&prices, bytes), said, "{bytes}");
        }
    }
}
