//! `freshet send`: signs and delivers files or folders, as their provider would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use freshet_ingest::secret::Secret;
use futures::StreamExt as _;
use serde::Serialize;

use crate::courier::{Answer, Courier};
use crate::output::{complain, say};
use crate::progress::Progress;
use crate::provider::{Ids, Outgoing, Provider};
use crate::{environment, stack};

/// Arguments of `freshet send`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: everything was acknowledged; 1: something was refused, or is not sent.\nA delivery's ids are a hash of its topic and body: the same file sent twice is the same delivery again.\n\nExamples:\n  freshet send payloads/shopify --source shopify --secret hush\n  freshet send order.json --source shopify --topic orders/create --account acme.myshopify.com\n  freshet send events/ --source game --repeat 3 --json"
)]
pub(crate) struct Arguments {
    /// Files, or folders that are searched for files. A file's bytes are sent as they are.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Who sends: shopify, zendesk, game, or a source of yours.
    #[arg(long)]
    source: String,
    /// The topic; where it is not given, the folder's name (`orders-create` is orders/create) or what the body says.
    #[arg(long)]
    topic: Option<String>,
    /// The signing secret; where it is not given, that of `FRESHET_SECRET_<SOURCE>`.
    #[arg(long, hide_env_values = true)]
    secret: Option<String>,
    /// The receiver's URL.
    #[arg(long, env = environment::WEBHOOK_URL, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The shop domain, Zendesk account or game that sends.
    #[arg(long)]
    account: Option<String>,
    /// How many times everything is delivered.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// How many deliveries are under way at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was done.
#[derive(Debug, Default, Serialize)]
struct Summary {
    deliveries: u64,
    acknowledged: u64,
    refused: Vec<Refused>,
    unsent: Vec<Unsent>,
    /// Deliveries by the status of their last answer.
    answers: BTreeMap<u16, u64>,
    retries: u64,
    bytes: u64,
    seconds: f64,
    is_interrupted: bool,
}

/// A delivery that the receiver does not want.
#[derive(Debug, Serialize)]
struct Refused {
    file: PathBuf,
    status: u16,
    reason: String,
}

/// A file that could not be sent.
#[derive(Debug, Serialize)]
struct Unsent {
    file: PathBuf,
    reason: String,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let provider = Provider::find(&arguments.source)?;
    let secret = provider.secret(arguments.secret.as_deref())?;
    // A topic travels in a header where the provider has one, and else in the query.
    let in_query = arguments.topic.as_deref().filter(|_| provider.source.delivery.topic.headers.is_empty());
    let courier = Courier::new(&arguments.url, &arguments.source, in_query)?;
    let mut files = Vec::new();
    for path in &arguments.paths {
        gather(path, &mut files)?;
    }
    ensure!(!files.is_empty(), "find files to send: there are none in {}", list(&arguments.paths));
    let topics = files
        .iter()
        .map(|file| arguments.topic.clone().map_or_else(|| provider.topic(file), |topic| Ok(Some(topic))))
        .collect::<Result<Vec<_>>>()?;
    let jobs: Vec<Job> = files.into_iter().zip(topics).map(|(file, topic)| Job { file, topic }).collect();
    let total = jobs.len() as u64 * u64::from(arguments.repeat);
    let sending = Sending {
        provider,
        secret,
        courier,
        account: arguments.account,
        progress: Progress::new("sending", total),
        retries: AtomicU64::new(0),
    };
    let summary = deliver(&sending, &jobs, arguments.repeat, usize::from(arguments.concurrency)).await;
    sending.progress.finish();
    report(&summary, &sending, total, arguments.json)?;
    let is_done = summary.acknowledged == total;
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Job {
    file: PathBuf,
    topic: Option<String>,
}

struct Sending {
    provider: Provider,
    secret: Secret,
    courier: Courier,
    account: Option<String>,
    progress: Progress,
    retries: AtomicU64,
}

async fn deliver(sending: &Sending, jobs: &[Job], repeat: u32, concurrency: usize) -> Summary {
    let begun = Instant::now();
    let mut summary = Summary::default();
    let work = (0..repeat).flat_map(|_| jobs).map(|job| async move { (job, send(sending, job).await) });
    let mut answers = std::pin::pin!(futures::stream::iter(work).buffer_unordered(concurrency));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = &mut interrupted => {
                summary.is_interrupted = true;
                break;
            }
            answer = answers.next() => match answer {
                Some((job, answer)) => summary.add(job, answer),
                None => break,
            },
        }
        sending.progress.advance(1);
    }
    summary.retries = sending.retries.load(Ordering::Relaxed);
    summary.seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    summary
}

async fn send(sending: &Sending, job: &Job) -> Result<(u64, Answer)> {
    let Sending { provider, secret, courier, account, progress, retries } = sending;
    let body = tokio::fs::read(&job.file).await.context("read the file")?;
    let body = Bytes::from(body);
    let ids = Ids::of(job.topic.as_deref(), &body);
    let headers = || {
        let outgoing = Outgoing { topic: job.topic.as_deref(), account: account.as_deref(), ids: &ids, body: &body };
        provider.headers(secret, &outgoing, stack::now())
    };
    let retrying = |why: &str| {
        retries.fetch_add(1, Ordering::Relaxed);
        progress.trouble(why);
    };
    let answer = courier.deliver(body.clone(), headers, retrying).await?;
    Ok((body.len() as u64, answer))
}

impl Summary {
    fn add(&mut self, job: &Job, answer: Result<(u64, Answer)>) {
        self.deliveries += 1;
        match answer {
            Ok((bytes, answer)) => {
                self.bytes += bytes;
                *self.answers.entry(answer.status.as_u16()).or_default() += 1;
                if answer.is_acknowledged() {
                    self.acknowledged += 1;
                } else {
                    self.refused.push(Refused { file: job.file.clone(), status: answer.status.as_u16(), reason: answer.reason });
                }
            }
            Err(error) => self.unsent.push(Unsent { file: job.file.clone(), reason: format!("{error:#}") }),
        }
    }
}

fn report(summary: &Summary, sending: &Sending, total: u64, as_json: bool) -> Result<()> {
    for Refused { file, status, reason } in &summary.refused {
        complain(&format!("refused: {}: {status} {reason}", file.display()));
    }
    for Unsent { file, reason } in &summary.unsent {
        complain(&format!("not sent: {}: {reason}", file.display()));
    }
    if summary.answers.contains_key(&401) {
        complain(
            "hint: is the secret the receiver's, and this machine's clock right? `freshet verify` says why a delivery does not verify",
        );
    }
    if summary.is_interrupted {
        complain(&format!("interrupted: {} of {total} deliveries were answered; what was under way may have arrived", summary.deliveries));
    }
    if as_json {
        say(&serde_json::to_string_pretty(summary)?);
        return Ok(());
    }
    let answers: Vec<String> = summary.answers.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    say(&format!(
        "{} of {total} deliveries acknowledged by {} in {:.1} s ({}; {} bytes, {} retries)",
        summary.acknowledged,
        sending.courier.url().origin().ascii_serialization(),
        summary.seconds,
        if answers.is_empty() { "no answers".to_owned() } else { answers.join(", ") },
        summary.bytes,
        summary.retries
    ));
    Ok(())
}

/// The files below a path, by name. What begins with a dot inside a folder, and links to folders there, are left out.
pub(crate) fn gather(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let is_folder = std::fs::metadata(path).with_context(|| format!("read {}", path.display()))?.is_dir();
    if !is_folder {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("read the folder {}", path.display()))?;
    let mut entries = entries.collect::<std::io::Result<Vec<_>>>().with_context(|| format!("read the folder {}", path.display()))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let inner = entry.path();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let is_linked_folder = inner.is_symlink() && inner.is_dir();
        if !is_hidden && !is_linked_folder {
            gather(&inner, files)?;
        }
    }
    Ok(())
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_a_stable_order_without_hidden_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.json", "b/10.bin", "a/x", ".git/config", "b/.hidden"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let mut files = Vec::new();
        gather(folder.path(), &mut files).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a/x", "b/10.bin", "b/2.json"]);
        assert!(gather(&folder.path().join("nowhere"), &mut files).is_err());
    }
}
