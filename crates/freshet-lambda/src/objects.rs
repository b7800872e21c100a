//! Objects of the lake's bucket, as the functions list, read, write and delete them.

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
#[cfg(feature = "tables")]
use freshet_ingest::time::Millis;
#[cfg(feature = "tables")]
use freshet_ingest::transform::BODIES_PREFIX;
use freshet_ingest::transform::LandingObject;

use crate::error::Error;

/// Keys and times of objects; bodies that records point to are none.
#[cfg(feature = "tables")]
pub(crate) async fn list(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str) -> Result<Vec<(String, Millis)>, Error> {
    let mut pages = s3.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(prefix, error))?;
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

/// An object's bytes; `None` where it is not there any more.
pub(crate) async fn get(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
    match s3.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => {
            let bytes = object.body.collect().await.map_err(|error| failed(key, error))?;
            Ok(Some(bytes.to_vec()))
        }
        Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
        Err(error) => Err(failed(key, error)),
    }
}

pub(crate) async fn put(s3: &aws_sdk_s3::Client, bucket: &str, object: LandingObject) -> Result<(), Error> {
    let body = ByteStream::from(object.body);
    let put = s3.put_object().bucket(bucket).key(&object.key).body(body).send().await;
    put.map(|_| ()).map_err(|error| Error::Put { key: object.key, source: Box::new(error) })
}

#[cfg(feature = "tables")]
pub(crate) async fn delete(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Result<(), Error> {
    s3.delete_object().bucket(bucket).key(key).send().await.map(|_| ()).map_err(|error| failed(key, error))
}

fn failed<E: std::error::Error + Send + Sync + 'static>(key: &str, error: E) -> Error {
    tracing::warn!(key, error = %DisplayErrorContext(&error), "could not read the lake");
    Error::Fetch { key: key.to_owned(), source: Box::new(error) }
}
