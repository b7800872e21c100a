//! An answer as JSON: an array of objects.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

use crate::{Answer, ResultColumn};

/// An answer that is written as an array of objects, the members of each in the order of the columns.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a>(pub &'a Answer);

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = keys(&self.0.columns);
        serializer.collect_seq(self.0.rows.iter().map(|row| Object { keys: &keys, columns: &self.0.columns, row }))
    }
}

/// A row an object. Whole numbers and doubles are numbers, booleans are booleans and NULL is null; decimals, dates, times,
/// arrays, maps and rows are Athena's text, which keeps every digit. A column whose name is taken gets a number: two
/// columns `id` are `id` and `id_2`. Members are in the order of their names: [`Objects`] keeps the columns' order.
pub fn to_json(answer: &Answer) -> Vec<Map<String, Value>> {
    let keys = keys(&answer.columns);
    let object = |row| Object { keys: &keys, columns: &answer.columns, row };
    answer.rows.iter().map(|row| object(row).members().map(|(key, value)| (key.clone(), value)).collect()).collect()
}

struct Object<'a> {
    keys: &'a [String],
    columns: &'a [ResultColumn],
    row: &'a [Option<String>],
}

impl<'a> Object<'a> {
    fn members(&self) -> impl Iterator<Item = (&'a String, Value)> {
        let values = self.row.iter().map(Option::as_deref).chain(std::iter::repeat(None));
        self.keys.iter().zip(self.columns).zip(values).map(|((key, column), value)| (key, to_value(&column.kind, value)))
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.members())
    }
}

fn keys(columns: &[ResultColumn]) -> Vec<String> {
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
            columns: columns.iter().map(|(name, kind)| ResultColumn { name: (*name).to_owned(), kind: (*kind).to_owned() }).collect(),
            rows: rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect(),
            scanned_bytes: 0,
            execution_id: "e".to_owned(),
        }
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
            let objects = to_json(&answer(&[("v", kind)], &[&[Some(text)], &[None]]));
            assert_eq!(objects[0]["v"], expected, "{kind} {text}");
            assert_eq!(objects[1]["v"], Value::Null, "{kind}");
        }
    }

    #[test]
    fn columns_of_one_name_are_all_kept() {
        let columns = [("id", "bigint"), ("id_2", "bigint"), ("id", "bigint"), ("id", "bigint")];
        let objects = to_json(&answer(&columns, &[&[Some("1"), Some("2"), Some("3"), Some("4")]]));
        assert_eq!(Value::Object(objects[0].clone()), json!({"id": 1, "id_2": 2, "id_3": 3, "id_4": 4}));
    }

    #[test]
    fn members_are_written_in_the_order_of_the_columns() {
        let answer = answer(&[("zone", "varchar"), ("area", "bigint")], &[&[Some("north"), Some("7")], &[None]]);
        let written = serde_json::to_string(&Objects(&answer)).unwrap();
        assert_eq!(written, r#"[{"zone":"north","area":7},{"zone":null,"area":null}]"#);
    }

    #[test]
    fn a_row_that_is_too_short_ends_in_null() {
        let objects = to_json(&answer(&[("a", "varchar"), ("b", "varchar")], &[&[Some("x")]]));
        assert_eq!(Value::Object(objects[0].clone()), json!({"a": "x", "b": null}));
    }
}
