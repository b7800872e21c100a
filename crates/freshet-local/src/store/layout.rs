//! Where the store keeps what.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use sha2::{Digest, Sha256};

use super::{Store, failed};
use crate::error::Error;

/// The longest name that file systems hold.
const LONGEST_NAME: usize = 255;
/// The longest path that the system takes, less room for the folder of the store.
const LONGEST_PATH: usize = 3_000;

/// Whether a bucket may have this name (docs.aws.amazon.com/AmazonS3, "Bucket naming rules").
pub(crate) fn is_bucket_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.')
        && !name.starts_with(['-', '.'])
        && !name.ends_with(['-', '.'])
        && !name.contains("..")
}

impl Store {
    pub(super) fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.root.join("s3").join(bucket)
    }

    pub(super) fn odd_folder(&self, bucket: &str) -> PathBuf {
        self.root.join("odd").join(bucket)
    }

    pub(super) fn meta_folder(&self, bucket: &str) -> PathBuf {
        self.root.join("meta").join(bucket)
    }

    pub(super) fn uploads_folder(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// A new name below `tmp/`.
    pub(super) fn temporary(&self) -> PathBuf {
        self.root.join("tmp").join(uuid::Uuid::new_v4().to_string())
    }

    pub(super) fn sidecar_path(&self, bucket: &str, key: &str) -> PathBuf {
        let name = name_of(key);
        self.meta_folder(bucket).join(&name[..2]).join(format!("{name}.json"))
    }

    fn odd_path(&self, bucket: &str, key: &str) -> PathBuf {
        self.odd_folder(bucket).join(name_of(key))
    }

    /// Where an object may lie: in the tree where its key is a path, else among the odd ones.
    pub(super) fn candidates(&self, bucket: &str, key: &str) -> Vec<PathBuf> {
        let odd = self.odd_path(bucket, key);
        if is_path(key) { vec![self.bucket_folder(bucket).join(key), odd] } else { vec![odd] }
    }

    /// Where a new object goes, its folder made. A key below another object's key, or above other objects' keys,
    /// cannot be in the tree.
    pub(super) fn place(&self, bucket: &str, key: &str) -> Result<PathBuf, Error> {
        let odd = self.odd_path(bucket, key);
        if !is_path(key) || odd.is_file() {
            return Ok(odd);
        }
        let path = self.bucket_folder(bucket).join(key);
        if path.is_dir() {
            return Ok(odd);
        }
        let Some(folder) = path.parent() else {
            return Ok(odd);
        };
        match std::fs::create_dir_all(folder) {
            Ok(()) => Ok(path),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists) => Ok(odd),
            Err(error) => Err(failed(format!("make the folder of an object in bucket {bucket}"))(error)),
        }
    }

    /// Removes an object's files, and folders that it leaves empty.
    pub(super) fn remove(&self, bucket: &str, key: &str, path: &Path) -> Result<(), Error> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("remove an object")(error)),
            _ => {}
        }
        // The sidecar of an object that is gone is never read: if this fails, nothing is wrong.
        let _ = std::fs::remove_file(self.sidecar_path(bucket, key));
        let _folders = self.folders.write().unwrap_or_else(PoisonError::into_inner);
        let root = self.bucket_folder(bucket);
        let mut folder = path.parent();
        while let Some(current) = folder.filter(|current| current.starts_with(&root) && *current != root) {
            if std::fs::remove_dir(current).is_err() {
                break;
            }
            folder = current.parent();
        }
        Ok(())
    }
}

fn name_of(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// Whether a key can be a path below the bucket's folder.
fn is_path(key: &str) -> bool {
    key.len() <= LONGEST_PATH
        && !key.contains('\0')
        && key.split('/').all(|part| !matches!(part, "" | "." | "..") && part.len() <= LONGEST_NAME)
}
