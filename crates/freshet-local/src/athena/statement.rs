//! What a statement is: Athena gives Hive's statements to Hive's parser and the rest to Trino's, and so do we. Queries
//! stay text, for the dialect; what stands around them is read here.

use std::collections::BTreeMap;

use super::alter::{Change, change};
use super::create::{CreateTable, Properties, create_table, create_table_as};
use super::cursor::{Cursor, Misread};
use super::show::{Show, describe, show};
use super::tokens::{Escapes, Token, place, tokens};

/// A table's or view's name, in lower case; what is not said is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// The data catalogue.
    pub(crate) catalog: Option<String>,
    /// The database.
    pub(crate) database: Option<String>,
    /// The table.
    pub(crate) table: String,
}

/// What EXPLAIN tells of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explained {
    /// How it would be run.
    Plan,
    /// What it would read: `TYPE IO`.
    Reads,
    /// How it was run: ANALYZE.
    Run,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// SELECT, WITH, VALUES, TABLE: the whole text.
    Query,
    /// EXPLAIN of a query that begins at this byte.
    Explain {
        query_at: usize,
        of: Explained,
    },
    CreateDatabase {
        name: String,
        if_not_exists: bool,
        comment: Option<String>,
        location: Option<String>,
        properties: BTreeMap<String, String>,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    CreateTable(Box<CreateTable>),
    CreateTableAs {
        name: Name,
        if_not_exists: bool,
        properties: Properties,
        query: String,
        with_data: bool,
    },
    CreateView {
        name: Name,
        or_replace: bool,
        query: String,
    },
    DropTable {
        name: Name,
        if_exists: bool,
    },
    DropView {
        name: Name,
        if_exists: bool,
    },
    Show(Show),
    Describe {
        name: Name,
        column: Option<String>,
        is_formatted: bool,
    },
    Insert {
        name: Name,
        columns: Vec<String>,
        query: String,
    },
    Unload {
        query: String,
        to: String,
        properties: Properties,
    },
    Repair {
        name: Name,
    },
    Alter {
        name: Name,
        change: Change,
    },
    Prepare {
        name: String,
        query: String,
    },
    Execute {
        name: String,
        parameters: Vec<String>,
    },
    Deallocate {
        name: String,
    },
    /// UPDATE, DELETE or MERGE: the word, and the table.
    Modify {
        verb: String,
        name: Name,
    },
}

impl Statement {
    /// `StatementType` and `SubstatementType` as `GetQueryExecution` tells them.
    pub(crate) fn kinds(&self) -> (&'static str, &'static str) {
        match self {
            Self::Query | Self::Execute { .. } => ("DML", "SELECT"),
            Self::Explain { .. } => ("DML", "EXPLAIN"),
            Self::CreateDatabase { .. } => ("DDL", "CREATE_DATABASE"),
            Self::DropDatabase { .. } => ("DDL", "DROP_DATABASE"),
            Self::CreateTable(_) => ("DDL", "CREATE_TABLE"),
            Self::CreateTableAs { .. } => ("DDL", "CREATE_TABLE_AS_SELECT"),
            Self::CreateView { .. } => ("DDL", "CREATE_VIEW"),
            Self::DropTable { .. } => ("DDL", "DROP_TABLE"),
            Self::DropView { .. } => ("DDL", "DROP_VIEW"),
            Self::Show(show) => ("UTILITY", show.kind()),
            Self::Describe { .. } => ("UTILITY", "DESCRIBE_TABLE"),
            Self::Insert { .. } => ("DML", "INSERT"),
            Self::Unload { .. } => ("DML", "UNLOAD"),
            Self::Repair { .. } => ("DDL", "MSCK_REPAIR_TABLE"),
            Self::Alter { change, .. } => ("DDL", change.kind()),
            Self::Prepare { .. } => ("DDL", "PREPARE"),
            Self::Deallocate { .. } => ("DDL", "DEALLOCATE"),
            Self::Modify { verb, .. } => (
                "DML",
                if verb == "UPDATE" {
                    "UPDATE"
                } else if verb == "DELETE" {
                    "DELETE"
                } else {
                    "MERGE"
                },
            ),
        }
    }
}

/// Reads a statement: it, and its text without a semicolon at the end.
pub(crate) fn parse(sql: &str) -> Result<(Statement, &str), Misread> {
    let doubled = tokens(sql, Escapes::Doubled);
    let backslash = tokens(sql, Escapes::Backslash).ok().filter(|lexed| is_hive(lexed));
    let mut lexed = match (backslash, doubled) {
        (Some(lexed), _) | (None, Ok(lexed)) => lexed,
        (None, Err(at)) => {
            let (line, column) = place(sql, at);
            return Err(Misread { message: format!("line {line}:{column}: a quote or a comment is not closed") });
        }
    };
    while lexed.last().is_some_and(|token| token.is_sign(';')) {
        lexed.pop();
    }
    if lexed.is_empty() {
        return Err(Misread { message: "Query string is empty".to_owned() });
    }
    if lexed.iter().any(|token| token.is_sign(';')) {
        return Err(Misread { message: format!("Only one sql statement is allowed. Got: {sql}") });
    }
    let mut cursor = Cursor::new(sql, &lexed);
    let statement = statement(&mut cursor)?;
    let end = cursor.end();
    Ok((statement, &sql[..end]))
}

/// Whether Hive's parser reads it: it escapes with backslashes.
fn is_hive(tokens: &[Token]) -> bool {
    let word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(word));
    (word(0, "create") && (word(1, "external") || word(1, "database") || word(1, "schema"))) || word(0, "alter") || word(0, "msck")
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    let Some(first) = cursor.peek() else {
        return Err(Misread { message: "Query string is empty".to_owned() });
    };
    if first.is_sign('(') {
        return Ok(Statement::Query);
    }
    match first.text.to_lowercase().as_str() {
        "select" | "with" | "values" | "table" => Ok(Statement::Query),
        "explain" => explain(cursor),
        "create" => create(cursor),
        "drop" => drop_statement(cursor),
        "show" => show(cursor),
        "describe" | "desc" => describe(cursor),
        "insert" => insert(cursor),
        "unload" => unload(cursor),
        "msck" => {
            cursor.expect(&["msck", "repair", "table"])?;
            let name = name(cursor)?;
            // `ADD|DROP|SYNC PARTITIONS` may follow; adding is what Athena does.
            Ok(Statement::Repair { name })
        }
        "alter" => {
            cursor.expect(&["alter", "table"])?;
            let name = name(cursor)?;
            Ok(Statement::Alter { change: change(cursor)?, name })
        }
        "prepare" => {
            cursor.expect(&["prepare"])?;
            let name = cursor.identifier()?;
            cursor.expect(&["from"])?;
            Ok(Statement::Prepare { name, query: cursor.rest().to_owned() })
        }
        "execute" => execute(cursor),
        "deallocate" => {
            cursor.expect(&["deallocate"])?;
            cursor.take(&["prepare"]);
            Ok(Statement::Deallocate { name: cursor.identifier()? })
        }
        "update" | "delete" | "merge" => modify(cursor),
        _ => Err(cursor.misread("'ALTER', 'CREATE', 'DEALLOCATE', 'DELETE', 'DESCRIBE', 'DROP', 'EXECUTE', 'EXPLAIN', 'INSERT', 'MERGE', 'MSCK', 'PREPARE', 'SHOW', 'UNLOAD', 'UPDATE', <query>")),
    }
}

/// A name of up to three parts.
pub(crate) fn name(cursor: &mut Cursor<'_>) -> Result<Name, Misread> {
    let mut parts = vec![cursor.identifier()?];
    while parts.len() < 3 && cursor.take_sign('.') {
        parts.push(cursor.identifier()?);
    }
    let table = parts.pop().unwrap_or_default();
    // Some clients quote the whole of `db.table` in one pair of backticks.
    let (database, table) = match (parts.pop(), table.split_once('.')) {
        (None, Some((database, table))) => (Some(database.to_owned()), table.to_owned()),
        (database, _) => (database, table),
    };
    Ok(Name { catalog: parts.pop(), database, table })
}

fn explain(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    cursor.expect(&["explain"])?;
    let is_analyze = cursor.take(&["analyze"]);
    cursor.take(&["verbose"]);
    let mut of = if is_analyze { Explained::Run } else { Explained::Plan };
    if cursor.peek().is_some_and(|token| token.is_sign('('))
        && cursor.peek_at(1).is_some_and(|token| token.is_word("type") || token.is_word("format"))
    {
        let options = cursor.parenthesised()?.to_lowercase();
        let mut options = options.split(',').map(|option| option.split_whitespace().collect::<Vec<_>>());
        if !is_analyze && options.any(|option| option == ["type", "io"]) {
            of = Explained::Reads;
        }
    }
    Ok(Statement::Explain { query_at: cursor.offset(), of })
}

fn create(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    cursor.expect(&["create"])?;
    let or_replace = cursor.take(&["or", "replace"]);
    if cursor.take(&["view"]) {
        let name = name(cursor)?;
        cursor.expect(&["as"])?;
        return Ok(Statement::CreateView { name, or_replace, query: cursor.rest().to_owned() });
    }
    if cursor.take(&["external", "table"]) {
        return Ok(Statement::CreateTable(Box::new(create_table(cursor, true)?)));
    }
    if cursor.take(&["table"]) {
        return create_table_as(cursor);
    }
    if cursor.take(&["database"]) || cursor.take(&["schema"]) {
        return create_database(cursor);
    }
    Err(cursor.misread("'DATABASE', 'EXTERNAL', 'OR', 'SCHEMA', 'TABLE', 'VIEW'"))
}

fn create_database(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    let if_not_exists = cursor.take(&["if", "not", "exists"]);
    let name = database(cursor)?;
    let comment = if cursor.take(&["comment"]) { Some(cursor.text()?) } else { None };
    let location = if cursor.take(&["location"]) { Some(cursor.text()?) } else { None };
    let properties = if cursor.take(&["with", "dbproperties"]) { super::create::pairs(cursor)? } else { BTreeMap::new() };
    cursor.expect_end()?;
    Ok(Statement::CreateDatabase { name, if_not_exists, comment, location, properties })
}

/// A database's name, with or without its catalogue.
pub(crate) fn database(cursor: &mut Cursor<'_>) -> Result<String, Misread> {
    let first = cursor.identifier()?;
    if cursor.take_sign('.') { cursor.identifier() } else { Ok(first) }
}

fn drop_statement(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    cursor.expect(&["drop"])?;
    if cursor.take(&["database"]) || cursor.take(&["schema"]) {
        let if_exists = cursor.take(&["if", "exists"]);
        let name = database(cursor)?;
        let cascade = cursor.take(&["cascade"]);
        cursor.take(&["restrict"]);
        cursor.expect_end()?;
        return Ok(Statement::DropDatabase { name, if_exists, cascade });
    }
    let is_view = cursor.take(&["view"]);
    if !is_view {
        cursor.expect(&["table"])?;
    }
    let if_exists = cursor.take(&["if", "exists"]);
    let name = name(cursor)?;
    cursor.take(&["purge"]);
    cursor.expect_end()?;
    Ok(if is_view { Statement::DropView { name, if_exists } } else { Statement::DropTable { name, if_exists } })
}

fn insert(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    cursor.expect(&["insert", "into"])?;
    let name = name(cursor)?;
    Ok(Statement::Insert { name, columns: insert_columns(cursor)?, query: cursor.rest().to_owned() })
}

/// The column list after INSERT INTO, which a query in parentheses is not.
fn insert_columns(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Misread> {
    let begins_query = |token: &Token| ["select", "with", "values", "table"].iter().any(|word| token.is_word(word)) || token.is_sign('(');
    if !cursor.peek().is_some_and(|token| token.is_sign('(')) || cursor.peek_at(1).is_none_or(begins_query) {
        return Ok(Vec::new());
    }
    cursor.expect_sign('(')?;
    let mut columns = vec![cursor.identifier()?];
    while cursor.take_sign(',') {
        columns.push(cursor.identifier()?);
    }
    cursor.expect_sign(')')?;
    Ok(columns)
}

fn unload(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    cursor.expect(&["unload"])?;
    let query = cursor.parenthesised()?.to_owned();
    cursor.expect(&["to"])?;
    let to = cursor.text()?;
    let properties = if cursor.take(&["with"]) { super::create::with_properties(cursor)? } else { Properties::new() };
    cursor.expect_end()?;
    Ok(Statement::Unload { query, to, properties })
}

fn execute(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    cursor.expect(&["execute"])?;
    let name = cursor.identifier()?;
    let parameters = if cursor.take(&["using"]) { split_by_commas(cursor) } else { Vec::new() };
    cursor.expect_end()?;
    Ok(Statement::Execute { name, parameters })
}

/// What is left, cut at the commas outside of parentheses and brackets.
fn split_by_commas(cursor: &mut Cursor<'_>) -> Vec<String> {
    let text = cursor.rest();
    let offset = cursor.offset();
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0);
    while let Some(token) = cursor.next() {
        depth += i32::from(token.is_sign('(') || token.is_sign('[')) - i32::from(token.is_sign(')') || token.is_sign(']'));
        if depth == 0 && token.is_sign(',') {
            parts.push(text[begin..token.start - offset].trim().to_owned());
            begin = token.end - offset;
        }
    }
    parts.push(text[begin..].trim().to_owned());
    parts
}

fn modify(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    let verb = cursor.next().map(|token| token.text.to_uppercase()).unwrap_or_default();
    cursor.take(&["from"]);
    cursor.take(&["into"]);
    Ok(Statement::Modify { name: name(cursor)?, verb })
}

#[cfg(test)]
mod tests;
