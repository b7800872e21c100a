//! What the command prints: results to the standard output, everything else to the standard error.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, TableComponent, presets};

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
    table.load_preset(presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─').set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(headings.to_vec());
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    for row in &rows {
        table.add_row(row);
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        let mut values = rows.iter().filter_map(|row| row.get(place)).filter(|value| !value.is_empty()).peekable();
        if values.peek().is_some() && values.all(|value| value.parse::<f64>().is_ok()) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        say(line.trim_end());
    }
}
