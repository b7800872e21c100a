//! A parameter's value as the SQL literal that Athena takes as an execution parameter.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Timelike as _};

use crate::ParameterKind;

/// Characters that Athena takes in one execution parameter (API reference, `StartQueryExecution`).
const LITERAL_LIMIT: usize = 1024;

/// Digits of Athena's widest decimal.
const DECIMAL_DIGITS: usize = 38;

/// The literal of a value, or what a value of that type looks like.
pub(crate) fn literal(kind: ParameterKind, value: &str) -> Result<String, String> {
    let literal = match kind {
        ParameterKind::Date => date(value).map(|day| format!("DATE '{day}'")),
        ParameterKind::Timestamp => timestamp(value).map(|time| format!("TIMESTAMP '{time}'")),
        ParameterKind::String => Some(format!("'{}'", value.replace('\'', "''"))),
        ParameterKind::Integer => value.parse::<i64>().ok().map(|number| number.to_string()),
        ParameterKind::Decimal => decimal(value).map(|number| format!("DECIMAL '{number}'")),
    }
    .ok_or_else(|| format!("`{}` is no {}: {}", shortened(value), kind.name(), looks(kind)))?;
    if literal.chars().count() > LITERAL_LIMIT {
        return Err(format!("`{}` is longer than the {LITERAL_LIMIT} characters that athena takes", shortened(value)));
    }
    Ok(literal)
}

fn looks(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::Date => "write it as 2026-01-31",
        ParameterKind::Timestamp => {
            "write it as 2026-01-31, '2026-01-31 10:05:00.250' (UTC) or 2026-01-31T12:05:00+02:00, to the millisecond"
        }
        ParameterKind::String => "any text is one",
        ParameterKind::Integer => "write a whole number of at most 64 bits, like 42",
        ParameterKind::Decimal => "write digits and at most one point, like 1.50, at most 38 digits",
    }
}

/// Enough of a value to recognise it in a message.
fn shortened(value: &str) -> String {
    let mut short: String = value.chars().take(40).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

fn date(value: &str) -> Option<NaiveDate> {
    let has_shape = value.len() == 10 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    NaiveDate::parse_from_str(value, "%Y-%m-%d").ok().filter(|_| has_shape)
}

fn timestamp(value: &str) -> Option<String> {
    if value.len() == 10 {
        return date(value).map(|day| format!("{day} 00:00:00.000"));
    }
    let (day, clock) = (value.get(..10)?, value.get(11..)?);
    date(day)?;
    let fraction = clock.split_once('.').map_or("", |(_, rest)| rest);
    if fraction.bytes().take_while(u8::is_ascii_digit).count() > 3 {
        return None;
    }
    let written = format!("{day}T{}", value.get(10..11).filter(|gap| matches!(*gap, "T" | " ")).map(|_| clock)?);
    let time = NaiveDateTime::parse_from_str(&written, "%Y-%m-%dT%H:%M:%S%.f")
        .ok()
        .or_else(|| DateTime::parse_from_rfc3339(&written).ok().map(|time| time.naive_utc()))?;
    // A leap second has no place in Athena's timestamps.
    (time.nanosecond() < 1_000_000_000).then(|| time.format("%Y-%m-%d %H:%M:%S%.3f").to_string())
}

fn decimal(value: &str) -> Option<&str> {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let points = digits.bytes().filter(|byte| *byte == b'.').count();
    ((1..=DECIMAL_DIGITS).contains(&count) && points <= 1 && count + points == digits.len()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_literals_of_their_type() {
        for (kind, value, expected) in [
            (ParameterKind::Date, "2024-02-29", "DATE '2024-02-29'"),
            (ParameterKind::Timestamp, "2026-01-31", "TIMESTAMP '2026-01-31 00:00:00.000'"),
            (ParameterKind::Timestamp, "2026-01-31 10:05:00", "TIMESTAMP '2026-01-31 10:05:00.000'"),
            (ParameterKind::Timestamp, "2026-01-31T10:05:00.25", "TIMESTAMP '2026-01-31 10:05:00.250'"),
            (ParameterKind::Timestamp, "2026-01-31T10:05:00.007Z", "TIMESTAMP '2026-01-31 10:05:00.007'"),
            (ParameterKind::Timestamp, "2026-01-31T23:30:00-02:00", "TIMESTAMP '2026-02-01 01:30:00.000'"),
            (ParameterKind::String, "", "''"),
            (ParameterKind::String, "it's; DROP TABLE x --", "'it''s; DROP TABLE x --'"),
            (ParameterKind::String, "''", "''''''"),
            (ParameterKind::Integer, "-42", "-42"),
            (ParameterKind::Integer, "+007", "7"),
            (ParameterKind::Integer, "9223372036854775807", "9223372036854775807"),
            (ParameterKind::Decimal, "1.5", "DECIMAL '1.5'"),
            (ParameterKind::Decimal, "-.05", "DECIMAL '-.05'"),
        ] {
            assert_eq!(literal(kind, value).as_deref(), Ok(expected), "{kind:?} {value}");
        }
    }

    #[test]
    fn what_is_not_of_the_type_is_refused() {
        for (kind, values) in [
            (ParameterKind::Date, &["", "2026-02-30", "2026-1-1", "+2026-01-0", "2026-01-01'", "yesterday", "２026-01-1"][..]),
            (
                ParameterKind::Timestamp,
                &[
                    "",
                    "10:05",
                    "2026-01-31 25:00:00",
                    "2026-01-31 10:05:00.0001",
                    "2026-01-31x10:05:00",
                    "2026-01-31 23:59:60",
                    "2026-01-31 10:05:00' OR 1=1",
                ],
            ),
            (ParameterKind::Integer, &["", "1.0", "1e3", "9223372036854775808", "1 OR 1=1", "٣"]),
            (ParameterKind::Decimal, &["", ".", "1.2.3", "1e3", "NaN", "--1", "123456789012345678901234567890123456789"]),
        ] {
            for value in values {
                assert!(literal(kind, value).is_err(), "{kind:?} {value}");
            }
        }
    }

    #[test]
    fn a_literal_longer_than_athena_takes_is_refused() {
        assert!(literal(ParameterKind::String, &"é".repeat(1022)).is_ok());
        let message = literal(ParameterKind::String, &"é".repeat(1023)).unwrap_err();
        assert!(message.contains("1024 characters") && message.len() < 200, "{message}");
    }
}
