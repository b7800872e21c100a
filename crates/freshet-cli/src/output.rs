//! What the command prints: results to the standard output, everything else to the standard error.

use std::io::{self, Write};

use comfy_table::{Table, presets};

/// Prints a result's line. A reader that has gone away ends the command quietly.
pub(crate) fn say(text: &str) {
    if writeln!(io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Prints something about the work.
pub(crate) fn complain(text: &str) {
    // There is nowhere else to say it.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints rows under their headings.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(headings.to_vec());
    for row in rows {
        table.add_row(row);
    }
    say(&table.to_string());
}
