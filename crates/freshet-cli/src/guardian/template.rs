//! A CloudFormation template, read: its resources, and what the values in it may come to when it is deployed.
//!
//! A value is shown as text in which `${Name}` and `${Name.Arn}` stand for what only AWS knows. Both branches of an
//! `Fn::If` count.

use serde_json::{Map, Value};

/// A template in JSON, without SAM.
#[derive(Debug)]
pub(crate) struct Template(Value);

/// A resource of a template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) body: &'a Value,
}

impl<'a> Resource<'a> {
    /// A property by its JSON pointer.
    pub(crate) fn property(&self, pointer: &str) -> Option<&'a Value> {
        self.body.get("Properties")?.pointer(pointer)
    }

    /// What our own metadata say.
    pub(crate) fn metadata(&self, key: &str) -> Option<&'a Value> {
        self.body.get("Metadata")?.get("Freshet")?.get(key)
    }

    /// Whether it is made only under a condition.
    pub(crate) fn is_conditional(&self) -> bool {
        self.body.get("Condition").is_some()
    }
}

impl Template {
    /// A template, or why it is none.
    pub(crate) fn new(value: Value) -> Result<Self, String> {
        let Some(resources) = value.get("Resources").and_then(Value::as_object) else {
            return Err("it has no Resources".to_owned());
        };
        if let Some((name, _)) = resources.iter().find(|(_, body)| body.get("Type").and_then(Value::as_str).is_none()) {
            return Err(format!("resource {name} has no Type"));
        }
        if value.get("Transform").is_some() {
            return Err("it is still SAM".to_owned());
        }
        Ok(Self(value))
    }

    /// Everything that it says.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    /// All resources, in order of their names.
    pub(crate) fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        let resources = self.0.get("Resources").and_then(Value::as_object);
        resources.into_iter().flatten().map(|(name, body)| Resource {
            name,
            kind: body.get("Type").and_then(Value::as_str).unwrap_or_default(),
            body,
        })
    }

    /// The resources of a type.
    pub(crate) fn of(&self, kind: &str) -> impl Iterator<Item = Resource<'_>> {
        self.resources().filter(move |resource| resource.kind == kind)
    }

    /// A resource by its logical name.
    pub(crate) fn resource(&self, name: &str) -> Option<Resource<'_>> {
        self.resources().find(|resource| resource.name == name)
    }

    /// Whether it describes a whole lake, which rules about what must be there ask for.
    pub(crate) fn is_whole(&self) -> bool {
        ["AWS::KinesisFirehose::DeliveryStream", "AWS::Lambda::Function", "AWS::Athena::WorkGroup"]
            .iter()
            .all(|kind| self.of(kind).next().is_some())
    }

    /// A parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Value> {
        self.0.get("Parameters")?.get(name)
    }

    /// The texts that a value may come to, parameters by their names.
    pub(crate) fn texts(&self, value: &Value) -> Vec<String> {
        self.render(value, false)
    }

    /// The texts that a value may come to, parameters by their defaults.
    pub(crate) fn defaults(&self, value: &Value) -> Vec<String> {
        self.render(value, true)
    }

    /// The first of [`Self::texts`].
    pub(crate) fn text(&self, value: Option<&Value>) -> String {
        value.and_then(|value| self.texts(value).into_iter().next()).unwrap_or_default()
    }

    /// The number that a value comes to by default.
    pub(crate) fn number(&self, value: Option<&Value>) -> Option<f64> {
        self.defaults(value?).first()?.parse().ok()
    }

    /// The texts of a value, or of each part of a list.
    pub(crate) fn list(&self, value: Option<&Value>) -> Vec<String> {
        let Some(value) = value else { return Vec::new() };
        Self::branches(value)
            .into_iter()
            .flat_map(|branch| match branch {
                Value::Array(parts) => parts.iter().flat_map(|part| self.texts(part)).collect(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => self.texts(branch),
            })
            .collect()
    }

    /// The values that a value may be: both branches of an `Fn::If`, nothing for no value.
    pub(crate) fn branches(value: &Value) -> Vec<&Value> {
        match single(value) {
            Some(("Fn::If", Value::Array(parts))) => parts.iter().skip(1).flat_map(Self::branches).collect(),
            Some(("Ref", Value::String(name))) if name == "AWS::NoValue" => Vec::new(),
            Some(_) | None => vec![value],
        }
    }

    /// The logical names that a value refers to.
    pub(crate) fn references(&self, value: &Value) -> Vec<String> {
        let texts = self.list(Some(value));
        let names = self.resources().map(|resource| resource.name);
        names.filter(|name| texts.iter().any(|text| refers(text, name))).map(str::to_owned).collect()
    }

    fn render(&self, value: &Value, by_default: bool) -> Vec<String> {
        match value {
            Value::String(text) => vec![text.clone()],
            Value::Number(number) => vec![number.to_string()],
            Value::Bool(is_true) => vec![is_true.to_string()],
            Value::Null | Value::Array(_) => Vec::new(),
            Value::Object(_) => self.render_intrinsic(value, by_default),
        }
    }

    fn render_intrinsic(&self, value: &Value, by_default: bool) -> Vec<String> {
        let Some((function, argument)) = single(value) else { return Vec::new() };
        match (function, argument) {
            ("Ref", Value::String(name)) if name == "AWS::NoValue" => Vec::new(),
            ("Ref", Value::String(name)) => vec![self.name_or_default(name, by_default)],
            ("Fn::GetAtt", Value::String(path)) => vec![format!("${{{path}}}")],
            ("Fn::GetAtt", Value::Array(path)) => {
                vec![format!("${{{}}}", path.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."))]
            }
            ("Fn::If", Value::Array(parts)) => parts.iter().skip(1).flat_map(|part| self.render(part, by_default)).collect(),
            ("Fn::Sub", Value::String(text)) => vec![self.substitute(text, None, by_default)],
            ("Fn::Sub", Value::Array(parts)) => match (parts.first(), parts.get(1)) {
                (Some(Value::String(text)), Some(Value::Object(names))) => vec![self.substitute(text, Some(names), by_default)],
                _ => Vec::new(),
            },
            ("Fn::Join", Value::Array(parts)) => {
                let separator = parts.first().and_then(Value::as_str).unwrap_or_default();
                let pieces = parts.get(1).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let pieces: Vec<String> =
                    pieces.iter().map(|piece| self.render(piece, by_default).into_iter().next().unwrap_or_default()).collect();
                vec![pieces.join(separator)]
            }
            _ => vec![format!("${{{function}}}")],
        }
    }

    fn name_or_default(&self, name: &str, by_default: bool) -> String {
        let default = self.parameter(name).and_then(|parameter| parameter.get("Default")).filter(|_| by_default);
        match default {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => format!("${{{name}}}"),
        }
    }

    fn substitute(&self, text: &str, names: Option<&Map<String, Value>>, by_default: bool) -> String {
        let (mut rendered, mut rest) = (String::new(), text);
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            let name = &rest[start + 2..start + length];
            rendered.push_str(&rest[..start]);
            match names.and_then(|names| names.get(name)) {
                Some(value) => rendered.push_str(&self.render(value, by_default).into_iter().next().unwrap_or_default()),
                None => rendered.push_str(&self.name_or_default(name, by_default)),
            }
            rest = &rest[start + length + 1..];
        }
        rendered + rest
    }
}

/// Whether a text refers to a resource: `${Name}` or `${Name.…}`.
pub(crate) fn refers(text: &str, name: &str) -> bool {
    text.contains(&format!("${{{name}}}")) || text.contains(&format!("${{{name}."))
}

/// The one key and value of an intrinsic function.
fn single(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (key, argument) = object.iter().next()?;
    (key == "Ref" || key.starts_with("Fn::")).then_some((key.as_str(), argument))
}
