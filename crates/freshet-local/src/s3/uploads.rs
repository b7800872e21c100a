//! Multipart uploads.

use s3s::TrailingHeaders;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyPartResult,
    CopySource, CreateMultipartUploadInput, CreateMultipartUploadOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListPartsInput, ListPartsOutput, MultipartUpload, Part, Range, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3Response, S3Result, s3_error};

use super::convert::{Expected, condition, etag, refuse, take};
use super::objects::read_into;
use crate::store::{Attributes, Store};

/// The most parts of a page.
const PAGE: usize = 1_000;

pub(super) fn create(store: &Store, input: CreateMultipartUploadInput) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let attributes = Attributes {
        content_type: input.content_type,
        content_encoding: input.content_encoding,
        content_disposition: input.content_disposition,
        cache_control: input.cache_control,
        metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        ..Attributes::default()
    };
    let upload = store.create_upload(&input.bucket, &input.key, attributes).map_err(refuse)?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(upload.bucket),
        key: Some(upload.key),
        upload_id: Some(upload.id),
        ..Default::default()
    }))
}

pub(super) async fn put_part(
    store: &Store,
    input: UploadPartInput,
    trailing: Option<TrailingHeaders>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let upload = store.upload(&input.bucket, &input.key, &input.upload_id).map_err(refuse)?;
    check_number(input.part_number)?;
    let values = [input.checksum_crc32, input.checksum_crc32c, input.checksum_crc64nvme, input.checksum_sha1, input.checksum_sha256];
    let expected = Expected::of(input.content_md5, values, input.checksum_algorithm.map(|algorithm| algorithm.as_str().to_owned()));
    let (pending, mut checksums) = take(store, input.body, expected, trailing).await?;
    let part = store.put_part(&upload, input.part_number, pending).await.map_err(refuse)?;
    Ok(S3Response::new(UploadPartOutput {
        e_tag: Some(etag(&part.etag)),
        checksum_crc32: checksums.remove("checksum-crc32"),
        checksum_crc32c: checksums.remove("checksum-crc32c"),
        checksum_crc64nvme: checksums.remove("checksum-crc64nvme"),
        checksum_sha1: checksums.remove("checksum-sha1"),
        checksum_sha256: checksums.remove("checksum-sha256"),
        ..Default::default()
    }))
}

pub(super) async fn copy_part(store: &Store, input: UploadPartCopyInput) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let upload = store.upload(&input.bucket, &input.key, &input.upload_id).map_err(refuse)?;
    check_number(input.part_number)?;
    let CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
        return Err(s3_error!(NotImplemented, "a copy's source is a bucket and a key"));
    };
    let (path, source) = store.find(bucket, key).map_err(refuse)?;
    let range = match &input.copy_source_range {
        Some(text) => {
            Range::parse(text).map_err(|_| s3_error!(InvalidArgument))?.check(source.size).map_err(|_| s3_error!(InvalidRange))?
        }
        None => 0..source.size,
    };
    let pending = read_into(store, &path, range.start, range.end - range.start).await?;
    let part = store.put_part(&upload, input.part_number, pending).await.map_err(refuse)?;
    let result = CopyPartResult { e_tag: Some(etag(&part.etag)), ..Default::default() };
    Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() }))
}

pub(super) async fn complete(store: &Store, input: CompleteMultipartUploadInput) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let upload = store.upload(&input.bucket, &input.key, &input.upload_id).map_err(refuse)?;
    let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref());
    let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let named: Vec<(i32, Option<String>)> =
        parts.into_iter().map(|part| (part.part_number.unwrap_or_default(), part.e_tag.map(|etag| etag.value().to_owned()))).collect();
    let info = store.complete_upload(&upload, &named, &condition).await.map_err(refuse)?;
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(etag(&info.etag)),
        ..Default::default()
    }))
}

pub(super) fn abort(store: &Store, input: &AbortMultipartUploadInput) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let upload = store.upload(&input.bucket, &input.key, &input.upload_id).map_err(refuse)?;
    store.abort_upload(&upload).map_err(refuse)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) fn list_parts(store: &Store, input: ListPartsInput) -> S3Result<S3Response<ListPartsOutput>> {
    let upload = store.upload(&input.bucket, &input.key, &input.upload_id).map_err(refuse)?;
    let after: i32 = input.part_number_marker.as_ref().map_or(0, |marker| *marker);
    let limit = usize::try_from(input.max_parts.unwrap_or(1_000)).unwrap_or(PAGE).clamp(1, PAGE);
    let all: Vec<_> = store.parts(&upload).into_values().filter(|part| part.number > after).collect();
    let is_truncated = all.len() > limit;
    let shown = all.iter().take(limit);
    let parts: Vec<Part> = shown
        .map(|part| Part {
            part_number: Some(part.number),
            size: Some(part.size.cast_signed()),
            e_tag: Some(etag(&part.etag)),
            ..Default::default()
        })
        .collect();
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        is_truncated: Some(is_truncated),
        next_part_number_marker: parts.last().filter(|_| is_truncated).and_then(|part| part.part_number),
        parts: Some(parts),
        ..Default::default()
    }))
}

pub(super) fn list(store: &Store, input: &ListMultipartUploadsInput) -> S3Response<ListMultipartUploadsOutput> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let uploads = store.uploads(&input.bucket).into_iter().filter(|upload| upload.key.starts_with(prefix));
    let uploads =
        uploads.map(|upload| MultipartUpload { key: Some(upload.key), upload_id: Some(upload.id), ..Default::default() }).collect();
    S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket.clone()),
        uploads: Some(uploads),
        is_truncated: Some(false),
        ..Default::default()
    })
}

fn check_number(number: i32) -> S3Result<()> {
    if (1..=10_000).contains(&number) { Ok(()) } else { Err(s3_error!(InvalidArgument, "a part's number is between 1 and 10000")) }
}
