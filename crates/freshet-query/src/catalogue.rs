//! All files of `queries/`, checked against each other and against the table contract.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use freshet_schema::Contract;

use crate::relations::relations;
use crate::tokens::tokens;
use crate::{Error, Kind, Query, header};

static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/query_files.rs"));

static EMBEDDED: LazyLock<Vec<Query>> = LazyLock::new(|| embedded().expect("a test parses the catalogue that is compiled in"));

fn embedded() -> Result<Vec<Query>, Error> {
    let contract = Contract::embedded();
    let event_tables: Vec<&str> =
        contract.tables().filter(|table| !table.computed && !table.restricted).map(|table| table.name.as_str()).collect();
    parse(FILES, &event_tables, |table| contract.table(table).is_some())
}

/// The queries and views that are compiled in: views first, each after the views that it reads, then queries by name.
pub fn catalogue() -> &'static [Query] {
    &EMBEDDED
}

/// A query or view that is compiled in, by its name.
pub fn find(name: &str) -> Result<&'static Query, Error> {
    catalogue()
        .iter()
        .find(|query| query.name == name)
        .ok_or_else(|| Error::UnknownQuery { name: name.to_owned(), known: listed(catalogue().iter().map(|query| query.name.as_str())) })
}

/// Parses files, each as (name, text), and brings them into the order of [`catalogue`]; `is_table` says which names
/// are tables, and `event_tables` are those for which a statement that says so is repeated.
pub fn parse(files: &[(&str, &str)], event_tables: &[&str], is_table: impl Fn(&str) -> bool) -> Result<Vec<Query>, Error> {
    let mut waiting: BTreeMap<String, (Query, BTreeSet<String>)> = BTreeMap::new();
    for (file, text) in files {
        let query = header::read(file, text, event_tables)?;
        let pieces = tokens(&query.sql).map_err(|_| at_fault(&query, "the statement does not end"))?;
        let reads = relations(&pieces);
        if is_table(&query.name) {
            return Err(at_fault(&query, "a table has this name already"));
        }
        if waiting.contains_key(&query.name) {
            return Err(at_fault(&query, "the name is there twice"));
        }
        waiting.insert(query.name.clone(), (query, reads));
    }
    let views: BTreeSet<String> =
        waiting.values().filter(|(query, _)| query.kind == Kind::View).map(|(query, _)| query.name.clone()).collect();
    for (query, reads) in waiting.values() {
        if let Some(unknown) = reads.iter().find(|name| !is_table(name) && !views.contains(*name)) {
            return Err(at_fault(query, &format!("reads `{unknown}`, which is no table and no view")));
        }
    }
    let mut ordered: Vec<Query> = Vec::with_capacity(waiting.len());
    while ordered.len() < views.len() {
        let ready = waiting.iter().find(|(_, (query, reads))| {
            query.kind == Kind::View && reads.intersection(&views).all(|view| ordered.iter().any(|earlier| earlier.name == *view))
        });
        let Some(name) = ready.map(|(name, _)| name.clone()) else {
            let (stuck, _) = waiting.values().find(|(query, _)| query.kind == Kind::View).expect("views are left");
            return Err(at_fault(stuck, "the view reads itself, by way of other views or directly"));
        };
        ordered.extend(waiting.remove(&name).map(|(query, _)| query));
    }
    ordered.extend(waiting.into_values().map(|(query, _)| query));
    Ok(ordered)
}

/// Names for a message.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn at_fault(query: &Query, message: &str) -> Error {
    Error::Parse { file: format!("{}.sql", query.name), line: 1, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Token;

    fn file(kind: &str, name: &str, sql: &str) -> (String, String) {
        let header = format!("-- name: {name}\n-- summary: s\n-- kind: {kind}\n-- column: a bigint c\n");
        (format!("{name}.sql"), format!("{header}{sql}"))
    }

    fn names(files: &[(String, String)]) -> Result<Vec<String>, String> {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        parse(&files, &["orders"], |table| table == "orders")
            .map(|queries| queries.into_iter().map(|query| query.name).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn views_come_first_and_after_what_they_read() {
        let files = [
            file("view", "a_last", "SELECT a FROM m_middle JOIN z_first USING (a)"),
            file("query", "b", "SELECT a FROM a_last"),
            file("query", "a", "SELECT 1 AS a"),
            file("view", "m_middle", "SELECT a FROM \"z_first\""),
            file("view", "z_first", "WITH latest AS (SELECT a FROM orders) SELECT a FROM latest"),
        ];
        assert_eq!(names(&files).unwrap(), ["z_first", "m_middle", "a_last", "a", "b"]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (files, message) in [
            (vec![file("query", "a", "SELECT a FROM oders")], "reads `oders`, which is no table"),
            (vec![file("query", "a", "SELECT a FROM b"), file("query", "b", "SELECT 1 AS a")], "reads `b`, which"),
            (vec![file("view", "a", "SELECT a FROM b"), file("view", "b", "SELECT a FROM a")], "reads itself"),
            (vec![file("view", "a", "SELECT a FROM a")], "reads itself"),
            (vec![file("view", "orders", "SELECT 1 AS a")], "a table has this name"),
        ] {
            let error = names(&files).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn the_catalogue_that_is_compiled_in_is_whole() {
        assert_eq!(embedded().unwrap().len(), FILES.len());
    }

    #[test]
    fn a_query_that_reads_a_table_filters_on_its_partition() {
        for query in catalogue().iter().filter(|query| query.kind == Kind::Query) {
            let pieces = tokens(&query.sql).unwrap();
            let reads_table = relations(&pieces).iter().any(|name| Contract::embedded().table(name).is_some());
            let names_partition = pieces.iter().any(|piece: &Token<'_>| piece.is_word("dt"));
            assert!(names_partition || !reads_table, "{} reads a table whole", query.name);
        }
    }
}
