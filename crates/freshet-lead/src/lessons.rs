//! Training from looks at the lake: each look is what was known at a cut-off, with who bought in the days after it.
//!
//! Customers and prospects are two lessons. The oldest looks are learned from, the one before the newest is chosen and
//! calibrated on, the newest judges. Where that is not enough, BG/NBD speaks of customers and [`crate::shares`] of
//! everyone else, and the model file says so.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use freshet_ml::choose;
use freshet_ml::error::Error as ModelError;
use freshet_ml::frame::{Column, Frame, Labelled};
use freshet_ml::frozen::{Origin, window};
use freshet_ml::given::given;
use freshet_ml::metrics::roc_auc;
use freshet_ml::model::Model;
use freshet_ml::options::Options;
use freshet_ml::plot::Backtest;
use freshet_ml::snapshot::{Snapshot, check_order};
use freshet_ml::split::Part;

use crate::bgnbd::{Bgnbd, fit};
use crate::error::Error;
use crate::features::BGNBD;
use crate::lake::{Population, Seen, number, summaries, with_bgnbd, with_column};
use crate::plainly::Plainly;
use crate::returns::Returns;
use crate::score::{LeadScore, Occasion, score};
use crate::shares::{SHARE, Shares, weights};
use crate::train::{self, CUSTOMERS, PROSPECTS};

/// At most so many looks are learned from, chosen on and judged by.
pub const MOST_LOOKS: u32 = 8;
/// At most so many backtests, the newest.
const BACKTESTS: usize = 4;

/// What was known at a cut-off, and who bought in the days after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// When, and how far ahead.
    pub snapshot: Snapshot,
    /// Everyone then.
    pub seen: Seen,
    /// The subjects who bought within the horizon.
    pub buyers: HashSet<String>,
}

/// What a training is told.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// Only what had been received by the end of this day was seen.
    pub as_of: NaiveDate,
    /// The days that labels ask about.
    pub horizon_days: u32,
    /// Looks whose labels are all known, the oldest first.
    pub looks: &'a [Look],
    /// Everyone now.
    pub today: &'a Seen,
    /// The versions of the tables that were read.
    pub table_versions: &'a BTreeMap<String, i64>,
    /// The seed.
    pub seed: u64,
}

/// Of whom a lesson is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Those who have ordered.
    Customers,
    /// Those who have not.
    Prospects,
}

impl Class {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Customers, Self::Prospects];

    /// Its name, as files and rows have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Prospects => "prospects",
        }
    }

    /// The kind of its model.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Customers => CUSTOMERS,
            Self::Prospects => PROSPECTS,
        }
    }

    /// Its people.
    pub fn of(self, seen: &Seen) -> &Population {
        match self {
            Self::Customers => &seen.customers,
            Self::Prospects => &seen.prospects,
        }
    }

    /// The one feature that a ranking without any model would take, and its name in words: fewer days are better.
    fn baseline(self) -> (&'static str, &'static str) {
        match self {
            Self::Customers => ("recency", "recency"),
            Self::Prospects => ("lead_age", "days since the first sign"),
        }
    }
}

/// What a lesson leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The model.
    pub model: Model,
    /// The frozen frame.
    pub frame: Labelled,
    /// Whose its rows are.
    pub origins: Vec<Origin>,
    /// Cut-offs of the past, each foretold by what was known before it; the oldest first.
    pub backtests: Vec<Backtest>,
    /// What backtests compare with.
    pub baseline: &'static str,
}

/// The cut-offs of looks at a lake that has known people for so many days: the oldest first, each with its labels matured on
/// `as_of`, none reaching into the next.
pub fn cut_offs(as_of: NaiveDate, horizon_days: u32, history_days: u32) -> Result<Vec<Snapshot>, Error> {
    let looks = (1..=MOST_LOOKS).take_while(|look| look.saturating_mul(horizon_days) < history_days);
    let day = |look: u32| as_of.checked_sub_days(chrono::Days::new(u64::from(look) * u64::from(horizon_days))).unwrap_or(NaiveDate::MIN);
    let snapshots: Result<Vec<Snapshot>, ModelError> =
        looks.collect::<Vec<_>>().into_iter().rev().map(|look| Snapshot::new(day(look), horizon_days)).collect();
    Ok(snapshots?)
}

/// Learns about customers or prospects; nothing where there is nobody of them, now or ever.
pub fn learn(course: &Course<'_>, class: Class) -> Result<Option<Lesson>, Error> {
    for (place, look) in course.looks.iter().enumerate() {
        if course.as_of < look.snapshot.matures() {
            return Err(Error::UnripeSnapshot { cut_off: look.snapshot.cut_off(), matures: look.snapshot.matures(), end: course.as_of });
        }
        let earlier: Vec<Snapshot> = course.looks[..place].iter().map(|look| look.snapshot).collect();
        check_order(&earlier, &look.snapshot)?;
    }
    let now = class.of(course.today);
    if now.people.is_empty() && course.looks.iter().all(|look| class.of(&look.seen).people.is_empty()) {
        return Ok(None);
    }
    let bgnbd = (class == Class::Customers).then(|| fit(&summaries(&now.frame)).ok()).flatten();
    let rows = frame_of(class, now, bgnbd.as_ref(), course.horizon_days)?;
    let gathered = gather(course.looks, class, &rows, course.horizon_days)?;
    let (model, frame) = taught(course, class, &gathered, &rows, 200)?;
    let mut lesson = Lesson { model, frame, origins: gathered.origins, backtests: Vec::new(), baseline: class.baseline().1 };
    if let (Some(bgnbd), Class::Customers) = (bgnbd, class) {
        lesson.model.parameters.extend(bgnbd.parameters());
    }
    let first = course.looks.len().saturating_sub(BACKTESTS).max(1);
    for end in first..course.looks.len() {
        let past = Course { looks: &course.looks[..=end], ..*course };
        lesson.backtests.extend(backtest(&past, class, &rows)?);
    }
    let training = &mut lesson.model.training;
    training.as_of = Some(course.as_of);
    training.horizon_days = Some(course.horizon_days);
    (training.window_from, training.window_to) = window(&lesson.frame, &lesson.origins).unzip();
    training.table_versions.clone_from(course.table_versions);
    Ok(Some(lesson))
}

/// Options of a training of a class.
pub fn options(class: Class, seed: u64) -> Options {
    Options { kind: class.kind().to_owned(), ..train::options(class.name(), seed) }
}

/// A model of gathered rows, learned or else given, and the frame with the feature that it gives. `rows` are those that it will
/// speak of.
fn taught(course: &Course<'_>, class: Class, gathered: &Gathered, rows: &Frame, resamples: usize) -> Result<(Model, Labelled), Error> {
    let frame = &gathered.frame;
    let options = Options { resamples, ..options(class, course.seed) };
    match choose::train(frame, &options) {
        Err(ModelError::TooFewLabels { .. } | ModelError::EmptyPart { .. } | ModelError::NoFeatures) => {}
        learned => return Ok((learned?, frame.clone())),
    }
    // Everyone now, or, where nobody is left, those who were.
    let rows = if rows.rows() > 0 { rows } else { frame.frame() };
    let has_bgnbd = number(rows, BGNBD).iter().any(|value| value.is_finite());
    if has_bgnbd {
        return Ok((given(rows, frame, &options, BGNBD, "too few labels have matured: BG/NBD needs none")?, frame.clone()));
    }
    let learn: Vec<usize> = (0..frame.labels().len()).filter(|&row| frame.parts()[row] != Part::Test).collect();
    let labels: Vec<bool> = learn.iter().map(|&row| frame.labels()[row]).collect();
    let learn_weights: Vec<f64> = learn.iter().map(|&row| gathered.weights[row]).collect();
    let shares = Shares::fit(&frame.frame().take(&learn), &labels, &learn_weights, Returns::fit(rows, course.horizon_days));
    // A row of the past has the share that was known of it then.
    let labelled = frame.with_frame(with_column(frame.frame(), SHARE, shares.weighted(frame.frame(), &gathered.weights))?)?;
    let rows = with_column(rows, SHARE, shares.of(rows))?;
    let rule = "too few labels have matured: the share of earlier leads with the same signs that bought, by how likely they come back to a checkout";
    let mut model = given(&rows, &labelled, &options, SHARE, rule)?;
    model.parameters.extend(shares.parameters());
    Ok((model, labelled))
}

/// Of looks in order of time: the newest judges, the one before it is chosen on, all others are learned from.
fn part(place: usize, of: usize) -> Part {
    match of - place {
        1 => Part::Test,
        2 if of > 2 => Part::Validation,
        _ => Part::Train,
    }
}

fn frame_of(class: Class, population: &Population, bgnbd: Option<&Bgnbd>, horizon_days: u32) -> Result<Frame, Error> {
    Ok(match class {
        Class::Customers => with_bgnbd(&population.frame, bgnbd, horizon_days)?,
        Class::Prospects => population.frame.clone(),
    })
}

/// The rows of all looks.
struct Gathered {
    frame: Labelled,
    /// Whose they are.
    origins: Vec<Origin>,
    /// How likely each was to come back, over those of its look, by what was known then.
    weights: Vec<f64>,
}

/// The rows of all looks as one frame, of the columns of `like`.
fn gather(looks: &[Look], class: Class, like: &Frame, horizon_days: u32) -> Result<Gathered, Error> {
    let mut columns = like.take(&[]).columns().to_vec();
    let (mut labels, mut parts, mut origins, mut weighed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (place, look) in looks.iter().enumerate() {
        let population = class.of(&look.seen);
        let bgnbd = (class == Class::Customers).then(|| fit(&summaries(&population.frame)).ok()).flatten();
        let frame = frame_of(class, population, bgnbd.as_ref(), horizon_days)?;
        for ((_, all), (_, more)) in columns.iter_mut().zip(frame.columns()) {
            match (all, more) {
                (Column::Number(all), Column::Number(more)) => all.extend_from_slice(more),
                (Column::Category(all), Column::Category(more)) => all.extend_from_slice(more),
                (Column::Number(_), Column::Category(_)) | (Column::Category(_), Column::Number(_)) => {}
            }
        }
        weighed.extend(weights(Returns::fit(&frame, horizon_days).as_ref(), &frame));
        let cut_off = look.snapshot.cut_off().to_string();
        for person in &population.people {
            labels.push(look.buyers.contains(&person.subject));
            parts.push(part(place, looks.len()));
            origins.push(Origin { person: person.subject.clone(), cut_off: cut_off.clone() });
        }
    }
    let frame = Labelled::new(Frame::new(columns)?, labels, parts)?.of_people(origins.iter().map(|origin| &origin.person))?;
    Ok(Gathered { frame, origins, weights: weighed })
}

/// The newest look of a course, foretold by those before it.
fn backtest(course: &Course<'_>, class: Class, rows: &Frame) -> Result<Option<Backtest>, Error> {
    let (model, frame) = taught(course, class, &gather(course.looks, class, rows, course.horizon_days)?, rows, 0)?;
    let (test, labels) = frame.part(Part::Test);
    let (Some(metrics), Some(newest)) = (model.metrics.test, course.looks.last()) else {
        return Ok(None);
    };
    let probabilities: Vec<f64> = model.score(&test)?.iter().map(|score| score.probability).collect();
    #[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
    let foretold = probabilities.iter().sum::<f64>() / probabilities.len().max(1) as f64;
    let days: Vec<f64> = number(&test, class.baseline().0).iter().map(|days| -days).collect();
    Ok(Some(Backtest {
        cut_off: newest.snapshot.cut_off().to_string(),
        rows: metrics.rows,
        base_rate: metrics.base_rate,
        foretold,
        auc: metrics.auc,
        baseline_auc: roc_auc(&labels, &days),
        log_loss: metrics.log_loss,
    }))
}

/// Whether a model was trained with a feature.
fn knows(model: &Model, name: &str) -> bool {
    model.features.iter().any(|prepared| prepared.feature.name == name) || model.silent_features.iter().any(|feature| feature.name == name)
}

/// A frame as a model knows it: without what it does not know, and with its own shares.
pub fn frame_for(model: &Model, frame: &Frame) -> Result<Frame, Error> {
    let foreign: Vec<&str> =
        frame.columns().iter().map(|(name, _)| name.as_str()).filter(|name| *name == SHARE || !knows(model, name)).collect();
    let frame = frame.without(&foreign);
    if !knows(model, SHARE) {
        return Ok(frame);
    }
    let shares = Shares::read(&model.parameters).ok_or(ModelError::NoFeatures)?;
    Ok(with_column(&frame, SHARE, shares.of(&frame))?)
}

/// The frame that a model scores: people's features, with what its file says of BG/NBD and of shares.
pub fn frame_to_score(model: &Model, population: &Population, horizon_days: u32) -> Result<Frame, Error> {
    let mut frame = population.frame.clone();
    if knows(model, BGNBD) {
        frame = with_bgnbd(&frame, Bgnbd::of_parameters(&model.parameters).as_ref(), horizon_days)?;
    }
    frame_for(model, &frame)
}

/// Scores everyone of a population, in its order; `frame` is what [`frame_to_score`] gives for it.
pub fn score_population<'a>(
    model: &'a Model,
    population: &'a Population,
    frame: &'a Frame,
    occasion: &Occasion,
) -> Result<impl Iterator<Item = LeadScore> + use<'a>, Error> {
    let subjects = population.people.iter().map(|person| person.subject.as_str()).collect();
    let plainly = Plainly::new(model, frame, occasion.horizon_days)?;
    let scores = score(model, frame, subjects, occasion)?;
    Ok(scores.enumerate().map(move |(row, mut score)| {
        if let Some(plainly) = &plainly {
            score.reasons = plainly.reasons(row, score.reasons);
        }
        score
    }))
}

#[cfg(test)]
mod tests;
