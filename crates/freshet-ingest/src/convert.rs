//! JSON values become a column's values: the closed list of converters that the contract may name.

use std::borrow::Cow;

use freshet_schema::{Column, ColumnType, Convert, Origin, Pointer};

use crate::canonical::scalar_text;
use crate::headers::Headers;
use crate::json::Json;
use crate::personal::{Cleaner, customer_key, mask_emails};
use crate::secret::HashKey;
use crate::time::{self, Millis};

/// The first number of ten-thousandths that a decimal column does not hold.
const DECIMAL_LIMIT: i128 = 10_i128.pow(ColumnType::DECIMAL_PRECISION as u32);

/// A value as a column holds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Bool(bool),
    Integer(i64),
    Double(f64),
    /// In ten-thousandths.
    Decimal(i128),
    Time(Millis),
    Date(String),
    Texts(Vec<String>),
}

/// What an event offers to its columns.
pub(crate) struct Scope<'a, 'text> {
    pub(crate) event: &'a Json<'text>,
    pub(crate) row: Option<&'a Json<'text>>,
    pub(crate) headers: &'a Headers,
    pub(crate) topic: &'a str,
    pub(crate) cleaner: &'a Cleaner<'a>,
    pub(crate) hash_key: &'a HashKey,
}

/// A column's value, and the JSON value that it holds whole, if it does.
pub(crate) struct Taken<'a, 'text> {
    pub(crate) cell: Cell,
    pub(crate) whole: Option<&'a Json<'text>>,
    /// Whether a value was there that the column could not hold.
    pub(crate) is_misfit: bool,
}

/// A column with its converter's argument parsed.
#[derive(Debug, Clone)]
pub(crate) struct ColumnPlan {
    pub(crate) column: &'static Column,
    inner: Option<Pointer>,
    /// Whether another column keeps the time's original text.
    keeps_original: bool,
}

impl ColumnPlan {
    pub(crate) fn new(column: &'static Column, siblings: &[Column]) -> Self {
        let takes_pointer = matches!(column.convert, Some(Convert::Pluck | Convert::Sum | Convert::Least | Convert::Greatest));
        let inner = column.with.as_deref().filter(|_| takes_pointer).and_then(|text| Pointer::parse(text).ok());
        let original = |sibling: &Column| {
            sibling.convert == Some(Convert::OriginalTime) && sibling.from.iter().any(|origin| column.from.contains(origin))
        };
        Self { column, inner, keeps_original: siblings.iter().any(original) }
    }

    /// Whether the column's value is the same in every row that an event opens.
    pub(crate) fn is_of_event(&self) -> bool {
        !self.column.from.iter().any(|origin| matches!(origin, Origin::Body(pointer) if pointer.starts_at_row()))
    }

    /// Takes the column's value out of an event: the first of its places that gives one counts.
    pub(crate) fn take<'a, 'text>(&self, scope: &Scope<'a, 'text>) -> Taken<'a, 'text> {
        let column = self.column;
        match column.convert {
            Some(Convert::TopicIs) => return computed(Cell::Bool(column.with.as_deref() == Some(scope.topic))),
            Some(Convert::TopicAction) => {
                let action = scope.topic.rsplit(['/', '.']).next().unwrap_or(scope.topic);
                return computed(Cell::Text(action.to_lowercase()));
            }
            _ => {}
        }
        let mut is_misfit = false;
        for origin in &column.from {
            let found = match origin {
                Origin::Header(name) => match scope.headers.get(name) {
                    Some(value) => {
                        let value = Json::String(Cow::Borrowed(value));
                        let cell = self.convert(&value, scope).unwrap_or(Cell::Null);
                        Taken { cell, whole: None, is_misfit: false }
                    }
                    None => continue,
                },
                Origin::Body(pointer) if self.is_aggregate() => computed(self.aggregate(pointer, scope)),
                Origin::Body(pointer) => self.take_one(pointer, scope),
            };
            if found.cell != Cell::Null {
                return found;
            }
            is_misfit |= found.is_misfit;
        }
        Taken { cell: Cell::Null, whole: None, is_misfit }
    }

    fn is_aggregate(&self) -> bool {
        matches!(self.column.convert, Some(Convert::Pluck | Convert::Count | Convert::Sum | Convert::Least | Convert::Greatest))
    }

    fn take_one<'a, 'text>(&self, pointer: &Pointer, scope: &Scope<'a, 'text>) -> Taken<'a, 'text> {
        let Some(value) = base(pointer, scope).and_then(|base| base.at(pointer.steps())).filter(|value| !value.is_null()) else {
            return computed(Cell::Null);
        };
        if self.column.convert != Some(Convert::Email) && scope.cleaner.is_dropped(value) {
            return computed(Cell::Null);
        }
        match self.convert(value, scope) {
            Some(cell) => {
                // Part of a value, or a value of which something was cut off, stays in `extra` too.
                let is_part = matches!(self.column.convert, Some(Convert::QueryParameter | Convert::OriginalTime));
                let is_reduced = match cell {
                    Cell::Decimal(_) => decimal(value).is_some_and(|(_, exact)| !exact),
                    Cell::Time(_) | Cell::Date(_) => !self.keeps_original && time::parse_json(value).is_some_and(|time| time.is_reduced),
                    Cell::Null | Cell::Text(_) | Cell::Bool(_) | Cell::Integer(_) | Cell::Double(_) | Cell::Texts(_) => false,
                };
                let whole = (!is_part && !is_reduced).then_some(value);
                Taken { cell, whole, is_misfit: false }
            }
            None => Taken { cell: Cell::Null, whole: None, is_misfit: !is_empty_text(value) },
        }
    }

    /// A value as the column holds it; `None` where it does not fit.
    fn convert(&self, value: &Json<'_>, scope: &Scope<'_, '_>) -> Option<Cell> {
        let text = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(|text| Cell::Text(scope.cleaner.text(text)));
        match self.column.convert {
            None => self.plain(value, scope),
            Some(Convert::Lower) => value.scalar().and_then(|value| text(&value.to_lowercase())),
            Some(Convert::Id) => {
                let id = scalar_text(value)?;
                let id = id.trim();
                let id = if id.starts_with("gid://") { id.rsplit('/').next()?.split('?').next()? } else { id };
                (!matches!(id, "" | "0")).then(|| Cell::Text(mask_emails(id)))
            }
            Some(Convert::Tags) => texts(value, |text| text.split(',').collect(), scope),
            Some(Convert::Words) => texts(value, |text| text.split_whitespace().collect(), scope),
            Some(Convert::Json) => Some(Cell::Text(scope.cleaner.json(value, &|_| false))),
            Some(Convert::OriginalTime) => {
                time::parse_json(value).filter(|time| time.is_reduced).and_then(|_| value.scalar()).and_then(text)
            }
            Some(Convert::QueryParameter) => {
                let name = self.column.with.as_deref()?;
                value.scalar().and_then(|url| query_parameter(url, name)).and_then(|found| text(&found))
            }
            Some(Convert::Email) => value.scalar().and_then(|email| customer_key(scope.hash_key, email)).map(Cell::Text),
            Some(
                Convert::Pluck
                | Convert::Count
                | Convert::Sum
                | Convert::Least
                | Convert::Greatest
                | Convert::TopicIs
                | Convert::TopicAction,
            ) => None,
        }
    }

    fn plain(&self, value: &Json<'_>, scope: &Scope<'_, '_>) -> Option<Cell> {
        match self.column.kind {
            ColumnType::String => match value {
                Json::String(text) if text.is_empty() => None,
                Json::String(text) => Some(Cell::Text(scope.cleaner.text(text))),
                Json::Number(text) => Some(Cell::Text((*text).to_owned())),
                Json::Bool(value) => Some(Cell::Text(value.to_string())),
                Json::Null | Json::Array(_) | Json::Object(_) => None,
            },
            ColumnType::Boolean => match value {
                Json::Bool(value) => Some(Cell::Bool(*value)),
                Json::String(text) if text.eq_ignore_ascii_case("true") => Some(Cell::Bool(true)),
                Json::String(text) if text.eq_ignore_ascii_case("false") => Some(Cell::Bool(false)),
                Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
            },
            ColumnType::Int => integer(value).filter(|value| i32::try_from(*value).is_ok()).map(Cell::Integer),
            ColumnType::BigInt => integer(value).map(Cell::Integer),
            ColumnType::Double => value.scalar()?.trim().parse::<f64>().ok().filter(|value| value.is_finite()).map(Cell::Double),
            ColumnType::Decimal => decimal(value).map(|(value, _)| Cell::Decimal(value)),
            ColumnType::Timestamp => time::parse_json(value).map(|time| Cell::Time(time.millis)),
            ColumnType::Date => time::parse_json(value).map(|time| Cell::Date(time.millis.date())),
            ColumnType::StringArray => texts(value, |text| vec![text], scope),
        }
    }

    fn aggregate(&self, pointer: &Pointer, scope: &Scope<'_, '_>) -> Cell {
        let mut reached = Vec::new();
        if let Some(base) = base(pointer, scope) {
            reach(base, pointer.steps(), &mut reached);
        }
        reached.retain(|element| self.lets_through(element));
        if self.column.convert == Some(Convert::Count) {
            let is_known = !reached.is_empty() || !pointer_is_missing(pointer, scope);
            return i32::try_from(reached.len()).ok().filter(|_| is_known).map_or(Cell::Null, |count| Cell::Integer(count.into()));
        }
        let inner = self.inner.as_ref().map_or(&[][..], Pointer::steps);
        let values = reached.iter().filter_map(|element| element.at(inner)).filter(|value| !value.is_null());
        if self.column.convert == Some(Convert::Pluck) {
            let texts: Vec<String> =
                values.filter_map(Json::scalar).filter(|text| !text.is_empty()).map(|text| scope.cleaner.text(text)).collect();
            return if reached.is_empty() && pointer_is_missing(pointer, scope) { Cell::Null } else { Cell::Texts(texts) };
        }
        let mut cells = values.filter_map(|value| self.plain(value, scope));
        match self.column.convert {
            Some(Convert::Sum) => cells.next().and_then(|first| cells.try_fold(first, sum)).filter(|sum| self.holds(sum)),
            Some(Convert::Least) => cells.reduce(|left, right| if precedes(&right, &left) { right } else { left }),
            _ => cells.reduce(|left, right| if precedes(&left, &right) { right } else { left }),
        }
        .unwrap_or(Cell::Null)
    }

    /// Whether a sum is not larger than the column's type.
    fn holds(&self, sum: &Cell) -> bool {
        match sum {
            Cell::Decimal(value) => value.unsigned_abs() < DECIMAL_LIMIT.unsigned_abs(),
            Cell::Integer(value) => self.column.kind != ColumnType::Int || i32::try_from(*value).is_ok(),
            Cell::Double(value) => value.is_finite(),
            Cell::Null | Cell::Text(_) | Cell::Bool(_) | Cell::Time(_) | Cell::Date(_) | Cell::Texts(_) => true,
        }
    }

    fn lets_through(&self, element: &Json<'_>) -> bool {
        self.column
            .only
            .iter()
            .all(|(key, expected)| element.get(key).and_then(Json::scalar).is_some_and(|value| value.to_lowercase() == *expected))
    }
}

fn computed<'a, 'text>(cell: Cell) -> Taken<'a, 'text> {
    Taken { cell, whole: None, is_misfit: false }
}

fn is_empty_text(value: &Json<'_>) -> bool {
    matches!(value, Json::String(text) if text.trim().is_empty())
}

fn base<'a, 'text>(pointer: &Pointer, scope: &Scope<'a, 'text>) -> Option<&'a Json<'text>> {
    if pointer.starts_at_row() { scope.row } else { Some(scope.event) }
}

/// Whether the array that a pointer opens is not there at all.
fn pointer_is_missing(pointer: &Pointer, scope: &Scope<'_, '_>) -> bool {
    let before: Vec<String> = pointer.steps().iter().take_while(|step| *step != "*").cloned().collect();
    base(pointer, scope).and_then(|base| base.at(&before)).is_none_or(Json::is_null)
}

/// Every value at the end of a path with wildcards.
fn reach<'a, 'text>(value: &'a Json<'text>, steps: &[String], reached: &mut Vec<&'a Json<'text>>) {
    match steps.split_first() {
        None => reached.push(value),
        Some((step, rest)) if step == "*" => {
            if let Json::Array(elements) = value {
                for element in elements {
                    reach(element, rest, reached);
                }
            }
        }
        Some((step, rest)) => {
            if let Some(next) = value.get(step) {
                reach(next, rest, reached);
            }
        }
    }
}

/// A sum; `None` where it is larger than any column holds.
fn sum(left: Cell, right: Cell) -> Option<Cell> {
    match (left, right) {
        (Cell::Decimal(left), Cell::Decimal(right)) => left.checked_add(right).map(Cell::Decimal),
        (Cell::Integer(left), Cell::Integer(right)) => left.checked_add(right).map(Cell::Integer),
        (Cell::Double(left), Cell::Double(right)) => Some(Cell::Double(left + right)),
        (left, _) => Some(left),
    }
}

fn precedes(left: &Cell, right: &Cell) -> bool {
    match (left, right) {
        (Cell::Decimal(left), Cell::Decimal(right)) => left < right,
        (Cell::Integer(left), Cell::Integer(right)) => left < right,
        (Cell::Double(left), Cell::Double(right)) => left < right,
        (Cell::Time(left), Cell::Time(right)) => left < right,
        _ => false,
    }
}

fn texts(value: &Json<'_>, split: impl Fn(&str) -> Vec<&str>, scope: &Scope<'_, '_>) -> Option<Cell> {
    let found: Vec<&str> = match value {
        Json::String(text) => split(text),
        Json::Number(text) => vec![text],
        Json::Array(elements) => {
            let texts: Vec<&str> = elements.iter().filter_map(Json::scalar).collect();
            if texts.len() < elements.len() {
                return None;
            }
            texts
        }
        Json::Null | Json::Bool(_) | Json::Object(_) => return None,
    };
    Some(Cell::Texts(found.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(|text| scope.cleaner.text(text)).collect()))
}

/// A whole number: also `2.0` and `"2"`.
fn integer(value: &Json<'_>) -> Option<i64> {
    let text = value.scalar()?.trim();
    text.parse().ok().or_else(|| {
        let (whole, fraction) = text.split_once('.')?;
        fraction.bytes().all(|digit| digit == b'0').then(|| whole.parse().ok()).flatten()
    })
}

/// An amount in ten-thousandths, rounded half away from zero, and whether that was exact.
pub(crate) fn decimal(value: &Json<'_>) -> Option<(i128, bool)> {
    let text = value.scalar()?.trim();
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.abs() <= 40)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: i128 = digits.parse().ok()?;
    let power = exponent - i32::try_from(fraction.len()).ok()? + i32::from(ColumnType::DECIMAL_SCALE);
    let (magnitude, is_exact) = if power >= 0 {
        let factor = 10_i128.checked_pow(power.unsigned_abs())?;
        (number.checked_mul(factor)?, true)
    } else {
        let divisor = 10_i128.checked_pow(power.unsigned_abs()).unwrap_or(i128::MAX);
        let (quotient, rest) = (number / divisor, number % divisor);
        (quotient + i128::from(rest >= divisor - rest && rest > 0), rest == 0)
    };
    (magnitude < DECIMAL_LIMIT).then_some((if negative { -magnitude } else { magnitude }, is_exact))
}

/// A parameter of a URL's query, decoded.
fn query_parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next()?;
    let (_, value) = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let decoded = (byte == b'%').then(|| tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())).flatten();
        if let Some(code) = decoded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(code);
            rest = &tail[2..];
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            rest = tail;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
