//! The models on published matches and telemetry. The files lie outside the project; without them the tests say that
//! they were skipped.

use std::path::PathBuf;

use freshet_ml::delimited::{Number, number};
use freshet_ml::frame::{Column, Frame};
use freshet_ml::metrics::roc_auc;
use freshet_ml::random::Draws;

use freshet_smurf::games::{self, Columns, Games, Host};
use freshet_smurf::inject::inject;
use freshet_smurf::ladder;
use freshet_smurf::rating::forecast;

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn material(path: &str) -> Option<Vec<u8>> {
    let found = std::env::var_os("FRESHET_MATERIAL").map(|folder| PathBuf::from(folder).join(path)).filter(|path| path.exists());
    if found.is_none() {
        println!("skipped: FRESHET_MATERIAL names no folder with {path}");
    }
    Some(std::fs::read(found?).expect("a file"))
}

fn halo() -> Option<Games> {
    let text = material("ml/halo2/halo2_head_to_head.csv")?;
    let name = str::to_owned;
    let columns =
        Columns { player: name("p1"), opponent: name("p2"), score: name("s1"), opponent_score: name("s2"), time: name("end_time") };
    Some(games::read(text.as_slice(), &columns).expect("games"))
}

#[test]
fn glicko_2_foretells_halo_as_published() {
    let Some(games) = halo() else { return };
    assert_eq!((games.games.len(), games.players.len(), games.rejected), (6_028, 1_653, 0));
    let (_, forecast) = forecast(games.players.len(), &games.games, Host::Organiser).expect("games");
    assert_eq!(forecast.games, 2_897);
    assert!((forecast.accuracy - 0.7314).abs() < 0.0005, "{forecast:?}");
    assert!((forecast.log_loss - 0.5372).abs() < 0.0005, "{forecast:?}");
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are the test's result")]
fn injected_smurfs_of_halo_are_found_after_five_and_ten_games() {
    let Some(games) = halo() else { return };
    for throw_share in [0.0, 0.3] {
        for found in inject(&games, 10, throw_share, |_| ()).expect("smurfs") {
            println!("halo, {throw_share} thrown: {}", serde_json::to_string(&found).expect("json"));
            let bar = if throw_share > 0.0 { 0.70 } else { 0.86 };
            assert!(found.auc >= bar, "{found:?}");
            assert!(found.auc > found.auc_win_rate + 0.1, "{found:?}");
        }
    }
}

/// `StarCraft` II players by league (1 Bronze to 8 professional), and their telemetry.
fn skillcraft() -> Option<(Frame, Vec<u8>)> {
    let text = material("ml/skillcraft1/SkillCraft1_Dataset.csv")?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let names: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let mut columns = vec![Vec::new(); names.len()];
    for row in reader.byte_records() {
        for (column, cell) in columns.iter_mut().zip(&row.expect("a row")) {
            column.push(match number(cell, false) {
                Number::Finite(value) => value,
                Number::Missing => f64::NAN,
                Number::Infinite | Number::Text => panic!("a number"),
            });
        }
    }
    let ranks = columns[1]
        .iter()
        .map(|league| [0, 1, 2, 3, 4, 5, 6, 7, 8].into_iter().find(|rank| (f64::from(*rank) - league).abs() < 0.1).expect("a league"))
        .collect();
    // What players said of themselves is no telemetry.
    let telemetry = names.into_iter().zip(columns).skip(5).map(|(name, values)| (name, Column::Number(values))).collect();
    Some((Frame::new(telemetry).expect("a frame"), ranks))
}

/// The mean area under the curve of telling players of the leagues `high`, who declare a league out of `low`, from
/// honest players of `low`, over twenty splits: two thirds of all players train the ladder. How many pose does not
/// move the area, only its noise, so all of the last third do: it is the mean over every draw of 5 %.
fn posing(frame: &Frame, ranks: &[u8], high: &[u8], low: &[u8]) -> f64 {
    let mut sum = 0.0;
    for seed in 0..20 {
        let mut draws = Draws::new(seed);
        let mut order: Vec<usize> = (0..ranks.len()).collect();
        draws.shuffle(&mut order);
        let (train, test) = order.split_at(order.len() * 2 / 3);
        let rank_of = |rows: &[usize]| rows.iter().map(|&row| ranks[row]).collect::<Vec<u8>>();
        let ladder = ladder::train("starcraft", &frame.take(train), &rank_of(train), &[]).expect("a ladder");
        let of = |leagues: &[u8]| test.iter().copied().filter(|&row| leagues.contains(&ranks[row])).collect::<Vec<usize>>();
        let (honest, posing) = (of(low), of(high));
        let declared: Vec<u8> =
            rank_of(&honest).into_iter().chain(posing.iter().map(|_| ranks[honest[draws.below(honest.len())]])).collect();
        let labels: Vec<bool> = honest.iter().map(|_| false).chain(posing.iter().map(|_| true)).collect();
        let rows: Vec<usize> = honest.iter().chain(&posing).copied().collect();
        let standings = ladder.place(&frame.take(&rows), &declared).expect("standings");
        sum += roc_auc(&labels, &standings.iter().map(|standing| standing.z).collect::<Vec<_>>()).expect("both kinds");
    }
    sum / 20.0
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are the test's result")]
fn strong_starcraft_players_who_pose_as_weak_stand_out_of_their_league() {
    let Some((frame, ranks)) = skillcraft() else { return };
    for (name, high, low, bar) in
        [("master and above", &[6, 7, 8][..], &[1, 2, 3][..], 0.96), ("diamond", &[5], &[1, 2, 3], 0.90), ("platinum", &[4], &[1, 2], 0.85)]
    {
        let auc = posing(&frame, &ranks, high, low);
        println!("starcraft, {name}: {auc:.4}");
        assert!(auc >= bar, "{name}: {auc}");
    }
}
