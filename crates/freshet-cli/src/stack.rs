//! The whole lake in this process: AWS on loopback, and the same functions that run on Lambda behind it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_athena::config::Credentials;
use bytes::Bytes;
use freshet_firehose::{Producer, Settings};
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::secret::{HashKey, Secrets};
use freshet_ingest::time::Millis;
use freshet_ingest::transform::TransformEvent;
use freshet_lambda::receiver::{Parts, Receiver};
use freshet_lambda::{compactor, transformer};
use freshet_local::function_url::FunctionUrl;
use freshet_local::{ACCESS_KEY, DeliveryStream, Function, Functions, Options, REGION, Running, SECRET_KEY};
use freshet_schema::Contract;
use freshet_table::{Lake, Progress, Report};
use tokio::sync::watch;

use crate::environment::{self, DEFAULT_DATABASE as DATABASE};
use crate::hash_keys;

/// The lake's bucket on loopback.
pub(crate) const BUCKET: &str = "freshet-lake";
/// Athena's own workgroup.
pub(crate) const WORKGROUP: &str = "primary";
/// The delivery stream.
const STREAM: &str = "freshet";
/// The function that the stream calls.
const TRANSFORMER: &str = "transformer";

/// How a stack is started.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    pub(crate) webhook_port: u16,
    pub(crate) secrets: Secrets,
    pub(crate) flush: Duration,
}

/// A stack that is running.
pub(crate) struct Stack {
    pub(crate) local: Running,
    pub(crate) url: FunctionUrl,
    pub(crate) config: SdkConfig,
    receiver: Arc<Receiver>,
    normalizer: Arc<Normalizer>,
    s3: aws_sdk_s3::Client,
    lake: Lake,
}

/// The present.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Stack {
    /// Starts everything, and makes and registers the tables and views.
    pub(crate) async fn start(start: Start) -> Result<Self> {
        let contract = Contract::embedded();
        std::fs::create_dir_all(&start.dir).with_context(|| format!("make the folder {}", start.dir.display()))?;
        let normalizer = Arc::new(Normalizer::new(contract, hash_key(&start.dir)?));
        let (ready, client) = watch::channel(None);
        let mut functions = Functions::new();
        functions.insert(TRANSFORMER.to_owned(), transform_function(Arc::clone(&normalizer), client));
        let mut stream = DeliveryStream::new(STREAM, BUCKET);
        "landing/!{timestamp:yyyy/MM/dd/HH}/".clone_into(&mut stream.prefix);
        "errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/".clone_into(&mut stream.error_prefix);
        stream.raw_prefix = Some("raw/".to_owned());
        stream.buffering = start.flush;
        stream.transformer = Some(TRANSFORMER.to_owned());
        let options = Options { dir: start.dir, port: start.port, buckets: vec![BUCKET.to_owned()], streams: vec![stream], functions };
        let local = freshet_local::start(options).await?;
        let config = config(&local.endpoint());
        let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
        ready.send_replace(Some(s3.clone()));
        let lake = Lake::connect(&config, BUCKET)?;
        freshet_table::create_tables(&lake, contract).await.context("make the tables")?;
        environment::register(&config, BUCKET, DATABASE, WORKGROUP).await?;
        let producer = Producer::new(&aws_sdk_firehose::Client::new(&config), &s3, Settings::new(STREAM, BUCKET));
        let receiver = Arc::new(Receiver::new(Parts {
            contract,
            secrets: start.secrets,
            producer,
            s3: s3.clone(),
            bucket: BUCKET.to_owned(),
            is_development: true,
            instance: uuid::Uuid::new_v4().to_string(),
        }));
        let handler = {
            let receiver = Arc::clone(&receiver);
            Arc::new(move |request| {
                let receiver = Arc::clone(&receiver);
                Box::pin(async move { receiver.receive(request, now()).await }) as futures::future::BoxFuture<'static, _>
            })
        };
        let url = FunctionUrl::serve(start.webhook_port, handler).await?;
        Ok(Self { local, url, config, receiver, normalizer, s3, lake })
    }

    /// How many times the stream's answer to the receiver was not clear.
    pub(crate) fn unclear(&self) -> u64 {
        self.receiver.unclear()
    }

    /// The lake.
    pub(crate) fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Drains the spill zone and compacts.
    pub(crate) async fn compact(&self, progress: impl Fn(Progress) + Send + Sync) -> Result<Report> {
        compactor::drain_spill(&self.normalizer, &self.s3, BUCKET).await?;
        let options = freshet_table::Options::new(uuid::Uuid::new_v4().to_string(), now());
        freshet_table::compact(&self.lake, self.normalizer.contract(), &options, progress).await.context("compact the lake")
    }

    /// Delivers what is buffered, refusals that were counted included.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.receiver.finish(now()).await;
        self.local.flush().await.context("deliver what is buffered")
    }

    /// Takes no more deliveries, delivers what is buffered, and stops.
    pub(crate) async fn stop(self) -> Result<()> {
        self.url.stop().await;
        self.receiver.finish(now()).await;
        self.local.stop().await.context("stop")
    }

    /// Takes no more deliveries, delivers what is buffered, compacts, and stops.
    pub(crate) async fn drain(self) -> Result<()> {
        let Self { local, url, receiver, normalizer, s3, lake, .. } = self;
        url.stop().await;
        receiver.finish(now()).await;
        local.flush().await.context("deliver what is buffered")?;
        compactor::drain_spill(&normalizer, &s3, BUCKET).await?;
        let options = freshet_table::Options::new(uuid::Uuid::new_v4().to_string(), now());
        freshet_table::compact(&lake, normalizer.contract(), &options, |_| {}).await.context("compact the lake")?;
        local.stop().await.context("stop")
    }
}

/// Firehose's call of the transformer: JSON in, JSON out, as Lambda has it.
fn transform_function(normalizer: Arc<Normalizer>, client: watch::Receiver<Option<aws_sdk_s3::Client>>) -> Function {
    Arc::new(move |event: Bytes| {
        let (normalizer, mut client) = (Arc::clone(&normalizer), client.clone());
        Box::pin(async move {
            let event: TransformEvent = serde_json::from_slice(&event).map_err(|error| error.to_string())?;
            // Records of an earlier run are delivered at once; S3 is there a moment later.
            let s3 = client.wait_for(Option::is_some).await.map_err(|error| error.to_string())?.clone();
            let s3 = s3.ok_or_else(|| "S3 is not there".to_owned())?;
            let response = transformer::answer(&normalizer, || s3.clone(), BUCKET, &event).await.map_err(|error| error.to_string())?;
            serde_json::to_vec(&response).map(Bytes::from).map_err(|error| error.to_string())
        })
    })
}

fn config(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static(REGION))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::new(
            ACCESS_KEY, SECRET_KEY, None, None, "loopback",
        )))
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
        .build()
}

/// The key of personal hashes: `FRESHET_HASH_KEY` (`id=secret`), else one that was made for this folder.
pub(crate) fn hash_key(dir: &Path) -> Result<HashKey> {
    if std::env::var_os(freshet_lambda::config::HASH_KEY).is_some() {
        return Ok(freshet_lambda::config::hash_key()?);
    }
    let path = dir.join(hash_keys::FILE);
    if !path.exists() {
        let secret = uuid::Uuid::new_v4().simple().to_string() + &uuid::Uuid::new_v4().simple().to_string();
        write_private(&path, &secret).with_context(|| format!("write {}", path.display()))?;
    }
    hash_keys::read(&path)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
