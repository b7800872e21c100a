//! The compactor: takes what was spilled through the transform first, then compacts the landing zone.
//!
//! Safe to run twice, and two at once: a spilled object is deleted only after its rows are in the landing zone under
//! a key that is the hash of their content, and the tables take a row's identity once.

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{BODIES_PREFIX, Fetched, LandingObject, landing_object, line_pointers, transform_lines};

use freshet_table::{Lake, Options, Report};

use crate::error::Error;

/// Where records lie that the stream did not take in time.
pub const SPILL_PREFIX: &str = "spill/";
/// Where the rows of spilled records go.
pub const LANDING_PREFIX: &str = "landing/spill/";

/// What a drain did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Objects whose rows are in the landing zone now.
    pub objects: usize,
    /// Objects that hold records of newer code and stay.
    pub waiting: usize,
}

/// Takes every spilled object through the transform into the landing zone.
pub async fn drain_spill(normalizer: &Normalizer, s3: &aws_sdk_s3::Client, bucket: &str) -> Result<Drained, Error> {
    let mut drained = Drained::default();
    for (key, put_at) in spilled(s3, bucket).await? {
        let Some(data) = get(s3, bucket, &key).await? else {
            // Another compactor was quicker.
            continue;
        };
        let mut fetched = Fetched::new();
        for pointer in line_pointers(&data) {
            let body = get(s3, bucket, &pointer).await?;
            fetched.insert(pointer, body);
        }
        let (rows, waiting) = transform_lines(normalizer, &data, &fetched, put_at);
        if !rows.is_empty() {
            put(s3, bucket, landing_object(LANDING_PREFIX, rows.as_bytes())).await?;
        }
        if waiting.is_empty() {
            delete(s3, bucket, &key).await?;
            drained.objects += 1;
        } else {
            tracing::warn!(key, records = waiting.len(), "records of newer code wait in the spill zone");
            drained.waiting += 1;
        }
    }
    if drained != Drained::default() {
        tracing::info!(objects = drained.objects, waiting = drained.waiting, "drained the spill zone");
    }
    Ok(drained)
}

/// Takes what was spilled through the transform, compacts, and says how old what is left is.
///
/// The line that it logs is what the alarms on lag and spill age read.
pub async fn compact(normalizer: &Normalizer, s3: &aws_sdk_s3::Client, lake: &Lake, options: &Options) -> Result<Report, Error> {
    drain_spill(normalizer, s3, lake.bucket()).await?;
    let report = freshet_table::compact(lake, normalizer.contract(), options, |_| {}).await;
    let report = report.map_err(|source| Error::Compact { source: Box::new(source) })?;
    let lag_seconds = oldest_age(s3, lake.bucket(), "landing/", options.now).await?;
    let spill_age_seconds = oldest_age(s3, lake.bucket(), SPILL_PREFIX, options.now).await?;
    let Report { objects, rows, duplicates, conflicts, files, merged, is_partial, .. } = report;
    tracing::info!(objects, rows, duplicates, conflicts, files, merged, is_partial, lag_seconds, spill_age_seconds, "compacted the lake");
    Ok(report)
}

/// How old the oldest object under a prefix is, in seconds; 0 where there is none. Bodies of the spill zone do not
/// count: they lie until they expire.
async fn oldest_age(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str, now: Millis) -> Result<i64, Error> {
    let mut pages = s3.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    let mut oldest = now.0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(prefix, error))?;
        let objects = page.contents().iter().filter(|object| object.key().is_some_and(|key| !key.starts_with(BODIES_PREFIX)));
        let times = objects.filter_map(|object| object.last_modified()?.to_millis().ok());
        oldest = times.fold(oldest, i64::min);
    }
    Ok((now.0 - oldest) / 1000)
}

/// Keys and times of spilled batches; bodies that records point to are none.
async fn spilled(s3: &aws_sdk_s3::Client, bucket: &str) -> Result<Vec<(String, Millis)>, Error> {
    let mut pages = s3.list_objects_v2().bucket(bucket).prefix(SPILL_PREFIX).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(SPILL_PREFIX, error))?;
        for object in page.contents() {
            let Some(key) = object.key().filter(|key| !key.starts_with(BODIES_PREFIX)) else {
                continue;
            };
            let put_at = object.last_modified().and_then(|time| time.to_millis().ok()).unwrap_or_default();
            found.push((key.to_owned(), Millis(put_at)));
        }
    }
    Ok(found)
}

async fn get(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
    match s3.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => {
            let bytes = object.body.collect().await.map_err(|error| failed(key, error))?;
            Ok(Some(bytes.to_vec()))
        }
        Err(error) if error.as_service_error().is_some_and(aws_sdk_s3::operation::get_object::GetObjectError::is_no_such_key) => Ok(None),
        Err(error) => Err(failed(key, error)),
    }
}

async fn put(s3: &aws_sdk_s3::Client, bucket: &str, object: LandingObject) -> Result<(), Error> {
    let body = ByteStream::from(object.body);
    let put = s3.put_object().bucket(bucket).key(&object.key).body(body).send().await;
    put.map(|_| ()).map_err(|error| Error::Put { key: object.key, source: Box::new(error) })
}

async fn delete(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Result<(), Error> {
    s3.delete_object().bucket(bucket).key(key).send().await.map(|_| ()).map_err(|error| failed(key, error))
}

fn failed<E: std::error::Error + Send + Sync + 'static>(key: &str, error: E) -> Error {
    tracing::warn!(key, error = %DisplayErrorContext(&error), "could not read the lake");
    Error::Fetch { key: key.to_owned(), source: Box::new(error) }
}
