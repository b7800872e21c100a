//! Headers as people write them, rightly and wrongly.

use super::*;

const GOOD: &str = "\
-- name: orders_since
-- summary: Orders of a shop
--     since a day.
-- Anything else is a remark: even with a colon.
-- kind: query
-- param: since date 2026-01-01 First day (UTC).
-- param: shop string 'it''s mine.example' The shop's domain.
--
-- column: order_id string The order.
-- column: total decimal(38,4) What it cost: all of it.

SELECT order_id, sum(total) AS total -- not :this
FROM shopify_orders
WHERE dt >= :since AND account = :shop OR note = ':that'
;
";

fn fault(text: &str) -> (usize, String) {
    match read("orders_since.sql", text, &[]) {
        Err(Error::Parse { file, line, message }) => {
            assert_eq!(file, "orders_since.sql");
            (line, message)
        }
        other => panic!("{text} gave {other:?}"),
    }
}

#[test]
fn a_good_file_is_read_whole() {
    let query = read("orders_since.sql", GOOD, &[]).unwrap();
    assert_eq!((query.name.as_str(), query.kind), ("orders_since", Kind::Query));
    assert_eq!(query.summary, "Orders of a shop since a day.");
    assert_eq!(
        query.parameters,
        [
            Parameter {
                name: "since".to_owned(),
                kind: ParameterKind::Date,
                example: "2026-01-01".to_owned(),
                doc: "First day (UTC).".to_owned(),
            },
            Parameter {
                name: "shop".to_owned(),
                kind: ParameterKind::String,
                example: "it's mine.example".to_owned(),
                doc: "The shop's domain.".to_owned(),
            },
        ]
    );
    assert_eq!(query.columns[1].kind, "decimal(38,4)");
    assert_eq!(query.columns[1].doc, "What it cost: all of it.");
    assert!(query.sql.starts_with("SELECT order_id") && query.sql.ends_with("':that'"), "{}", query.sql);
}

#[test]
fn every_mistake_is_said_with_its_line() {
    for (from, to, line, message) in [
        ("-- kind:", "-- kund:", 5, "unknown header `kund`"),
        ("-- kind: query", "-- kind: table", 5, "kind is query or view"),
        ("-- kind: query\n", "", 11, "no `-- kind: …`"),
        ("-- name: orders_since\n", "", 11, "no `-- name: …`"),
        ("-- name: orders_since", "-- name: other", 1, "the file is named orders_since.sql"),
        ("-- name: orders_since", "-- name: Orders", 1, "names are lower case"),
        ("-- kind: query", "-- kind: query\n-- kind: query", 6, "`kind` is there twice"),
        ("-- kind: query", "-- kind:", 5, "`kind` is empty"),
        ("since date 2026", "since day 2026", 6, "a type is date,"),
        ("2026-01-01 First", "2026-02-30 First", 6, "`2026-02-30` is no date"),
        ("-01 First day (UTC).", "-01", 6, "does not say what it means"),
        ("since date 2026-01-01 First day (UTC).", "since", 6, "a parameter is written as"),
        ("mine.example' The shop's domain.", "mine.example", 7, "the example's quote does not end"),
        ("-- param: shop", "-- param: since", 7, "parameter `since` is there twice"),
        ("-- param: shop", "-- param: store", 14, "`:shop` has no `-- param: shop …`"),
        ("account = :shop", "account = 'shop'", 7, "the statement does not use it"),
        ("account = :shop", "account = ?", 14, "not `?`"),
        ("decimal(38,4)", "money", 10, "`money` is no type"),
        ("-- column: total", "-- column: order_id", 10, "column `order_id` is there twice"),
        ("':that'", "':that", 14, "a literal does not end"),
        (":that'\n;", ":that';\nSELECT 1", 14, "a file holds one statement"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let (found_line, found) = fault(&text);
        assert!(found.contains(message), "{from} → {to}: {found}");
        assert_eq!(found_line, line, "{from} → {to}: {found}");
    }
}

#[test]
fn a_view_takes_no_parameters() {
    let (line, message) = fault(&GOOD.replace("kind: query", "kind: view"));
    assert!(line == 6 && message.contains("a view takes no parameters"), "{line}: {message}");
}

#[test]
fn a_file_without_a_statement_is_refused() {
    for text in ["", "\n\n", "-- name: orders_since\n", &GOOD[..GOOD.find("SELECT").unwrap()]] {
        assert!(read("orders_since.sql", text, &[]).is_err(), "{text}");
    }
}

#[test]
fn windows_line_ends_are_line_ends() {
    let query = read("orders_since.sql", &GOOD.replace('\n', "\r\n"), &[]).unwrap();
    assert_eq!(query.columns[0].doc, "The order.");
}

#[test]
fn a_statement_is_repeated_for_each_table() {
    let text = "\
-- name: all
-- summary: s
-- kind: view
-- repeat: each_table stands for every table of events.
-- column: a bigint c
SELECT 'each_table' AS a FROM each_table;
";
    let query = read("all.sql", text, &["orders", "carts"]).unwrap();
    assert_eq!(query.sql, "SELECT 'orders' AS a FROM orders\nUNION ALL\nSELECT 'carts' AS a FROM carts");
    for wrong in ["-- repeat: table stands for it.", "-- repeat: each_table"] {
        let text = text.replace("-- repeat: each_table stands for every table of events.", wrong);
        assert!(read("all.sql", &text, &["orders"]).unwrap_err().to_string().contains("-- repeat: each_table"), "{wrong}");
    }
}
