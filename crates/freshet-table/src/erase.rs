//! Erasure: everything of the lake that names a person, or an account whole, is taken out at once.
//!
//! First what they are called is gathered: an e-mail address leads to the ids that its hash stands beside, an id to its hashes,
//! through the tables and what waits for them. Then every object is looked through: lines on their way lose theirs, tables are
//! rewritten without their rows in one commit each, with a checkpoint and without what was before, query results go whole. That is
//! done again until a look finds nothing, since a compactor may have carried something past. Run again, it finds nothing.
//!
//! Which columns name a person is the contract's word: `person` and `pii = "hash"`.

mod columns;
mod frames;
mod lines;
mod names;
mod objects;
mod report;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use freshet_ingest::normalize::Normalizer;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_schema::Contract;
use serde_json::Map;

pub use names::{Names, Subject};
pub use report::{Erasure, Place, Unread};

use crate::compact;
use crate::error::Error;
use crate::lake::Lake;
use crate::options::Options;
use crate::round;
use objects::Extent;
use table::Work;

/// Names lead to names so often at most: a person has few addresses.
const RESOLVED: usize = 8;
/// How often the lake is looked through at most.
const LOOKS: usize = 5;

/// What is to be erased, and how.
#[derive(Debug)]
pub struct Request<'a> {
    /// The account, as the tables name it.
    pub account: &'a str,
    /// Who of it.
    pub subject: &'a Subject,
    /// The keys that addresses were hashed with, today's first.
    pub hash_keys: &'a [HashKey],
    /// Whether it is only looked.
    pub is_dry_run: bool,
    /// Other buckets, such as that of query results.
    pub other_buckets: &'a [Lake],
}

/// Erases, or looks what would be erased. `progress` is told what is being done.
pub async fn erase(
    lake: &Lake,
    contract: &'static Contract,
    request: &Request<'_>,
    options: &Options,
    progress: impl Fn(&str) + Send + Sync,
) -> Result<Erasure, Error> {
    let mut names = Names::new(request.account, request.subject, request.hash_keys);
    // Without a key rows can be made of lines all the same: their hashes then match nothing.
    let hash_key = request.hash_keys.first().cloned();
    let normalizer = Normalizer::new(contract, hash_key.unwrap_or_else(|| HashKey { id: "none".to_owned(), secret: Secret::new("none") }));
    let work = Work { lake, contract, options, is_dry: true };
    let mut hash_key_ids = BTreeSet::new();
    if *request.subject != Subject::Shop {
        for _ in 0..RESOLVED {
            let known = names.size();
            progress("resolving names");
            for table in contract.tables() {
                table::resolve(lake, table, &mut names, &mut hash_key_ids).await?;
            }
            objects::look(&work, &mut names, &normalizer, Extent::Ahead, "").await?;
            if names.size() == known {
                break;
            }
        }
    }
    let work = Work { is_dry: request.is_dry_run, ..work };
    let mut erasure = Erasure::new(options.run.clone(), request.subject, request.is_dry_run, names.clone());
    for _ in 0..LOOKS {
        let known = names.size();
        let found = look(&work, &mut names, &normalizer, request.other_buckets, &progress).await?;
        if work.is_dry {
            erasure.places.clear();
        }
        let is_changed = found.values().any(|place| place.rows + place.rewritten + place.deleted > 0);
        for (name, place) in found {
            erasure.note(&name, place);
        }
        if names.size() == known && (work.is_dry || !is_changed) {
            break;
        }
    }
    (erasure.ids, erasure.hashes) = names.counts();
    erasure.missing_hash_keys = hash_key_ids.into_iter().filter(|id| request.hash_keys.iter().all(|key| key.id != *id)).collect();
    erasure.is_account_known = names.is_account_known();
    erasure.names = names;
    Ok(erasure)
}

/// One look through everything. Lines go before tables, so that a compactor that runs beside finds nothing of them to carry.
async fn look(
    work: &Work<'_>,
    names: &mut Names,
    normalizer: &Normalizer,
    other_buckets: &[Lake],
    progress: &(impl Fn(&str) + Send + Sync),
) -> Result<BTreeMap<String, Place>, Error> {
    progress("objects");
    let mut places = objects::look(work, names, normalizer, Extent::Whole, "").await?;
    for bucket in other_buckets {
        let label = format!("{bucket}/");
        let work = Work { lake: bucket, contract: work.contract, options: work.options, is_dry: work.is_dry };
        places.extend(objects::look(&work, names, normalizer, Extent::Whole, &label).await?);
    }
    for table in work.contract.tables() {
        progress(&table.name);
        let found = table::erase(work, table, names).await?;
        places.insert(table.name.clone(), found);
    }
    Ok(places)
}

/// Writes the rows of evidence of an erasure that found something.
pub async fn write_evidence(lake: &Lake, contract: &'static Contract, erasure: &Erasure, options: &Options) -> Result<(), Error> {
    let lines = report::evidence(contract, erasure, options.now);
    let (Some(table), false) = (contract.table(report::EVIDENCE), lines.is_empty()) else {
        return Ok(());
    };
    let batches = compact::own_rows(table, &lines.iter().collect::<Vec<_>>());
    round::store(lake, contract, table, batches, options, &Map::new()).await.map(|_| ())
}

#[cfg(test)]
mod tests;
