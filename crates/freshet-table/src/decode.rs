//! Lines become record batches, table by table. A bad line spoils no other: a line is read whole before any of it is taken.

use std::sync::Arc;

use arrow::array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use freshet_ingest::line::LINE_VERSION;
use freshet_schema::{ColumnType, Contract, Table};

use crate::flat::{self, Cursor, Value};

/// Over how many days a duplicate of the row may lie.
pub(crate) const SEARCH_DAYS: &str = "search_days";
/// 1 on the line that a delivery's outcome hangs on.
pub(crate) const DELIVERIES: &str = "deliveries";

/// Rows a batch.
const BATCH: usize = 4_096;
/// Bytes of text a batch, whose columns' offsets hold 32 bits.
const BATCH_TEXT: usize = 64 * 1024 * 1024;
/// The last day that a partition names: 9999-12-31.
const LAST_DAY: i64 = 2_932_896;

/// What a line is.
#[derive(Debug, Clone, Copy)]
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

/// The schema of a table's rows on their way: its columns, and what the compactor must know of each row.
pub(crate) fn schema(table: &Table) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = freshet_schema::arrow::schema(table).fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(SEARCH_DAYS, DataType::Int32, true)));
    fields.push(Arc::new(Field::new(DELIVERIES, DataType::Int32, true)));
    Arc::new(Schema::new(fields))
}

/// Collects the rows of one table.
#[derive(Debug)]
pub(crate) struct TableDecoder {
    schema: SchemaRef,
    kinds: Vec<ColumnType>,
    /// Whether a row without the column is none.
    needed: Vec<bool>,
    partition: usize,
    columns: Vec<Column>,
    rows: usize,
    text: usize,
    cells: Vec<Cell>,
    unescaped: String,
    elements: Vec<Option<Span>>,
    /// Of the last line: which column each of its keys was, since lines of a table are much alike.
    guesses: Vec<Option<usize>>,
    batches: Vec<RecordBatch>,
}

/// A text in the line or, resolved, beside it.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    is_plain: bool,
}

/// A value of a line, checked and not yet taken.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Null,
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(Span),
    Texts { from: usize, until: usize },
}

impl TableDecoder {
    pub(crate) fn new(table: &Table) -> Self {
        let schema = schema(table);
        let mut kinds: Vec<ColumnType> = table.columns.iter().map(|column| column.kind).collect();
        kinds.extend([ColumnType::Int, ColumnType::Int]);
        let needed = schema.fields().iter().map(|field| *field.name() == table.partition || table.key.contains(field.name())).collect();
        let partition = schema.index_of(&table.partition).expect("a test holds that every table has its partition");
        let columns = kinds.iter().map(|kind| Column::new(*kind, 0)).collect();
        let cells = vec![Cell::Null; kinds.len()];
        let (unescaped, elements, guesses, batches) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        Self { schema, kinds, needed, partition, columns, rows: 0, text: 0, cells, unescaped, elements, guesses, batches }
    }

    /// Takes a line, or says what is wrong with it: without its values.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<(), String> {
        let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
        if self.text + line.len() > BATCH_TEXT {
            self.end_batch();
        }
        self.read(line)?;
        for (column, cell) in self.columns.iter_mut().zip(&self.cells) {
            column.push(*cell, line, &self.unescaped, &self.elements);
        }
        self.text += line.len();
        self.rows += 1;
        if self.rows == BATCH {
            self.end_batch();
        }
        Ok(())
    }

    /// All rows so far.
    pub(crate) fn take(&mut self) -> Vec<RecordBatch> {
        self.end_batch();
        std::mem::take(&mut self.batches)
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        let not_json = || "it is not a JSON object".to_owned();
        self.cells.fill(Cell::Null);
        self.unescaped.clear();
        self.elements.clear();
        let mut cursor = Cursor::new(line.as_bytes(), 0);
        cursor.expect(b'{').ok_or_else(not_json)?;
        let (mut ordinal, mut next) = (0, 0);
        if !cursor.take(b'}') {
            loop {
                let key = cursor.key().ok_or_else(not_json)?;
                let value = cursor.value().ok_or_else(not_json)?;
                if let Some(place) = self.place(key, ordinal, next) {
                    next = place + 1;
                    self.cells[place] = self
                        .cell(place, value, line)
                        .ok_or_else(|| format!("`{}` does not fit its column", self.schema.field(place).name()))?;
                }
                ordinal += 1;
                if !cursor.take(b',') {
                    cursor.expect(b'}').ok_or_else(not_json)?;
                    break;
                }
            }
        }
        if !cursor.is_at_end() {
            return Err(not_json());
        }
        match self.needed.iter().zip(&self.cells).position(|(needed, cell)| *needed && matches!(cell, Cell::Null)) {
            Some(place) => Err(format!("it has no `{}`", self.schema.field(place).name())),
            None => Ok(()),
        }
    }

    /// The column of the line's `ordinal`-th key, sought from the column `next` on.
    fn place(&mut self, key: &[u8], ordinal: usize, next: usize) -> Option<usize> {
        let is_named = |place: usize| self.schema.field(place).name().as_bytes() == key;
        match self.guesses.get(ordinal) {
            Some(Some(guess)) if is_named(*guess) => return Some(*guess),
            Some(_) | None => {}
        }
        let count = self.cells.len();
        let found = (next..count).chain(0..next.min(count)).find(|place| is_named(*place));
        if self.guesses.len() <= ordinal {
            self.guesses.resize(ordinal + 1, None);
        }
        self.guesses[ordinal] = found;
        found
    }

    fn cell(&mut self, place: usize, value: Value, line: &str) -> Option<Cell> {
        let kind = self.kinds[place];
        match (kind, value) {
            (_, Value::Null) => Some(Cell::Null),
            (ColumnType::Boolean, Value::Bool(value)) => Some(Cell::Bool(value)),
            (ColumnType::String, Value::Text { start, end, is_plain }) => self.span(line, start, end, is_plain).map(Cell::Text),
            (ColumnType::Int, Value::Number { start, end }) => {
                line[start..end].parse::<i32>().ok().map(|value| Cell::Integer(value.into()))
            }
            (ColumnType::BigInt, Value::Number { start, end }) => line[start..end].parse().ok().map(Cell::Integer),
            (ColumnType::Double, Value::Number { start, end }) => line[start..end].parse().ok().map(Cell::Double),
            (ColumnType::Decimal, Value::Number { start, end } | Value::Text { start, end, is_plain: true }) => {
                flat::decimal(&line[start..end], ColumnType::DECIMAL_PRECISION.into(), ColumnType::DECIMAL_SCALE.into()).map(Cell::Integer)
            }
            (ColumnType::Timestamp, Value::Text { start, end, is_plain: true }) => flat::time(&line[start..end]).map(Cell::Integer),
            (ColumnType::Date, Value::Text { start, end, is_plain: true }) => {
                let day = i64::from(flat::day(&line[start..end])?);
                (place != self.partition || (0..=LAST_DAY).contains(&day)).then_some(Cell::Integer(day))
            }
            (ColumnType::StringArray, Value::Nested { start, end }) => self.texts(line, start, end),
            (_, Value::Bool(_) | Value::Number { .. } | Value::Text { .. } | Value::Nested { .. }) => None,
        }
    }

    fn span(&mut self, line: &str, start: usize, end: usize, is_plain: bool) -> Option<Span> {
        if is_plain {
            return Some(Span { start, end, is_plain });
        }
        let from = self.unescaped.len();
        flat::unescape(&line[start..end], &mut self.unescaped)?;
        Some(Span { start: from, end: self.unescaped.len(), is_plain })
    }

    fn texts(&mut self, line: &str, start: usize, end: usize) -> Option<Cell> {
        let from = self.elements.len();
        let mut cursor = Cursor::new(&line.as_bytes()[..end], start);
        cursor.expect(b'[')?;
        if !cursor.take(b']') {
            loop {
                let element = match cursor.value()? {
                    Value::Null => None,
                    Value::Text { start, end, is_plain } => Some(self.span(line, start, end, is_plain)?),
                    Value::Bool(_) | Value::Number { .. } | Value::Nested { .. } => return None,
                };
                self.elements.push(element);
                if !cursor.take(b',') {
                    cursor.expect(b']')?;
                    break;
                }
            }
        }
        Some(Cell::Texts { from, until: self.elements.len() })
    }

    fn end_batch(&mut self) {
        if self.rows == 0 {
            return;
        }
        let columns: Vec<ArrayRef> = self.columns.iter_mut().map(Column::finish).collect();
        for (column, kind) in self.columns.iter_mut().zip(&self.kinds) {
            // A builder keeps its growth: the next one begins with as much room as this batch took.
            *column = Column::new(*kind, if self.rows == BATCH { column.text() } else { 0 });
        }
        (self.rows, self.text) = (0, 0);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).expect("every column took every row");
        self.batches.push(batch);
    }
}

/// Puts a batch behind others; small ones are joined, so that their number stays small.
pub(crate) fn append(batches: &mut Vec<RecordBatch>, mut batch: RecordBatch) {
    while let Some(last) = batches.last()
        && last.num_rows() < 2 * batch.num_rows()
        && last.num_rows() + batch.num_rows() <= BATCH
    {
        let Ok(joined) = concat_batches(&batch.schema(), [last, &batch]) else {
            break;
        };
        batches.pop();
        batch = joined;
    }
    batches.push(batch);
}

/// A column that is being built.
#[derive(Debug)]
enum Column {
    Text(StringBuilder, usize),
    Bool(BooleanBuilder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Time(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Texts(ListBuilder<StringBuilder>),
}

impl Column {
    fn new(kind: ColumnType, text: usize) -> Self {
        let data_type = freshet_schema::arrow::data_type(kind);
        match kind {
            ColumnType::String => Self::Text(StringBuilder::with_capacity(if text > 0 { BATCH } else { 64 }, text + text / 16), 0),
            ColumnType::Boolean => Self::Bool(BooleanBuilder::new()),
            ColumnType::Int => Self::Int(Int32Builder::new()),
            ColumnType::BigInt => Self::BigInt(Int64Builder::new()),
            ColumnType::Double => Self::Double(Float64Builder::new()),
            ColumnType::Decimal => Self::Decimal(Decimal128Builder::new().with_data_type(data_type)),
            ColumnType::Timestamp => Self::Time(TimestampMicrosecondBuilder::new()),
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::StringArray => {
                Self::Texts(ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true)))
            }
        }
    }

    /// How many bytes of text the last batch took.
    fn text(&self) -> usize {
        match self {
            Self::Text(_, text) => *text,
            _ => 0,
        }
    }

    fn push(&mut self, cell: Cell, line: &str, unescaped: &str, elements: &[Option<Span>]) {
        let text = |span: Span| if span.is_plain { &line[span.start..span.end] } else { &unescaped[span.start..span.end] };
        let integer = match cell {
            Cell::Integer(value) => Some(value),
            Cell::Null | Cell::Bool(_) | Cell::Double(_) | Cell::Text(_) | Cell::Texts { .. } => None,
        };
        let small = integer.and_then(|value| i32::try_from(value).ok());
        match self {
            Self::Text(builder, _) => builder.append_option(if let Cell::Text(span) = cell { Some(text(span)) } else { None }),
            Self::Bool(builder) => builder.append_option(if let Cell::Bool(value) = cell { Some(value) } else { None }),
            Self::Int(builder) => builder.append_option(small),
            Self::BigInt(builder) => builder.append_option(integer),
            Self::Double(builder) => builder.append_option(if let Cell::Double(value) = cell { Some(value) } else { None }),
            Self::Decimal(builder) => builder.append_option(integer.map(i128::from)),
            Self::Time(builder) => builder.append_option(integer),
            Self::Date(builder) => builder.append_option(small),
            Self::Texts(builder) => match cell {
                Cell::Texts { from, until } => {
                    for element in &elements[from..until] {
                        builder.values().append_option(element.map(text));
                    }
                    builder.append(true);
                }
                Cell::Null | Cell::Bool(_) | Cell::Integer(_) | Cell::Double(_) | Cell::Text(_) => builder.append(false),
            },
        }
    }

    fn finish(&mut self) -> ArrayRef {
        let mut array: ArrayRef = match self {
            Self::Text(builder, text) => {
                *text = builder.values_slice().len();
                Arc::new(builder.finish())
            }
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::BigInt(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Texts(builder) => Arc::new(builder.finish()),
        };
        if let Some(array) = Arc::get_mut(&mut array) {
            array.shrink_to_fit();
        }
        array
    }
}

#[cfg(test)]
mod tests;
