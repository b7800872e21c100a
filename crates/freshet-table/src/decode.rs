//! Lines become record batches, table by table. A bad line spoils no other.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use freshet_ingest::line::LINE_VERSION;
use freshet_schema::{Contract, Table};

use crate::error::Error;

/// Over how many days a duplicate of the row may lie.
pub(crate) const SEARCH_DAYS: &str = "search_days";
/// 1 on the line that a delivery's outcome hangs on.
pub(crate) const DELIVERIES: &str = "deliveries";

/// Rows a batch: the decoder slows down above this, when its tape leaves the processor's cache.
const BATCH: usize = 1_024;
/// Bytes of lines that are collected before they are decoded.
const PENDING: usize = 1024 * 1024;

/// What a line is.
pub(crate) enum Kind<'contract> {
    /// A row of a table.
    Row(&'contract Table),
    /// A row for newer code.
    Newer,
    /// Not a row of ours.
    Foreign,
}

/// Reads the front of a line, which every writer of ours writes in this order.
pub(crate) fn kind<'contract>(contract: &'contract Contract, line: &[u8]) -> Kind<'contract> {
    let Some((name, line_version, schema_version)) = front(line) else {
        return Kind::Foreign;
    };
    if line_version > LINE_VERSION {
        return Kind::Newer;
    }
    match contract.table(name) {
        Some(table) if schema_version <= table.version => Kind::Row(table),
        Some(_) | None => Kind::Newer,
    }
}

fn front(line: &[u8]) -> Option<(&str, u32, u32)> {
    let rest = line.strip_prefix(b"{\"table\":\"")?;
    let end = rest.iter().position(|byte| *byte == b'"').filter(|end| *end <= 255)?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let rest = rest[end..].strip_prefix(b"\",\"line_version\":")?;
    let (line_version, rest) = number(rest)?;
    let rest = rest.strip_prefix(b",\"schema_version\":")?;
    let (schema_version, _) = number(rest)?;
    Some((name, line_version, schema_version))
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?, &bytes[end..]))
}

/// Collects the rows of one table.
#[derive(Debug)]
pub(crate) struct TableDecoder {
    name: String,
    schema: SchemaRef,
    decoder: Decoder,
    lines: Vec<u8>,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

/// Rows that could not be decoded: how many, and what the decoder said of the first.
#[derive(Debug, Default)]
pub(crate) struct BadLines {
    pub(crate) count: usize,
    pub(crate) message: Option<String>,
}

impl TableDecoder {
    pub(crate) fn new(table: &Table) -> Result<Self, Error> {
        let mut fields: Vec<Arc<Field>> = freshet_schema::arrow::schema(table).fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(SEARCH_DAYS, DataType::Int32, true)));
        fields.push(Arc::new(Field::new(DELIVERIES, DataType::Int32, true)));
        let schema = Arc::new(Schema::new(fields));
        let decoder = decoder(&schema, &table.name)?;
        Ok(Self { name: table.name.clone(), schema, decoder, lines: Vec::new(), batches: Vec::new(), bytes: 0 })
    }

    /// Takes a line; decodes when enough are there.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<BadLines, Error> {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        if self.lines.len() >= PENDING { self.flush() } else { Ok(BadLines::default()) }
    }

    /// What it holds in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.lines.capacity()
    }

    /// Decodes what is left and returns all batches.
    pub(crate) fn finish(mut self) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
        let bad = self.flush()?;
        if bad.count > 0 {
            // Lines of an object have been decoded with it: these are lines of ours, and a test holds that they fit.
            tracing::error!(table = self.name, lines = bad.count, "rows of the compactor's own do not fit their table");
        }
        Ok((self.schema, self.batches))
    }

    /// Decodes the lines that are collected; says how many do not fit.
    pub(crate) fn flush(&mut self) -> Result<BadLines, Error> {
        let lines = std::mem::take(&mut self.lines);
        let before = self.batches.len();
        let mut bad = BadLines::default();
        if self.decode(&lines).is_err() {
            // The batch is spoiled: once more, line by line.
            self.batches.truncate(before);
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                self.decoder = decoder(&self.schema, &self.name)?;
                if let Err(error) = self.decode(line) {
                    bad.count += 1;
                    bad.message.get_or_insert_with(|| describe(&error));
                }
            }
            self.decoder = decoder(&self.schema, &self.name)?;
        }
        self.bytes += self.batches[before..].iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
        self.lines = lines;
        self.lines.clear();
        Ok(bad)
    }

    fn decode(&mut self, lines: &[u8]) -> Result<(), arrow::error::ArrowError> {
        let mut rest = lines;
        while !rest.is_empty() {
            let taken = self.decoder.decode(rest)?;
            rest = &rest[taken..];
            if taken == 0 || self.decoder.len() >= BATCH {
                self.batches.extend(self.decoder.flush()?);
            }
        }
        self.batches.extend(self.decoder.flush()?);
        Ok(())
    }
}

fn decoder(schema: &SchemaRef, table: &str) -> Result<Decoder, Error> {
    ReaderBuilder::new(Arc::clone(schema)).with_batch_size(BATCH).build_decoder().map_err(Error::arrow("prepare to decode rows", table))
}

/// What the decoder says, up to the value that it quotes.
fn describe(error: &arrow::error::ArrowError) -> String {
    let text = error.to_string();
    let end = text.find(['"', '\'', '`']).unwrap_or(text.len()).min(120);
    let end = (0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].trim_end_matches([' ', ':']).to_owned()
}
