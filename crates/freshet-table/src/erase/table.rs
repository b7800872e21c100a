//! A table: its rows are taken out in one commit; then a checkpoint is written, and the replaced files and the older entries of the log
//! go at once, so that neither a file nor a statistic keeps a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use chrono::Utc;
use deltalake::{DeltaTable, checkpoints};
use freshet_schema::{Contract, Table, envelope};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use serde_json::Value;

use super::columns::{is_in_parquet, named};
use super::names::{Names, Plan};
use super::report::Place;
use crate::commit::{DataFile, Operation, Outcome, commit, files};
use crate::compact;
use crate::error::Error;
use crate::lake::Lake;
use crate::landing;
use crate::options::Options;
use crate::reader::FileReader;
use crate::rewrite::{self, Gone};
use crate::tables;

/// How often a commit is tried while others are quicker.
const ATTEMPTS: u32 = 20;
/// A file that no version names may be about to be committed by a compactor, which lives a quarter of an hour.
const IN_FLIGHT_MINUTES: i64 = 60;
const LOG: &str = "_delta_log";

/// What is done to a table, and with what.
pub(crate) struct Work<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) contract: &'static Contract,
    pub(crate) options: &'a Options,
    pub(crate) is_dry: bool,
}

/// Learns from a table's rows which ids and hashes belong together. Also says with which keys its hashes were made.
pub(crate) async fn resolve(
    lake: &Lake,
    table: &'static Table,
    names: &mut Names,
    hash_key_ids: &mut BTreeSet<String>,
) -> Result<(), Error> {
    let Some(plan) = Plan::of(table).map(|plan| plan.resolving()) else {
        return Ok(());
    };
    let Some(delta) = lake.load(table).await? else {
        return Ok(());
    };
    let wanted: Vec<&str> =
        plan.columns.iter().map(|(name, _)| name.as_str()).chain(["source", "account", envelope::HASH_KEY_ID]).collect();
    for file in files(&delta, table).await? {
        read(lake, table, &file, Some(&wanted), |batch| {
            if let Some(ids) = batch.column_by_name(envelope::HASH_KEY_ID).and_then(|column| column.as_string_opt::<i32>()) {
                let new: BTreeSet<&str> = ids.iter().flatten().filter(|id| !hash_key_ids.contains(*id)).collect();
                hash_key_ids.extend(new.into_iter().map(str::to_owned));
            }
            let (sources, accounts) = (batch.column_by_name("source"), batch.column_by_name("account"));
            if let (Some(sources), Some(accounts)) =
                (sources.and_then(|column| column.as_string_opt::<i32>()), accounts.and_then(|column| column.as_string_opt::<i32>()))
            {
                sources.iter().zip(accounts).for_each(|(source, account)| names.meet(source, account));
            }
            for (_, row) in named(names, &plan, batch) {
                names.learn(row.source.as_deref(), row.account.as_deref(), row.told);
            }
        })
        .await?;
    }
    Ok(())
}

/// Takes a table's rows out. In a dry run they are only counted.
pub(crate) async fn erase(work: &Work<'_>, table: &'static Table, names: &mut Names) -> Result<Place, Error> {
    let mut place = Place::default();
    let Some(plan) = Plan::of(table) else {
        return Ok(place);
    };
    let mut replaced = BTreeSet::new();
    let mut lost = 0;
    loop {
        let Some(delta) = work.lake.load(table).await? else {
            return Ok(place);
        };
        let mut found = Vec::new();
        let mut rows = 0;
        for file in files(&delta, table).await? {
            let mut in_file = 0;
            read(work.lake, table, &file, None, |batch| {
                for (_, row) in named(names, &plan, batch) {
                    in_file += 1;
                    names.learn(row.source.as_deref(), row.account.as_deref(), row.told);
                }
            })
            .await?;
            if in_file > 0 {
                rows += in_file;
                found.push(file);
            }
        }
        if found.is_empty() || work.is_dry {
            place.rows = rows;
            place.rewritten = found.len() as u64;
            break;
        }
        let paths: Vec<Path> = found.iter().map(|file| file.location.clone()).collect();
        if take_out(work, table, &delta, &found, names, &plan).await? == Outcome::Won {
            place.rows = rows;
            place.rewritten = paths.len() as u64;
            replaced.extend(paths);
            break;
        }
        lost += 1;
        if lost >= ATTEMPTS {
            return Err(Error::Contention { table: table.name.clone(), attempts: ATTEMPTS });
        }
    }
    sweep(work, table, names, &plan, &replaced, &mut place).await?;
    Ok(place)
}

/// Writes the files again without the rows that name them, and commits it.
async fn take_out(
    work: &Work<'_>,
    table: &'static Table,
    delta: &DeltaTable,
    found: &[DataFile],
    names: &Names,
    plan: &Plan,
) -> Result<Outcome, Error> {
    let (names, plan) = (names.clone(), plan.clone());
    let gone: Arc<Gone> = Arc::new(move |batch: &RecordBatch| {
        let mut gone = vec![false; batch.num_rows()];
        for (row, _) in named(&names, &plan, batch) {
            gone[row] = true;
        }
        gone
    });
    let mut actions = Vec::new();
    for file in found {
        actions.extend(rewrite::without(work.lake, table, file, &gone, work.options).await?.0);
    }
    commit(work.lake, table, delta, actions, Operation::Erase, Value::Null).await
}

/// Reads a data file, whole or some of its columns.
async fn read(
    lake: &Lake,
    table: &Table,
    file: &DataFile,
    columns: Option<&[&str]>,
    mut take: impl FnMut(&RecordBatch),
) -> Result<(), Error> {
    let failed = Error::parquet("read a data file", &table.name);
    let reader = FileReader::new(&lake.table_store(table), file);
    let mut builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&failed)?;
    if let Some(columns) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    let mut batches = builder.build().map_err(&failed)?;
    while let Some(batch) = batches.try_next().await.map_err(&failed)? {
        take(&batch);
    }
    Ok(())
}

/// Deletes what no version needs and what names them: replaced files, older ones, and the log's entries and checkpoints.
async fn sweep(
    work: &Work<'_>,
    table: &'static Table,
    names: &Names,
    plan: &Plan,
    replaced: &BTreeSet<Path>,
    place: &mut Place,
) -> Result<(), Error> {
    let store = work.lake.table_store(table);
    let listed: Vec<ObjectMeta> =
        store.list(None).try_collect().await.map_err(Error::object(format!("list the files of table {}", table.name)))?;
    let Some(delta) = work.lake.load(table).await? else {
        return Ok(());
    };
    let live = files(&delta, table).await?;
    // Another account's rows may name them too: then the log does so rightly.
    let is_live = live.iter().any(|file| names.is_in_body(file.stats.to_string().as_bytes()));
    let live: BTreeSet<Path> = live.into_iter().map(|file| file.location).collect();
    let (log, data): (Vec<ObjectMeta>, Vec<ObjectMeta>) =
        listed.into_iter().partition(|object| object.location.prefix_matches(&Path::from(LOG)));
    let removed = removed(&store, &log).await?;
    let mut gone: Vec<Path> = Vec::new();
    for object in data.into_iter().filter(|object| !live.contains(&object.location)) {
        let is_ours = replaced.contains(&object.location);
        if !is_ours && !is_named(work, table, &object, names, plan, place).await? {
            continue;
        }
        let is_over = (Utc::now() - object.last_modified).num_minutes() >= IN_FLIGHT_MINUTES;
        if is_ours || is_over || removed.contains(&object.location) {
            gone.push(object.location);
        } else {
            place.pending += 1;
        }
    }
    let is_told = !gone.is_empty() || place.rows > 0 || (!is_live && log_names(&store, table, &log, names).await?);
    place.deleted += gone.len() as u64;
    if work.is_dry {
        return Ok(());
    }
    if is_told {
        place.deleted += shorten_log(work, table, &store).await?;
    }
    let prefix = Path::from(table.prefix());
    let gone: Vec<Path> = gone.into_iter().map(|path| prefix.parts().chain(path.parts()).collect::<Path>()).collect();
    landing::delete(work.lake, &gone).await
}

/// Whether a data file that no version names holds rows of theirs.
async fn is_named(
    work: &Work<'_>,
    table: &Table,
    object: &ObjectMeta,
    names: &Names,
    plan: &Plan,
    place: &mut Place,
) -> Result<bool, Error> {
    let file = DataFile {
        location: object.location.clone(),
        size: object.size,
        day: 0,
        records: 0,
        stats: Value::Null,
        remove: deltalake::kernel::Remove::default(),
    };
    let mut is_named = false;
    match read(work.lake, table, &file, None, |batch| is_named |= !named(names, plan, batch).is_empty()).await {
        Ok(()) => Ok(is_named),
        Err(Error::Parquet { .. }) => {
            place.unread.push((format!("{}/{}", table.prefix(), object.location), "no Parquet that can be read".to_owned()));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The files that entries of the log take out.
async fn removed(store: &Arc<dyn ObjectStore>, log: &[ObjectMeta]) -> Result<BTreeSet<Path>, Error> {
    let mut found = BTreeSet::new();
    for entry in log.iter().filter(|entry| is_entry(entry)) {
        for line in get(store, entry).await?.unwrap_or_default().split(|byte| *byte == b'\n') {
            if let Ok(action) = serde_json::from_slice::<Value>(line)
                && let Some(path) = action["remove"]["path"].as_str()
            {
                found.insert(Path::from_url_path(path).unwrap_or_else(|_| Path::from(path)));
            }
        }
    }
    Ok(found)
}

/// Whether an entry or a checkpoint of the log names them, as a statistic does.
async fn log_names(store: &Arc<dyn ObjectStore>, table: &Table, log: &[ObjectMeta], names: &Names) -> Result<bool, Error> {
    for entry in log {
        let Some(bytes) = get(store, entry).await? else {
            continue;
        };
        let in_text = |text: &str| names.is_in_body(text.as_bytes());
        let is_named = if entry.location.extension() == Some("parquet") {
            is_in_parquet(bytes, &in_text).map_err(Error::parquet("read a checkpoint", &table.name))?
        } else {
            bytes.split(|byte| *byte == b'\n').any(|line| names.is_in_body(line))
        };
        if is_named {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes a checkpoint of the newest version and deletes all that is older. Returns how many objects went.
async fn shorten_log(work: &Work<'_>, table: &'static Table, store: &Arc<dyn ObjectStore>) -> Result<u64, Error> {
    let failed = Error::delta("write a checkpoint", &table.name);
    let Some(delta) = work.lake.load(table).await? else {
        return Ok(0);
    };
    let Some(version) = delta.version() else {
        return Ok(0);
    };
    // Counts ride in the entries that go.
    let loaded = tables::load_all(work.lake, work.contract).await?;
    compact::carry_counts(work.lake, work.contract, &loaded, work.options).await?;
    let has_checkpoint = list(store, table).await?.iter().any(|entry| version_of(entry) == Some(version) && is_checkpoint(entry));
    if !has_checkpoint {
        checkpoints::create_checkpoint(&delta, None).await.map_err(&failed)?;
    }
    let mut by_version: BTreeMap<u64, Vec<Path>> = BTreeMap::new();
    for entry in list(store, table).await? {
        if let Some(of) = version_of(&entry) {
            by_version.entry(of).or_default().push(entry.location);
        }
    }
    // The newest entry stays beside its checkpoint: it adds rows of others alone.
    let older: Vec<Path> = by_version.range(..version).flat_map(|(_, paths)| paths.clone()).collect();
    let prefix = Path::from(table.prefix());
    let count = older.len() as u64;
    let older: Vec<Path> = older.into_iter().map(|path| prefix.parts().chain(path.parts()).collect::<Path>()).collect();
    landing::delete(work.lake, &older).await?;
    Ok(count)
}

async fn list(store: &Arc<dyn ObjectStore>, table: &Table) -> Result<Vec<ObjectMeta>, Error> {
    let listed = store.list(Some(&Path::from(LOG))).try_collect().await;
    listed.map_err(Error::object(format!("list the log of table {}", table.name)))
}

async fn get(store: &Arc<dyn ObjectStore>, object: &ObjectMeta) -> Result<Option<bytes::Bytes>, Error> {
    let got = async { store.get(&object.location).await?.bytes().await };
    match got.await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(Error::Object { tried: format!("read {}", object.location), source }),
    }
}

/// Whether an object of the log is an entry.
fn is_entry(object: &ObjectMeta) -> bool {
    object.location.extension() == Some("json") && object.location.filename().is_some_and(|name| name.len() == 25)
}

/// Whether an object of the log is a checkpoint or a part of one.
fn is_checkpoint(object: &ObjectMeta) -> bool {
    object.location.filename().is_some_and(|name| name.contains(".checkpoint"))
}

/// The version that an object of the log is of; none for the pointer to the last checkpoint.
fn version_of(object: &ObjectMeta) -> Option<u64> {
    object.location.filename()?.split('.').next()?.parse().ok()
}
