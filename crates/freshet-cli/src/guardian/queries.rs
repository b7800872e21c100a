//! Rules about Athena's workgroups.

use serde_json::Value;

use super::Findings;
use super::template::Template;

pub(crate) fn judge(template: &Template, findings: &mut Findings) {
    let mut has_ctas = false;
    for workgroup in template.of("AWS::Athena::WorkGroup") {
        let setting = |pointer: &str| workgroup.property(&format!("/WorkGroupConfiguration{pointer}"));
        let is_ctas = workgroup.metadata("Purpose").and_then(Value::as_str) == Some("ctas");
        has_ctas |= is_ctas;
        if !is_ctas && setting("/EnforceWorkGroupConfiguration").is_none_or(|value| *value != true && *value != "true") {
            findings.add("workgroup-enforced", workgroup.name, "lets a client put its results elsewhere, unencrypted");
        }
        if setting("/BytesScannedCutoffPerQuery").is_none() {
            findings.add("workgroup-cutoff", workgroup.name, "lets one query scan without limit, at 5 USD a TB");
        }
        if !template.text(setting("/EngineVersion/SelectedEngineVersion")).ends_with("version 3") {
            findings.add("workgroup-engine", workgroup.name, "does not ask for Athena engine version 3, which reads Delta tables");
        }
        if setting("/ResultConfiguration/EncryptionConfiguration/EncryptionOption").is_none() {
            findings.add("workgroup-encryption", workgroup.name, "does not encrypt its results");
        }
    }
    if template.is_whole() && !has_ctas {
        findings.add(
            "workgroup-ctas",
            "AWS::Athena::WorkGroup",
            "there is no workgroup whose location is not enforced (Metadata Freshet: Purpose: ctas), so dbt and CTAS fail",
        );
    }
}
