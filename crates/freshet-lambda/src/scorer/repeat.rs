//! Versions on the shelf, learned again from their frozen frames: whether each model file comes out the same to the byte.

use freshet_lead::lessons::{self, Class};
use freshet_ml::error::Error as ModelError;
use freshet_ml::model::{Learner, Model};
use freshet_ml::options::Options;
use freshet_ml::repeat::repeat;
use freshet_smurf::verdicts;
use serde::Serialize;

use super::shelf::Shelf;
use super::{Kind, smurf};
use crate::error::Error;

/// One model of a version, learned again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeated {
    /// Its name.
    pub part: String,
    /// How it went.
    pub outcome: Outcome,
    /// Rows of the frame when it was trained.
    pub rows: usize,
    /// Rows that erasures have taken out of it.
    pub erased_rows: usize,
}

/// How a training went that was done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The model file is the same to the byte.
    Same,
    /// It is another, though nothing was taken out of the frame: the code has changed since.
    Different,
    /// Erasures have taken rows out of the frame, so that it is another.
    RowsErased,
    /// The frame is gone.
    FrameGone,
    /// When it was made no labelled row had what it gives: it was learned from no frame.
    NothingLearned,
}

impl Outcome {
    /// Whether nothing speaks against the model file.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Same | Self::NothingLearned)
    }
}

/// Learns each model of a version again. Nothing is written.
pub async fn version(shelf: &Shelf<'_>, kind: Kind, version: &str) -> Result<Vec<Repeated>, Error> {
    let mut found = Vec::new();
    for (part, model) in shelf.models(version).await? {
        let outcome = match shelf.frame(version, &part, &model).await? {
            None => Outcome::FrameGone,
            Some(frozen) => {
                let options = options(kind, &part, &model)?;
                let failed = Error::models("learn from a frozen frame");
                match repeat(&model, &frozen, &options) {
                    Ok(again) if again.write().map_err(&failed)? == model.write().map_err(&failed)? => Outcome::Same,
                    Ok(_) | Err(_) if frozen.labels().len() < model.training.frame_rows => Outcome::RowsErased,
                    Err(ModelError::NoFeatures) if matches!(model.learner, Learner::Given { .. }) => Outcome::NothingLearned,
                    Ok(_) => Outcome::Different,
                    Err(error) => return Err(failed(error)),
                }
            }
        };
        let (rows, erased_rows) = (model.training.frame_rows, model.training.erased_rows);
        found.push(Repeated { part, outcome, rows, erased_rows });
    }
    Ok(found)
}

/// What trainings of a kind are told.
fn options(kind: Kind, part: &str, model: &Model) -> Result<Options, Error> {
    let seed = model.training.seed;
    match kind {
        Kind::Lead => {
            let class = Class::ALL.into_iter().find(|class| class.name() == part);
            let class = class.ok_or_else(|| Error::DamagedModel { file: format!("{part}.json") })?;
            Ok(lessons::options(class, seed))
        }
        Kind::Smurf if part == smurf::PART => Ok(verdicts::options(verdicts::KIND, seed)),
        Kind::Smurf => Err(Error::DamagedModel { file: format!("{part}.json") }),
    }
}
