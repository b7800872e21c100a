//! The incoming rows of one table: their identities, their order, and what becomes of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int32Type};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use deltalake::DeltaTable;
use freshet_schema::{Table, envelope};

use crate::blocking::{side_by_side, threads};
use crate::commit;
use crate::counts::{Counts, Fate};
use crate::decode::{DELIVERIES, SEARCH_DAYS};
use crate::error::Error;
use crate::identity::{self, Fingerprint, Holder, Identities, Wanted, on_day};
use crate::lake::Lake;

/// No source is retried for longer: what a line says beyond it is not believed.
const LONGEST_SEARCH: i32 = 31;

/// Where a row lies: its batch, and its place there.
pub(crate) type Place = (usize, usize);

/// Incoming rows, as they came.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) table: &'static Table,
    pub(crate) batches: Vec<RecordBatch>,
    places: Vec<(u32, u32)>,
    fingerprints: Vec<Fingerprint>,
    payloads: Vec<u64>,
    days: Vec<i32>,
    search_days: Vec<i32>,
    /// The rows by day, then by the table's order.
    sorted: Vec<u32>,
}

impl Rows {
    /// Takes rows in the order that they came in.
    pub(crate) fn new(table: &'static Table, batches: Vec<RecordBatch>) -> Result<Self, ArrowError> {
        let read = |place: usize| {
            let batch = &batches[place];
            let days = column(batch, envelope::PARTITION).as_primitive::<Date32Type>().values().to_vec();
            let search_days = column(batch, SEARCH_DAYS).as_primitive::<Int32Type>();
            let search_days: Vec<i32> = search_days.iter().map(|days| days.unwrap_or(0).clamp(0, LONGEST_SEARCH)).collect();
            Ok::<_, ArrowError>((identity::fingerprints(batch, table), identity::payloads(batch), days, search_days))
        };
        let parts = side_by_side(batches.len(), threads(), read)?;
        let count = batches.iter().map(RecordBatch::num_rows).sum();
        let mut rows = Self {
            table,
            places: Vec::with_capacity(count),
            fingerprints: Vec::with_capacity(count),
            payloads: Vec::with_capacity(count),
            days: Vec::with_capacity(count),
            search_days: Vec::with_capacity(count),
            sorted: Vec::new(),
            batches: Vec::new(),
        };
        for (batch, (fingerprints, payloads, days, search_days)) in parts.into_iter().enumerate() {
            rows.places.extend((0..days.len()).map(|row| (narrow(batch), narrow(row))));
            rows.fingerprints.extend(fingerprints);
            rows.payloads.extend(payloads);
            rows.days.extend(days);
            rows.search_days.extend(search_days);
        }
        rows.batches = batches;
        rows.sorted = rows.sort()?;
        Ok(rows)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.days.len()
    }

    /// A row's place.
    pub(crate) fn place(&self, row: usize) -> Place {
        let (batch, at) = self.places[row];
        (batch as usize, at as usize)
    }

    /// A row's day.
    pub(crate) fn day(&self, row: usize) -> i32 {
        self.days[row]
    }

    /// Over how many days a duplicate of a row may lie.
    pub(crate) fn search_days(&self, row: usize) -> i32 {
        self.search_days[row]
    }

    fn sort(&self) -> Result<Vec<u32>, ArrowError> {
        let Some(first) = self.batches.first() else {
            return Ok(Vec::new());
        };
        let names: Vec<&String> = order(self.table);
        let fields = names.iter().map(|name| SortField::new(column(first, name).data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let keys = self.batches.iter().map(|batch| {
            let columns: Vec<ArrayRef> = names.iter().map(|name| Arc::clone(column(batch, name))).collect();
            converter.convert_columns(&columns)
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let mut sorted: Vec<u32> = (0..narrow(self.len())).collect();
        sorted.sort_unstable_by(|left, right| {
            let (left, right) = (*left as usize, *right as usize);
            let key = |row: usize| {
                let (batch, at) = self.place(row);
                keys[batch].row(at)
            };
            self.days[left].cmp(&self.days[right]).then_with(|| key(left).cmp(&key(right))).then(left.cmp(&right))
        });
        Ok(sorted)
    }

    /// What becomes of each row, given what the table holds now.
    pub(crate) async fn judge(&self, lake: &Lake, delta: &DeltaTable) -> Result<Vec<Fate>, Error> {
        Ok(self.decide(&self.find(lake, delta).await?))
    }

    /// Whether the table holds each row with its payload.
    pub(crate) async fn are_held(&self, lake: &Lake, delta: &DeltaTable) -> Result<Vec<bool>, Error> {
        let mut holders: Identities<Vec<Holder>> = Identities::default();
        for (identity, holder) in self.find(lake, delta).await? {
            holders.entry(identity).or_default().push(holder);
        }
        let is_held = |row: usize| {
            let (day, search_days) = (self.days[row], self.search_days[row]);
            let mut found = holders.get(&on_day(self.fingerprints[row], day)).into_iter().flatten();
            found.any(|holder| (holder.day - day).abs() <= search_days && holder.payload == self.payloads[row])
        };
        Ok((0..self.len()).map(is_held).collect())
    }

    /// What the table holds of the rows' identities.
    async fn find(&self, lake: &Lake, delta: &DeltaTable) -> Result<Vec<(Fingerprint, Holder)>, Error> {
        let mut days = BTreeSet::new();
        for (day, search_days) in self.days.iter().zip(&self.search_days) {
            days.extend(day - search_days..=day + search_days);
        }
        let files = commit::files(delta, self.table).await?.into_iter().filter(|file| days.contains(&file.day)).collect::<Vec<_>>();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Arc<Wanted> = Arc::new((0..self.len()).map(|row| on_day(self.fingerprints[row], self.days[row])).collect());
        let furthest = self.search_days.iter().copied().max().unwrap_or(0);
        identity::find(&lake.table_store(self.table), self.table, files, &wanted, furthest).await
    }

    /// The first of an identity is stored, unless the table holds it.
    fn decide(&self, found: &[(Fingerprint, Holder)]) -> Vec<Fate> {
        let mut holders: Identities<Vec<Holder>> = Identities::default();
        for (identity, holder) in found {
            holders.entry(*identity).or_default().push(*holder);
        }
        // Of the rows that are stored now: one holder each, kept apart from the few that the table holds.
        let mut stored: Identities<Holder> = Identities::with_capacity_and_hasher(self.len(), std::hash::BuildHasherDefault::default());
        let decide = |row: usize| {
            let (fingerprint, day, search_days) = (self.fingerprints[row], self.days[row], self.search_days[row]);
            let own = Holder { payload: self.payloads[row], day };
            let in_table = holders.get(&on_day(fingerprint, day)).into_iter().flatten();
            let in_table = in_table.filter(|holder| (holder.day - day).abs() <= search_days).min_by_key(|holder| (holder.day - day).abs());
            let holder = in_table
                .copied()
                .or_else(|| (-search_days..=search_days).find_map(|distance| stored.get(&on_day(fingerprint, day + distance)).copied()));
            match holder {
                Some(holder) if holder.payload == own.payload => Fate::Duplicate,
                Some(_) => Fate::Conflict,
                None => {
                    stored.insert(on_day(fingerprint, day), own);
                    Fate::Stored
                }
            }
        };
        (0..self.len()).map(decide).collect()
    }

    /// What is counted of the rows, given their fates.
    pub(crate) fn counts(&self, fates: &[Fate]) -> Counts {
        let mut counts = Counts::default();
        if self.table.computed {
            return counts;
        }
        let mut fates = fates.iter();
        let mut row = 0;
        for batch in &self.batches {
            let sources = batch.column_by_name("source").and_then(|column| column.as_string_opt::<i32>());
            let deliveries = column(batch, DELIVERIES).as_primitive::<Int32Type>();
            for (at, fate) in (0..batch.num_rows()).zip(&mut fates) {
                let source = sources.filter(|sources| sources.is_valid(at)).map_or("", |sources| sources.value(at));
                let deliveries = if deliveries.is_valid(at) { u64::try_from(deliveries.value(at)).unwrap_or(0) } else { 0 };
                counts.count(self.table, source, self.days[row], deliveries, *fate);
                row += 1;
            }
        }
        counts
    }

    /// The rows that are stored, in order, by day.
    pub(crate) fn stored_by_day(&self, fates: &[Fate]) -> Vec<(i32, Vec<u32>)> {
        let kept = self.sorted.iter().copied().filter(|row| fates[*row as usize] == Fate::Stored);
        let mut by_day: Vec<(i32, Vec<u32>)> = Vec::new();
        for row in kept {
            let day = self.days[row as usize];
            match by_day.last_mut() {
                Some((last, rows)) if *last == day => rows.push(row),
                Some(_) | None => by_day.push((day, vec![row])),
            }
        }
        by_day
    }

    /// A column, batch by batch.
    pub(crate) fn column(&self, name: &str) -> Vec<&dyn Array> {
        self.batches.iter().map(|batch| column(batch, name).as_ref()).collect()
    }
}

/// What the rows of a file are ordered by: the table's order, then its key.
pub(crate) fn order(table: &Table) -> Vec<&String> {
    let mut names: Vec<&String> = Vec::new();
    for name in table.sort.iter().chain(&table.key) {
        if *name != envelope::PARTITION && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    batch.column_by_name(name).expect("batches have their table's schema")
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("a round has fewer rows than memory has bytes")
}

#[cfg(test)]
mod tests;
