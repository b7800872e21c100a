//! The files that a result leaves: `<id>.csv` with every value in quotes and NULL as nothing, `<id>.txt` with lines, and
//! `.metadata` beside them, a protobuf message (the layout as the public parser of burtcorp's athena-jdbc reads it).

use super::execution::ResultColumn;

/// Adds a row to a CSV: a value stands in quotes, which are doubled inside it; NULL is nothing.
pub(crate) fn csv_row<T: AsRef<str>>(out: &mut Vec<u8>, values: impl IntoIterator<Item = Option<T>>) {
    for (place, value) in values.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        if let Some(value) = value {
            // Between two pieces stood a quote.
            for piece in value.as_ref().split('"') {
                out.push(b'"');
                out.extend_from_slice(piece.as_bytes());
                out.push(b'"');
            }
        }
    }
    out.push(b'\n');
}

/// Reads a row back: its values and how many bytes it takes; `None` where the bytes end before it does.
pub(crate) fn read_csv_row(bytes: &[u8]) -> Option<(Vec<Option<String>>, usize)> {
    let mut values = Vec::new();
    let mut at = 0;
    loop {
        if *bytes.get(at)? == b'"' {
            let mut value = Vec::new();
            at += 1;
            loop {
                match (*bytes.get(at)?, bytes.get(at + 1)) {
                    (b'"', Some(b'"')) => {
                        value.push(b'"');
                        at += 2;
                    }
                    (b'"', _) => break,
                    (byte, _) => {
                        value.push(byte);
                        at += 1;
                    }
                }
            }
            at += 1;
            values.push(Some(String::from_utf8_lossy(&value).into_owned()));
        } else {
            values.push(None);
        }
        match *bytes.get(at)? {
            b',' => at += 1,
            _ => return Some((values, at + 1)),
        }
    }
}

/// The `.metadata` of a result.
pub(crate) fn metadata(id: &str, columns: &[ResultColumn]) -> Vec<u8> {
    let mut message = Vec::new();
    text_field(&mut message, 1, id);
    for column in columns {
        let mut described = Vec::new();
        text_field(&mut described, 1, "hive");
        text_field(&mut described, 4, &column.name);
        text_field(&mut described, 5, &column.name);
        text_field(&mut described, 6, &column.kind);
        number_field(&mut described, 7, column.precision);
        number_field(&mut described, 8, column.scale);
        number_field(&mut described, 9, 3);
        number_field(&mut described, 10, i32::from(matches!(column.kind.as_str(), "varchar" | "char" | "json")));
        bytes_field(&mut message, 4, &described);
    }
    message
}

fn text_field(out: &mut Vec<u8>, number: u8, text: &str) {
    if !text.is_empty() {
        bytes_field(out, number, text.as_bytes());
    }
}

fn bytes_field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A number; zero is left out.
fn number_field(out: &mut Vec<u8>, number: u8, value: i32) {
    if value != 0 {
        out.push(number << 3);
        varint(out, u64::try_from(value).unwrap_or_default());
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn null_and_empty_are_told_apart() {
        let mut out = Vec::new();
        csv_row(&mut out, [Some("a"), None, Some(""), Some("say \"hi\",\nthere")]);
        csv_row(&mut out, [None::<&str>]);
        assert_eq!(out, b"\"a\",,\"\",\"say \"\"hi\"\",\nthere\"\n\n");
        let (row, length) = read_csv_row(&out).unwrap();
        assert_eq!(row, [Some("a".to_owned()), None, Some(String::new()), Some("say \"hi\",\nthere".to_owned())]);
        assert_eq!(read_csv_row(&out[length..]).unwrap(), (vec![None], 1));
    }

    #[test]
    fn metadata_has_the_bytes_that_readers_expect() {
        let columns = [
            ResultColumn { name: "ary".to_owned(), kind: "array".to_owned(), precision: 0, scale: 0 },
            ResultColumn { name: "n".to_owned(), kind: "varchar".to_owned(), precision: i32::MAX, scale: 0 },
        ];
        let expected = [
            b"\x0a\x02id".as_slice(),
            b"\x22\x19\x0a\x04hive\x22\x03ary\x2a\x03ary\x32\x05array\x48\x03",
            b"\x22\x1f\x0a\x04hive\x22\x01n\x2a\x01n\x32\x07varchar\x38\xff\xff\xff\xff\x07\x48\x03\x50\x01",
        ];
        assert_eq!(metadata("id", &columns), expected.concat());
    }

    proptest! {
        #[test]
        fn rows_go_there_and_back(row in prop::collection::vec(prop::option::of(any::<String>()), 1..6), cut in 0_usize..64) {
            let mut out = Vec::new();
            csv_row(&mut out, row.iter().map(Option::as_deref));
            prop_assert_eq!(read_csv_row(&out), Some((row, out.len())));
            // What is cut off is never taken for a row.
            prop_assert_eq!(read_csv_row(&out[..out.len().saturating_sub(1 + cut)]), None);
        }
    }
}
