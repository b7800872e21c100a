//! Times by patterns: MySQL's `%Y-%m-%d` and Joda's `yyyy-MM-dd`.

use chrono::{Datelike, NaiveDate, Timelike};

use super::joda;
use crate::casts::wall;
use crate::error::{Error, fault, missing};
use crate::moments;
use crate::signatures::{Entry, strict};
use crate::value::Value;

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

pub(super) fn month_name(month: u32) -> &'static str {
    MONTHS[(month as usize + 11) % 12]
}

pub(super) fn day_name(from_monday: u32) -> &'static str {
    DAYS[from_monday as usize % 7]
}

fn twelve(hour: u32) -> u32 {
    (hour + 11) % 12 + 1
}

/// `date_format`.
fn format(local: i64, pattern: &str) -> Result<String, Error> {
    let clock = moments::clock(local)?;
    let mut out = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let Some(code) = letters.next() else { break };
        let text = match code {
            'a' => day_name(clock.weekday().num_days_from_monday())[..3].to_owned(),
            'b' => month_name(clock.month())[..3].to_owned(),
            'c' => clock.month().to_string(),
            'd' => format!("{:02}", clock.day()),
            'e' => clock.day().to_string(),
            'f' => format!("{:06}", clock.nanosecond() / 1_000_000 * 1000),
            'H' => format!("{:02}", clock.hour()),
            'h' | 'I' => format!("{:02}", twelve(clock.hour())),
            'i' => format!("{:02}", clock.minute()),
            'j' => format!("{:03}", clock.ordinal()),
            'k' => clock.hour().to_string(),
            'l' => twelve(clock.hour()).to_string(),
            'M' => month_name(clock.month()).to_owned(),
            'm' => format!("{:02}", clock.month()),
            'p' => if clock.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            'r' => format!(
                "{:02}:{:02}:{:02} {}",
                twelve(clock.hour()),
                clock.minute(),
                clock.second(),
                if clock.hour() < 12 { "AM" } else { "PM" }
            ),
            'S' | 's' => format!("{:02}", clock.second()),
            'T' => format!("{:02}:{:02}:{:02}", clock.hour(), clock.minute(), clock.second()),
            'v' => format!("{:02}", clock.iso_week().week()),
            'W' => day_name(clock.weekday().num_days_from_monday()).to_owned(),
            'x' => format!("{:04}", clock.iso_week().year()),
            'Y' => format!("{:04}", clock.year()),
            'y' => format!("{:02}", clock.year().rem_euclid(100)),
            '%' => "%".to_owned(),
            'D' | 'U' | 'u' | 'V' | 'w' | 'X' => {
                return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("%{code} not supported in date format string")));
            }
            other => other.to_string(),
        };
        out.push_str(&text);
    }
    Ok(out)
}

/// Takes up to so many digits.
pub(super) fn digits<'a>(rest: &mut &'a str, most: usize) -> Option<&'a str> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return None;
    }
    let (taken, left) = rest.split_at(count);
    *rest = left;
    Some(taken)
}

/// Takes one of the names, by its whole or its first three letters.
pub(super) fn named(rest: &mut &str, names: &[&str]) -> Option<u32> {
    for (at, name) in names.iter().enumerate() {
        for text in [*name, &name[..3]] {
            if rest.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text)) {
                *rest = &rest[text.len()..];
                return u32::try_from(at).ok();
            }
        }
    }
    None
}

/// `date_parse`.
fn parse(text: &str, pattern: &str) -> Result<i64, Error> {
    let bad = || fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{text}\""));
    let mut rest = text;
    let (mut year, mut month, mut day, mut hour, mut minute, mut second, mut micros) = (1970, 1, 1, 0, 0, 0, 0);
    let (mut afternoon, mut ordinal) = (None, None);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            rest = rest.strip_prefix(letter).ok_or_else(bad)?;
            continue;
        }
        let mut number = |most: usize| digits(&mut rest, most).and_then(|text| text.parse::<u32>().ok()).ok_or_else(bad);
        match letters.next().ok_or_else(bad)? {
            'Y' => year = i32::try_from(number(4)?).map_err(|_| bad())?,
            'y' => {
                let short = i32::try_from(number(2)?).map_err(|_| bad())?;
                year = if short < 70 { 2000 + short } else { 1900 + short };
            }
            'm' | 'c' => month = number(2)?,
            'd' | 'e' => day = number(2)?,
            'H' | 'k' | 'h' | 'I' | 'l' => hour = number(2)?,
            'i' => minute = number(2)?,
            's' | 'S' => second = number(2)?,
            'j' => ordinal = Some(number(3)?),
            'f' => {
                let fraction = digits(&mut rest, 9).ok_or_else(bad)?;
                micros = format!("{fraction:0<6}")[..6].parse::<u32>().map_err(|_| bad())? / 1000 * 1000;
            }
            'T' => {
                hour = number(2)?;
                rest = rest.strip_prefix(':').ok_or_else(bad)?;
                minute = digits(&mut rest, 2).and_then(|text| text.parse().ok()).ok_or_else(bad)?;
                rest = rest.strip_prefix(':').ok_or_else(bad)?;
                second = digits(&mut rest, 2).and_then(|text| text.parse().ok()).ok_or_else(bad)?;
            }
            'p' => {
                let half = rest.get(..2).ok_or_else(bad)?.to_uppercase();
                afternoon = Some(half == "PM");
                rest = &rest[2..];
            }
            'M' | 'b' => month = named(&mut rest, &MONTHS).ok_or_else(bad)? + 1,
            'W' | 'a' => {
                named(&mut rest, &DAYS).ok_or_else(bad)?;
            }
            '%' => rest = rest.strip_prefix('%').ok_or_else(bad)?,
            code @ ('D' | 'U' | 'u' | 'V' | 'w' | 'X') => {
                return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("%{code} not supported in date format string")));
            }
            code @ ('v' | 'x' | 'r') => return Err(missing(format!("%{code} in date_parse"))),
            other => rest = rest.strip_prefix(other).ok_or_else(bad)?,
        }
    }
    if !rest.is_empty() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{text}\" is malformed at \"{rest}\"")));
    }
    if let Some(afternoon) = afternoon {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let date = match ordinal {
        Some(ordinal) => NaiveDate::from_yo_opt(year, ordinal),
        None => NaiveDate::from_ymd_opt(year, month, day),
    };
    let clock = date.and_then(|date| date.and_hms_micro_opt(hour, minute, second, micros)).ok_or_else(bad)?;
    Ok(moments::micros(&clock))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("date_format", "timestamp, varchar -> varchar", |v, _| format(moments::round(v[0].int(), 3), v[1].str()).map(Value::from)),
    strict("date_format", "zoned, varchar -> varchar", |v, _| format(wall(&v[0])?, v[1].str()).map(Value::from)),
    strict("date_parse", "varchar, varchar -> timestamp", |v, _| parse(v[0].str(), v[1].str()).map(Value::Int)),
    strict("format_datetime", "timestamp, varchar -> varchar", |v, _| {
        joda::format(moments::round(v[0].int(), 3), None, v[1].str()).map(Value::from)
    }),
    strict("format_datetime", "zoned, varchar -> varchar", |v, _| {
        let Value::Zoned(instant, zone) = &v[0] else { return Ok(Value::Null) };
        joda::format(moments::round(*instant, 3), Some(zone), v[1].str()).map(Value::from)
    }),
    strict("parse_datetime", "varchar, varchar -> zoned", |v, _| {
        let (local, zone) = joda::parse(v[0].str(), v[1].str())?;
        let zone = moments::zone_name(zone.as_deref().unwrap_or("UTC"))?;
        Ok(Value::Zoned(moments::instant(local, &zone)?, zone))
    }),
];
