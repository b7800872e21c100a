//! What happens inside a match, beside the same role and rank: margins and rates, not wins.
//!
//! A measure (gold, creeps, damage share, vision, …) becomes a rate a minute and is compared with its stratum: role
//! and rank, else role alone, else everybody, whichever first has rows enough. The median and the quartile range make
//! it a robust z-score. Kills, deaths and assists are never looked at alone: they rise with the lobby's weakness. This
//! rates nobody, and so is open to a publisher's matches too.

use std::collections::BTreeMap;

use freshet_ml::prepare::Scale;
use serde::Serialize;

/// Rows that a stratum needs.
pub const ROWS: usize = 30;
/// A z-score is kept within this.
const LIMIT: f64 = 6.0;

/// One account in one match.
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    /// The account's place.
    pub account: u32,
    /// The role played; empty where the game has none.
    pub role: String,
    /// The account's rank before the match; empty where there is none.
    pub rank: String,
    /// How long the match was.
    pub minutes: f64,
    /// One value a measure; `NaN` is missing.
    pub values: Vec<f64>,
}

/// How to take a measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Its name, as evidence says it: `gold`.
    pub name: String,
    /// Whether it grows with the match's length.
    pub per_minute: bool,
    /// Whether less is better, as with deaths or latency.
    pub less_is_better: bool,
}

impl Measure {
    /// The value that is compared; higher is better.
    pub fn take(&self, value: f64, minutes: f64) -> f64 {
        let rate = if self.per_minute { value / minutes.max(1.0) } else { value };
        if self.less_is_better { -rate } else { rate }
    }
}

/// Medians and ranges by stratum.
#[derive(Debug, Clone, PartialEq)]
pub struct Strata {
    measures: Vec<Measure>,
    scales: BTreeMap<(String, String), Vec<Option<Scale>>>,
}

/// An account's mean z-scores over its matches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// The account's place.
    pub account: u32,
    /// Its matches.
    pub matches: u32,
    /// The mean z-score of each measure; `NaN` where it was never there.
    pub z: Vec<f64>,
    /// Their sum over the square root of how many measures there were.
    pub total: f64,
}

/// Fits strata to appearances of everybody.
pub fn fit(measures: &[Measure], appearances: &[Appearance]) -> Strata {
    let mut values: BTreeMap<(String, String), Vec<Vec<f64>>> = BTreeMap::new();
    for appearance in appearances {
        for key in keys(&appearance.role, &appearance.rank) {
            let columns = values.entry(key).or_insert_with(|| vec![Vec::new(); measures.len()]);
            for ((column, measure), &value) in columns.iter_mut().zip(measures).zip(&appearance.values) {
                if value.is_finite() {
                    column.push(measure.take(value, appearance.minutes));
                }
            }
        }
    }
    let scale = |column: &Vec<f64>| if column.len() >= ROWS { Scale::fit(column) } else { None };
    Strata {
        measures: measures.to_vec(),
        scales: values.into_iter().map(|(key, columns)| (key, columns.iter().map(scale).collect())).collect(),
    }
}

/// A row's strata, the closest first.
fn keys(role: &str, rank: &str) -> [(String, String); 3] {
    [(role.to_owned(), rank.to_owned()), (role.to_owned(), "*".to_owned()), ("*".to_owned(), "*".to_owned())]
}

impl Strata {
    /// The measures.
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// The z-scores of one appearance; `NaN` where a value is missing or nothing is known to compare with.
    pub fn z(&self, appearance: &Appearance) -> Vec<f64> {
        let keys = keys(&appearance.role, &appearance.rank);
        let of = |place: usize| keys.iter().find_map(|key| self.scales.get(key)?[place]);
        self.measures
            .iter()
            .zip(&appearance.values)
            .enumerate()
            .map(|(place, (measure, &value))| match of(place) {
                Some(scale) if value.is_finite() => {
                    ((measure.take(value, appearance.minutes) - scale.centre) / scale.spread).clamp(-LIMIT, LIMIT)
                }
                Some(_) | None => f64::NAN,
            })
            .collect()
    }

    /// The levels of accounts over their first `most` matches, by account; appearances in order of time.
    pub fn levels(&self, appearances: &[Appearance], most: u32) -> Vec<Level> {
        let mut sums: BTreeMap<u32, (u32, Vec<(f64, f64)>)> = BTreeMap::new();
        for appearance in appearances {
            let (matches, sums) = sums.entry(appearance.account).or_insert_with(|| (0, vec![(0.0, 0.0); self.measures.len()]));
            if *matches >= most {
                continue;
            }
            *matches += 1;
            for (sum, z) in sums.iter_mut().zip(self.z(appearance)).filter(|(_, z)| z.is_finite()) {
                sum.0 += z;
                sum.1 += 1.0;
            }
        }
        sums.into_iter()
            .map(|(account, (matches, sums))| {
                let z: Vec<f64> = sums.iter().map(|&(sum, rows)| if rows > 0.0 { sum / rows } else { f64::NAN }).collect();
                let there: Vec<f64> = z.iter().copied().filter(|z| z.is_finite()).collect();
                let measures = f64::from(u32::try_from(there.len().max(1)).unwrap_or(u32::MAX));
                Level { account, matches, total: there.iter().sum::<f64>() / measures.sqrt(), z }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use freshet_ml::metrics::roc_auc;
    use freshet_ml::random::Draws;

    use super::{Appearance, Measure, fit};

    fn measures() -> Vec<Measure> {
        [("gold", true, false), ("damage share", false, false), ("deaths", true, true)]
            .map(|(name, per_minute, less_is_better)| Measure { name: name.to_owned(), per_minute, less_is_better })
            .to_vec()
    }

    /// Accounts of which every twentieth plays above its rank; roles differ far more than players do.
    fn appearances(seed: u64) -> Vec<Appearance> {
        let mut draws = Draws::new(seed);
        let mut rows = Vec::new();
        for account in 0..400u32 {
            let skill = if account % 20 == 0 { 1.5 } else { 0.0 };
            for at in 0..8 {
                let role = ["carry", "support"][(account as usize + at) % 2];
                let minutes = 20.0 + 20.0 * draws.share();
                let base = if role == "carry" { 500.0 } else { 250.0 };
                let values = vec![
                    minutes * (base + 60.0 * (skill + draws.normal())),
                    0.2 + 0.05 * (skill + draws.normal()),
                    if draws.share() < 0.1 { f64::NAN } else { minutes * (0.2 - 0.03 * (skill + draws.normal())) },
                ];
                rows.push(Appearance {
                    account,
                    role: role.to_owned(),
                    rank: ["bronze", "silver"][account as usize % 2].to_owned(),
                    minutes,
                    values,
                });
            }
        }
        rows
    }

    #[test]
    fn who_plays_above_role_and_rank_stands_out_within_five_matches() {
        let rows = appearances(1);
        let levels = fit(&measures(), &rows).levels(&rows, 5);
        assert_eq!(levels.len(), 400);
        assert!(levels.iter().all(|level| level.matches == 5));
        let labels: Vec<bool> = levels.iter().map(|level| level.account % 20 == 0).collect();
        let auc = |of: &dyn Fn(usize) -> f64| roc_auc(&labels, &(0..levels.len()).map(of).collect::<Vec<_>>()).expect("both kinds");
        assert!(auc(&|place| levels[place].total) > 0.95);
        assert!(auc(&|place| levels[place].z[2]) > 0.8, "fewer deaths are better");
    }

    #[test]
    fn a_small_stratum_falls_back_to_its_role_then_to_everybody() {
        let rows = appearances(2);
        let strata = fit(&measures(), &rows);
        let row = |role: &str, rank: &str| Appearance { role: role.to_owned(), rank: rank.to_owned(), ..rows[0].clone() };
        assert_ne!(strata.z(&row("carry", "bronze")), strata.z(&row("carry", "legend")));
        assert_eq!(strata.z(&row("carry", "legend")), strata.z(&row("carry", "unknown")));
        assert_ne!(strata.z(&row("jungle", "bronze")), strata.z(&row("carry", "legend")));
        assert!(fit(&measures(), &rows[..5]).z(&rows[0]).iter().all(|z| z.is_nan()));
    }
}
