//! What the tests run: AWS on loopback inside the test, and `freshet up` as a process that can be killed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use freshet_local::{ACCESS_KEY, Functions, Options, REGION, Running, SECRET_KEY};
use freshet_query::Run;
use serde_json::Value;

/// The bucket of the tests that run AWS on loopback themselves.
pub(crate) const BUCKET: &str = "lake";
/// The database over it.
pub(crate) const DATABASE: &str = "lake";

/// A statement over that database, as every test asks it.
pub(crate) fn asks(sql: impl Into<String>) -> Run<std::future::Pending<()>> {
    Run {
        sql: sql.into(),
        parameters: Vec::new(),
        database: DATABASE.to_owned(),
        workgroup: "primary".to_owned(),
        output_location: Some(format!("s3://{BUCKET}/results/")),
        timeout: Duration::from_mins(2),
        byte_limit: None,
        reuse_minutes: None,
        cancel: std::future::pending(),
    }
}

/// AWS on loopback over a folder, with one bucket and no stream.
pub(crate) async fn aws(dir: &Path) -> (Running, SdkConfig) {
    let options =
        Options { dir: dir.to_owned(), port: 0, buckets: vec![BUCKET.to_owned()], streams: Vec::new(), functions: Functions::new() };
    let running = freshet_local::start(options).await.unwrap();
    let config = sdk_config(&running.endpoint());
    (running, config)
}

/// The SDK's configuration for an endpoint on loopback.
pub(crate) fn sdk_config(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "loopback")))
        .build()
}

/// An S3 client.
pub(crate) fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
}

/// A `freshet up` that is running; killed when it is dropped.
pub(crate) struct Up {
    child: Child,
    dir: PathBuf,
    secrets: Vec<(String, String)>,
    variables: BTreeMap<String, String>,
}

impl Up {
    /// Starts it on a folder, with signing secrets by their sources, and waits until it is ready.
    pub(crate) fn start(dir: &Path, secrets: &[(&str, &str)]) -> Self {
        let secrets = secrets.iter().map(|(source, secret)| ((*source).to_owned(), (*secret).to_owned())).collect::<Vec<_>>();
        let (child, variables) = spawn(dir, &secrets);
        Self { child, dir: dir.to_owned(), secrets, variables }
    }

    /// Kills it as `kill -9` does, and starts it again on the same folder.
    pub(crate) fn kill_and_start(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.variables) = spawn(&self.dir, &self.secrets);
    }

    /// A variable of its `export` lines.
    pub(crate) fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// Runs the command against it; gives what it printed.
    pub(crate) fn freshet(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "freshet {arguments:?}: {printed}{said}");
        printed.into_owned()
    }

    /// Runs the command against it, whether it succeeds or not.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(arguments).envs(&self.variables);
        for (source, secret) in &self.secrets {
            command.env(format!("FRESHET_SECRET_{}", source.to_uppercase()), secret);
        }
        command.output().unwrap()
    }

    /// The rows of a statement, as objects.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        serde_json::from_str(&self.freshet(&["query", "--sql", sql, "--format", "json"])).unwrap()
    }

    /// Delivers what is buffered, and compacts.
    pub(crate) fn settle(&self) {
        self.freshet(&["flush"]);
        self.freshet(&["compact"]);
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(dir: &Path, secrets: &[(String, String)]) -> (Child, BTreeMap<String, String>) {
    let mut command = Command::new(binary());
    command.args(["up", "--port", "0", "--webhook-port", "0", "--flush-seconds", "1", "--compact-seconds", "2", "--dir"]).arg(dir);
    for (source, secret) in secrets {
        command.arg("--secret").arg(format!("{source}={secret}"));
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut variables = BTreeMap::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next().expect("`freshet up` ends before it is ready").unwrap();
        if line == "ready" {
            break;
        }
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|pair| pair.split_once('=')) {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    (child, variables)
}

/// The command, built with the tests.
pub(crate) fn binary() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("freshet");
    assert!(path.exists(), "{} is missing: test the whole workspace, or build it first", path.display());
    path
}
