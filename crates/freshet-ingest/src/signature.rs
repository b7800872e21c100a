//! Provider-exact verification on the raw bytes of a body, in constant time.
//!
//! Sources: shopify.dev "Verify webhook deliveries"; developer.zendesk.com "Verifying webhooks";
//! standardwebhooks.com, "Specification"; `GameAnalytics`' collector API, "Authentication".

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use freshet_schema::Scheme;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::headers::Headers;
use crate::secret::Secret;
use crate::time::{self, Millis};

/// The secret that Zendesk signs test calls with before a webhook exists. It is public.
pub const ZENDESK_TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/// What a signature is judged by.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// The provider's scheme.
    pub scheme: Scheme,
    /// The secrets that may have signed.
    pub secrets: &'a [Secret],
    /// The present.
    pub now: Millis,
    /// How far a signed time may lie from now, in seconds; `None` does not look.
    pub tolerance_seconds: Option<u32>,
    /// Whether a public test secret counts.
    pub is_development: bool,
}

/// Why a delivery does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No secret is known.
    #[error("no signing secret is configured for this source and account")]
    NoSecret,
    /// The only secret is not one of the scheme's.
    #[error("the configured secret is not one of Standard Webhooks: base64 behind an optional `whsec_` is expected")]
    UnreadableSecret,
    /// The only secret is Zendesk's public test secret.
    #[error("the only configured secret is Zendesk's public test secret, which counts in development alone")]
    PublicSecret,
    /// A header is missing or empty.
    #[error("header {name} is missing or empty")]
    MissingHeader {
        /// The header.
        name: &'static str,
    },
    /// A header is not what the scheme writes there.
    #[error("header {name} is malformed: {what}")]
    Malformed {
        /// The header.
        name: &'static str,
        /// What was expected.
        what: &'static str,
    },
    /// The signed time is too far from now.
    #[error(
        "the signed time is {seconds} s from now, and {tolerance} s are allowed; is the sender's clock right, or is this an old delivery?"
    )]
    Stale {
        /// The distance.
        seconds: u64,
        /// What is allowed.
        tolerance: u32,
    },
    /// The signature is another one.
    #[error("the signature does not match: another secret, or the body is not the bytes that were signed")]
    Mismatch,
}

/// Judges a delivery's signature.
pub fn verify(rules: &Rules<'_>, headers: &Headers, body: &[u8]) -> Result<(), Refusal> {
    // An empty secret is none: anybody can sign with it.
    let known: Vec<&Secret> = rules.secrets.iter().filter(|secret| !secret.reveal().is_empty()).collect();
    let secrets: Vec<&Secret> = known.iter().copied().filter(|secret| is_allowed(rules, secret)).collect();
    if secrets.is_empty() {
        return Err(if known.is_empty() { Refusal::NoSecret } else { Refusal::PublicSecret });
    }
    match rules.scheme {
        Scheme::Shopify => {
            let value = header(headers, &["shopify-hmac-sha256", "x-shopify-hmac-sha256"], "X-Shopify-Hmac-Sha256")?;
            let signature = decode(value, "X-Shopify-Hmac-Sha256")?;
            matches_any(&secrets, &signature, &[body])
        }
        Scheme::GameAnalytics => {
            let value = header(headers, &["authorization"], "Authorization")?;
            let signature = decode(value, "Authorization")?;
            matches_any(&secrets, &signature, &[body])
        }
        Scheme::Zendesk => {
            let value = header(headers, &["x-zendesk-webhook-signature"], "X-Zendesk-Webhook-Signature")?;
            let timestamp = header(headers, &["x-zendesk-webhook-signature-timestamp"], ZENDESK_TIMESTAMP)?;
            let signature = decode(value, "X-Zendesk-Webhook-Signature")?;
            matches_any(&secrets, &signature, &[timestamp.as_bytes(), body])?;
            is_recent(rules, time::parse(timestamp).map(|time| time.millis), ZENDESK_TIMESTAMP)
        }
        Scheme::StandardWebhooks => verify_standard_webhooks(rules, &secrets, headers, body),
    }
}

const ZENDESK_TIMESTAMP: &str = "X-Zendesk-Webhook-Signature-Timestamp";

fn verify_standard_webhooks(rules: &Rules<'_>, secrets: &[&Secret], headers: &Headers, body: &[u8]) -> Result<(), Refusal> {
    let id = header(headers, &["webhook-id", "svix-id"], "webhook-id")?;
    let timestamp = header(headers, &["webhook-timestamp", "svix-timestamp"], "webhook-timestamp")?;
    let signatures = header(headers, &["webhook-signature", "svix-signature"], "webhook-signature")?;
    let seconds: i64 =
        timestamp.parse().map_err(|_| Refusal::Malformed { name: "webhook-timestamp", what: "whole Unix seconds are expected" })?;
    let candidates: Vec<Vec<u8>> = signatures
        .split_ascii_whitespace()
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .filter_map(|signature| STANDARD.decode(signature).ok())
        .filter(|signature| signature.len() == 32)
        .collect();
    if candidates.is_empty() {
        return Err(Refusal::Malformed { name: "webhook-signature", what: "`v1,` and the base64 of 32 bytes is expected" });
    }
    let keys: Vec<Vec<u8>> = secrets.iter().filter_map(|secret| standard_webhooks_key(secret)).collect();
    if keys.is_empty() {
        return Err(Refusal::UnreadableSecret);
    }
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let mut matched = false;
    for key in &keys {
        let expected = code(key, &parts);
        for candidate in &candidates {
            matched |= bool::from(expected.as_slice().ct_eq(candidate));
        }
    }
    if !matched {
        return Err(Refusal::Mismatch);
    }
    is_recent(rules, seconds.checked_mul(1000).map(Millis), "webhook-timestamp")
}

/// The key of a Standard Webhooks secret: base64 behind an optional `whsec_`.
fn standard_webhooks_key(secret: &Secret) -> Option<Vec<u8>> {
    let text = secret.reveal().strip_prefix("whsec_").unwrap_or(secret.reveal());
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok().filter(|key| !key.is_empty())
}

fn is_allowed(rules: &Rules<'_>, secret: &Secret) -> bool {
    rules.is_development || rules.scheme != Scheme::Zendesk || secret.reveal() != ZENDESK_TEST_SECRET
}

fn header<'a>(headers: &'a Headers, names: &[&str], shown: &'static str) -> Result<&'a str, Refusal> {
    names
        .iter()
        .find_map(|name| headers.get(name).map(str::trim).filter(|value| !value.is_empty()))
        .ok_or(Refusal::MissingHeader { name: shown })
}

fn decode(value: &str, name: &'static str) -> Result<Vec<u8>, Refusal> {
    let what = "the base64 of 32 bytes is expected";
    let bytes = STANDARD.decode(value).map_err(|_| Refusal::Malformed { name, what })?;
    if bytes.len() == 32 { Ok(bytes) } else { Err(Refusal::Malformed { name, what }) }
}

fn matches_any(secrets: &[&Secret], signature: &[u8], parts: &[&[u8]]) -> Result<(), Refusal> {
    let mut matched = false;
    for secret in secrets {
        matched |= bool::from(code(secret.reveal().as_bytes(), parts).as_slice().ct_eq(signature));
    }
    if matched { Ok(()) } else { Err(Refusal::Mismatch) }
}

fn is_recent(rules: &Rules<'_>, signed: Option<Millis>, name: &'static str) -> Result<(), Refusal> {
    let Some(tolerance) = rules.tolerance_seconds else {
        return Ok(());
    };
    let signed = signed.ok_or(Refusal::Malformed { name, what: "a time is expected" })?;
    // Whole seconds, as the libraries of Standard Webhooks count: 300.9 s is still 300.
    let seconds = rules.now.0.div_euclid(1000).abs_diff(signed.0.div_euclid(1000));
    if seconds > u64::from(tolerance) { Err(Refusal::Stale { seconds, tolerance }) } else { Ok(()) }
}

/// HMAC-SHA256 over the parts, one behind the other.
fn code(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The headers that sign a body, as the provider would send them: for senders and tests.
pub fn sign(scheme: Scheme, secret: &Secret, delivery_id: &str, now: Millis, body: &[u8]) -> Vec<(&'static str, String)> {
    let plain = |parts: &[&[u8]]| STANDARD.encode(code(secret.reveal().as_bytes(), parts));
    match scheme {
        Scheme::Shopify => vec![("x-shopify-hmac-sha256", plain(&[body])), ("x-shopify-webhook-id", delivery_id.to_owned())],
        Scheme::GameAnalytics => vec![("authorization", plain(&[body]))],
        Scheme::Zendesk => {
            let timestamp = now.rfc3339();
            let signature = plain(&[timestamp.as_bytes(), body]);
            vec![
                ("x-zendesk-webhook-signature", signature),
                ("x-zendesk-webhook-signature-timestamp", timestamp),
                ("x-zendesk-webhook-invocation-id", delivery_id.to_owned()),
            ]
        }
        Scheme::StandardWebhooks => {
            let timestamp = now.0.div_euclid(1000).to_string();
            let key = standard_webhooks_key(secret).unwrap_or_default();
            let signature = code(&key, &[delivery_id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
            vec![
                ("webhook-id", delivery_id.to_owned()),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", format!("v1,{}", STANDARD.encode(signature))),
            ]
        }
    }
}

#[cfg(test)]
mod tests;
