//! The lake's bucket, and its tables as Delta tables.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::{DeltaTable, DeltaTableError};
use freshet_schema::Table;
use object_store::aws::{AmazonS3Builder, AwsCredential, S3ConditionalPut};
use object_store::prefix::PrefixStore;
use object_store::{CredentialProvider, ObjectStore};
use url::Url;

use crate::error::Error;

/// How often a table is looked for while others make it.
const ATTEMPTS: u32 = 3;

/// The lake's bucket.
#[derive(Debug, Clone)]
pub struct Lake {
    bucket: String,
    store: Arc<dyn ObjectStore>,
}

impl Lake {
    /// Connects to a bucket with the SDK's configuration: its endpoint, region and credentials.
    pub fn connect(config: &aws_config::SdkConfig, bucket: &str) -> Result<Self, Error> {
        let region = config.region().map_or("us-east-1", aws_config::Region::as_ref);
        let mut builder =
            AmazonS3Builder::new().with_bucket_name(bucket).with_region(region).with_conditional_put(S3ConditionalPut::ETagMatch);
        if let Some(provider) = config.credentials_provider() {
            builder = builder.with_credentials(Arc::new(SdkCredentials(provider)));
        }
        if let Some(endpoint) = config.endpoint_url() {
            builder = builder.with_endpoint(endpoint).with_allow_http(true).with_virtual_hosted_style_request(false);
        }
        let store = builder.build().map_err(|source| Error::Connect { bucket: bucket.to_owned(), source })?;
        Ok(Self::over(Arc::new(store), bucket))
    }

    /// The lake over a store that is at hand.
    pub fn over(store: Arc<dyn ObjectStore>, bucket: &str) -> Self {
        Self { bucket: bucket.to_owned(), store }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The bucket's objects.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// A table's location, as Athena is told.
    pub fn location(&self, table: &Table) -> String {
        format!("s3://{}/{}/", self.bucket, table.prefix())
    }

    /// The objects of a table.
    pub(crate) fn table_store(&self, table: &Table) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(Arc::clone(&self.store), table.prefix()))
    }

    /// A table that is not loaded.
    pub(crate) fn delta(&self, table: &Table) -> Result<DeltaTable, Error> {
        let location =
            Url::parse(&self.location(table)).map_err(|error| Error::Protocol { table: table.name.clone(), message: error.to_string() })?;
        let log_store = default_logstore(self.table_store(table), Arc::clone(&self.store), &location, &StorageConfig::default());
        Ok(DeltaTable::new(log_store))
    }

    /// A table at its newest version; `None` where it has not been created.
    pub(crate) async fn load(&self, table: &Table) -> Result<Option<DeltaTable>, Error> {
        let mut delta = self.delta(table)?;
        for _ in 0..ATTEMPTS {
            match delta.load().await {
                Ok(()) => return Ok(Some(delta)),
                // Asked afterwards: mostly the table is there, and each look is a LIST to pay.
                Err(DeltaTableError::NotATable(_)) => {
                    if !delta.verify_deltatable_existence().await.map_err(Error::delta("look for the log", &table.name))? {
                        return Ok(None);
                    }
                    // Made by another in the meantime.
                }
                Err(error) => return Err(Error::delta("read the log", &table.name)(error)),
            }
        }
        Err(Error::Contention { table: table.name.clone(), attempts: ATTEMPTS })
    }
}

/// The SDK's credentials for `object_store`, so that profiles, roles and sessions all work.
#[derive(Debug)]
struct SdkCredentials(SharedCredentialsProvider);

#[async_trait]
impl CredentialProvider for SdkCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credentials = self.0.provide_credentials().await;
        let credentials = credentials.map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        }))
    }
}

impl fmt::Display for Lake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}", self.bucket)
    }
}
