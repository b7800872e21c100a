//! The rows of the lake's feature query (`queries/lead/lead_features.sql`) as frames: customers who have ordered, and
//! prospects who have not, each with the features that they can have.
//!
//! Rows come as Athena's text, in any order, and are put into that of persons: the same lake gives the same frames.

use freshet_ml::error::Error as ModelError;
use freshet_ml::frame::{Column, Frame};

use crate::bgnbd::{Bgnbd, Summary};
use crate::error::Error;
use crate::features::BGNBD;

/// What purchases say: of customers alone.
pub const PURCHASES: [&str; 19] = [
    "recency",
    "tenure",
    "freq",
    "m_sum",
    "m_max",
    "m_mean",
    "m_last",
    "q_sum",
    "gap_mean",
    "gap_std",
    "overdue",
    "n_30",
    "m_30",
    "n_90",
    "m_90",
    "n_180",
    "m_180",
    "refund_sum",
    "refunds_90",
];
/// What checkouts, carts and the desk say: of everyone.
pub const SIGNS: [&str; 15] = [
    "checkouts_30",
    "checkout_age",
    "checkout_value",
    "checkout_items",
    "cart_age",
    "carts_30",
    "lead_age",
    "tickets_30",
    "tickets_90",
    "open_tickets",
    "last_ticket_age",
    "first_reply_hours",
    "last_satisfaction",
    "bad_since_order",
    "providers",
];
/// The one feature that is a category.
pub const CHANNEL: &str = "source";
/// What a row says of who it is about.
const WHO: [&str; 6] = ["subject", "customer_key", "hash_key_id", "account", "customer_id", "known_in"];
/// The column that tells a customer from a prospect.
const FREQUENCY: &str = "freq";

/// Who a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What the lake calls them: a hash of an e-mail address, or a shop and its id.
    pub subject: String,
    /// How they are known.
    pub known_by: KnownBy,
    /// The shops and desks that know them.
    pub known_in: Option<String>,
}

/// How a person is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownBy {
    /// By the hash of an e-mail address, which is the subject; with the id of the key that it was made with.
    Email(Option<String>),
    /// By a shop's id alone.
    Id {
        /// The shop.
        account: Option<String>,
        /// Its id of the customer.
        customer_id: Option<String>,
    },
}

/// People of one kind and what was seen of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Population {
    /// Who they are.
    pub people: Vec<Person>,
    /// Their features, a row a person.
    pub frame: Frame,
}

/// Everyone at a cut-off.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Those who have ordered.
    pub customers: Population,
    /// Those who have not.
    pub prospects: Population,
}

/// Rows of one kind of people on their way to a frame.
#[derive(Debug, Default)]
struct Gathering {
    people: Vec<Person>,
    numbers: Vec<Vec<f64>>,
    channels: Vec<Option<String>>,
}

impl Gathering {
    /// By person.
    fn sort(&mut self) {
        if self.people.is_sorted_by(|one, other| one.subject <= other.subject) {
            return;
        }
        let mut order: Vec<usize> = (0..self.people.len()).collect();
        order.sort_by(|one, other| self.people[*one].subject.cmp(&self.people[*other].subject));
        // A column at a time, so that no more than one is there twice.
        for values in &mut self.numbers {
            *values = order.iter().map(|place| values[*place]).collect();
        }
        self.channels = order.iter().map(|place| self.channels[*place].take()).collect();
        let mut people: Vec<Option<Person>> = self.people.drain(..).map(Some).collect();
        self.people = order.iter().filter_map(|place| people[*place].take()).collect();
    }
}

/// Collects rows.
#[derive(Debug)]
pub struct Collector {
    /// Where in a row the columns of [`WHO`] are, then those of features, then the channel.
    who: [usize; 6],
    features: Vec<usize>,
    channel: usize,
    frequency: usize,
    rows: usize,
    customers: Gathering,
    prospects: Gathering,
}

impl Collector {
    /// Begins with the names of the query's columns.
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let names: Vec<&str> = columns.into_iter().collect();
        let place =
            |name: &str| names.iter().position(|other| *other == name).ok_or_else(|| Error::MissingFeature { column: name.to_owned() });
        let mut who = [0; 6];
        for (slot, name) in who.iter_mut().zip(WHO) {
            *slot = place(name)?;
        }
        let features = PURCHASES.iter().chain(&SIGNS).map(|name| place(name)).collect::<Result<Vec<usize>, Error>>()?;
        let gathering = |features: usize| Gathering { numbers: vec![Vec::new(); features], ..Gathering::default() };
        Ok(Self {
            who,
            features,
            channel: place(CHANNEL)?,
            frequency: place(FREQUENCY)?,
            rows: 0,
            customers: gathering(PURCHASES.len() + SIGNS.len()),
            prospects: gathering(SIGNS.len()),
        })
    }

    /// Takes a row; `None` is NULL.
    pub fn push(&mut self, row: &[Option<String>]) -> Result<(), Error> {
        self.rows += 1;
        let cell = |place: usize| row.get(place).and_then(Option::as_deref);
        let is_customer = cell(self.frequency).is_some();
        let (gathering, features) = if is_customer {
            (&mut self.customers, self.features.as_slice())
        } else {
            (&mut self.prospects, &self.features[PURCHASES.len()..])
        };
        for (place, values) in features.iter().zip(&mut gathering.numbers) {
            let value = cell(*place).map_or(Ok(f64::NAN), str::parse);
            values.push(value.map_err(|_| {
                let column = self.features.iter().position(|other| other == place).and_then(|at| PURCHASES.iter().chain(&SIGNS).nth(at));
                Error::UnreadableFeature { column: column.copied().unwrap_or_default().to_owned(), row: self.rows }
            })?);
        }
        gathering.channels.push(cell(self.channel).filter(|channel| !channel.is_empty()).map(str::to_owned));
        let text = |place: usize| cell(self.who[place]).map(str::to_owned);
        let known_by = if text(1).is_some() { KnownBy::Email(text(2)) } else { KnownBy::Id { account: text(3), customer_id: text(4) } };
        gathering.people.push(Person { subject: text(0).unwrap_or_default(), known_by, known_in: text(5) });
        Ok(())
    }

    /// Everyone, by their names.
    pub fn finish(mut self) -> Result<Seen, Error> {
        self.customers.sort();
        self.prospects.sort();
        let population = |gathering: Gathering, names: &mut dyn Iterator<Item = &&str>| {
            let numbers = names.map(|name| (*name).to_owned()).zip(gathering.numbers.into_iter().map(Column::Number));
            let frame = Frame::new(numbers.chain([(CHANNEL.to_owned(), Column::Category(gathering.channels))]).collect())?;
            Ok::<_, ModelError>(Population { people: gathering.people, frame })
        };
        Ok(Seen {
            customers: population(self.customers, &mut PURCHASES.iter().chain(&SIGNS))?,
            prospects: population(self.prospects, &mut SIGNS.iter())?,
        })
    }
}

impl Seen {
    /// For how many days the lake has known anyone.
    pub fn history_days(&self) -> u32 {
        let oldest = |population: &Population| number(&population.frame, "lead_age").iter().copied().fold(0.0, f64::max);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days, not below 0")]
        let days = oldest(&self.customers).max(oldest(&self.prospects)) as u32;
        days
    }
}

/// The values of a column of numbers; none where there is no such column.
pub(crate) fn number<'a>(frame: &'a Frame, name: &str) -> &'a [f64] {
    match frame.column(name) {
        Some(Column::Number(values)) => values,
        Some(Column::Category(_)) | None => &[],
    }
}

/// What BG/NBD sees of customers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days and counts, cut to what they can be")]
pub fn summaries(frame: &Frame) -> Vec<Summary> {
    let whole = |value: f64| value.max(0.0) as u32;
    let (repeats, age, recency) = (number(frame, FREQUENCY), number(frame, "tenure"), number(frame, "recency"));
    repeats
        .iter()
        .zip(age)
        .zip(recency)
        .map(|((&repeats, &age), &recency)| Summary { repeats: whole(repeats), last: whole(age - recency), age: whole(age) })
        .collect()
}

/// The frame with one more column of numbers.
pub(crate) fn with_column(frame: &Frame, name: &str, values: Vec<f64>) -> Result<Frame, ModelError> {
    Frame::new(frame.columns().iter().cloned().chain([(name.to_owned(), Column::Number(values))]).collect())
}

/// The frame of customers with the BG/NBD probability, which is missing where there is no such model.
pub(crate) fn with_bgnbd(frame: &Frame, bgnbd: Option<&Bgnbd>, horizon_days: u32) -> Result<Frame, ModelError> {
    let probability = |summary| bgnbd.map_or(f64::NAN, |bgnbd| bgnbd.buys_within(summary, horizon_days));
    with_column(frame, BGNBD, summaries(frame).into_iter().map(probability).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use freshet_ml::frame::Column;

    use super::{CHANNEL, Collector, KnownBy, PURCHASES, SIGNS, Seen, WHO, summaries, with_bgnbd};
    use crate::bgnbd::{Bgnbd, Summary};

    fn columns() -> Vec<&'static str> {
        // Not in the order that they are wanted in.
        WHO.into_iter().rev().chain(SIGNS).chain([CHANNEL]).chain(PURCHASES).collect()
    }

    /// A subject, whether it is a key, and the values that are not NULL.
    pub(crate) type Told<'a> = (&'a str, bool, &'a [(&'a str, &'a str)]);

    /// Seen people.
    pub(crate) fn seen(rows: &[Told<'_>]) -> Result<Seen, crate::error::Error> {
        let mut collector = Collector::new(columns())?;
        for (subject, has_key, values) in rows {
            let cell = |name: &&str| match *name {
                "subject" => Some((*subject).to_owned()),
                "customer_key" => has_key.then(|| (*subject).to_owned()),
                "hash_key_id" => has_key.then(|| "k1".to_owned()),
                "account" => (!has_key).then(|| "acme".to_owned()),
                "customer_id" => (!has_key).then(|| "11".to_owned()),
                name => values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
            };
            collector.push(&columns().iter().map(cell).collect::<Vec<_>>())?;
        }
        collector.finish()
    }

    #[test]
    fn customers_and_prospects_are_told_apart_and_keep_their_own_features() {
        let rows: [Told<'_>; 3] = [
            ("a", true, &[("freq", "2"), ("recency", "10"), ("tenure", "100"), ("lead_age", "120"), ("source", "web")]),
            ("acme/11", false, &[("lead_age", "3"), ("checkout_value", "1.5E2"), ("source", "")]),
            ("c", true, &[("freq", "0"), ("recency", "5"), ("tenure", "5"), ("lead_age", "5")]),
        ];
        let seen = seen(&rows).expect("people");
        assert_eq!(seen.customers.people.iter().map(|person| person.subject.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(seen.customers.people[0].known_by, KnownBy::Email(Some("k1".to_owned())));
        let id = KnownBy::Id { account: Some("acme".to_owned()), customer_id: Some("11".to_owned()) };
        assert_eq!(seen.prospects.people[0].known_by, id);
        assert_eq!(seen.customers.frame.columns().len(), PURCHASES.len() + SIGNS.len() + 1);
        assert_eq!(seen.prospects.frame.columns().len(), SIGNS.len() + 1);
        assert_eq!(seen.prospects.frame.column("checkout_value"), Some(&Column::Number(vec![150.0])));
        assert_eq!(seen.prospects.frame.column(CHANNEL), Some(&Column::Category(vec![None])));
        assert_eq!(seen.history_days(), 120);
        assert_eq!(summaries(&seen.customers.frame)[0], Summary { repeats: 2, last: 90, age: 100 });
        let bgnbd = Bgnbd { r: 0.3, alpha: 40.0, a: 0.5, b: 2.0 };
        let frame = with_bgnbd(&seen.customers.frame, Some(&bgnbd), 30).expect("a frame");
        let expected = bgnbd.buys_within(Summary { repeats: 0, last: 0, age: 5 }, 30);
        assert!(matches!(frame.column("bgnbd"), Some(Column::Number(values)) if (values[1] - expected).abs() < 1e-12));
    }

    #[test]
    fn people_are_in_order_whatever_order_they_come_in() {
        let rows: Vec<Told<'_>> = vec![
            ("b", true, &[("freq", "2"), ("recency", "2"), ("lead_age", "20"), ("source", "web")]),
            ("a", false, &[("freq", "1"), ("recency", "1"), ("lead_age", "10")]),
            ("p", true, &[("lead_age", "5"), ("source", "pos")]),
            ("c", true, &[("freq", "3"), ("recency", "3"), ("lead_age", "30"), ("source", "app")]),
        ];
        let forth = seen(&rows).expect("people");
        let back = seen(&rows.iter().rev().copied().collect::<Vec<_>>()).expect("people");
        assert_eq!(forth.customers.people.iter().map(|person| person.subject.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(super::number(&forth.customers.frame, "recency"), [1.0, 2.0, 3.0]);
        let channels = [None, Some("web".to_owned()), Some("app".to_owned())];
        assert_eq!(forth.customers.frame.column(CHANNEL), Some(&Column::Category(channels.to_vec())));
        // Missing numbers are equal to nothing, so texts are compared.
        assert_eq!(format!("{forth:?}"), format!("{back:?}"));
    }

    #[test]
    fn rows_that_are_not_the_querys_are_refused_by_name() {
        assert!(Collector::new(["subject"]).expect_err("refused").to_string().contains("customer_key"));
        let rows: [Told<'_>; 1] = [("a", true, &[("freq", "2"), ("m_sum", "much")])];
        let refused = seen(&rows).expect_err("refused").to_string();
        assert!(refused.contains("m_sum") && refused.contains("row 1"), "{refused}");
    }
}
