//! What verifies and what does not, for every scheme. The bodies and secrets are invented here.

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
