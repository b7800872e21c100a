//! The guardian: rules that a CloudFormation template of the lake must keep. A pure function from a template to findings.
//!
//! It judges what linters do not: least privilege, retries and dead letters, retention, what a stage's names carry, and
//! whether the template and the functions' code agree. It does not check types and spelling; cfn-lint does.

mod alarms;
mod calls;
mod cron;
mod events;
mod exemption;
mod functions;
mod iam;
mod names;
mod policy;
mod queries;
mod rules;
mod source;
mod storage;
mod stream;
mod template;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub(crate) use rules::RULES;
pub(crate) use source::{Source, raw_findings};
pub(crate) use template::Template;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Must not be deployed.
    Error,
    /// Costs money or sight.
    Warning,
}

/// Something in a template that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    pub(crate) rule: String,
    pub(crate) resource: String,
    pub(crate) message: String,
    pub(crate) severity: Severity,
    /// The statement of a policy, where it is one.
    #[serde(skip)]
    pub(crate) sid: Option<String>,
}

/// Collects findings.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding about a resource. The rule's severity is in [`RULES`].
    fn add(&mut self, rule: &'static str, resource: &str, message: impl Into<String>) {
        self.add_at(rule, resource, None, message);
    }

    /// Adds a finding about a statement of a policy.
    fn add_at(&mut self, rule: &'static str, resource: &str, sid: Option<&str>, message: impl Into<String>) {
        let severity = RULES.iter().find(|(id, ..)| *id == rule).map_or(Severity::Error, |(_, severity, _)| *severity);
        self.0.push(Finding {
            rule: rule.to_owned(),
            resource: resource.to_owned(),
            message: message.into(),
            severity,
            sid: sid.map(str::to_owned),
        });
    }
}

/// What breaks a rule and is not exempt. `today` is a date as `2026-01-31`, for exemptions that end.
pub(crate) fn judge(template: &Template, today: &str) -> Vec<Finding> {
    let mut findings = Findings::default();
    iam::judge(template, &mut findings);
    calls::judge(template, &mut findings);
    functions::judge(template, &mut findings);
    events::judge(template, &mut findings);
    storage::judge(template, &mut findings);
    stream::judge(template, &mut findings);
    queries::judge(template, &mut findings);
    alarms::judge(template, &mut findings);
    names::judge(template, &mut findings);
    let mut kept = exemption::apply(template, findings.0, today);
    kept.sort();
    kept.dedup();
    kept
}
