//! Sends a simulated world's deliveries over HTTP, many at once, as their providers sign them, or as forgers do.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use bytes::Bytes;
use freshet_ingest::secret::Secret;
use freshet_ingest::time::Millis;
use futures::{StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, StatusCode};

use crate::courier::{Answer, Courier};
use crate::progress::Progress;
use crate::provider::{Ids, Outgoing, Provider};
use crate::simulation::{Delivery, Forgery};
use crate::stack;

/// How many deliveries are under way at once.
const AT_ONCE: usize = 16;
/// How long ago a stale signature was made, in milliseconds.
const STALE: i64 = 3_600_000;

/// The signing secret of each source.
pub(super) struct Keys(pub(super) [(&'static str, Secret); 3]);

/// One who sends for every source.
pub(super) struct Drive {
    senders: BTreeMap<&'static str, Sender>,
}

struct Sender {
    provider: Provider,
    courier: Courier,
    secret: Secret,
}

/// What was sent, by the receiver's answer.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) total: u64,
    pub(super) acknowledged: u64,
    pub(super) refused: u64,
    pub(super) too_large: u64,
    /// Attempts without a final answer, each of which was sent again.
    pub(super) retries: u64,
}

impl Drive {
    pub(super) fn new(url: &str, keys: &Keys) -> Result<Self> {
        let sender = |(source, secret): &(&'static str, Secret)| -> Result<(&'static str, Sender)> {
            Ok((*source, Sender { provider: Provider::find(source)?, courier: Courier::new(url, source, None)?, secret: secret.clone() }))
        };
        Ok(Self { senders: keys.0.iter().map(sender).collect::<Result<_>>()? })
    }

    /// Sends deliveries, about in their order.
    pub(super) async fn send(&self, deliveries: &[Delivery], progress: &Progress) -> Result<Sent> {
        let mut sent = Sent::default();
        let work = deliveries.iter().map(|delivery| self.deliver(delivery, progress));
        let mut answers = std::pin::pin!(futures::stream::iter(work).buffer_unordered(AT_ONCE));
        while let Some(answer) = answers.try_next().await? {
            sent.total += 1;
            sent.retries += answer.retries;
            match answer.status {
                StatusCode::UNAUTHORIZED => sent.refused += 1,
                StatusCode::PAYLOAD_TOO_LARGE => sent.too_large += 1,
                status if status.is_success() => sent.acknowledged += 1,
                status => anyhow::bail!("deliver: the receiver answered {status}"),
            }
            progress.advance(1);
        }
        Ok(sent)
    }

    async fn deliver(&self, delivery: &Delivery, progress: &Progress) -> Result<Answer> {
        let sender = self.senders.get(delivery.source).with_context(|| format!("find a sender for {}", delivery.source))?;
        let ids = Ids { delivery: delivery.id.clone(), event: delivery.event_id.clone() };
        let body = if delivery.forgery == Some(Forgery::AlteredBody) {
            Bytes::from([&delivery.body, b" ".as_slice()].concat())
        } else {
            delivery.body.clone()
        };
        sender.courier.deliver(body, || sender.headers(delivery, &ids), |why| progress.trouble(why)).await
    }
}

impl Sender {
    fn headers(&self, delivery: &Delivery, ids: &Ids) -> Result<HeaderMap> {
        let outgoing = Outgoing { topic: delivery.topic.as_deref(), account: delivery.account.as_deref(), ids, body: &delivery.body };
        let now = stack::now();
        match delivery.forgery {
            None | Some(Forgery::AlteredBody) => self.provider.headers(&self.secret, &outgoing, now),
            Some(Forgery::Stale) => self.provider.headers(&self.secret, &outgoing, Millis(now.0 - STALE)),
            Some(Forgery::OtherSecret) => self.provider.headers(&Secret::new("Z3Vlc3NlZCBieSBzb21lYm9keSBlbHNl"), &outgoing, now),
            Some(Forgery::Unsigned) => {
                let mut headers = self.provider.headers(&self.secret, &outgoing, now)?;
                for name in ["x-shopify-hmac-sha256", "x-zendesk-webhook-signature", "webhook-signature"] {
                    headers.remove(name);
                }
                Ok(headers)
            }
        }
    }
}

impl Sent {
    pub(super) fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.too_large += other.too_large;
        self.retries += other.retries;
    }
}
