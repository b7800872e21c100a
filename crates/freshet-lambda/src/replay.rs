//! Replay: what is stored, through today's code again.
//!
//! - `raw/`, Firehose's untouched source records, and `rejected_events` with their bodies were counted when they came.
//!   Their rows go into the landing zone without a delivery's outcome; the compactor counts them as rows.
//! - `spill/` and `errors/` have not been through the transform. They are drained as the compactor drains them, which
//!   counts them at the door and by their outcome.
//!
//! Safe to run twice and to stop anywhere: a landing object's key is the hash of its content, a row's identity is in its
//! table once, and nothing is deleted before what it became is in the landing zone or, of rejects, in the tables.

mod rejected;
mod stored;
mod undelivered;

use std::collections::BTreeMap;

use freshet_ingest::normalize::Normalizer;
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{Fetched, line_pointers};
use freshet_table::{Lake, Replaced};
use serde::Serialize;

use crate::error::Error;
use crate::pointed;

pub use crate::lander::Made;

/// Where the rows of replayed records go.
const PREFIX: &str = "landing/replay/";

/// What is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// Firehose's backup of its source records.
    Raw,
    /// Rejects with their bodies.
    Rejected,
    /// Firehose's error objects.
    Errors,
    /// Records that the stream did not take in time.
    Spill,
}

/// Which of it.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Received then or later.
    pub since: Option<Millis>,
    /// Received before then.
    pub until: Option<Millis>,
    /// Of this source.
    pub source: Option<String>,
    /// Rejected for this reason; of error objects, with this error code.
    pub reason: Option<String>,
}

impl Selection {
    fn takes(&self, source: &str, received_at: Millis) -> bool {
        self.source.as_deref().is_none_or(|wanted| wanted == source)
            && self.since.is_none_or(|since| received_at >= since)
            && self.until.is_none_or(|until| received_at < until)
    }

    fn takes_reason(&self, reason: &str) -> bool {
        self.reason.as_deref().is_none_or(|wanted| wanted == reason)
    }
}

/// A replay.
#[derive(Debug, Clone)]
pub struct Request {
    /// What.
    pub from: From,
    /// Which of it.
    pub selection: Selection,
    /// Whether it only says what it would do.
    pub is_dry_run: bool,
    /// Whether today's rows take the place of those that are there. Of raw records alone.
    pub replaces: bool,
    /// Whether the landing zone is compacted at its end.
    pub compacts: bool,
    /// An id of this run; a new one for each.
    pub run: String,
    /// The present.
    pub now: Millis,
}

/// Where it runs.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// Today's code and contract.
    pub normalizer: &'a Normalizer,
    /// S3.
    pub s3: &'a aws_sdk_s3::Client,
    /// The lake.
    pub lake: &'a Lake,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Objects or rejects that have been taken.
    pub done: u64,
    /// Of how many.
    pub of: u64,
}

/// What a replay did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Objects that were read.
    pub objects: u64,
    /// Records or rejects that were read.
    pub records: u64,
    /// Those of them that were selected.
    pub selected: u64,
    /// What became of those: rows, and what is still rejected.
    #[serde(flatten)]
    pub made: Made,
    /// Rejects that have no body, or none any more, by reason. They stay.
    pub without_body: BTreeMap<String, u64>,
    /// Records of newer code, which wait.
    pub waiting: u64,
    /// Objects that do not unpack to their end; what could be read of them was.
    pub damaged: Vec<String>,
    /// Objects put into the landing zone.
    pub landed: u64,
    /// Rejects that were taken out, since their rows are in their tables.
    pub resolved: u64,
    /// What was replaced.
    pub replaced: Option<Replaced>,
    /// What the compaction at the end did.
    pub compacted: Option<freshet_table::Report>,
    /// Whether nothing was done.
    pub is_dry_run: bool,
}

/// Replays.
pub async fn replay(world: World<'_>, request: &Request, progress: impl Fn(Progress) + Send + Sync) -> Result<Report, Error> {
    let mut report = Report { is_dry_run: request.is_dry_run, ..Report::default() };
    match request.from {
        From::Raw => stored::replay(world, request, &progress, &mut report).await?,
        From::Spill | From::Errors => undelivered::replay(world, request, &progress, &mut report).await?,
        From::Rejected => rejected::land(world, request, &progress, &mut report).await?,
    }
    if request.compacts && !request.is_dry_run && report.landed > 0 {
        let options = freshet_table::Options::new(format!("{}-compact", request.run), request.now);
        let compacted = freshet_table::compact(world.lake, world.normalizer.contract(), &options, |_| {}).await;
        report.compacted = Some(compacted.map_err(Error::tables("compact what was replayed"))?);
    }
    if request.from == From::Rejected && !request.is_dry_run {
        rejected::resolve(world, request, &mut report).await?;
    }
    tracing::info!(records = report.records, selected = report.selected, rows = report.made.row_count(), "replayed");
    Ok(report)
}

/// What records point to.
async fn fetch(world: World<'_>, records: &[u8]) -> Result<Fetched, Error> {
    pointed::fetch(world.s3, world.lake.bucket(), line_pointers(records)).await
}

/// Where objects are put, unless nothing is to be done.
fn target<'a>(world: World<'a>, request: &Request) -> Option<(&'a aws_sdk_s3::Client, &'a str)> {
    (!request.is_dry_run).then_some((world.s3, world.lake.bucket()))
}
