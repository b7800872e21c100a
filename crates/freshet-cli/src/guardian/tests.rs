//! The template has no finding, each broken one is caught by its rule's id, and the tables agree with the code.
//!
//! What needs Python says `skipped:` where the packages of `infra/requirements.txt` are not found.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::calls::BINARIES;
use super::{RULES, Source, Template, judge, raw_findings};

const TODAY: &str = "2026-11-25";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python with the packages.
fn python() -> Option<PathBuf> {
    let python = Source::python(std::env::var_os("FRESHET_PYTHON").map(PathBuf::from), &root().join("infra/template.yaml"));
    let found = Command::new(&python).args(["-c", "import cfnlint, samtranslator"]).output().is_ok_and(|done| done.status.success());
    if !found {
        println!("skipped: no Python with the packages of infra/requirements.txt ({})", python.display());
    }
    found.then_some(python)
}

fn rules_of(path: &Path, python: &Path, lints: bool) -> BTreeSet<String> {
    let source = Source::read(path, python, lints).unwrap();
    let found = raw_findings(path).unwrap().into_iter().chain(judge(&source.template, TODAY)).chain(source.lint);
    found.map(|finding| finding.rule).collect()
}

#[test]
fn each_broken_template_is_caught_by_its_rule_alone() {
    let python = python();
    let mut caught = BTreeSet::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("infra/broken")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let rule = name.split('.').next().unwrap();
        let needs_python = rule.starts_with("cfn-lint-") || path.extension().is_some_and(|extension| extension == "yaml");
        let found = match &python {
            Some(python) if needs_python => rules_of(path, python, rule.starts_with("cfn-lint-")),
            None if needs_python => {
                println!("skipped: {name}");
                continue;
            }
            Some(_) | None => rules_of(path, Path::new("no python is asked"), false),
        };
        // An exemption that does not hold leaves what it was for.
        let mut expected = BTreeSet::from([rule.to_owned()]);
        if rule == "exemption-ended" || rule == "exemption-incomplete" {
            expected.insert("iam-resource-star".to_owned());
        }
        assert_eq!(found, expected, "{name}");
        caught.insert(rule.to_owned());
    }
    assert!(files.len() >= 45, "{} broken templates", files.len());
    let untried: Vec<&str> = RULES.iter().map(|(id, ..)| *id).filter(|id| !caught.contains(*id) && *id != "yaml-anchor").collect();
    assert!(untried.is_empty(), "no broken template for {untried:?}");
}

#[test]
fn the_template_has_no_finding_and_each_change_for_the_worse_has_one() {
    let Some(python) = python() else { return };
    let path = root().join("infra/template.yaml");
    let source = Source::read(&path, &python, true).unwrap();
    let found: Vec<_> = raw_findings(&path).unwrap().into_iter().chain(judge(&source.template, TODAY)).chain(source.lint).collect();
    assert_eq!(found, [], "the committed template");
    let value = source.template.value().clone();
    for (pointer, replacement, rule) in changes() {
        let mut changed = value.clone();
        change(&mut changed, pointer, replacement);
        let found = judge(&Template::new(changed).unwrap(), TODAY);
        assert!(found.iter().any(|finding| finding.rule == rule), "{pointer}: {rule} is not among {found:?}");
    }
}

/// Changes of the real template: where, what instead (nothing: taken away), and the rule.
fn changes() -> Vec<(&'static str, Option<Value>, &'static str)> {
    vec![
        ("/Resources/ReceiverRole/Properties/Policies/0/PolicyDocument/Statement/1/Action", Some(json!("s3:*")), "iam-action-star"),
        ("/Resources/ReceiverRole/Properties/Policies/0/PolicyDocument/Statement/1/Resource", Some(json!("*")), "iam-resource-star"),
        ("/Resources/ReceiverRole/Properties/Policies/0/PolicyDocument/Statement/0", None, "iam-call-missing"),
        (
            "/Resources/CompactorRole/Properties/Policies/0/PolicyDocument/Statement/2/Action",
            Some(json!(["s3:DeleteObject", "s3:DeleteBucket"])),
            "iam-call-surplus",
        ),
        ("/Resources/StreamRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition", None, "iam-trust-source"),
        (
            "/Resources/AnalystRole/Properties/Policies/0/PolicyDocument/Statement/2/Resource/0",
            Some(json!({"Fn::Sub": "${Lake.Arn}/landing/*"})),
            "iam-analyst-reach",
        ),
        ("/Resources/Transformer/Properties/Environment/Variables/FRESHET_BUCKET", None, "function-environment"),
        ("/Resources/Transformer/Properties/LoggingConfig", None, "function-log-group"),
        ("/Resources/Transformer/Properties/Timeout", Some(json!(600)), "transformer-timeout"),
        ("/Resources/Receiver/Properties/Timeout", Some(json!(60)), "receiver-timeout"),
        ("/Resources/Receiver/Properties/Architectures", None, "function-architecture"),
        ("/Resources/Receiver/Properties/ReservedConcurrentExecutions", None, "function-concurrency"),
        ("/Resources/ReceiverInvokePermission", None, "function-url-permissions"),
        ("/Resources/CompactorRetries", None, "function-dead-letter"),
        ("/Resources/Compaction/Properties/Target/RetryPolicy", None, "schedule-retries"),
        ("/Resources/Compaction/Properties/Target/DeadLetterConfig", None, "schedule-dead-letter"),
        ("/Parameters/CompactionSchedule/Default", Some(json!("cron(20 0/6 * * * *)")), "schedule-expression"),
        ("/Resources/PartnerRule/Properties/Targets/0/DeadLetterConfig", None, "rule-dead-letter"),
        ("/Resources/PartnerArchive/Properties/RetentionDays", None, "archive-retention"),
        ("/Resources/PartnerBus/Condition", None, "partner-unconditional"),
        ("/Resources/DeadLettersPolicy/Properties/PolicyDocument/Statement/0/Condition", None, "queue-policy"),
        ("/Resources/DeadLetterArrived", None, "dead-letter-alarm"),
        ("/Resources/Lake/Properties/PublicAccessBlockConfiguration/BlockPublicPolicy", None, "bucket-public-access"),
        ("/Resources/LakePolicy", None, "bucket-tls"),
        ("/Resources/Lake/DeletionPolicy", None, "bucket-retained"),
        ("/Resources/Lake/Properties/LifecycleConfiguration/Rules/0/Prefix", None, "lifecycle-on-table"),
        ("/Resources/Lake/Properties/LifecycleConfiguration/Rules/1/ExpirationInDays", Some(json!(365)), "lifecycle-personal"),
        ("/Resources/Results/Properties/LifecycleConfiguration/Rules/0", None, "results-expire"),
        ("/Resources/Stream/Properties/DeliveryStreamEncryptionConfigurationInput", None, "stream-encryption"),
        ("/Resources/Stream/Properties/ExtendedS3DestinationConfiguration/Prefix", Some(json!("events/")), "stream-prefix"),
        ("/Resources/Stream/Properties/ExtendedS3DestinationConfiguration/S3BackupMode", None, "stream-backup"),
        ("/Resources/AnalystWorkgroup/Properties/WorkGroupConfiguration/BytesScannedCutoffPerQuery", None, "workgroup-cutoff"),
        ("/Resources/ModelWorkgroup", None, "workgroup-ctas"),
        ("/Resources/ReceiverLog/Properties/RetentionInDays", None, "log-retention"),
        ("/Resources/ApiStage/Properties/DefaultRouteSettings", None, "api-throttling"),
        ("/Resources/SpillIsOld", None, "alarms-missing"),
        ("/Resources/Budget", None, "budget-missing"),
        ("/Resources/Stream/Properties/DeliveryStreamName", Some(json!("freshet")), "name-without-stage"),
        ("/Resources/Lake/Properties/Tags/3", None, "tags-missing"),
        ("/Rules", None, "residency-missing"),
    ]
}

fn change(template: &mut Value, pointer: &str, replacement: Option<Value>) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() { Some(template) } else { template.pointer_mut(parent) };
    match (parent.unwrap_or_else(|| panic!("{pointer} is not there")), replacement) {
        (Value::Object(object), Some(value)) => {
            drop(object.insert(last.to_owned(), value).unwrap_or_else(|| panic!("{pointer} is not there")));
        }
        (Value::Object(object), None) => drop(object.remove(last).unwrap_or_else(|| panic!("{pointer} is not there"))),
        (Value::Array(parts), Some(value)) => parts[last.parse::<usize>().unwrap()] = value,
        (Value::Array(parts), None) => drop(parts.remove(last.parse().unwrap())),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => panic!("{pointer} is not there"),
    }
}

#[test]
fn every_rule_is_listed_for_readers() {
    let readme = std::fs::read_to_string(root().join("infra/README.md")).unwrap();
    for (id, _, claim) in RULES {
        assert!(readme.contains(&format!("| `{id}` | {claim} |")), "infra/README.md does not list {id}");
    }
}

/// Calls of the SDK that the functions' own code makes, and the permission that each needs.
const SDK_CALLS: &[(&str, &str)] = &[
    (".get_object()", "s3:GetObject"),
    (".put_object()", "s3:PutObject"),
    (".delete_object()", "s3:DeleteObject"),
    (".delete_objects()", "s3:DeleteObject"),
    (".list_objects_v2()", "s3:ListBucket"),
    ("objects::get(", "s3:GetObject"),
    ("pointed::fetch(", "s3:GetObject"),
    ("objects::put(", "s3:PutObject"),
    ("objects::delete(", "s3:DeleteObject"),
    ("objects::list(", "s3:ListBucket"),
    (".copy_object()", "s3:CopyObject"),
    (".head_object()", "s3:HeadObject"),
    (".put_record_batch()", "firehose:PutRecordBatch"),
    (".put_record()", "firehose:PutRecord"),
    (".get_parameters_by_path()", "ssm:GetParametersByPath"),
    (".get_parameter()", "ssm:GetParameter"),
    (".get_parameters()", "ssm:GetParameters"),
    (".start_query_execution()", "athena:StartQueryExecution"),
    (".stop_query_execution()", "athena:StopQueryExecution"),
    (".get_query_execution()", "athena:GetQueryExecution"),
    (".get_query_results()", "athena:GetQueryResults"),
    (".get_work_group()", "athena:GetWorkGroup"),
];

#[test]
fn tables_of_calls_and_variables_agree_with_the_code() {
    let crates = root().join("crates");
    let read = |path: &str| std::fs::read_to_string(crates.join(path)).unwrap_or_default();
    let parts = |name: &str| match name {
        "receiver" => vec!["freshet-lambda/src/receiver.rs", "freshet-firehose/src/producer.rs"],
        "transformer" => vec!["freshet-lambda/src/transformer.rs"],
        "scorer" => vec![
            "freshet-query/src/client.rs",
            "freshet-query/src/supervise.rs",
            "freshet-query/src/object.rs",
            "freshet-query/src/unload.rs",
            "freshet-lambda/src/lander.rs",
            "freshet-lambda/src/scorer/shelf.rs",
            "freshet-lambda/src/scorer/lead/train.rs",
        ],
        _ => vec!["freshet-lambda/src/compactor.rs"],
    };
    let config = read("freshet-lambda/src/config.rs");
    for binary in BINARIES {
        let main = read(&format!("freshet-lambda/src/bin/{}.rs", binary.name));
        assert!(!main.is_empty(), "there is no binary {}", binary.name);
        let code: String = parts(binary.name).into_iter().map(read).collect();
        for (call, permission) in SDK_CALLS {
            let is_made = code.contains(call);
            let is_listed = binary.calls.iter().any(|(listed, _)| listed == permission);
            assert!(is_listed || !is_made, "{} makes {call}, and its table does not list {permission}", binary.name);
        }
        let secrets: &[&str] = match binary.name {
            "receiver" => &["signing_secrets"],
            "scorer" => &[],
            _ => &["hash_key"],
        };
        for secret in ["signing_secrets", "hash_key"] {
            assert_eq!(main.contains(&format!("secrets::{secret}(")), secrets.contains(&secret), "{} reads {secret}", binary.name);
        }
        for variable in binary.required.iter().chain(binary.optional) {
            assert!(config.contains(&format!("\"{variable}\"")), "{variable} is a variable of the functions");
        }
    }
}
