//! Times as providers write them, cut down to whole milliseconds of UTC, never rounded up.
//!
//! No clock: the present is an argument everywhere.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

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
        self.format(' ', "")
    }

    /// `2026-11-24T10:00:00.123Z`
    pub fn rfc3339(self) -> String {
        self.format('T', "Z")
    }

    /// `2026-11-24`: the UTC day.
    pub fn date(self) -> String {
        let mut text = self.text();
        text.truncate(text.find(' ').unwrap_or(0));
        text
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

    fn format(self, between: char, zone: &str) -> String {
        let Some(time) = DateTime::from_timestamp_millis(self.0) else {
            return String::new();
        };
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second, millis) = (time.hour(), time.minute(), time.second(), time.timestamp_subsec_millis());
        format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}.{millis:03}{zone}")
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
    let date = date(text.get(..10)?)?;
    let rest = &text[10..];
    let Some(clock) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest.is_empty().then(|| reduced(date.and_time(NaiveTime::MIN), 0, 0, false)).flatten();
    };
    let seconds_end = clock.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(clock.len());
    let time = time_of_day(&clock[..seconds_end])?;
    let (fraction, zone) = match clock[seconds_end..].strip_prefix(['.', ',']) {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", &clock[seconds_end..]),
    };
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let finer = fraction.get(3..).is_some_and(|digits| digits.bytes().any(|digit| digit != b'0'));
    reduced(date.and_time(time), millis, offset_seconds(zone.trim())?, finer)
}

/// `2026-11-24`
fn date(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    NaiveDate::from_ymd_opt(i32::try_from(digits(year, 4)?).ok()?, digits(month, 2)?, digits(day, 2)?)
}

/// `10:00:00` or `10:00`; a leap second is the second before it.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "00"));
    let second = digits(second, 2)?;
    NaiveTime::from_hms_opt(digits(hour, 2)?, digits(minute, 2)?, if second == 60 { 59 } else { second })
}

/// A number of so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
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
            ("2016-12-31T23:59:60Z", "2016-12-31 23:59:59.000", false),
            ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00.000", false),
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
        for text in [
            "",
            "yesterday",
            "17: 45: 39Z",
            "2021-13-01T00:00:00Z",
            "2021-1-01T00:00:00Z",
            "2021-12-31T1:00",
            "2021-12-31T10",
            "+021-12-31",
            "2021-02-30",
            "2021-12-31T19:00:00+99:00",
            "99999999999999999999",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
