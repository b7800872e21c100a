//! Ratings of one against one: Glicko-2 after every game, and a rating of margins beside it.
//!
//! Glicko-2 is `skillratings`' with its usual numbers (1500, 350, 0.06, tau 0.5). The margin rating is a Kalman filter
//! over who was ahead by how much: half of a margin's variance is taken for the two players' strengths, half for
//! the day. It sees a strong newcomer's ease where the list of wins is still short.

use serde::Serialize;
use skillratings::Outcomes;
use skillratings::glicko2::{Glicko2Config, Glicko2Rating, expected_score, glicko2};

use crate::error::Error;
use crate::games::{Game, Host};

/// Games that both players have before one counts in the forecast's figures.
pub const EXPERIENCED: u32 = 3;
/// A forecast is kept this far from 0 and 1 in the log-loss.
const CLIP: f64 = 1e-6;
/// How much margins say of strength, and how much strength may move a game: shares of the margins' variance.
const STRENGTH: f64 = 0.5;
const DRIFT: f64 = 0.002;

/// A strength in margins, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarginRating {
    /// The strength.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
}

/// All that is known of a player.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rated {
    /// By who won.
    pub rating: Glicko2Rating,
    /// By how much.
    pub margin: MarginRating,
    /// Games so far.
    pub games: u32,
}

/// How good forecasts were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Forecast {
    /// Decided games between experienced players.
    pub games: usize,
    /// The share whose winner was the favourite; an even game counts half.
    pub accuracy: f64,
    /// Mean negative logarithm of the winner's probability.
    pub log_loss: f64,
    /// Games that were not rated because a publisher's matchmaking hosted them.
    pub left_out: usize,
}

/// Ratings as they stand after the games so far.
#[derive(Debug, Clone)]
pub struct Ratings {
    players: Vec<Rated>,
    config: Glicko2Config,
    noise: f64,
    drift: f64,
}

impl Ratings {
    /// Everybody new; `margin_variance` is the variance of margins in the games to come.
    pub fn new(players: usize, margin_variance: f64) -> Self {
        let newcomer = Rated {
            rating: Glicko2Rating::new(),
            margin: MarginRating { mean: 0.0, variance: margin_variance * STRENGTH / 2.0 },
            games: 0,
        };
        Self {
            players: vec![newcomer; players],
            config: Glicko2Config::new(),
            noise: margin_variance * (1.0 - STRENGTH),
            drift: margin_variance * DRIFT,
        }
    }

    /// The player's state.
    pub fn of(&self, player: u32) -> &Rated {
        &self.players[player as usize]
    }

    /// All states, by place.
    pub fn all(&self) -> &[Rated] {
        &self.players
    }

    /// The probability that the first player wins.
    pub fn expect(&self, game: &Game) -> f64 {
        expected_score(&self.of(game.players[0]).rating, &self.of(game.players[1]).rating).0
    }

    /// Takes a game in.
    pub fn rate(&mut self, game: &Game) {
        let [one, other] = game.players.map(|player| player as usize);
        let outcome = match game.outcome() {
            0.5 => Outcomes::DRAW,
            won if won > 0.5 => Outcomes::WIN,
            _ => Outcomes::LOSS,
        };
        let (first, second) = glicko2(&self.players[one].rating, &self.players[other].rating, &outcome, &self.config);
        let (mine, theirs) = (self.players[one].margin, self.players[other].margin);
        let spread = mine.variance + theirs.variance + self.noise;
        let surprise = game.margin() - (mine.mean - theirs.mean);
        let moved = |rating: MarginRating, surprise: f64| MarginRating {
            mean: rating.mean + rating.variance / spread * surprise,
            variance: rating.variance - rating.variance * rating.variance / spread + self.drift,
        };
        let (mine, theirs) = if spread > 0.0 { (moved(mine, surprise), moved(theirs, -surprise)) } else { (mine, theirs) };
        self.players[one] = Rated { rating: first, margin: mine, games: self.players[one].games + 1 };
        self.players[other] = Rated { rating: second, margin: theirs, games: self.players[other].games + 1 };
    }
}

/// The variance of margins around even.
pub fn margin_variance(games: &[Game]) -> f64 {
    let squares: f64 = games.iter().map(|game| game.margin().powi(2)).sum();
    squares / f64::from(u32::try_from(games.len().max(1)).unwrap_or(u32::MAX))
}

/// Rates games in their order, and judges the forecasts made before each.
pub fn forecast(players: usize, games: &[Game], host: Host) -> Result<(Ratings, Forecast), Error> {
    if games.is_empty() {
        return Err(Error::NoGames);
    }
    let mut ratings = Ratings::new(players, margin_variance(games));
    let mut forecast = Forecast { games: 0, accuracy: 0.0, log_loss: 0.0, left_out: 0 };
    match host {
        Host::Organiser => {}
        Host::Publisher => {
            forecast.left_out = games.len();
            return Ok((ratings, forecast));
        }
    }
    for game in games {
        let experienced = game.players.iter().all(|&player| ratings.of(player).games >= EXPERIENCED);
        if experienced && game.is_decided() {
            let expected = ratings.expect(game);
            let of_winner = if game.outcome() > 0.5 { expected } else { 1.0 - expected };
            forecast.games += 1;
            forecast.log_loss -= of_winner.clamp(CLIP, 1.0 - CLIP).ln();
            forecast.accuracy += match of_winner.partial_cmp(&0.5) {
                Some(std::cmp::Ordering::Greater) => 1.0,
                Some(std::cmp::Ordering::Equal) => 0.5,
                Some(std::cmp::Ordering::Less) | None => 0.0,
            };
        }
        ratings.rate(game);
    }
    let judged = f64::from(u32::try_from(forecast.games.max(1)).unwrap_or(u32::MAX));
    forecast.accuracy /= judged;
    forecast.log_loss /= judged;
    Ok((ratings, forecast))
}

#[cfg(test)]
mod tests {
    use super::{forecast, margin_variance};
    use crate::games::{Game, Host};
    use crate::simulation::{duels, strengths};

    #[test]
    fn ratings_find_the_strong_and_foretell_who_wins() {
        let strengths = strengths(60, 1);
        let games = duels(&strengths, 6_000, 2);
        let (ratings, forecast) = forecast(60, &games, Host::Organiser).expect("games");
        assert!(forecast.accuracy > 0.7 && forecast.log_loss < 0.58, "{forecast:?}");
        let labels: Vec<bool> = strengths.iter().map(|&strength| strength > 0.0).collect();
        for scores in [
            ratings.all().iter().map(|rated| rated.rating.rating).collect::<Vec<_>>(),
            ratings.all().iter().map(|rated| rated.margin.mean).collect(),
        ] {
            assert!(freshet_ml::metrics::roc_auc(&labels, &scores).expect("both kinds") > 0.95);
        }
        assert!(ratings.all().iter().all(|rated| rated.rating.deviation < 120.0 && rated.margin.variance < margin_variance(&games) / 4.0));
    }

    #[test]
    fn games_of_a_publisher_are_not_rated_and_counted() {
        let games = duels(&strengths(10, 1), 100, 2);
        let (ratings, forecast) = forecast(10, &games, Host::Publisher).expect("games");
        assert_eq!((forecast.left_out, forecast.games), (100, 0));
        assert!(ratings.all().iter().all(|rated| rated.games == 0));
    }

    #[test]
    fn games_without_any_margin_are_rated() {
        let games = [Game { players: [0, 1], scores: [1.0, 1.0] }; 5];
        let (ratings, forecast) = forecast(2, &games, Host::Organiser).expect("games");
        assert!(ratings.of(0).margin.mean.abs() < 1e-12 && forecast.games == 0);
    }
}
