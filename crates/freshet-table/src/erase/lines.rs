//! Lines of objects on their way: rows of the landing zone, deliveries in envelopes, Firehose's error records, and what is none
//! of these. Pure: a line in, its fate out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freshet_ingest::envelope::{Body, Envelope};
use freshet_ingest::json::Json;
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{Fetched, transform_lines};
use serde_json::Value;

use super::names::{Names, Plan};

/// How often records may lie in records.
const LEVELS: u8 = 3;

/// What becomes of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays as it is.
    Stays,
    /// It goes.
    Goes,
    /// Some of its records go: so many, and this is left.
    Shrinks(u64, Vec<u8>),
}

/// What lines are judged with.
pub(crate) struct Lines<'a> {
    pub(crate) names: &'a mut Names,
    pub(crate) normalizer: &'a Normalizer,
    /// Bodies that lines point to.
    pub(crate) fetched: &'a Fetched,
    pub(crate) now: Millis,
    /// Keys of bodies that went with their lines.
    pub(crate) bodies: Vec<String>,
}

impl Lines<'_> {
    /// The fate of a line, without its newline.
    pub(crate) fn judge(&mut self, line: &[u8]) -> Fate {
        self.judge_at(line, 0)
    }

    fn judge_at(&mut self, line: &[u8], level: u8) -> Fate {
        let Some(pieces) = pieces(line) else {
            return if self.names.is_in_plain(&String::from_utf8_lossy(line)) { Fate::Goes } else { Fate::Stays };
        };
        if let [only] = pieces.as_slice() {
            return self.judge_value(only, level);
        }
        let (mut gone, mut left) = (0, Vec::new());
        for piece in &pieces {
            match self.judge_value(piece, level) {
                Fate::Stays => left.extend_from_slice(piece),
                Fate::Goes => gone += 1,
                Fate::Shrinks(records, rest) => {
                    gone += records;
                    left.extend(rest);
                }
            }
        }
        match (gone, left.is_empty()) {
            (0, _) => Fate::Stays,
            (_, true) => Fate::Goes,
            (_, false) => Fate::Shrinks(gone, left),
        }
    }

    fn judge_value(&mut self, text: &[u8], level: u8) -> Fate {
        let Ok(json) = Json::parse(text) else {
            return Fate::Stays;
        };
        let goes = |is_named: bool| if is_named { Fate::Goes } else { Fate::Stays };
        if json.get("line_version").is_some() {
            return goes(self.is_in_row(&json, text));
        }
        if let (Some(Json::String(raw)), true) = (json.get("rawData"), level < LEVELS) {
            return match STANDARD.decode(raw.as_bytes()) {
                Ok(data) => self.judge_record(text, &data, level),
                Err(_) => goes(self.names.is_in_body(text)),
            };
        }
        goes(self.is_in_delivery(text))
    }

    /// An error record of Firehose: its data are lines again.
    fn judge_record(&mut self, record: &[u8], data: &[u8], level: u8) -> Fate {
        let (gone, left) = self.sift(data, level + 1);
        if gone == 0 {
            return Fate::Stays;
        }
        if left.is_empty() {
            return Fate::Goes;
        }
        match serde_json::from_slice::<Value>(record) {
            Ok(mut value) => {
                value["rawData"] = STANDARD.encode(left).into();
                Fate::Shrinks(gone, value.to_string().into_bytes())
            }
            Err(_) => Fate::Goes,
        }
    }

    /// Takes out of data what names them: how many lines and records went, and what is left.
    fn sift(&mut self, data: &[u8], level: u8) -> (u64, Vec<u8>) {
        let (mut gone, mut left) = (0, Vec::new());
        for line in data.split_inclusive(|byte| *byte == b'\n') {
            let bare = line.strip_suffix(b"\n").unwrap_or(line);
            if bare.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match self.judge_at(bare, level) {
                Fate::Stays => left.extend_from_slice(line),
                Fate::Goes => gone += 1,
                Fate::Shrinks(records, rest) => {
                    gone += records;
                    left.extend(rest);
                    left.push(b'\n');
                }
            }
        }
        (gone, left)
    }

    /// Whether a row of the landing zone names them. Learns what it tells.
    fn is_in_row(&mut self, row: &Json<'_>, text: &[u8]) -> bool {
        let (source, account) = owner(row);
        let table = row.get("table").and_then(Json::scalar).and_then(|name| self.normalizer.contract().table(name));
        let Some(table) = table else {
            return self.names.is_within(source, account) && self.names.is_in_body(text);
        };
        let Some(plan) = Plan::of(table) else {
            return false;
        };
        self.names.meet(source, account);
        let told = self.names.judge(&plan, source, account, |place, take| match row.get(&plan.columns[place].0) {
            Some(Json::Array(texts)) => texts.iter().filter_map(Json::scalar).for_each(take),
            value => value.and_then(Json::scalar).into_iter().for_each(take),
        });
        match told {
            Some(told) => {
                self.names.learn(source, account, told);
                true
            }
            None => false,
        }
    }

    /// Whether a delivery, or an event of a bus, names them: by one of its rows, or in its body.
    fn is_in_delivery(&mut self, text: &[u8]) -> bool {
        let envelope = Envelope::decode(text).ok();
        if matches!(envelope, Some(Envelope::Refusals(_))) {
            return false;
        }
        let (rows, _) = transform_lines(self.normalizer, text, self.fetched, self.now);
        let mut is_named = false;
        let mut met: Option<(Option<String>, Option<String>)> = None;
        for row in rows.lines() {
            if let Ok(json) = Json::parse(row.as_bytes()) {
                let (source, account) = owner(&json);
                if account.is_some() && met.is_none() {
                    met = Some((source.map(str::to_owned), account.map(str::to_owned)));
                }
                is_named |= self.is_in_row(&json, row.as_bytes());
            }
        }
        let pointed = match &envelope {
            Some(Envelope::Delivery(delivery)) => match &delivery.body {
                Body::Object { key } => Some(key.clone()),
                Body::Bytes(_) => None,
            },
            Some(Envelope::Refusals(_)) | None => None,
        };
        if !is_named {
            let of_path = match &envelope {
                Some(Envelope::Delivery(delivery)) => delivery.account.as_deref().map(str::to_lowercase),
                Some(Envelope::Refusals(_)) | None => None,
            };
            let (source, account) = met.unwrap_or((None, of_path));
            let unpacked = match &envelope {
                Some(Envelope::Delivery(delivery)) => match &delivery.body {
                    Body::Bytes(bytes) => Some(bytes),
                    Body::Object { key } => self.fetched.get(key).and_then(Option::as_ref),
                },
                Some(Envelope::Refusals(_)) | None => None,
            };
            is_named = self.names.is_whole(account.as_deref())
                || self.names.is_within(source.as_deref(), account.as_deref())
                    && (self.names.is_in_body(text) || unpacked.is_some_and(|body| self.names.is_in_body(body)));
        }
        if is_named {
            self.bodies.extend(pointed);
        }
        is_named
    }
}

/// The source and the account of a row.
fn owner<'a>(row: &'a Json<'_>) -> (Option<&'a str>, Option<&'a str>) {
    (row.get("source").and_then(Json::scalar), row.get("account").and_then(Json::scalar))
}

/// The JSON values of a line: one, or several that nothing divides; `None` where it is no JSON.
fn pieces(line: &[u8]) -> Option<Vec<&[u8]>> {
    let text = std::str::from_utf8(line).ok()?;
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (_, behind) = Json::parse_first(rest).ok()?;
        found.push(rest[..rest.len() - behind.len()].trim().as_bytes());
        rest = behind.trim_start();
    }
    Some(found)
}
