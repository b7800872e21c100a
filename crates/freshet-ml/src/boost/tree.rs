//! One tree of answers in log-odds, as parallel lists: small in a file, quick to walk.

use serde::{Deserialize, Serialize};

use crate::digits::read_all;

/// A tree. Node 0 is the root; a leaf's children are 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The input that a node asks for.
    input: Vec<u32>,
    /// Up to this value, left.
    #[serde(deserialize_with = "read_all")]
    threshold: Vec<f64>,
    /// Whether gaps go left.
    gap_left: Vec<bool>,
    /// The left child.
    left: Vec<u32>,
    /// The right child.
    right: Vec<u32>,
    /// The answer, of inner nodes too: the mean of what lies below.
    #[serde(deserialize_with = "read_all")]
    value: Vec<f64>,
}

/// What an inner node asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Question {
    pub(super) input: u32,
    pub(super) threshold: f64,
    pub(super) gap_left: bool,
}

impl Tree {
    /// Adds a leaf and gives its place.
    pub(super) fn add_leaf(&mut self, value: f64) -> usize {
        self.input.push(0);
        self.threshold.push(0.0);
        self.gap_left.push(false);
        self.left.push(0);
        self.right.push(0);
        self.value.push(value);
        self.value.len() - 1
    }

    /// Makes a leaf an inner node.
    #[expect(clippy::cast_possible_truncation, reason = "a tree has a few dozen nodes")]
    pub(super) fn divide(&mut self, node: usize, question: Question, left: usize, right: usize) {
        self.input[node] = question.input;
        self.threshold[node] = question.threshold;
        self.gap_left[node] = question.gap_left;
        self.left[node] = left as u32;
        self.right[node] = right as u32;
    }

    pub(super) fn set_value(&mut self, node: usize, value: f64) {
        self.value[node] = value;
    }

    /// A node's children; `None` for a leaf.
    pub(super) fn children(&self, node: usize) -> Option<(usize, usize)> {
        (self.left[node] != 0).then(|| (self.left[node] as usize, self.right[node] as usize))
    }

    /// A node's answer.
    pub fn value(&self, node: usize) -> f64 {
        self.value[node]
    }

    fn step(&self, node: usize, value: f64) -> usize {
        let left = if value.is_nan() { self.gap_left[node] } else { value <= self.threshold[node] };
        (if left { self.left[node] } else { self.right[node] }) as usize
    }

    /// The answer for a row.
    pub fn answer(&self, input: impl Fn(usize) -> f64) -> f64 {
        let mut node = 0;
        while self.left[node] != 0 {
            node = self.step(node, input(self.input[node] as usize));
        }
        self.value[node]
    }

    /// Adds what each input changes on the way from the root's answer to the leaf's.
    pub fn contribute(&self, inputs: &[f64], contributions: &mut [f64]) {
        let mut node = 0;
        while self.left[node] != 0 {
            let input = self.input[node] as usize;
            let next = self.step(node, inputs[input]);
            contributions[input] += self.value[next] - self.value[node];
            node = next;
        }
    }

    /// Whether it is a tree: lists of one length, children after their parents, inputs that exist.
    pub fn is_sound(&self, inputs: usize) -> bool {
        let nodes = self.value.len();
        let lists = [self.input.len(), self.threshold.len(), self.gap_left.len(), self.left.len(), self.right.len()];
        nodes > 0
            && lists.iter().all(|&length| length == nodes)
            && self.value.iter().all(|value| value.is_finite())
            && (0..nodes).all(|node| match self.children(node) {
                None => self.right[node] == 0,
                Some((left, right)) => {
                    left > node
                        && right > node
                        && left < nodes
                        && right < nodes
                        && (self.input[node] as usize) < inputs
                        && self.threshold[node].is_finite()
                }
            })
    }
}
