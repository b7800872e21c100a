//! Which Arrow field a column of an answer is.
//!
//! An answer is text. Of arrays, maps and rows that text does not tell a comma inside a value from one between two values, so they
//! stay text, as does what Arrow has no type for (intervals, `time with time zone`); such a field says so in its metadata. What
//! is read through [`crate::unload`] has its nested types.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::ResultColumn;
use crate::json::keys;

/// The key of a field's metadata under which Athena's name of its type is.
pub const ATHENA_TYPE: &str = "athena.type";
/// The key of the metadata of a field that is Athena's text of a value with another type: why.
pub const AS_TEXT: &str = "athena.text";

/// Why a nested value is text.
const NESTED: &str = "as Athena prints it: the text of a nested value cannot be read back for certain; UNLOAD keeps the type";
/// Why a value without a type of Arrow's is text.
const UNKNOWN: &str = "as Athena prints it: there is no such type in Arrow";

/// The schema of an answer. Every field may be NULL; a column whose name is taken gets a number, as in [`crate::json`].
pub fn schema(columns: &[ResultColumn]) -> SchemaRef {
    let fields = keys(columns).into_iter().zip(columns).map(|(name, column)| field(name, column));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

fn field(name: String, column: &ResultColumn) -> Field {
    let mut metadata = HashMap::from([(ATHENA_TYPE.to_owned(), type_name(column))]);
    let kind = data_type(column).unwrap_or_else(|why| {
        if let Some(why) = why {
            metadata.insert(AS_TEXT.to_owned(), why.to_owned());
        }
        DataType::Utf8
    });
    Field::new(name, kind, true).with_metadata(metadata)
}

/// Athena's name of a column's type, with a decimal's arguments.
pub(crate) fn type_name(column: &ResultColumn) -> String {
    if column.kind == "decimal" { format!("decimal({},{})", column.precision, column.scale) } else { column.kind.clone() }
}

/// The Arrow type; for text why it is, where it is not text to Athena.
fn data_type(column: &ResultColumn) -> Result<DataType, Option<&'static str>> {
    // Fractions of a second are milliseconds, but where a column says that it has more digits.
    let unit = match column.precision {
        ..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        7.. => TimeUnit::Nanosecond,
    };
    Ok(match column.kind.as_str() {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "integer" | "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "float" | "real" => DataType::Float32,
        "double" => DataType::Float64,
        "decimal" => decimal(column.precision, column.scale),
        "date" => DataType::Date32,
        "time" => DataType::Time32(TimeUnit::Millisecond),
        "timestamp" => DataType::Timestamp(unit, None),
        "timestamp with time zone" => DataType::Timestamp(unit, Some("UTC".into())),
        "varbinary" => DataType::Binary,
        // JSON, ids and addresses are text with a meaning: which, the metadata says.
        "varchar" | "char" | "string" | "json" | "uuid" | "ipaddress" => return Err(None),
        "array" | "map" | "row" | "struct" => return Err(Some(NESTED)),
        _ => return Err(Some(UNKNOWN)),
    })
}

/// Athena's widest decimal holds what a column does not say well.
fn decimal(precision: i32, scale: i32) -> DataType {
    let precision = u8::try_from(precision).ok().filter(|precision| (1..=38).contains(precision)).unwrap_or(38);
    let scale = i8::try_from(scale).ok().filter(|scale| (0..=38).contains(scale) && scale.unsigned_abs() <= precision).unwrap_or(0);
    DataType::Decimal128(precision, scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::column;

    #[test]
    fn columns_have_the_types_that_athena_says() {
        let decimal = ResultColumn { precision: 38, scale: 4, ..column("d", "decimal") };
        let fine = ResultColumn { precision: 6, ..column("t", "timestamp") };
        let usual = ResultColumn { precision: 3, ..column("t", "timestamp with time zone") };
        for (column, expected) in [
            (decimal, DataType::Decimal128(38, 4)),
            (column("d", "decimal"), DataType::Decimal128(38, 0)),
            (fine, DataType::Timestamp(TimeUnit::Microsecond, None)),
            (usual, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
            (column("b", "varbinary"), DataType::Binary),
            (column("i", "int"), DataType::Int32),
            (column("s", "varchar"), DataType::Utf8),
        ] {
            let schema = schema(std::slice::from_ref(&column));
            assert_eq!(schema.field(0).data_type(), &expected, "{column:?}");
            assert!(schema.field(0).metadata().get(AS_TEXT).is_none() && schema.field(0).is_nullable());
        }
    }

    #[test]
    fn what_stays_text_says_so() {
        for kind in ["array", "map", "row", "interval day to second", "time with time zone"] {
            let schema = schema(&[column("v", kind)]);
            let field = schema.field(0);
            assert_eq!(field.data_type(), &DataType::Utf8);
            assert_eq!(field.metadata()[ATHENA_TYPE], kind);
            assert!(field.metadata()[AS_TEXT].starts_with("as Athena prints it"), "{kind}");
        }
    }

    #[test]
    fn columns_of_one_name_are_told_apart() {
        let schema = schema(&[column("id", "bigint"), column("id", "varchar")]);
        assert_eq!(schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["id", "id_2"]);
    }
}
