//! The data dictionary `schemas/README.md`, written from the contract.

use std::fmt::Write as _;

use crate::{Contract, Source, Table, envelope};

const OPENING: &str = "# The table contract

Written by `freshet schema emit` from the files in this folder; change those, not this page.

One folder a source, one TOML file a table. A delivery is verified and taken apart as `source.toml` says; its events
become rows of every table that takes their topic. What no table takes is a row of `unmapped_events`, what no column
takes is in the row's `extra`, and what cannot be a row is in `rejected_events` with its reason.

Times are UTC without zone, in whole milliseconds. Ids are text. Money is `decimal(18,4)` with its currency beside it.
Personal data is hashed with a keyed hash or dropped. A column that holds the id of a person says so: `person = \"subject\"` for
the person whose e-mail hash the row holds too, `person = \"mentioned\"` for any other; `freshet erase` finds a person's rows by
these columns and by the hashes. Every table is partitioned by `dt`: filter on it.

To add a source: a folder with `source.toml`, its tables and their `fixtures/<table>/<case>.json` with the expected
`<case>.rows.json`, and its name in `sources.txt` (`freshet source new NAME` writes the beginning). Its tests then
run unasked; no route, function or test changes. `freshet schema emit` then puts it on this page and into `released.json`:
from there on its tables only grow.

A pointer is a JSON pointer; `*` takes every element of an array, and `./` starts at the row that `rows` opened.

";

/// The page's text.
pub fn markdown(contract: &Contract) -> String {
    let mut page = String::from(OPENING);
    page.push_str("## Columns of every row that comes from a delivery\n\n| column | type | what it is |\n|---|---|---|\n");
    for column in envelope::columns() {
        line(&mut page, &format!("| `{}` | {} | {} |", column.name, column.kind.athena(), column.doc));
    }
    line(&mut page, "| `extra` | string | What no column took, as JSON text with personal data removed. |");
    line(&mut page, "| `dt` | date | Partition: UTC date of `occurred_at`. Filter on it. |");
    for source in contract.sources() {
        describe_source(&mut page, source);
    }
    page
}

fn describe_source(page: &mut String, source: &Source) {
    line(page, &format!("\n## {}\n\n{}", source.name, source.doc.trim()));
    for table in &source.tables {
        describe_table(page, table);
    }
}

fn describe_table(page: &mut String, table: &Table) {
    line(page, &format!("\n### {}\n\n{}\n", table.name, table.doc.trim()));
    if !table.topics.is_empty() {
        line(page, &format!("Topics: {}.", quoted(&table.topics)));
    }
    if let Some(rows) = &table.rows {
        line(page, &format!("One row an element of `{}`.", rows.as_str()));
    }
    line(page, &format!("Key: {}. Sorted by {}. Version {}.", quoted(&table.key), quoted(&table.sort), table.version));
    if table.restricted {
        line(page, "Closed to analysts.");
    }
    if let Some(days) = table.retention_days {
        line(page, &format!("Rows are deleted after {days} days."));
    }
    page.push_str("\n| column | type | what it is |\n|---|---|---|\n");
    let shown = table.columns.iter().filter(|column| {
        table.computed
            || (!envelope::names().any(|name| name == column.name) && column.name != envelope::EXTRA && column.name != envelope::PARTITION)
    });
    for column in shown {
        let required = if column.required && !table.computed { " Required." } else { "" };
        let person = if column.person.is_some() { " Names a person." } else { "" };
        line(page, &format!("| `{}` | {} | {}{required}{person} |", column.name, column.kind.athena(), column.doc));
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("writing to a string cannot fail");
}
