//! Rejects over a lake in memory: read with their bodies, and gone once their rows are there, not before.

use freshet_ingest::time::DAY;

use super::*;
use crate::fixture::{EVENTS, Event, FIRST_DAY, contract, counts, event, expected, gzip, lake, land, options, put, rows, run, stored};

/// The lines of a reject of an event: its row, and its body where there is one.
fn rejected(event: &Event, reason: &str, body: Option<&str>) -> Vec<String> {
    let line =
        |table: &str, more: &str| event.line(table).replace(&event.line(table)[event.line(table).find(",\"payload\":").unwrap()..], more);
    let mut lines = vec![line(REJECTED, &format!(",\"reason\":\"{reason}\",\"message\":\"m\"}}"))];
    lines.extend(body.map(|body| {
        let body = STANDARD.encode(body);
        line(REJECTED_PAYLOADS, &format!(",\"body_base64\":\"{body}\",\"headers\":\"{{\\\"x-topic\\\":\\\"t\\\"}}\"}}"))
            .replace("\"deliveries\":1", "\"deliveries\":0")
    }));
    lines
}

async fn read_all(lake: &Lake, reason: Option<&str>) -> (Vec<Reject>, BTreeMap<String, u64>) {
    let mut rejects = rejects(lake, contract(), |rejected| reason.is_none_or(|reason| rejected.reason == reason)).await.unwrap();
    let mut found = Vec::new();
    while let Some(batch) = rejects.next().await.unwrap() {
        found.extend(batch);
    }
    found.sort_by(|left, right| left.rejected.body.cmp(&right.rejected.body));
    (found, rejects.without_body())
}

#[tokio::test]
async fn rejects_are_read_with_their_bodies() {
    let lake = lake();
    assert_eq!(read_all(&lake, None).await, (Vec::new(), BTreeMap::new()));
    let lines = [
        rejected(&event(1, 1, 0), "missing_field", Some("one")),
        rejected(&event(2, 2, 5), "not_json", Some("two")),
        rejected(&event(3, 3, 0), "identity_conflict", None),
    ];
    put(&lake, "landing/a.gz", gzip(&lines.concat())).await;
    run(&lake, "first").await;
    let (found, without_body) = read_all(&lake, None).await;
    assert_eq!(without_body, BTreeMap::from([("identity_conflict".to_owned(), 1)]));
    assert_eq!(found.len(), 2);
    let first = &found[0].rejected;
    assert_eq!(
        (first.event_id.as_str(), first.source.as_str(), first.reason.as_str()),
        (event(1, 1, 0).event_id().as_str(), "game", "missing_field")
    );
    assert_eq!((first.body.as_slice(), first.headers.get("X-Topic")), (b"one".as_slice(), Some("t")));
    assert_eq!(first.received_at, Millis(i64::from(FIRST_DAY) * DAY + 1));
    assert_eq!(read_all(&lake, Some("not_json")).await.0, found[1..]);
}

#[tokio::test]
async fn a_reject_goes_when_its_rows_are_there_and_not_before() {
    let lake = lake();
    let (mine, others) = (event(1, 1, 0), event(2, 2, 0));
    put(&lake, "landing/a.gz", gzip(&[rejected(&mine, "missing_field", Some("one")), rejected(&others, "not_json", Some("two"))].concat()))
        .await;
    run(&lake, "first").await;
    let key = read_all(&lake, Some("missing_field")).await.0[0].key.clone();
    let line = mine.line(EVENTS).replace("\"deliveries\":1", "\"deliveries\":0");
    let became = [(key.clone(), format!("{line}\n"))];
    assert_eq!(resolve(&lake, contract(), &became, &options("second", 0)).await.unwrap(), 0);
    assert_eq!(resolve(&lake, contract(), &[(key, String::new())], &options("third", 0)).await.unwrap(), 0);
    // The same event with another payload is not its row.
    land(&lake, "other", &[event(1, 9, 0)]).await;
    run(&lake, "fourth").await;
    assert_eq!(resolve(&lake, contract(), &became, &options("fifth", 0)).await.unwrap(), 0);

    let lake = self::lake();
    put(&lake, "landing/a.gz", gzip(&[rejected(&mine, "missing_field", Some("one")), rejected(&others, "not_json", Some("two"))].concat()))
        .await;
    put(&lake, "landing/b.gz", gzip(&[line])).await;
    run(&lake, "first").await;
    assert_eq!(resolve(&lake, contract(), &became, &options("second", 0)).await.unwrap(), 1);
    assert_eq!(resolve(&lake, contract(), &became, &options("third", 0)).await.unwrap(), 0);
    assert_eq!(stored(&lake).await, expected(&[mine]));
    for table in [REJECTED, REJECTED_PAYLOADS] {
        assert_eq!(rows(&lake, table, &["event_id"]).await, [["2026-11-20".to_owned(), others.event_id()]]);
    }
    // Its count rides in the commit and is copied by the next run.
    run(&lake, "fourth").await;
    let counts = counts(&lake).await;
    let of = |step: &str, table: &str| counts[&(step.to_owned(), table.to_owned())];
    assert_eq!((of("replay", REJECTED), of("compact", REJECTED), of("settle", "")), ([1, 1, 0, 0], [2, 2, 0, 0], [2, 0, 0, 2]));
}
