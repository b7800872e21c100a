//! Builds the functions' executables: for arm64 by cargo-lambda, whose linker keeps glibc old; else by cargo for this machine.

use std::env::consts::{ARCH, OS};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::artefact::Architecture;
use crate::output::complain;

const ARM64_TARGET: &str = "aarch64-unknown-linux-gnu";
const X86_64_TARGET: &str = "x86_64-unknown-linux-gnu";
const PACKAGE: &str = "freshet-lambda";

/// How a function is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Build {
    /// To be small and quick to start: without what works on tables.
    Small,
    /// To be quick at its work.
    Fast,
}

impl Build {
    fn profile(self) -> &'static str {
        match self {
            Self::Small => "lambda",
            Self::Fast => "release",
        }
    }
}

/// What `cargo metadata` says of the workspace.
#[derive(Deserialize)]
struct Workspace {
    target_directory: PathBuf,
}

/// Why this machine cannot build for arm64.
pub(super) fn why_not_arm64() -> Option<String> {
    let quiet = |command: &mut Command| command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let has_lambda = quiet(Command::new(cargo()).args(["lambda", "--version"])).is_ok_and(|output| output.status.success());
    if !has_lambda {
        return Some("cargo-lambda is not installed".to_owned());
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = quiet(Command::new(rustc).args(["--print", "target-libdir", "--target", ARM64_TARGET])).ok();
    let folder = folder.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let has_target = folder.and_then(|folder| std::fs::read_dir(folder).ok()).is_some_and(|mut files| files.next().is_some());
    (!has_target).then(|| format!("the target {ARM64_TARGET} is not installed (`rustup target add {ARM64_TARGET}`)"))
}

/// Builds functions in one way; gives their names with their executables.
pub(super) fn build(architecture: Architecture, how: Build, functions: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    if functions.is_empty() {
        return Ok(Vec::new());
    }
    let target_directory = target_directory()?;
    let built = target_directory.join("packages");
    let mut command = Command::new(cargo());
    match architecture {
        Architecture::Arm64 => {
            command.args(["lambda", "build", "--arm64", "--output-format", "binary", "--lambda-dir"]).arg(&built);
        }
        Architecture::X86_64 => {
            ensure!(
                (ARCH, OS) == ("x86_64", "linux"),
                "build for x86_64: this machine is {ARCH} with {OS}; install cargo-lambda and build for arm64"
            );
            // The target is named, so that nothing lands in target/lambda, where the packages lie.
            command.args(["build", "--target", X86_64_TARGET]);
        }
    }
    command.args(["--locked", "--profile", how.profile(), "--package", PACKAGE]);
    if how == Build::Small {
        command.arg("--no-default-features");
    }
    for function in functions {
        command.args(["--bin", function]);
    }
    complain(&format!("building {} for {}", functions.join(", "), architecture.name()));
    let status = command.status().context("start cargo")?;
    ensure!(status.success(), "build the functions: cargo ended with {status}");
    let executable = |function: &str| match architecture {
        Architecture::Arm64 => built.join(function).join("bootstrap"),
        Architecture::X86_64 => target_directory.join(X86_64_TARGET).join(how.profile()).join(function),
    };
    Ok(functions.iter().map(|function| ((*function).to_owned(), executable(function))).collect())
}

fn target_directory() -> Result<PathBuf> {
    let output =
        Command::new(cargo()).args(["metadata", "--no-deps", "--format-version", "1"]).output().context("ask cargo for the workspace")?;
    ensure!(output.status.success(), "ask cargo for the workspace: {}", String::from_utf8_lossy(&output.stderr).trim());
    let workspace: Workspace = serde_json::from_slice(&output.stdout).context("read what cargo says of the workspace")?;
    Ok(workspace.target_directory)
}

fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
