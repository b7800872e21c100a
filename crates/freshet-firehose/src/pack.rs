//! Event lines packed into few records: Firehose bills each record as a multiple of 5 KB, and a line may be 300 bytes.

use bytes::{BufMut, Bytes, BytesMut};

use crate::Error;
use crate::plan::{Limit, RECORD_BYTES, plan};

/// Packs event lines into as few records as their order allows, each at most 1,000 KiB.
///
/// A line that does not end with a newline gets one, so that the lines of a record can be told apart; a record of a single
/// line shares that line's memory.
///
/// # Errors
/// [`Error::LineTooLong`] for a line that no record holds. Nothing is packed then: the caller takes another way with that line
/// (compressed, or through S3) and calls again.
pub fn pack(lines: &[Bytes]) -> Result<Vec<Bytes>, Error> {
    let too_long = lines.iter().map(terminated_length).enumerate().find(|(_, length)| *length > RECORD_BYTES);
    if let Some((index, length)) = too_long {
        return Err(Error::LineTooLong { index, length, limit: RECORD_BYTES });
    }
    let limit = Limit { items: usize::MAX, bytes: RECORD_BYTES };
    let runs = plan(lines.iter().map(terminated_length), limit);
    Ok(runs.into_iter().map(|run| join(&lines[run])).collect())
}

/// Joins lines, each terminated by a newline.
pub(crate) fn join(lines: &[Bytes]) -> Bytes {
    if let [line] = lines
        && line.ends_with(b"\n")
    {
        return line.clone();
    }
    let mut joined = BytesMut::with_capacity(lines.iter().map(terminated_length).sum());
    for line in lines {
        joined.put_slice(line);
        if !line.ends_with(b"\n") {
            joined.put_u8(b'\n');
        }
    }
    joined.freeze()
}

fn terminated_length(line: &Bytes) -> usize {
    line.len() + usize::from(!line.ends_with(b"\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_lines_share_a_record() {
        let records = pack(&[Bytes::from_static(b"{\"a\":1}\n"), Bytes::from_static(b"{\"a\":2}")]).unwrap();
        assert_eq!(records, [Bytes::from_static(b"{\"a\":1}\n{\"a\":2}\n")]);
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_a_record_and_one_byte_more_is_an_error() {
        let mut line = vec![b'x'; RECORD_BYTES - 1];
        line.push(b'\n');
        assert_eq!(pack(&[Bytes::from(line.clone())]).unwrap().len(), 1);
        line.insert(0, b'x');
        let error = pack(&[Bytes::from_static(b"{}\n"), Bytes::from(line)]).unwrap_err();
        assert!(matches!(error, Error::LineTooLong { index: 1, length: 1_024_001, limit: 1_024_000 }), "{error}");
    }

    #[test]
    fn the_newline_that_is_added_counts() {
        assert!(pack(&[Bytes::from(vec![b'x'; RECORD_BYTES])]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_lines_come_back_in_order_and_no_record_is_too_long(
            lengths in prop::collection::vec(prop_oneof![0_usize..2_000, 200_000_usize..1_024_000], 0..30)
        ) {
            let lines: Vec<Bytes> = lengths
                .iter()
                .enumerate()
                .map(|(index, length)| {
                    let mut line = format!("{index} ").into_bytes();
                    line.resize((*length).max(line.len()).min(RECORD_BYTES - 1), b'x');
                    line.push(b'\n');
                    Bytes::from(line)
                })
                .collect();
            let records = pack(&lines).unwrap();
            prop_assert!(records.iter().all(|record| record.len() <= RECORD_BYTES));
            prop_assert_eq!(records.concat(), lines.concat());
        }
    }
}
