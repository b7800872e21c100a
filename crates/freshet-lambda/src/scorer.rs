//! The scorer: asks Athena for features, trains models of them, and writes scores as rows of the lake.
//!
//! What every model shares is here: the [`Desk`] that it works at, [`ask`] for a named query's rows, the [`shelf`] of model
//! files in the lake's bucket, [`repeat`] that learns them again from what they were learned from, [`land`] for rows on
//! their way to a table of scores. [`lead`] is the model of leads, [`smurf`] that of accounts.
//!
//! Safe to run twice: a version's name is a hash of what it was trained on, a day that was scored whole is scored no more, and a
//! row of scores is identified by its subject and day, so that the compactor stores it once whatever was cut off.

pub mod ask;
mod drift;
pub mod land;
pub mod lead;
pub mod repeat;
pub mod shelf;
pub mod smurf;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate, Utc};
use freshet_ml::metrics::Metrics;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::objects;

/// What a scorer works with: clients, and where things are.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Runs the queries.
    pub athena: aws_sdk_athena::Client,
    /// Holds models and the landing zone.
    pub s3: aws_sdk_s3::Client,
    /// The lake's bucket.
    pub bucket: String,
    /// The database of the lake's tables.
    pub database: String,
    /// The workgroup that the queries run in.
    pub workgroup: String,
    /// Where results go (`s3://…/`), unless the workgroup says.
    pub output_location: Option<String>,
    /// How long a query may take.
    pub timeout: Duration,
}

/// What a scoring is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoring {
    /// The day, whose start is the cut-off.
    pub as_of: NaiveDate,
    /// The version; the current one where there is none.
    pub version: Option<String>,
}

/// What a training did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// The version's name.
    pub version: String,
    /// Whether it was on the shelf already, to the byte or from other versions of the same tables.
    pub was_there: bool,
    /// Whether it scores from now on.
    pub is_current: bool,
    /// Why, or why not.
    pub reason: String,
    /// Its models.
    pub parts: Vec<Trained>,
}

/// One model of a version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trained {
    /// Its name.
    pub part: String,
    /// Who was chosen.
    pub chosen: String,
    /// Rows of the frozen frame.
    pub rows: usize,
    /// The figures on the test rows.
    pub test: Option<Metrics>,
}

/// What a function's event asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Which model.
    pub kind: Kind,
    /// What to do.
    pub job: Work,
    /// The day, as `2026-06-01`; where there is none, today is scored, and trained on what was known by the end of yesterday.
    #[serde(default)]
    pub as_of: Option<String>,
    /// How far ahead a training asks.
    #[serde(default = "usual_horizon")]
    pub horizon_days: u32,
}

/// The kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// How likely a person is to buy.
    Lead,
    /// How far an account plays above its record.
    Smurf,
}

/// What a scorer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Scores everyone of a day.
    Score,
    /// Trains a version.
    Train,
}

fn usual_horizon() -> u32 {
    30
}

/// The day of a job that names none: scores are of today, and a training looks at days that are over, so that it can be repeated.
pub fn usual_day(job: Work, today: NaiveDate) -> NaiveDate {
    match job {
        Work::Score => today,
        Work::Train => today.pred_opt().unwrap_or(today),
    }
}

/// Does a job and says what it did.
pub async fn run_job(desk: &Desk, job: &Job, now: SystemTime) -> Result<serde_json::Value, Error> {
    let as_of: NaiveDate = match &job.as_of {
        Some(day) => day.parse().map_err(|_| Error::MalformedEvent { name: "as_of", form: "2026-06-01" })?,
        None => usual_day(job.job, DateTime::<Utc>::from(now).date_naive()),
    };
    let said = match (job.kind, job.job) {
        (Kind::Lead, Work::Score) => serde_json::to_value(lead::score(desk, &Scoring { as_of, version: None }).await?),
        (Kind::Lead, Work::Train) => {
            let training = lead::Training { as_of, horizon_days: job.horizon_days, seed: 1 };
            serde_json::to_value(lead::train(desk, &training).await?)
        }
        (Kind::Smurf, Work::Score) => serde_json::to_value(smurf::score(desk, &Scoring { as_of, version: None }).await?),
        (Kind::Smurf, Work::Train) => serde_json::to_value(smurf::train(desk, &smurf::Training { as_of, seed: 1 }).await?),
    };
    said.map_err(Error::models("say what was done"))
}

/// The versions of tables that a training reads, by their logs: where its features come from.
async fn table_versions(desk: &Desk, tables: &[&str]) -> Result<BTreeMap<String, i64>, Error> {
    let mut versions = BTreeMap::new();
    for table in tables {
        let prefix = format!("tables/{table}/_delta_log/");
        let logged = objects::list(&desk.s3, &desk.bucket, &prefix).await?;
        let version = logged.iter().filter_map(|(key, _)| key.strip_prefix(&prefix)?.strip_suffix(".json")?.parse::<i64>().ok()).max();
        versions.extend(version.map(|version| ((*table).to_owned(), version)));
    }
    Ok(versions)
}
