//! The `Expression` of Glue's `GetPartitions`: a filter over partition columns, `(dt = '2026-01-02' AND hour > 3)`.

use std::cmp::Ordering;

use super::catalogue::Column;
use super::cursor::{Cursor, Misread};
use super::tokens::{Escapes, Kind, tokens};

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare { column: usize, operator: Operator, value: String },
    In { column: usize, values: Vec<String> },
    Between { column: usize, least: String, greatest: String },
    Like { column: usize, pattern: String },
    IsNull { column: usize },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Reads a filter over these columns.
pub(crate) fn read(expression: &str, keys: &[Column]) -> Result<Filter, Misread> {
    let lexed = tokens(expression, Escapes::Doubled).map_err(|at| Misread { message: format!("a quote stays open at {at}") })?;
    if lexed.is_empty() {
        return Ok(Filter::All(Vec::new()));
    }
    let mut cursor = Cursor::new(expression, &lexed);
    let filter = any(&mut cursor, keys)?;
    cursor.expect_end()?;
    Ok(filter)
}

fn any(cursor: &mut Cursor<'_>, keys: &[Column]) -> Result<Filter, Misread> {
    let mut filters = vec![all(cursor, keys)?];
    while cursor.take(&["or"]) {
        filters.push(all(cursor, keys)?);
    }
    Ok(Filter::Any(filters))
}

fn all(cursor: &mut Cursor<'_>, keys: &[Column]) -> Result<Filter, Misread> {
    let mut filters = vec![one(cursor, keys)?];
    while cursor.take(&["and"]) {
        filters.push(one(cursor, keys)?);
    }
    Ok(Filter::All(filters))
}

fn one(cursor: &mut Cursor<'_>, keys: &[Column]) -> Result<Filter, Misread> {
    if cursor.take(&["not"]) {
        return Ok(Filter::Not(Box::new(one(cursor, keys)?)));
    }
    if cursor.take_sign('(') {
        let inner = any(cursor, keys)?;
        cursor.expect_sign(')')?;
        return Ok(inner);
    }
    let expected = cursor.misread("<partition column>");
    let name = cursor.identifier()?;
    let column = keys.iter().position(|key| key.name.eq_ignore_ascii_case(&name)).ok_or(expected)?;
    let is_not = cursor.take(&["not"]);
    let filter = if cursor.take(&["in"]) {
        cursor.expect_sign('(')?;
        let mut values = vec![value(cursor)?];
        while cursor.take_sign(',') {
            values.push(value(cursor)?);
        }
        cursor.expect_sign(')')?;
        Filter::In { column, values }
    } else if cursor.take(&["between"]) {
        let least = value(cursor)?;
        cursor.expect(&["and"])?;
        Filter::Between { column, least, greatest: value(cursor)? }
    } else if cursor.take(&["like"]) {
        Filter::Like { column, pattern: value(cursor)? }
    } else if cursor.take(&["is"]) {
        let is_not_null = cursor.take(&["not"]);
        cursor.expect(&["null"])?;
        if is_not_null { Filter::Not(Box::new(Filter::IsNull { column })) } else { Filter::IsNull { column } }
    } else {
        let operator = operator(cursor)?;
        Filter::Compare { column, operator, value: value(cursor)? }
    };
    Ok(if is_not { Filter::Not(Box::new(filter)) } else { filter })
}

fn operator(cursor: &mut Cursor<'_>) -> Result<Operator, Misread> {
    if cursor.take_sign('=') {
        return Ok(Operator::Equal);
    }
    if cursor.take_sign('!') {
        cursor.expect_sign('=')?;
        return Ok(Operator::NotEqual);
    }
    if cursor.take_sign('<') {
        return Ok(if cursor.take_sign('=') {
            Operator::LessOrEqual
        } else if cursor.take_sign('>') {
            Operator::NotEqual
        } else {
            Operator::Less
        });
    }
    cursor.expect_sign('>')?;
    Ok(if cursor.take_sign('=') { Operator::GreaterOrEqual } else { Operator::Greater })
}

fn value(cursor: &mut Cursor<'_>) -> Result<String, Misread> {
    let minus = if cursor.take_sign('-') { "-" } else { "" };
    // `DATE '2026-01-01'`, `timestamp '…'`.
    if cursor.peek_at(1).is_some_and(|token| token.kind == Kind::Text) && (cursor.take(&["date"]) || cursor.take(&["timestamp"])) {
        return cursor.text();
    }
    let misread = cursor.misread("<value>");
    match cursor.next() {
        Some(token) if matches!(token.kind, Kind::Text | Kind::Word | Kind::DoubleQuoted) => {
            let mut text = format!("{minus}{}", token.text);
            if token.kind == Kind::Word && cursor.take_sign('.') {
                text.push('.');
                text.push_str(&cursor.identifier()?);
            }
            Ok(text)
        }
        _ => Err(misread),
    }
}

impl Filter {
    /// Whether a partition's values pass.
    pub(crate) fn passes(&self, keys: &[Column], values: &[String]) -> bool {
        let of = |column: usize| values.get(column).map(String::as_str).filter(|value| *value != "__HIVE_DEFAULT_PARTITION__");
        let compare = |column: usize, other: &str| of(column).map(|value| order(&keys[column].kind, value, other));
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.passes(keys, values)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(keys, values)),
            Self::Not(filter) => !filter.passes(keys, values),
            Self::Compare { column, operator, value } => compare(*column, value).is_some_and(|order| match operator {
                Operator::Equal => order.is_eq(),
                Operator::NotEqual => order.is_ne(),
                Operator::Less => order.is_lt(),
                Operator::LessOrEqual => order.is_le(),
                Operator::Greater => order.is_gt(),
                Operator::GreaterOrEqual => order.is_ge(),
            }),
            Self::In { column, values: wanted } => wanted.iter().any(|value| compare(*column, value).is_some_and(Ordering::is_eq)),
            Self::Between { column, least, greatest } => {
                compare(*column, least).is_some_and(Ordering::is_ge) && compare(*column, greatest).is_some_and(Ordering::is_le)
            }
            Self::Like { column, pattern } => of(*column).is_some_and(|value| like(pattern.as_bytes(), value.as_bytes())),
            Self::IsNull { column } => of(*column).is_none(),
        }
    }
}

/// Numbers by value, the rest as text (dates and times too: their text is in order).
fn order(kind: &str, one: &str, other: &str) -> Ordering {
    if matches!(kind, "tinyint" | "smallint" | "int" | "bigint")
        && let (Ok(one), Ok(other)) = (one.parse::<i128>(), other.parse::<i128>())
    {
        return one.cmp(&other);
    }
    if (kind.starts_with("decimal") || matches!(kind, "float" | "double"))
        && let (Ok(one), Ok(other)) = (one.parse::<f64>(), other.parse::<f64>())
    {
        return one.total_cmp(&other);
    }
    one.cmp(other)
}

/// SQL's LIKE, byte by byte.
fn like(pattern: &[u8], value: &[u8]) -> bool {
    match pattern.split_first() {
        None => value.is_empty(),
        Some((b'%', rest)) => (0..=value.len()).any(|from| like(rest, &value[from..])),
        Some((sign, rest)) => value.split_first().is_some_and(|(first, left)| (*sign == b'_' || sign == first) && like(rest, left)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn filters_pass_what_they_say() {
        let key = |name: &str, kind: &str| Column { name: name.to_owned(), kind: kind.to_owned(), ..Column::default() };
        let keys = [key("dt", "string"), key("hour", "int")];
        let values = ["2026-01-02".to_owned(), "9".to_owned()];
        for (expression, passes) in [
            ("(dt='2026-01-02')", true),
            ("dt = '2026-01-02' AND hour < 10", true),
            ("hour >= 10 or dt <> '2026-01-02'", false),
            ("dt in ('a', '2026-01-02') and not (hour = 8)", true),
            ("dt between '2026-01-01' and '2026-01-31'", true),
            ("DT > DATE '2026-01-02'", false),
            ("dt like '2026-%-0_'", true),
            ("dt not like '2026%'", false),
            ("hour is not null", true),
            ("hour != -9", true),
            ("", true),
        ] {
            assert_eq!(read(expression, &keys).unwrap().passes(&keys, &values), passes, "{expression}");
        }
        for expression in ["nope = 1", "dt =", "dt ~ 'x'", "(dt = 'a'"] {
            assert!(read(expression, &keys).is_err(), "{expression}");
        }
    }
}
