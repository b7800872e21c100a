//! How a learner was chosen, as the model file and its card say it.

use serde::{Deserialize, Serialize};

use crate::digits::read;

/// How a learner was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The rule.
    pub rule: String,
    /// Who stood for it.
    pub candidates: Vec<Candidate>,
    /// Who was chosen.
    pub chosen: String,
    /// The Brier score on validation rows, Platt-scaled across halves, less the one of the learner's own probability.
    pub calibration_gain: Option<f64>,
}

/// One who stood for the choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The learner and its features.
    pub name: String,
    /// Its log-loss on the validation rows.
    #[serde(deserialize_with = "read")]
    pub log_loss: f64,
    /// Its log-loss less that of the one before it that stood.
    #[serde(deserialize_with = "read")]
    pub difference: f64,
    /// The standard error of the difference.
    #[serde(deserialize_with = "read")]
    pub standard_error: f64,
}
