//! Logistic regression of linfa, turned the right way round.
//!
//! linfa 0.8.1 calls the more frequent class "positive" and gives its probability, so that on rare labels every
//! score is upside down; [`fit`] asks the fitted model which class it means and turns the signs where needed.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::digits::{keep, read, read_all};
use crate::error::Error;

/// Enough for frames of many correlated features; a hundred is not.
const ITERATIONS: u64 = 2_000;

/// Weights of the log-odds of `true`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistic {
    /// The log-odds where every input is 0.
    #[serde(deserialize_with = "read")]
    pub intercept: f64,
    /// One an input.
    #[serde(deserialize_with = "read_all")]
    pub weights: Vec<f64>,
}

/// Fits to rows of inputs (all finite) with an L2 penalty of `penalty / 2` times the squared weights.
#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
pub fn fit(inputs: Array2<f64>, labels: &[bool], penalty: f64) -> Result<Logistic, Error> {
    let positives = labels.iter().filter(|&&label| label).count();
    if positives == 0 || positives == labels.len() {
        return Err(Error::TooFewLabels { positives, negatives: labels.len() - positives, needed: 1 });
    }
    let rows = labels.len() as f64;
    let dataset = DatasetBase::new(inputs, Array1::from_iter(labels.iter().copied()));
    let solve = |tolerance: f64| {
        LogisticRegression::default().alpha(penalty).max_iterations(ITERATIONS).gradient_tolerance(tolerance).fit(&dataset)
    };
    // The loss is a sum over rows, so its gradient is judged by the row. The line search gives up where the gradient is
    // already as small as rounding allows; then a coarser end will do.
    let fitted =
        solve(1e-6 * rows).or_else(|_| solve(1e-4 * rows)).or_else(|_| solve(1e-2 * rows)).map_err(|source| Error::Fit { source })?;
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    Ok(Logistic { intercept: keep(sign * fitted.intercept()), weights: fitted.params().iter().map(|weight| keep(sign * weight)).collect() })
}

impl Logistic {
    /// The log-odds for a row of inputs.
    pub fn log_odds(&self, inputs: &[f64]) -> f64 {
        self.intercept + self.weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum::<f64>()
    }
}
