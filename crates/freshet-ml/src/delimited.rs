//! Rows of a text table, whatever stands between its cells: a comma, a semicolon, a tab, a bar, or white space.
//!
//! What stands between is told from the first lines. Rows are read one by one, so that a table may be larger than
//! memory. Quoted cells, a byte order mark, and lines that end with CR are taken as they come; what is no text
//! at all is refused by its name. Cells are bytes here: what they mean is their reader's to say.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Chain, Cursor, Read};

use csv::ByteRecord;

use crate::error::Error;

/// Bytes and lines that decide what stands between cells.
const SAMPLE: u64 = 64 * 1024;
const LINES: usize = 50;
/// Names of columns in a message.
const NAMES: usize = 30;
/// What may stand between cells, the least likely to be part of one first.
const SEPARATORS: [u8; 4] = [b'\t', b';', b'|', b','];

/// A table under reading.
#[derive(Debug)]
pub struct Rows<R: Read> {
    source: Source<R>,
    has_decimal_commas: bool,
}

type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

#[derive(Debug)]
enum Source<R: Read> {
    Separated { reader: Box<csv::Reader<Whole<R>>>, ending: Ending, rows: u64 },
    Spaced { reader: BufReader<Whole<R>>, text: Vec<u8>, line: u64 },
}

/// How lines end. The parser counts line feeds, and one behind a carriage return only with the next row.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Feed,
    ReturnAndFeed,
    Return,
}

impl<R: Read> Rows<R> {
    /// Begins to read.
    pub fn open(mut source: R) -> Result<Self, Error> {
        let mut sample = Vec::new();
        source.by_ref().take(SAMPLE).read_to_end(&mut sample).map_err(|error| unreadable(1, error.into()))?;
        if let Some(kind) = foreign(&sample) {
            return Err(Error::NotText { kind });
        }
        if sample.starts_with(b"\xEF\xBB\xBF") {
            sample.drain(..3);
        }
        let separator = separator(&sample, sample.len() as u64 >= SAMPLE);
        let ending = match sample.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(place) if sample[place] == b'\r' && sample.get(place + 1) == Some(&b'\n') => Ending::ReturnAndFeed,
            Some(place) if sample[place] == b'\r' => Ending::Return,
            Some(_) | None => Ending::Feed,
        };
        let whole = Cursor::new(sample).chain(source);
        let has_decimal_commas = separator != Some(b',');
        let source = match separator {
            Some(separator) => {
                let mut builder = csv::ReaderBuilder::new();
                builder.has_headers(false).flexible(true).trim(csv::Trim::All).delimiter(separator);
                Source::Separated { reader: Box::new(builder.from_reader(whole)), ending, rows: 0 }
            }
            None => Source::Spaced { reader: BufReader::new(whole), text: Vec::new(), line: 0 },
        };
        Ok(Self { source, has_decimal_commas })
    }

    /// Whether a single comma in a number may be a decimal comma: not where commas stand between cells.
    pub fn has_decimal_commas(&self) -> bool {
        self.has_decimal_commas
    }

    /// Reads the next row that holds anything, and says its line; `None` at the end.
    pub fn read(&mut self, row: &mut ByteRecord) -> Result<Option<u64>, Error> {
        loop {
            let line = match &mut self.source {
                Source::Separated { reader, ending, rows } => {
                    let line = match ending {
                        Ending::Feed => reader.position().line(),
                        Ending::ReturnAndFeed => reader.position().line() + u64::from(*rows > 0),
                        Ending::Return => *rows + 1,
                    };
                    *rows += 1;
                    if !reader.read_byte_record(row).map_err(|source| unreadable(line, source))? {
                        return Ok(None);
                    }
                    line
                }
                Source::Spaced { reader, text, line } => {
                    text.clear();
                    *line += 1;
                    if reader.read_until(b'\n', text).map_err(|error| unreadable(*line, error.into()))? == 0 {
                        return Ok(None);
                    }
                    row.clear();
                    for cell in text.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty()) {
                        row.push_field(cell);
                    }
                    *line
                }
            };
            if row.iter().any(|cell| !cell.is_empty()) {
                return Ok(Some(line));
            }
        }
    }
}

/// The name of a format that is no text of bytes.
fn foreign(sample: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 6] = [
        (b"\xFF\xFE", "text in UTF-16"),
        (b"\xFE\xFF", "text in UTF-16"),
        (b"PK\x03\x04", "a ZIP archive or a spreadsheet"),
        (b"PAR1", "Parquet"),
        (b"\x1F\x8B", "gzip"),
        (b"\x28\xB5\x2F\xFD", "Zstandard"),
    ];
    let by_start = known.into_iter().find(|(start, _)| sample.starts_with(start)).map(|(_, kind)| kind);
    by_start.or_else(|| sample.contains(&0).then_some("binary data"))
}

/// What stands between cells; `None` is white space.
fn separator(sample: &[u8], is_cut: bool) -> Option<u8> {
    let is_blank = |line: &&[u8]| line.iter().all(u8::is_ascii_whitespace);
    let mut lines: Vec<&[u8]> = sample.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !is_blank(line)).take(LINES + 1).collect();
    if lines.len() > 1 && (is_cut || lines.len() > LINES) {
        lines.pop();
    }
    let Some(first) = lines.first() else { return Some(b',') };
    if is_spaced_with_decimal_commas(&lines) {
        return None;
    }
    let is_even = |separator: &u8| {
        let cells = count(first, *separator);
        cells > 0 && lines.iter().all(|line| count(line, *separator) == cells)
    };
    if let Some(separator) = SEPARATORS.into_iter().find(is_even) {
        return Some(separator);
    }
    let most = SEPARATORS.into_iter().max_by_key(|&separator| count(first, separator)).filter(|&separator| count(first, separator) > 0);
    let words = first.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty()).count();
    most.or_else(|| (words < 2).then_some(b','))
}

/// How often a byte stands outside quotes.
fn count(line: &[u8], separator: u8) -> usize {
    let mut is_quoted = false;
    line.iter()
        .filter(|&&byte| {
            is_quoted ^= byte == b'"';
            !is_quoted && byte == separator
        })
        .count()
}

/// White space between as many cells in each line, and commas between digits alone: `00001 19970101 1 11,77`.
fn is_spaced_with_decimal_commas(lines: &[&[u8]]) -> bool {
    let words = |line: &[u8]| line.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty()).count();
    let is_decimal = |line: &&[u8]| {
        let digit = |place: Option<usize>| place.and_then(|place| line.get(place)).is_some_and(u8::is_ascii_digit);
        line.iter().enumerate().all(|(place, &byte)| byte != b',' || (digit(place.checked_sub(1)) && digit(Some(place + 1))))
            && !line.split(u8::is_ascii_whitespace).any(|cell| count(cell, b',') > 1)
            && [b'\t', b';', b'|', b'"'].iter().all(|other| !line.contains(other))
    };
    let expected = lines.first().map_or(0, |line| words(line));
    expected >= 3
        && lines.iter().any(|line| line.contains(&b','))
        && lines.iter().all(|line| words(line) == expected)
        && lines.iter().all(is_decimal)
}

fn unreadable(line: u64, source: csv::Error) -> Error {
    Error::UnreadableTable { line, source }
}

/// Names of columns for a message, not too many. A first line of values is not told: they may be a person's.
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.take(NAMES + 1).collect();
    let is_value = |name: &&str| {
        name.contains('@') || matches!(number(name.as_bytes(), true), Number::Finite(_)) || name.parse::<chrono::NaiveDate>().is_ok()
    };
    if names.iter().any(is_value) {
        return "none: the first line holds values, and no names".to_owned();
    }
    if names.len() > NAMES {
        names[NAMES] = "…";
    }
    names.join(", ")
}

/// The place of a column: its name as it is, or in other letters where only one column has it.
pub fn place(names: &[String], column: &str) -> Option<usize> {
    names.iter().position(|name| name == column).or_else(|| {
        let mut alike = (0..names.len()).filter(|&place| names[place].eq_ignore_ascii_case(column));
        alike.next().filter(|_| alike.next().is_none())
    })
}

/// A cell's text, which is Latin-1 where it is not UTF-8; `None` where it is empty.
///
/// ```
/// use freshet_ml::delimited::text;
/// assert_eq!(text(b"M\xFCller").as_deref(), Some("M\u{fc}ller"));
/// ```
pub fn text(cell: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(cell).map_or_else(|_| cell.iter().map(|&byte| char::from(byte)).collect(), Cow::Borrowed);
    (!text.is_empty()).then_some(text)
}

/// What a cell is, taken as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Nothing: empty, `?`, `.`, `NA`, `<NA>`, `nan`, `NaT`, `null`, `\N`.
    Missing,
    /// A number.
    Finite(f64),
    /// Beyond all numbers: `inf`, or too many digits.
    Infinite,
    /// No number.
    Text,
}

/// Reads a cell as a number: `1.5`, `true`, `1,234.50`, `$12.50`, `(3.00)`, and `1,5` where a comma may be decimal.
///
/// ```
/// use freshet_ml::delimited::{Number, number};
/// assert_eq!(number(b" 1.5e3", false), Number::Finite(1500.0));
/// assert_eq!(number(b"1,234", false), Number::Finite(1234.0));
/// assert_eq!(number(b"1,234", true), Number::Finite(1.234));
/// assert_eq!(number(b"n/a", true), Number::Missing);
/// ```
pub fn number(cell: &[u8], has_decimal_commas: bool) -> Number {
    let Ok(text) = std::str::from_utf8(cell) else { return Number::Text };
    let text = text.trim();
    if ["", "?", "-", ".", "na", "n/a", "<na>", "nat", "null", "none", "#n/a", "\\n"]
        .iter()
        .any(|missing| text.eq_ignore_ascii_case(missing))
    {
        return Number::Missing;
    }
    let plain = text.parse().ok().or_else(|| match text {
        "true" | "True" | "TRUE" => Some(1.0),
        "false" | "False" | "FALSE" => Some(0.0),
        _ => regrouped(text, has_decimal_commas),
    });
    match plain {
        Some(value) if value.is_nan() => Number::Missing,
        Some(value) if value.is_infinite() => Number::Infinite,
        Some(value) => Number::Finite(value),
        None => Number::Text,
    }
}

/// A number with groups of thousands, a currency's sign, a decimal comma, or in brackets for below 0.
fn regrouped(text: &str, has_decimal_commas: bool) -> Option<f64> {
    let in_brackets = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let (mut sign, mut bare) = (if in_brackets.is_some() { -1.0 } else { 1.0 }, in_brackets.unwrap_or(text));
    let is_around = |character: char| character.is_whitespace() || "$€£¥%".contains(character);
    bare = bare.trim_matches(is_around);
    if let Some(rest) = bare.strip_prefix('-') {
        (sign, bare) = (-sign, rest.trim_matches(is_around));
    }
    let mark = match (bare.rfind(','), bare.rfind('.')) {
        (Some(comma), Some(dot)) if comma > dot => ',',
        (Some(_), None) if has_decimal_commas && bare.matches(',').count() == 1 => ',',
        (Some(_), None) => return grouped(bare).map(|whole| sign * whole),
        (Some(_), Some(_)) | (None, _) => '.',
    };
    let (whole, fraction) = bare.rsplit_once(mark).unwrap_or((bare, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole = if whole.is_empty() { 0.0 } else { grouped(whole)? };
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    Some(sign * (whole + fraction))
}

/// Digits, whole or in groups of three.
fn grouped(text: &str) -> Option<f64> {
    let groups: Vec<&str> = text.split([',', '.', ' ', '\'', '\u{a0}', '\u{202f}']).collect();
    let are_digits = groups.iter().all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    let are_groups = groups.len() == 1 || (groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3));
    if are_digits && are_groups { groups.concat().parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Number, Rows, listed, number, place};

    fn rows(text: &[u8]) -> Vec<(u64, Vec<String>)> {
        let mut rows = Rows::open(text).expect("a table");
        let mut row = csv::ByteRecord::new();
        let mut found = Vec::new();
        while let Some(line) = rows.read(&mut row).expect("a row") {
            found.push((line, row.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()));
        }
        found
    }

    #[test]
    fn what_stands_between_cells_is_told_from_the_lines() {
        let expected = [vec!["a", "b c", "d"], vec!["1", "2,5", "3"]];
        for text in [
            "a,b c,d\n1,\"2,5\",3\n".to_owned(),
            "\u{feff}a,b c,d\r\n1,\"2,5\",3\r\n".to_owned(),
            "a;b c;d\n1;2,5;3\n".to_owned(),
            "a\tb c\td\n1\t2,5\t3".to_owned(),
            "a|b c|d\n1|2,5|3\n".to_owned(),
            "\"a\";\"b c\";\"d\"\n1;2,5;3\n\n;;\n".to_owned(),
        ] {
            let cells: Vec<Vec<String>> = rows(text.as_bytes()).into_iter().map(|(_, cells)| cells).collect();
            assert_eq!(cells, expected, "{text:?}");
        }
        for text in ["  1  2004  2,5\n 2 2005   3,5 \r\n", "1 2004 2,5\n2 2005 3,5"] {
            assert_eq!(rows(text.as_bytes())[1], (2, vec!["2".to_owned(), "2005".to_owned(), "3,5".to_owned()]), "{text:?}");
        }
        assert_eq!(rows(b"who when what\n1 2 3\n")[0].1, ["who", "when", "what"]);
        assert_eq!(rows(b"1,2004-08-06 18:13:50,5\n2,2004-08-06 18:19:41,6\n")[1].1, ["2", "2004-08-06 18:19:41", "6"]);
        assert_eq!(rows(b"only\n1\n2\n")[2].1, ["2"]);
        assert!(rows(b"").is_empty() && rows(b"\n \n").is_empty());
    }

    #[test]
    fn a_column_is_found_in_other_letters_where_that_is_clear() {
        let names = ["Y", "Split", "a", "A"].map(str::to_owned);
        assert_eq!(["y", "split", "a", "A", "b"].map(|column| place(&names, column)), [Some(0), Some(1), Some(2), Some(3), None]);
        let both = ["When", "WHEN"].map(str::to_owned);
        assert_eq!(place(&both, "when"), None);
    }

    #[test]
    fn a_first_line_of_values_is_not_told() {
        assert_eq!(listed(["when", "who"].into_iter()), "when, who");
        for values in [["ada@example.com", "x"], ["Ada", "12.50"], ["Ada", "2026-01-02"]] {
            assert!(!listed(values.into_iter()).contains(values[0]), "{values:?}");
        }
    }

    #[test]
    fn lines_are_counted_however_they_end() {
        for ending in ["\n", "\r\n", "\r"] {
            let found = rows(["a,b", "1,2", "3,4", "5,6"].join(ending).as_bytes());
            assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3, 4], "{ending:?}");
        }
        let quoted = rows(b"a,b\n\"1\n1\",2\n3,4\n");
        assert_eq!(quoted.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 4]);
    }

    #[test]
    fn what_is_no_text_is_refused_by_its_name() {
        for (bytes, name) in
            [(b"\xFF\xFEa\0,\0" as &[u8], "UTF-16"), (b"PK\x03\x04rest", "spreadsheet"), (b"PAR1", "Parquet"), (b"a,\0,b\n", "binary")]
        {
            assert!(Rows::open(bytes).expect_err("refused").to_string().contains(name), "{name}");
        }
    }

    #[test]
    fn a_table_larger_than_the_sample_is_read_whole() {
        let text = (0..30_000).map(|row| format!("{row};x{row};1,5")).collect::<Vec<_>>().join("\n");
        let found = rows(text.as_bytes());
        assert_eq!(found.len(), 30_000);
        assert_eq!(found[29_999], (30_000, vec!["29999".to_owned(), "x29999".to_owned(), "1,5".to_owned()]));
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, commas, expected) in [
            ("1.5", false, Number::Finite(1.5)),
            ("-1e3", false, Number::Finite(-1000.0)),
            ("TRUE", false, Number::Finite(1.0)),
            ("1,234.5", false, Number::Finite(1234.5)),
            ("1.234,5", false, Number::Finite(1234.5)),
            ("1,5", true, Number::Finite(1.5)),
            ("-0,25", true, Number::Finite(-0.25)),
            ("1 234,5", true, Number::Finite(1234.5)),
            ("1,234,567", true, Number::Finite(1_234_567.0)),
            ("$12.50", false, Number::Finite(12.5)),
            ("-$12.50", false, Number::Finite(-12.5)),
            ("$-12.50", false, Number::Finite(-12.5)),
            ("(3.25)", false, Number::Finite(-3.25)),
            ("9 €", false, Number::Finite(9.0)),
            ("NaN", false, Number::Missing),
            ("-nan", false, Number::Missing),
            (" ", false, Number::Missing),
            ("<NA>", false, Number::Missing),
            ("\\N", true, Number::Missing),
            (".", true, Number::Missing),
            ("inf", false, Number::Infinite),
            ("-Infinity", false, Number::Infinite),
            ("1e999", false, Number::Infinite),
            ("1,5", false, Number::Text),
            ("1,2,3", false, Number::Text),
            ("2026-01-02", false, Number::Text),
            ("12:30", true, Number::Text),
            ("1.2.3", false, Number::Text),
            ("$", false, Number::Text),
            (",", true, Number::Text),
            ("web", false, Number::Text),
        ] {
            assert_eq!(number(text.as_bytes(), commas), expected, "{text}");
        }
    }
}
