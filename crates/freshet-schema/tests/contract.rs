//! The contract that is compiled in is well described, wrong files are named with their line, and nothing that is released changes.

#![cfg(test)]

use std::fs;
use std::path::Path;

use freshet_schema::{Contract, Error, Table, arrow, athena, delta, released};

#[test]
fn nothing_that_is_released_has_changed() {
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/released.json");
    let record: released::Record = serde_json::from_str(&fs::read_to_string(released).unwrap()).unwrap();
    released::check(Contract::embedded(), &record).unwrap();
}

#[test]
fn what_is_compiled_in_is_what_the_files_say() {
    let files: Vec<_> = Contract::embedded_files().collect();
    assert!(files.len() > 20 && files.iter().all(|(_, text)| text.contains("doc = ")));
    assert_eq!(format!("{:#?}", Contract::parse(&files).unwrap()), format!("{:#?}", Contract::embedded()));
}

#[test]
fn every_derived_schema_has_the_columns_of_its_table() {
    for table in Contract::embedded().tables() {
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let arrow = arrow::schema(table);
        assert_eq!(names, arrow.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>());
        assert_eq!(arrow::file_schema(table).fields().len(), names.len() - 1, "{}: the partition is in the path", table.name);
        let delta = delta::schema(table);
        let fields = delta["fields"].as_array().unwrap();
        assert_eq!(names, fields.iter().map(|field| field["name"].as_str().unwrap()).collect::<Vec<_>>());
        assert_eq!(names.last(), Some(&"dt"));
    }
    let statements = athena::statements(Contract::embedded(), "lake", "bucket");
    assert_eq!(statements.len(), Contract::embedded().tables().count() + 1);
    assert!(statements.iter().any(|statement| statement.contains("LOCATION 's3://bucket/restricted/rejected_payloads/'")));
}

#[test]
fn every_source_of_deliveries_says_what_is_personal() {
    for source in Contract::embedded().sources().iter().filter(|source| source.signature.is_some()) {
        for word in ["email", "phone", "address", "ip"] {
            assert!(
                source.personal.words.iter().any(|known| known == word),
                "schemas/{}/source.toml: `{word}` is missing in personal.words",
                source.name
            );
        }
    }
}

const SOURCE: &str = "name = \"acme\"\ndoc = \"A source.\"\n\n[signature]\nscheme = \"shopify\"\n\n[identity]\nby = \"payload\"\n";
const TABLE: &str = "name = \"acme_events\"\ndoc = \"A table.\"\nversion = 1\ntopics = [\"*\"]\nsort = [\"n\"]\n\n[[column]]\nname = \"n\"\ntype = \"bigint\"\nfrom = \"/n\"\ndoc = \"A number.\"\n";

fn parse(source: &str, table: &str) -> Result<Contract, Error> {
    Contract::parse(&[("acme/source.toml", source), ("acme/acme_events.toml", table)])
}

#[test]
fn a_schema_file_that_is_wrong_is_named_with_its_line() {
    assert!(parse(SOURCE, TABLE).is_ok());
    let cases: [(String, String, &str); 11] = [
        (
            SOURCE.to_owned(),
            TABLE.replace("doc = \"A number.\"", "docs = \"A number.\""),
            "parse schemas/acme/acme_events.toml:11: unknown field `docs`",
        ),
        (
            SOURCE.to_owned(),
            TABLE.replace("version = 1", "version = 1\ncolour = \"red\""),
            "parse schemas/acme/acme_events.toml:4: unknown field `colour`",
        ),
        (
            SOURCE.to_owned(),
            TABLE.replace("bigint", "number"),
            "parse schemas/acme/acme_events.toml:9: unknown type `number`, expected one of string, boolean",
        ),
        (SOURCE.to_owned(), TABLE.replace("\"/n\"", "\"n\""), "parse schemas/acme/acme_events.toml:10: `n` is not a JSON pointer"),
        (SOURCE.replace("[identity]", "[identy]"), TABLE.to_owned(), "parse schemas/acme/source.toml:7: unknown field `identy`"),
        (SOURCE.replace("\"payload\"", "\"luck\""), TABLE.to_owned(), "parse schemas/acme/source.toml:8: unknown variant `luck`"),
        (SOURCE.replace("\"acme\"", "\"acne\""), TABLE.to_owned(), "check schemas/acme/source.toml: the source is named `acne`"),
        (
            SOURCE.replace("[identity]\nby = \"payload\"\n", ""),
            TABLE.to_owned(),
            "check schemas/acme/source.toml: a source that takes deliveries says what identifies an event",
        ),
        (
            SOURCE.to_owned(),
            TABLE.replace("sort = [\"n\"]", "sort = [\"m\"]"),
            "check schemas/acme/acme_events.toml: `m` in sort or key is no column",
        ),
        (
            SOURCE.to_owned(),
            TABLE.replace("name = \"n\"", "name = \"N\""),
            "check schemas/acme/acme_events.toml: column `N`: names are lower case",
        ),
        (SOURCE.to_owned(), TABLE.replace("\"/n\"", "\"./n\""), "check schemas/acme/acme_events.toml: column `n` starts at a row"),
    ];
    for (source, table, expected) in cases {
        let error = parse(&source, &table).unwrap_err().to_string();
        assert!(error.starts_with(expected), "expected {expected}\n   found {error}");
    }
}

#[test]
fn a_released_table_only_grows() {
    let before = released::record(&parse(SOURCE, TABLE).unwrap());
    let column = |name: &str, more: &str| format!("\n[[column]]\nname = \"{name}\"\ntype = \"string\"\n{more}doc = \"More.\"\n");
    let allowed = TABLE.replace("version = 1", "version = 2") + &column("m", "");
    released::check(&parse(SOURCE, &allowed).unwrap(), &before).unwrap();
    let cases = [
        (TABLE.to_owned() + &column("m", ""), "columns were added, so its version is at least 2"),
        (TABLE.replace("version = 1", "version = 2") + &column("m", "required = true\n"), "column `m` was added as required"),
        (TABLE.replace("\"bigint\"", "\"int\""), "column `n` was bigint and is int"),
        (TABLE.replace("name = \"n\"", "name = \"o\"").replace("[\"n\"]", "[\"o\"]"), "column `n` is gone"),
        (TABLE.replace("sort = ", "key = [\"n\"]\nsort = "), "its key was"),
        (
            TABLE
                .replace("[[column]]", &format!("{}\n[[column]]", column("event_name", "").trim_start()))
                .replace("version = 1", "version = 2"),
            "",
        ),
        (TABLE.replace("acme_events", "acme_others"), "the table is gone"),
    ];
    for (table, expected) in cases {
        let file = if table.contains("acme_others") { "acme/acme_others.toml" } else { "acme/acme_events.toml" };
        let contract = Contract::parse(&[("acme/source.toml", SOURCE), (file, &table)]).unwrap();
        let judged = released::check(&contract, &before).map_err(|error| error.to_string());
        match (expected, judged) {
            ("", judged) => assert_eq!(judged, Ok(())),
            (expected, Err(error)) => assert!(error.contains(expected), "expected {expected}\n   found {error}"),
            (expected, Ok(())) => panic!("expected {expected}"),
        }
    }
    let moved = TABLE.to_owned() + &column("m", "");
    let before = released::record(&parse(SOURCE, &moved).unwrap());
    let (opening, n) = TABLE.split_once("\n[[column]]").unwrap();
    let swapped = format!("{opening}{}\n[[column]]{n}", column("m", ""));
    let error = released::check(&parse(SOURCE, &swapped).unwrap(), &before).unwrap_err().to_string();
    assert!(error.contains("moved"), "{error}");
}

#[test]
fn a_table_takes_its_topics() {
    let table = |topics: &str| parse(SOURCE, &TABLE.replace("[\"*\"]", topics)).unwrap().tables().next().cloned().unwrap();
    let takes = |table: &Table, topic: &str| table.feeds_on(topic, |_| true);
    let orders = table("[\"orders/*\", \"shop/update\"]\nexcept = [\"orders/edited\"]");
    for (topic, expected) in
        [("orders/create", true), ("orders/edited", false), ("shop/update", true), ("shop/updates", false), ("order", false)]
    {
        assert_eq!(takes(&orders, topic), expected, "{topic}");
    }
    let tickets = table("[\"*\"]\nwhen = [\"/ticket/id\"]");
    assert!(!tickets.feeds_on("any", |_| false) && tickets.feeds_on("any", |pointer| pointer.as_str() == "/ticket/id"));
}
