//! `freshet package`: builds the functions and packs them for Lambda, and judges what was packed.

mod artefact;
mod build;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::output::{complain, say, table};
use artefact::{Architecture, Verdict, judge, pack};
use build::Build;

/// The functions, how they are built, and how large their binaries may be: what starts for every delivery and every batch starts
/// quickly.
const FUNCTIONS: [(&str, Build, u64); 4] = [
    ("receiver", Build::Small, 8_000_000),
    ("transformer", Build::Small, 8_000_000),
    ("compactor", Build::Fast, LAMBDA_LIMIT),
    ("scorer", Build::Fast, LAMBDA_LIMIT),
];
/// Lambda's own limit of an unzipped package (docs.aws.amazon.com/lambda, "Lambda quotas").
const LAMBDA_LIMIT: u64 = 250 * 1024 * 1024;

/// Arguments of `freshet package`.
#[derive(Debug, Args)]
#[command(
    after_help = "Run it in the repository's root. Exit code 1 where a package is not as it must be. arm64 needs cargo-lambda and the target aarch64-unknown-linux-gnu; without them the packages are for this machine's x86-64, and the stack is deployed with Architecture=x86_64.\n\nExamples:\n  freshet package\n  freshet package --function transformer\n  freshet package --check --json"
)]
pub(crate) struct Arguments {
    /// One function alone; may be repeated.
    #[arg(long, value_parser = FUNCTIONS.map(|(name, ..)| name))]
    function: Vec<String>,
    /// What to build for: arm64 where this machine can, unless it is said.
    #[arg(long)]
    architecture: Option<Architecture>,
    /// Build nothing: judge the packages that are there.
    #[arg(long)]
    check: bool,
    /// The template that says what the packages are for.
    #[arg(long, default_value = "infra/template.yaml")]
    template: PathBuf,
    /// Where the packages lie, a folder a function.
    #[arg(long, default_value = "target/lambda")]
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A package and what is to be said of it.
#[derive(Debug, Serialize)]
struct Package {
    function: String,
    path: PathBuf,
    #[serde(flatten)]
    verdict: Verdict,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let functions: Vec<(&str, Build, u64)> = FUNCTIONS
        .into_iter()
        .filter(|(name, ..)| arguments.function.is_empty() || arguments.function.iter().any(|asked| asked == name))
        .collect();
    let text = std::fs::read_to_string(&arguments.template).with_context(|| format!("read {}", arguments.template.display()))?;
    let deployed = template_architecture(&text)
        .with_context(|| format!("{} has no parameter Architecture with a default", arguments.template.display()))?;
    let architecture = if arguments.check {
        arguments.architecture.unwrap_or(deployed)
    } else {
        let architecture = choose(arguments.architecture, deployed)?;
        for build in [Build::Small, Build::Fast] {
            let names: Vec<&str> = functions.iter().filter(|(_, how, _)| *how == build).map(|(name, ..)| *name).collect();
            for (name, executable) in build::build(architecture, build, &names)? {
                let path = package_path(&arguments.dir, &name);
                let bytes = std::fs::read(&executable).with_context(|| format!("read {}", executable.display()))?;
                write(&path, &pack(&bytes)?)?;
            }
        }
        if architecture != deployed {
            complain(&format!(
                "note: the packages are for {0}, and the template's default is {1}: deploy with Architecture={0}",
                architecture.name(),
                deployed.name()
            ));
        }
        architecture
    };
    let mut packages = Vec::new();
    for (name, _, budget) in functions {
        let path = package_path(&arguments.dir, name);
        let bytes = std::fs::read(&path).with_context(|| format!("read {}; `freshet package` builds it", path.display()))?;
        packages.push(Package { function: name.to_owned(), verdict: judge(&bytes, architecture, budget), path });
    }
    report(&packages, arguments.json)?;
    Ok(if packages.iter().all(|package| package.verdict.findings.is_empty()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What to build for. What cannot be built for is said aloud.
fn choose(asked: Option<Architecture>, deployed: Architecture) -> Result<Architecture> {
    match (asked, build::why_not_arm64()) {
        (Some(Architecture::Arm64), Some(reason)) => bail!("build for arm64: {reason}"),
        (Some(architecture), _) => Ok(architecture),
        (None, None) => Ok(deployed),
        (None, Some(reason)) => {
            if deployed == Architecture::Arm64 {
                complain(&format!(
                    "note: not for arm64, since {reason}; building for this machine's x86-64 instead, which costs a quarter more a second"
                ));
            }
            Ok(Architecture::X86_64)
        }
    }
}

fn package_path(dir: &Path, function: &str) -> PathBuf {
    dir.join(function).join("bootstrap.zip")
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    std::fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

fn report(packages: &[Package], json: bool) -> Result<()> {
    if json {
        say(&serde_json::to_string_pretty(packages)?);
        return Ok(());
    }
    table(
        &["function", "machine", "bootstrap", "zip", "glibc", "findings"],
        packages.iter().map(|Package { function, verdict, .. }| {
            let findings: Vec<String> = verdict.findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.message)).collect();
            vec![
                function.clone(),
                verdict.machine.clone().unwrap_or_else(|| "?".to_owned()),
                verdict.bytes.to_string(),
                verdict.zip_bytes.to_string(),
                verdict.glibc.clone().unwrap_or_else(|| "none".to_owned()),
                if findings.is_empty() { "none".to_owned() } else { findings.join("; ") },
            ]
        }),
    );
    Ok(())
}

/// The default of the template's parameter `Architecture`, which its functions' `Architectures` name: in YAML or in JSON.
fn template_architecture(text: &str) -> Option<Architecture> {
    let named = |name: &str| Architecture::from_str(name, false).ok();
    if let Ok(template) = serde_json::from_str::<serde_json::Value>(text) {
        return named(template.pointer("/Parameters/Architecture/Default")?.as_str()?);
    }
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim_end() != "Parameters:").skip(1);
    let parameter = lines.by_ref().take_while(|line| line.is_empty() || depth(line) > 0).find(|line| line.trim() == "Architecture:")?;
    let inside = lines.take_while(|line| depth(line) > depth(parameter));
    inside.filter_map(|line| line.trim().strip_prefix("Default:")).find_map(|value| named(value.trim().trim_matches('"')))
}

#[cfg(test)]
mod tests;
