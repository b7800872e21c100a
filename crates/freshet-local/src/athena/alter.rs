//! ALTER TABLE: partitions, properties, columns.

use std::collections::BTreeMap;

use super::create::{ColumnDefinition, columns, pairs};
use super::cursor::{Cursor, Misread};

/// The values of a partition's columns, in the order of the statement.
pub(crate) type Specification = Vec<(String, String)>;

/// What ALTER TABLE changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "Hive's own words")]
pub(crate) enum Change {
    AddPartitions { if_not_exists: bool, partitions: Vec<(Specification, Option<String>)> },
    DropPartitions { if_exists: bool, partitions: Vec<Specification> },
    RenamePartition { from: Specification, to: Specification },
    SetLocation { partition: Option<Specification>, location: String },
    SetProperties(BTreeMap<String, String>),
    AddColumns(Vec<ColumnDefinition>),
    ReplaceColumns(Vec<ColumnDefinition>),
    ChangeColumn { from: String, to: ColumnDefinition },
}

impl Change {
    /// `SubstatementType`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::AddPartitions { .. } => "ALTER_TABLE_ADD_PARTITION",
            Self::DropPartitions { .. } => "ALTER_TABLE_DROP_PARTITION",
            Self::RenamePartition { .. } => "ALTER_TABLE_RENAME_PARTITION",
            Self::SetLocation { .. } => "ALTER_TABLE_SET_LOCATION",
            Self::SetProperties(_) => "ALTER_TABLE_SET_TBLPROPERTIES",
            Self::AddColumns(_) => "ALTER_TABLE_ADD_COLUMNS",
            Self::ReplaceColumns(_) => "ALTER_TABLE_REPLACE_COLUMNS",
            Self::ChangeColumn { .. } => "ALTER_TABLE_CHANGE_COLUMN",
        }
    }
}

/// After `ALTER TABLE name`.
pub(crate) fn change(cursor: &mut Cursor<'_>) -> Result<Change, Misread> {
    let change = if cursor.take(&["add", "columns"]) {
        Change::AddColumns(columns(cursor)?)
    } else if cursor.take(&["replace", "columns"]) {
        Change::ReplaceColumns(columns(cursor)?)
    } else if cursor.take(&["change"]) {
        cursor.take(&["column"]);
        change_column(cursor)?
    } else if cursor.take(&["add"]) {
        let if_not_exists = cursor.take(&["if", "not", "exists"]);
        let mut partitions = Vec::new();
        while cursor.take(&["partition"]) {
            let specification = specification(cursor)?;
            let location = if cursor.take(&["location"]) { Some(cursor.text()?) } else { None };
            partitions.push((specification, location));
        }
        if partitions.is_empty() {
            return Err(cursor.misread("'COLUMNS', 'PARTITION'"));
        }
        Change::AddPartitions { if_not_exists, partitions }
    } else if cursor.take(&["drop"]) {
        let if_exists = cursor.take(&["if", "exists"]);
        let mut partitions = Vec::new();
        while cursor.take(&["partition"]) || (!partitions.is_empty() && cursor.take_sign(',')) {
            if cursor.peek().is_some_and(|token| token.is_sign('(')) {
                partitions.push(specification(cursor)?);
            }
        }
        if partitions.is_empty() {
            return Err(cursor.misread("'PARTITION'"));
        }
        Change::DropPartitions { if_exists, partitions }
    } else if cursor.take(&["set", "tblproperties"]) {
        Change::SetProperties(pairs(cursor)?)
    } else if cursor.take(&["set", "location"]) {
        Change::SetLocation { partition: None, location: cursor.text()? }
    } else if cursor.take(&["partition"]) {
        let from = specification(cursor)?;
        if cursor.take(&["rename", "to", "partition"]) {
            Change::RenamePartition { from, to: specification(cursor)? }
        } else {
            cursor.expect(&["set", "location"])?;
            Change::SetLocation { partition: Some(from), location: cursor.text()? }
        }
    } else {
        return Err(cursor.misread("'ADD', 'CHANGE', 'DROP', 'PARTITION', 'REPLACE', 'SET'"));
    };
    cursor.expect_end()?;
    Ok(change)
}

fn change_column(cursor: &mut Cursor<'_>) -> Result<Change, Misread> {
    let from = cursor.identifier()?;
    let name = cursor.identifier()?;
    let mut kind = String::new();
    while let Some(token) = cursor.peek()
        && !token.is_word("comment")
        && !token.is_word("first")
        && !token.is_word("after")
    {
        kind.push_str(&token.text.to_lowercase());
        cursor.next();
    }
    let comment = if cursor.take(&["comment"]) { Some(cursor.text()?) } else { None };
    Ok(Change::ChangeColumn { from, to: ColumnDefinition { name, kind, comment } })
}

/// `(dt = '2026-01-01', hour = 3)`.
pub(crate) fn specification(cursor: &mut Cursor<'_>) -> Result<Specification, Misread> {
    cursor.expect_sign('(')?;
    let mut values = Vec::new();
    loop {
        let column = cursor.identifier()?;
        cursor.expect_sign('=')?;
        // `DATE '2026-01-01'` is the text alone.
        cursor.take(&["date"]);
        let minus = if cursor.take_sign('-') { "-" } else { "" };
        let value = cursor.next().map(|token| token.text.clone()).unwrap_or_default();
        values.push((column, format!("{minus}{value}")));
        if cursor.take_sign(')') {
            return Ok(values);
        }
        cursor.expect_sign(',')?;
    }
}
