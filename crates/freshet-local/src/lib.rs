//! AWS on loopback: S3, Firehose, Athena and STS on one port, over one folder; and Lambda, for functions that are binaries.
//!
//! Real servers of the real protocols: any client reaches them with `AWS_ENDPOINT_URL=http://127.0.0.1:<port>`. Nothing
//! listens beyond 127.0.0.1. What AWS has no call for (flush, faults) is below `/_freshet/`.

mod athena;
mod bucket_store;
mod buckets;
mod error;
mod faults;
mod firehose;
pub mod function_url;
mod functions;
pub mod lambda;
mod listener;
mod s3;
mod server;
mod service_error;
mod store;
mod sts;

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;

pub use error::Error;
pub use faults::{Fault, FaultOrder};
pub use firehose::DeliveryStream;
pub use functions::{Function, Functions};

use athena::Athena;
use buckets::Buckets;
use faults::Faults;
use firehose::Firehose;
use listener::Listener;
use server::Services;
use store::Store;

/// The access key that clients use; any other is fine too.
pub const ACCESS_KEY: &str = "local";
/// The secret key that clients use: a body whose chunks are signed is read with it.
pub const SECRET_KEY: &str = "local";
/// The region.
pub const REGION: &str = "us-east-1";

/// What runs on loopback.
#[derive(Clone)]
pub struct Options {
    /// The folder that everything lies in.
    pub dir: PathBuf,
    /// The port; 0 picks one.
    pub port: u16,
    /// Buckets that are there from the start.
    pub buckets: Vec<String>,
    /// Delivery streams.
    pub streams: Vec<DeliveryStream>,
    /// Functions that delivery streams call.
    pub functions: Functions,
}

/// Services that are running.
pub struct Running {
    listener: Listener,
    firehose: Arc<Firehose>,
    faults: Faults,
    /// Held while the folder is used.
    _lock: File,
}

/// Starts the services.
pub async fn start(options: Options) -> Result<Running, Error> {
    std::fs::create_dir_all(&options.dir).map_err(|source| Error::Folder { path: options.dir.clone(), source })?;
    let lock = lock(&options.dir)?;
    let store = Store::open(&options.dir)?;
    for bucket in &options.buckets {
        store.create_bucket(bucket)?;
    }
    let buckets = Buckets::over(store.clone());
    let firehose = Arc::new(Firehose::open(&options.dir.join("firehose"), options.streams, &buckets, &options.functions)?);
    let athena = Arc::new(Athena::open(&options.dir.join("athena"), buckets)?);
    let mut s3 = S3ServiceBuilder::new(s3::LocalS3::new(store));
    s3.set_auth(AnyKey);
    s3.set_access(Everyone);
    let faults = Faults::default();
    let services = Services { s3: s3.build(), firehose: Arc::clone(&firehose), athena, faults: faults.clone() };
    let serve = Listener::serve(options.port, move |request| server::answer(services.clone(), request));
    let listener = serve.await.map_err(|source| Error::Listen { port: options.port, source })?;
    Ok(Running { listener, firehose, faults, _lock: lock })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What clients set as `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Delivers what the streams have buffered.
    pub async fn flush(&self) -> Result<(), Error> {
        self.firehose.flush().await
    }

    /// Makes the next calls of an operation fail.
    pub fn order_fault(&self, order: FaultOrder) {
        self.faults.order(order);
    }

    /// Takes no further request, answers those under way, and delivers what is buffered. What cannot be delivered stays
    /// in the folder for the next start.
    pub async fn stop(self) -> Result<(), Error> {
        let delivered = self.firehose.stop().await;
        self.listener.stop().await;
        delivered
    }
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(|source| Error::Folder { path, source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Taken { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Error::Folder { path: dir.to_owned(), source }),
    }
}

/// Any access key, with the one secret.
struct AnyKey;

#[async_trait::async_trait]
impl S3Auth for AnyKey {
    async fn get_secret_key(&self, _access_key: &str) -> s3s::S3Result<SecretKey> {
        Ok(SecretKey::from(SECRET_KEY))
    }
}

/// Unsigned requests too: nothing but this machine reaches the port.
struct Everyone;

#[async_trait::async_trait]
impl S3Access for Everyone {
    async fn check(&self, _context: &mut S3AccessContext<'_>) -> s3s::S3Result<()> {
        Ok(())
    }
}
