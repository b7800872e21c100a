//! Embeds the contract's files of the registered sources, so that a function carries its contract in its binary: as they are, and
//! as JSON, which a function that starts reads in less than half the time, without a parser of TOML.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets the manifest folder"));
    let schemas = manifest.join("../../schemas").canonicalize().expect("the schemas folder lies beside crates");
    println!("cargo::rerun-if-changed={}", schemas.display());
    let registry = read(&schemas.join("sources.txt"));
    let mut listing = String::from("&[\n");
    for source in registry.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut paths: Vec<PathBuf> = fs::read_dir(schemas.join(source))
            .unwrap_or_else(|error| panic!("read the registered source schemas/{source}: {error}"))
            .map(|entry| entry.expect("a folder that was opened can be listed").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).expect("contract files have ASCII names");
            let table: toml::Table = read(&path).parse().unwrap_or_else(|error| panic!("parse schemas/{source}/{name}: {error}"));
            let path = path.to_string_lossy();
            let json = serde_json::to_string(&table).expect("what TOML holds can be said in JSON");
            writeln!(listing, "    File {{ path: {:?}, toml: include_str!({path:?}), json: {json:?} }},", format!("{source}/{name}"))
                .expect("writing to a string cannot fail");
        }
    }
    listing.push_str("]\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets the output folder")).join("contract_files.rs");
    fs::write(&out, listing).unwrap_or_else(|error| panic!("write {}: {error}", out.display()));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}
