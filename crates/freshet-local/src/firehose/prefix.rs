//! Prefix expressions: `landing/!{timestamp:yyyy/MM/dd/HH}/` and what Firehose adds to a prefix that has none.
//!
//! The rules are those of the developer guide's page on custom prefixes. Dynamic partitioning has no place here.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Timelike, Utc};
use uuid::Uuid;

/// The longest prefix, evaluated.
const LONGEST: usize = 512;

/// The expression that Firehose appends to a prefix without a time.
const DEFAULT_TIME: &str = "yyyy/MM/dd/HH/";

/// A prefix that can be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefix {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Time(Vec<Field>),
    RandomString,
    ErrorOutputType,
}

/// A field of a time pattern: Java's letter and how often it is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Literal(char),
    Year(usize),
    Month(usize),
    Day(usize),
    DayOfYear(usize),
    Hour(usize),
    Minute(usize),
    Second(usize),
    Fraction(usize),
}

impl Prefix {
    /// The prefix of delivered objects or of source records; `yyyy/MM/dd/HH/` is appended where it has no time.
    pub(crate) fn of_data(expression: &str) -> Result<Self, String> {
        let mut parts = parse(expression)?;
        if parts.contains(&Part::ErrorOutputType) {
            return Err(format!("prefix {expression:?} names error-output-type, which only an error prefix may"));
        }
        if !parts.iter().any(|part| matches!(part, Part::Time(_))) {
            parts.push(Part::Time(pattern(DEFAULT_TIME)?));
        }
        Self { parts }.checked(expression)
    }

    /// The prefix of error objects; one without any expression gets the error's type and the time.
    pub(crate) fn of_errors(expression: &str) -> Result<Self, String> {
        let mut parts = parse(expression)?;
        if parts.iter().all(|part| matches!(part, Part::Literal(_))) {
            parts.extend([Part::ErrorOutputType, Part::Literal("/".to_owned()), Part::Time(pattern(DEFAULT_TIME)?)]);
        } else if !parts.contains(&Part::ErrorOutputType) {
            return Err(format!("error prefix {expression:?} has an expression but not !{{firehose:error-output-type}}"));
        }
        Self { parts }.checked(expression)
    }

    fn checked(self, expression: &str) -> Result<Self, String> {
        let example = self.evaluate(DateTime::UNIX_EPOCH, "processing-failed");
        if example.len() > LONGEST {
            return Err(format!("prefix of {} bytes is longer than {LONGEST}", example.len()));
        }
        if example.starts_with('/') || example.contains("//") {
            return Err(format!("prefix {expression:?} has an empty part"));
        }
        Ok(self)
    }

    /// The prefix of an object whose oldest record arrived then.
    pub(crate) fn evaluate(&self, at: DateTime<Utc>, error_output_type: &str) -> String {
        let mut prefix = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => prefix.push_str(text),
                Part::Time(fields) => {
                    for field in fields {
                        field.write(&mut prefix, at);
                    }
                }
                Part::RandomString => prefix.push_str(&Uuid::new_v4().simple().to_string()[..11]),
                Part::ErrorOutputType => prefix.push_str(error_output_type),
            }
        }
        prefix
    }
}

impl Field {
    fn write(&self, out: &mut String, at: DateTime<Utc>) {
        let (value, width) = match *self {
            Self::Literal(literal) => {
                out.push(literal);
                return;
            }
            Self::Year(2) => (at.year().rem_euclid(100).unsigned_abs(), 2),
            Self::Year(width) => (at.year().unsigned_abs(), width),
            Self::Month(3) => {
                out.push_str(&at.format("%b").to_string());
                return;
            }
            Self::Month(4) => {
                out.push_str(&at.format("%B").to_string());
                return;
            }
            Self::Month(width) => (at.month(), width),
            Self::Day(width) => (at.day(), width),
            Self::DayOfYear(width) => (at.ordinal(), width),
            Self::Hour(width) => (at.hour(), width),
            Self::Minute(width) => (at.minute(), width),
            Self::Second(width) => (at.second(), width),
            Self::Fraction(width) => {
                let nanos = format!("{:09}", at.nanosecond() % 1_000_000_000);
                out.push_str(&nanos[..width.min(9)]);
                return;
            }
        };
        write!(out, "{value:0width$}").expect("a String takes any text");
    }
}

fn parse(expression: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = expression;
    while let Some((literal, opened)) = rest.split_once("!{") {
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let (inner, after) =
            opened.split_once('}').ok_or_else(|| format!("prefix {expression:?} opens an expression and does not close it"))?;
        parts.push(match inner.split_once(':') {
            Some(("timestamp", letters)) => Part::Time(pattern(letters)?),
            Some(("firehose", "random-string")) => Part::RandomString,
            Some(("firehose", "error-output-type")) => Part::ErrorOutputType,
            Some(("partitionKeyFromLambda" | "partitionKeyFromQuery", _)) => {
                return Err(format!("prefix {expression:?} needs dynamic partitioning, which the stream does not have"));
            }
            _ => return Err(format!("prefix {expression:?} has the unknown expression !{{{inner}}}")),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

/// Reads a pattern of Java's `DateTimeFormatter`, as far as a numeric UTC time needs it.
fn pattern(letters: &str) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    let mut characters = letters.chars().peekable();
    while let Some(letter) = characters.next() {
        if letter == '\'' {
            quoted(&mut characters, &mut fields).ok_or_else(|| format!("time pattern {letters:?} does not close its quote"))?;
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            if "[]{}#".contains(letter) {
                return Err(format!("time pattern {letters:?} uses the reserved character {letter}"));
            }
            fields.push(Field::Literal(letter));
            continue;
        }
        let mut width = 1;
        while characters.next_if_eq(&letter).is_some() {
            width += 1;
        }
        fields.push(match (letter, width) {
            ('y' | 'u', 1..=9) => Field::Year(width),
            ('M' | 'L', 1..=4) => Field::Month(width),
            ('d', 1..=2) => Field::Day(width),
            ('D', 1..=3) => Field::DayOfYear(width),
            ('H', 1..=2) => Field::Hour(width),
            ('m', 1..=2) => Field::Minute(width),
            ('s', 1..=2) => Field::Second(width),
            ('S', 1..=9) => Field::Fraction(width),
            ('Y', _) => {
                return Err(format!("time pattern {letters:?} asks for the week's year: write yyyy for the year"));
            }
            _ => {
                return Err(format!("time pattern {letters:?} has {width} times the letter {letter}"));
            }
        });
    }
    Ok(fields)
}

/// Reads on after a quote, up to its end; two quotes are one.
fn quoted(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, fields: &mut Vec<Field>) -> Option<()> {
    if characters.next_if_eq(&'\'').is_some() {
        fields.push(Field::Literal('\''));
        return Some(());
    }
    loop {
        match characters.next()? {
            '\'' if characters.next_if_eq(&'\'').is_some() => fields.push(Field::Literal('\'')),
            '\'' => return Some(()),
            literal => fields.push(Field::Literal(literal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2018-08-07T09:05:03.250Z").unwrap().to_utc()
    }

    #[test]
    fn data_prefixes_evaluate_as_firehose_says() {
        for (expression, expected) in [
            ("", "2018/08/07/09/"),
            ("landing/", "landing/2018/08/07/09/"),
            ("landing", "landing2018/08/07/09/"),
            ("landing/!{timestamp:yyyy/MM/dd/HH}/", "landing/2018/08/07/09/"),
            ("y=!{timestamp:yyyy}/m=!{timestamp:MM}/", "y=2018/m=08/"),
            ("!{timestamp:'year='yyyy'/month='MM'/o''clock='H}/", "year=2018/month=08/o'clock=9/"),
            ("!{timestamp:yy-M-d-DDD-mm-ss-SSS-MMM}/", "18-8-7-219-05-03-250-Aug/"),
        ] {
            assert_eq!(Prefix::of_data(expression).unwrap().evaluate(at(), "x"), expected, "{expression}");
        }
    }

    #[test]
    fn error_prefixes_evaluate_as_firehose_says() {
        for (expression, expected) in [
            ("errors/", "errors/processing-failed/2018/08/07/09/"),
            ("errors/!{firehose:error-output-type}/", "errors/processing-failed/"),
            ("e/!{timestamp:yyyy}/!{firehose:error-output-type}/", "e/2018/processing-failed/"),
        ] {
            assert_eq!(Prefix::of_errors(expression).unwrap().evaluate(at(), "processing-failed"), expected);
        }
    }

    #[test]
    fn each_random_string_is_eleven_characters_of_its_own() {
        let prefix = Prefix::of_data("!{firehose:random-string}/!{firehose:random-string}/!{timestamp:yyyy}").unwrap();
        let evaluated = prefix.evaluate(at(), "x");
        let parts: Vec<&str> = evaluated.split('/').collect();
        assert!(parts[0].len() == 11 && parts[1].len() == 11 && parts[0] != parts[1] && parts[2] == "2018");
    }

    #[test]
    fn what_firehose_refuses_is_refused() {
        for expression in [
            "!{timestamp:yyyy",
            "!{timestamp:YYYY}/",
            "!{timestamp:QQ}/",
            "!{timestamp:yyyy'}/",
            "!{timestamp:[yyyy]}/",
            "!{firehose:shard}/",
            "!{other:x}/",
            "!{}/",
            "!{firehose:error-output-type}/",
            "!{partitionKeyFromLambda:table}/",
            "/landing/",
            "landing//",
            &"x".repeat(513),
        ] {
            assert!(Prefix::of_data(expression).is_err(), "{expression}");
        }
        assert!(Prefix::of_errors("errors/!{timestamp:yyyy}/").is_err());
    }
}
