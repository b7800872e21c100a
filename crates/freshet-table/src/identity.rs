//! A row's identity: the values of its table's key, as 128 bits; and which identities a table's files hold.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type};
use freshet_schema::{Table, envelope};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use sha2::{Digest, Sha256};

use crate::blocking::blocking;
use crate::commit::DataFile;
use crate::error::Error;
use crate::reader::FileReader;

/// A row's key, and its day where that is meant, as a number.
pub(crate) type Fingerprint = u128;

/// The name of the column that tells two versions of an event apart.
const PAYLOAD_HASH: &str = "payload_hash";
/// So many files are read at once.
const AT_ONCE: usize = 4;
/// Odd numbers that spread small ones over 128 bits.
const BY_INDEX: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
const BY_DAY: u128 = 0xC2B2_AE3D_27D4_EB4F_1656_67B1_9E37_79F9;

/// By identity and day.
pub(crate) type Identities<T> = HashMap<Fingerprint, T, BuildHasherDefault<Spread>>;

/// Identities, each on its day.
pub(crate) type Wanted = HashSet<Fingerprint, BuildHasherDefault<Spread>>;

/// What a row is a version of: its payload, and the day that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) payload: u64,
    pub(crate) day: i32,
}

/// The hash of what is one already.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Spread(u64);

impl std::hash::Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, value: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let (high, low) = ((value >> 64) as u64, value as u64);
        self.0 = high ^ low;
    }
}

/// An identity within a day.
pub(crate) fn on_day(fingerprint: Fingerprint, day: i32) -> Fingerprint {
    fingerprint.wrapping_add(spread(day, BY_DAY))
}

fn spread(number: i32, by: u128) -> u128 {
    u128::from(number.cast_unsigned()).wrapping_mul(by)
}

/// The fingerprints of a batch's rows over a table's key. An event's id is a hash already and is taken as it is.
pub(crate) fn fingerprints(batch: &RecordBatch, table: &Table) -> Vec<Fingerprint> {
    let columns: Vec<&ArrayRef> = table.key.iter().filter_map(|name| batch.column_by_name(name)).collect();
    let mut text = Vec::with_capacity(128);
    let ids = (table.key == ["event_id", "row_index"] && columns.len() == 2)
        .then(|| (columns[0].as_string::<i32>(), columns[1].as_primitive::<Int32Type>()));
    let fingerprint = |row: usize| {
        if let Some((events, indices)) = ids
            && let Some(id) = half_hash(events.value(row))
        {
            return id.wrapping_add(spread(indices.value(row), BY_INDEX));
        }
        text.clear();
        for column in &columns {
            push_value(&mut text, column, row);
        }
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(&text)[..16]);
        u128::from_le_bytes(half)
    };
    (0..batch.num_rows()).map(fingerprint).collect()
}

/// 32 lower-case hex digits as a number.
fn half_hash(text: &str) -> Option<u128> {
    if text.len() != 32 {
        return None;
    }
    text.bytes().try_fold(0, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u128::from(digit))
    })
}

fn push_value(text: &mut Vec<u8>, column: &ArrayRef, row: usize) {
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

/// Which of the wanted identities are in the files, within so many days: each with what holds it.
pub(crate) async fn find(
    store: &Arc<dyn ObjectStore>,
    table: &'static Table,
    files: Vec<DataFile>,
    wanted: &Arc<Wanted>,
    search_days: i32,
) -> Result<Vec<(Fingerprint, Holder)>, Error> {
    let found = futures::stream::iter(files).map(|file| find_in(Arc::clone(store), table, file, Arc::clone(wanted), search_days));
    let found: Vec<Vec<_>> = found.buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn find_in(
    store: Arc<dyn ObjectStore>,
    table: &'static Table,
    file: DataFile,
    wanted: Arc<Wanted>,
    search_days: i32,
) -> Result<Vec<(Fingerprint, Holder)>, Error> {
    let failed = Error::parquet("read the identities of a data file", &table.name);
    let builder = ParquetRecordBatchStreamBuilder::new(FileReader::new(&store, &file)).await.map_err(&failed)?;
    let named: Vec<&str> = table.key.iter().map(String::as_str).chain([PAYLOAD_HASH]).collect();
    let mask = ProjectionMask::columns(builder.parquet_schema(), named);
    let mut stream = builder.with_projection(mask).with_batch_size(8_192).build().map_err(&failed)?;
    let mut found = Vec::new();
    while let Some(mut reader) = stream.next_row_group().await.map_err(&failed)? {
        let wanted = Arc::clone(&wanted);
        let day = file.day;
        let in_group = blocking(move || {
            reader.try_fold(Vec::new(), |mut found, batch| {
                look(&with_day(&batch?, table, day)?, table, day, &wanted, search_days, &mut found);
                Ok(found)
            })
        });
        found.extend(in_group.await.map_err(Error::arrow("read the identities of a data file", &table.name))?);
    }
    Ok(found)
}

fn look(batch: &RecordBatch, table: &Table, day: i32, wanted: &Wanted, search_days: i32, found: &mut Vec<(Fingerprint, Holder)>) {
    let payloads = payloads(batch);
    for (fingerprint, payload) in fingerprints(batch, table).into_iter().zip(payloads) {
        for distance in -search_days..=search_days {
            let identity = on_day(fingerprint, day + distance);
            if wanted.contains(&identity) {
                found.push((identity, Holder { payload, day }));
            }
        }
    }
}

/// The day is in the path and not in the file; keys that name it get it back.
fn with_day(batch: &RecordBatch, table: &Table, day: i32) -> Result<RecordBatch, arrow::error::ArrowError> {
    if !table.key.iter().any(|name| name == envelope::PARTITION) {
        return Ok(batch.clone());
    }
    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(arrow::datatypes::Field::new(envelope::PARTITION, DataType::Date32, true)));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(arrow::array::Date32Array::from_value(day, batch.num_rows())));
    RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns)
}
