//! People of the simulated world. Their addresses are in domains that are reserved for examples (RFC 2606).

use rand::Rng;
use serde_json::{Value, json};

use super::writing::pick;

const FIRST: [&str; 24] = [
    "Anna", "Bruno", "Chloé", "Dmitri", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Kateřina", "Liam", "Mei", "Noah", "Olga", "Paulo",
    "Quinn", "Rosa", "Søren", "Tomás", "Uma", "Victor", "Yuki", "Zoë",
];
const LAST: [&str; 20] = [
    "Abe", "Berg", "Costa", "Dubois", "Ekström", "Fischer", "García", "Hansen", "Ito", "Jensen", "Kovač", "Lindqvist", "Müller", "Novak", "O'Neill",
    "Petrov", "Rossi", "Sato", "Tanaka", "Weiß",
];
const DOMAINS: [&str; 4] = ["example.com", "example.org", "example.net", "mail.example"];
const STREETS: [&str; 6] = ["Harbour Lane", "Mill Road", "Linden Avenue", "Station Street", "Orchard Way", "Chapel Hill"];
/// Country, its province, city.
const PLACES: [(&str, &str, &str, &str); 8] = [
    ("DE", "Germany", "BE", "Berlin"),
    ("FR", "France", "IDF", "Paris"),
    ("US", "United States", "OR", "Portland"),
    ("US", "United States", "CA", "Oakland"),
    ("GB", "United Kingdom", "ENG", "Leeds"),
    ("JP", "Japan", "JP-13", "東京"),
    ("CH", "Switzerland", "ZH", "Zürich"),
    ("SE", "Sweden", "AB", "Uppsala"),
];

/// A person.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) email: String,
    pub(super) phone: String,
    street: String,
    place: (&'static str, &'static str, &'static str, &'static str),
}

impl Person {
    /// Someone new; `number` keeps addresses apart.
    pub(super) fn new(rng: &mut impl Rng, number: usize) -> Self {
        let (first, last) = (*pick(rng, &FIRST), *pick(rng, &LAST));
        let plain: String = format!("{first}.{last}").to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        Self {
            first,
            last,
            email: format!("{plain}{number}@{}", pick(rng, &DOMAINS)),
            phone: format!("+1555{:07}", rng.random_range(0..10_000_000)),
            street: format!("{} {}", rng.random_range(1..200), pick(rng, &STREETS)),
            place: *pick(rng, &PLACES),
        }
    }

    pub(super) fn country(&self) -> &'static str {
        self.place.0
    }

    /// Shopify's form of the address.
    pub(super) fn address(&self) -> Value {
        let (country_code, country, province_code, city) = self.place;
        json!({
            "first_name": self.first, "last_name": self.last, "name": format!("{} {}", self.first, self.last), "company": null,
            "address1": self.street, "address2": "", "city": city, "zip": "00000", "phone": self.phone,
            "country": country, "country_code": country_code, "province": null, "province_code": province_code,
            "latitude": null, "longitude": null,
        })
    }
}
