//! How other clients reach the lake on loopback: a line a client, which a shell takes for a comment. No client is run here.

use anyhow::{Context, Result};
use reqwest::Url;

/// Where the lake is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// What `AWS_ENDPOINT_URL` says.
    pub(super) endpoint: &'a str,
    pub(super) bucket: &'a str,
    pub(super) database: &'a str,
}

/// Each client's name and what is put into it.
pub(super) fn connections(place: Place<'_>) -> Result<Vec<(&'static str, String)>> {
    let Place { endpoint, bucket, database } = place;
    let (region, key, secret) = (freshet_local::REGION, freshet_local::ACCESS_KEY, freshet_local::SECRET_KEY);
    let answers = format!("s3://{bucket}/answers/");
    let host = endpoint.trim_start_matches("http://");
    let athena = Url::parse_with_params(
        &format!("awsathena+rest://{key}:{secret}@athena.{region}.amazonaws.com:443/{database}"),
        [("s3_staging_dir", answers.as_str()), ("work_group", "primary"), ("endpoint_url", endpoint)],
    )
    .context("write the address of PyAthena")?;
    Ok(vec![
        ("SQLAlchemy, Superset", athena.to_string()),
        (
            "PyAthena",
            format!(
                "pyathena.connect(s3_staging_dir=\"{answers}\", region_name=\"{region}\", schema_name=\"{database}\", endpoint_url=\"{endpoint}\")"
            ),
        ),
        (
            "awswrangler",
            format!("wr.athena.read_sql_query(sql, database=\"{database}\", s3_output=\"{answers}\")  # with the variables above"),
        ),
        (
            "JDBC, driver 3",
            format!(
                "jdbc:athena://Region={region};AthenaEndpoint={endpoint};S3Endpoint={endpoint};StsEndpoint={endpoint};User={key};Password={secret};Database={database};OutputLocation={answers};ResultFetcher=GetQueryResults"
            ),
        ),
        (
            "dbt",
            format!(
                "{{type: athena, endpoint_url: \"{endpoint}\", region_name: {region}, database: awsdatacatalog, schema: models, s3_staging_dir: \"{answers}\", s3_data_dir: \"s3://{bucket}/models/\"}}"
            ),
        ),
        (
            "DuckDB",
            format!(
                "CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', REGION '{region}', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)"
            ),
        ),
        (
            "Polars, deltalake",
            format!(
                "pl.scan_delta(\"s3://{bucket}/tables/shopify_orders\", storage_options={{\"allow_http\": \"true\"}})  # with the variables above"
            ),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_told_the_endpoint_or_takes_it_from_the_variables() {
        let place = Place { endpoint: "http://127.0.0.1:4566", bucket: "freshet-lake", database: "freshet" };
        let connections = connections(place).unwrap();
        let of = |name: &str| connections.iter().find(|(client, _)| client.starts_with(name)).unwrap().1.as_str();
        assert_eq!(
            of("SQLAlchemy"),
            "awsathena+rest://local:local@athena.us-east-1.amazonaws.com:443/freshet?s3_staging_dir=s3%3A%2F%2Ffreshet-lake%2Fanswers%2F&work_group=primary&endpoint_url=http%3A%2F%2F127.0.0.1%3A4566"
        );
        assert!(of("DuckDB").contains("ENDPOINT '127.0.0.1:4566'"), "{}", of("DuckDB"));
        for (client, connection) in &connections {
            assert!(connection.contains("127.0.0.1") || connection.ends_with("# with the variables above"), "{client}: {connection}");
            assert!(!connection.contains('\n'), "{client} takes more than one line");
        }
    }
}
