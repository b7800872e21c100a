//! The environment of the functions: every variable, read once at the start.

use std::env;
use std::time::Duration;

use freshet_ingest::secret::{HashKey, Secret, Secrets};

use crate::error::Error;

/// The lake's bucket.
pub const BUCKET: &str = "FRESHET_BUCKET";
/// The database of the lake's tables.
pub const DATABASE: &str = "FRESHET_DATABASE";
/// The workgroup that queries run in.
pub const WORKGROUP: &str = "FRESHET_WORKGROUP";
/// The Firehose delivery stream.
pub const STREAM: &str = "FRESHET_STREAM";
/// Signing secrets: `source=secret` or `source/account=secret`, separated by white space; the same owner twice while
/// a secret is being rotated.
pub const SIGNING_SECRETS: &str = "FRESHET_SIGNING_SECRETS";
/// The path of the SSM parameters that hold the signing secrets, in place of [`SIGNING_SECRETS`]: the rest of a parameter's
/// name is `source` or `source/account`, and its value is one secret, or two while it is being rotated.
pub const SIGNING_SECRETS_PATH: &str = "FRESHET_SIGNING_SECRETS_PATH";
/// The SSM parameter that holds the key of personal hashes, in place of [`HASH_KEY`].
pub const HASH_KEY_PARAMETER: &str = "FRESHET_HASH_KEY_PARAMETER";
/// The key of personal hashes: `id=secret`.
pub const HASH_KEY: &str = "FRESHET_HASH_KEY";
/// `true` takes public test secrets. Never in production.
pub const DEVELOPMENT: &str = "FRESHET_DEVELOPMENT";
/// What a compaction may hold in memory, in MiB.
pub const MEMORY_BUDGET: &str = "FRESHET_MEMORY_BUDGET_MIB";

/// How long before a function's end its work stops by itself.
pub const DEADLINE_MARGIN: Duration = Duration::from_mins(1);

/// What a variable holds, or an error that names it.
pub fn required(name: &'static str) -> Result<String, Error> {
    env::var(name).ok().filter(|value| !value.is_empty()).ok_or(Error::MissingVariable { name })
}

/// Whether a variable is `true`.
pub fn is_true(name: &str) -> bool {
    env::var(name).is_ok_and(|value| value == "true")
}

/// The signing secrets of [`SIGNING_SECRETS`].
pub fn signing_secrets() -> Result<Secrets, Error> {
    parse_secrets(&required(SIGNING_SECRETS)?)
}

/// Parses `owner=secret` pairs, separated by white space.
pub fn parse_secrets(text: &str) -> Result<Secrets, Error> {
    let mut secrets = Secrets::default();
    for pair in text.split_whitespace() {
        let known = pair.split_once('=').filter(|(owner, secret)| !owner.is_empty() && !secret.is_empty());
        let (owner, secret) = known.ok_or(Error::MalformedVariable { name: SIGNING_SECRETS, form: "source=secret" })?;
        secrets.add(owner, Secret::new(secret));
    }
    Ok(secrets)
}

/// The key of [`HASH_KEY`].
pub fn hash_key() -> Result<HashKey, Error> {
    parse_hash_key(&required(HASH_KEY)?).ok_or(Error::MalformedVariable { name: HASH_KEY, form: "id=secret" })
}

/// Parses `id=secret`.
pub(crate) fn parse_hash_key(text: &str) -> Option<HashKey> {
    let (id, secret) = text.trim().split_once('=').filter(|(id, secret)| !id.is_empty() && !secret.is_empty())?;
    Some(HashKey { id: id.to_owned(), secret: Secret::new(secret) })
}

/// What a variable holds, where it is set.
pub fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The memory budget of a compaction in bytes.
pub fn memory_budget() -> Result<Option<usize>, Error> {
    let Ok(text) = env::var(MEMORY_BUDGET) else {
        return Ok(None);
    };
    let mebibytes: usize = text.parse().map_err(|_| Error::MalformedVariable { name: MEMORY_BUDGET, form: "a number of MiB" })?;
    Ok(Some(mebibytes * 1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_pairs_and_never_empty() {
        let secrets = parse_secrets("shopify=a=b\n shopify/Acme.myshopify.com=c  shopify/acme.myshopify.com=d").unwrap();
        assert_eq!(secrets.of("shopify", None), [Secret::new("a=b")]);
        assert_eq!(secrets.of("shopify", Some("ACME.myshopify.com")), [Secret::new("c"), Secret::new("d")]);
        assert_eq!(secrets.of("shopify", Some("other")), [Secret::new("a=b")]);
        assert!(secrets.of("zendesk", None).is_empty());
        for text in ["shopify", "shopify=", "=secret"] {
            let error = parse_secrets(text).unwrap_err().to_string();
            assert_eq!(error, "read the environment: FRESHET_SIGNING_SECRETS has the form source=secret");
        }
    }
}
