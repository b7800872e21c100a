//! Training on verdicts over the lake: a look at each verdict's day, a version on the shelf, and the gate.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use freshet_ingest::canonical::hash_parts;
use freshet_ml::card::{Words, card};
use freshet_ml::choose::NEEDED;
use freshet_ml::frozen;
use freshet_ml::gate;
use freshet_ml::model::Model;
use freshet_ml::plot;
use freshet_ml::split::Part;
use freshet_smurf::lessons::{Lesson, Look, Verdict, learn, unlearned_auc};

use super::{DAYS, Desk, KIND, Names, PART, gather, unreadable};
use crate::error::Error;
use crate::scorer::drift::CameTrue;
use crate::scorer::shelf::Shelf;
use crate::scorer::{TrainReport, Trained, ask, table_versions};

/// The tables that the queries read.
const TABLES: [&str; 3] = ["game_matches", "game_match_players", "game_verdicts"];
const VERDICTS: &str = "smurf_verdicts";
/// The newest days with verdicts that are looked at: a query a day.
const MOST_DAYS: usize = 60;

/// What stands beside the model in its card.
const BASELINE: &str = "score without labels";
const PURPOSE: &str = "Which accounts play far above their record, so that an admin reviews the right ones.";
const LIMITS: [&str; 5] = [
    "It proposes whom to look at. A person decides, and no sanction follows from it: half or more of those who play far above their record are real talents.",
    "Ratings are of matches that an organiser ran. Matches of a publisher's matchmaking are never rated, and no rating of them is published: Riot Games' policy rules out MMR and ELO calculators over them. They feed comparisons inside matches alone.",
    "It was learned from verdicts on accounts that were flagged: without verdicts on the random audit slice it learns about its own suspicions.",
    "Who throws games to stay low is found less well: every detector loses to that.",
    "Siblings and friends share devices and addresses: a link by them alone is no proof.",
];

/// What a training is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Training {
    /// Only what had been received by the end of this day is used.
    pub as_of: NaiveDate,
    /// The seed.
    pub seed: u64,
}

/// Trains on the verdicts that are known by a day, shelves the version, and promotes it if it passes the gate.
pub async fn train(desk: &Desk, training: &Training) -> Result<TrainReport, Error> {
    let verdicts = verdicts(desk, training.as_of).await?;
    if verdicts.is_empty() {
        return Err(Error::NoVerdicts { as_of: training.as_of.to_string(), needed: NEEDED });
    }
    let days: BTreeSet<NaiveDate> = verdicts.iter().map(|verdict| verdict.decided_on).collect();
    let mut looks = Vec::new();
    for &cut_off in days.iter().rev().take(MOST_DAYS) {
        looks.push(Look { cut_off, accounts: gather(desk, cut_off, training.as_of).await?.accounts });
    }
    let failed = Error::models("train the model of accounts on verdicts");
    let mut lesson = learn(&looks, &verdicts, training.as_of, training.seed).map_err(failed)?;
    let hash = hash_parts(&[&training.seed.to_string(), env!("CARGO_PKG_VERSION"), &lesson.frame.sha256()]);
    let version = format!("{}-{}", training.as_of, &hash[..8]);
    lesson.model.name = format!("{KIND}-{version}");
    lesson.model.training.table_versions = table_versions(desk, &TABLES).await?;
    let shelf = Shelf::new(&desk.s3, &desk.bucket, KIND);
    let was_there = shelf.versions().await?.contains(&version) && shelf.models(&version).await?.contains_key(PART);
    if !was_there {
        shelve(&shelf, &version, &lesson).await?;
    }
    let (is_current, reason) = gate(&shelf, &version).await?;
    if is_current {
        shelf.promote(&version, &reason).await?;
    }
    let model = lesson.model;
    let part = Trained { part: PART.to_owned(), chosen: model.choice.chosen, rows: lesson.frame.labels().len(), test: model.metrics.test };
    Ok(TrainReport { version, was_there, is_current, reason, parts: vec![part] })
}

async fn shelve(shelf: &Shelf<'_>, version: &str, lesson: &Lesson) -> Result<(), Error> {
    let picture = format!("{PART}.svg");
    let words = Words { purpose: PURPOSE, limits: &LIMITS, baseline: BASELINE, picture: Some(&picture) };
    shelf.write(version, &format!("{PART}.md"), card(&lesson.model, &lesson.backtests, &words).into_bytes()).await?;
    let drawn = plot::backtests(&lesson.model.name, &format!("{BASELINE} alone"), &lesson.backtests);
    shelf.write(version, &picture, drawn.into_bytes()).await?;
    let frozen = frozen::write(&lesson.frame, &lesson.origins).map_err(Error::models("freeze a frame"))?;
    shelf.put_model(version, PART, &lesson.model, &frozen).await
}

/// Whether a version may score: it beats the current one, or the score without labels, on the newest verdicts.
pub async fn gate(shelf: &Shelf<'_>, version: &str) -> Result<(bool, String), Error> {
    let failed = || Error::models("compare models of accounts");
    let candidate = shelf.models(version).await?.remove(PART).ok_or_else(|| unknown(version))?;
    let current = shelf.current().await?;
    if current.as_ref().is_some_and(|current| current.version == version) {
        return Ok((true, "it is the current one".to_owned()));
    }
    let Some(frame) = shelf.frame(version, PART, &candidate).await? else {
        return Ok((false, "its frozen frame is gone: there is nothing to compare it on".to_owned()));
    };
    let (test, labels) = frame.part(Part::Test);
    let Some(current) = current else {
        let (Some(learned), Some(unlearned)) = (candidate.metrics.test.and_then(|test| test.auc), unlearned_auc(&frame)) else {
            return Ok((false, "the newest verdicts are all of one kind: nothing can be compared".to_owned()));
        };
        let words = format!("AUC {learned:.4} against {unlearned:.4} of the score without labels on {} verdicts", labels.len());
        return Ok(if learned > unlearned { (true, words) } else { (false, format!("{words}: no better")) });
    };
    let present = shelf.models(&current.version).await?.remove(PART).ok_or_else(|| unknown(&current.version))?;
    if gate::is_older(&candidate, &present) {
        return Ok((false, format!("{} has seen later days: promote by name with --force", current.version)));
    }
    let found = gate::compare((&present, &test), (&candidate, &test), &labels).map_err(failed())?;
    let words =
        format!("log-loss {:.3} against {:.3} of {}, summed over {} verdicts", found.candidate, found.present, current.version, found.rows);
    Ok(if found.is_better() { (true, words) } else { (false, format!("{words}: no better")) })
}

fn unknown(version: &str) -> Error {
    Error::UnknownModel { kind: KIND, version: version.to_owned() }
}

/// What admins have found since a model was trained: how many verdicts, and how many of them above their record.
pub(super) async fn since_training(desk: &Desk, model: &Model, as_of: NaiveDate) -> Result<CameTrue, Error> {
    let trained = model.training.as_of.unwrap_or(NaiveDate::MIN);
    let newer = |verdict: &Verdict| verdict.decided_on > trained && verdict.decided_on < as_of;
    let found: Vec<bool> = verdicts(desk, as_of).await?.iter().filter(|verdict| newer(verdict)).map(|verdict| verdict.is_above).collect();
    Ok(CameTrue { yes: found.iter().filter(|&&is_above| is_above).count(), rows: found.len() })
}

/// The latest verdict on each account, as known by the end of a day.
async fn verdicts(desk: &Desk, as_of: NaiveDate) -> Result<Vec<Verdict>, Error> {
    let values = [("since", (as_of - chrono::Days::new(DAYS)).to_string()), ("as_of", as_of.to_string())];
    let begin = |names: &[&str]| Ok((Names::of(names), Vec::new()));
    let take = |(names, verdicts): &mut (Names, Vec<Verdict>), row: &[Option<String>]| {
        let row = names.row(row);
        let verdict = || {
            Some(Verdict {
                game: row.text("account")?.to_owned(),
                player_id: row.text("player_id")?.to_owned(),
                is_above: row.number("is_above")?,
                decided_on: row.number("decided_on")?,
            })
        };
        verdicts.push(verdict().ok_or_else(|| unreadable(VERDICTS))?);
        Ok(())
    };
    let mut verdicts = ask::each_row(desk, VERDICTS, &values, begin, take).await?.1;
    verdicts.sort_by(|one, other| (&one.game, &one.player_id).cmp(&(&other.game, &other.player_id)));
    Ok(verdicts)
}
