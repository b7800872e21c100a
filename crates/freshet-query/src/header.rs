//! One file of `queries/`: the comment header and the statement below it.
//!
//! ```sql
//! -- name: orders_since
//! -- summary: Orders of a shop since a day.
//! -- kind: query
//! -- param: since date 2026-01-01 First day (UTC).
//! -- param: shop string 'acme.myshopify.com' The shop's domain.
//! -- column: order_id string The order.
//! SELECT order_id FROM shopify_orders WHERE dt >= :since AND account = :shop
//! ```
//!
//! The header is the comment lines before the first other line. A line there that starts with a lower-case word and a
//! colon is an entry and must be a known one; a line indented by three or more blanks goes on with the entry above;
//! any other is a remark.
//!
//! `-- repeat: each_table …` has the statement written once for every table of events, with the table's name in place of
//! `each_table` and UNION ALL between: so a view of all of them follows the table contract by itself.

use std::collections::BTreeSet;

use crate::literal::literal;
use crate::tokens::{Token, TokenKind, line_of, tokens};
use crate::{Error, Kind, OutputColumn, Parameter, ParameterKind, Query};

/// Types of output columns, without their arguments.
const COLUMN_TYPES: [&str; 16] = [
    "string",
    "varchar",
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "integer",
    "bigint",
    "real",
    "float",
    "double",
    "decimal",
    "date",
    "timestamp",
    "array",
    "map",
];

/// An entry of a header.
struct Entry {
    line: usize,
    key: String,
    value: String,
}

/// The name that stands for a table in a statement that is repeated.
const EACH_TABLE: &str = "each_table";

/// What is wrong, and in which line.
type Fault = (usize, String);

/// Reads a file of `queries/`; a statement that says so is repeated for each of the tables.
pub(crate) fn read(file: &str, text: &str, event_tables: &[&str]) -> Result<Query, Error> {
    query(file, text, event_tables).map_err(|(line, message)| Error::Parse { file: file.to_owned(), line, message })
}

fn query(file: &str, text: &str, event_tables: &[&str]) -> Result<Query, Fault> {
    let (entries, statement_at) = entries(text)?;
    let statement_line = line_of(text, statement_at);
    let (mut name, mut summary, mut kind, mut repeat) = (None, None, None, None);
    let (mut parameters, mut columns) = (Vec::new(), Vec::new());
    for entry in &entries {
        let at_line = |message: String| (entry.line, message);
        match entry.key.as_str() {
            "name" => set(&mut name, entry, checked_name(file, &entry.value))?,
            "summary" => set(&mut summary, entry, Ok(entry.value.clone()))?,
            "kind" => set(&mut kind, entry, kind_of(&entry.value))?,
            "repeat" => set(&mut repeat, entry, repeated(&entry.value))?,
            "param" => {
                let parameter = parameter(&entry.value).map_err(at_line)?;
                if parameters.iter().any(|(_, other): &(usize, Parameter)| other.name == parameter.name) {
                    return Err(at_line(format!("parameter `{}` is there twice", parameter.name)));
                }
                parameters.push((entry.line, parameter));
            }
            "column" => {
                let column = column(&entry.value).map_err(at_line)?;
                if columns.iter().any(|other: &OutputColumn| other.name == column.name) {
                    return Err(at_line(format!("column `{}` is there twice", column.name)));
                }
                columns.push(column);
            }
            other => {
                return Err(at_line(format!("unknown header `{other}`: there are name, summary, kind, repeat, param and column")));
            }
        }
    }
    let missing = |header: &str| (statement_line, format!("the header has no `-- {header}: …`"));
    let kind = kind.ok_or_else(|| missing("kind"))?;
    let (start, sql) = statement(text, statement_at)?;
    check_parameters(text, start, &sql, kind, &parameters)?;
    if columns.is_empty() {
        return Err(missing("column"));
    }
    Ok(Query {
        name: name.ok_or_else(|| missing("name"))?,
        kind,
        summary: summary.ok_or_else(|| missing("summary"))?,
        parameters: parameters.into_iter().map(|(_, parameter)| parameter).collect(),
        columns,
        sql: if repeat.is_some() { union_of(&sql, event_tables) } else { sql },
    })
}

/// The entries of the header, and where the statement starts.
fn entries(text: &str) -> Result<(Vec<Entry>, usize), Fault> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let Some(comment) = line.strip_prefix("--") else {
            if line.trim().is_empty() {
                at += line.len();
                continue;
            }
            break;
        };
        at += line.len();
        let key = comment.trim_start().split_once(':').map(|(key, _)| key).filter(|key| is_name(key));
        if comment.starts_with("   ") && !comment.trim().is_empty() {
            let entry = entries.last_mut().ok_or((index + 1, "an indented line goes on with nothing".to_owned()))?;
            entry.value = format!("{} {}", entry.value, comment.trim());
        } else if let Some(key) = key {
            let value = comment.trim_start()[key.len() + 1..].trim().to_owned();
            entries.push(Entry { line: index + 1, key: key.to_owned(), value });
        }
    }
    match entries.iter().find(|entry| entry.value.is_empty()) {
        Some(entry) => Err((entry.line, format!("`{}` is empty", entry.key))),
        None => Ok((entries, at)),
    }
}

fn set<T>(place: &mut Option<T>, entry: &Entry, value: Result<T, String>) -> Result<(), Fault> {
    match place.replace(value.map_err(|message| (entry.line, message))?) {
        Some(_) => Err((entry.line, format!("`{}` is there twice", entry.key))),
        None => Ok(()),
    }
}

fn checked_name(file: &str, name: &str) -> Result<String, String> {
    if !is_name(name) {
        return Err(format!("`{name}`: names are lower case letters, digits and `_`, and start with a letter"));
    }
    if file.strip_suffix(".sql") != Some(name) {
        return Err(format!("the file is named {file}, but what it holds `{name}`"));
    }
    Ok(name.to_owned())
}

fn kind_of(word: &str) -> Result<Kind, String> {
    [Kind::Query, Kind::View].into_iter().find(|kind| kind.name() == word).ok_or_else(|| format!("kind is query or view, not `{word}`"))
}

/// `each_table What it stands for.`
fn repeated(value: &str) -> Result<(), String> {
    match word(value) {
        Some((EACH_TABLE, doc)) if !doc.is_empty() => Ok(()),
        _ => Err(format!("what is repeated is written as `-- repeat: {EACH_TABLE} What it stands for.`")),
    }
}

fn union_of(sql: &str, event_tables: &[&str]) -> String {
    let branches: Vec<String> = event_tables.iter().map(|table| sql.replace(EACH_TABLE, table)).collect();
    branches.join("\nUNION ALL\n")
}

/// `from date 2026-01-01 First day.`
fn parameter(value: &str) -> Result<Parameter, String> {
    const SHAPE: &str = "a parameter is written as `-- param: name type example What it means.`";
    let (name, rest) = word(value).ok_or(SHAPE)?;
    let (kind, rest) = word(rest).ok_or(SHAPE)?;
    let (example, doc) = quoted_or_word(rest)?.ok_or(SHAPE)?;
    if !is_name(name) {
        return Err(format!("parameter `{name}`: names are lower case letters, digits and `_`"));
    }
    let kind = ParameterKind::ALL
        .into_iter()
        .find(|known| known.name() == kind)
        .ok_or_else(|| format!("parameter `{name}`: a type is date, timestamp, string, integer or decimal, not `{kind}`"))?;
    literal(kind, &example).map_err(|message| format!("parameter `{name}`: the example {message}"))?;
    if doc.is_empty() {
        return Err(format!("parameter `{name}` does not say what it means"));
    }
    Ok(Parameter { name: name.to_owned(), kind, example, doc: doc.to_owned() })
}

/// `day date The day.`
fn column(value: &str) -> Result<OutputColumn, String> {
    const SHAPE: &str = "a column is written as `-- column: name type What it means.`";
    let (name, rest) = word(value).ok_or(SHAPE)?;
    let (kind, doc) = word(rest).ok_or(SHAPE)?;
    let base = kind.split(['(', '<']).next().unwrap_or(kind);
    if !is_name(name) {
        return Err(format!("column `{name}`: names are lower case letters, digits and `_`"));
    }
    if !COLUMN_TYPES.contains(&base) {
        return Err(format!("column `{name}`: `{kind}` is no type of athena's"));
    }
    if doc.is_empty() {
        return Err(format!("column `{name}` does not say what it means"));
    }
    Ok(OutputColumn { name: name.to_owned(), kind: kind.to_owned(), doc: doc.to_owned() })
}

fn word(text: &str) -> Option<(&str, &str)> {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (!first.is_empty()).then(|| (first, rest.trim_start()))
}

/// A word, or text in single quotes with quotes doubled, and what follows.
fn quoted_or_word(text: &str) -> Result<Option<(String, &str)>, String> {
    if !text.starts_with('\'') {
        return Ok(word(text).map(|(first, rest)| (first.to_owned(), rest)));
    }
    let pieces = tokens(text).or_else(|unclosed| tokens(&text[..unclosed.at])).unwrap_or_default();
    let example = pieces.first().filter(|piece| piece.kind == TokenKind::Literal).ok_or("the example's quote does not end")?;
    let inner = &example.text[1..example.text.len() - 1];
    Ok(Some((inner.replace("''", "'"), text[example.text.len()..].trim_start())))
}

/// Where the statement starts, and its text without blanks around it and without a semicolon at its end.
fn statement(text: &str, at: usize) -> Result<(usize, String), Fault> {
    let body = text[at..].trim_start();
    let start = text.len() - body.len();
    let pieces = tokens(body).map_err(|unclosed| (line_of(text, start + unclosed.at), format!("a {} does not end", unclosed.what)))?;
    let last = pieces.iter().rposition(|piece| !piece.is_blank() && !piece.is_symbol(";"));
    let Some(last) = last else {
        return Err((line_of(text, at), "there is no statement below the header".to_owned()));
    };
    if let Some(second) = pieces[..last].iter().find(|piece| piece.is_symbol(";")) {
        return Err((line_of(text, start + second.at), "a file holds one statement".to_owned()));
    }
    Ok((start, pieces[..=last].iter().map(|piece| piece.text).collect()))
}

/// The statement uses what is declared, all of it and nothing else.
fn check_parameters(text: &str, start: usize, sql: &str, kind: Kind, declared: &[(usize, Parameter)]) -> Result<(), Fault> {
    let line = |at: usize| line_of(text, start + at);
    let pieces = tokens(sql).map_err(|unclosed| (line(unclosed.at), format!("a {} does not end", unclosed.what)))?;
    if let Some(placeholder) = pieces.iter().find(|piece| piece.kind == TokenKind::Placeholder) {
        return Err((line(placeholder.at), "parameters have names: write `:name`, not `?`".to_owned()));
    }
    for piece in &pieces {
        if let Some(name) = piece.parameter().filter(|name| declared.iter().all(|(_, known)| known.name != *name)) {
            return Err((line(piece.at), format!("`:{name}` has no `-- param: {name} …`")));
        }
    }
    let used: BTreeSet<&str> = pieces.iter().filter_map(Token::parameter).collect();
    for (declared_line, Parameter { name, .. }) in declared {
        if kind == Kind::View {
            return Err((*declared_line, format!("a view takes no parameters, but `{name}` is declared")));
        }
        if !used.contains(name.as_str()) {
            return Err((*declared_line, format!("parameter `{name}` is declared but the statement does not use it")));
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests;
