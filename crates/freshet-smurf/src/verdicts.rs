//! Learning from what admins decided, once they have decided often enough.
//!
//! Until [`freshet_ml::choose::NEEDED`] verdicts of each kind are there, the score without labels stands. Verdicts
//! are about those who were flagged, so accounts of the audit slice belong in, or the model learns only about its own
//! suspicions.

use freshet_ml::choose;
use freshet_ml::feature::Feature;
use freshet_ml::frame::{Column, Frame, Labelled};
use freshet_ml::model::Model;
use freshet_ml::options::Options;

use crate::error::Error;
use crate::evidence::{Evidence, Score};

/// The kind of these models.
pub const KIND: &str = "smurf";

/// Name, definition, group, phrase.
const FEATURES: [[&str; 4]; 12] = [
    [
        "score",
        "sum of the robust z-scores of rating, role strata and level: the score without labels",
        "score",
        "score of {value} without labels",
    ],
    [
        "rating_z",
        "rating after k matches, robust z-score among accounts with as many",
        "rating",
        "rating {value} deviations above accounts with as many matches",
    ],
    [
        "margin_z",
        "strength by margins, robust z-score among accounts with as many matches",
        "margins",
        "margins {value} deviations above accounts with as many matches",
    ],
    [
        "peak_z",
        "strength in the better half of the matches, robust z-score",
        "margins",
        "best matches {value} deviations above those of others",
    ],
    [
        "surprise",
        "deviations above what a newcomer would have won against the same opponents",
        "surprise",
        "won {value} deviations more than a newcomer would",
    ],
    [
        "strong_beaten",
        "share of opponents rated well above a newcomer that were beaten",
        "strong opponents",
        "beat {value} of the strong opponents (1 is all)",
    ],
    ["deviation", "rating deviation: how unsure the rating is", "certainty", "rating known to {value}"],
    ["win_rate", "share of matches won", "wins", "won {value} of the matches (1 is all)"],
    [
        "strata_z",
        "mean deviations inside matches above the same role",
        "inside matches",
        "{value} deviations above the same role inside matches",
    ],
    [
        "ladder_z",
        "rank that telemetry looks like, over honest accounts of the declared rank",
        "telemetry",
        "telemetry {value} deviations above the declared rank",
    ],
    ["account_level", "the account's level in the game", "account", "account level {value}, typically {typical}"],
    [
        "champions",
        "different champions over the first matches: 1 is another one each time",
        "behaviour",
        "{value} different champions a match in its first ones, typically {typical}",
    ],
];

/// All features.
pub fn catalogue() -> Vec<Feature> {
    FEATURES.iter().map(|[name, definition, group, phrase]| Feature::new(name, definition, group, phrase)).collect()
}

/// Options of a training.
pub fn options(name: &str, seed: u64) -> Options {
    Options { name: name.to_owned(), kind: KIND.to_owned(), catalogue: catalogue(), optional: Vec::new(), seed, resamples: 200 }
}

/// The features of accounts after as many matches; others may be added beside them.
pub fn frame(evidence: &[Evidence], scores: &[Score]) -> Result<Frame, Error> {
    let of = |name: &str, value: &dyn Fn(usize) -> f64| (name.to_owned(), Column::Number((0..evidence.len()).map(value).collect()));
    Ok(Frame::new(vec![
        of("rating_z", &|row| scores[row].rating),
        of("margin_z", &|row| scores[row].margin),
        of("peak_z", &|row| scores[row].peak),
        of("surprise", &|row| evidence[row].surprise),
        of("strong_beaten", &|row| f64::from(evidence[row].strong_beaten) / f64::from(evidence[row].strong_met)),
        of("deviation", &|row| evidence[row].deviation),
        of("win_rate", &|row| f64::from(evidence[row].won) / f64::from(evidence[row].games)),
    ])?)
}

/// Trains on accounts with verdicts.
pub fn train(labelled: &Labelled, options: &Options) -> Result<Model, Error> {
    Ok(choose::train(labelled, options)?)
}

#[cfg(test)]
mod tests {
    use freshet_ml::evaluate::evaluation;
    use freshet_ml::frame::Labelled;
    use freshet_ml::split::by_person;

    use super::{catalogue, frame, options, train};
    use crate::evidence::{first_games, score};
    use crate::simulation::{duels, strengths};

    #[test]
    fn verdicts_teach_what_the_score_without_labels_knows() {
        let strengths = strengths(1_500, 7);
        let games = duels(&strengths, 30_000, 8);
        let (players, evidence): (Vec<usize>, Vec<_>) =
            first_games(1_500, &games, &[10])[0].iter().enumerate().filter_map(|(player, evidence)| Some((player, (*evidence)?))).unzip();
        let frame = frame(&evidence, &score(&evidence)).expect("a frame");
        let labels = players.iter().map(|&player| strengths[player] > 1.2).collect();
        let parts = players.iter().map(|&player| by_person(&player.to_be_bytes(), 0.25, 0.25, 1)).collect();
        let model = train(&Labelled::new(frame, labels, parts).expect("labels"), &options("smurf-test", 1)).expect("a model");
        assert!(evaluation(&model).expect("test rows").calibrated.auc.expect("both kinds") > 0.85);
    }

    #[test]
    fn no_phrase_is_a_sentence_over_anyone() {
        for feature in catalogue() {
            assert!(feature.phrase.contains("{value}"));
            assert!(
                !["ban", "cheat", "guilty", "smurf"].iter().any(|word| feature.phrase.split(' ').any(|other| other == *word)),
                "{}",
                feature.phrase
            );
        }
    }
}
