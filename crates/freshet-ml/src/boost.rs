//! Boosted trees: many small trees, each of which mends the log-odds that those before it left.
//!
//! Second-order boosting on histograms (Chen and Guestrin 2016, Ke et al. 2017): at most 255
//! bins an input, trees grown by their best leaf, gaps sent to the better side. It is our own because the pure-Rust
//! crates that offer it (`forust-ml` 0.8, `perpetual` 2.3) read clock or machine, add in threads, and switch on a
//! feature of `serde_json` for every crate of the workspace; linfa has no regression trees. One thread, sums in the
//! order of the rows: the same rows give the same trees to the bit.

mod bins;
mod grow;
mod tree;

use serde::{Deserialize, Serialize};

use crate::calibrate::{log_odds, probability, softplus};
use crate::digits::{keep, read};

pub use self::tree::Tree;

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// At most so many trees.
    pub rounds: usize,
    /// How much of its answer each tree gives.
    pub rate: f64,
    /// Leaves of a tree.
    pub leaves: usize,
    /// Rows of a leaf, at least.
    pub leaf_rows: usize,
    /// Penalty on squared answers.
    pub penalty: f64,
    /// Stop when watched rows have not become better for so many trees.
    pub patience: usize,
}

impl Setting {
    /// The setting for so many rows: nothing is searched, larger frames carry larger trees.
    pub fn for_rows(rows: usize) -> Self {
        Self {
            rounds: 600,
            rate: 0.05,
            leaves: if rows < 5_000 { 8 } else { 16 },
            leaf_rows: (rows / 1_000).clamp(10, 60),
            penalty: 5.0,
            patience: 40,
        }
    }
}

/// A sum of trees, in log-odds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boosted {
    /// The log-odds of the training rows' base rate.
    #[serde(deserialize_with = "read")]
    base: f64,
    /// The trees in order.
    trees: Vec<Tree>,
}

/// Rows that say when to stop, and are not learned from.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// Inputs by column.
    pub columns: &'a [Vec<f64>],
    /// Their labels.
    pub labels: &'a [bool],
}

/// Fits to inputs by column (`NaN` is a gap); with watched rows, cut after the round that was best on them.
#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
pub fn fit(columns: &[Vec<f64>], labels: &[bool], setting: &Setting, watched: Option<Watched<'_>>) -> Boosted {
    let positives = labels.iter().filter(|&&label| label).count() as f64;
    let base = keep(log_odds((positives + 0.5) / (labels.len() as f64 + 1.0)));
    let mut boosted = Boosted { base, trees: Vec::new() };
    let binned = bins::bin(columns);
    let mut answers = vec![base; labels.len()];
    let mut watched_answers = vec![base; watched.map_or(0, |watched| watched.labels.len())];
    let mut best = (f64::INFINITY, 0);
    let mut slopes = vec![(0.0, 0.0); labels.len()];
    for round in 1..=setting.rounds {
        for ((slope, &answer), &label) in slopes.iter_mut().zip(&answers).zip(labels) {
            let foretold = probability(answer);
            *slope = (foretold - f64::from(u8::from(label)), foretold * (1.0 - foretold));
        }
        let Some((tree, leaves)) = grow::grow(&binned, &slopes, setting) else { break };
        for leaf in &leaves {
            for &row in &leaf.rows {
                answers[row as usize] += tree.value(leaf.node);
            }
        }
        boosted.trees.push(tree);
        let Some(watched) = watched else { continue };
        let tree = &boosted.trees[round - 1];
        let mut loss = 0.0;
        for (row, (answer, &label)) in watched_answers.iter_mut().zip(watched.labels).enumerate() {
            *answer += tree.answer(|input| watched.columns[input][row]);
            loss += softplus(*answer) - f64::from(u8::from(label)) * *answer;
        }
        if loss < best.0 {
            best = (loss, round);
        } else if round - best.1 >= setting.patience {
            break;
        }
    }
    if watched.is_some() {
        boosted.trees.truncate(best.1);
    }
    boosted
}

impl Boosted {
    /// How many trees it has.
    pub fn rounds(&self) -> usize {
        self.trees.len()
    }

    /// The log-odds for a row of inputs.
    pub fn log_odds(&self, inputs: &[f64]) -> f64 {
        self.base + self.trees.iter().map(|tree| tree.answer(|input| inputs[input])).sum::<f64>()
    }

    /// What each input adds to the log-odds of this row, over the training rows' mean answer (Saabas 2014).
    pub fn contributions(&self, inputs: &[f64]) -> Vec<f64> {
        let mut contributions = vec![0.0; inputs.len()];
        for tree in &self.trees {
            tree.contribute(inputs, &mut contributions);
        }
        contributions
    }

    /// Whether every tree is one that a fit gives, for so many inputs.
    pub fn is_sound(&self, inputs: usize) -> bool {
        self.base.is_finite() && self.trees.iter().all(|tree| tree.is_sound(inputs))
    }
}

#[cfg(test)]
mod tests {
    use super::{Setting, Watched, fit};
    use crate::calibrate::probability;
    use crate::metrics::roc_auc;
    use crate::random::Draws;

    /// A pattern that no line can tell: the sign of a product, with gaps that mean something.
    fn rows(seed: u64, rows: usize) -> (Vec<Vec<f64>>, Vec<bool>) {
        let mut draws = Draws::new(seed);
        let mut columns = vec![Vec::new(), Vec::new(), Vec::new()];
        let labels = (0..rows)
            .map(|_| {
                let (a, b, gap) = (draws.normal(), draws.normal(), draws.share() < 0.2);
                columns[0].push(a);
                columns[1].push(b);
                columns[2].push(if gap { f64::NAN } else { draws.normal() });
                draws.share() < probability(if a * b > 0.0 { 1.5 } else { -1.5 } + if gap { 1.0 } else { 0.0 })
            })
            .collect();
        (columns, labels)
    }

    #[test]
    fn trees_learn_what_no_line_can_and_stop_in_time() {
        let (columns, labels) = rows(1, 4_000);
        let (watched, truths) = rows(2, 2_000);
        let boosted = fit(&columns, &labels, &Setting::for_rows(4_000), Some(Watched { columns: &watched, labels: &truths }));
        let scores: Vec<f64> =
            (0..truths.len()).map(|row| boosted.log_odds(&watched.iter().map(|column| column[row]).collect::<Vec<_>>())).collect();
        let auc = roc_auc(&truths, &scores).expect("both kinds");
        assert!(auc > 0.80, "{auc}");
        assert!((5..600).contains(&boosted.rounds()), "{}", boosted.rounds());
        assert!(boosted.is_sound(3) && !boosted.is_sound(1));
    }

    #[test]
    fn contributions_add_up_to_the_answer() {
        let (columns, labels) = rows(3, 2_000);
        let boosted = fit(&columns, &labels, &Setting { rounds: 20, ..Setting::for_rows(2_000) }, None);
        let middle: f64 = boosted.base + boosted.trees.iter().map(|tree| tree.value(0)).sum::<f64>();
        for row in 0..50 {
            let inputs: Vec<f64> = columns.iter().map(|column| column[row]).collect();
            let sum: f64 = boosted.contributions(&inputs).iter().sum();
            assert!((middle + sum - boosted.log_odds(&inputs)).abs() < 1e-9);
        }
    }

    #[test]
    fn labels_of_one_kind_and_inputs_of_one_value_grow_no_tree() {
        let boosted = fit(&[vec![1.0; 50]], &[true; 50], &Setting::for_rows(50), None);
        assert_eq!(boosted.rounds(), 0);
        assert!(boosted.log_odds(&[1.0]) > 2.0);
    }
}
