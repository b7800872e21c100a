//! An event becomes rows of every table that takes its topic, or a row of `unmapped_events`, or a rejection.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use freshet_schema::{Contract, Source, Table, envelope};

use crate::convert::{Cell, ColumnPlan, Scope, Taken};
use crate::envelope::Delivery;
use crate::event::{self, Description};
use crate::json::Json;
use crate::line::Line;
use crate::personal::{self, Cleaner, Values};
use crate::secret::HashKey;

/// The table of events that no table takes.
pub const UNMAPPED: &str = "unmapped_events";
/// The table of what could not become rows.
pub const REJECTED: &str = "rejected_events";
/// The table of the bytes of what could not become rows.
pub const REJECTED_PAYLOADS: &str = "rejected_payloads";
/// The table of counts.
pub const COUNTS: &str = "pipeline_counts";

/// What surrounds a batch stands in every row's `extra` up to this length, and in the first event's rows alone beyond.
const SMALL_SURROUNDINGS: usize = 1_024;

/// Why an event cannot become rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The reason's code.
    pub reason: &'static str,
    /// The place that is at fault.
    pub pointer: Option<String>,
    /// What was tried and found, without a payload.
    pub message: String,
    /// The table whose contract it did not fit.
    pub table: Option<String>,
}

/// The contract, ready to make rows.
#[derive(Debug)]
pub struct Normalizer {
    contract: &'static Contract,
    hash_key: HashKey,
    rules: BTreeMap<String, personal::Rules>,
    plans: BTreeMap<String, Vec<ColumnPlan>>,
}

impl Normalizer {
    /// Makes a contract ready. `hash_key` is the key that personal data is hashed with.
    pub fn new(contract: &'static Contract, hash_key: HashKey) -> Self {
        let rules = contract.sources().iter().map(|source| (source.name.clone(), personal::Rules::new(&source.personal))).collect();
        let plan = |table: &'static Table| table.own_columns().iter().map(|column| ColumnPlan::new(column, table.own_columns())).collect();
        let plans = contract.tables().map(|table| (table.name.clone(), plan(table))).collect();
        Self { contract, hash_key, rules, plans }
    }

    /// The contract.
    pub fn contract(&self) -> &'static Contract {
        self.contract
    }

    pub(crate) fn table(&self, name: &str) -> &'static Table {
        self.contract.table(name).expect("a test holds that the lake's own tables are in the contract")
    }

    /// Opens a body: what its events have in common is found once. `array` is the one whose elements they are.
    pub fn open<'a, 'text>(
        &self,
        source: &'a Source,
        delivery: &'a Delivery,
        body: &'a Json<'text>,
        array: Option<&'a Json<'text>>,
    ) -> Opened<'a, 'text> {
        let rules = &self.rules[&source.name];
        let Some(array) = array else {
            return Opened { source, delivery, body, array, values: Values::default(), around: None };
        };
        let values = Values::collect(rules, body, Some(array), &[]);
        let around = match body {
            Json::Object(_) => Some(Cleaner::new(rules, &Json::Null, "", &values).json(body, &|value| std::ptr::eq(value, array))),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        };
        Opened { source, delivery, body, array: Some(array), values, around: around.filter(|around| around != "{}") }
    }

    /// The rows of one event, the one at `place` of its body. The first row is the one that the delivery's outcome hangs on.
    pub fn rows(&self, opened: &Opened<'_, '_>, event: &Json<'_>, place: usize, description: &Description) -> Result<Vec<Line>, Rejection> {
        if !matches!(event, Json::Object(_)) {
            return Err(Rejection {
                reason: "not_an_object",
                pointer: None,
                message: "an event is a JSON object; this one is not".to_owned(),
                table: None,
            });
        }
        let source = opened.source;
        let cleaner = Cleaner::new(&self.rules[&source.name], event, &description.topic, &opened.values);
        let subject = Subject { opened, event, place, description, cleaner: &cleaner };
        let mut lines = Vec::new();
        let mut tables: Vec<&Table> =
            source.tables.iter().filter(|table| table.feeds_on(&description.topic, |pointer| holds(event, pointer))).collect();
        tables.sort_by_key(|table| table.rows.is_some());
        for table in &tables {
            self.table_rows(&subject, table, &tables, &mut lines)?;
        }
        if lines.is_empty() {
            lines.push(self.unmapped(&subject));
        }
        Ok(lines)
    }

    fn table_rows(&self, subject: &Subject<'_, '_>, table: &Table, siblings: &[&Table], lines: &mut Vec<Line>) -> Result<(), Rejection> {
        // What is the same in every row is taken once.
        let of_event: Vec<Option<Taken<'_, '_>>> =
            self.plans[&table.name].iter().map(|plan| plan.is_of_event().then(|| plan.take(&self.scope(subject, None)))).collect();
        let Some(pointer) = &table.rows else {
            lines.push(self.row(subject, table, None, 0, (&of_event, siblings))?);
            return Ok(());
        };
        match subject.event.at(pointer.steps()) {
            Some(Json::Array(elements)) if !elements.is_empty() => {
                for (place, element) in elements.iter().enumerate() {
                    lines.push(self.row(subject, table, Some(element), place, (&of_event, siblings))?);
                }
            }
            _ if needs_element(table) => {}
            _ => lines.push(self.row(subject, table, None, 0, (&of_event, siblings))?),
        }
        Ok(())
    }

    fn scope<'a, 'text>(&'a self, subject: &Subject<'a, 'text>, row: Option<&'a Json<'text>>) -> Scope<'a, 'text> {
        Scope {
            event: subject.event,
            row,
            headers: &subject.opened.delivery.headers,
            topic: &subject.description.topic,
            cleaner: subject.cleaner,
            hash_key: &self.hash_key,
        }
    }

    fn row<'a, 'text>(
        &'a self,
        subject: &Subject<'a, 'text>,
        table: &Table,
        element: Option<&'a Json<'text>>,
        place: usize,
        (of_event, siblings): (&[Option<Taken<'a, 'text>>], &[&Table]),
    ) -> Result<Line, Rejection> {
        let mut line = subject.begin(table, place);
        let scope = self.scope(subject, element);
        let mut taken: Vec<*const Json<'_>> = Vec::new();
        let mut has_hash = false;
        for (plan, of_event) in self.plans[&table.name].iter().zip(of_event) {
            let of_row = if of_event.is_some() { None } else { Some(plan.take(&scope)) };
            let Some(found) = of_event.as_ref().or(of_row.as_ref()) else {
                continue;
            };
            if found.cell == Cell::Null && plan.column.required {
                return Err(missing(table, plan.column, place, found.is_misfit));
            }
            has_hash |= plan.column.pii.is_some() && found.cell != Cell::Null;
            taken.extend(found.whole.map(std::ptr::from_ref));
            line.push(&plan.column.name, &found.cell);
        }
        if has_hash {
            line.push_text(envelope::HASH_KEY_ID, &self.hash_key.id);
        }
        let arrays = siblings.iter().filter_map(|sibling| sibling.rows.as_ref()).filter_map(|pointer| subject.event.at(pointer.steps()));
        taken.extend(arrays.map(std::ptr::from_ref));
        taken.extend(subject.opened.array.map(std::ptr::from_ref));
        taken.sort_unstable();
        let is_taken = |value: &Json<'_>| value.is_void() || taken.binary_search(&std::ptr::from_ref(value)).is_ok();
        let mut extra = subject.extra(if table.rows.is_some() { element } else { Some(subject.event) }, &is_taken);
        // Where all tables of an event open arrays, the first row keeps what no column of the event took.
        if place == 0 && siblings.iter().all(|sibling| sibling.rows.is_some()) {
            let around = subject.cleaner.json(subject.event, &is_taken);
            if around != "{}" {
                insert(extra.get_or_insert_with(|| "{}".to_owned()), "event", &around);
            }
        }
        if let Some(extra) = extra {
            line.push_text(envelope::EXTRA, &extra);
        }
        Ok(line)
    }

    fn unmapped(&self, subject: &Subject<'_, '_>) -> Line {
        let mut line = subject.begin(self.table(UNMAPPED), 0);
        line.push_text("payload", &subject.cleaner.json(subject.event, &|_| false));
        if let Some(extra) = subject.extra(None, &|_| false) {
            line.push_text(envelope::EXTRA, &extra);
        }
        line
    }

    /// The rows that say why an event was rejected, and keep its bytes.
    pub fn rejected(&self, source: &str, delivery: &Delivery, bytes: &[u8], description: &Description, rejection: &Rejection) -> Vec<Line> {
        use base64::Engine as _;
        let search_days = self.search_days(source, description);
        let mut row = begin(self.table(REJECTED), source, delivery, description, 0, search_days);
        row.push_text("reason", rejection.reason);
        if let Some(pointer) = &rejection.pointer {
            row.push_text("pointer", pointer);
        }
        row.push_text("message", &rejection.message);
        if let Some(table) = &rejection.table {
            row.push_text("table_name", table);
        }
        let mut payload = begin(self.table(REJECTED_PAYLOADS), source, delivery, description, 0, search_days);
        payload.push_text("body_base64", &base64::engine::general_purpose::STANDARD.encode(bytes));
        payload.push_text("headers", &headers_text(delivery));
        vec![row, payload]
    }

    fn search_days(&self, source: &str, description: &Description) -> u8 {
        if description.is_day_certain { 0 } else { self.contract.source(source).map_or(2, |source| source.retry_days) }
    }
}

/// A body whose events become rows, and what they have in common.
#[derive(Debug)]
pub struct Opened<'a, 'text> {
    source: &'a Source,
    delivery: &'a Delivery,
    /// The whole body.
    pub body: &'a Json<'text>,
    array: Option<&'a Json<'text>>,
    values: Values,
    /// What surrounds a batch, as JSON text without personal data.
    around: Option<String>,
}

/// One event and all that its rows are made of.
struct Subject<'a, 'text> {
    opened: &'a Opened<'a, 'text>,
    event: &'a Json<'text>,
    place: usize,
    description: &'a Description,
    cleaner: &'a Cleaner<'a>,
}

impl Subject<'_, '_> {
    fn begin(&self, table: &Table, place: usize) -> Line {
        let source = self.opened.source;
        let search_days = if self.description.is_day_certain { 0 } else { source.retry_days };
        begin(table, &source.name, self.opened.delivery, self.description, place, search_days)
    }

    /// What no column took: of the row or the event, of the object around a batch, and a time that is not credible.
    fn extra(&self, rest: Option<&Json<'_>>, is_taken: &dyn Fn(&Json<'_>) -> bool) -> Option<String> {
        let mut text = rest.map_or_else(|| "{}".to_owned(), |rest| self.cleaner.json(rest, is_taken));
        if !text.starts_with('{') {
            text = format!("{{\"value\":{text}}}");
        }
        if self.description.time_suspect
            && let Some(value) = event::own_time_value(self.opened.source, self.event)
        {
            insert(&mut text, "suspect_time", &self.cleaner.json(value, &|_| false));
        }
        if let Some(around) = &self.opened.around
            && (self.place == 0 || around.len() <= SMALL_SURROUNDINGS)
        {
            insert(&mut text, "batch", around);
        }
        (text != "{}").then_some(text)
    }
}

/// Whether a row of the table is meaningless without an element of the opened array.
fn needs_element(table: &Table) -> bool {
    table
        .own_columns()
        .iter()
        .filter(|column| column.required)
        .any(|column| column.from.iter().any(|origin| matches!(origin, freshet_schema::Origin::Body(pointer) if pointer.starts_at_row())))
}

fn insert(object: &mut String, key: &str, json: &str) {
    object.pop();
    if object.len() > 1 {
        object.push(',');
    }
    write!(object, "\"{key}\":{json}}}").expect("writing to a string cannot fail");
}

fn headers_text(delivery: &Delivery) -> String {
    let headers: BTreeMap<&str, &str> = delivery.headers.iter().collect();
    serde_json::to_string(&headers).expect("texts always serialise")
}

fn begin(table: &Table, source: &str, delivery: &Delivery, description: &Description, place: usize, search_days: u8) -> Line {
    let mut line = Line::new(table, description.occurred_at, search_days);
    line.push_text("event_id", &description.event_id);
    line.push("row_index", &Cell::Integer(i64::try_from(place).unwrap_or(i64::MAX)));
    line.push_text("source", source);
    let optional = [
        ("account", &description.account),
        ("delivery_id", &description.delivery_id),
        ("provider_event_id", &description.provider_event_id),
        ("api_version", &description.api_version),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            line.push_text(name, &personal::mask_emails(value));
        }
    }
    line.push_text("topic", &personal::mask_emails(&description.topic));
    line.push("occurred_at", &Cell::Time(description.occurred_at));
    line.push("received_at", &Cell::Time(delivery.received_at));
    line.push("time_suspect", &Cell::Bool(description.time_suspect));
    line.push_text("payload_hash", &description.payload_hash);
    line
}

fn holds(event: &Json<'_>, pointer: &freshet_schema::Pointer) -> bool {
    event.at(pointer.steps()).is_some_and(|value| !value.is_null())
}

fn missing(table: &Table, column: &freshet_schema::Column, place: usize, is_misfit: bool) -> Rejection {
    let pointer = column.from.iter().find_map(|origin| match origin {
        freshet_schema::Origin::Body(pointer) => Some(pointer),
        freshet_schema::Origin::Header(_) => None,
    });
    let place = pointer.map(|pointer| match (&table.rows, pointer.as_str().strip_prefix('.')) {
        (Some(rows), Some(rest)) => format!("{}/{place}{rest}", rows.as_str()),
        (_, _) => pointer.as_str().to_owned(),
    });
    let (reason, found) = if is_misfit { ("bad_value", "what is there cannot be one") } else { ("missing_field", "there is none") };
    Rejection {
        reason,
        message: format!("read `{}` ({}) of {}: it is required, and {found}", column.name, column.kind.athena(), table.name),
        pointer: place,
        table: Some(table.name.clone()),
    }
}
