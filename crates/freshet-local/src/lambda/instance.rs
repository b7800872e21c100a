//! An instance of a function: its process, and the Runtime API that this process alone talks to.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::LambdaFunction;
use super::failure::Failure;
use super::memory::outgrown;
use super::runtime_api::{Desk, Phase, Work, answer};
use crate::listener::{Listener, Reply};
use crate::sts::ACCOUNT;
use crate::{ACCESS_KEY, REGION, SECRET_KEY};

/// What an instance is started from.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) function: &'a LambdaFunction,
    pub(super) variables: &'a BTreeMap<String, String>,
    /// Which configuration this is.
    pub(super) generation: u64,
}

/// A process that has asked for its first event. It is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Instance {
    child: Child,
    desk: Arc<Desk>,
    memory_limit: u64,
    peak: Option<u64>,
    is_alive: bool,
    /// Of which configuration it is.
    generation: u64,
    /// Ends when it is dropped.
    _listener: Listener,
}

impl Instance {
    /// Starts a process and waits until it asks for an event.
    pub(super) async fn start(place: &Place<'_>, limit: Duration) -> Result<Self, Failure> {
        let started = Instant::now();
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", place.function.name);
        let desk = Arc::new(Desk::new(arn));
        let served = Arc::clone(&desk);
        let listener = Listener::serve(0, move |request| {
            let desk = Arc::clone(&served);
            async move { answer(request, &desk).await.map_or(Reply::<Full<Bytes>>::Close, Reply::Answer) }
        });
        let listener = listener.await.map_err(|error| Failure::not_started(&error))?;
        let child = spawn(place, &listener.address().to_string()).map_err(|error| Failure::not_started(&error))?;
        let memory_limit = u64::from(place.function.memory) * 1024 * 1024;
        let mut instance =
            Self { child, desk, memory_limit, peak: None, is_alive: true, generation: place.generation, _listener: listener };
        let request_id = Uuid::new_v4().to_string();
        let mut phase = instance.desk.phase();
        let id = instance.child.id().unwrap_or_default();
        let failure = tokio::select! {
            biased;
            reached = phase.wait_for(|phase| *phase != Phase::Starting) => match reached.as_deref() {
                Ok(Phase::Failed(failure)) => failure.clone(),
                Ok(Phase::Starting | Phase::Ready) => {
                    tracing::debug!(function = place.function.name, started = ?started.elapsed(), "started a function");
                    drop(reached);
                    return Ok(instance);
                }
                Err(_) => Failure::exited(&request_id, None),
            },
            status = instance.child.wait() => Failure::exited(&request_id, status.ok()),
            () = outgrown(id, instance.memory_limit, &mut instance.peak) => Failure::out_of_memory(&request_id),
            () = tokio::time::sleep(limit) => Failure::timed_out(&request_id, limit),
        };
        instance.end().await;
        Err(failure)
    }

    /// Hands an event to the process, and waits for what becomes of it. A process that failed by itself, took too long or
    /// too much memory is not alive afterwards.
    pub(super) async fn invoke(&mut self, event: Bytes, timeout: Duration) -> Result<Bytes, Failure> {
        let request_id = Uuid::new_v4().to_string();
        let deadline = SystemTime::now() + timeout;
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let answered = self.desk.put(Work { request_id: request_id.clone(), deadline, event });
        let id = self.child.id().unwrap_or_default();
        let failure = tokio::select! {
            biased;
            answered = answered => match answered {
                Some(answer) => return answer,
                None => Failure::exited(&request_id, None),
            },
            status = self.child.wait() => Failure::exited(&request_id, status.ok()),
            () = outgrown(id, self.memory_limit, &mut self.peak) => Failure::out_of_memory(&request_id),
            () = tokio::time::sleep(timeout) => Failure::timed_out(&request_id, timeout),
        };
        self.is_alive = false;
        Err(failure)
    }

    /// Of which configuration it is.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether its process runs and can be used again.
    pub(super) fn is_alive(&mut self) -> bool {
        self.is_alive && matches!(self.child.try_wait(), Ok(None))
    }

    /// The process's id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The most memory that it was seen to hold.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        self.peak
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn end(mut self) {
        // It may be gone already.
        let _ = self.child.kill().await;
    }
}

/// The process, with the variables that Lambda sets and no other of ours
/// (docs.aws.amazon.com/lambda, "Defined runtime environment variables").
fn spawn(place: &Place<'_>, address: &str) -> std::io::Result<Child> {
    let function = place.function;
    let folder = function.bootstrap.parent().map(std::path::Path::to_owned).unwrap_or_default();
    let log = |file: &std::path::PathBuf| std::fs::File::options().create(true).append(true).open(file);
    let log = function.log.as_ref().map(log).transpose()?;
    let (output, errors) = match log {
        Some(file) => (Stdio::from(file.try_clone()?), Stdio::from(file)),
        None => (Stdio::null(), Stdio::null()),
    };
    let mut command = Command::new(&function.bootstrap);
    command
        .env_clear()
        .envs(place.variables)
        .env("_HANDLER", "bootstrap")
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string())
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{}", Uuid::new_v4().simple()))
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", "loopback")
        .env("LAMBDA_TASK_ROOT", &folder)
        .env("LAMBDA_RUNTIME_DIR", "/var/runtime")
        .env("LANG", "en_US.UTF-8")
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin")))
        .env("TZ", ":UTC")
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .kill_on_drop(true);
    command.spawn()
}
