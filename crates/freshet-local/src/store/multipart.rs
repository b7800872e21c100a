//! Multipart uploads: a folder an upload, with its beginning and its parts; they survive a restart.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use super::{Attributes, Condition, ObjectInfo, Pending, Refusal, Store, failed};

/// An upload that has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Upload {
    /// Its id.
    pub(crate) id: String,
    /// The bucket.
    pub(crate) bucket: String,
    /// The key.
    pub(crate) key: String,
    /// What the client said of the object.
    pub(crate) attributes: Attributes,
}

/// A part of an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its number, from 1.
    pub(crate) number: i32,
    /// Hex of its MD5.
    pub(crate) etag: String,
    /// Its size in bytes.
    pub(crate) size: u64,
}

impl Store {
    /// Begins an upload.
    pub(crate) fn create_upload(&self, bucket: &str, key: &str, attributes: Attributes) -> Result<Upload, Refusal> {
        if !self.has_bucket(bucket) {
            return Err(Refusal::NoSuchBucket);
        }
        let upload = Upload { id: uuid::Uuid::new_v4().simple().to_string(), bucket: bucket.to_owned(), key: key.to_owned(), attributes };
        let folder = self.uploads_folder().join(&upload.id);
        fs::create_dir_all(&folder).map_err(failed("begin an upload"))?;
        let text = serde_json::to_vec(&upload).expect("texts always serialise");
        fs::write(folder.join("upload.json"), text).map_err(failed("begin an upload"))?;
        Ok(upload)
    }

    /// An upload that has begun, for its own bucket and key.
    pub(crate) fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<Upload, Refusal> {
        let is_plain = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let text = is_plain.then(|| fs::read(self.uploads_folder().join(id).join("upload.json")).ok()).flatten();
        let upload: Option<Upload> = text.and_then(|text| serde_json::from_slice(&text).ok());
        upload.filter(|upload| upload.bucket == bucket && upload.key == key).ok_or(Refusal::NoSuchUpload)
    }

    /// All uploads of a bucket.
    pub(crate) fn uploads(&self, bucket: &str) -> Vec<Upload> {
        let entries = fs::read_dir(self.uploads_folder()).into_iter().flatten().flatten();
        let uploads = entries.filter_map(|entry| serde_json::from_slice::<Upload>(&fs::read(entry.path().join("upload.json")).ok()?).ok());
        let mut uploads: Vec<Upload> = uploads.filter(|upload| upload.bucket == bucket).collect();
        uploads.sort_by(|left, right| (&left.key, &left.id).cmp(&(&right.key, &right.id)));
        uploads
    }

    /// Makes pending bytes a part; the same number again replaces it.
    pub(crate) async fn put_part(&self, upload: &Upload, number: i32, mut pending: Pending) -> Result<Part, Refusal> {
        let part = Part { number, etag: pending.sync().await?, size: pending.size() };
        let path = self.part_path(upload, number);
        fs::rename(pending.path(), &path).map_err(failed("put a part"))?;
        let text = serde_json::to_vec(&part).expect("texts and numbers always serialise");
        fs::write(path.with_extension("json"), text).map_err(failed("put a part"))?;
        Ok(part)
    }

    /// The parts of an upload by number.
    pub(crate) fn parts(&self, upload: &Upload) -> BTreeMap<i32, Part> {
        let entries = fs::read_dir(self.uploads_folder().join(&upload.id)).into_iter().flatten().flatten();
        let parts = entries.filter_map(|entry| serde_json::from_slice::<Part>(&fs::read(entry.path()).ok()?).ok());
        parts.map(|part| (part.number, part)).collect()
    }

    /// Joins the named parts into the object. The upload stays if anything is refused.
    pub(crate) async fn complete_upload(
        &self,
        upload: &Upload,
        named: &[(i32, Option<String>)],
        condition: &Condition,
    ) -> Result<ObjectInfo, Refusal> {
        let parts = self.parts(upload);
        let mut pending = self.begin().await?;
        let mut hash = Md5::new();
        let mut last = 0;
        let mut buffer = vec![0; 256 * 1024];
        for (number, etag) in named {
            let part = parts
                .get(number)
                .filter(|part| *number > last && etag.as_ref().is_none_or(|etag| *etag == part.etag))
                .ok_or(Refusal::InvalidPart)?;
            last = *number;
            hash.update(hex::decode(&part.etag).map_err(|_| Refusal::InvalidPart)?);
            let mut file = tokio::fs::File::open(self.part_path(upload, *number)).await.map_err(failed("read a part"))?;
            loop {
                match file.read(&mut buffer).await.map_err(failed("read a part"))? {
                    0 => break,
                    count => pending.write(&buffer[..count]).await?,
                }
            }
        }
        if named.is_empty() {
            return Err(Refusal::InvalidPart);
        }
        let etag = format!("{}-{}", hex::encode(hash.finalize()), named.len());
        let info = self.finish(&upload.bucket, &upload.key, pending, upload.attributes.clone(), condition, Some(etag)).await?;
        self.abort_upload(upload)?;
        Ok(info)
    }

    /// Forgets an upload and its parts.
    pub(crate) fn abort_upload(&self, upload: &Upload) -> Result<(), Refusal> {
        fs::remove_dir_all(self.uploads_folder().join(&upload.id)).map_err(failed("remove an upload")).map_err(Refusal::from)
    }

    fn part_path(&self, upload: &Upload, number: i32) -> PathBuf {
        self.uploads_folder().join(&upload.id).join(format!("part-{number}"))
    }
}
