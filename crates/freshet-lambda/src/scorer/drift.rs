//! How far what is scored on a day is from what its model was trained on, as rows of `model_drift`.

use freshet_ml::drift::{Drift, drift, of_numbers, of_share};
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
    let now = compared.today.rows();
    found
        .into_iter()
        .map(|(what, feature, drift, before)| row((compared.kind, compared.model, compared.as_of), (what, &feature), &drift, (before, now)))
        .collect()
}

/// What has become known of rows that were scored or flagged: how many, and of how many it was so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CameTrue {
    pub(super) yes: usize,
    pub(super) rows: usize,
}

/// A row for the base rate: what the model takes for usual beside what the newest labels say; none where none are known.
pub(super) fn base_rate_row(kind: &str, model: &Model, as_of: &str, came_true: CameTrue) -> Option<Value> {
    let CameTrue { yes, rows } = came_true;
    let judged = model.metrics.test.map_or(model.training.frame_rows, |test| test.rows);
    (rows > 0).then(|| row((kind, model, as_of), ("base_rate", "label"), &of_share(model.base_rate, yes, rows), (judged, rows)))
}

fn row((kind, model, as_of): (&str, &Model, &str), (what, feature): (&str, &str), drift: &Drift, (before, now): (usize, usize)) -> Value {
    json!({
        "model": model.name, "kind": kind, "what": what, "feature": feature, "drift_index": drift.index,
        "mean_before": drift.mean_before, "mean_now": drift.mean_now, "missing_before": drift.missing_before,
        "missing_now": drift.missing_now, "rows_before": before, "rows_now": now,
        "as_of": as_of, "cut_off_at": format!("{as_of} 00:00:00.000"),
    })
}

/// A model's probabilities of a frame; none of one without rows.
pub(super) fn probabilities(model: &Model, frame: &Frame) -> Result<Vec<f64>, Error> {
    if frame.rows() == 0 {
        return Ok(Vec::new());
    }
    let judged = model.score(frame).map_err(Error::models("compare with the training"))?;
    Ok(judged.iter().map(|score| score.probability).collect())
}
