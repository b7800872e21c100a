//! Scores of accounts: two queries in, rows of `smurf_scores` out, through the landing zone.
//!
//! Without verdicts nothing is learned and the robust score speaks; [`train`] learns once there are enough.
//! `smurf_levels` says what each account's first matches look like beside the same role, in aggregates alone;
//! `smurf_organised_matches` lists the matches that may be rated, in order of time. A day is scored once.

mod train;

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use freshet_ml::model::Model;
use freshet_ml::split::Part;
use freshet_smurf::accounts::{self, Account, Occasion, SmurfScore, UNLEARNED};
use freshet_smurf::teams::{TeamGame, TeamOutcome, first_matches};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::drift::{self, Compared, probabilities};
use super::land::Landing;
use super::shelf::Shelf;
use super::{Desk, Scoring, ask};
use crate::error::Error;

pub use train::{Training, gate, train};

/// The kind, as the shelf and the command line have it.
pub const KIND: &str = "smurf";
/// The one part of a version.
pub const PART: &str = "accounts";
/// The table of the rows.
pub const TABLE: &str = "smurf_scores";
/// Matches of so many days are looked at.
pub const DAYS: u64 = 365;
/// Matches of an account that count: its first ones.
pub const MATCHES: u32 = 10;

const LEVELS: &str = "smurf_levels";
const ORGANISED: &str = "smurf_organised_matches";
/// The measures of `smurf_levels`, and how evidence names them.
const MEASURES: [(&str, &str); 6] = [
    ("gold", "gold a minute"),
    ("creeps", "creeps a minute"),
    ("damage", "share of the team's damage"),
    ("vision", "vision a minute"),
    ("gold_lead", "gold over the lane opponent"),
    ("survival", "survival"),
];

/// What a scoring did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreReport {
    /// The day.
    pub as_of: String,
    /// The version that scored, or the name of the score without labels.
    pub version: String,
    /// Accounts with matches enough: as many rows were landed.
    pub accounts: usize,
    /// Accounts by tier.
    pub tiers: BTreeMap<String, usize>,
    /// Matches that an organiser ran, and that were rated.
    pub rated_matches: usize,
    /// Objects put into the landing zone, for the compactor.
    pub landed: u64,
    /// Whether the day was scored before, so that nothing was done.
    pub was_there: bool,
}

/// Scores all accounts of a day, by the score without labels where no version is current. A day that was scored stays as it is, as
/// it does for leads.
pub async fn score(desk: &Desk, scoring: &Scoring) -> Result<ScoreReport, Error> {
    let (version, model) = model(desk, scoring.version.as_deref()).await?;
    let shelf = Shelf::new(&desk.s3, &desk.bucket, KIND);
    let as_of = scoring.as_of.to_string();
    if let Some(report) = shelf.scored::<ScoreReport>(&as_of).await? {
        return Ok(ScoreReport { landed: 0, was_there: true, ..report });
    }
    let known = gather(desk, scoring.as_of, scoring.as_of).await?;
    let occasion = Occasion { as_of: as_of.clone(), seed: seed_of(scoring.as_of) };
    let rows = accounts::score(&known.accounts, model.as_ref(), &occasion).map_err(Error::models("score accounts"))?;
    let mut tiers = BTreeMap::new();
    let mut landing = Landing::new(&desk.s3, &desk.bucket, TABLE);
    for row in &rows {
        *tiers.entry(row.tier.to_owned()).or_default() += 1;
        landing.push(&row.as_of, columns(row)).await?;
    }
    let mut drifted = Landing::new(&desk.s3, &desk.bucket, drift::TABLE);
    if let Some(model) = &model {
        let mut moved = drift_rows(desk, &version, model, &known.accounts, &rows).await?;
        moved.extend(drift::base_rate_row(KIND, model, &as_of, train::since_training(desk, model, scoring.as_of).await?));
        for row in moved {
            drifted.push(&as_of, row).await?;
        }
    }
    let landed = landing.finish().await? + drifted.finish().await?;
    tracing::info!(as_of, version, accounts = rows.len(), rated_matches = known.rated_matches, "scored accounts");
    let (accounts, rated_matches) = (rows.len(), known.rated_matches);
    let report = ScoreReport { as_of, version, accounts, tiers, rated_matches, landed, was_there: false };
    if landed > 0 {
        shelf.note_scored(&report.as_of, &report).await?;
    }
    Ok(report)
}

/// The model of a version, or of the current one; none where none was learned yet.
async fn model(desk: &Desk, version: Option<&str>) -> Result<(String, Option<Model>), Error> {
    let shelf = Shelf::new(&desk.s3, &desk.bucket, KIND);
    let version = match version {
        Some(version) => version.to_owned(),
        None => match shelf.current().await? {
            Some(current) => current.version,
            None => return Ok((UNLEARNED.to_owned(), None)),
        },
    };
    let model = shelf.models(&version).await?.remove(PART).ok_or(Error::NoModel { kind: KIND })?;
    model.expect_kind(freshet_smurf::verdicts::KIND).map_err(Error::models("use a model of accounts"))?;
    Ok((version, Some(model)))
}

/// How far the accounts of a day are from those of the training; nothing where the frozen frame is gone.
async fn drift_rows(desk: &Desk, version: &str, model: &Model, accounts: &[Account], scores: &[SmurfScore]) -> Result<Vec<Value>, Error> {
    let shelf = Shelf::new(&desk.s3, &desk.bucket, KIND);
    let (Some(frozen), Some(first)) = (shelf.frame(version, PART, model).await?, scores.first()) else {
        return Ok(Vec::new());
    };
    let (today, _) = accounts::frame(accounts).map_err(Error::models("compare with the training"))?;
    let judged = probabilities(model, &frozen.part(Part::Test).0)?;
    let scores: Vec<f64> = scores.iter().filter_map(|score| score.probability).collect();
    let compared = Compared { kind: KIND, model, as_of: &first.as_of, frozen: &frozen, today: &today, judged: &judged, scores: &scores };
    Ok(drift::rows(&compared))
}

/// What the lake knows of accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// Each account.
    pub accounts: Vec<Account>,
    /// Matches that an organiser ran, and that were rated.
    pub rated_matches: usize,
}

/// What is known of each account before a cut-off, by what had been received by the end of `as_of`.
pub async fn gather(desk: &Desk, cut_off: NaiveDate, as_of: NaiveDate) -> Result<Known, Error> {
    let since = cut_off - chrono::Days::new(DAYS);
    let span = [("since", since.to_string()), ("cut_off", cut_off.to_string()), ("as_of", as_of.to_string())];
    let begin = |names: &[&str]| Ok((Names::of(names), Matches::default()));
    let take = |(names, matches): &mut (Names, Matches), row: &[Option<String>]| {
        matches.take(&names.row(row)).ok_or_else(|| unreadable(ORGANISED))
    };
    let (_, mut matches) = ask::each_row(desk, ORGANISED, &span, begin, take).await?;
    matches.sort();
    let values: Vec<(&str, String)> = span.into_iter().chain([("most", MATCHES.to_string())]).collect();
    let begin = |names: &[&str]| Ok((Names::of(names), Vec::new()));
    let take = |(names, accounts): &mut (Names, Vec<Account>), row: &[Option<String>]| {
        accounts.push(account(&names.row(row)).ok_or_else(|| unreadable(LEVELS))?);
        Ok(())
    };
    let (_, mut accounts) = ask::each_row(desk, LEVELS, &values, begin, take).await?;
    accounts.sort_by(|one, other| (&one.game, &one.player_id).cmp(&(&other.game, &other.player_id)));
    Ok(Known { accounts: matches.rate(accounts), rated_matches: matches.games.len() })
}

fn unreadable(query: &'static str) -> Error {
    Error::Ask { query, source: "a row lacks what its header promises".into() }
}

/// Where the columns of an answer are.
#[derive(Debug, Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn of(names: &[&str]) -> Self {
        Self(names.iter().enumerate().map(|(place, name)| ((*name).to_owned(), place)).collect())
    }

    fn row<'a>(&'a self, values: &'a [Option<String>]) -> Row<'a> {
        Row { places: &self.0, values }
    }
}

/// A row of an answer: values by the names of their columns.
struct Row<'a> {
    places: &'a HashMap<String, usize>,
    values: &'a [Option<String>],
}

impl Row<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.values.get(*self.places.get(name)?)?.as_deref()
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }
}

/// An account of `smurf_levels`.
fn account(row: &Row<'_>) -> Option<Account> {
    Some(Account {
        game: row.text("account")?.to_owned(),
        player_id: row.text("player_id")?.to_owned(),
        matches: row.number("matches")?,
        won: row.number("won")?,
        level: row.number("first_level"),
        days: row.number("days"),
        champions: row.number("champions"),
        inside: MEASURES.iter().filter_map(|(column, name)| Some(((*name).to_owned(), row.number(column)?))).collect(),
        match_ids: row.text("match_ids").unwrap_or_default().split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
        rated: None,
    })
}

/// The matches that may be rated, with players by place; players of two games are never one.
#[derive(Debug, Default)]
struct Matches {
    places: HashMap<(String, String), u32>,
    games: Vec<Match>,
}

/// A match that may be rated.
#[derive(Debug)]
struct Match {
    /// When it began, its game and its id: matches are rated in this order.
    order: [String; 3],
    teams: [Vec<u32>; 2],
    outcome: TeamOutcome,
}

impl Matches {
    fn take(&mut self, row: &Row<'_>) -> Option<()> {
        let game = row.text("account")?.to_owned();
        let outcome = match row.number::<i32>("outcome")? {
            1 => TeamOutcome::Win,
            -1 => TeamOutcome::Loss,
            _ => TeamOutcome::Draw,
        };
        let teams = [self.team(&game, row.text("first_team")?), self.team(&game, row.text("second_team")?)];
        let order = [row.text("played_at")?.to_owned(), game, row.text("match_id")?.to_owned()];
        self.games.push(Match { order, teams, outcome });
        Some(())
    }

    /// In order of time: rows come in none.
    fn sort(&mut self) {
        self.games.sort_by(|one, other| one.order.cmp(&other.order));
    }

    fn team(&mut self, game: &str, players: &str) -> Vec<u32> {
        let mut place = |player: &str| {
            let next = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
            *self.places.entry((game.to_owned(), player.to_owned())).or_insert(next)
        };
        players.split(' ').filter(|player| !player.is_empty()).map(&mut place).collect()
    }

    /// The accounts with their evidence; those that are known by rated matches alone stay out: nothing else is known.
    fn rate(&self, mut known: Vec<Account>) -> Vec<Account> {
        let games: Vec<TeamGame<'_>> =
            self.games.iter().map(|one| TeamGame { teams: one.teams.each_ref().map(Vec::as_slice), outcome: one.outcome }).collect();
        let evidence = first_matches(self.places.len(), &games, MATCHES);
        for account in &mut known {
            let place = self.places.get(&(account.game.clone(), account.player_id.clone()));
            account.rated = place.and_then(|&place| evidence[place as usize]);
        }
        known
    }
}

/// Another draw each day.
fn seed_of(as_of: NaiveDate) -> u64 {
    u64::try_from(chrono::Datelike::num_days_from_ce(&as_of)).unwrap_or_default()
}

/// The columns of a row of the table.
fn columns(row: &SmurfScore) -> Value {
    let [reason_1, reason_2, reason_3] = row.reasons.each_ref().map(|reason| (!reason.is_empty()).then_some(reason.as_str()));
    json!({
        "account": row.account, "player_id": row.player_id, "as_of": row.as_of, "cut_off_at": format!("{} 00:00:00.000", row.as_of), "tier": row.tier, "proposal": row.proposal,
        "score": row.score, "percentile": row.percentile, "probability": row.probability, "base_rate": row.base_rate,
        "matches": row.matches, "won": row.won, "level": row.level, "rating": row.rating, "rating_deviation": row.rating_deviation,
        "reason_1": reason_1, "reason_2": reason_2, "reason_3": reason_3,
        "evidence": row.evidence, "clears": row.clears, "match_ids": row.match_ids, "model": row.model,
    })
}

#[cfg(test)]
mod tests {
    use freshet_schema::Contract;

    use super::*;

    fn with_row<T>(values: &[(&str, Option<&str>)], take: impl FnOnce(&Row<'_>) -> T) -> T {
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let values: Vec<Option<String>> = values.iter().map(|(_, value)| value.map(str::to_owned)).collect();
        take(&Names::of(&names).row(&values))
    }

    #[test]
    fn an_account_is_read_with_what_is_known_of_it() {
        let values = [
            ("account", Some("euw1")),
            ("player_id", Some("p1")),
            ("matches", Some("7")),
            ("won", Some("5")),
            ("first_level", None),
            ("gold", Some("1.25")),
            ("vision", None),
            ("match_ids", Some("EUW1_1 EUW1_2")),
        ];
        let account = with_row(&values, account).unwrap();
        assert_eq!((account.matches, account.won, account.level), (7, 5, None));
        assert_eq!(account.inside, [("gold a minute".to_owned(), 1.25)]);
        assert_eq!(account.match_ids, ["EUW1_1", "EUW1_2"]);
        assert!(with_row(&values[1..], super::account).is_none(), "a game is promised");
    }

    #[test]
    fn players_of_two_games_are_two() {
        let mut matches = Matches::default();
        for game in ["one", "two"] {
            let values = [("account", game), ("match_id", "m"), ("played_at", "2026-06-01 10:00:00.000"), ("first_team", "a b")];
            let values = values.into_iter().chain([("second_team", "c d"), ("outcome", "1")]);
            let values: Vec<(&str, Option<&str>)> = values.map(|(name, value)| (name, Some(value))).collect();
            with_row(&values, |row| matches.take(row)).unwrap();
        }
        let known = ["one", "two"].map(|game| Account { game: game.to_owned(), player_id: "a".to_owned(), ..Account::default() });
        let rated = matches.rate(known.to_vec());
        assert_eq!(matches.places.len(), 8);
        assert!(rated.iter().all(|account| account.rated.is_some_and(|evidence| evidence.games == 1 && evidence.won == 1)));
    }

    #[test]
    fn matches_are_rated_in_order_of_time_whatever_order_they_come_in() {
        let told = [("10:00:00.000", "a b", "c d", "1"), ("10:00:00.001", "a c", "b d", "-1"), ("11:00:00.000", "a d", "b c", "1")];
        let rated = |order: [usize; 3]| {
            let mut matches = Matches::default();
            for (clock, first, second, outcome) in order.map(|place| told[place]) {
                let at = format!("2026-06-01 {clock}");
                let values = [("account", "euw1"), ("match_id", clock), ("played_at", at.as_str()), ("first_team", first)];
                let values = values.into_iter().chain([("second_team", second), ("outcome", outcome)]);
                let values: Vec<(&str, Option<&str>)> = values.map(|(name, value)| (name, Some(value))).collect();
                with_row(&values, |row| matches.take(row)).unwrap();
            }
            matches.sort();
            let known = ["a", "b", "c", "d"].map(|id| Account { game: "euw1".to_owned(), player_id: id.to_owned(), ..Account::default() });
            matches.rate(known.to_vec())
        };
        let in_order = rated([0, 1, 2]);
        assert!(in_order[0].rated.is_some() && in_order[0].rated != in_order[1].rated);
        assert_eq!(rated([2, 0, 1]), in_order);
        assert_eq!(rated([1, 2, 0]), in_order);
    }

    #[test]
    fn a_day_scored_again_gives_the_same_rows_and_they_fit_their_table() {
        let accounts: Vec<Account> = (0..40)
            .map(|number| Account {
                game: "euw1".to_owned(),
                player_id: format!("p{number}"),
                matches: 10,
                won: 5,
                level: Some(100 + number),
                inside: vec![("gold a minute".to_owned(), f64::from(number) / 10.0)],
                ..Account::default()
            })
            .collect();
        let rows = |day: &str| {
            let day: NaiveDate = day.parse().unwrap();
            let rows = accounts::score(&accounts, None, &Occasion { as_of: day.to_string(), seed: seed_of(day) }).unwrap();
            rows.iter().map(columns).collect::<Vec<_>>()
        };
        assert_eq!(rows("2026-06-15"), rows("2026-06-15"));
        let table = Contract::embedded().table(TABLE).unwrap();
        for row in rows("2026-06-15") {
            assert!(row.as_object().unwrap().keys().all(|name| table.column(name).is_some()), "{row:?}");
            for column in table.own_columns().iter().filter(|column| column.required) {
                assert!(!row[&column.name].is_null(), "{} is required", column.name);
            }
        }
    }
}
