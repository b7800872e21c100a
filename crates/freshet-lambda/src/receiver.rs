//! The receiver: verifies a delivery and answers 2xx once it is durable. It parses nothing but what verification needs.
//!
//! `POST /webhooks/<source>[/<account>][?topic=…]` and `GET /healthz`. 401 does not verify, 413 too large, 404, 405 and
//! 400 plain, 503 with `Retry-After` where neither Firehose nor S3 took the record. Safe to run twice: a delivery's
//! identity comes from its content, and the compactor stores it once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use freshet_firehose::Producer;
use freshet_firehose::pack::pack;
use freshet_ingest::canonical::hash;
use freshet_ingest::envelope::{Body, Delivery, Envelope, RECORD_LIMIT, Refusals};
use freshet_ingest::headers::Headers;
use freshet_ingest::secret::Secrets;
use freshet_ingest::signature::{self, Rules};
use freshet_ingest::time::Millis;
use freshet_ingest::transform::BODIES_PREFIX;
use freshet_schema::{Contract, Source};
use http::{Method, Request, Response, StatusCode, header};
use std::collections::BTreeMap;

/// Seconds after which a provider may try again: Zendesk honours up to 60.
const RETRY_AFTER: &str = "10";
/// How long refusals are counted before they are said, so that a flood of them costs a few records.
const REFUSALS_EVERY: Duration = Duration::from_secs(10);
/// How long a body that fits no record may take on its way to S3.
const BODY_TIMEOUT: Duration = Duration::from_millis(1_200);

/// How long a delivery may take altogether: Shopify waits 5 s, of which the way there and back is a part.
const DEADLINE: Duration = Duration::from_millis(2_900);

/// A receiver with its clients.
#[derive(Debug)]
pub struct Receiver {
    contract: &'static Contract,
    secrets: Secrets,
    producer: Producer,
    s3: aws_sdk_s3::Client,
    bucket: String,
    is_development: bool,
    refusals: Mutex<RefusalCounts>,
    unclear: AtomicU64,
}

#[derive(Debug)]
struct RefusalCounts {
    instance: String,
    reports: u64,
    by_source: BTreeMap<String, u64>,
    /// Said before, but perhaps not heard: they are said again as they are, and count once.
    unheard: Vec<Refusals>,
    last_said: Option<Instant>,
}

/// What a receiver is made of.
#[derive(Debug)]
pub struct Parts {
    /// The table contract.
    pub contract: &'static Contract,
    /// Signing secrets.
    pub secrets: Secrets,
    /// The stream's producer.
    pub producer: Producer,
    /// S3, for bodies that fit no record.
    pub s3: aws_sdk_s3::Client,
    /// The lake's bucket.
    pub bucket: String,
    /// Whether public test secrets count.
    pub is_development: bool,
    /// An id of this instance, for its counts.
    pub instance: String,
}

impl Receiver {
    /// Puts a receiver together.
    pub fn new(parts: Parts) -> Self {
        let refusals =
            RefusalCounts { instance: parts.instance, reports: 0, by_source: BTreeMap::new(), unheard: Vec::new(), last_said: None };
        Self {
            contract: parts.contract,
            secrets: parts.secrets,
            producer: parts.producer,
            s3: parts.s3,
            bucket: parts.bucket,
            is_development: parts.is_development,
            refusals: Mutex::new(refusals),
            unclear: AtomicU64::new(0),
        }
    }

    /// Answers a request. `now` is the time of its arrival.
    pub async fn receive(&self, request: Request<Bytes>, now: Millis) -> Response<Bytes> {
        let path = request.uri().path().trim_end_matches('/');
        if path == "/healthz" {
            return match *request.method() {
                Method::GET | Method::HEAD => answer(StatusCode::OK, "ok"),
                _ => not_allowed("GET"),
            };
        }
        let Some(rest) = path.strip_prefix("/webhooks/") else {
            return answer(StatusCode::NOT_FOUND, "deliveries go to POST /webhooks/<source>[/<account>]");
        };
        if request.method() != Method::POST {
            return not_allowed("POST");
        }
        let (Some(path), Some(query)) = (decode_path(rest), decode_query(request.uri().query().unwrap_or_default())) else {
            return answer(StatusCode::BAD_REQUEST, "the path or the query is not percent-encoded UTF-8");
        };
        let (name, account) = path.split_once('/').map_or((path.as_str(), None), |(name, account)| (name, Some(account)));
        if account.is_some_and(|account| account.is_empty() || account.contains('/') || account.len() > 255) {
            return answer(StatusCode::BAD_REQUEST, "an account is one part of the path, at most 255 bytes long");
        }
        let Some(source) = self.contract.source(name).filter(|source| source.signature.is_some()) else {
            return answer(StatusCode::NOT_FOUND, "no such source");
        };
        self.take(source, account, query.get("topic").cloned(), &request, now).await
    }

    /// Verifies a delivery and makes it durable.
    async fn take(
        &self,
        source: &Source,
        account: Option<&str>,
        topic: Option<String>,
        request: &Request<Bytes>,
        now: Millis,
    ) -> Response<Bytes> {
        let started = Instant::now();
        let headers: Headers =
            request.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
        if let Err(refusal) = self.verify(source, account, &headers, request.body(), now) {
            tracing::info!(source = source.name, reason = %refusal, "refused a delivery");
            self.count_refusal(&source.name, now).await;
            return answer(StatusCode::UNAUTHORIZED, &refusal.to_string());
        }
        let delivery = Delivery {
            source: source.name.clone(),
            account: account.map(str::to_lowercase),
            topic,
            received_at: now,
            headers: headers.kept(&source.delivery.keep_headers),
            body: Body::Bytes(request.body().to_vec()),
        };
        let Ok(line) = self.fit(delivery).await else {
            return unavailable();
        };
        let mut lines = vec![line];
        let said = self.refusal_lines(now, true);
        lines.extend(said.iter().map(|refusals| Bytes::from(Envelope::Refusals(refusals.clone()).encode())));
        let Ok(records) = pack(&lines) else {
            return answer(StatusCode::PAYLOAD_TOO_LARGE, "the delivery's headers alone fill a record of 1,000 KiB");
        };
        match tokio::time::timeout(DEADLINE.saturating_sub(started.elapsed()), self.producer.put(records)).await {
            Ok(Ok(receipt)) => {
                tracing::debug!(source = source.name, acknowledged = receipt.acknowledged, spilled = receipt.spilled, "took a delivery");
                self.unclear.fetch_add(receipt.unclear as u64, Ordering::Relaxed);
                answer(StatusCode::OK, "")
            }
            Ok(Err(error)) => {
                tracing::error!(source = source.name, %error, "could not make a delivery durable");
                self.give_up(said)
            }
            Err(_) => {
                tracing::error!(source = source.name, "could not make a delivery durable in time");
                self.give_up(said)
            }
        }
    }

    /// The provider sends the delivery again; this attempt may be durable all the same.
    fn give_up(&self, said: Vec<Refusals>) -> Response<Bytes> {
        self.unclear.fetch_add(1, Ordering::Relaxed);
        self.unsay(said);
        unavailable()
    }

    /// How many times a delivery was sent on without a clear answer: at most so many are in the lake's stream once more than
    /// they were answered.
    pub fn unclear(&self) -> u64 {
        self.unclear.load(Ordering::Relaxed)
    }

    fn verify(
        &self,
        source: &Source,
        account: Option<&str>,
        headers: &Headers,
        body: &[u8],
        now: Millis,
    ) -> Result<(), signature::Refusal> {
        let Some(signature) = &source.signature else {
            return Err(signature::Refusal::NoSecret);
        };
        // The header's account only chooses the secret; what verifies proves who sent it.
        let owner = account.or_else(|| headers.first(&source.delivery.account.headers));
        let rules = Rules {
            scheme: signature.scheme,
            secrets: self.secrets.of(&source.name, owner),
            now,
            tolerance_seconds: Some(signature.tolerance_seconds),
            is_development: self.is_development,
        };
        signature::verify(&rules, headers, body)
    }

    /// The delivery as a line that fits a record: a body that does not goes to S3 first.
    async fn fit(&self, delivery: Delivery) -> Result<Bytes, ()> {
        let Body::Bytes(bytes) = &delivery.body else {
            return Err(());
        };
        let bytes = Bytes::from(bytes.clone());
        let line = Envelope::Delivery(delivery.clone()).encode();
        if line.len() <= RECORD_LIMIT {
            return Ok(line.into());
        }
        let key = format!("{BODIES_PREFIX}{}", hash(&bytes));
        let put = self.s3.put_object().bucket(&self.bucket).key(&key).body(ByteStream::from(bytes)).send();
        match tokio::time::timeout(BODY_TIMEOUT, put).await {
            Ok(Ok(_)) => Ok(Envelope::Delivery(Delivery { body: Body::Object { key }, ..delivery }).encode().into()),
            Ok(Err(error)) => {
                tracing::error!(error = %aws_sdk_s3::error::DisplayErrorContext(&error), "could not put a large body");
                Err(())
            }
            Err(_) => {
                tracing::error!("could not put a large body in time");
                Err(())
            }
        }
    }

    async fn count_refusal(&self, source: &str, now: Millis) {
        {
            let mut counts = self.refusals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *counts.by_source.entry(source.to_owned()).or_default() += 1;
        }
        let said = self.refusal_lines(now, false);
        self.say(said).await;
    }

    /// Says the refusals that were counted and not yet said: call it before the receiver ends.
    pub async fn finish(&self, now: Millis) {
        let said = self.refusal_lines(now, true);
        self.say(said).await;
    }

    async fn say(&self, refusals: Vec<Refusals>) {
        let lines: Vec<Bytes> = refusals.iter().map(|refusals| Envelope::Refusals(refusals.clone()).encode().into()).collect();
        let Ok(records) = pack(&lines) else {
            return;
        };
        if !records.is_empty() && self.producer.put(records).await.is_err() {
            self.unsay(refusals);
        }
    }

    /// Takes the counts out where it is time to say them, or at once where a record is on its way anyway.
    fn refusal_lines(&self, now: Millis, at_once: bool) -> Vec<Refusals> {
        let mut counts = self.refusals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if (counts.by_source.is_empty() && counts.unheard.is_empty())
            || (!at_once && counts.last_said.is_some_and(|last| last.elapsed() < REFUSALS_EVERY))
        {
            return Vec::new();
        }
        counts.last_said = Some(Instant::now());
        counts.reports += 1;
        let run = format!("{}-{}", counts.instance, counts.reports);
        let mut said = std::mem::take(&mut counts.unheard);
        let counted = std::mem::take(&mut counts.by_source);
        said.extend(counted.into_iter().map(|(source, count)| Refusals { run: run.clone(), source, count, counted_at: now.0 }));
        said
    }

    fn unsay(&self, refusals: Vec<Refusals>) {
        let mut counts = self.refusals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.unheard.extend(refusals);
    }
}

fn unavailable() -> Response<Bytes> {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, "the delivery could not be stored; send it again");
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER));
    response
}

fn not_allowed(allowed: &'static str) -> Response<Bytes> {
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

fn answer(status: StatusCode, message: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(if message.is_empty() { String::new() } else { format!("{message}\n") }));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn decode_path(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn decode_query(text: &str) -> Option<BTreeMap<String, String>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode_path(name)?, decode_path(&value.replace('+', " "))?))
        })
        .collect()
}
