//! URLs.

use crate::error::{Error, fault};
use crate::signatures::{Entry, strict};
use crate::value::Value;

type Answer = Result<Value, Error>;

/// A URL's parts, as Java's `URI` splits them.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

fn parts(url: &str) -> Option<Parts<'_>> {
    if url.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(c)) || has_bad_escape(url) {
        return None;
    }
    let (rest, fragment) = url.split_once('#').map_or((url, None), |(rest, fragment)| (rest, Some(fragment)));
    let scheme_end = rest.find(':').filter(|at| {
        rest[..*at].starts_with(|c: char| c.is_ascii_alphabetic())
            && rest[..*at].chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    let (scheme, rest) = scheme_end.map_or((None, rest), |at| (Some(&rest[..at]), &rest[at + 1..]));
    if scheme.is_some() && rest.is_empty() {
        return None;
    }
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let at = rest.find('/').unwrap_or(rest.len());
            (Some(&rest[..at]), &rest[at..])
        }
        None => (None, rest),
    };
    Some(Parts { scheme, authority, path, query, fragment })
}

fn has_bad_escape(url: &str) -> bool {
    url.match_indices('%').any(|(at, _)| !url.as_bytes().get(at + 1..at + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit)))
}

fn host_and_port(authority: &str) -> (&str, Option<i64>) {
    let rest = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => (host, port.parse().ok()),
        _ => (rest, None),
    }
}

fn unescape(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::new();
    let raw = text.as_bytes();
    let mut at = 0;
    while at < raw.len() {
        match raw[at] {
            b'%' => {
                bytes.push(u8::from_str_radix(text.get(at + 1..at + 3)?, 16).ok()?);
                at += 2;
            }
            b'+' if plus => bytes.push(b' '),
            other => bytes.push(other),
        }
        at += 1;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn parameter(query: Option<&str>, name: &str) -> Value {
    for pair in query.unwrap_or("").split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if unescape(key, true).as_deref() == Some(name) {
            return unescape(value, true).into();
        }
    }
    Value::Null
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn take(url: &Value, get: impl Fn(&Parts) -> Value) -> Answer {
    Ok(parts(url.str()).map_or(Value::Null, |parts| get(&parts)))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("url_extract_protocol", "varchar(x) -> varchar(x)", |v, _| take(&v[0], |parts| parts.scheme.unwrap_or("").into())),
    strict("url_extract_host", "varchar(x) -> varchar(x)", |v, _| {
        take(&v[0], |parts| parts.authority.map_or("", |authority| host_and_port(authority).0).into())
    }),
    strict("url_extract_port", "varchar -> bigint", |v, _| {
        take(&v[0], |parts| parts.authority.and_then(|authority| host_and_port(authority).1).into())
    }),
    strict("url_extract_path", "varchar(x) -> varchar(x)", |v, _| take(&v[0], |parts| unescape(parts.path, false).into())),
    strict("url_extract_query", "varchar(x) -> varchar(x)", |v, _| {
        take(&v[0], |parts| parts.query.and_then(|query| unescape(query, false)).unwrap_or_default().into())
    }),
    strict("url_extract_fragment", "varchar(x) -> varchar(x)", |v, _| {
        take(&v[0], |parts| parts.fragment.and_then(|fragment| unescape(fragment, false)).unwrap_or_default().into())
    }),
    strict("url_extract_parameter", "varchar(x), varchar -> varchar(x)", |v, _| take(&v[0], |parts| parameter(parts.query, v[1].str()))),
    strict("url_encode", "varchar -> varchar", |v, _| Ok(Value::from(encode(v[0].str())))),
    strict("url_decode", "varchar(x) -> varchar(x)", |v, _| {
        unescape(v[0].str(), true)
            .map(Value::from)
            .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "Illegal hex characters in escape (%) pattern"))
    }),
];
