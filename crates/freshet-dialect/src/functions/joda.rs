//! Joda-Time's patterns, for `format_datetime` and `parse_datetime`.

use chrono::{Datelike, NaiveDate, Timelike};

use super::formats::{day_name, digits, month_name, named};
use crate::error::{Error, fault, missing};
use crate::moments;

/// A piece of a pattern: a letter and how often it stands, or text.
enum Piece {
    Field(char, usize),
    Text(String),
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::new();
    let letters: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        if letter == '\'' {
            let mut text = String::new();
            at += 1;
            if letters.get(at) == Some(&'\'') {
                pieces.push(Piece::Text("'".to_owned()));
                at += 1;
                continue;
            }
            loop {
                match letters.get(at) {
                    None => return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid pattern: {pattern}"))),
                    Some('\'') if letters.get(at + 1) == Some(&'\'') => {
                        text.push('\'');
                        at += 2;
                    }
                    Some('\'') => {
                        at += 1;
                        break;
                    }
                    Some(other) => {
                        text.push(*other);
                        at += 1;
                    }
                }
            }
            pieces.push(Piece::Text(text));
        } else if letter.is_ascii_alphabetic() {
            let count = letters[at..].iter().take_while(|other| **other == letter).count();
            if !"GCYxweEyDMdaKhHkmsSzZ".contains(letter) {
                return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Illegal pattern component: {letter}")));
            }
            pieces.push(Piece::Field(letter, count));
            at += count;
        } else {
            pieces.push(Piece::Text(letter.to_string()));
            at += 1;
        }
    }
    Ok(pieces)
}

/// The text of an instant in a zone; without one, of a clock.
pub(super) fn format(micros: i64, zone: Option<&str>, pattern: &str) -> Result<String, Error> {
    let name = zone.unwrap_or("UTC");
    let clock = moments::clock(moments::local(micros, name)?)?;
    let mut out = String::new();
    for piece in pieces(pattern)? {
        let (letter, count) = match piece {
            Piece::Text(text) => {
                out.push_str(&text);
                continue;
            }
            Piece::Field(letter, count) => (letter, count),
        };
        let padded = |value: i64| if value < 0 { format!("-{:0count$}", -value) } else { format!("{value:0count$}") };
        let text = match letter {
            'G' => if clock.year() > 0 { "AD" } else { "BC" }.to_owned(),
            'C' => padded((clock.year() / 100).into()),
            'y' | 'Y' if count == 2 => format!("{:02}", clock.year().rem_euclid(100)),
            'y' | 'Y' => padded(clock.year().into()),
            'x' if count == 2 => format!("{:02}", clock.iso_week().year().rem_euclid(100)),
            'x' => padded(clock.iso_week().year().into()),
            'w' => padded(clock.iso_week().week().into()),
            'e' => padded(clock.weekday().number_from_monday().into()),
            'E' if count >= 4 => day_name(clock.weekday().num_days_from_monday()).to_owned(),
            'E' => day_name(clock.weekday().num_days_from_monday())[..3].to_owned(),
            'D' => padded(clock.ordinal().into()),
            'M' if count >= 4 => month_name(clock.month()).to_owned(),
            'M' if count == 3 => month_name(clock.month())[..3].to_owned(),
            'M' => padded(clock.month().into()),
            'd' => padded(clock.day().into()),
            'a' => if clock.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            'K' => padded((clock.hour() % 12).into()),
            'h' => padded(((clock.hour() + 11) % 12 + 1).into()),
            'H' => padded(clock.hour().into()),
            'k' => padded(if clock.hour() == 0 { 24 } else { clock.hour().into() }),
            'm' => padded(clock.minute().into()),
            's' => padded(clock.second().into()),
            'S' => format!("{:0<count$}", &format!("{:03}", clock.nanosecond() / 1_000_000)[..count.min(3)]),
            'Z' if count >= 3 => name.to_owned(),
            'Z' => offset(moments::offset_at(micros, name)?, count == 2),
            _ => return Err(missing("names of time zones in format_datetime")),
        };
        out.push_str(&text);
    }
    Ok(out)
}

fn offset(seconds: i32, colon: bool) -> String {
    format!(
        "{}{:02}{}{:02}",
        if seconds < 0 { '-' } else { '+' },
        seconds.abs() / 3600,
        if colon { ":" } else { "" },
        seconds.abs() / 60 % 60
    )
}

/// Reads a text by a pattern: the wall clock, and the zone where the pattern has one.
pub(super) fn parse(text: &str, pattern: &str) -> Result<(i64, Option<String>), Error> {
    let bad = || fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{text}\""));
    let mut rest = text;
    let (mut year, mut month, mut day, mut hour, mut minute, mut second, mut millis) = (None, None, None, 0, 0, 0, 0);
    let (mut afternoon, mut ordinal, mut zone) = (None, None, None);
    let pieces = pieces(pattern)?;
    for (at, piece) in pieces.iter().enumerate() {
        let (letter, count) = match piece {
            Piece::Text(literal) => {
                rest = rest.strip_prefix(literal.as_str()).ok_or_else(bad)?;
                continue;
            }
            Piece::Field(letter, count) => (*letter, *count),
        };
        // Digits that follow without a sign between belong to the next field.
        let tight = matches!(pieces.get(at + 1), Some(Piece::Field(next, _)) if "YxyDMdKhHkmsS".contains(*next));
        let most = if tight {
            count
        } else {
            match letter {
                'y' | 'Y' | 'x' => 9,
                'D' => 3,
                _ => 2,
            }
        };
        let mut number = |most: usize| digits(&mut rest, most).and_then(|text| text.parse::<u32>().ok()).ok_or_else(bad);
        match letter {
            'y' | 'Y' if count == 2 => {
                let before = number(2)?;
                let short = i32::try_from(before).map_err(|_| bad())?;
                // Joda's pivot is thirty years from now; the century here is the one that it has been in since 2020.
                year = Some(if short < 55 { 2000 + short } else { 1900 + short });
            }
            'y' | 'Y' => {
                let negative = rest.starts_with('-');
                if negative {
                    rest = &rest[1..];
                }
                let value = digits(&mut rest, most).and_then(|text| text.parse::<i32>().ok()).ok_or_else(bad)?;
                year = Some(if negative { -value } else { value });
            }
            'M' if count >= 3 => month = Some(named(&mut rest, &(1..=12).map(month_name).collect::<Vec<_>>()).ok_or_else(bad)? + 1),
            'M' => month = Some(number(most)?),
            'd' => day = Some(number(most)?),
            'D' => ordinal = Some(number(most)?),
            'E' => {
                named(&mut rest, &(0..7).map(day_name).collect::<Vec<_>>()).ok_or_else(bad)?;
            }
            'a' => {
                let half = rest.get(..2).ok_or_else(bad)?.to_uppercase();
                if half != "AM" && half != "PM" {
                    return Err(bad());
                }
                afternoon = Some(half == "PM");
                rest = &rest[2..];
            }
            'H' | 'K' | 'h' => hour = number(most)?,
            'k' => hour = number(most)? % 24,
            'm' => minute = number(most)?,
            's' => second = number(most)?,
            'S' => {
                let fraction = digits(&mut rest, count.max(if tight { count } else { 9 })).ok_or_else(bad)?;
                millis = format!("{fraction:0<3}")[..3].parse().map_err(|_| bad())?;
            }
            'Z' if count >= 3 => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/_+-:".contains(c)).unwrap_or(rest.len());
                zone = Some(rest[..end].to_owned());
                rest = &rest[end..];
            }
            'Z' => {
                let end = if rest.starts_with('Z') {
                    1
                } else {
                    rest.char_indices().find(|(at, c)| *at > 0 && !c.is_ascii_digit() && *c != ':').map_or(rest.len(), |(at, _)| at)
                };
                zone = Some(rest[..end].to_owned());
                rest = &rest[end..];
            }
            other => return Err(missing(format!("'{other}' in parse_datetime"))),
        }
    }
    if !rest.is_empty() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{text}\" is malformed at \"{rest}\"")));
    }
    if let Some(afternoon) = afternoon {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let date = match ordinal {
        Some(ordinal) => NaiveDate::from_yo_opt(year.unwrap_or(1970), ordinal),
        None => NaiveDate::from_ymd_opt(year.unwrap_or(if month.is_some() { 2000 } else { 1970 }), month.unwrap_or(1), day.unwrap_or(1)),
    };
    let clock = date.and_then(|date| date.and_hms_milli_opt(hour, minute, second, millis)).ok_or_else(bad)?;
    Ok((moments::micros(&clock), zone))
}
