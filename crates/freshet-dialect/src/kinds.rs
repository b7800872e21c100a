//! Trino's types: their names, how each lies in Arrow, and which of two types takes both.
//!
//! Every type has one Arrow form, so that a plan's types say which type is meant: a timestamp is in microseconds, JSON is
//! `LargeUtf8`, a zoned time is a struct of its instant and its zone's name.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

/// A type of Trino's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Unknown,
    Boolean,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    Decimal(u8, u8),
    Varchar(Option<u32>),
    Char(u32),
    Varbinary,
    Json,
    Date,
    Time(u8),
    Timestamp(u8),
    Zoned(u8),
    DayTime,
    YearMonth,
    Array(Box<Kind>),
    Map(Box<Kind>, Box<Kind>),
    Row(Vec<(Option<String>, Kind)>),
}

/// The metadata key of a column's Trino type.
pub(crate) const KEY: &str = "athena.type";
const INSTANT: &str = "instant";
const ZONE: &str = "zone";

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Unknown => f.write_str("unknown"),
            Kind::Boolean => f.write_str("boolean"),
            Kind::TinyInt => f.write_str("tinyint"),
            Kind::SmallInt => f.write_str("smallint"),
            Kind::Integer => f.write_str("integer"),
            Kind::BigInt => f.write_str("bigint"),
            Kind::Real => f.write_str("real"),
            Kind::Double => f.write_str("double"),
            Kind::Decimal(p, s) => write!(f, "decimal({p},{s})"),
            Kind::Varchar(None) => f.write_str("varchar"),
            Kind::Varchar(Some(n)) => write!(f, "varchar({n})"),
            Kind::Char(n) => write!(f, "char({n})"),
            Kind::Varbinary => f.write_str("varbinary"),
            Kind::Json => f.write_str("json"),
            Kind::Date => f.write_str("date"),
            Kind::Time(p) => write!(f, "time({p})"),
            Kind::Timestamp(p) => write!(f, "timestamp({p})"),
            Kind::Zoned(p) => write!(f, "timestamp({p}) with time zone"),
            Kind::DayTime => f.write_str("interval day to second"),
            Kind::YearMonth => f.write_str("interval year to month"),
            Kind::Array(of) => write!(f, "array({of})"),
            Kind::Map(key, value) => write!(f, "map({key}, {value})"),
            Kind::Row(fields) => {
                f.write_str("row(")?;
                for (at, (name, kind)) in fields.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    match name {
                        Some(name) if name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') => {
                            write!(f, "{name} {kind}")?;
                        }
                        Some(name) => write!(f, "\"{}\" {kind}", name.replace('"', "\"\""))?,
                        None => write!(f, "{kind}")?,
                    }
                }
                f.write_str(")")
            }
        }
    }
}

impl Kind {
    pub(crate) fn array(of: Kind) -> Kind {
        Kind::Array(Box::new(of))
    }

    pub(crate) fn map(key: Kind, value: Kind) -> Kind {
        Kind::Map(Box::new(key), Box::new(value))
    }

    /// Whether Arrow's order of its values is SQL's: no double, whose NaN is in no order, and nothing that is made of parts.
    pub(crate) fn compares_as_it_lies(&self) -> bool {
        self.is_integer() || matches!(self, Kind::Decimal(..) | Kind::Varchar(_) | Kind::Date | Kind::Timestamp(_) | Kind::Boolean)
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Kind::TinyInt | Kind::SmallInt | Kind::Integer | Kind::BigInt)
    }

    pub(crate) fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, Kind::Real | Kind::Double | Kind::Decimal(..))
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Kind::Varchar(_) | Kind::Char(_))
    }

    pub(crate) fn is_orderable(&self) -> bool {
        match self {
            Kind::Json | Kind::Map(..) => false,
            Kind::Array(of) => of.is_orderable(),
            Kind::Row(fields) => fields.iter().all(|(_, kind)| kind.is_orderable()),
            _ => true,
        }
    }

    /// The decimal that holds an integer type.
    pub(crate) fn as_decimal(&self) -> Option<(u8, u8)> {
        match self {
            Kind::TinyInt => Some((3, 0)),
            Kind::SmallInt => Some((5, 0)),
            Kind::Integer => Some((10, 0)),
            Kind::BigInt => Some((19, 0)),
            Kind::Decimal(p, s) => Some((*p, *s)),
            _ => None,
        }
    }

    /// How the type lies in Arrow.
    pub(crate) fn arrow(&self) -> DataType {
        match self {
            Kind::Unknown => DataType::Null,
            Kind::Boolean => DataType::Boolean,
            Kind::TinyInt => DataType::Int8,
            Kind::SmallInt => DataType::Int16,
            Kind::Integer => DataType::Int32,
            Kind::BigInt => DataType::Int64,
            Kind::Real => DataType::Float32,
            Kind::Double => DataType::Float64,
            Kind::Decimal(p, s) => DataType::Decimal128(*p, i8::try_from(*s).unwrap_or(0)),
            Kind::Varchar(_) | Kind::Char(_) => DataType::Utf8,
            Kind::Varbinary => DataType::Binary,
            Kind::Json => DataType::LargeUtf8,
            Kind::Date => DataType::Date32,
            Kind::Time(_) => DataType::Time64(TimeUnit::Nanosecond),
            Kind::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Zoned(_) => DataType::Struct(Fields::from(vec![
                Field::new(INSTANT, DataType::Timestamp(TimeUnit::Microsecond, None), true),
                Field::new(ZONE, DataType::Utf8, true),
            ])),
            Kind::DayTime => DataType::Duration(TimeUnit::Millisecond),
            Kind::YearMonth => DataType::Interval(IntervalUnit::YearMonth),
            Kind::Array(of) => DataType::List(Arc::new(Field::new("item", of.arrow(), true))),
            Kind::Map(key, value) => {
                let entries =
                    DataType::Struct(Fields::from(vec![Field::new("key", key.arrow(), false), Field::new("value", value.arrow(), true)]));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            Kind::Row(fields) => DataType::Struct(
                fields
                    .iter()
                    .enumerate()
                    .map(|(at, (name, kind))| Field::new(name.clone().unwrap_or_else(|| format!("field{at}")), kind.arrow(), true))
                    .collect(),
            ),
        }
    }

    pub(crate) fn of_arrow(data_type: &DataType) -> Option<Kind> {
        Some(match data_type {
            DataType::Null => Kind::Unknown,
            DataType::Boolean => Kind::Boolean,
            DataType::Int8 => Kind::TinyInt,
            DataType::Int16 | DataType::UInt8 => Kind::SmallInt,
            DataType::Int32 | DataType::UInt16 => Kind::Integer,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Kind::BigInt,
            DataType::Float16 | DataType::Float32 => Kind::Real,
            DataType::Float64 => Kind::Double,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => Kind::Decimal(*p, u8::try_from(*s).ok()?),
            DataType::Utf8 | DataType::Utf8View => Kind::Varchar(None),
            DataType::LargeUtf8 => Kind::Json,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Kind::Varbinary,
            DataType::Date32 | DataType::Date64 => Kind::Date,
            DataType::Time32(_) | DataType::Time64(_) => Kind::Time(3),
            DataType::Timestamp(_, None) => Kind::Timestamp(3),
            DataType::Timestamp(_, Some(_)) => Kind::Zoned(3),
            DataType::Duration(_) => Kind::DayTime,
            DataType::Interval(IntervalUnit::YearMonth) => Kind::YearMonth,
            DataType::Dictionary(_, of) => Kind::of_arrow(of)?,
            DataType::List(of) | DataType::LargeList(of) | DataType::ListView(of) | DataType::FixedSizeList(of, _) => {
                Kind::array(Kind::of_arrow(of.data_type())?)
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    Kind::map(Kind::of_arrow(fields[0].data_type())?, Kind::of_arrow(fields[1].data_type())?)
                }
                _ => return None,
            },
            DataType::Struct(fields) if fields.len() == 2 && fields[0].name() == INSTANT && fields[1].name() == ZONE => Kind::Zoned(3),
            DataType::Struct(fields) => Kind::Row(
                fields
                    .iter()
                    .map(|field| Kind::of_arrow(field.data_type()).map(|kind| (Some(field.name().to_lowercase()), kind)))
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        })
    }
}

/// The type that takes values of both, as Trino coerces them; `None` where there is none.
pub(crate) fn common(a: &Kind, b: &Kind) -> Option<Kind> {
    use Kind::{
        Array, BigInt, Char, Date, Decimal, Double, Integer, Map, Real, Row, SmallInt, Time, Timestamp, TinyInt, Unknown, Varchar, Zoned,
    };
    if a == b {
        return Some(a.clone());
    }
    Some(match (a, b) {
        (Unknown, other) | (other, Unknown) => other.clone(),
        (Double, other) | (other, Double) if other.is_number() => Double,
        (Real, other) | (other, Real) if other.is_number() => Real,
        (Decimal(..), other) | (other, Decimal(..)) if other.is_number() => {
            let ((p1, s1), (p2, s2)) = (a.as_decimal()?, b.as_decimal()?);
            let scale = s1.max(s2);
            Decimal(((p1 - s1).max(p2 - s2) + scale).min(38), scale)
        }
        (BigInt, other) | (other, BigInt) if other.is_integer() => BigInt,
        (Integer, other) | (other, Integer) if other.is_integer() => Integer,
        (SmallInt, TinyInt) | (TinyInt, SmallInt) => SmallInt,
        (Varchar(Some(n)), Varchar(Some(m))) => Varchar(Some(*n.max(m))),
        (Varchar(_), Varchar(_)) => Varchar(None),
        (Char(n), Char(m)) => Char(*n.max(m)),
        (Char(n), Varchar(m)) | (Varchar(m), Char(n)) => match m {
            Some(m) => Char(*n.max(m)),
            None => Varchar(None),
        },
        (Date, Timestamp(p)) | (Timestamp(p), Date) => Timestamp(*p),
        (Date, Zoned(p)) | (Zoned(p), Date) => Zoned(*p),
        (Timestamp(p), Timestamp(q)) => Timestamp(*p.max(q)),
        (Timestamp(p) | Zoned(p), Zoned(q)) | (Zoned(q), Timestamp(p)) => Zoned(*p.max(q)),
        (Time(p), Time(q)) => Time(*p.max(q)),
        (Array(x), Array(y)) => Kind::array(common(x, y)?),
        (Map(k1, v1), Map(k2, v2)) => Kind::map(common(k1, k2)?, common(v1, v2)?),
        (Row(x), Row(y)) if x.len() == y.len() => Row(x
            .iter()
            .zip(y)
            .map(|((n1, k1), (n2, k2))| common(k1, k2).map(|kind| (if n1 == n2 { n1.clone() } else { None }, kind)))
            .collect::<Option<_>>()?),
        _ => return None,
    })
}

/// Whether a value of `from` may stand where `to` is asked, without a cast.
pub(crate) fn coercible(from: &Kind, to: &Kind) -> bool {
    match (from, to) {
        (Kind::Varchar(_) | Kind::Char(_), Kind::Varchar(None)) => true,
        (Kind::Row(a), Kind::Row(b)) if a.len() == b.len() => a.iter().zip(b).all(|((_, x), (_, y))| coercible(x, y)),
        (Kind::Array(a), Kind::Array(b)) => coercible(a, b),
        (Kind::Map(k, v), Kind::Map(l, w)) => coercible(k, l) && coercible(v, w),
        _ => common(from, to).as_ref() == Some(to),
    }
}
