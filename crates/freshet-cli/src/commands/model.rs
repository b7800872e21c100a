//! `freshet model`: the models on the shelf of a lake, and which of them scores; and how good they are on files.

mod evaluate;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use freshet_lambda::scorer::repeat::{self, Outcome};
use freshet_lambda::scorer::shelf::{Models, Shelf};
use freshet_lambda::scorer::{self, lead, smurf};
use freshet_ml::metrics::Metrics;
use freshet_ml::model::Model;
use serde_json::{Value, json};

use crate::environment;
use crate::output::{complain, say, table};

/// Arguments of `freshet model`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  freshet model list lead\n  freshet model show lead\n  freshet model repeat lead\n  freshet model compare lead VERSION VERSION\n  freshet model evaluate lead --frame customers.csv.gz --ignore id --json"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// How likely a person is to buy.
    Lead,
    /// How far an account plays above its record.
    Smurf,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Lead => lead::KIND,
            Self::Smurf => smurf::KIND,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the versions on the shelf.
    List {
        /// Of which kind.
        #[arg(value_enum)]
        kind: Kind,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a version's model cards.
    Show {
        /// Of which kind.
        #[arg(value_enum)]
        kind: Kind,
        /// The version; the current one where it is left out.
        version: Option<String>,
        /// Print the model files.
        #[arg(long)]
        json: bool,
    },
    /// Let a version score from now on, if it passes the gate.
    Promote {
        /// Of which kind.
        #[arg(value_enum)]
        kind: Kind,
        /// The version.
        version: String,
        /// Whether it passes or not.
        #[arg(long)]
        force: bool,
    },
    /// Train again from a version's frozen frames, and say whether each model file comes out the same to the byte. Writes nothing.
    Repeat {
        /// Of which kind.
        #[arg(value_enum)]
        kind: Kind,
        /// The version; the current one where it is left out.
        version: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Train on files and say how good the result is on rows that it has not seen. Needs no lake.
    Evaluate(evaluate::Arguments),
    /// Compare two versions by their figures, each on its own test rows.
    Compare {
        /// Of which kind.
        #[arg(value_enum)]
        kind: Kind,
        /// One version.
        one: String,
        /// The other; the current one where it is left out.
        other: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    if let Command::Evaluate(arguments) = &arguments.command {
        return evaluate::run(arguments);
    }
    let s3 = environment::s3(&environment::aws().await);
    let bucket = environment::bucket()?;
    let shelf = |kind: Kind| Shelf::new(&s3, &bucket, kind.name());
    match arguments.command {
        Command::List { kind, json } => list(&shelf(kind), kind, json).await,
        Command::Show { kind, version, json } => show(&shelf(kind), version.as_deref(), json).await,
        Command::Repeat { kind, version, json } => again(&shelf(kind), kind, version.as_deref(), json).await,
        Command::Promote { kind, version, force } => promote(&shelf(kind), kind, &version, force).await,
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Compare { kind, one, other, json } => compare(&shelf(kind), &one, other.as_deref(), json).await,
    }
}

async fn list(shelf: &Shelf<'_>, kind: Kind, as_json: bool) -> Result<ExitCode> {
    let current = shelf.current().await?.map(|current| current.version);
    let versions = shelf.versions().await?;
    if versions.is_empty() && !as_json {
        complain(&format!("no model is on the shelf: `freshet train {}` makes one", kind.name()));
    }
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for version in versions {
        let is_current = current.as_deref() == Some(version.as_str());
        for (part, model) in shelf.models(&version).await? {
            values.push(json!({ "version": version, "is_current": is_current, "part": part, "name": model.name, "chosen": model.choice.chosen, "training": model.training, "metrics": model.metrics }));
            let front = vec![version.clone(), if is_current { "current".to_owned() } else { String::new() }, part, model.choice.chosen];
            rows.push([front, figures(model.metrics.test.as_ref())].concat());
        }
    }
    if as_json {
        say(&serde_json::to_string_pretty(&values)?);
    } else {
        table(&["version", "", "part", "chosen", "test rows", "AUC", "PR AUC", "Brier", "ECE", "precision at 10 %"], rows);
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(shelf: &Shelf<'_>, version: Option<&str>, as_json: bool) -> Result<ExitCode> {
    let version = wanted(shelf, version).await?;
    let models = shelf.models(&version).await?;
    if as_json {
        say(&serde_json::to_string_pretty(&models)?);
        return Ok(ExitCode::SUCCESS);
    }
    for (part, model) in &models {
        let card = shelf.read(&version, &format!("{part}.md")).await?;
        match card {
            Some(card) => say(&String::from_utf8_lossy(&card)),
            None => complain(&format!("warning: {version} has no card of {part}")),
        }
        if shelf.frame(&version, part, model).await?.is_none() {
            complain(&format!("warning: the frozen frame of {part} is gone, as after the erasure of a shop: training cannot be repeated"));
        } else if model.training.erased_rows > 0 {
            let (erased, all) = (model.training.erased_rows, model.training.frame_rows);
            complain(&format!(
                "note: erasures have taken {erased} of {all} rows out of the frozen frame of {part}: training cannot be repeated exactly"
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn again(shelf: &Shelf<'_>, kind: Kind, version: Option<&str>, as_json: bool) -> Result<ExitCode> {
    let version = wanted(shelf, version).await?;
    let kind = match kind {
        Kind::Lead => scorer::Kind::Lead,
        Kind::Smurf => scorer::Kind::Smurf,
    };
    let found = repeat::version(shelf, kind, &version).await?;
    if as_json {
        say(&serde_json::to_string_pretty(&json!({ "version": version, "parts": found }))?);
    }
    for part in found.iter().filter(|_| !as_json) {
        let words = match part.outcome {
            Outcome::Same => format!("the same to the byte, from {} rows", part.rows),
            Outcome::Different => "another: trained by another release? `freshet train` makes a version of this one".to_owned(),
            Outcome::RowsErased => {
                "another, since erasures have taken rows out of its frozen frame: it cannot be repeated exactly".to_owned()
            }
            Outcome::FrameGone => "its frozen frame is gone, as after the erasure of a shop: it cannot be repeated".to_owned(),
            Outcome::NothingLearned => "made before any label was known, from no frame: `freshet train --as-of` makes it again".to_owned(),
        };
        say(&format!("{version} {}: {words}", part.part));
    }
    Ok(if found.iter().all(|part| part.outcome.is_well()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn promote(shelf: &Shelf<'_>, kind: Kind, version: &str, force: bool) -> Result<ExitCode> {
    let (passes, reason) = match kind {
        Kind::Lead => lead::gate(shelf, version).await?,
        Kind::Smurf => smurf::gate(shelf, version).await?,
    };
    if !passes && !force {
        say(&format!("{version} does not pass: {reason}"));
        return Ok(ExitCode::FAILURE);
    }
    let reason = if passes { reason } else { format!("by hand, though it does not pass: {reason}") };
    shelf.promote(version, &reason).await?;
    say(&format!("{version} scores from now on: {reason}"));
    Ok(ExitCode::SUCCESS)
}

async fn compare(shelf: &Shelf<'_>, one: &str, other: Option<&str>, as_json: bool) -> Result<ExitCode> {
    let other = wanted(shelf, other).await?;
    let (ours, theirs): (Models, Models) = (shelf.models(one).await?, shelf.models(&other).await?);
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for (part, model) in &ours {
        for (version, model) in [(one, Some(model)), (other.as_str(), theirs.get(part))] {
            let Some(model) = model else { continue };
            let front = vec![part.clone(), version.to_owned(), model.choice.chosen.clone(), format!("{:.4}", model.base_rate)];
            rows.push([front, figures(model.metrics.test.as_ref())].concat());
            values.push(describe(part, version, model));
        }
    }
    if as_json {
        say(&serde_json::to_string_pretty(&values)?);
    } else {
        let headings = ["part", "version", "chosen", "base rate", "test rows", "AUC", "PR AUC", "Brier", "ECE", "precision at 10 %"];
        table(&headings, rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(part: &str, version: &str, model: &Model) -> Value {
    json!({ "part": part, "version": version, "chosen": model.choice.chosen, "base_rate": model.base_rate, "test": model.metrics.test })
}

/// The version that was named, or the current one.
async fn wanted(shelf: &Shelf<'_>, version: Option<&str>) -> Result<String> {
    if let Some(version) = version {
        return Ok(version.to_owned());
    }
    match shelf.current().await.context("find the current model")? {
        Some(current) => Ok(current.version),
        None => bail!("find the current model: none has been promoted"),
    }
}

/// Test rows, AUC, PR AUC, Brier, ECE and precision in the first tenth; empty where there are none.
pub(crate) fn figures(metrics: Option<&Metrics>) -> Vec<String> {
    let Some(metrics) = metrics else {
        return vec![String::new(); 6];
    };
    let text = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
    let values = [metrics.auc, metrics.pr_auc, Some(metrics.brier), Some(metrics.ece), Some(metrics.precision_at_10pct)];
    [vec![metrics.rows.to_string()], values.map(text).to_vec()].concat()
}
