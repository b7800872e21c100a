//! Which keys name personal data: by their words, as a whole, or inside an object that describes a person.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use freshet_schema::{PersonalKeys, PersonalPlaces};

use crate::json::Json;

/// How many keys are remembered, and how long one may be: providers send the same few hundred again and again.
const REMEMBERED_KEYS: usize = 8_192;
const REMEMBERED_LENGTH: usize = 64;

/// The rules of one source, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    words: BTreeSet<String>,
    keys: BTreeSet<String>,
    people: BTreeSet<String>,
    places: Vec<PersonalPlaces>,
    /// Judgements that were made: they depend on the key alone.
    judged: RwLock<HashMap<Box<str>, Judgement>>,
}

/// What a key says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judgement {
    value: Value,
    /// That its value describes a person.
    pub(super) is_person: bool,
    /// That it may be an e-mail address itself.
    pub(super) may_hold_address: bool,
}

/// What a key says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// It may be kept.
    Open,
    /// It is personal inside an object that describes a person.
    PersonalInside,
    /// It is personal.
    Personal,
}

impl Judgement {
    /// Whether the key's value is dropped, given whether it lies in an object that describes a person.
    pub(super) fn is_personal(self, in_person: bool) -> bool {
        match self.value {
            Value::Open => false,
            Value::PersonalInside => in_person,
            Value::Personal => true,
        }
    }
}

impl Rules {
    /// The rules that a source's contract states.
    pub fn new(contract: &PersonalKeys) -> Self {
        let lower = |names: &[String]| names.iter().map(|name| name.to_lowercase()).collect();
        let spelled = |names: &[String]| names.iter().map(|name| words(name).join("_")).collect();
        Self {
            words: lower(&contract.words),
            keys: spelled(&contract.keys),
            people: spelled(&contract.people),
            places: contract.places.clone(),
            judged: RwLock::default(),
        }
    }

    /// The values of an event that are personal by their place.
    pub(super) fn at_places<'b, 'text>(&self, event: &'b Json<'text>, topic: &str) -> Vec<&'b Json<'text>> {
        let places = self.places.iter().filter(|places| places.topics.iter().any(|known| known == topic));
        places.flat_map(|places| &places.pointers).filter_map(|pointer| event.at(pointer.steps())).collect()
    }

    /// What a key says.
    pub(super) fn judge(&self, key: &str) -> Judgement {
        if key.len() > REMEMBERED_LENGTH {
            return self.judge_anew(key);
        }
        if let Some(judgement) = self.judged.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return *judgement;
        }
        let judgement = self.judge_anew(key);
        let mut judged = self.judged.write().unwrap_or_else(PoisonError::into_inner);
        if judged.len() < REMEMBERED_KEYS {
            judged.insert(key.into(), judgement);
        }
        judgement
    }

    fn judge_anew(&self, key: &str) -> Judgement {
        let words = words(key);
        let whole = words.join("_");
        let has_name = words.iter().any(|word| word == "name");
        let numberless =
            |word: &String| self.words.contains(word) || self.words.contains(word.trim_end_matches(|c: char| c.is_ascii_digit()));
        let is_personal =
            self.keys.contains(&whole) || words.iter().any(numberless) || (has_name && words.iter().any(|word| self.people.contains(word)));
        let value = match (is_personal, has_name) {
            (true, _) => Value::Personal,
            (false, true) => Value::PersonalInside,
            (false, false) => Value::Open,
        };
        Judgement { value, is_person: self.people.contains(&whole), may_hold_address: key.contains('@') || key.contains("%40") }
    }

    /// Whether an object is a name-and-value pair whose name names personal data.
    pub(super) fn is_personal_pair(&self, entries: &[(Cow<'_, str>, Json<'_>)]) -> bool {
        let has_value = entries.iter().any(|(key, _)| key == "value");
        has_value
            && entries.iter().any(|(key, value)| {
                matches!(key.as_ref(), "name" | "key" | "id" | "field" | "property" | "label" | "title")
                    && matches!(value, Json::String(name) if self.judge(name).is_personal(false))
            })
    }
}

/// The words of a key in lower case: `customerEmail`, `customer_email` and `customer-e-mail` all have `email` or `mail`,
/// and `IPAddress` has `ip` and `address`.
fn words(key: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut letters = key.chars().peekable();
    let (mut before_lower, mut before_upper) = (false, false);
    while let Some(letter) = letters.next() {
        let begins_word =
            letter.is_uppercase() && (before_lower || (before_upper && letters.peek().is_some_and(|next| next.is_lowercase())));
        if (!letter.is_alphanumeric() || begins_word) && !word.is_empty() {
            found.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        before_lower = letter.is_lowercase() || letter.is_numeric();
        before_upper = letter.is_uppercase();
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}
