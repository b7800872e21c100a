//! The keys of personal hashes: the lake's own, and older ones that an erasure finds addresses by too. They are read and
//! never shown.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use aws_config::SdkConfig;
use freshet_ingest::secret::{HashKey, Secret};
use freshet_lambda::{config, secrets};

/// The variable of the file that holds the key of a lake on loopback.
pub(crate) const HASH_KEY_FILE: &str = "FRESHET_HASH_KEY_FILE";
/// The variable of older keys, `id=secret` each, one a line or divided by spaces or commas.
pub(crate) const OLD_HASH_KEYS: &str = "FRESHET_OLD_HASH_KEYS";
/// The file in the folder of `freshet up` with the key that was made for it, and the id that its hashes carry.
pub(crate) const FILE: &str = "hash-key";
const FILE_ID: &str = "local";

/// The lake's key. Another key would make hashes that join with none.
pub(crate) async fn own(aws: &SdkConfig) -> Result<HashKey> {
    named(aws).await?.with_context(|| {
        format!(
            "find the lake's key of personal hashes: set {} to its SSM parameter, or paste the lines that `freshet up` printed",
            config::HASH_KEY_PARAMETER
        )
    })
}

/// The key that the environment holds, or names in SSM, or in the file that `freshet up` made; none where it says nothing.
pub(crate) async fn named(aws: &SdkConfig) -> Result<Option<HashKey>> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set(config::HASH_KEY) || is_set(config::HASH_KEY_PARAMETER) {
        return Ok(Some(secrets::hash_key(aws).await?));
    }
    std::env::var_os(HASH_KEY_FILE).map(|file| read(Path::new(&file))).transpose()
}

/// The lake's key and every older one.
pub(crate) async fn known(aws: &SdkConfig) -> Result<Vec<HashKey>> {
    let mut keys = vec![own(aws).await?];
    if let Ok(text) = std::env::var(OLD_HASH_KEYS) {
        keys.extend(older(&text)?);
    }
    Ok(keys)
}

/// The key in a file that `freshet up` made.
pub(crate) fn read(file: &Path) -> Result<HashKey> {
    let secret = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    ensure!(!secret.trim().is_empty(), "read {}: there is no key in it", file.display());
    Ok(HashKey { id: FILE_ID.to_owned(), secret: Secret::new(secret.trim()) })
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
