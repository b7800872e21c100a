//! Personal data: which keys name it, what becomes of texts, and the keyed hash of an e-mail address.
//!
//! Three nets, one behind the other: keys that name personal data are dropped at any depth; what such a key held is
//! taken out of every other text of the same event; and whatever looks like an e-mail address becomes `[email]`.

use std::collections::BTreeSet;

use freshet_schema::{PersonalKeys, Pointer};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;

use crate::json::{Json, write_string};
use crate::secret::HashKey;

/// Stands where an e-mail address was.
pub const EMAIL_MARK: &str = "[email]";
/// Stands where a value stood that a personal key of the same event holds.
pub const REDACTED_MARK: &str = "[redacted]";

/// The shortest value that is looked for in other texts: shorter ones are everyday words.
const SHORTEST_VALUE: usize = 6;

/// The rules of one source, ready to be asked.
#[derive(Debug, Clone)]
pub struct Rules {
    words: BTreeSet<String>,
    keys: BTreeSet<String>,
    people: BTreeSet<String>,
    pointers: Vec<Pointer>,
}

impl Rules {
    /// The rules that a source's contract states.
    pub fn new(contract: &PersonalKeys) -> Self {
        let lower = |names: &[String]| names.iter().map(|name| name.to_lowercase()).collect();
        Self {
            words: lower(&contract.words),
            keys: lower(&contract.keys),
            people: lower(&contract.people),
            pointers: contract.pointers.clone(),
        }
    }

    fn names_person(&self, key: &str) -> bool {
        self.people.contains(&key.to_lowercase())
    }

    /// Whether a key's value is dropped, given whether it lies in an object that describes a person.
    fn is_personal(&self, key: &str, in_person: bool) -> bool {
        if self.keys.contains(&key.to_lowercase()) {
            return true;
        }
        words(key).any(|word| self.words.contains(&word) || (in_person && word == "name"))
    }

    /// Whether an object is a name-and-value pair whose name names personal data.
    fn is_personal_pair(&self, entries: &[(std::borrow::Cow<'_, str>, Json<'_>)]) -> bool {
        let has_value = entries.iter().any(|(key, _)| key == "value");
        has_value
            && entries.iter().any(|(key, value)| {
                matches!(key.as_ref(), "name" | "key" | "id" | "field" | "property" | "label" | "title")
                    && matches!(value, Json::String(name) if self.is_personal(name, false))
            })
    }
}

/// The words of a key: `customerEmail`, `customer_email` and `customer-e-mail` all have `email` or `mail`.
fn words(key: &str) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut before_lower = false;
    for letter in key.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && before_lower) {
            if !word.is_empty() {
                found.push(std::mem::take(&mut word));
            }
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        before_lower = letter.is_lowercase() || letter.is_numeric();
    }
    if !word.is_empty() {
        found.push(word);
    }
    found.into_iter()
}

/// What cleans the texts of one event.
#[derive(Debug)]
pub struct Cleaner<'a> {
    rules: &'a Rules,
    values: Vec<String>,
}

impl<'a> Cleaner<'a> {
    /// Collects the personal values of an event.
    pub fn new(rules: &'a Rules, event: &Json<'_>) -> Self {
        let mut values = Vec::new();
        collect(rules, event, false, &mut values);
        for value in rules.pointers.iter().filter_map(|pointer| event.at(pointer.steps())) {
            take_values(value, &mut values);
        }
        // The longest first, so that a street goes before its part.
        values.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        values.dedup();
        Self { rules, values }
    }

    /// A text that may be kept.
    pub fn text(&self, text: &str) -> String {
        let mut cleaned = if let Some(json) = nested_json(text) {
            let mut out = String::new();
            self.write(&mut out, &json, &|_| false);
            out
        } else {
            text.to_owned()
        };
        for value in &self.values {
            if value.len() <= cleaned.len() && cleaned.contains(value.as_str()) {
                cleaned = cleaned.replace(value.as_str(), REDACTED_MARK);
            }
        }
        mask_emails(&cleaned)
    }

    /// The JSON text of a value without personal data and without what `is_taken`; empty objects vanish with it.
    pub fn json(&self, value: &Json<'_>, is_taken: &dyn Fn(&Json<'_>) -> bool) -> String {
        let mut out = String::new();
        self.write(&mut out, value, is_taken);
        out
    }

    fn write(&self, out: &mut String, value: &Json<'_>, is_taken: &dyn Fn(&Json<'_>) -> bool) {
        self.write_within(out, value, false, is_taken);
    }

    fn write_within(&self, out: &mut String, value: &Json<'_>, in_person: bool, is_taken: &dyn Fn(&Json<'_>) -> bool) {
        match value {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(text) => out.push_str(text),
            Json::String(text) => write_string(out, &self.text(text)),
            Json::Array(elements) => {
                out.push('[');
                for (place, element) in elements.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    self.write_within(out, element, in_person, is_taken);
                }
                out.push(']');
            }
            Json::Object(entries) => {
                let pair = self.rules.is_personal_pair(entries);
                out.push('{');
                let mut first = true;
                for (key, entry) in entries {
                    if is_taken(entry) || self.rules.is_personal(key, in_person) || (pair && key == "value") {
                        continue;
                    }
                    if !first {
                        out.push(',');
                    }
                    first = false;
                    write_string(out, &mask_emails(key));
                    out.push(':');
                    self.write_within(out, entry, in_person || self.rules.names_person(key), is_taken);
                }
                out.push('}');
            }
        }
    }
}

/// A text that is itself an object or an array in JSON.
fn nested_json(text: &str) -> Option<Json<'_>> {
    let trimmed = text.trim_start();
    if !trimmed.starts_with(['{', '[']) {
        return None;
    }
    Json::parse(text.as_bytes()).ok()
}

fn collect(rules: &Rules, value: &Json<'_>, in_person: bool, values: &mut Vec<String>) {
    match value {
        Json::Object(entries) => {
            let pair = rules.is_personal_pair(entries);
            for (key, entry) in entries {
                if rules.is_personal(key, in_person) || (pair && key == "value") {
                    take_values(entry, values);
                } else {
                    collect(rules, entry, in_person || rules.names_person(key), values);
                }
            }
        }
        Json::Array(elements) => {
            for element in elements {
                collect(rules, element, in_person, values);
            }
        }
        Json::String(text) => {
            if let Some(json) = nested_json(text) {
                collect(rules, &json, in_person, values);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Texts that tell a person apart: long enough, and with a digit, a space or an `@` in them.
fn take_values(value: &Json<'_>, values: &mut Vec<String>) {
    match value {
        Json::String(text) => {
            let text = text.trim();
            let telling = text.contains(|c: char| c.is_ascii_digit() || c == ' ' || c == '@');
            if text.len() >= SHORTEST_VALUE && telling && crate::time::parse(text).is_none() {
                values.push(text.to_owned());
            }
        }
        Json::Array(elements) => elements.iter().for_each(|element| take_values(element, values)),
        Json::Object(entries) => {
            // An address has its country and its province in words that other texts need.
            let public = ["country", "country_code", "country_name", "province", "province_code", "state", "id"];
            entries.iter().filter(|(key, _)| !public.contains(&key.as_ref())).for_each(|(_, entry)| take_values(entry, values));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Replaces whatever looks like an e-mail address, also where the `@` is written as in a URL.
pub fn mask_emails(text: &str) -> String {
    let mut out = String::new();
    let mut from = 0;
    let mut search = 0;
    while let Some((at, sign)) = next_at_sign(text, search) {
        let start = text[from..at].rfind(|c: char| !is_local(c)).map_or(from, |place| {
            let skipped = text[from + place..].chars().next().map_or(1, char::len_utf8);
            from + place + skipped
        });
        let after = at + sign.len();
        let domain_end = text[after..].find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '.')).map_or(text.len(), |end| after + end);
        let domain = text[after..domain_end].trim_end_matches(['.', '-']);
        let is_address = start < at && domain.rsplit_once('.').is_some_and(|(host, top)| !host.is_empty() && top.chars().count() >= 2 && !top.chars().all(|c| c.is_ascii_digit()));
        if is_address {
            out.push_str(&text[from..start]);
            out.push_str(EMAIL_MARK);
            from = after + domain.len();
            search = from;
        } else {
            search = after;
        }
    }
    out.push_str(&text[from..]);
    out
}

fn next_at_sign(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let rest = &text[from..];
    let plain = rest.find('@').map(|at| (from + at, "@"));
    let encoded = rest.find("%40").map(|at| (from + at, "%40"));
    match (plain, encoded) {
        (Some(plain), Some(encoded)) => Some(if plain.0 < encoded.0 { plain } else { encoded }),
        (found, None) | (None, found) => found,
    }
}

fn is_local(letter: char) -> bool {
    letter.is_alphanumeric() || "._%+-'~!#$*^{}|`".contains(letter)
}

/// An e-mail address as it is hashed: trimmed, Unicode-normalised (NFKC), lower case. `None` for what is none.
pub fn normal_email(text: &str) -> Option<String> {
    let normal: String = text.trim().nfkc().collect::<String>().to_lowercase();
    let normal = normal.trim();
    let (local, domain) = normal.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty() && !normal.contains(char::is_whitespace)).then(|| normal.to_owned())
}

/// The key of a customer: 32 hex digits of HMAC-SHA256 over the normal e-mail address, the same in every source.
pub fn customer_key(key: &HashKey, email: &str) -> Option<String> {
    let normal = normal_email(email)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.reveal().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(normal.as_bytes());
    Some(hex::encode(&mac.finalize().into_bytes()[..16]))
}

#[cfg(test)]
mod tests {
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
        Cleaner::new(&rules, &event).json(&event, &|_| false)
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
}
