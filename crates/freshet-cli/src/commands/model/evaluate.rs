//! `freshet model evaluate`: the models' own training, choice and figures, on files of one's own.
//!
//! Nothing is kept and no lake is needed. What was left out of the files is said on the standard error.

mod accounts;
mod leads;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use freshet_ml::choose;
use freshet_ml::error::Error as ModelError;
use freshet_ml::evaluate::{Evaluation, evaluation};
use freshet_ml::frame_text::{self, Selection};
use freshet_ml::metrics::Metrics;
use freshet_ml::model::Model;
use freshet_ml::options::Options;
use freshet_ml::split::Part;

use crate::output::{complain, say, table};

/// The seed of every draw, so that two runs give the same figures.
const SEED: u64 = 1;

/// Arguments of `freshet model evaluate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  freshet model evaluate lead --frame customers.csv.gz --ignore id,snapshot --json\n  freshet model evaluate smurf --matches games.csv --player p1 --opponent p2 --score s1 --opponent-score s2 --time ended --inject 10"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// How likely customers are to buy: on a ready frame, or on transactions.
    Lead(leads::Arguments),
    /// Which accounts play above their record: on a ready frame, or on matches.
    Smurf(accounts::Arguments),
}

/// A ready frame.
#[derive(Debug, Args)]
struct FrameArguments {
    /// A table of numeric features with the columns y (0 or 1) and split (train, val, test); gzip or not.
    #[arg(long, value_name = "FILE")]
    frame: Option<PathBuf>,
    /// Columns that are no features.
    #[arg(long, value_name = "COL,COL", value_delimiter = ',', requires = "frame")]
    ignore: Vec<String>,
    /// Only rows in which the column has the value; may be given again.
    #[arg(long = "where", value_name = "COL=VALUE", value_parser = condition, requires = "frame")]
    conditions: Vec<(String, String)>,
}

fn condition(text: &str) -> Result<(String, String), String> {
    let (column, value) = text.split_once('=').filter(|(column, _)| !column.is_empty()).ok_or("the form is COL=VALUE")?;
    Ok((column.to_owned(), value.to_owned()))
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.kind {
        Kind::Lead(arguments) => leads::run(arguments)?,
        Kind::Smurf(arguments) => accounts::run(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains and judges on a ready frame, and says the figures.
fn on_frame(path: &Path, arguments: &FrameArguments, options: &Options, as_json: bool) -> Result<()> {
    let tried = || format!("evaluate on {}", path.display());
    let selection = Selection { ignore: arguments.ignore.clone(), conditions: arguments.conditions.clone() };
    let reading = text::read(path, |source| frame_text::read(source, &selection)).with_context(tried)?;
    for (column, line) in reading.text_columns.iter().zip(&reading.text_lines) {
        complain(&format!("note: column {column} is text, first in line {line}: left out"));
    }
    if let Some((column, line)) = &reading.first_infinite {
        let cells = reading.infinite_cells;
        complain(&format!("note: {cells} infinite numbers are taken as missing, the first in column {column} at line {line}"));
    }
    if reading.filtered_rows > 0 {
        complain(&format!("note: {} rows are left out by --where", reading.filtered_rows));
    }
    let parts = reading.labelled.parts();
    if parts.is_empty() {
        bail!("{}: there are no rows", tried());
    }
    if !parts.contains(&Part::Test) {
        return Err(ModelError::EmptyPart { part: Part::Test.name() }).with_context(tried);
    }
    if !parts.contains(&Part::Validation) {
        complain("note: there are no val rows: a fifth of the train rows chooses and calibrates in their place");
    }
    let model = text::patiently("training", || choose::train(&reading.labelled, options)).with_context(tried)?;
    let evaluation = evaluation(&model).with_context(tried)?;
    note(&model, &evaluation);
    if as_json {
        say(&serde_json::to_string_pretty(&evaluation)?);
    } else {
        print(&model, &evaluation);
    }
    Ok(())
}

/// Says what a reader of the figures should know of the model.
fn note(model: &Model, evaluation: &Evaluation) {
    let silent: Vec<&str> = model.silent_features.iter().map(|feature| feature.name.as_str()).collect();
    if !silent.is_empty() {
        complain(&format!("note: the model makes no use of {}", silent.join(", ")));
    }
    if evaluation.calibrated.auc.is_none() {
        complain(&format!("note: all {} test rows have one label: what needs both is null", evaluation.calibrated.rows));
    }
}

/// A figure and its interval.
type Figure = (Option<f64>, Option<[f64; 2]>);

/// Prints the figures for people.
fn print(model: &Model, evaluation: &Evaluation) {
    let (raw, calibrated) = (&evaluation.raw, &evaluation.calibrated);
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let row = |name: &str, of: fn(&Metrics) -> Figure| {
        let (value, interval) = of(calibrated);
        let interval = interval.map_or_else(String::new, |[low, high]| format!("{low:.4} to {high:.4}"));
        vec![name.to_owned(), number(of(raw).0), number(value), interval]
    };
    table(
        &["figure", "raw", "calibrated", "95 % interval"],
        [
            row("auc", |figures| (figures.auc, figures.auc_interval)),
            row("pr_auc", |figures| (figures.pr_auc, figures.pr_auc_interval)),
            row("brier", |figures| (Some(figures.brier), figures.brier_interval)),
            row("log_loss", |figures| (Some(figures.log_loss), figures.log_loss_interval)),
            row("ece", |figures| (Some(figures.ece), figures.ece_interval)),
            row("precision_at_1pct", |figures| (Some(figures.precision_at_1pct), figures.precision_at_1pct_interval)),
            row("precision_at_10pct", |figures| (Some(figures.precision_at_10pct), figures.precision_at_10pct_interval)),
        ],
    );
    say(&format!(
        "\n{} test rows, {:.1} % with the label; model: {}, calibration: {}",
        calibrated.rows,
        100.0 * calibrated.base_rate,
        evaluation.model,
        model.calibration.name()
    ));
    for candidate in &model.choice.candidates {
        say(&format!("  log-loss on validation rows {:.4}: {}", candidate.log_loss, candidate.name));
    }
}
