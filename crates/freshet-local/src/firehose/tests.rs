//! The service as a whole, over object stores of the process.

use std::io::Read as _;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures::{FutureExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::functions::Function;
use crate::service_error::ServiceError;

/// A stream that delivers when it is told to.
fn stream() -> DeliveryStream {
    DeliveryStream {
        prefix: "landing/".to_owned(),
        error_prefix: "errors/".to_owned(),
        raw_prefix: Some("raw/".to_owned()),
        buffering: Duration::from_hours(1),
        ..DeliveryStream::new("events", "lake")
    }
}

/// A stream whose function is `upper`.
fn transformed() -> DeliveryStream {
    DeliveryStream { transformer: Some("upper".to_owned()), ..stream() }
}

/// A function that writes records in capitals, fails those that say `fail` and drops those that say `drop`.
fn upper() -> Functions {
    let function: Function = Arc::new(|event| {
        async move {
            let mut event: Value = serde_json::from_slice(&event).unwrap();
            let records: Vec<Value> = event["records"].as_array_mut().unwrap().drain(..).map(|record| shout(&record)).collect();
            Ok(Bytes::from(json!({"records": records}).to_string()))
        }
        .boxed()
    });
    Functions::from([("upper".to_owned(), function)])
}

fn shout(record: &Value) -> Value {
    let text = String::from_utf8(STANDARD.decode(record["data"].as_str().unwrap()).unwrap()).unwrap();
    let result = match text.trim() {
        "fail" => "ProcessingFailed",
        "drop" => "Dropped",
        _ => "Ok",
    };
    json!({"recordId": record["recordId"], "result": result, "data": STANDARD.encode(text.to_uppercase())})
}

struct World {
    journals: TempDir,
    store: Arc<dyn ObjectStore>,
}

impl World {
    fn new() -> Self {
        Self { journals: tempfile::tempdir().unwrap(), store: Arc::new(InMemory::new()) }
    }

    fn open(&self, stream: DeliveryStream, functions: &Functions) -> Firehose {
        let store = Arc::clone(&self.store);
        let buckets = Buckets::new(move |_| Arc::clone(&store));
        Firehose::open(self.journals.path(), vec![stream], &buckets, functions).unwrap()
    }

    /// The keys in the bucket, sorted.
    async fn keys(&self) -> Vec<String> {
        let objects: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        let mut keys: Vec<String> = objects.into_iter().map(|object| object.location.to_string()).collect();
        keys.sort_unstable();
        keys
    }

    /// The text of all objects under a prefix, decompressed where the name says so.
    async fn text(&self, prefix: &str) -> String {
        let mut text = String::new();
        for key in self.keys().await.into_iter().filter(|key| key.starts_with(prefix)) {
            let bytes = self.store.get(&key.as_str().into()).await.unwrap().bytes().await.unwrap();
            if key.as_bytes().ends_with(b".gz") {
                MultiGzDecoder::new(bytes.as_ref()).read_to_string(&mut text).unwrap();
            } else {
                text.push_str(std::str::from_utf8(&bytes).unwrap());
            }
        }
        text
    }

    /// The journal's files that are left.
    fn left(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.journals.path().join("events")).unwrap();
        folder.map(|item| item.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What a crash at this moment would leave: a copy of the journal, and an empty bucket.
    fn crash(&self) -> Self {
        let after = Self::new();
        let (from, to) = (self.journals.path().join("events"), after.journals.path().join("events"));
        std::fs::create_dir(&to).unwrap();
        for name in self.left() {
            std::fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
        after
    }
}

async fn put(firehose: &Firehose, texts: &[&str]) -> Result<Value, ServiceError> {
    put_with(firehose, texts, None).await
}

async fn put_with(firehose: &Firehose, texts: &[&str], partial: Option<PartialFailure>) -> Result<Value, ServiceError> {
    let records: Vec<Value> = texts.iter().map(|text| json!({"Data": STANDARD.encode(text)})).collect();
    let body = json!({"DeliveryStreamName": "events", "Records": records}).to_string();
    firehose.handle("PutRecordBatch", Bytes::from(body), partial).await
}

async fn call(firehose: &Firehose, operation: &str, body: Value) -> Result<Value, ServiceError> {
    firehose.handle(operation, Bytes::from(body.to_string()), None).await
}

#[tokio::test]
async fn records_land_concatenated_and_compressed_under_firehoses_name() {
    let world = World::new();
    let firehose = world.open(stream(), &Functions::new());
    let answer = put(&firehose, &["a\n", "b"]).await.unwrap();
    assert_eq!(answer["FailedPutCount"], 0);
    assert!(answer["RequestResponses"].as_array().unwrap().iter().all(|response| response["RecordId"].is_string()));
    let record = json!({"DeliveryStreamName": "events", "Record": {"Data": STANDARD.encode("c\n")}});
    assert!(call(&firehose, "PutRecord", record).await.unwrap()["RecordId"].is_string());
    assert!(world.keys().await.is_empty(), "the buffer is neither full nor old");
    firehose.flush().await.unwrap();
    assert_eq!(world.text("landing/").await, "a\nbc\n");
    assert_eq!(world.text("raw/").await, "a\nbc\n");
    let keys = world.keys().await;
    assert_eq!(keys.len(), 2);
    let parts: Vec<&str> = keys[0].split('/').collect();
    let [_, year, month, day, hour, name] = parts.as_slice() else { panic!("{keys:?}") };
    let suffix = name.strip_prefix(&format!("events-1-{year}-{month}-{day}-{hour}-")).unwrap();
    assert!(suffix.len() == "mm-ss-".len() + 36 + ".gz".len() && suffix.as_bytes().ends_with(b".gz"), "{name}");
    assert!(world.left().is_empty());
}

#[tokio::test]
async fn a_flush_of_nothing_writes_nothing() {
    let world = World::new();
    let firehose = world.open(stream(), &Functions::new());
    firehose.flush().await.unwrap();
    assert!(world.keys().await.is_empty());
}

#[tokio::test]
async fn records_go_through_the_function_in_order_whatever_the_size_of_its_calls() {
    let texts: Vec<String> = (0..300).map(|number| format!("line {number:03} {}\n", "x".repeat(number % 50))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for transform_buffer_bytes in [1, 500, 1024 * 1024] {
        let world = World::new();
        let firehose = world.open(DeliveryStream { transform_buffer_bytes, ..transformed() }, &upper());
        put(&firehose, &texts).await.unwrap();
        firehose.flush().await.unwrap();
        assert_eq!(world.text("landing/").await, texts.concat().to_uppercase());
        assert_eq!(world.text("raw/").await, texts.concat());
    }
}

#[tokio::test]
async fn failed_records_become_error_lines_and_dropped_ones_nothing() {
    let world = World::new();
    let firehose = world.open(transformed(), &upper());
    put(&firehose, &["a\n", "fail\n", "drop\n"]).await.unwrap();
    firehose.flush().await.unwrap();
    assert_eq!(world.text("landing/").await, "A\n");
    assert_eq!(world.text("raw/").await, "a\nfail\ndrop\n");
    let text = world.text("errors/processing-failed/").await;
    let line: Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(line["rawData"], STANDARD.encode("fail\n"));
    assert_eq!(line["errorCode"], "Lambda.ProcessingFailedStatus");
    assert_eq!(line["attemptsMade"], 1);
    assert_eq!(line["lambdaArn"], "arn:aws:lambda:us-east-1:000000000000:function:upper:$LATEST");
    assert!(line["arrivalTimestamp"].as_i64().unwrap() <= line["attemptEndingTimestamp"].as_i64().unwrap());
    assert!(line["errorMessage"].is_string());
}

#[tokio::test]
async fn records_of_a_broken_function_are_kept_as_error_lines() {
    let world = World::new();
    let function: Function = Arc::new(|_| async { Err("boom".to_owned()) }.boxed());
    let firehose = world.open(transformed(), &Functions::from([("upper".to_owned(), function)]));
    put(&firehose, &["a\n", "b\n"]).await.unwrap();
    firehose.flush().await.unwrap();
    let text = world.text("errors/").await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let raw: Vec<&Value> = lines.iter().map(|line| &line["rawData"]).collect();
    assert_eq!(raw, [&json!(STANDARD.encode("a\n")), &json!(STANDARD.encode("b\n"))]);
    assert!(lines.iter().all(|line| line["attemptsMade"] == 4 && line["errorCode"] == "Lambda.FunctionError"));
    assert!(world.text("landing/").await.is_empty());
}

#[tokio::test]
async fn a_crash_after_the_acknowledgement_loses_nothing() {
    let world = World::new();
    let firehose = world.open(transformed(), &upper());
    put(&firehose, &["a\n"]).await.unwrap();
    put(&firehose, &["b\n", "c\n"]).await.unwrap();
    let after = world.crash();
    let firehose = after.open(transformed(), &upper());
    put(&firehose, &["d\n"]).await.unwrap();
    firehose.flush().await.unwrap();
    let mut lines: Vec<String> = after.text("landing/").await.lines().map(ToOwned::to_owned).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A", "B", "C", "D"]);
    assert!(after.left().is_empty());
}

#[tokio::test]
async fn a_crash_between_delivery_and_removal_doubles_and_loses_nothing() {
    let world = World::new();
    let firehose = world.open(stream(), &Functions::new());
    put(&firehose, &["a\n"]).await.unwrap();
    let mut after = world.crash();
    firehose.flush().await.unwrap();
    after.store = Arc::clone(&world.store);
    after.open(stream(), &Functions::new()).flush().await.unwrap();
    assert_eq!(world.text("landing/").await, "a\na\n");
}

#[tokio::test]
async fn a_torn_segment_is_delivered_up_to_the_tear_and_kept() {
    let world = World::new();
    let firehose = world.open(stream(), &Functions::new());
    put(&firehose, &["a\n", "b\n"]).await.unwrap();
    let after = world.crash();
    let path = after.journals.path().join("events").join(&after.left()[0]);
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    after.open(stream(), &Functions::new()).flush().await.unwrap();
    assert_eq!(after.text("landing/").await, "a\n");
    assert_eq!(after.left()[0].rsplit_once('.').map(|(_, end)| end), Some("torn"));
}

#[tokio::test]
async fn a_segment_of_another_version_waits_and_keeps_no_other_from_delivery() {
    let world = World::new();
    let folder = world.journals.path().join("events");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("00000000000000000001.journal"), "FRSHJNL9 and more").unwrap();
    let firehose = world.open(stream(), &Functions::new());
    put(&firehose, &["a"]).await.unwrap();
    firehose.flush().await.unwrap();
    assert_eq!(world.text("landing/").await, "a");
    assert_eq!(world.left(), ["00000000000000000001.journal"]);
}

#[tokio::test]
async fn what_cannot_be_delivered_is_said_kept_and_delivered_later_by_the_same_calls() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    std::fs::write(folder.path().join("landing"), "a file where a folder must be").unwrap();
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    let inner = Arc::clone(&upper()["upper"]);
    let function: Function = Arc::new(move |event| {
        *counted.lock().unwrap() += 1;
        inner(event)
    });
    let firehose = world.open(transformed(), &Functions::from([("upper".to_owned(), function)]));
    put(&firehose, &["a\n"]).await.unwrap();
    let error = firehose.flush().await.unwrap_err();
    assert!(matches!(error, Error::Delivery { .. }), "{error}");
    assert_eq!(world.left().len(), 1);
    std::fs::remove_file(folder.path().join("landing")).unwrap();
    firehose.flush().await.unwrap();
    assert_eq!(world.text("landing/").await, "A\n");
    assert_eq!(world.text("raw/").await, "a\n", "what had been put is not put again");
    assert_eq!(*calls.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_stream_that_falls_behind_tells_its_senders_to_slow_down() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    std::fs::write(folder.path().join("raw"), "a file where a folder must be").unwrap();
    let firehose = world.open(DeliveryStream { buffering_bytes: 1, ..stream() }, &Functions::new());
    let large = "x".repeat(1_000_000);
    let call = [large.as_str(); 4];
    for _ in 0..5 {
        put(&firehose, &call).await.unwrap();
    }
    let refused = put(&firehose, &call).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (500, "ServiceUnavailableException"));
    std::fs::remove_file(folder.path().join("raw")).unwrap();
    while firehose.flush().await.is_err() {}
    put(&firehose, &["a"]).await.unwrap();
}

#[tokio::test]
async fn a_partial_failure_takes_the_other_records() {
    let world = World::new();
    let firehose = world.open(stream(), &Functions::new());
    let partial = PartialFailure { indices: vec![0], every: Some(3), code: "ServiceUnavailableException".to_owned() };
    let answer = put_with(&firehose, &["a", "b", "c", "d"], Some(partial)).await.unwrap();
    assert_eq!(answer["FailedPutCount"], 2);
    let refused: Vec<bool> = answer["RequestResponses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|response| response["ErrorCode"] == "ServiceUnavailableException" && response["RecordId"].is_null())
        .collect();
    assert_eq!(refused, [true, false, true, false]);
    firehose.flush().await.unwrap();
    assert_eq!(world.text("landing/").await, "bd");
}

#[tokio::test]
async fn a_stopped_service_has_delivered_and_takes_no_more() {
    let world = World::new();
    let firehose = world.open(stream(), &Functions::new());
    put(&firehose, &["a"]).await.unwrap();
    firehose.stop().await.unwrap();
    assert_eq!(world.text("landing/").await, "a");
    assert_eq!(put(&firehose, &["b"]).await.unwrap_err().code, "ServiceUnavailableException");
}

#[tokio::test]
async fn streams_are_described_and_listed() {
    let world = World::new();
    let firehose = world.open(transformed(), &upper());
    let named = json!({"DeliveryStreamName": "events"});
    let description = call(&firehose, "DescribeDeliveryStream", named).await.unwrap();
    let description = &description["DeliveryStreamDescription"];
    assert_eq!(description["DeliveryStreamStatus"], "ACTIVE");
    let destination = &description["Destinations"][0]["ExtendedS3DestinationDescription"];
    assert_eq!(destination["BucketARN"], "arn:aws:s3:::lake");
    assert_eq!(destination["BufferingHints"], json!({"SizeInMBs": 5, "IntervalInSeconds": 3_600}));
    assert_eq!(destination["S3BackupDescription"]["Prefix"], "raw/");
    let list = call(&firehose, "ListDeliveryStreams", json!({})).await.unwrap();
    assert_eq!(list, json!({"DeliveryStreamNames": ["events"], "HasMoreDeliveryStreams": false}));
    let after = json!({"ExclusiveStartDeliveryStreamName": "events"});
    assert_eq!(call(&firehose, "ListDeliveryStreams", after).await.unwrap()["DeliveryStreamNames"], json!([]));
}

#[tokio::test]
async fn unknown_streams_and_operations_are_refused() {
    let world = World::new();
    let firehose = world.open(stream(), &Functions::new());
    for (operation, body, code) in [
        ("DescribeDeliveryStream", json!({"DeliveryStreamName": "other"}), "ResourceNotFoundException"),
        ("PutRecord", json!({"DeliveryStreamName": "other", "Record": {"Data": ""}}), "ResourceNotFoundException"),
        ("DeleteDeliveryStream", json!({"DeliveryStreamName": "events"}), "UnknownOperationException"),
        ("ListDeliveryStreams", json!({"Limit": 0}), "ValidationException"),
    ] {
        let refused = call(&firehose, operation, body).await.unwrap_err();
        assert_eq!((refused.status, refused.code.as_str()), (400, code), "{operation}");
    }
}

#[tokio::test]
async fn a_stream_that_firehose_would_refuse_is_refused_at_the_start() {
    let world = World::new();
    let buckets = Buckets::new(|_| Arc::new(InMemory::new()));
    for streams in [
        vec![DeliveryStream { name: "..".to_owned(), ..stream() }],
        vec![DeliveryStream { name: "a/b".to_owned(), ..stream() }],
        vec![DeliveryStream { prefix: "!{timestamp:YYYY}/".to_owned(), ..stream() }],
        vec![DeliveryStream { transformer: Some("nobody".to_owned()), ..stream() }],
        vec![DeliveryStream { transform_buffer_bytes: 4 * 1024 * 1024, ..stream() }],
        vec![DeliveryStream { bucket: String::new(), ..stream() }],
        vec![stream(), stream()],
    ] {
        let result = Firehose::open(world.journals.path(), streams.clone(), &buckets, &Functions::new());
        assert!(matches!(result, Err(Error::DeliveryStream { .. })), "{streams:?}");
    }
}
