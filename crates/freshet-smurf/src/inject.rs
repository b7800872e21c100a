//! How well smurfs are found, where nobody has told who they are.
//!
//! Ten consecutive games from the second half of strong players' careers are given to new accounts, and the first
//! games of these are told from everybody else's first games. The strong players' own accounts are left out of the
//! comparison. With a `throw_share` the new accounts lose that share of their won games on purpose.

use freshet_ml::metrics::roc_auc;
use freshet_ml::random::Draws;
use serde::Serialize;

use crate::error::Error;
use crate::evidence::{Evidence, first_games, score};
use crate::games::{Game, Games, Host, counts};
use crate::rating::forecast;

/// Strong players that become smurfs.
const SMURFS: usize = 12;
/// With fewer, nothing is measured.
const LEAST_SMURFS: usize = 3;
/// Games that a new account is given.
const GAMES: usize = 10;
/// Games of a player who may become one.
const BUSY: u32 = 20;
/// The numbers of games after which is looked.
const AFTER: [u32; 2] = [5, 10];

/// How well new accounts of strong players were told from others after so many games, over all seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Found {
    /// After how many games.
    pub games: u32,
    /// Area under the curve of the score.
    pub auc: f64,
    /// The same of the score that holds the peak.
    pub auc_guarded: f64,
    /// The same of the rating alone.
    pub auc_rating: f64,
    /// The same of the share of games won, for comparison.
    pub auc_win_rate: f64,
    /// Smurfs a seed.
    pub smurfs: usize,
    /// Other accounts, of all seeds together.
    pub others: usize,
}

/// Injects smurfs once for each seed from 0 up to, without, `seeds`, and says after each how many are done.
///
/// A number of games after which no seed has both smurfs and others is left out.
pub fn inject(games: &Games, seeds: u64, throw_share: f64, mut done: impl FnMut(u64)) -> Result<Vec<Found>, Error> {
    let players = games.players.len();
    let strong = strong(games)?;
    let smurfs = SMURFS.min(strong.len());
    let mut found = AFTER.map(|games| Found { games, auc: 0.0, auc_guarded: 0.0, auc_rating: 0.0, auc_win_rate: 0.0, smurfs, others: 0 });
    let mut measured = [0.0; AFTER.len()];
    for seed in 0..seeds.max(1) {
        let (owners, altered) = relabel(games, &strong, smurfs, throw_share, seed);
        let evidence = first_games(players + smurfs, &altered, &AFTER);
        for (place, evidence) in evidence.iter().enumerate() {
            let there = evidence
                .iter()
                .enumerate()
                .filter(|(player, _)| !owners.contains(player))
                .filter_map(|(player, evidence)| Some((player >= players, (*evidence)?)));
            let (labels, evidence): (Vec<bool>, Vec<Evidence>) = there.unzip();
            let scores = score(&evidence);
            let auc = |values: Vec<f64>| roc_auc(&labels, &values);
            let (Some(total), Some(guarded), Some(rating), Some(win_rate)) = (
                auc(scores.iter().map(|score| score.total).collect()),
                auc(scores.iter().map(crate::evidence::Score::guarded).collect()),
                auc(evidence.iter().map(|one| one.rating).collect()),
                auc(evidence.iter().map(|one| f64::from(one.won) / f64::from(one.games)).collect()),
            ) else {
                continue;
            };
            measured[place] += 1.0;
            found[place].auc += total;
            found[place].auc_guarded += guarded;
            found[place].auc_rating += rating;
            found[place].auc_win_rate += win_rate;
            found[place].others += labels.iter().filter(|&&label| !label).count();
        }
        done(seed + 1);
    }
    for (found, measured) in found.iter_mut().zip(measured) {
        for auc in [&mut found.auc, &mut found.auc_guarded, &mut found.auc_rating, &mut found.auc_win_rate] {
            *auc /= f64::max(measured, 1.0);
        }
    }
    Ok(found.into_iter().zip(measured).filter(|(_, measured)| *measured > 0.0).map(|(found, _)| found).collect())
}

/// Players of the top quarter by rating among those with games enough, the strongest first.
fn strong(games: &Games) -> Result<Vec<usize>, Error> {
    let (ratings, _) = forecast(games.players.len(), &games.games, Host::Organiser)?;
    let counts = counts(games.players.len(), &games.games);
    let mut busy: Vec<usize> = (0..games.players.len()).filter(|&player| counts[player] >= BUSY).collect();
    let rating = |player: usize| ratings.all()[player].rating.rating;
    busy.sort_by(|&a, &b| rating(b).total_cmp(&rating(a)).then(a.cmp(&b)));
    busy.truncate(busy.len().div_ceil(4));
    if busy.len() < LEAST_SMURFS { Err(Error::TooFewStrong { strong: busy.len(), needed: LEAST_SMURFS }) } else { Ok(busy) }
}

/// The owners, and the games with ten of each owner's later ones under a new account.
fn relabel(games: &Games, strong: &[usize], smurfs: usize, throw_share: f64, seed: u64) -> (Vec<usize>, Vec<Game>) {
    let mut draws = Draws::new(seed);
    let mut owners = strong.to_vec();
    draws.shuffle(&mut owners);
    owners.truncate(smurfs);
    let mut altered = games.games.clone();
    for (place, &owner) in owners.iter().enumerate() {
        let new = games.players.len() + place;
        let own: Vec<usize> =
            (0..altered.len()).filter(|&game| games.games[game].players.iter().any(|&player| player as usize == owner)).collect();
        let first = own.len() / 2;
        let start = first + draws.below((own.len() - GAMES).saturating_sub(first) + 1);
        for &game in own.iter().skip(start).take(GAMES) {
            let game = &mut altered[game];
            let side = usize::from(game.players[0] as usize != owner);
            game.players[side] = u32::try_from(new).unwrap_or(u32::MAX);
            if game.scores[side] > game.scores[1 - side] && draws.share() < throw_share {
                game.scores.swap(0, 1);
            }
        }
    }
    (owners, altered)
}

#[cfg(test)]
mod tests {
    use super::{inject, relabel, strong};
    use crate::games::Games;
    use crate::simulation::{duels, strengths};

    fn arena() -> Games {
        let strengths = strengths(300, 1);
        Games { players: (0..300).map(|player| player.to_string()).collect(), games: duels(&strengths, 6_000, 2), ..Games::default() }
    }

    #[test]
    fn new_accounts_get_ten_later_games_of_strong_players() {
        let games = arena();
        let strong = strong(&games).expect("strong players");
        let (owners, altered) = relabel(&games, &strong, 12, 0.0, 3);
        assert_eq!(owners.len(), 12);
        for (place, owner) in owners.iter().enumerate() {
            let of = |games: &[crate::games::Game], player: usize| {
                games
                    .iter()
                    .enumerate()
                    .filter(|(_, game)| game.players.iter().any(|&other| other as usize == player))
                    .map(|(at, _)| at)
                    .collect::<Vec<_>>()
            };
            let (own, new) = (of(&games.games, *owner), of(&altered, 300 + place));
            assert_eq!(new.len(), 10);
            let start = own.iter().position(|game| *game == new[0]).expect("an own game");
            assert!(start >= own.len() / 2);
            assert_eq!(new, own[start..start + 10]);
        }
        assert_eq!(relabel(&games, &strong, 12, 0.0, 3), relabel(&games, &strong, 12, 0.0, 3));
        assert_ne!(relabel(&games, &strong, 12, 0.0, 3).0, relabel(&games, &strong, 12, 0.0, 4).0);
    }

    #[test]
    fn smurfs_are_found_better_than_by_wins_and_thrown_games_hide_them_less_from_the_peak() {
        let games = arena();
        for found in inject(&games, 10, 0.0, |_| ()).expect("smurfs") {
            assert!(found.auc > 0.8 && found.auc > found.auc_win_rate + 0.05, "{found:?}");
        }
        for found in inject(&games, 10, 0.4, |_| ()).expect("smurfs") {
            assert!(found.auc_guarded > found.auc + 0.02, "{found:?}");
        }
    }

    #[test]
    fn a_quiet_arena_is_refused() {
        let games = Games { games: arena().games[..50].to_vec(), ..arena() };
        assert!(inject(&games, 1, 0.0, |_| ()).is_err());
    }
}
