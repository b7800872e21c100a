//! Which rows are stored, dropped or said to be in conflict, and in which order.

use super::*;
use crate::decode::TableDecoder;
use crate::fixture::{EVENTS, Event, FIRST_DAY, table};

fn rows(events: &[(u32, u32, i32, i32)]) -> Rows {
    let mut decoder = TableDecoder::new(table(EVENTS));
    for (id, payload, day, search_days) in events {
        decoder
            .push(Event { id: *id, payload: *payload, day: FIRST_DAY + day, search_days: *search_days }.line(EVENTS).as_bytes())
            .unwrap();
    }
    Rows::new(table(EVENTS), decoder.take()).unwrap()
}

/// Fates of (id, payload, day, search days), given what the table holds as (id, payload, day).
fn check(incoming: &[(u32, u32, i32, i32)], held: &[(u32, u32, i32)], expected: &str) {
    let incoming = rows(incoming);
    let mut found = Vec::new();
    for (id, payload, day) in held {
        let one = rows(&[(*id, *payload, *day, 0)]);
        for row in 0..incoming.len() {
            let distance = (incoming.days[row] - one.days[0]).abs();
            if incoming.fingerprints[row] == one.fingerprints[0] && distance <= 4 {
                found.push((on_day(incoming.fingerprints[row], incoming.days[row]), Holder { payload: one.payloads[0], day: one.days[0] }));
            }
        }
    }
    let letter = |fate: &Fate| match fate {
        Fate::Stored => 's',
        Fate::Duplicate => 'd',
        Fate::Conflict => 'c',
    };
    let fates: String = incoming.decide(&found).iter().map(letter).collect();
    assert_eq!(fates, expected);
}

#[test]
fn an_identity_is_stored_once_a_day() {
    check(&[(1, 1, 0, 0), (1, 1, 0, 0), (2, 2, 0, 0), (1, 1, 1, 0)], &[], "sdss");
    check(&[(1, 1, 0, 0), (2, 2, 0, 0)], &[(1, 1, 0)], "ds");
}

#[test]
fn another_payload_is_a_conflict_with_what_the_table_holds() {
    check(&[(1, 1, 0, 0), (1, 2, 0, 0), (1, 1, 0, 0)], &[], "scd");
    check(&[(1, 2, 0, 0), (1, 1, 0, 0), (1, 3, 0, 0)], &[(1, 1, 0)], "cdc");
}

#[test]
fn where_the_day_is_not_certain_duplicates_are_looked_for_around_it() {
    check(&[(1, 1, 0, 2), (1, 1, 2, 2), (1, 1, 3, 2), (1, 1, 5, 2)], &[], "sdsd");
    check(&[(1, 1, 4, 2), (1, 1, -4, 2)], &[(1, 1, 2), (1, 1, -2)], "dd");
    check(&[(1, 1, 4, 2)], &[(1, 1, 1)], "s");
    check(&[(1, 1, 4, 0)], &[(1, 1, 3)], "s");
}

#[test]
fn rows_are_sorted_by_day_order_and_key() {
    let rows = rows(&[(5, 1, 1, 0), (4, 1, 0, 0), (3, 1, 0, 0), (1, 1, 0, 0)]);
    let all = vec![Fate::Stored; rows.len()];
    // The accounts are a1 (4, 1) and a0 (3).
    assert_eq!(rows.stored_by_day(&all), [(FIRST_DAY, vec![2, 3, 1]), (FIRST_DAY + 1, vec![0])]);
}

#[test]
fn keys_are_of_types_that_fingerprints_know() {
    for table in freshet_schema::Contract::embedded().tables() {
        for name in &table.key {
            let kind = table.column(name).unwrap().kind;
            assert!(matches!(kind.athena(), "string" | "int" | "bigint" | "date"), "{}.{name}", table.name);
        }
    }
}
