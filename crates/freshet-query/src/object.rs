//! Objects in S3 that a query left: found by their location, read whole or in parts, deleted.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, MetadataSuffixFetch};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::Error;

/// Bytes at a file's end that are read first: what Parquet says of the file is usually within them.
const FOOTER: usize = 64 * 1024;
/// Parts of a file that lie so close are read at once: a request costs more than the bytes between them.
const GAP: u64 = 1024 * 1024;
/// How often a part is asked for whose bytes stop coming.
const ATTEMPTS: u32 = 3;

/// Where an object is, or the beginning of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Location {
    /// Reads `s3://bucket/key`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (bucket, key) = text.strip_prefix("s3://")?.split_once('/')?;
        (!bucket.is_empty()).then(|| Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// What it is called in statements and messages.
    pub(crate) fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    fn failed<E, R>(&self, operation: &'static str, error: &SdkError<E, R>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: Debug + 'static,
    {
        let message = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => DisplayErrorContext(error).to_string(),
        };
        self.error(operation, message)
    }

    fn error(&self, operation: &'static str, message: String) -> Error {
        Error::Object { operation, bucket: self.bucket.clone(), key: self.key.clone(), message }
    }
}

/// Reads an object, or the part of it that a `Range` header names.
pub(crate) async fn read(client: &Client, location: &Location, range: Option<String>) -> Result<Bytes, Error> {
    const OPERATION: &str = "GetObject";
    let mut attempt = 1;
    loop {
        let request = client.get_object().bucket(&location.bucket).key(&location.key).set_range(range.clone());
        let output = request.send().await.map_err(|error| location.failed(OPERATION, &error))?;
        match output.body.collect().await {
            Ok(body) => return Ok(body.into_bytes()),
            Err(error) if attempt < ATTEMPTS => tracing::debug!(attempt, %error, "an object's bytes stopped coming"),
            Err(error) => return Err(location.error(OPERATION, error.to_string())),
        }
        attempt += 1;
    }
}

/// The keys that begin so, at most a page of them.
pub(crate) async fn list(client: &Client, beginning: &Location) -> Result<Vec<String>, Error> {
    let request = client.list_objects_v2().bucket(&beginning.bucket).prefix(&beginning.key);
    let page = request.send().await.map_err(|error| beginning.failed("ListObjectsV2", &error))?;
    Ok(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect())
}

/// Deletes up to 1,000 objects of a bucket; one that is not there counts as deleted.
pub(crate) async fn delete(client: &Client, within: &Location, keys: &[String]) -> Result<(), Error> {
    const OPERATION: &str = "DeleteObjects";
    let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect::<Result<_, _>>();
    let objects = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
    let objects = objects.map_err(|error| within.error(OPERATION, error.to_string()))?;
    let output = client.delete_objects().bucket(&within.bucket).delete(objects).send().await;
    let output = output.map_err(|error| within.failed(OPERATION, &error))?;
    match output.errors().first() {
        None => Ok(()),
        Some(error) => {
            let message = format!("{}: {}", error.code().unwrap_or("no code"), error.message().unwrap_or("no message"));
            Err(within.error(OPERATION, message))
        }
    }
}

/// A Parquet file, of which the parts that are needed are read.
pub(crate) struct File {
    pub(crate) client: Client,
    pub(crate) location: Location,
}

impl File {
    async fn part(&self, range: String) -> Result<Bytes, ParquetError> {
        read(&self.client, &self.location, Some(range)).await.map_err(|error| ParquetError::External(Box::new(error)))
    }
}

impl AsyncFileReader for File {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.part(header(&range)).await }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move {
            let mut parts: Vec<(Range<u64>, Bytes)> = Vec::new();
            for range in joined(&ranges) {
                let bytes = self.part(header(&range)).await?;
                parts.push((range, bytes));
            }
            ranges.iter().map(|wanted| cut(&parts, wanted)).collect()
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options).with_prefetch_hint(Some(FOOTER));
            Ok(Arc::new(reader.load_via_suffix_and_finish(self).await?))
        }
        .boxed()
    }
}

impl MetadataSuffixFetch for &mut File {
    fn fetch_suffix(&mut self, suffix: usize) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.part(format!("bytes=-{suffix}")).await }.boxed()
    }
}

fn header(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end.saturating_sub(1))
}

/// The ranges in order, those that lie close to each other as one.
fn joined(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end + GAP => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// A range out of the parts that were read.
fn cut(parts: &[(Range<u64>, Bytes)], wanted: &Range<u64>) -> Result<Bytes, ParquetError> {
    let within = parts.iter().find(|(range, _)| range.start <= wanted.start && wanted.end <= range.end);
    let place = |at: u64, start: u64| usize::try_from(at - start).ok();
    let found = within.and_then(|(range, bytes)| {
        let (from, to) = (place(wanted.start, range.start)?, place(wanted.end, range.start)?);
        (to <= bytes.len()).then(|| bytes.slice(from..to))
    });
    found.ok_or_else(|| ParquetError::EOF(format!("the file ends before byte {}", wanted.end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_a_key() {
        let location = Location::parse("s3://lake/answers/a b").unwrap();
        assert_eq!(
            (location.bucket.as_str(), location.key.as_str(), location.url().as_str()),
            ("lake", "answers/a b", "s3://lake/answers/a b")
        );
        assert_eq!(Location::parse("s3://lake/").unwrap().key, "");
        for text in ["", "lake/a", "s3://", "s3:///a", "s3://lake", "https://lake/a"] {
            assert_eq!(Location::parse(text), None, "{text}");
        }
    }

    #[test]
    fn parts_that_lie_close_are_read_at_once_and_cut_apart() {
        let far = 10 + 3 * GAP;
        let ranges = [20..30, 4..10, far..far + 5, 10..20];
        let read = joined(&ranges);
        assert_eq!(read, [4..30, far..far + 5]);
        let byte = |at: u64| u8::try_from(at % 251).unwrap();
        let parts: Vec<(Range<u64>, Bytes)> = read.into_iter().map(|range| (range.clone(), range.map(byte).collect())).collect();
        for range in ranges {
            assert_eq!(cut(&parts, &range).unwrap(), range.clone().map(byte).collect::<Bytes>(), "{range:?}");
        }
        let short = [(0..100, Bytes::from_static(b"too short"))];
        assert!(cut(&short, &(5..20)).is_err() && cut(&short, &(200..201)).is_err());
        assert_eq!(header(&(0..1)), "bytes=0-0");
    }
}
