//! What records point to: bodies in the lake, and the payloads that Shopify keeps for a time at an address of its own,
//! where an event is too large for the bus.
//!
//! What is not there any more, or cannot be had from a stranger's server, holds nothing up: its record becomes a reject.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use freshet_ingest::transform::{Fetched, is_address};
use futures::{StreamExt, TryStreamExt};

use crate::aws::CONNECTOR;
use crate::error::Error;
use crate::objects;

/// How many are fetched at once.
const AT_ONCE: usize = 8;
/// How often an address is asked.
const ATTEMPTS: u32 = 3;
/// How long an address may take to answer whole, each time.
const PATIENCE: Duration = Duration::from_secs(10);
/// What an address may give. The receiver's largest body is some 4.5 MiB; an event of the bus may be larger.
const LARGEST: usize = 16 * 1024 * 1024;

/// Fetches what records point to.
pub(crate) async fn fetch(s3: &aws_sdk_s3::Client, bucket: &str, pointers: Vec<String>) -> Result<Fetched, Error> {
    let one = |pointer: String| async move {
        let body = if is_address(&pointer) { download(&CONNECTOR, &pointer).await } else { objects::get(s3, bucket, &pointer).await? };
        if body.is_none() {
            tracing::warn!(is_address = is_address(&pointer), "a body that a record points to is gone");
        }
        Ok::<_, Error>((pointer, body))
    };
    futures::stream::iter(pointers).map(one).buffer_unordered(AT_ONCE).try_collect().await
}

/// What an address gives. It is a secret of a kind, and stands in no log.
async fn download(connector: &SharedHttpConnector, address: &str) -> Option<Vec<u8>> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
        match tokio::time::timeout(PATIENCE, ask(connector, address)).await {
            Ok(Answer::Body(body)) => return Some(body),
            Ok(Answer::Refused) => return None,
            Ok(Answer::Failed) | Err(_) => {}
        }
    }
    None
}

/// What one request came to.
enum Answer {
    Body(Vec<u8>),
    /// It has run out, or will not do: asking again is of no use.
    Refused,
    Failed,
}

async fn ask(connector: &SharedHttpConnector, address: &str) -> Answer {
    let Ok(request) = HttpRequest::get(address) else {
        return Answer::Refused;
    };
    let Ok(mut response) = connector.call(request).await else {
        return Answer::Failed;
    };
    match response.status().as_u16() {
        200 => {}
        429 | 500.. => return Answer::Failed,
        _ => return Answer::Refused,
    }
    let mut stream = aws_smithy_types::byte_stream::ByteStream::new(response.take_body());
    let mut body = Vec::new();
    while let Some(part) = stream.next().await {
        let Ok(part) = part else {
            return Answer::Failed;
        };
        body.extend_from_slice(&part);
        if body.len() > LARGEST {
            return Answer::Refused;
        }
    }
    Answer::Body(body)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use aws_smithy_http_client::Connector;

    use super::*;

    /// A server that gives one answer a connection, in order; how many were asked of it.
    fn server(answers: Vec<&'static [u8]>) -> (String, std::thread::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/payload?signature=s", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let count = answers.len();
            for answer in answers {
                let (mut connection, _) = listener.accept().unwrap();
                let mut request = [0; 4096];
                assert!(connection.read(&mut request).unwrap() > 0);
                connection.write_all(answer).unwrap();
            }
            count
        });
        (address, served)
    }

    async fn downloaded(answers: &[&'static [u8]]) -> Option<Vec<u8>> {
        let (address, served) = server(answers.to_vec());
        let connector = SharedHttpConnector::new(Connector::builder().build_http());
        let body = download(&connector, &address).await;
        assert_eq!(served.join().unwrap(), answers.len());
        body
    }

    #[tokio::test]
    async fn a_payload_is_had_after_a_server_that_fails() {
        let failed = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let given = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 8\r\n\r\n{\"id\":1}";
        assert_eq!(downloaded(&[failed, given]).await.unwrap(), b"{\"id\":1}");
    }

    #[tokio::test]
    async fn what_has_run_out_is_asked_for_once_and_a_torn_answer_is_none() {
        assert_eq!(downloaded(&[b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"]).await, None);
        let torn = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{\"id\"";
        assert_eq!(downloaded(&[torn, torn, torn]).await, None);
    }
}
