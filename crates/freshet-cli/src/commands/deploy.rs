//! `freshet deploy`: makes or updates a stage with SAM, and makes its tables known.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use freshet_schema::Contract;
use freshet_table::Lake;
use toml::{Table, Value};

use crate::output::{complain, say};
use crate::stage::{self, check_name, shown, stack_name};
use crate::{commands, environment};

/// The section of samconfig.toml that ephemeral stages are made from.
const EPHEMERAL: &str = "ephemeral";

/// Arguments of `freshet deploy`.
#[derive(Debug, Args)]
#[command(
    after_help = "A stage has its section in the configuration, or is ephemeral: made like the section `ephemeral`, under its own name.\nIt checks the template, runs `sam deploy`, prints the stage's variables, and registers its tables and views.\n\nExamples:\n  freshet deploy production --dry-run\n  freshet deploy pr12 --ephemeral\n  freshet deploy staging --parameter FlushSeconds=60 --yes"
)]
pub(crate) struct Arguments {
    /// The stage.
    stage: String,
    /// Make a stage for a pull request, which has no section of its own.
    #[arg(long)]
    ephemeral: bool,
    /// A parameter of the template, as NAME=VALUE.
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// The stages' configuration.
    #[arg(long, default_value = "infra/samconfig.toml")]
    config: PathBuf,
    /// The template.
    #[arg(long, default_value = "infra/template.yaml")]
    template: PathBuf,
    /// A Python that has the packages of infra/requirements.txt.
    #[arg(long, env = "FRESHET_PYTHON")]
    python: Option<PathBuf>,
    /// Say what would run, and run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before the changes are made.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    check_name(&arguments.stage)?;
    let text = std::fs::read_to_string(&arguments.config).with_context(|| format!("read {}", arguments.config.display()))?;
    let config: Table = text.parse().with_context(|| format!("read {}", arguments.config.display()))?;
    let command = command(&arguments, &config)?;
    say(&shown("sam", &command));
    if arguments.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let findings = commands::check::findings(&arguments.template, arguments.python.clone(), true)?;
    ensure!(
        findings.is_empty(),
        "deploy {}: `freshet check` finds {} things in {}; run it to see them",
        arguments.stage,
        findings.len(),
        arguments.template.display()
    );
    stage::run("sam", &command, "is SAM installed (pip install -r infra/requirements.txt)?")?;
    let Some(made) = stage::stack(&arguments.stage)? else {
        bail!(
            "deploy {}: sam is done, but the account and region of `aws` have no stack {}",
            arguments.stage,
            stack_name(&arguments.stage)
        );
    };
    let (bucket, database, workgroup) = (made.output("LakeBucket")?, made.output("DatabaseName")?, made.output("Workgroup")?);
    for (name, value) in [
        (environment::BUCKET, bucket),
        (environment::DATABASE, database),
        (environment::WORKGROUP, workgroup),
        (environment::WEBHOOK_URL, made.output("WebhookUrl")?),
    ] {
        say(&format!("export {name}={value}"));
    }
    let aws = environment::aws().await;
    let lake = Lake::connect(&aws, bucket).context("connect to the lake")?;
    freshet_table::create_tables(&lake, Contract::embedded()).await.context("make the tables")?;
    let registered = environment::register(&aws, bucket, database, workgroup).await?;
    complain(&format!("{} tables and views are registered", registered.len()));
    Ok(ExitCode::SUCCESS)
}

/// The arguments of `sam`.
fn command(arguments: &Arguments, config: &Table) -> Result<Vec<OsString>> {
    let has_section = config.get(&arguments.stage).is_some();
    let section = match (has_section, arguments.ephemeral) {
        (true, true) => {
            bail!("deploy {0}: it has a section of its own in {1}, so it is not ephemeral", arguments.stage, arguments.config.display())
        }
        (true, false) => arguments.stage.as_str(),
        (false, true) => EPHEMERAL,
        (false, false) => bail!(
            "deploy {0}: {1} has no section [{0}.deploy.parameters]; write one, or make a stage for a pull request with --ephemeral",
            arguments.stage,
            arguments.config.display()
        ),
    };
    let given = config.get(section).and_then(|section| section.get("deploy")?.get("parameters"));
    let given = given.with_context(|| format!("read {}: there is no [{section}.deploy.parameters]", arguments.config.display()))?;
    let config_file = std::path::absolute(&arguments.config).context("find the configuration")?;
    let mut command: Vec<OsString> = vec!["deploy".into(), "--config-file".into(), config_file.into()];
    command.extend(["--config-env".into(), section.into(), "--template-file".into(), arguments.template.clone().into()]);
    if arguments.ephemeral {
        let name = stack_name(&arguments.stage);
        command.extend(["--stack-name".into(), name.clone().into(), "--s3-prefix".into(), name.into()]);
    }
    if arguments.ephemeral || !arguments.parameters.is_empty() {
        // What is given here replaces the section's list as a whole.
        command.push("--parameter-overrides".into());
        let own: Vec<(&str, &str)> = arguments
            .parameters
            .iter()
            .map(|parameter| parameter.split_once('=').context("read --parameter: the form is NAME=VALUE"))
            .collect::<Result<_>>()?;
        let of_section = texts(given.get("parameter_overrides"));
        let kept = of_section.iter().filter(|pair| own.iter().all(|(name, _)| pair.split_once('=').is_none_or(|(key, _)| key != *name)));
        command.extend(kept.map(|pair| renamed(pair, "Stage", arguments).into()));
        command.extend(arguments.parameters.iter().map(OsString::from));
    }
    if arguments.ephemeral {
        command.push("--tags".into());
        command.extend(texts(given.get("tags")).iter().map(|pair| OsString::from(renamed(pair, "stage", arguments))));
    }
    if arguments.yes {
        command.push("--no-confirm-changeset".into());
    }
    command.push("--no-fail-on-empty-changeset".into());
    Ok(command)
}

/// `stage=…` with the stage's own name.
fn renamed(pair: &str, key: &str, arguments: &Arguments) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name == key => format!("{key}={}", arguments.stage),
        _ => pair.to_owned(),
    }
}

fn texts(list: Option<&Value>) -> Vec<String> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = include_str!("../../../../infra/samconfig.toml");

    fn composed(stage: &str, ephemeral: bool, parameters: &[&str]) -> Result<String> {
        let arguments = Arguments {
            stage: stage.to_owned(),
            ephemeral,
            parameters: parameters.iter().map(|pair| (*pair).to_owned()).collect(),
            config: "/lake/samconfig.toml".into(),
            template: "template.yaml".into(),
            python: None,
            dry_run: true,
            yes: false,
        };
        command(&arguments, &CONFIG.parse().unwrap()).map(|command| shown("sam", &command))
    }

    #[test]
    fn a_stage_with_a_section_is_deployed_by_it() {
        let whole =
            "sam deploy --config-file /lake/samconfig.toml --config-env staging --template-file template.yaml --no-fail-on-empty-changeset";
        assert_eq!(composed("staging", false, &[]).unwrap(), whole);
    }

    #[test]
    fn a_parameter_stands_beside_those_of_the_section() {
        let command = composed("staging", false, &["Owner=web", "FlushSeconds=60"]).unwrap();
        assert!(command.contains("--parameter-overrides Stage=staging Residency=eu Owner=web FlushSeconds=60"), "{command}");
    }

    #[test]
    fn an_ephemeral_stage_carries_its_own_name_everywhere() {
        let command = composed("pr12", true, &[]).unwrap();
        for part in [
            "--config-env ephemeral",
            "--stack-name freshet-pr12",
            "--s3-prefix freshet-pr12",
            "Stage=pr12",
            "stage=pr12",
            "ephemeral=true",
        ] {
            assert!(command.contains(part), "{part} in {command}");
        }
        assert!(!command.contains("=pr "), "{command}");
    }

    #[test]
    fn a_stage_that_nobody_described_is_refused() {
        assert!(composed("pr12", false, &[]).unwrap_err().to_string().contains("--ephemeral"));
        assert!(composed("staging", true, &[]).unwrap_err().to_string().contains("section of its own"));
        assert!(composed("staging", false, &["Owner"]).unwrap_err().to_string().contains("NAME=VALUE"));
    }
}
