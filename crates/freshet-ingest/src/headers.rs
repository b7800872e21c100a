//! A delivery's headers: names in lower case, values as they came.

use serde::{Deserialize, Serialize};

/// Header names and values; look-up does not mind the case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The value of a header, the first where it is there twice.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first of several headers that is there and not empty.
    pub fn first(&self, names: &[String]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name).map(str::trim).filter(|value| !value.is_empty()))
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Headers from the JSON text that they are stored as; none where it is another text.
    pub fn from_json(text: &str) -> Self {
        let pairs: std::collections::BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_default();
        pairs.into_iter().collect()
    }

    /// Those whose name begins with one of `beginnings`, without signatures.
    #[must_use]
    pub fn kept(&self, beginnings: &[String]) -> Self {
        let keep = |name: &str| {
            let named = name == "content-type" || beginnings.iter().any(|beginning| name.starts_with(beginning.as_str()));
            named && !name.contains("hmac") && !name.ends_with("signature")
        };
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into().to_ascii_lowercase(), value.into())).collect())
    }
}
