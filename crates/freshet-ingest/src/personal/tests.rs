//! Which keys are dropped, what is taken out of texts, and that one person has one key.

use freshet_schema::PersonalKeys;

use super::*;
use crate::secret::Secret;

fn rules() -> Rules {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Rules::new(&PersonalKeys {
        words: list(&["email", "mail", "phone", "address", "address1"]),
        keys: list(&["first_name"]),
        people: list(&["customer"]),
        places: Vec::new(),
    })
}

fn cleaned(text: &str) -> String {
    let event = Json::parse(text.as_bytes()).unwrap();
    let rules = rules();
    Cleaner::new(&rules, &event, "t", &Values::default()).json(&event, &|_| false)
}

#[test]
fn keys_that_name_personal_data_are_dropped_at_any_depth() {
    let cases = [
        (r#"{"a":1,"contactEmail":"x"}"#, r#"{"a":1}"#),
        (r#"{"list":[{"e-mail":"x","ok":true}]}"#, r#"{"list":[{"ok":true}]}"#),
        (r#"{"customer":{"name":"Ann","id":7},"name":"1001"}"#, r#"{"customer":{"id":7},"name":"1001"}"#),
        (r#"{"fields":[{"name":"Phone number","value":"1"}]}"#, r#"{"fields":[{"name":"Phone number"}]}"#),
        (r#"{"customerName":"Ann","customer":{"nick_name":"x","age":7},"file_name":"a"}"#, r#"{"customer":{"age":7},"file_name":"a"}"#),
        (r#"{"MailAddress2":"x","clientEMail":"y","HomeADDRESS":"z","phone1":"a","ok":1}"#, r#"{"ok":1}"#),
        (r#"{"firstName":"x","First-Name":"y","first_names":1}"#, r#"{"first_names":1}"#),
        (r#"{"a":{"phone":"x"},"b":{},"c":[{"phone":"y"}]}"#, r#"{"b":{},"c":[{}]}"#),
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
fn a_number_is_not_taken_out_of_a_longer_one() {
    assert_eq!(
        cleaned(
            r#"{"phone":"5551234567","a":"order 155512345678","b":"call 5551234567.","address":{"zip":"560001","city":"New York"},"c":"560001 New York"}"#
        ),
        r#"{"a":"order 155512345678","b":"call [redacted].","c":"560001 New York"}"#
    );
}

#[test]
fn thousands_of_values_are_found_in_one_pass() {
    let phones: Vec<String> = (0..5_000).map(|place| format!("\"+49 30 {place:07}\"")).collect();
    let notes: Vec<String> = (0..5_000).map(|place| format!("\"ring +49 30 {place:07}\"")).collect();
    let text = cleaned(&format!(r#"{{"phone":[{}],"notes":[{}]}}"#, phones.join(","), notes.join(",")));
    assert!(!text.contains("+49") && text.matches(REDACTED_MARK).count() == 5_000, "{}", &text[..200]);
}

#[test]
fn json_in_json_is_cleaned_until_it_lies_too_deep() {
    let mut text = r#"{"phone":"5551234567","n":1}"#.to_owned();
    for level in 0..6 {
        assert!(!cleaned(&text).contains("5551234567"), "{level}");
        text = serde_json::to_string(&serde_json::json!({ "inner": text })).unwrap();
    }
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
