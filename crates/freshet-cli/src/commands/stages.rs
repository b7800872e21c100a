//! `freshet stages`: the stages in the account and region, and what is left over of them.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::output::{say, table};
use crate::{bucket, environment, stage};

/// Arguments of `freshet stages`.
#[derive(Debug, Args)]
#[command(
    after_help = "Left over are ephemeral stages, stacks that were not made or removed whole, and buckets without a stack.\n\nExamples:\n  freshet stages\n  freshet stages --json | jq -r '.[] | select(.left_over) | .stage' | sort -u"
)]
pub(crate) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Shown {
    stage: String,
    /// `stack` or `bucket`.
    kind: &'static str,
    name: String,
    status: Option<String>,
    owner: Option<String>,
    /// Since when, RFC 3339.
    since: Option<String>,
    /// Why it should not be there any more, if so.
    left_over: Option<&'static str>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let stacks = stage::stacks()?;
    let buckets = bucket::all(&environment::s3(&environment::aws().await)).await?;
    let orphans = buckets.into_iter().filter(|bucket| stacks.iter().all(|stack| stack.stage != bucket.stage));
    let orphans = orphans.map(|bucket| Shown {
        stage: bucket.stage,
        kind: "bucket",
        name: bucket.name,
        status: None,
        owner: None,
        since: bucket.created,
        left_over: Some("its stack is gone"),
    });
    let orphans: Vec<Shown> = orphans.collect();
    let shown = stacks.into_iter().map(|stack| {
        let left_over = stack.left_over();
        let (status, since) = (Some(stack.status), Some(stack.created));
        Shown { stage: stack.stage, kind: "stack", name: stack.name, status, owner: stack.owner, since, left_over }
    });
    let shown: Vec<Shown> = shown.chain(orphans).collect();
    if arguments.json {
        say(&serde_json::to_string_pretty(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    table(
        &["stage", "what", "name", "status", "owner", "since", "left over"],
        shown.iter().map(|one| {
            let left_over = one.left_over.unwrap_or_default().to_owned();
            vec![one.stage.clone(), one.kind.to_owned(), one.name.clone(), text(&one.status), text(&one.owner), text(&one.since), left_over]
        }),
    );
    Ok(ExitCode::SUCCESS)
}
