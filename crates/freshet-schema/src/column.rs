//! A column of a table: its type in Athena's words, where its value comes from and how it is converted.

use std::fmt;

use serde::de::{IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Pointer;

/// A column's type. The names are Athena's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `string`
    String,
    /// `boolean`
    Boolean,
    /// `int`, 32 bits
    Int,
    /// `bigint`, 64 bits
    BigInt,
    /// `double`
    Double,
    /// `decimal(18,4)`: money and other exact amounts
    Decimal,
    /// `timestamp`: UTC without zone, whole milliseconds
    Timestamp,
    /// `date`
    Date,
    /// `array<string>`
    StringArray,
}

impl ColumnType {
    /// Every type of the contract.
    pub const ALL: [Self; 9] =
        [Self::String, Self::Boolean, Self::Int, Self::BigInt, Self::Double, Self::Decimal, Self::Timestamp, Self::Date, Self::StringArray];
    /// Total digits of a decimal column.
    pub const DECIMAL_PRECISION: u8 = 18;
    /// Digits of a decimal column behind the point.
    pub const DECIMAL_SCALE: u8 = 4;

    /// The type as Athena's data definition language writes it.
    pub fn athena(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Double => "double",
            Self::Decimal => "decimal(18,4)",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::StringArray => "array<string>",
        }
    }
}

impl<'de> Deserialize<'de> for ColumnType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::ALL.into_iter().find(|kind| kind.athena() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.athena()).collect();
            serde::de::Error::custom(format!("unknown type `{text}`, expected one of {}", known.join(", ")))
        })
    }
}

/// How a JSON value becomes a column's value. Without one, the column's type decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convert {
    /// An enumeration: trimmed, lower case, empty is NULL.
    Lower,
    /// An id as exact text: `""`, `0` and `"0"` are NULL, the last part of a `gid://` URI is taken.
    Id,
    /// A comma-separated text or an array, as an array of trimmed texts.
    Tags,
    /// A space-separated text or an array, as an array of texts.
    Words,
    /// The value as JSON text with personal data removed.
    Json,
    /// Of each element that the pointer reaches, the value at `with`, as an array of texts.
    Pluck,
    /// How many elements the pointer reaches.
    Count,
    /// The sum of the values at `with` of the elements that the pointer reaches and `where` lets through.
    Sum,
    /// The least of the values at `with`.
    Least,
    /// The greatest of the values at `with`.
    Greatest,
    /// The time's original text, where it had an offset other than `Z` or digits finer than milliseconds.
    OriginalTime,
    /// The parameter `with` of a URL's query.
    QueryParameter,
    /// Whether the event's topic is `with`.
    TopicIs,
    /// The topic's part behind the last `/` or `.`.
    TopicAction,
    /// The hash of an e-mail address, keyed, the same in every source: needs `pii = "hash"`.
    Email,
}

/// What happens to personal data in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalData {
    /// Stored as a keyed hash.
    Hash,
    /// Never stored: the value is taken out of `extra` and of every text.
    Drop,
}

/// Whom the id in a column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// The person whose e-mail hash the row holds, if it holds one: a customer, a requester, a player.
    Subject,
    /// Another person, such as the agent that has a ticket.
    Mentioned,
}

/// Where a column's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A place in the event or in the opened row.
    Body(Pointer),
    /// A delivery's header, by its lower-case name. Headers are not signed everywhere.
    Header(String),
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix("header:") {
            Some(name) => Ok(Self::Header(name.to_ascii_lowercase())),
            None => Pointer::parse(&text).map(Self::Body).map_err(serde::de::Error::custom),
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name: lower case, digits and `_`.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Where its value comes from; the first place that holds a value counts.
    #[serde(default, deserialize_with = "one_or_many")]
    pub from: Vec<Origin>,
    /// How the value is converted.
    #[serde(default)]
    pub convert: Option<Convert>,
    /// What the converter works with: a pointer, a parameter's name or a topic.
    #[serde(default)]
    pub with: Option<String>,
    /// Which elements a converter over elements takes: key and value, compared as lower-case text.
    #[serde(default, rename = "where")]
    pub only: std::collections::BTreeMap<String, String>,
    /// Whether an event without it is rejected.
    #[serde(default)]
    pub required: bool,
    /// What happens to personal data.
    #[serde(default)]
    pub pii: Option<PersonalData>,
    /// That its value is the id of a person. What a person's rows are is found by these columns, and by hashes.
    #[serde(default)]
    pub person: Option<Person>,
    /// What a stranger should know of it.
    pub doc: String,
}

/// A place, or an array of places.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Origin>, D::Error> {
    struct Places;

    impl<'de> Visitor<'de> for Places {
        type Value = Vec<Origin>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a place or an array of places")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<Origin>, E> {
            Ok(vec![Origin::deserialize(text.into_deserializer())?])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut places: A) -> Result<Vec<Origin>, A::Error> {
            let mut origins = Vec::new();
            while let Some(origin) = places.next_element()? {
                origins.push(origin);
            }
            Ok(origins)
        }
    }

    deserializer.deserialize_any(Places)
}
