//! What a training is told: its name, its features, its seed.

use crate::feature::Feature;

/// What training is told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The model's name and version.
    pub name: String,
    /// What it foretells.
    pub kind: String,
    /// What the features mean.
    pub catalogue: Vec<Feature>,
    /// Features that are used only where they help.
    pub optional: Vec<String>,
    /// The seed of every draw.
    pub seed: u64,
    /// How often the rows are drawn again for intervals.
    pub resamples: usize,
}
