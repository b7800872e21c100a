//! Days, times, zones: the arithmetic of the calendar and the clock, without any type of the engine's.

use std::borrow::Cow;
use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Datelike, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::error::{Error, fault};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;
const EPOCH: i32 = 719_163;

/// A zone by name or by offset.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Zone {
    Named(Tz),
    Fixed(FixedOffset),
}

/// The zone that a text names: `Europe/Berlin`, `+02:00`, `UTC+2`, `Z`.
pub(crate) fn zone(name: &str) -> Result<Zone, Error> {
    offset(name)
        .map(Zone::Fixed)
        .or_else(|| Tz::from_str(name).ok().map(Zone::Named))
        .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", format!("'{name}' is not a valid time zone")))
}

fn offset(name: &str) -> Option<FixedOffset> {
    if matches!(name, "Z" | "z") {
        return FixedOffset::east_opt(0);
    }
    let rest = ["UTC", "GMT", "UT"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let sign = match rest.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = &rest[1..];
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at(2),
        None => (digits, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))).flatten()
}

/// The name that Trino keeps and prints for a zone.
pub(crate) fn zone_name(name: &str) -> Result<Arc<str>, Error> {
    match zone(name)? {
        Zone::Fixed(offset) => Ok(Arc::from(offset_text(offset.local_minus_utc()))),
        Zone::Named(tz) => Ok(match tz.name() {
            "Etc/UTC" | "Zulu" | "Etc/UCT" | "UCT" | "Etc/Zulu" | "GMT" | "Etc/GMT" | "UTC" | "Etc/Greenwich" | "Greenwich" | "GMT0"
            | "Etc/GMT0" | "Universal" | "Etc/Universal" => Arc::from("UTC"),
            name => Arc::from(name),
        }),
    }
}

/// `+02:00`; nothing from Greenwich is `UTC`.
fn offset_text(seconds: i32) -> String {
    if seconds == 0 {
        return "UTC".to_owned();
    }
    format!("{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, seconds.abs() / 3600, seconds.abs() / 60 % 60)
}

/// Seconds east of Greenwich at an instant.
pub(crate) fn offset_at(instant: i64, name: &str) -> Result<i32, Error> {
    let zone = zone(name)?;
    let utc = clock(instant)?;
    Ok(match zone {
        Zone::Fixed(offset) => offset.local_minus_utc(),
        Zone::Named(tz) => tz.offset_from_utc_datetime(&utc).fix().local_minus_utc(),
    })
}

/// The wall clock, as microseconds, of an instant in a zone.
pub(crate) fn local(instant: i64, zone: &str) -> Result<i64, Error> {
    if zone == "UTC" {
        return Ok(instant);
    }
    Ok(instant + i64::from(offset_at(instant, zone)?) * SECOND)
}

/// The instant of a wall clock in a zone: in a gap the clock moves on by it, in an overlap the first one holds.
pub(crate) fn instant(local: i64, name: &str) -> Result<i64, Error> {
    if name == "UTC" {
        return Ok(local);
    }
    match zone(name)? {
        Zone::Fixed(offset) => Ok(local - i64::from(offset.local_minus_utc()) * SECOND),
        Zone::Named(tz) => {
            let wall = clock(local)?;
            let seconds = match tz.offset_from_local_datetime(&wall) {
                LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => offset.fix().local_minus_utc(),
                LocalResult::None => match tz.offset_from_local_datetime(&(wall - chrono::Duration::hours(3))) {
                    LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => offset.fix().local_minus_utc(),
                    LocalResult::None => return Err(fault("INVALID_FUNCTION_ARGUMENT", "no such time in the zone")),
                },
            };
            Ok(local - i64::from(seconds) * SECOND)
        }
    }
}

/// The instant of a wall clock that is put into a zone: where the zone has it twice, the one of the offset that holds when UTC shows
/// that clock (Joda-Time's `DateTimeZone.getMillisKeepLocal`, by which Trino's `with_timezone` goes).
pub(crate) fn kept(local: i64, name: &str) -> Result<i64, Error> {
    let offset = offset_at(local, name)?;
    let at = local - i64::from(offset) * SECOND;
    if offset_at(at, name)? == offset { Ok(at) } else { instant(local, name) }
}

/// The instant of a wall clock that a text names; `None` where the zone skips it.
pub(crate) fn written(local: i64, name: &str) -> Result<Option<i64>, Error> {
    if let Zone::Named(tz) = zone(name)?
        && matches!(tz.offset_from_local_datetime(&clock(local)?), LocalResult::None)
    {
        return Ok(None);
    }
    instant(local, name).map(Some)
}

/// Microseconds since 1970 as a clock.
pub(crate) fn clock(micros: i64) -> Result<NaiveDateTime, Error> {
    DateTime::from_timestamp_micros(micros)
        .map(|time| time.naive_utc())
        .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "time out of range"))
}

pub(crate) fn micros(clock: &NaiveDateTime) -> i64 {
    clock.and_utc().timestamp_micros()
}

/// Days since 1970 as a date.
pub(crate) fn date(days: i64) -> Result<NaiveDate, Error> {
    i32::try_from(days)
        .ok()
        .and_then(|days| days.checked_add(EPOCH))
        .and_then(NaiveDate::from_num_days_from_ce_opt)
        .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "date out of range"))
}

pub(crate) fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce() - EPOCH)
}

/// A clock moved by months; the day is cut to the month's last.
pub(crate) fn add_months(micros: i64, months: i64) -> Result<i64, Error> {
    let day = date(micros.div_euclid(DAY))?;
    Ok(days(month_later(day, months)?) * DAY + micros.rem_euclid(DAY))
}

pub(crate) fn month_later(day: NaiveDate, months: i64) -> Result<NaiveDate, Error> {
    let at = i64::from(day.year()) * 12 + i64::from(day.month0()) + months;
    let (year, month) = (at.div_euclid(12), u32::try_from(at.rem_euclid(12)).unwrap_or(0) + 1);
    let last = last_day(i32::try_from(year).unwrap_or(0), month);
    i32::try_from(year)
        .ok()
        .and_then(|year| NaiveDate::from_ymd_opt(year, month, day.day().min(last)))
        .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "date out of range"))
}

pub(crate) fn last_day(year: i32, month: u32) -> u32 {
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    NaiveDate::from_ymd_opt(year, month, 1).and_then(|first| first.pred_opt()).map_or(28, |last| last.day())
}

fn unknown_unit(unit: &str, what: &str) -> Error {
    fault("INVALID_FUNCTION_ARGUMENT", format!("'{unit}' is not a valid {what} field"))
}

/// A unit in lower case, in which it is written almost always.
pub(crate) fn lower(unit: &str) -> Cow<'_, str> {
    if unit.bytes().all(|byte| byte.is_ascii_lowercase()) { Cow::Borrowed(unit) } else { Cow::Owned(unit.to_lowercase()) }
}

/// Microseconds of a unit of fixed length.
fn length(unit: &str) -> Option<i64> {
    Some(match unit {
        "millisecond" => 1000,
        "second" => SECOND,
        "minute" => 60 * SECOND,
        "hour" => 3600 * SECOND,
        "day" => DAY,
        "week" => 7 * DAY,
        _ => return None,
    })
}

fn months(unit: &str) -> Option<i64> {
    Some(match unit {
        "month" => 1,
        "quarter" => 3,
        "year" => 12,
        _ => return None,
    })
}

/// `date_trunc` of a wall clock.
pub(crate) fn truncate(unit: &str, micros: i64, what: &str) -> Result<i64, Error> {
    let unit = lower(unit);
    if let (Some(length), false) = (length(&unit), unit == "week") {
        return Ok(micros.div_euclid(length) * length);
    }
    let day = micros.div_euclid(DAY);
    if unit == "week" {
        return Ok((day - (day + 3).rem_euclid(7)) * DAY);
    }
    let months = months(&unit).ok_or_else(|| unknown_unit(&unit, what))?;
    let at = date(day)?;
    let month0 = match months {
        1 => at.month0(),
        3 => at.month0() / 3 * 3,
        _ => 0,
    };
    Ok(NaiveDate::from_ymd_opt(at.year(), month0 + 1, 1).map_or(0, days) * DAY)
}

/// `date_add` to a wall clock.
pub(crate) fn add(unit: &str, count: i64, micros: i64, what: &str) -> Result<i64, Error> {
    let unit = lower(unit);
    let far = || fault("INVALID_FUNCTION_ARGUMENT", "time out of range");
    if let Some(length) = length(&unit) {
        return length.checked_mul(count).and_then(|length| micros.checked_add(length)).ok_or_else(far);
    }
    let months = months(&unit).ok_or_else(|| unknown_unit(&unit, what))?;
    add_months(micros, months.checked_mul(count).ok_or_else(far)?)
}

/// `date_diff`: whole units from one wall clock to another.
pub(crate) fn difference(unit: &str, from: i64, to: i64, what: &str) -> Result<i64, Error> {
    let unit = lower(unit);
    if let Some(length) = length(&unit) {
        return Ok((to - from) / length);
    }
    let months = months(&unit).ok_or_else(|| unknown_unit(&unit, what))?;
    if to < from {
        // Backwards is forwards with a sign: days at a month's end count from the earlier one.
        return difference(&unit, to, from, what).map(|units| -units);
    }
    let (a, b) = (date(from.div_euclid(DAY))?, date(to.div_euclid(DAY))?);
    let mut whole = i64::from(b.year() - a.year()) * 12 + i64::from(b.month0()) - i64::from(a.month0());
    while whole > 0 && add_months(from, whole)? > to {
        whole -= 1;
    }
    Ok(whole / months)
}

/// A part of a wall clock, by Trino's name for it.
pub(crate) fn part(name: &str, micros: i64) -> Result<i64, Error> {
    let day = date(micros.div_euclid(DAY))?;
    let within = micros.rem_euclid(DAY);
    Ok(match name {
        "year" => day.year().into(),
        "quarter" => i64::from(day.month0() / 3 + 1),
        "month" => day.month().into(),
        "week" => day.iso_week().week().into(),
        "year_of_week" => day.iso_week().year().into(),
        "day" => day.day().into(),
        "day_of_week" => day.weekday().number_from_monday().into(),
        "day_of_year" => day.ordinal().into(),
        "hour" => within / (3600 * SECOND),
        "minute" => within / (60 * SECOND) % 60,
        "second" => within / SECOND % 60,
        "millisecond" => within / 1000 % 1000,
        _ => return Err(unknown_unit(name, "EXTRACT")),
    })
}

/// Reads `2026-01-02 03:04:05.678 Europe/Berlin`: the wall clock, the count of decimals, and the zone's text.
pub(crate) fn read_clock(text: &str) -> Option<(i64, usize, Option<&str>)> {
    let text = text.trim();
    let (body, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let (day_text, rest) = match body.find(' ') {
        Some(at) => (&body[..at], body[at + 1..].trim_start()),
        None => (body, ""),
    };
    let mut parts = day_text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !digits(year, 4, 6) || !digits(month, 1, 2) || !digits(day, 1, 2) {
        return None;
    }
    let year: i32 = year.parse().ok()?;
    let date = NaiveDate::from_ymd_opt(if negative { -year } else { year }, month.parse().ok()?, day.parse().ok()?)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(rest.len());
    let (time, zone) = rest.split_at(end);
    let zone = zone.trim();
    let (within, decimals) = if time.is_empty() { (0, 0) } else { read_time(time)? };
    Some((days(date) * DAY + within / 1000, decimals, (!zone.is_empty()).then_some(zone)))
}

fn digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Reads `03:04:05.678`: nanoseconds of the day and the count of decimals.
pub(crate) fn read_time(text: &str) -> Option<(i64, usize)> {
    let (clock, fraction) = text.split_once('.').map_or((text, ""), |(clock, fraction)| (clock, fraction));
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some()
        || !digits(hour, 1, 2)
        || !digits(minute, 1, 2)
        || !second.is_none_or(|second| digits(second, 1, 2))
        || (text.contains('.') && (second.is_none() || !digits(fraction, 1, 12)))
    {
        return None;
    }
    let time = NaiveTime::from_hms_opt(hour.parse().ok()?, minute.parse().ok()?, second.unwrap_or("0").parse().ok()?)?;
    let mut nanos: i64 = format!("{fraction:0<12}")[..12].parse::<i64>().ok()?;
    nanos = (nanos + 500) / 1000;
    Some((i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + nanos, fraction.len()))
}

/// Rounds a count of microseconds to a precision's decimals, half up.
pub(crate) fn round(micros: i64, precision: u8) -> i64 {
    let unit = 10_i64.pow(u32::from(6 - precision.min(6)));
    (micros + unit / 2).div_euclid(unit) * unit
}

/// `2026-01-02`.
pub(crate) fn date_text(days: i64) -> String {
    let mut text = String::with_capacity(CLOCK);
    push_date(&mut text, days);
    text
}

/// Bytes of a date and a time with six decimals.
const CLOCK: usize = 26;

fn push_date(text: &mut String, days: i64) {
    let written = match date(days) {
        Ok(date) => {
            let (sign, year) = match date.year() {
                year @ 10_000.. => ("+", year),
                year @ 0.. => ("", year),
                year => ("-", -year),
            };
            write!(text, "{sign}{year:04}-{:02}-{:02}", date.month(), date.day())
        }
        Err(_) => write!(text, "{days}"),
    };
    debug_assert!(written.is_ok(), "a text takes what is written to it");
}

/// `03:04:05.678`, with as many decimals as the precision asks.
pub(crate) fn time_text(nanos: i64, precision: u8) -> String {
    let mut text = String::with_capacity(CLOCK);
    push_time(&mut text, nanos, precision);
    text
}

fn push_time(text: &mut String, nanos: i64, precision: u8) {
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let decimals = usize::from(precision.min(9));
    let written = write!(text, "{:02}:{:02}:{:02}.{fraction:09}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    debug_assert!(written.is_ok(), "a text takes what is written to it");
    text.truncate(text.len() - if decimals == 0 { 10 } else { 9 - decimals });
}

/// `2026-01-02 03:04:05.678`.
pub(crate) fn clock_text(micros: i64, precision: u8) -> String {
    let mut text = String::with_capacity(CLOCK + 4);
    push_date(&mut text, micros.div_euclid(DAY));
    text.push(' ');
    push_time(&mut text, micros.rem_euclid(DAY) * 1000, precision);
    text
}

/// `LocalDateTime.toString`: decimals by threes, no seconds where there are none.
pub(crate) fn java_clock(micros: i64) -> String {
    let within = micros.rem_euclid(DAY);
    let (seconds, fraction) = (within / SECOND, within % SECOND);
    let mut text = format!("{}T{:02}:{:02}", date_text(micros.div_euclid(DAY)), seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 || fraction != 0 {
        text.push_str(&format!(":{:02}", seconds % 60));
    }
    if fraction % 1000 != 0 {
        text.push_str(&format!(".{fraction:06}"));
    } else if fraction != 0 {
        text.push_str(&format!(".{:03}", fraction / 1000));
    }
    text
}

/// `ZonedDateTime.toString`.
pub(crate) fn java_zoned(micros: i64, zone: &str) -> Option<String> {
    let seconds = offset_at(micros, zone).ok()?;
    let mut offset = if seconds == 0 { "Z".to_owned() } else { offset_text(seconds) };
    if seconds % 60 != 0 {
        offset.push_str(&format!(":{:02}", seconds.abs() % 60));
    }
    let name = if zone.starts_with(['+', '-']) { String::new() } else { format!("[{zone}]") };
    Some(format!("{}{offset}{name}", java_clock(micros + i64::from(seconds) * SECOND)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_have_their_decimals() {
        for (micros, precision, text) in [
            (0, 3, "1970-01-01 00:00:00.000"),
            (1_767_323_045_678_901, 6, "2026-01-02 03:04:05.678901"),
            (1_767_323_045_678_901, 0, "2026-01-02 03:04:05"),
            (-1, 3, "1969-12-31 23:59:59.999"),
            (-62_167_219_200_000_000 - DAY, 1, "-0001-12-31 00:00:00.0"),
            (253_402_300_800_000_000, 2, "+10000-01-01 00:00:00.00"),
        ] {
            assert_eq!(clock_text(micros, precision), text);
        }
        assert_eq!((date_text(20_455), time_text(45_296_000_000_001, 9)), ("2026-01-02".to_owned(), "12:34:56.000000001".to_owned()));
    }
}
