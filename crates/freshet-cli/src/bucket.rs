//! A stage's buckets: which there are, what they hold, and their end.

use anyhow::{Context, Result, bail};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use serde::Serialize;

use crate::stage::stage_of_bucket;

/// A bucket of a stage.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) stage: String,
    /// RFC 3339, where S3 says it.
    pub(crate) created: Option<String>,
}

/// The buckets of all stages.
pub(crate) async fn all(client: &Client) -> Result<Vec<Bucket>> {
    let mut buckets = Vec::new();
    let mut pages = client.list_buckets().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| anyhow::anyhow!("list the buckets: {}", DisplayErrorContext(error)))?;
        buckets.extend(page.buckets().iter().filter_map(|bucket| {
            let name = bucket.name()?.to_owned();
            let stage = stage_of_bucket(&name)?.to_owned();
            Some(Bucket { name, stage, created: bucket.creation_date().map(ToString::to_string) })
        }));
    }
    Ok(buckets)
}

/// Whether a bucket holds anything, old versions and what was deleted included.
pub(crate) async fn has_data(client: &Client, bucket: &str) -> Result<bool> {
    let listed = client.list_object_versions().bucket(bucket).max_keys(1).send().await;
    let listed = listed.map_err(|error| anyhow::anyhow!("look into the bucket {bucket}: {}", DisplayErrorContext(error)))?;
    Ok(!listed.versions().is_empty() || !listed.delete_markers().is_empty())
}

/// Deletes every version of every object, and then the bucket. `progress` hears how many are gone. A bucket that is gone
/// already is fine.
pub(crate) async fn remove(client: &Client, bucket: &str, progress: impl Fn(usize)) -> Result<usize> {
    let mut gone = 0;
    loop {
        let listed = match client.list_object_versions().bucket(bucket).send().await {
            Ok(listed) => listed,
            Err(error) if error.code() == Some("NoSuchBucket") => return Ok(gone),
            Err(error) => bail!("look into the bucket {bucket}: {}", DisplayErrorContext(error)),
        };
        let versions = listed.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = listed.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let objects = versions
            .chain(markers)
            .filter_map(|(key, version)| Some(ObjectIdentifier::builder().key(key?).set_version_id(version.map(str::to_owned)).build()));
        let objects = objects.collect::<Result<Vec<_>, _>>().context("name the objects to delete")?;
        if objects.is_empty() {
            break;
        }
        let count = objects.len();
        let request = Delete::builder().set_objects(Some(objects)).quiet(true).build().context("name the objects to delete")?;
        let deleted = client.delete_objects().bucket(bucket).delete(request).send().await;
        let deleted = deleted.map_err(|error| anyhow::anyhow!("empty the bucket {bucket}: {}", DisplayErrorContext(error)))?;
        if let Some(error) = deleted.errors().first() {
            bail!(
                "empty the bucket {bucket}: {} ({} objects are left)",
                error.message().unwrap_or("no reason given"),
                deleted.errors().len()
            );
        }
        gone += count;
        progress(gone);
    }
    match client.delete_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(gone),
        Err(error) if error.code() == Some("NoSuchBucket") => Ok(gone),
        Err(error) => bail!("delete the bucket {bucket}: {}", DisplayErrorContext(error)),
    }
}
