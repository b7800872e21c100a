//! AWS's settings for a function: those of its environment, with one HTTPS client for everything that it asks.
//!
//! The SDK makes a client for each service unless it is given one, and each parses the machine's roots of trust again, once to see
//! that they are there and once to use them. One client does it once, when something is asked for the first time.

use std::sync::LazyLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};

/// How long a connection may take to be made: the SDK's own patience (aws-smithy-runtime, `default_timeout_config_plugin`).
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// What every request of a function goes through.
pub(crate) static CONNECTOR: LazyLock<SharedHttpConnector> = LazyLock::new(|| {
    let mut builder = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
        .proxy_config(ProxyConfig::from_env());
    builder.set_sleep_impl(default_async_sleep());
    SharedHttpConnector::new(builder.build())
});

/// The environment's settings. Lambda puts a function's region and the credentials of its role there (docs.aws.amazon.com/lambda,
/// "Defined runtime environment variables"): there is no profile to read and nobody else to ask.
pub fn settings() -> SdkConfig {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .http_client(http_client_fn(|_, _| CONNECTOR.clone()));
    builder.set_region(variable("AWS_REGION").map(Region::new));
    builder.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    builder.set_sleep_impl(default_async_sleep());
    builder.build()
}
