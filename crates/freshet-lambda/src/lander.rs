//! Rows on their way into the landing zone, some megabytes an object, named by their content; and what they are.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use freshet_ingest::normalize::{COUNTS, REJECTED, REJECTED_PAYLOADS};
use freshet_ingest::transform::{LandingObject, landing_object};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::objects;

/// The text of an object.
pub(crate) const CHUNK: usize = 4 * 1024 * 1024;
/// What a compressed object may become. Firehose packs at most 128 MiB into one.
const UNPACKED_LIMIT: u64 = 512 * 1024 * 1024;

/// What lines of the landing zone are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Rows by table, without rejects and counts.
    pub rows: BTreeMap<String, u64>,
    /// Rejects by reason.
    pub rejected: BTreeMap<String, u64>,
}

/// A line, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) table: String,
    #[serde(default)]
    pub(crate) event_id: String,
    #[serde(default)]
    pub(crate) payload_hash: String,
    #[serde(default)]
    reason: String,
}

impl Seen {
    /// What a line is; our own always can be read.
    pub(crate) fn of(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

impl Made {
    /// Takes in what lines are.
    pub(crate) fn note(&mut self, lines: &str) {
        for seen in lines.lines().filter_map(Seen::of) {
            match seen.table.as_str() {
                COUNTS | REJECTED_PAYLOADS => {}
                REJECTED => *self.rejected.entry(seen.reason).or_default() += 1,
                _ => *self.rows.entry(seen.table).or_default() += 1,
            }
        }
    }

    /// How many rows.
    pub fn row_count(&self) -> u64 {
        self.rows.values().sum()
    }

    /// How many rejects.
    pub fn reject_count(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// Collects rows into objects below a prefix. The same rows in the same order are the same objects.
#[derive(Debug)]
pub(crate) struct Lander {
    prefix: &'static str,
    rows: String,
    full: Vec<LandingObject>,
    /// How many objects were put.
    pub(crate) landed: u64,
}

impl Lander {
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self { prefix, rows: String::new(), full: Vec::new(), landed: 0 }
    }

    /// Takes rows.
    pub(crate) fn take(&mut self, rows: &str) {
        self.rows.push_str(rows);
        if self.rows.len() >= CHUNK {
            self.pack();
        }
    }

    fn pack(&mut self) {
        if !self.rows.is_empty() {
            self.full.push(landing_object(self.prefix, self.rows.as_bytes()));
            self.rows.clear();
        }
    }

    /// Puts the objects that are full; with `is_last` the rest too. Without a client they are counted and let go.
    pub(crate) async fn land(&mut self, target: Option<(&aws_sdk_s3::Client, &str)>, is_last: bool) -> Result<(), Error> {
        if is_last {
            self.pack();
        }
        for object in std::mem::take(&mut self.full) {
            if let Some((s3, bucket)) = target {
                objects::put(s3, bucket, object).await?;
                self.landed += 1;
            }
        }
        Ok(())
    }
}

/// The bytes of an object, unpacked where they are gzip, and whether that is all of them.
pub(crate) fn unpack(bytes: Vec<u8>) -> (Vec<u8>, bool) {
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return (bytes, true);
    }
    let mut unpacked = Vec::new();
    let is_whole = MultiGzDecoder::new(bytes.as_slice()).take(UNPACKED_LIMIT).read_to_end(&mut unpacked).is_ok();
    let is_whole = is_whole && (unpacked.len() as u64) < UNPACKED_LIMIT;
    (unpacked, is_whole)
}

#[cfg(test)]
mod tests {
    use freshet_ingest::envelope::gzip;

    use super::*;

    #[test]
    fn members_are_unpacked_and_a_cut_one_is_said() {
        let two = [gzip(b"a\n"), gzip(b"b\n")].concat();
        assert_eq!(unpack(two.clone()), (b"a\nb\n".to_vec(), true));
        let (front, is_whole) = unpack(two[..two.len() - 4].to_vec());
        assert!(front.starts_with(b"a\n") && !is_whole);
        assert_eq!(unpack(b"plain".to_vec()), (b"plain".to_vec(), true));
    }

    #[test]
    fn rows_and_rejects_are_told_apart() {
        let mut made = Made::default();
        made.note("{\"table\":\"a\"}\n{\"table\":\"rejected_events\",\"reason\":\"stub\"}\n{\"table\":\"rejected_payloads\"}\n{\"table\":\"pipeline_counts\"}\n");
        assert_eq!((made.row_count(), made.rejected.clone()), (1, BTreeMap::from([("stub".to_owned(), 1)])));
    }
}
