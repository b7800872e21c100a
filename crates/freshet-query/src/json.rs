//! An answer as JSON: an array of objects.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use crate::{Answer, ResultColumn};

/// An answer that is written as an array of objects: a row an object, its members in the order of the columns. Whole numbers
/// and doubles are numbers, booleans are booleans and NULL is null; decimals, dates, times, arrays, maps and rows are
/// Athena's text, which keeps every digit. A column whose name is taken gets a number: two columns `id` are `id` and `id_2`.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a>(pub &'a Answer);

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = keys(&self.0.columns);
        serializer.collect_seq(self.0.rows.iter().map(|row| Object { keys: &keys, columns: &self.0.columns, row }))
    }
}

/// A row as an object, for an answer that is written as it comes.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// What the members are called: [`keys`] of the columns.
    pub keys: &'a [String],
    /// The columns.
    pub columns: &'a [ResultColumn],
    /// The values.
    pub row: &'a [Option<String>],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.row.iter().map(Option::as_deref).chain(std::iter::repeat(None));
        let members = self.keys.iter().zip(self.columns).zip(values);
        serializer.collect_map(members.map(|((key, column), value)| (key, to_value(&column.kind, value))))
    }
}

/// A name for each column that no other has.
pub fn keys(columns: &[ResultColumn]) -> Vec<String> {
    let names: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    columns
        .iter()
        .map(|column| {
            let numbered = (2..).map(|count| format!("{}_{count}", column.name));
            let key = if taken.contains(&column.name) {
                numbered.into_iter().find(|key| !taken.contains(key) && !names.contains(key.as_str()))
            } else {
                None
            };
            let key = key.unwrap_or_else(|| column.name.clone());
            taken.insert(key.clone());
            key
        })
        .collect()
}

fn to_value(kind: &str, value: Option<&str>) -> Value {
    let Some(text) = value else {
        return Value::Null;
    };
    let parsed = match kind {
        "tinyint" | "smallint" | "integer" | "int" | "bigint" => text.parse::<i64>().ok().map(Value::from),
        // JSON has no NaN and no infinity: those stay text.
        "double" | "float" | "real" => text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
        "boolean" => text.parse::<bool>().ok().map(Value::Bool),
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(columns: &[(&str, &str)], rows: &[&[Option<&str>]]) -> Answer {
        Answer {
            columns: columns.iter().map(|(name, kind)| crate::answer::column(name, kind)).collect(),
            rows: rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect(),
            scanned_bytes: 0,
            execution_id: "e".to_owned(),
        }
    }

    fn written(answer: &Answer) -> Value {
        serde_json::to_value(Objects(answer)).unwrap()
    }

    #[test]
    fn values_have_the_json_type_of_their_column() {
        for (kind, text, expected) in [
            ("tinyint", "-128", json!(-128)),
            ("integer", "7", json!(7)),
            ("bigint", "9223372036854775807", json!(i64::MAX)),
            ("double", "1.0E10", json!(1.0e10)),
            ("double", "NaN", json!("NaN")),
            ("double", "-Infinity", json!("-Infinity")),
            ("float", "0.1", json!(0.1)),
            ("decimal", "12345678901234567890.1000", json!("12345678901234567890.1000")),
            ("boolean", "true", json!(true)),
            ("varchar", "true", json!("true")),
            ("varchar", "", json!("")),
            ("varchar", "1", json!("1")),
            ("date", "2026-01-01", json!("2026-01-01")),
            ("timestamp", "2026-01-01 00:00:00.000", json!("2026-01-01 00:00:00.000")),
            ("array", "[1, 2]", json!("[1, 2]")),
            ("row", "{a=1}", json!("{a=1}")),
        ] {
            let objects = written(&answer(&[("v", kind)], &[&[Some(text)], &[None]]));
            assert_eq!(objects[0]["v"], expected, "{kind} {text}");
            assert_eq!(objects[1]["v"], Value::Null, "{kind}");
        }
    }

    #[test]
    fn columns_of_one_name_are_all_kept() {
        let columns = [("id", "bigint"), ("id_2", "bigint"), ("id", "bigint"), ("id", "bigint")];
        let objects = written(&answer(&columns, &[&[Some("1"), Some("2"), Some("3"), Some("4")]]));
        assert_eq!(objects[0], json!({"id": 1, "id_2": 2, "id_3": 3, "id_4": 4}));
    }

    #[test]
    fn members_are_written_in_the_order_of_the_columns() {
        let answer = answer(&[("zone", "varchar"), ("area", "bigint")], &[&[Some("north"), Some("7")], &[None]]);
        let written = serde_json::to_string(&Objects(&answer)).unwrap();
        assert_eq!(written, r#"[{"zone":"north","area":7},{"zone":null,"area":null}]"#);
    }

    #[test]
    fn a_row_that_is_too_short_ends_in_null() {
        let objects = written(&answer(&[("a", "varchar"), ("b", "varchar")], &[&[Some("x")]]));
        assert_eq!(objects[0], json!({"a": "x", "b": null}));
    }
}
