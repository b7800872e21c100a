//! Isotonic regression: the closest steps that never fall (pool adjacent violators).
//!
//! Equal inputs are one point, and a block is flat: between blocks the answer is interpolated, outside it is that of
//! the nearest block. It needs many positives (a thousand or more) to beat Platt's two numbers, and it ties rows, so
//! it never decides an order.

use serde::{Deserialize, Serialize};

use crate::digits::{keep, read_all};

/// Steps that never fall: corner points of a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isotonic {
    /// Inputs, rising.
    #[serde(deserialize_with = "read_all")]
    inputs: Vec<f64>,
    /// Outputs, not falling.
    #[serde(deserialize_with = "read_all")]
    outputs: Vec<f64>,
}

/// Inputs of one mean.
struct Block {
    first: f64,
    last: f64,
    sum: f64,
    weight: f64,
}

/// Fits the steps to labels; `None` without a row.
pub fn fit(scores: &[f64], labels: &[bool]) -> Option<Isotonic> {
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).filter(|(score, _)| score.is_finite()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut points: Vec<Block> = Vec::new();
    for (score, label) in rows {
        let sum = f64::from(u8::from(label));
        match points.last_mut() {
            Some(point) if point.last >= score => {
                point.sum += sum;
                point.weight += 1.0;
            }
            _ => points.push(Block { first: score, last: score, sum, weight: 1.0 }),
        }
    }
    let mut blocks: Vec<Block> = Vec::new();
    for point in points {
        blocks.push(point);
        while let [.., before, after] = blocks.as_mut_slice() {
            if before.sum / before.weight < after.sum / after.weight {
                break;
            }
            before.last = after.last;
            before.sum += after.sum;
            before.weight += after.weight;
            blocks.pop();
        }
    }
    let mut fitted = Isotonic { inputs: Vec::new(), outputs: Vec::new() };
    for block in &blocks {
        for input in [block.first, block.last] {
            if fitted.inputs.last().is_none_or(|&last| last < keep(input)) {
                fitted.inputs.push(keep(input));
                fitted.outputs.push(keep(block.sum / block.weight));
            }
        }
    }
    (!fitted.inputs.is_empty()).then_some(fitted)
}

impl Isotonic {
    /// The output for an input.
    pub fn apply(&self, input: f64) -> f64 {
        let after = self.inputs.partition_point(|&corner| corner < input);
        match (after.checked_sub(1), self.inputs.get(after)) {
            (Some(before), Some(&right)) => {
                let left = self.inputs[before];
                let share = (input - left) / (right - left);
                self.outputs[before] + share * (self.outputs[after] - self.outputs[before])
            }
            (None, Some(_)) => self.outputs[0],
            (Some(before), None) => self.outputs[before],
            (None, None) => f64::NAN,
        }
    }

    /// Whether the corners are what [`fit`] makes.
    pub fn is_sound(&self) -> bool {
        !self.inputs.is_empty()
            && self.inputs.len() == self.outputs.len()
            && self.inputs.windows(2).all(|pair| pair[0] < pair[1])
            && self.outputs.windows(2).all(|pair| pair[0] <= pair[1])
            && self.outputs.iter().all(|output| (0.0..=1.0).contains(output))
    }
}

#[cfg(test)]
mod tests {
    use super::fit;
    use crate::random::Draws;

    #[test]
    fn violators_are_pooled_and_ties_are_one_point() {
        let steps = fit(&[1.0, 2.0, 3.0, 3.0, 4.0], &[true, false, false, true, true]).expect("rows");
        assert!(steps.is_sound());
        for (input, output) in [(0.0, 0.5), (1.0, 0.5), (3.0, 0.5), (3.5, 0.75), (4.0, 1.0), (9.0, 1.0)] {
            assert!((steps.apply(input) - output).abs() < 1e-12, "{input}");
        }
        assert!(fit(&[], &[]).is_none());
    }

    #[test]
    fn no_other_rising_steps_are_closer() {
        // The pooled answer must beat random rising step functions, and its blocks' means must be the labels' means.
        let mut draws = Draws::new(8);
        let scores: Vec<f64> = (0..200).map(|_| draws.share()).collect();
        let labels: Vec<bool> = scores.iter().map(|score| draws.share() < score * score).collect();
        let steps = fit(&scores, &labels).expect("rows");
        let error = |answer: &dyn Fn(f64) -> f64| -> f64 {
            scores.iter().zip(&labels).map(|(&score, &label)| (answer(score) - f64::from(u8::from(label))).powi(2)).sum()
        };
        let ours = error(&|score| steps.apply(score));
        for _ in 0..500 {
            let mut levels = [draws.share(), draws.share(), draws.share(), draws.share()];
            levels.sort_by(f64::total_cmp);
            let cut = draws.share();
            assert!(
                ours <= error(&|score| levels[usize::from(score > cut) + usize::from(score > cut / 2.0) + usize::from(score > 0.9)]) + 1e-9
            );
        }
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / 200.0;
        let foretold = mean(scores.iter().map(|&score| steps.apply(score)).collect());
        assert!((foretold - mean(labels.iter().map(|&label| f64::from(u8::from(label))).collect())).abs() < 1e-9);
    }
}
