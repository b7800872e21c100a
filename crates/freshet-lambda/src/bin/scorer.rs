//! The scheduled scorer: wires Lambda to [`freshet_lambda::scorer`]. An event names a kind, and what to do with it:
//! `{"kind": "lead", "job": "score"}` or `{"kind": "lead", "job": "train", "horizon_days": 30}`, each with an optional `as_of`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use freshet_lambda::scorer::{Desk, Job, run_job};
use freshet_lambda::{aws, config};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let aws = aws::settings();
    let desk = Arc::new(Desk {
        athena: aws_sdk_athena::Client::new(&aws),
        s3: aws_sdk_s3::Client::new(&aws),
        bucket: config::required(config::BUCKET)?,
        database: config::required(config::DATABASE)?,
        workgroup: config::required(config::WORKGROUP)?,
        output_location: None,
        timeout: Duration::from_mins(10),
    });
    run(service_fn(move |event: LambdaEvent<Job>| {
        let desk = Arc::clone(&desk);
        async move { Box::pin(run_job(&desk, &event.payload, SystemTime::now())).await.map_err(Error::from) }
    }))
    .await
}
