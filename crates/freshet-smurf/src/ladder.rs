//! What honest accounts of each rank look like, and who looks like a higher one.
//!
//! For each step of the ladder a logistic regression says how likely an account with this telemetry stands above it;
//! the sum over the steps is the rank that it looks like. What counts is how far that is above what honest accounts
//! of the *declared* rank look like, in their own deviations: the plain difference would accuse the lowest ranks,
//! since every estimate leans to the middle. No label of a smurf is needed.

use freshet_ml::digits::{keep, read};
use freshet_ml::feature::Feature;
use freshet_ml::frame::Frame;
use freshet_ml::logistic::{self, Logistic};
use freshet_ml::prepare::{self, Prepared};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What the file calls itself.
const FORMAT: &str = "freshet-ladder";
/// The version that this code writes and reads.
const VERSION: u32 = 1;
/// Accounts on each side of a step.
const NEEDED: usize = 20;
/// Accounts of a rank for a deviation of its own.
const OWN: usize = 20;

/// A ladder's model: telemetry to rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    format: String,
    version: u32,
    name: String,
    /// The telemetry.
    features: Vec<Prepared>,
    /// One a step: from this rank to higher ones.
    steps: Vec<Step>,
    /// The ranks, rising, and what honest accounts of each look like.
    ranks: Vec<Rank>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    above: u8,
    regression: Logistic,
}

/// What honest accounts of a rank look like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rank {
    place: u8,
    accounts: usize,
    #[serde(deserialize_with = "read")]
    mean: f64,
    #[serde(deserialize_with = "read")]
    deviation: f64,
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
    #[serde(default)]
    name: String,
}

/// Where an account stands, and where it looks to stand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Standing {
    /// The rank that its telemetry looks like, in ranks.
    pub predicted: f64,
    /// Predicted less declared rank.
    pub gap: f64,
    /// Deviations above honest accounts of the declared rank: rank accounts by this.
    pub z: f64,
}

/// Trains on honest accounts; `ranks` are whole numbers that rise with skill.
pub fn train(name: &str, frame: &Frame, ranks: &[u8], catalogue: &[Feature]) -> Result<Ladder, Error> {
    let mut present: Vec<u8> = ranks.to_vec();
    present.sort_unstable();
    present.dedup();
    let features = prepare::fit(frame, catalogue);
    let inputs = inputs(&features, frame);
    let width: usize = features.iter().map(|prepared| prepared.encoding.width()).sum();
    let mut steps = Vec::new();
    for &above in present.iter().take(present.len().saturating_sub(1)) {
        let labels: Vec<bool> = ranks.iter().map(|&rank| rank > above).collect();
        let higher = labels.iter().filter(|&&label| label).count();
        if higher < NEEDED || labels.len() - higher < NEEDED {
            continue;
        }
        let rows = Array2::from_shape_vec((labels.len(), width), inputs.clone())
            .map_err(|_| Error::TooFewRanks { ranks: present.len(), needed: NEEDED })?;
        steps.push(Step { above, regression: logistic::fit(rows, &labels, 1.0)? });
    }
    if steps.is_empty() || width == 0 {
        return Err(Error::TooFewRanks { ranks: present.len(), needed: NEEDED });
    }
    let lowest = present[0];
    let predicted: Vec<f64> = inputs.chunks(width).map(|row| predict(&steps, lowest, row)).collect();
    let overall = moments(&predicted).1;
    let ranks = present
        .iter()
        .map(|&rank| {
            let of_rank: Vec<f64> =
                predicted.iter().zip(ranks).filter(|&(_, &other)| other == rank).map(|(&predicted, _)| predicted).collect();
            let (accounts, (mean, deviation)) = (of_rank.len(), moments(&of_rank));
            let deviation = if accounts >= OWN { deviation } else { overall };
            Rank { place: rank, accounts, mean: keep(mean), deviation: keep(deviation.max(1e-6)) }
        })
        .collect();
    Ok(Ladder { format: FORMAT.to_owned(), version: VERSION, name: name.to_owned(), features, steps, ranks })
}

fn inputs(features: &[Prepared], frame: &Frame) -> Vec<f64> {
    let mut inputs = Vec::new();
    for row in 0..frame.rows() {
        for prepared in features {
            if let Some(column) = frame.column(&prepared.feature.name) {
                prepared.encoding.scaled(column, row, &mut inputs);
            }
        }
    }
    inputs
}

/// The expected rank: the lowest, and for each step its height times the probability to stand above it.
fn predict(steps: &[Step], lowest: u8, inputs: &[f64]) -> f64 {
    let mut from = f64::from(lowest) - 1.0;
    let mut sum = f64::from(lowest);
    for step in steps {
        let height = f64::from(step.above) - from;
        from = f64::from(step.above);
        sum += height * freshet_ml::calibrate::probability(step.regression.log_odds(inputs));
    }
    sum
}

fn moments(values: &[f64]) -> (f64, f64) {
    let rows = f64::from(u32::try_from(values.len().max(1)).unwrap_or(u32::MAX));
    let mean = values.iter().sum::<f64>() / rows;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / rows).sqrt())
}

impl Ladder {
    /// The ladder's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where accounts stand, by their telemetry and declared ranks.
    pub fn place(&self, frame: &Frame, declared: &[u8]) -> Result<Vec<Standing>, Error> {
        let unfit = |problem: String| Error::UnfitInput { name: self.name.clone(), problem };
        if declared.len() != frame.rows() {
            return Err(unfit(format!("{} ranks for {} accounts", declared.len(), frame.rows())));
        }
        for prepared in &self.features {
            let name = &prepared.feature.name;
            let column = frame.column(name).ok_or_else(|| unfit(format!("feature {name} is not there")))?;
            if !prepared.encoding.takes(column) {
                return Err(unfit(format!("feature {name} is not {}", prepared.encoding.kind())));
            }
        }
        let width: usize = self.features.iter().map(|prepared| prepared.encoding.width()).sum();
        let inputs = inputs(&self.features, frame);
        let lowest = self.ranks.first().map_or(0, |rank| rank.place);
        inputs
            .chunks(width)
            .zip(declared)
            .map(|(row, &rank)| {
                let honest =
                    self.ranks.iter().find(|honest| honest.place == rank).ok_or_else(|| unfit(format!("rank {rank} is not on it")))?;
                let predicted = predict(&self.steps, lowest, row);
                Ok(Standing { predicted, gap: predicted - f64::from(rank), z: (predicted - honest.mean) / honest.deviation })
            })
            .collect()
    }

    /// The file's text.
    pub fn write(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|source| Error::UnreadableLadder { source })
    }

    /// Reads a file of the version that this code writes.
    pub fn read(text: &str) -> Result<Self, Error> {
        let head: Head = serde_json::from_str(text).map_err(|source| Error::UnreadableLadder { source })?;
        if head.format != FORMAT || head.version != VERSION {
            return Err(Error::LadderVersion {
                name: head.name,
                format: head.format,
                version: head.version,
                expected: FORMAT,
                known: VERSION,
            });
        }
        let ladder: Self = serde_json::from_str(text).map_err(|source| Error::UnreadableLadder { source })?;
        let width: usize = ladder.features.iter().map(|prepared| prepared.encoding.width()).sum();
        let sound = width > 0
            && ladder.features.iter().all(|prepared| prepared.encoding.is_sound())
            && ladder.steps.iter().all(|step| step.regression.weights.len() == width)
            && ladder.ranks.iter().all(|rank| rank.deviation > 0.0);
        if sound {
            Ok(ladder)
        } else {
            Err(Error::UnfitInput { name: ladder.name, problem: "its weights do not fit its features".to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use freshet_ml::frame::{Column, Frame};
    use freshet_ml::metrics::roc_auc;
    use freshet_ml::random::Draws;

    use super::{Ladder, train};

    fn accounts(seed: u64, rows: usize, most: usize) -> (Frame, Vec<u8>) {
        let mut draws = Draws::new(seed);
        let ranks: Vec<u8> = (0..rows).map(|_| u8::try_from(1 + draws.below(most)).expect("a rank")).collect();
        let mut column =
            |weight: f64| Column::Number(ranks.iter().map(|&rank| (weight * f64::from(rank) + draws.normal()).exp()).collect());
        let frame =
            Frame::new(vec![("apm".to_owned(), column(0.5)), ("hotkeys".to_owned(), column(0.4)), ("noise".to_owned(), column(0.0))])
                .expect("a frame");
        (frame, ranks)
    }

    #[test]
    fn who_declares_less_than_they_show_stands_out_and_the_lowest_rank_does_not() {
        let (frame, ranks) = accounts(1, 3_000, 6);
        let ladder = train("test", &frame, &ranks, &[]).expect("a ladder");
        let (frame, truth) = accounts(2, 3_000, 6);
        let declared: Vec<u8> = truth.iter().map(|&rank| if rank == 6 { 2 } else { rank }).collect();
        let standings = ladder.place(&frame, &declared).expect("standings");
        let low: Vec<usize> = (0..declared.len()).filter(|&place| declared[place] <= 2).collect();
        let labels: Vec<bool> = low.iter().map(|&place| truth[place] == 6).collect();
        let auc = |of: fn(&super::Standing) -> f64| {
            roc_auc(&labels, &low.iter().map(|&place| of(&standings[place])).collect::<Vec<_>>()).expect("both kinds")
        };
        assert!(auc(|standing| standing.z) > 0.94, "{}", auc(|standing| standing.z));
        let honest: Vec<f64> = standings.iter().zip(&truth).filter(|(_, rank)| **rank == 1).map(|(standing, _)| standing.z).collect();
        assert!(super::moments(&honest).0.abs() < 0.2);
    }

    #[test]
    fn a_ladder_reads_back_and_refuses_what_does_not_fit() {
        let (frame, ranks) = accounts(1, 800, 4);
        let ladder = train("test", &frame, &ranks, &[]).expect("a ladder");
        let text = ladder.write().expect("text");
        assert_eq!(train("test", &frame, &ranks, &[]).expect("a ladder").write().expect("text"), text);
        let back = Ladder::read(&text).expect("a ladder");
        assert_eq!((back.write().expect("text"), &back), (text.clone(), &ladder));
        assert!(
            Ladder::read(&text.replacen("\"version\": 1", "\"version\": 2", 1)).expect_err("refused").to_string().contains("ladder test")
        );
        let refused = |frame: &Frame, ranks: &[u8]| ladder.place(frame, ranks).expect_err("refused").to_string();
        assert!(refused(&frame.without(&["apm"]), &ranks).contains("apm"));
        assert!(refused(&frame, &vec![9; ranks.len()]).contains("rank 9"));
        assert!(refused(&frame, &ranks[1..]).contains("799 ranks"));
        assert!(train("test", &frame, &vec![1; ranks.len()], &[]).is_err());
    }
}
