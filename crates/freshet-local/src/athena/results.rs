//! Where a result lies, and `GetQueryResults`: pages of it, read from the file that the query left.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};

use super::execution::{Execution, Shape, State};
use super::failure::Failure;
use super::location::Location;
use super::result_file::{metadata, read_csv_row};
use crate::buckets::Buckets;
use crate::service_error::ServiceError;

/// Bytes that are read of a result at once.
const CHUNK: u64 = 256 * 1024;
/// Bytes of values in one page, about.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A file of a result.
#[derive(Debug, Clone)]
pub(crate) struct ResultPlace {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
}

impl ResultPlace {
    /// Where an execution's result lies: in its bucket, or with us where the workgroup manages results.
    pub(crate) fn of(execution: &Execution, buckets: &Buckets, managed: &Arc<dyn ObjectStore>) -> Result<Self, Failure> {
        match &execution.output {
            Some(output) => {
                let location = Location::parse(output)?;
                Ok(Self { store: buckets.get(&location.bucket), path: location.path()? })
            }
            None => Ok(Self { store: Arc::clone(managed), path: Path::from(execution.id.as_str()) }),
        }
    }

    /// Writes a file whole.
    pub(crate) async fn write(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.store.put(&self.path, bytes.into()).await?;
        Ok(())
    }

    /// Writes the `.metadata` beside it.
    pub(crate) async fn describe(&self, execution: &Execution) -> Result<(), Failure> {
        let beside = Self {
            store: Arc::clone(&self.store),
            path: Path::parse(format!("{}.metadata", self.path)).map_err(|error| Failure::user(error.to_string()))?,
        };
        beside.write(metadata(&execution.id, &execution.outcome.columns)).await
    }
}

/// Answers `GetQueryResults`.
pub(crate) async fn page(
    execution: &Execution,
    place: Result<ResultPlace, Failure>,
    token: Option<&str>,
    limit: usize,
) -> Result<Value, ServiceError> {
    match execution.state {
        State::Succeeded => {}
        State::Queued | State::Running => {
            return Err(invalid(format!(
                "Query has not yet finished. Current state: {}",
                if execution.state == State::Queued { "QUEUED" } else { "RUNNING" }
            )));
        }
        State::Failed | State::Cancelled => {
            return Err(invalid(format!(
                "Query did not finish successfully. Final query state: {}",
                if execution.state == State::Failed { "FAILED" } else { "CANCELLED" }
            )));
        }
    }
    let columns: Vec<Value> = execution.outcome.columns.iter().map(super::execution::ResultColumn::describe).collect();
    let mut offset = token.map_or(Ok(0), |token| read_token(token, &execution.id))?;
    let mut rows = Vec::new();
    let mut more = false;
    if execution.shape != Shape::Count {
        let mut reader =
            Reader { place: place.map_err(|failure| invalid(failure.message))?, at: offset, held: Bytes::new(), is_whole: false };
        let mut bytes = 0;
        more = true;
        while rows.len() < limit && bytes < PAGE_BYTES {
            let Some(row) = reader.row(execution.shape).await? else {
                more = false;
                break;
            };
            bytes += row.iter().flatten().map(String::len).sum::<usize>();
            rows.push(row);
        }
        offset = reader.at;
        more = more && !reader.is_at_end().await?;
    }
    let rows: Vec<Value> = rows.into_iter().map(|row| json!({ "Data": row.into_iter().map(|value| value.map_or_else(|| json!({}), |value| json!({ "VarCharValue": value }))).collect::<Vec<_>>() })).collect();
    let mut answer = json!({ "UpdateCount": execution.outcome.update_count.unwrap_or(0), "ResultSet": { "Rows": rows, "ResultSetMetadata": { "ColumnInfo": columns } } });
    if more {
        answer["NextToken"] = json!(write_token(offset, &execution.id));
    }
    Ok(answer)
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::client("InvalidRequestException", message)
}

fn write_token(offset: u64, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{offset}:{id}"))
}

fn read_token(token: &str, id: &str) -> Result<u64, ServiceError> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let offset = text.split_once(':').filter(|(_, of)| *of == id).and_then(|(offset, _)| offset.parse().ok());
    offset.ok_or_else(|| invalid("NextToken is not one of this query's results"))
}

/// Reads a result's rows from a place on.
struct Reader {
    place: ResultPlace,
    /// Where the next row begins.
    at: u64,
    /// Bytes from there on.
    held: Bytes,
    /// Nothing follows what is held.
    is_whole: bool,
}

impl Reader {
    async fn row(&mut self, shape: Shape) -> Result<Option<Vec<Option<String>>>, ServiceError> {
        loop {
            let row = match shape {
                Shape::Csv | Shape::Count => read_csv_row(&self.held),
                Shape::Text => self
                    .held
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map(|end| (vec![Some(String::from_utf8_lossy(&self.held[..end]).into_owned())], end + 1)),
            };
            if let Some((row, length)) = row {
                self.at += length as u64;
                self.held = self.held.slice(length..);
                return Ok(Some(row));
            }
            if self.is_whole {
                return Ok(None);
            }
            self.read_on().await?;
        }
    }

    async fn is_at_end(&mut self) -> Result<bool, ServiceError> {
        if self.held.is_empty() && !self.is_whole {
            self.read_on().await?;
        }
        Ok(self.held.is_empty() && self.is_whole)
    }

    async fn read_on(&mut self) -> Result<(), ServiceError> {
        let from = self.at + self.held.len() as u64;
        let gone = |error: object_store::Error| invalid(format!("Could not find results: {error}"));
        let size = self.place.store.head(&self.place.path).await.map_err(gone)?.size;
        if from >= size {
            self.is_whole = true;
            return Ok(());
        }
        // A row that is longer than what was read takes twice as much at once.
        let until = size.min(from + CHUNK.max(self.held.len() as u64));
        let options = GetOptions { range: Some(GetRange::Bounded(from..until)), ..GetOptions::default() };
        let read = self.place.store.get_opts(&self.place.path, options).await.map_err(gone)?.bytes().await.map_err(gone)?;
        self.is_whole = until == size;
        self.held = if self.held.is_empty() { read } else { [self.held.as_ref(), read.as_ref()].concat().into() };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
