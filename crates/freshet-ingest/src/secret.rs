//! Secrets: never printed, looked up by source and account, two at once while one is being rotated.

use std::collections::BTreeMap;
use std::fmt;

/// A secret text that prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for signing alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// The key of the hashes that personal data becomes, and the id that is stored beside them.
#[derive(Debug, Clone)]
pub struct HashKey {
    /// Its id.
    pub id: String,
    /// The key.
    pub secret: Secret,
}

/// Signing secrets by source, and by source and account.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    by_owner: BTreeMap<String, Vec<Secret>>,
}

impl Secrets {
    /// Adds a secret for `source` or `source/account`. Several are valid at once.
    pub fn add(&mut self, owner: &str, secret: Secret) {
        self.by_owner.entry(owner.to_ascii_lowercase()).or_default().push(secret);
    }

    /// The secrets that may have signed a delivery: the account's own, else the source's.
    pub fn of(&self, source: &str, account: Option<&str>) -> &[Secret] {
        account
            .and_then(|account| self.by_owner.get(&format!("{source}/{}", account.to_ascii_lowercase())))
            .or_else(|| self.by_owner.get(source))
            .map_or(&[], Vec::as_slice)
    }
}
