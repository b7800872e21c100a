//! What verifies and what does not, for every scheme. The bodies and secrets are invented here.

use proptest::prelude::*;

use super::*;

const NOW: Millis = Millis(1_790_000_000_000);
const BODY: &[u8] = br#"{"id": 7}"#;

fn secret_of(scheme: Scheme) -> Secret {
    Secret::new(match scheme {
        Scheme::StandardWebhooks => "whsec_c2VjcmV0IG9mIGEgZ2FtZSB0aGF0IGlzIGxvbmc=",
        Scheme::Shopify | Scheme::Zendesk | Scheme::GameAnalytics => "a plain secret",
    })
}

fn judge(scheme: Scheme, secrets: &[Secret], headers: &[(&str, String)], body: &[u8], now: Millis) -> Result<(), Refusal> {
    let headers: Headers = headers.iter().map(|(name, value)| (*name, value.clone())).collect();
    verify(&Rules { scheme, secrets, now, tolerance_seconds: Some(300), is_development: false }, &headers, body)
}

const SCHEMES: [Scheme; 4] = [Scheme::Shopify, Scheme::Zendesk, Scheme::StandardWebhooks, Scheme::GameAnalytics];

#[test]
fn what_we_sign_verifies_with_either_secret_of_a_rotation() {
    for scheme in SCHEMES {
        let secret = secret_of(scheme);
        let headers = sign(scheme, &secret, "delivery-1", NOW, BODY);
        let rotation = [Secret::new("whsec_bmV3ZXIgc2VjcmV0IHRoYXQgaXMgdW51c2Vk"), secret];
        assert_eq!(judge(scheme, &rotation, &headers, BODY, NOW), Ok(()), "{scheme:?}");
    }
}

#[test]
fn altered_body_is_refused() {
    for scheme in SCHEMES {
        let secret = secret_of(scheme);
        let headers = sign(scheme, &secret, "delivery-1", NOW, BODY);
        assert_eq!(judge(scheme, &[secret], &headers, br#"{"id":7}"#, NOW), Err(Refusal::Mismatch), "{scheme:?}");
    }
}

#[test]
fn a_header_that_is_missing_is_named() {
    for scheme in SCHEMES {
        let refusal = judge(scheme, &[secret_of(scheme)], &[], BODY, NOW);
        assert!(matches!(refusal, Err(Refusal::MissingHeader { .. })), "{scheme:?}: {refusal:?}");
    }
}

#[test]
fn three_hundred_seconds_pass_and_one_more_does_not() {
    for scheme in [Scheme::Zendesk, Scheme::StandardWebhooks] {
        let secret = secret_of(scheme);
        let headers = sign(scheme, &secret, "delivery-1", NOW, BODY);
        for (shift, passes) in [(300_000, true), (-300_000, true), (301_000, false), (-301_000, false)] {
            let judged = judge(scheme, std::slice::from_ref(&secret), &headers, BODY, Millis(NOW.0 + shift));
            assert_eq!(judged.is_ok(), passes, "{scheme:?} {shift}");
        }
    }
}

#[test]
fn without_a_secret_nothing_verifies() {
    assert_eq!(judge(Scheme::Shopify, &[], &[], BODY, NOW), Err(Refusal::NoSecret));
}

#[test]
fn zendesks_public_secret_counts_in_development_alone() {
    let secret = Secret::new(ZENDESK_TEST_SECRET);
    let signed = sign(Scheme::Zendesk, &secret, "delivery-1", NOW, BODY);
    assert_eq!(judge(Scheme::Zendesk, std::slice::from_ref(&secret), &signed, BODY, NOW), Err(Refusal::PublicSecret));
    let headers: Headers = signed.into_iter().collect();
    let rules = Rules { scheme: Scheme::Zendesk, secrets: &[secret], now: NOW, tolerance_seconds: Some(300), is_development: true };
    assert_eq!(verify(&rules, &headers, BODY), Ok(()));
}

#[test]
fn a_secret_never_prints() {
    assert_eq!(format!("{:?}", secret_of(Scheme::Shopify)), "[redacted]");
}

#[test]
fn an_empty_secret_is_none_and_one_of_another_scheme_is_said() {
    for scheme in SCHEMES {
        let empty = Secret::new("");
        let headers = sign(scheme, &empty, "delivery-1", NOW, BODY);
        assert_eq!(judge(scheme, &[empty], &headers, BODY, NOW), Err(Refusal::NoSecret), "{scheme:?}");
    }
    for text in ["whsec_", "whsec_!"] {
        let headers = sign(Scheme::StandardWebhooks, &secret_of(Scheme::StandardWebhooks), "delivery-1", NOW, BODY);
        assert_eq!(judge(Scheme::StandardWebhooks, &[Secret::new(text)], &headers, BODY, NOW), Err(Refusal::UnreadableSecret), "{text}");
    }
}

const NAMES: [&str; 10] = [
    "x-shopify-hmac-sha256",
    "shopify-hmac-sha256",
    "x-zendesk-webhook-signature",
    "x-zendesk-webhook-signature-timestamp",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "svix-signature",
    "authorization",
    "content-type",
];

proptest! {
    #[test]
    fn any_headers_and_bytes_are_judged(
        values in prop::collection::vec(("\\PC{0,60}|v1,[A-Za-z0-9+/=]{0,60}|[0-9]{1,25}", 0..NAMES.len()), 0..12),
        body in prop::collection::vec(any::<u8>(), 0..100),
        secrets in prop::collection::vec("\\PC{0,30}", 0..3),
        now in any::<i64>(),
    ) {
        let headers: Headers = values.iter().map(|(value, name)| (NAMES[*name], value.clone())).collect();
        let secrets: Vec<Secret> = secrets.into_iter().map(Secret::new).collect();
        for scheme in SCHEMES {
            let rules = Rules { scheme, secrets: &secrets, now: Millis(now), tolerance_seconds: Some(300), is_development: false };
            prop_assert!(verify(&rules, &headers, &body).is_err());
        }
    }

    #[test]
    fn one_bit_changed_anywhere_is_refused(body in prop::collection::vec(any::<u8>(), 1..100), place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        for scheme in SCHEMES {
            let secret = secret_of(scheme);
            let headers = sign(scheme, &secret, "delivery-1", NOW, &body);
            let mut altered = body.clone();
            altered[place.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(judge(scheme, std::slice::from_ref(&secret), &headers, &altered, NOW), Err(Refusal::Mismatch));
            prop_assert_eq!(judge(scheme, std::slice::from_ref(&secret), &headers, &body, NOW), Ok(()));
        }
    }
}
