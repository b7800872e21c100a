//! Between the protocol's words and the store's: refusals, conditions, `ETags`, checksums.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use s3s::TrailingHeaders;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::dto::{Checksum, ETag, ETagCondition, StreamingBlob};
use s3s::{S3Error, S3Result, s3_error};

use crate::store::{Condition, Pending, Refusal, Store};

/// The names of the checksum headers, behind `x-amz-`.
const CHECKSUMS: [&str; 5] = ["checksum-crc32", "checksum-crc32c", "checksum-crc64nvme", "checksum-sha1", "checksum-sha256"];

pub(super) fn refuse(refusal: Refusal) -> S3Error {
    match refusal {
        Refusal::NoSuchBucket => s3_error!(NoSuchBucket),
        Refusal::NoSuchKey => s3_error!(NoSuchKey),
        Refusal::NoSuchUpload => s3_error!(NoSuchUpload),
        Refusal::PreconditionFailed => s3_error!(PreconditionFailed),
        Refusal::InvalidPart => s3_error!(InvalidPart),
        Refusal::BadDigest => s3_error!(BadDigest),
        Refusal::BucketNotEmpty => s3_error!(BucketNotEmpty),
        Refusal::Failed(error) => {
            tracing::error!(%error, source = ?std::error::Error::source(&error).map(ToString::to_string), "the store failed");
            s3_error!(InternalError)
        }
    }
}

pub(super) fn etag(text: &str) -> ETag {
    ETag::Strong(text.to_owned())
}

/// The condition of a change.
pub(super) fn condition(if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> Condition {
    match (if_match, if_none_match) {
        (Some(ETagCondition::Any), _) => Condition::Present,
        (Some(ETagCondition::ETag(etag)), _) => Condition::Is(etag.value().to_owned()),
        (None, Some(ETagCondition::Any)) => Condition::Absent,
        (None, Some(ETagCondition::ETag(etag))) => Condition::IsNot(etag.value().to_owned()),
        (None, None) => Condition::None,
    }
}

/// What a client says that its bytes sum up to.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) md5: Option<String>,
    pub(super) checksums: BTreeMap<&'static str, String>,
    /// The algorithm of a checksum that comes behind the body.
    pub(super) trailing: Option<String>,
}

impl Expected {
    pub(super) fn of(md5: Option<String>, values: [Option<String>; 5], algorithm: Option<String>) -> Self {
        let checksums = CHECKSUMS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect();
        Self { md5, checksums, trailing: algorithm }
    }
}

/// Takes a body into the store and verifies it before it becomes anything. Returns the checksums to keep.
pub(super) async fn take(
    store: &Store,
    body: Option<StreamingBlob>,
    mut expected: Expected,
    trailing: Option<TrailingHeaders>,
) -> S3Result<(Pending, BTreeMap<String, String>)> {
    let mut pending = store.begin().await.map_err(|error| refuse(error.into()))?;
    let mut hasher = hasher(&expected, trailing.is_some());
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| s3_error!(IncompleteBody, "read the body: {error}"))?;
            hasher.update(&chunk);
            pending.write(&chunk).await.map_err(|error| refuse(error.into()))?;
        }
    }
    if let Some(headers) = trailing.and_then(|trailing| trailing.take()) {
        for name in CHECKSUMS {
            let value = headers.get(format!("x-amz-{name}")).and_then(|value| value.to_str().ok());
            expected.checksums.extend(value.map(|value| (name, value.to_owned())));
        }
    }
    let computed = by_name(&hasher.finalize());
    for (name, value) in &expected.checksums {
        if computed.get(name).is_some_and(|computed| computed != value) {
            return Err(refuse(Refusal::BadDigest));
        }
    }
    let md5 = pending.sync().await.map_err(|error| refuse(error.into()))?;
    if let Some(expected) = &expected.md5 {
        let decoded = STANDARD.decode(expected).map_err(|_| s3_error!(InvalidDigest))?;
        if hex::encode(decoded) != md5 {
            return Err(refuse(Refusal::BadDigest));
        }
    }
    Ok((pending, expected.checksums.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

fn hasher(expected: &Expected, has_trailer: bool) -> ChecksumHasher {
    let wants = |name: &str| {
        let algorithm = name.trim_start_matches("checksum-");
        expected.checksums.contains_key(name)
            || (has_trailer && expected.trailing.as_ref().is_none_or(|trailing| trailing.eq_ignore_ascii_case(algorithm)))
    };
    ChecksumHasher {
        crc32: wants("checksum-crc32").then(s3s::crypto::Crc32::new),
        crc32c: wants("checksum-crc32c").then(s3s::crypto::Crc32c::new),
        crc64nvme: wants("checksum-crc64nvme").then(s3s::crypto::Crc64Nvme::new),
        sha1: wants("checksum-sha1").then(s3s::crypto::Sha1::new),
        sha256: wants("checksum-sha256").then(s3s::crypto::Sha256::new),
    }
}

fn by_name(checksum: &Checksum) -> BTreeMap<&'static str, String> {
    let values = [
        &checksum.checksum_crc32,
        &checksum.checksum_crc32c,
        &checksum.checksum_crc64nvme,
        &checksum.checksum_sha1,
        &checksum.checksum_sha256,
    ];
    CHECKSUMS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value.clone()?))).collect()
}
