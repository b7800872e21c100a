//! `freshet verify`: for the person who stares at a 401.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use freshet_ingest::headers::Headers;
use freshet_ingest::secret::Secret;
use freshet_ingest::signature::{Rules, ZENDESK_TEST_SECRET, verify};
use freshet_ingest::time;
use freshet_schema::Scheme;
use serde_json::{Value, json};

use crate::output::{complain, say};
use crate::stack;

/// Arguments of `freshet verify`.
#[derive(Debug, Args)]
#[command(after_help = "The headers' file holds `Name: value` lines or a JSON object. Exit code 0: it verifies; 1: it does not.\n\nExample:\n  freshet verify --scheme shopify --secret hush --headers headers.txt --body body.json")]
pub(crate) struct Arguments {
    /// How the provider signs.
    #[arg(long, value_enum)]
    scheme: SchemeName,
    /// A signing secret; twice while one is being rotated.
    #[arg(long = "secret", required = true)]
    secrets: Vec<String>,
    /// The file with the headers.
    #[arg(long)]
    headers: PathBuf,
    /// The file with the raw body, byte for byte.
    #[arg(long)]
    body: PathBuf,
    /// The time to judge at: RFC 3339 or Unix seconds; now, where it is not given.
    #[arg(long)]
    at: Option<String>,
    /// Do not look at the signed time.
    #[arg(long)]
    ignore_age: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The schemes by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemeName {
    Shopify,
    Zendesk,
    StandardWebhooks,
    #[value(name = "gameanalytics")]
    GameAnalytics,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let scheme = match arguments.scheme {
        SchemeName::Shopify => Scheme::Shopify,
        SchemeName::Zendesk => Scheme::Zendesk,
        SchemeName::StandardWebhooks => Scheme::StandardWebhooks,
        SchemeName::GameAnalytics => Scheme::GameAnalytics,
    };
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("read {}", path.display()));
    let headers = parse_headers(&String::from_utf8_lossy(&read(&arguments.headers)?));
    let body = read(&arguments.body)?;
    let now = match &arguments.at {
        Some(text) => time::parse(text).with_context(|| format!("read --at {text}: RFC 3339 or Unix seconds are expected"))?.millis,
        None => stack::now(),
    };
    if scheme == Scheme::Zendesk && arguments.secrets.iter().any(|secret| secret == ZENDESK_TEST_SECRET) {
        complain("warning: this is Zendesk's public test secret; outside development it is refused");
    }
    let secrets: Vec<Secret> = arguments.secrets.iter().map(Secret::new).collect();
    let rules = Rules { scheme, secrets: &secrets, now, tolerance_seconds: (!arguments.ignore_age).then_some(300), is_development: true };
    let refusal = verify(&rules, &headers, &body).err();
    match &refusal {
        _ if arguments.json => say(&json!({ "verifies": refusal.is_none(), "reason": refusal.as_ref().map(ToString::to_string) }).to_string()),
        None => say("verifies"),
        Some(refusal) => say(&format!("does not verify: {refusal}")),
    }
    Ok(if refusal.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Headers of a JSON object, or of `Name: value` lines.
fn parse_headers(text: &str) -> Headers {
    if let Ok(Value::Object(entries)) = serde_json::from_str(text) {
        return entries.iter().map(|(name, value)| (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect();
    }
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim())).collect()
}
