//! Evolution: nullable columns are added, behind the last own column; nothing is renamed, retyped, moved or reused.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{Contract, Error, Table};

/// What `schemas/released.json` remembers of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// The table's version.
    pub version: u32,
    /// Its key.
    pub key: Vec<String>,
    /// Its columns and their types, in order.
    pub columns: Vec<(String, String)>,
}

/// What has been released, by table.
pub type Record = BTreeMap<String, Released>;

/// The record of a contract as it stands.
pub fn record(contract: &Contract) -> Record {
    contract.tables().map(|table| (table.name.clone(), released(table))).collect()
}

fn released(table: &Table) -> Released {
    Released {
        version: table.version,
        key: table.key.clone(),
        columns: table.columns.iter().map(|column| (column.name.clone(), column.kind.athena().to_owned())).collect(),
    }
}

/// Compares a contract with what has been released; the first break is the error.
pub fn check(contract: &Contract, record: &Record) -> Result<(), Error> {
    for (name, old) in record {
        let refuse = |message: String| Error::Released { table: name.clone(), message };
        let Some(table) = contract.table(name) else {
            return Err(refuse("the table is gone".to_owned()));
        };
        let new = released(table);
        if new.key != old.key {
            return Err(refuse(format!("its key was {:?} and is {:?}", old.key, new.key)));
        }
        for (column, kind) in &old.columns {
            match new.columns.iter().find(|(name, _)| name == column) {
                None => return Err(refuse(format!("column `{column}` is gone"))),
                Some((_, now)) if now != kind => {
                    return Err(refuse(format!("column `{column}` was {kind} and is {now}")));
                }
                Some(_) => {}
            }
        }
        let before = old.columns.iter().map(|(column, _)| column.as_str());
        let kept =
            new.columns.iter().map(|(column, _)| column.as_str()).filter(|column| old.columns.iter().any(|(known, _)| known == column));
        if let Some((column, _)) = before.zip(kept).find(|(before, now)| before != now) {
            return Err(refuse(format!("column `{column}` was moved")));
        }
        let is_new = |column: &&crate::Column| !old.columns.iter().any(|(known, _)| *known == column.name);
        if let Some(column) = table.columns.iter().filter(is_new).find(|column| column.required) {
            return Err(refuse(format!("column `{}` was added as required: older rows have none", column.name)));
        }
        if new.columns.len() > old.columns.len() && new.version <= old.version {
            return Err(refuse(format!("columns were added, so its version is at least {}", old.version + 1)));
        }
    }
    Ok(())
}
