//! Reads a type's text: `decimal(10, 2)`, `row(x integer, y array(varchar))`, `timestamp(3) with time zone`.

use datafusion::arrow::datatypes::Field;

use crate::error::{Error, missing, refuse};
use crate::kinds::{KEY, Kind};

/// The type that a text names.
pub(crate) fn parse(text: &str) -> Result<Kind, Error> {
    let mut reader = Reader { words: words(text), at: 0 };
    let kind = reader.kind()?;
    if reader.at < reader.words.len() {
        return Err(unknown(text));
    }
    Ok(kind)
}

fn unknown(text: &str) -> Error {
    refuse("TYPE_NOT_FOUND", format!("Unknown type: {text}"))
}

/// Words, numbers, quoted names (with their quotes) and signs.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter.is_whitespace() {
            continue;
        }
        let mut word = letter.to_string();
        if letter == '"' {
            for next in rest.by_ref() {
                word.push(next);
                if next == '"' {
                    break;
                }
            }
        } else if letter.is_alphanumeric() || letter == '_' {
            while let Some(next) = rest.next_if(|next| next.is_alphanumeric() || *next == '_') {
                word.push(next);
            }
        }
        words.push(word);
    }
    words
}

struct Reader {
    words: Vec<String>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().eq_ignore_ascii_case(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), Error> {
        if self.take(word) { Ok(()) } else { Err(unknown(&self.words.join(" "))) }
    }

    fn number(&mut self) -> Result<Option<u32>, Error> {
        if !self.take("(") {
            return Ok(None);
        }
        let number = self.peek().parse().map_err(|_| unknown(&self.words.join(" ")))?;
        self.at += 1;
        self.expect(")")?;
        Ok(Some(number))
    }

    fn precision(&mut self) -> Result<u8, Error> {
        let precision = self.number()?.unwrap_or(3);
        if precision > 12 {
            return Err(refuse("INVALID_FUNCTION_ARGUMENT", format!("precision must be in range [0, 12]: {precision}")));
        }
        if precision > 6 {
            return Err(missing(format!("times of more than six decimals: precision {precision}")));
        }
        Ok(u8::try_from(precision).unwrap_or(3))
    }

    fn zone(&mut self) -> Result<bool, Error> {
        if self.take("without") {
            self.expect("time")?;
            self.expect("zone")?;
            return Ok(false);
        }
        if self.take("with") {
            self.expect("time")?;
            self.expect("zone")?;
            return Ok(true);
        }
        Ok(false)
    }

    fn kind(&mut self) -> Result<Kind, Error> {
        let word = self.peek().to_ascii_lowercase();
        self.at += 1;
        Ok(match word.as_str() {
            "unknown" => Kind::Unknown,
            "boolean" => Kind::Boolean,
            "tinyint" => Kind::TinyInt,
            "smallint" => Kind::SmallInt,
            "integer" | "int" => Kind::Integer,
            "bigint" => Kind::BigInt,
            "real" => Kind::Real,
            "double" => {
                self.take("precision");
                Kind::Double
            }
            "decimal" | "dec" | "numeric" => self.decimal()?,
            "varchar" => match self.number()? {
                Some(n) if n >= i32::MAX.cast_unsigned() => Kind::Varchar(None),
                other => Kind::Varchar(other),
            },
            "char" => Kind::Char(self.number()?.unwrap_or(1)),
            "varbinary" => Kind::Varbinary,
            "json" => Kind::Json,
            "date" => Kind::Date,
            "time" => {
                let precision = self.precision()?;
                if self.zone()? {
                    return Err(missing("time with time zone"));
                }
                Kind::Time(precision)
            }
            "timestamp" => {
                let precision = self.precision()?;
                if self.zone()? { Kind::Zoned(precision) } else { Kind::Timestamp(precision) }
            }
            "interval" => {
                if self.take("day") {
                    self.expect("to")?;
                    self.expect("second")?;
                    Kind::DayTime
                } else {
                    self.expect("year")?;
                    self.expect("to")?;
                    self.expect("month")?;
                    Kind::YearMonth
                }
            }
            "array" => {
                let close = if self.take("(") { ")" } else { self.expect("<").map(|()| ">")? };
                let of = self.kind()?;
                self.expect(close)?;
                Kind::array(of)
            }
            "map" => {
                let close = if self.take("(") { ")" } else { self.expect("<").map(|()| ">")? };
                let key = self.kind()?;
                self.expect(",")?;
                let value = self.kind()?;
                self.expect(close)?;
                Kind::map(key, value)
            }
            "row" => {
                self.expect("(")?;
                let mut fields = Vec::new();
                loop {
                    fields.push(self.field()?);
                    if !self.take(",") {
                        break;
                    }
                }
                self.expect(")")?;
                Kind::Row(fields)
            }
            "ipaddress" | "uuid" | "hyperloglog" | "p4hyperloglog" | "qdigest" | "tdigest" | "setdigest" | "color" | "geometry"
            | "sphericalgeography" | "bingtile" | "objectid" => {
                return Err(missing(format!("type {word}")));
            }
            _ => return Err(unknown(&self.words.join(" "))),
        })
    }

    fn decimal(&mut self) -> Result<Kind, Error> {
        if !self.take("(") {
            return Ok(Kind::Decimal(38, 0));
        }
        let mut numbers = Vec::new();
        loop {
            numbers.push(self.peek().parse::<u8>().map_err(|_| unknown(&self.words.join(" ")))?);
            self.at += 1;
            if !self.take(",") {
                break;
            }
        }
        self.expect(")")?;
        let (precision, scale) = (numbers[0], numbers.get(1).copied().unwrap_or(0));
        if precision == 0 || precision > 38 {
            return Err(refuse("INVALID_FUNCTION_ARGUMENT", format!("DECIMAL precision must be in range [1, 38]: {precision}")));
        }
        if scale > precision {
            return Err(refuse(
                "INVALID_FUNCTION_ARGUMENT",
                format!("DECIMAL scale must be in range [0, precision ({precision})]: {scale}"),
            ));
        }
        Ok(Kind::Decimal(precision, scale))
    }

    /// `name type` or `type` alone.
    fn field(&mut self) -> Result<(Option<String>, Kind), Error> {
        let start = self.at;
        if let Ok(kind) = self.kind()
            && matches!(self.peek(), "," | ")")
        {
            return Ok((None, kind));
        }
        self.at = start + 1;
        let name = self.words.get(start).cloned().unwrap_or_default();
        let name = match name.strip_prefix('"') {
            Some(quoted) => quoted.trim_end_matches('"').to_owned(),
            None => name.to_lowercase(),
        };
        Ok((Some(name), self.kind()?))
    }
}

/// The type of a table's column: the one that its metadata name, else by its Arrow type; `None` for one that Trino has not.
pub(crate) fn of_field(field: &Field) -> Option<Kind> {
    let named = field.metadata().get(KEY).and_then(|text| parse(text).ok());
    named.or_else(|| Kind::of_arrow(field.data_type()))
}
