//! The Arrow schema of a table: what the compactor decodes into and writes.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};

use crate::{Column, ColumnType, Table};

/// The Arrow type of a column. Times are microseconds, as Delta's `timestampNtz` is, and hold whole milliseconds.
pub fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::String => DataType::Utf8,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Int => DataType::Int32,
        ColumnType::BigInt => DataType::Int64,
        ColumnType::Double => DataType::Float64,
        ColumnType::Decimal => DataType::Decimal128(ColumnType::DECIMAL_PRECISION, ColumnType::DECIMAL_SCALE.cast_signed()),
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Date => DataType::Date32,
        ColumnType::StringArray => DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))),
    }
}

/// The schema of a table's rows, the partition last. Every column is nullable: a column that is added later is.
pub fn schema(table: &Table) -> Schema {
    Schema::new(fields(table.columns.iter()))
}

/// The schema of a table's data files: without the partition, which the path carries.
pub fn file_schema(table: &Table) -> Schema {
    Schema::new(fields(table.columns.iter().filter(|column| column.name != table.partition)))
}

fn fields<'a>(columns: impl Iterator<Item = &'a Column>) -> Fields {
    columns.map(|column| Field::new(&column.name, data_type(column.kind), true)).collect()
}
