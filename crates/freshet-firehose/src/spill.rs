//! Records that Firehose did not acknowledge in time, as one object under `spill/`.

use std::future::Future;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::backoff::Attempts;
use crate::failure::Failure;
use crate::pack::join;

/// An object to put under `spill/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spill {
    /// `<prefix>yyyy/MM/dd/HH/<hash of the body>.ndjson`: the same records in the same hour are the same object.
    pub(crate) key: String,
    /// The records, each terminated by a newline.
    pub(crate) body: Bytes,
}

impl Spill {
    /// The object that holds these records, by the hour of `at`.
    pub(crate) fn new(prefix: &str, at: DateTime<Utc>, records: &[Bytes]) -> Self {
        let body = join(records);
        let hash = hex::encode(Sha256::digest(&body));
        Self { key: format!("{prefix}{}/{hash}.ndjson", at.format("%Y/%m/%d/%H")), body }
    }

    /// Puts it with `put`, repeatedly while its failures pass and there is time.
    pub(crate) async fn put<F>(&self, mut attempts: Attempts, put: impl Fn(Spill) -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let mut failure = Failure::Passing("no time left".to_owned());
        while let Some(time) = attempts.time_for_one() {
            match tokio::time::timeout(time, put(self.clone())).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(lasting @ Failure::Lasting(_))) => return Err(lasting),
                Ok(Err(passing @ Failure::Passing(_))) => failure = passing,
                Err(_elapsed) => failure = Failure::Passing("timed out".to_owned()),
            }
            if !attempts.wait().await {
                break;
            }
        }
        Err(failure)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    fn spill() -> Spill {
        let at = DateTime::parse_from_rfc3339("2026-03-04T23:59:59Z").unwrap().to_utc();
        Spill::new("spill/", at, &[Bytes::from_static(b"a\n"), Bytes::from_static(b"b")])
    }

    #[test]
    fn the_key_is_the_hour_and_the_content() {
        let spill = spill();
        assert_eq!(spill.body, Bytes::from_static(b"a\nb\n"));
        let hash = hex::encode(Sha256::digest(b"a\nb\n"));
        assert_eq!(spill.key, format!("spill/2026/03/04/23/{hash}.ndjson"));
    }

    #[tokio::test]
    async fn a_passing_failure_is_tried_again_and_a_lasting_one_is_not() {
        for (failure, expected) in
            [(Failure::Passing("SlowDown".to_owned()), (2, true)), (Failure::Lasting("NoSuchBucket".to_owned()), (1, false))]
        {
            let calls = Cell::new(0);
            let attempts = Attempts::new(Instant::now() + Duration::from_secs(30), Duration::from_secs(30));
            let result = spill()
                .put(attempts, |_| {
                    calls.set(calls.get() + 1);
                    let answer = if calls.get() == 1 { Err(failure.clone()) } else { Ok(()) };
                    async move { answer }
                })
                .await;
            assert_eq!((calls.get(), result.is_ok()), expected);
        }
    }
}
