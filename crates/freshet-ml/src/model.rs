//! The model file: JSON that says what a model is, what it was trained on, and how good it was.
//!
//! It is read by people and by [`Model::read`], which looks at format and version first and refuses by name what it
//! does not know. [`Model::bind`] refuses a frame whose columns are not the ones of the training. Writing is
//! deterministic: the same training gives the same bytes.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::boost::Boosted;
use crate::calibrate::{Calibration, log_odds};
use crate::choice::Choice;
use crate::digits::read;
use crate::error::Error;
use crate::feature::Feature;
use crate::frame::{Column, Frame};
use crate::logistic::Logistic;
use crate::metrics::Metrics;
use crate::prepare::Prepared;
use crate::reasons::{Reason, Value, reasons};

/// What the file calls itself.
pub const FORMAT: &str = "freshet-model";
/// The version that this code writes and reads.
pub const VERSION: u32 = 1;

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The model's own name and version, as scores carry it.
    pub name: String,
    /// What it foretells: `lead`, `smurf`.
    pub kind: String,
    /// What it was trained on.
    pub training: Training,
    /// The share of labels on the validation rows: the newest whose labels are known.
    #[serde(deserialize_with = "read")]
    pub base_rate: f64,
    /// How the learner was chosen.
    pub choice: Choice,
    /// How good it is.
    pub metrics: Judged,
    /// Numbers of the model's own kind, by name.
    pub parameters: BTreeMap<String, f64>,
    /// The features that it looks at, in order.
    pub features: Vec<Prepared>,
    /// Features that it was given and that said nothing: constant in training, or not chosen.
    pub silent_features: Vec<Feature>,
    /// From log-odds to probability.
    pub calibration: Calibration,
    /// From features to log-odds.
    pub learner: Learner,
}

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Only what had been received by the end of this day was used.
    #[serde(with = "crate::day")]
    pub as_of: Option<NaiveDate>,
    /// The first cut-off of its rows.
    #[serde(with = "crate::day")]
    pub window_from: Option<NaiveDate>,
    /// The last cut-off of its rows.
    #[serde(with = "crate::day")]
    pub window_to: Option<NaiveDate>,
    /// The days that its labels ask about.
    pub horizon_days: Option<u32>,
    /// The versions of the tables that were read: where the rows came from, not a way back to them.
    pub table_versions: BTreeMap<String, i64>,
    /// The hash of the frozen frame.
    pub frame_sha256: String,
    /// The rows of the frame.
    pub frame_rows: usize,
    /// Rows that an erasure has since taken out of the frame: above 0, training cannot be repeated exactly.
    pub erased_rows: usize,
    /// The seed.
    pub seed: u64,
}

/// The figures of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// On the validation rows, of the learner that had not seen them, before calibration.
    pub validation: Option<Metrics>,
    /// On the test rows before calibration.
    pub test_raw: Option<Metrics>,
    /// On the test rows.
    pub test: Option<Metrics>,
}

/// From features to log-odds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Learner {
    /// Weights of scaled inputs.
    Logistic(Logistic),
    /// Trees over inputs as given.
    Boosted(Boosted),
    /// A feature that is a probability already.
    Given {
        /// Its name.
        feature: String,
    },
}

impl Learner {
    /// The learner's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logistic(_) => "logistic",
            Self::Boosted(_) => "boosted",
            Self::Given { .. } => "given",
        }
    }
}

/// What is read before anything else.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
    #[serde(default)]
    name: String,
}

/// A score of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The learner's log-odds: rows are ranked by it.
    pub log_odds: f64,
    /// The calibrated probability.
    pub probability: f64,
}

impl Model {
    /// The file's text.
    pub fn write(&self) -> Result<String, Error> {
        let mut text = serde_json::to_string_pretty(self).map_err(|source| Error::UnreadableModel { source })?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a file, and checks that it is one that [`write`](Self::write) gives.
    pub fn read(text: &str) -> Result<Self, Error> {
        let unreadable = |source| Error::UnreadableModel { source };
        let head: Head = serde_json::from_str(text).map_err(unreadable)?;
        if head.format != FORMAT {
            return Err(Error::ForeignModel { format: head.format, expected: FORMAT });
        }
        if head.version != VERSION {
            return Err(Error::ModelVersion { name: head.name, version: head.version, known: VERSION });
        }
        let model: Self = serde_json::from_str(text).map_err(unreadable)?;
        model.check()?;
        Ok(model)
    }

    /// Refuses a model of another kind.
    pub fn expect_kind(&self, expected: &'static str) -> Result<(), Error> {
        if self.kind == expected { Ok(()) } else { Err(Error::ModelKind { model: self.name.clone(), kind: self.kind.clone(), expected }) }
    }

    fn check(&self) -> Result<(), Error> {
        let broken = |problem: String| Err(Error::BrokenModel { name: self.name.clone(), problem });
        if let Some(prepared) = self.features.iter().find(|prepared| !prepared.encoding.is_sound()) {
            return broken(format!("the encoding of feature {} is no encoding", prepared.feature.name));
        }
        if !self.calibration.is_sound() {
            return broken("its calibration would turn or lose the order".to_owned());
        }
        let width = |width: fn(&Prepared) -> usize| self.features.iter().map(width).sum::<usize>();
        match &self.learner {
            Learner::Logistic(logistic) if logistic.weights.len() != width(|prepared| prepared.encoding.width()) => {
                broken(format!("{} weights for {} inputs", logistic.weights.len(), width(|prepared| prepared.encoding.width())))
            }
            Learner::Logistic(logistic) if !logistic.intercept.is_finite() || logistic.weights.iter().any(|weight| !weight.is_finite()) => {
                broken("a weight is no number".to_owned())
            }
            Learner::Boosted(boosted) if !boosted.is_sound(width(|prepared| prepared.encoding.plain_width())) => {
                broken("a tree is no tree".to_owned())
            }
            Learner::Given { feature } if !self.features.iter().any(|prepared| prepared.feature.name == *feature) => {
                broken(format!("it has no feature {feature}"))
            }
            Learner::Logistic(_) | Learner::Boosted(_) | Learner::Given { .. } => Ok(()),
        }
    }

    /// Says how many rows are left of the frozen frame, of which an erasure took the others; whether that is news.
    pub fn note_erasure(&mut self, rows_left: usize) -> bool {
        let erased = self.training.frame_rows.saturating_sub(rows_left);
        std::mem::replace(&mut self.training.erased_rows, erased) != erased
    }

    /// Binds the model to a frame that has its features, all of them and no others.
    pub fn bind<'a>(&'a self, frame: &'a Frame) -> Result<Bound<'a>, Error> {
        let model = || self.name.clone();
        let known = |name: &str| {
            self.features.iter().any(|prepared| prepared.feature.name == name)
                || self.silent_features.iter().any(|feature| feature.name == name)
        };
        if let Some((name, _)) = frame.columns().iter().find(|(name, _)| !known(name)) {
            return Err(Error::UnknownFeature { model: model(), feature: name.clone() });
        }
        let mut columns = Vec::with_capacity(self.features.len());
        for prepared in &self.features {
            let feature = || prepared.feature.name.clone();
            let column =
                frame.column(&prepared.feature.name).ok_or_else(|| Error::MissingFeature { model: model(), feature: feature() })?;
            if !prepared.encoding.takes(column) {
                return Err(Error::FeatureKind { model: model(), feature: feature(), expected: prepared.encoding.kind() });
            }
            columns.push(column);
        }
        Ok(Bound { model: self, columns })
    }

    /// The scores of every row of a frame.
    pub fn score(&self, frame: &Frame) -> Result<Vec<Score>, Error> {
        let bound = self.bind(frame)?;
        let mut inputs = Vec::new();
        Ok((0..frame.rows()).map(|row| bound.score(row, &mut inputs)).collect())
    }
}

/// A model and the columns that it looks at.
#[derive(Debug, Clone)]
pub struct Bound<'a> {
    model: &'a Model,
    columns: Vec<&'a Column>,
}

impl<'a> Bound<'a> {
    /// The score of a row; `inputs` is room that is used again for each row.
    pub fn score(&self, row: usize, inputs: &mut Vec<f64>) -> Score {
        self.fill(row, inputs);
        let log_odds = match &self.model.learner {
            Learner::Logistic(logistic) => logistic.log_odds(inputs),
            Learner::Boosted(boosted) => boosted.log_odds(inputs),
            Learner::Given { .. } => self.given(inputs),
        };
        Score { log_odds, probability: self.model.calibration.apply(log_odds) }
    }

    /// Why the row has its score: at most so many reasons, the strongest first.
    pub fn reasons(&self, row: usize, inputs: &mut Vec<f64>, most: usize) -> Vec<Reason> {
        self.fill(row, inputs);
        let features = &self.model.features;
        let mut contributions = vec![0.0; features.len()];
        match &self.model.learner {
            Learner::Logistic(logistic) => {
                let mut place = 0;
                for (prepared, contribution) in features.iter().zip(&mut contributions) {
                    for mean in prepared.encoding.means() {
                        *contribution += logistic.weights[place] * (inputs[place] - mean);
                        place += 1;
                    }
                }
            }
            Learner::Boosted(boosted) => {
                let by_input = boosted.contributions(inputs);
                let mut place = 0;
                for (prepared, contribution) in features.iter().zip(&mut contributions) {
                    let width = prepared.encoding.plain_width();
                    *contribution = by_input[place..place + width].iter().sum();
                    place += width;
                }
            }
            Learner::Given { feature } => {
                let base = log_odds(self.model.base_rate);
                for (prepared, contribution) in features.iter().zip(&mut contributions) {
                    if prepared.feature.name == *feature {
                        *contribution = self.given(inputs) - base;
                    }
                }
            }
        }
        reasons(features, &contributions, most, |place| self.value(place, row))
    }

    /// The log-odds of a given probability; where it is missing, those of the base rate.
    fn given(&self, inputs: &[f64]) -> f64 {
        log_odds(inputs.first().copied().filter(|probability| probability.is_finite()).unwrap_or(self.model.base_rate))
    }

    fn fill(&self, row: usize, inputs: &mut Vec<f64>) {
        inputs.clear();
        match &self.model.learner {
            Learner::Logistic(_) => self.each(|prepared, column| prepared.encoding.scaled(column, row, inputs)),
            Learner::Boosted(_) => self.each(|prepared, column| prepared.encoding.plain(column, row, inputs)),
            Learner::Given { feature } => self.each(|prepared, column| {
                if prepared.feature.name == *feature {
                    prepared.encoding.plain(column, row, inputs);
                }
            }),
        }
    }

    fn each(&self, mut take: impl FnMut(&Prepared, &Column)) {
        for (prepared, column) in self.model.features.iter().zip(&self.columns) {
            take(prepared, column);
        }
    }

    fn value(&self, feature: usize, row: usize) -> Value<'a> {
        match self.columns[feature] {
            Column::Number(values) => Value::Number(values[row]),
            Column::Category(values) => Value::Category(values[row].as_deref()),
        }
    }
}

#[cfg(test)]
mod tests;
