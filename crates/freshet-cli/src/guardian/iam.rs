//! Rules about who may do what.

use serde_json::Value;

use super::Findings;
use super::policy::{self, Statement, covers, keys};
use super::template::{Resource, Template, refers};

/// Services that can only be given roles of their own account, and send no source when they take one.
const OWN_ACCOUNT_ONLY: &[&str] = &["lambda.amazonaws.com"];
/// What analysts may read and write, by prefix.
const OPEN_TO_ANALYSTS: &[&str] = &["tables/", "answers/", "models/", "model-answers/"];

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    for (resource, statements) in policy::grants(template) {
        for statement in statements.iter().filter(|statement| statement.is_allow) {
            judge_grant(resource.name, statement, findings);
        }
    }
    for role in template.of("AWS::IAM::Role") {
        if role.property("/ManagedPolicyArns").is_some_and(|arns| !template.list(Some(arns)).is_empty()) {
            findings.add("iam-managed-policy", role.name, "carries managed policies; write what it needs into Policies");
        }
        judge_trust(template, &role, findings);
        judge_keys(template, &role, findings);
        if role.metadata("Purpose").and_then(Value::as_str) == Some("analyst") {
            judge_analyst(template, &role, findings);
        }
    }
}

fn judge_grant(name: &str, statement: &Statement, findings: &mut Findings) {
    let sid = Some(statement.sid.as_str());
    for action in statement.actions.iter().filter(|action| *action == "*" || action.ends_with(":*")) {
        findings.add_at("iam-action-star", name, sid, format!("{} allows {action}; name the calls", statement.sid));
    }
    if statement.resources.iter().any(|resource| resource == "*") {
        findings.add_at(
            "iam-resource-star",
            name,
            sid,
            format!("{} allows {} on every resource", statement.sid, statement.actions.join(", ")),
        );
    }
    if statement.is_negated {
        findings.add_at("iam-not-action", name, sid, format!("{} allows all but something", statement.sid));
    }
}

fn judge_trust(template: &Template, role: &Resource, findings: &mut Findings) {
    for statement in policy::statements(template, role.property("/AssumeRolePolicyDocument")) {
        if !statement.is_allow {
            continue;
        }
        let (services, accounts) = (statement.principals(template, "Service"), statement.principals(template, "AWS"));
        if services.iter().chain(&accounts).any(|principal| principal == "*") {
            findings.add("iam-trust-anyone", role.name, "may be taken by anybody");
            continue;
        }
        for service in services.iter().filter(|service| !OWN_ACCOUNT_ONLY.contains(&service.as_str())) {
            if !statement.is_for_a_source() {
                findings.add(
                    "iam-trust-source",
                    role.name,
                    format!("trusts {service} for whatever account; add a condition on aws:SourceAccount"),
                );
            }
        }
    }
}

/// Who writes to a bucket that has a key of its own needs the key.
fn judge_keys(template: &Template, role: &Resource, findings: &mut Findings) {
    let statements = policy::role_statements(template, role);
    let may =
        |call: &str| statements.iter().any(|statement| statement.is_allow && statement.actions.iter().any(|action| covers(action, call)));
    for bucket in template.of("AWS::S3::Bucket") {
        let key = bucket.property("/BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault/KMSMasterKeyID");
        let writes = statements.iter().any(|statement| {
            statement.is_allow
                && statement.actions.iter().any(|action| covers(action, "s3:PutObject"))
                && statement.resources.iter().any(|resource| refers(resource, bucket.name))
        });
        if key.is_some() && writes && !may("kms:GenerateDataKey") {
            findings.add(
                "iam-kms-grant",
                role.name,
                format!("writes to {}, whose key it may not use: kms:GenerateDataKey is missing", bucket.name),
            );
        }
    }
}

fn judge_analyst(template: &Template, role: &Resource, findings: &mut Findings) {
    for statement in policy::role_statements(template, role).iter().filter(|statement| statement.is_allow) {
        let touches_objects = statement
            .actions
            .iter()
            .any(|action| covers(action, "s3:GetObject") || covers(action, "s3:PutObject") || covers(action, "s3:DeleteObject"));
        if touches_objects {
            for resource in &statement.resources {
                let open = keys(resource).is_some_and(|keys| OPEN_TO_ANALYSTS.iter().any(|prefix| keys.starts_with(prefix)));
                if !open {
                    findings.add_at("iam-analyst-reach", role.name, Some(&statement.sid), format!("{} reaches {resource}", statement.sid));
                }
            }
        }
        let writes = statement.actions.iter().any(|action| covers(action, "s3:PutObject") || covers(action, "s3:DeleteObject"));
        for resource in
            statement.resources.iter().filter(|resource| writes && keys(resource).is_some_and(|keys| keys.starts_with("tables/")))
        {
            findings.add_at("iam-analyst-reach", role.name, Some(&statement.sid), format!("{} writes to {resource}", statement.sid));
        }
    }
}
