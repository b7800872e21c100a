//! Where a template comes from: JSON as it is; YAML and SAM through the pinned translator, in Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::{Finding, Findings, Severity, Template};

/// The translator's driver.
const DRIVER: &str = include_str!("../../../../infra/transform.py");
/// What the Python packages are installed from.
const REQUIREMENTS: &str = "infra/requirements.txt";

/// A template, and what cfn-lint says about it where it was asked.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) template: Template,
    pub(crate) lint: Vec<Finding>,
    /// Why cfn-lint was not asked.
    pub(crate) skipped: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    template: Value,
    lint: Vec<Lint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lint {
    level: String,
    message: String,
    rule: LintRule,
    location: LintLocation,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LintRule {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LintLocation {
    path: Option<Vec<Value>>,
}

impl Source {
    /// Reads a template. `python` has the packages of `infra/requirements.txt`; `lints` asks cfn-lint too.
    pub(crate) fn read(path: &Path, python: &Path, lints: bool) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let json: Option<Value> = serde_json::from_str(&text).ok();
        let needs_python = json.as_ref().is_none_or(|value| value.get("Transform").is_some());
        if !needs_python && !lints {
            return Self::of(json.unwrap_or_default(), Vec::new(), None, path);
        }
        match (ask(path, python, lints), json) {
            (Ok(answer), _) => Self::of(answer.template, answer.lint.into_iter().map(Lint::finding).collect(), None, path),
            (Err(error), Some(json)) if !needs_python => Self::of(json, Vec::new(), Some(format!("{error:#}")), path),
            (Err(error), _) => Err(error),
        }
    }

    fn of(value: Value, lint: Vec<Finding>, skipped: Option<String>, path: &Path) -> Result<Self> {
        let template = Template::new(value).map_err(anyhow::Error::msg).with_context(|| format!("read the template {}", path.display()))?;
        Ok(Self { template, lint, skipped })
    }

    /// The Python to ask: the one that is named, else that of a virtual environment beside the template, else any.
    pub(crate) fn python(named: Option<PathBuf>, template: &Path) -> PathBuf {
        let beside = template.ancestors().skip(1).take(2).map(|folder| folder.join(".venv/bin/python")).find(|python| python.is_file());
        named.or(beside).unwrap_or_else(|| PathBuf::from("python3"))
    }
}

impl Lint {
    fn finding(self) -> Finding {
        let path = self.location.path.unwrap_or_default();
        let resource = if path.first().and_then(Value::as_str) == Some("Resources") { path.get(1) } else { path.first() };
        Finding {
            rule: format!("cfn-lint-{}", self.rule.id),
            resource: resource.and_then(Value::as_str).unwrap_or("template").to_owned(),
            message: self.message,
            // An action that does not exist grants nothing: as bad as an error.
            severity: if self.level == "Error" || self.rule.id == "W3037" { Severity::Error } else { Severity::Warning },
            sid: None,
        }
    }
}

fn ask(path: &Path, python: &Path, lints: bool) -> Result<Answer> {
    let how = || {
        format!(
            "ask {} for the SAM translator and cfn-lint; install them with `python3 -m venv infra/.venv && infra/.venv/bin/pip install -r {REQUIREMENTS}`",
            python.display()
        )
    };
    let done = Command::new(python).arg("-c").arg(DRIVER).args(lints.then_some("--lint")).arg(path).output().with_context(how)?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned();
        if last.contains("ModuleNotFoundError") {
            return Err(anyhow::Error::msg(last)).with_context(how);
        }
        bail!("translate {}: {last}", path.display());
    }
    let said = || format!("read what became of {}", path.display());
    if lints {
        return serde_json::from_slice(&done.stdout).with_context(said);
    }
    Ok(Answer { template: serde_json::from_slice(&done.stdout).with_context(said)?, lint: Vec::new() })
}

/// What only the committed text shows: YAML anchors and aliases, which the translator has resolved.
pub(crate) fn raw_findings(path: &Path) -> Result<Vec<Finding>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut findings = Findings::default();
    if path.extension().is_some_and(|extension| extension == "json") {
        return Ok(findings.0);
    }
    for (place, line) in text.lines().enumerate() {
        if has_anchor(line) {
            findings.add("yaml-anchor", "template", format!("line {}: CloudFormation refuses YAML anchors and aliases", place + 1));
        }
    }
    Ok(findings.0)
}

/// Whether a value on a line begins with `&name` or `*name`, outside of quotes and comments.
fn has_anchor(line: &str) -> bool {
    let content = line.trim_start();
    if content.starts_with('#') {
        return false;
    }
    let mut quote = None;
    let mut previous = ' ';
    let mut is_value = true;
    for (place, character) in content.char_indices() {
        match quote {
            Some(open) if character == open => quote = None,
            None if character == '#' && previous == ' ' => break,
            None if is_value && (character == '"' || character == '\'') => quote = Some(character),
            None if is_value
                && (character == '&' || character == '*')
                && content[place + 1..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_') =>
            {
                return true;
            }
            Some(_) | None => {}
        }
        is_value = match character {
            ' ' => is_value || matches!(previous, ':' | '-' | ','),
            '[' | '{' => true,
            // `,`, `:` and `-` too: a value begins behind the space that follows them.
            _ => false,
        };
        previous = character;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_anchor;

    #[test]
    fn anchors_and_aliases_are_seen() {
        for line in ["Tags: &tags", "  Tags: *tags", "  <<: *defaults", "- &first a", "  - *first", "[a, *b]"] {
            assert!(has_anchor(line), "{line}");
        }
        for line in [
            "Resource: \"*\"",
            "- cron(0 * * * ? *)",
            "Default: cron(20 0/6 * * ? *)",
            "# Tags: *tags",
            "Value: '*tags'",
            "Action: s3:*",
            "a: b && c",
            "FilterPattern: '{ $.a = \"b\" && $.c = \"d\" }'",
            "x: !Sub \"${A}/*\"",
        ] {
            assert!(!has_anchor(line), "{line}");
        }
    }
}
