//! A row's identity: the values of its table's key, as 128 bits; and which identities are there already.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type};
use futures::TryStreamExt;
use object_store::ObjectStore;
use parquet::arrow::async_reader::{ParquetObjectReader, ParquetRecordBatchStreamBuilder};
use parquet::arrow::ProjectionMask;

use crate::commit::DataFile;
use crate::error::Error;

/// The first half of a SHA-256 over the key's values.
pub(crate) type Fingerprint = u128;

/// The name of the column that tells two versions of an event apart.
pub(crate) const PAYLOAD_HASH: &str = "payload_hash";

/// Incoming rows by identity: the place of the row that is kept.
pub(crate) type Incoming = HashMap<Fingerprint, Candidate, BuildHasherDefault<Passthrough>>;

/// An incoming row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its place among the round's rows.
    pub(crate) row: usize,
    /// Its day, in days since 1970.
    pub(crate) day: i32,
    /// Over how many days a duplicate may lie.
    pub(crate) search_days: i32,
    /// The fingerprint of its payload.
    pub(crate) payload: u64,
    /// What was found in the table.
    pub(crate) found: Found,
}

/// What an identity met in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// The same row.
    Same,
    /// The same identity with another payload.
    Other,
}

/// A hash that is one already.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Passthrough(u64);

impl std::hash::Hasher for Passthrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = (value >> 64) as u64 ^ value as u64;
    }
}

/// The fingerprints of a batch's rows over the named columns.
pub(crate) fn fingerprints(batch: &RecordBatch, key: &[String]) -> Vec<Fingerprint> {
    use sha2::{Digest, Sha256};
    let columns: Vec<&Arc<dyn Array>> = key.iter().filter_map(|name| batch.column_by_name(name)).collect();
    let mut text = Vec::with_capacity(128);
    (0..batch.num_rows())
        .map(|row| {
            text.clear();
            for column in &columns {
                push_value(&mut text, column, row);
            }
            let digest = Sha256::digest(&text);
            let mut half = [0; 16];
            half.copy_from_slice(&digest[..16]);
            u128::from_le_bytes(half)
        })
        .collect()
}

fn push_value(text: &mut Vec<u8>, column: &Arc<dyn Array>, row: usize) {
    if column.is_null(row) {
        text.push(0);
        return;
    }
    text.push(1);
    match column.data_type() {
        DataType::Utf8 => {
            let value = column.as_string::<i32>().value(row).as_bytes();
            text.extend_from_slice(&(value.len() as u64).to_le_bytes());
            text.extend_from_slice(value);
        }
        DataType::Int32 => text.extend_from_slice(&column.as_primitive::<Int32Type>().value(row).to_le_bytes()),
        DataType::Date32 => text.extend_from_slice(&column.as_primitive::<Date32Type>().value(row).to_le_bytes()),
        DataType::Int64 => text.extend_from_slice(&column.as_primitive::<Int64Type>().value(row).to_le_bytes()),
        // A test holds that keys are of these types.
        _ => {}
    }
}

/// The fingerprints of a batch's payload hashes; 0 where there are none.
pub(crate) fn payloads(batch: &RecordBatch) -> Vec<u64> {
    let Some(column) = batch.column_by_name(PAYLOAD_HASH).and_then(|column| column.as_string_opt::<i32>()) else {
        return vec![0; batch.num_rows()];
    };
    column.iter().map(|value| value.and_then(|text| u64::from_str_radix(text.get(..16)?, 16).ok()).unwrap_or(0)).collect()
}

/// Marks the incoming rows whose identity is in a data file.
pub(crate) async fn mark(
    store: &Arc<dyn ObjectStore>,
    table: &str,
    key: &[String],
    file: &DataFile,
    incoming: &mut Incoming,
) -> Result<(), Error> {
    let failed = Error::parquet("read the identities of a data file", table);
    let reader = ParquetObjectReader::new(Arc::clone(store), file.location.clone()).with_file_size(file.size);
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&failed)?;
    let wanted: Vec<&str> = key.iter().map(String::as_str).chain([PAYLOAD_HASH]).collect();
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
    let mut stream = builder.with_projection(mask).with_batch_size(8_192).build().map_err(&failed)?;
    // The day is in the path and not in the file; keys that name it get it back.
    let names_day = key.iter().any(|name| name == freshet_schema::envelope::PARTITION);
    while let Some(batch) = stream.try_next().await.map_err(&failed)? {
        let batch = if names_day { with_day(&batch, file.day, table)? } else { batch };
        let payloads = payloads(&batch);
        for (fingerprint, payload) in fingerprints(&batch, key).into_iter().zip(payloads) {
            if let Some(candidate) = incoming.get_mut(&fingerprint)
                && (candidate.day - file.day).abs() <= candidate.search_days
            {
                candidate.found = if candidate.payload == payload { Found::Same } else { Found::Other };
            }
        }
    }
    Ok(())
}

fn with_day(batch: &RecordBatch, day: i32, table: &str) -> Result<RecordBatch, Error> {
    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(arrow::datatypes::Field::new(freshet_schema::envelope::PARTITION, DataType::Date32, true)));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(arrow::array::Date32Array::from_value(day, batch.num_rows())));
    RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns).map_err(Error::arrow("read the identities of a data file", table))
}
