//! `freshet flush`: delivers what the loopback's streams have buffered.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

/// Arguments of `freshet flush`.
#[derive(Debug, Args)]
#[command(after_help = "On AWS streams deliver by themselves.\n\nExample:\n  freshet flush --endpoint http://127.0.0.1:4566")]
pub(crate) struct Arguments {
    /// The loopback's endpoint.
    #[arg(long, env = "AWS_ENDPOINT_URL", default_value = "http://127.0.0.1:4566")]
    endpoint: String,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let url = format!("{}/_freshet/flush", arguments.endpoint.trim_end_matches('/'));
    let response = reqwest::Client::new().post(&url).send().await.with_context(|| format!("reach {url}; is `freshet up` running?"))?;
    if !response.status().is_success() {
        let status = response.status();
        bail!("flush: {status}: {}", response.text().await.unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}
