//! The shelf of models in the lake's bucket: `models/<kind>/<version>/` holds a version's files, `models/<kind>/current.json`
//! names the one that scores, and `models/<kind>/scored-<day>.json` says what the scoring of a day did.
//!
//! A version's name is a hash of what it was trained on, so that a training that is run again writes what is there already.
//! Its model files are the `.json` ones; beside each lies the frozen frame (`<part>.csv.gz`).

use std::collections::{BTreeMap, BTreeSet};

use flate2::read::GzDecoder;
use freshet_ingest::envelope::gzip;
use freshet_ingest::transform::LandingObject;
use freshet_ml::frame::Labelled;
use freshet_ml::frozen;
use freshet_ml::model::Model;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::objects;

/// Where models are.
pub const PREFIX: &str = "models/";
/// The name of the file that names a kind's version.
const CURRENT: &str = "current.json";
/// Its version.
const CURRENT_FORMAT: u32 = 1;

/// The shelf of one kind of models: `lead`, `smurf`.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'a> {
    s3: &'a aws_sdk_s3::Client,
    bucket: &'a str,
    kind: &'static str,
}

/// The version that scores, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Current {
    /// The version of this file.
    format: u32,
    /// The models' version.
    pub version: String,
    /// Why it was promoted.
    pub reason: String,
}

/// The name of the file that says what the scoring of a day did.
fn scored(day: &str) -> String {
    format!("scored-{day}.json")
}

/// A version's models, by the names of their parts: `customers`, `prospects`; `model` where there is one.
pub type Models = BTreeMap<String, Model>;

impl<'a> Shelf<'a> {
    /// The shelf of a kind.
    pub fn new(s3: &'a aws_sdk_s3::Client, bucket: &'a str, kind: &'static str) -> Self {
        Self { s3, bucket, kind }
    }

    fn key(&self, rest: &str) -> String {
        format!("{PREFIX}{}/{rest}", self.kind)
    }

    /// The versions that are there, in order of their names, which begin with their days.
    pub async fn versions(&self) -> Result<Vec<String>, Error> {
        let prefix = self.key("");
        let keys = objects::list(self.s3, self.bucket, &prefix).await?;
        let versions: BTreeSet<String> =
            keys.iter().filter_map(|(key, _)| key.strip_prefix(&prefix)?.split_once('/').map(|(version, _)| version.to_owned())).collect();
        Ok(versions.into_iter().collect())
    }

    /// The names of a version's files.
    pub async fn files(&self, version: &str) -> Result<Vec<String>, Error> {
        let prefix = self.key(&format!("{version}/"));
        let keys = objects::list(self.s3, self.bucket, &prefix).await?;
        Ok(keys.into_iter().filter_map(|(key, _)| key.strip_prefix(&prefix).map(str::to_owned)).collect())
    }

    /// A file of a version.
    pub async fn read(&self, version: &str, file: &str) -> Result<Option<Vec<u8>>, Error> {
        objects::get(self.s3, self.bucket, &self.key(&format!("{version}/{file}"))).await
    }

    /// Writes a file of a version.
    pub async fn write(&self, version: &str, file: &str, body: Vec<u8>) -> Result<(), Error> {
        objects::put(self.s3, self.bucket, LandingObject { key: self.key(&format!("{version}/{file}")), body }).await
    }

    /// A version's models.
    pub async fn models(&self, version: &str) -> Result<Models, Error> {
        let unknown = || Error::UnknownModel { kind: self.kind, version: version.to_owned() };
        let is_name = !version.is_empty() && version.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        if !is_name {
            return Err(unknown());
        }
        let mut models = Models::new();
        for file in self.files(version).await? {
            let Some(part) = file.strip_suffix(".json") else { continue };
            let bytes = self.read(version, &file).await?.ok_or_else(unknown)?;
            let model = Model::read(&String::from_utf8_lossy(&bytes)).map_err(Error::models("read a model file"))?;
            models.insert(part.to_owned(), model);
        }
        if models.is_empty() { Err(unknown()) } else { Ok(models) }
    }

    /// Writes a model and its frozen frame. The frame comes first: a model that is there has one.
    pub async fn put_model(&self, version: &str, part: &str, model: &Model, frozen: &[u8]) -> Result<(), Error> {
        self.write(version, &format!("{part}.csv.gz"), gzip(frozen)).await?;
        let text = model.write().map_err(Error::models("write a model file"))?;
        self.write(version, &format!("{part}.json"), text.into_bytes()).await
    }

    /// The frozen frame of a model; none where an erasure took it. One that is not the training's is an error.
    pub async fn frame(&self, version: &str, part: &str, model: &Model) -> Result<Option<Labelled>, Error> {
        let file = format!("{part}.csv.gz");
        let Some(bytes) = self.read(version, &file).await? else {
            return Ok(None);
        };
        let (labelled, _) = frozen::read(GzDecoder::new(bytes.as_slice())).map_err(|_| Error::DamagedModel { file: file.clone() })?;
        // An erasure takes rows out of the frame before the model file says so.
        let is_erased = model.training.erased_rows > 0 || labelled.labels().len() < model.training.frame_rows;
        let is_whole = is_erased || labelled.sha256() == model.training.frame_sha256;
        if is_whole { Ok(Some(labelled)) } else { Err(Error::DamagedModel { file }) }
    }

    /// Writes into the model files how many rows of their frozen frames are gone: after an erasure. Says in how many it was news.
    pub async fn note_erasures(&self) -> Result<usize, Error> {
        let mut noted = 0;
        for version in self.versions().await? {
            for (part, mut model) in self.models(&version).await? {
                let file = format!("{part}.csv.gz");
                let left = match self.read(&version, &file).await? {
                    Some(bytes) => frozen::rows(GzDecoder::new(bytes.as_slice())).map_err(|_| Error::DamagedModel { file })?,
                    None => 0,
                };
                if model.note_erasure(left) {
                    let text = model.write().map_err(Error::models("write a model file"))?;
                    self.write(&version, &format!("{part}.json"), text.into_bytes()).await?;
                    noted += 1;
                }
            }
        }
        Ok(noted)
    }

    /// What was said of the scoring of a day; none before it was scored whole.
    pub async fn scored<T: DeserializeOwned>(&self, day: &str) -> Result<Option<T>, Error> {
        let file = scored(day);
        let Some(bytes) = objects::get(self.s3, self.bucket, &self.key(&file)).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|_| Error::DamagedModel { file })
    }

    /// Notes that a day was scored whole: its rows are in the landing zone, and no other run adds to them.
    pub async fn note_scored(&self, day: &str, report: &impl Serialize) -> Result<(), Error> {
        let body = serde_json::to_vec_pretty(report).map_err(Error::models("say what was scored"))?;
        objects::put(self.s3, self.bucket, LandingObject { key: self.key(&scored(day)), body }).await
    }

    /// The version that scores; none before the first training.
    pub async fn current(&self) -> Result<Option<Current>, Error> {
        let Some(bytes) = objects::get(self.s3, self.bucket, &self.key(CURRENT)).await? else {
            return Ok(None);
        };
        let current: Current = serde_json::from_slice(&bytes).map_err(|_| Error::DamagedModel { file: CURRENT.to_owned() })?;
        if current.format == CURRENT_FORMAT { Ok(Some(current)) } else { Err(Error::DamagedModel { file: CURRENT.to_owned() }) }
    }

    /// Makes a version the one that scores. The one that does stays as it is, with the reason that it once came for.
    pub async fn promote(&self, version: &str, reason: &str) -> Result<(), Error> {
        if self.current().await?.is_some_and(|current| current.version == version) {
            return Ok(());
        }
        let current = Current { format: CURRENT_FORMAT, version: version.to_owned(), reason: reason.to_owned() };
        let body = serde_json::to_vec_pretty(&current).expect("texts and a number are JSON");
        objects::put(self.s3, self.bucket, LandingObject { key: self.key(CURRENT), body }).await?;
        tracing::info!(kind = self.kind, version, reason, "promoted a model");
        Ok(())
    }
}
