//! What the Athena service holds: the engine, executions, workgroups, prepared statements and named queries.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use super::catalogue::{Catalogue, now};
use super::delta::Deltas;
use super::documents::Documents;
use super::executions::Executions;
use super::failure::Failure;
use super::memory;
use super::reuse::Reuse;
use super::session::Engine;
use crate::buckets::Buckets;
use crate::error::Error;

/// Queries that run at once; the others wait. (Athena's own default is 20 or more, by region.)
const CONCURRENT: usize = 20;

/// How long free memory may stay with the process while queries come and go.
const BETWEEN_GIVING_BACK: Duration = Duration::from_secs(5);

/// A workgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WorkGroup {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) state: String,
    pub(crate) configuration: Value,
    pub(crate) created: f64,
}

/// A prepared statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) name: String,
    pub(crate) work_group: String,
    pub(crate) query: String,
    pub(crate) description: Option<String>,
    pub(crate) modified: f64,
}

/// A named query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) work_group: String,
    pub(crate) database: String,
    pub(crate) query: String,
    pub(crate) description: Option<String>,
    pub(crate) token: Option<String>,
}

/// The service.
pub(crate) struct Service {
    pub(crate) engine: Arc<Engine>,
    pub(crate) executions: Executions,
    pub(crate) work_groups: Documents<WorkGroup>,
    pub(crate) prepared: Documents<Prepared>,
    pub(crate) named: Documents<Named>,
    /// Results of workgroups that manage them.
    pub(crate) managed: Arc<dyn ObjectStore>,
    pub(crate) turns: Semaphore,
    pub(crate) reuse: Reuse,
    /// What queries run on, so that no query keeps a request waiting.
    pub(crate) workers: Workers,
}

/// Threads of their own.
pub(crate) struct Workers {
    runtime: Option<Runtime>,
    ended: Arc<Notify>,
}

impl Workers {
    fn start() -> Result<Self, Error> {
        let built = Builder::new_multi_thread().thread_name("freshet-query").enable_all().build();
        let runtime = built.map_err(|source| Error::Store { tried: "start the query engine".to_owned(), source })?;
        let ended = Arc::new(Notify::new());
        runtime.spawn(give_back_memory(Arc::clone(&ended)));
        Ok(Self { runtime: Some(runtime), ended })
    }

    /// Says that a query has ended, and that what it held is free.
    pub(crate) fn ended(&self) {
        self.ended.notify_one();
    }

    /// Runs a task there.
    pub(crate) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        match &self.runtime {
            Some(runtime) => runtime.spawn(task),
            None => tokio::spawn(task),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Waits for nothing: whoever drops it may be inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Gives memory back once queries have ended, and then rests.
async fn give_back_memory(ended: Arc<Notify>) {
    loop {
        ended.notified().await;
        if spawn_blocking(memory::give_back).await.is_err() {
            return;
        }
        sleep(BETWEEN_GIVING_BACK).await;
    }
}

/// The configuration of a new workgroup, with what a client says of it.
pub(crate) fn configuration(given: &Value) -> Value {
    let mut configuration = json!({
        "ResultConfiguration": {},
        "EnforceWorkGroupConfiguration": true,
        "PublishCloudWatchMetricsEnabled": false,
        "RequesterPaysEnabled": false,
        "EngineVersion": { "SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3" },
        "EnableMinimumEncryptionConfiguration": false,
        "ManagedQueryResultsConfiguration": { "Enabled": false },
    });
    if let Some(given) = given.as_object() {
        for (key, value) in given {
            configuration[key] = value.clone();
        }
    }
    configuration["EngineVersion"] = json!({ "SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3" });
    configuration
}

impl Service {
    /// Opens the service over its state's folder.
    pub(crate) fn open(state: &Path, buckets: Buckets) -> Result<Arc<Self>, Error> {
        let results = state.join("results");
        std::fs::create_dir_all(&results).map_err(|source| Error::Folder { path: results.clone(), source })?;
        let managed = LocalFileSystem::new_with_prefix(&results)
            .map_err(|error| Error::Store { tried: "open the folder of results".to_owned(), source: std::io::Error::other(error) })?;
        let context = freshet_dialect::context(memory::for_queries())
            .map_err(|error| Error::Store { tried: "start the query engine".to_owned(), source: std::io::Error::other(error) })?;
        let engine =
            Engine { context, catalogue: Arc::new(Catalogue::open(&state.join("catalogue"))?), buckets, deltas: Deltas::default() };
        let service = Self {
            engine: Arc::new(engine),
            executions: Executions::open(state.join("executions"))?,
            work_groups: Documents::open(state.join("workgroups"))?,
            prepared: Documents::open(state.join("prepared"))?,
            named: Documents::open(state.join("named"))?,
            managed: Arc::new(managed),
            turns: Semaphore::new(CONCURRENT),
            reuse: Reuse::default(),
            workers: Workers::start()?,
        };
        // `managed` is for clients that would look for their results in a bucket of the real S3.
        for (name, is_managed) in [("primary", false), ("managed", true)] {
            if service.work_groups.get(name).is_none() {
                let configuration = configuration(
                    &json!({ "EnforceWorkGroupConfiguration": is_managed, "ManagedQueryResultsConfiguration": { "Enabled": is_managed } }),
                );
                let group =
                    WorkGroup { name: name.to_owned(), description: None, state: "ENABLED".to_owned(), configuration, created: now() };
                service.work_groups.put(name, group)?;
            }
        }
        Ok(Arc::new(service))
    }

    /// Whether a workgroup's settings win over a client's.
    pub(crate) fn is_enforced(&self, work_group: &str) -> bool {
        self.work_groups.get(work_group).is_some_and(|group| group.configuration["EnforceWorkGroupConfiguration"] == true)
    }

    /// The bytes that one query may read.
    pub(crate) fn cutoff(&self, work_group: &str) -> Option<u64> {
        self.work_groups.get(work_group)?.configuration["BytesScannedCutoffPerQuery"].as_u64()
    }

    /// PREPARE.
    pub(crate) fn prepare(&self, work_group: &str, name: &str, query: &str) -> Result<(), Failure> {
        super::statement::parse(query)?;
        let prepared = Prepared {
            name: name.to_owned(),
            work_group: work_group.to_owned(),
            query: query.to_owned(),
            description: None,
            modified: now(),
        };
        self.prepared.put(&prepared_key(work_group, name), prepared)?;
        Ok(())
    }

    /// DEALLOCATE PREPARE.
    pub(crate) fn deallocate(&self, work_group: &str, name: &str) -> Result<(), Failure> {
        self.prepared.change(&prepared_key(work_group, name), |there| match there {
            Some(_) => Ok(None),
            None => Err(Failure::missing(format!("PreparedStatement {name} was not found in workGroup {work_group}"))),
        })
    }
}

/// The key of a prepared statement's document.
pub(crate) fn prepared_key(work_group: &str, name: &str) -> String {
    format!("{work_group}/{}", name.to_lowercase())
}
