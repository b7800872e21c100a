//! A table: which events feed it, and its columns, key and order.

use std::ops::Range;

use serde::Deserialize;

use crate::{Column, Pointer, envelope};

/// One table of the lake.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name in Athena and its folder in the lake.
    pub name: String,
    /// What a stranger should know of it.
    pub doc: String,
    /// Its version: one more with every column that is added.
    pub version: u32,
    /// Topics that feed it: whole, or up to a `*` at the end.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Topics that do not, although `topics` would take them.
    #[serde(default)]
    pub except: Vec<String>,
    /// Places of which one holds something in every event that feeds it; none: every event does.
    #[serde(default)]
    pub when: Vec<Pointer>,
    /// The partition column.
    #[serde(default = "default_partition")]
    pub partition: String,
    /// The order of rows in a file.
    pub sort: Vec<String>,
    /// What makes a row the same row.
    #[serde(default = "default_key")]
    pub key: Vec<String>,
    /// An array in the event that becomes many rows.
    #[serde(default)]
    pub rows: Option<Pointer>,
    /// Whether the table is computed by Freshet, and so declares its own columns and key, without the envelope.
    #[serde(default)]
    pub computed: bool,
    /// Whether analysts may not read it: it then lies under `restricted/`.
    #[serde(default)]
    pub restricted: bool,
    /// After how many days its rows are deleted, if ever.
    #[serde(default)]
    pub retention_days: Option<u16>,
    /// All stored columns: the envelope's, its own, and the partition last.
    #[serde(default, rename = "column")]
    pub columns: Vec<Column>,
    /// Where its own are among them.
    #[serde(skip)]
    own: Range<usize>,
}

fn default_partition() -> String {
    "dt".to_owned()
}

fn default_key() -> Vec<String> {
    vec!["event_id".to_owned(), "row_index".to_owned()]
}

impl Table {
    /// Whether an event feeds this table; `holds` says whether it holds something at a place.
    pub fn feeds_on(&self, topic: &str, holds: impl Fn(&Pointer) -> bool) -> bool {
        let among = |patterns: &[String]| {
            patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => topic.starts_with(beginning),
                None => pattern == topic,
            })
        };
        among(&self.topics) && !among(&self.except) && (self.when.is_empty() || self.when.iter().any(holds))
    }

    /// Its own columns, behind the envelope's.
    pub fn own_columns(&self) -> &[Column] {
        self.columns.get(self.own.clone()).unwrap_or_default()
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The table's folder in the lake, without a slash at the end.
    pub fn prefix(&self) -> String {
        let zone = if self.restricted { "restricted" } else { "tables" };
        format!("{zone}/{}", self.name)
    }

    pub(crate) fn assemble(&mut self) {
        let own = std::mem::take(&mut self.columns);
        let has_hash = own.iter().any(|column| column.pii == Some(crate::PersonalData::Hash));
        if !self.computed {
            self.columns = envelope::columns();
        }
        self.own = self.columns.len()..self.columns.len() + own.len();
        self.columns.extend(own);
        if has_hash {
            self.columns.push(envelope::hash_key_column());
        }
        if !self.computed {
            self.columns.push(envelope::extra_column());
        }
        self.columns.push(envelope::partition_column());
    }
}
