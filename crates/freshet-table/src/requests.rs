//! A lake in memory that counts the requests which S3 would bill. For tests: what a run asks for is what it costs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use crate::lake::Lake;

/// Requests so far.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) lists: AtomicU64,
    pub(crate) puts: AtomicU64,
    pub(crate) gets: AtomicU64,
}

impl Requests {
    /// LIST, PUT and GET requests since the last time.
    pub(crate) fn take(&self) -> [u64; 3] {
        [&self.lists, &self.puts, &self.gets].map(|count| count.swap(0, Ordering::Relaxed))
    }
}

/// A lake, and what is asked of it.
pub(crate) fn counted() -> (Lake, Arc<Requests>) {
    let requests = Arc::new(Requests::default());
    let store = Counting { store: InMemory::new(), requests: Arc::clone(&requests) };
    (Lake::over(Arc::new(store), "lake"), requests)
}

#[derive(Debug)]
struct Counting {
    store: InMemory,
    requests: Arc<Requests>,
}

impl Counting {
    fn list(&self) -> &InMemory {
        self.requests.lists.fetch_add(1, Ordering::Relaxed);
        &self.store
    }

    fn put(&self) -> &InMemory {
        self.requests.puts.fetch_add(1, Ordering::Relaxed);
        &self.store
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(formatter)
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.put().put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.put().put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.requests.gets.fetch_add(1, Ordering::Relaxed);
        self.store.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        ObjectStore::list(Self::list(self), prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        Self::list(self).list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        Self::list(self).list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.put().copy_opts(from, to, options).await
    }
}
