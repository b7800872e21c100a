//! A line is a row, or a reason without its values; compared with the general decoder.

use std::fmt::Write as _;

use arrow_json::ReaderBuilder;
use freshet_schema::Contract;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

const FRONT: &str = r#"{"table":"shopify_orders","line_version":1,"schema_version":1,"dt":"2026-11-24","event_id":"e","row_index":0"#;

fn orders() -> &'static Table {
    Contract::embedded().table("shopify_orders").unwrap()
}

/// What the general decoder of the arrow project makes of a line.
fn generally(table: &Table, line: &str) -> Option<RecordBatch> {
    let mut decoder = ReaderBuilder::new(schema(table)).build_decoder().unwrap();
    decoder.decode(line.as_bytes()).ok()?;
    decoder.flush().ok()?
}

fn ours(table: &Table, line: &str) -> Result<RecordBatch, String> {
    let mut decoder = TableDecoder::new(table);
    decoder.push(line.as_bytes())?;
    Ok(decoder.take().remove(0))
}

fn value(kind: ColumnType) -> BoxedStrategy<Json> {
    match kind {
        ColumnType::String => any::<String>().prop_map(Json::from).boxed(),
        ColumnType::Boolean => any::<bool>().prop_map(Json::from).boxed(),
        ColumnType::Int => any::<i32>().prop_map(Json::from).boxed(),
        ColumnType::BigInt => any::<i64>().prop_map(Json::from).boxed(),
        ColumnType::Double => (-1e12..1e12).prop_map(Json::from).boxed(),
        ColumnType::Decimal => {
            let amount = (any::<bool>(), 0..99_999_999_999_999_i64, 0..10_000);
            amount
                .prop_map(|(is_negative, whole, fraction)| json!(format!("{}{whole}.{fraction:04}", if is_negative { "-" } else { "" })))
                .boxed()
        }
        ColumnType::Timestamp => {
            (946_684_800_000_i64..4_000_000_000_000).prop_map(|millis| json!(freshet_ingest::time::Millis(millis).text())).boxed()
        }
        ColumnType::Date => (0..4_000_000_000_000_i64).prop_map(|millis| json!(freshet_ingest::time::Millis(millis).date())).boxed(),
        ColumnType::StringArray => proptest::collection::vec(any::<Option<String>>(), 0..4).prop_map(|texts| json!(texts)).boxed(),
    }
}

fn line() -> impl Strategy<Value = String> {
    let columns =
        orders().columns.iter().filter(|column| !["event_id", "row_index", "schema_version", "dt"].contains(&column.name.as_str()));
    let columns: Vec<_> = columns.map(|column| (Just(column.name.clone()), proptest::option::of(value(column.kind)))).collect();
    let unknown = proptest::option::of(Just(json!({ "a": [1, "]}\"", { "b": null }], "c": true })));
    (columns, unknown).prop_map(|(columns, unknown)| {
        let mut line = FRONT.to_owned();
        let columns = columns.into_iter().chain([("unknown".to_owned(), unknown)]);
        for (name, value) in columns.filter_map(|(name, value)| value.map(|value| (name, value))) {
            write!(line, ",{}:{value}", json!(name)).unwrap();
        }
        line + "}"
    })
}

proptest! {
    #[test]
    fn a_line_is_decoded_as_the_general_decoder_does(line in line()) {
        prop_assert_eq!(ours(orders(), &line).unwrap(), generally(orders(), &line).unwrap());
    }

    #[test]
    fn no_bytes_panic_and_none_are_taken_in_part(good in line(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut decoder = TableDecoder::new(orders());
        let mut bytes = good.clone().into_bytes();
        let place = cut.index(bytes.len());
        let truncated = decoder.push(&bytes[..place]);
        prop_assert!(truncated.is_err());
        bytes[place] = byte;
        let is_taken = decoder.push(&bytes).is_ok();
        decoder.push(good.as_bytes()).unwrap();
        let batch = decoder.take().remove(0);
        prop_assert_eq!(batch.num_rows(), 1 + usize::from(is_taken));
        prop_assert_eq!(batch.slice(usize::from(is_taken), 1), ours(orders(), &good).unwrap());
    }
}

#[test]
fn a_line_that_does_not_fit_says_where_and_not_what() {
    let cases = [
        (r#","total_price":"12.34567"}"#, "`total_price` does not fit its column"),
        (r#","total_price":"secret"}"#, "`total_price` does not fit its column"),
        (r#","total_price":"999999999999999.0"}"#, "`total_price` does not fit its column"),
        (r#","created_at":"2026-02-30 00:00:00.000"}"#, "`created_at` does not fit its column"),
        (r#","created_at":"2026-02-03 24:00:00.000"}"#, "`created_at` does not fit its column"),
        (r#","order_id":5}"#, "`order_id` does not fit its column"),
        (r#","row_index":2147483648}"#, "`row_index` does not fit its column"),
        (r#","dt":"10000-01-01"}"#, "`dt` does not fit its column"),
        (r#","dt":"1969-12-31"}"#, "`dt` does not fit its column"),
        (r#","event_id":null}"#, "it has no `event_id`"),
        (r#","tags":["a",1]}"#, "`tags` does not fit its column"),
        (r#","extra":"\x"}"#, "`extra` does not fit its column"),
        (r"", "it is not a JSON object"),
        (r"}}", "it is not a JSON object"),
    ];
    for (rest, expected) in cases {
        assert_eq!(ours(orders(), &format!("{FRONT}{rest}")).unwrap_err(), expected, "{rest}");
    }
    assert_eq!(TableDecoder::new(orders()).push(b"{\"table\":\"\xFF\"}").unwrap_err(), "it is not UTF-8");
}

#[test]
fn escapes_are_resolved() {
    let line = format!("{FRONT}{}", r#","extra":"\u00e9\ud83d\ude00\ud83d \"\\\/\b\f\n\r\t\u0000"}"#);
    let batch = ours(orders(), &line).unwrap();
    let extra = arrow::array::AsArray::as_string::<i32>(batch.column_by_name("extra").unwrap().as_ref());
    assert_eq!(extra.value(0), "é😀\u{FFFD} \"\\/\u{8}\u{c}\n\r\t\0");
}

#[test]
fn the_front_says_what_a_line_is() {
    let kind_of = |line: &str| match kind(Contract::embedded(), line.as_bytes()) {
        Kind::Row(_) => "row",
        Kind::Newer => "newer",
        Kind::Foreign => "foreign",
    };
    assert_eq!(kind_of(FRONT), "row");
    assert_eq!(kind_of(&FRONT.replace("line_version\":1", "line_version\":2")), "newer");
    assert_eq!(kind_of(&FRONT.replace("schema_version\":1", "schema_version\":99")), "newer");
    assert_eq!(kind_of(&FRONT.replace("shopify_orders", "tomorrows_table")), "newer");
    assert_eq!(kind_of("{\"hello\":1}"), "foreign");
    assert_eq!(kind_of("{\"table\":\"shopify_orders\",\"line_version\":x"), "foreign");
}

#[test]
fn small_batches_are_joined() {
    let batch = ours(orders(), &format!("{FRONT}}}")).unwrap();
    let mut batches = Vec::new();
    for _ in 0..10_000 {
        append(&mut batches, batch.clone());
    }
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 10_000);
    assert!(batches.len() < 20, "{}", batches.len());
}
