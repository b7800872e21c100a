//! Secrets, read once at the start: from SSM's `SecureString` parameters where the environment names them, else from the
//! environment itself, as on loopback. In AWS no variable holds a secret.

use aws_config::SdkConfig;
use freshet_ingest::secret::{HashKey, Secret, Secrets};

use crate::config;
use crate::error::Error;

/// The signing secrets under [`config::SIGNING_SECRETS_PATH`], or of [`config::SIGNING_SECRETS`].
pub async fn signing_secrets(aws: &SdkConfig) -> Result<Secrets, Error> {
    let Some(path) = config::optional(config::SIGNING_SECRETS_PATH) else {
        return config::signing_secrets();
    };
    let failed = |source| Error::Parameter { name: path.clone(), source };
    let request = aws_sdk_ssm::Client::new(aws).get_parameters_by_path().path(&path).recursive(true).with_decryption(true);
    let mut pages = request.into_paginator().send();
    let mut parameters = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(Box::new(error)))?;
        parameters
            .extend(page.parameters().iter().filter_map(|parameter| Some((parameter.name()?.to_owned(), parameter.value()?.to_owned()))));
    }
    by_owner(&path, &parameters)
}

/// The key of [`config::HASH_KEY_PARAMETER`], or of [`config::HASH_KEY`].
pub async fn hash_key(aws: &SdkConfig) -> Result<HashKey, Error> {
    let Some(name) = config::optional(config::HASH_KEY_PARAMETER) else {
        return config::hash_key();
    };
    let answer = aws_sdk_ssm::Client::new(aws).get_parameter().name(&name).with_decryption(true).send().await;
    let answer = answer.map_err(|error| Error::Parameter { name: name.clone(), source: Box::new(error) })?;
    let value = answer.parameter().and_then(|parameter| parameter.value()).unwrap_or_default();
    config::parse_hash_key(value).ok_or(Error::MalformedParameter { name, form: "id=secret" })
}

/// Secrets by what their names say beyond the path. A value of two secrets is one that is being rotated.
fn by_owner(path: &str, parameters: &[(String, String)]) -> Result<Secrets, Error> {
    let mut secrets = Secrets::default();
    let mut is_empty = true;
    for (name, value) in parameters {
        let owner = name.strip_prefix(path).map_or("", |rest| rest.trim_matches('/'));
        for secret in value.split_whitespace().filter(|_| !owner.is_empty()) {
            secrets.add(owner, Secret::new(secret));
            is_empty = false;
        }
    }
    if is_empty {
        return Err(Error::MalformedParameter { name: path.to_owned(), form: "<path>/<source>[/<account>], with a secret in each" });
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::by_owner;

    fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_name_says_whose_and_the_value_may_hold_two() {
        let found =
            parameters(&[("/freshet/dev/signing-secrets/shopify", "new\nold"), ("/freshet/dev/signing-secrets/zendesk/12345", "hush")]);
        let secrets = by_owner("/freshet/dev/signing-secrets", &found).unwrap();
        assert_eq!(secrets.of("shopify", Some("a.myshopify.com")).len(), 2);
        assert_eq!(secrets.of("zendesk", Some("12345")).len(), 1);
        assert_eq!(secrets.of("zendesk", Some("99")).len(), 0);
    }

    #[test]
    fn no_secret_at_all_is_said_without_what_was_read() {
        let error = by_owner("/freshet/dev/signing-secrets", &parameters(&[("/freshet/dev/signing-secrets/shopify", " ")])).unwrap_err();
        assert!(error.to_string().contains("/freshet/dev/signing-secrets"), "{error}");
        assert!(by_owner("/x", &[]).is_err());
    }
}
