//! Documents that survive a kill: JSON files in a folder, all in memory, each changed by a rename.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// What stays as it is in a file's name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// Documents of one kind, by key.
#[derive(Debug)]
pub(crate) struct Documents<T> {
    folder: PathBuf,
    held: Mutex<BTreeMap<String, T>>,
}

impl<T: Clone + Serialize + DeserializeOwned> Documents<T> {
    /// Opens the documents in a folder. A file that cannot be read stays where it is and is said.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(|source| Error::Folder { path: folder.clone(), source })?;
        let entries = fs::read_dir(&folder).map_err(|source| Error::Folder { path: folder.clone(), source })?;
        let mut held = BTreeMap::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            let Some(key) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json")) else {
                // What was being written when the process ended.
                let _ = fs::remove_file(&path);
                continue;
            };
            let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
            match fs::read(&path)
                .map_err(|error| error.to_string())
                .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()))
            {
                Ok(document) => {
                    held.insert(key, document);
                }
                Err(error) => tracing::error!(path = %path.display(), error, "a document cannot be read; it is left out"),
            }
        }
        Ok(Self { folder, held: Mutex::new(held) })
    }

    /// A document.
    pub(crate) fn get(&self, key: &str) -> Option<T> {
        self.lock().get(key).cloned()
    }

    /// The documents whose keys begin so, in order of their keys.
    pub(crate) fn beginning(&self, prefix: &str) -> Vec<T> {
        self.lock()
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(_, document)| document.clone())
            .collect()
    }

    /// Reads, decides and writes under one lock: `change` gets the document that is there, and answers the one to be, or
    /// `None` to remove it.
    pub(crate) fn change<E: From<Error>>(&self, key: &str, change: impl FnOnce(Option<&T>) -> Result<Option<T>, E>) -> Result<(), E> {
        let mut held = self.lock();
        match change(held.get(key))? {
            Some(document) => {
                let bytes = serde_json::to_vec(&document)
                    .map_err(|error| Error::Store { tried: "write a document".to_owned(), source: error.into() })?;
                replace(&self.path(key), &bytes)?;
                held.insert(key.to_owned(), document);
            }
            None => {
                if held.remove(key).is_some() {
                    remove(&self.path(key))?;
                }
            }
        }
        Ok(())
    }

    /// Writes a document, whatever was there.
    pub(crate) fn put(&self, key: &str, document: T) -> Result<(), Error> {
        self.change(key, |_| Ok(Some(document)))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{}.json", utf8_percent_encode(key, PLAIN)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a file hold these bytes: all of them or, after a kill, what it held before.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&temporary, path)?;
        sync_folder(path)
    };
    write().map_err(|source| Error::Store { tried: format!("write {}", path.display()), source })
}

fn remove(path: &Path) -> Result<(), Error> {
    let remove = || {
        fs::remove_file(path)?;
        sync_folder(path)
    };
    remove().map_err(|source| Error::Store { tried: format!("remove {}", path.display()), source })
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn documents_are_there_after_a_restart_and_half_written_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let documents = Documents::<String>::open(folder.path().to_owned()).unwrap();
        documents.put("db/it's \u{e4}", "x".to_owned()).unwrap();
        documents.put("db/b", "y".to_owned()).unwrap();
        documents.put("dc", "z".to_owned()).unwrap();
        documents.change::<Error>("dc", |_| Ok(None)).unwrap();
        fs::write(folder.path().join("half.tmp"), "\"").unwrap();
        fs::write(folder.path().join("bad.json"), "{").unwrap();
        let documents = Documents::<String>::open(folder.path().to_owned()).unwrap();
        assert_eq!(documents.beginning("db/"), ["y", "x"]);
        assert_eq!(documents.get("dc"), None);
        assert_eq!(documents.get("bad"), None);
        assert!(!folder.path().join("half.tmp").exists());
        assert!(folder.path().join("bad.json").exists());
    }
}
