//! Paths into JSON: Trino's old `$.a[0]['b']`, and the `lax` and `strict` paths of SQL's JSON functions.

use crate::error::{Error, fault, missing};
use crate::json::Json;

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Member(String),
    Item(i64),
    Last,
    AllItems,
    AllMembers,
}

/// A SQL/JSON path.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub(crate) lax: bool,
    pub(crate) steps: Vec<Step>,
}

/// What a JSON function does where there is nothing, or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Null,
    Error,
    Default,
    True,
    False,
    EmptyArray,
    EmptyObject,
}

/// How `json_query` wraps its items into an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapper {
    Without,
    Conditional,
    Always,
}

fn bad(path: &str) -> Error {
    fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid JSON path: '{path}'"))
}

/// Reads `$.a.b[0]["c"]`.
pub(crate) fn steps(path: &str) -> Result<Vec<Step>, Error> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut rest = path.strip_prefix('$').ok_or_else(|| bad(path))?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|letter| !is_word(letter) && letter != ':').unwrap_or(after.len());
            if end == 0 {
                return Err(bad(path));
            }
            steps.push(Step::Member(after[..end].to_owned()));
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix("[\"") {
            let mut name = String::new();
            let mut letters = after.char_indices();
            let mut end = None;
            while let Some((at, letter)) = letters.next() {
                match letter {
                    '\\' => match letters.next() {
                        Some((_, letter @ ('"' | '\\'))) => name.push(letter),
                        _ => return Err(bad(path)),
                    },
                    '"' => {
                        end = Some(at + 1);
                        break;
                    }
                    other => name.push(other),
                }
            }
            steps.push(Step::Member(name));
            rest = end.and_then(|end| after[end..].strip_prefix(']')).ok_or_else(|| bad(path))?;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (inside, after) = after.split_once(']').ok_or_else(|| bad(path))?;
            if inside.is_empty() || !inside.chars().all(is_word) {
                return Err(bad(path));
            }
            steps.push(inside.parse().map_or_else(|_| Step::Member(inside.to_owned()), Step::Item));
            rest = after;
        } else {
            return Err(bad(path));
        }
    }
    Ok(steps)
}

/// The value at an old path.
pub(crate) fn at<'a>(json: &'a Json, steps: &[Step]) -> Option<&'a Json> {
    let mut here = json;
    for step in steps {
        here = match (step, here) {
            (Step::Member(name), Json::Object(members)) => &members.iter().find(|(known, _)| known == name)?.1,
            (Step::Item(at), Json::Array(items)) => items.get(if *at >= 0 {
                usize::try_from(*at).ok()?
            } else {
                items.len().checked_sub(usize::try_from(at.unsigned_abs()).ok()?)?
            })?,
            (Step::Member(name), Json::Array(items)) => items.get(name.parse::<usize>().ok()?)?,
            (Step::Item(at), Json::Object(members)) => &members.iter().find(|(known, _)| *known == at.to_string())?.1,
            _ => return None,
        };
    }
    Some(here)
}

/// Reads `lax $.a[*].b`.
pub(crate) fn parse(path: &str) -> Result<Path, Error> {
    let text = path.trim();
    let (lax, text) = match text.strip_prefix("lax") {
        Some(rest) => (true, rest.trim()),
        None => match text.strip_prefix("strict") {
            Some(rest) => (false, rest.trim()),
            None => return Err(Error::Syntax { message: "missing {'lax', 'strict'} at '$'".to_owned() }),
        },
    };
    let mut rest = text.strip_prefix('$').ok_or_else(|| missing(format!("JSON path '{path}'")))?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(".*") {
            steps.push(Step::AllMembers);
            rest = after;
        } else if let Some(after) = rest.strip_prefix(".\"") {
            let end = after.find('"').ok_or_else(|| bad(path))?;
            steps.push(Step::Member(after[..end].to_owned()));
            rest = &after[end + 1..];
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
            if end == 0 || after[end..].starts_with('(') || after.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(missing(format!("JSON path '{path}'")));
            }
            steps.push(Step::Member(after[..end].to_owned()));
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = after.find(']').ok_or_else(|| bad(path))?;
            steps.push(match after[..end].trim() {
                "*" => Step::AllItems,
                "last" => Step::Last,
                number => Step::Item(number.parse().map_err(|_| missing(format!("JSON path '{path}'")))?),
            });
            rest = &after[end + 1..];
        } else {
            return Err(missing(format!("JSON path '{path}'")));
        }
        rest = rest.trim_start();
    }
    Ok(Path { lax, steps })
}

/// The items of a path; `Err` where a strict path finds no such thing.
pub(crate) fn evaluate(json: &Json, path: &Path) -> Result<Vec<Json>, String> {
    let mut here = vec![json.clone()];
    for step in &path.steps {
        let mut next = Vec::new();
        for item in here {
            match (step, item) {
                (Step::Member(_) | Step::AllMembers, Json::Array(items)) if path.lax => {
                    for item in items {
                        walk(step, item, path.lax, &mut next)?;
                    }
                }
                (Step::Item(_) | Step::Last | Step::AllItems, item) if path.lax && !matches!(item, Json::Array(_)) => {
                    walk(step, Json::Array(vec![item]), path.lax, &mut next)?;
                }
                (_, item) => walk(step, item, path.lax, &mut next)?,
            }
        }
        here = next;
    }
    Ok(here)
}

fn walk(step: &Step, item: Json, lax: bool, out: &mut Vec<Json>) -> Result<(), String> {
    match (step, item) {
        (Step::Member(name), Json::Object(members)) => match members.into_iter().find(|(known, _)| known == name) {
            Some((_, value)) => out.push(value),
            None if lax => {}
            None => return Err(format!("no such member: {name}")),
        },
        (Step::AllMembers, Json::Object(members)) => out.extend(members.into_iter().map(|(_, value)| value)),
        (Step::AllItems, Json::Array(items)) => out.extend(items),
        (Step::Last, Json::Array(mut items)) => match items.pop() {
            Some(last) => out.push(last),
            None if lax => {}
            None => return Err("empty array".to_owned()),
        },
        (Step::Item(at), Json::Array(items)) => match usize::try_from(*at).ok().and_then(|at| items.get(at)) {
            Some(item) => out.push(item.clone()),
            None if lax => {}
            None => return Err(format!("array subscript out of bounds: {at}")),
        },
        _ if lax => {}
        (step, _) => return Err(format!("unexpected type for {step:?}")),
    }
    Ok(())
}
