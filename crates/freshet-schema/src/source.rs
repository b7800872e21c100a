//! A source: how its deliveries are verified, where they say what they are, and what is personal in them.

use serde::Deserialize;

use crate::{Pointer, Table};

/// How a provider signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Base64 of HMAC-SHA256 over the raw body.
    Shopify,
    /// Base64 of HMAC-SHA256 over the timestamp's text and the raw body; the secret is taken as text.
    Zendesk,
    /// Standard Webhooks: base64 of HMAC-SHA256 over `id.timestamp.body`, with a version prefix.
    StandardWebhooks,
    /// `GameAnalytics` collector: base64 of HMAC-SHA256 over the bytes that were sent.
    #[serde(rename = "gameanalytics")]
    GameAnalytics,
}

/// The signature of a source's deliveries.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// How it is made.
    pub scheme: Scheme,
    /// How far a signed time may lie from now, in seconds.
    #[serde(default = "default_tolerance")]
    pub tolerance_seconds: u32,
}

fn default_tolerance() -> u32 {
    300
}

/// Where a delivery says one thing of itself: headers first, then places in its body.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Header names, lower case; the first that is there counts.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Places in the event; the first that holds a text or a number counts.
    #[serde(default)]
    pub pointers: Vec<Pointer>,
    /// Whether places in the body come before headers.
    #[serde(default)]
    pub body_first: bool,
    /// How a value begins that counts; the beginning is cut off.
    #[serde(default)]
    pub prefix: Option<String>,
}

/// A body's shape that says its topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// The topic of a body of this shape.
    pub topic: String,
    /// Places that all hold something.
    pub has: Vec<Pointer>,
}

/// A list of the provider's REST API, whose elements are imported as events of a topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The key of the list in its page: `{"orders": [...]}`.
    pub key: String,
    /// The key of one element that is answered alone: `{"order": {...}}`.
    #[serde(default)]
    pub one: Option<String>,
    /// The topic of its elements.
    pub topic: String,
    /// The key that a webhook has what the list has under, where it is not the body itself.
    #[serde(default)]
    pub under: Option<String>,
}

/// Where a delivery says what it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRules {
    /// The topic.
    #[serde(default)]
    pub topic: Location,
    /// Shapes that say a topic; they come before everything else.
    #[serde(default)]
    pub shapes: Vec<Shape>,
    /// The topic of a body that says none.
    #[serde(default)]
    pub default_topic: Option<String>,
    /// The account: shop domain, Zendesk account, game.
    #[serde(default)]
    pub account: Location,
    /// The provider's id of this delivery (the same over its retries).
    #[serde(default)]
    pub delivery_id: Location,
    /// The provider's id of the event.
    #[serde(default)]
    pub provider_event_id: Location,
    /// The provider's version of the payload.
    #[serde(default)]
    pub api_version: Location,
    /// When the event happened; places in the signed body alone.
    #[serde(default)]
    pub occurred_at: Vec<Pointer>,
    /// Places of an array that holds one event an element.
    #[serde(default)]
    pub batches: Vec<Pointer>,
    /// Lists of the provider's REST API that can be imported.
    #[serde(default)]
    pub lists: Vec<List>,
    /// Beginnings of the names of headers that are kept (never the signature).
    #[serde(default)]
    pub keep_headers: Vec<String>,
}

/// What identifies an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The hash of the canonical payload.
    Payload,
    /// The event's own id, else the signed delivery id and the place in the batch.
    Event,
}

/// What identifies an event of a source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityRule {
    /// The rule.
    pub by: Identity,
    /// Where an event says its own id, for [`Identity::Event`].
    #[serde(default)]
    pub event_id: Vec<Pointer>,
    /// A header that counts beside the payload where the body says no topic: two triggers may send one body.
    #[serde(default)]
    pub header: Option<String>,
}

/// Which keys name personal data.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalKeys {
    /// Words: a key that has one of them among its words is dropped at any depth.
    #[serde(default)]
    pub words: Vec<String>,
    /// Whole keys that are dropped at any depth.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Keys of objects that describe a person: below them every key with the word `name` is dropped, and so is a key
    /// that has both words, such as `customer_name`.
    #[serde(default)]
    pub people: Vec<String>,
    /// Places that are dropped whole.
    #[serde(default)]
    pub places: Vec<PersonalPlaces>,
}

/// Places in an event that are personal whatever their keys are, such as what a name was changed to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalPlaces {
    /// In events of these topics.
    pub topics: Vec<String>,
    /// Where.
    pub pointers: Vec<Pointer>,
}

/// A source of deliveries, or of tables that Freshet writes itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name: the folder's, and the one in `POST /webhooks/<source>`.
    pub name: String,
    /// What a stranger should know of it.
    pub doc: String,
    /// How its deliveries are verified; a source without one takes none.
    #[serde(default)]
    pub signature: Option<Signature>,
    /// Where its deliveries say what they are.
    #[serde(default)]
    pub delivery: DeliveryRules,
    /// What identifies an event.
    #[serde(default)]
    pub identity: Option<IdentityRule>,
    /// Over how many days before and after a row's day a duplicate is looked for, where the day is not certain.
    #[serde(default = "default_retry_days")]
    pub retry_days: u8,
    /// What is personal.
    #[serde(default)]
    pub personal: PersonalKeys,
    /// Its tables, in the order of their files.
    #[serde(skip)]
    pub tables: Vec<Table>,
}

fn default_retry_days() -> u8 {
    2
}
