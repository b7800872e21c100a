//! `freshet import`: files of a provider's data, from a folder or S3, into the lake.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use freshet_ingest::import::Import;
use freshet_ingest::normalize::Normalizer;
use freshet_lambda::import::{self, Importing, Report};
use freshet_schema::Contract;

use super::send::gather;
use crate::output::{complain, say, table};
use crate::progress::Progress;
use crate::provider::Provider;
use crate::{environment, hash_keys, stack};

/// Arguments of `freshet import`.
#[derive(Debug, Args)]
#[command(
    after_help = "A file is a webhook's body, values one behind another (NDJSON), or a list of the provider's REST API such as {\"orders\": [...]}; gzip too.\nThe topic is --topic, else the list's own (`lists` in schemas/SOURCE/source.toml), else the folder's (`orders-create` is orders/create), else what the body says.\nAn imported event is the same event as the webhook of that topic with the same payload. No delivery is counted.\nExit code 1: a file had something in it that is no event, or that was rejected.\n\nExamples:\n  freshet import exports/orders.json --source shopify --account acme.myshopify.com --dry-run\n  freshet import s3://archive/2025/ --source zendesk --account 42\n  freshet import payloads/orders-create --source shopify --account acme.myshopify.com --json"
)]
pub(crate) struct Arguments {
    /// Files, folders that are searched for files, or a place in S3 (`s3://bucket/prefix`).
    #[arg(required = true)]
    paths: Vec<String>,
    /// The source: shopify, zendesk, game, or one of yours.
    #[arg(long)]
    source: String,
    /// The shop domain, Zendesk account or game that the files are of.
    #[arg(long)]
    account: String,
    /// The topic of the files' events.
    #[arg(long)]
    topic: Option<String>,
    /// Leave what was imported in the landing zone for the lake's own compactor.
    #[arg(long)]
    no_compact: bool,
    /// Say what an import would do, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A file to import.
enum Place {
    File(PathBuf),
    Object { bucket: String, key: String },
}

impl Place {
    fn name(&self) -> String {
        match self {
            // The folder's name is looked at: `.` has none.
            Self::File(path) => std::path::absolute(path).as_deref().unwrap_or(path).display().to_string(),
            Self::Object { bucket, key } => format!("s3://{bucket}/{key}"),
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let contract = Contract::embedded();
    let provider = Provider::find(&arguments.source)?;
    ensure!(!arguments.account.trim().is_empty(), "--account names the shop domain, Zendesk account or game that the files are of");
    let aws = environment::aws().await;
    let s3 = environment::s3(&aws);
    let mut places = Vec::new();
    for path in &arguments.paths {
        find(&s3, path, &mut places).await?;
    }
    ensure!(!places.is_empty(), "find files to import: there are none in {}", arguments.paths.join(", "));
    let lake = environment::lake().await?;
    let normalizer = Normalizer::new(contract, hash_keys::own(&aws).await?);
    let now = stack::now();
    let import = Import { source: provider.source, account: arguments.account.trim(), topic: arguments.topic.as_deref(), received_at: now };
    let target = (!arguments.dry_run).then_some((&s3, lake.bucket()));
    let shown = Progress::new("importing", places.len() as u64);
    let work = async {
        let mut importing = Importing::new(&normalizer, import, target);
        for place in &places {
            match read(&s3, place).await {
                Ok(bytes) => importing.take(&place.name(), bytes).await?,
                Err(error) => importing.refuse(&place.name(), vec![format!("{error:#}")]),
            }
            shown.advance(1);
        }
        let report = importing.finish().await?;
        let options = freshet_table::Options::new(uuid::Uuid::new_v4().to_string(), now);
        let compacted = if report.landed > 0 && !arguments.no_compact {
            Some(freshet_table::compact(&lake, contract, &options, |_| {}).await.context("compact what was imported")?)
        } else {
            None
        };
        Ok::<_, anyhow::Error>((report, compacted))
    };
    let what_is_left = "what was imported stays, and nothing is there twice; run it again to go on";
    let Some((report, compacted)) = shown.unless_interrupted(work, what_is_left).await? else {
        return Ok(ExitCode::FAILURE);
    };
    for bad in &report.bad_files {
        for problem in &bad.problems {
            complain(&format!("bad: {}: {problem}", bad.file));
        }
    }
    if arguments.json {
        let mut shown = serde_json::to_value(&report)?;
        shown["compacted"] = serde_json::to_value(&compacted)?;
        shown["is_dry_run"] = arguments.dry_run.into();
        say(&serde_json::to_string_pretty(&shown)?);
    } else {
        print(&report, compacted.as_ref(), &arguments);
    }
    Ok(if report.bad_files.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn find(s3: &aws_sdk_s3::Client, path: &str, places: &mut Vec<Place>) -> Result<()> {
    let Some(rest) = path.strip_prefix("s3://") else {
        let mut files = Vec::new();
        gather(Path::new(path), &mut files)?;
        places.extend(files.into_iter().map(Place::File));
        return Ok(());
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let keys = import::objects(s3, bucket, prefix).await.with_context(|| format!("list {path}"))?;
    places.extend(keys.into_iter().map(|key| Place::Object { bucket: bucket.to_owned(), key }));
    Ok(())
}

async fn read(s3: &aws_sdk_s3::Client, place: &Place) -> Result<Vec<u8>> {
    match place {
        Place::File(path) => tokio::fs::read(path).await.context("read the file"),
        Place::Object { bucket, key } => import::object(s3, bucket, key).await?.context("read the object: it is gone"),
    }
}

fn print(report: &Report, compacted: Option<&freshet_table::Report>, arguments: &Arguments) {
    let would = if arguments.dry_run { "would become" } else { "became" };
    say(&format!(
        "{} files, {} events; they {would} {} rows, {} events were rejected, {} files had problems",
        report.files,
        report.events,
        report.made.row_count(),
        report.made.reject_count(),
        report.bad_files.len()
    ));
    table(&["table", "rows"], report.made.rows.iter().map(|(name, rows)| vec![name.clone(), rows.to_string()]));
    if let Some(compacted) = compacted {
        say(&format!("compacted: {} new rows, {} were there already", compacted.rows, compacted.duplicates));
    } else if report.landed > 0 {
        say("what was imported is in the landing zone: the next compaction stores it");
    }
}
