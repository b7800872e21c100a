//! Every text that an object of a lake holds, for tests that search a lake for someone.

use std::collections::BTreeMap;
use std::io::Read as _;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// All that an object says, in lower case: its bytes, unpacked, the rows of Parquet, and what base64 holds.
pub fn texts(object: &[u8]) -> String {
    let mut found = Vec::new();
    gather(object, &mut found);
    found.join("\n").to_lowercase()
}

/// The objects in which a text stands anywhere.
pub fn holders<'a>(said: &'a BTreeMap<String, String>, needle: &str) -> Vec<&'a str> {
    said.iter().filter(|(_, text)| text.contains(needle)).map(|(key, _)| key.as_str()).collect()
}

/// All that a row says, a column a line, and what base64 holds.
pub fn row_texts(batch: &RecordBatch, row: usize) -> String {
    let mut found = Vec::new();
    for column in batch.columns() {
        let shown = ArrayFormatter::try_new(column, &FormatOptions::default()).expect("every type has a text");
        let text = shown.value(row).to_string();
        decode(&text, &mut found);
        found.push(text);
    }
    found.join("\n")
}

fn gather(bytes: &[u8], found: &mut Vec<String>) {
    found.push(String::from_utf8_lossy(bytes).into_owned());
    if bytes.starts_with(b"PAR1") {
        let opened =
            ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).and_then(ParquetRecordBatchReaderBuilder::build);
        for batch in opened.expect("a file that begins like Parquet is Parquet") {
            let batch: RecordBatch = batch.expect("its rows can be read");
            found.extend((0..batch.num_rows()).map(|row| row_texts(&batch, row)));
        }
    } else if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut unpacked = Vec::new();
        // A torn end gives what is before it.
        let _ = flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut unpacked);
        gather(&unpacked, found);
    } else {
        String::from_utf8_lossy(bytes).split('"').for_each(|word| decode(word, found));
    }
}

fn decode(word: &str, found: &mut Vec<String>) {
    if word.len() > 15
        && let Ok(bytes) = STANDARD.decode(word)
    {
        gather(&bytes, found);
    }
}
