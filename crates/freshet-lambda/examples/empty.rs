//! A function that does nothing: what the start of ours is measured beside (`tests/bench/cold_start.py`).

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(|_: LambdaEvent<IgnoredAny>| async { Ok::<(), Error>(()) })).await
}
