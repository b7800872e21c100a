//! What a run counts: rows by table, deliveries by their outcome. In each, received = stored + duplicates + rejected.
//!
//! Counts ride in the `commitInfo` of the commit that they count and are copied into `pipeline_counts`; what a run did
//! not come to copy, the next one does. The table's key makes a second copy of the same count a duplicate.

use std::collections::BTreeMap;

use freshet_ingest::line::LINE_VERSION;
use freshet_ingest::normalize::{COUNTS, REJECTED};
use freshet_ingest::time::Millis;
use freshet_schema::{Contract, Table};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::commit::{day_text, notes_since};
use crate::error::Error;
use crate::lake::Lake;

/// What became of rows or deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) stored: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
}

/// One count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) run: String,
    pub(crate) step: String,
    pub(crate) source: String,
    pub(crate) table: String,
    pub(crate) day: i32,
    pub(crate) tally: Tally,
}

/// Counts of one table in one round.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    rows: BTreeMap<(String, i32), Tally>,
    deliveries: BTreeMap<(String, i32), Tally>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Stored,
    Duplicate,
    Conflict,
}

impl Counts {
    pub(crate) fn count(&mut self, table: &Table, source: &str, day: i32, deliveries: u64, fate: Fate) {
        let owner = (source.to_owned(), day);
        let rows = self.rows.entry(owner.clone()).or_default();
        match fate {
            Fate::Stored => rows.stored += 1,
            Fate::Duplicate => rows.duplicates += 1,
            Fate::Conflict => rows.rejected += 1,
        }
        if deliveries > 0 {
            let settled = self.deliveries.entry(owner).or_default();
            match fate {
                Fate::Stored if table.name == REJECTED => settled.rejected += deliveries,
                Fate::Stored => settled.stored += deliveries,
                Fate::Duplicate => settled.duplicates += deliveries,
                Fate::Conflict => settled.rejected += deliveries,
            }
        }
    }

    /// The counts of a table. A run id is used once for each table: deliveries settle under the table's own run.
    pub(crate) fn list(&self, table: &Table, run: &str) -> Vec<Count> {
        let count = |step: &str, run: String, name: &str, entries: &BTreeMap<(String, i32), Tally>| {
            let entries = entries.iter().map(|((source, day), tally)| Count {
                run: run.clone(),
                step: step.to_owned(),
                source: source.clone(),
                table: name.to_owned(),
                day: *day,
                tally: *tally,
            });
            entries.collect::<Vec<_>>()
        };
        let mut list = count("compact", run.to_owned(), &table.name, &self.rows);
        list.extend(count("settle", format!("{run}/{}", table.name), "", &self.deliveries));
        list
    }
}

/// Counts as lines for their table, each once.
pub(crate) fn lines<'a>(contract: &Contract, counts: impl Iterator<Item = &'a Count>, now: Millis) -> Vec<String> {
    let version = contract.table(COUNTS).map_or(1, |table| table.version);
    let line = |count: &Count| {
        let Tally { stored, duplicates, rejected } = count.tally;
        let columns = json!({
            "dt": day_text(count.day), "search_days": 0, "deliveries": 0,
            "run": count.run, "step": count.step, "source": count.source, "table_name": count.table,
            "received": stored + duplicates + rejected, "stored": stored, "duplicates": duplicates, "rejected": rejected, "refused": 0,
            "counted_at": now.text(),
        });
        let columns = columns.to_string();
        format!("{{\"table\":\"{COUNTS}\",\"line_version\":{LINE_VERSION},\"schema_version\":{version},{}", &columns[1..])
    };
    counts.map(line).collect()
}

/// So many logs are read at once.
const AT_ONCE: usize = 8;

/// Counts that ride in commits and that no run has copied yet.
#[derive(Debug, Default)]
pub(crate) struct Uncopied {
    pub(crate) counts: Vec<Count>,
    /// Up to which version of each table all are copied, once these are.
    pub(crate) copied: BTreeMap<String, u64>,
}

/// Reads the logs of tables from where the last copy ended, of those that may say anything new: each look is a LIST to
/// pay. `may_be_newer` is asked with a table and the version up to which its counts are copied.
pub(crate) async fn uncopied(
    lake: &Lake,
    contract: &Contract,
    may_be_newer: impl Fn(&Table, Option<u64>) -> bool,
) -> Result<Uncopied, Error> {
    let mut copied = copied(lake, contract).await?;
    let since = |table: &Table| copied.get(&table.name).copied();
    let tables: Vec<&Table> = contract.tables().filter(|table| table.name != COUNTS && may_be_newer(table, since(table))).collect();
    let reads = tables.iter().map(|table| notes_since(lake, table, since(table))).collect::<Vec<_>>();
    let notes: Vec<Vec<(u64, Value)>> = futures::stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let mut counts = Vec::new();
    for (table, notes) in tables.iter().zip(notes) {
        for (version, note) in notes {
            copied.insert(table.name.clone(), version);
            let found: Vec<Count> = serde_json::from_value(note["note"]["counts"].clone()).unwrap_or_default();
            counts.extend(found);
        }
    }
    Ok(Uncopied { counts, copied })
}

/// What the last commit to the table of counts says of itself.
async fn copied(lake: &Lake, contract: &Contract) -> Result<BTreeMap<String, u64>, Error> {
    let Some(table) = contract.table(COUNTS) else {
        return Ok(BTreeMap::new());
    };
    let Some(version) = lake.load(table).await?.and_then(|delta| delta.version()) else {
        return Ok(BTreeMap::new());
    };
    let notes = notes_since(lake, table, version.checked_sub(20)).await?;
    let said = notes.iter().rev().map(|(_, note)| &note["note"]["copied"]).find(|copied| copied.is_object());
    Ok(said.and_then(|copied| serde_json::from_value(copied.clone()).ok()).unwrap_or_default())
}
