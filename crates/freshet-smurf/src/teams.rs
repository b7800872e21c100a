//! Ratings of team against team: Weng and Lin's, by `skillratings`.
//!
//! Every player of the winning team gains, those one knows least about the most. Teams may differ in size.

use skillratings::Outcomes;
use skillratings::weng_lin::{WengLinConfig, WengLinRating, expected_score_two_teams, weng_lin_two_teams};

/// A match of two teams; players by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeamGame<'a> {
    /// The teams.
    pub teams: [&'a [u32]; 2],
    /// How it ended, for the first team.
    pub outcome: TeamOutcome,
}

/// How a match ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeamOutcome {
    /// The first team won.
    Win,
    /// The second team won.
    Loss,
    /// Nobody won.
    Draw,
}

/// Ratings as they stand after the matches so far.
#[derive(Debug, Clone)]
pub struct TeamRatings {
    players: Vec<WengLinRating>,
    games: Vec<u32>,
    config: WengLinConfig,
    teams: [Vec<WengLinRating>; 2],
}

impl TeamRatings {
    /// Everybody new.
    pub fn new(players: usize) -> Self {
        Self {
            players: vec![WengLinRating::new(); players],
            games: vec![0; players],
            config: WengLinConfig::new(),
            teams: [Vec::new(), Vec::new()],
        }
    }

    /// The player's rating.
    pub fn of(&self, player: u32) -> &WengLinRating {
        &self.players[player as usize]
    }

    /// The player's matches so far.
    pub fn games(&self, player: u32) -> u32 {
        self.games[player as usize]
    }

    fn gather(&mut self, game: &TeamGame<'_>) {
        for (room, team) in self.teams.iter_mut().zip(game.teams) {
            room.clear();
            room.extend(team.iter().map(|&player| self.players[player as usize]));
        }
    }

    /// The probability that the first team wins.
    pub fn expect(&mut self, game: &TeamGame<'_>) -> f64 {
        self.gather(game);
        expected_score_two_teams(&self.teams[0], &self.teams[1], &self.config).0
    }

    /// Takes a match in.
    pub fn rate(&mut self, game: &TeamGame<'_>) {
        self.gather(game);
        let outcome = match game.outcome {
            TeamOutcome::Win => Outcomes::WIN,
            TeamOutcome::Loss => Outcomes::LOSS,
            TeamOutcome::Draw => Outcomes::DRAW,
        };
        let (first, second) = weng_lin_two_teams(&self.teams[0], &self.teams[1], &outcome, &self.config);
        for (team, ratings) in game.teams.into_iter().zip([first, second]) {
            for (&player, rating) in team.iter().zip(ratings) {
                self.players[player as usize] = rating;
                self.games[player as usize] += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use freshet_ml::metrics::roc_auc;
    use freshet_ml::random::Draws;

    use super::{TeamGame, TeamOutcome, TeamRatings};
    use crate::simulation::strengths;

    #[test]
    fn five_a_side_finds_the_strong() {
        let strengths = strengths(100, 3);
        let mut draws = Draws::new(4);
        let mut ratings = TeamRatings::new(100);
        let mut players: Vec<u32> = (0..100).collect();
        let mut right = 0.0;
        for round in 0..4_000 {
            draws.shuffle(&mut players);
            let teams = [&players[..5], &players[5..10]];
            let sum = |team: &[u32]| team.iter().map(|&player| strengths[player as usize]).sum::<f64>();
            let won = draws.share() < 1.0 / (1.0 + (sum(teams[1]) - sum(teams[0])).exp());
            let game = TeamGame { teams, outcome: if won { TeamOutcome::Win } else { TeamOutcome::Loss } };
            if round >= 3_000 && (ratings.expect(&game) > 0.5) == won {
                right += 1.0;
            }
            ratings.rate(&game);
        }
        let labels: Vec<bool> = strengths.iter().map(|&strength| strength > 0.0).collect();
        let scores: Vec<f64> = (0..100).map(|player| ratings.of(player).rating).collect();
        assert!(roc_auc(&labels, &scores).expect("both kinds") > 0.95);
        assert!(right / 1_000.0 > 0.7, "{right}");
        assert!(ratings.games(0) > 200);
    }
}
