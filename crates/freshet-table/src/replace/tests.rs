//! Replacing over a lake in memory: rows change, move to other days, become fewer, leave a table; none is double.

use std::sync::LazyLock;

use freshet_ingest::canonical::hash;
use freshet_ingest::time::Millis;

use super::*;
use crate::commit::day_text;
use crate::compact::compact;
use crate::fixture::{self, EVENTS, FIRST_DAY, counts as counted, files, gzip, lake, options, put, rows, run};

/// A row of an event: what tests vary of it.
#[derive(Clone, Copy)]
struct Given {
    table: &'static str,
    event: u32,
    index: i32,
    payload: u32,
    day: i32,
    text: &'static str,
    received: i64,
}

fn given(event: u32, index: i32, day: i32, text: &'static str) -> Given {
    Given { table: EVENTS, event, index, payload: event, day, text, received: 0 }
}

fn id(event: u32) -> String {
    hash(&event.to_be_bytes())
}

fn line(given: &Given) -> String {
    let day = i64::from(FIRST_DAY + given.day) * DAY;
    // Where no time of its own is given, an event happened when it was received.
    let (received, occurred) = match given.received {
        0 => (Millis(day + 1_000), Millis(day)),
        received => (Millis(day + received), Millis(day + received)),
    };
    format!(
        "{{\"table\":\"{}\",\"line_version\":1,\"schema_version\":1,\"dt\":\"{}\",\"search_days\":0,\"deliveries\":0,\"event_id\":\"{}\",\"row_index\":{},\"source\":\"game\",\"account\":\"a\",\"topic\":\"t\",\"occurred_at\":\"{}\",\"received_at\":\"{}\",\"time_suspect\":false,\"payload_hash\":\"{}\",\"payload\":\"{}\"}}",
        given.table,
        day_text(FIRST_DAY + given.day),
        id(given.event),
        given.index,
        occurred.text(),
        received.text(),
        hash(&given.payload.to_le_bytes()),
        given.text,
    )
}

fn lines(given: &[Given]) -> String {
    given.iter().map(|given| line(given) + "\n").collect()
}

async fn land(lake: &Lake, given: &[Given]) {
    put(lake, "landing/a.gz", gzip(&given.iter().map(line).collect::<Vec<_>>())).await;
}

async fn held(lake: &Lake) -> Vec<Vec<String>> {
    rows(lake, EVENTS, &["event_id", "row_index", "payload"]).await
}

fn expected(given: &[Given]) -> Vec<Vec<String>> {
    let row = |given: &Given| vec![day_text(FIRST_DAY + given.day), id(given.event), given.index.to_string(), given.text.to_owned()];
    let mut rows: Vec<Vec<String>> = given.iter().map(row).collect();
    rows.sort();
    rows
}

async fn replaced(lake: &Lake, given: &[Given], run: &str) -> Replaced {
    replace(lake, fixture::contract(), &lines(given), &options(run, 0)).await.unwrap()
}

async fn version(lake: &Lake) -> u64 {
    lake.load(fixture::table(EVENTS)).await.unwrap().unwrap().version().unwrap()
}

#[tokio::test]
async fn rows_change_and_move_to_other_days_and_none_is_double() {
    let lake = lake();
    let before = [given(1, 0, 0, "old"), given(2, 0, 0, "old"), given(3, 0, 1, "same"), given(4, 0, 0, "other")];
    land(&lake, &before).await;
    run(&lake, "first").await;
    let today = [given(1, 0, 200, "new"), given(2, 0, 0, "new"), given(3, 0, 1, "same")];
    let done = replaced(&lake, &today, "second").await;
    assert_eq!(done, Replaced { written: 2, removed: 2, unchanged: 1, conflicts: 0 });
    let after = expected(&[today[0], today[1], today[2], before[3]]);
    assert_eq!(held(&lake).await, after);
    // Twice is as once, and writes nothing.
    let newest = version(&lake).await;
    assert_eq!(replaced(&lake, &today, "third").await, Replaced { unchanged: 3, ..Replaced::default() });
    assert_eq!((version(&lake).await, held(&lake).await), (newest, after.clone()));
    // Compaction finds them there.
    land(&lake, &today).await;
    let report = run(&lake, "fourth").await;
    assert_eq!((report.rows, report.duplicates), (0, 3));
    assert_eq!(held(&lake).await, after);
    let key = |step: &str| (step.to_owned(), EVENTS.to_owned());
    let counts = counted(&lake).await;
    assert_eq!((counts[&key("compact")], counts[&key("replace")]), ([7, 4, 3, 0], [3, 2, 1, 0]));
}

#[tokio::test]
async fn an_event_may_have_fewer_rows_or_more() {
    let lake = lake();
    let three: Vec<Given> = (0..3).map(|index| given(1, index, 0, "a")).collect();
    land(&lake, &[three.clone(), vec![given(2, 0, 0, "b")]].concat()).await;
    run(&lake, "first").await;
    let done = replaced(&lake, &three[..2], "second").await;
    assert_eq!((done.written, done.removed), (2, 3));
    assert_eq!(held(&lake).await, expected(&[three[0], three[1], given(2, 0, 0, "b")]));
    let done = replaced(&lake, &three, "third").await;
    assert_eq!((done.written, done.removed), (3, 2));
    assert_eq!(held(&lake).await, expected(&[three.clone(), vec![given(2, 0, 0, "b")]].concat()));
    // A file that loses all its rows goes.
    assert_eq!(files(&lake, EVENTS).await.iter().map(|file| file.records).sum::<usize>(), 4);
}

#[tokio::test]
async fn an_event_that_is_not_there_comes_in_and_another_payload_does_not() {
    let lake = lake();
    land(&lake, &[given(1, 0, 0, "kept")]).await;
    run(&lake, "first").await;
    let other = Given { payload: 99, ..given(1, 0, 3, "other") };
    let done = replaced(&lake, &[other, given(2, 0, 0, "new"), given(2, 0, 0, "again")], "second").await;
    assert_eq!((done.written, done.removed, done.conflicts), (1, 0, 1));
    assert_eq!(held(&lake).await, expected(&[given(1, 0, 0, "kept"), given(2, 0, 0, "new")]));
    // Both versions at once: the one that is there is replaced.
    let done = replaced(&lake, &[other, given(1, 0, 1, "fixed")], "third").await;
    assert_eq!((done.written, done.removed, done.conflicts), (1, 1, 1));
    assert_eq!(held(&lake).await, expected(&[given(1, 0, 1, "fixed"), given(2, 0, 0, "new")]));
}

#[tokio::test]
async fn the_first_receipt_is_kept_and_a_day_that_hangs_on_it() {
    let lake = lake();
    land(&lake, &[Given { received: 5_000, ..given(1, 0, 0, "old") }, given(2, 0, 0, "old")]).await;
    run(&lake, "first").await;
    // Delivered again two days later, by which the row of an event without a time would move.
    let later = |event| Given { received: 2 * DAY + 7, ..given(event, 0, 0, "new") };
    let occurred = |at: i64| format!("\"occurred_at\":\"{}\"", Millis(i64::from(FIRST_DAY) * DAY + at).text());
    let own_time = line(&later(2)).replace(&occurred(2 * DAY + 7), &occurred(0));
    let today = format!("{}\n{own_time}\n", line(&later(1)).replace("\"dt\":\"2026-11-20\"", "\"dt\":\"2026-11-22\""));
    replace(&lake, fixture::contract(), &today, &options("second", 0)).await.unwrap();
    assert_eq!(held(&lake).await, expected(&[given(1, 0, 0, "new"), given(2, 0, 0, "new")]));
    replaced(&lake, &[Given { received: 5_000, ..given(1, 0, 0, "new") }], "third").await;
    let newest = version(&lake).await;
    replace(&lake, fixture::contract(), &today, &options("fourth", 0)).await.unwrap();
    assert_eq!(version(&lake).await, newest);
}

/// The lake's tables and one of another source.
fn wider() -> &'static Contract {
    static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
        let mut files: Vec<_> = Contract::embedded_files().filter(|(path, _)| path.starts_with("lake/")).collect();
        files.push(("own/source.toml", "name = \"own\"\ndoc = \"Own.\"\n"));
        files.push((
            "own/own_events.toml",
            "name = \"own_events\"\ndoc = \"Own.\"\nversion = 1\ntopics = [\"*\"]\nsort = [\"event_id\"]\n[[column]]\nname = \"payload\"\ntype = \"string\"\ndoc = \"Text.\"\n",
        ));
        Contract::parse(&files).unwrap()
    });
    &CONTRACT
}

#[tokio::test]
async fn an_event_that_feeds_another_table_leaves_the_one_that_it_fed() {
    let lake = lake();
    land(&lake, &[given(1, 0, 0, "a"), given(2, 0, 0, "b")]).await;
    run(&lake, "first").await;
    let own = Given { table: "own_events", ..given(1, 0, 5, "a") };
    let done = replace(&lake, wider(), &lines(&[own]), &options("second", 0)).await.unwrap();
    assert_eq!((done.written, done.removed), (1, 1));
    assert_eq!(held(&lake).await, expected(&[given(2, 0, 0, "b")]));
    let table = wider().table("own_events").unwrap();
    let delta = lake.load(table).await.unwrap().unwrap();
    let there: usize = crate::commit::files(&delta, table).await.unwrap().iter().map(|file| file.records).sum();
    assert_eq!(there, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_beside_a_compaction_loses_and_doubles_nothing() {
    let lake = lake();
    let old: Vec<Given> = (0..200).map(|event| given(event, 0, 0, "old")).collect();
    land(&lake, &old).await;
    run(&lake, "first").await;
    let more: Vec<Given> = (100..300).map(|event| given(event, 0, i32::try_from(event % 2).unwrap(), "old")).collect();
    let more: Vec<Given> = more.into_iter().map(|row| if row.event < 200 { Given { day: 0, ..row } } else { row }).collect();
    land(&lake, &more).await;
    let new: Vec<Given> = (0..200).map(|event| given(event, 0, 0, "new")).collect();
    let (text, second, third) = (lines(&new), options("second", 0), options("third", 0));
    let (replaced, compacted) =
        tokio::join!(replace(&lake, fixture::contract(), &text, &second), compact(&lake, fixture::contract(), &third, |_| {}));
    assert_eq!((replaced.unwrap().written, compacted.unwrap().rows), (200, 100));
    assert_eq!(held(&lake).await, expected(&[new, more.into_iter().filter(|row| row.event >= 200).collect()].concat()));
}
