//! Literals: numbers, texts, typed literals and intervals.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr as Ast, TypedString, Value as AstValue};

use super::{Binder, Bound, literal};
use crate::casts;
use crate::error::{Error, missing, refuse};
use crate::json;
use crate::kinds::Kind;
use crate::moments;
use crate::numbers;
use crate::value::{Value, write};

/// A constant of a type.
pub(crate) fn constant(value: Value, kind: Kind) -> Result<Bound, Error> {
    let array = write(vec![value], &kind)?;
    Ok(Bound { expr: literal(ScalarValue::try_from_array(&array, 0)?), kind })
}

/// NULL, of no type yet.
pub(crate) fn null() -> Bound {
    Bound { expr: literal(ScalarValue::Null), kind: Kind::Unknown }
}

pub(crate) fn text(text: &str) -> Bound {
    let length = u32::try_from(text.chars().count()).ok();
    Bound { expr: literal(ScalarValue::Utf8(Some(text.to_owned()))), kind: Kind::Varchar(length) }
}

/// The count of decimals in a literal's text.
fn decimals(text: &str) -> Result<u8, Error> {
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if count > 6 {
        return Err(missing(format!("times of more than six decimals: '{text}'")));
    }
    Ok(u8::try_from(count).unwrap_or(0))
}

fn invalid(kind: &str, text: &str) -> Error {
    refuse("INVALID_LITERAL", format!("'{text}' is not a valid {kind} literal"))
}

impl Binder {
    /// A plain literal.
    pub(super) fn value(&self, value: &AstValue) -> Result<Bound, Error> {
        match value {
            AstValue::Number(text, false) => number(text),
            AstValue::SingleQuotedString(content) => Ok(text(content)),
            AstValue::UnicodeStringLiteral(content) => Ok(text(content)),
            AstValue::HexStringLiteral(digits) => {
                let digits: String = digits.chars().filter(|c| !c.is_whitespace()).collect();
                let bytes = (0..digits.len())
                    .step_by(2)
                    .map(|at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
                    .collect::<Option<Vec<u8>>>();
                constant(Value::from(bytes.ok_or_else(|| invalid("binary", &digits))?), Kind::Varbinary)
            }
            AstValue::Boolean(value) => constant(Value::Bool(*value), Kind::Boolean),
            AstValue::Null => Ok(null()),
            other => Err(Error::Syntax { message: format!("unexpected literal {other}") }),
        }
    }

    /// `DATE '2026-01-02'`, `DECIMAL '1.5'`, `JSON '{}'`.
    pub(super) fn typed(&self, typed: &TypedString) -> Result<Bound, Error> {
        let AstValue::SingleQuotedString(content) = &typed.value.value else {
            return Err(Error::Syntax { message: "text expected after a type".to_owned() });
        };
        typed_literal(&typed.data_type.to_string().to_lowercase(), content)
    }
}

/// `1`, `1.5`, `1e3`.
pub(crate) fn number(text: &str) -> Result<Bound, Error> {
    let text = &text.replace('_', "");
    if text.contains(['e', 'E']) {
        let value = text.parse().map_err(|_| invalid("double", text))?;
        return constant(Value::Float(value), Kind::Double);
    }
    if text.contains('.') {
        return decimal(text);
    }
    match text.parse::<i64>() {
        Ok(value) if i32::try_from(value).is_ok() => constant(Value::Int(value), Kind::Integer),
        Ok(value) => constant(Value::Int(value), Kind::BigInt),
        Err(_) => Err(refuse("NUMERIC_VALUE_OUT_OF_RANGE", format!("Invalid numeric literal: {text}"))),
    }
}

fn decimal(text: &str) -> Result<Bound, Error> {
    let text = text.trim();
    let body = text.trim_start_matches(['+', '-']);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let whole = whole.trim_start_matches('0');
    let (unscaled, scale) = numbers::read_decimal(text).filter(|_| !text.contains(['e', 'E'])).ok_or_else(|| invalid("decimal", text))?;
    let precision = (whole.len() + fraction.len()).max(1);
    if precision > 38 {
        return Err(invalid("decimal", text));
    }
    constant(Value::Decimal(unscaled), Kind::Decimal(u8::try_from(precision).unwrap_or(38), u8::try_from(scale).unwrap_or(0)))
}

fn typed_literal(name: &str, content: &str) -> Result<Bound, Error> {
    match name {
        "decimal" => decimal(content),
        "varchar" => Ok(text(content)),
        "char" => constant(Value::from(content.trim_end_matches(' ')), Kind::Char(u32::try_from(content.chars().count()).unwrap_or(1))),
        "json" => {
            let parsed = json::read(content).ok_or_else(|| invalid("json", content))?;
            constant(Value::from(json::write(&json::sorted(parsed), json::Style::Parsed)), Kind::Json)
        }
        "date" => {
            let value = casts::cast(&Value::from(content), &Kind::Varchar(None), &Kind::Date).map_err(|_| invalid("date", content))?;
            constant(value, Kind::Date)
        }
        "time" => {
            if content.contains(['+', '-']) {
                return Err(missing("time with time zone"));
            }
            let kind = Kind::Time(decimals(content)?);
            let (nanos, _) = moments::read_time(content.trim()).ok_or_else(|| invalid("time", content))?;
            constant(Value::Int(nanos), kind)
        }
        "timestamp" => timestamp(content),
        "ipaddress" | "uuid" | "varbinary" => Err(missing(format!("literals of type {name}"))),
        other => {
            let kind = crate::type_names::parse(other)?;
            let value = casts::cast(&Value::from(content), &Kind::Varchar(None), &kind).map_err(|_| invalid(other, content))?;
            constant(value, kind)
        }
    }
}

fn timestamp(content: &str) -> Result<Bound, Error> {
    let precision = decimals(content)?;
    let (micros, _, zone) = moments::read_clock(content).ok_or_else(|| invalid("timestamp", content))?;
    match zone {
        None => constant(Value::Int(micros), Kind::Timestamp(precision)),
        Some(zone) => {
            let zone: Arc<str> = moments::zone_name(zone).map_err(|_| invalid("timestamp", content))?;
            let instant = moments::written(micros, &zone).ok().flatten().ok_or_else(|| invalid("timestamp", content))?;
            constant(Value::Zoned(instant, zone), Kind::Zoned(precision))
        }
    }
}

/// `INTERVAL '1-2' YEAR TO MONTH`, `INTERVAL '2 03:04' DAY TO MINUTE`.
pub(super) fn interval(args: &[&Ast]) -> Result<Bound, Error> {
    let [content, from, to] = args else { return Err(invalid("interval", "")) };
    let read = |ast: &Ast| {
        if let Ast::Value(value) = ast {
            if let AstValue::SingleQuotedString(text) = &value.value { text.clone() } else { String::new() }
        } else {
            String::new()
        }
    };
    let (content, from, to) = (read(content), read(from), read(to));
    let (negative, body) = match content.trim().strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, content.trim().trim_start_matches('+')),
    };
    let failed = || invalid("interval", &content);
    let whole =
        |text: &str| if text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<i64>().map_err(|_| failed()) } else { Err(failed()) };
    let units = ["day", "hour", "minute", "second"];
    let sign = if negative { -1 } else { 1 };
    match (from.as_str(), to.as_str()) {
        ("year", "year") => constant(Value::Int(sign * whole(body)?.checked_mul(12).ok_or_else(failed)?), Kind::YearMonth),
        ("month", "month") => constant(Value::Int(sign * whole(body)?), Kind::YearMonth),
        ("year", "month") => {
            let (years, months) = body.split_once('-').ok_or_else(failed)?;
            constant(Value::Int(sign * (whole(years)?.checked_mul(12).ok_or_else(failed)? + whole(months)?)), Kind::YearMonth)
        }
        (from, to) => {
            let first = units.iter().position(|unit| *unit == from).ok_or_else(failed)?;
            let last = units.iter().position(|unit| *unit == to).ok_or_else(failed)?;
            if last < first {
                return Err(failed());
            }
            let lengths = [86_400_000, 3_600_000, 60_000, 1000];
            let pieces: Vec<&str> = body.split([' ', ':']).collect();
            if pieces.len() > last - first + 1 {
                return Err(failed());
            }
            let mut millis: i64 = 0;
            for (piece, unit) in pieces.iter().zip(first..) {
                let (whole_part, fraction) = piece.split_once('.').unwrap_or((piece, ""));
                if !fraction.is_empty() && unit != 3 {
                    return Err(failed());
                }
                millis = whole(whole_part)?.checked_mul(lengths[unit]).and_then(|part| millis.checked_add(part)).ok_or_else(failed)?;
                if !fraction.is_empty() {
                    if fraction.len() > 3 {
                        return Err(failed());
                    }
                    millis += whole(&format!("{fraction:0<3}"))?;
                }
            }
            constant(Value::Int(sign * millis), Kind::DayTime)
        }
    }
}
