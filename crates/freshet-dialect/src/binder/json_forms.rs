//! SQL's JSON functions with clauses: `json_value`, `json_query`, `json_exists`, `json_object`, `json_array`.

use std::sync::Arc;

use datafusion::logical_expr::ColumnarValue;
use datafusion::sql::sqlparser::ast::{Expr as Ast, FunctionArguments};

use super::calls::literal_text;
use super::{Binder, Bound, Scope};
use crate::casts;
use crate::error::{Error, fault, missing, refuse};
use crate::functions::{Behaviour, Wrapper, evaluate_path, parse_path};
use crate::json::{self, Json};
use crate::kinds::Kind;
use crate::scalar::{Columns, arrays, of_columns};
use crate::value::{Value, read, write};

fn behaviour(ast: &Ast) -> Behaviour {
    match literal_text(ast) {
        "error" => Behaviour::Error,
        "default" => Behaviour::Default,
        "true" => Behaviour::True,
        "false" => Behaviour::False,
        "empty array" => Behaviour::EmptyArray,
        "empty object" => Behaviour::EmptyObject,
        _ => Behaviour::Null,
    }
}

impl Binder {
    pub(super) fn json_form(&self, name: &str, args: &[&Ast], ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        match name {
            "$json_object" | "$json_array" => self.json_build(name, args, scope),
            _ => self.json_path(name, args, ast, scope),
        }
    }

    /// An input of a JSON function, and whether it is JSON already.
    fn json_input(&self, ast: &Ast, scope: &Scope) -> Result<(Bound, bool), Error> {
        if let Ast::Function(function) = ast
            && function.name.to_string() == "$format_json"
            && let FunctionArguments::List(_) = &function.args
        {
            let inner = super::calls::arguments(function)?;
            return Ok((self.expr(inner[0], scope)?, true));
        }
        let bound = self.expr(ast, scope)?;
        let is_json = matches!(bound.kind, Kind::Json);
        Ok((bound, is_json))
    }

    fn json_path(&self, name: &str, args: &[&Ast], _ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        let [input, path, returning, wrapper, quotes, empty, empty_default, error, error_default] = args else {
            return Err(missing(name.to_owned()));
        };
        let (input, _) = self.json_input(input, scope)?;
        if !input.kind.is_text() && !matches!(input.kind, Kind::Unknown) {
            return Err(refuse("TYPE_MISMATCH", format!("Cannot read input of type {} as JSON", input.kind)));
        }
        let Ast::Value(_) = path else { return Err(refuse("TYPE_MISMATCH", "a JSON path must be a literal")) };
        let path = parse_path(literal_text(path))?;
        let result = if name == "$json_exists" { Kind::Boolean } else { crate::type_names::parse(literal_text(returning))? };
        if name == "$json_query" && !matches!(result, Kind::Varchar(_)) {
            return Err(missing(format!("json_query RETURNING {result}")));
        }
        let wrapper = match literal_text(wrapper) {
            "conditional" => Wrapper::Conditional,
            "with" => Wrapper::Always,
            _ => Wrapper::Without,
        };
        let omit = literal_text(quotes) == "omit";
        let (on_empty, on_error) = (behaviour(empty), behaviour(error));
        let mut exprs = vec![self.coerce(input, &Kind::Varchar(None))?.expr];
        for default in [empty_default, error_default] {
            let bound = self.expr(default, scope)?;
            let bound = self.cast(bound, &result)?;
            exprs.push(bound.expr);
        }
        let kind = result.clone();
        let form = name.to_owned();
        let identity = format!("{path:?} {wrapper:?} {omit} {on_empty:?} {on_error:?} {kind}");
        let work: Columns = Arc::new(move |args, rows| {
            let arrays = arrays(args, rows)?;
            let mut out = Vec::with_capacity(rows);
            for row in 0..rows {
                let input = read(&arrays[0], row);
                if input.is_null() {
                    out.push(Value::Null);
                    continue;
                }
                // Nothing is no error: it has no items.
                let nothing = input.str().trim().is_empty();
                let found = if nothing {
                    Ok(Vec::new())
                } else {
                    json::read(input.str()).ok_or_else(|| "not JSON".to_owned()).and_then(|json| evaluate_path(&json, &path))
                };
                let other = |behaviour: Behaviour, at: usize, what: &str| -> Result<Value, Error> {
                    Ok(match behaviour {
                        Behaviour::Null => Value::Null,
                        Behaviour::Error => {
                            return Err(fault(
                                if what == "empty" { "JSON_VALUE_RESULT_ERROR" } else { "JSON_INPUT_CONVERSION_ERROR" },
                                format!("JSON path: {what}"),
                            ));
                        }
                        Behaviour::Default => read(&arrays[at], row),
                        Behaviour::True => Value::Bool(true),
                        Behaviour::False => Value::Bool(false),
                        Behaviour::EmptyArray => Value::from("[]"),
                        Behaviour::EmptyObject => Value::from("{}"),
                    })
                };
                out.push(match (form.as_str(), found) {
                    ("$json_exists", Ok(items)) => Value::Bool(!items.is_empty()),
                    (_, Err(what)) => other(on_error, 2, &what)?,
                    (_, Ok(items)) if items.is_empty() => other(on_empty, 1, "empty")?,
                    ("$json_value", Ok(items)) => match items.as_slice() {
                        [Json::Null] => Value::Null,
                        [item] if item.is_scalar() => match scalar(item, &kind) {
                            Some(value) => value,
                            None => other(on_error, 2, "cannot be converted")?,
                        },
                        _ => other(on_error, 2, "not a single scalar")?,
                    },
                    (_, Ok(items)) => {
                        let wrapped = match (wrapper, items.as_slice()) {
                            (Wrapper::Always, _) => Some(Json::Array(items)),
                            (Wrapper::Conditional, [item]) if !item.is_scalar() => Some(item.clone()),
                            (Wrapper::Conditional, _) => Some(Json::Array(items)),
                            (Wrapper::Without, [item]) => Some(item.clone()),
                            (Wrapper::Without, _) => None,
                        };
                        match wrapped {
                            Some(Json::Text(text)) if omit => Value::from(text),
                            Some(item) => Value::from(json::write(&item, json::Style::Parsed)),
                            None => other(on_error, 2, "multiple items")?,
                        }
                    }
                });
            }
            Ok(ColumnarValue::Array(write(out, &kind)?))
        });
        Ok(Bound { expr: of_columns(name, &identity, &result, work, exprs), kind: result })
    }

    fn json_build(&self, name: &str, args: &[&Ast], scope: &Scope) -> Result<Bound, Error> {
        let nulls = literal_text(args[0]) == "null";
        let unique = literal_text(args[1]) == "unique";
        let result = crate::type_names::parse(literal_text(args[2]))?;
        if !matches!(result, Kind::Varchar(_)) {
            return Err(missing(format!("{} RETURNING {result}", &name[1..])));
        }
        let object = name == "$json_object";
        let mut exprs = Vec::new();
        let mut kinds = Vec::new();
        for (at, arg) in args[3..].iter().enumerate() {
            let (bound, formatted) = self.json_input(arg, scope)?;
            // A JSON function's own answer is JSON, and no text.
            let nested = matches!(arg, Ast::Function(function) if matches!(function.name.to_string().as_str(), "$json_object" | "$json_array" | "$json_query"));
            let is_key = object && at % 2 == 0;
            if is_key && !bound.kind.is_text() {
                return Err(refuse("INVALID_FUNCTION_ARGUMENT", format!("JSON object keys must be of text type: {}", bound.kind)));
            }
            if !is_key && !casts::exists(&bound.kind, &Kind::Varchar(None)) && bound.kind != Kind::Json {
                return Err(refuse("TYPE_MISMATCH", format!("a value of type {} in a JSON function", bound.kind)));
            }
            kinds.push((bound.kind.clone(), formatted || nested));
            exprs.push(bound.expr);
        }
        let identity = format!("{kinds:?}{nulls}{unique}{result}");
        let kind = result.clone();
        let work: Columns = Arc::new(move |args, rows| {
            let arrays = arrays(args, rows)?;
            let mut out = Vec::with_capacity(rows);
            for row in 0..rows {
                let mut members: Vec<(String, Json)> = Vec::new();
                let mut items = Vec::new();
                let mut key: Option<String> = None;
                for (array, (kind, formatted)) in arrays.iter().zip(&kinds) {
                    let value = read(array, row);
                    if object && key.is_none() {
                        if value.is_null() {
                            return Err(fault(
                                "INVALID_FUNCTION_ARGUMENT",
                                "null value passed for JSON object key to JSON_OBJECT function",
                            ));
                        }
                        key = Some(value.str().to_owned());
                        continue;
                    }
                    let name = key.take();
                    if value.is_null() && !nulls {
                        continue;
                    }
                    let item = if value.is_null() {
                        Json::Null
                    } else if *formatted {
                        json::read(value.str()).ok_or_else(|| fault("JSON_INPUT_CONVERSION_ERROR", "conversion to JSON failed"))?
                    } else if kind.is_number() || *kind == Kind::Boolean || kind.is_text() {
                        casts::to_json(&value, kind)?
                    } else {
                        Json::Text(casts::cast(&value, kind, &Kind::Varchar(None))?.str().to_owned())
                    };
                    match name {
                        Some(name) => {
                            if members.iter().any(|(known, _)| *known == name) {
                                return Err(if unique {
                                    fault("INVALID_FUNCTION_ARGUMENT", "duplicate key passed to JSON_OBJECT function")
                                } else {
                                    fault("NOT_SUPPORTED", "cannot construct a JSON object with duplicate key")
                                });
                            }
                            members.push((name, item));
                        }
                        None => items.push(item),
                    }
                }
                out.push(Value::from(json::write(
                    &if object { Json::Object(json::hashed(members)) } else { Json::Array(items) },
                    json::Style::Cast,
                )));
            }
            Ok(ColumnarValue::Array(write(out, &kind)?))
        });
        let mut exprs = exprs;
        if exprs.is_empty() {
            return super::literals::constant(Value::from(if object { "{}" } else { "[]" }), result);
        }
        Ok(Bound { expr: of_columns(name, &identity, &result, work, std::mem::take(&mut exprs)), kind: result })
    }
}

/// A scalar as a value of the type asked; `None` where it cannot be one.
fn scalar(item: &Json, kind: &Kind) -> Option<Value> {
    match (item, kind) {
        (Json::Text(text), kind) => casts::cast(&Value::from(text.as_str()), &Kind::Varchar(None), kind).ok(),
        (Json::Number(text), Kind::Varchar(_)) => Some(Value::from(json::number(text))),
        (item, kind) => casts::from_json(item, kind).ok(),
    }
}
