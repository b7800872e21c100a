//! Import: files of a provider's data into the landing zone, through today's transform.
//!
//! Nothing is counted as a delivery, for none was made; the compactor counts the rows. Safe to run twice: an event is the
//! same as the webhook of the same payload, and is in its tables once. A file that cannot be read spoils no other.

use freshet_ingest::import::{self, Import};
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::transform::transform_delivery;
use serde::Serialize;

use crate::error::Error;
use crate::lander::{Lander, unpack};
use crate::objects;

pub use crate::lander::Made;

/// Where the rows of imported events go.
const PREFIX: &str = "landing/import/";
/// So many problems of one file are told.
const TOLD: usize = 20;

/// A file with something in it that is no event, or that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadFile {
    /// Its name.
    pub file: String,
    /// What is wrong with it: no more than the first problems.
    pub problems: Vec<String>,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Files that were read.
    pub files: u64,
    /// Events in them.
    pub events: u64,
    /// What they became.
    #[serde(flatten)]
    pub made: Made,
    /// Files with problems.
    pub bad_files: Vec<BadFile>,
    /// Objects put into the landing zone.
    pub landed: u64,
}

/// An import under way.
#[derive(Debug)]
pub struct Importing<'a> {
    normalizer: &'a Normalizer,
    import: Import<'a>,
    /// Where to; nothing is put where there is none.
    target: Option<(&'a aws_sdk_s3::Client, &'a str)>,
    lander: Lander,
    report: Report,
}

impl<'a> Importing<'a> {
    /// Begins. Without a target (client and bucket) it only says what it would do.
    pub fn new(normalizer: &'a Normalizer, import: Import<'a>, target: Option<(&'a aws_sdk_s3::Client, &'a str)>) -> Self {
        Self { normalizer, import, target, lander: Lander::new(PREFIX), report: Report::default() }
    }

    /// Takes a file. Its folder may name the topic of its events.
    pub async fn take(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let (bytes, is_whole) = unpack(bytes);
        let folder = name.rsplit(['/', '\\']).nth(1);
        let Self { normalizer, import, lander, report, .. } = self;
        let mut made = Made::default();
        let found = import::read(import, &bytes, folder, |delivery| {
            let rows = transform_delivery(normalizer, &delivery);
            made.note(&rows);
            report.events += 1;
            lander.take(&rows);
        });
        let mut problems: Vec<String> =
            found.iter().take(TOLD).map(|problem| format!("line {}: {}", problem.line, problem.message)).collect();
        if found.len() > TOLD {
            problems.push(format!("{} more", found.len() - TOLD));
        }
        if !is_whole {
            problems.push("it does not unpack to its end".to_owned());
        }
        problems.extend(made.rejected.iter().map(|(reason, count)| format!("{count} events rejected: {reason}")));
        report.files += 1;
        for (table, rows) in made.rows {
            *report.made.rows.entry(table).or_default() += rows;
        }
        for (reason, rejects) in made.rejected {
            *report.made.rejected.entry(reason).or_default() += rejects;
        }
        if !problems.is_empty() {
            self.refuse(name, problems);
        }
        self.lander.land(self.target, false).await
    }

    /// Notes a file that could not be read.
    pub fn refuse(&mut self, name: &str, problems: Vec<String>) {
        self.report.bad_files.push(BadFile { file: name.to_owned(), problems });
    }

    /// Puts the rest.
    pub async fn finish(mut self) -> Result<Report, Error> {
        self.lander.land(self.target, true).await?;
        self.report.landed = self.lander.landed;
        Ok(self.report)
    }
}

/// The objects of a bucket below a prefix.
pub async fn objects(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str) -> Result<Vec<String>, Error> {
    let mut keys: Vec<String> = objects::list(s3, bucket, prefix).await?.into_iter().map(|(key, _)| key).collect();
    keys.retain(|key| !key.ends_with('/'));
    keys.sort();
    Ok(keys)
}

/// An object's bytes; nothing where it is gone.
pub async fn object(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
    objects::get(s3, bucket, key).await
}
