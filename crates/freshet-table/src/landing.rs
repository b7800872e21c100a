//! The landing zone: which objects there are, and the lines of one, read in pieces.

use std::io::{BufRead, BufReader, Cursor, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::Error;
use crate::lake::Lake;

/// Where rows wait for their tables.
pub(crate) const LANDING: &str = "landing";
/// Where objects go that hold more than good lines.
pub(crate) const QUARANTINE: &str = "quarantine";

/// The longest line: a row of the largest body that a receiver takes, with room to spare.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// The objects of the landing zone, the oldest first.
pub(crate) async fn objects(lake: &Lake) -> Result<Vec<ObjectMeta>, Error> {
    let listed = lake.store().list(Some(&Path::from(LANDING))).try_collect::<Vec<_>>().await;
    let mut objects = listed.map_err(Error::object("list the landing zone"))?;
    objects.sort_by(|left, right| (left.last_modified, &left.location).cmp(&(right.last_modified, &right.location)));
    Ok(objects)
}

/// An object's bytes; `None` where another compactor has deleted it.
pub(crate) async fn fetch(lake: &Lake, location: &Path) -> Result<Option<Bytes>, Error> {
    let read = async { lake.store().get(location).await?.bytes().await };
    match read.await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(Error::Object { tried: format!("read {location}"), source }),
    }
}

/// Deletes objects; those that are gone are fine.
pub(crate) async fn delete(lake: &Lake, locations: &[Path]) -> Result<(), Error> {
    for location in locations {
        match lake.store().delete(location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(Error::Object { tried: format!("delete {location}"), source }),
        }
    }
    Ok(())
}

/// Moves an object out of the landing zone.
pub(crate) async fn quarantine(lake: &Lake, location: &Path) -> Result<(), Error> {
    let rest = location.as_ref().trim_start_matches(LANDING).trim_start_matches('/');
    let target = Path::from(format!("{QUARANTINE}/{rest}"));
    match lake.store().copy(location, &target).await {
        Ok(()) => delete(lake, std::slice::from_ref(location)).await,
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(source) => Err(Error::Object { tried: format!("move {location} to {QUARANTINE}/"), source }),
    }
}

/// The lines of an object: of its gzip members, or of its bytes where it is not compressed.
pub(crate) struct Lines {
    reader: Box<dyn BufRead + Send>,
}

/// What reading a line gave.
pub(crate) enum Line {
    /// A line, without its newline.
    Text,
    /// The object's end.
    End,
    /// The bytes do not unpack from here on, or a line has no end.
    Broken,
}

impl Lines {
    pub(crate) fn new(bytes: Bytes) -> Self {
        let is_gzip = bytes.starts_with(&[0x1F, 0x8B]);
        let cursor = Cursor::new(bytes);
        let reader: Box<dyn BufRead + Send> =
            if is_gzip { Box::new(BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(cursor))) } else { Box::new(cursor) };
        Self { reader }
    }

    /// Reads the next line that is not blank into `line`.
    pub(crate) fn next(&mut self, line: &mut Vec<u8>) -> Line {
        loop {
            line.clear();
            match self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', line) {
                Ok(0) => return Line::End,
                Ok(_) => {}
                Err(_) => return Line::Broken,
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            } else if line.len() as u64 == LONGEST_LINE {
                return Line::Broken;
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Line::Text;
            }
        }
    }
}
