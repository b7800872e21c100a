//! Training: snapshots of the past become labelled rows, and a model is chosen; with too few labels, BG/NBD speaks.
//!
//! The cold-start model needs no labels: its probability is given as it is. Once [`freshet_ml::choose::NEEDED`] rows
//! of each label have matured, a learned model takes over, with the BG/NBD probability as a feature where it helps.

use chrono::NaiveDate;
use freshet_ml::choose;
use freshet_ml::error::Error as ModelError;
use freshet_ml::frame::{Column, Frame, Labelled};
use freshet_ml::given::given;
use freshet_ml::model::Model;
use freshet_ml::options::Options;
use freshet_ml::snapshot::{Label, Snapshot, check_order};
use freshet_ml::split::Part;

use crate::bgnbd::Bgnbd;
use crate::catalogue::catalogue;
use crate::error::Error;
use crate::features::{BGNBD, Rows, rows};
use crate::ledger::{Day, Ledger, date};

/// The kind of the model of customers who have ordered.
pub const CUSTOMERS: &str = "lead";
/// The kind of the model of those who have not.
pub const PROSPECTS: &str = "prospect";

/// When to look, and how far ahead.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Cut-offs to learn from.
    pub train: Vec<NaiveDate>,
    /// The cut-off to choose and calibrate on.
    pub validation: NaiveDate,
    /// The cut-off to be judged on.
    pub test: NaiveDate,
    /// The days that labels ask about.
    pub horizon_days: u32,
    /// The first day that is not complete; from the transactions themselves where `None`.
    pub as_of: Option<NaiveDate>,
}

/// A model, and the cold-start model of what was seen at the test's cut-off.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// BG/NBD at the newest cut-off; none where nobody had bought twice.
    pub bgnbd: Option<Bgnbd>,
    /// The frozen frame of the training, as hashed in the model file.
    pub frame: Labelled,
}

/// Options of a training of customers.
pub fn options(name: &str, seed: u64) -> Options {
    Options {
        name: name.to_owned(),
        kind: CUSTOMERS.to_owned(),
        catalogue: catalogue(),
        optional: vec![BGNBD.to_owned()],
        seed,
        resamples: 200,
    }
}

/// Trains on a ready frame.
pub fn train_on_frame(labelled: &Labelled, options: &Options) -> Result<Model, Error> {
    Ok(choose::train(labelled, options)?)
}

/// Builds the rows of a plan's snapshots and trains on them.
pub fn train_on_transactions(ledger: &Ledger, plan: &Plan, options: &Options) -> Result<Trained, Error> {
    let snapshot = |&cut_off: &NaiveDate| Ok(Snapshot::new(cut_off, plan.horizon_days)?);
    let train = plan.train.iter().map(snapshot).collect::<Result<Vec<Snapshot>, Error>>()?;
    let (validation, test) = (snapshot(&plan.validation)?, snapshot(&plan.test)?);
    check_order(&train, &validation)?;
    check_order(&[validation], &test)?;
    let as_of = plan.as_of.unwrap_or_else(|| date(complete_until(ledger)));
    let parts = train.iter().map(|&snapshot| (snapshot, Part::Train)).chain([(validation, Part::Validation), (test, Part::Test)]);
    let mut gathered = Vec::new();
    let mut newest = None;
    for (snapshot, part) in parts {
        if as_of < snapshot.matures() {
            return Err(Error::UnripeSnapshot { cut_off: snapshot.cut_off(), matures: snapshot.matures(), end: date(ledger.last_day()) });
        }
        let rows = rows(ledger, &snapshot, as_of)?;
        newest = rows.bgnbd;
        gathered.push((rows, part));
    }
    let frame = gather(gathered)?;
    let mut model = match choose::train(&frame, options) {
        Err(ModelError::TooFewLabels { .. }) if newest.is_some() => cold_start(&frame, options)?,
        learned => learned?,
    };
    model.training.as_of = Some(as_of);
    model.training.window_from = plan.train.iter().min().copied();
    model.training.window_to = Some(plan.validation);
    model.training.horizon_days = Some(plan.horizon_days);
    if let Some(bgnbd) = newest {
        model.parameters = bgnbd.parameters();
    }
    Ok(Trained { model, bgnbd: newest, frame })
}

/// The first day that is not complete: the one after the last transaction, or, in a shop that is sometimes silent,
/// as long after it as the longest silence.
fn complete_until(ledger: &Ledger) -> Day {
    let mut days: Vec<Day> =
        (0..ledger.customers().len()).flat_map(|customer| ledger.days(customer)).map(|purchase| purchase.day).collect();
    days.sort_unstable();
    days.dedup();
    ledger.last_day() + days.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(1)
}

/// The rows of all snapshots as one frame.
fn gather(gathered: Vec<(Rows, Part)>) -> Result<Labelled, Error> {
    let (mut labels, mut parts, mut customers) = (Vec::new(), Vec::new(), Vec::new());
    let mut columns: Vec<(String, Column)> = Vec::new();
    for (rows, part) in gathered {
        customers.extend(rows.customers);
        parts.extend(std::iter::repeat_n(part, rows.labels.len()));
        labels.extend(rows.labels.iter().map(|&label| label == Label::Yes));
        for (place, (name, column)) in rows.frame.columns().iter().enumerate() {
            match (columns.get_mut(place), column) {
                (Some((_, Column::Number(all))), Column::Number(values)) => all.extend_from_slice(values),
                (Some((_, Column::Category(all))), Column::Category(values)) => all.extend_from_slice(values),
                (None | Some(_), _) => columns.push((name.clone(), column.clone())),
            }
        }
    }
    Ok(Labelled::new(Frame::new(columns)?, labels, parts)?.of_people(customers.iter().map(|customer| customer.to_be_bytes()))?)
}

/// A model that gives the BG/NBD probability as it is.
pub fn cold_start(labelled: &Labelled, options: &Options) -> Result<Model, Error> {
    Ok(given(labelled.frame(), labelled, options, BGNBD, "too few labels have matured: BG/NBD needs none")?)
}

/// The rows of the day to score, with the model of that day where none has been learned.
pub fn rows_to_score(ledger: &Ledger, as_of: NaiveDate, horizon_days: u32) -> Result<Rows, Error> {
    rows(ledger, &Snapshot::new(as_of, horizon_days)?, as_of)
}

#[cfg(test)]
mod tests {
    use freshet_ml::evaluate::evaluation;
    use freshet_ml::frame::Column;
    use freshet_ml::metrics::{ranking, roc_auc};
    use freshet_ml::model::Model;
    use freshet_ml::split::Part;

    use super::{Plan, Trained, options, rows_to_score, train_on_transactions};
    use crate::features::features;
    use crate::ledger::{Purchase, number};
    use crate::simulation;

    fn day(text: &str) -> chrono::NaiveDate {
        text.parse().expect("a date")
    }

    fn plan() -> Plan {
        Plan {
            train: vec![day("2024-08-01"), day("2024-10-01")],
            validation: day("2024-12-01"),
            test: day("2025-03-01"),
            horizon_days: 60,
            as_of: None,
        }
    }

    fn trained(customers: usize) -> Trained {
        let ledger = simulation::shop(customers, number(day("2024-01-01")), 11);
        train_on_transactions(&ledger, &plan(), &options("lead-test", 1)).expect("a model")
    }

    #[test]
    fn a_shop_is_learned_to_the_same_bytes_each_time_and_beats_recency() {
        let first = trained(3_000);
        assert_eq!(trained(3_000).model.write().expect("text"), first.model.write().expect("text"));
        assert_eq!(first.frame.sha256(), first.model.training.frame_sha256);
        let evaluation = evaluation(&first.model).expect("test rows");
        let (frame, labels) = first.frame.part(Part::Test);
        let Some(Column::Number(recency)) = frame.column("recency") else { panic!("a number") };
        let by_recency = roc_auc(&labels, &recency.iter().map(|days| -days).collect::<Vec<_>>()).expect("both kinds");
        assert!(evaluation.calibrated.auc.expect("both kinds") > by_recency + 0.005, "{:?} {by_recency}", evaluation.calibrated.auc);
        assert!(evaluation.calibrated.ece < 0.05, "{}", evaluation.calibrated.ece);
    }

    #[test]
    fn more_purchases_mean_a_higher_probability() {
        let trained = trained(3_000);
        let frame_of = |purchases: i32| {
            let days: Vec<Purchase> = (0..purchases)
                .map(|at| Purchase { day: 700 - 20 - 240 * at / purchases.max(2), amount: 20.0, bought: true, ..Purchase::default() })
                .rev()
                .collect();
            features(&days, 700).expect("a customer")
        };
        let (frame, _) = trained.frame.part(Part::Test);
        let columns = frame.columns().iter().enumerate().map(|(place, (name, _))| {
            let values = (2..12)
                .map(|purchases| match frame_of(purchases).get(place) {
                    Some(&value) => value,
                    None if name == "bgnbd" => {
                        let last = u32::try_from(240 - 240 / purchases).expect("days");
                        let summary =
                            crate::bgnbd::Summary { repeats: u32::try_from(purchases).expect("a count") - 1, last, age: last + 20 };
                        trained.bgnbd.expect("a fit").buys_within(summary, 60)
                    }
                    None => 0.0,
                })
                .collect();
            (name.clone(), Column::Number(values))
        });
        let scores = trained.model.score(&freshet_ml::frame::Frame::new(columns.collect()).expect("a frame")).expect("scores");
        for pair in scores.windows(2) {
            assert!(pair[1].probability > pair[0].probability, "{scores:?}");
        }
    }

    #[test]
    fn calibration_leaves_the_order_of_customers() {
        let trained = trained(2_000);
        let (frame, _) = trained.frame.part(Part::Test);
        let scores = trained.model.score(&frame).expect("scores");
        let by = |of: fn(&freshet_ml::model::Score) -> f64| ranking(&scores.iter().map(of).collect::<Vec<_>>());
        assert_eq!(by(|score| score.log_odds), by(|score| score.probability));
    }

    #[test]
    fn a_young_shop_speaks_by_bgnbd_and_says_so() {
        let trained = trained(60);
        assert_eq!(trained.model.choice.chosen, "bgnbd");
        let read = Model::read(&trained.model.write().expect("text")).expect("a model");
        let (frame, _) = trained.frame.part(Part::Test);
        let Some(Column::Number(probabilities)) = frame.column("bgnbd") else { panic!("a number") };
        for (score, probability) in read.score(&frame).expect("scores").iter().zip(probabilities) {
            assert!((score.probability - probability).abs() < 1e-9);
        }
    }

    #[test]
    fn a_snapshot_whose_labels_are_not_known_is_refused() {
        let ledger = simulation::shop(300, number(day("2024-01-01")), 11);
        let refused = |plan: &Plan| train_on_transactions(&ledger, plan, &options("lead-test", 1)).expect_err("refused");
        assert!(refused(&Plan { as_of: Some(day("2025-04-29")), ..plan() }).to_string().contains("2025-03-01"));
        let overlapping = Plan { validation: day("2024-11-29"), ..plan() };
        assert!(matches!(refused(&overlapping), crate::error::Error::Model { .. }));
        assert!(
            rows_to_score(&ledger, day("2025-06-01"), 30)
                .expect("rows")
                .labels
                .iter()
                .all(|&label| label == freshet_ml::snapshot::Label::Unripe)
        );
    }
}
