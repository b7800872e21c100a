//! Who played whom, when, and how it ended.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use crate::error::Error;

/// Whose match it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The organiser's own: may be rated.
    Organiser,
    /// A publisher's matchmaking: is not rated.
    Publisher,
}

/// A game of one against one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Game {
    /// The players' places.
    pub players: [u32; 2],
    /// Their scores.
    pub scores: [f32; 2],
}

impl Game {
    /// 1 when the first player won, 0 when the second did, one half for a draw.
    pub fn outcome(&self) -> f64 {
        match self.scores[0].partial_cmp(&self.scores[1]) {
            Some(std::cmp::Ordering::Greater) => 1.0,
            Some(std::cmp::Ordering::Less) => 0.0,
            Some(std::cmp::Ordering::Equal) | None => 0.5,
        }
    }

    /// Whether somebody won.
    pub fn is_decided(&self) -> bool {
        (self.outcome() - 0.5).abs() > 0.25
    }

    /// By how much the first player was ahead, so that the tenth point counts less than the first.
    pub fn margin(&self) -> f64 {
        let ahead = f64::from(self.scores[0]) - f64::from(self.scores[1]);
        ahead.abs().ln_1p().copysign(ahead)
    }
}

/// Games in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Games {
    /// The players' names, by place.
    pub players: Vec<String>,
    /// The games.
    pub games: Vec<Game>,
    /// Rows that were left out for want of a player, a score or a time.
    pub rejected: usize,
}

/// Which column is what.
#[derive(Debug, Clone)]
pub struct Columns {
    /// One player.
    pub player: String,
    /// The other.
    pub opponent: String,
    /// The one's score.
    pub score: String,
    /// The other's.
    pub opponent_score: String,
    /// When.
    pub time: String,
}

/// Reads games from CSV with a header and puts them in order of time, then of the file.
///
/// Times that are all numbers are compared as numbers, times of one known way of writing as times, others as text.
pub fn read(text: &[u8], columns: &Columns) -> Result<Games, Error> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text);
    let unreadable = |line, source| Error::UnreadableTable { line, source };
    let headers = reader.byte_headers().map_err(|source| unreadable(1, source))?.clone();
    let place = |name: &String| {
        let is_name = |cell: &[u8]| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}') == name;
        headers.iter().position(is_name).ok_or_else(|| Error::MissingColumn { column: name.clone() })
    };
    let [player, opponent, score, opponent_score, time] = [
        place(&columns.player)?,
        place(&columns.opponent)?,
        place(&columns.score)?,
        place(&columns.opponent_score)?,
        place(&columns.time)?,
    ];
    let mut games = Games::default();
    let mut places: HashMap<String, u32> = HashMap::new();
    let mut rows: Vec<(String, Game)> = Vec::new();
    for (line, row) in reader.byte_records().enumerate() {
        let row = row.map_err(|source| unreadable(line as u64 + 2, source))?;
        let text = |at: usize| row.get(at).and_then(|cell| std::str::from_utf8(cell).ok()).filter(|cell| !cell.is_empty());
        let number = |at: usize| text(at).and_then(|cell| cell.parse().ok()).filter(|value: &f32| value.is_finite());
        let (Some(one), Some(other), Some(first), Some(second), Some(when)) =
            (text(player), text(opponent), number(score), number(opponent_score), text(time))
        else {
            games.rejected += 1;
            continue;
        };
        if one == other {
            games.rejected += 1;
            continue;
        }
        let mut place = |name: &str| {
            *places.entry(name.to_owned()).or_insert_with(|| {
                games.players.push(name.to_owned());
                u32::try_from(games.players.len() - 1).unwrap_or(u32::MAX)
            })
        };
        rows.push((when.to_owned(), Game { players: [place(one), place(other)], scores: [first, second] }));
    }
    sort_by_time(&mut rows);
    games.games = rows.into_iter().map(|(_, game)| game).collect();
    if games.games.is_empty() { Err(Error::NoGames) } else { Ok(games) }
}

const FORMATS: [&str; 6] =
    ["%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"];

fn sort_by_time(rows: &mut [(String, Game)]) {
    let numbers: Option<Vec<f64>> = rows.iter().map(|(time, _)| time.parse().ok().filter(|number: &f64| number.is_finite())).collect();
    let times = numbers.or_else(|| {
        FORMATS.iter().find_map(|format| {
            rows.iter()
                .map(|(time, _)| NaiveDateTime::parse_from_str(time, format).ok().map(|time| seconds(&time)))
                .collect::<Option<Vec<f64>>>()
        })
    });
    match times {
        Some(times) => {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
            let sorted: Vec<(String, Game)> = order.into_iter().map(|row| rows[row].clone()).collect();
            rows.clone_from_slice(&sorted);
        }
        None => rows.sort_by(|a, b| a.0.cmp(&b.0)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few thousand years fit")]
fn seconds(time: &NaiveDateTime) -> f64 {
    time.and_utc().timestamp_millis() as f64 / 1_000.0
}

/// How many games of each player a list holds.
pub fn counts(players: usize, games: &[Game]) -> Vec<u32> {
    let mut counts = vec![0; players];
    for place in games.iter().flat_map(|game| game.players) {
        counts[place as usize] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::{Columns, read};

    fn columns() -> Columns {
        let name = str::to_owned;
        Columns { player: name("p1"), opponent: name("p2"), score: name("s1"), opponent_score: name("s2"), time: name("t") }
    }

    #[test]
    fn games_are_in_order_of_time_then_of_the_file() {
        let first_scores = |times: [&str; 4]| {
            let text = format!(
                "p1,p2,s1,s2,t\na,b,1,0,{}\nc,a,2,3,{}\na,c,3,3,{}\nb,b,4,0,{}\nb,a,5,x,1\n",
                times[0], times[1], times[2], times[3]
            );
            let games = read(text.as_bytes(), &columns()).expect("games");
            assert_eq!(games.rejected, 2, "nobody plays themselves, and x is no score");
            games.games.iter().map(|game| game.scores[0]).collect::<Vec<_>>()
        };
        assert_eq!(first_scores(["10", "9", "9", "1"]), [2.0, 3.0, 1.0]);
        assert_eq!(
            first_scores(["2004-08-06 18:13:50", "2004-08-06 09:00:00", "2004-08-06 18:13:50", "2004-08-06 18:13:50"]),
            [2.0, 1.0, 3.0]
        );
        assert_eq!(first_scores(["12/01/2004 10:00", "02/01/2005 10:00", "1/01/2004 10:00", "1/01/2004 10:00"]), [3.0, 1.0, 2.0]);
        assert_eq!(first_scores(["week b", "week a", "week c", "week d"]), [2.0, 1.0, 3.0]);
    }

    #[test]
    fn what_is_missing_is_said() {
        assert!(read(b"p1,p2,s1,t\n", &columns()).expect_err("refused").to_string().contains("s2"));
        assert!(read(b"p1,p2,s1,s2,t\n", &columns()).is_err());
    }
}
