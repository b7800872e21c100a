//! The transformer: fetches what records point to, transforms, puts what does not fit, answers.
//!
//! Safe to run twice: the transformation is deterministic and the objects that it puts are named by their content.

use freshet_ingest::normalize::Normalizer;
use freshet_ingest::transform::{Fetched, TransformEvent, TransformResponse, pointers, transform};
use futures::{StreamExt, TryStreamExt};

use crate::error::Error;
use crate::{objects, pointed};

/// How many objects are put at once.
const AT_ONCE: usize = 8;

/// Answers one event of Firehose. `s3` is asked for a client only where a record points to something or does not fit, which few
/// batches do: a function that starts has no other use for it.
pub async fn answer(
    normalizer: &Normalizer,
    s3: impl Fn() -> aws_sdk_s3::Client,
    bucket: &str,
    event: &TransformEvent,
) -> Result<TransformResponse, Error> {
    let pointers = pointers(event);
    let fetched = if pointers.is_empty() { Fetched::new() } else { pointed::fetch(&s3(), bucket, pointers).await? };
    let (response, overflowing) = transform(normalizer, event, &fetched);
    let overflow = overflowing.len();
    if overflow > 0 {
        let s3 = s3();
        futures::stream::iter(overflowing)
            .map(|object| objects::put(&s3, bucket, object))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
    }
    tracing::info!(records = event.records.len(), overflow, "transformed a batch");
    Ok(response)
}
