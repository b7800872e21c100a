//! What is wrong with a landing object, and the row that says so.

use freshet_ingest::canonical::hash_parts;
use freshet_ingest::line::LINE_VERSION;
use freshet_ingest::normalize::REJECTED;
use freshet_ingest::time::Millis;
use freshet_schema::Contract;
use object_store::ObjectMeta;
use serde_json::json;

/// What is wrong with an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Lines that became rows.
    pub(crate) good: usize,
    /// Lines that are no rows of ours.
    pub(crate) foreign: usize,
    /// Lines that do not fit their table.
    pub(crate) bad: usize,
    /// Whether the bytes do not unpack to their end.
    pub(crate) is_broken: bool,
    /// Whether it was not read, as no object of ours is so large.
    pub(crate) is_too_large: bool,
    /// What is wrong with the first bad line.
    pub(crate) message: Option<String>,
}

impl Damage {
    /// Whether anything is.
    pub(crate) fn is_any(&self) -> bool {
        self.foreign > 0 || self.bad > 0 || self.is_broken || self.is_too_large
    }

    /// Notes a bad line.
    pub(crate) fn note_bad(&mut self, message: String) {
        self.bad += 1;
        self.message.get_or_insert(message);
    }

    /// The line of `rejected_events` that says so. The object's key and ETag identify it: however often it is read, it is
    /// said once.
    pub(crate) fn line(&self, contract: &Contract, object: &ObjectMeta) -> String {
        let version = contract.table(REJECTED).map_or(1, |table| table.version);
        let etag = object.e_tag.clone().unwrap_or_default();
        let id = hash_parts(&["landing", object.location.as_ref(), &etag]);
        let reason = if self.good == 0 && !self.is_broken { "foreign_object" } else { "damaged_object" };
        let ending = if self.is_broken { ", and its end does not unpack" } else { "" };
        let said = self.message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default();
        let found = if self.is_too_large {
            format!("{} bytes, more than any object of ours has", object.size)
        } else {
            format!(
                "{} good lines, {} that are no rows of ours, {} that do not fit their table{said}{ending}",
                self.good, self.foreign, self.bad
            )
        };
        let message = format!("read landing object {}: {found}; it is in quarantine/", object.location);
        let received_at = Millis(object.last_modified.timestamp_millis());
        let columns = json!({
            "dt": received_at.date(), "search_days": 0, "deliveries": 0,
            "event_id": id, "row_index": 0, "source": "lake", "topic": "landing", "occurred_at": received_at.text(), "received_at": received_at.text(),
            "time_suspect": false, "payload_hash": id, "reason": reason, "message": message,
        })
        .to_string();
        format!("{{\"table\":\"{REJECTED}\",\"line_version\":{LINE_VERSION},\"schema_version\":{version},{}", &columns[1..])
    }
}
