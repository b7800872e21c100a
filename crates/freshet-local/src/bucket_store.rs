//! A bucket for the services inside the process: `object_store` over the same store that S3 answers from.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::store::{self, Condition, Listing, ObjectInfo, Refusal, Store};

/// One bucket of the store.
#[derive(Debug, Clone)]
pub(crate) struct BucketStore {
    store: Store,
    bucket: String,
}

impl BucketStore {
    pub(crate) fn new(store: Store, bucket: &str) -> Self {
        Self { store, bucket: bucket.to_owned() }
    }
}

impl fmt::Display for BucketStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}", self.bucket)
    }
}

fn refuse(path: &str) -> impl Fn(Refusal) -> Error {
    let path = path.to_owned();
    move |refusal| {
        let source = format!("{refusal:?}").into();
        match refusal {
            Refusal::NoSuchKey | Refusal::NoSuchBucket | Refusal::NoSuchUpload => Error::NotFound { path: path.clone(), source },
            Refusal::PreconditionFailed => Error::Precondition { path: path.clone(), source },
            Refusal::InvalidPart | Refusal::BadDigest | Refusal::BucketNotEmpty | Refusal::Failed(_) => {
                Error::Generic { store: "loopback", source }
            }
        }
    }
}

fn meta(info: &ObjectInfo) -> Result<ObjectMeta> {
    Ok(ObjectMeta {
        location: Path::parse(&info.key)?,
        last_modified: info.modified.into(),
        size: info.size,
        e_tag: Some(info.etag.clone()),
        version: None,
    })
}

impl BucketStore {
    fn list_all(&self, prefix: Option<&Path>, delimiter: Option<&str>, after: &str) -> Result<(Vec<ObjectInfo>, Vec<String>)> {
        let prefix = prefix.map(|prefix| format!("{prefix}/")).filter(|prefix| prefix != "/").unwrap_or_default();
        let mut listing = Listing { prefix, after: after.to_owned(), delimiter: delimiter.map(str::to_owned), limit: 10_000 };
        let (mut objects, mut groups) = (Vec::new(), Vec::new());
        loop {
            let page = self.store.list(&self.bucket, &listing).map_err(refuse(&listing.prefix))?;
            objects.extend(page.objects);
            groups.extend(page.groups);
            match page.next {
                Some(next) => listing.after = next,
                None => return Ok((objects, groups)),
            }
        }
    }
}

#[async_trait]
impl ObjectStore for BucketStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let condition = match options.mode {
            PutMode::Overwrite => Condition::None,
            PutMode::Create => Condition::Absent,
            PutMode::Update(version) => version.e_tag.map_or(Condition::Present, Condition::Is),
        };
        let chunks: Vec<Bytes> = payload.into_iter().collect();
        let put = self.store.put(&self.bucket, location.as_ref(), &chunks, store::Attributes::default(), &condition).await;
        let info = put.map_err(|refusal| match (&condition, refusal) {
            (Condition::Absent, Refusal::PreconditionFailed) => {
                Error::AlreadyExists { path: location.to_string(), source: "the object is there".into() }
            }
            (_, refusal) => refuse(location.as_ref())(refusal),
        })?;
        Ok(PutResult { e_tag: Some(info.etag), version: None })
    }

    async fn put_multipart_opts(&self, location: &Path, _options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Collected { bucket: self.clone(), location: location.clone(), chunks: Vec::new() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (path, info) = self.store.find(&self.bucket, location.as_ref()).map_err(refuse(location.as_ref()))?;
        let meta = meta(&info)?;
        options.check_preconditions(&meta)?;
        let range: Range<u64> = match &options.range {
            Some(range) => range.as_range(info.size).map_err(|error| Error::Generic { store: "loopback", source: Box::new(error) })?,
            None => 0..info.size,
        };
        let failed = |error: std::io::Error| Error::Generic { store: "loopback", source: Box::new(error) };
        let payload = if options.head {
            GetResultPayload::Stream(stream::empty().boxed())
        } else {
            let mut file = tokio::fs::File::open(&path).await.map_err(failed)?;
            file.seek(std::io::SeekFrom::Start(range.start)).await.map_err(failed)?;
            let bytes = ReaderStream::with_capacity(file.take(range.end - range.start), 256 * 1024);
            GetResultPayload::Stream(bytes.map_err(failed).boxed())
        };
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let bucket = self.clone();
        locations
            .and_then(move |location| {
                let bucket = bucket.clone();
                async move {
                    let deleted = bucket.store.delete(&bucket.bucket, location.as_ref(), &Condition::None).await;
                    deleted.map_err(refuse(location.as_ref()))?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.list_all(prefix, None, "") {
            Ok((objects, _)) => stream::iter(objects.into_iter().map(|info| meta(&info))).boxed(),
            Err(Error::NotFound { .. }) => stream::empty().boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.list_all(prefix, None, offset.as_ref()) {
            Ok((objects, _)) => stream::iter(objects.into_iter().map(|info| meta(&info))).boxed(),
            Err(Error::NotFound { .. }) => stream::empty().boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let (objects, groups) = self.list_all(prefix, Some("/"), "")?;
        let objects = objects.iter().map(meta).collect::<Result<_>>()?;
        let common_prefixes =
            groups.iter().map(|group| Path::parse(group.trim_end_matches('/')).map_err(Error::from)).collect::<Result<_>>()?;
        Ok(ListResult { common_prefixes, objects })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let bytes = self.get_opts(from, GetOptions::default()).await?.bytes().await?;
        let mode = match options.mode {
            CopyMode::Overwrite => PutMode::Overwrite,
            CopyMode::Create => PutMode::Create,
        };
        self.put_opts(to, bytes.into(), mode.into()).await.map(|_| ())
    }
}

/// An upload that is put when it is complete: what the process writes itself fits its memory.
#[derive(Debug)]
struct Collected {
    bucket: BucketStore,
    location: Path,
    chunks: Vec<Bytes>,
}

#[async_trait]
impl MultipartUpload for Collected {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        self.chunks.extend(payload);
        Box::pin(async { Ok(()) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let payload: PutPayload = std::mem::take(&mut self.chunks).into_iter().collect();
        self.bucket.put_opts(&self.location, payload, PutOptions::default()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.chunks.clear();
        Ok(())
    }
}
