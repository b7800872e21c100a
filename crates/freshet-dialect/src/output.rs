//! What clients are told of a query's columns.

use datafusion::arrow::datatypes::Field;
use datafusion::logical_expr::LogicalPlan;

use crate::kinds::Kind;
use crate::type_names;

/// A column as GetQueryResults describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name; `_col0` and so on where the query gives none.
    pub name: String,
    /// The type's base name: `varchar`, `decimal`, `timestamp with time zone`, `array`.
    pub kind: String,
    /// The precision that Athena tells.
    pub precision: i32,
    /// The scale.
    pub scale: i32,
}

/// The columns of a plan.
pub fn output(plan: &LogicalPlan) -> Vec<OutputColumn> {
    plan.schema().fields().iter().map(|field| describe(field)).collect()
}

fn describe(field: &Field) -> OutputColumn {
    let kind = type_names::of_field(field).unwrap_or(Kind::Varchar(None));
    let (name, precision, scale) = match &kind {
        Kind::Unknown => ("unknown", 0, 0),
        Kind::Boolean => ("boolean", 0, 0),
        Kind::TinyInt => ("tinyint", 3, 0),
        Kind::SmallInt => ("smallint", 5, 0),
        Kind::Integer => ("integer", 10, 0),
        Kind::BigInt => ("bigint", 19, 0),
        Kind::Real => ("float", 17, 0),
        Kind::Double => ("double", 17, 0),
        Kind::Decimal(precision, scale) => ("decimal", i32::from(*precision), i32::from(*scale)),
        Kind::Varchar(length) => ("varchar", length.and_then(|length| i32::try_from(length).ok()).unwrap_or(i32::MAX), 0),
        Kind::Char(length) => ("char", i32::try_from(*length).unwrap_or(i32::MAX), 0),
        Kind::Varbinary => ("varbinary", 1_073_741_824, 0),
        Kind::Json => ("json", 0, 0),
        Kind::Date => ("date", 0, 0),
        Kind::Time(_) => ("time", 3, 0),
        Kind::Timestamp(_) => ("timestamp", 3, 0),
        Kind::Zoned(_) => ("timestamp with time zone", 3, 0),
        Kind::DayTime => ("interval day to second", 0, 0),
        Kind::YearMonth => ("interval year to month", 0, 0),
        Kind::Array(_) => ("array", 0, 0),
        Kind::Map(..) => ("map", 0, 0),
        Kind::Row(_) => ("row", 0, 0),
    };
    OutputColumn { name: field.name().clone(), kind: name.to_owned(), precision, scale }
}

/// A field's type as Glue and DDL name it (`string`, `bigint`, `array<string>`); `None` for a type that no Hive table has,
/// such as `timestamp with time zone`.
pub fn hive_type(field: &Field) -> Option<String> {
    hive(&type_names::of_field(field)?)
}

/// A field's type as Trino names it, for `information_schema` and `DESCRIBE` (`varchar`, `timestamp(3)`, `row(f integer)`).
pub fn trino_type(field: &Field) -> Option<String> {
    type_names::of_field(field).map(|kind| kind.to_string())
}

fn hive(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Boolean => "boolean".to_owned(),
        Kind::TinyInt => "tinyint".to_owned(),
        Kind::SmallInt => "smallint".to_owned(),
        Kind::Integer => "int".to_owned(),
        Kind::BigInt => "bigint".to_owned(),
        Kind::Real => "float".to_owned(),
        Kind::Double => "double".to_owned(),
        Kind::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
        Kind::Varchar(None) => "string".to_owned(),
        Kind::Varchar(Some(length)) if *length > 0 && *length <= 65_535 => format!("varchar({length})"),
        Kind::Varchar(Some(_)) => "string".to_owned(),
        Kind::Char(length) if *length > 0 && *length <= 255 => format!("char({length})"),
        Kind::Varbinary => "binary".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Timestamp(_) => "timestamp".to_owned(),
        Kind::Array(of) => format!("array<{}>", hive(of)?),
        Kind::Map(key, value) => format!("map<{},{}>", hive(key)?, hive(value)?),
        Kind::Row(fields) => {
            let members =
                fields.iter().map(|(name, kind)| Some(format!("{}:{}", name.as_ref()?, hive(kind)?))).collect::<Option<Vec<_>>>()?;
            format!("struct<{}>", members.join(","))
        }
        Kind::Unknown | Kind::Char(_) | Kind::Json | Kind::Time(_) | Kind::Zoned(_) | Kind::DayTime | Kind::YearMonth => return None,
    })
}
