//! The receiver behind a Function URL or an HTTP API: wires Lambda to [`freshet_lambda::receiver`].

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use freshet_firehose::{Producer, Settings};
use freshet_ingest::time::Millis;
use freshet_lambda::receiver::{Parts, Receiver};
use freshet_lambda::{aws, config, secrets};
use freshet_schema::Contract;
use lambda_http::{Body, Request, Response, run, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    tracing::init_default_subscriber();
    let aws = aws::settings();
    let (bucket, s3) = (config::required(config::BUCKET)?, aws_sdk_s3::Client::new(&aws));
    let settings = Settings::new(config::required(config::STREAM)?, bucket.clone());
    let receiver = Arc::new(Receiver::new(Parts {
        contract: Contract::embedded(),
        secrets: secrets::signing_secrets(&aws).await?,
        producer: Producer::new(&aws_sdk_firehose::Client::new(&aws), &s3, settings),
        s3,
        bucket,
        is_development: config::is_true(config::DEVELOPMENT),
        instance: uuid::Uuid::new_v4().to_string(),
    }));
    run(service_fn(move |request: Request| {
        let receiver = Arc::clone(&receiver);
        async move {
            let request = request.map(|body| Bytes::from(body.to_vec()));
            let response = receiver.receive(request, now()).await;
            Ok::<Response<Body>, lambda_http::Error>(response.map(|body| Body::from(body.to_vec())))
        }
    }))
    .await
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
