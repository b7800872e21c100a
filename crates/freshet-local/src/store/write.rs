//! Writing an object: bytes into a temporary file, then its change under the lock of its key.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use bytes::Bytes;
use md5::{Digest, Md5};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::{Attributes, ObjectInfo, Refusal, Store, failed};
use crate::error::Error;

/// What must hold for a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing.
    #[default]
    None,
    /// There is no object.
    Absent,
    /// There is an object.
    Present,
    /// The object has this ETag.
    Is(String),
    /// The object, if there is one, has another ETag.
    IsNot(String),
}

impl Condition {
    pub(crate) fn check(&self, found: Option<&ObjectInfo>) -> Result<(), Refusal> {
        match (self, found) {
            (Self::None | Self::IsNot(_) | Self::Absent, None) | (Self::None | Self::Present, Some(_)) => Ok(()),
            (Self::Is(etag), Some(info)) if info.etag == *etag => Ok(()),
            (Self::IsNot(etag), Some(info)) if info.etag != *etag => Ok(()),
            (Self::Is(_) | Self::Present, None) => Err(Refusal::NoSuchKey),
            (Self::Absent | Self::Is(_) | Self::IsNot(_), Some(_)) => Err(Refusal::PreconditionFailed),
        }
    }
}

/// Bytes on their way into the store; what is dropped unfinished leaves no file.
#[derive(Debug)]
pub(crate) struct Pending {
    path: PathBuf,
    file: Option<File>,
    hash: Md5,
    size: u64,
}

impl Drop for Pending {
    fn drop(&mut self) {
        // A finished file has been renamed: there is nothing at this path then.
        let _ = fs::remove_file(&self.path);
    }
}

impl Pending {
    /// Takes more bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        match &mut self.file {
            Some(file) => file.write_all(bytes).await.map_err(failed("write an object")),
            None => Ok(()),
        }
    }

    /// Syncs the bytes to disk and returns the hex of their MD5.
    pub(crate) async fn sync(&mut self) -> Result<String, Error> {
        if let Some(mut file) = self.file.take() {
            file.flush().await.map_err(failed("write an object"))?;
            file.sync_data().await.map_err(failed("sync an object"))?;
        }
        Ok(hex::encode(self.hash.clone().finalize()))
    }

    /// How many bytes it took.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// Begins to write.
    pub(crate) async fn begin(&self) -> Result<Pending, Error> {
        let path = self.temporary();
        let file = File::create(&path).await.map_err(failed("begin an object"))?;
        Ok(Pending { path, file: Some(file), hash: Md5::new(), size: 0 })
    }

    /// Makes pending bytes an object, where the condition holds. `etag` is another than the MD5 for a multipart object.
    pub(crate) async fn finish(
        &self,
        bucket: &str,
        key: &str,
        mut pending: Pending,
        attributes: Attributes,
        condition: &Condition,
        etag: Option<String>,
    ) -> Result<ObjectInfo, Refusal> {
        if !self.has_bucket(bucket) {
            return Err(Refusal::NoSuchBucket);
        }
        let hash = pending.sync().await?;
        let _lock = self.lock(bucket, key).await;
        if *condition != Condition::None {
            let found = match self.find(bucket, key) {
                Ok((_, info)) => Some(info),
                Err(Refusal::NoSuchKey) => None,
                Err(refusal) => return Err(refusal),
            };
            condition.check(found.as_ref())?;
        }
        let path = self.move_into_place(bucket, key, pending.path())?;
        let metadata = fs::metadata(&path).map_err(failed("read an object"))?;
        let modified = metadata.modified().map_err(failed("read an object"))?;
        let info = ObjectInfo { key: key.to_owned(), size: pending.size(), etag: etag.unwrap_or(hash), modified, attributes };
        self.write_sidecar(bucket, &info, &metadata)?;
        Ok(info)
    }

    /// Moves a file to where its object lies. No folder is removed meanwhile.
    fn move_into_place(&self, bucket: &str, key: &str, from: &Path) -> Result<PathBuf, Error> {
        let _folders = self.folders.read().unwrap_or_else(PoisonError::into_inner);
        let path = self.place(bucket, key)?;
        fs::rename(from, &path).map_err(failed(format!("put an object into bucket {bucket}")))?;
        Ok(path)
    }

    /// Puts bytes that are in memory.
    pub(crate) async fn put(
        &self,
        bucket: &str,
        key: &str,
        chunks: &[Bytes],
        attributes: Attributes,
        condition: &Condition,
    ) -> Result<ObjectInfo, Refusal> {
        let mut pending = self.begin().await?;
        for chunk in chunks {
            pending.write(chunk).await?;
        }
        self.finish(bucket, key, pending, attributes, condition, None).await
    }
}
