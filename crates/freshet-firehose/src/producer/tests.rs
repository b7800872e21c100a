//! The producer through the real clients, against scripted answers over HTTP on loopback.

use std::sync::{Arc, Mutex};

use aws_sdk_firehose::config::Region;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// One request as it came.
#[derive(Debug, Clone)]
struct Request {
    method: String,
    path: String,
    body: String,
}

/// Answers a request with a status and a body; its number counts from 0 over both services.
type Script = fn(usize, &Request) -> (u16, String);

/// A producer whose clients talk to a script, and the requests that were made.
async fn producer(script: Script) -> (Producer, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, Arc::clone(&seen), script));
        }
    });
    let firehose = aws_sdk_firehose::Config::builder().allow_no_auth().region(Region::new("us-east-1")).endpoint_url(&endpoint).build();
    let s3 = aws_sdk_s3::Config::builder()
        .allow_no_auth()
        .region(Region::new("us-east-1"))
        .endpoint_url(&endpoint)
        .force_path_style(true)
        .build();
    let producer =
        Producer::new(&aws_sdk_firehose::Client::from_conf(firehose), &aws_sdk_s3::Client::from_conf(s3), Settings::new("events", "lake"));
    (producer, requests)
}

async fn serve(mut connection: TcpStream, seen: Arc<Mutex<Vec<Request>>>, script: Script) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut connection, &mut buffer).await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let (status, body) = script(number, &request);
        if status == 0 {
            return;
        }
        let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n\r\n", body.len());
        connection.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.unwrap();
    }
}

/// The next request of a connection; none when it is closed.
async fn read(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let whole = end + 4 + length.map_or(0, |length| length.trim().parse().unwrap());
            if buffer.len() >= whole {
                let first = String::from_utf8_lossy(&buffer[..end]).into_owned();
                let mut words = first.split_whitespace();
                let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
                let body = String::from_utf8_lossy(&buffer[end + 4..whole]).into_owned();
                buffer.drain(..whole);
                return Some(Request { method, path, body });
            }
        }
        if connection.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

fn records(count: usize) -> Vec<Bytes> {
    (0..count).map(|index| Bytes::from(format!("{{\"n\":{index}}}\n"))).collect()
}

/// An answer to `PutRecordBatch` with these verdicts: `true` is taken.
fn answer(verdicts: &[bool]) -> (u16, String) {
    let entries: Vec<&str> = verdicts
        .iter()
        .map(
            |taken| {
                if *taken { r#"{"RecordId":"1"}"# } else { r#"{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}"# }
            },
        )
        .collect();
    let failed = verdicts.iter().filter(|taken| !**taken).count();
    (200, format!(r#"{{"FailedPutCount":{failed},"RequestResponses":[{}]}}"#, entries.join(",")))
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, format!(r#"{{"__type":"{code}","message":"no"}}"#))
}

#[tokio::test]
async fn records_that_firehose_takes_are_acknowledged_by_one_call() {
    let (producer, requests) = producer(|_, _| answer(&[true; 3])).await;
    let receipt = producer.put(records(3)).await.unwrap();
    assert_eq!(receipt, Receipt { acknowledged: 3, ..Receipt::default() });
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_no_call() {
    let (producer, requests) = producer(|_, _| answer(&[])).await;
    assert_eq!(producer.put(Vec::new()).await.unwrap(), Receipt::default());
    assert!(requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_partial_failure_repeats_the_failed_records_alone() {
    let (producer, requests) = producer(|number, _| match number {
        0 => answer(&[true, false, true]),
        _ => answer(&[true]),
    })
    .await;
    assert_eq!(producer.put(records(3)).await.unwrap().acknowledged, 3);
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].body.matches("\"Data\"").count(), 1);
}

#[tokio::test]
async fn throttling_server_faults_and_closed_connections_are_repeated() {
    let (producer, requests) = producer(|number, _| match number {
        0 => refusal(400, "ServiceUnavailableException"),
        1 => refusal(500, "InternalFailure"),
        2 => (0, String::new()),
        _ => answer(&[true; 2]),
    })
    .await;
    assert_eq!(producer.put(records(2)).await.unwrap().acknowledged, 2);
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_refused_stream_spills_at_once_as_newline_terminated_lines() {
    let (producer, requests) = producer(|_, request| match request.method.as_str() {
        "PUT" => (200, String::new()),
        _ => refusal(400, "ResourceNotFoundException"),
    })
    .await;
    let receipt = producer.put(records(2)).await.unwrap();
    assert_eq!((receipt.acknowledged, receipt.spilled), (0, 2));
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 2);
    let key = receipt.spill_key.unwrap();
    assert!(requests[1].path.starts_with(&format!("/lake/{key}")), "{}", requests[1].path);
    assert!(requests[1].body.contains("{\"n\":0}\n{\"n\":1}\n"));
}

#[tokio::test]
async fn what_is_throttled_past_the_deadline_spills_alone() {
    let (producer, requests) = producer(|_, request| match request.method.as_str() {
        "PUT" => (200, String::new()),
        _ if request.body.matches("\"Data\"").count() == 3 => answer(&[true, false, true]),
        _ => answer(&[false]),
    })
    .await;
    let started = Instant::now();
    let receipt = producer.put(records(3)).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!((receipt.acknowledged, receipt.spilled), (2, 1));
    let requests = requests.lock().unwrap();
    let spilled = requests.iter().find(|request| request.method == "PUT").unwrap();
    assert!(spilled.body.contains("{\"n\":1}\n") && !spilled.body.contains("{\"n\":0}"));
}

#[tokio::test]
async fn a_record_above_the_limit_goes_to_the_bucket_and_the_others_to_the_stream() {
    let (producer, _) = producer(|_, request| match request.method.as_str() {
        "PUT" => (200, String::new()),
        _ => answer(&vec![true; request.body.matches("\"Data\"").count()]),
    })
    .await;
    let mut records = records(2);
    records.insert(1, Bytes::from(vec![b'x'; RECORD_BYTES + 1]));
    let receipt = producer.put(records).await.unwrap();
    assert_eq!((receipt.acknowledged, receipt.spilled), (2, 1));
}

#[tokio::test]
async fn more_than_a_call_holds_goes_in_several() {
    let (producer, requests) = producer(|_, request| answer(&vec![true; request.body.matches("\"Data\"").count()])).await;
    assert_eq!(producer.put(records(1_001)).await.unwrap().acknowledged, 1_001);
    assert_eq!(requests.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn when_both_refuse_the_error_says_so_within_three_seconds_and_holds_no_payload() {
    let (producer, _) = producer(|_, request| match request.method.as_str() {
        "PUT" => (403, "<Error><Code>AccessDenied</Code></Error>".to_owned()),
        _ => refusal(503, "ServiceUnavailableException"),
    })
    .await;
    let started = Instant::now();
    let error = producer.put(records(2)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(matches!(&error, Error::NotDurable { records: 2, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("ServiceUnavailableException") && text.contains("AccessDenied") && !text.contains("\"n\""), "{text}");
}
