//! What an erasure found, by place. Nothing here names anyone.

use std::collections::BTreeMap;

use freshet_ingest::line::LINE_VERSION;
use freshet_ingest::time::Millis;
use freshet_schema::Contract;
use serde::Serialize;
use serde_json::json;

use super::names::{Names, Subject};

/// The table of evidence.
pub(crate) const EVIDENCE: &str = "erasures";

/// What was found in a table or under a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Rows, lines or records that name them.
    pub rows: u64,
    /// Objects that are written again without them.
    pub rewritten: u64,
    /// Objects that are deleted: replaced data files, log entries, query results, and what nothing is left of.
    pub deleted: u64,
    /// Files that name them and that a compactor may be about to commit: the erasure is to be run again in an hour.
    #[serde(skip_serializing_if = "is_zero")]
    pub pending: u64,
    /// What could not be read, and why.
    #[serde(skip)]
    pub(crate) unread: Vec<(String, String)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Place {
    /// A place where so many rows went and no object.
    pub fn of_rows(rows: u64) -> Self {
        Self { rows, ..Self::default() }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.rows + self.rewritten + self.deleted + self.pending == 0
    }

    /// Takes what another look found. What waits is what the last look says.
    pub(crate) fn add(&mut self, more: &Self) {
        self.rows += more.rows;
        self.rewritten += more.rewritten;
        self.deleted += more.deleted;
        self.pending = more.pending;
    }
}

/// An object that could not be searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Where it lies.
    pub object: String,
    /// Why.
    pub reason: String,
}

/// What an erasure found and did.
#[derive(Debug, Serialize)]
pub struct Erasure {
    /// Its id, as in the table of evidence.
    pub erasure: String,
    /// The account.
    pub account: String,
    /// customer, email or shop.
    pub subject: &'static str,
    /// Whether anything of the account was met; else its name may be misspelt, or it was erased before.
    pub is_account_known: bool,
    /// Whether it only looked.
    pub is_dry_run: bool,
    /// How many ids of the person are known.
    pub ids: usize,
    /// How many e-mail hashes of the person are known.
    pub hashes: usize,
    /// By table or prefix.
    pub places: BTreeMap<String, Place>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Ids of hash keys that rows were made with and that were not given: an address is not found under them.
    pub missing_hash_keys: Vec<String>,
    /// Who was searched for, to search what is no object: query texts.
    #[serde(skip)]
    pub names: Names,
}

impl Erasure {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.places.values().all(Place::is_empty)
    }

    /// Adds what was found at a place.
    pub fn note(&mut self, place: &str, mut found: Place) {
        for (object, reason) in found.unread.drain(..) {
            let unread = Unread { object, reason };
            if !self.unread.contains(&unread) {
                self.unread.push(unread);
            }
        }
        if !found.is_empty() || self.places.contains_key(place) {
            self.places.entry(place.to_owned()).or_default().add(&found);
        }
    }

    /// Whether it has to be run again.
    pub fn is_partial(&self) -> bool {
        self.places.values().any(|place| place.pending > 0)
    }
}

/// The rows of evidence, as lines for their table.
pub(crate) fn evidence(contract: &Contract, erasure: &Erasure, now: Millis) -> Vec<String> {
    let version = contract.table(EVIDENCE).map_or(1, |table| table.version);
    let line = |(name, place): (&String, &Place)| {
        let columns = json!({
            "dt": now.date(), "search_days": 0, "deliveries": 0,
            "erasure": erasure.erasure, "account": erasure.account, "subject": erasure.subject, "place": name,
            "rows_erased": place.rows, "objects_rewritten": place.rewritten, "objects_deleted": place.deleted,
            "erased_at": now.text(),
        });
        let columns = columns.to_string();
        format!("{{\"table\":\"{EVIDENCE}\",\"line_version\":{LINE_VERSION},\"schema_version\":{version},{}", &columns[1..])
    };
    erasure.places.iter().filter(|(_, place)| !place.is_empty()).map(line).collect()
}

impl Erasure {
    pub(crate) fn new(erasure: String, subject: &Subject, is_dry_run: bool, names: Names) -> Self {
        Self {
            erasure,
            account: names.account().to_owned(),
            subject: subject.kind(),
            is_account_known: false,
            is_dry_run,
            ids: 0,
            hashes: 0,
            places: BTreeMap::new(),
            unread: Vec::new(),
            missing_hash_keys: Vec::new(),
            names,
        }
    }
}
