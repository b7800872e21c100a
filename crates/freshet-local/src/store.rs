//! The store behind S3 on loopback: a folder in which an object's bytes lie unchanged at `s3/<bucket>/<key>`.
//!
//! Beside that tree: `meta/` (a sidecar an object: ETag, content type, metadata, checksums), `odd/` (objects whose key a
//! file system cannot hold), `tmp/` (what is being written) and `uploads/` (multipart uploads).
//!
//! A write goes to `tmp/`, is synced and verified, and only then renamed, under a lock of its key: a reader sees the old
//! object or the new one, a condition holds at the moment of the change, and a kill at any point leaves one of the two.
//! The sidecar is renamed after the data and names the size and the time of the file that it belongs to; one that does
//! not fit its file (a kill in between, or a file dropped in by hand) is not believed, and the ETag is computed anew.

mod layout;
mod list;
mod multipart;
mod sidecar;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use tokio::sync::Mutex;

pub(crate) use layout::is_bucket_name;
pub(crate) use list::{Listing, Page};
pub(crate) use sidecar::{Attributes, ObjectInfo};
pub(crate) use write::{Condition, Pending};

use crate::error::Error;

/// How many locks the keys share.
const LOCKS: usize = 256;

/// The store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: Arc<PathBuf>,
    locks: Arc<Vec<Mutex<()>>>,
    /// Written to while empty folders are removed, read while a folder must stay.
    folders: Arc<RwLock<()>>,
}

/// What a condition or a look-up found.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// There is no such object.
    NoSuchKey,
    /// There is no such upload.
    NoSuchUpload,
    /// A condition does not hold.
    PreconditionFailed,
    /// A part is missing or has another ETag.
    InvalidPart,
    /// The bytes are not those that their checksum names.
    BadDigest,
    /// The bucket holds objects.
    BucketNotEmpty,
    /// The system failed.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Store {
    /// Opens the store in a folder, and removes what was being written when it was last left.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let folder = |path: &Path| std::fs::create_dir_all(path).map_err(|source| Error::Folder { path: path.to_owned(), source });
        for name in ["s3", "meta", "odd", "uploads"] {
            folder(&root.join(name))?;
        }
        let temporary = root.join("tmp");
        if temporary.exists() {
            std::fs::remove_dir_all(&temporary).map_err(|source| Error::Folder { path: temporary.clone(), source })?;
        }
        folder(&temporary)?;
        let locks = (0..LOCKS).map(|_| Mutex::new(())).collect();
        Ok(Self { root: Arc::new(root.to_owned()), locks: Arc::new(locks), folders: Arc::default() })
    }

    /// Makes a bucket; one's own again is fine.
    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<(), Error> {
        for path in [self.bucket_folder(bucket), self.odd_folder(bucket), self.meta_folder(bucket)] {
            std::fs::create_dir_all(&path).map_err(|source| Error::Folder { path, source })?;
        }
        Ok(())
    }

    /// Whether a bucket is there.
    pub(crate) fn has_bucket(&self, bucket: &str) -> bool {
        is_bucket_name(bucket) && self.bucket_folder(bucket).is_dir()
    }

    /// The names of all buckets.
    pub(crate) fn buckets(&self) -> Result<Vec<String>, Error> {
        let path = self.root.join("s3");
        let entries = std::fs::read_dir(&path).map_err(|source| Error::Folder { path, source })?;
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_bucket_name(name)).collect();
        names.sort();
        Ok(names)
    }

    /// Removes an empty bucket.
    pub(crate) fn delete_bucket(&self, bucket: &str) -> Result<(), Refusal> {
        if !self.has_bucket(bucket) {
            return Err(Refusal::NoSuchBucket);
        }
        if !self.list(bucket, &Listing { limit: 1, ..Listing::default() })?.objects.is_empty() {
            return Err(Refusal::BucketNotEmpty);
        }
        for path in [self.bucket_folder(bucket), self.odd_folder(bucket), self.meta_folder(bucket)] {
            std::fs::remove_dir_all(&path).map_err(|source| Error::Folder { path, source })?;
        }
        Ok(())
    }

    /// An object's data file and description.
    pub(crate) fn find(&self, bucket: &str, key: &str) -> Result<(PathBuf, ObjectInfo), Refusal> {
        if !self.has_bucket(bucket) {
            return Err(Refusal::NoSuchBucket);
        }
        for path in self.candidates(bucket, key) {
            if path.is_file() {
                let info = self.describe(bucket, key, &path)?;
                return Ok((path, info));
            }
        }
        Err(Refusal::NoSuchKey)
    }

    /// Removes an object, where the condition holds. Removing what is not there is fine.
    pub(crate) async fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<(), Refusal> {
        let _lock = self.lock(bucket, key).await;
        let found = match self.find(bucket, key) {
            Ok(found) => Some(found),
            Err(Refusal::NoSuchKey) => None,
            Err(refusal) => return Err(refusal),
        };
        condition.check(found.as_ref().map(|(_, info)| info))?;
        if let Some((path, _)) = found {
            self.remove(bucket, key, &path)?;
        }
        Ok(())
    }

    async fn lock(&self, bucket: &str, key: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let place = key.bytes().chain(bucket.bytes()).fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        self.locks[place % LOCKS].lock().await
    }
}

fn failed(tried: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let tried = tried.into();
    move |source| Error::Store { tried, source }
}

#[cfg(test)]
mod tests;
