//! Rows of features by column, and the rows' labels and parts.
//!
//! A number that is missing is `NaN`, a category that is missing is `None`. A frame has a hash over its names and
//! values, so that a model file can say what exactly it was trained on.

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::random::number_of_key;
use crate::split::{Part, rows};

/// The values of one feature.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers; `NaN` is missing.
    Number(Vec<f64>),
    /// Names of a few kinds.
    Category(Vec<Option<String>>),
}

impl Column {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Category(values) => values.len(),
        }
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Number(values) => Self::Number(rows.iter().map(|&row| values[row]).collect()),
            Self::Category(values) => Self::Category(rows.iter().map(|&row| values[row].clone()).collect()),
        }
    }
}

/// Named columns of one length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    columns: Vec<(String, Column)>,
}

impl Frame {
    /// A frame of columns of one length and of different names.
    pub fn new(columns: Vec<(String, Column)>) -> Result<Self, Error> {
        let expected = columns.first().map_or(0, |(_, column)| column.len());
        for (place, (name, column)) in columns.iter().enumerate() {
            if column.len() != expected {
                return Err(Error::UnevenColumns { column: name.clone(), rows: column.len(), expected });
            }
            if columns[..place].iter().any(|(other, _)| other == name) {
                return Err(Error::DoubleColumn { column: name.clone() });
            }
        }
        Ok(Self { columns })
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// The columns in order.
    pub fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(other, _)| other == name).map(|(_, column)| column)
    }

    /// These rows of it.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        Self { columns: self.columns.iter().map(|(name, column)| (name.clone(), column.take(rows))).collect() }
    }

    /// It without the columns of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        Self { columns: self.columns.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect() }
    }

    fn feed(&self, hasher: &mut Sha256) {
        for (name, column) in &self.columns {
            hasher.update((name.len() as u64).to_be_bytes());
            hasher.update(name.as_bytes());
            hasher.update((column.len() as u64).to_be_bytes());
            match column {
                Column::Number(values) => values.iter().for_each(|value| {
                    let bits = if value.is_nan() { u64::MAX } else { (value + 0.0).to_bits() };
                    hasher.update(bits.to_be_bytes());
                }),
                Column::Category(values) => values.iter().for_each(|value| {
                    hasher.update(value.as_ref().map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
                    hasher.update(value.as_deref().unwrap_or_default().as_bytes());
                }),
            }
        }
    }
}

/// A frame of which the answers are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    frame: Frame,
    labels: Vec<bool>,
    parts: Vec<Part>,
    people: Option<Vec<u64>>,
}

impl Labelled {
    /// Labels and parts beside a frame of as many rows.
    pub fn new(frame: Frame, labels: Vec<bool>, parts: Vec<Part>) -> Result<Self, Error> {
        for (name, rows) in [("label", labels.len()), ("split", parts.len())] {
            if rows != frame.rows() {
                return Err(Error::UnevenColumns { column: name.to_owned(), rows, expected: frame.rows() });
            }
        }
        Ok(Self { frame, labels, parts, people: None })
    }

    /// The same rows with the keys of those whose they are, so that whoever has several rows is held out with all of them or not at all.
    pub fn of_people<K: AsRef<[u8]>>(mut self, keys: impl IntoIterator<Item = K>) -> Result<Self, Error> {
        let people: Vec<u64> = keys.into_iter().map(|key| number_of_key(key.as_ref())).collect();
        if people.len() != self.labels.len() {
            return Err(Error::UnevenColumns { column: "person".to_owned(), rows: people.len(), expected: self.labels.len() });
        }
        self.people = Some(people);
        Ok(self)
    }

    /// The features.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The labels.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// The parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The rows of one part with their labels.
    pub fn part(&self, part: Part) -> (Frame, Vec<bool>) {
        let rows = rows(&self.parts, part);
        (self.frame.take(&rows), rows.iter().map(|&row| self.labels[row]).collect())
    }

    /// Of whom the rows of one part are; where nobody said, each row is of its own.
    pub fn people(&self, part: Part) -> Vec<u64> {
        let rows = rows(&self.parts, part);
        match &self.people {
            Some(people) => rows.iter().map(|&row| people[row]).collect(),
            None => (0..rows.len() as u64).collect(),
        }
    }

    /// The same rows with another frame.
    pub fn with_frame(&self, frame: Frame) -> Result<Self, Error> {
        let with = Self::new(frame, self.labels.clone(), self.parts.clone())?;
        Ok(Self { people: self.people.clone(), ..with })
    }

    /// The hash over names, values, labels and parts.
    pub fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        self.frame.feed(&mut hasher);
        hasher.update(self.labels.iter().map(|&label| u8::from(label)).collect::<Vec<_>>());
        hasher.update(self.parts.iter().flat_map(|part| part.name().bytes().take(2)).collect::<Vec<_>>());
        hex::encode(hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Frame, Labelled};
    use crate::split::Part;

    fn number(name: &str, values: &[f64]) -> (String, Column) {
        (name.to_owned(), Column::Number(values.to_vec()))
    }

    #[test]
    fn uneven_and_double_columns_are_refused() {
        assert!(Frame::new(vec![number("a", &[1.0]), number("b", &[1.0, 2.0])]).is_err());
        assert!(Frame::new(vec![number("a", &[1.0]), number("a", &[1.0])]).is_err());
        let frame = Frame::new(vec![number("a", &[1.0])]).expect("a frame");
        assert!(Labelled::new(frame, vec![true, false], vec![Part::Train]).is_err());
    }

    #[test]
    fn a_person_is_the_same_in_every_look() {
        let labelled =
            Labelled::new(Frame::new(vec![number("a", &[1.0; 4])]).expect("a frame"), vec![true; 4], vec![Part::Train; 4]).expect("labels");
        assert_eq!(labelled.people(Part::Train), [0, 1, 2, 3]);
        assert!(labelled.clone().of_people(["p"; 3]).is_err());
        let people = labelled.of_people(["p", "q", "p", "r"]).expect("people");
        let numbers = people.people(Part::Train);
        assert!(numbers[0] == numbers[2] && numbers[0] != numbers[1] && numbers[1] != numbers[3]);
        assert_eq!(people.with_frame(people.frame().clone()).expect("a frame").people(Part::Train), numbers);
    }

    #[test]
    fn the_hash_tells_names_values_labels_and_parts_apart() {
        let hash = |name: &str, values: &[f64], labels: &[bool], part| {
            Labelled::new(Frame::new(vec![number(name, values)]).expect("a frame"), labels.to_vec(), vec![part; 2])
                .expect("labels")
                .sha256()
        };
        let first = hash("a", &[1.0, f64::NAN], &[true, false], Part::Train);
        assert_eq!(first, hash("a", &[1.0, -f64::NAN], &[true, false], Part::Train));
        for other in [
            hash("b", &[1.0, f64::NAN], &[true, false], Part::Train),
            hash("a", &[1.0, 0.0], &[true, false], Part::Train),
            hash("a", &[1.0, f64::NAN], &[true, true], Part::Train),
            hash("a", &[1.0, f64::NAN], &[true, false], Part::Test),
        ] {
            assert_ne!(first, other);
        }
    }
}
