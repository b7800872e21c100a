//! A labelled frame from CSV text: numeric feature columns, `y` (0 or 1) and `split` (train, val, test).
//!
//! A column of text is no feature: it is left out and said. Empty cells, `?`, `NA`, `nan` and `null` are missing.

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
    /// Columns that were left out because the caller said so.
    pub ignored_columns: Vec<String>,
    /// Rows that the condition left out.
    pub filtered_rows: usize,
}

/// What to leave out.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Columns that are no features.
    pub ignore: Vec<String>,
    /// Only rows in which these columns have these values.
    pub conditions: Vec<(String, String)>,
}

/// Reads a frame.
pub fn read(text: &[u8], selection: &Selection) -> Result<Reading, Error> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let headers = reader.byte_headers().map_err(|source| unreadable(1, source))?.clone();
    let names: Vec<String> = headers.iter().map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').to_owned()).collect();
    let place =
        |column: &str| names.iter().position(|name| name == column).ok_or_else(|| Error::MissingColumn { column: column.to_owned() });
    let (label, split) = (place("y")?, place("split")?);
    for column in &selection.ignore {
        place(column)?;
    }
    let conditions: Vec<(usize, &str)> =
        selection.conditions.iter().map(|(column, value)| Ok((place(column)?, value.as_str()))).collect::<Result<_, Error>>()?;
    let ignored: Vec<bool> = names.iter().map(|name| selection.ignore.contains(name)).collect();

    let mut columns: Vec<Option<Vec<f64>>> =
        (0..names.len()).map(|column| (column != label && column != split && !ignored[column]).then(Vec::new)).collect();
    let (mut labels, mut parts, mut filtered_rows) = (Vec::new(), Vec::new(), 0);
    let mut record = csv::ByteRecord::new();
    loop {
        let line = reader.position().line();
        if !reader.read_byte_record(&mut record).map_err(|source| unreadable(line, source))? {
            break;
        }
        let cell = |column: usize| record.get(column).unwrap_or_default();
        if conditions.iter().any(|&(column, value)| cell(column) != value.as_bytes()) {
            filtered_rows += 1;
            continue;
        }
        labels.push(match parse(cell(label)) {
            Some(1.0) => true,
            Some(0.0) => false,
            _ => return Err(Error::UnreadableCell { column: "y".to_owned(), line, expected: "0 or 1" }),
        });
        parts.push(std::str::from_utf8(cell(split)).ok().and_then(Part::parse).ok_or_else(|| Error::UnreadableCell {
            column: "split".to_owned(),
            line,
            expected: "train, val or test",
        })?);
        for (place, column) in columns.iter_mut().enumerate() {
            let Some(values) = column else { continue };
            match parse(cell(place)) {
                Some(value) => values.push(value),
                None => *column = None,
            }
        }
    }
    let kept = columns.iter().map(Option::is_some).collect::<Vec<_>>();
    let others = |wanted: bool| -> Vec<String> {
        (0..names.len())
            .filter(|&at| at != label && at != split && !kept[at] && ignored[at] == wanted)
            .map(|at| names[at].clone())
            .collect()
    };
    let (ignored_columns, text_columns) = (others(true), others(false));
    let frame =
        Frame::new(names.iter().cloned().zip(columns).filter_map(|(name, values)| Some((name, Column::Number(values?)))).collect())?;
    let frame = if frame.columns().is_empty() { return Err(Error::NoFeatures) } else { frame };
    Ok(Reading { labelled: Labelled::new(frame, labels, parts)?, text_columns, ignored_columns, filtered_rows })
}

/// A cell as a number: missing is `NaN`, text is `None`.
pub fn parse(cell: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(cell).ok()?.trim();
    if ["", "?", "na", "n/a", "nan", "null", "none"].iter().any(|missing| text.eq_ignore_ascii_case(missing)) {
        return Some(f64::NAN);
    }
    match text {
        "true" | "True" | "TRUE" => Some(1.0),
        "false" | "False" | "FALSE" => Some(0.0),
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

fn unreadable(line: u64, source: csv::Error) -> Error {
    Error::UnreadableTable { line, source }
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
    fn any_bytes_are_read_or_refused() {
        for seed in 0..200u64 {
            let mut draws = crate::random::Draws::new(seed);
            let bytes: Vec<u8> = (0..200).map(|_| b"a,y\n\"\xff1 split?.-\r"[draws.below(17)]).collect();
            let _ = read(&[b"a,y,split\n", bytes.as_slice()].concat(), &Selection::default());
        }
    }
}
