//! `freshet schema`: what derives from the table contract.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use freshet_schema::{Contract, athena, delta, dictionary, released};

use crate::output::{complain, say};

/// Arguments of `freshet schema`.
#[derive(Debug, Args)]
#[command(
    after_help = "Run it in the repository's root.\n\nExamples:\n  freshet schema check\n  freshet schema emit\n  freshet schema emit --ddl --bucket my-lake"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the data dictionary and the record of what is released, or print statements and schemas.
    Emit {
        /// Print Athena's statements instead.
        #[arg(long)]
        ddl: bool,
        /// Print the Delta schemas instead.
        #[arg(long, conflicts_with = "ddl")]
        delta: bool,
        /// The bucket in the statements.
        #[arg(long, default_value = crate::stack::BUCKET)]
        bucket: String,
        /// The contract's folder.
        #[arg(long, default_value = "schemas")]
        dir: PathBuf,
    },
    /// Read the contract's files and say what is wrong with them, with file and line.
    Check {
        /// The contract's folder.
        #[arg(long, default_value = "schemas")]
        dir: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.what {
        What::Emit { ddl: true, bucket, .. } => {
            let statements = athena::statements(Contract::embedded(), crate::environment::DEFAULT_DATABASE, bucket);
            say(&format!("{};", statements.join(";\n\n")));
        }
        What::Emit { delta: true, .. } => {
            let schemas: serde_json::Map<_, _> =
                Contract::embedded().tables().map(|table| (table.name.clone(), delta::schema(table))).collect();
            say(&serde_json::to_string_pretty(&schemas)?);
        }
        What::Emit { dir, .. } => emit(dir)?,
        What::Check { dir } => return check(dir),
    }
    Ok(ExitCode::SUCCESS)
}

fn emit(dir: &Path) -> Result<()> {
    let contract = read(dir)?;
    let record = dir.join("released.json");
    if let Some(released) = read_record(&record)? {
        released::check(&contract, &released)?;
    }
    write(&dir.join("README.md"), &dictionary::markdown(&contract))?;
    write(&record, &format!("{}\n", serde_json::to_string_pretty(&released::record(&contract))?))?;
    Ok(())
}

fn check(dir: &Path) -> Result<ExitCode> {
    let contract = read(dir)?;
    if let Some(released) = read_record(&dir.join("released.json"))? {
        released::check(&contract, &released)?;
    }
    let page = dir.join("README.md");
    if fs::read_to_string(&page).unwrap_or_default() != dictionary::markdown(&contract) {
        complain(&format!("error: {} is not fresh: run `freshet schema emit`", page.display()));
        return Ok(ExitCode::FAILURE);
    }
    say(&format!("{} tables of {} sources are well described", contract.tables().count(), contract.sources().len()));
    Ok(ExitCode::SUCCESS)
}

/// Reads the registered sources of a folder, as the build does.
fn read(dir: &Path) -> Result<Contract> {
    let registry = dir.join("sources.txt");
    let names = fs::read_to_string(&registry).with_context(|| format!("read {}", registry.display()))?;
    let mut files = Vec::new();
    for source in names.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let folder = dir.join(source);
        let entries = fs::read_dir(&folder).with_context(|| format!("read the registered source {}", folder.display()))?;
        for path in entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                files.push((format!("{source}/{name}"), text));
            }
        }
    }
    files.sort();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Ok(Contract::parse(&files)?)
}

fn read_record(path: &Path) -> Result<Option<released::Record>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}
