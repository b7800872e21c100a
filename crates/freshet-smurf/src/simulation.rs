//! Players of known strength, for tests that need to know the truth.

use freshet_ml::random::Draws;

use crate::games::Game;

pub(crate) fn strengths(players: usize, seed: u64) -> Vec<f64> {
    let mut draws = Draws::new(seed);
    (0..players).map(|_| draws.normal()).collect()
}

/// Games between players of about one strength more often than not, to fifteen points.
#[expect(clippy::cast_possible_truncation, reason = "a few players")]
pub(crate) fn duels(strengths: &[f64], games: usize, seed: u64) -> Vec<Game> {
    let mut draws = Draws::new(seed);
    (0..games)
        .map(|_| {
            let one = draws.below(strengths.len());
            let mut other = one;
            while other == one || (strengths[one] - strengths[other]).abs() > 3.0 * draws.share() + 0.3 {
                other = draws.below(strengths.len());
            }
            let point = 1.0 / (1.0 + ((strengths[other] - strengths[one]) * 0.6).exp());
            let mut scores = [0.0f32; 2];
            for _ in 0..15 {
                scores[usize::from(draws.share() >= point)] += 1.0;
            }
            Game { players: [one as u32, other as u32], scores }
        })
        .collect()
}
