//! Training on verdicts: each account as it was known at the start of the day of its verdict.
//!
//! The oldest verdicts are learned from, the next choose and calibrate, the newest judge; all verdicts of a day are in
//! one part. What an account did after a verdict is never looked at, since the verdict itself may have changed it.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use freshet_ml::frame::{Column, Frame, Labelled};
use freshet_ml::frozen::{Origin, window};
use freshet_ml::metrics::roc_auc;
use freshet_ml::model::Model;
use freshet_ml::options::Options;
use freshet_ml::plot::Backtest;
use freshet_ml::split::{Part, rows};

use crate::accounts::{Account, frame};
use crate::error::Error;
use crate::verdicts;

/// The feature that is the score without labels.
pub const SCORE: &str = "score";
/// Shares of the verdicts, in order of their days, after which choosing and judging begin.
const CHOSEN_FROM: f64 = 0.6;
const JUDGED_FROM: f64 = 0.8;
/// Shares of the verdicts after which a backtest begins; each goes on to the next.
const BACKTESTS: [f64; 5] = [0.5, 0.6, 0.7, 0.8, 0.9];
/// The share of what comes before a backtest that is chosen and calibrated on.
const BACKTEST_CHOSEN: f64 = 0.25;

/// What an admin found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The game or platform.
    pub game: String,
    /// Whom it is about.
    pub player_id: String,
    /// Whether the account was found to play far above its record.
    pub is_above: bool,
    /// When.
    pub decided_on: NaiveDate,
}

/// All accounts as they were known before a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// The day.
    pub cut_off: NaiveDate,
    /// The accounts.
    pub accounts: Vec<Account>,
}

/// A model of accounts, and what it was learned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The model.
    pub model: Model,
    /// The frozen frame.
    pub frame: Labelled,
    /// Whose rows they are.
    pub origins: Vec<Origin>,
    /// Verdicts of the past, foretold by those before them; the oldest first.
    pub backtests: Vec<Backtest>,
}

/// Learns from verdicts, each with the look of its day; those of accounts that were not known well enough then teach nothing.
pub fn learn(looks: &[Look], verdicts: &[Verdict], as_of: NaiveDate, seed: u64) -> Result<Lesson, Error> {
    let (frame, origins) = lessons(looks, verdicts)?;
    let options = verdicts::options(verdicts::KIND, seed);
    let mut model = verdicts::train(&frame, &options)?;
    model.training.as_of = Some(as_of);
    (model.training.window_from, model.training.window_to) = window(&frame, &origins).unzip();
    let backtests = backtests(&frame, &origins, &options)?;
    Ok(Lesson { model, frame, origins, backtests })
}

/// Each later part of the verdicts, foretold by those before it; a part with too few before it, or of one kind, is left out.
fn backtests(frame: &Labelled, origins: &[Origin], options: &Options) -> Result<Vec<Backtest>, Error> {
    let options = Options { resamples: 0, ..options.clone() };
    let all = origins.len();
    // A day's verdicts are in one part.
    let first_of_day = |mut row: usize| {
        while row > 0 && row < all && origins[row].cut_off == origins[row - 1].cut_off {
            row -= 1;
        }
        row
    };
    let mut found = Vec::new();
    for (place, from) in BACKTESTS.iter().enumerate() {
        let begin = first_of_day(rows_until(*from, all));
        let end = BACKTESTS.get(place + 1).map_or(all, |next| first_of_day(rows_until(*next, all)));
        let chosen = first_of_day(rows_until(1.0 - BACKTEST_CHOSEN, begin));
        if chosen == 0 || begin >= end {
            continue;
        }
        let rows: Vec<usize> = (0..end).collect();
        let side = |row: usize| match row {
            row if row >= begin => Part::Test,
            row if row >= chosen => Part::Validation,
            _ => Part::Train,
        };
        let known = Labelled::new(frame.frame().take(&rows), frame.labels()[..end].to_vec(), rows.iter().map(|&row| side(row)).collect())?
            .of_people(origins[..end].iter().map(|origin| &origin.person))?;
        let Ok(model) = verdicts::train(&known, &options) else { continue };
        let Some(metrics) = model.metrics.test else { continue };
        let (test, _) = known.part(Part::Test);
        let foretold: f64 = model.score(&test)?.iter().map(|score| score.probability).sum();
        #[expect(clippy::cast_precision_loss, reason = "no list has 2^53 verdicts")]
        let foretold = foretold / test.rows().max(1) as f64;
        found.push(Backtest {
            cut_off: origins[begin].cut_off.clone(),
            rows: metrics.rows,
            base_rate: metrics.base_rate,
            foretold,
            auc: metrics.auc,
            baseline_auc: unlearned_auc(&known),
            log_loss: metrics.log_loss,
        });
    }
    Ok(found)
}

/// The area under the curve of the score without labels, on the rows that judge.
pub fn unlearned_auc(frame: &Labelled) -> Option<f64> {
    let (test, labels) = frame.part(Part::Test);
    match test.column(SCORE) {
        Some(Column::Number(scores)) => roc_auc(&labels, scores),
        Some(Column::Category(_)) | None => None,
    }
}

fn lessons(looks: &[Look], verdicts: &[Verdict]) -> Result<(Labelled, Vec<Origin>), Error> {
    let mut by_day: BTreeMap<NaiveDate, HashMap<(&str, &str), bool>> = BTreeMap::new();
    for verdict in verdicts {
        by_day.entry(verdict.decided_on).or_default().insert((&verdict.game, &verdict.player_id), verdict.is_above);
    }
    let mut ordered: Vec<&Look> = looks.iter().collect();
    ordered.sort_by_key(|look| look.cut_off);
    let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
    let (mut labels, mut origins, mut days) = (Vec::new(), Vec::new(), Vec::new());
    for look in ordered {
        let Some(found) = by_day.get(&look.cut_off) else { continue };
        let (frame, places) = frame(&look.accounts)?;
        let of_row = |place: usize| {
            let account = &look.accounts[place];
            found.get(&(account.game.as_str(), account.player_id.as_str())).map(|is_above| (account, *is_above))
        };
        let taught: Vec<usize> = (0..places.len()).filter(|&row| of_row(places[row]).is_some()).collect();
        for &row in &taught {
            let Some((account, is_above)) = of_row(places[row]) else { continue };
            labels.push(is_above);
            days.push(look.cut_off);
            origins.push(Origin { person: format!("{}/{}", account.game, account.player_id), cut_off: look.cut_off.to_string() });
        }
        for (place, (name, column)) in frame.take(&taught).columns().iter().enumerate() {
            let Column::Number(values) = column else { continue };
            if columns.len() <= place {
                columns.push((name.clone(), Vec::new()));
            }
            columns[place].1.extend_from_slice(values);
        }
    }
    let frame = Frame::new(columns.into_iter().map(|(name, values)| (name, Column::Number(values))).collect())?;
    let parts = parts(&days);
    let labelled = Labelled::new(frame, labels, parts)?.of_people(origins.iter().map(|origin| &origin.person))?;
    Ok((labelled, origins))
}

/// Parts of rows that are in order of their days.
fn parts(days: &[NaiveDate]) -> Vec<Part> {
    let first_of = |share: f64| {
        let place = rows_until(share, days.len());
        days.get(place).copied().unwrap_or(NaiveDate::MAX)
    };
    let (chosen_from, judged_from) = (first_of(CHOSEN_FROM), first_of(JUDGED_FROM));
    days.iter().map(|&day| freshet_ml::split::by_time(day, chosen_from, judged_from)).collect()
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of few rows")]
fn rows_until(share: f64, rows: usize) -> usize {
    (share * rows as f64) as usize
}

/// How many verdicts of each kind a frame's part has, for messages: above, fits.
pub fn counts(frame: &Labelled, part: Part) -> (usize, usize) {
    let places = rows(frame.parts(), part);
    let above = places.iter().filter(|&&row| frame.labels()[row]).count();
    (above, places.len() - above)
}

#[cfg(test)]
mod tests {
    use chrono::{Days, NaiveDate};
    use freshet_ml::evaluate::evaluation;
    use freshet_ml::random::Draws;
    use freshet_ml::split::Part;

    use super::{Look, Verdict, counts, learn, unlearned_auc};
    use crate::accounts::{Account, Occasion, score};

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    /// Forty days of verdicts on accounts whose vision, not gold, gives them away; and all accounts on each of those days.
    fn history(per_day: usize) -> (Vec<Look>, Vec<Verdict>) {
        let mut draws = Draws::new(5);
        let (mut looks, mut verdicts) = (Vec::new(), Vec::new());
        for at in 0..40u64 {
            let decided_on = day("2026-01-01") + Days::new(at);
            let mut accounts = Vec::new();
            for number in 0..per_day * 3 {
                let (is_above, is_known) = (draws.share() < 0.4, number % 7 != 0);
                let skill = if is_above { 1.5 } else { 0.0 } + draws.normal();
                let player_id = format!("p{at}-{number}");
                accounts.push(Account {
                    game: "euw1".to_owned(),
                    player_id: player_id.clone(),
                    matches: if is_known { 10 } else { 3 },
                    won: 5,
                    level: Some(30 + u32::try_from(draws.below(200)).expect("a level")),
                    inside: vec![("vision a minute".to_owned(), skill)],
                    ..Account::default()
                });
                if number < per_day {
                    verdicts.push(Verdict { game: "euw1".to_owned(), player_id, is_above, decided_on });
                }
            }
            looks.push(Look { cut_off: decided_on, accounts });
        }
        (looks, verdicts)
    }

    #[test]
    fn verdicts_teach_more_than_the_score_without_labels_and_to_the_same_bytes() {
        let (looks, verdicts) = history(12);
        let lesson = learn(&looks, &verdicts, day("2026-02-15"), 1).expect("a model");
        let auc = evaluation(&lesson.model).expect("test rows").calibrated.auc.expect("both kinds");
        let unlearned = unlearned_auc(&lesson.frame).expect("both kinds");
        // Each part of the past was foretold by what came before it, and the newest as well as the test says.
        assert!(lesson.backtests.len() >= 3, "{:?}", lesson.backtests);
        assert!(lesson.backtests.windows(2).all(|pair| pair[0].cut_off < pair[1].cut_off));
        assert!(lesson.backtests.iter().all(|point| point.auc > Some(0.6) && point.baseline_auc.is_some()), "{:?}", lesson.backtests);
        assert!(auc > 0.75 && auc > unlearned, "{auc} {unlearned}");
        let again = learn(&looks, &verdicts, day("2026-02-15"), 1).expect("a model");
        assert_eq!(again.model.write().expect("text"), lesson.model.write().expect("text"));
        assert_eq!(lesson.frame.labels().len(), lesson.origins.len());
        assert!(lesson.origins.len() < verdicts.len(), "who was not known well teaches nothing");
        // The newest verdicts judge, and none of a day is in two parts.
        let last = |part| {
            lesson.origins.iter().zip(lesson.frame.parts()).filter(|(_, other)| **other == part).map(|(origin, _)| &origin.cut_off).max()
        };
        assert!(last(Part::Train) < last(Part::Validation) && last(Part::Validation) < last(Part::Test));
        // The model scores accounts of another day.
        let occasion = Occasion { as_of: "2026-03-01".to_owned(), seed: 1 };
        let rows = score(&looks[0].accounts, Some(&lesson.model), &occasion).expect("scores");
        assert!(rows.iter().all(|row| row.probability.is_some_and(|probability| (0.0..=1.0).contains(&probability))));
        assert!(rows.windows(2).all(|pair| pair[0].probability >= pair[1].probability));
    }

    #[test]
    fn too_few_verdicts_are_refused_with_their_number() {
        let (looks, verdicts) = history(2);
        let refused = learn(&looks, &verdicts, day("2026-02-15"), 1).expect_err("refused");
        let words = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
        assert!(words.contains("50 of each are needed"), "{words}");
        assert!(learn(&[], &[], day("2026-02-15"), 1).is_err());
    }

    #[test]
    fn parts_are_counted() {
        let (looks, verdicts) = history(12);
        let (frame, _) = super::lessons(&looks, &verdicts).expect("lessons");
        let all: usize =
            [Part::Train, Part::Validation, Part::Test].map(|part| counts(&frame, part)).iter().map(|(above, fits)| above + fits).sum();
        assert_eq!(all, frame.labels().len());
    }
}
