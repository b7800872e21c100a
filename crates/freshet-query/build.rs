//! Embeds the `.sql` files of `queries/` and its folders, so that a binary carries its catalogue.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets the manifest folder"));
    let queries = manifest.join("../../queries");
    println!("cargo::rerun-if-changed={}", queries.display());
    let mut paths = Vec::new();
    collect(&queries, &mut paths);
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

/// The files of a folder and of those in it; names are one list, whatever the folder.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Git keeps no empty folder: a tree without queries has an empty catalogue.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => panic!("read {}: {error}", folder.display()),
    };
    for entry in entries {
        let path = entry.expect("a folder that was opened can be listed").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            paths.push(path.canonicalize().expect("a file that was listed is there"));
        }
    }
}
