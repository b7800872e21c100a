//! Which keys are dropped, what is taken out of texts, and that one person has one key.

use super::*;
use crate::secret::Secret;

fn rules() -> Rules {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Rules::new(&PersonalKeys {
        words: list(&["email", "mail", "phone", "address", "address1"]),
        keys: list(&["first_name"]),
        people: list(&["customer"]),
        pointers: Vec::new(),
    })
}

fn cleaned(text: &str) -> String {
    let event = Json::parse(text.as_bytes()).unwrap();
    let rules = rules();
    Cleaner::new(&rules, &event, &Values::default()).json(&event, &|_| false)
}

#[test]
fn keys_that_name_personal_data_are_dropped_at_any_depth() {
    let cases = [
        (r#"{"a":1,"contactEmail":"x"}"#, r#"{"a":1}"#),
        (r#"{"list":[{"e-mail":"x","ok":true}]}"#, r#"{"list":[{"ok":true}]}"#),
        (r#"{"customer":{"name":"Ann","id":7},"name":"1001"}"#, r#"{"customer":{"id":7},"name":"1001"}"#),
        (r#"{"fields":[{"name":"Phone number","value":"1"}]}"#, r#"{"fields":[{"name":"Phone number"}]}"#),
        (r#"{"emailed":1,"addressed_to":2}"#, r#"{"emailed":1,"addressed_to":2}"#),
    ];
    for (input, expected) in cases {
        assert_eq!(cleaned(input), expected, "{input}");
    }
}

#[test]
fn what_a_personal_key_held_is_found_in_other_texts() {
    assert_eq!(
        cleaned(r#"{"phone":"555-625-1199","note":"call 555-625-1199 or a.b@c.de","json":"{\"email\":\"x@y.zz\",\"n\":1}"}"#),
        r#"{"note":"call [redacted] or [email]","json":"{\"n\":1}"}"#
    );
}

#[test]
fn addresses_are_masked_wherever_they_stand() {
    let cases = [
        ("to a.b+c@shop.example.com.", "to [email]."),
        ("<Ann@Example.ORG>;bob@x.io", "<[email]>;[email]"),
        ("https://x.io/?e=ann%40example.org&b=1", "https://x.io/?e=[email]&b=1"),
        ("müller@bücher.de", "[email]"),
        ("@handle and a@b, 5 @ 3.00", "@handle and a@b, 5 @ 3.00"),
    ];
    for (input, expected) in cases {
        assert_eq!(mask_emails(input), expected, "{input}");
    }
}

#[test]
fn one_person_has_one_key() {
    let key = HashKey { id: "k1".to_owned(), secret: Secret::new("secret") };
    let expected = customer_key(&key, "ann@example.org");
    assert!(expected.is_some());
    for spelling in [" Ann@Example.org ", "ＡＮＮ@example.org", "ann@example.org\n"] {
        assert_eq!(customer_key(&key, spelling), expected, "{spelling}");
    }
    assert_eq!(customer_key(&key, "none"), None);
}
