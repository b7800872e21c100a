//! Ten million games of one against one, and a million of five against five, read from Parquet that is sorted by time and
//! rated in order; timed from opening the file to the last rating.
//!
//! `cargo bench -p freshet-smurf`. Games are made up with a seed and written before the clock starts; a number as an
//! argument makes them so many, and a tenth of it of five against five.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{Float32Type, Int64Type};
use freshet_ml::random::Draws;
use freshet_smurf::games::{Game, Host};
use freshet_smurf::rating::forecast;
use freshet_smurf::teams::{TeamGame, TeamOutcome, TeamRatings};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const PLAYERS: usize = 300_000;
/// Games of a batch.
const BATCH: usize = 100_000;

fn place(draws: &mut Draws) -> usize {
    draws.below(PLAYERS)
}

/// A player's id, as long as those of games are.
fn name(player: usize) -> String {
    format!("{:032x}-{player}", (player as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C2B_1234_5677))
}

fn write(path: &Path, batches: impl Iterator<Item = Vec<(&'static str, ArrayRef)>>) {
    let mut writer: Option<ArrowWriter<File>> = None;
    for columns in batches {
        let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
        let writer = writer
            .get_or_insert_with(|| ArrowWriter::try_new(File::create(path).expect("a file"), batch.schema(), None).expect("a writer"));
        writer.write(&batch).expect("rows");
    }
    writer.expect("batches").close().expect("a footer");
}

fn times(first: usize, rows: usize, each: usize) -> ArrayRef {
    let time = |row: usize| i64::try_from((first + row) / each).expect("a time") * 1_000 + 1_700_000_000_000;
    Arc::new(TimestampMillisecondArray::from_iter_values((0..rows).map(time)))
}

fn write_duels(path: &Path, games: usize, names: &[String], strengths: &[f64]) {
    let mut draws = Draws::new(1);
    let batches = (0..games.div_ceil(BATCH)).map(|batch| {
        let (mut one, mut other, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..BATCH.min(games - batch * BATCH) {
            let player = place(&mut draws);
            let opponent = (player + 1 + place(&mut draws) % 1_000) % PLAYERS;
            let is_ahead = strengths[player] - strengths[opponent] + draws.normal() > 0.0;
            one.push(names[player].as_str());
            other.push(names[opponent].as_str());
            first.push(if is_ahead { 15.0f32 } else { 9.0 });
            second.push(if is_ahead { 7.0f32 } else { 15.0 });
        }
        let rows = one.len();
        let columns: Vec<(&'static str, ArrayRef)> = vec![
            ("played_at", times(batch * BATCH, rows, 1)),
            ("player", Arc::new(StringArray::from(one))),
            ("opponent", Arc::new(StringArray::from(other))),
            ("score", Arc::new(Float32Array::from(first))),
            ("opponent_score", Arc::new(Float32Array::from(second))),
        ];
        columns
    });
    write(path, batches);
}

/// A row a player of a match, the ten of a match together.
fn write_teams(path: &Path, games: usize, names: &[String], strengths: &[f64]) {
    let mut draws = Draws::new(2);
    let each = BATCH / 10;
    let batches = (0..games.div_ceil(each)).map(|batch| {
        let (mut matches, mut teams, mut players, mut wins) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for game in 0..each.min(games - batch * each) {
            let row: [usize; 10] = std::array::from_fn(|_| place(&mut draws));
            let sum = |team: &[usize]| team.iter().map(|&player| strengths[player]).sum::<f64>();
            let first_wins = sum(&row[..5]) + draws.normal() > sum(&row[5..]);
            for (at, player) in row.into_iter().enumerate() {
                matches.push(i64::try_from(batch * each + game).expect("a number"));
                teams.push(if at < 5 { 100 } else { 200 });
                players.push(names[player].as_str());
                wins.push((at < 5) == first_wins);
            }
        }
        let rows = matches.len();
        let columns: Vec<(&'static str, ArrayRef)> = vec![
            ("played_at", times(batch * BATCH, rows, 10)),
            ("match_id", Arc::new(Int64Array::from(matches))),
            ("team_id", Arc::new(Int64Array::from(teams))),
            ("player", Arc::new(StringArray::from(players))),
            ("win", Arc::new(BooleanArray::from(wins))),
        ];
        columns
    });
    write(path, batches);
}

fn batches(path: &Path) -> impl Iterator<Item = RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("a file")).expect("Parquet");
    builder.with_batch_size(65_536).build().expect("a reader").map(|batch| batch.expect("rows"))
}

/// Players by their ids, in order of their first game.
#[derive(Default)]
struct Places(HashMap<String, u32>);

impl Places {
    fn of(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.0.get(name) {
            return place;
        }
        let place = u32::try_from(self.0.len()).expect("a place");
        self.0.insert(name.to_owned(), place);
        place
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn rate_duels(path: &Path) {
    let before = Instant::now();
    let (mut places, mut games) = (Places::default(), Vec::new());
    for batch in batches(path) {
        let text = |name: &str| batch.column_by_name(name).expect("a column").as_string::<i32>();
        let number = |name: &str| batch.column_by_name(name).expect("a column").as_primitive::<Float32Type>();
        let (player, opponent, score, other) = (text("player"), text("opponent"), number("score"), number("opponent_score"));
        games.extend((0..batch.num_rows()).map(|row| Game {
            players: [places.of(player.value(row)), places.of(opponent.value(row))],
            scores: [score.value(row), other.value(row)],
        }));
    }
    let read = before.elapsed().as_secs_f64();
    let (_, forecast) = forecast(places.0.len(), &games, Host::Organiser).expect("games");
    println!(
        "rated {} games of one against one in {:.1} s, {read:.1} s of it reading Parquet: accuracy {:.3}",
        games.len(),
        before.elapsed().as_secs_f64(),
        forecast.accuracy
    );
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn rate_teams(path: &Path) {
    let before = Instant::now();
    let (mut places, mut players, mut wins) = (Places::default(), Vec::new(), Vec::new());
    for batch in batches(path) {
        let column = |name: &str| batch.column_by_name(name).expect("a column");
        let (matches, names, won) =
            (column("match_id").as_primitive::<Int64Type>(), column("player").as_string::<i32>(), column("win").as_boolean());
        for row in 0..batch.num_rows() {
            // The ten of a match stand together, the first team first.
            if players.len() % 10 == 0 {
                wins.push((matches.value(row), won.value(row)));
            }
            players.push(places.of(names.value(row)));
        }
    }
    let read = before.elapsed().as_secs_f64();
    let mut ratings = TeamRatings::new(places.0.len());
    for (row, (_, first_wins)) in players.chunks_exact(10).zip(&wins) {
        let (first, second) = row.split_at(5);
        ratings.rate(&TeamGame { teams: [first, second], outcome: if *first_wins { TeamOutcome::Win } else { TeamOutcome::Loss } });
    }
    println!(
        "rated {} games of five against five in {:.1} s, {read:.1} s of it reading Parquet",
        wins.len(),
        before.elapsed().as_secs_f64()
    );
}

fn main() {
    let games = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(10_000_000);
    let mut draws = Draws::new(3);
    let strengths: Vec<f64> = (0..PLAYERS).map(|_| draws.normal()).collect();
    let names: Vec<String> = (0..PLAYERS).map(name).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let (duels, teams) = (folder.path().join("duels.parquet"), folder.path().join("teams.parquet"));
    write_duels(&duels, games, &names, &strengths);
    write_teams(&teams, games / 10, &names, &strengths);
    rate_duels(&duels);
    rate_teams(&teams);
}
