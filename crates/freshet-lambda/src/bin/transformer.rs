//! Firehose's transformation: wires Lambda to [`freshet_lambda::transformer`].

use std::sync::{Arc, LazyLock};

use freshet_ingest::normalize::Normalizer;
use freshet_ingest::transform::TransformEvent;
use freshet_lambda::{aws, config, secrets, transformer};
use freshet_schema::Contract;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

/// Made when it is needed first.
static S3: LazyLock<aws_sdk_s3::Client> = LazyLock::new(|| aws_sdk_s3::Client::new(&aws::settings()));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let bucket: Arc<str> = config::required(config::BUCKET)?.into();
    let normalizer = Arc::new(Normalizer::new(Contract::embedded(), secrets::hash_key(&aws::settings()).await?));
    run(service_fn(move |event: LambdaEvent<TransformEvent>| {
        let (normalizer, bucket) = (Arc::clone(&normalizer), Arc::clone(&bucket));
        async move { transformer::answer(&normalizer, || S3.clone(), &bucket, &event.payload).await.map_err(Error::from) }
    }))
    .await
}
