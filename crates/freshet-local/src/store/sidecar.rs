//! What the store knows of an object beside its bytes.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::{Store, failed};
use crate::error::Error;

/// What a client said of an object when it put it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// Content type.
    pub(crate) content_type: Option<String>,
    /// Content encoding.
    pub(crate) content_encoding: Option<String>,
    /// Content disposition.
    pub(crate) content_disposition: Option<String>,
    /// Cache control.
    pub(crate) cache_control: Option<String>,
    /// User metadata.
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// Checksums in base64, by the name of their header.
    #[serde(default)]
    pub(crate) checksums: BTreeMap<String, String>,
}

/// An object's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectInfo {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sidecar {
    pub(super) key: String,
    etag: String,
    size: u64,
    modified_nanos: u128,
    attributes: Attributes,
}

impl Store {
    /// Describes an object by its sidecar where that fits the file, else by the file.
    pub(super) fn describe(&self, bucket: &str, key: &str, path: &Path) -> Result<ObjectInfo, Error> {
        let reading = || format!("read an object of bucket {bucket}");
        let metadata = fs::metadata(path).map_err(failed(reading()))?;
        let modified = metadata.modified().map_err(failed(reading()))?;
        if let Some(sidecar) = self.sidecar(bucket, key).filter(|sidecar| sidecar.fits(&metadata)) {
            return Ok(ObjectInfo {
                key: key.to_owned(),
                size: metadata.len(),
                etag: sidecar.etag,
                modified,
                attributes: sidecar.attributes,
            });
        }
        let etag = hash_file(path).map_err(failed(reading()))?;
        let info = ObjectInfo { key: key.to_owned(), size: metadata.len(), etag, modified, attributes: Attributes::default() };
        // Only to spare the next reader the hashing.
        let _ = self.write_sidecar(bucket, &info, &metadata);
        Ok(info)
    }

    fn sidecar(&self, bucket: &str, key: &str) -> Option<Sidecar> {
        serde_json::from_slice(&fs::read(self.sidecar_path(bucket, key)).ok()?).ok()
    }

    pub(super) fn write_sidecar(&self, bucket: &str, info: &ObjectInfo, metadata: &Metadata) -> Result<(), Error> {
        let sidecar = Sidecar {
            key: info.key.clone(),
            etag: info.etag.clone(),
            size: metadata.len(),
            modified_nanos: nanos(metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)),
            attributes: info.attributes.clone(),
        };
        let text = serde_json::to_vec(&sidecar).expect("texts and numbers always serialise");
        let (temporary, path) = (self.temporary(), self.sidecar_path(bucket, &info.key));
        let write = || -> io::Result<()> {
            fs::write(&temporary, text)?;
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(&temporary, &path)
        };
        write().map_err(failed("write an object's description"))
    }
}

impl Sidecar {
    fn fits(&self, metadata: &Metadata) -> bool {
        self.size == metadata.len() && metadata.modified().is_ok_and(|modified| nanos(modified) == self.modified_nanos)
    }
}

fn nanos(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos()
}

fn hash_file(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Md5::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}
