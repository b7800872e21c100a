//! How far what is scored on a day is from what its model was trained on, as rows of `model_drift`.

use freshet_ml::drift::{Drift, drift, of_numbers};
use freshet_ml::frame::{Frame, Labelled};
use freshet_ml::model::Model;
use freshet_ml::split::Part;
use serde_json::{Value, json};

use crate::error::Error;

/// The table of drift.
pub(super) const TABLE: &str = "model_drift";

/// A day's scoring beside the training.
#[derive(Debug)]
pub(super) struct Compared<'a> {
    pub(super) kind: &'a str,
    pub(super) model: &'a Model,
    pub(super) as_of: &'a str,
    /// The frozen frame of the training.
    pub(super) frozen: &'a Labelled,
    /// What is scored.
    pub(super) today: &'a Frame,
    /// Probabilities of the frozen frame's test rows.
    pub(super) judged: &'a [f64],
    /// Probabilities of the day.
    pub(super) scores: &'a [f64],
}

/// A row for each feature, and one for the score; nothing where one side has no rows.
pub(super) fn rows(compared: &Compared<'_>) -> Vec<Value> {
    let frozen = compared.frozen;
    let learned: Vec<usize> = (0..frozen.labels().len()).filter(|&row| frozen.parts()[row] != Part::Test).collect();
    let learned = frozen.frame().take(&learned);
    let mut found: Vec<(&str, String, Drift, usize)> =
        drift(&learned, compared.today).into_iter().map(|(name, drift)| ("input", name, drift, learned.rows())).collect();
    if !compared.judged.is_empty() && !compared.scores.is_empty() {
        found.push(("score", "probability".to_owned(), of_numbers(compared.judged, compared.scores), compared.judged.len()));
    }
    let row = |(what, feature, drift, rows_before): (&str, String, Drift, usize)| {
        json!({
            "model": compared.model.name, "kind": compared.kind, "what": what, "feature": feature, "drift_index": drift.index,
            "mean_before": drift.mean_before, "mean_now": drift.mean_now, "missing_before": drift.missing_before,
            "missing_now": drift.missing_now, "rows_before": rows_before, "rows_now": compared.today.rows(),
            "as_of": compared.as_of, "cut_off_at": format!("{} 00:00:00.000", compared.as_of),
        })
    };
    found.into_iter().map(row).collect()
}

/// A model's probabilities of a frame; none of one without rows.
pub(super) fn probabilities(model: &Model, frame: &Frame) -> Result<Vec<f64>, Error> {
    if frame.rows() == 0 {
        return Ok(Vec::new());
    }
    let judged = model.score(frame).map_err(Error::models("compare with the training"))?;
    Ok(judged.iter().map(|score| score.probability).collect())
}
