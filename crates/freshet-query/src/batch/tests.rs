//! What texts become, without network.

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Date32Type, Decimal128Type, TimestampMillisecondType};
use arrow::util::display::array_value_to_string;

use super::*;
use crate::answer::column;

fn typed(kind: &str, precision: i32, scale: i32) -> ResultColumn {
    ResultColumn { precision, scale, ..column("v", kind) }
}

fn decoded(column: &ResultColumn, texts: &[Option<&str>]) -> Result<ArrayRef, Error> {
    let rows: Vec<Vec<Option<String>>> = texts.iter().map(|text| vec![text.map(str::to_owned)]).collect();
    Decoder::new(std::slice::from_ref(column)).decode(&rows).map(|batch| Arc::clone(batch.column(0)))
}

#[test]
fn texts_become_values_of_their_type() {
    for (column, text, expected) in [
        (typed("boolean", 0, 0), "true", "true"),
        (typed("tinyint", 3, 0), "-128", "-128"),
        (typed("bigint", 19, 0), "9223372036854775807", "9223372036854775807"),
        (typed("double", 17, 0), "1.0E10", "10000000000.0"),
        (typed("double", 17, 0), "-Infinity", "-inf"),
        (typed("float", 17, 0), "0.1", "0.1"),
        (typed("decimal", 38, 4), "12345678901234567890.1000", "12345678901234567890.1000"),
        (typed("decimal", 38, 38), "-0.00000000000000000000000000000000000001", "-0.00000000000000000000000000000000000001"),
        (typed("decimal", 10, 2), "7", "7.00"),
        (typed("date", 0, 0), "2024-02-29", "2024-02-29"),
        (typed("date", 0, 0), "0001-01-01", "0001-01-01"),
        (typed("time", 3, 0), "10:20:30.123", "10:20:30.123"),
        (typed("timestamp", 3, 0), "2026-01-01 00:00:00.007", "2026-01-01T00:00:00.007"),
        (typed("timestamp", 3, 0), "1969-12-31 23:59:59.999", "1969-12-31T23:59:59.999"),
        (typed("timestamp", 6, 0), "2026-01-01 00:00:00.000001", "2026-01-01T00:00:00.000001"),
        (typed("timestamp with time zone", 3, 0), "2026-07-01 12:00:00.000 UTC", "2026-07-01T12:00:00Z"),
        (typed("timestamp with time zone", 3, 0), "2026-07-01 12:00:00.000 Europe/Berlin", "2026-07-01T10:00:00Z"),
        (typed("timestamp with time zone", 3, 0), "2026-07-01 12:00:00.000 -03:30", "2026-07-01T15:30:00Z"),
        (typed("timestamp with time zone", 3, 0), "2026-10-25 02:30:00.000 Europe/Berlin", "2026-10-25T00:30:00Z"),
        (typed("varbinary", 1_073_741_824, 0), "31 0a ff", "310aff"),
        (typed("varbinary", 1_073_741_824, 0), "", ""),
        (typed("varchar", 10, 0), "null", "null"),
        (typed("array", 0, 0), "[1, null]", "[1, null]"),
        (typed("json", 0, 0), "{\"a\":1}", "{\"a\":1}"),
    ] {
        let array = decoded(&column, &[Some(text), None]).unwrap_or_else(|error| panic!("{column:?} {text}: {error}"));
        assert_eq!(array_value_to_string(&array, 0).unwrap(), expected, "{column:?} {text}");
        assert!(array.is_null(1) && !array.is_null(0), "{column:?}");
    }
}

#[test]
fn null_is_not_the_empty_text() {
    let array = decoded(&typed("varchar", 10, 0), &[Some(""), None]).unwrap();
    let texts = array.as_string::<i32>();
    assert!(!texts.is_null(0) && texts.value(0).is_empty() && texts.is_null(1));
}

#[test]
fn values_are_exact() {
    let money = decoded(&typed("decimal", 18, 4), &[Some("-0.0001"), Some("99999999999999.9999")]).unwrap();
    assert_eq!(money.as_primitive::<Decimal128Type>().values().to_vec(), [-1, 999_999_999_999_999_999]);
    let days = decoded(&typed("date", 0, 0), &[Some("1969-12-31")]).unwrap();
    assert_eq!(days.as_primitive::<Date32Type>().value(0), -1);
    let times = decoded(&typed("timestamp", 3, 0), &[Some("1970-01-01 00:00:00.001")]).unwrap();
    assert_eq!(times.as_primitive::<TimestampMillisecondType>().value(0), 1);
}

#[test]
fn what_is_not_of_the_type_is_an_error_with_its_place_and_without_the_value() {
    for (column, text) in [
        (typed("boolean", 0, 0), "yes"),
        (typed("tinyint", 3, 0), "128"),
        (typed("bigint", 19, 0), ""),
        (typed("double", 17, 0), "much"),
        (typed("decimal", 4, 2), "100.00"),
        (typed("decimal", 38, 2), "1.001"),
        (typed("decimal", 38, 2), "."),
        (typed("decimal", 38, 0), "--1"),
        (typed("decimal", 38, 0), "1000000000000000000000000000000000000000"),
        (typed("date", 0, 0), "2026-02-30"),
        (typed("time", 3, 0), "10:20:30.1234"),
        (typed("timestamp", 3, 0), "2026-01-01 00:00:00.0001"),
        (typed("timestamp", 3, 0), "2026-01-01"),
        (typed("timestamp with time zone", 3, 0), "2026-01-01 00:00:00.000"),
        (typed("timestamp with time zone", 3, 0), "2026-01-01 00:00:00.000 Nowhere/At_All"),
        (typed("timestamp with time zone", 3, 0), "2026-03-29 02:30:00.000 Europe/Berlin"),
        (typed("varbinary", 0, 0), "3 1 x"),
        (typed("date", 0, 0), "é"),
    ] {
        let error = decoded(&column, &[None, Some(text)]).map(|_| ()).unwrap_err();
        let Error::Unreadable { column: name, kind, row: 2 } = &error else { panic!("{column:?} {text}: {error}") };
        assert_eq!((name.as_str(), kind.as_str()), ("v", type_name(&column).as_str()));
        assert!(text.is_empty() || text == "." || !error.to_string().contains(text), "{error}");
    }
}

#[test]
fn rows_are_counted_over_pages_and_must_fit() {
    let mut decoder = Decoder::new(&[typed("bigint", 19, 0), typed("varchar", 1, 0)]);
    let short = decoder.decode(&[vec![Some("1".to_owned())], vec![]]).unwrap();
    assert_eq!((short.num_rows(), short.column(1).null_count()), (2, 2));
    let wrong = decoder.decode(&[vec![Some("x".to_owned()), None]]).unwrap_err();
    assert_eq!(wrong.to_string(), "read the answer: column `v` of row 3 is no bigint");
    let long = decoder.decode(&[vec![None, None, None]]).unwrap_err();
    assert!(long.to_string().ends_with("row 4 has 3 values for 2 columns"), "{long}");
}

#[test]
fn an_answer_without_rows_still_says_its_columns() {
    let mut decoder = Decoder::new(&[typed("decimal", 38, 4)]);
    let batch = decoder.decode(&[]).unwrap();
    assert_eq!((batch.num_rows(), batch.schema().field(0).data_type()), (0, &DataType::Decimal128(38, 4)));
    assert_eq!(Decoder::new(&[]).decode(&[vec![], vec![]]).unwrap().num_rows(), 2);
}
