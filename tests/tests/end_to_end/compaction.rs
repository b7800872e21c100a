//! The compactor over S3: two at once, answers that are late or lost, kills between its steps, bad objects, many small runs.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use flate2::Compression;
use flate2::write::GzEncoder;
use freshet_ingest::canonical::hash;
use freshet_ingest::envelope::{Body, Delivery, Envelope};
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_ingest::time::Millis;
use freshet_lambda::compactor;
use freshet_local::{Fault, FaultOrder, Running};
use freshet_schema::Contract;
use freshet_table::{Lake, Options, Report, TableState};

use crate::running::{BUCKET, aws, s3};

/// 2026-11-20 at noon.
const NOW: Millis = Millis(1_795_176_000_000);

/// The lake's own tables: enough for all but the drain, and quick.
fn contract() -> &'static Contract {
    static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
        let files: Vec<_> = Contract::embedded_files().filter(|(path, _)| path.starts_with("lake/")).collect();
        Contract::parse(&files).unwrap()
    });
    &CONTRACT
}

struct World {
    running: Running,
    config: SdkConfig,
    s3: Client,
    lake: Lake,
}

async fn world(dir: &Path) -> World {
    let (running, config) = aws(dir).await;
    let lake = Lake::connect(&config, BUCKET).unwrap();
    freshet_table::create_tables(&lake, contract()).await.unwrap();
    let s3 = s3(&config);
    World { running, config, s3, lake }
}

impl World {
    async fn put(&self, key: &str, bytes: Vec<u8>) {
        self.s3.put_object().bucket(BUCKET).key(key).body(ByteStream::from(bytes)).send().await.unwrap();
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
        listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    async fn compact(&self, run: &str) -> Report {
        freshet_table::compact(&self.lake, contract(), &Options::new(run, NOW), |_| {}).await.unwrap()
    }

    async fn table(&self, name: &str) -> TableState {
        let states = freshet_table::tables(&self.lake, contract()).await.unwrap();
        states.into_iter().find(|state| state.name == name).unwrap()
    }

    fn fail(&self, operation: &str, times: u32, fault: Fault) {
        self.running.order_fault(FaultOrder { service: "s3".to_owned(), operation: operation.to_owned(), times, fault });
    }

    /// Lands objects of events, each event in two of them.
    async fn land(&self, objects: u32, events: u32) {
        for object in 0..objects {
            let mine = |event: &u32| event % objects == object || (event + 1) % objects == object;
            self.put(&format!("landing/2026/11/20/12/{object}.gz"), gzip(&(0..events).filter(mine).map(line).collect::<Vec<_>>())).await;
        }
    }
}

fn line(event: u32) -> String {
    let (id, day) = (hash(&event.to_be_bytes()), 18 + event % 3);
    format!(
        "{{\"table\":\"unmapped_events\",\"line_version\":1,\"schema_version\":1,\"dt\":\"2026-11-{day}\",\"search_days\":0,\"deliveries\":1,\"event_id\":\"{id}\",\"row_index\":0,\"source\":\"game\",\"account\":\"arena\",\"topic\":\"t\",\"occurred_at\":\"2026-11-{day} 10:00:00.000\",\"received_at\":\"2026-11-20 10:00:00.000\",\"time_suspect\":false,\"payload_hash\":\"{id}\",\"payload\":\"{{}}\"}}\n"
    )
}

fn gzip(lines: &[String]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(lines.concat().as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_compactors_at_once_give_the_tables_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    world.land(6, 300).await;
    let other = Lake::connect(&world.config, BUCKET).unwrap();
    let small = |run: &str| Options { memory_budget: 64 * 1024, ..Options::new(run, NOW) };
    let (left, right) = (small("left"), small("right"));
    let (left, right) = tokio::join!(
        freshet_table::compact(&world.lake, contract(), &left, |_| {}),
        freshet_table::compact(&other, contract(), &right, |_| {}),
    );
    assert_eq!(left.unwrap().rows + right.unwrap().rows, 300);
    assert_eq!(world.table("unmapped_events").await.rows, 300);
    assert!(world.keys("landing/").await.is_empty());
    world.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_or_wrong_has_won() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let busy = || ("SlowDown".to_owned(), 503);
    let faults = [
        Fault::DropAfter,
        Fault::ErrorAfter { status: busy().1, code: busy().0 },
        Fault::ErrorAfter { status: 412, code: "PreconditionFailed".to_owned() },
        Fault::ErrorAfter { status: 409, code: "ConditionalRequestConflict".to_owned() },
        Fault::Drop,
        Fault::Error { status: busy().1, code: busy().0 },
        Fault::Delay { millis: 200 },
    ];
    let mut expected = 0;
    for (round, fault) in faults.into_iter().enumerate() {
        let first = u32::try_from(round).unwrap() * 100;
        let lines: Vec<String> = (first..first + 100).map(line).collect();
        world.put("landing/a.gz", gzip(&lines)).await;
        world.fail("PutObject:unmapped_events/_delta_log", 1, fault.clone());
        let report = freshet_table::compact(&world.lake, contract(), &Options::new(format!("run{round}"), NOW), |_| {}).await;
        // What was not done may end a run: the next one repairs it.
        if report.is_err() {
            assert!(matches!(fault, Fault::Drop | Fault::Error { .. }), "{fault:?}: {report:?}");
            world.compact(&format!("repair{round}")).await;
        }
        expected += 100;
        assert_eq!(world.table("unmapped_events").await.rows, expected, "{fault:?}");
        assert!(world.keys("landing/").await.is_empty(), "{fault:?}");
    }
    world.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_anywhere_is_repaired_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    // Each step fails for good once: the object's read, the file, the commit, the counts' commit, the delete.
    let steps =
        ["GetObject:landing/", "PutObject:unmapped_events/dt=", "PutObject:pipeline_counts/_delta_log", "DeleteObjects", "DeleteObject"];
    let mut failed = 0;
    for (round, step) in (0_u32..).zip(steps) {
        let lines: Vec<String> = (round * 50..round * 50 + 50).map(line).collect();
        world.put("landing/a.gz", gzip(&lines)).await;
        world.fail(step, 1, Fault::Error { status: 403, code: "AccessDenied".to_owned() });
        let report = freshet_table::compact(&world.lake, contract(), &Options::new(format!("run{round}"), NOW), |_| {}).await;
        failed += usize::from(report.is_err());
        world.fail(step, 0, Fault::Drop);
        world.compact(&format!("repair{round}")).await;
        assert_eq!(world.table("unmapped_events").await.rows, u64::from(round + 1) * 50, "{step}");
        assert!(world.keys("landing/").await.is_empty(), "{step}");
    }
    assert!(failed >= 4, "{failed}");
    world.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_behind_its_commit_is_repaired_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    world.land(3, 120).await;
    // The commit is in the log, its answer never comes, and the run is no more.
    world.fail("DeleteObjects", 1, Fault::Delay { millis: 60_000 });
    world.fail("DeleteObject", 1, Fault::Delay { millis: 60_000 });
    let lake = world.lake.clone();
    let killed = tokio::spawn(async move { freshet_table::compact(&lake, contract(), &Options::new("killed", NOW), |_| {}).await });
    while world.table("pipeline_counts").await.rows == 0 {
        assert!(!killed.is_finished());
        tokio::task::yield_now().await;
    }
    killed.abort();
    assert_eq!(world.keys("landing/").await.len(), 3);
    world.fail("DeleteObjects", 0, Fault::Drop);
    world.fail("DeleteObject", 0, Fault::Drop);
    let report = world.compact("next").await;
    assert_eq!((report.rows, report.duplicates), (0, 240));
    assert_eq!(world.table("unmapped_events").await.rows, 120);
    assert!(world.keys("landing/").await.is_empty());
    world.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_objects_give_their_good_lines_and_newer_ones_wait() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let whole = gzip(&(0..2_000).map(line).collect::<Vec<_>>());
    world.put("landing/truncated.gz", whole[..whole.len() * 2 / 3].to_vec()).await;
    world.put("landing/a b/foreign + é.csv", b"id\n1\n".to_vec()).await;
    world.put("landing/newer.gz", gzip(&[line(5_000), line(5_001).replace("\"schema_version\":1", "\"schema_version\":99")])).await;
    let report = world.compact("run").await;
    assert_eq!(report.quarantined.len(), 2, "{report:?}");
    assert_eq!(report.waiting, ["landing/newer.gz"]);
    assert_eq!(world.keys("landing/").await, ["landing/newer.gz"]);
    assert_eq!(world.keys("quarantine/").await, ["quarantine/a b/foreign + é.csv", "quarantine/truncated.gz"]);
    let stored = world.table("unmapped_events").await.rows;
    assert!((500..2_000).contains(&stored), "{stored}");
    assert_eq!(world.table("rejected_events").await.rows, 2);
    let again = world.compact("again").await;
    assert_eq!((again.rows, again.objects), (0, 0));
    world.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_runs_end_in_few_files() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for run in 0..7_u32 {
        world.put("landing/a.gz", gzip(&(run * 30..run * 30 + 30).map(line).collect::<Vec<_>>())).await;
        world.compact(&run.to_string()).await;
    }
    let state = world.table("unmapped_events").await;
    assert_eq!((state.rows, state.files), (210, 9), "three days of three files: five of each were merged");
    assert_eq!(state.newest_event.as_deref(), Some("2026-11-20T10:00:00.000Z"));
    world.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spilled_or_could_not_be_transformed_is_drained_first() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let key = HashKey { id: "k1".to_owned(), secret: Secret::new("secret") };
    let normalizer = Normalizer::new(Contract::embedded(), key);
    let record = |id: u32| {
        let delivery = Delivery {
            source: "game".to_owned(),
            account: Some("arena".to_owned()),
            topic: None,
            received_at: NOW,
            headers: [("webhook-id", format!("m{id}").as_str())].into_iter().collect(),
            body: Body::Bytes(format!("{{\"id\":\"e{id}\",\"event_name\":\"jump\"}}").into_bytes()),
        };
        Envelope::Delivery(delivery).encode()
    };
    let newer = b"{\"envelope\":99}".to_vec();
    world.put("spill/2026/11/20/12/one.ndjson", [record(1), newer.clone()].join(&b'\n')).await;
    world.put("spill/bodies/not-a-record", b"{}".to_vec()).await;
    let raw = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, record(2));
    let failed = format!("{{\"attemptsMade\":4,\"errorCode\":\"Lambda.FunctionError\",\"rawData\":\"{raw}\"}}\n");
    world.put("errors/processing-failed/2026/11/20/12/x", failed.into_bytes()).await;
    for _ in 0..2 {
        let report = compactor::compact(&normalizer, &world.s3, &world.lake, &Options::new("run", NOW)).await.unwrap();
        assert_eq!(report.drained.waiting, 1);
        let states = freshet_table::tables(&world.lake, Contract::embedded()).await.unwrap();
        assert_eq!(states.iter().find(|state| state.name == "game_events").map(|state| state.rows), Some(2));
        let waiting: BTreeSet<String> = world.keys("spill/").await.into_iter().chain(world.keys("errors/").await).collect();
        assert_eq!(waiting.len(), 2, "{waiting:?}");
        assert!(waiting.iter().any(|key| key.starts_with(compactor::WAITING_PREFIX)), "{waiting:?}");
    }
    // Only what was new was taken again.
    assert_eq!(world.table("rejected_events").await.rows, 0);
    world.running.stop().await.unwrap();
}
