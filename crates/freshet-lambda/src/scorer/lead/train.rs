//! Training over the lake: looks, lessons, a version on the shelf, and the gate that it has to pass.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use freshet_ingest::canonical::hash_parts;
use freshet_lead::lessons::{Class, Course, Lesson, Look, cut_offs, frame_for, learn};
use freshet_ml::card::{Words, card};
use freshet_ml::frozen;
use freshet_ml::gate::{self, Comparison};
use freshet_ml::plot;
use freshet_ml::split::Part;

use super::{Desk, KIND, buyers, features};
use crate::error::Error;
use crate::scorer::shelf::{Models, Shelf};
use crate::scorer::{TrainReport, Trained, table_versions};

/// The tables that the queries read.
const TABLES: [&str; 8] = [
    "shopify_orders",
    "shopify_checkouts",
    "shopify_customers",
    "shopify_carts",
    "shopify_refunds",
    "zendesk_tickets",
    "zendesk_ticket_events",
    "zendesk_user_events",
];

const PURPOSE: &str = "How likely a person is to buy within the horizon, so that a sales team calls the right people.";
const LIMITS: [&str; 6] = [
    "It knows what the lake knows: who bought elsewhere, or under an address that nothing joins, has not bought here.",
    "Reasons say what the model looked at, over an average person. They are never causes, and changing one changes nothing by itself.",
    "It was learned from what happened, called or not: keep calling those whom `explore` marks, or it learns only of those who were called.",
    "The probability is as good as the base rate is stable: compare `base_rate` with what came true once labels mature.",
    "Amounts of shops with different currencies are added as they are.",
    "It is for whom to call first. It is no ground for a price, a credit or a refusal.",
];

/// What a training is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Training {
    /// Only what had been received by the end of this day is used.
    pub as_of: NaiveDate,
    /// The days that labels ask about.
    pub horizon_days: u32,
    /// The seed.
    pub seed: u64,
}

/// Trains on what is known by a day, shelves the version, and promotes it if it passes the gate.
pub async fn train(desk: &Desk, training: &Training) -> Result<TrainReport, Error> {
    let failed = || Error::models("train the models of leads");
    let today = features(desk, training.as_of, training.as_of).await?;
    let mut looks = Vec::new();
    for snapshot in cut_offs(training.as_of, training.horizon_days, today.history_days()).map_err(failed())? {
        let seen = features(desk, snapshot.cut_off(), training.as_of).await?;
        let buyers = buyers(desk, snapshot.cut_off(), training.horizon_days, training.as_of).await?;
        tracing::info!(cut_off = %snapshot.cut_off(), customers = seen.customers.people.len(), prospects = seen.prospects.people.len(), buyers = buyers.len(), "looked at the past");
        looks.push(Look { snapshot, seen, buyers });
    }
    let table_versions = table_versions(desk, &TABLES).await?;
    let course = Course {
        as_of: training.as_of,
        horizon_days: training.horizon_days,
        looks: &looks,
        today: &today,
        table_versions: &table_versions,
        seed: training.seed,
    };
    let mut lessons: BTreeMap<&'static str, Lesson> = BTreeMap::new();
    for class in Class::ALL {
        if let Some(lesson) = learn(&course, class).map_err(failed())? {
            lessons.insert(class.name(), lesson);
        }
    }
    if lessons.is_empty() {
        return Err(Error::Nobody { kind: KIND, as_of: training.as_of.to_string() });
    }
    let version = version(training, &lessons);
    for (part, lesson) in &mut lessons {
        lesson.model.name = format!("{KIND}-{version}/{part}");
    }
    let shelf = Shelf::new(&desk.s3, &desk.bucket, KIND);
    let was_there = shelf.versions().await?.contains(&version) && shelf.models(&version).await?.len() == lessons.len();
    if !was_there {
        shelve(&shelf, &version, &lessons).await?;
    }
    let (is_current, reason) = gate(&shelf, &version).await?;
    if is_current {
        shelf.promote(&version, &reason).await?;
    }
    let parts = lessons.iter().map(|(part, lesson)| Trained {
        part: (*part).to_owned(),
        chosen: lesson.model.choice.chosen.clone(),
        rows: lesson.frame.labels().len(),
        test: lesson.model.metrics.test,
    });
    Ok(TrainReport { version, was_there, is_current, reason, parts: parts.collect() })
}

/// The name of a version: its day and horizon, and a hash of all that it was learned from.
fn version(training: &Training, lessons: &BTreeMap<&str, Lesson>) -> String {
    let mut parts = vec![training.seed.to_string(), env!("CARGO_PKG_VERSION").to_owned()];
    for (part, lesson) in lessons {
        let numbers: Vec<String> = lesson.model.parameters.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        parts.extend([(*part).to_owned(), lesson.frame.sha256(), numbers.join(" ")]);
    }
    let hash = hash_parts(&parts.iter().map(String::as_str).collect::<Vec<_>>());
    format!("{}-{}d-{}", training.as_of, training.horizon_days, &hash[..8])
}

async fn shelve(shelf: &Shelf<'_>, version: &str, lessons: &BTreeMap<&str, Lesson>) -> Result<(), Error> {
    for (part, lesson) in lessons {
        let picture = format!("{part}.svg");
        let words = Words { purpose: PURPOSE, limits: &LIMITS, baseline: lesson.baseline, picture: Some(&picture) };
        let page = card(&lesson.model, &lesson.backtests, &words);
        shelf.write(version, &format!("{part}.md"), page.into_bytes()).await?;
        let drawn = plot::backtests(&lesson.model.name, &format!("{} alone", lesson.baseline), &lesson.backtests);
        shelf.write(version, &picture, drawn.into_bytes()).await?;
        let frozen = frozen::write(&lesson.frame, &lesson.origins).map_err(Error::models("freeze a frame"))?;
        shelf.put_model(version, part, &lesson.model, &frozen).await?;
    }
    Ok(())
}

/// Whether a version may score: it is the current one, there is none, or it beats that on the newest rows whose labels are known
/// to the version and that it has not learned from.
pub async fn gate(shelf: &Shelf<'_>, version: &str) -> Result<(bool, String), Error> {
    let candidate = shelf.models(version).await?;
    let Some(current) = shelf.current().await? else {
        return Ok((true, "there was none".to_owned()));
    };
    if current.version == version {
        return Ok((true, "it is the current one".to_owned()));
    }
    let present = shelf.models(&current.version).await?;
    if horizons(&present) != horizons(&candidate) {
        return Ok((false, format!("{} asks about another horizon: promote by name with --force", current.version)));
    }
    if let Some(lost) = present.keys().find(|part| !candidate.contains_key(*part)) {
        return Ok((false, format!("it does not speak of {lost}, as {} does", current.version)));
    }
    let (mut found, mut is_strange) = (Comparison::default(), false);
    for (part, model) in &candidate {
        let (Some(before), Some(frame)) = (present.get(part), shelf.frame(version, part, model).await?) else { continue };
        let (test, labels) = frame.part(Part::Test);
        let fitting = |model| frame_for(model, &test).map_err(Error::models("compare models"));
        if gate::is_older(model, before) {
            return Ok((false, format!("{} has seen later days: promote by name with --force", current.version)));
        }
        let candidate = gate::loss(model, &fitting(model)?, &labels).map_err(Error::models("compare models"))?;
        let Ok(present) = gate::loss(before, &fitting(before)?, &labels) else {
            is_strange = true;
            continue;
        };
        found = found.and(Comparison { rows: labels.len(), present, candidate });
    }
    if is_strange && (found.rows == 0 || found.is_better()) {
        return Ok((true, format!("{} does not know today's features and cannot score", current.version)));
    }
    if found.rows == 0 {
        return Ok((false, format!("no label has matured to compare it with {} by", current.version)));
    }
    let (new, old) = (mean(found.candidate, found.rows), mean(found.present, found.rows));
    let words = format!("log-loss {new:.5} against {old:.5} of {} on {} rows", current.version, found.rows);
    Ok(if found.is_better() { (true, words) } else { (false, format!("{words}: no better")) })
}

fn horizons(models: &Models) -> Vec<Option<u32>> {
    let mut days: Vec<Option<u32>> = models.values().map(|model| model.training.horizon_days).collect();
    days.dedup();
    days
}

#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
fn mean(sum: f64, rows: usize) -> f64 {
    sum / rows as f64
}
