//! Times as providers write them, cut down to whole milliseconds of UTC, never rounded up.
//!
//! No clock: the present is an argument everywhere.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use crate::json::Json;

/// Milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

/// 2000-01-01: a time before it is not credible.
pub const YEAR_2000: Millis = Millis(946_684_800_000);
/// The end of 9998: a day later can still be written.
const LAST_CREDIBLE: Millis = Millis(253_370_764_800_000 - 1);
/// A day in milliseconds.
pub const DAY: i64 = 86_400_000;

impl Millis {
    /// `2026-11-24 10:00:00.123`, as Athena prints a timestamp.
    pub fn text(self) -> String {
        self.format("%Y-%m-%d %H:%M:%S%.3f")
    }

    /// `2026-11-24T10:00:00.123Z`
    pub fn rfc3339(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S%.3fZ")
    }

    /// `2026-11-24`: the UTC day.
    pub fn date(self) -> String {
        self.format("%Y-%m-%d")
    }

    /// Whether a clock may have said it: from 2000 to the year 9998.
    pub fn is_credible(self) -> bool {
        (YEAR_2000.0..=LAST_CREDIBLE.0).contains(&self.0)
    }

    /// The time itself, or the nearest that a clock may have said.
    #[must_use]
    pub fn credible(self) -> Self {
        Self(self.0.clamp(YEAR_2000.0, LAST_CREDIBLE.0))
    }

    fn format(self, pattern: &str) -> String {
        DateTime::from_timestamp_millis(self.0).map(|time| time.format(pattern).to_string()).unwrap_or_default()
    }
}

/// A parsed time, and whether its text says more than the milliseconds of UTC that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedTime {
    /// The time, cut down.
    pub millis: Millis,
    /// Whether the text had an offset other than UTC's or digits finer than a millisecond.
    pub is_reduced: bool,
}

/// A time in a JSON value: RFC 3339 and its relatives, a date, or a Unix time in s, ms, µs or ns by its size.
pub fn parse_json(value: &Json<'_>) -> Option<ParsedTime> {
    match value {
        Json::Number(text) => parse_unix(text),
        Json::String(text) => parse(text),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A time as text. One without an offset is UTC.
pub fn parse(text: &str) -> Option<ParsedTime> {
    let text = text.trim();
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return parse_unix(text);
    }
    let date = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    let rest = &text[10..];
    let Some(clock) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest.is_empty().then(|| reduced(date.and_time(NaiveTime::MIN), 0, 0, false)).flatten();
    };
    let seconds_end = clock.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(clock.len());
    let time = ["%H:%M:%S", "%H:%M"].iter().find_map(|pattern| NaiveTime::parse_from_str(&clock[..seconds_end], pattern).ok())?;
    let (fraction, zone) = match clock[seconds_end..].strip_prefix(['.', ',']) {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", &clock[seconds_end..]),
    };
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let finer = fraction.get(3..).is_some_and(|digits| digits.bytes().any(|digit| digit != b'0'));
    reduced(date.and_time(time), millis, offset_seconds(zone.trim())?, finer)
}

fn reduced(clock: NaiveDateTime, millis: i64, offset: i64, finer: bool) -> Option<ParsedTime> {
    let millis = Millis((clock.and_utc().timestamp() - offset) * 1000 + millis);
    is_printable(millis).then_some(ParsedTime { millis, is_reduced: finer || offset != 0 })
}

/// Seconds east of UTC of `Z`, `UTC`, nothing, `+02:00`, `-0500` or `+02`.
fn offset_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z" | "UTC" | "GMT") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = match digits.len() {
        2 => (digits.parse().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn parse_unix(text: &str) -> Option<ParsedTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let value: i64 = whole.parse().ok()?;
    let (millis, finer) = match value.unsigned_abs() {
        0..100_000_000_000 => {
            let digits: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
            (value.checked_mul(1000)? + digits, fraction.len() > 3)
        }
        100_000_000_000..100_000_000_000_000 => (value, false),
        100_000_000_000_000..100_000_000_000_000_000 => (value.div_euclid(1000), value.rem_euclid(1000) != 0),
        _ => (value.div_euclid(1_000_000), value.rem_euclid(1_000_000) != 0),
    };
    is_printable(Millis(millis)).then_some(ParsedTime { millis: Millis(millis), is_reduced: finer })
}

/// Years 1 to 9999: what every reader of the table can hold.
fn is_printable(millis: Millis) -> bool {
    (-62_135_596_800_000..=253_402_300_799_999).contains(&millis.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_down_to_milliseconds_of_utc() {
        let cases = [
            ("2026-11-22T23:59:59.999999Z", "2026-11-22 23:59:59.999", true),
            ("2026-11-22T20:00:00-05:00", "2026-11-23 01:00:00.000", true),
            ("2021-12-31T19:00:00+1100", "2021-12-31 08:00:00.000", true),
            ("2021-12-31T19:00:00-00:00", "2021-12-31 19:00:00.000", false),
            ("2021-12-31 19:00:00 UTC", "2021-12-31 19:00:00.000", false),
            ("2021-12-31T19:00", "2021-12-31 19:00:00.000", false),
            ("2021-12-31", "2021-12-31 00:00:00.000", false),
            ("2021-12-31T19:00:00.1234567Z", "2021-12-31 19:00:00.123", true),
            ("1614265330", "2021-02-25 15:02:10.000", false),
            ("1614265330123", "2021-02-25 15:02:10.123", false),
            ("1614265330.5", "2021-02-25 15:02:10.500", false),
        ];
        for (text, expected, is_reduced) in cases {
            let parsed = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((parsed.millis.text().as_str(), parsed.is_reduced), (expected, is_reduced), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "17: 45: 39Z", "2021-13-01T00:00:00Z", "2021-12-31T19:00:00+99:00", "99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
