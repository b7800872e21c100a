//! The tables of the lake: made from the contract, widened with it, described.

use deltalake::DeltaTable;
use deltalake::kernel::StructType;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::SaveMode;
use freshet_schema::{Contract, Table, envelope};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::Value;

use crate::commit::files;
use crate::error::Error;
use crate::lake::Lake;

/// How long entries stay in a table's log behind a checkpoint.
const LOG_RETENTION: &str = "interval 7 days";
/// So many tables are looked at at once.
const AT_ONCE: usize = 8;

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableState {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its live data files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Where it lies.
    pub location: String,
    /// The time of its newest event, RFC 3339; NULL where it has none.
    pub newest_event: Option<String>,
}

/// Makes every table of the contract that is missing, and adds columns that are missing to those that are there.
/// Safe to run twice and side by side. Returns the names of what it changed.
pub async fn create_tables(lake: &Lake, contract: &Contract) -> Result<Vec<String>, Error> {
    let loaded = load_all(lake, contract).await?;
    let ensured = ensure_all(lake, contract, loaded).await?;
    let changed = contract.tables().zip(ensured).filter(|(_, (_, is_changed))| *is_changed);
    Ok(changed.map(|(table, _)| table.name.clone()).collect())
}

/// Every table of the contract, in its order; `None` where it has not been created.
pub(crate) async fn load_all(lake: &Lake, contract: &Contract) -> Result<Vec<Option<DeltaTable>>, Error> {
    let loads: Vec<_> = contract.tables().map(|table| lake.load(table)).collect();
    futures::stream::iter(loads).buffered(AT_ONCE).try_collect().await
}

/// Every table of the contract, in its order, made or widened where it has to be, and whether it had to be.
pub(crate) async fn ensure_all(
    lake: &Lake,
    contract: &Contract,
    loaded: Vec<Option<DeltaTable>>,
) -> Result<Vec<(DeltaTable, bool)>, Error> {
    let ensured: Vec<_> = contract.tables().zip(loaded).map(|(table, delta)| ensured(lake, table, delta)).collect();
    futures::stream::iter(ensured).buffered(AT_ONCE).try_collect().await
}

/// The table, made or widened where it has to be, and whether it had to be.
pub(crate) async fn ensure(lake: &Lake, table: &Table) -> Result<(DeltaTable, bool), Error> {
    ensured(lake, table, lake.load(table).await?).await
}

async fn ensured(lake: &Lake, table: &Table, loaded: Option<DeltaTable>) -> Result<(DeltaTable, bool), Error> {
    match loaded {
        Some(delta) => widen(lake, table, delta).await,
        None => create(lake, table, LOG_RETENTION).await.map(|delta| (delta, true)),
    }
}

pub(crate) async fn create(lake: &Lake, table: &Table, log_retention: &str) -> Result<DeltaTable, Error> {
    let failed = Error::delta("create the log", &table.name);
    let created = CreateBuilder::new()
        .with_log_store(lake.delta(table)?.log_store())
        .with_table_name(&table.name)
        .with_comment(table.doc.trim())
        .with_save_mode(SaveMode::Ignore)
        .with_columns(schema(table)?.fields().cloned())
        .with_partition_columns([envelope::PARTITION])
        .with_configuration([
            ("delta.checkpointInterval", Some("10")),
            ("delta.logRetentionDuration", Some(log_retention)),
            ("delta.deletedFileRetentionDuration", Some("interval 7 days")),
            ("delta.dataSkippingNumIndexedCols", Some("-1")),
        ])
        .await;
    let delta = match created {
        Ok(delta) => delta,
        // Made by another in the meantime, or the answer was lost: the log says.
        Err(error) => lake.load(table).await?.ok_or_else(|| failed(error))?,
    };
    check_protocol(table, &delta)?;
    Ok(delta)
}

/// Athena reads `timestampNtz` with reader 3 and writer 7 and that feature alone
/// (docs.aws.amazon.com/athena, "Query Linux Foundation Delta Lake tables").
fn check_protocol(table: &Table, delta: &DeltaTable) -> Result<(), Error> {
    let protocol = delta.snapshot().map_err(Error::delta("read the log", &table.name))?.protocol().clone();
    let text = serde_json::to_value(&protocol).unwrap_or(Value::Null);
    let is_ntz = |features: &Value| features.as_array().is_some_and(|features| features.len() == 1 && features[0] == "timestampNtz");
    if text["minReaderVersion"] == 3 && text["minWriterVersion"] == 7 && is_ntz(&text["readerFeatures"]) && is_ntz(&text["writerFeatures"])
    {
        return Ok(());
    }
    Err(Error::Protocol { table: table.name.clone(), message: format!("its protocol is {text}, and Athena needs timestampNtz alone") })
}

fn schema(table: &Table) -> Result<StructType, Error> {
    serde_json::from_value(freshet_schema::delta::schema(table))
        .map_err(|error| Error::Protocol { table: table.name.clone(), message: error.to_string() })
}

async fn widen(lake: &Lake, table: &Table, delta: DeltaTable) -> Result<(DeltaTable, bool), Error> {
    let failed = Error::delta("add columns", &table.name);
    let known = delta.snapshot().map_err(&failed)?.schema();
    let missing: Vec<_> = schema(table)?.fields().filter(|field| known.field(field.name()).is_none()).cloned().collect();
    if missing.is_empty() {
        return Ok((delta, false));
    }
    tracing::info!(table = table.name, columns = missing.len(), "widened a table");
    match delta.add_columns().with_fields(missing).await {
        Ok(delta) => Ok((delta, true)),
        Err(error) => {
            // Widened by another in the meantime?
            let delta = lake.load(table).await?.ok_or_else(|| failed(error))?;
            let known = delta.snapshot().map_err(&failed)?.schema();
            let is_whole = schema(table)?.fields().all(|field| known.field(field.name()).is_some());
            if is_whole { Ok((delta, false)) } else { Err(Error::Contention { table: table.name.clone(), attempts: 1 }) }
        }
    }
}

/// Describes every table of the contract.
pub async fn tables(lake: &Lake, contract: &Contract) -> Result<Vec<TableState>, Error> {
    let mut states = Vec::new();
    for table in contract.tables() {
        let files = match lake.load(table).await? {
            Some(delta) => files(&delta, table).await?,
            None => Vec::new(),
        };
        let newest = files.iter().filter_map(|file| file.stats["maxValues"]["occurred_at"].as_str()).max();
        states.push(TableState {
            name: table.name.clone(),
            rows: files.iter().map(|file| file.records as u64).sum(),
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.size).sum(),
            location: lake.location(table),
            newest_event: newest.map(|time| format!("{}Z", time.trim_end_matches('Z'))),
        });
    }
    Ok(states)
}
