//! A queue for people who decide: who, how far above the record, what speaks for it, what would clear it.
//!
//! Tiers rise: watch; seed anew (give the account the rating that it plays at); look at it. Nobody is in the queue
//! before five matches, and nobody is looked at before the rating is known well, or ten matches have been seen: ratings of
//! teams take many more to be known. Whatever the tier, a person decides,
//! and nothing here proposes a sanction. A random slice of the accounts that are not in the queue is audited: without
//! it nobody would ever learn who was missed.

use freshet_ml::random::share_of_key;
use serde::Serialize;

use crate::evidence::{Evidence, STRONGER, Score};

/// Matches before anything is said of an account.
pub const MATCHES: u32 = 5;
/// A rating is known well below this deviation.
pub const KNOWN: f64 = 120.0;
/// The share of other accounts that is audited.
pub const AUDITED: f64 = 0.01;

/// Deviations that are worth a word.
const LEAST: f64 = 0.05;

/// Shares of accounts below which an account lies, for each tier, and deviations that the score must reach.
const WATCHED: (f64, f64) = (0.97, 3.5);
const SEEDED: (f64, f64) = (0.985, 4.5);
const REVIEWED: (f64, f64) = (0.99, 4.5);
/// Matches that stand in for a rating that is known well.
const SEEN_WELL: u32 = 10;

/// What is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Not in the queue; drawn at random, to learn who is missed.
    Audit,
    /// Keep an eye on it.
    Watch,
    /// Give it the rating that it plays at.
    ReSeed,
    /// A person looks at it.
    Review,
}

impl Tier {
    /// The tier's name, as in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Watch => "watch",
            Self::ReSeed => "re-seed",
            Self::Review => "review",
        }
    }

    /// What to do, in words.
    pub fn proposal(self) -> &'static str {
        match self {
            Self::Audit => "audit: drawn at random, to learn who is missed",
            Self::Watch => "watch: see whether the level holds",
            Self::ReSeed => "re-seed: give the account the rating that it plays at",
            Self::Review => "review: a person looks at the matches",
        }
    }
}

/// What else is known of an account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Background {
    /// Its level in the game.
    pub level: Option<u32>,
    /// Days since its first match here.
    pub days: Option<u32>,
    /// Mean deviations above the same role inside matches, by measure.
    pub inside: Vec<(String, f64)>,
    /// Deviations above the declared rank by telemetry.
    pub telemetry: Option<f64>,
    /// The latest matches, by their names.
    pub matches: Vec<String>,
}

/// One row of the queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Who.
    pub account: String,
    /// What is proposed.
    pub tier: Tier,
    /// The same in words.
    pub proposal: &'static str,
    /// The score among accounts with as many matches.
    pub score: f64,
    /// The share of accounts below.
    pub percentile: f64,
    /// What speaks for it, the plainest first.
    pub evidence: Vec<String>,
    /// The matches behind it.
    pub matches: Vec<String>,
    /// What would clear it.
    pub clears: Vec<&'static str>,
}

/// The tier of an account after so many matches; `None` where nothing is proposed. Who may not be rated cannot be seeded anew.
pub fn tier(matches: u32, rated: Option<&Evidence>, score: &Score) -> Option<Tier> {
    let reaches = |bar: (f64, f64)| score.percentile >= bar.0 && score.total >= bar.1;
    let rated = rated.filter(|evidence| evidence.games >= MATCHES);
    let is_known = matches >= SEEN_WELL || rated.is_some_and(|evidence| evidence.deviation < KNOWN);
    if matches < MATCHES {
        None
    } else if reaches(REVIEWED) && is_known {
        Some(Tier::Review)
    } else if reaches(SEEDED) && rated.is_some() {
        Some(Tier::ReSeed)
    } else if reaches(WATCHED) {
        Some(Tier::Watch)
    } else {
        None
    }
}

/// Whether an account that is not in the queue is drawn for the audit of this seed.
pub fn is_audited(account: &str, matches: u32, seed: u64) -> bool {
    matches >= MATCHES && share_of_key(account.as_bytes(), seed) < AUDITED
}

/// An account's row, if it is in the queue or in the audit slice of this seed.
pub fn review(account: &str, evidence: &Evidence, score: &Score, background: &Background, seed: u64) -> Option<Entry> {
    let audited = || is_audited(account, evidence.games, seed).then_some(Tier::Audit);
    let tier = tier(evidence.games, Some(evidence), score).or_else(audited)?;
    Some(Entry {
        account: account.to_owned(),
        tier,
        proposal: tier.proposal(),
        score: score.total,
        percentile: score.percentile,
        evidence: say(evidence, score, background),
        matches: background.matches.clone(),
        clears: clears(tier),
    })
}

/// What speaks for an account whose matches may be rated.
pub(crate) fn say(evidence: &Evidence, score: &Score, background: &Background) -> Vec<String> {
    let beside = match evidence.surprise {
        surprise if surprise >= LEAST => format!(", {surprise:.1} deviations more than a newcomer would against the same opponents"),
        surprise if surprise <= -LEAST => format!(", {:.1} deviations fewer than a newcomer would against the same opponents", -surprise),
        _ => String::new(),
    };
    let won = format!("won {} of {} matches{beside}", evidence.won, evidence.games);
    let rating = format!(
        "after {} matches plays at {:.0} ± {:.0}; newcomers start at 1500",
        evidence.games,
        evidence.rating,
        2.0 * evidence.deviation
    );
    // A rating that says less than what it is known by comes behind.
    let is_telling = (evidence.rating - 1500.0).abs() >= evidence.deviation;
    let mut words = if is_telling { vec![rating, won] } else { vec![won, rating] };
    if evidence.strong_met > 0 {
        words.push(format!(
            "beat {} of {} opponents rated {STRONGER:.0} or more above a newcomer",
            evidence.strong_beaten, evidence.strong_met
        ));
    }
    if score.margin > 1.0 {
        words.push(format!("margins {:.1} deviations above accounts after as many matches", score.margin));
    }
    let mut inside: Vec<&(String, f64)> = background.inside.iter().filter(|(_, z)| *z >= 1.0).collect();
    inside.sort_by(|a, b| b.1.total_cmp(&a.1));
    words.extend(inside.into_iter().take(3).map(|(measure, z)| format!("{measure} {z:.1} deviations above the same role")));
    if let Some(z) = background.telemetry.filter(|z| *z >= 1.0) {
        words.push(format!("telemetry {z:.1} deviations above honest accounts of the declared rank"));
    }
    if let Some(level) = background.level {
        words.push(format!("account level {level} in its first match here"));
    }
    words.push(format!("stands above {:.0} % of accounts", 100.0 * score.percentile));
    if let Some(days) = background.days {
        words.push(format!("first seen {days} days ago"));
    }
    words
}

/// What would clear an account.
pub(crate) fn clears(tier: Tier) -> Vec<&'static str> {
    match tier {
        Tier::Audit => Vec::new(),
        Tier::Watch | Tier::ReSeed | Tier::Review => vec![
            "an older account of the same person, verified, with the record that this one lacks",
            "a returning player whom the organiser knows",
            "results elsewhere that show how the level was reached",
            "a device or address that others share, where that is all that links it to another account",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::{Background, Tier, review, tier};
    use crate::evidence::{Evidence, Score, first_games, score};
    use crate::simulation::{duels, strengths};

    fn evidence(games: u32, deviation: f64) -> Evidence {
        Evidence {
            games,
            won: games - 1,
            strong_met: 4,
            strong_beaten: 3,
            rating: 1890.0,
            deviation,
            margin: 1.0,
            surprise: 2.4,
            peak: 2.0,
        }
    }

    fn scored(total: f64, percentile: f64) -> Score {
        Score { rating: total / 2.0, margin: total / 2.0, peak: 1.0, total, percentile }
    }

    #[test]
    fn tiers_rise_and_ask_for_matches_and_certainty() {
        let of = |games, deviation, score: Score| tier(games, Some(&evidence(games, deviation)), &score);
        assert_eq!(of(4, 90.0, scored(9.0, 1.0)), None, "too few matches");
        assert_eq!(of(8, 200.0, scored(9.0, 1.0)), Some(Tier::ReSeed), "the rating is not known well");
        assert_eq!(of(8, 100.0, scored(9.0, 1.0)), Some(Tier::Review));
        assert_eq!(of(10, 340.0, scored(9.0, 1.0)), Some(Tier::Review), "as ratings of teams are after ten matches");
        assert_eq!(of(20, 100.0, scored(3.6, 0.975)), Some(Tier::Watch));
        assert_eq!(of(20, 100.0, scored(1.0, 1.0)), None, "first of a level crowd");
        assert_eq!(of(20, 100.0, scored(9.0, 0.5)), None);
        assert_eq!(tier(4, None, &scored(9.0, 1.0)), None);
        assert_eq!(tier(8, None, &scored(9.0, 1.0)), Some(Tier::Watch), "not seen well");
        assert_eq!(tier(10, None, &scored(9.0, 1.0)), Some(Tier::Review));
        assert_eq!(tier(8, Some(&evidence(2, 300.0)), &scored(9.0, 1.0)), Some(Tier::Watch), "hardly rated");
    }

    #[test]
    fn an_entry_says_what_it_knows_and_never_judges() {
        let background = Background {
            level: Some(12),
            days: Some(30),
            inside: vec![("gold a minute".to_owned(), 2.4), ("vision".to_owned(), 0.2)],
            telemetry: Some(3.1),
            matches: vec!["m1".to_owned()],
        };
        let entry = review("somebody", &evidence(8, 105.0), &scored(5.0, 0.995), &background, 1).expect("in the queue");
        assert_eq!(entry.tier, Tier::Review);
        assert!(entry.evidence[0].contains("1890 ± 210") && entry.evidence.iter().any(|words| words.contains("beat 3 of 4")));
        assert!(
            entry.evidence.iter().any(|words| words.starts_with("gold a minute 2.4"))
                && !entry.evidence.iter().any(|words| words.contains("vision"))
        );
        assert!(!entry.clears.is_empty());
        let text = serde_json::to_string(&entry).expect("json").to_lowercase();
        for word in ["ban", "banned", "cheat", "cheater", "guilty", "suspend", "punish"] {
            assert!(!text.split(|character: char| !character.is_alphabetic()).any(|other| other == word), "{word}");
        }
        for tier in [Tier::Audit, Tier::Watch, Tier::ReSeed, Tier::Review] {
            assert!(!tier.proposal().contains("ban"));
        }
    }

    #[test]
    fn a_level_crowd_gives_a_short_queue_and_an_audit_slice() {
        let games = duels(&strengths(2_000, 3), 40_000, 4);
        let evidence: Vec<Evidence> = first_games(2_000, &games, &[10])[0].iter().copied().flatten().collect();
        let scores = score(&evidence);
        let entries: Vec<_> = evidence
            .iter()
            .zip(&scores)
            .enumerate()
            .filter_map(|(at, (evidence, score))| review(&at.to_string(), evidence, score, &Background::default(), 7))
            .collect();
        let audited = entries.iter().filter(|entry| entry.tier == Tier::Audit).count();
        let queued = entries.len() - audited;
        assert!((8..40).contains(&audited), "{audited}");
        assert!(queued > 0 && queued < evidence.len() / 20, "{queued} of {}", evidence.len());
    }
}
