//! Whether a new model takes the place of the present one: only if it does better on the newest rows whose labels are known.
//!
//! Better is a lower mean log-loss of the calibrated probabilities on the same rows, by both. Neither has learned from
//! them: they are the new training's test rows, and a candidate that is older than the present model is not compared.

use serde::Serialize;

use crate::error::Error;
use crate::frame::Frame;
use crate::metrics::measure;
use crate::model::Model;

/// What a comparison found; sums over rows, so that the comparisons of several models add up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Comparison {
    /// Rows that both judged.
    pub rows: usize,
    /// The present model's log-loss, summed.
    pub present: f64,
    /// The new model's log-loss, summed.
    pub candidate: f64,
}

impl Comparison {
    /// Whether the new model is better; nothing is better without rows.
    pub fn is_better(&self) -> bool {
        self.rows > 0 && self.candidate < self.present
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, present: self.present + other.present, candidate: self.candidate + other.candidate }
    }
}

/// Whether a model knows less than the present one, which may then have learned from the rows that are to judge both.
pub fn is_older(candidate: &Model, present: &Model) -> bool {
    candidate.training.as_of < present.training.as_of
}

/// Judges both models on the same rows, each on a frame of the features that it knows.
pub fn compare(present: (&Model, &Frame), candidate: (&Model, &Frame), labels: &[bool]) -> Result<Comparison, Error> {
    Ok(Comparison { rows: labels.len(), present: loss(present.0, present.1, labels)?, candidate: loss(candidate.0, candidate.1, labels)? })
}

/// A model's log-loss, summed over rows.
#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
pub fn loss(model: &Model, frame: &Frame, labels: &[bool]) -> Result<f64, Error> {
    if labels.is_empty() {
        return Ok(0.0);
    }
    let probabilities: Vec<f64> = model.score(frame)?.iter().map(|score| score.probability).collect();
    Ok(measure(labels, &probabilities).log_loss * labels.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::{Comparison, compare};
    use crate::frame::{Column, Frame, Labelled};
    use crate::given::given;
    use crate::options::Options;

    #[test]
    fn a_model_passes_only_when_it_is_better_on_rows() {
        let frame = |good: &[f64], bad: &[f64]| {
            Frame::new(vec![("good".to_owned(), Column::Number(good.to_vec())), ("bad".to_owned(), Column::Number(bad.to_vec()))])
                .expect("a frame")
        };
        let rows = frame(&[0.9, 0.1, 0.8], &[0.4, 0.6, 0.5]);
        let nothing = Labelled::new(frame(&[], &[]), Vec::new(), Vec::new()).expect("no rows");
        let model = |feature| given(&rows, &nothing, &Options::default(), feature, "a test").expect("a model");
        let (good, bad, labels) = (model("good"), model("bad"), [true, false, true]);
        assert!(compare((&bad, &rows), (&good, &rows), &labels).expect("rows").is_better());
        assert!(!compare((&good, &rows), (&bad, &rows), &labels).expect("rows").is_better());
        assert!(!compare((&good, &rows), (&good, &rows), &labels).expect("rows").is_better(), "the same is no better");
        assert!(!compare((&bad, &frame(&[], &[])), (&good, &frame(&[], &[])), &[]).expect("no rows").is_better());
        let both = compare((&bad, &rows), (&good, &rows), &labels).expect("rows").and(Comparison::default());
        assert_eq!(both.rows, 3);
    }
}
