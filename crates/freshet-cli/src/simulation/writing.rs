//! Texts as the world writes them: times with offsets, ids, and JSON in another hand.

use chrono::{DateTime, FixedOffset};
use freshet_ingest::time::Millis;
use rand::Rng;
use serde_json::Value;

/// A second, a minute, an hour, a day.
pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// Days as milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "simulated times are near")]
pub(super) fn span(days: f64) -> i64 {
    (days * DAY as f64) as i64
}

/// `2026-11-24T10:00:00+01:00`
pub(super) fn local(at: Millis, offset_minutes: i32) -> String {
    let offset = FixedOffset::east_opt(offset_minutes * 60);
    let time = DateTime::from_timestamp_millis(at.0);
    match (time, offset) {
        (Some(time), Some(offset)) => time.with_timezone(&offset).format("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        _ => at.rfc3339(),
    }
}

/// Zendesk's nanoseconds.
pub(super) fn nanoseconds(at: Millis, rng: &mut impl Rng) -> String {
    format!("{}{:06}Z", at.rfc3339().trim_end_matches('Z'), rng.random_range(0..1_000_000))
}

/// Hex digits.
pub(super) fn hex(rng: &mut impl Rng, length: usize) -> String {
    (0..length).map(|_| char::from_digit(rng.random_range(0..16), 16).unwrap_or('0')).collect()
}

/// Letters and digits, as in Riot's ids.
pub(super) fn token(rng: &mut impl Rng, length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..length).map(|_| char::from(LETTERS[rng.random_range(0..64)])).collect()
}

/// A UUID.
pub(super) fn uuid(rng: &mut impl Rng) -> String {
    let digits = hex(rng, 31);
    format!("{}-{}-4{}-a{}-{}", &digits[..8], &digits[8..12], &digits[12..15], &digits[15..18], &digits[18..30])
}

/// One of several.
pub(super) fn pick<'a, T>(rng: &mut impl Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.random_range(0..choices.len())]
}

/// From a bell curve around 0 with deviation 1.
pub(super) fn bell(rng: &mut impl Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// A waiting time of this mean, without memory.
pub(super) fn exponential(rng: &mut impl Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

/// One object of several.
pub(super) fn merge(parts: impl IntoIterator<Item = Value>) -> Value {
    let entries = parts.into_iter().filter_map(|part| if let Value::Object(entries) = part { Some(entries) } else { None });
    Value::Object(entries.flatten().collect())
}

/// The same JSON as another serialiser would write it: keys in another order, blanks, letters escaped.
pub(super) fn rewrite(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let mut parts: Vec<String> = entries.iter().map(|(key, value)| format!("{}: {}", escape(key), rewrite(value))).collect();
            parts.reverse();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(rewrite).collect::<Vec<_>>().join(", ")),
        Value::String(text) => escape(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in Value::from(text).to_string().chars() {
        if letter.is_ascii() {
            escaped.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                escaped.push_str("\\u");
                escaped.extend([12, 8, 4, 0].into_iter().filter_map(|shift| char::from_digit(u32::from(*unit >> shift & 0xF), 16)));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_hand_writes_other_bytes_of_the_same_value() {
        let value = json!({ "a": [1, 2.50, null], "b": { "name": "Zoë 🏺", "quote": "\"" } });
        let text = rewrite(&value);
        assert_ne!(text, value.to_string());
        assert!(text.is_ascii());
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn local_times_carry_their_offset() {
        assert_eq!(local(Millis(1_790_000_000_000), 60), "2026-09-21T15:13:20+01:00");
    }
}
