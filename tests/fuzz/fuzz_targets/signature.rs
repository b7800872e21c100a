//! Any headers and bytes at the door: nothing verifies that was not signed, whatever the scheme.
//!
//! The input is lines of `name: value`, an empty line, and the body.

#![no_main]

use freshet_ingest::headers::Headers;
use freshet_ingest::secret::Secret;
use freshet_ingest::signature::{Rules, verify};
use freshet_ingest::time::Millis;
use freshet_schema::Scheme;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let split = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = split.map_or((data, &[][..]), |at| (&data[..at], &data[at + 2..]));
    let head = String::from_utf8_lossy(head);
    let headers: Headers = head.lines().filter_map(|line| line.split_once(':')).collect();
    for scheme in [Scheme::Shopify, Scheme::Zendesk, Scheme::StandardWebhooks, Scheme::GameAnalytics] {
        let secrets = [Secret::new("whsec_bm9ib2R5IGtub3dzIHRoaXMgc2VjcmV0")];
        let rules =
            Rules { scheme, secrets: &secrets, now: Millis(1_790_000_000_000), tolerance_seconds: Some(300), is_development: false };
        assert!(verify(&rules, &headers, body).is_err());
    }
});
