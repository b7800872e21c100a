//! Whole compactions over a lake in memory: days, duplicates, conflicts, deadlines, limits, counts.

use std::time::{Duration, Instant};

use freshet_ingest::time::{DAY, Millis};
use futures::StreamExt;
use object_store::ObjectStoreExt;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proptest::prelude::*;

use super::*;
use crate::fixture::{
    EVENTS, Event, contract, counts, event, expected, files, gzip, keys, lake, land, options, put, rows, run, stored, table,
};
use crate::plan::PlannedFate::{Quarantined, Stored, Waits};
use crate::requests::counted;

#[tokio::test]
async fn rows_go_to_their_days_once() {
    let lake = lake();
    land(&lake, "a", &[event(1, 1, 0), event(2, 2, 1), event(1, 1, 0)]).await;
    land(&lake, "b", &[event(2, 2, 1), event(3, 3, 0)]).await;
    let first = run(&lake, "first").await;
    assert_eq!((first.objects, first.rows, first.duplicates, first.files), (2, 3, 2, 2));
    land(&lake, "c", &[event(3, 3, 0), event(4, 4, -300)]).await;
    let second = run(&lake, "second").await;
    assert_eq!((second.rows, second.duplicates, second.conflicts), (1, 1, 0));
    assert_eq!(stored(&lake).await, expected(&[event(1, 1, 0), event(2, 2, 1), event(3, 3, 0), event(4, 4, -300)]));
    assert_eq!(keys(&lake, "landing").await, [""; 0]);
    let key = |step: &str, table: &str| (step.to_owned(), table.to_owned());
    assert_eq!(counts(&lake).await, BTreeMap::from([(key("compact", EVENTS), [7, 4, 3, 0]), (key("settle", ""), [7, 4, 3, 0])]));
}

#[tokio::test]
async fn a_duplicate_on_another_day_is_found_where_the_day_is_not_certain() {
    let lake = lake();
    let uncertain = |id, day| Event { search_days: 2, ..event(id, 1, day) };
    land(&lake, "a", &[uncertain(1, 0)]).await;
    run(&lake, "first").await;
    land(&lake, "b", &[uncertain(1, 2), uncertain(1, -2), uncertain(1, 3)]).await;
    run(&lake, "second").await;
    assert_eq!(stored(&lake).await, expected(&[uncertain(1, 0), uncertain(1, 3)]));
}

#[tokio::test]
async fn an_identity_with_another_payload_is_said_once() {
    let lake = lake();
    for (name, payload) in [("a", 1), ("b", 2), ("c", 2), ("d", 1)] {
        land(&lake, name, &[Event { search_days: 2, ..event(1, payload, 0) }]).await;
        run(&lake, name).await;
    }
    land(&lake, "e", &[Event { search_days: 2, ..event(1, 2, 1) }]).await;
    run(&lake, "e").await;
    assert_eq!(stored(&lake).await, expected(&[event(1, 1, 0)]));
    let said = rows(&lake, REJECTED, &["event_id", "payload_hash", "reason", "table_name"]).await;
    let conflict = event(1, 2, 0);
    assert_eq!(said, [["2026-11-20", &conflict.event_id(), &conflict.payload_hash(), "identity_conflict", EVENTS]]);
    assert_eq!(counts(&lake).await[&("compact".to_owned(), EVENTS.to_owned())], [5, 1, 1, 3]);
}

#[tokio::test]
async fn an_object_with_more_than_good_lines_gives_them_and_is_put_aside() {
    let good = |id| event(id, 1, 0).line(EVENTS);
    let many: Vec<String> = (0..500).map(good).collect();
    let whole = gzip(&many);
    let no_day = good(9_000).replace("\"dt\":\"2026-11-20\"", "\"dt\":\"today\"");
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("truncated", whole[..whole.len() / 2].to_vec(), "damaged_object"),
        ("bad", gzip(&[good(1), no_day, "{\"table\":".to_owned(), good(2)]), "damaged_object"),
        ("foreign", b"id,name\n1,Ann\n".to_vec(), "foreign_object"),
        ("bytes", vec![0xFF; 100_000], "foreign_object"),
        ("plain", format!("{}\n\n{}", good(3), good(4)).into_bytes(), ""),
        ("empty", Vec::new(), ""),
    ];
    let lake = lake();
    for (name, bytes, _) in &cases {
        put(&lake, &format!("landing/2026/{name}"), bytes.clone()).await;
    }
    run(&lake, "first").await;
    assert_eq!(keys(&lake, "landing").await, [""; 0]);
    let aside: Vec<&(&str, Vec<u8>, &str)> = cases.iter().filter(|(.., reason)| !reason.is_empty()).collect();
    let mut expected_keys: Vec<String> = aside.iter().map(|(name, ..)| format!("quarantine/2026/{name}")).collect();
    expected_keys.sort();
    assert_eq!(keys(&lake, "quarantine").await, expected_keys);
    let said = rows(&lake, REJECTED, &["message", "reason"]).await;
    assert_eq!(said.len(), aside.len());
    for (name, _, reason) in aside {
        let row = said.iter().find(|row| row[1].contains(&format!("landing/2026/{name}:"))).unwrap();
        assert_eq!(row[2], *reason, "{row:?}");
        assert!(!row[1].contains("Ann") && !row[1].contains("today"), "{row:?}");
    }
    let ids: Vec<String> = stored(&lake).await.into_iter().map(|row| row[1].clone()).collect();
    for id in [1, 2, 3, 4] {
        assert!(ids.contains(&event(id, 1, 0).event_id()), "{id}");
    }
    let from_truncated = ids.len();
    assert!((50..500).contains(&from_truncated), "{from_truncated}");
    // Put back as it was: the rows are there already, and a later object is another.
    put(&lake, "landing/2026/truncated", whole).await;
    run(&lake, "second").await;
    assert_eq!(stored(&lake).await.len(), 500);
}

#[tokio::test]
async fn an_object_of_newer_code_waits_whole() {
    let lake = lake();
    let mut lines: Vec<String> = (0..3_000).map(|id| event(id, 1, 0).line(EVENTS)).collect();
    lines.push(event(3_000, 1, 0).line(EVENTS).replace("\"schema_version\":1", "\"schema_version\":99"));
    put(&lake, "landing/newer.gz", gzip(&lines)).await;
    land(&lake, "ours", &[event(5_000, 1, 0)]).await;
    // So small a budget that the object is handed over in pieces.
    let small = Options { memory_budget: 512 * 1024, ..options("first", 0) };
    let report = compact(&lake, contract(), &small, |_| {}).await.unwrap();
    assert_eq!(report.waiting, ["landing/newer.gz"]);
    assert_eq!(stored(&lake).await, expected(&[event(5_000, 1, 0)]));
    assert_eq!(keys(&lake, "landing").await, ["landing/newer.gz"]);
}

#[tokio::test]
async fn a_run_stops_at_its_deadline_and_the_next_goes_on() {
    let lake = lake();
    land(&lake, "a", &[event(1, 1, 0)]).await;
    let too_late = Options { deadline: Some(Instant::now()), ..options("late", 0) };
    let report = compact(&lake, contract(), &too_late, |_| {}).await.unwrap();
    assert!(report.is_partial && report.objects == 0);
    let timely = Options { deadline: Some(Instant::now() + Duration::from_hours(1)), ..options("timely", 0) };
    let report = compact(&lake, contract(), &timely, |_| {}).await.unwrap();
    assert!(!report.is_partial && report.rows == 1);
}

#[tokio::test]
async fn a_run_touches_no_more_partitions_than_it_may() {
    let lake = lake();
    for object in 0..4 {
        let days = object * 3..object * 3 + 3;
        land(&lake, &format!("{object}"), &days.map(|day| event(1, 1, day)).collect::<Vec<_>>()).await;
    }
    let few = Options { max_partitions: 7, ..options("first", 0) };
    let report = compact(&lake, contract(), &few, |_| {}).await.unwrap();
    assert_eq!((report.objects, report.rows, report.is_partial), (2, 6, true));
    // One object alone may touch as many as it has to.
    let fewer = Options { max_partitions: 1, ..options("second", 0) };
    assert_eq!(compact(&lake, contract(), &fewer, |_| {}).await.unwrap().objects, 1);
    assert_eq!(compact(&lake, contract(), &fewer, |_| {}).await.unwrap().objects, 1);
    assert_eq!(stored(&lake).await.len(), 12);
}

#[tokio::test]
async fn counts_of_a_run_that_was_killed_behind_its_commit_are_copied_once() {
    let lake = lake();
    tables::create_tables(&lake, contract()).await.unwrap();
    let mut decoder = TableDecoder::new(table(EVENTS));
    for id in 0..3 {
        decoder.push(event(id, 1, 0).line(EVENTS).as_bytes()).unwrap();
    }
    // The commit, and then nothing: the landing object is still there.
    round::store(&lake, contract(), table(EVENTS), decoder.take(), &options("killed-0", 0), &Map::new()).await.unwrap();
    land(&lake, "a", &(0..3).map(|id| event(id, 1, 0)).collect::<Vec<_>>()).await;
    for name in ["second", "third"] {
        run(&lake, name).await;
        assert_eq!(counts(&lake).await[&("compact".to_owned(), EVENTS.to_owned())], [6, 3, 3, 0], "{name}");
    }
    assert_eq!(stored(&lake).await.len(), 3);
}

#[tokio::test]
async fn counts_of_another_run_are_not_passed_over() {
    let lake = lake();
    land(&lake, "a", &[event(1, 1, 0)]).await;
    run(&lake, "first").await;
    // Another run has committed and has not come to its counts when this one writes its own.
    let mut decoder = TableDecoder::new(table(EVENTS));
    decoder.push(event(2, 1, 0).line(EVENTS).as_bytes()).unwrap();
    let other = round::store(&lake, contract(), table(EVENTS), decoder.take(), &options("other-0", 0), &Map::new()).await.unwrap();
    let own = Count { run: "own-0".to_owned(), ..other.counts[0].clone() };
    let uncopied = counts::uncopied(&lake, contract(), |table, _| own.table == table.name).await.unwrap();
    write_counts(&lake, contract(), uncopied, &[own], Vec::new(), &options("own", 0)).await.unwrap();
    let runs: Vec<String> =
        rows(&lake, COUNTS, &["step", "run"]).await.into_iter().filter(|row| row[1] == "compact").map(|row| row[2].clone()).collect();
    assert_eq!(runs, ["first-0", "other-0", "own-0"]);
}

#[tokio::test]
async fn the_log_has_a_checkpoint_every_ten_commits() {
    let lake = lake();
    for round in 0..12 {
        land(&lake, "a", &[event(round, 1, 0)]).await;
        run(&lake, &round.to_string()).await;
    }
    let log = keys(&lake, "tables/unmapped_events/_delta_log").await;
    assert!(log.iter().any(|key| key.ends_with("00000000000000000009.checkpoint.parquet")), "{log:?}");
    assert!(log.contains(&"tables/unmapped_events/_delta_log/_last_checkpoint".to_owned()), "{log:?}");
    assert!(log.contains(&"tables/unmapped_events/_delta_log/00000000000000000000.json".to_owned()), "kept for its days: {log:?}");
    assert_eq!(stored(&lake).await.len(), 12);
}

#[tokio::test]
async fn log_entries_behind_their_days_are_cleaned_and_no_count_with_them() {
    let lake = lake();
    tables::create(&lake, table(EVENTS), "interval 0 seconds").await.unwrap();
    for round in 0..22 {
        land(&lake, "a", &[event(round, 1, 0)]).await;
        run(&lake, &round.to_string()).await;
    }
    let log = keys(&lake, "tables/unmapped_events/_delta_log").await;
    assert!(!log.contains(&"tables/unmapped_events/_delta_log/00000000000000000000.json".to_owned()), "{log:?}");
    assert_eq!(stored(&lake).await.len(), 22);
    assert_eq!(counts(&lake).await[&("compact".to_owned(), EVENTS.to_owned())], [22, 22, 0, 0]);
}

#[tokio::test]
async fn small_files_become_one_sorted_file_of_the_same_rows() {
    let lake = lake();
    for object in 0..8_u32 {
        land(&lake, "a", &(0..50).map(|id| event(object + id * 8, id, 0)).collect::<Vec<_>>()).await;
        let report = run(&lake, &object.to_string()).await;
        assert_eq!(report.merged, if object == 4 { 10 } else { 0 }, "of the events and of their counts: {object}");
    }
    let all: Vec<Event> = (0..8).flat_map(|object| (0..50).map(move |id| event(object + id * 8, id, 0))).collect();
    assert_eq!(stored(&lake).await, expected(&all));
    assert_eq!(files(&lake, EVENTS).await.len(), 4);
    // The day is long over.
    let report = compact(&lake, contract(), &options("later", 10), |_| {}).await.unwrap();
    assert!(report.merged >= 4, "{}", report.merged);
    let left = files(&lake, EVENTS).await;
    assert_eq!((left.len(), left[0].records, left[0].stats["numRecords"].as_u64()), (1, 400, Some(400)));
    assert_eq!(stored(&lake).await, expected(&all));
    let batches = crate::fixture::read(&lake, EVENTS, &left[0]).await;
    let order = crate::rows::order(table(EVENTS)).into_iter().filter(|name| *name != "source").cloned().collect::<Vec<_>>();
    assert_eq!(order, ["account", "occurred_at", "event_id", "row_index"]);
    let accounts: Vec<String> = batches
        .iter()
        .flat_map(|batch| {
            batch.column_by_name("account").unwrap().as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    assert!(accounts.is_sorted());
    assert_eq!(left[0].stats["minValues"]["account"], accounts[0]);
    assert_eq!(left[0].stats["maxValues"]["account"], accounts[399]);
    // A merge changes no row: readers of changes see none.
    let notes = crate::commit::notes_since(&lake, table(EVENTS), None).await.unwrap();
    assert_eq!(notes.iter().filter(|(_, note)| note["operation"] == "merge").count(), 2);
}

#[tokio::test]
async fn what_is_kept_for_some_days_is_deleted_row_by_row_and_then_its_files() {
    const PAYLOADS: &str = "rejected_payloads";
    let lake = lake();
    let lines: Vec<String> = (0..4).map(|id| event(id, 1, i32::try_from(id).unwrap()).line(PAYLOADS)).collect();
    // All in one partition, as bodies of any age may be.
    let in_one_day = |line: &String| {
        line.replace("\"dt\":\"2026-11-2", "\"dt\":\"2026-11-1")
            .replace("\"dt\":\"2026-11-11\"", "\"dt\":\"2026-11-10\"")
            .replace("\"dt\":\"2026-11-12\"", "\"dt\":\"2026-11-10\"")
            .replace("\"dt\":\"2026-11-13\"", "\"dt\":\"2026-11-10\"")
    };
    put(&lake, "landing/a", gzip(&lines.iter().map(in_one_day).collect::<Vec<_>>())).await;
    let contract = contract();
    let now = |day: i32| compact_on(&lake, contract, day);
    now(3).await;
    assert_eq!((rows(&lake, PAYLOADS, &[]).await.len(), files(&lake, PAYLOADS).await.len()), (4, 1));
    now(21).await;
    assert_eq!(rows(&lake, PAYLOADS, &[]).await.len(), 4);
    now(23).await;
    assert_eq!(rows(&lake, PAYLOADS, &["event_id"]).await.len(), 2);
    now(40).await;
    assert_eq!(rows(&lake, PAYLOADS, &["event_id"]).await.len(), 0);
    let data = |keys: Vec<String>| keys.into_iter().filter(|key| key.contains("/dt=")).count();
    // Tombstones bear the library's own clock, which is years behind the runs': the first run after deletes the files.
    now(60).await;
    assert_eq!(data(keys(&lake, "restricted").await), 0);
}

async fn compact_on(lake: &Lake, contract: &'static Contract, day: i32) {
    compact(lake, contract, &options(&format!("day-{day}"), day), |_| {}).await.unwrap();
}

#[tokio::test]
async fn vacuum_deletes_what_was_never_committed_after_seven_days() {
    let lake = lake();
    land(&lake, "a", &[event(1, 1, 0)]).await;
    run(&lake, "first").await;
    put(&lake, "tables/unmapped_events/dt=2026-11-20/part-orphan.parquet", vec![1]).await;
    let age = |days: i64| Options { now: Millis(written_at() + days * DAY), ..options("later", 0) };
    let orphans = async || {
        keys(&lake, "tables/unmapped_events/dt=2026-11-20").await.iter().filter(|key| key.ends_with("part-orphan.parquet")).count()
    };
    compact(&lake, contract(), &age(6), |_| {}).await.unwrap();
    assert_eq!(orphans().await, 1);
    compact(&lake, contract(), &age(8), |_| {}).await.unwrap();
    assert_eq!(orphans().await, 0);
    assert_eq!(stored(&lake).await, expected(&[event(1, 1, 0)]));
}

/// The store's and the library's own clock.
fn written_at() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

#[tokio::test]
async fn a_plan_says_what_a_run_would_do_and_does_nothing() {
    let lake = lake();
    for object in 0..5 {
        land(&lake, "a", &[event(object, 1, 0)]).await;
        compact(&lake, contract(), &Options { target_file: 1, ..options(&object.to_string(), 0) }, |_| {}).await.unwrap();
    }
    land(&lake, "a", &[event(10, 1, 0), event(11, 1, 1)]).await;
    land(&lake, "b", &[event(12, 1, 1)]).await;
    put(&lake, "landing/c", b"hello".to_vec()).await;
    put(&lake, "landing/d", event(1, 1, 0).line("tables_of_tomorrow").into_bytes()).await;
    let before = keys(&lake, "").await;
    let plan = crate::plan::plan(&lake, contract(), &options("plan", 0), None).await.unwrap();
    assert_eq!(keys(&lake, "").await, before);
    let objects: Vec<_> = plan.objects.iter().map(|object| (object.key.as_str(), object.rows, object.fate)).collect();
    assert_eq!(objects, [("landing/a.gz", 2, Stored), ("landing/b.gz", 1, Stored), ("landing/c", 0, Quarantined), ("landing/d", 0, Waits)]);
    let partitions: Vec<_> = plan
        .partitions
        .iter()
        .map(|partition| (partition.table.as_str(), partition.dt.as_str(), partition.rows, partition.objects))
        .collect();
    assert_eq!(partitions, [(EVENTS, "2026-11-20", 1, 1), (EVENTS, "2026-11-21", 2, 2)]);
    let merges: Vec<_> = plan.merges.iter().map(|merge| (merge.table.as_str(), merge.dt.as_str(), merge.files)).collect();
    assert!(merges.contains(&(EVENTS, "2026-11-20", 5)), "{merges:?}");
}

#[tokio::test]
async fn a_data_file_is_written_to_be_read() {
    let lake = lake();
    land(&lake, "a", &(0..3_000).map(|id| event(id, 1, 0)).collect::<Vec<_>>()).await;
    run(&lake, "first").await;
    let file = files(&lake, EVENTS).await.remove(0);
    let bytes = lake.table_store(table(EVENTS)).get(&file.location).await.unwrap().bytes().await.unwrap();
    assert_eq!(file.size, bytes.len() as u64);
    let reader = SerializedFileReader::new(bytes).unwrap();
    let group = reader.metadata().row_group(0);
    assert_eq!(group.num_rows(), 3_000);
    let sorting: Vec<i32> = group.sorting_columns().unwrap().iter().map(|column| column.column_idx).collect();
    let schema = freshet_schema::arrow::file_schema(table(EVENTS));
    let expected: Vec<i32> = table(EVENTS).sort.iter().map(|name| i32::try_from(schema.index_of(name).unwrap()).unwrap()).collect();
    assert_eq!(sorting, expected);
    for column in group.columns() {
        assert!(matches!(column.compression(), parquet::basic::Compression::ZSTD(_)));
        assert!(column.statistics().is_some() && column.offset_index_offset().is_some(), "{}", column.column_path());
        assert_eq!(column.bloom_filter_offset().is_some(), column.column_path().string() == "event_id");
        if column.column_path().string() == "event_id" {
            assert!(column.bloom_filter_length().unwrap() < 16 * 1024, "a filter as large as its rows need");
        }
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    // Few ids and days, so that they meet; an id's payload and day follow from it, but for some conflicts.
    proptest::collection::vec((0..40_u32, 0..12_u32, 0..3_i32), 1..120).prop_map(|drawn| {
        let make =
            |(id, conflict, _): (u32, u32, i32)| event(id, if conflict == 0 { 1_000 + id } else { id }, i32::try_from(id % 3).unwrap_or(0));
        drawn.into_iter().map(make).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]
    #[test]
    fn however_rows_are_split_and_runs_interleave_the_tables_hold_the_same(
        events in events(), objects in 1..7_usize, budget in prop_oneof![Just(64 * 1024_usize), Just(64 * 1024 * 1024)], at_once in 1..4_usize, flavor in any::<bool>(),
    ) {
        let runtime = if flavor { tokio::runtime::Builder::new_multi_thread().worker_threads(2).build() } else { tokio::runtime::Builder::new_current_thread().build() };
        runtime.unwrap().block_on(async {
            let lake = lake();
            for (place, events) in events.chunks(events.len().div_ceil(objects)).enumerate() {
                land(&lake, &format!("{place}"), events).await;
            }
            let runs = (0..at_once).map(|run| {
                let options = Options { memory_budget: budget, ..options(&format!("run{run}"), 0) };
                let lake = &lake;
                async move { compact(lake, contract(), &options, |_| {}).await.unwrap() }
            });
            let reports: Vec<Report> = futures::stream::iter(runs.collect::<Vec<_>>()).buffer_unordered(at_once).collect().await;
            run(&lake, "last").await;
            assert_eq!(keys(&lake, "landing").await, [""; 0]);
            // Each identity once; with its first payload, where one run alone took them in order.
            let mut model: BTreeMap<u32, Event> = BTreeMap::new();
            for event in &events {
                model.entry(event.id).or_insert_with(|| event.clone());
            }
            let held = stored(&lake).await;
            if at_once == 1 {
                assert_eq!(held, expected(&model.values().cloned().collect::<Vec<_>>()));
            }
            let identities = |rows: &[Vec<String>]| rows.iter().map(|row| row[..2].to_vec()).collect::<Vec<_>>();
            assert_eq!(identities(&held), identities(&expected(&model.values().cloned().collect::<Vec<_>>())));
            // Every payload is in the table or said to contradict it, and never both.
            let mut seen: Vec<Vec<String>> = held.into_iter().chain(rows(&lake, REJECTED, &["event_id", "payload_hash"]).await).collect();
            seen.sort();
            let mut all = expected(&events);
            all.dedup();
            assert_eq!(seen, all);
            // All is counted, at least once and never twice alike.
            let [received, stored, ..] = counts(&lake).await[&("compact".to_owned(), EVENTS.to_owned())];
            assert!(received >= events.len() as u64);
            assert_eq!(stored, model.len() as u64);
            assert_eq!(reports.iter().map(|report| report.rows).sum::<u64>(), seen.len() as u64);
        });
    }
}

#[tokio::test]
async fn an_idle_table_is_listed_once_a_run() {
    let contract = Contract::embedded();
    let tables = contract.tables().count() as u64;
    let (lake, requests) = counted();
    compact(&lake, contract, &options("first", 0), |_| {}).await.unwrap();
    requests.take();
    compact(&lake, contract, &options("second", 0), |_| {}).await.unwrap();
    let [lists, puts, _] = requests.take();
    assert!(lists <= tables + 3 && puts == 0, "{lists} LIST and {puts} PUT requests for {tables} tables");
    // Once the tables are old enough to have files that no version names, looking for those is one LIST more.
    compact(&lake, contract, &options("third", 8), |_| {}).await.unwrap();
    let [lists, ..] = requests.take();
    assert!(lists <= 2 * tables + 3, "{lists} LIST requests for {tables} tables");
}
