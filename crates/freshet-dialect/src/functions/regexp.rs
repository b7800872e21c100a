//! Regular expressions and `LIKE`. Trino's are Java's with ASCII classes; what the engine here cannot do (looking around,
//! back references) is refused.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Captures, Regex};

use crate::error::{Error, fault, missing};
use crate::kinds::Kind;
use crate::scalar::Call;
use crate::signatures::{Entry, strict};
use crate::text::pad;
use crate::value::Value;

type Answer = Result<Value, Error>;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
}

/// How many patterns a thread keeps compiled.
const KEPT: usize = 256;

/// The compiled pattern.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Error> {
    cached(&format!("r{pattern}"), || {
        let translated = translate(pattern)?;
        Regex::new(&translated).map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid regular expression: {pattern}")))
    })
}

fn cached(name: &str, make: impl FnOnce() -> Result<Regex, Error>) -> Result<Regex, Error> {
    if let Some(known) = COMPILED.with_borrow(|known| known.get(name).cloned()) {
        return Ok(known);
    }
    let made = make()?;
    COMPILED.with_borrow_mut(|known| {
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(name.to_owned(), made.clone());
    });
    Ok(made)
}

/// A class by its name, `\p{Lu}`. Trino's engine (Joni) knows Unicode's names, and those of POSIX, over Unicode too.
fn class_of(name: &str, is_negated: bool, is_inside: bool) -> Result<String, Error> {
    if name.to_lowercase().starts_with("is") {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("invalid character property name <{name}>")));
    }
    let class = match name.to_lowercase().as_str() {
        "alpha" => r"\p{Alphabetic}",
        "alnum" => r"\p{Alphabetic}\p{Decimal_Number}",
        "lower" => r"\p{Lowercase}",
        "upper" => r"\p{Uppercase}",
        "digit" => r"\p{Decimal_Number}",
        "space" => r"\p{White_Space}",
        "ascii" => r"\x00-\x7F",
        "xdigit" => "0-9A-Fa-f",
        "punct" | "graph" | "print" | "blank" | "cntrl" | "word" => return Err(missing(format!("\\p{{{name}}} in regular expressions"))),
        _ => return Ok(format!("\\{}{{{name}}}", if is_negated { 'P' } else { 'p' })),
    };
    Ok(if is_inside && !is_negated { class.to_owned() } else { format!("[{}{class}]", if is_negated { "^" } else { "" }) })
}

/// Java's pattern in this engine's words: `\d`, `\w`, `\s` are ASCII.
fn translate(pattern: &str) -> Result<String, Error> {
    let mut out = String::new();
    let letters: Vec<char> = pattern.chars().collect();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        match letter {
            '\\' => {
                let Some(code) = letters.get(at + 1) else {
                    return Err(fault("INVALID_FUNCTION_ARGUMENT", "Invalid regular expression: too short escape sequence"));
                };
                at += 1;
                let class = match code {
                    'd' => "0-9",
                    'w' => "0-9A-Za-z_",
                    's' => " \\t\\n\\r\\x0B\\x0C",
                    'D' => "^0-9",
                    'W' => "^0-9A-Za-z_",
                    'S' => "^ \\t\\n\\r\\x0B\\x0C",
                    'b' if depth == 0 => {
                        out.push_str("\\b");
                        at += 1;
                        continue;
                    }
                    'p' | 'P' if letters.get(at + 1) == Some(&'{') => {
                        let name: String = letters[at + 2..].iter().take_while(|letter| **letter != '}').collect();
                        out.push_str(&class_of(&name, *code == 'P', depth > 0)?);
                        at += name.chars().count() + 3;
                        continue;
                    }
                    'Q' => {
                        let rest: String = letters[at + 1..].iter().collect();
                        let end = rest.find("\\E").unwrap_or(rest.len());
                        out.push_str(&regex::escape(&rest[..end]));
                        at += 1 + rest[..end].chars().count() + if end < rest.len() { 2 } else { 0 };
                        continue;
                    }
                    '1'..='9' | 'k' if depth == 0 => return Err(missing("back references in regular expressions")),
                    'h' | 'H' | 'R' | 'X' | 'G' | 'Z' | 'c' | 'e' => return Err(missing(format!("\\{code} in regular expressions"))),
                    other if other.is_ascii_alphanumeric() => {
                        out.push('\\');
                        out.push(*other);
                        at += 1;
                        continue;
                    }
                    other => {
                        out.push_str(&regex::escape(&other.to_string()));
                        at += 1;
                        continue;
                    }
                };
                if depth > 0 && !class.starts_with('^') {
                    out.push_str(class);
                } else {
                    out.push('[');
                    out.push_str(class);
                    out.push(']');
                }
            }
            '[' => {
                depth += 1;
                out.push('[');
                if letters.get(at + 1) == Some(&'^') {
                    out.push('^');
                    at += 1;
                }
                if letters.get(at + 1) == Some(&']') {
                    out.push_str("\\]");
                    at += 1;
                }
            }
            ']' if depth > 0 => {
                depth -= 1;
                out.push(']');
            }
            ']' => out.push_str("\\]"),
            '-' | '~' if depth > 0 && letters.get(at + 1) == Some(&letter) => {
                out.push('\\');
                out.push(letter);
            }
            '(' if depth == 0 && letters.get(at + 1) == Some(&'?') && matches!(letters.get(at + 2), Some('=' | '!' | '>')) => {
                return Err(missing("looking around in regular expressions"));
            }
            '(' if depth == 0
                && letters.get(at + 1) == Some(&'?')
                && letters.get(at + 2) == Some(&'<')
                && matches!(letters.get(at + 3), Some('=' | '!')) =>
            {
                return Err(missing("looking around in regular expressions"));
            }
            '+' if depth == 0 && at > 0 && matches!(letters[at - 1], '+' | '*' | '?' | '}') && (at < 2 || letters[at - 2] != '\\') => {
                return Err(missing("possessive repetition in regular expressions"));
            }
            '{' if depth == 0 && !letters.get(at + 1).is_some_and(char::is_ascii_digit) => out.push_str("\\{"),
            other => out.push(other),
        }
        at += 1;
    }
    Ok(out)
}

/// The pattern of `LIKE`.
fn like_pattern(pattern: &str, escape: Option<char>) -> Result<Regex, Error> {
    cached(&format!("l{}{pattern}", escape.unwrap_or('\0')), || {
        let mut out = String::from("(?s)^");
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            if Some(letter) == escape {
                match letters.next() {
                    Some(next) if next == '%' || next == '_' || Some(next) == escape => out.push_str(&regex::escape(&next.to_string())),
                    _ => {
                        return Err(fault(
                            "INVALID_FUNCTION_ARGUMENT",
                            "Escape character must be followed by '%', '_' or the escape character itself",
                        ));
                    }
                }
                continue;
            }
            match letter {
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                other => out.push_str(&regex::escape(&other.to_string())),
            }
        }
        out.push_str("\\z");
        Regex::new(&out).map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", "pattern of LIKE is too long"))
    })
}

fn like(v: &[Value], call: &Call) -> Answer {
    let escape = match v.get(2).map(|escape| escape.str().chars().collect::<Vec<_>>()) {
        None => None,
        Some(letters) if letters.len() == 1 => Some(letters[0]),
        Some(_) => return Err(fault("INVALID_FUNCTION_ARGUMENT", "Escape string must be a single character")),
    };
    let regex = like_pattern(v[1].str(), escape)?;
    Ok(Value::Bool(match call.args[0] {
        Kind::Char(length) => regex.is_match(&pad(v[0].str(), length)),
        _ => regex.is_match(v[0].str()),
    }))
}

/// All matches as Java finds them: also an empty one right after another.
fn matches<'t>(regex: &Regex, text: &'t str) -> Vec<Captures<'t>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at <= text.len() {
        let Some(captures) = regex.captures_at(text, at) else { break };
        let Some(whole) = captures.get(0) else { break };
        at = if whole.end() > whole.start() {
            whole.end()
        } else {
            whole.end() + text[whole.end()..].chars().next().map_or(1, char::len_utf8)
        };
        found.push(captures);
    }
    found
}

fn group(captures: &Captures, at: i64) -> Result<Value, Error> {
    let count = captures.len() - 1;
    let place = usize::try_from(at).ok().filter(|at| *at <= count);
    let place = place.ok_or_else(|| {
        fault(
            "INVALID_FUNCTION_ARGUMENT",
            if at < 0 { "Group cannot be negative".to_owned() } else { format!("Pattern has {count} groups. Cannot access group {at}") },
        )
    })?;
    Ok(captures.get(place).map(|found| found.as_str()).into())
}

fn check_group(regex: &Regex, at: i64) -> Result<(), Error> {
    let count = regex.captures_len() - 1;
    if at < 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Group cannot be negative"));
    }
    if usize::try_from(at).unwrap_or(usize::MAX) > count {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Pattern has {count} groups. Cannot access group {at}")));
    }
    Ok(())
}

fn extract(v: &[Value], _: &Call) -> Answer {
    let regex = compile(v[1].str())?;
    let at = v.get(2).map_or(0, Value::int);
    check_group(&regex, at)?;
    regex.captures(v[0].str()).map_or(Ok(Value::Null), |found| group(&found, at))
}

fn extract_all(v: &[Value], _: &Call) -> Answer {
    let regex = compile(v[1].str())?;
    let at = v.get(2).map_or(0, Value::int);
    check_group(&regex, at)?;
    Ok(Value::List(matches(&regex, v[0].str()).iter().map(|found| group(found, at)).collect::<Result<_, _>>()?))
}

/// A replacement's text with `$1`, `${name}` and `\$`.
fn expand(template: &str, captures: &Captures) -> Result<String, Error> {
    let mut out = String::new();
    let letters: Vec<char> = template.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        match letters[at] {
            '\\' => {
                at += 1;
                out.push(
                    *letters.get(at).ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "Illegal replacement sequence: nothing after \\"))?,
                );
                at += 1;
            }
            '$' => {
                at += 1;
                if letters.get(at) == Some(&'{') {
                    let end = letters[at..]
                        .iter()
                        .position(|letter| *letter == '}')
                        .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "Illegal replacement sequence: unfinished group"))?;
                    let name: String = letters[at + 1..at + end].iter().collect();
                    out.push_str(
                        captures
                            .name(&name)
                            .ok_or_else(|| {
                                fault("INVALID_FUNCTION_ARGUMENT", format!("Illegal replacement sequence: unknown group {{ {name} }}"))
                            })?
                            .as_str(),
                    );
                    at += end + 1;
                    continue;
                }
                let mut number: usize = usize::try_from(
                    letters
                        .get(at)
                        .and_then(|letter| letter.to_digit(10))
                        .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "Illegal replacement sequence"))?,
                )
                .unwrap_or(0);
                if number >= captures.len() {
                    return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Illegal replacement sequence: unknown group {number}")));
                }
                at += 1;
                while let Some(digit) = letters.get(at).and_then(|letter| letter.to_digit(10)) {
                    let longer = number * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    number = longer;
                    at += 1;
                }
                out.push_str(captures.get(number).map_or("", |found| found.as_str()));
            }
            letter => {
                out.push(letter);
                at += 1;
            }
        }
    }
    Ok(out)
}

fn replace(v: &[Value], _: &Call) -> Answer {
    let regex = compile(v[1].str())?;
    let template = v.get(2).map_or("", Value::str);
    replaced(&regex, v[0].str(), |captures| expand(template, captures))
}

fn replaced(regex: &Regex, text: &str, mut with: impl FnMut(&Captures) -> Result<String, Error>) -> Answer {
    let mut out = String::new();
    let mut last = 0;
    for captures in matches(regex, text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[last..whole.start()]);
        out.push_str(&with(&captures)?);
        last = whole.end();
    }
    out.push_str(&text[last..]);
    Ok(Value::from(out))
}

fn replace_lambda(v: &[Value], call: &Call) -> Answer {
    let regex = compile(v[1].str())?;
    if regex.captures_len() == 0 {
        return Ok(v[0].clone());
    }
    let mut null = false;
    let answer = replaced(&regex, v[0].str(), |captures| {
        let groups = (1..captures.len()).map(|at| captures.get(at).map(|found| found.as_str()).into()).collect();
        let text = call.lambdas[0].one(v, vec![Value::List(groups)])?;
        null |= text.is_null();
        Ok(text.str().to_owned())
    })?;
    Ok(if null { Value::Null } else { answer })
}

fn count(v: &[Value], _: &Call) -> Answer {
    Ok(Value::Int(i64::try_from(matches(&compile(v[1].str())?, v[0].str()).len()).unwrap_or(0)))
}

fn position(v: &[Value], _: &Call) -> Answer {
    let text = v[0].str();
    let (start, occurrence) = (v.get(2).map_or(1, Value::int), v.get(3).map_or(1, Value::int));
    if start < 1 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "start position cannot be smaller than 1"));
    }
    if occurrence < 1 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "occurrence cannot be smaller than 1"));
    }
    let regex = compile(v[1].str())?;
    let Some(from) = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(usize::try_from(start - 1).unwrap_or(usize::MAX)) else {
        return Ok(Value::Int(-1));
    };
    if from >= text.len() && !text.is_empty() {
        return Ok(Value::Int(-1));
    }
    let mut at = from;
    for nth in 1..=occurrence {
        let Some(found) = regex.find_at(text, at) else { return Ok(Value::Int(-1)) };
        if nth == occurrence {
            return Ok(Value::Int(i64::try_from(text[..found.start()].chars().count()).unwrap_or(0) + 1));
        }
        at = if found.end() > found.start() {
            found.end()
        } else {
            found.end() + text[found.end()..].chars().next().map_or(1, char::len_utf8)
        };
        if at > text.len() {
            return Ok(Value::Int(-1));
        }
    }
    Ok(Value::Int(-1))
}

fn split(v: &[Value], _: &Call) -> Answer {
    let (regex, text) = (compile(v[1].str())?, v[0].str());
    let mut pieces = Vec::new();
    let mut last = 0;
    for captures in matches(&regex, text) {
        let Some(found) = captures.get(0) else { continue };
        pieces.push(Value::from(&text[last..found.start()]));
        last = found.end();
    }
    pieces.push(Value::from(&text[last..]));
    Ok(Value::List(pieces))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("$like", "char, varchar -> boolean", like),
    strict("$like", "varchar, varchar -> boolean", like),
    strict("$like", "char, varchar, varchar -> boolean", like),
    strict("$like", "varchar, varchar, varchar -> boolean", like),
    strict("regexp_like", "varchar, varchar -> boolean", |v, _| Ok(Value::Bool(compile(v[1].str())?.is_match(v[0].str())))),
    strict("regexp_extract", "varchar(x), varchar -> varchar(x)", extract),
    strict("regexp_extract", "varchar(x), varchar, bigint -> varchar(x)", extract),
    strict("regexp_extract_all", "varchar(x), varchar -> array(varchar(x))", extract_all),
    strict("regexp_extract_all", "varchar(x), varchar, bigint -> array(varchar(x))", extract_all),
    strict("regexp_replace", "varchar(x), varchar(y) -> varchar", replace),
    strict("regexp_replace", "varchar(x), varchar(y), varchar(z) -> varchar", replace),
    strict("regexp_replace", "varchar, varchar, fn(array(varchar)):varchar -> varchar", replace_lambda),
    strict("regexp_count", "varchar, varchar -> bigint", count),
    strict("regexp_position", "varchar, varchar -> integer", position),
    strict("regexp_position", "varchar, varchar, bigint -> integer", position),
    strict("regexp_position", "varchar, varchar, bigint, bigint -> integer", position),
    strict("regexp_split", "varchar(x), varchar -> array(varchar(x))", split),
];
