//! Statements of policies, wherever a template has them.

use serde_json::Value;

use super::template::{Resource, Template};

/// A statement of a policy.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sid: String,
    pub(crate) is_allow: bool,
    pub(crate) actions: Vec<String>,
    pub(crate) resources: Vec<String>,
    /// Whether it says what it does not cover.
    pub(crate) is_negated: bool,
    body: &'a Value,
}

impl<'a> Statement<'a> {
    /// The principals of a kind (`Service`, `AWS`), or `*` for anybody.
    pub(crate) fn principals(&self, template: &Template, kind: &str) -> Vec<String> {
        match self.body.get("Principal") {
            Some(Value::String(anybody)) => vec![anybody.clone()],
            Some(principal) => template.list(principal.get(kind)),
            None => Vec::new(),
        }
    }

    /// Whether a condition names a key, in whatever case.
    pub(crate) fn has_condition(&self, key: &str) -> bool {
        let tests = self.body.get("Condition").and_then(Value::as_object);
        tests.into_iter().flatten().filter_map(|(_, test)| test.as_object()).flatten().any(|(name, _)| name.eq_ignore_ascii_case(key))
    }

    /// Whether it is for this account or one source alone.
    pub(crate) fn is_for_a_source(&self) -> bool {
        ["aws:SourceAccount", "aws:SourceArn", "aws:PrincipalOrgID", "aws:PrincipalAccount"].iter().any(|key| self.has_condition(key))
    }

    /// The condition as it is written.
    pub(crate) fn condition(&self) -> Option<&'a Value> {
        self.body.get("Condition")
    }
}

/// The statements of a policy document.
pub(crate) fn statements<'a>(template: &Template, document: Option<&'a Value>) -> Vec<Statement<'a>> {
    let listed = match document.and_then(|document| document.get("Statement")) {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    let bodies = listed.into_iter().flat_map(|statement| Template::branches(statement));
    bodies
        .enumerate()
        .map(|(place, body)| Statement {
            sid: body.get("Sid").and_then(Value::as_str).map_or_else(|| format!("statement {}", place + 1), str::to_owned),
            is_allow: body.get("Effect").and_then(Value::as_str) != Some("Deny"),
            actions: template.list(body.get("Action")),
            resources: template.list(body.get("Resource")),
            is_negated: body.get("NotAction").is_some() || body.get("NotResource").is_some(),
            body,
        })
        .collect()
}

/// What a role's own policies say, and the policies that are attached to it from elsewhere in the template.
pub(crate) fn role_statements<'a>(template: &'a Template, role: &Resource<'a>) -> Vec<Statement<'a>> {
    let inline = role.property("/Policies").and_then(Value::as_array).into_iter().flatten();
    let inline = inline.flat_map(|policy| Template::branches(policy)).map(|policy| policy.get("PolicyDocument"));
    let attached = ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"].into_iter().flat_map(|kind| template.of(kind));
    let attached = attached
        .filter(|policy| policy.property("/Roles").is_some_and(|roles| template.references(roles).iter().any(|name| name == role.name)));
    let documents: Vec<Option<&Value>> = inline.chain(attached.map(|policy| policy.property("/PolicyDocument"))).collect();
    documents.into_iter().flat_map(|document| statements(template, document)).collect()
}

/// Every resource that grants rights to whom it is attached, with its statements.
pub(crate) fn grants(template: &Template) -> Vec<(Resource<'_>, Vec<Statement<'_>>)> {
    template
        .resources()
        .filter_map(|resource| match resource.kind {
            "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" => {
                let inline = resource.property("/Policies").and_then(Value::as_array).into_iter().flatten();
                let found = inline
                    .flat_map(|policy| Template::branches(policy))
                    .flat_map(|policy| statements(template, policy.get("PolicyDocument")))
                    .collect();
                Some((resource, found))
            }
            "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" => Some((resource, statements(template, resource.property("/PolicyDocument")))),
            _ => None,
        })
        .collect()
}

/// The role of a function.
pub(crate) fn role_of<'a>(template: &'a Template, function: &Resource<'a>) -> Option<Resource<'a>> {
    let names = template.references(function.property("/Role")?);
    names.iter().filter_map(|name| template.resource(name)).find(|resource| resource.kind == "AWS::IAM::Role")
}

/// Whether an action of a policy covers a call: `s3:Get*` covers `s3:GetObject`.
pub(crate) fn covers(pattern: &str, call: &str) -> bool {
    match pattern.split_once('*') {
        Some((front, back)) => call.len() >= front.len() + back.len() && call.starts_with(front) && call.ends_with(back),
        None => pattern.eq_ignore_ascii_case(call),
    }
}

/// The part of a bucket that a resource text names: `spill/*` of `${Lake.Arn}/spill/*`. Nothing where it names no key.
pub(crate) fn keys(resource: &str) -> Option<&str> {
    resource
        .split_once(".Arn}/")
        .map(|(_, keys)| keys)
        .or_else(|| resource.split_once(":::").and_then(|(_, bucket)| bucket.split_once('/')).map(|(_, keys)| keys))
}

/// Whether two prefixes have keys in common.
pub(crate) fn overlap(left: &str, right: &str) -> bool {
    left.starts_with(right) || right.starts_with(left)
}
