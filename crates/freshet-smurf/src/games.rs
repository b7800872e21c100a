//! Who played whom, when, and how it ended.

use std::collections::HashMap;
use std::io::Read;

use chrono::NaiveDateTime;
use csv::ByteRecord;
use freshet_ml::delimited::{self, Number, Rows, listed, number};
use freshet_ml::moment::{Form, forms_of};

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
    /// The line of the first of them.
    pub first_rejected: Option<u64>,
    /// Whether times are in an order of numbers or of moments; else they are in the order of text.
    pub is_timed: bool,
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

/// Games with their times as written, all in one text.
#[derive(Debug, Default)]
struct Timed {
    games: Vec<Game>,
    lines: Vec<u64>,
    times: String,
    ends: Vec<usize>,
}

impl Timed {
    fn push(&mut self, game: Game, line: u64, time: &str) {
        self.games.push(game);
        self.lines.push(line);
        self.times.push_str(time);
        self.ends.push(self.times.len());
    }

    fn time(&self, place: usize) -> &str {
        &self.times[place.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[place]]
    }
}

/// Reads games from a table with a header and puts them in order of time, then of the file.
///
/// Times are compared as numbers where nearly all are, as moments where nearly all are of one way of writing, and as
/// text otherwise; a row whose time is not of the kind of the others is left out.
pub fn read(source: impl Read, columns: &Columns) -> Result<Games, Error> {
    let unreadable = |source| Error::UnreadableTable { source };
    let mut rows = Rows::open(source).map_err(unreadable)?;
    let mut row = ByteRecord::new();
    rows.read(&mut row).map_err(unreadable)?;
    let names: Vec<String> = row.iter().map(|name| delimited::text(name).unwrap_or_default().into_owned()).collect();
    let place = |column: &String| {
        let missing = || Error::MissingColumn { column: column.clone(), known: listed(names.iter().map(String::as_str)) };
        delimited::place(&names, column).ok_or_else(missing)
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
    let mut timed = Timed::default();
    let (mut read, has_decimal_commas) = (0, rows.has_decimal_commas());
    while let Some(line) = rows.read(&mut row).map_err(unreadable)? {
        read += 1;
        let text = |at: usize| row.get(at).and_then(delimited::text);
        let points = |at: usize| match number(row.get(at)?, has_decimal_commas) {
            Number::Finite(points) => Some(points),
            Number::Missing | Number::Infinite | Number::Text => None,
        };
        let known = (text(player), text(opponent), points(score), points(opponent_score), text(time));
        match &known {
            (Some(one), Some(other), Some(first), Some(second), Some(when)) if one != other => {
                let mut place = |name: &str| {
                    places.get(name).copied().unwrap_or_else(|| {
                        games.players.push(name.to_owned());
                        let place = u32::try_from(games.players.len() - 1).unwrap_or(u32::MAX);
                        places.insert(name.to_owned(), place);
                        place
                    })
                };
                timed.push(Game { players: [place(one), place(other)], scores: scores(*first, *second) }, line, when);
            }
            _ => games.reject(line),
        }
    }
    games.put_in_order(&timed);
    if games.games.is_empty() { Err(Error::NoMatches { rows: read }) } else { Ok(games) }
}

/// Scores with less digits; two that differ stay different.
#[expect(clippy::cast_possible_truncation, reason = "who is ahead is kept")]
fn scores(first: f64, second: f64) -> [f32; 2] {
    let scores = [first.clamp(-1e30, 1e30) as f32, second.clamp(-1e30, 1e30) as f32];
    match first.partial_cmp(&second) {
        Some(std::cmp::Ordering::Less) if scores[0] >= scores[1] => [scores[0], scores[0].next_up()],
        Some(std::cmp::Ordering::Greater) if scores[0] <= scores[1] => [scores[1].next_up(), scores[1]],
        Some(_) | None => scores,
    }
}

/// How times are compared.
enum Order {
    Number,
    Moment(Form),
    Text,
}

/// The share of times that must be of one kind.
const NEARLY_ALL: f64 = 0.9;
/// Times that decide, from everywhere in the file.
const SAMPLE: usize = 5_000;

impl Games {
    fn reject(&mut self, line: u64) {
        self.rejected += 1;
        self.first_rejected = Some(self.first_rejected.map_or(line, |first| first.min(line)));
    }

    fn put_in_order(&mut self, timed: &Timed) {
        let order = order_of(timed);
        let number = |place: usize| match order {
            Order::Number => timed.time(place).parse().ok().filter(|number: &f64| number.is_finite()),
            Order::Moment(form) => form.moment(timed.time(place)).map(micros),
            Order::Text => None,
        };
        self.is_timed = !matches!(order, Order::Text);
        let mut sorted: Vec<usize> = (0..timed.games.len()).collect();
        if self.is_timed {
            let keys: Vec<Option<f64>> = sorted.iter().map(|&place| number(place)).collect();
            sorted.retain(|&place| {
                if keys[place].is_none() {
                    self.reject(timed.lines[place]);
                }
                keys[place].is_some()
            });
            sorted.sort_by(|&a, &b| keys[a].unwrap_or_default().total_cmp(&keys[b].unwrap_or_default()));
        } else {
            sorted.sort_by(|&a, &b| timed.time(a).cmp(timed.time(b)));
        }
        self.games = sorted.into_iter().map(|place| timed.games[place]).collect();
    }
}

/// What nearly all times of a sample are.
fn order_of(timed: &Timed) -> Order {
    let step = timed.games.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<&str> = (0..timed.games.len()).step_by(step).map(|place| timed.time(place)).collect();
    let are_nearly_all = |is: &dyn Fn(&str) -> bool| {
        let some = sample.iter().filter(|time| is(time)).count();
        f64::from(u32::try_from(some).unwrap_or(u32::MAX)) >= NEARLY_ALL * f64::from(u32::try_from(sample.len()).unwrap_or(u32::MAX))
    };
    if are_nearly_all(&|time| time.parse::<f64>().is_ok_and(f64::is_finite)) {
        return Order::Number;
    }
    match forms_of(&sample).into_iter().find(|form| are_nearly_all(&|time| form.moment(time).is_some())) {
        Some(form) => Order::Moment(form),
        None => Order::Text,
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of the years that are believed fit")]
fn micros(time: NaiveDateTime) -> f64 {
    time.and_utc().timestamp_micros() as f64
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
    use std::fmt::Write as _;

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
        assert_eq!(
            first_scores(["2004-08-06T18:13:50+02:00", "2004-08-06T17:00:00Z", "2004-08-06T18:13:51+02:00", "2004-08-06T00:00:00Z"]),
            [1.0, 3.0, 2.0]
        );
        assert_eq!(first_scores(["6-Aug-2004 6:13 PM", "6-Aug-2004 11:00 AM", "5-Aug-2004 7:00 PM", "1-Aug-2004"]), [3.0, 2.0, 1.0]);
    }

    #[test]
    fn a_time_that_is_not_like_the_others_is_left_out() {
        let mut text = "t;p1;p2;s1;s2\r\n".to_owned();
        for day in 1..=20 {
            write!(text, "{day:02}.03.2026;a;b;{day},5;{day},25\r\n").expect("a string takes all");
        }
        text.push_str("soon;a;b;99;1\r\n");
        let games = read(text.as_bytes(), &columns()).expect("games");
        assert_eq!((games.games.len(), games.rejected, games.first_rejected, games.is_timed), (20, 1, Some(22), true));
        assert!(games.games.iter().all(super::Game::is_decided), "decimal scores count");
    }

    #[test]
    fn scores_that_differ_stay_different() {
        for (first, second) in [(16_777_217.0, 16_777_216.0), (0.1 + 1e-12, 0.1), (-1e300, 1e300), (1e-60, 2e-60)] {
            let [one, other] = super::scores(first, second);
            assert_eq!(one.partial_cmp(&other), first.partial_cmp(&second), "{first} {second}");
        }
        assert_eq!(super::scores(3.0, 3.0).map(f32::to_bits), [3.0f32.to_bits(); 2]);
    }

    #[test]
    fn what_is_missing_is_said() {
        let refused = |text: &[u8]| read(text, &columns()).expect_err("refused").to_string();
        assert!(refused(b"p1,p2,s1,t\n").contains("s2; there are: p1, p2, s1, t"));
        assert!(refused(b"p1,p2,s1,s2,t\n").contains("none of 0 rows"));
        assert!(refused(b"p1,p2,s1,s2,t\na,b,1,inf,1\na,a,1,2,1\n").contains("none of 2 rows"));
    }
}
