//! Objects: get, head, put, copy, delete, list.

use std::path::Path;

use s3s::TrailingHeaders;
use s3s::dto::{
    CommonPrefix, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, EncodingType, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, MetadataDirective, Object,
    ObjectStorageClass, PutObjectInput, PutObjectOutput, Range, StreamingBlob, Timestamp,
};
use s3s::{S3Response, S3Result, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::convert::{Expected, condition, etag, refuse, take};
use crate::store::{Attributes, Listing, ObjectInfo, Page, Refusal, Store};

/// The most keys of a page.
const PAGE: usize = 1_000;
/// The size of the pieces that an object is read in.
const PIECE: usize = 256 * 1024;

pub(super) async fn get(store: &Store, input: GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
    let (path, info) = store.find(&input.bucket, &input.key).map_err(refuse)?;
    check(
        &info,
        input.if_match.as_ref(),
        input.if_none_match.as_ref(),
        input.if_modified_since.as_ref(),
        input.if_unmodified_since.as_ref(),
    )?;
    let (from, length, content_range) = span(input.range.as_ref(), info.size)?;
    let body = open(&path, from, length).await?;
    let attributes = &info.attributes;
    let checksum = |name: &str| attributes.checksums.get(name).filter(|_| content_range.is_none()).cloned();
    Ok(S3Response::new(GetObjectOutput {
        body: Some(body),
        content_length: Some(length.cast_signed()),
        accept_ranges: Some("bytes".to_owned()),
        e_tag: Some(etag(&info.etag)),
        last_modified: Some(Timestamp::from(info.modified)),
        content_type: Some(content_type(attributes)),
        content_encoding: attributes.content_encoding.clone(),
        content_disposition: attributes.content_disposition.clone(),
        cache_control: attributes.cache_control.clone(),
        metadata: metadata(attributes),
        checksum_crc32: checksum("checksum-crc32"),
        checksum_crc32c: checksum("checksum-crc32c"),
        checksum_crc64nvme: checksum("checksum-crc64nvme"),
        checksum_sha1: checksum("checksum-sha1"),
        checksum_sha256: checksum("checksum-sha256"),
        content_range,
        ..Default::default()
    }))
}

pub(super) fn head(store: &Store, input: &HeadObjectInput) -> S3Result<S3Response<HeadObjectOutput>> {
    let (_, info) = store.find(&input.bucket, &input.key).map_err(refuse)?;
    check(
        &info,
        input.if_match.as_ref(),
        input.if_none_match.as_ref(),
        input.if_modified_since.as_ref(),
        input.if_unmodified_since.as_ref(),
    )?;
    let (_, length, content_range) = span(input.range.as_ref(), info.size)?;
    let attributes = &info.attributes;
    Ok(S3Response::new(HeadObjectOutput {
        content_length: Some(length.cast_signed()),
        content_range,
        accept_ranges: Some("bytes".to_owned()),
        e_tag: Some(etag(&info.etag)),
        last_modified: Some(Timestamp::from(info.modified)),
        content_type: Some(content_type(attributes)),
        content_encoding: attributes.content_encoding.clone(),
        content_disposition: attributes.content_disposition.clone(),
        cache_control: attributes.cache_control.clone(),
        metadata: metadata(attributes),
        ..Default::default()
    }))
}

pub(super) async fn put(store: &Store, input: PutObjectInput, trailing: Option<TrailingHeaders>) -> S3Result<S3Response<PutObjectOutput>> {
    if !store.has_bucket(&input.bucket) {
        return Err(s3_error!(NoSuchBucket));
    }
    let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref());
    let values = [input.checksum_crc32, input.checksum_crc32c, input.checksum_crc64nvme, input.checksum_sha1, input.checksum_sha256];
    let expected = Expected::of(input.content_md5, values, input.checksum_algorithm.map(|algorithm| algorithm.as_str().to_owned()));
    let (pending, checksums) = take(store, input.body, expected, trailing).await?;
    let attributes = Attributes {
        content_type: input.content_type,
        content_encoding: input.content_encoding,
        content_disposition: input.content_disposition,
        cache_control: input.cache_control,
        metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        checksums,
    };
    let info = store.finish(&input.bucket, &input.key, pending, attributes, &condition, None).await.map_err(refuse)?;
    let checksum = |name: &str| info.attributes.checksums.get(name).cloned();
    Ok(S3Response::new(PutObjectOutput {
        e_tag: Some(etag(&info.etag)),
        checksum_crc32: checksum("checksum-crc32"),
        checksum_crc32c: checksum("checksum-crc32c"),
        checksum_crc64nvme: checksum("checksum-crc64nvme"),
        checksum_sha1: checksum("checksum-sha1"),
        checksum_sha256: checksum("checksum-sha256"),
        ..Default::default()
    }))
}

pub(super) async fn copy(store: &Store, input: CopyObjectInput) -> S3Result<S3Response<CopyObjectOutput>> {
    let CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
        return Err(s3_error!(NotImplemented, "a copy's source is a bucket and a key"));
    };
    let (path, source) = store.find(bucket, key).map_err(refuse)?;
    check(&source, input.copy_source_if_match.as_ref(), None, None, None)?;
    let replaces = input.metadata_directive.as_ref().is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let attributes = if replaces {
        Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            cache_control: input.cache_control,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            checksums: source.attributes.checksums,
        }
    } else {
        source.attributes
    };
    let pending = read_into(store, &path, 0, source.size).await?;
    let condition = crate::store::Condition::None;
    let info = store.finish(&input.bucket, &input.key, pending, attributes, &condition, None).await.map_err(refuse)?;
    let result =
        CopyObjectResult { e_tag: Some(etag(&info.etag)), last_modified: Some(Timestamp::from(info.modified)), ..Default::default() };
    Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
}

/// Reads a part of a file into pending bytes.
pub(super) async fn read_into(store: &Store, path: &Path, from: u64, length: u64) -> S3Result<crate::store::Pending> {
    let failed = |error: std::io::Error| s3_error!(error, InternalError);
    let mut pending = store.begin().await.map_err(|error| refuse(error.into()))?;
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    file.seek(std::io::SeekFrom::Start(from)).await.map_err(failed)?;
    let mut rest = file.take(length);
    let mut buffer = vec![0; PIECE];
    loop {
        match rest.read(&mut buffer).await.map_err(failed)? {
            0 => return Ok(pending),
            count => pending.write(&buffer[..count]).await.map_err(|error| refuse(error.into()))?,
        }
    }
}

pub(super) async fn delete(store: &Store, input: &DeleteObjectInput) -> S3Result<S3Response<DeleteObjectOutput>> {
    let condition = condition(input.if_match.as_ref(), None);
    store.delete(&input.bucket, &input.key, &condition).await.map_err(refuse)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(super) async fn delete_many(store: &Store, input: DeleteObjectsInput) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in input.delete.objects {
        let condition =
            object.e_tag.as_ref().map_or(crate::store::Condition::None, |etag| crate::store::Condition::Is(etag.value().to_owned()));
        match store.delete(&input.bucket, &object.key, &condition).await {
            Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..Default::default() }),
            Err(Refusal::NoSuchBucket) => return Err(s3_error!(NoSuchBucket)),
            Err(refusal) => {
                let error = refuse(refusal);
                errors.push(s3s::dto::Error {
                    key: Some(object.key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                });
            }
        }
    }
    let is_quiet = input.delete.quiet.unwrap_or(false);
    let deleted = (!is_quiet).then_some(deleted);
    Ok(S3Response::new(DeleteObjectsOutput { deleted, errors: (!errors.is_empty()).then_some(errors), ..Default::default() }))
}

pub(super) fn list_v1(store: &Store, input: ListObjectsInput) -> S3Result<S3Response<ListObjectsOutput>> {
    let url = is_url(input.encoding_type.as_ref());
    let page = page(store, &input.bucket, input.prefix.as_deref(), input.marker.as_deref(), input.delimiter.as_deref(), input.max_keys)?;
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(encode(&input.prefix.unwrap_or_default(), url)),
        marker: Some(encode(&input.marker.unwrap_or_default(), url)),
        delimiter: input.delimiter.map(|delimiter| encode(&delimiter, url)),
        max_keys: input.max_keys.or(Some(1_000)),
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.as_ref().map(|next| encode(next, url)),
        common_prefixes: groups(&page, url),
        contents: Some(contents(page, url)),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

pub(super) fn list_v2(store: &Store, input: ListObjectsV2Input) -> S3Result<S3Response<ListObjectsV2Output>> {
    let url = is_url(input.encoding_type.as_ref());
    let after = match &input.continuation_token {
        Some(token) => {
            let bytes = hex::decode(token).map_err(|_| s3_error!(InvalidArgument, "the continuation token is not one of this service"))?;
            Some(String::from_utf8(bytes).map_err(|_| s3_error!(InvalidArgument, "the continuation token is not one of this service"))?)
        }
        None => input.start_after.clone(),
    };
    let page = page(store, &input.bucket, input.prefix.as_deref(), after.as_deref(), input.delimiter.as_deref(), input.max_keys)?;
    let count = page.objects.len() + page.groups.len();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encode(&input.prefix.unwrap_or_default(), url)),
        delimiter: input.delimiter.map(|delimiter| encode(&delimiter, url)),
        start_after: input.start_after.map(|after| encode(&after, url)),
        max_keys: input.max_keys.or(Some(1_000)),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_ref().map(hex::encode),
        common_prefixes: groups(&page, url),
        contents: Some(contents(page, url)),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

fn page(
    store: &Store,
    bucket: &str,
    prefix: Option<&str>,
    after: Option<&str>,
    delimiter: Option<&str>,
    limit: Option<i32>,
) -> S3Result<Page> {
    let limit = usize::try_from(limit.unwrap_or(1_000)).map_err(|_| s3_error!(InvalidArgument, "max-keys is not negative"))?.min(PAGE);
    let listing = Listing {
        prefix: prefix.unwrap_or_default().to_owned(),
        after: after.unwrap_or_default().to_owned(),
        delimiter: delimiter.map(str::to_owned),
        limit,
    };
    if limit == 0 {
        return if store.has_bucket(bucket) { Ok(Page::default()) } else { Err(s3_error!(NoSuchBucket)) };
    }
    store.list(bucket, &listing).map_err(refuse)
}

fn contents(page: Page, url: bool) -> Vec<Object> {
    let object = |info: ObjectInfo| Object {
        key: Some(encode(&info.key, url)),
        size: Some(info.size.cast_signed()),
        e_tag: Some(etag(&info.etag)),
        last_modified: Some(Timestamp::from(info.modified)),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Default::default()
    };
    page.objects.into_iter().map(object).collect()
}

fn groups(page: &Page, url: bool) -> Option<Vec<CommonPrefix>> {
    (!page.groups.is_empty()).then(|| page.groups.iter().map(|group| CommonPrefix { prefix: Some(encode(group, url)) }).collect())
}

fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}

fn encode(text: &str, url: bool) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');
    if url { percent_encoding::utf8_percent_encode(text, KEPT).to_string() } else { text.to_owned() }
}

/// Whether a reader's conditions let it have the object (RFC 9110, section 13.2.2).
fn check(
    info: &ObjectInfo,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
    if_modified_since: Option<&Timestamp>,
    if_unmodified_since: Option<&Timestamp>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| condition.as_etag().is_none_or(|etag| etag.value() == info.etag);
    // Dates on the wire have whole seconds.
    let modified = info.modified.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let whole = Timestamp::from(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(modified));
    match if_match {
        Some(condition) if !is(condition) => return Err(s3_error!(PreconditionFailed)),
        None if if_unmodified_since.is_some_and(|since| whole > *since) => return Err(s3_error!(PreconditionFailed)),
        Some(_) | None => {}
    }
    match if_none_match {
        Some(condition) if is(condition) => Err(s3_error!(NotModified)),
        None if if_modified_since.is_some_and(|since| whole <= *since) => Err(s3_error!(NotModified)),
        Some(_) | None => Ok(()),
    }
}

/// Where to begin, how much to read, and the range as the answer says it.
fn span(range: Option<&Range>, size: u64) -> S3Result<(u64, u64, Option<String>)> {
    let Some(range) = range else {
        return Ok((0, size, None));
    };
    let range = range.check(size).map_err(|_| s3_error!(InvalidRange))?;
    let said = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    Ok((range.start, range.end - range.start, Some(said)))
}

async fn open(path: &Path, from: u64, length: u64) -> S3Result<StreamingBlob> {
    let mut file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(s3_error!(NoSuchKey)),
        Err(error) => return Err(s3_error!(error, InternalError)),
    };
    file.seek(std::io::SeekFrom::Start(from)).await.map_err(|error| s3_error!(error, InternalError))?;
    Ok(StreamingBlob::wrap(ReaderStream::with_capacity(file.take(length), PIECE)))
}

fn content_type(attributes: &Attributes) -> String {
    attributes.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())
}

fn metadata(attributes: &Attributes) -> Option<s3s::dto::Metadata> {
    (!attributes.metadata.is_empty()).then(|| attributes.metadata.clone().into_iter().collect())
}
