//! The landing zone: which objects there are, and the lines of one, read in pieces.

use std::fs::File;
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom, Write};

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
const LONGEST_LINE: usize = 32 * 1024 * 1024;
/// Objects above this are read from a file in the temporary folder; below, from memory.
const IN_MEMORY: u64 = 24 * 1024 * 1024;
/// No writer of ours makes a larger object, and Lambda's temporary folder holds 512 MiB.
pub(crate) const LARGEST_OBJECT: u64 = 400 * 1024 * 1024;
/// How much is unpacked at a time.
const PIECE: usize = 256 * 1024;

/// The objects of the landing zone, the oldest first.
pub(crate) async fn objects(lake: &Lake) -> Result<Vec<ObjectMeta>, Error> {
    let listed = lake.store().list(Some(&Path::from(LANDING))).try_collect::<Vec<_>>().await;
    let mut objects = listed.map_err(Error::object("list the landing zone"))?;
    objects.sort_by(|left, right| (left.last_modified, &left.location).cmp(&(right.last_modified, &right.location)));
    Ok(objects)
}

/// The bytes of an object, which can be read more than once.
#[derive(Debug)]
pub(crate) enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In a file without a name.
    File(File),
}

impl Content {
    /// The lines from the beginning.
    pub(crate) fn lines(&self) -> std::io::Result<Lines> {
        let mut reader = self.reader()?;
        let is_gzip = begins_as_gzip(&mut reader)?;
        Ok(Lines::new(if is_gzip { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) }))
    }

    /// Whether it is compressed.
    pub(crate) fn is_gzip(&self) -> std::io::Result<bool> {
        begins_as_gzip(&mut self.reader()?)
    }

    fn reader(&self) -> std::io::Result<Box<dyn BufRead + Send>> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::File(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(0))?;
                Box::new(std::io::BufReader::with_capacity(PIECE, file))
            }
        })
    }
}

fn begins_as_gzip(reader: &mut Box<dyn BufRead + Send>) -> std::io::Result<bool> {
    Ok(reader.fill_buf()?.starts_with(&[0x1F, 0x8B]))
}

/// An object's bytes; `None` where another compactor has deleted it. What the store fails at is an error, so that nothing
/// is taken for a damaged object that was only read badly.
pub(crate) async fn fetch(lake: &Lake, object: &ObjectMeta) -> Result<Option<Content>, Error> {
    let tried = || format!("read {}", object.location);
    let got = match lake.store().get(&object.location).await {
        Ok(got) => got,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(source) => return Err(Error::Object { tried: tried(), source }),
    };
    let failed = |source| Error::Object { tried: tried(), source };
    if got.meta.size <= IN_MEMORY {
        return Ok(Some(Content::Bytes(got.bytes().await.map_err(failed)?)));
    }
    let unwritten = |source| Error::TemporaryFile { source };
    let mut file = tempfile::tempfile().map_err(unwritten)?;
    let mut pieces = got.into_stream();
    while let Some(piece) = pieces.try_next().await.map_err(failed)? {
        file.write_all(&piece).map_err(unwritten)?;
    }
    Ok(Some(Content::File(file)))
}

/// Deletes objects; those that are gone are fine.
pub(crate) async fn delete(lake: &Lake, locations: &[Path]) -> Result<(), Error> {
    let locations: Vec<object_store::Result<Path>> = locations.iter().cloned().map(Ok).collect();
    let mut deleted = lake.store().delete_stream(Box::pin(futures::stream::iter(locations)));
    loop {
        match deleted.try_next().await {
            Ok(None) => return Ok(()),
            Ok(Some(_)) | Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(Error::Object { tried: "delete landing objects".to_owned(), source }),
        }
    }
}

/// Moves an object out of the landing zone.
pub(crate) async fn quarantine(lake: &Lake, location: &Path) -> Result<(), Error> {
    let rest = location.as_ref().strip_prefix(LANDING).unwrap_or(location.as_ref()).trim_start_matches('/');
    let place = format!("{QUARANTINE}/{rest}");
    // A key as it is; one that is no path as it can be written.
    let target = Path::parse(&place).unwrap_or_else(|_| Path::from(place.as_str()));
    match lake.store().copy(location, &target).await {
        Ok(()) => delete(lake, std::slice::from_ref(location)).await,
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(source) => Err(Error::Object { tried: format!("move {location} to {QUARANTINE}/"), source }),
    }
}

/// The lines of an object: of its gzip members, or of its bytes where it is not compressed.
pub(crate) struct Lines {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What of the buffer has not been given out.
    rest: std::ops::Range<usize>,
}

/// What reading a line gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line, without its newline.
    Text(&'a [u8]),
    /// The object's end.
    End,
    /// The bytes do not unpack from here on, or a line has no end.
    Broken,
}

impl Lines {
    fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, buffer: vec![0; PIECE], rest: 0..0 }
    }

    /// The next line that is not blank.
    pub(crate) fn next(&mut self) -> Line<'_> {
        loop {
            let Some(line) = self.advance() else {
                return Line::Broken;
            };
            if line.is_empty() && self.rest.is_empty() {
                return Line::End;
            }
            if !self.buffer[line.clone()].iter().all(u8::is_ascii_whitespace) {
                return Line::Text(&self.buffer[line]);
            }
        }
    }

    /// Where the next line lies in the buffer; empty with nothing left at the end; `None` where the bytes are broken.
    fn advance(&mut self) -> Option<std::ops::Range<usize>> {
        let mut scanned = 0;
        loop {
            let start = self.rest.start;
            if let Some(length) = memchr::memchr(b'\n', &self.buffer[start + scanned..self.rest.end]) {
                let end = start + scanned + length;
                self.rest.start = end + 1;
                // A blank line is no end: one byte of it is given out.
                return Some(if end == start { start..end + 1 } else { start..end });
            }
            scanned = self.rest.len();
            if scanned >= LONGEST_LINE {
                return None;
            }
            self.buffer.copy_within(self.rest.clone(), 0);
            self.rest = 0..scanned;
            if self.buffer.len() < scanned + PIECE / 2 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match self.reader.read(&mut self.buffer[scanned..]) {
                Ok(0) => {
                    self.rest = scanned..scanned;
                    return Some(0..scanned);
                }
                Ok(read) => self.rest.end += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}
