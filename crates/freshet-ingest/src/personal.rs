//! Personal data: which keys name it, what becomes of texts, and the keyed hash of an e-mail address.
//!
//! Three nets, one behind the other: keys that name personal data are dropped at any depth; what such a key held is
//! taken out of every other text of the same event; and whatever looks like an e-mail address becomes `[email]`.

mod keys;

use aho_corasick::{AhoCorasick, MatchKind};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;

use crate::json::{Json, write_string};
use crate::secret::HashKey;

pub use keys::Rules;

/// Stands where an e-mail address was.
pub const EMAIL_MARK: &str = "[email]";
/// Stands where a value stood that a personal key of the same event holds.
pub const REDACTED_MARK: &str = "[redacted]";

/// The shortest value that is looked for in other texts: shorter ones are everyday words.
const SHORTEST_VALUE: usize = 6;
/// The shortest number that is: shorter ones are postal codes and parts of ids.
const SHORTEST_NUMBER: usize = 7;
/// Up to how many values are looked for one by one.
const FEW_VALUES: usize = 16;
/// How often JSON may lie in a text in JSON: what lies deeper is not kept.
const NESTED_LEVELS: u8 = 4;
/// Parts of a personal object, such as an address, whose words other texts need.
const PUBLIC_PARTS: [&str; 11] =
    ["country", "country_code", "country_name", "province", "province_code", "state", "city", "zip", "company", "id", "type"];

/// What personal keys held, to be found in other texts.
#[derive(Debug, Default)]
pub struct Values {
    texts: Vec<String>,
    /// Finds many values in one pass, where there are many.
    finder: Option<AhoCorasick>,
}

impl Values {
    /// Collects the personal values of a body, without those below `except`; `known` are personal by their place.
    pub fn collect(rules: &Rules, body: &Json<'_>, except: Option<&Json<'_>>, known: &[&Json<'_>]) -> Self {
        let mut texts = Vec::new();
        let mut collector = Collector { rules, except: except.map(std::ptr::from_ref), texts: &mut texts };
        collector.collect(body, false, 0);
        for value in known {
            collector.take(value);
        }
        // The longest first, so that a street goes before its part.
        texts.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        texts.dedup();
        let finder =
            (texts.len() > FEW_VALUES).then(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&texts).ok()).flatten();
        Self { texts, finder }
    }

    fn redact(&self, text: &mut String) {
        if self.texts.last().is_none_or(|shortest| text.len() < shortest.len()) {
            return;
        }
        if let Some(finder) = &self.finder {
            let found: Vec<_> = finder.find_iter(text.as_str()).filter(|found| stands_alone(text, found.start(), found.end())).collect();
            for found in found.iter().rev() {
                text.replace_range(found.start()..found.end(), REDACTED_MARK);
            }
            return;
        }
        for value in &self.texts {
            let mut from = 0;
            while let Some(start) = text.get(from..).and_then(|rest| rest.find(value.as_str())).map(|at| from + at) {
                let end = start + value.len();
                from = end;
                if stands_alone(text, start, end) {
                    text.replace_range(start..end, REDACTED_MARK);
                    from = start + REDACTED_MARK.len();
                }
            }
        }
    }
}

/// Whether a found value is not a part of a longer number, such as an id that holds a telephone number's digits.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let goes_on = (start > 0 && is_digit(start - 1) && is_digit(start)) || (is_digit(end - 1) && is_digit(end));
    !goes_on || text[start..end].chars().any(char::is_alphabetic)
}

/// What cleans the texts of one event.
#[derive(Debug)]
pub struct Cleaner<'a> {
    rules: &'a Rules,
    own: Values,
    around: &'a Values,
    /// Values that are dropped for their place.
    dropped: Vec<*const ()>,
}

impl<'a> Cleaner<'a> {
    /// Collects the personal values of an event; `around` holds those of the body that a batch lies in.
    pub fn new(rules: &'a Rules, event: &Json<'_>, topic: &str, around: &'a Values) -> Self {
        let known = rules.at_places(event, topic);
        let dropped = known.iter().map(|value| std::ptr::from_ref(*value).cast()).collect();
        Self { rules, own: Values::collect(rules, event, None, &known), around, dropped }
    }

    /// Whether a value of the event is personal for its place.
    pub fn is_dropped(&self, value: &Json<'_>) -> bool {
        self.dropped.contains(&std::ptr::from_ref(value).cast())
    }

    /// A text that may be kept.
    pub fn text(&self, text: &str) -> String {
        self.text_within(text, 0)
    }

    fn text_within(&self, text: &str, level: u8) -> String {
        let mut cleaned = match nested_json(text) {
            Some(_) if level >= NESTED_LEVELS => return REDACTED_MARK.to_owned(),
            Some(json) => {
                let mut out = String::new();
                self.write_within(&mut out, &json, false, level + 1, &|_| false);
                out
            }
            None => text.to_owned(),
        };
        self.own.redact(&mut cleaned);
        self.around.redact(&mut cleaned);
        mask_emails(&cleaned)
    }

    /// The JSON text of a value without personal data and without what `is_taken`; an object that becomes empty so
    /// vanishes.
    pub fn json(&self, value: &Json<'_>, is_taken: &dyn Fn(&Json<'_>) -> bool) -> String {
        let mut out = String::new();
        self.write_within(&mut out, value, false, 0, is_taken);
        out
    }

    fn write_within(&self, out: &mut String, value: &Json<'_>, in_person: bool, level: u8, is_taken: &dyn Fn(&Json<'_>) -> bool) {
        match value {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(text) => out.push_str(text),
            Json::String(text) => write_string(out, &self.text_within(text, level)),
            Json::Array(elements) => {
                out.push('[');
                for (place, element) in elements.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    self.write_within(out, element, in_person, level, is_taken);
                }
                out.push(']');
            }
            Json::Object(entries) => {
                let pair = self.rules.is_personal_pair(entries);
                out.push('{');
                for (key, entry) in entries {
                    let named = self.rules.judge(key);
                    if is_taken(entry) || self.is_dropped(entry) || named.is_personal(in_person) || (pair && key == "value") {
                        continue;
                    }
                    let before = out.len();
                    if !out.ends_with('{') {
                        out.push(',');
                    }
                    if named.may_hold_address {
                        write_string(out, &mask_emails(key));
                    } else {
                        write_string(out, key);
                    }
                    out.push(':');
                    let start = out.len();
                    self.write_within(out, entry, in_person || named.is_person, level, is_taken);
                    if matches!(entry, Json::Object(entries) if !entries.is_empty()) && &out[start..] == "{}" {
                        out.truncate(before);
                    }
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

struct Collector<'a> {
    rules: &'a Rules,
    except: Option<*const Json<'a>>,
    texts: &'a mut Vec<String>,
}

impl Collector<'_> {
    fn collect(&mut self, value: &Json<'_>, in_person: bool, level: u8) {
        if self.except.is_some_and(|except| std::ptr::addr_eq(except, std::ptr::from_ref(value))) {
            return;
        }
        match value {
            Json::Object(entries) => {
                let pair = self.rules.is_personal_pair(entries);
                for (key, entry) in entries {
                    let named = self.rules.judge(key);
                    if named.is_personal(in_person) || (pair && key == "value") {
                        self.take(entry);
                    } else {
                        self.collect(entry, in_person || named.is_person, level);
                    }
                }
            }
            Json::Array(elements) => elements.iter().for_each(|element| self.collect(element, in_person, level)),
            Json::String(text) => {
                if level < NESTED_LEVELS
                    && let Some(json) = nested_json(text)
                {
                    self.collect(&json, in_person, level + 1);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// Takes texts that tell a person apart: long enough, with a digit, a space or an `@` in them. A number alone is as
    /// long as a telephone number: a postal code is not looked for in other texts, and neither is a town, since
    /// products and countries are named after them.
    fn take(&mut self, value: &Json<'_>) {
        match value {
            Json::String(text) => {
                let text = text.trim();
                let telling = text.contains(|c: char| c.is_ascii_digit() || c == ' ' || c == '@');
                let is_short_number = text.len() < SHORTEST_NUMBER && is_digits(text);
                if text.len() >= SHORTEST_VALUE && telling && !is_short_number && crate::time::parse(text).is_none_or(|_| is_digits(text)) {
                    self.texts.push(text.to_owned());
                }
            }
            Json::Array(elements) => elements.iter().for_each(|element| self.take(element)),
            Json::Object(entries) => {
                entries.iter().filter(|(key, _)| !PUBLIC_PARTS.contains(&key.as_ref())).for_each(|(_, entry)| self.take(entry));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Replaces whatever looks like an e-mail address, also where the `@` is written as in a URL.
pub fn mask_emails(text: &str) -> String {
    if !text.bytes().any(|byte| byte == b'@' || byte == b'%') {
        return text.to_owned();
    }
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
        let is_address = start < at
            && domain
                .rsplit_once('.')
                .is_some_and(|(host, top)| !host.is_empty() && top.chars().count() >= 2 && !top.chars().all(|c| c.is_ascii_digit()));
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
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.reveal().as_bytes()).ok()?;
    mac.update(normal.as_bytes());
    Some(hex::encode(&mac.finalize().into_bytes()[..16]))
}

#[cfg(test)]
mod tests;
