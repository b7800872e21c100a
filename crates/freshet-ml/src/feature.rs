//! What a feature means: its definition, the group of reasons that it belongs to, and how to say it.

use serde::{Deserialize, Serialize};

/// The meaning of one column of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// How it is computed.
    pub definition: String,
    /// Features of one group are one reason: windows of 30, 90 and 180 days say the same thing thrice.
    pub group: String,
    /// How to say a value: `{value}` stands for it, `{typical}` for the training rows' median.
    pub phrase: String,
}

impl Feature {
    /// A feature with its meaning.
    pub fn new(name: &str, definition: &str, group: &str, phrase: &str) -> Self {
        Self { name: name.to_owned(), definition: definition.to_owned(), group: group.to_owned(), phrase: phrase.to_owned() }
    }

    /// A column of which nothing is known but its name: a group of its own.
    pub fn named(name: &str) -> Self {
        Self::new(name, &format!("column {name} of the frame, as given"), name, &format!("{name} is {{value}} (typically {{typical}})"))
    }

    /// The feature of this name in a catalogue, or one of which nothing is known.
    pub fn find(catalogue: &[Self], name: &str) -> Self {
        catalogue.iter().find(|feature| feature.name == name).cloned().unwrap_or_else(|| Self::named(name))
    }
}
