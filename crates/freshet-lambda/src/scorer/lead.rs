//! Lead likelihood over the lake: looks at the past become a version on the shelf, and everyone gets a score.
//!
//! Features and labels are the queries `lead_features` and `lead_buyers`; what is learned of them is `freshet-lead`'s.

mod train;

use std::collections::{BTreeMap, HashSet};

use chrono::{Days, NaiveDate};
use freshet_lead::lake::{Collector, KnownBy, Person, Seen};
use freshet_lead::lessons::{Class, frame_for, frame_to_score, score_population};
use freshet_lead::score::{LeadScore, Occasion};
use freshet_ml::frame::{Frame, Labelled};
use freshet_ml::model::{Learner, Model};
use freshet_ml::split::Part;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::drift::{self, CameTrue, Compared};
use super::land::Landing;
use super::shelf::Shelf;
use super::{Desk, Scoring, ask};
use crate::error::Error;

pub use train::{Training, gate, train};

/// The kind, as the shelf and the command line have it.
pub const KIND: &str = "lead";
/// The table of scores.
pub const TABLE: &str = "lead_scores";
/// The seed of the exploration: the same people for a day, whoever scores.
const SEED: u64 = 1;

/// What a scoring did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreReport {
    /// The day.
    pub as_of: String,
    /// The version that scored.
    pub version: String,
    /// The horizon of its probabilities.
    pub horizon_days: u32,
    /// Customers scored.
    pub customers: usize,
    /// Prospects scored.
    pub prospects: usize,
    /// People whom no model of the version speaks of.
    pub unspoken: usize,
    /// Objects put into the landing zone, for the compactor.
    pub landed: u64,
    /// Whether the day was scored before, so that nothing was done.
    pub was_there: bool,
}

/// Scores everyone of a day, once: a day that was scored stays as it is, whatever has come in late and whatever version is asked.
/// A run that was cut off is begun again, and the compactor keeps the first row of each person.
pub async fn score(desk: &Desk, scoring: &Scoring) -> Result<ScoreReport, Error> {
    let shelf = Shelf::new(&desk.s3, &desk.bucket, KIND);
    let version = match &scoring.version {
        Some(version) => version.clone(),
        None => shelf.current().await?.ok_or(Error::NoModel { kind: KIND })?.version,
    };
    let models = shelf.models(&version).await?;
    let as_of = scoring.as_of.to_string();
    if let Some(report) = shelf.scored::<ScoreReport>(&as_of).await? {
        return Ok(ScoreReport { landed: 0, was_there: true, ..report });
    }
    let seen = features(desk, scoring.as_of, scoring.as_of).await?;
    let mut landing = Landing::new(&desk.s3, &desk.bucket, TABLE);
    let mut drifted = Landing::new(&desk.s3, &desk.bucket, drift::TABLE);
    let (mut counts, mut unspoken, mut horizon_days) = ([0, 0], 0, 0);
    let asked = models.values().find_map(|model| model.training.horizon_days).unwrap_or_default();
    let came_true = came_true(desk, scoring.as_of, asked).await?;
    for class in Class::ALL {
        let population = class.of(&seen);
        let Some(model) = models.get(class.name()) else {
            unspoken += population.people.len();
            continue;
        };
        model.expect_kind(class.kind()).map_err(Error::models("use a model of leads"))?;
        horizon_days = model.training.horizon_days.unwrap_or_default();
        let occasion = Occasion { as_of: scoring.as_of, horizon_days, seed: SEED };
        let failed = || Error::models("score leads");
        let frame = frame_to_score(model, population, horizon_days).map_err(failed())?;
        let scores = score_population(model, population, &frame, &occasion).map_err(failed())?;
        let mut probabilities = Vec::with_capacity(population.people.len());
        // One score at a time: a million of them are not to be in memory at once.
        for (person, score) in population.people.iter().zip(scores) {
            landing.push(&score.as_of, row(class, person, &score, model)).await?;
            probabilities.push(score.probability);
        }
        counts[usize::from(class == Class::Prospects)] = probabilities.len();
        let known = came_true.get(class.name()).copied().unwrap_or_default();
        if let Some(row) = drift::base_rate_row(KIND, model, &as_of, known) {
            drifted.push(&as_of, row).await?;
        }
        if let Some(frozen) = shelf.frame(&version, class.name(), model).await?.filter(|_| !probabilities.is_empty()) {
            for row in drift_rows(model, &as_of, &frozen, &frame, &probabilities)? {
                drifted.push(&as_of, row).await?;
            }
        }
    }
    let landed = landing.finish().await? + drifted.finish().await?;
    tracing::info!(as_of, version, customers = counts[0], prospects = counts[1], unspoken, "scored leads");
    let [customers, prospects] = counts;
    let report = ScoreReport { as_of, version, horizon_days, customers, prospects, unspoken, landed, was_there: false };
    if landed > 0 {
        shelf.note_scored(&report.as_of, &report).await?;
    }
    Ok(report)
}

/// What came true, by class, of the newest scores whose labels have been known for a day, so that what came late is there.
async fn came_true(desk: &Desk, as_of: NaiveDate, horizon_days: u32) -> Result<BTreeMap<String, CameTrue>, Error> {
    const OUTCOMES: &str = "lead_outcomes";
    let scored = as_of - Days::new(u64::from(horizon_days) + 1);
    let values = [("from", scored.to_string()), ("to", scored.to_string()), ("as_of", as_of.to_string())];
    let begin =
        |names: &[&str]| Ok((["class", "people", "bought"].map(|name| names.iter().position(|other| *other == name)), BTreeMap::new()));
    let take = |(places, found): &mut ([Option<usize>; 3], BTreeMap<String, CameTrue>), row: &[Option<String>]| {
        let [class, people, bought] = places.map(|place| row.get(place?)?.as_deref());
        let number = |text: Option<&str>| text?.parse::<usize>().ok();
        let (Some(class), Some(people), Some(bought)) = (class, number(people), number(bought)) else {
            return Err(Error::Ask { query: OUTCOMES, source: "a row lacks what its header promises".into() });
        };
        let all = found.entry(class.to_owned()).or_default();
        *all = CameTrue { yes: all.yes + bought, rows: all.rows + people };
        Ok(())
    };
    Ok(ask::each_row(desk, OUTCOMES, &values, begin, take).await?.1)
}

/// How far the people of a day are from those of the training.
fn drift_rows(model: &Model, as_of: &str, frozen: &Labelled, today: &Frame, scores: &[f64]) -> Result<Vec<Value>, Error> {
    let test = frame_for(model, &frozen.part(Part::Test).0).map_err(Error::models("compare with the training"))?;
    let judged = drift::probabilities(model, &test)?;
    Ok(drift::rows(&Compared { kind: KIND, model, as_of, frozen, today, judged: &judged, scores }))
}

fn row(class: Class, person: &Person, score: &LeadScore, model: &Model) -> Value {
    let (key, hash_key_id, account, customer_id) = match &person.known_by {
        KnownBy::Email(id) => (Some(score.customer_key.as_str()), id.as_deref(), None, None),
        KnownBy::Id { account, customer_id } => (None, None, account.as_deref(), customer_id.as_deref()),
    };
    let speaker = match &model.learner {
        Learner::Given { feature } => feature.as_str(),
        Learner::Logistic(_) | Learner::Boosted(_) => model.learner.name(),
    };
    let [reason_1, reason_2, reason_3] = score.reasons.each_ref().map(|reason| (!reason.is_empty()).then_some(reason.as_str()));
    json!({
        "subject": score.customer_key, "customer_key": key, "hash_key_id": hash_key_id, "account": account, "customer_id": customer_id, "known_in": person.known_in,
        "class": class.name(), "probability": score.probability, "decile": score.decile, "base_rate": score.base_rate,
        "horizon_days": score.horizon_days, "as_of": score.as_of, "label_matures_at": score.label_matures_at,
        "cut_off_at": format!("{} 00:00:00.000", score.as_of),
        "reason_1": reason_1, "reason_2": reason_2, "reason_3": reason_3,
        "speaker": speaker, "model": score.model, "explore": score.explore,
    })
}

/// Everyone at a cut-off, by what had been received by the end of `as_of`.
pub async fn features(desk: &Desk, cut_off: NaiveDate, as_of: NaiveDate) -> Result<Seen, Error> {
    let values = [("cut_off", cut_off.to_string()), ("as_of", as_of.to_string())];
    let failed = || Error::models("read the features of leads");
    let begin = |columns: &[&str]| Collector::new(columns.iter().copied()).map_err(failed());
    let collector = ask::each_row(desk, "lead_features", &values, begin, |collector, row| collector.push(row).map_err(failed())).await?;
    collector.finish().map_err(failed())
}

/// The subjects who bought in the days from a cut-off on.
pub async fn buyers(desk: &Desk, cut_off: NaiveDate, horizon_days: u32, as_of: NaiveDate) -> Result<HashSet<String>, Error> {
    let values = [("cut_off", cut_off.to_string()), ("horizon_days", horizon_days.to_string()), ("as_of", as_of.to_string())];
    let take = |buyers: &mut HashSet<String>, row: &[Option<String>]| {
        buyers.extend(row.first().cloned().flatten());
        Ok(())
    };
    ask::each_row(desk, "lead_buyers", &values, |_| Ok(HashSet::new()), take).await
}
