//! Where the commands find a lake: the variables that `freshet up` prints, or AWS's own.

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use freshet_table::Lake;

/// The variable of the lake's bucket.
pub(crate) const BUCKET: &str = "FRESHET_BUCKET";
/// The variable of the database.
pub(crate) const DATABASE: &str = "FRESHET_DATABASE";
/// The database where the variable names no other, and on loopback.
pub(crate) const DEFAULT_DATABASE: &str = "freshet";
/// The variable of the receiver's URL.
pub(crate) const WEBHOOK_URL: &str = "FRESHET_WEBHOOK_URL";

/// The lake's bucket.
pub(crate) fn bucket() -> Result<String> {
    std::env::var(BUCKET)
        .with_context(|| format!("{BUCKET} is not set: paste the lines that `freshet up` printed, or name the lake's bucket"))
}

/// The database.
pub(crate) fn database() -> String {
    std::env::var(DATABASE).unwrap_or_else(|_| DEFAULT_DATABASE.to_owned())
}

/// The SDK's configuration.
pub(crate) async fn aws() -> SdkConfig {
    aws_config::load_from_env().await
}

/// The lake.
pub(crate) async fn lake() -> Result<Lake> {
    let bucket = bucket()?;
    Lake::connect(&aws().await, &bucket).context("connect to the lake")
}

/// Where query results go.
pub(crate) fn results(bucket: &str) -> String {
    format!("s3://{bucket}/athena-results/")
}
