//! Ten million games of one against one, and a million of five against five, rated in order; timed.
//!
//! `cargo bench -p freshet-smurf`. Games are made up with a seed before the clock starts.

use std::time::Instant;

use freshet_ml::random::Draws;
use freshet_smurf::games::{Game, Host};
use freshet_smurf::rating::forecast;
use freshet_smurf::teams::{TeamGame, TeamOutcome, TeamRatings};

const PLAYERS: usize = 300_000;

fn place(draws: &mut Draws) -> u32 {
    u32::try_from(draws.below(PLAYERS)).expect("a place")
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let mut draws = Draws::new(1);
    let strengths: Vec<f64> = (0..PLAYERS).map(|_| draws.normal()).collect();
    let games: Vec<Game> = (0..10_000_000)
        .map(|_| {
            let one = place(&mut draws);
            let other = (one + 1 + place(&mut draws) % 1_000) % u32::try_from(PLAYERS).expect("a count");
            let ahead = strengths[one as usize] - strengths[other as usize] + draws.normal();
            Game { players: [one, other], scores: if ahead > 0.0 { [15.0, 7.0] } else { [9.0, 15.0] } }
        })
        .collect();
    let before = Instant::now();
    let (_, forecast) = forecast(PLAYERS, &games, Host::Organiser).expect("games");
    println!(
        "rated {} games of one against one in {:.1} s: accuracy {:.3}",
        games.len(),
        before.elapsed().as_secs_f64(),
        forecast.accuracy
    );

    let rows: Vec<[u32; 10]> = (0..1_000_000).map(|_| std::array::from_fn(|_| place(&mut draws))).collect();
    let before = Instant::now();
    let mut ratings = TeamRatings::new(PLAYERS);
    for row in &rows {
        let sum = |team: &[u32]| team.iter().map(|&player| strengths[player as usize]).sum::<f64>();
        let (first, second) = row.split_at(5);
        let outcome = if sum(first) > sum(second) { TeamOutcome::Win } else { TeamOutcome::Loss };
        ratings.rate(&TeamGame { teams: [first, second], outcome });
    }
    println!("rated {} games of five against five in {:.1} s", rows.len(), before.elapsed().as_secs_f64());
}
