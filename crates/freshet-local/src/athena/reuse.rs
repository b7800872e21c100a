//! Reusing a result: the same text, parameters and place, young enough for the client. As in Athena, the age alone counts,
//! not whether the data has changed since. After a restart nothing is reused.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use object_store::ObjectStoreExt;

use super::catalogue::now;
use super::execution::{Execution, Outcome, State};
use super::failure::Failure;
use super::results::ResultPlace;
use super::service::Service;

/// Results that are remembered.
const REMEMBERED: usize = 1000;

/// The last execution of each query.
#[derive(Default)]
pub(crate) struct Reuse(Mutex<HashMap<String, String>>);

/// What must be the same.
fn key(execution: &Execution) -> String {
    format!("{:?}", (&execution.query, &execution.parameters, &execution.work_group, &execution.database))
}

impl Reuse {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers an execution whose result may be reused.
    pub(crate) fn remember(&self, execution: &Execution) {
        let mut held = self.lock();
        if held.len() >= REMEMBERED {
            held.clear();
        }
        held.insert(key(execution), execution.id.clone());
    }

    /// Forgets an execution.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().retain(|_, known| known != id);
    }
}

/// Takes an earlier result for this execution, if the client asks for it and there is one that is young enough.
pub(crate) async fn reuse(service: &Service, execution: &Execution, place: &ResultPlace) -> Result<Option<Outcome>, Failure> {
    let by_age = &execution.reuse["ResultReuseByAgeConfiguration"];
    if by_age["Enabled"] != true {
        return Ok(None);
    }
    // Athena's own default is an hour.
    let age = by_age["MaxAgeInMinutes"].as_f64().unwrap_or(60.0) * 60.0;
    let earlier = service.reuse.lock().get(&key(execution)).cloned();
    let Some(earlier) = earlier.and_then(|id| service.executions.get(&id)) else {
        return Ok(None);
    };
    if earlier.state != State::Succeeded || earlier.completed.is_none_or(|completed| completed < now() - age) {
        return Ok(None);
    }
    let from = ResultPlace::of(&earlier, &service.engine.buckets, &service.managed)?;
    let bytes = match from.store.get(&from.path).await {
        Ok(found) => found.bytes().await?,
        // Someone has deleted it.
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    place.store.put(&place.path, bytes.into()).await?;
    Ok(Some(Outcome { columns: earlier.outcome.columns, reused: Some(earlier.id), ..Outcome::default() }))
}
