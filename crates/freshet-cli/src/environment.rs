//! Where the commands find a lake: the variables that `freshet up` prints, or AWS's own.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use freshet_lambda::scorer::Desk;
use freshet_query::{Registered, Registration, Run};
use freshet_schema::Contract;
use freshet_table::Lake;

/// The variable of the lake's bucket.
pub(crate) const BUCKET: &str = "FRESHET_BUCKET";
/// The variable of the database.
pub(crate) const DATABASE: &str = "FRESHET_DATABASE";
/// The database where the variable names no other, and on loopback.
pub(crate) const DEFAULT_DATABASE: &str = "freshet";
/// The variable of the workgroup.
pub(crate) const WORKGROUP: &str = "FRESHET_WORKGROUP";
/// How long a statement may take.
const QUERY_TIMEOUT: Duration = Duration::from_mins(5);
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

/// An S3 client.
pub(crate) fn s3(aws: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(aws).force_path_style(aws.endpoint_url().is_some()).build())
}

/// The lake.
pub(crate) async fn lake() -> Result<Lake> {
    let bucket = bucket()?;
    Lake::connect(&aws().await, &bucket).context("connect to the lake")
}

/// What the scorer works with.
pub(crate) async fn desk() -> Result<Desk> {
    Ok(desk_of(&aws().await, &bucket()?, database(), workgroup()))
}

/// What a scorer of a lake works with.
pub(crate) fn desk_of(aws: &SdkConfig, bucket: &str, database: String, workgroup: String) -> Desk {
    Desk {
        athena: aws_sdk_athena::Client::new(aws),
        s3: s3(aws),
        output_location: Some(results(bucket)),
        bucket: bucket.to_owned(),
        database,
        workgroup,
        timeout: QUERY_TIMEOUT,
    }
}

/// Where query results go.
pub(crate) fn results(bucket: &str) -> String {
    format!("s3://{bucket}/athena-results/")
}

/// The workgroup that statements run in: Athena's own where the variable names no other.
pub(crate) fn workgroup() -> String {
    std::env::var(WORKGROUP).unwrap_or_else(|_| "primary".to_owned())
}

/// Makes the tables and views known to Athena.
pub(crate) async fn register(aws: &SdkConfig, bucket: &str, database: &str, workgroup: &str) -> Result<Vec<Registered>> {
    let results = results(bucket);
    let place = Registration { database, bucket, workgroup, output_location: Some(&results), timeout: QUERY_TIMEOUT };
    let client = aws_sdk_athena::Client::new(aws);
    Box::pin(freshet_query::register(&client, Contract::embedded(), place)).await.context("make the tables and views known to Athena")
}

/// A statement to run, stopped by Ctrl-C.
pub(crate) fn statement(sql: String, parameters: Vec<String>, bucket: &str, database: &str) -> Run<impl Future<Output = ()> + use<>> {
    Run {
        sql,
        parameters,
        database: database.to_owned(),
        workgroup: workgroup(),
        output_location: Some(results(bucket)),
        timeout: QUERY_TIMEOUT,
        byte_limit: None,
        reuse_minutes: None,
        cancel: interrupted(),
    }
}

/// Done at Ctrl-C.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
