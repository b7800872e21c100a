//! Exemptions: a resource's metadata may exempt it from a rule, with a reason and a last day.
//!
//! ```yaml
//! Metadata:
//!   Freshet:
//!     Exempt: [{Rule: iam-resource-star, Sid: Tracing, Reason: X-Ray has no resources, Until: "2027-12-31"}]
//! ```

use serde_json::Value;

use super::template::Template;
use super::{Finding, Findings, RULES};

struct Exemption<'a> {
    resource: &'a str,
    rule: &'a str,
    sid: Option<&'a str>,
}

/// The findings that are not exempt, and what is wrong with the exemptions.
pub(crate) fn apply(template: &Template, found: Vec<Finding>, today: &str) -> Vec<Finding> {
    let mut about = Findings::default();
    let mut exemptions = Vec::new();
    for resource in template.resources() {
        for exemption in resource.metadata("Exempt").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| exemption.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
            let known = text("Rule").filter(|rule| RULES.iter().any(|(id, ..)| id == rule));
            let (Some(rule), Some(_), Some(until)) = (known, text("Reason"), text("Until").filter(|until| is_date(until))) else {
                about.add("exemption-incomplete", resource.name, "an exemption says Rule (one of ours), Reason, and Until (2026-12-31)");
                continue;
            };
            if until < today {
                about.add("exemption-ended", resource.name, format!("the exemption from {rule} ended on {until}"));
                continue;
            }
            exemptions.push(Exemption { resource: resource.name, rule, sid: text("Sid") });
        }
    }
    let covers = |exemption: &Exemption, finding: &Finding| {
        exemption.rule == finding.rule
            && exemption.resource == finding.resource
            && (exemption.sid.is_none() || exemption.sid == finding.sid.as_deref())
    };
    for exemption in &exemptions {
        if !found.iter().any(|finding| covers(exemption, finding)) {
            about.add("exemption-unused", exemption.resource, format!("the exemption from {} exempts nothing", exemption.rule));
        }
    }
    let kept = found.into_iter().filter(|finding| !exemptions.iter().any(|exemption| covers(exemption, finding)));
    kept.chain(about.0).collect()
}

fn is_date(text: &str) -> bool {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}
