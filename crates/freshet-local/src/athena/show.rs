//! SHOW and DESCRIBE: reading them.

use super::alter::{Specification, specification};
use super::cursor::{Cursor, Misread};
use super::statement::{Name, Statement, database, name};
use super::tokens::Kind;

/// What SHOW shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Show {
    Databases { pattern: Option<String> },
    Tables { database: Option<String>, pattern: Option<String> },
    Views { database: Option<String>, pattern: Option<String> },
    Columns { name: Name },
    Partitions { name: Name, partition: Option<Specification> },
    CreateTable { name: Name },
    CreateView { name: Name },
    Properties { name: Name, key: Option<String> },
}

impl Show {
    /// `SubstatementType`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Databases { .. } => "SHOW_DATABASES",
            Self::Tables { .. } => "SHOW_TABLES",
            Self::Views { .. } => "SHOW_VIEWS",
            Self::Columns { .. } => "SHOW_COLUMNS",
            Self::Partitions { .. } => "SHOW_PARTITIONS",
            Self::CreateTable { .. } => "SHOW_CREATE_TABLE",
            Self::CreateView { .. } => "SHOW_CREATE_VIEW",
            Self::Properties { .. } => "SHOW_TBLPROPERTIES",
        }
    }
}

/// SHOW.
pub(crate) fn show(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    cursor.expect(&["show"])?;
    let show = if cursor.take(&["databases"]) || cursor.take(&["schemas"]) {
        Show::Databases { pattern: pattern(cursor)? }
    } else if cursor.take(&["tables"]) {
        Show::Tables { database: of_database(cursor)?, pattern: pattern(cursor)? }
    } else if cursor.take(&["views"]) {
        Show::Views { database: of_database(cursor)?, pattern: pattern(cursor)? }
    } else if cursor.take(&["columns"]) {
        Show::Columns { name: columns_of(cursor)? }
    } else if cursor.take(&["partitions"]) {
        let name = name(cursor)?;
        let partition = if cursor.take(&["partition"]) { Some(specification(cursor)?) } else { None };
        Show::Partitions { name, partition }
    } else if cursor.take(&["create", "view"]) {
        Show::CreateView { name: name(cursor)? }
    } else if cursor.take(&["create", "table"]) {
        Show::CreateTable { name: name(cursor)? }
    } else if cursor.take(&["tblproperties"]) {
        let name = name(cursor)?;
        let key = if cursor.take_sign('(') { Some(cursor.text()?) } else { None };
        cursor.take_sign(')');
        Show::Properties { name, key }
    } else {
        return Err(cursor.misread("'COLUMNS', 'CREATE', 'DATABASES', 'PARTITIONS', 'SCHEMAS', 'TABLES', 'TBLPROPERTIES', 'VIEWS'"));
    };
    cursor.expect_end()?;
    Ok(Statement::Show(show))
}

fn of_database(cursor: &mut Cursor<'_>) -> Result<Option<String>, Misread> {
    if cursor.take(&["in"]) || cursor.take(&["from"]) { database(cursor).map(Some) } else { Ok(None) }
}

/// A pattern of `SHOW … [LIKE] 'ev*'`.
fn pattern(cursor: &mut Cursor<'_>) -> Result<Option<String>, Misread> {
    let is_like = cursor.take(&["like"]);
    if is_like || cursor.peek().is_some_and(|token| matches!(token.kind, Kind::Text | Kind::DoubleQuoted)) {
        cursor.text().map(Some)
    } else {
        Ok(None)
    }
}

/// `IN db.t`, or `IN t IN db`.
fn columns_of(cursor: &mut Cursor<'_>) -> Result<Name, Misread> {
    if !cursor.take(&["in"]) {
        cursor.expect(&["from"])?;
    }
    let mut name = name(cursor)?;
    if cursor.take(&["in"]) || cursor.take(&["from"]) {
        name.database = Some(database(cursor)?);
    }
    Ok(name)
}

/// DESCRIBE.
pub(crate) fn describe(cursor: &mut Cursor<'_>) -> Result<Statement, Misread> {
    cursor.next();
    let is_formatted = cursor.take(&["formatted"]) || cursor.take(&["extended"]);
    let mut name = name(cursor)?;
    let mut column = None;
    if cursor.take(&["partition"]) {
        specification(cursor)?;
    } else if !cursor.is_done() {
        // `DESCRIBE db.t column`, and Hive's older `DESCRIBE db t`.
        column = Some(cursor.identifier()?);
    }
    if let Some(catalog) = name.catalog.take_if(|catalog| catalog != "awsdatacatalog") {
        // `db.table.column`.
        column = Some(std::mem::take(&mut name.table));
        name.table = name.database.take().unwrap_or_default();
        name.database = Some(catalog);
    }
    cursor.expect_end()?;
    Ok(Statement::Describe { name, column, is_formatted })
}

/// Whether a name fits a pattern of SHOW: `*` is anything, `|` is or. Some clients send SQL's `%` instead.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    pattern.split('|').any(|pattern| fits_one(&pattern.to_lowercase().replace('%', "*"), &name.to_lowercase()))
}

fn fits_one(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let Some((middle, last)) = rest.rsplit_once('*') else {
        return left.ends_with(rest);
    };
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}
