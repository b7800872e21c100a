//! Rules about names and tags: stages live side by side, and costs can be told apart.

use serde_json::Value;

use super::Findings;
use super::template::Template;

/// Where each type has its physical name.
const NAMES: &[(&str, &str)] = &[
    ("AWS::S3::Bucket", "/BucketName"),
    ("AWS::Lambda::Function", "/FunctionName"),
    ("AWS::Logs::LogGroup", "/LogGroupName"),
    ("AWS::SQS::Queue", "/QueueName"),
    ("AWS::SNS::Topic", "/TopicName"),
    ("AWS::IAM::Role", "/RoleName"),
    ("AWS::KinesisFirehose::DeliveryStream", "/DeliveryStreamName"),
    ("AWS::Athena::WorkGroup", "/Name"),
    ("AWS::Glue::Database", "/DatabaseInput/Name"),
    ("AWS::CloudWatch::Alarm", "/AlarmName"),
    ("AWS::CloudWatch::Dashboard", "/DashboardName"),
    ("AWS::Events::Rule", "/Name"),
    ("AWS::Events::Archive", "/ArchiveName"),
    ("AWS::Scheduler::Schedule", "/Name"),
    ("AWS::Scheduler::ScheduleGroup", "/Name"),
    ("AWS::ApiGatewayV2::Api", "/Name"),
    ("AWS::Budgets::Budget", "/Budget/BudgetName"),
];

/// What can be tagged, and where.
const TAGGED: &[(&str, &str)] = &[
    ("AWS::S3::Bucket", "/Tags"),
    ("AWS::Lambda::Function", "/Tags"),
    ("AWS::Logs::LogGroup", "/Tags"),
    ("AWS::SQS::Queue", "/Tags"),
    ("AWS::SNS::Topic", "/Tags"),
    ("AWS::IAM::Role", "/Tags"),
    ("AWS::KinesisFirehose::DeliveryStream", "/Tags"),
    ("AWS::Athena::WorkGroup", "/Tags"),
    ("AWS::CloudWatch::Alarm", "/Tags"),
    ("AWS::Events::EventBus", "/Tags"),
    ("AWS::Events::Rule", "/Tags"),
    ("AWS::Scheduler::ScheduleGroup", "/Tags"),
    ("AWS::ApiGatewayV2::Api", "/Tags"),
    ("AWS::ApiGatewayV2::Stage", "/Tags"),
    ("AWS::Budgets::Budget", "/ResourceTags"),
];
const TAGS: &[&str] = &["app", "stage", "source", "owner"];

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    for resource in template.resources() {
        if let Some((_, pointer)) = NAMES.iter().find(|(kind, _)| *kind == resource.kind) {
            for name in resource.property(pointer).map(|name| template.texts(name)).unwrap_or_default() {
                if !name.contains("${Stage}") && !name.contains("${AWS::StackName}") {
                    findings.add("name-without-stage", resource.name, format!("{name} is the same in every stage"));
                }
            }
        }
        if let Some((_, pointer)) = TAGGED.iter().find(|(kind, _)| *kind == resource.kind) {
            let keys: Vec<&str> = match resource.property(pointer) {
                Some(Value::Array(tags)) => tags.iter().filter_map(|tag| tag.get("Key")?.as_str()).collect(),
                Some(Value::Object(tags)) => tags.keys().map(String::as_str).collect(),
                Some(_) | None => Vec::new(),
            };
            let missing: Vec<&str> = TAGS.iter().copied().filter(|tag| !keys.contains(tag)).collect();
            if !missing.is_empty() {
                findings.add("tags-missing", resource.name, format!("carries no {}", missing.join(", ")));
            }
        }
        let mut texts = Vec::new();
        walk(resource.body.get("Properties").unwrap_or(&Value::Null), &mut texts);
        for text in texts {
            judge_text(resource.name, text, findings);
        }
    }
}

fn walk<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(parts) => parts.iter().for_each(|part| walk(part, texts)),
        Value::Object(object) => object.values().for_each(|part| walk(part, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn judge_text(name: &str, text: &str, findings: &mut Findings) {
    if text.contains("arn:aws:") || text.contains("arn:aws-") {
        findings.add("hard-coded-partition", name, format!("`{}` works in one partition only; say ${{AWS::Partition}}", short(text)));
    }
    let mut words = text.split(|character: char| !character.is_ascii_alphanumeric());
    if words.any(|word| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit())) {
        findings.add("hard-coded-account", name, format!("`{}` names an account; say ${{AWS::AccountId}}", short(text)));
    }
    if text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-').any(names_region) {
        findings.add("hard-coded-region", name, format!("`{}` names a region; say ${{AWS::Region}}", short(text)));
    }
}

/// Whether a word is a region, or ends in one: `eu-central-1`, `lake-us-east-1`.
fn names_region(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let is_part = |parts: &[&str]| {
        let [area, direction, number] = parts else { return false };
        let areas = ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx", "cn"];
        let directions = ["east", "west", "north", "south", "central", "northeast", "northwest", "southeast", "southwest"];
        areas.contains(area) && directions.contains(direction) && number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    parts.windows(3).any(is_part)
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}
