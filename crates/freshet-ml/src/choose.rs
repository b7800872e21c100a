//! Training: which learner, by a stated rule, and which calibration.
//!
//! The rule. Each candidate learns from the training rows alone. On the validation rows, which are later, each is
//! Platt-scaled on one half and judged on the other, both ways round, so that the base rate's drift is not what
//! decides. Candidates come from simple to complex: a logistic regression, the same with the optional features, and
//! boosted trees. A later one replaces the present one only when its log-loss is lower by more than one standard
//! error of the difference. Platt scaling is kept if it lowered the Brier score, by more than one standard error too, on
//! the halves that it had not seen.
//!
//! Then the chosen learner learns again, from training and validation rows together. It keeps the slope of the
//! calibration, and its offset is set so that the mean probability of the validation rows, the newest whose labels are
//! known, is the share that they have: what has learned from them is half-way there already, and the offset that was
//! measured without them would go too far. The test rows are looked at once, after all this.

use std::collections::BTreeMap;

use ndarray::Array2;

use crate::boost::{self, Setting, Watched};
use crate::calibrate::{Calibration, platt, probability};
use crate::choice::{Candidate, Choice};
use crate::digits::keep;
use crate::error::Error;
use crate::evaluate;
use crate::feature::Feature;
use crate::frame::{Frame, Labelled};
use crate::logistic;
use crate::metrics::Metrics;
use crate::model::{FORMAT, Judged, Learner, Model, Training, VERSION};
use crate::options::Options;
use crate::prepare::{self, Prepared};
use crate::random::share_of_key;
use crate::split::Part;

/// The rule in words, as the model file and the card carry it.
pub const RULE: &str = "from simple to complex, a candidate replaces the present one only when its log-loss on the validation rows, Platt-scaled across halves, is lower by more than one standard error of the difference";

/// Rows of each label that training needs.
pub const NEEDED: usize = 50;

/// A learner with the features that it takes.
struct Trained {
    name: &'static str,
    features: Vec<Prepared>,
    learner: Learner,
    validation: Vec<f64>,
    losses: Vec<f64>,
}

/// Trains, chooses, calibrates and judges.
pub fn train(labelled: &Labelled, options: &Options) -> Result<Model, Error> {
    let Learning { learn, learn_labels, learn_people, validate, validate_labels } = learning_parts(labelled, options.seed)?;
    let positives = learn_labels.iter().filter(|&&label| label).count();
    if positives < NEEDED || learn_labels.len() - positives < NEEDED {
        return Err(Error::TooFewLabels { positives, negatives: learn_labels.len() - positives, needed: NEEDED });
    }
    let everything = prepare::fit(&learn, &options.catalogue);
    if everything.is_empty() {
        return Err(Error::NoFeatures);
    }
    let needed: Vec<Prepared> = everything.iter().filter(|prepared| !options.optional.contains(&prepared.feature.name)).cloned().collect();
    let halves: Vec<bool> =
        (0..validate_labels.len()).map(|row| share_of_key(&row.to_be_bytes(), options.seed ^ 0x68_61_6c_66) < 0.5).collect();
    let stand = |name, features: Vec<Prepared>, learner| -> Result<Trained, Error> {
        let validation = answers(&features, &learner, &validate);
        let losses = cross_losses(&validation, &validate_labels, &halves);
        Ok(Trained { name, features, learner, validation, losses })
    };
    let mut candidates = Vec::new();
    let mut chosen: Option<Trained> = None;
    let mut consider = |trained: Trained| {
        let (difference, standard_error) = chosen.as_ref().map_or((0.0, 0.0), |present| paired(&trained.losses, &present.losses));
        let log_loss = trained.losses.iter().sum::<f64>() / count(trained.losses.len()).max(1.0);
        candidates.push(Candidate {
            name: trained.name.to_owned(),
            log_loss: keep(log_loss),
            difference: keep(difference),
            standard_error: keep(standard_error),
        });
        if chosen.is_none() || difference < -standard_error {
            chosen = Some(trained);
        }
    };
    if !needed.is_empty() {
        consider(stand("logistic", needed.clone(), fit_logistic(&needed, &learn, &learn_labels)?)?);
    }
    if needed.len() < everything.len() {
        consider(stand("logistic with the optional features", everything.clone(), fit_logistic(&everything, &learn, &learn_labels)?)?);
    }
    consider(stand("boosted trees", everything.clone(), fit_boosted(&everything, &learn, &learn_labels, &learn_people, options.seed))?);
    let chosen = chosen.ok_or(Error::NoFeatures)?;

    let raw: Vec<f64> = chosen.validation.iter().map(|&answer| probability(answer)).collect();
    let scaled = cross_scaled(&chosen.validation, &validate_labels, &halves);
    let (gain, standard_error) = paired(&squares(&scaled, &validate_labels), &squares(&raw, &validate_labels));
    let base_rate = keep(count(validate_labels.iter().filter(|&&label| label).count()) / count(validate_labels.len()).max(1.0));
    let (features, learner) = learn_again(labelled, &chosen, options)?;
    let calibration = if gain < -standard_error {
        platt(&chosen.validation, &validate_labels).level(&answers(&features, &learner, &validate), base_rate)
    } else {
        Calibration::None
    };
    let choice = Choice { rule: RULE.to_owned(), candidates, chosen: chosen.name.to_owned(), calibration_gain: Some(keep(gain)) };
    let validation = Some(evaluate::judge(&validate_labels, &raw, options));
    judged(labelled, options, Learned { base_rate, choice, validation, features, calibration, learner })
}

/// What a training found, before the test rows are looked at.
pub(crate) struct Learned {
    pub(crate) base_rate: f64,
    pub(crate) choice: Choice,
    pub(crate) validation: Option<Metrics>,
    pub(crate) features: Vec<Prepared>,
    pub(crate) calibration: Calibration,
    pub(crate) learner: Learner,
}

/// The model file of what was learned, judged on the test rows.
pub(crate) fn judged(labelled: &Labelled, options: &Options, learned: Learned) -> Result<Model, Error> {
    let taken = |name: &str| learned.features.iter().any(|prepared| prepared.feature.name == name);
    let silent = labelled.frame().columns().iter().filter(|(name, _)| !taken(name));
    let mut model = Model {
        format: FORMAT.to_owned(),
        version: VERSION,
        name: options.name.clone(),
        kind: options.kind.clone(),
        training: Training {
            as_of: None,
            window_from: None,
            window_to: None,
            horizon_days: None,
            table_versions: BTreeMap::new(),
            frame_sha256: labelled.sha256(),
            frame_rows: labelled.labels().len(),
            erased_rows: 0,
            seed: options.seed,
        },
        base_rate: learned.base_rate,
        metrics: Judged { validation: learned.validation, test_raw: None, test: None },
        parameters: BTreeMap::new(),
        silent_features: silent.map(|(name, _)| Feature::find(&options.catalogue, name)).collect(),
        choice: learned.choice,
        features: learned.features,
        calibration: learned.calibration,
        learner: learned.learner,
    };
    evaluate::judge_on_test(&mut model, labelled, options)?;
    // The newest labels that are known say what is usual now; they had no say before they judged.
    if let Some(test) = &model.metrics.test {
        model.base_rate = test.base_rate;
    }
    Ok(model)
}

/// The chosen learner, learned from all rows but the test's.
fn learn_again(labelled: &Labelled, chosen: &Trained, options: &Options) -> Result<(Vec<Prepared>, Learner), Error> {
    let rows: Vec<usize> = (0..labelled.labels().len()).filter(|&row| labelled.parts()[row] != Part::Test).collect();
    let frame = labelled.frame().take(&rows);
    let labels: Vec<bool> = rows.iter().map(|&row| labelled.labels()[row]).collect();
    let taken = |prepared: &Prepared| chosen.features.iter().any(|other| other.feature.name == prepared.feature.name);
    let features: Vec<Prepared> = prepare::fit(&frame, &options.catalogue).into_iter().filter(taken).collect();
    let learner = match &chosen.learner {
        Learner::Boosted(boosted) => {
            let setting = Setting { rounds: boosted.rounds(), ..Setting::for_rows(labels.len()) };
            Learner::Boosted(boost::fit(&plain_columns(&features, &frame, labels.len()), &labels, &setting, None))
        }
        Learner::Logistic(_) | Learner::Given { .. } => fit_logistic(&features, &frame, &labels)?,
    };
    Ok((features, learner))
}

/// What is learned from, and what is chosen on.
struct Learning {
    learn: Frame,
    learn_labels: Vec<bool>,
    learn_people: Vec<u64>,
    validate: Frame,
    validate_labels: Vec<bool>,
}

/// Training and validation rows; without validation rows, a fifth of the people of the training rows is held out.
fn learning_parts(labelled: &Labelled, seed: u64) -> Result<Learning, Error> {
    let (learn, learn_labels) = labelled.part(Part::Train);
    if learn_labels.is_empty() {
        return Err(Error::EmptyPart { part: Part::Train.name() });
    }
    let learn_people = labelled.people(Part::Train);
    let (validate, validate_labels) = labelled.part(Part::Validation);
    if !validate_labels.is_empty() {
        return Ok(Learning { learn, learn_labels, learn_people, validate, validate_labels });
    }
    let (held, kept) = hold_out(&learn_people, seed);
    let labels = |rows: &[usize]| rows.iter().map(|&row| learn_labels[row]).collect();
    Ok(Learning {
        learn: learn.take(&kept),
        learn_labels: labels(&kept),
        learn_people: kept.iter().map(|&row| learn_people[row]).collect(),
        validate: learn.take(&held),
        validate_labels: labels(&held),
    })
}

/// The rows of a fifth of the people, by a hash, and all others.
fn hold_out(people: &[u64], seed: u64) -> (Vec<usize>, Vec<usize>) {
    (0..people.len()).partition(|&row| share_of_key(&people[row].to_be_bytes(), seed) < 0.2)
}

fn fit_logistic(features: &[Prepared], frame: &Frame, labels: &[bool]) -> Result<Learner, Error> {
    let width: usize = features.iter().map(|prepared| prepared.encoding.width()).sum();
    let mut inputs = Vec::with_capacity(width * labels.len());
    for row in 0..labels.len() {
        for prepared in features {
            if let Some(column) = frame.column(&prepared.feature.name) {
                prepared.encoding.scaled(column, row, &mut inputs);
            }
        }
    }
    let inputs = Array2::from_shape_vec((labels.len(), width), inputs).map_err(|_| Error::NoFeatures)?;
    Ok(Learner::Logistic(logistic::fit(inputs, labels, 1.0)?))
}

/// Trees as many as held-out people of the training rows ask for, then learned from all training rows.
fn fit_boosted(features: &[Prepared], frame: &Frame, labels: &[bool], people: &[u64], seed: u64) -> Learner {
    let columns = plain_columns(features, frame, labels.len());
    let (held, kept) = hold_out(people, seed);
    let pick = |rows: &[usize]| -> (Vec<Vec<f64>>, Vec<bool>) {
        (
            columns.iter().map(|column| rows.iter().map(|&row| column[row]).collect()).collect(),
            rows.iter().map(|&row| labels[row]).collect(),
        )
    };
    let ((few, few_labels), (watched, watched_labels)) = (pick(&kept), pick(&held));
    let setting = Setting::for_rows(labels.len());
    let rounds = boost::fit(&few, &few_labels, &setting, Some(Watched { columns: &watched, labels: &watched_labels })).rounds();
    Learner::Boosted(boost::fit(&columns, labels, &Setting { rounds, ..setting }, None))
}

fn plain_columns(features: &[Prepared], frame: &Frame, rows: usize) -> Vec<Vec<f64>> {
    let mut columns = Vec::new();
    for prepared in features {
        let Some(column) = frame.column(&prepared.feature.name) else { continue };
        let width = prepared.encoding.plain_width();
        let mut parts = vec![Vec::with_capacity(rows); width];
        let mut inputs = Vec::new();
        for row in 0..rows {
            inputs.clear();
            prepared.encoding.plain(column, row, &mut inputs);
            for (part, &input) in parts.iter_mut().zip(&inputs) {
                part.push(input);
            }
        }
        columns.extend(parts);
    }
    columns
}

/// The learner's log-odds for each row.
fn answers(features: &[Prepared], learner: &Learner, frame: &Frame) -> Vec<f64> {
    let mut inputs = Vec::new();
    (0..frame.rows())
        .map(|row| {
            inputs.clear();
            for prepared in features {
                let Some(column) = frame.column(&prepared.feature.name) else { continue };
                match learner {
                    Learner::Logistic(_) => prepared.encoding.scaled(column, row, &mut inputs),
                    Learner::Boosted(_) | Learner::Given { .. } => prepared.encoding.plain(column, row, &mut inputs),
                }
            }
            match learner {
                Learner::Logistic(logistic) => logistic.log_odds(&inputs),
                Learner::Boosted(boosted) => boosted.log_odds(&inputs),
                Learner::Given { .. } => inputs.first().copied().map_or(0.0, crate::calibrate::log_odds),
            }
        })
        .collect()
}

/// Each row's probability after Platt scaling on the half that it is not in.
fn cross_scaled(answers: &[f64], labels: &[bool], halves: &[bool]) -> Vec<f64> {
    let scaled = |half: bool| {
        let rows = || (0..labels.len()).filter(|&row| halves[row] != half);
        platt(&rows().map(|row| answers[row]).collect::<Vec<_>>(), &rows().map(|row| labels[row]).collect::<Vec<_>>())
    };
    let by_half = [scaled(false), scaled(true)];
    answers.iter().zip(halves).map(|(&answer, &half)| by_half[usize::from(half)].apply(answer)).collect()
}

fn cross_losses(answers: &[f64], labels: &[bool], halves: &[bool]) -> Vec<f64> {
    cross_scaled(answers, labels, halves)
        .into_iter()
        .zip(labels)
        .map(|(probability, &label)| -(if label { probability } else { 1.0 - probability }).clamp(1e-6, 1.0).ln())
        .collect()
}

/// Each row's part in the Brier score.
fn squares(probabilities: &[f64], labels: &[bool]) -> Vec<f64> {
    probabilities.iter().zip(labels).map(|(probability, &label)| (probability - f64::from(u8::from(label))).powi(2)).collect()
}

/// The mean difference of two lists and its standard error.
fn paired(ours: &[f64], theirs: &[f64]) -> (f64, f64) {
    let rows = count(ours.len()).max(2.0);
    let mean = ours.iter().zip(theirs).map(|(a, b)| a - b).sum::<f64>() / rows;
    let variance = ours.iter().zip(theirs).map(|(a, b)| (a - b - mean).powi(2)).sum::<f64>() / (rows - 1.0);
    (mean, (variance / rows).sqrt())
}

#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
pub(crate) fn count(rows: usize) -> f64 {
    rows as f64
}
