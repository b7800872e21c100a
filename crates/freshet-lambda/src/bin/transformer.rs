//! Firehose's transformation: wires Lambda to [`freshet_lambda::transformer`].

use std::sync::Arc;

use freshet_ingest::normalize::Normalizer;
use freshet_ingest::transform::TransformEvent;
use freshet_lambda::{aws, config, secrets, transformer};
use freshet_schema::Contract;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let aws = aws::settings();
    let s3 = aws_sdk_s3::Client::new(&aws);
    let bucket: Arc<str> = config::required(config::BUCKET)?.into();
    let normalizer = Arc::new(Normalizer::new(Contract::embedded(), secrets::hash_key(&aws).await?));
    run(service_fn(move |event: LambdaEvent<TransformEvent>| {
        let (normalizer, s3, bucket) = (Arc::clone(&normalizer), s3.clone(), Arc::clone(&bucket));
        async move { transformer::answer(&normalizer, &s3, &bucket, &event.payload).await.map_err(Error::from) }
    }))
    .await
}
