//! What the command prints: results to the standard output, everything else to the standard error.

use std::io::{self, Write};

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

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

/// A bar on the standard error, where that is a terminal.
pub(crate) fn bar(what: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>12} {wide_bar} {pos}/{len} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(what)
}
