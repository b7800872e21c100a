//! The keys of personal hashes that an erasure finds addresses by: today's, older ones, and that of a folder of `freshet up`. They are
//! read and never shown.

use std::path::Path;

use anyhow::{Context, Result};
use freshet_ingest::secret::{HashKey, Secret};
use freshet_lambda::config;

/// The variable of the folder that `freshet up` runs on.
pub(crate) const DIR: &str = "FRESHET_DIR";
/// The variable of older keys, `id=secret` each, one a line or divided by spaces or commas.
pub(crate) const OLD_HASH_KEYS: &str = "FRESHET_OLD_HASH_KEYS";
/// The file of a folder's key, and the id that its hashes carry.
pub(crate) const FILE: &str = "hash-key";
pub(crate) const FILE_ID: &str = "local";

/// Every key that is at hand, today's first.
pub(crate) fn known(dir: &Path) -> Result<Vec<HashKey>> {
    let mut keys = Vec::new();
    if std::env::var_os(config::HASH_KEY).is_some() {
        keys.push(config::hash_key()?);
    }
    let file = dir.join(FILE);
    if file.exists() {
        let secret = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        keys.push(HashKey { id: FILE_ID.to_owned(), secret: Secret::new(secret.trim()) });
    }
    if let Ok(text) = std::env::var(OLD_HASH_KEYS) {
        keys.extend(older(&text)?);
    }
    Ok(keys)
}

fn older(text: &str) -> Result<Vec<HashKey>> {
    let pairs = text.split(|letter: char| letter.is_whitespace() || letter == ',').filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        let (id, secret) = pair.split_once('=').filter(|(id, secret)| !id.is_empty() && !secret.is_empty())?;
        Some(HashKey { id: id.to_owned(), secret: Secret::new(secret) })
    };
    pairs.map(read).collect::<Option<_>>().with_context(|| format!("read {OLD_HASH_KEYS}: the form is id=secret, one a line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_keys_are_pairs() {
        let keys = older("k1=a==\nk2=b, k3=c").unwrap();
        let shown: Vec<_> = keys.iter().map(|key| (key.id.as_str(), key.secret.reveal())).collect();
        assert_eq!(shown, [("k1", "a=="), ("k2", "b"), ("k3", "c")]);
        assert!(!format!("{:#}", older("k1").unwrap_err()).contains("k1"));
    }
}
