//! Accounts as a lake knows them, scored and put in a queue: a row each.
//!
//! An account has what its first matches look like beside the same role, its level in the game, and, where an
//! organiser ran the matches, what its rating says. Each is a robust z-score among all accounts with matches enough;
//! what an account lacks is left out of its sum, which is scaled so that sums of one, two or three are alike. Few
//! matches are drawn towards the middle. With a model that was learned from verdicts its log-odds take the sum's place.
//!
//! A publisher's own matches are never rated: accounts that are known by them alone have no rating here.

use freshet_ml::frame::{Column, Frame};
use freshet_ml::model::Model;
use serde::Serialize;

use crate::error::Error;
use crate::evidence::{Evidence, Score, robust_z};
use crate::lessons::SCORE;
use crate::review::{Background, MATCHES, Tier, clears, is_audited, say, tier};

/// The name of the score that needs no labels.
pub const UNLEARNED: &str = "robust-z-1";
/// As many matches weigh as much as what is known beforehand.
const PRIOR_MATCHES: f64 = 3.0;
/// A level says no more than this.
const MOST_OF_LEVEL: f64 = 2.0;

/// What a lake knows of an account before the day of the score.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// The game or platform.
    pub game: String,
    /// Who.
    pub player_id: String,
    /// Matches that were looked at, the first ones.
    pub matches: u32,
    /// How many of them were won.
    pub won: u32,
    /// Its level in the first of them.
    pub level: Option<u32>,
    /// Days since that.
    pub days: Option<u32>,
    /// Different champions in these matches.
    pub champions: Option<u32>,
    /// Mean deviations above the same role inside matches, by measure.
    pub inside: Vec<(String, f64)>,
    /// The matches by their names.
    pub match_ids: Vec<String>,
    /// What matches say that an organiser ran.
    pub rated: Option<Evidence>,
}

/// When, and with which draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// The day whose start is the cut-off.
    pub as_of: String,
    /// The seed of the audit.
    pub seed: u64,
}

/// A row of `smurf_scores`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SmurfScore {
    /// The game or platform.
    pub account: String,
    /// Who.
    pub player_id: String,
    /// The day of the score.
    pub as_of: String,
    /// `review`, `re-seed`, `watch`, `audit`, or `none`.
    pub tier: &'static str,
    /// The same in words.
    pub proposal: &'static str,
    /// Deviations above accounts with matches enough.
    pub score: f64,
    /// The share of accounts below.
    pub percentile: f64,
    /// The probability that an admin finds what is asked, once verdicts have taught it.
    pub probability: Option<f64>,
    /// The share of verdicts that found it, on the newest that the model was chosen on.
    pub base_rate: Option<f64>,
    /// Matches that were looked at.
    pub matches: u32,
    /// How many of them were won.
    pub won: u32,
    /// Level in the first of them.
    pub level: Option<u32>,
    /// The rating, where an organiser ran the matches.
    pub rating: Option<f64>,
    /// Its deviation.
    pub rating_deviation: Option<f64>,
    /// The three that speak for it most plainly.
    pub reasons: [String; 3],
    /// All that speaks for it.
    pub evidence: Vec<String>,
    /// What would clear it.
    pub clears: Vec<&'static str>,
    /// The matches behind it.
    pub match_ids: Vec<String>,
    /// The model's name and version.
    pub model: String,
}

/// The z-scores of an account; `NaN` is missing.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Parts {
    rating: f64,
    inside: f64,
    level: f64,
}

/// Scores accounts among each other, those with too few matches left out, the highest score first.
pub fn score(accounts: &[Account], model: Option<&Model>, occasion: &Occasion) -> Result<Vec<SmurfScore>, Error> {
    let accounts: Vec<&Account> = accounts.iter().filter(|account| account.matches >= MATCHES).collect();
    let parts = parts(&accounts);
    let (totals, probabilities) = match model {
        Some(model) => {
            let scores = model.score(&frame_of(&accounts, &parts)?)?;
            let log_odds: Vec<f64> = scores.iter().map(|score| score.log_odds).collect();
            let totals = robust_z(&log_odds).into_iter().map(|z| z * 2f64.sqrt()).collect();
            (totals, scores.into_iter().map(|score| Some(score.probability)).collect())
        }
        None => (parts.iter().map(total).collect::<Vec<f64>>(), vec![None; accounts.len()]),
    };
    let mut sorted = totals.clone();
    sorted.sort_by(f64::total_cmp);
    let mut rows: Vec<SmurfScore> = accounts
        .iter()
        .zip(&parts)
        .zip(totals)
        .zip(probabilities)
        .map(|(((account, parts), total), probability)| {
            let below = sorted.partition_point(|&other| other < total);
            let score = Score {
                rating: or_zero(parts.rating),
                margin: or_zero(parts.inside),
                peak: 0.0,
                total,
                percentile: share(below, sorted.len()),
            };
            row(account, &score, parts, probability, model, occasion)
        })
        .collect();
    rows.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.player_id.cmp(&b.player_id)).then_with(|| a.account.cmp(&b.account)));
    Ok(rows)
}

/// The features of accounts with matches enough, and their places in the list, for training on verdicts.
pub fn frame(accounts: &[Account]) -> Result<(Frame, Vec<usize>), Error> {
    let (places, enough): (Vec<usize>, Vec<&Account>) =
        accounts.iter().enumerate().filter(|(_, account)| account.matches >= MATCHES).unzip();
    Ok((frame_of(&enough, &parts(&enough))?, places))
}

fn frame_of(accounts: &[&Account], parts: &[Parts]) -> Result<Frame, Error> {
    let of = |name: &str, value: &dyn Fn(usize) -> f64| (name.to_owned(), Column::Number((0..accounts.len()).map(value).collect()));
    let rated = |row: usize, value: fn(&Evidence) -> f64| accounts[row].rated.as_ref().map_or(f64::NAN, value);
    Ok(Frame::new(vec![
        of(SCORE, &|row| total(&parts[row])),
        of("rating_z", &|row| parts[row].rating),
        of("surprise", &|row| rated(row, |evidence| evidence.surprise)),
        of("strong_beaten", &|row| rated(row, |evidence| f64::from(evidence.strong_beaten) / f64::from(evidence.strong_met))),
        of("deviation", &|row| rated(row, |evidence| evidence.deviation)),
        of("win_rate", &|row| f64::from(accounts[row].won) / f64::from(accounts[row].matches)),
        of("strata_z", &|row| parts[row].inside),
        of("account_level", &|row| accounts[row].level.map_or(f64::NAN, f64::from)),
        of("champions", &|row| {
            accounts[row].champions.map_or(f64::NAN, |champions| f64::from(champions) / f64::from(accounts[row].matches))
        }),
    ])?)
}

fn parts(accounts: &[&Account]) -> Vec<Parts> {
    let z = |of: &dyn Fn(&Account) -> f64| {
        let values: Vec<f64> = accounts.iter().map(|account| of(account)).collect();
        z_of_known(&values)
    };
    let rating = z(&|account| account.rated.as_ref().map_or(f64::NAN, |evidence| drawn(evidence.rating - 1500.0, evidence.games)));
    let inside = z(&|account| drawn(mean(&account.inside), account.matches));
    let level = z(&|account| account.level.map_or(f64::NAN, |level| -f64::from(level).ln_1p()));
    rating
        .into_iter()
        .zip(inside)
        .zip(level)
        .map(|((rating, inside), level)| Parts { rating, inside, level: level.clamp(-MOST_OF_LEVEL, MOST_OF_LEVEL) })
        .collect()
}

/// Robust z-scores among the values that are known.
fn z_of_known(values: &[f64]) -> Vec<f64> {
    let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let mut scores = robust_z(&known).into_iter();
    values.iter().map(|value| if value.is_finite() { scores.next().unwrap_or_default() } else { f64::NAN }).collect()
}

/// A value of few matches, drawn towards 0.
fn drawn(value: f64, matches: u32) -> f64 {
    value * f64::from(matches) / (f64::from(matches) + PRIOR_MATCHES)
}

fn mean(inside: &[(String, f64)]) -> f64 {
    let known: Vec<f64> = inside.iter().map(|(_, z)| *z).filter(|z| z.is_finite()).collect();
    if known.is_empty() { f64::NAN } else { known.iter().sum::<f64>() / count(known.len()) }
}

/// The sum of what is known, scaled to that of two.
fn total(parts: &Parts) -> f64 {
    let known: Vec<f64> = [parts.rating, parts.inside, parts.level].into_iter().filter(|z| z.is_finite()).collect();
    if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / count(known.len()).sqrt() * 2f64.sqrt() }
}

fn row(
    account: &Account,
    score: &Score,
    parts: &Parts,
    probability: Option<f64>,
    model: Option<&Model>,
    occasion: &Occasion,
) -> SmurfScore {
    let tier = tier(account.matches, account.rated.as_ref(), score);
    let audited = || is_audited(&format!("{}/{}", account.game, account.player_id), account.matches, occasion.seed).then_some(Tier::Audit);
    let tier = tier.or_else(audited);
    let evidence = words(account, score, parts);
    let mut first = evidence.iter().cloned();
    SmurfScore {
        account: account.game.clone(),
        player_id: account.player_id.clone(),
        as_of: occasion.as_of.clone(),
        tier: tier.map_or("none", Tier::name),
        proposal: tier.map_or("none: nothing stands out", Tier::proposal),
        score: score.total,
        percentile: score.percentile,
        probability,
        base_rate: model.map(|model| model.base_rate),
        matches: account.matches,
        won: account.won,
        level: account.level,
        rating: account.rated.as_ref().map(|evidence| evidence.rating),
        rating_deviation: account.rated.as_ref().map(|evidence| evidence.deviation),
        reasons: std::array::from_fn(|_| first.next().unwrap_or_default()),
        evidence,
        clears: tier.map(clears).unwrap_or_default(),
        match_ids: account.match_ids.clone(),
        model: model.map_or_else(|| UNLEARNED.to_owned(), |model| model.name.clone()),
    }
}

/// What speaks for an account, the plainest first.
fn words(account: &Account, score: &Score, parts: &Parts) -> Vec<String> {
    if let Some(evidence) = &account.rated {
        let background = Background {
            level: account.level,
            days: account.days,
            inside: account.inside.clone(),
            telemetry: None,
            matches: account.match_ids.clone(),
        };
        return say(evidence, &Score { margin: 0.0, ..*score }, &background);
    }
    let mut inside: Vec<&(String, f64)> = account.inside.iter().filter(|(_, z)| z.is_finite()).collect();
    inside.sort_by(|a, b| b.1.total_cmp(&a.1));
    let side = |z: f64| if z < 0.0 { "below" } else { "above" };
    let mut words: Vec<String> = inside
        .iter()
        .take(2)
        .map(|(measure, z)| {
            format!("{measure}: {:.1} deviations {} the same role, in its first {} matches", z.abs(), side(*z), account.matches)
        })
        .collect();
    if let Some(level) = account.level {
        let z = parts.level;
        let beside = if z >= 0.5 {
            ", low beside others"
        } else if z <= -0.5 {
            ", high beside others"
        } else {
            ""
        };
        words.push(format!("account level {level} in its first match here{beside}"));
    }
    words.push(format!("won {} of its first {} matches", account.won, account.matches));
    words.extend(inside.iter().skip(2).map(|(measure, z)| format!("{measure}: {:.1} deviations {} the same role", z.abs(), side(*z))));
    words.push(format!("stands above {:.0} % of accounts", 100.0 * score.percentile));
    if let Some(days) = account.days {
        words.push(format!("first seen {days} days ago"));
    }
    words
}

fn or_zero(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn share(some: usize, all: usize) -> f64 {
    count(some) / count(all.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "no list has 2^53 accounts")]
fn count(rows: usize) -> f64 {
    rows as f64
}

#[cfg(test)]
mod tests {
    use freshet_ml::metrics::roc_auc;
    use freshet_ml::random::Draws;

    use super::{Account, Occasion, UNLEARNED, score};
    use crate::evidence::Evidence;

    /// Accounts of which every twelfth plays far above its low level; one match in two tells little.
    fn accounts(seed: u64) -> (Vec<Account>, Vec<bool>) {
        let mut draws = Draws::new(seed);
        (0..600)
            .map(|number| {
                let is_above = number % 12 == 0;
                let skill = if is_above { 1.9 } else { draws.normal() };
                let matches = 5 + u32::try_from(draws.below(6)).expect("a few");
                let noise = 1.0 / f64::from(matches).sqrt();
                let level = if is_above { 30 + draws.below(25) } else { 30 + draws.below(470) };
                let won = (0..matches).filter(|_| draws.share() < 1.0 / (1.0 + (-0.32 * skill).exp())).count();
                let inside = ["gold a minute", "damage share", "vision a minute"]
                    .map(|measure| (measure.to_owned(), 0.8 * skill + noise * draws.normal()))
                    .to_vec();
                let account = Account {
                    game: "euw1".to_owned(),
                    player_id: format!("p{number}"),
                    matches,
                    won: u32::try_from(won).expect("a few"),
                    level: Some(u32::try_from(level).expect("a level")),
                    inside,
                    ..Account::default()
                };
                (account, is_above)
            })
            .unzip()
    }

    fn occasion() -> Occasion {
        Occasion { as_of: "2026-06-15".to_owned(), seed: 1 }
    }

    #[test]
    fn who_plays_above_a_low_level_stands_first_and_wins_alone_say_less() {
        let (accounts, truth) = accounts(1);
        let rows = score(&accounts, None, &occasion()).expect("scores");
        assert_eq!(rows.len(), 600);
        assert!(rows.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let number = |player: &str| player[1..].parse::<usize>().expect("a number");
        let labels: Vec<bool> = rows.iter().map(|row| truth[number(&row.player_id)]).collect();
        let auc = |of: &dyn Fn(usize) -> f64| roc_auc(&labels, &(0..rows.len()).map(of).collect::<Vec<_>>()).expect("both kinds");
        let (ours, wins) = (auc(&|row| rows[row].score), auc(&|row| f64::from(rows[row].won) / f64::from(rows[row].matches)));
        assert!(ours > 0.95 && ours > wins + 0.15, "{ours} {wins}");
        let queued: Vec<_> = rows.iter().filter(|row| ["review", "re-seed", "watch"].contains(&row.tier)).collect();
        assert!(!queued.is_empty() && queued.len() < 40, "{}", queued.len());
        for row in &rows {
            assert!(row.rating.is_none() && row.tier != "re-seed" && row.model == UNLEARNED && row.probability.is_none());
            assert!(row.reasons.iter().all(|reason| !reason.is_empty()), "{row:?}");
            assert_eq!(row.clears.is_empty(), matches!(row.tier, "none" | "audit"));
        }
        assert_eq!(rows, score(&accounts, None, &occasion()).expect("scores"));
    }

    #[test]
    fn too_few_matches_say_nothing_and_what_is_missing_is_left_out() {
        let (mut accounts, _) = accounts(2);
        accounts[0].matches = 4;
        accounts[1].inside = vec![("gold a minute".to_owned(), f64::NAN)];
        accounts[1].level = None;
        let rows = score(&accounts, None, &occasion()).expect("scores");
        assert_eq!(rows.len(), 599);
        let bare = rows.iter().find(|row| row.player_id == "p1").expect("a row");
        assert!(bare.score.abs() < 1e-12 && bare.tier != "review");
        assert!(score(&[], None, &occasion()).expect("scores").is_empty());
    }

    #[test]
    fn matches_of_an_organiser_are_rated_and_may_be_seeded_anew() {
        let (mut accounts, _) = accounts(3);
        for (number, account) in accounts.iter_mut().enumerate() {
            let rating = if number == 0 { 2_100.0 } else { 1_400.0 + f64::from(u32::try_from(number % 100).expect("small")) * 2.0 };
            account.rated = Some(Evidence {
                games: account.matches,
                won: account.won,
                strong_met: 3,
                strong_beaten: 3,
                rating,
                deviation: 150.0,
                margin: 0.0,
                surprise: 1.0,
                peak: 0.0,
            });
        }
        let rows = score(&accounts, None, &occasion()).expect("scores");
        let first = rows.iter().find(|row| row.player_id == "p0").expect("a row");
        assert_eq!((first.tier, first.rating), ("re-seed", Some(2_100.0)), "the rating is not known well enough for a review");
        assert!(first.reasons[0].contains("plays at 2100 ± 300"), "{:?}", first.reasons);
    }

    #[test]
    fn no_word_is_a_sentence_over_anyone() {
        let (accounts, _) = accounts(4);
        let text = serde_json::to_string(&score(&accounts, None, &occasion()).expect("scores")).expect("json").to_lowercase();
        for word in ["ban", "banned", "cheat", "cheater", "guilty", "suspend", "punish", "smurf"] {
            assert!(!text.split(|character: char| !character.is_alphabetic()).any(|other| other == word), "{word}");
        }
    }
}
