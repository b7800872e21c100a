//! Hive's type names (`array<struct<a:int>>`), Trino's (`array(row(a integer))`) and Arrow's types.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// The Arrow type of a Hive type; `None` for one that is not known.
pub(crate) fn arrow_type(hive: &str) -> Option<DataType> {
    let hive = hive.trim().to_lowercase();
    let (head, inner) = split(&hive);
    Some(match (head, inner) {
        ("string" | "varchar" | "char", _) => DataType::Utf8,
        ("boolean", None) => DataType::Boolean,
        ("tinyint", None) => DataType::Int8,
        ("smallint", None) => DataType::Int16,
        ("int" | "integer", None) => DataType::Int32,
        ("bigint" | "long", None) => DataType::Int64,
        ("float" | "real", None) => DataType::Float32,
        ("double", None) => DataType::Float64,
        ("date", None) => DataType::Date32,
        ("timestamp", _) => DataType::Timestamp(TimeUnit::Millisecond, None),
        ("binary", None) => DataType::Binary,
        ("decimal", None) => DataType::Decimal128(10, 0),
        ("decimal", Some(inner)) => {
            let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
            let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
            (1..=38).contains(&precision).then_some(DataType::Decimal128(precision, scale))?
        }
        ("array", Some(inner)) => DataType::List(Arc::new(Field::new("element", arrow_type(inner)?, true))),
        ("map", Some(inner)) => {
            let [key, value] = parts(inner)[..] else { return None };
            let entries = vec![Field::new("key", arrow_type(key)?, false), Field::new("value", arrow_type(value)?, true)];
            DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entries.into()), false)), false)
        }
        ("struct", Some(inner)) => {
            let fields = parts(inner).into_iter().map(|part| {
                let (name, kind) = part.split_once(':')?;
                Some(Field::new(name.trim(), arrow_type(kind)?, true))
            });
            DataType::Struct(fields.collect::<Option<Fields>>()?)
        }
        _ => return None,
    })
}

/// The Hive type of an Arrow type, for what a Delta log describes.
pub(crate) fn hive_type(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, _) => "timestamp".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(inner) | DataType::LargeList(inner) => format!("array<{}>", hive_type(inner.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!("map<{},{}>", hive_type(fields[0].data_type()), hive_type(fields[1].data_type()))
            }
            _ => "string".to_owned(),
        },
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}:{}", field.name().to_lowercase(), hive_type(field.data_type()))).collect();
            format!("struct<{}>", fields.join(","))
        }
        _ => "string".to_owned(),
    }
}

/// The Trino name of a Hive type: what views and `information_schema` tell.
pub(crate) fn trino_type(hive: &str) -> String {
    let hive = hive.trim().to_lowercase();
    let (head, inner) = split(&hive);
    match (head, inner) {
        ("string", None) => "varchar".to_owned(),
        ("int", None) => "integer".to_owned(),
        ("float", None) => "real".to_owned(),
        ("binary", None) => "varbinary".to_owned(),
        ("timestamp", None) => "timestamp(3)".to_owned(),
        ("array", Some(inner)) => format!("array({})", trino_type(inner)),
        ("map", Some(inner)) => format!("map({})", parts(inner).into_iter().map(trino_type).collect::<Vec<_>>().join(", ")),
        ("struct", Some(inner)) => {
            let fields = parts(inner)
                .into_iter()
                .map(|part| part.split_once(':').map_or_else(|| part.to_owned(), |(name, kind)| format!("{name} {}", trino_type(kind))));
            format!("row({})", fields.collect::<Vec<_>>().join(", "))
        }
        _ => hive,
    }
}

/// The name in front of the brackets and what is in them.
fn split(kind: &str) -> (&str, Option<&str>) {
    let Some(open) = kind.find(['<', '(']) else {
        return (kind, None);
    };
    let inner = kind[open + 1..].trim_end().strip_suffix(['>', ')']).unwrap_or(&kind[open + 1..]);
    (kind[..open].trim_end(), Some(inner))
}

/// The parts between the commas outside of brackets.
fn parts(inner: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0_i32);
    for (at, character) in inner.char_indices() {
        match character {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(inner[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(inner[begin..].trim());
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn types_go_there_and_back() {
        for hive in [
            "bigint",
            "decimal(18,4)",
            "array<string>",
            "map<string,array<int>>",
            "struct<a:decimal(3,1),b:map<string,date>>",
            "timestamp",
            "binary",
        ] {
            assert_eq!(hive_type(&arrow_type(hive).unwrap()), hive);
        }
        assert_eq!(arrow_type("varchar(10)"), Some(DataType::Utf8));
        for unknown in ["decimal(99,1)", "uniontype<int,string>", "map<int>", "nonsense", "struct<a>"] {
            assert_eq!(arrow_type(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn trino_has_its_own_names() {
        assert_eq!(trino_type("struct<a:int,b:array<string>>"), "row(a integer, b array(varchar))");
        assert_eq!(trino_type("map<string,float>"), "map(varchar, real)");
        assert_eq!(trino_type("decimal(18,4)"), "decimal(18,4)");
    }
}
