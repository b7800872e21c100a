//! Where a row counts: in training, in validation or in the test; by time, or by person.
//!
//! Rows are never split at random: what is learned today is used tomorrow, and a person in two parts would be
//! remembered rather than understood.

use chrono::NaiveDate;

use crate::random::share_of_key;

/// A part of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Learned from.
    Train,
    /// Chosen and calibrated on: later than training.
    Validation,
    /// Judged on, once: later than validation.
    Test,
}

impl Part {
    /// Reads `train`, `val`, `valid`, `validation` or `test`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "train" => Some(Self::Train),
            "val" | "valid" | "validation" => Some(Self::Validation),
            "test" => Some(Self::Test),
            _ => None,
        }
    }

    /// The part's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The part of a row of this day: validation from `validation` on, test from `test` on.
pub fn by_time(day: NaiveDate, validation: NaiveDate, test: NaiveDate) -> Part {
    if day >= test {
        Part::Test
    } else if day >= validation {
        Part::Validation
    } else {
        Part::Train
    }
}

/// The part of a person: the same for each of their rows, by a hash with a seed.
pub fn by_person(person: &[u8], validation_share: f64, test_share: f64, seed: u64) -> Part {
    let share = share_of_key(person, seed);
    if share < test_share {
        Part::Test
    } else if share < test_share + validation_share {
        Part::Validation
    } else {
        Part::Train
    }
}

/// The rows of a part, in order.
pub fn rows(parts: &[Part], part: Part) -> Vec<usize> {
    (0..parts.len()).filter(|&row| parts[row] == part).collect()
}

#[cfg(test)]
mod tests {
    use super::{Part, by_person, by_time};

    #[test]
    fn time_decides_the_part() {
        let day = |text: &str| text.parse().expect("a date");
        let part = |text| by_time(day(text), day("2026-02-01"), day("2026-03-01"));
        assert_eq!(
            [part("2026-01-31"), part("2026-02-01"), part("2026-02-28"), part("2026-03-01")],
            [Part::Train, Part::Validation, Part::Validation, Part::Test]
        );
    }

    #[test]
    fn a_person_is_in_one_part() {
        let parts: Vec<Part> = (0..5_000u32).map(|person| by_person(&person.to_be_bytes(), 0.2, 0.1, 9)).collect();
        assert_eq!(parts, (0..5_000u32).map(|person| by_person(&person.to_be_bytes(), 0.2, 0.1, 9)).collect::<Vec<_>>());
        let count = |part| parts.iter().filter(|&&other| other == part).count();
        assert!((400..600).contains(&count(Part::Test)));
        assert!((880..1_120).contains(&count(Part::Validation)));
    }
}
