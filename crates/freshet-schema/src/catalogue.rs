//! The whole contract: all registered sources, parsed and checked against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::de::DeserializeOwned;

use crate::{Convert, Error, Origin, PersonalData, Source, Table};

/// A file of the contract that is compiled in.
struct File {
    /// Its path below `schemas/`.
    path: &'static str,
    /// Its text.
    toml: &'static str,
    /// The same as JSON.
    json: &'static str,
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/contract_files.rs"));

static EMBEDDED: LazyLock<Contract> = LazyLock::new(|| {
    let files: Vec<(&str, &str)> = FILES.iter().map(|file| (file.path, file.json)).collect();
    Contract::read::<Json>(&files).expect("a test parses the contract that is compiled in")
});

/// All sources and their tables.
#[derive(Debug, Clone)]
pub struct Contract {
    sources: Vec<Source>,
}

impl Contract {
    /// The contract that is compiled in.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// The files that are compiled in, as (path below `schemas/`, text).
    pub fn embedded_files() -> impl Iterator<Item = (&'static str, &'static str)> {
        FILES.iter().map(|file| (file.path, file.toml))
    }

    /// Parses and checks files, each as (path below `schemas/`, text).
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, Error> {
        Self::read::<Toml>(files)
    }

    fn read<N: Notation>(files: &[(&str, &str)]) -> Result<Self, Error> {
        let mut sources: BTreeMap<String, Source> = BTreeMap::new();
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with("/source.toml")) {
            let source: Source = N::parse(path, text)?;
            let folder = path.trim_end_matches("/source.toml");
            if source.name != folder {
                return Err(contradiction(path, format!("the source is named `{}` but lies in `{folder}/`", source.name)));
            }
            if source.signature.is_some() && source.identity.is_none() {
                return Err(contradiction(path, "a source that takes deliveries says what identifies an event: `[identity]`"));
            }
            sources.insert(folder.to_owned(), source);
        }
        let mut names = BTreeSet::new();
        for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("/source.toml")) {
            let mut table: Table = N::parse(path, text)?;
            let Some((folder, file)) = path.split_once('/') else {
                return Err(contradiction(path, "a table lies in its source's folder"));
            };
            if file != format!("{}.toml", table.name) {
                return Err(contradiction(path, format!("the table is named `{}`", table.name)));
            }
            table.assemble();
            check_table(path, &table)?;
            if !names.insert(table.name.clone()) {
                return Err(contradiction(path, format!("the table `{}` is there twice", table.name)));
            }
            sources.get_mut(folder).ok_or_else(|| contradiction(path, format!("`{folder}/source.toml` is missing")))?.tables.push(table);
        }
        Ok(Self { sources: sources.into_values().collect() })
    }

    /// All sources, by name.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// A source by its name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// All tables of all sources.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.sources.iter().flat_map(|source| &source.tables)
    }

    /// A table by its name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables().find(|table| table.name == name)
    }
}

/// What a file is written in.
trait Notation {
    fn parse<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Error>;
}

/// As people write it.
struct Toml;

impl Notation for Toml {
    fn parse<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Error> {
        toml::from_str(text).map_err(|error| Error::Parse {
            file: path.to_owned(),
            line: error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1),
            message: error.message().to_owned(),
        })
    }
}

/// As it is compiled in.
struct Json;

impl Notation for Json {
    fn parse<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Error> {
        let failed = |error: serde_json::Error| Error::Parse { file: path.to_owned(), line: error.line(), message: error.to_string() };
        serde_json::from_str(text).map_err(failed)
    }
}

fn contradiction(path: &str, message: impl Into<String>) -> Error {
    Error::Contradiction { file: path.to_owned(), message: message.into() }
}

fn check_table(path: &str, table: &Table) -> Result<(), Error> {
    if table.partition != crate::envelope::PARTITION {
        return Err(contradiction(path, "tables are partitioned by `dt`"));
    }
    let mut seen = BTreeSet::new();
    for column in &table.columns {
        let plain = column.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !plain || column.name.is_empty() {
            return Err(contradiction(path, format!("column `{}`: names are lower case letters, digits and `_`", column.name)));
        }
        if !seen.insert(column.name.as_str()) {
            return Err(contradiction(path, format!("column `{}` is there twice", column.name)));
        }
        if column.doc.trim().is_empty() {
            return Err(contradiction(path, format!("column `{}` has an empty doc", column.name)));
        }
        check_conversion(path, table, column)?;
    }
    for name in table.sort.iter().chain(&table.key) {
        if !seen.contains(name.as_str()) {
            return Err(contradiction(path, format!("`{name}` in sort or key is no column")));
        }
    }
    Ok(())
}

fn check_conversion(path: &str, table: &Table, column: &crate::Column) -> Result<(), Error> {
    let needs_with = matches!(
        column.convert,
        Some(Convert::Pluck | Convert::Sum | Convert::Least | Convert::Greatest | Convert::QueryParameter | Convert::TopicIs)
    );
    if needs_with != column.with.is_some() {
        return Err(contradiction(path, format!("column `{}`: `with` goes with its converter, and only there", column.name)));
    }
    if (column.convert == Some(Convert::Email)) != (column.pii == Some(PersonalData::Hash)) {
        return Err(contradiction(path, format!("column `{}`: convert = \"email\" and pii = \"hash\" go together", column.name)));
    }
    if column.person.is_some() && column.kind != crate::ColumnType::String {
        return Err(contradiction(path, format!("column `{}`: the id of a person is text", column.name)));
    }
    let from_row = column.from.iter().any(|origin| matches!(origin, Origin::Body(pointer) if pointer.starts_at_row()));
    if from_row && table.rows.is_none() {
        return Err(contradiction(path, format!("column `{}` starts at a row (`./`) but the table opens none", column.name)));
    }
    Ok(())
}
