//! Embeds `queries/*.sql`, so that a binary carries its catalogue.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets the manifest folder"));
    let queries = manifest.join("../../queries");
    println!("cargo::rerun-if-changed={}", queries.display());
    let entries = match fs::read_dir(&queries) {
        Ok(entries) => entries.collect(),
        // Git keeps no empty folder: a tree without queries has an empty catalogue.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("read {}: {error}", queries.display()),
    };
    let mut paths: Vec<PathBuf> = entries
        .into_iter()
        .map(|entry| entry.expect("a folder that was opened can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| path.canonicalize().expect("a file that was listed is there"))
        .collect();
    paths.sort();
    let mut listing = String::from("&[\n");
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_name().and_then(|name| name.to_str()).expect("query files have ASCII names");
        writeln!(listing, "    ({name:?}, include_str!({:?})),", path.to_string_lossy()).expect("writing to a string cannot fail");
    }
    listing.push_str("]\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets the output folder")).join("query_files.rs");
    fs::write(&out, listing).unwrap_or_else(|error| panic!("write {}: {error}", out.display()));
}
