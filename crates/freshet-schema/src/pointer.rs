//! JSON pointers (RFC 6901) with two additions of ours: a step `*` takes every element of an array, and a leading
//! `.` starts at the row that `rows` opened in place of the event.

use serde::{Deserialize, Deserializer};

/// Where a value lies in an event, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pointer {
    text: String,
    steps: Vec<String>,
    from_row: bool,
}

impl Pointer {
    /// Parses `/a/b`, `./b`, `/a/*/b` or the empty pointer.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (from_row, rest) = match text.strip_prefix('.') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if !rest.is_empty() && !rest.starts_with('/') {
            return Err(format!("`{text}` is not a JSON pointer: it starts with `/` or `./`"));
        }
        let plain = |step: &str| if step.contains('~') { step.replace("~1", "/").replace("~0", "~") } else { step.to_owned() };
        let steps = rest.split('/').skip(1).map(plain).collect();
        Ok(Self { text: text.to_owned(), steps, from_row })
    }

    /// The pointer as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The keys or places to follow, unescaped.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// Whether the pointer starts at the opened row and not at the event.
    pub fn starts_at_row(&self) -> bool {
        self.from_row
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
