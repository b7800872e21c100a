//! Inputs in at most 255 bins of about equal mass, and one for gaps.

use crate::digits::keep;

/// The bin of a gap.
pub(super) const GAP: u8 = 255;
/// Bins of values.
const MOST: usize = 255;

/// Inputs by column, as bins.
pub(super) struct Binned {
    /// The bin of each row, by column.
    pub(super) bins: Vec<Vec<u8>>,
    /// The upper edge of each bin but the last, by column: a value up to the edge is in the bin.
    pub(super) edges: Vec<Vec<f64>>,
}

/// Puts each column into bins.
pub(super) fn bin(columns: &[Vec<f64>]) -> Binned {
    let edges: Vec<Vec<f64>> = columns.iter().map(|column| edges(column)).collect();
    let bins = columns.iter().zip(&edges).map(|(column, edges)| column.iter().map(|&value| place(value, edges)).collect()).collect();
    Binned { bins, edges }
}

fn place(value: f64, edges: &[f64]) -> u8 {
    if value.is_nan() { GAP } else { u8::try_from(edges.partition_point(|&edge| edge < value)).unwrap_or(GAP - 1) }
}

fn edges(column: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for &value in &sorted {
        match distinct.last_mut() {
            Some((last, rows)) if *last >= value => *rows += 1,
            _ => distinct.push((value, 1)),
        }
    }
    // A bin closes when it holds its share of the rows; a frequent value so gets a bin of its own.
    let share = if distinct.len() <= MOST { 1 } else { sorted.len().div_ceil(MOST) };
    let mut edges = Vec::new();
    let mut held = 0;
    for pair in distinct.windows(2) {
        held += pair[0].1;
        if held >= share && edges.len() + 1 < MOST {
            edges.push(keep(pair[0].0 + (pair[1].0 - pair[0].0) / 2.0));
            held = 0;
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::{GAP, bin};

    #[test]
    fn bins_keep_the_order_and_gaps_apart() {
        let mut column: Vec<f64> = (0..10_000).map(|row| f64::from(row % 3_000).sqrt()).collect();
        column[5] = f64::NAN;
        let binned = bin(std::slice::from_ref(&column));
        let (bins, edges) = (&binned.bins[0], &binned.edges[0]);
        assert!((200..255).contains(&edges.len()), "{}", edges.len());
        assert_eq!(bins[5], GAP);
        for (row, value) in column.iter().enumerate().filter(|(row, _)| *row != 5) {
            let at = usize::from(bins[row]);
            assert!(at <= edges.len() && edges.get(at).is_none_or(|edge| value <= edge) && (at == 0 || *value > edges[at - 1]));
        }
    }
}
