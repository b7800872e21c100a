//! A labelled frame from a text table: numeric feature columns, `y` (0 or 1) and `split` (train, val, test).
//!
//! A column of text is no feature: it is left out and said. What [`Number::Missing`] says is missing; what
//! is infinite is missing too, and said.

use std::io::Read;

use csv::ByteRecord;

use crate::delimited::{self, Number, Rows, listed, number, text};
use crate::error::Error;
use crate::frame::{Column, Frame, Labelled};
use crate::split::Part;

/// What a frame's text gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The rows.
    pub labelled: Labelled,
    /// Columns that were left out because they are text.
    pub text_columns: Vec<String>,
    /// The line of the first text in each of them.
    pub text_lines: Vec<u64>,
    /// Columns that were left out because the caller said so.
    pub ignored_columns: Vec<String>,
    /// Rows that the condition left out.
    pub filtered_rows: usize,
    /// Numbers that are infinite, and so taken as missing.
    pub infinite_cells: usize,
    /// Column and line of the first of them.
    pub first_infinite: Option<(String, u64)>,
}

/// What to leave out.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Columns that are no features.
    pub ignore: Vec<String>,
    /// Only rows in which these columns have these values.
    pub conditions: Vec<(String, String)>,
}

/// A column under reading.
enum Gathered {
    Feature(Vec<f64>),
    /// Text from this line on.
    Text(u64),
    Ignored,
    /// The label, or the part.
    Special,
}

/// Reads a frame, row by row.
pub fn read(source: impl Read, selection: &Selection) -> Result<Reading, Error> {
    let mut rows = Rows::open(source)?;
    let mut record = ByteRecord::new();
    rows.read(&mut record)?;
    let names: Vec<String> = record.iter().map(|name| text(name).unwrap_or_default().into_owned()).collect();
    let missing = |column: &str| Error::MissingColumn { column: column.to_owned(), known: listed(names.iter().map(String::as_str)) };
    let place = |column: &str| delimited::place(&names, column).ok_or_else(|| missing(column));
    let (label, split) = (place("y")?, place("split")?);
    let ignored = selection.ignore.iter().map(|column| place(column)).collect::<Result<Vec<_>, Error>>()?;
    let conditions: Vec<(usize, &str)> =
        selection.conditions.iter().map(|(column, value)| Ok((place(column)?, value.as_str()))).collect::<Result<_, Error>>()?;

    let mut columns: Vec<Gathered> = (0..names.len())
        .map(|at| match () {
            () if at == label || at == split => Gathered::Special,
            () if ignored.contains(&at) => Gathered::Ignored,
            () => Gathered::Feature(Vec::new()),
        })
        .collect();
    let (mut labels, mut parts, mut filtered_rows) = (Vec::new(), Vec::new(), 0);
    let (mut infinite_cells, mut first_infinite) = (0, None);
    let has_decimal_commas = rows.has_decimal_commas();
    let as_number = |cell: &[u8]| number(cell, has_decimal_commas);
    while let Some(line) = rows.read(&mut record)? {
        let is_uneven = record.len() < names.len() || record.iter().skip(names.len()).any(|cell| !cell.is_empty());
        if is_uneven {
            return Err(Error::UnevenRow { line, cells: record.len(), expected: names.len() });
        }
        let cell = |column: usize| record.get(column).unwrap_or_default();
        if !conditions.iter().all(|&(column, value)| is_same(cell(column), value, has_decimal_commas)) {
            filtered_rows += 1;
            continue;
        }
        labels.push(match as_number(cell(label)) {
            Number::Finite(1.0) => true,
            Number::Finite(0.0) => false,
            _ if cell(label).eq_ignore_ascii_case(b"yes") => true,
            _ if cell(label).eq_ignore_ascii_case(b"no") => false,
            _ => return Err(Error::UnreadableCell { column: "y".to_owned(), line, expected: "0 or 1" }),
        });
        parts.push(text(cell(split)).and_then(|split| Part::parse(&split)).ok_or_else(|| Error::UnreadableCell {
            column: "split".to_owned(),
            line,
            expected: "train, val or test",
        })?);
        for (place, column) in columns.iter_mut().enumerate() {
            let Gathered::Feature(values) = column else { continue };
            match as_number(cell(place)) {
                Number::Finite(value) => values.push(value),
                Number::Missing => values.push(f64::NAN),
                Number::Infinite => {
                    infinite_cells += 1;
                    first_infinite.get_or_insert_with(|| (names[place].clone(), line));
                    values.push(f64::NAN);
                }
                Number::Text => *column = Gathered::Text(line),
            }
        }
    }
    let (mut features, mut text_columns, mut text_lines, mut ignored_columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, column) in names.into_iter().zip(columns) {
        match column {
            Gathered::Feature(values) => features.push((name, Column::Number(values))),
            Gathered::Text(line) => {
                text_columns.push(name);
                text_lines.push(line);
            }
            Gathered::Ignored => ignored_columns.push(name),
            Gathered::Special => {}
        }
    }
    if features.is_empty() {
        return Err(Error::NoFeatures);
    }
    let labelled = Labelled::new(Frame::new(features)?, labels, parts)?;
    Ok(Reading { labelled, text_columns, text_lines, ignored_columns, filtered_rows, infinite_cells, first_infinite })
}

/// Whether a cell is this value, as text or as a number.
fn is_same(cell: &[u8], value: &str, has_decimal_commas: bool) -> bool {
    let as_number = |text: &[u8]| match number(text, has_decimal_commas) {
        Number::Finite(number) => Some(number),
        Number::Missing | Number::Infinite | Number::Text => None,
    };
    cell == value.trim().as_bytes() || as_number(cell).is_some_and(|number| as_number(value.as_bytes()) == Some(number))
}

#[cfg(test)]
mod tests {
    use super::{Selection, read};
    use crate::frame::Column;
    use crate::split::Part;

    const TEXT: &[u8] = b"id,channel,recency,spend,y,split,month\n7,web,3,1.5,1,train,1\n8,shop,?,2,0,val,1\n9,web,4,,0,test,2\n";

    #[test]
    fn numbers_are_features_and_text_is_said() {
        let selection = Selection { ignore: vec!["id".to_owned()], conditions: vec![("month".to_owned(), "1".to_owned())] };
        let reading = read(TEXT, &selection).expect("a frame");
        assert_eq!(reading.text_columns, ["channel"]);
        assert_eq!(reading.ignored_columns, ["id"]);
        assert_eq!(reading.filtered_rows, 1);
        assert_eq!(reading.labelled.labels(), [true, false]);
        assert_eq!(reading.labelled.parts(), [Part::Train, Part::Validation]);
        let Some(Column::Number(recency)) = reading.labelled.frame().column("recency") else { panic!("a number") };
        assert_eq!(recency[0].to_bits(), 3.0f64.to_bits());
        assert!(recency[1].is_nan());
    }

    #[test]
    fn what_cannot_be_a_frame_is_refused_with_its_place() {
        let refused = |text: &[u8]| read(text, &Selection::default()).expect_err("refused").to_string();
        assert!(refused(b"a,split\n1,train\n").contains("no column y"));
        assert!(refused(b"a,y,split\n1,2,train\n").contains("column y at line 2"));
        assert!(refused(b"a,y,split\n1,1,later\n").contains("column split at line 2"));
        assert!(refused(b"a,y,split\n1,1\n").contains("line 2"));
        assert!(refused(b"a,y,split\nweb,1,train\n").contains("no feature"));
        let unknown = Selection { ignore: vec!["nothing".to_owned()], conditions: Vec::new() };
        assert!(read(TEXT, &unknown).is_err());
    }

    #[test]
    fn a_table_as_a_spreadsheet_writes_it_is_the_same_frame() {
        let expected = read(TEXT, &Selection::default()).expect("a frame").labelled;
        let text = String::from_utf8(TEXT.to_vec()).expect("text");
        for other in [
            format!("\u{feff}{}", text.replace('\n', "\r\n")),
            text.replace(',', ";").replace("1.5", "1,5"),
            text.replace(',', "\t"),
            text.lines().map(|line| format!("\"{}\"", line.replace(',', "\",\""))).collect::<Vec<_>>().join("\n"),
        ] {
            let found = read(other.as_bytes(), &Selection::default()).expect("a frame").labelled;
            assert_eq!(found.sha256(), expected.sha256(), "{other:?}");
        }
    }

    #[test]
    fn a_condition_is_met_as_text_or_as_a_number() {
        let rows = |value: &str| {
            let selection = Selection { ignore: Vec::new(), conditions: vec![("month".to_owned(), value.to_owned())] };
            read(TEXT, &selection).expect("a frame").labelled.labels().len()
        };
        assert_eq!((rows("1"), rows("1.0"), rows(" 2 "), rows("3")), (2, 2, 1, 0));
    }

    #[test]
    fn what_is_infinite_is_missing_and_said_and_where_text_begins_too() {
        let reading = read(b"a,b,y,split\n1,2,1,train\ninf,x,0,train\n1e999,3,0,train\n" as &[u8], &Selection::default()).expect("a frame");
        assert_eq!((reading.infinite_cells, reading.first_infinite), (2, Some(("a".to_owned(), 3))));
        assert_eq!((reading.text_columns.as_slice(), reading.text_lines.as_slice()), (["b".to_owned()].as_slice(), [3].as_slice()));
        let Some(Column::Number(values)) = reading.labelled.frame().column("a") else { panic!("a number") };
        assert!(values[1].is_nan() && values[2].is_nan());
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        for seed in 0..200u64 {
            let mut draws = crate::random::Draws::new(seed);
            let bytes: Vec<u8> = (0..200).map(|_| b"a,y\n\"\xff1 split?.-\r"[draws.below(17)]).collect();
            let _ = read([b"a,y,split\n", bytes.as_slice()].concat().as_slice(), &Selection::default());
        }
    }
}
