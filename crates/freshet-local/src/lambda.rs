//! Lambda on loopback: a function is a real `bootstrap` binary, which asks the Runtime API for its invocations.
//!
//! Held as Lambda holds it: one invocation at a time an instance, instances that are kept and used again, the deadline in
//! milliseconds of the epoch, a time-out that ends the process, a new process after a crash, 6 MB a way, and a memory limit
//! where the system tells what a process holds (Linux). Not held: the share of a processor that goes with the memory, the
//! freeze between invocations, extensions, streamed responses, asynchronous invocation with its retries.

mod failure;
mod instance;
mod memory;
mod runtime_api;
mod url_event;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::de::IgnoredAny;
use tokio::sync::{Semaphore, watch};

pub use failure::Failure;

use crate::Error;
use crate::function_url::Handler;
use crate::functions::Function;
use instance::{Instance, Place};

/// The largest event: Lambda's limit of a synchronous invocation (docs.aws.amazon.com/lambda, "Lambda quotas").
pub const EVENT_LIMIT: usize = 6_291_456;
/// The largest response, as Lambda's own message says it: a hundred bytes more.
pub const RESPONSE_LIMIT: usize = 6_291_556;
/// How long a start may take before it is tried again within the invocation's own time.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// A function, as its creator would describe it.
#[derive(Debug, Clone)]
pub struct LambdaFunction {
    /// Its name.
    pub name: String,
    /// The executable that a package has as `bootstrap`.
    pub bootstrap: PathBuf,
    /// Its memory in MB.
    pub memory: u32,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// How many instances may run at once; what comes beyond is throttled.
    pub concurrency: usize,
    /// Its own environment variables.
    pub variables: BTreeMap<String, String>,
    /// A file that takes what its instances print.
    pub log: Option<PathBuf>,
}

impl LambdaFunction {
    /// A function with Lambda's defaults: 128 MB and 3 s. A new account may run ten instances.
    pub fn new(name: impl Into<String>, bootstrap: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            bootstrap: bootstrap.into(),
            memory: 128,
            timeout: Duration::from_secs(3),
            concurrency: 10,
            variables: BTreeMap::new(),
            log: None,
        }
    }
}

/// What an invocation gave, and what Lambda's REPORT line says of it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The response.
    pub payload: Bytes,
    /// From the event to the response.
    pub duration: Duration,
    /// From the start of the process until it asked for an event, where this invocation started it.
    pub init: Option<Duration>,
    /// The most memory that the instance was seen to hold, where the system tells.
    pub memory: Option<u64>,
}

/// A process that runs a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// Whether it has an invocation.
    pub is_busy: bool,
}

/// A function that can be invoked. Its processes end with it.
#[derive(Clone)]
pub struct Lambda(Arc<Shared>);

struct Shared {
    function: LambdaFunction,
    configuration: Mutex<Configuration>,
    idle: Mutex<Vec<Instance>>,
    busy: Mutex<Vec<u32>>,
    permits: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

/// Variables, and how often they were replaced.
#[derive(Clone)]
struct Configuration {
    variables: BTreeMap<String, String>,
    generation: u64,
}

impl std::fmt::Debug for Lambda {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lambda").field("name", &self.0.function.name).finish_non_exhaustive()
    }
}

impl Lambda {
    /// Takes a function. Nothing runs before it is invoked.
    pub fn open(function: LambdaFunction) -> Result<Self, Error> {
        let bootstrap =
            std::fs::canonicalize(&function.bootstrap).map_err(|source| Error::Bootstrap { path: function.bootstrap.clone(), source })?;
        let configuration = Mutex::new(Configuration { variables: function.variables.clone(), generation: 0 });
        let permits = Arc::new(Semaphore::new(function.concurrency));
        let function = LambdaFunction { bootstrap, ..function };
        let (idle, busy) = (Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Shared { function, configuration, idle, busy, permits, stop: watch::Sender::new(false) })))
    }

    /// Gives it other variables, as `UpdateFunctionConfiguration` does: instances that run already are not used again.
    pub fn configure(&self, variables: BTreeMap<String, String>) {
        let mut configuration = lock(&self.0.configuration);
        *configuration = Configuration { variables, generation: configuration.generation + 1 };
        lock(&self.0.idle).clear();
    }

    /// Invokes it and waits for its answer. Who stops waiting does not stop the invocation.
    pub async fn invoke(&self, event: Bytes) -> Result<Answer, Failure> {
        if event.len() > EVENT_LIMIT {
            return Err(Failure::event_too_large(event.len()));
        }
        if serde_json::from_slice::<IgnoredAny>(&event).is_err() {
            return Err(Failure::event_is_not_json());
        }
        let invocation = tokio::spawn(run(Arc::clone(&self.0), event));
        invocation.await.unwrap_or_else(|_| Err(Failure::stopped()))
    }

    /// It as a function that a delivery stream calls.
    pub fn function(&self) -> Function {
        let lambda = self.clone();
        Arc::new(move |event| {
            let lambda = lambda.clone();
            Box::pin(async move { lambda.invoke(event).await.map(|answer| answer.payload).map_err(|failure| failure.to_string()) })
        })
    }

    /// It as what answers the requests of a function's URL.
    pub fn handler(&self) -> Handler {
        let lambda = self.clone();
        Arc::new(move |request| {
            let lambda = lambda.clone();
            Box::pin(async move {
                let answered = lambda.invoke(url_event::event(&request)).await;
                url_event::response(answered.map(|answer| answer.payload))
            })
        })
    }

    /// The processes that run it now.
    pub fn processes(&self) -> Vec<Process> {
        let mut found: Vec<Process> = lock(&self.0.busy).iter().map(|id| Process { id: *id, is_busy: true }).collect();
        let mut idle = lock(&self.0.idle);
        let alive = idle.iter_mut().filter_map(|instance| if instance.is_alive() { instance.id() } else { None });
        found.extend(alive.map(|id| Process { id, is_busy: false }));
        found
    }

    /// Ends its processes, those with an invocation too, and takes no more events.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let all = u32::try_from(self.0.function.concurrency).unwrap_or(u32::MAX);
        // An invocation gives its permit back when its process is gone or idle.
        drop(self.0.permits.acquire_many(all).await);
        self.0.permits.close();
        let idle = std::mem::take(&mut *lock(&self.0.idle));
        for instance in idle {
            instance.end().await;
        }
    }
}

/// One invocation, in an instance that is idle or new.
async fn run(shared: Arc<Shared>, event: Bytes) -> Result<Answer, Failure> {
    let Ok(_permit) = Arc::clone(&shared.permits).try_acquire_owned() else {
        return Err(if shared.permits.is_closed() { Failure::stopped() } else { Failure::throttled() });
    };
    let mut stop = shared.stop.subscribe();
    if *stop.borrow() {
        return Err(Failure::stopped());
    }
    let stopped = async move {
        // Who could say so is gone: that is a stop too.
        let _ = stop.wait_for(|stopped| *stopped).await;
    };
    tokio::select! {
        answered = invoke_in_instance(&shared, event) => answered,
        () = stopped => Err(Failure::stopped()),
    }
}

async fn invoke_in_instance(shared: &Shared, event: Bytes) -> Result<Answer, Failure> {
    let (mut instance, init) = take(shared).await?;
    let busy = Busy::new(shared, &instance);
    let started = Instant::now();
    let answered = instance.invoke(event, shared.function.timeout).await;
    let (duration, memory) = (started.elapsed(), instance.peak_memory());
    drop(busy);
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let init_milliseconds = init.map(|init| u64::try_from(init.as_millis()).unwrap_or(u64::MAX));
    let error_type = answered.as_ref().err().map(|failure| failure.error_type.clone());
    tracing::debug!(function = shared.function.name, milliseconds, init_milliseconds, memory, error_type, "invoked a function");
    // One that was ended, or that ended by itself, is not used again.
    if instance.is_alive() && instance.generation() == lock(&shared.configuration).generation {
        lock(&shared.idle).push(instance);
    } else {
        instance.end().await;
    }
    answered.map(|payload| Answer { payload, duration, init, memory })
}

/// An idle instance, the one that was used last; else a new one, whose start is tried twice as Lambda does.
async fn take(shared: &Shared) -> Result<(Instance, Option<Duration>), Failure> {
    loop {
        let Some(mut instance) = lock(&shared.idle).pop() else {
            break;
        };
        if instance.is_alive() && instance.generation() == lock(&shared.configuration).generation {
            return Ok((instance, None));
        }
        instance.end().await;
    }
    let Configuration { variables, generation } = lock(&shared.configuration).clone();
    let place = Place { function: &shared.function, variables: &variables, generation };
    let started = Instant::now();
    let instance = match Instance::start(&place, INIT_LIMIT).await {
        Ok(instance) => instance,
        Err(failure) => {
            tracing::debug!(function = shared.function.name, error_type = failure.error_type, "could not start a function; once more");
            Instance::start(&place, shared.function.timeout).await?
        }
    };
    Ok((instance, Some(started.elapsed())))
}

/// Says that a process has an invocation, until it is dropped.
struct Busy<'a>(&'a Shared, Option<u32>);

impl<'a> Busy<'a> {
    fn new(shared: &'a Shared, instance: &Instance) -> Self {
        let id = instance.id();
        lock(&shared.busy).extend(id);
        Self(shared, id)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.busy).retain(|id| Some(*id) != self.1);
    }
}

/// A lock whose holder cannot have left a thing half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
