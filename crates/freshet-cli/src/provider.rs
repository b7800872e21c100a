//! How a delivery leaves its provider: the topic, the ids, the headers, the signature. The counterpart of verification.
//!
//! Headers are those of shopify.dev "Webhooks: headers", developer.zendesk.com "Webhooks: request format" and
//! standardwebhooks.com. A source of your own is signed by the scheme that its contract names.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use freshet_ingest::canonical::hash_parts;
use freshet_ingest::secret::Secret;
use freshet_ingest::signature::sign;
use freshet_ingest::time::Millis;
use freshet_schema::{Contract, Scheme, Source};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The shop that sends where none is named: Shopify always names one.
const SHOP: &str = "example.myshopify.com";

/// A source as the one who sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Provider {
    pub(crate) source: &'static Source,
    pub(crate) scheme: Scheme,
}

/// The ids that a delivery carries. Providers keep them over retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ids {
    /// Of the delivery.
    pub(crate) delivery: String,
    /// Of the event: the same over all subscriptions.
    pub(crate) event: String,
}

impl Provider {
    /// The provider of a source by name.
    pub(crate) fn find(name: &str) -> Result<Self> {
        let senders = || Contract::embedded().sources().iter().filter(|source| source.signature.is_some());
        let known = || senders().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
        let source = senders().find(|source| source.name == name).with_context(|| format!("no source that sends is named `{name}`; there are {}", known()))?;
        let scheme = source.signature.as_ref().map(|signature| signature.scheme).context("read the source's signature scheme")?;
        Ok(Self { source, scheme })
    }

    /// The variable that holds the signing secret.
    pub(crate) fn secret_variable(self) -> String {
        format!("FRESHET_SECRET_{}", self.source.name.to_ascii_uppercase())
    }

    /// The signing secret: the one given, else the variable's.
    pub(crate) fn secret(self, given: Option<&str>) -> Result<Secret> {
        let variable = self.secret_variable();
        let text = match given {
            Some(text) => text.to_owned(),
            None => std::env::var(&variable).with_context(|| format!("find the signing secret: give --secret, or set {variable}"))?,
        };
        ensure!(!text.is_empty(), "the signing secret is empty: give --secret, or set {variable}");
        Ok(Secret::new(text))
    }

    /// The topic of a file by the folder that it lies in, where the body does not say its own.
    pub(crate) fn topic(self, file: &Path) -> Result<Option<String>> {
        if self.source.delivery.topic.headers.is_empty() {
            return Ok(None);
        }
        let path = std::path::absolute(file).with_context(|| format!("find the folder of {}", file.display()))?;
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        if !folder.contains(['-', '.']) {
            bail!("find the topic of {}: its folder `{folder}` names none (`orders-create` is orders/create); give --topic", file.display());
        }
        Ok(Some(folder.replacen('-', "/", 1)))
    }

    /// The headers of one attempt, signed now.
    pub(crate) fn headers(self, secret: &Secret, outgoing: &Outgoing<'_>, now: Millis) -> Result<HeaderMap> {
        let Outgoing { topic, account, ids, body } = outgoing;
        let mut headers = HeaderMap::new();
        let mut put = |name: &str, value: &str| -> Result<()> {
            let name = HeaderName::try_from(name).with_context(|| format!("make the header {name}"))?;
            let shown = name.clone();
            let value = HeaderValue::try_from(value).with_context(|| format!("make the header {shown}: what it would say is no header's text"))?;
            headers.insert(name, value);
            Ok(())
        };
        put("content-type", "application/json")?;
        for (name, value) in sign(self.scheme, secret, &ids.delivery, now, body) {
            put(name, &value)?;
        }
        match self.scheme {
            Scheme::Shopify => {
                put("x-shopify-topic", topic.unwrap_or_default())?;
                put("x-shopify-shop-domain", account.unwrap_or(SHOP))?;
                put("x-shopify-event-id", &ids.event)?;
                put("x-shopify-triggered-at", &now.rfc3339())?;
            }
            Scheme::Zendesk => {
                put("x-zendesk-webhook-id", &hash_id(&["webhook", &self.source.name]))?;
                if let Some(account) = account {
                    put("x-zendesk-account-id", account)?;
                }
            }
            Scheme::StandardWebhooks | Scheme::GameAnalytics => {
                if let (Some(account), Some(name)) = (account, self.source.delivery.account.headers.first()) {
                    put(name, account)?;
                }
            }
        }
        Ok(headers)
    }
}

/// What one attempt sends.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: Option<&'a str>,
    pub(crate) account: Option<&'a str>,
    pub(crate) ids: &'a Ids,
    pub(crate) body: &'a [u8],
}

impl Ids {
    /// Ids that are a hash of topic and body: the same file is the same delivery.
    pub(crate) fn of(topic: Option<&str>, body: &[u8]) -> Self {
        let body = freshet_ingest::canonical::hash(body);
        let topic = topic.unwrap_or_default();
        Self { delivery: hash_id(&["delivery", topic, &body]), event: hash_id(&["event", topic, &body]) }
    }
}

/// An id in the form of a UUID.
pub(crate) fn hash_id(parts: &[&str]) -> String {
    let hex = hash_parts(parts);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

#[cfg(test)]
mod tests;
