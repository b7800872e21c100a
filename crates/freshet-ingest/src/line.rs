//! A line of the landing zone: a row of one table as JSON, with what the compactor must know in front.

use std::fmt::Write as _;

use freshet_schema::Table;

use crate::convert::Cell;
use crate::json::write_string;
use crate::time::Millis;

/// The version of the line that this code writes.
pub const LINE_VERSION: u32 = 1;
/// The key of the table's name: the first of a line.
pub const TABLE: &str = "table";

/// A row on its way to its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    table: String,
    schema_version: u32,
    dt: String,
    search_days: u8,
    columns: String,
}

impl Line {
    /// Begins a row of a table. `search_days` says over how many days a duplicate may lie: 0 where the day is certain.
    pub(crate) fn new(table: &Table, occurred_at: Millis, search_days: u8) -> Self {
        Self { table: table.name.clone(), schema_version: table.version, dt: occurred_at.date(), search_days, columns: String::new() }
    }

    /// The table.
    pub fn table(&self) -> &str {
        &self.table
    }

    pub(crate) fn push(&mut self, name: &str, cell: &Cell) {
        if *cell == Cell::Null {
            return;
        }
        let out = &mut self.columns;
        out.push(',');
        write_string(out, name);
        out.push(':');
        let written = match cell {
            Cell::Null => Ok(()),
            Cell::Text(text) | Cell::Date(text) => {
                write_string(out, text);
                Ok(())
            }
            Cell::Bool(value) => write!(out, "{value}"),
            Cell::Integer(value) => write!(out, "{value}"),
            Cell::Double(value) => write!(out, "{value:?}"),
            Cell::Decimal(value) => {
                let (sign, magnitude) = (if *value < 0 { "-" } else { "" }, value.unsigned_abs());
                write!(out, "\"{sign}{}.{:04}\"", magnitude / 10_000, magnitude % 10_000)
            }
            Cell::Time(millis) => write!(out, "\"{}\"", millis.text()),
            Cell::Texts(texts) => {
                for (place, text) in texts.iter().enumerate() {
                    out.push(if place == 0 { '[' } else { ',' });
                    write_string(out, text);
                }
                out.push_str(if texts.is_empty() { "[]" } else { "]" });
                Ok(())
            }
        };
        written.expect("writing to a string cannot fail");
    }

    pub(crate) fn push_text(&mut self, name: &str, text: &str) {
        self.push(name, &Cell::Text(text.to_owned()));
    }

    /// Writes the line with its newline. `deliveries` is 1 on the one line of a delivery that its outcome hangs on.
    pub fn write(&self, out: &mut String, deliveries: u8) {
        writeln!(
            out,
            "{{\"table\":\"{}\",\"line_version\":{LINE_VERSION},\"schema_version\":{},\"dt\":\"{}\",\"search_days\":{},\"deliveries\":{deliveries}{}}}",
            self.table, self.schema_version, self.dt, self.search_days, self.columns
        )
        .expect("writing to a string cannot fail");
    }
}

/// The same lines, on which no delivery's outcome hangs. `deliveries` stands in front of all that came from outside.
pub(crate) fn uncounted(lines: &str) -> String {
    lines.split_inclusive('\n').map(|line| line.replacen("\"deliveries\":1", "\"deliveries\":0", 1)).collect()
}
