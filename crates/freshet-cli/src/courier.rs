//! Takes deliveries to a receiver over HTTP, and does not let go of one until it is acknowledged or refused for good.
//!
//! As providers do: every attempt is signed anew, pauses grow with jitter, and `Retry-After` is honoured up to a minute.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use reqwest::Url;

/// How long one attempt may take. Shopify waits 5 s and Zendesk 12 s; a laptop's disk may need longer.
const ATTEMPT: Duration = Duration::from_secs(20);
/// The first pause between attempts; the next ones double.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, and the longest `Retry-After` that is honoured: Zendesk's 60 s.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How much of an answer is kept.
const REASON_LIMIT: usize = 300;

/// Where deliveries go.
#[derive(Debug, Clone)]
pub(crate) struct Courier {
    client: reqwest::Client,
    url: Url,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The last answer's status.
    pub(crate) status: StatusCode,
    /// What the receiver said.
    pub(crate) reason: String,
    /// How often it was sent before, without an answer that was final. The receiver may have it from then.
    pub(crate) retries: u64,
}

impl Answer {
    /// Whether the receiver has it.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.status.is_success()
    }
}

impl Courier {
    /// A courier to the receiver of a source. `base` is the receiver's URL, or the whole URL of the deliveries.
    pub(crate) fn new(base: &str, source: &str, topic: Option<&str>) -> Result<Self> {
        let mut url = Url::parse(base).with_context(|| format!("read the URL {base}; the form is http://127.0.0.1:8080"))?;
        ensure!(
            matches!(url.scheme(), "http" | "https") && url.has_host(),
            "read the URL {base}: http:// or https:// and a host are expected"
        );
        if !url.path().contains("/webhooks/") {
            url.set_path(&format!("{}/webhooks/{source}", url.path().trim_end_matches('/')));
        }
        if let Some(topic) = topic {
            url.query_pairs_mut().append_pair("topic", topic);
        }
        Ok(Self { client: client(&url)?, url })
    }

    /// Where it goes.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Delivers. `headers` makes the headers of an attempt; `retrying` hears why there will be another one.
    pub(crate) async fn deliver(&self, body: Bytes, headers: impl Fn() -> Result<HeaderMap>, retrying: impl Fn(&str)) -> Result<Answer> {
        let mut retries = 0;
        loop {
            let attempt = self.client.post(self.url.clone()).headers(headers()?).body(body.clone()).send().await;
            let (why, asked) = match attempt {
                Ok(response) => {
                    let status = response.status();
                    let asked = retry_after(response.headers());
                    let reason = reason(response).await;
                    if !is_worth_retrying(status) {
                        return Ok(Answer { status, reason, retries });
                    }
                    (format!("{status} {reason}"), asked)
                }
                Err(error) => (plain(&error), None),
            };
            retrying(&why);
            tokio::time::sleep(pause(retries, asked, rand::random())).await;
            retries += 1;
        }
    }
}

/// A client; what listens on this machine is reached without a proxy.
pub(crate) fn client(url: &Url) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder().timeout(ATTEMPT).redirect(reqwest::redirect::Policy::none());
    if url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]") {
        builder = builder.no_proxy();
    }
    builder.build().context("make an HTTP client")
}

/// An HTTP error in plain words, its causes behind it, without the URL.
pub(crate) fn plain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", ATTEMPT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn is_worth_retrying(status: StatusCode) -> bool {
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || passing.contains(&status)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The pause before the next attempt: what the receiver asks for, else doubling; up to a quarter more by `chance`.
fn pause(retries: u64, asked: Option<Duration>, chance: f64) -> Duration {
    let doubling = FIRST_PAUSE.saturating_mul(1 << retries.min(10));
    asked.unwrap_or(doubling).min(LONGEST_PAUSE).mul_f64(1.0 + chance.clamp(0.0, 1.0) / 4.0)
}

async fn reason(response: reqwest::Response) -> String {
    let text = response.text().await.unwrap_or_default();
    let line = text.lines().next().unwrap_or_default().trim();
    line.chars().filter(|c| !c.is_control()).take(REASON_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_at_a_minute() {
        let pauses: Vec<u128> = [0, 1, 2, 8, 60].iter().map(|retries| pause(*retries, None, 0.0).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1_000, 60_000, 60_000]);
        assert_eq!(pause(0, Some(Duration::from_secs(10)), 1.0), Duration::from_millis(12_500));
        assert_eq!(pause(0, Some(Duration::from_hours(1)), 0.0), LONGEST_PAUSE);
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_final() {
        for (status, expected) in
            [(503, true), (500, true), (429, true), (409, true), (401, false), (404, false), (413, false), (302, false)]
        {
            assert_eq!(is_worth_retrying(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }

    #[test]
    fn the_receivers_url_becomes_that_of_the_source() {
        for (base, topic, expected) in [
            ("http://127.0.0.1:8080", None, "http://127.0.0.1:8080/webhooks/game"),
            ("http://127.0.0.1:8080/", None, "http://127.0.0.1:8080/webhooks/game"),
            ("https://x.example/stage", None, "https://x.example/stage/webhooks/game"),
            ("http://127.0.0.1:8080/webhooks/game/acme", None, "http://127.0.0.1:8080/webhooks/game/acme"),
            ("http://127.0.0.1:8080", Some("a b/c"), "http://127.0.0.1:8080/webhooks/game?topic=a+b%2Fc"),
        ] {
            assert_eq!(Courier::new(base, "game", topic).unwrap().url().as_str(), expected);
        }
        for base in ["127.0.0.1:8080", "file:///tmp", "nonsense", ""] {
            assert!(Courier::new(base, "game", None).is_err(), "{base}");
        }
    }
}
