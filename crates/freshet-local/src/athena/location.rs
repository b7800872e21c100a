//! `s3://bucket/prefix`.

use super::failure::Failure;

/// A place in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// The bucket.
    pub(crate) bucket: String,
    /// The key or prefix, without slashes at its ends.
    pub(crate) key: String,
}

impl Location {
    /// Reads a location; `s3a` and `s3n` are S3 too.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let rest = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let (bucket, key) = rest.map(|rest| rest.split_once('/').unwrap_or((rest, ""))).unwrap_or_default();
        if bucket.is_empty() {
            return Err(Failure::user(format!("location {text} is no S3 location; it begins with s3://bucket/")));
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.trim_matches('/').to_owned() })
    }

    /// The place below this one.
    pub(crate) fn join(&self, name: &str) -> Self {
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}/{name}", self.key) };
        Self { bucket: self.bucket.clone(), key }
    }

    /// As an object store names it.
    pub(crate) fn path(&self) -> Result<object_store::path::Path, Failure> {
        object_store::path::Path::parse(&self.key).map_err(|error| Failure::user(format!("location {self}: {error}")))
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}
