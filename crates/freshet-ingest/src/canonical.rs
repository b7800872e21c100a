//! The canonical form of a payload: keys sorted, numbers by value, texts unescaped. Two texts of the same payload
//! (another door re-serialises) have the same form, and so the same hash.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::json::{Json, write_string};

/// How many zeros a number may end with and still be an id.
const LONGEST_ID: usize = 40;

/// The canonical text of a value.
pub fn canonical(value: &Json<'_>) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

/// 32 hex digits: the first half of a text's SHA-256.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

/// 32 hex digits over several parts, each with its length in front, so that no two lists of parts collide.
pub fn hash_parts(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex::encode(&digest.finalize()[..16])
}

/// A text, or a number as text: `7.0` and `7e0` are `7`, as another door may write an id.
pub fn scalar_text<'a>(value: &'a Json<'_>) -> Option<Cow<'a, str>> {
    match value {
        Json::Number(text) if text.contains(['.', 'e', 'E']) => Some(whole_number(text).map_or(Cow::Borrowed(*text), Cow::Owned)),
        Json::Number(_) | Json::String(_) => value.scalar().map(Cow::Borrowed),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The digits of a number that is whole, however it is written.
fn whole_number(text: &str) -> Option<String> {
    let mut canonical = String::new();
    write_number(&mut canonical, text);
    let (digits, power) = canonical.split_once('e').unwrap_or((&canonical, "0"));
    let zeros = power.parse().ok().filter(|zeros| *zeros <= LONGEST_ID)?;
    Some(format!("{digits}{}", "0".repeat(zeros)))
}

fn write(out: &mut String, value: &Json<'_>) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(text) => write_number(out, text),
        Json::String(text) => write_string(out, text),
        Json::Array(elements) => {
            out.push('[');
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(out, element);
            }
            out.push(']');
        }
        Json::Object(entries) => write_object(out, entries),
    }
}

fn write_object(out: &mut String, entries: &[(Cow<'_, str>, Json<'_>)]) {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
    out.push('{');
    let mut first = true;
    for (place, (key, value)) in sorted.iter().enumerate() {
        // The sort is stable: of equal keys the last in the body comes last, and counts.
        if sorted.get(place + 1).is_some_and(|(next, _)| next == key) {
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        write_string(out, key);
        out.push(':');
        write(out, value);
    }
    out.push('}');
}

/// A number as sign, digits without zeros at either end, and a power of ten: `1.50`, `15e-1` and `1.5` are one.
fn write_number(out: &mut String, text: &str) {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let Ok(exponent) = exponent.parse::<i32>() else {
        out.push_str(text);
        return;
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        out.push('0');
        return;
    }
    let length = |digits: usize| i64::try_from(digits).unwrap_or(i64::MAX);
    let power = i64::from(exponent) - length(fraction.len()) + length(significant.len() - trimmed.len());
    if negative {
        out.push('-');
    }
    out.push_str(trimmed);
    if power != 0 {
        out.push('e');
        out.push_str(&power.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> String {
        canonical(&Json::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn one_payload_in_two_spellings_has_one_form() {
        let pairs = [
            (r#"{"b":1,"a":"é"}"#, r#"{ "a": "\u00e9", "b": 1.0 }"#),
            (r"[1.50, 100, 0, -0.0]", r"[15e-1,1E2,0.00,0]"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#""\/\n""#, "\"/\\u000a\""),
        ];
        for (left, right) in pairs {
            assert_eq!(form(left), form(right), "{left} and {right}");
        }
    }

    #[test]
    fn numbers_that_a_float_would_merge_stay_apart() {
        assert_ne!(form("820982911946154508"), form("820982911946154500"));
        assert_ne!(form("14327633719942357000"), form("14327633719942357001"));
    }

    #[test]
    fn a_whole_number_is_one_text_however_it_is_written() {
        let cases = [
            ("7", "7"),
            ("7.0", "7"),
            ("7e0", "7"),
            ("1.5E1", "15"),
            ("99999999999999999999.00", "99999999999999999999"),
            ("-1e3", "-1000"),
            ("7.5", "7.5"),
            ("1e400", "1e400"),
            ("\"7.0\"", "7.0"),
        ];
        for (text, expected) in cases {
            assert_eq!(scalar_text(&Json::parse(text.as_bytes()).unwrap()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash_parts(&["ab", "c"]), hash_parts(&["a", "bc"]));
    }
}
