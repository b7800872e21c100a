//! A function's answers, right and wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt as _;
use serde_json::{Value, json};

use super::*;

fn records(texts: &[&str]) -> Vec<Record> {
    let record = |(index, text): (usize, &&str)| Record { id: format!("id{index}"), arrival: 7, data: text.as_bytes().to_vec() };
    texts.iter().enumerate().map(record).collect()
}

fn transformer(function: impl Fn(Value, u32) -> Result<Bytes, String> + Send + Sync + 'static) -> (Transformer, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let function: Function = Arc::new(move |event| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        let answer = function(serde_json::from_slice(&event).unwrap(), number);
        async move { answer }.boxed()
    });
    let transformer =
        Transformer { function, arn: "arn:function".to_owned(), stream_arn: "arn:stream".to_owned(), buffer_bytes: 1024 * 1024 };
    (transformer, calls)
}

#[expect(clippy::unnecessary_wraps, reason = "a function answers so")]
fn answer(value: &Value) -> Result<Bytes, String> {
    Ok(Bytes::from(value.to_string()))
}

/// The codes of the verdicts on two records, where this is the answer, and the number of calls.
async fn check(value: Value) -> (Vec<String>, u32) {
    let (transformer, calls) = transformer(move |_, _| answer(&value));
    let verdicts = transformer.transform(&records(&["a", "b"])).await;
    let code = |verdict| match verdict {
        Verdict::Deliver(data) => String::from_utf8(data).unwrap(),
        Verdict::Drop => "dropped".to_owned(),
        Verdict::Fail(failure) => {
            assert_eq!(failure.attempts, 1);
            failure.code.to_owned()
        }
    };
    (verdicts.into_iter().map(code).collect(), calls.load(Ordering::Relaxed))
}

fn ok(id: &str, text: &str) -> Value {
    json!({"recordId": id, "result": "Ok", "data": STANDARD.encode(text)})
}

#[tokio::test]
async fn the_event_has_firehoses_shape() {
    let (transformer, _) = transformer(|event, _| {
        assert!(event["invocationId"].as_str().unwrap().len() == 36);
        assert_eq!(event["deliveryStreamArn"], "arn:stream");
        assert_eq!(event["region"], "us-east-1");
        let record = json!({"recordId": "id0", "approximateArrivalTimestamp": 7, "data": STANDARD.encode("a")});
        assert_eq!(event["records"], json!([record]));
        assert_eq!(event.as_object().unwrap().len(), 4);
        answer(&json!({"records": [ok("id0", "A")]}))
    });
    assert_eq!(transformer.transform(&records(&["a"])).await, [Verdict::Deliver(b"A".to_vec())]);
}

#[tokio::test]
async fn each_record_gets_its_own_verdict_whatever_the_order() {
    let (verdicts, _) = check(json!({"records": [ok("id1", "B"), ok("id0", "A")]})).await;
    assert_eq!(verdicts, ["A", "B"]);
    let dropped = json!({"recordId": "id0", "result": "Dropped"});
    let (verdicts, _) = check(json!({"records": [dropped, ok("id1", "B")]})).await;
    assert_eq!(verdicts, ["dropped", "B"]);
    let failed = json!({"recordId": "id0", "result": "ProcessingFailed", "data": "YQ=="});
    let (verdicts, _) = check(json!({"records": [failed, ok("id1", "B")]})).await;
    assert_eq!(verdicts, ["Lambda.ProcessingFailedStatus", "B"]);
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_fails_without_a_second_call() {
    let odd_result = json!({"recordId": "id0", "result": "TRANSFORMED_STATE_OK", "data": ""});
    let odd_data = json!({"recordId": "id0", "result": "Ok", "data": "%"});
    let no_data = json!({"recordId": "id0", "result": "Ok"});
    for (records, expected) in [
        (json!([ok("id1", "B")]), ["Lambda.MissingRecordId", "B"]),
        (json!([ok("id0", "A"), ok("id0", "A"), ok("id1", "B")]), ["Lambda.DuplicatedRecordId"; 2]),
        (json!([ok("id0", "A"), ok("id1", "B"), ok("id2", "C")]), ["Lambda.MissingRecordId"; 2]),
        (json!([odd_result, ok("id1", "B")]), ["Lambda.JsonProcessingException"; 2]),
        (json!([odd_data, ok("id1", "B")]), ["Lambda.InvalidReturnFormat", "B"]),
        (json!([no_data, ok("id1", "B")]), ["Lambda.InvalidReturnFormat", "B"]),
        (json!(null), ["Lambda.JsonProcessingException"; 2]),
    ] {
        let (verdicts, calls) = check(json!({"records": records})).await;
        assert_eq!((verdicts, calls), (expected.map(ToOwned::to_owned).to_vec(), 1), "{records}");
    }
}

#[tokio::test]
async fn a_failing_function_is_called_four_times_in_all() {
    let (transformer, calls) = transformer(|_, _| Err("boom".to_owned()));
    let verdicts = transformer.transform(&records(&["a", "b"])).await;
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    for verdict in verdicts {
        let Verdict::Fail(failure) = verdict else { panic!("{verdict:?}") };
        assert_eq!((failure.code, failure.attempts), ("Lambda.FunctionError", 4));
        assert!(failure.message.contains("boom"));
    }
}

#[tokio::test]
async fn a_function_that_recovers_loses_nothing() {
    let (transformer, calls) = transformer(|_, number| match number {
        0 => panic!("the function's own fault"),
        1 => Ok(Bytes::from(vec![b' '; MESSAGE_BYTES + 1])),
        _ => answer(&json!({"records": [ok("id0", "A")]})),
    });
    assert_eq!(transformer.transform(&records(&["a"])).await, [Verdict::Deliver(b"A".to_vec())]);
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[test]
fn a_call_has_room_for_one_record_and_for_more_within_buffer_and_message() {
    let (mut transformer, _) = transformer(|_, _| Err(String::new()));
    assert!(transformer.has_room(0, 0, 1_024_000));
    assert!(transformer.has_room(1, 1_000_000, 48_576));
    assert!(!transformer.has_room(1, 1_000_000, 48_577));
    transformer.buffer_bytes = 3 * 1024 * 1024;
    assert!(!transformer.has_room(40_000, 100, 1), "many small records reach the message's limit first");
}

#[tokio::test]
async fn a_call_that_has_room_stays_below_the_limit() {
    let (mut transformer, _) = transformer(|_, _| Err(String::new()));
    transformer.buffer_bytes = 3 * 1024 * 1024;
    let largest = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&largest);
    transformer.function = Arc::new(move |event| {
        seen.fetch_max(u32::try_from(event.len()).unwrap(), Ordering::Relaxed);
        async { answer(&json!({"records": []})) }.boxed()
    });
    for length in [1, 70, 1_024_000] {
        let mut batch: Vec<Record> = Vec::new();
        while transformer.has_room(batch.len(), batch.len() * length, length) {
            batch.push(Record { id: format!("{:056}", batch.len()), arrival: i64::MAX, data: vec![0; length] });
        }
        transformer.transform(&batch).await;
    }
    assert!((4_000_000..=6 * 1024 * 1024).contains(&largest.load(Ordering::Relaxed)), "{largest:?}");
}
