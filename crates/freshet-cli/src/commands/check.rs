//! `freshet check`: judges the template that the lake is deployed with.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::guardian::{Finding, RULES, Severity, Source, judge, raw_findings};
use crate::output::{complain, say, table};

/// Arguments of `freshet check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1 where something is found. SAM and YAML need Python with infra/requirements.txt.\n\nExamples:\n  freshet check\n  freshet check --template template.transformed.json --json\n  freshet check --rules"
)]
pub(crate) struct Arguments {
    /// The template: SAM or CloudFormation, YAML or JSON.
    #[arg(long, default_value = "infra/template.yaml")]
    template: PathBuf,
    /// A Python that has the packages of infra/requirements.txt.
    #[arg(long, env = "FRESHET_PYTHON")]
    python: Option<PathBuf>,
    /// Do not ask cfn-lint.
    #[arg(long)]
    no_lint: bool,
    /// List the rules.
    #[arg(long)]
    rules: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    if arguments.rules {
        table(
            &["rule", "severity", "what holds"],
            RULES.iter().map(|(id, severity, claim)| vec![(*id).to_owned(), severity_text(*severity).to_owned(), (*claim).to_owned()]),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let findings = findings(&arguments.template, arguments.python, !arguments.no_lint)?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&findings)?);
    } else if findings.is_empty() {
        say(&format!("{}: no findings, {} rules", arguments.template.display(), RULES.len()));
    } else {
        table(
            &["severity", "rule", "resource", "finding"],
            findings.iter().map(|finding| {
                vec![severity_text(finding.severity).to_owned(), finding.rule.clone(), finding.resource.clone(), finding.message.clone()]
            }),
        );
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is found in a template; what could not be asked is said.
pub(crate) fn findings(template: &Path, python: Option<PathBuf>, with_lint: bool) -> Result<Vec<Finding>> {
    let python = Source::python(python, template);
    let mut findings = raw_findings(template)?;
    match Source::read(template, &python, with_lint) {
        Ok(source) => {
            if let Some(reason) = &source.skipped {
                complain(&format!("skipped: cfn-lint ({reason})"));
            }
            findings.extend(judge(&source.template, &chrono::Utc::now().format("%Y-%m-%d").to_string()));
            findings.extend(source.lint);
        }
        // What the text alone shows is worth saying where the rest cannot be read.
        Err(error) if !findings.is_empty() => complain(&format!("skipped: every other rule ({error:#})")),
        Err(error) => return Err(error),
    }
    Ok(findings)
}

fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
