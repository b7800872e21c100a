//! Who is erased, by all names that are known: ids, e-mail hashes, addresses; and whether a text or a row names them.
//!
//! An address in a text is found by its hash, as in the tables. An id is looked for as a word of its own in every text;
//! one that is so short that other numbers look like it counts only where a column or a key says that it is a person's.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freshet_ingest::json::Json;
use freshet_ingest::personal::{customer_key, normal_email};
use freshet_ingest::secret::HashKey;
use freshet_schema::{Convert, Person, PersonalData, Table, envelope};
use memchr::memmem;

/// An id of fewer letters is not told from other numbers in a text.
const TELLING: usize = 6;
/// How often JSON may lie in a text in JSON.
const NESTED_LEVELS: u8 = 4;
/// The longest word that is taken for an address.
const LONGEST_ADDRESS: usize = 320;
/// Words of keys that name a person.
const PEOPLE: [&str; 14] = [
    "customer",
    "customers",
    "user",
    "users",
    "requester",
    "submitter",
    "assignee",
    "author",
    "actor",
    "player",
    "person",
    "contact",
    "client",
    "owner",
];
/// Columns of the envelope in which no person is named.
const IMPERSONAL: [&str; 8] =
    ["event_id", "source", "account", "topic", "api_version", "payload_hash", envelope::PARTITION, envelope::HASH_KEY_ID];
/// The column of a body in base64.
const BODY: &str = "body_base64";

/// Whom an erasure is about. It prints without a name.
#[derive(Clone, PartialEq, Eq)]
pub enum Subject {
    /// A person, by the id that the account's source knows them by.
    Customer(String),
    /// A person, by their e-mail address.
    Email(String),
    /// The whole account.
    Shop,
}

impl Subject {
    /// What it is, without who.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Email(_) => "email",
            Self::Shop => "shop",
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind())
    }
}

/// What names whom an erasure is about. It prints as `[redacted]`.
#[derive(Clone)]
pub struct Names {
    account: String,
    is_shop: bool,
    /// The sources that know the account.
    sources: BTreeSet<String>,
    /// E-mail hashes.
    keys: BTreeSet<String>,
    /// Ids, each with its source and account.
    ids: BTreeSet<(String, String, String)>,
    /// Ids whose source is not known yet: those that were asked for.
    asked: BTreeSet<String>,
    addresses: BTreeSet<String>,
    hash_keys: Vec<HashKey>,
}

impl fmt::Debug for Names {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// A name that a row tells beside the one that it was found by.
pub(crate) enum Told {
    Key(String),
    Id(String),
}

impl Names {
    pub(crate) fn new(account: &str, subject: &Subject, hash_keys: &[HashKey]) -> Self {
        let mut names = Self {
            account: account.trim().to_lowercase(),
            is_shop: *subject == Subject::Shop,
            sources: BTreeSet::new(),
            keys: BTreeSet::new(),
            ids: BTreeSet::new(),
            asked: BTreeSet::new(),
            addresses: BTreeSet::new(),
            hash_keys: hash_keys.to_vec(),
        };
        match subject {
            Subject::Customer(id) => drop(names.asked.insert(id.trim().to_owned())),
            Subject::Email(email) => {
                names.keys.extend(hash_keys.iter().filter_map(|key| customer_key(key, email)));
                names.addresses.extend(normal_email(email));
            }
            Subject::Shop => {}
        }
        names
    }

    /// The account that was asked for.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether anything of the account was met.
    pub(crate) fn is_account_known(&self) -> bool {
        !self.sources.is_empty()
    }

    /// How many ids and e-mail hashes are known.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.ids.len() + usize::from(self.ids.is_empty() && !self.asked.is_empty()), self.keys.len())
    }

    /// What changes as names are learned.
    pub(crate) fn size(&self) -> usize {
        self.sources.len() + self.keys.len() + self.ids.len()
    }

    /// Learns that a source knows the account.
    pub(crate) fn meet(&mut self, source: Option<&str>, account: Option<&str>) {
        if let (Some(source), Some(account)) = (source, account)
            && account == self.account
            && !self.sources.contains(source)
        {
            self.sources.insert(source.to_owned());
        }
    }

    /// Learns what a row of a source and an account has told.
    pub(crate) fn learn(&mut self, source: Option<&str>, account: Option<&str>, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Key(key) => drop(self.keys.insert(key)),
                Told::Id(id) => {
                    self.ids.insert((source.unwrap_or_default().to_owned(), account.unwrap_or_default().to_owned(), id));
                }
            }
        }
    }

    /// Whether rows of a source and an account are looked at: the account's own, those of no account, and, for a person,
    /// those of other sources, such as the desk of a shop. Another account of the same source is another's.
    pub(crate) fn is_within(&self, source: Option<&str>, account: Option<&str>) -> bool {
        match account {
            None => true,
            Some(account) if account == self.account => true,
            Some(_) if self.is_shop || self.sources.is_empty() => false,
            Some(_) => source.is_some_and(|source| !self.sources.contains(source)),
        }
    }

    /// Whether it is a shop that goes.
    pub(crate) fn is_shop(&self) -> bool {
        self.is_shop
    }

    /// Whether everything of an account goes.
    pub(crate) fn is_whole(&self, account: Option<&str>) -> bool {
        self.is_shop && account == Some(&self.account)
    }

    fn is_id(&self, source: Option<&str>, account: Option<&str>, id: &str) -> bool {
        let of_account = account.is_none_or(|account| account == self.account);
        (of_account && self.asked.contains(id))
            || self.ids.iter().any(|(known_source, known_account, known)| {
                known == id
                    && source.is_none_or(|source| source == known_source)
                    && account.is_none_or(|account| account == known_account || known_account.is_empty())
            })
    }

    fn known_ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|(_, _, id)| id).chain(&self.asked).map(String::as_str)
    }

    /// Whether a row of a table names them, and what else it tells of them. `each` gives the texts of a planned column.
    pub(crate) fn judge(
        &self,
        plan: &Plan,
        source: Option<&str>,
        account: Option<&str>,
        each: impl Fn(usize, &mut dyn FnMut(&str)),
    ) -> Option<Vec<Told>> {
        if !self.is_within(source, account) {
            return None;
        }
        if self.is_whole(account) {
            return Some(Vec::new());
        }
        let (mut is_named, mut is_subject) = (false, false);
        let mut told = Vec::new();
        for (place, (_, role)) in plan.columns.iter().enumerate() {
            each(place, &mut |text| match role {
                _ if self.is_shop => is_named |= self.is_in_plain(text),
                Role::Key => {
                    is_subject |= self.keys.contains(text);
                    told.push(Told::Key(text.to_owned()));
                }
                Role::Subject => {
                    is_subject |= self.is_id(source, account, text);
                    told.push(Told::Id(text.to_owned()));
                }
                Role::Mentioned => is_named |= self.is_id(source, account, text),
                Role::Text => is_named |= !is_named && self.is_in_text(text),
                Role::Body => is_named |= STANDARD.decode(text).is_ok_and(|body| self.is_in_body(&body)),
            });
        }
        if is_subject {
            return Some(told);
        }
        is_named.then(Vec::new)
    }

    /// Whether a body names them: its JSON, or its text.
    pub(crate) fn is_in_body(&self, body: &[u8]) -> bool {
        match Json::parse(body) {
            Ok(json) => self.is_in_json(&json, 0, ""),
            Err(_) => self.is_in_plain(&String::from_utf8_lossy(body)),
        }
    }

    fn is_in_text(&self, text: &str) -> bool {
        self.is_in_nested(text, 0)
    }

    fn is_in_nested(&self, text: &str, level: u8) -> bool {
        if level < NESTED_LEVELS
            && text.trim_start().starts_with(['{', '['])
            && let Ok(json) = Json::parse(text.as_bytes())
        {
            return self.is_in_json(&json, level, "");
        }
        self.is_in_plain(text)
    }

    /// Whether JSON names them, in a text, a number or a key. `parent` is the key that it lies under.
    fn is_in_json(&self, json: &Json<'_>, level: u8, parent: &str) -> bool {
        match json {
            Json::Null | Json::Bool(_) => false,
            Json::Number(text) => self.is_in_plain(text),
            Json::String(text) => self.is_in_nested(text, level + 1),
            Json::Array(elements) => elements.iter().any(|element| self.is_in_json(element, level, parent)),
            Json::Object(entries) => entries.iter().any(|(key, value)| {
                (key.contains(['@', '%']) && self.is_in_plain(key))
                    || self.is_in_json(value, level, key)
                    || value.scalar().is_some_and(|text| self.is_at_person(parent, key, text))
            }),
        }
    }

    /// Whether a value is an id of theirs at a key that names a person: `customer_id`, `id` in `customer`, a person's URI.
    fn is_at_person(&self, parent: &str, key: &str, text: &str) -> bool {
        if self.is_shop {
            return false;
        }
        let names_person = |key: &str| {
            let lower = key.to_lowercase();
            PEOPLE.iter().any(|person| lower.contains(person))
        };
        let last = text.rsplit('/').next().unwrap_or(text);
        let is_place = if text.contains("://") {
            text.contains("/Customer/")
        } else {
            (key.to_lowercase().ends_with("id") && names_person(key)) || (key == "id" && names_person(parent))
        };
        is_place && self.known_ids().any(|id| id == last)
    }

    /// Whether a text holds an id, a hash or an address of theirs; of an account, its name.
    pub(crate) fn is_in_plain(&self, text: &str) -> bool {
        if self.is_shop {
            return self.account.len() >= TELLING && is_word(text, &self.account);
        }
        self.known_ids().any(|id| id.len() >= TELLING && is_word(text, id))
            || self.keys.iter().any(|key| memmem::find(text.as_bytes(), key.as_bytes()).is_some())
            || self.is_address_in(text)
    }

    /// Whether a statement or a result names them: here ids of any length count, since both can be had again.
    pub fn are_in_answer(&self, text: &str) -> bool {
        self.is_in_plain(text)
            || (!self.is_shop && self.known_ids().any(|id| is_word(text, id)))
            || text.lines().any(|line| line.contains("\\u") && self.is_in_body(line.as_bytes()))
    }

    fn is_address_in(&self, text: &str) -> bool {
        if !text.bytes().any(|byte| matches!(byte, b'@' | b'%')) {
            return false;
        }
        let plain = text.replace("%40", "@").replace("%2B", "+").replace("%2b", "+");
        addresses(&plain).any(|address| {
            normal_email(address).is_some_and(|normal| {
                self.addresses.contains(&normal)
                    || self.hash_keys.iter().filter_map(|key| customer_key(key, &normal)).any(|hash| self.keys.contains(&hash))
            })
        })
    }
}

/// What may be an e-mail address in a text: around each `@`, as far as addresses go, with and without signs around it.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('@').flat_map(move |(at, _)| {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let is_outside = |letter: char| letter.is_whitespace() || "\"<>()[]:;,\\=&/?".contains(letter);
        let start =
            before.char_indices().rev().find(|(_, letter)| is_outside(*letter)).map_or(0, |(place, letter)| place + letter.len_utf8());
        let end = after.find(|letter: char| !(letter.is_alphanumeric() || "-._".contains(letter))).unwrap_or(after.len());
        let host = after[..end].trim_end_matches(['.', '-', '_']).len();
        let whole = &text[start..at + 1 + host];
        let bare = whole.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        [whole, bare].into_iter().filter(|address| address.len() <= LONGEST_ADDRESS)
    })
}

/// Whether a word stands in a text with no letter or digit beside it.
fn is_word(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return false;
    }
    memmem::find_iter(text.as_bytes(), word.as_bytes()).any(|start| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        let is_part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        !is_part(before) && !is_part(after)
    })
}

/// What a column can say of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An e-mail hash.
    Key,
    /// The id of the person whose hash the row holds.
    Subject,
    /// The id of another person.
    Mentioned,
    /// A text that may hold anything.
    Text,
    /// A body in base64.
    Body,
}

/// The columns of a table that may name a person.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) columns: Vec<(String, Role)>,
}

impl Plan {
    /// The plan of a table; `None` for one that Freshet computes of no persons, such as counts.
    pub(crate) fn of(table: &Table) -> Option<Self> {
        let role = |column: &freshet_schema::Column| match (column.pii, column.person, column.kind) {
            (Some(PersonalData::Hash), ..) => Some(Role::Key),
            (_, Some(Person::Subject), _) => Some(Role::Subject),
            (_, Some(Person::Mentioned), _) => Some(Role::Mentioned),
            (_, _, freshet_schema::ColumnType::String | freshet_schema::ColumnType::StringArray)
                if column.convert != Some(Convert::Id) && !IMPERSONAL.contains(&column.name.as_str()) =>
            {
                Some(if column.name == BODY { Role::Body } else { Role::Text })
            }
            (..) => None,
        };
        let columns: Vec<_> = table.columns.iter().filter_map(|column| Some((column.name.clone(), role(column)?))).collect();
        let is_of_persons = !table.computed || columns.iter().any(|(_, role)| !matches!(role, Role::Text));
        is_of_persons.then_some(Self { columns })
    }

    /// The plan without texts: what resolves one name to another.
    pub(crate) fn resolving(&self) -> Self {
        let columns = self.columns.iter().filter(|(_, role)| matches!(role, Role::Key | Role::Subject)).cloned().collect();
        Self { columns }
    }
}

#[cfg(test)]
mod tests {
    use freshet_ingest::secret::Secret;

    use super::*;

    fn names(subject: &Subject) -> Names {
        Names::new("Acme.myshopify.com", subject, &[HashKey { id: "k1".to_owned(), secret: Secret::new("s") }])
    }

    #[test]
    fn an_address_is_found_however_it_is_written() {
        let names = names(&Subject::Email(" Ada@Example.com ".to_owned()));
        for text in [
            "ada@example.com",
            "write to <ADA@example.COM>.",
            "mailto:ada@example.com",
            "'ada@example.com'",
            "https://shop/?email=ada%40example.com&x=1",
            r#"{"note":"ada\u0040example.com"}"#,
            r#"{"deep":"{\"mail\":\"ada@example.com\"}"}"#,
            r#"{"ada@example.com":1}"#,
        ] {
            assert!(names.is_in_body(text.as_bytes()), "{text}");
        }
        for text in ["nada@example.com", "ada@example.com.au", "ada at example.com", r#"{"email":"bob@example.com"}"#] {
            assert!(!names.is_in_body(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_address_is_found_by_its_hash_alone() {
        let mut names = names(&Subject::Customer("207119551".to_owned()));
        assert!(!names.is_in_plain("ada@example.com"));
        let key = customer_key(&names.hash_keys[0], "ada@example.com").unwrap();
        names.learn(Some("shopify"), Some("acme.myshopify.com"), vec![Told::Key(key)]);
        assert!(names.is_in_plain("ada@example.com"));
    }

    #[test]
    fn a_long_id_is_found_anywhere_and_a_short_one_where_a_person_is() {
        let long = names(&Subject::Customer("207119551".to_owned()));
        assert!(long.is_in_body(br#"{"anything":[207119551]}"#) && long.is_in_body(b"see gid://shopify/Customer/207119551!"));
        assert!(!long.is_in_body(br#"{"id":1207119551,"x":"2071195512"}"#));
        let short = names(&Subject::Customer("1001".to_owned()));
        assert!(short.is_in_body(br#"{"customer":{"id":1001}}"#) && short.is_in_body(br#"{"x":{"requester_id":"1001"}}"#));
        assert!(short.is_in_body(br#"{"owner":"gid://shopify/Customer/1001"}"#));
        assert!(!short.is_in_body(br##"{"id":1001,"name":"#1001","line":{"id":1001}}"##));
        assert!(short.are_in_answer("\"1001\",\"5\"") && !short.are_in_answer("\"11001\""));
    }

    #[test]
    fn scores_of_people_are_rows_of_people() {
        let table = freshet_schema::Contract::embedded().table("lead_scores").unwrap();
        let plan = Plan::of(table).unwrap();
        let role = |name: &str| plan.columns.iter().find(|(column, _)| column == name).map(|(_, role)| *role);
        assert_eq!((role("customer_key"), role("customer_id"), role("known_in")), (Some(Role::Key), Some(Role::Subject), Some(Role::Text)));
        let cells = |key: &'static str, known_in: &'static str| {
            let names: Vec<String> = plan.columns.iter().map(|(name, _)| name.clone()).collect();
            move |place: usize, take: &mut dyn FnMut(&str)| match names[place].as_str() {
                "customer_key" => take(key),
                "known_in" => take(known_in),
                _ => {}
            }
        };
        let mut person = names(&Subject::Email("ada@example.com".to_owned()));
        let key = customer_key(&person.hash_keys[0], "ada@example.com").unwrap();
        let key: &'static str = key.leak();
        person.meet(Some("shopify"), Some("acme.myshopify.com"));
        assert!(person.judge(&plan, None, None, cells(key, "100, acme.myshopify.com")).is_some());
        assert!(person.judge(&plan, None, None, cells("another", "100, acme.myshopify.com")).is_none());
        let shop = names(&Subject::Shop);
        assert!(shop.judge(&plan, None, None, cells("another", "100, acme.myshopify.com")).is_some());
        assert!(shop.judge(&plan, None, None, cells("another", "other.myshopify.com")).is_none());
    }

    #[test]
    fn another_account_of_the_same_source_is_not_touched() {
        let mut names = names(&Subject::Email("ada@example.com".to_owned()));
        assert!(names.is_within(None, None) && names.is_within(Some("shopify"), Some("acme.myshopify.com")));
        assert!(!names.is_within(Some("zendesk"), Some("42")), "an account that nobody knows reaches no other");
        names.meet(Some("shopify"), Some("acme.myshopify.com"));
        assert!(names.is_within(Some("zendesk"), Some("42")) && !names.is_within(Some("shopify"), Some("b.myshopify.com")));
    }
}
