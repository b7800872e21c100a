//! The scheduled compactor: wires Lambda to [`freshet_lambda::compactor`] and answers with what it did.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use freshet_ingest::normalize::Normalizer;
use freshet_ingest::time::Millis;
use freshet_lambda::{aws, compactor, config, secrets};
use freshet_schema::Contract;
use freshet_table::{Lake, Options};
use lambda_runtime::{Context, Error, LambdaEvent, run, service_fn, tracing};
use serde::de::IgnoredAny;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let aws = aws::settings();
    let s3 = aws_sdk_s3::Client::new(&aws);
    let lake = Arc::new(Lake::connect(&aws, &config::required(config::BUCKET)?)?);
    let normalizer = Arc::new(Normalizer::new(Contract::embedded(), secrets::hash_key(&aws).await?));
    let memory_budget = config::memory_budget()?;
    run(service_fn(move |event: LambdaEvent<IgnoredAny>| {
        let (lake, normalizer, s3) = (Arc::clone(&lake), Arc::clone(&normalizer), s3.clone());
        async move {
            let mut options = Options::new(event.context.request_id.clone(), now());
            options.deadline = Some(deadline(&event.context));
            options.memory_budget = memory_budget.unwrap_or(options.memory_budget);
            compactor::compact(&normalizer, &s3, &lake, &options).await.map_err(Error::from)
        }
    }))
    .await
}

/// When the run has to stop, so that what it has begun is done when Lambda ends it.
fn deadline(context: &Context) -> Instant {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
    Instant::now() + left.saturating_sub(config::DEADLINE_MARGIN)
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
