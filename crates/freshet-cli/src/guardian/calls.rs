//! The functions' code and their roles and environments agree: nothing is missing, nothing more is granted.
//!
//! The tables below say what each binary calls and reads; a test compares them with the code.

use serde_json::Value;

use super::Findings;
use super::policy::{self, keys};
use super::template::{Resource, Template};

/// What a binary of ours calls and reads.
#[derive(Debug)]
pub(crate) struct Binary {
    pub(crate) name: &'static str,
    /// Permissions, and the keys of the lake's bucket that they are needed for.
    pub(crate) calls: &'static [(&'static str, &'static str)],
    /// Variables that it does not start without.
    pub(crate) required: &'static [&'static str],
    /// Variables that it reads where they are set.
    pub(crate) optional: &'static [&'static str],
}

/// The functions.
pub(crate) const BINARIES: &[Binary] = &[
    Binary {
        name: "receiver",
        calls: &[("firehose:PutRecordBatch", ""), ("s3:PutObject", "spill/*"), ("ssm:GetParametersByPath", "")],
        required: &["FRESHET_BUCKET", "FRESHET_STREAM", "FRESHET_SIGNING_SECRETS_PATH"],
        optional: &[],
    },
    Binary {
        name: "transformer",
        // Without s3:ListBucket an object that is gone is answered with 403.
        calls: &[("s3:GetObject", "spill/*"), ("s3:PutObject", "landing/overflow/*"), ("s3:ListBucket", ""), ("ssm:GetParameter", "")],
        required: &["FRESHET_BUCKET", "FRESHET_HASH_KEY_PARAMETER"],
        optional: &[],
    },
    Binary {
        name: "compactor",
        calls: &[
            ("s3:ListBucket", ""),
            ("s3:GetObject", "landing/*"),
            ("s3:GetObject", "spill/*"),
            ("s3:GetObject", "errors/processing-failed/*"),
            ("s3:GetObject", "tables/*"),
            ("s3:GetObject", "restricted/*"),
            ("s3:PutObject", "landing/spill/*"),
            ("s3:PutObject", "spill/waiting/*"),
            ("s3:PutObject", "quarantine/*"),
            ("s3:PutObject", "tables/*"),
            ("s3:PutObject", "restricted/*"),
            ("s3:AbortMultipartUpload", "landing/spill/*"),
            ("s3:AbortMultipartUpload", "spill/waiting/*"),
            ("s3:AbortMultipartUpload", "quarantine/*"),
            ("s3:AbortMultipartUpload", "tables/*"),
            ("s3:AbortMultipartUpload", "restricted/*"),
            ("s3:DeleteObject", "landing/*"),
            ("s3:DeleteObject", "spill/*"),
            ("s3:DeleteObject", "errors/processing-failed/*"),
            ("s3:DeleteObject", "tables/*"),
            ("s3:DeleteObject", "restricted/*"),
            ("ssm:GetParameter", ""),
        ],
        required: &["FRESHET_BUCKET", "FRESHET_HASH_KEY_PARAMETER"],
        optional: &["FRESHET_MEMORY_BUDGET_MIB"],
    },
    Binary {
        name: "scorer",
        calls: &[
            ("athena:StartQueryExecution", ""),
            ("athena:StopQueryExecution", ""),
            ("athena:GetQueryExecution", ""),
            ("athena:GetWorkGroup", ""),
            // What Athena does by the role of its caller.
            ("glue:GetDatabase", ""),
            ("glue:GetTable", ""),
            ("s3:GetObject", "tables/*"),
            ("s3:GetObject", "answers/*"),
            ("s3:PutObject", "answers/*"),
            ("s3:DeleteObject", "answers/*"),
            ("s3:AbortMultipartUpload", "answers/*"),
            ("s3:GetBucketLocation", ""),
            ("s3:ListBucket", ""),
            ("s3:GetObject", "models/*"),
            ("s3:PutObject", "models/*"),
            ("s3:PutObject", "landing/scores/*"),
        ],
        required: &["FRESHET_BUCKET", "FRESHET_DATABASE", "FRESHET_WORKGROUP"],
        optional: &[],
    },
];

/// What Lambda itself does with a function's role.
const PLATFORM: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"];

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    for function in template.of("AWS::Lambda::Function") {
        let Some(name) = function.metadata("Binary").and_then(Value::as_str) else { continue };
        let Some(binary) = BINARIES.iter().find(|binary| binary.name == name) else {
            findings.add("function-environment", function.name, format!("says that it is {name}, which is no binary of ours"));
            continue;
        };
        judge_environment(&function, binary, findings);
        judge_role(template, &function, binary, findings);
    }
}

fn judge_environment(function: &Resource, binary: &Binary, findings: &mut Findings) {
    let set: Vec<&str> = function
        .property("/Environment/Variables")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    for name in binary.required.iter().filter(|name| !set.contains(name)) {
        findings.add("function-environment", function.name, format!("does not set {name}, which {} reads", binary.name));
    }
    for name in set.iter().filter(|name| !binary.required.contains(name) && !binary.optional.contains(name)) {
        findings.add("function-environment", function.name, format!("sets {name}, which {} does not read", binary.name));
    }
}

fn judge_role(template: &Template, function: &Resource, binary: &Binary, findings: &mut Findings) {
    let Some(role) = policy::role_of(template, function) else { return };
    let has_dead_letters = template.of("AWS::Lambda::EventInvokeConfig").any(|config| {
        config.property("/FunctionName").is_some_and(|name| template.references(name).iter().any(|name| name == function.name))
    });
    let statements = policy::role_statements(template, &role);
    let mut granted: Vec<(String, String, &str)> = Vec::new();
    for statement in statements.iter().filter(|statement| statement.is_allow) {
        for action in &statement.actions {
            for resource in &statement.resources {
                let part = if action.starts_with("s3:") { keys(resource).unwrap_or_default() } else { "" };
                granted.push((action.clone(), part.to_owned(), &statement.sid));
            }
        }
    }
    for (call, part) in binary.calls {
        if !granted.iter().any(|(action, keys, _)| policy::covers(action, call) && covers_keys(keys, part)) {
            findings.add("iam-call-missing", role.name, format!("{} calls {call}{}, which is not allowed", binary.name, on(part)));
        }
    }
    for (action, part, sid) in &granted {
        let platform = PLATFORM.contains(&action.as_str()) || (has_dead_letters && action == "sqs:SendMessage");
        // A star is a finding of its own.
        let is_star = action.ends_with('*');
        if !platform && !is_star && !binary.calls.iter().any(|(call, needed)| action == call && part == needed) {
            findings.add_at(
                "iam-call-surplus",
                role.name,
                Some(sid),
                format!("allows {action}{}, which {} does not call", on(part), binary.name),
            );
        }
    }
}

fn covers_keys(granted: &str, needed: &str) -> bool {
    granted == needed || granted.strip_suffix('*').is_some_and(|prefix| needed.starts_with(prefix))
}

fn on(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!(" on {part}") }
}
