//! A segment: the file that holds the records of one buffer until they are delivered.
//!
//! It begins with [`MAGIC`]; then a frame a record: length and CRC-32 of what follows (4 bytes each), the time of arrival in
//! milliseconds (8 bytes), the data; integers are little-endian. Whatever follows the last whole frame was never acknowledged.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crc_fast::{CrcAlgorithm, checksum};

/// The first bytes of a segment: what it is and the version of its form.
pub(crate) const MAGIC: &[u8; 8] = b"FRSHJNL1";

/// The bytes of a frame before its content.
const HEAD: usize = 8;

/// The bytes of a time of arrival.
const ARRIVAL: usize = 8;

/// The longest content of a frame; a longer one is damage. Firehose takes no record above 1,000 KiB.
const LONGEST: usize = ARRIVAL + 1_000 * 1024;

/// A record as it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When it arrived, in milliseconds since 1970.
    pub(crate) arrival: i64,
    /// Its data.
    pub(crate) data: Vec<u8>,
}

/// A file whose records wait to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its place in the order of segments.
    pub(crate) number: u64,
    /// Its length on disk, about.
    pub(crate) bytes: u64,
}

/// Writes a record's frame to the end of `out`.
pub(crate) fn write_frame(out: &mut Vec<u8>, arrival: i64, data: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.extend_from_slice(&arrival.to_le_bytes());
    out.extend_from_slice(data);
    let (head, content) = out[start..].split_at_mut(HEAD);
    let length = u32::try_from(content.len()).expect("a record is at most 1,000 KiB");
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&crc(content).to_le_bytes());
}

fn crc(content: &[u8]) -> u32 {
    u32::try_from(checksum(CrcAlgorithm::Crc32IsoHdlc, content)).expect("a CRC-32 has 32 bits")
}

/// Reads the records of a segment, in order.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    file: BufReader<File>,
    ended: bool,
    torn: bool,
}

impl SegmentReader {
    /// Opens a segment. A file of another form is an error and not an empty segment.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(256 * 1024, File::open(path)?);
        let mut magic = Vec::with_capacity(MAGIC.len());
        (&mut file).take(MAGIC.len() as u64).read_to_end(&mut magic)?;
        if magic.len() == MAGIC.len() && magic != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a journal segment of this version"));
        }
        let short = magic.len() < MAGIC.len();
        Ok(Self { file, ended: short, torn: short && !magic.is_empty() })
    }

    /// The next record; none at the end or at the first frame that is not whole.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.ended {
            return Ok(None);
        }
        let entry = self.frame()?;
        self.ended = entry.is_none();
        Ok(entry)
    }

    /// Whether bytes were left that are no whole frame.
    pub(crate) fn is_torn(&self) -> bool {
        self.torn
    }

    fn frame(&mut self) -> io::Result<Option<Entry>> {
        let head = self.bytes(HEAD)?;
        if head.is_empty() {
            return Ok(None);
        }
        self.torn = true;
        let (Some(length), Some(expected)) = (head.first_chunk(), head[4.min(head.len())..].first_chunk()) else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if !(ARRIVAL..=LONGEST).contains(&length) {
            return Ok(None);
        }
        let mut content = self.bytes(length)?;
        if content.len() < length || crc(&content) != u32::from_le_bytes(*expected) {
            return Ok(None);
        }
        self.torn = false;
        let mut arrival = [0; ARRIVAL];
        arrival.copy_from_slice(&content[..ARRIVAL]);
        content.drain(..ARRIVAL);
        Ok(Some(Entry { arrival: i64::from_le_bytes(arrival), data: content }))
    }

    /// The next bytes, fewer where the file ends.
    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(count);
        (&mut self.file).take(count as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        std::fs::write(&path, bytes).unwrap();
        let mut reader = SegmentReader::open(&path).unwrap();
        let mut records = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            records.push(entry.data);
        }
        (records, reader.is_torn())
    }

    /// A segment of three records and the places where its frames end.
    fn segment() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = MAGIC.to_vec();
        let mut ends = vec![bytes.len()];
        for data in [&b"first"[..], b"", b"third"] {
            write_frame(&mut bytes, 7, data);
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    fn a_segment_cut_anywhere_gives_every_whole_record_and_no_other() {
        let (bytes, ends) = segment();
        for length in 0..=bytes.len() {
            let (records, torn) = read(&bytes[..length]);
            let whole = ends.iter().filter(|end| **end <= length).count().saturating_sub(1);
            assert_eq!(records, [&b"first"[..], b"", b"third"][..whole], "cut at {length}");
            assert_eq!(torn, length != 0 && !ends.contains(&length), "cut at {length}");
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_segment_and_is_seen() {
        let (bytes, ends) = segment();
        for position in ends[0]..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x10;
            let (records, torn) = read(&damaged);
            let before = ends.iter().filter(|end| **end <= position).count() - 1;
            assert!(records.len() == before && torn, "flipped at {position}");
        }
    }

    #[test]
    fn a_file_of_another_form_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        std::fs::write(&path, b"FRSHJNL2....").unwrap();
        assert_eq!(SegmentReader::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
