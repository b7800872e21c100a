//! Rules about functions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Findings;
use super::policy;
use super::template::{Resource, Template};

/// What Lambda allows, in seconds.
const LONGEST_TIMEOUT: f64 = 900.0;
/// How long an HTTP API waits, in seconds.
const HTTP_TIMEOUT: f64 = 30.0;
/// How long Firehose waits for its function, in seconds.
const TRANSFORM_TIMEOUT: f64 = 300.0;
/// The shortest literal that looks like a secret.
const SECRET_LENGTH: usize = 20;

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    let mut by_role: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for function in template.of("AWS::Lambda::Function") {
        judge_shape(template, &function, findings);
        judge_logs(template, &function, findings);
        judge_secrets(template, &function, findings);
        judge_callers(template, &function, findings);
        if let Some(role) = policy::role_of(template, &function) {
            by_role.entry(role.name.to_owned()).or_default().push(function.name);
        }
    }
    for (role, functions) in by_role.iter().filter(|(_, functions)| functions.len() > 1) {
        findings.add("function-shared-role", role, format!("is the role of {}", functions.join(" and ")));
    }
    for url in template.of("AWS::Lambda::Url") {
        judge_url(template, &url, findings);
    }
    for permission in template.of("AWS::Lambda::Permission") {
        let principal = template.text(permission.property("/Principal"));
        let is_bound = permission.property("/SourceArn").is_some() || permission.property("/SourceAccount").is_some();
        if principal.ends_with(".amazonaws.com") && !is_bound {
            findings.add(
                "function-permission-source",
                permission.name,
                format!("lets {principal} invoke it for whatever account; add SourceArn"),
            );
        }
    }
}

fn judge_shape(template: &Template, function: &Resource, findings: &mut Findings) {
    let timeout = template.number(function.property("/Timeout"));
    if timeout.is_none() || function.property("/MemorySize").is_none() {
        findings.add("function-limits", function.name, "leaves its memory or its timeout to chance (128 MB, 3 s)");
    }
    if timeout.is_some_and(|timeout| timeout > LONGEST_TIMEOUT) {
        findings.add("function-timeout", function.name, "has a timeout above 900 s");
    }
    let (runtime, handler) = (template.text(function.property("/Runtime")), template.text(function.property("/Handler")));
    if runtime != "provided.al2023" || handler != "bootstrap" {
        findings.add("function-runtime", function.name, format!("runs {handler} on {runtime}; ours are bootstrap on provided.al2023"));
    }
    let architectures: Vec<String> = function
        .property("/Architectures")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .flat_map(|value| template.defaults(value))
        .collect();
    if architectures != ["arm64"] {
        findings.add("function-architecture", function.name, "does not run on arm64, which costs a fifth less");
    }
    if function.property("/ReservedConcurrentExecutions").is_none() {
        findings.add(
            "function-concurrency",
            function.name,
            "can take the account's whole concurrency; reserve some, or make it a parameter",
        );
    }
}

fn judge_logs(template: &Template, function: &Resource, findings: &mut Findings) {
    let groups: Vec<Resource> = template.of("AWS::Logs::LogGroup").collect();
    let configured = function.property("/LoggingConfig/LogGroup").map(|group| template.references(group)).unwrap_or_default();
    let by_name = |group: &Resource| {
        let name = template.text(group.property("/LogGroupName"));
        name == format!("/aws/lambda/${{{}}}", function.name)
            || name == format!("/aws/lambda/{}", template.text(function.property("/FunctionName")))
    };
    if !groups.iter().any(|group| configured.iter().any(|name| name == group.name) || by_name(group)) {
        findings.add("function-log-group", function.name, "has no log group in the template, so Lambda makes one that is kept for ever");
    }
    let is_json = template.text(function.property("/LoggingConfig/LogFormat")) == "JSON";
    if !is_json || template.text(function.property("/LoggingConfig/SystemLogLevel")) != "WARN" {
        findings.add(
            "function-json-logs",
            function.name,
            "does not log JSON with system logs at WARN; START, END and REPORT lines cost more than the function",
        );
    }
}

fn judge_secrets(template: &Template, function: &Resource, findings: &mut Findings) {
    for (name, value) in function.property("/Environment/Variables").and_then(Value::as_object).into_iter().flatten() {
        let texts = template.texts(value);
        let is_reference = ["_PATH", "_PARAMETER", "_ARN", "_NAME"].iter().any(|end| name.ends_with(end));
        let is_named_so = ["SECRET", "PASSWORD", "TOKEN", "API_KEY", "HASH_KEY", "CREDENTIAL", "PRIVATE_KEY"]
            .iter()
            .any(|word| name.to_uppercase().contains(word));
        let is_resolved = texts.iter().any(|text| text.contains("{{resolve:secretsmanager") || text.contains("{{resolve:ssm-secure"));
        let is_no_echo = texts.iter().any(|text| {
            text.strip_prefix("${")
                .and_then(|text| text.strip_suffix('}'))
                .and_then(|name| template.parameter(name))
                .is_some_and(|parameter| parameter.get("NoEcho").is_some_and(|no_echo| *no_echo == true || *no_echo == "true"))
        });
        let looks_so = value.as_str().is_some_and(looks_secret);
        if (is_named_so && !is_reference) || is_resolved || is_no_echo || looks_so {
            findings.add("function-secret", function.name, format!("{name} carries a secret; name an SSM parameter instead"));
        }
    }
}

/// A long literal of letters and digits, mixed, without what words and paths have.
fn looks_secret(text: &str) -> bool {
    let of = |test: fn(&char) -> bool| text.chars().filter(test).count();
    let known = text.starts_with("AKIA") || text.starts_with("shpss_") || text.starts_with("whsec_");
    let is_plain = text.chars().all(|character| character.is_ascii_alphanumeric() || "+/=_-".contains(character));
    let mixed = of(char::is_ascii_digit) >= 3 && of(char::is_ascii_lowercase) + of(char::is_ascii_uppercase) >= 6;
    known || (text.len() >= SECRET_LENGTH && is_plain && mixed && !text.starts_with('/'))
}

fn judge_callers(template: &Template, function: &Resource, findings: &mut Findings) {
    let refers = |value: Option<&Value>| value.is_some_and(|value| template.references(value).iter().any(|name| name == function.name));
    let timeout = template.number(function.property("/Timeout")).unwrap_or(3.0);
    let answers_http = template.of("AWS::Lambda::Url").any(|url| refers(url.property("/TargetFunctionArn")))
        || template.of("AWS::ApiGatewayV2::Integration").any(|integration| refers(integration.property("/IntegrationUri")));
    if answers_http && timeout >= HTTP_TIMEOUT {
        findings.add("receiver-timeout", function.name, format!("answers HTTP and may take {timeout} s; its caller has long gone"));
    }
    let transforms = template
        .of("AWS::KinesisFirehose::DeliveryStream")
        .any(|stream| super::stream::transformers(template, &stream).iter().any(|name| name == function.name));
    if transforms && timeout > TRANSFORM_TIMEOUT {
        findings.add("transformer-timeout", function.name, format!("transforms for Firehose and may take {timeout} s; Firehose waits 300"));
    }
    let by_rule = template
        .of("AWS::Events::Rule")
        .flat_map(|rule| rule.property("/Targets").and_then(Value::as_array).into_iter().flatten())
        .any(|target| refers(target.get("Arn")));
    let by_schedule = template.of("AWS::Scheduler::Schedule").any(|schedule| refers(schedule.property("/Target/Arn")));
    let by_bucket = super::storage::triggered_directly(template).iter().any(|(_, name, _)| name == function.name);
    let by_topic = template.of("AWS::SNS::Subscription").any(|subscription| refers(subscription.property("/Endpoint")));
    let has_destination = template
        .of("AWS::Lambda::EventInvokeConfig")
        .any(|config| refers(config.property("/FunctionName")) && config.property("/DestinationConfig/OnFailure/Destination").is_some());
    let is_asynchronous = by_rule || by_schedule || by_bucket || by_topic;
    if is_asynchronous && !has_destination && function.property("/DeadLetterConfig").is_none() {
        findings.add(
            "function-dead-letter",
            function.name,
            "is invoked asynchronously, and after its retries an event is gone without a trace",
        );
    }
}

fn judge_url(template: &Template, url: &Resource, findings: &mut Findings) {
    if template.text(url.property("/AuthType")) != "NONE" {
        return;
    }
    let Some(functions) = url.property("/TargetFunctionArn").map(|function| template.references(function)) else { return };
    for action in ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"] {
        let is_there = template.of("AWS::Lambda::Permission").any(|permission| {
            let is_for_it = permission
                .property("/FunctionName")
                .is_some_and(|name| template.references(name).iter().any(|name| functions.contains(name)));
            is_for_it && template.text(permission.property("/Action")) == action && template.text(permission.property("/Principal")) == "*"
        });
        if !is_there {
            findings.add("function-url-permissions", url.name, format!("is public and answers 403: no permission for {action}"));
        }
    }
}
