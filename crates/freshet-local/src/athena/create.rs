//! CREATE TABLE, Hive's and CTAS.

use std::collections::BTreeMap;

use super::cursor::{Cursor, Misread};
use super::statement::{Name, Statement, name};
use super::tokens::Kind;

/// What stands in WITH (…): a value is one text, or several of an ARRAY.
pub(crate) type Properties = BTreeMap<String, Vec<String>>;

/// A column of a DDL statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnDefinition {
    /// Its name.
    pub(crate) name: String,
    /// Its type, as Hive writes it.
    pub(crate) kind: String,
    /// Its comment.
    pub(crate) comment: Option<String>,
}

/// CREATE EXTERNAL TABLE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CreateTable {
    pub(crate) name: Option<Name>,
    pub(crate) is_external: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) partitions: Vec<ColumnDefinition>,
    pub(crate) comment: Option<String>,
    pub(crate) serde: Option<String>,
    pub(crate) serde_properties: BTreeMap<String, String>,
    /// PARQUET, TEXTFILE and so on, in upper case.
    pub(crate) stored_as: Option<String>,
    pub(crate) input_format: Option<String>,
    pub(crate) output_format: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) properties: BTreeMap<String, String>,
}

/// After `CREATE EXTERNAL TABLE`.
pub(crate) fn create_table(cursor: &mut Cursor<'_>, is_external: bool) -> Result<CreateTable, Misread> {
    let if_not_exists = cursor.take(&["if", "not", "exists"]);
    let mut table = CreateTable { name: Some(name(cursor)?), is_external, if_not_exists, ..CreateTable::default() };
    if cursor.peek().is_some_and(|token| token.is_sign('(')) {
        table.columns = columns(cursor)?;
    }
    while !cursor.is_done() {
        clause(cursor, &mut table)?;
    }
    Ok(table)
}

fn clause(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Result<(), Misread> {
    if cursor.take(&["comment"]) {
        table.comment = Some(cursor.text()?);
    } else if cursor.take(&["partitioned", "by"]) {
        table.partitions = columns(cursor)?;
    } else if cursor.take(&["clustered", "by"]) {
        cursor.parenthesised()?;
        if cursor.take(&["sorted", "by"]) {
            cursor.parenthesised()?;
        }
        cursor.expect(&["into"])?;
        cursor.next();
        cursor.expect(&["buckets"])?;
    } else if cursor.take(&["row", "format", "serde"]) {
        table.serde = Some(cursor.text()?);
        serde_properties(cursor, table)?;
    } else if cursor.take(&["row", "format", "delimited"]) {
        delimited(cursor, table)?;
    } else if cursor.take(&["with", "serdeproperties"]) {
        table.serde_properties.extend(pairs(cursor)?);
    } else if cursor.take(&["stored", "as", "inputformat"]) {
        table.input_format = Some(cursor.text()?);
        cursor.expect(&["outputformat"])?;
        table.output_format = Some(cursor.text()?);
    } else if cursor.take(&["stored", "as"]) {
        table.stored_as = Some(cursor.identifier()?.to_uppercase());
    } else if cursor.take(&["location"]) {
        table.location = Some(cursor.text()?);
    } else if cursor.take(&["tblproperties"]) {
        table.properties = pairs(cursor)?;
    } else {
        return Err(cursor.misread("'CLUSTERED', 'COMMENT', 'LOCATION', 'PARTITIONED', 'ROW', 'STORED', 'TBLPROPERTIES', 'WITH', <EOF>"));
    }
    Ok(())
}

fn serde_properties(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Result<(), Misread> {
    if cursor.take(&["with", "serdeproperties"]) {
        table.serde_properties = pairs(cursor)?;
    }
    Ok(())
}

fn delimited(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Result<(), Misread> {
    const CLAUSES: [(&[&str], &str); 5] = [
        (&["fields", "terminated", "by"], "field.delim"),
        (&["escaped", "by"], "escape.delim"),
        (&["collection", "items", "terminated", "by"], "collection.delim"),
        (&["map", "keys", "terminated", "by"], "mapkey.delim"),
        (&["lines", "terminated", "by"], "line.delim"),
    ];
    table.serde = Some("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe".to_owned());
    while let Some((_, key)) = CLAUSES.iter().find(|(words, _)| cursor.take(words)) {
        table.serde_properties.insert((*key).to_owned(), cursor.text()?);
    }
    if cursor.take(&["null", "defined", "as"]) {
        table.serde_properties.insert("serialization.null.format".to_owned(), cursor.text()?);
    }
    Ok(())
}

/// `(name type [COMMENT 'text'], …)`.
pub(crate) fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<ColumnDefinition>, Misread> {
    cursor.expect_sign('(')?;
    let mut columns = Vec::new();
    loop {
        let name = cursor.identifier()?;
        let kind = column_type(cursor)?;
        let comment = if cursor.take(&["comment"]) { Some(cursor.text()?) } else { None };
        columns.push(ColumnDefinition { name, kind, comment });
        if cursor.take_sign(')') {
            return Ok(columns);
        }
        cursor.expect_sign(',')?;
    }
}

/// A type up to a comma, a closing parenthesis or COMMENT outside of its own brackets.
fn column_type(cursor: &mut Cursor<'_>) -> Result<String, Misread> {
    let mut kind = String::new();
    let mut depth = 0;
    while let Some(token) = cursor.peek() {
        let closes = token.is_sign(')') || token.is_sign('>');
        if depth == 0 && (token.is_sign(',') || closes || token.is_word("comment")) {
            break;
        }
        depth += i32::from(token.is_sign('(') || token.is_sign('<')) - i32::from(closes);
        kind.push_str(&token.text.to_lowercase());
        cursor.next();
    }
    if kind.is_empty() { Err(cursor.misread("<type>")) } else { Ok(kind) }
}

/// `('key' = 'value', …)`.
pub(crate) fn pairs(cursor: &mut Cursor<'_>) -> Result<BTreeMap<String, String>, Misread> {
    cursor.expect_sign('(')?;
    let mut pairs = BTreeMap::new();
    loop {
        let key = cursor.text()?;
        cursor.expect_sign('=')?;
        pairs.insert(key, cursor.text()?);
        if cursor.take_sign(')') {
            return Ok(pairs);
        }
        cursor.expect_sign(',')?;
    }
}

/// `(key = 'value', key = ARRAY['a', 'b'], key = 1, …)`.
pub(crate) fn with_properties(cursor: &mut Cursor<'_>) -> Result<Properties, Misread> {
    cursor.expect_sign('(')?;
    let mut properties = Properties::new();
    loop {
        let key = cursor.identifier()?;
        cursor.expect_sign('=')?;
        properties.insert(key, property_value(cursor)?);
        if cursor.take_sign(')') {
            return Ok(properties);
        }
        cursor.expect_sign(',')?;
    }
}

fn property_value(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Misread> {
    if !cursor.take(&["array"]) {
        return match cursor.next() {
            Some(token) if matches!(token.kind, Kind::Text | Kind::Word) => Ok(vec![token.text.clone()]),
            _ => Err(cursor.misread("<value>")),
        };
    }
    let mut values = Vec::new();
    cursor.expect_sign('[')?;
    while !cursor.take_sign(']') {
        values.push(cursor.text()?);
        cursor.take_sign(',');
    }
    Ok(values)
}

/// After `CREATE TABLE`: CTAS, or a table that Athena makes for Iceberg alone.
pub(crate) fn create_table_as(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    let if_not_exists = cursor.take(&["if", "not", "exists"]);
    let name = name(cursor)?;
    if cursor.peek().is_some_and(|token| token.is_sign('(')) {
        let mut table = CreateTable { name: Some(name), if_not_exists, ..CreateTable::default() };
        table.columns = columns(cursor)?;
        while !cursor.is_done() {
            if clause(cursor, &mut table).is_err() {
                break;
            }
        }
        return Ok(Statement::CreateTable(Box::new(table)));
    }
    if cursor.take(&["comment"]) {
        cursor.text()?;
    }
    let properties = if cursor.take(&["with"]) { with_properties(cursor)? } else { Properties::new() };
    cursor.expect(&["as"])?;
    let (query, with_data) = without_data(cursor.rest());
    Ok(Statement::CreateTableAs { name, if_not_exists, properties, query: query.to_owned(), with_data })
}

/// Takes `WITH [NO] DATA` off the end of a query.
fn without_data(query: &str) -> (&str, bool) {
    let strip = |words: &[&str]| {
        let mut rest = query;
        for word in words.iter().rev() {
            let cut = rest.trim_end().len().checked_sub(word.len())?;
            let (before, last) = (rest.get(..cut)?, rest.get(cut..)?.trim_end());
            if !last.eq_ignore_ascii_case(word) || !before.ends_with(|character: char| character.is_whitespace() || character == ')') {
                return None;
            }
            rest = before;
        }
        Some(rest)
    };
    if let Some(query) = strip(&["with", "no", "data"]) {
        return (query.trim_end(), false);
    }
    (strip(&["with", "data"]).unwrap_or(query).trim_end(), true)
}
