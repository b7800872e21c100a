//! Rules about delivery streams.

use serde_json::Value;

use super::Findings;
use super::policy::{self, covers};
use super::template::{Resource, Template, refers};

/// Where the compactor looks for rows.
pub(crate) const LANDING: &str = "landing/";
/// The hour of arrival, as Firehose writes it.
const HOUR: &str = "!{timestamp:yyyy/MM/dd/HH}/";
const DESTINATION: &str = "/ExtendedS3DestinationConfiguration";

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    for stream in template.of("AWS::KinesisFirehose::DeliveryStream") {
        if stream.property("/DeliveryStreamEncryptionConfigurationInput/KeyType").is_none() {
            findings.add("stream-encryption", stream.name, "keeps records unencrypted while it buffers");
        }
        if let Some(destination) = stream.property(DESTINATION) {
            judge_destination(template, &stream, destination, findings);
        }
        judge_loop(template, &stream, findings);
    }
}

fn judge_destination(template: &Template, stream: &Resource, destination: &Value, findings: &mut Findings) {
    let text = |pointer: &str| template.text(destination.pointer(pointer));
    let prefix = text("/Prefix");
    if !prefix.starts_with(LANDING) || !prefix.ends_with(HOUR) {
        findings.add(
            "stream-prefix",
            stream.name,
            format!("delivers under `{prefix}`; the compactor lists {LANDING}, by hour of arrival: {LANDING}{HOUR}"),
        );
    }
    if !text("/ErrorOutputPrefix").starts_with("errors/") || !text("/ErrorOutputPrefix").contains("!{firehose:error-output-type}") {
        findings.add(
            "stream-error-prefix",
            stream.name,
            "does not put failures under errors/!{firehose:error-output-type}/, where replay finds them",
        );
    }
    if destination.pointer("/CloudWatchLoggingOptions/Enabled") != Some(&Value::Bool(true)) {
        findings.add("stream-logging", stream.name, "fails in silence: CloudWatch logging is off");
    }
    if text("/CompressionFormat") != "GZIP" {
        findings.add("stream-compression", stream.name, "delivers without gzip, several times as many bytes");
    }
    if text("/S3BackupMode") != "Enabled" || destination.pointer("/S3BackupConfiguration").is_none() {
        findings.add("stream-backup", stream.name, "does not keep what it was given, so nothing can be replayed");
    }
    for processor in lambda_processors(destination) {
        let tries = template.number(parameter(processor, "NumberOfRetries"));
        if !tries.is_some_and(|tries| (1.0..=10.0).contains(&tries)) {
            findings.add("stream-retries", stream.name, "does not say how often it calls the transformer again (1 to 10)");
        }
    }
}

fn lambda_processors(destination: &Value) -> impl Iterator<Item = &Value> {
    let processors = destination.pointer("/ProcessingConfiguration/Processors").and_then(Value::as_array).into_iter().flatten();
    processors.filter(|processor| processor.get("Type").and_then(Value::as_str) == Some("Lambda"))
}

fn parameter<'a>(processor: &'a Value, name: &str) -> Option<&'a Value> {
    let parameters = processor.get("Parameters").and_then(Value::as_array).into_iter().flatten();
    parameters
        .filter(|parameter| parameter.get("ParameterName").and_then(Value::as_str) == Some(name))
        .find_map(|parameter| parameter.get("ParameterValue"))
}

/// The functions that a stream calls.
pub(crate) fn transformers(template: &Template, stream: &Resource) -> Vec<String> {
    let Some(destination) = stream.property(DESTINATION) else { return Vec::new() };
    lambda_processors(destination)
        .filter_map(|processor| parameter(processor, "LambdaArn"))
        .flat_map(|function| template.references(function))
        .collect()
}

fn judge_loop(template: &Template, stream: &Resource, findings: &mut Findings) {
    for name in transformers(template, stream) {
        let Some(role) = template.resource(&name).and_then(|function| policy::role_of(template, &function)) else { continue };
        let puts = policy::role_statements(template, &role).iter().any(|statement| {
            statement.is_allow
                && statement.actions.iter().any(|action| covers(action, "firehose:PutRecord") || covers(action, "firehose:PutRecordBatch"))
                && statement.resources.iter().any(|resource| resource == "*" || refers(resource, stream.name))
        });
        if puts {
            findings.add(
                "stream-recursion",
                &name,
                format!("transforms for {} and may put into it: a record could go round for ever", stream.name),
            );
        }
    }
}
