//! A function's URL on loopback: HTTP requests reach a handler as Lambda would hand them over.
//!
//! The limit is Lambda's: the event holds 6 MB, in which a body is escaped as a JSON text where its content type is
//! text, and in base64 where it is not (docs.aws.amazon.com/lambda, "Function URL request and response payloads").

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::Error;
use crate::listener::{Listener, Reply, read_body};

/// What Lambda's event holds.
pub const EVENT_LIMIT: usize = 6 * 1024 * 1024;
/// What surrounds the body in the event: the request's context.
const EVENT_FRAME: usize = 1_024;

/// A function that answers HTTP requests.
pub type Handler = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;

/// A URL that is being served.
#[derive(Debug)]
pub struct FunctionUrl {
    listener: Listener,
}

impl FunctionUrl {
    /// Serves a handler on 127.0.0.1; port 0 picks one.
    pub async fn serve(port: u16, handler: Handler) -> Result<Self, Error> {
        let serve = Listener::serve(port, move |request| answer(request, Arc::clone(&handler)));
        Ok(Self { listener: serve.await.map_err(|source| Error::Listen { port, source })? })
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// Takes no further request, and returns when those under way are answered.
    pub async fn stop(self) {
        self.listener.stop().await;
    }
}

async fn answer(request: Request<Incoming>, handler: Handler) -> Reply<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Some(body) = read_body(body, EVENT_LIMIT).await else {
        return Reply::Answer(too_large());
    };
    let content_type = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let headers: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 6).sum();
    if EVENT_FRAME + headers + event_size(content_type, &body) > EVENT_LIMIT {
        return Reply::Answer(too_large());
    }
    Reply::Answer(handler(Request::from_parts(head, body)).await.map(Full::new))
}

/// What a body takes up in the event.
fn event_size(content_type: &str, body: &[u8]) -> usize {
    match std::str::from_utf8(body) {
        Ok(text) if is_text(content_type) => text
            .bytes()
            .map(|byte| {
                if byte == b'"' || byte == b'\\' || byte == b'\n' {
                    2
                } else if byte < 0x20 {
                    6
                } else {
                    1
                }
            })
            .sum(),
        Ok(_) | Err(_) => body.len().div_ceil(3) * 4,
    }
}

/// Whether a body of this type is a text in the event.
pub(crate) fn is_text(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || ["json", "xml", "javascript", "x-www-form-urlencoded"].iter().any(|kind| content_type.contains(kind))
}

fn too_large() -> Response<Full<Bytes>> {
    let message = format!("a delivery's event holds {EVENT_LIMIT} bytes, its body escaped or in base64\n");
    let mut response = Response::new(Full::new(Bytes::from(message)));
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_weighs_what_it_weighs_in_the_event() {
        assert_eq!(event_size("application/json", br#"{"a":1}"#), 9);
        assert_eq!(event_size("application/octet-stream", b"abcdef"), 8);
        assert_eq!(event_size("application/json", &[0xFF, 0xFE, 0xFD]), 4);
    }
}
