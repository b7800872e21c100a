//! A value's text, as Athena prints it in GetQueryResults and in result files.

use std::borrow::Cow;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Field;

use crate::kinds::Kind;
use crate::moments::{clock_text, date_text, local, round, time_text};
use crate::numbers::{decimal_text, double_text, real_text};
use crate::type_names;
use crate::value::{Value, read};

/// Prints the values of a column.
#[derive(Debug, Clone)]
pub struct Printer(Kind);

impl Printer {
    /// Of a column that a field of a plan's schema describes.
    pub fn new(field: &Field) -> Self {
        Self(type_names::of_field(field).unwrap_or(Kind::Varchar(None)))
    }

    /// The text of the value in a row; `None` for NULL.
    pub fn text<'a>(&self, array: &'a dyn Array, row: usize) -> Option<Cow<'a, str>> {
        if let (Kind::Varchar(_) | Kind::Json, Some(texts)) = (&self.0, array.as_string_opt::<i32>()) {
            return texts.is_valid(row).then(|| Cow::Borrowed(texts.value(row)));
        }
        let value = read(array, row);
        (!value.is_null()).then(|| Cow::Owned(text_of(&value, &self.0)))
    }
}

/// The text of a value of a type; NULL inside another value is `null`.
pub(crate) fn text_of(value: &Value, kind: &Kind) -> String {
    if value.is_null() {
        return "null".to_owned();
    }
    match kind {
        Kind::Unknown => "null".to_owned(),
        Kind::Boolean => value.bool().to_string(),
        Kind::TinyInt | Kind::SmallInt | Kind::Integer | Kind::BigInt => value.int().to_string(),
        #[expect(clippy::cast_possible_truncation, reason = "a real kept as a double")]
        Kind::Real => real_text(value.float() as f32),
        Kind::Double => double_text(value.float()),
        Kind::Decimal(_, scale) => decimal_text(value.decimal(), *scale),
        Kind::Varchar(_) | Kind::Json => value.str().to_owned(),
        Kind::Char(length) => pad(value.str(), *length),
        Kind::Varbinary => value.bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        Kind::Date => date_text(value.int()),
        Kind::Time(_) => time_text(value.int(), 3),
        Kind::Timestamp(_) => clock_text(round(value.int(), 3), 3),
        Kind::Zoned(_) => {
            let zone = if let Value::Zoned(_, zone) = value { zone.as_ref() } else { "UTC" };
            format!("{} {zone}", clock_text(round(local(value.int(), zone).unwrap_or_else(|_| value.int()), 3), 3))
        }
        Kind::DayTime => {
            let (sign, millis) = if value.int() < 0 { ("-", value.int().unsigned_abs()) } else { ("", value.int().unsigned_abs()) };
            format!(
                "{sign}{} {:02}:{:02}:{:02}.{:03}",
                millis / 86_400_000,
                millis / 3_600_000 % 24,
                millis / 60_000 % 60,
                millis / 1000 % 60,
                millis % 1000
            )
        }
        Kind::YearMonth => {
            let (sign, months) = if value.int() < 0 { ("-", value.int().unsigned_abs()) } else { ("", value.int().unsigned_abs()) };
            format!("{sign}{}-{}", months / 12, months % 12)
        }
        Kind::Array(of) => format!("[{}]", value.list().iter().map(|item| text_of(item, of)).collect::<Vec<_>>().join(", ")),
        Kind::Map(key, item) => format!(
            "{{{}}}",
            value.entries().iter().map(|(k, v)| format!("{}={}", text_of(k, key), text_of(v, item))).collect::<Vec<_>>().join(", ")
        ),
        Kind::Row(fields) => {
            let members = value.list().iter().zip(fields).enumerate();
            format!(
                "{{{}}}",
                members
                    .map(|(at, (item, (name, kind)))| format!(
                        "{}={}",
                        name.clone().unwrap_or_else(|| format!("field{at}")),
                        text_of(item, kind)
                    ))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
    }
}

/// A `char(n)` with its spaces.
pub(crate) fn pad(text: &str, length: u32) -> String {
    let missing = (length as usize).saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}
