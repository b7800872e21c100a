//! The transformer: fetches what records point to, transforms, puts what does not fit, answers.
//!
//! Safe to run twice: the transformation is deterministic and the objects that it puts are named by their content.

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::transform::{Fetched, TransformEvent, TransformResponse, pointers, transform};
use futures::{StreamExt, TryStreamExt};

use crate::error::Error;

/// How many objects are fetched or put at once.
const AT_ONCE: usize = 8;

/// Answers one event of Firehose.
pub async fn answer(
    normalizer: &Normalizer,
    s3: &aws_sdk_s3::Client,
    bucket: &str,
    event: &TransformEvent,
) -> Result<TransformResponse, Error> {
    let fetched: Fetched = futures::stream::iter(pointers(event))
        .map(|key| async move { fetch(s3, bucket, &key).await.map(|body| (key, body)) })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let (response, objects) = transform(normalizer, event, &fetched);
    let overflow = objects.len();
    futures::stream::iter(objects)
        .map(|object| async move {
            let body = ByteStream::from(object.body);
            let put = s3.put_object().bucket(bucket).key(&object.key).body(body).send();
            put.await.map(|_| ()).map_err(|source| Error::Put { key: object.key, source: Box::new(source) })
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    tracing::info!(records = event.records.len(), overflow, "transformed a batch");
    Ok(response)
}

/// An object's bytes; `None` where it is not there any more.
async fn fetch(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Fetch { key: key.to_owned(), source };
    let object = match s3.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => object,
        Err(error) if error.as_service_error().is_some_and(aws_sdk_s3::operation::get_object::GetObjectError::is_no_such_key) => {
            tracing::warn!(key, "a body of the spill zone is gone");
            return Ok(None);
        }
        Err(error) => {
            tracing::warn!(key, error = %DisplayErrorContext(&error), "could not fetch a body");
            return Err(failed(Box::new(error)));
        }
    };
    let bytes = object.body.collect().await.map_err(|error| failed(Box::new(error)))?;
    Ok(Some(bytes.to_vec()))
}
