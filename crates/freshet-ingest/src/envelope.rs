//! The record between receiver and transformer: one JSON object a line, versioned, with the delivery's raw bytes.
//!
//! A body travels as text where it is UTF-8, compressed where it is large and shrinks, and by a pointer to an
//! object where it fits no record. A record may hold many lines.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::headers::Headers;
use crate::time::Millis;

/// The version of the envelope that this code writes and reads.
pub const ENVELOPE_VERSION: u32 = 1;
/// A body of more bytes travels compressed where that makes it smaller: Firehose bills a record in steps of 5 KB
/// (aws.amazon.com/firehose/pricing).
pub const COMPRESS_ABOVE: usize = 5 * 1024;
/// A record holds 1,000 KiB (docs.aws.amazon.com/firehose, "Quota").
pub const RECORD_LIMIT: usize = 1_000 * 1024;
/// What a compressed body may become: far above what the receiver takes, far below what a function's memory holds.
pub const UNPACKED_LIMIT: usize = 64 * 1024 * 1024;

/// A verified delivery on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The source, as in the path.
    pub source: String,
    /// The account of the path, if it named one.
    pub account: Option<String>,
    /// The topic of the query, if it named one.
    pub topic: Option<String>,
    /// When the receiver took it.
    pub received_at: Millis,
    /// The headers that are kept.
    pub headers: Headers,
    /// The raw body.
    pub body: Body,
}

/// Where a delivery's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Here.
    Bytes(Vec<u8>),
    /// In an object of the lake's bucket.
    Object {
        /// Its key, below `spill/bodies/`.
        key: String,
    },
}

/// One line of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// A verified delivery.
    Delivery(Delivery),
    /// Deliveries that were answered 401, counted.
    Refusals(Refusals),
}

/// How many deliveries a receiver refused since it last said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusals {
    /// Which receiver, and its how-manieth report: the same report twice counts once.
    pub run: String,
    /// The source.
    pub source: String,
    /// How many.
    pub count: u64,
    /// When it was said, in milliseconds of Unix time.
    pub counted_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Version {
    envelope: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    envelope: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery: Option<WireDelivery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusals: Option<Refusals>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDelivery {
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    received_at: i64,
    headers: Headers,
    body: WireBody,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireBody {
    Text(String),
    Base64(String),
    Gzip(String),
    Object(String),
}

impl Wire {
    fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("texts and numbers always serialise");
        line.push(b'\n');
        line
    }
}

impl Envelope {
    /// The line, with its newline.
    pub fn encode(&self) -> Vec<u8> {
        let wire = match self {
            Self::Delivery(delivery) => Wire { envelope: ENVELOPE_VERSION, delivery: Some(wire_delivery(delivery)), refusals: None },
            Self::Refusals(refusals) => Wire { envelope: ENVELOPE_VERSION, delivery: None, refusals: Some(refusals.clone()) },
        };
        wire.line()
    }

    /// Reads a line. A newer version is an error of its own: it waits for newer code.
    pub fn decode(line: &[u8]) -> Result<Self, Error> {
        let unreadable = |source| Error::UnreadableRecord { source };
        // The version alone first: what a newer one holds is not ours to judge.
        if let Ok(Version { envelope }) = serde_json::from_slice(line)
            && envelope > ENVELOPE_VERSION
        {
            return Err(Error::NewerRecord { version: envelope, known: ENVELOPE_VERSION });
        }
        let wire: Wire = serde_json::from_slice(line).map_err(unreadable)?;
        match (wire.delivery, wire.refusals) {
            (Some(WireDelivery { received_at: time, .. }), None) | (None, Some(Refusals { counted_at: time, .. }))
                if !Millis(time).is_credible() =>
            {
                Err(Error::ImpossibleTime)
            }
            (Some(delivery), None) => read_delivery(delivery).map(Self::Delivery),
            (None, Some(refusals)) => Ok(Self::Refusals(refusals)),
            (Some(_), Some(_)) | (None, None) => Err(Error::AmbiguousRecord),
        }
    }
}

fn wire_delivery(delivery: &Delivery) -> WireDelivery {
    WireDelivery {
        source: delivery.source.clone(),
        account: delivery.account.clone(),
        topic: delivery.topic.clone(),
        received_at: delivery.received_at.0,
        headers: delivery.headers.clone(),
        body: match &delivery.body {
            Body::Object { key } => WireBody::Object(key.clone()),
            Body::Bytes(bytes) => wire_body(bytes),
        },
    }
}

fn wire_body(bytes: &[u8]) -> WireBody {
    if bytes.len() > COMPRESS_ABOVE {
        let compressed = gzip(bytes);
        if compressed.len() * 4 / 3 < bytes.len() {
            return WireBody::Gzip(STANDARD.encode(compressed));
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => WireBody::Text(text.to_owned()),
        Err(_) => WireBody::Base64(STANDARD.encode(bytes)),
    }
}

fn read_delivery(wire: WireDelivery) -> Result<Delivery, Error> {
    let body = match wire.body {
        WireBody::Text(text) => Body::Bytes(text.into_bytes()),
        WireBody::Base64(text) => Body::Bytes(STANDARD.decode(text).map_err(|source| Error::UnreadableBody { source })?),
        WireBody::Gzip(text) => Body::Bytes(gunzip(&STANDARD.decode(text).map_err(|source| Error::UnreadableBody { source })?)?),
        WireBody::Object(key) => Body::Object { key },
    };
    Ok(Delivery {
        source: wire.source,
        account: wire.account,
        topic: wire.topic,
        received_at: Millis(wire.received_at),
        headers: wire.headers,
        body,
    })
}

/// Compresses, the same bytes for the same input.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    written(GzEncoder::new(Vec::new(), Compression::fast()), bytes)
}

fn written(mut encoder: GzEncoder<Vec<u8>>, bytes: &[u8]) -> Vec<u8> {
    encoder.write_all(bytes).expect("writing to memory cannot fail");
    encoder.finish().expect("writing to memory cannot fail")
}

/// Unpacks all members, up to [`UNPACKED_LIMIT`].
pub fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes).take(UNPACKED_LIMIT as u64 + 1).read_to_end(&mut unpacked).map_err(|source| Error::Unpack { source })?;
    if unpacked.len() > UNPACKED_LIMIT {
        return Err(Error::UnpackedTooLarge { limit: UNPACKED_LIMIT });
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(body: Body) -> Envelope {
        Envelope::Delivery(Delivery {
            source: "game".to_owned(),
            account: None,
            topic: Some("match-v5".to_owned()),
            received_at: Millis(1_790_000_000_123),
            headers: [("Webhook-Id", "d1")].into_iter().collect(),
            body,
        })
    }

    #[test]
    fn every_kind_of_body_comes_back_byte_for_byte() {
        let large = "{\"a\":\"b\"}".repeat(4_000).into_bytes();
        for body in [b"{}".to_vec(), vec![0, 159, 146, 150], large, Vec::new()] {
            let envelope = delivery(Body::Bytes(body));
            assert_eq!(Envelope::decode(&envelope.encode()).unwrap(), envelope);
        }
        let pointer = delivery(Body::Object { key: "spill/bodies/x".to_owned() });
        assert_eq!(Envelope::decode(&pointer.encode()).unwrap(), pointer);
    }

    #[test]
    fn a_large_body_that_shrinks_travels_compressed() {
        let line = delivery(Body::Bytes(b"[1,2,3,4],".repeat(200_000))).encode();
        assert!(line.len() < RECORD_LIMIT / 10, "{} bytes", line.len());
    }

    #[test]
    fn a_newer_envelope_waits() {
        let error = Envelope::decode(br#"{"envelope":2,"something":"new"}"#).unwrap_err();
        assert!(matches!(error, Error::NewerRecord { version: 2, known: 1 }));
    }
}
