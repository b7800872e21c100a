//! The buckets, as object stores for the other services of the process.

use std::sync::Arc;

use object_store::ObjectStore;

use crate::bucket_store::BucketStore;
use crate::store::Store;

/// Gives the object store of a bucket by its name.
#[derive(Clone)]
pub(crate) struct Buckets(Arc<Find>);

type Find = dyn Fn(&str) -> Arc<dyn ObjectStore> + Send + Sync;

impl Buckets {
    /// Buckets that `find` opens.
    pub(crate) fn new(find: impl Fn(&str) -> Arc<dyn ObjectStore> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// The buckets of the store that S3 answers from.
    pub(crate) fn over(store: Store) -> Self {
        Self::new(move |bucket| Arc::new(BucketStore::new(store.clone(), bucket)))
    }

    /// The store of this bucket.
    pub(crate) fn get(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        (self.0)(bucket)
    }
}
