//! What an account's first k games say, beside other accounts after as many.
//!
//! Four numbers: the rating by who won, the strength by how much (both adjusted for the opponents met), the surprise
//! against what a newcomer would have done, and the peak, the better half of the games alone. The score is the sum of
//! robust z-scores of the first two among accounts with k games; it needs no labels. Surprise is measured against the
//! newcomer's prior, since measured against a rating that adapts it fades within ten games. The peak is what throwing
//! games cannot lower; [`Score::guarded`] puts it in.

use serde::Serialize;
use skillratings::glicko2::{Glicko2Rating, expected_score};

use crate::games::Game;
use crate::rating::{Ratings, margin_variance};

/// An opponent is strong from this much above a newcomer's rating on.
pub const STRONGER: f64 = 150.0;

/// What the first games of an account say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evidence {
    /// How many games.
    pub games: u32,
    /// Decided games that were won.
    pub won: u32,
    /// Games against opponents rated well above a newcomer.
    pub strong_met: u32,
    /// Those of them that were won.
    pub strong_beaten: u32,
    /// Glicko-2 rating.
    pub rating: f64,
    /// Its deviation.
    pub deviation: f64,
    /// Strength by margins.
    pub margin: f64,
    /// Deviations above what a newcomer would have won.
    pub surprise: f64,
    /// Mean strength shown in the better half of the games.
    pub peak: f64,
}

/// An account's score among accounts with as many games.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Robust z-score of the rating.
    pub rating: f64,
    /// Robust z-score of the margins.
    pub margin: f64,
    /// Robust z-score of the peak.
    pub peak: f64,
    /// The sum of rating and margin.
    pub total: f64,
    /// The share of accounts below, from 0 to 1.
    pub percentile: f64,
}

impl Score {
    /// The score with the peak in it, for where games may be thrown.
    pub fn guarded(&self) -> f64 {
        self.total + 2.0 * self.peak
    }
}

/// What is gathered of an account on the way.
#[derive(Debug, Clone, Default)]
struct Trail {
    won: u32,
    strong_met: u32,
    strong_beaten: u32,
    surprise: f64,
    variance: f64,
    shown: Vec<f64>,
}

/// The evidence of every account after each of these numbers of games, rising; `None` where it has fewer.
pub fn first_games(players: usize, games: &[Game], after: &[u32]) -> Vec<Vec<Option<Evidence>>> {
    let mut ratings = Ratings::new(players, margin_variance(games));
    let mut trails = vec![Trail::default(); players];
    let mut evidence = vec![vec![None; players]; after.len()];
    let last = after.iter().copied().max().unwrap_or(0);
    let newcomer = Glicko2Rating::new();
    for game in games {
        for (side, &player) in game.players.iter().enumerate() {
            if ratings.of(player).games >= last {
                continue;
            }
            let opponent = ratings.of(game.players[1 - side]);
            let (outcome, margin) = if side == 0 { (game.outcome(), game.margin()) } else { (1.0 - game.outcome(), -game.margin()) };
            let expected = expected_score(&newcomer, &opponent.rating).0;
            let trail = &mut trails[player as usize];
            let (won, strong) = (outcome > 0.5, opponent.rating.rating >= newcomer.rating + STRONGER);
            trail.won += u32::from(won);
            trail.strong_met += u32::from(strong);
            trail.strong_beaten += u32::from(strong && won);
            trail.surprise += outcome - expected;
            trail.variance += expected * (1.0 - expected);
            trail.shown.push(margin + opponent.margin.mean);
        }
        ratings.rate(game);
        for &player in &game.players {
            let rated = ratings.of(player);
            let Some(place) = after.iter().position(|&games| games == rated.games) else { continue };
            let trail = &trails[player as usize];
            evidence[place][player as usize] = Some(Evidence {
                games: rated.games,
                won: trail.won,
                strong_met: trail.strong_met,
                strong_beaten: trail.strong_beaten,
                rating: rated.rating.rating,
                deviation: rated.rating.deviation,
                margin: rated.margin.mean,
                surprise: trail.surprise / trail.variance.sqrt().max(1e-9),
                peak: better_half(&trail.shown),
            });
        }
    }
    evidence
}

fn better_half(shown: &[f64]) -> f64 {
    let mut sorted = shown.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted.truncate(sorted.len().div_ceil(2));
    let games = f64::from(u32::try_from(sorted.len().max(1)).unwrap_or(u32::MAX));
    sorted.iter().sum::<f64>() / games
}

/// The scores of accounts among each other; all must be after the same number of games.
pub fn score(evidence: &[Evidence]) -> Vec<Score> {
    let z = |of: fn(&Evidence) -> f64| robust_z(&evidence.iter().map(of).collect::<Vec<_>>());
    let (rating, margin, peak) = (z(|one| one.rating), z(|one| one.margin), z(|one| one.peak));
    let totals: Vec<f64> = rating.iter().zip(&margin).map(|(rating, margin)| rating + margin).collect();
    let mut sorted = totals.clone();
    sorted.sort_by(f64::total_cmp);
    (0..evidence.len())
        .map(|place| Score {
            rating: rating[place],
            margin: margin[place],
            peak: peak[place],
            total: totals[place],
            percentile: share(sorted.partition_point(|&other| other < totals[place]), sorted.len()),
        })
        .collect()
}

/// Deviations from the median, by the quartile range; by the standard deviation where half of the values are one.
pub fn robust_z(values: &[f64]) -> Vec<f64> {
    match freshet_ml::prepare::Scale::fit(values) {
        Some(scale) => values.iter().map(|&value| (value - scale.centre) / scale.spread).collect(),
        None => vec![0.0; values.len()],
    }
}

#[expect(clippy::cast_precision_loss, reason = "no list has 2^53 accounts")]
fn share(some: usize, all: usize) -> f64 {
    some as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{first_games, score};
    use crate::simulation::{duels, strengths};

    #[test]
    fn evidence_after_some_games_knows_nothing_of_later_ones() {
        let games = duels(&strengths(80, 1), 3_000, 2);
        let whole = first_games(80, &games, &[5, 10]);
        let half = first_games(80, &games[..1_500], &[5, 10]);
        let cut: Vec<_> = (0..80).filter_map(|player| Some((half[0][player]?, whole[0][player]?))).collect();
        assert!(cut.len() > 70);
        for (early, late) in cut {
            // Margins are scaled by the variance of all games given; all else must be the same.
            assert_eq!(
                (early.rating.to_bits(), early.won, early.strong_beaten, early.surprise.to_bits()),
                (late.rating.to_bits(), late.won, late.strong_beaten, late.surprise.to_bits())
            );
        }
    }

    #[test]
    fn who_wins_against_the_strong_scores_high() {
        let mut strengths = strengths(200, 5);
        strengths[0] = 3.5;
        let games = duels(&strengths, 8_000, 6);
        let evidence: Vec<_> = first_games(200, &games, &[10])[0].iter().copied().collect::<Option<_>>().expect("all have ten games");
        let scores = score(&evidence);
        assert!(scores[0].percentile > 0.9, "{:?} {:?}", scores[0], evidence[0]);
        assert!(scores[0].peak > 1.0 && evidence[0].surprise > 1.0);
        let middle = scores.iter().filter(|score| score.total > 0.0).count();
        assert!((60..140).contains(&middle), "{middle}");
    }
}
