//! Rules about being told: alarms, their topic, logs that end, the budget, the throttle of an API.

use serde_json::Value;

use super::Findings;
use super::policy;
use super::template::{Resource, Template};

/// What a whole lake must be told of: the metric, and what it means. Any one name of a group will do.
const NEEDED: &[(&[&str], &str)] = &[
    (&["Url5xxCount", "5xx"], "receiver errors"),
    (&["DeliveryToS3.DataFreshness"], "the age of what Firehose holds"),
    (&["Errors"], "transformer failures"),
    (&["RejectedRows"], "rejects"),
    (&["CompactionLag"], "compaction lag"),
    (&["SpillAge"], "the age of spilled records"),
    (&["IncomingRecords"], "silence"),
    (&["ApproximateNumberOfMessagesVisible"], "dead letters"),
];

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    for group in template.of("AWS::Logs::LogGroup") {
        if group.property("/RetentionInDays").is_none() {
            findings.add("log-retention", group.name, "is kept for ever");
        }
    }
    for stage in template.of("AWS::ApiGatewayV2::Stage") {
        if stage.property("/DefaultRouteSettings/ThrottlingRateLimit").is_none() {
            findings.add("api-throttling", stage.name, "takes as many requests as the account can pay for");
        }
    }
    for alarm in template.of("AWS::CloudWatch::Alarm") {
        judge_alarm(template, &alarm, findings);
    }
    if template.is_whole() {
        judge_presence(template, findings);
    }
}

fn judge_alarm(template: &Template, alarm: &Resource, findings: &mut Findings) {
    let actions = alarm.property("/AlarmActions");
    if template.list(actions).is_empty() {
        findings.add("alarm-action", alarm.name, "tells nobody");
    }
    let topics = actions
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .flat_map(|action| template.references(action))
        .filter_map(|name| template.resource(&name));
    for topic in topics.filter(|resource| resource.kind == "AWS::SNS::Topic") {
        let key = template.text(topic.property("/KmsMasterKeyId"));
        if key.ends_with("alias/aws/sns") {
            findings.add(
                "alarm-topic",
                alarm.name,
                format!("cannot publish to {}: the policy of alias/aws/sns does not let alarms use it", topic.name),
            );
        }
        let policies: Vec<Resource> = template
            .of("AWS::SNS::TopicPolicy")
            .filter(|policy| {
                policy
                    .property("/Topics")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .flat_map(|name| template.references(name))
                    .any(|name| name == topic.name)
            })
            .collect();
        let allows = policies.iter().any(|resource| {
            policy::statements(template, resource.property("/PolicyDocument")).iter().any(|statement| {
                statement.is_allow && statement.principals(template, "Service").iter().any(|service| service == "cloudwatch.amazonaws.com")
            })
        });
        if !policies.is_empty() && !allows {
            findings.add(
                "alarm-topic",
                alarm.name,
                format!("cannot publish to {}: its policy does not name cloudwatch.amazonaws.com", topic.name),
            );
        }
    }
}

fn judge_presence(template: &Template, findings: &mut Findings) {
    let watched: Vec<String> = template.of("AWS::CloudWatch::Alarm").map(|alarm| template.text(alarm.property("/MetricName"))).collect();
    for (metrics, meaning) in NEEDED {
        if !metrics.iter().any(|metric| watched.iter().any(|name| name == metric)) {
            findings.add("alarms-missing", "AWS::CloudWatch::Alarm", format!("nobody is told of {meaning} ({})", metrics.join(" or ")));
        }
    }
    if !template.of("AWS::Budgets::Budget").any(|budget| budget.is_conditional()) {
        findings.add("budget-missing", "AWS::Budgets::Budget", "there is no budget behind a parameter");
    }
    let restricts = template.value().get("Rules").is_some_and(|rules| {
        let text = rules.to_string();
        text.contains("Fn::Contains") && text.contains("AWS::Region")
    });
    if !restricts {
        findings.add("residency-missing", "Rules", "no rule says in which regions a stack may be made");
    }
}
