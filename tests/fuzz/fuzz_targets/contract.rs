//! Any text as a schema file: a contract, or an error that names the file.

#![no_main]

use freshet_schema::{Contract, dictionary, released};
use libfuzzer_sys::fuzz_target;

const SOURCE: &str = "name = \"acme\"\ndoc = \"A source.\"\n";

fuzz_target!(|text: &str| {
    match Contract::parse(&[("acme/source.toml", SOURCE), ("acme/acme_events.toml", text)]) {
        Ok(contract) => {
            assert!(released::check(&contract, &released::record(&contract)).is_ok());
            assert!(!dictionary::markdown(&contract).is_empty());
        }
        Err(error) => assert!(error.to_string().contains("schemas/acme/")),
    }
    let _ = Contract::parse(&[("acme/source.toml", text)]);
});
