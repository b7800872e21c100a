//! Rules about events, schedules and queues: what is tried again, and where it ends.

use serde_json::Value;

use super::Findings;
use super::cron;
use super::policy;
use super::template::{Resource, Template};

const MOST_RULE_RETRIES: f64 = 50.0;
const MOST_SCHEDULE_RETRIES: f64 = 10.0;
/// Personal data may lie for so long.
const MOST_DAYS: f64 = 30.0;

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    for rule in template.of("AWS::Events::Rule") {
        judge_rule(template, &rule, findings);
    }
    for schedule in template.of("AWS::Scheduler::Schedule") {
        judge_schedule(template, &schedule, findings);
    }
    for archive in template.of("AWS::Events::Archive") {
        if !template.number(archive.property("/RetentionDays")).is_some_and(|days| days > 0.0 && days <= MOST_DAYS) {
            findings.add("archive-retention", archive.name, "keeps events longer than 30 days, or for ever");
        }
    }
    for bus in template.of("AWS::Events::EventBus") {
        if bus.property("/EventSourceName").is_some() && !bus.is_conditional() {
            findings.add("partner-unconditional", bus.name, "claims a partner event source in every stage, and a source has one bus only");
        }
    }
    for queue in template.of("AWS::SQS::Queue") {
        judge_queue(template, &queue, findings);
    }
    for policy in template.of("AWS::SQS::QueuePolicy") {
        judge_queue_policy(template, &policy, findings);
    }
}

fn judge_rule(template: &Template, rule: &Resource, findings: &mut Findings) {
    if let Some(expression) = rule.property("/ScheduleExpression") {
        judge_expression(template, rule, expression, findings);
    }
    for target in rule.property("/Targets").and_then(Value::as_array).into_iter().flatten() {
        let id = target.get("Id").and_then(Value::as_str).unwrap_or("a target");
        if target.pointer("/DeadLetterConfig/Arn").is_none() {
            findings.add("rule-dead-letter", rule.name, format!("{id} has no dead-letter queue: what cannot be delivered is gone"));
        }
        if !template.number(target.pointer("/RetryPolicy/MaximumRetryAttempts")).is_some_and(|tries| tries <= MOST_RULE_RETRIES) {
            findings.add("rule-retries", rule.name, format!("{id} is tried 185 times over a day unless it says less; at most 50"));
        }
    }
}

fn judge_schedule(template: &Template, schedule: &Resource, findings: &mut Findings) {
    if let Some(expression) = schedule.property("/ScheduleExpression") {
        judge_expression(template, schedule, expression, findings);
    }
    if schedule.property("/Target/DeadLetterConfig/Arn").is_none() {
        findings.add("schedule-dead-letter", schedule.name, "has no dead-letter queue: a run that could not be started is not seen");
    }
    if !template.number(schedule.property("/Target/RetryPolicy/MaximumRetryAttempts")).is_some_and(|tries| tries <= MOST_SCHEDULE_RETRIES) {
        findings.add("schedule-retries", schedule.name, "is tried 185 times over a day unless it says less; at most 10");
    }
}

fn judge_expression(template: &Template, resource: &Resource, expression: &Value, findings: &mut Findings) {
    for text in template.defaults(expression) {
        if let Some(fault) = cron::fault(&text) {
            findings.add("schedule-expression", resource.name, format!("{text}: {fault}"));
        }
    }
}

/// Queues that something is sent to when it fails.
fn dead_letter_queues(template: &Template) -> Vec<String> {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(object) => {
                for (key, inner) in object {
                    match key.as_str() {
                        "DeadLetterConfig" => found.extend(inner.get("Arn").or_else(|| inner.get("TargetArn"))),
                        "OnFailure" => found.extend(inner.get("Destination")),
                        "RedrivePolicy" => found.extend(inner.get("deadLetterTargetArn")),
                        _ => walk(inner, found),
                    }
                }
            }
            Value::Array(parts) => parts.iter().for_each(|part| walk(part, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    for resource in template.resources() {
        walk(resource.body, &mut found);
    }
    found.into_iter().flat_map(|value| template.references(value)).collect()
}

fn judge_queue(template: &Template, queue: &Resource, findings: &mut Findings) {
    let is_managed = queue.property("/SqsManagedSseEnabled").is_some_and(|value| *value == true || *value == "true");
    if !is_managed && queue.property("/KmsMasterKeyId").is_none() {
        findings.add("queue-encryption", queue.name, "is not encrypted");
    }
    if !dead_letter_queues(template).iter().any(|name| name == queue.name) {
        return;
    }
    let has_alarm = template.of("AWS::CloudWatch::Alarm").any(|alarm| {
        let watches =
            alarm.property("/Dimensions").and_then(Value::as_array).into_iter().flatten().filter_map(|dimension| dimension.get("Value"));
        let text = template.text(alarm.property("/MetricName"));
        text == "ApproximateNumberOfMessagesVisible" && watches.flat_map(|value| template.references(value)).any(|name| name == queue.name)
    });
    if !has_alarm {
        findings.add("dead-letter-alarm", queue.name, "takes dead letters, and nobody is told");
    }
}

fn judge_queue_policy(template: &Template, resource: &Resource, findings: &mut Findings) {
    for statement in policy::statements(template, resource.property("/PolicyDocument")).iter().filter(|statement| statement.is_allow) {
        let anybody = statement
            .principals(template, "AWS")
            .iter()
            .chain(&statement.principals(template, "Service"))
            .any(|principal| principal == "*");
        let is_send_only = statement.actions.iter().all(|action| action.eq_ignore_ascii_case("sqs:SendMessage"));
        if anybody || !statement.is_for_a_source() || !is_send_only {
            let sid = &statement.sid;
            findings.add(
                "queue-policy",
                resource.name,
                format!("{sid} must allow one service sqs:SendMessage, for this account (aws:SourceAccount)"),
            );
        }
    }
}
