//! `freshet queries`: the catalogue.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use freshet_query::{Query, catalogue};
use serde_json::{Value, json};

use crate::output::{say, table};

/// Arguments of `freshet queries`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  freshet queries --json | jq '.[].name'")]
pub(crate) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.json {
        let list: Vec<Value> = catalogue().iter().map(describe).collect();
        say(&serde_json::to_string_pretty(&list)?);
        return Ok(ExitCode::SUCCESS);
    }
    let parameters = |query: &Query| query.parameters.iter().map(|parameter| format!("{}={}", parameter.name, parameter.example)).collect::<Vec<_>>().join(" ");
    let rows = catalogue().iter().map(|query| vec![query.name.clone(), query.kind.name().to_owned(), query.summary.clone(), parameters(query)]);
    table(&["name", "kind", "what it answers", "parameters and examples"], rows);
    Ok(ExitCode::SUCCESS)
}

fn describe(query: &Query) -> Value {
    let parameter = |parameter: &freshet_query::Parameter| json!({ "name": parameter.name, "type": parameter.kind.name(), "example": parameter.example });
    json!({
        "name": query.name,
        "kind": query.kind.name(),
        "summary": query.summary,
        "parameters": query.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "sql": query.sql,
    })
}
