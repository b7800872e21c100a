//! The compactor behind a schedule: wires Lambda to [`freshet_lambda::compactor`].

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use freshet_ingest::normalize::Normalizer;
use freshet_ingest::time::Millis;
use freshet_lambda::{compactor, config, secrets};
use freshet_schema::Contract;
use freshet_table::{Lake, Options};
use lambda_runtime::{Context, Error, LambdaEvent, run, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let aws = aws_config::load_from_env().await;
    let s3 = aws_sdk_s3::Client::new(&aws);
    let lake = Lake::connect(&aws, &config::required(config::BUCKET)?)?;
    let normalizer = Arc::new(Normalizer::new(Contract::embedded(), secrets::hash_key(&aws).await?));
    let budget = config::memory_budget()?;
    run(service_fn(move |event: LambdaEvent<serde_json::Value>| {
        let (normalizer, s3, lake) = (Arc::clone(&normalizer), s3.clone(), lake.clone());
        async move {
            let mut options = Options::new(event.context.request_id.clone(), now());
            options.deadline = deadline(&event.context);
            options.memory_budget = budget.unwrap_or(options.memory_budget);
            compactor::compact(&normalizer, &s3, &lake, &options).await.map_err(Error::from)
        }
    }))
    .await
}

/// When to leave the rest to the next run. A deadline that has passed is none: emulators send durations.
fn deadline(context: &Context) -> Option<Instant> {
    let left = context.deadline().duration_since(SystemTime::now()).ok()?;
    Some(Instant::now() + left.saturating_sub(config::DEADLINE_MARGIN).max(Duration::from_secs(1)))
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
