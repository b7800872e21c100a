//! The rules that the tree keeps: which crate may name what, which files are derived and fresh, how long a file may be.
//! Reads manifests, sources and the lock file as they lie there; it builds nothing.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use freshet_schema::{Contract, dictionary, released};
use toml::{Table, Value};

/// A crate, the layer that it lies in, and what neither it nor a crate of ours below it may depend on: whole names, or
/// beginnings that end with `*`. Dependencies point to lower layers only.
const CRATES: [(&str, u8, &[&str]); 12] = [
    ("freshet-schema", 0, &["tokio*", "futures*", "async-*", "chrono", "reqwest", "hyper*", "aws*", "arrow", "parquet", "datafusion*"]),
    ("freshet-ml", 0, &["tokio*", "futures*", "async-*", "reqwest", "hyper*", "aws*", "object_store", "datafusion*"]),
    ("freshet-dialect", 0, &["aws*", "object_store", "deltalake*", "lambda*"]),
    ("freshet-ingest", 1, &["tokio*", "futures*", "async-*", "arrow", "arrow-array", "arrow-json", "parquet", "aws*", "datafusion*"]),
    ("freshet-lead", 1, &["tokio*", "futures*", "async-*", "reqwest", "hyper*", "aws*", "object_store"]),
    ("freshet-smurf", 1, &["tokio*", "futures*", "async-*", "reqwest", "hyper*", "aws*", "object_store"]),
    ("freshet-firehose", 2, &["lambda*", "aws_lambda_events", "datafusion*"]),
    ("freshet-table", 2, &["lambda*", "aws_lambda_events", "datafusion*"]),
    ("freshet-query", 2, &["lambda*", "aws_lambda_events", "datafusion*"]),
    ("freshet-lambda", 3, &["clap", "datafusion*", "freshet-dialect", "freshet-local"]),
    ("freshet-local", 3, &["clap", "freshet-lambda"]),
    ("freshet-cli", 4, &[]),
];

/// What the sources of pure crates may not say.
const IMPURE: [&str; 9] =
    ["async fn", ".await", "std::fs", "std::net", "std::process", "std::env", "SystemTime", "Instant::now", "Utc::now"];
const PURE: [&str; 5] = ["freshet-schema", "freshet-ingest", "freshet-ml", "freshet-lead", "freshet-smurf"];

/// Libraries that move together: two versions in the lock file would be two kinds of one type.
const ALONE: [&str; 10] = [
    "arrow",
    "arrow-array",
    "arrow-schema",
    "arrow-json",
    "parquet",
    "datafusion",
    "datafusion-common",
    "object_store",
    "deltalake",
    "deltalake-core",
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 9] = ["common", "shared", "utils", "util", "types", "core", "helpers", "helper", "misc"];

/// Folders of what is built, installed, or git's own.
const PASSED_OVER: [&str; 6] = ["target", ".git", "node_modules", "__pycache__", ".venv", ".aws-sam"];

/// The most lines of a file, and of a function's binary.
const LINES: usize = 600;
const BINARY_LINES: usize = 60;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of the tree, without what is built and what git keeps for itself.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if PASSED_OVER.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn sources() -> Vec<(PathBuf, String)> {
    let is_source = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files().into_iter().filter(is_source).map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The crates' manifests, by their names.
fn manifests() -> BTreeMap<String, Table> {
    let folders = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let manifests = folders.map(|folder| folder.join("Cargo.toml")).filter(|path| path.exists());
    manifests
        .map(|path| {
            let manifest: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
            (manifest["package"]["name"].as_str().unwrap().to_owned(), manifest)
        })
        .collect()
}

/// What a manifest's dependencies are, those for its tests apart.
fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut take = |table: Option<&Value>| found.extend(table.and_then(Value::as_table).into_iter().flat_map(Table::keys).cloned());
    take(manifest.get("dependencies"));
    take(manifest.get("build-dependencies"));
    for target in manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values) {
        take(target.get("dependencies"));
    }
    found
}

fn is_named(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |beginning| name.starts_with(beginning))
}

#[test]
fn dependencies_point_down_and_no_crate_names_what_it_may_not() {
    let manifests = manifests();
    let layers: BTreeMap<&str, u8> = CRATES.iter().map(|(name, layer, _)| (*name, *layer)).collect();
    for (name, manifest) in &manifests {
        let layer = layers
            .get(name.as_str())
            .unwrap_or_else(|| panic!("crates/{name} is not in the table of this test: which rule does it enforce?"));
        for ours in dependencies(manifest).iter().filter(|dependency| dependency.starts_with("freshet-")) {
            assert!(layers[ours.as_str()] < *layer, "{name} depends on {ours}, which does not lie below it");
        }
    }
    for (name, _, forbidden) in CRATES {
        let mut reached = BTreeSet::new();
        reach(name, &manifests, &mut reached);
        for owner in &reached {
            for dependency in dependencies(&manifests[owner]) {
                let rule = forbidden.iter().find(|pattern| is_named(&dependency, pattern));
                assert!(rule.is_none(), "{name} may not name {dependency}, and does in crates/{owner}/Cargo.toml");
            }
        }
    }
}

/// A crate and the crates of ours below it.
fn reach(name: &str, manifests: &BTreeMap<String, Table>, reached: &mut BTreeSet<String>) {
    let Some(manifest) = manifests.get(name) else {
        return;
    };
    if reached.insert(name.to_owned()) {
        dependencies(manifest)
            .iter()
            .filter(|dependency| dependency.starts_with("freshet-"))
            .for_each(|below| reach(below, manifests, reached));
    }
}

#[test]
fn pure_crates_read_no_clock_no_file_and_no_network() {
    for (path, text) in sources() {
        let shown = shown(&path);
        if !PURE.iter().any(|name| shown.starts_with(&format!("crates/{name}/src/"))) {
            continue;
        }
        for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for word in IMPURE {
                assert!(!line.contains(word), "{shown}:{}: `{word}` in a crate that takes everything as an argument", place + 1);
            }
        }
    }
}

#[test]
fn every_file_is_one_idea_and_says_which() {
    for (path, text) in sources() {
        let (shown, lines) = (shown(&path), text.lines().count());
        assert!(text.starts_with("//!"), "{shown} does not open with `//!` and what it is");
        assert!(lines <= LINES, "{shown} has {lines} lines, and {LINES} are allowed");
        if shown.starts_with("crates/freshet-lambda/src/bin/") {
            assert!(lines <= BINARY_LINES, "{shown} has {lines} lines: a binary wires, in at most {BINARY_LINES}");
        }
    }
}

#[test]
fn every_name_says_what_is_inside() {
    for path in files() {
        let parts = path.strip_prefix(root()).unwrap().to_owned();
        let is_ours = parts.starts_with("crates") || parts.starts_with("tests");
        for part in parts.iter().filter(|_| is_ours) {
            let name = Path::new(part).file_stem().unwrap().to_string_lossy().trim_start_matches("freshet-").to_lowercase();
            assert!(!EMPTY_NAMES.contains(&name.as_str()), "{}: `{name}` says nothing", parts.display());
        }
    }
}

/// A link leads to where only one machine has something.
#[test]
fn no_file_is_a_link() {
    let found: Vec<String> = files().iter().filter(|path| path.is_symlink()).map(|path| shown(path)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn libraries_that_move_together_are_there_once() {
    let lock: Table = fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        versions.entry(package["name"].as_str().unwrap()).or_default().insert(package["version"].as_str().unwrap());
        let source = package.get("source").map(|source| source.as_str().unwrap());
        let public = source.is_none_or(|source| source == "registry+https://github.com/rust-lang/crates.io-index");
        assert!(public, "{} comes from {source:?}", package["name"]);
    }
    for name in ALONE {
        let found = versions.get(name).cloned().unwrap_or_default();
        assert!(found.len() <= 1, "{name} is there {} times: {found:?}", found.len());
    }
    assert!(versions.contains_key("arrow-schema") && versions.contains_key("parquet"));
}

#[test]
fn every_source_is_a_folder_and_a_line() {
    let schemas = root().join("schemas");
    let registry = fs::read_to_string(schemas.join("sources.txt")).unwrap();
    let mut registered: Vec<&str> = registry.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    registered.sort_unstable();
    let folders = fs::read_dir(&schemas).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut folders: Vec<String> = folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    folders.sort();
    assert_eq!(registered, folders, "a source is a folder in schemas/ and a line in schemas/sources.txt");
    let known: Vec<&str> = Contract::embedded().sources().iter().map(|source| source.name.as_str()).collect();
    assert_eq!(known, folders);
}

/// A source that has not been released is in neither file: it is a folder and a line until `freshet schema emit`.
#[test]
fn what_is_derived_from_the_contract_is_fresh() {
    let contract = Contract::embedded();
    let schemas = root().join("schemas");
    let stale = "is not fresh: run `freshet schema emit`, read the difference and commit it";
    let now = released::record(contract);
    let record: released::Record = serde_json::from_str(&fs::read_to_string(schemas.join("released.json")).unwrap()).unwrap();
    for (name, table) in &record {
        assert_eq!(Some(table), now.get(name), "schemas/released.json {stale}");
    }
    let is_released =
        |source: &str| contract.source(source).is_some_and(|source| source.tables.iter().any(|table| record.contains_key(&table.name)));
    let files: Vec<(&str, &str)> = Contract::embedded_files().filter(|(path, _)| path.split('/').next().is_some_and(is_released)).collect();
    let released = Contract::parse(&files).unwrap();
    let page = fs::read_to_string(schemas.join("README.md")).unwrap();
    let is_fresh = [contract, &released].iter().any(|contract| page == dictionary::markdown(contract));
    assert!(is_fresh, "schemas/README.md {stale}");
}

#[test]
fn the_tree_speaks_of_no_machine() {
    // Written in parts, so that this file may be read too.
    let places = [
        ["/ho", "me/"],
        ["/ro", "ot/"],
        ["/Us", "ers/"],
        ["C:\\", "Users"],
        ["arti", "factory"],
        ["index", "-url"],
        ["[source.", "crates-io"],
    ];
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (place, line) in text.lines().enumerate() {
            for parts in &places {
                assert!(!line.contains(&parts.concat()), "{}:{}: `{}` is of one machine alone", shown(&path), place + 1, parts.concat());
            }
        }
    }
}
