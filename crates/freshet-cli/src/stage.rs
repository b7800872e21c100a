//! Stages: what a stage is called in an account, what is there of it, and the tools that make and remove one.
//!
//! Everything that AWS is asked here goes through its own command line, `aws` and `sam`, with whatever profile, region
//! and credentials those take; nothing of it is kept.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;

/// The tag that every resource of a lake has.
const APP: &str = "freshet";
/// What a stage's buckets are for.
const BUCKETS: [&str; 2] = ["lake", "results"];

/// A stack of a lake.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stack {
    pub(crate) stage: String,
    pub(crate) name: String,
    pub(crate) status: String,
    /// RFC 3339.
    pub(crate) created: String,
    pub(crate) owner: Option<String>,
    pub(crate) is_ephemeral: bool,
    #[serde(skip)]
    outputs: Vec<(String, String)>,
}

impl Stack {
    fn read(described: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let pairs = |list: &str, key: &str, value: &str| -> Vec<(String, String)> {
            let entries = described[list].as_array().into_iter().flatten();
            entries.filter_map(|entry| Some((text(&entry[key])?, text(&entry[value])?))).collect()
        };
        let tags = pairs("Tags", "Key", "Value");
        let tag = |name: &str| tags.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        if tag("app").as_deref() != Some(APP) {
            return None;
        }
        Some(Self {
            stage: tag("stage")?,
            name: text(&described["StackName"])?,
            status: text(&described["StackStatus"])?,
            created: text(&described["CreationTime"])?,
            owner: tag("owner"),
            is_ephemeral: tag("ephemeral").as_deref() == Some("true"),
            outputs: pairs("Outputs", "OutputKey", "OutputValue"),
        })
    }

    /// An output of the template.
    pub(crate) fn output(&self, name: &str) -> Result<&str> {
        let found = self.outputs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.with_context(|| format!("read the stack {}: it has no output {name}", self.name))
    }

    /// Why it should not be there any more, if so.
    pub(crate) fn left_over(&self) -> Option<&'static str> {
        match self.status.as_str() {
            "DELETE_FAILED" => Some("its removal failed"),
            "ROLLBACK_COMPLETE" | "CREATE_FAILED" => Some("it was never made whole"),
            _ if self.is_ephemeral => Some("ephemeral"),
            _ => None,
        }
    }
}

/// The name of a stage's stack.
pub(crate) fn stack_name(stage: &str) -> String {
    format!("{APP}-{stage}")
}

/// Refuses what the template refuses as a stage's name.
pub(crate) fn check_name(stage: &str) -> Result<()> {
    let is_name = stage.len() <= 16
        && stage.starts_with(|first: char| first.is_ascii_lowercase())
        && stage.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit());
    ensure!(is_name, "read the stage `{stage}`: a lower-case letter, then up to 15 lower-case letters and digits are expected");
    Ok(())
}

/// The stage that a bucket belongs to by its name.
pub(crate) fn stage_of_bucket(bucket: &str) -> Option<&str> {
    let (stage, rest) = bucket.strip_prefix(APP)?.strip_prefix('-')?.split_once('-')?;
    BUCKETS.iter().any(|purpose| rest.starts_with(&format!("{purpose}-"))).then_some(stage)
}

/// The stacks of lakes in the account and region.
pub(crate) fn stacks() -> Result<Vec<Stack>> {
    let described = aws(&["cloudformation", "describe-stacks"])?;
    let mut stacks: Vec<Stack> = described["Stacks"].as_array().into_iter().flatten().filter_map(Stack::read).collect();
    stacks.sort_by(|one, other| one.created.cmp(&other.created));
    Ok(stacks)
}

/// The stack of one stage, where there is one.
pub(crate) fn stack(stage: &str) -> Result<Option<Stack>> {
    let name = stack_name(stage);
    Ok(stacks()?.into_iter().find(|stack| stack.name == name))
}

/// Runs `aws` and reads the JSON that it prints, null where it prints nothing.
pub(crate) fn aws(arguments: &[&str]) -> Result<Value> {
    let shown = format!("aws {}", arguments.join(" "));
    let output = Command::new("aws").args(arguments).args(["--output", "json"]).env("AWS_PAGER", "").output();
    let output = output.with_context(|| format!("run `{shown}`: is the AWS command line installed (pip install awscli)?"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("run `{shown}`: {}", said.trim());
    }
    if output.stdout.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("read what `{shown}` printed"))
}

/// Runs a tool that talks to the person itself.
pub(crate) fn run(program: &str, arguments: &[OsString], hint: &str) -> Result<()> {
    let status = Command::new(program).args(arguments).status().with_context(|| format!("run `{program}`: {hint}"))?;
    ensure!(status.success(), "run `{}`: it ended with {status}", shown(program, arguments));
    Ok(())
}

/// A command as a person would type it.
pub(crate) fn shown(program: &str, arguments: &[OsString]) -> String {
    let quoted = arguments.iter().map(|argument| {
        let text = argument.to_string_lossy();
        let is_plain = text.chars().all(|character| character.is_ascii_alphanumeric() || "-_./=:@".contains(character));
        if is_plain { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
    });
    std::iter::once(program.to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stack_is_a_lakes_by_its_tag() {
        let tags =
            |app: &str| json!([{"Key": "app", "Value": app}, {"Key": "stage", "Value": "pr7"}, {"Key": "ephemeral", "Value": "true"}]);
        let described = |app: &str| {
            json!({
                "StackName": "freshet-pr7", "StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-01-02T03:04:05Z", "Tags": tags(app),
                "Outputs": [{"OutputKey": "LakeBucket", "OutputValue": "freshet-pr7-lake-1-eu"}],
            })
        };
        assert!(Stack::read(&described("another")).is_none());
        let stack = Stack::read(&described("freshet")).unwrap();
        assert_eq!((stack.stage.as_str(), stack.output("LakeBucket").unwrap()), ("pr7", "freshet-pr7-lake-1-eu"));
        assert_eq!(stack.left_over(), Some("ephemeral"));
        assert!(stack.output("Workgroup").unwrap_err().to_string().contains("no output Workgroup"));
    }

    #[test]
    fn names_are_the_templates() {
        for (name, is_good) in [("dev", true), ("pr12", true), ("12", false), ("a-b", false), ("", false), ("abcdefghijklmnopq", false)] {
            assert_eq!(check_name(name).is_ok(), is_good, "{name}");
        }
        assert_eq!(stage_of_bucket("freshet-pr7-lake-123456789012-eu-central-1"), Some("pr7"));
        assert_eq!(stage_of_bucket("freshet-pr7-photos-1-eu"), None);
        assert_eq!(stage_of_bucket("freshet-lake"), None);
    }

    #[test]
    fn a_command_is_shown_as_it_can_be_typed() {
        let arguments: Vec<OsString> = ["deploy", "--parameter-overrides", "S='cron(20 * * * ? *)'"].map(OsString::from).into();
        assert_eq!(shown("sam", &arguments), r"sam deploy --parameter-overrides 'S='\''cron(20 * * * ? *)'\'''");
    }
}
