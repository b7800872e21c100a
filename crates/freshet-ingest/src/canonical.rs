//! The canonical form of a payload: keys sorted, numbers by value, texts unescaped. Two texts of the same payload
//! (another door re-serialises) have the same form, and so the same hash.

use sha2::{Digest, Sha256};

use crate::json::{Json, write_string};

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

fn write_object(out: &mut String, entries: &[(std::borrow::Cow<'_, str>, Json<'_>)]) {
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
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash_parts(&["ab", "c"]), hash_parts(&["a", "bc"]));
    }
}
