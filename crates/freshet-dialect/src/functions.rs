//! The functions, by family; each family is a slice of the table of signatures.

mod arrays;
mod binary;
mod bits;
mod dates;
mod formats;
mod joda;
mod json;
mod json_path;
mod maps;
mod math;
mod operators;
mod regexp;
mod text;
mod urls;

pub(crate) use json_path::{Behaviour, Wrapper, evaluate as evaluate_path, parse as parse_path};

use crate::kinds::Kind;
use crate::signatures::Entry;

/// Every line of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Entry> {
    [
        arrays::TABLE,
        binary::TABLE,
        bits::TABLE,
        bits::SHIFTS,
        dates::TABLE,
        dates::CALENDAR,
        dates::CLOCK,
        formats::TABLE,
        json::TABLE,
        maps::TABLE,
        math::TABLE,
        math::DOUBLES,
        operators::TABLE,
        regexp::TABLE,
        text::TABLE,
        urls::TABLE,
    ]
    .into_iter()
    .flatten()
}

/// The result's type where it is made from the arguments' precision.
pub(crate) fn result(name: &str, args: &[Kind], plain: Kind) -> Kind {
    match (name, args) {
        ("round", [Kind::Decimal(p, s)]) => Kind::Decimal((p - s + s.min(&1)).clamp(1, 38), 0),
        ("round", [Kind::Decimal(p, s), _]) => Kind::Decimal((p + 1).min(38), *s),
        ("ceiling" | "ceil" | "floor", [Kind::Decimal(p, s)]) => Kind::Decimal((p - s + s.min(&1)).clamp(1, 38), 0),
        ("truncate", [Kind::Decimal(p, s)]) => Kind::Decimal((p - s).max(1), 0),
        ("replace" | "regexp_replace", [Kind::Varchar(x), Kind::Varchar(_)]) => Kind::Varchar(*x),
        ("replace", [Kind::Varchar(x), Kind::Varchar(_), Kind::Varchar(z)]) => {
            Kind::Varchar(x.zip(*z).and_then(|(x, z)| z.checked_mul(x + 1)?.checked_add(x)))
        }
        ("regexp_replace", [Kind::Varchar(x), Kind::Varchar(_), Kind::Varchar(z)]) => {
            Kind::Varchar(x.zip(*z).and_then(|(x, z)| (x.checked_mul(z)? / 2).max(z).checked_mul(x + 1)?.checked_add(x)))
        }
        ("chr", _) => Kind::Varchar(Some(1)),
        ("soundex", _) => Kind::Varchar(Some(4)),
        ("to_base", _) => Kind::Varchar(Some(64)),
        ("url_encode", [Kind::Varchar(Some(x))]) => Kind::Varchar(x.checked_mul(12)),
        ("to_iso8601", [Kind::Date]) => Kind::Varchar(Some(16)),
        ("to_iso8601", [Kind::Timestamp(p)]) => Kind::Varchar(Some(22 + u32::from(*p) + u32::from(*p > 0))),
        ("to_iso8601", [Kind::Zoned(p)]) => Kind::Varchar(Some(28 + u32::from(*p) + u32::from(*p > 0))),
        ("from_unixtime_nanos", _) => Kind::Zoned(6),
        ("sign", [Kind::Decimal(..)]) => Kind::Decimal(1, 0),
        _ => plain,
    }
}
