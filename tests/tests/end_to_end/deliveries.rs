//! Signed deliveries over HTTP, as providers make them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::RequestBuilder;
use sha2::Sha256;

/// The signing secrets of the tests, by their sources.
pub(crate) const SECRETS: [(&str, &str); 3] =
    [("shopify", "hush"), ("zendesk", "a secret of the desk"), ("game", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];

/// Who sends, by their sources.
pub(crate) const ACCOUNTS: [(&str, &str); 3] = [("shopify", "acme.myshopify.com"), ("zendesk", "42"), ("game", "arena")];

/// What a provider delivers.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) source: &'static str,
    pub(crate) topic: String,
    pub(crate) body: Vec<u8>,
}

impl Delivery {
    /// Posts it to a receiver, signed, with these ids in its headers; gives the status, or nothing where there was no answer.
    pub(crate) async fn post(&self, client: &reqwest::Client, url: &str, id: &str) -> Option<u16> {
        let request = client.post(format!("{url}/webhooks/{}", self.source)).header("content-type", "application/json");
        let request = self.sign(request, id).body(self.body.clone());
        request.send().await.ok().map(|response| response.status().as_u16())
    }

    fn sign(&self, request: RequestBuilder, id: &str) -> RequestBuilder {
        let now = chrono::Utc::now();
        match self.source {
            "shopify" => request
                .header("x-shopify-hmac-sha256", mac(SECRETS[0].1.as_bytes(), &[&self.body]))
                .header("x-shopify-topic", &self.topic)
                .header("x-shopify-shop-domain", ACCOUNTS[0].1)
                .header("x-shopify-webhook-id", id)
                .header("x-shopify-event-id", id),
            "zendesk" => {
                let at = now.format("%Y-%m-%dT%H:%M:%SZ").to_string();
                request
                    .header("x-zendesk-webhook-signature", mac(SECRETS[1].1.as_bytes(), &[at.as_bytes(), &self.body]))
                    .header("x-zendesk-webhook-signature-timestamp", &at)
                    .header("x-zendesk-account-id", ACCOUNTS[1].1)
                    .header("x-zendesk-webhook-invocation-id", id)
            }
            _ => {
                let at = now.timestamp().to_string();
                let key = STANDARD.decode(SECRETS[2].1.trim_start_matches("whsec_")).unwrap();
                let signature = mac(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", &self.body]);
                request
                    .header("webhook-id", id)
                    .header("webhook-timestamp", &at)
                    .header("webhook-signature", format!("v1,{signature}"))
                    .header("x-game", ACCOUNTS[2].1)
            }
        }
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Bytes that no compression makes smaller, the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let bytes = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    bytes.flatten().take(length).collect()
}
