//! Ratings of team against team: Weng and Lin's, by `skillratings`.
//!
//! Every player of the winning team gains, those one knows least about the most. Teams may differ in size.

use skillratings::Outcomes;
use skillratings::weng_lin::{WengLinConfig, WengLinRating, expected_score_two_teams, weng_lin_two_teams};

use crate::evidence::{Evidence, STRONGER};

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

/// A rating on the scale of one against one: newcomers at 1500 ± 350.
fn on_scale(rating: &WengLinRating) -> (f64, f64) {
    let newcomer = WengLinRating::new();
    let unit = 350.0 / newcomer.uncertainty;
    (1500.0 + (rating.rating - newcomer.rating) * unit, rating.uncertainty * unit)
}

/// What is gathered of an account on the way.
#[derive(Debug, Clone, Default)]
struct Trail {
    won: u32,
    strong_met: u32,
    strong_beaten: u32,
    surprise: f64,
    variance: f64,
}

/// The evidence of every account after its first matches, at most `most` of them; `None` where it has none.
///
/// Ratings are on the scale of one against one. A team is strong when its mean rating is; surprise is against what a
/// newcomer in the account's place would have won. Teams have no margin, and so no peak.
pub fn first_matches(players: usize, games: &[TeamGame<'_>], most: u32) -> Vec<Option<Evidence>> {
    let mut ratings = TeamRatings::new(players);
    let mut trails = vec![Trail::default(); players];
    let mut evidence = vec![None; players];
    let newcomer = WengLinRating::new();
    for game in games {
        ratings.gather(game);
        let outcome = match game.outcome {
            TeamOutcome::Win => 1.0,
            TeamOutcome::Loss => 0.0,
            TeamOutcome::Draw => 0.5,
        };
        for side in 0..2 {
            let outcome = if side == 0 { outcome } else { 1.0 - outcome };
            let met = &ratings.teams[1 - side];
            let strong = mean(met) >= 1500.0 + STRONGER;
            let mut own = ratings.teams[side].clone();
            for (place, &player) in game.teams[side].iter().enumerate() {
                if ratings.games[player as usize] >= most {
                    continue;
                }
                let known = std::mem::replace(&mut own[place], newcomer);
                let expected = expected_score_two_teams(&own, met, &ratings.config).0;
                own[place] = known;
                let trail = &mut trails[player as usize];
                trail.won += u32::from(outcome > 0.75);
                trail.strong_met += u32::from(strong);
                trail.strong_beaten += u32::from(strong && outcome > 0.75);
                trail.surprise += outcome - expected;
                trail.variance += expected * (1.0 - expected);
            }
        }
        let before: [Vec<u32>; 2] = game.teams.map(|team| team.iter().map(|&player| ratings.games[player as usize]).collect());
        ratings.rate(game);
        for (team, before) in game.teams.into_iter().zip(before) {
            for (&player, _) in team.iter().zip(before).filter(|(_, before)| *before < most) {
                let trail = &trails[player as usize];
                let (rating, deviation) = on_scale(ratings.of(player));
                evidence[player as usize] = Some(Evidence {
                    games: ratings.games(player),
                    won: trail.won,
                    strong_met: trail.strong_met,
                    strong_beaten: trail.strong_beaten,
                    rating,
                    deviation,
                    margin: 0.0,
                    surprise: trail.surprise / trail.variance.sqrt().max(1e-9),
                    peak: 0.0,
                });
            }
        }
    }
    evidence
}

fn mean(team: &[WengLinRating]) -> f64 {
    let players = f64::from(u32::try_from(team.len().max(1)).unwrap_or(u32::MAX));
    team.iter().map(|rating| on_scale(rating).0).sum::<f64>() / players
}

#[cfg(test)]
mod tests {
    use freshet_ml::metrics::roc_auc;
    use freshet_ml::random::Draws;

    use super::{TeamGame, TeamOutcome, TeamRatings, first_matches};
    use crate::simulation::strengths;

    #[test]
    fn first_matches_of_a_strong_account_stand_out_and_know_nothing_of_later_ones() {
        let mut strengths = strengths(120, 8);
        (0..6).for_each(|player| strengths[player] = 3.0);
        let mut draws = Draws::new(9);
        let mut players: Vec<u32> = (0..120).collect();
        let mut rows: Vec<([u32; 10], bool)> = Vec::new();
        for _ in 0..600 {
            draws.shuffle(&mut players);
            let row: [u32; 10] = std::array::from_fn(|place| players[place]);
            let sum = |team: &[u32]| team.iter().map(|&player| strengths[player as usize]).sum::<f64>();
            rows.push((row, draws.share() < 1.0 / (1.0 + (sum(&row[5..]) - sum(&row[..5])).exp())));
        }
        let games = |rows: &[([u32; 10], bool)]| {
            let games: Vec<TeamGame<'_>> = rows
                .iter()
                .map(|(row, won)| TeamGame {
                    teams: [&row[..5], &row[5..]],
                    outcome: if *won { TeamOutcome::Win } else { TeamOutcome::Loss },
                })
                .collect();
            first_matches(120, &games, 10)
        };
        let (whole, half) = (games(&rows), games(&rows[..300]));
        let labels: Vec<bool> = (0..120).map(|player| player < 6).collect();
        let ratings: Vec<f64> = whole.iter().map(|evidence| evidence.expect("ten matches").rating).collect();
        assert!(roc_auc(&labels, &ratings).expect("both kinds") > 0.85);
        let done = (0..120).filter(|&player| half[player].is_some_and(|evidence| evidence.games == 10)).collect::<Vec<_>>();
        assert!(done.len() > 100);
        assert!(done.into_iter().all(|player| half[player] == whole[player]));
        assert!(whole.iter().flatten().all(|evidence| evidence.games == 10 && evidence.won <= 10 && evidence.deviation < 350.0));
    }

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
