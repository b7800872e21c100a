//! `freshet model evaluate lead`: probabilities to buy, on a ready frame or on transactions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use clap::{ArgGroup, Args};
use freshet_lead::bgnbd::Bgnbd;
use freshet_lead::ledger_text::{self, Columns};
use freshet_lead::train::{Plan, options, train_on_transactions};
use freshet_ml::evaluate::{Evaluation, evaluation};
use freshet_ml::model::Learner;
use serde::Serialize;

use super::{FrameArguments, SEED, note, on_frame, print, text};
use crate::output::{complain, say};

/// Arguments of `freshet model evaluate lead`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("data").required(true).args(["frame", "transactions"])),
    after_help = "Dates may be written in many ways, one a column. A negative amount is a refund, and so are negative pieces; an amount is \
        the row's own, pieces do not multiply it. A snapshot looks at what was before its day, and at who \
        buys within the horizon from that day on; the horizon of each must end before the next part's snapshot.\n\nExamples:\n  freshet model evaluate lead --frame customers.csv.gz --ignore id --where channel=2 --json\n  freshet model evaluate lead --transactions sales.csv --customer customer_id --date sold_on --amount total \\\n    --horizon-days 30 --train 2025-09-01,2025-10-01 --val 2025-11-01 --test 2025-12-01\n  freshet model evaluate lead --transactions sales.txt --customer 1 --date 2 --amount 4 \\\n    --horizon-days 90 --train 2025-01-01 --val 2025-04-01 --test 2025-07-01"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    ready: FrameArguments,
    /// A row a transaction; with a header, or separated by white space and columns by number; gzip or not.
    #[arg(long, value_name = "FILE", requires_all = ["customer", "date", "amount", "horizon_days", "train", "val", "test"])]
    transactions: Option<PathBuf>,
    /// The column that says who bought, by name or number.
    #[arg(long, value_name = "COL", requires = "transactions")]
    customer: Option<String>,
    /// The column that says when.
    #[arg(long, value_name = "COL", requires = "transactions")]
    date: Option<String>,
    /// The column that says for how much.
    #[arg(long, value_name = "COL", requires = "transactions")]
    amount: Option<String>,
    /// The column that says how many pieces, if there is one.
    #[arg(long, value_name = "COL", requires = "transactions")]
    quantity: Option<String>,
    /// Within how many days somebody buys or not.
    #[arg(long, value_name = "N", requires = "transactions", value_parser = clap::value_parser!(u32).range(1..=3650))]
    horizon_days: Option<u32>,
    /// The days of the snapshots to learn from.
    #[arg(long, value_name = "D,D", value_delimiter = ',', requires = "transactions")]
    train: Vec<NaiveDate>,
    /// The day of the snapshot to choose and calibrate on.
    #[arg(long, value_name = "D", requires = "transactions")]
    val: Option<NaiveDate>,
    /// The day of the snapshot to be judged on.
    #[arg(long, value_name = "D", requires = "transactions")]
    test: Option<NaiveDate>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The figures, and the numbers of the model that needs no labels.
#[derive(Debug, Serialize)]
struct Judged {
    #[serde(flatten)]
    evaluation: Evaluation,
    bgnbd: Option<Bgnbd>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(path) = &arguments.ready.frame {
        return on_frame(path, &arguments.ready, &options("evaluation", SEED), arguments.json);
    }
    let path = arguments.transactions.as_deref().context("neither --frame nor --transactions is given")?;
    on_transactions(path, arguments).with_context(|| format!("evaluate on {}", path.display()))
}

fn on_transactions(path: &Path, arguments: &Arguments) -> Result<()> {
    let given = |column: &Option<String>| column.clone().unwrap_or_default();
    let columns = Columns {
        customer: given(&arguments.customer),
        date: given(&arguments.date),
        amount: given(&arguments.amount),
        quantity: arguments.quantity.clone(),
    };
    let (Some(horizon_days), Some(validation), Some(test)) = (arguments.horizon_days, arguments.val, arguments.test) else {
        anyhow::bail!("--horizon-days, --val and --test belong to --transactions");
    };
    let plan = Plan { train: arguments.train.clone(), validation, test, horizon_days, as_of: None };
    let reading = text::read_again(path, |open| ledger_text::read(open, &columns))?;
    if let Some(line) = reading.first_rejected {
        let (rejected, rows) = (reading.rejected, reading.rows);
        complain(&format!("note: {rejected} of {rows} rows have no customer, date or amount and are left out, the first at line {line}"));
    }
    let trained = text::patiently("training", || train_on_transactions(&reading.ledger, &plan, &options("evaluation", SEED)))?;
    let judged = Judged { evaluation: evaluation(&trained.model)?, bgnbd: trained.bgnbd };
    note(&trained.model, &judged.evaluation);
    if matches!(trained.model.learner, Learner::Given { .. }) {
        complain("note: there are too few labels to learn from: BG/NBD speaks, which needs none");
    }
    if arguments.json {
        say(&serde_json::to_string_pretty(&judged)?);
        return Ok(());
    }
    print(&trained.model, &judged.evaluation);
    if let Some(Bgnbd { r, alpha, a, b }) = judged.bgnbd {
        say(&format!("BG/NBD on what was before the test's snapshot, in days: r {r:.4}, alpha {alpha:.4}, a {a:.4}, b {b:.4}"));
    }
    Ok(())
}
