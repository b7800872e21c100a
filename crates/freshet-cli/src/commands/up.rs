//! `freshet up`: the lake on loopback until Ctrl-C.

mod connections;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use freshet_ingest::secret::{Secret, Secrets};
use freshet_ingest::signature::ZENDESK_TEST_SECRET;
use freshet_schema::Contract;

use crate::environment::DEFAULT_DATABASE;
use crate::output::{complain, say};
use crate::provider::Provider;
use crate::stack::{BUCKET, Stack, Start};

/// Arguments of `freshet up`.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints `export K=V` lines for other clients, what each of them connects with as comments, then `ready`. Ctrl-C drains and stops; the folder keeps everything.\n\nExamples:\n  freshet up --secret shopify=hush --secret shopify/acme.myshopify.com=hush2\n  freshet up --dir /tmp/lake --port 0 --webhook-port 0 --flush-seconds 2 --compact-seconds 10"
)]
pub(crate) struct Arguments {
    /// The folder that everything lies in.
    #[arg(long, default_value = "freshet-lake")]
    dir: PathBuf,
    /// The port of AWS on loopback; 0 picks one.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// The port that webhooks are delivered to; 0 picks one.
    #[arg(long, default_value_t = 8080)]
    webhook_port: u16,
    /// A signing secret, as SOURCE=SECRET or SOURCE/ACCOUNT=SECRET; the same owner twice while one is being rotated.
    /// `FRESHET_SECRET_<SOURCE>` counts too, and no process list shows it.
    #[arg(long = "secret", value_name = "OWNER=SECRET")]
    secrets: Vec<String>,
    /// After how many seconds the stream delivers what it has buffered.
    #[arg(long, default_value_t = 10)]
    flush_seconds: u64,
    /// Every how many seconds the landing zone is compacted; 0 is never.
    #[arg(long, default_value_t = 30)]
    compact_seconds: u64,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let secrets = secrets(&arguments.secrets)?;
    let flush = Duration::from_secs(arguments.flush_seconds);
    let folder = std::path::absolute(&arguments.dir).unwrap_or_else(|_| arguments.dir.clone());
    let start = Start { dir: arguments.dir, port: arguments.port, webhook_port: arguments.webhook_port, secrets, flush };
    let stack = Stack::start(start).await?;
    print_exports(&stack, &folder);
    print_connections(&stack)?;
    say("ready");
    let every = Duration::from_secs(arguments.compact_seconds);
    let mut stop = std::pin::pin!(stopped());
    loop {
        let pause = async {
            if every.is_zero() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(every).await;
        };
        tokio::select! {
            result = &mut stop => {
                result?;
                break;
            }
            () = pause => {}
        }
        tokio::select! {
            result = &mut stop => {
                // A run may be left at any point: the one that drains does it again.
                result?;
                break;
            }
            compacted = stack.compact(|_| {}) => {
                if let Err(error) = compacted {
                    complain(&format!("warning: {error:#}; the next run tries again"));
                }
            }
        }
    }
    complain("draining: what was acknowledged is being delivered and compacted; a second Ctrl-C ends at once");
    tokio::select! {
        drained = stack.drain() => drained?,
        result = stopped() => {
            result?;
            complain("ended at once: what is not delivered yet lies in the folder and is delivered at the next start");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The secrets of `owner=secret` arguments and of the environment.
fn secrets(pairs: &[String]) -> Result<Secrets> {
    let mut secrets = Secrets::default();
    let mut known = 0;
    let mut add = |owner: &str, secret: &str| {
        if secret == ZENDESK_TEST_SECRET {
            complain("warning: this is Zendesk's public test secret; outside development it is refused");
        }
        secrets.add(owner, Secret::new(secret));
        known += 1;
    };
    for pair in pairs {
        let split = pair.split_once('=').filter(|(owner, secret)| !owner.is_empty() && !secret.is_empty());
        let (owner, secret) = split.context("read --secret: the form is SOURCE=SECRET or SOURCE/ACCOUNT=SECRET")?;
        Provider::find(owner.split('/').next().unwrap_or_default()).context("read --secret")?;
        add(owner, secret);
    }
    for source in Contract::embedded().sources().iter().filter(|source| source.signature.is_some()) {
        let variable = Provider::find(&source.name)?.secret_variable();
        if let Ok(secret) = std::env::var(&variable)
            && !secret.is_empty()
        {
            add(&source.name, &secret);
        }
    }
    if known == 0 {
        complain("warning: no signing secret is known, so every delivery will be refused; give --secret SOURCE=SECRET");
    }
    Ok(secrets)
}

fn print_exports(stack: &Stack, folder: &Path) {
    let exports = [
        ("AWS_ENDPOINT_URL", stack.local.endpoint()),
        ("AWS_ACCESS_KEY_ID", freshet_local::ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", freshet_local::SECRET_KEY.to_owned()),
        ("AWS_REGION", freshet_local::REGION.to_owned()),
        ("AWS_DEFAULT_REGION", freshet_local::REGION.to_owned()),
        (crate::environment::BUCKET, BUCKET.to_owned()),
        (crate::environment::DATABASE, DEFAULT_DATABASE.to_owned()),
        (crate::environment::WEBHOOK_URL, stack.url.url()),
    ];
    for (name, value) in exports {
        say(&format!("export {name}={value}"));
    }
    let key = folder.join(crate::hash_keys::FILE);
    if std::env::var_os(freshet_lambda::config::HASH_KEY).is_none() && key.exists() {
        say(&format!("export {}={}", crate::hash_keys::HASH_KEY_FILE, shown(&key)));
    }
}

/// What other clients connect with, as comments, so that all that is printed can be pasted into a shell.
fn print_connections(stack: &Stack) -> Result<()> {
    let endpoint = stack.local.endpoint();
    let place = connections::Place { endpoint: &endpoint, bucket: BUCKET, database: DEFAULT_DATABASE };
    for (client, connection) in connections::connections(place)? {
        say(&format!("# {client}: {connection}"));
    }
    Ok(())
}

/// A path as a shell reads it.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+".contains(c));
    if is_plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Returns when the process is asked to stop.
async fn stopped() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).context("wait for a signal")?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("wait for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}
