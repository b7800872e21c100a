//! A frozen training frame as text, beside its model file: what a training can be repeated from, to the byte.
//!
//! CSV with `person`, `cut_off`, `y` and `split` in front of the features. Numbers have their shortest digits that read
//! back to the same bits, so that the hash of what is read is the hash of what was written; a category's name has
//! `:category` behind it. `person` is a pseudonym: it is there so that an erasure finds the rows, and no feature.
//! [`crate::frame_text`] reads the same text and takes the categories for text that is ignored.

use std::io::Read;

use chrono::NaiveDate;

use crate::error::Error;
use crate::frame::{Column, Frame, Labelled};
use crate::split::Part;

/// Columns that stand in front of the features.
const FRONT: [&str; 4] = ["person", "cut_off", "y", "split"];

/// What stands behind the name of a category.
const CATEGORY: &str = ":category";

/// Whose row it is, and when they were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The pseudonym.
    pub person: String,
    /// The cut-off, as `2026-03-01`.
    pub cut_off: String,
}

/// The first and the last cut-off of the rows that a model learned from: all but those that judge.
pub fn window(labelled: &Labelled, origins: &[Origin]) -> Option<(NaiveDate, NaiveDate)> {
    let learned = origins.iter().zip(labelled.parts()).filter(|(_, part)| **part != Part::Test);
    let mut days: Vec<NaiveDate> = learned.filter_map(|(origin, _)| origin.cut_off.parse().ok()).collect();
    days.sort_unstable();
    Some((*days.first()?, *days.last()?))
}

/// Writes a frame; `origins` has one entry a row.
pub fn write(labelled: &Labelled, origins: &[Origin]) -> Result<Vec<u8>, Error> {
    let rows = labelled.labels().len();
    if origins.len() != rows {
        return Err(Error::UnevenColumns { column: FRONT[0].to_owned(), rows: origins.len(), expected: rows });
    }
    let unwritten = |source| Error::UnreadableTable { line: 0, source };
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let columns = labelled.frame().columns();
    let named = |(name, column): &(String, Column)| match column {
        Column::Number(_) => name.clone(),
        Column::Category(_) => format!("{name}{CATEGORY}"),
    };
    writer.write_record(FRONT.into_iter().map(str::to_owned).chain(columns.iter().map(named))).map_err(unwritten)?;
    let mut cells: Vec<String> = Vec::with_capacity(FRONT.len() + columns.len());
    for (row, origin) in origins.iter().enumerate() {
        cells.clear();
        let label = if labelled.labels()[row] { "1" } else { "0" };
        cells.extend([origin.person.clone(), origin.cut_off.clone(), label.to_owned(), labelled.parts()[row].name().to_owned()]);
        cells.extend(columns.iter().map(|(_, column)| match column {
            Column::Number(values) if values[row].is_nan() => String::new(),
            Column::Number(values) => format!("{:?}", values[row] + 0.0),
            Column::Category(values) => values[row].clone().unwrap_or_default(),
        }));
        writer.write_record(&cells).map_err(unwritten)?;
    }
    writer.into_inner().map_err(|error| Error::UnwrittenTable { message: error.error().to_string() })
}

/// Reads what [`write()`] wrote.
pub fn read(text: impl Read) -> Result<(Labelled, Vec<Origin>), Error> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text);
    let headers = reader.headers().map_err(|source| Error::UnreadableTable { line: 1, source })?.clone();
    for (place, name) in FRONT.iter().enumerate() {
        if headers.get(place) != Some(name) {
            return Err(Error::UnreadableCell { column: (*name).to_owned(), line: 1, expected: "its name" });
        }
    }
    let names: Vec<&str> = headers.iter().skip(FRONT.len()).collect();
    let mut columns: Vec<Column> =
        names.iter().map(|name| if name.ends_with(CATEGORY) { Column::Category(Vec::new()) } else { Column::Number(Vec::new()) }).collect();
    let (mut labels, mut parts, mut origins) = (Vec::new(), Vec::new(), Vec::new());
    for (place, record) in reader.records().enumerate() {
        let line = place as u64 + 2;
        let record = record.map_err(|source| Error::UnreadableTable { line, source })?;
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let wrong = |column: &str, expected| Error::UnreadableCell { column: column.to_owned(), line, expected };
        labels.push(match cell(2) {
            "1" => true,
            "0" => false,
            _ => return Err(wrong("y", "0 or 1")),
        });
        parts.push(Part::parse(cell(3)).ok_or_else(|| wrong("split", "train, val or test"))?);
        origins.push(Origin { person: cell(0).to_owned(), cut_off: cell(1).to_owned() });
        for (place, column) in columns.iter_mut().enumerate() {
            let text = cell(FRONT.len() + place);
            match column {
                Column::Number(values) if text.is_empty() => values.push(f64::NAN),
                Column::Number(values) => values.push(text.parse().map_err(|_| wrong(names[place], "a number"))?),
                Column::Category(values) => values.push((!text.is_empty()).then(|| text.to_owned())),
            }
        }
    }
    let frame = Frame::new(names.iter().map(|name| name.trim_end_matches(CATEGORY).to_owned()).zip(columns).collect())?;
    let labelled = Labelled::new(frame, labels, parts)?.of_people(origins.iter().map(|origin| &origin.person))?;
    Ok((labelled, origins))
}

/// How many rows a frame has.
pub fn rows(text: impl Read) -> Result<usize, Error> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text);
    reader.byte_records().try_fold(0, |rows, record| record.map(|_| rows + 1)).map_err(|source| Error::UnreadableTable { line: 0, source })
}

#[cfg(test)]
mod tests {
    use super::{Origin, read, rows, write};
    use crate::frame::{Column, Frame, Labelled};
    use crate::frame_text::{self, Selection};
    use crate::split::Part;

    fn frame() -> (Labelled, Vec<Origin>) {
        let numbers = vec![0.1 + 0.2, f64::NAN, -1e-300, 1e21];
        let kinds = vec![Some("web, \"old\"".to_owned()), None, Some("pos".to_owned()), None];
        let columns = vec![("spend".to_owned(), Column::Number(numbers)), ("source".to_owned(), Column::Category(kinds))];
        let parts = vec![Part::Train, Part::Validation, Part::Test, Part::Test];
        let labelled = Labelled::new(Frame::new(columns).expect("a frame"), vec![true, false, true, false], parts).expect("labels");
        let origins = (0..4).map(|row| Origin { person: format!("p{row}"), cut_off: "2026-03-01".to_owned() }).collect();
        (labelled, origins)
    }

    #[test]
    fn what_is_read_has_the_hash_of_what_was_written() {
        let (labelled, origins) = frame();
        let text = write(&labelled, &origins).expect("text");
        let (back, from) = read(text.as_slice()).expect("a frame");
        assert_eq!(back.sha256(), labelled.sha256());
        assert_eq!(from, origins);
        assert_eq!(rows(text.as_slice()).expect("rows"), 4);
        assert_eq!(write(&back, &from).expect("text"), text);
    }

    #[test]
    fn it_is_a_frame_that_anyone_can_evaluate() {
        let (labelled, origins) = frame();
        let reading = frame_text::read(write(&labelled, &origins).expect("text").as_slice(), &Selection::default()).expect("a frame");
        assert_eq!(reading.text_columns, ["person", "cut_off", "source:category"]);
        assert_eq!(reading.labelled.labels(), labelled.labels());
    }

    #[test]
    fn what_is_no_frozen_frame_is_refused() {
        assert!(read("a,b\n1,2\n".as_bytes()).is_err());
        assert!(read("person,cut_off,y,split,a\np,d,2,train,1\n".as_bytes()).expect_err("refused").to_string().contains("line 2"));
        assert!(read("person,cut_off,y,split,a\np,d,1,train,x\n".as_bytes()).expect_err("refused").to_string().contains("column a"));
        let (labelled, origins) = frame();
        assert!(write(&labelled, &origins[1..]).is_err());
    }
}
