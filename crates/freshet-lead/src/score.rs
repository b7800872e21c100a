//! Scores that a sales team can act on: probability, decile, three reasons, and which model spoke.
//!
//! Everyone is ranked by the learner's own log-odds, so that calibration moves no one. A small share of people, the
//! same for a whole day, is marked for exploration: calling some of them whatever their score is what keeps later
//! training from learning only about those who were called.

use chrono::NaiveDate;
use freshet_ml::error::Error;
use freshet_ml::frame::Frame;
use freshet_ml::metrics::ranking;
use freshet_ml::model::{Learner, Model};
use freshet_ml::random::share_of_key;
use freshet_ml::snapshot::Snapshot;
use serde::Serialize;

/// The share of people who are marked for exploration.
pub const EXPLORED: f64 = 0.03;

/// So many reasons stand beside a score.
const REASONS: usize = 3;

/// Which model gave a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Learned from labels.
    Learned,
    /// BG/NBD, without labels.
    ColdStart,
}

/// What a score is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Occasion {
    /// The day whose start is the cut-off.
    pub as_of: NaiveDate,
    /// The days that the probability is about.
    pub horizon_days: u32,
    /// The seed of the exploration.
    pub seed: u64,
}

/// One row of `lead_scores`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeadScore {
    /// Who.
    pub customer_key: String,
    /// The probability to buy within the horizon.
    pub probability: f64,
    /// 1 is the tenth that is likeliest to buy.
    pub decile: u8,
    /// The share that bought, on the newest rows whose labels are known.
    pub base_rate: f64,
    /// The days that the probability is about.
    pub horizon_days: u32,
    /// The day of the score.
    pub as_of: String,
    /// The first day on which it can be judged.
    pub label_matures_at: String,
    /// The strongest reasons with their directions; empty where there are fewer.
    pub reasons: [String; REASONS],
    /// Which model gave the probability.
    pub speaker: Speaker,
    /// The model's name and version.
    pub model: String,
    /// Whether the person is marked for exploration.
    pub explore: bool,
}

/// Scores the rows of a frame, whose people are `keys`, in their order; each score is made when it is asked for.
pub fn score<'a>(
    model: &'a Model,
    frame: &'a Frame,
    keys: Vec<&'a str>,
    occasion: &Occasion,
) -> Result<impl Iterator<Item = LeadScore> + use<'a>, Error> {
    if keys.len() != frame.rows() {
        return Err(Error::UnevenColumns { column: "customer_key".to_owned(), rows: keys.len(), expected: frame.rows() });
    }
    let matures = Snapshot::new(occasion.as_of, occasion.horizon_days)?.matures().to_string();
    let as_of = occasion.as_of.to_string();
    let bound = model.bind(frame)?;
    let mut inputs = Vec::new();
    let log_odds: Vec<f64> = (0..keys.len()).map(|row| bound.score(row, &mut inputs).log_odds).collect();
    let deciles = deciles(&log_odds);
    let speaker = if matches!(model.learner, Learner::Given { .. }) { Speaker::ColdStart } else { Speaker::Learned };
    let (day_seed, horizon_days) = (occasion.seed ^ u64::from(share_bits(&as_of)), occasion.horizon_days);
    Ok(keys.into_iter().enumerate().map(move |(row, key)| {
        let mut reasons = bound.reasons(row, &mut inputs, REASONS).into_iter().map(|reason| reason.sentence());
        LeadScore {
            customer_key: key.to_owned(),
            probability: model.calibration.apply(log_odds[row]),
            decile: deciles[row],
            base_rate: model.base_rate,
            horizon_days,
            as_of: as_of.clone(),
            label_matures_at: matures.clone(),
            reasons: std::array::from_fn(|_| reasons.next().unwrap_or_default()),
            speaker,
            model: model.name.clone(),
            explore: share_of_key(key.as_bytes(), day_seed) < EXPLORED,
        }
    }))
}

/// Ten equal parts by rank, 1 at the top.
fn deciles(log_odds: &[f64]) -> Vec<u8> {
    let mut deciles = vec![0; log_odds.len()];
    for (rank, row) in ranking(log_odds).into_iter().enumerate() {
        deciles[row] = u8::try_from(rank * 10 / log_odds.len() + 1).unwrap_or(10);
    }
    deciles
}

/// Bits of a day's text, so that each day explores others.
fn share_bits(day: &str) -> u32 {
    day.bytes().fold(0, |bits: u32, byte| bits.wrapping_mul(31).wrapping_add(u32::from(byte)))
}

/// A score in words: what share of people like this one buys, and how that compares.
pub fn say(score: &LeadScore) -> String {
    let of_hundred = (score.probability * 100.0).round();
    let times = if score.base_rate > 0.0 {
        format!(", {:.1} times the average customer", score.probability / score.base_rate)
    } else {
        String::new()
    };
    format!("{of_hundred} % likely to order within {} days{times}; of 100 like this about {of_hundred} do", score.horizon_days)
}

#[cfg(test)]
mod tests {
    use super::{Occasion, Speaker, deciles, say, score};
    use crate::ledger::number;
    use crate::simulation;
    use crate::train::{Plan, options, rows_to_score, train_on_transactions};

    #[test]
    fn everyone_gets_a_probability_a_decile_and_reasons_that_are_true() {
        let day = |text: &str| text.parse().expect("a date");
        let ledger = simulation::shop(3_000, number(day("2024-01-01")), 2);
        let plan =
            Plan { train: vec![day("2024-09-01")], validation: day("2024-12-01"), test: day("2025-03-01"), horizon_days: 60, as_of: None };
        let trained = train_on_transactions(&ledger, &plan, &options("lead-7", 1)).expect("a model");
        let rows = rows_to_score(&ledger, day("2025-10-01"), 60).expect("rows");
        let keys: Vec<&str> = rows.customers.iter().map(|&customer| ledger.customers()[customer].as_str()).collect();
        let occasion = Occasion { as_of: day("2025-10-01"), horizon_days: 60, seed: 5 };
        let scores: Vec<_> = score(&trained.model, &rows.frame, keys.clone(), &occasion).expect("scores").collect();
        assert_eq!(scores.len(), keys.len());
        for decile in 1..=10 {
            let of = scores.iter().filter(|score| score.decile == decile).count() * 10;
            assert!(of.abs_diff(scores.len()) <= 10, "{decile}: {of}");
        }
        let explored = scores.iter().filter(|score| score.explore).count();
        assert!((scores.len() / 60..scores.len() / 20).contains(&explored), "{explored}");
        for (row, score) in scores.iter().enumerate() {
            assert_eq!((score.speaker, score.label_matures_at.as_str(), score.model.as_str()), (Speaker::Learned, "2025-11-30", "lead-7"));
            for reason in score.reasons.iter().filter(|reason| reason.starts_with("last ordered")) {
                let days = reason.split(' ').nth(2).and_then(|days| days.parse::<i32>().ok()).expect("days");
                let last =
                    ledger.days(rows.customers[row]).iter().rfind(|purchase| purchase.day < number(occasion.as_of)).expect("a purchase");
                assert_eq!(days, number(occasion.as_of) - last.day);
            }
        }
        assert!(scores.iter().any(|score| score.reasons.iter().any(|reason| reason.ends_with("(+)"))));
        let best = scores.iter().max_by(|a, b| a.probability.total_cmp(&b.probability)).expect("somebody");
        assert_eq!(best.decile, 1);
        assert!(say(best).contains("likely to order within 60 days"));
        assert!(score(&trained.model, &rows.frame, keys[1..].to_vec(), &occasion).is_err());
    }

    #[test]
    fn deciles_are_equal_parts_from_the_top() {
        assert_eq!(deciles(&[0.1, 0.9, 0.5, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 1.0]), [10, 2, 6, 9, 8, 7, 5, 4, 3, 1]);
        assert!(deciles(&[]).is_empty());
    }
}
