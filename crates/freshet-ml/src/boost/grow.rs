//! Growing one tree: the leaf that gains most is divided next.

use super::Setting;
use super::bins::{Binned, GAP};
use super::tree::{Question, Tree};
use crate::digits::keep;

/// A bin's sums of slopes and curvatures, and its rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    slope: f64,
    curve: f64,
    rows: u32,
}

impl Sum {
    fn plus(self, other: Self) -> Self {
        Self { slope: self.slope + other.slope, curve: self.curve + other.curve, rows: self.rows + other.rows }
    }

    fn minus(self, other: Self) -> Self {
        Self { slope: self.slope - other.slope, curve: self.curve - other.curve, rows: self.rows - other.rows }
    }

    /// How much loss the best answer for these rows saves.
    fn saving(self, penalty: f64) -> f64 {
        self.slope * self.slope / (self.curve + penalty)
    }
}

/// A leaf while the tree grows.
pub(super) struct Leaf {
    /// Its node.
    pub(super) node: usize,
    /// Its rows, rising.
    pub(super) rows: Vec<u32>,
    sums: Vec<Vec<Sum>>,
    all: Sum,
    best: Option<Division>,
}

#[derive(Debug, Clone, Copy)]
struct Division {
    gain: f64,
    column: usize,
    bin: usize,
    gap_left: bool,
}

/// Grows a tree for these slopes; `None` where nothing can be divided.
pub(super) fn grow(binned: &Binned, slopes: &[(f64, f64)], setting: &Setting) -> Option<(Tree, Vec<Leaf>)> {
    let mut tree = Tree::default();
    let rows: Vec<u32> = (0..u32::try_from(slopes.len()).ok()?).collect();
    let sums = histograms(binned, slopes, &rows);
    let mut root = Leaf { node: tree.add_leaf(0.0), all: total(slopes, &rows), rows, sums, best: None };
    root.best = best(&root, setting);
    root.best?;
    let mut leaves = vec![root];
    while leaves.len() < setting.leaves {
        let Some(place) = (0..leaves.len())
            .filter(|&leaf| leaves[leaf].best.is_some())
            .max_by(|&a, &b| gain(&leaves[a]).total_cmp(&gain(&leaves[b])).then(b.cmp(&a)))
        else {
            break;
        };
        let parent = leaves.swap_remove(place);
        let Some(division) = parent.best else { break };
        let (left, right) = divide(&mut tree, binned, slopes, &parent, division, setting);
        leaves.push(left);
        leaves.push(right);
    }
    answer(&mut tree, &leaves, setting);
    Some((tree, leaves))
}

fn gain(leaf: &Leaf) -> f64 {
    leaf.best.map_or(f64::NEG_INFINITY, |division| division.gain)
}

fn total(slopes: &[(f64, f64)], rows: &[u32]) -> Sum {
    rows.iter().fold(Sum::default(), |sum, &row| {
        let (slope, curve) = slopes[row as usize];
        sum.plus(Sum { slope, curve, rows: 1 })
    })
}

fn histograms(binned: &Binned, slopes: &[(f64, f64)], rows: &[u32]) -> Vec<Vec<Sum>> {
    binned
        .bins
        .iter()
        .map(|column| {
            let mut sums = vec![Sum::default(); 256];
            for &row in rows {
                let (slope, curve) = slopes[row as usize];
                let sum = &mut sums[usize::from(column[row as usize])];
                sum.slope += slope;
                sum.curve += curve;
                sum.rows += 1;
            }
            sums
        })
        .collect()
}

/// The division that saves most; the first of equals.
fn best(leaf: &Leaf, setting: &Setting) -> Option<Division> {
    let fits = |sum: Sum| sum.rows as usize >= setting.leaf_rows && sum.curve > 1e-3;
    let whole = leaf.all.saving(setting.penalty);
    let mut best: Option<Division> = None;
    for (column, sums) in leaf.sums.iter().enumerate() {
        let gaps = sums[usize::from(GAP)];
        let mut below = Sum::default();
        for (bin, &sum) in sums[..usize::from(GAP)].iter().enumerate() {
            if sum.rows == 0 {
                continue;
            }
            below = below.plus(sum);
            for gap_left in [false, true] {
                if gap_left && gaps.rows == 0 {
                    continue;
                }
                let left = if gap_left { below.plus(gaps) } else { below };
                let right = leaf.all.minus(left);
                if right.rows == 0 || !fits(left) || !fits(right) {
                    continue;
                }
                let gain = left.saving(setting.penalty) + right.saving(setting.penalty) - whole;
                if gain > best.map_or(1e-6, |best| best.gain) {
                    best = Some(Division { gain, column, bin, gap_left });
                }
            }
        }
    }
    best
}

fn divide(tree: &mut Tree, binned: &Binned, slopes: &[(f64, f64)], parent: &Leaf, division: Division, setting: &Setting) -> (Leaf, Leaf) {
    let column = &binned.bins[division.column];
    let goes_left = |row: u32| match column[row as usize] {
        GAP => division.gap_left,
        bin => usize::from(bin) <= division.bin,
    };
    let (left_rows, right_rows): (Vec<u32>, Vec<u32>) = parent.rows.iter().partition(|&&row| goes_left(row));
    // Where only gaps go right there is no edge: everything that is there goes left.
    let threshold = binned.edges[division.column].get(division.bin).copied().unwrap_or(keep(f64::MAX));
    let (left, right) = (tree.add_leaf(0.0), tree.add_leaf(0.0));
    let input = u32::try_from(division.column).unwrap_or(u32::MAX);
    tree.divide(parent.node, Question { input, threshold, gap_left: division.gap_left }, left, right);
    let few = if left_rows.len() <= right_rows.len() { &left_rows } else { &right_rows };
    let few_sums = histograms(binned, slopes, few);
    let many_sums =
        parent.sums.iter().zip(&few_sums).map(|(all, few)| all.iter().zip(few).map(|(&all, &few)| all.minus(few)).collect()).collect();
    let (left_sums, right_sums) = if left_rows.len() <= right_rows.len() { (few_sums, many_sums) } else { (many_sums, few_sums) };
    let leaf = |node, rows: Vec<u32>, sums| {
        let mut leaf = Leaf { node, all: total(slopes, &rows), rows, sums, best: None };
        leaf.best = best(&leaf, setting);
        leaf
    };
    (leaf(left, left_rows, left_sums), leaf(right, right_rows, right_sums))
}

/// Gives leaves their answers, and inner nodes the mean of what lies below.
fn answer(tree: &mut Tree, leaves: &[Leaf], setting: &Setting) {
    let nodes = leaves.iter().map(|leaf| leaf.node).max().unwrap_or(0) + 1;
    let mut rows = vec![0.0; nodes];
    for leaf in leaves {
        rows[leaf.node] = f64::from(leaf.all.rows);
        tree.set_value(leaf.node, keep(-setting.rate * leaf.all.slope / (leaf.all.curve + setting.penalty)));
    }
    for node in (0..nodes).rev() {
        if let Some((left, right)) = tree.children(node) {
            rows[node] = rows[left] + rows[right];
            tree.set_value(node, keep((tree.value(left) * rows[left] + tree.value(right) * rows[right]) / rows[node]));
        }
    }
}
