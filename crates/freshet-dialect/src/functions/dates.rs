//! Dates and times: parts, arithmetic, truncation, zones.

use std::sync::Arc;

use crate::casts::wall;
use crate::error::{Error, fault};
use crate::kinds::Kind;
use crate::moments::{self, DAY, SECOND};
use crate::scalar::Call;
use crate::signatures::{Entry, strict};
use crate::value::Value;

type Answer = Result<Value, Error>;

fn zone(value: &Value) -> Arc<str> {
    if let Value::Zoned(_, zone) = value { zone.clone() } else { "UTC".into() }
}

fn is_short(unit: &str) -> bool {
    matches!(moments::lower(unit).as_ref(), "millisecond" | "second" | "minute" | "hour")
}

fn only_days(unit: &str, what: &str) -> Result<(), Error> {
    if is_short(unit) { Err(fault("INVALID_FUNCTION_ARGUMENT", format!("'{unit}' is not a valid {what} field"))) } else { Ok(()) }
}

fn only_clock(unit: &str, what: &str) -> Result<(), Error> {
    if is_short(unit) { Ok(()) } else { Err(fault("INVALID_FUNCTION_ARGUMENT", format!("'{unit}' is not a valid {what} field"))) }
}

fn zoned(instant: i64, zone: Arc<str>) -> Value {
    Value::Zoned(instant, zone)
}

fn trunc_zoned(v: &[Value], _: &Call) -> Answer {
    let (unit, local) = (v[0].str(), wall(&v[1])?);
    let cut = moments::truncate(unit, local, "DATE_TRUNC")?;
    if is_short(unit) {
        return Ok(zoned(v[1].int() - (local - cut), zone(&v[1])));
    }
    Ok(zoned(moments::instant(cut, &zone(&v[1]))?, zone(&v[1])))
}

fn add_zoned(v: &[Value], _: &Call) -> Answer {
    let unit = v[0].str();
    if is_short(unit) {
        return Ok(zoned(moments::add(unit, v[1].int(), v[2].int(), "DATE_ADD")?, zone(&v[2])));
    }
    let moved = moments::add(unit, v[1].int(), wall(&v[2])?, "DATE_ADD")?;
    Ok(zoned(moments::instant(moved, &zone(&v[2]))?, zone(&v[2])))
}

fn diff_zoned(v: &[Value], _: &Call) -> Answer {
    let unit = v[0].str();
    if is_short(unit) {
        return moments::difference(unit, v[1].int(), v[2].int(), "DATE_DIFF").map(Value::Int);
    }
    let name = zone(&v[1]);
    moments::difference(unit, moments::local(v[1].int(), &name)?, moments::local(v[2].int(), &name)?, "DATE_DIFF").map(Value::Int)
}

/// The milliseconds since 1970 that a zoned time may have: Trino keeps them in 52 bits.
const MILLIS_OF_ZONED: std::ops::Range<i64> = -(1 << 51)..1 << 51;

/// Microseconds of a count of seconds, to the millisecond.
#[expect(clippy::cast_possible_truncation, reason = "an instant of the calendar's range")]
fn from_seconds(seconds: f64) -> Result<i64, Error> {
    if !seconds.is_finite() || seconds.abs() > 1e13 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "time out of range"));
    }
    let millis = (seconds * 1000.0).round() as i64;
    if !MILLIS_OF_ZONED.contains(&millis) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Millis overflow: {millis}")));
    }
    Ok(millis * 1000)
}

fn offset_minutes(v: &Value) -> Result<i64, Error> {
    Ok(i64::from(moments::offset_at(v.int(), &zone(v))?) / 60)
}

fn iso(micros: i64, call: &Call) -> String {
    let (Kind::Timestamp(precision) | Kind::Zoned(precision)) = call.args[0] else { return String::new() };
    moments::clock_text(micros, precision).replacen(' ', "T", 1)
}

fn iso_zone(v: &Value) -> Result<String, Error> {
    if moments::offset_at(v.int(), &zone(v))? % 60 != 0 {
        return Err(fault("INVALID_ARGUMENTS", "Timezone with non-zero seconds offset cannot be rendered as ISO8601"));
    }
    let minutes = offset_minutes(v)?;
    Ok(if minutes == 0 {
        "Z".to_owned()
    } else {
        format!("{}{:02}:{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60)
    })
}

/// Reads ISO 8601: the wall clock and its offset's text.
fn read_iso(text: &str) -> Option<(i64, Option<String>)> {
    let (day, rest) = text.split_once('T').unwrap_or((text, ""));
    // A year has a sign or none, and as many digits as it likes: `7` and `007` are years too.
    let (is_before, unsigned) = day.strip_prefix('-').map_or((false, day), |rest| (true, rest));
    let signed;
    let mut pieces: Vec<&str> = unsigned.split('-').collect();
    if is_before {
        signed = format!("-{}", pieces[0]);
        pieces[0] = &signed;
    }
    let date = match pieces.as_slice() {
        [y] => chrono::NaiveDate::from_ymd_opt(y.parse().ok()?, 1, 1)?,
        [y, w] if w.starts_with('W') => chrono::NaiveDate::from_isoywd_opt(y.parse().ok()?, w[1..].parse().ok()?, chrono::Weekday::Mon)?,
        [y, w, d] if w.starts_with('W') => chrono::NaiveDate::from_isoywd_opt(
            y.parse().ok()?,
            w[1..].parse().ok()?,
            chrono::Weekday::try_from(d.parse::<u8>().ok()?.checked_sub(1)?).ok()?,
        )?,
        [y, d] if d.len() == 3 => chrono::NaiveDate::from_yo_opt(y.parse().ok()?, d.parse().ok()?)?,
        [y, m] => chrono::NaiveDate::from_ymd_opt(y.parse().ok()?, m.parse().ok()?, 1)?,
        [y, m, d] => chrono::NaiveDate::from_ymd_opt(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?)?,
        _ => return None,
    };
    let at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(at);
    let clock = clock.replace(',', ".");
    let nanos = match clock.len() {
        0 => 0,
        1 | 2 => clock.parse::<i64>().ok().filter(|hour| *hour < 24)? * 3_600_000_000_000,
        _ => moments::read_time(&clock)?.0,
    };
    Some((moments::days(date) * DAY + nanos / 1000, (!zone.is_empty()).then(|| zone.to_owned())))
}

fn from_iso(v: &[Value], _: &Call) -> Answer {
    let bad = || fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{}\"", v[0].str()));
    let (local, offset) = read_iso(v[0].str()).ok_or_else(bad)?;
    let name = moments::zone_name(offset.as_deref().unwrap_or("UTC")).map_err(|_| bad())?;
    Ok(zoned(moments::round(moments::instant(local, &name)?, 3), name))
}

fn human(v: &[Value], _: &Call) -> Answer {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a person's length")]
    let total = v[0].float().round() as i64;
    let mut rest = total.abs();
    let mut words = Vec::new();
    for (name, length) in [("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)] {
        let count = rest / length;
        rest %= length;
        if count > 0 || (name == "second" && words.is_empty()) {
            words.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    Ok(Value::from(words.join(", ")))
}

/// `1.5 d`, `200 ms` as an interval.
fn duration(v: &[Value], _: &Call) -> Answer {
    let text = v[0].str().trim();
    let bad = || fault("INVALID_FUNCTION_ARGUMENT", format!("duration is not a valid data duration string: {text}"));
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
    let number: f64 = text[..end].parse().map_err(|_| bad())?;
    let millis = match text[end..].trim() {
        "ns" => 1e-6,
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        _ => return Err(bad()),
    };
    #[expect(clippy::cast_possible_truncation, reason = "a length of time")]
    Ok(Value::Int((number * millis).round() as i64))
}

macro_rules! parts {
    ($($name:literal $part:literal),*) => {
        &[$(
            strict($name, "date -> bigint", |v, _| moments::part($part, v[0].int().saturating_mul(DAY)).map(Value::Int)),
            strict($name, "timestamp -> bigint", |v, _| moments::part($part, v[0].int()).map(Value::Int)),
            strict($name, "zoned -> bigint", |v, _| moments::part($part, wall(&v[0])?).map(Value::Int)),
        )*]
    };
}

macro_rules! clock_parts {
    ($($name:literal $part:literal),*) => {
        &[$(
            strict($name, "timestamp -> bigint", |v, _| moments::part($part, v[0].int()).map(Value::Int)),
            strict($name, "zoned -> bigint", |v, _| moments::part($part, wall(&v[0])?).map(Value::Int)),
            strict($name, "time -> bigint", |v, _| moments::part($part, v[0].int() / 1000).map(Value::Int)),
        )*]
    };
}

pub(crate) const CALENDAR: &[Entry] = parts!(
    "year" "year", "quarter" "quarter", "month" "month", "week" "week", "week_of_year" "week", "day" "day", "day_of_month" "day", "day_of_week" "day_of_week", "dow" "day_of_week",
    "day_of_year" "day_of_year", "doy" "day_of_year", "year_of_week" "year_of_week", "yow" "year_of_week"
);
pub(crate) const CLOCK: &[Entry] = clock_parts!("hour" "hour", "minute" "minute", "second" "second", "millisecond" "millisecond");

pub(crate) const TABLE: &[Entry] = &[
    strict("year", "interval year to month -> bigint", |v, _| Ok(Value::Int(v[0].int() / 12))),
    strict("month", "interval year to month -> bigint", |v, _| Ok(Value::Int(v[0].int() % 12))),
    strict("day", "interval day to second -> bigint", |v, _| Ok(Value::Int(v[0].int() / 86_400_000))),
    strict("hour", "interval day to second -> bigint", |v, _| Ok(Value::Int(v[0].int() / 3_600_000 % 24))),
    strict("minute", "interval day to second -> bigint", |v, _| Ok(Value::Int(v[0].int() / 60_000 % 60))),
    strict("second", "interval day to second -> bigint", |v, _| Ok(Value::Int(v[0].int() / 1000 % 60))),
    strict("millisecond", "interval day to second -> bigint", |v, _| Ok(Value::Int(v[0].int() % 1000))),
    strict("to_milliseconds", "interval day to second -> bigint", |v, _| Ok(Value::Int(v[0].int()))),
    strict("date_trunc", "varchar, date -> date", |v, _| {
        only_days(v[0].str(), "DATE_TRUNC")?;
        Ok(Value::Int(moments::truncate(v[0].str(), v[1].int().saturating_mul(DAY), "DATE_TRUNC")?.div_euclid(DAY)))
    }),
    strict("date_trunc", "varchar, timestamp -> timestamp", |v, _| moments::truncate(v[0].str(), v[1].int(), "DATE_TRUNC").map(Value::Int)),
    strict("date_trunc", "varchar, zoned -> zoned", trunc_zoned),
    strict("date_trunc", "varchar, time -> time", |v, _| {
        only_clock(v[0].str(), "DATE_TRUNC")?;
        Ok(Value::Int(moments::truncate(v[0].str(), v[1].int() / 1000, "DATE_TRUNC")? * 1000))
    }),
    strict("date_add", "varchar, bigint, date -> date", |v, _| {
        only_days(v[0].str(), "DATE_ADD")?;
        Ok(Value::Int(moments::add(v[0].str(), v[1].int(), v[2].int().saturating_mul(DAY), "DATE_ADD")?.div_euclid(DAY)))
    }),
    strict("date_add", "varchar, bigint, timestamp -> timestamp", |v, call| {
        let Kind::Timestamp(precision) = call.result else { return Ok(Value::Null) };
        Ok(Value::Int(moments::round(moments::add(v[0].str(), v[1].int(), v[2].int(), "DATE_ADD")?, precision)))
    }),
    strict("date_add", "varchar, bigint, zoned -> zoned", add_zoned),
    strict("date_add", "varchar, bigint, time -> time", |v, _| {
        only_clock(v[0].str(), "DATE_ADD")?;
        Ok(Value::Int(moments::add(v[0].str(), v[1].int(), v[2].int() / 1000, "DATE_ADD")?.rem_euclid(DAY) * 1000))
    }),
    strict("date_diff", "varchar, date, date -> bigint", |v, _| {
        only_days(v[0].str(), "DATE_DIFF")?;
        moments::difference(v[0].str(), v[1].int() * DAY, v[2].int() * DAY, "DATE_DIFF").map(Value::Int)
    }),
    strict("date_diff", "varchar, timestamp, timestamp -> bigint", |v, _| {
        moments::difference(v[0].str(), v[1].int(), v[2].int(), "DATE_DIFF").map(Value::Int)
    }),
    strict("date_diff", "varchar, zoned, zoned -> bigint", diff_zoned),
    strict("date_diff", "varchar, time, time -> bigint", |v, _| {
        only_clock(v[0].str(), "DATE_DIFF")?;
        moments::difference(v[0].str(), v[1].int() / 1000, v[2].int() / 1000, "DATE_DIFF").map(Value::Int)
    }),
    strict("last_day_of_month", "date -> date", |v, _| last_day(v[0].int())),
    strict("last_day_of_month", "timestamp -> date", |v, _| last_day(v[0].int().div_euclid(DAY))),
    strict("last_day_of_month", "zoned -> date", |v, _| last_day(wall(&v[0])?.div_euclid(DAY))),
    strict("to_unixtime", "timestamp -> double", |v, _| Ok(Value::Float(seconds(v[0].int())))),
    strict("to_unixtime", "zoned -> double", |v, _| Ok(Value::Float(seconds(v[0].int())))),
    strict("from_unixtime", "double -> zoned", |v, _| Ok(zoned(from_seconds(v[0].float())?, "UTC".into()))),
    strict("from_unixtime", "double, varchar -> zoned", |v, _| Ok(zoned(from_seconds(v[0].float())?, moments::zone_name(v[1].str())?))),
    strict("from_unixtime", "double, bigint, bigint -> zoned", |v, _| {
        let (hours, minutes) = (v[1].int(), v[2].int());
        let sign = if hours < 0 || minutes < 0 { '-' } else { '+' };
        Ok(zoned(from_seconds(v[0].float())?, moments::zone_name(&format!("{sign}{:02}:{:02}", hours.abs(), minutes.abs()))?))
    }),
    strict("from_unixtime_nanos", "bigint -> zoned", |v, _| Ok(zoned(v[0].int().div_euclid(1000), "UTC".into()))),
    strict("from_unixtime_nanos", "decimal -> zoned", |v, call| {
        let Kind::Decimal(_, scale) = call.args[0] else { return Ok(Value::Null) };
        let nanos = crate::numbers::divide(v[0].decimal(), crate::numbers::power(scale.into()));
        let micros = i64::try_from(nanos.div_euclid(1000)).ok().filter(|micros| micros.abs() < 2_300_000_000_000_000_000);
        micros.map(|micros| zoned(micros, "UTC".into())).ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "time out of range"))
    }),
    strict("from_iso8601_timestamp", "varchar -> zoned", from_iso),
    strict("from_iso8601_date", "varchar -> date", |v, _| match read_iso(v[0].str()) {
        Some((local, None)) if !v[0].str().contains('T') => Ok(Value::Int(local.div_euclid(DAY))),
        _ => Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{}\"", v[0].str()))),
    }),
    strict("to_iso8601", "date -> varchar", |v, _| Ok(Value::from(moments::date_text(v[0].int())))),
    strict("to_iso8601", "timestamp -> varchar", |v, call| Ok(Value::from(iso(v[0].int(), call)))),
    strict("to_iso8601", "zoned -> varchar", |v, call| Ok(Value::from(format!("{}{}", iso(wall(&v[0])?, call), iso_zone(&v[0])?)))),
    strict("at_timezone", "zoned, varchar -> zoned", |v, _| Ok(zoned(v[0].int(), moments::zone_name(v[1].str())?))),
    strict("at_timezone", "zoned, interval day to second -> zoned", |v, _| {
        let minutes = v[1].int() / 60_000;
        let sign = if minutes < 0 { '-' } else { '+' };
        Ok(zoned(v[0].int(), moments::zone_name(&format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60))?))
    }),
    strict("with_timezone", "timestamp, varchar -> zoned", |v, _| {
        let name = moments::zone_name(v[1].str())?;
        Ok(zoned(moments::kept(v[0].int(), &name)?, name))
    }),
    strict("timezone", "zoned -> varchar", |v, _| Ok(Value::Text(zone(&v[0])))),
    strict("timezone_hour", "zoned -> bigint", |v, _| Ok(Value::Int(offset_minutes(&v[0])? / 60))),
    strict("timezone_minute", "zoned -> bigint", |v, _| Ok(Value::Int(offset_minutes(&v[0])? % 60))),
    strict("human_readable_seconds", "double -> varchar", human),
    strict("parse_duration", "varchar -> interval day to second", duration),
];

#[expect(clippy::cast_precision_loss, reason = "seconds as a double is what the function gives")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / SECOND as f64
}

fn last_day(days: i64) -> Answer {
    use chrono::Datelike;
    let day = moments::date(days)?;
    Ok(Value::Int(days + i64::from(moments::last_day(day.year(), day.month())) - i64::from(day.day())))
}
