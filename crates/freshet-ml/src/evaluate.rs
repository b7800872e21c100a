//! A model on rows that it has not seen, before and after calibration.

use serde::Serialize;

use crate::calibrate::probability;
use crate::error::Error;
use crate::frame::Labelled;
use crate::metrics::{Metrics, measure, measure_with_intervals};
use crate::model::Model;
use crate::options::Options;
use crate::split::Part;

/// What a model is worth, in the shape that the command line prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The learner that was chosen.
    pub model: String,
    /// Before calibration.
    pub raw: Metrics,
    /// After it.
    pub calibrated: Metrics,
}

/// The figures of a trained model on its test rows.
pub fn evaluation(model: &Model) -> Result<Evaluation, Error> {
    match (model.metrics.test_raw, model.metrics.test) {
        (Some(raw), Some(calibrated)) => Ok(Evaluation { model: model.choice.chosen.clone(), raw, calibrated }),
        (None, _) | (_, None) => Err(Error::EmptyPart { part: Part::Test.name() }),
    }
}

/// Mean squared error.
pub fn brier(labels: &[bool], probabilities: &[f64]) -> f64 {
    measure(labels, probabilities).brier
}

pub(crate) fn judge(labels: &[bool], probabilities: &[f64], options: &Options) -> Metrics {
    measure_with_intervals(labels, probabilities, options.resamples, options.seed).kept()
}

/// Writes a model's figures on the test rows into it, where there are any.
pub fn judge_on_test(model: &mut Model, labelled: &Labelled, options: &Options) -> Result<(), Error> {
    let (frame, labels) = labelled.part(Part::Test);
    if labels.is_empty() {
        return Ok(());
    }
    let scores = model.score(&frame)?;
    let raw: Vec<f64> = scores.iter().map(|score| probability(score.log_odds)).collect();
    let calibrated: Vec<f64> = scores.iter().map(|score| score.probability).collect();
    model.metrics.test_raw = Some(judge(&labels, &raw, options));
    model.metrics.test = Some(judge(&labels, &calibrated, options));
    Ok(())
}
