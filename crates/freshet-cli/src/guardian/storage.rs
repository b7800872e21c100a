//! Rules about buckets: closed, encrypted, expiring where they must and nowhere else, and no loops.

use serde_json::Value;

use super::Findings;
use super::policy::{self, covers, keys, overlap};
use super::template::{Resource, Template, refers};

/// What holds personal data as it came, and must be gone after a while.
const PERSONAL: &[&str] = &["raw/", "spill/", "errors/", "quarantine/"];
/// What holds tables, whose files only their own log may end.
const TABLES: &[&str] = &["tables/", "restricted/", "models/"];
const MOST_DAYS: f64 = 30.0;

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    let delivered: Vec<String> = template
        .of("AWS::KinesisFirehose::DeliveryStream")
        .filter_map(|stream| stream.property("/ExtendedS3DestinationConfiguration/BucketARN"))
        .flat_map(|bucket| template.references(bucket))
        .collect();
    for bucket in template.of("AWS::S3::Bucket") {
        judge_bucket(template, &bucket, findings);
        judge_expiry(template, &bucket, delivered.iter().any(|name| name == bucket.name), findings);
    }
    for policy in template.of("AWS::S3::BucketPolicy") {
        for statement in policy::statements(template, policy.property("/PolicyDocument")).iter().filter(|statement| statement.is_allow) {
            let anybody = statement.principals(template, "AWS").iter().any(|principal| principal == "*");
            if anybody && statement.condition().is_none() {
                findings.add(
                    "bucket-public-policy",
                    policy.name,
                    format!("{} allows anybody {}", statement.sid, statement.actions.join(", ")),
                );
            }
        }
    }
    judge_loops(template, findings);
}

fn judge_bucket(template: &Template, bucket: &Resource, findings: &mut Findings) {
    let blocks = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let is_closed = blocks.iter().all(|block| {
        bucket.property(&format!("/PublicAccessBlockConfiguration/{block}")).is_some_and(|value| *value == true || *value == "true")
    });
    if !is_closed {
        findings.add("bucket-public-access", bucket.name, "does not block public access in all four ways");
    }
    if bucket.property("/BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault/SSEAlgorithm").is_none() {
        findings.add("bucket-encryption", bucket.name, "does not say how it is encrypted");
    }
    let has_tls = template
        .of("AWS::S3::BucketPolicy")
        .filter(|policy| policy.property("/Bucket").is_some_and(|name| template.references(name).iter().any(|name| name == bucket.name)))
        .any(|policy| {
            policy::statements(template, policy.property("/PolicyDocument"))
                .iter()
                .any(|statement| !statement.is_allow && statement.has_condition("aws:SecureTransport"))
        });
    if !has_tls {
        findings.add("bucket-tls", bucket.name, "answers plain HTTP: no policy denies it");
    }
    if !rules(bucket).iter().any(|rule| rule.get("AbortIncompleteMultipartUpload").is_some()) {
        findings.add("bucket-uploads", bucket.name, "pays for uploads that nobody finished");
    }
    let keeps = |key: &str| bucket.body.get(key).and_then(Value::as_str).is_some_and(|policy| policy.starts_with("Retain"));
    if !keeps("DeletionPolicy") || !keeps("UpdateReplacePolicy") {
        findings.add("bucket-retained", bucket.name, "goes with its stack: say DeletionPolicy and UpdateReplacePolicy Retain");
    }
}

fn rules<'a>(bucket: &Resource<'a>) -> Vec<&'a Value> {
    let rules = bucket.property("/LifecycleConfiguration/Rules").and_then(Value::as_array).into_iter().flatten();
    rules.flat_map(|rule| Template::branches(rule)).filter(|rule| rule.get("Status").and_then(Value::as_str) != Some("Disabled")).collect()
}

fn prefix(rule: &Value) -> &str {
    let filtered = rule.pointer("/Filter/Prefix").or_else(|| rule.pointer("/Filter/And/Prefix"));
    rule.get("Prefix").or(filtered).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a lifecycle rule ends or moves objects.
fn ends_objects(rule: &Value) -> bool {
    ["ExpirationInDays", "ExpirationDate", "Transition", "Transitions", "NoncurrentVersionExpiration"]
        .iter()
        .any(|key| rule.get(key).is_some())
}

fn judge_expiry(template: &Template, bucket: &Resource, is_delivered: bool, findings: &mut Findings) {
    for rule in rules(bucket).into_iter().filter(|rule| ends_objects(rule)) {
        for table in TABLES.iter().filter(|table| overlap(prefix(rule), table)) {
            findings.add(
                "lifecycle-on-table",
                bucket.name,
                format!("the rule for `{}` ends files of {table} behind their tables' back", prefix(rule)),
            );
        }
    }
    let expires = |personal: &str| {
        rules(bucket).iter().any(|rule| {
            personal.starts_with(prefix(rule)) && template.number(rule.get("ExpirationInDays")).is_some_and(|days| days <= MOST_DAYS)
        })
    };
    for personal in PERSONAL.iter().filter(|personal| is_delivered && !expires(personal)) {
        findings.add("lifecycle-personal", bucket.name, format!("{personal} does not expire within 30 days"));
    }
    let name = format!("s3://${{{}}}/", bucket.name);
    for workgroup in template.of("AWS::Athena::WorkGroup") {
        let location = template.text(workgroup.property("/WorkGroupConfiguration/ResultConfiguration/OutputLocation"));
        let Some(place) = location.strip_prefix(&name) else { continue };
        let ends = rules(bucket).iter().any(|rule| rule.get("ExpirationInDays").is_some() && place.starts_with(prefix(rule)));
        if !ends {
            findings.add("results-expire", bucket.name, format!("{place} keeps the answers of {} for ever", workgroup.name));
        }
        if is_delivered {
            findings.add("results-apart", workgroup.name, format!("writes answers into {}, the lake's own bucket", bucket.name));
        }
    }
}

/// Functions that a bucket's notifications invoke: the bucket, the function, and the prefix.
pub(crate) fn triggered_directly(template: &Template) -> Vec<(String, String, String)> {
    notified(template, "LambdaConfigurations", "Function")
}

fn notified(template: &Template, kind: &str, target: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for bucket in template.of("AWS::S3::Bucket") {
        for configuration in bucket.property(&format!("/NotificationConfiguration/{kind}")).and_then(Value::as_array).into_iter().flatten()
        {
            let filters = configuration.pointer("/Filter/S3Key/Rules").and_then(Value::as_array).into_iter().flatten();
            let prefix = filters
                .filter(|rule| rule.get("Name").and_then(Value::as_str) == Some("prefix"))
                .find_map(|rule| rule.get("Value"))
                .and_then(Value::as_str);
            for name in configuration.get(target).map(|target| template.references(target)).unwrap_or_default() {
                found.push((bucket.name.to_owned(), name, prefix.unwrap_or_default().to_owned()));
            }
        }
    }
    found
}

/// Functions that an object's arrival invokes, by notification, by way of a queue, or by an event rule.
fn triggered(template: &Template) -> Vec<(String, String, String)> {
    let mut found = triggered_directly(template);
    for (bucket, queue, prefix) in notified(template, "QueueConfigurations", "Queue") {
        for mapping in template.of("AWS::Lambda::EventSourceMapping") {
            let reads = mapping.property("/EventSourceArn").is_some_and(|source| template.references(source).contains(&queue));
            let functions = mapping.property("/FunctionName").map(|name| template.references(name)).unwrap_or_default();
            found.extend(functions.into_iter().filter(|_| reads).map(|name| (bucket.clone(), name, prefix.clone())));
        }
    }
    let of_objects = template
        .of("AWS::Events::Rule")
        .filter(|rule| template.list(rule.property("/EventPattern/source")).iter().any(|source| source == "aws.s3"));
    for rule in of_objects {
        for target in rule.property("/Targets").and_then(Value::as_array).into_iter().flatten().filter_map(|target| target.get("Arn")) {
            for name in template.references(target) {
                found.extend(
                    template
                        .of("AWS::S3::Bucket")
                        .filter(|bucket| bucket.property("/NotificationConfiguration/EventBridgeConfiguration").is_some())
                        .map(|bucket| (bucket.name.to_owned(), name.clone(), String::new())),
                );
            }
        }
    }
    found
}

fn judge_loops(template: &Template, findings: &mut Findings) {
    for (bucket, name, prefix) in triggered(template) {
        let Some(role) = template.resource(&name).and_then(|function| policy::role_of(template, &function)) else { continue };
        for statement in policy::role_statements(template, &role).iter().filter(|statement| statement.is_allow) {
            let writes = statement.actions.iter().any(|action| covers(action, "s3:PutObject") || covers(action, "s3:CopyObject"));
            let into_it = statement.resources.iter().any(|resource| {
                let written = keys(resource).unwrap_or_default().trim_end_matches('*');
                resource == "*" || (refers(resource, &bucket) && overlap(written, &prefix))
            });
            if writes && into_it {
                findings.add(
                    "bucket-recursion",
                    &name,
                    format!("runs for objects of {bucket} under `{prefix}` and may write there itself ({})", statement.sid),
                );
            }
        }
    }
}
