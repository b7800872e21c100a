//! `max_by` and `min_by` by columns: of each group the value beside the best one so far, without a copy of what is beaten.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use datafusion::arrow::compute::{SortOptions, filter, interleave, not, nullif, prep_null_mask_filter};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::ranks::Ranks;

/// Values that are kept beside the best ones before they are dropped: as many again, and a few batches.
const SLACK: usize = 1 << 16;
/// Values of one array, at most, when those that are left are put together.
const VALUES: usize = 1 << 16;
/// The place of a group without any.
const NOWHERE: (usize, usize) = (usize::MAX, 0);

/// The best of each group.
pub(crate) struct Kept {
    types: [DataType; 2],
    converter: RowConverter,
    ranks: Ranks,
    /// Values, and what they are the best by.
    chunks: Vec<[ArrayRef; 2]>,
    /// The chunk of each group's value, and its row there.
    places: Vec<(usize, usize)>,
    rows: usize,
    bytes: usize,
}

impl Kept {
    /// Values of a type by another; the largest is the best, or the smallest.
    pub(crate) fn new(types: [DataType; 2], largest: bool) -> Result<Self> {
        let options = SortOptions { descending: largest, nulls_first: false };
        let converter = RowConverter::new(vec![SortField::new_with_options(types[1].clone(), options)])?;
        Ok(Self { types, converter, ranks: Ranks::default(), chunks: Vec::new(), places: Vec::new(), rows: 0, bytes: 0 })
    }

    fn take(&mut self, values: &[ArrayRef], groups: &[usize], wanted: Option<&BooleanArray>, total: usize) -> Result<()> {
        let by = &values[1];
        self.places.resize(total, NOWHERE);
        self.ranks.grow(total);
        let ranks = self.converter.convert_columns(std::slice::from_ref(by))?;
        let here = self.chunks.len();
        for (row, &group) in groups.iter().enumerate() {
            if by.is_null(row) || wanted.is_some_and(|wanted| wanted.is_null(row) || !wanted.value(row)) {
                continue;
            }
            let rank = ranks.row(row);
            if self.places[group] == NOWHERE || rank.data() < self.ranks.get(group) {
                self.places[group] = (here, row);
                self.ranks.set(group, rank.data());
            }
        }
        let mut kept = 0;
        let mut is_best = Vec::with_capacity(groups.len());
        for (row, &group) in groups.iter().enumerate() {
            let is_here = self.places[group] == (here, row);
            is_best.push(is_here);
            if is_here {
                // A row moves up, never down to where another is looked for: that one comes later and is above it.
                self.places[group].1 = kept;
                kept += 1;
            }
        }
        if kept > 0 {
            let is_best = BooleanArray::from(is_best);
            let chunk = [filter(&values[0], &is_best)?, filter(by, &is_best)?];
            self.rows += kept;
            self.bytes += size_of_chunk(&chunk);
            self.chunks.push(chunk);
        }
        if self.rows > 2 * self.places.len() + SLACK { self.drop_beaten() } else { Ok(()) }
    }

    /// A column of the best rows of these places.
    fn column(&self, column: usize, places: &[(usize, usize)]) -> Result<ArrayRef> {
        let nothing = new_null_array(&self.types[column], 1);
        let mut arrays: Vec<&dyn Array> = self.chunks.iter().map(|chunk| chunk[column].as_ref()).collect();
        arrays.push(nothing.as_ref());
        let last = self.chunks.len();
        let places: Vec<(usize, usize)> = places.iter().map(|&place| if place == NOWHERE { (last, 0) } else { place }).collect();
        Ok(interleave(&arrays, &places)?)
    }

    fn drop_beaten(&mut self) -> Result<()> {
        let mut chunks = Vec::new();
        for places in self.places.chunks(VALUES) {
            chunks.push([self.column(0, places)?, self.column(1, places)?]);
        }
        for (group, place) in self.places.iter_mut().enumerate() {
            if *place != NOWHERE {
                *place = (group / VALUES, group % VALUES);
            }
        }
        self.rows = self.places.len();
        self.bytes = chunks.iter().map(size_of_chunk).sum();
        self.chunks = chunks;
        self.ranks.drop_replaced();
        Ok(())
    }

    /// The columns of the groups that are emitted, which are forgotten.
    fn emit(&mut self, emit_to: EmitTo, columns: &[usize]) -> Result<Vec<ArrayRef>> {
        let places = emit_to.take_needed(&mut self.places);
        let found = columns.iter().map(|&column| self.column(column, &places)).collect();
        self.ranks.drop_first(places.len());
        if self.places.is_empty() {
            (self.chunks, self.rows, self.bytes) = (Vec::new(), 0, 0);
        }
        found
    }
}

fn size_of_chunk(chunk: &[ArrayRef; 2]) -> usize {
    chunk.iter().map(Array::get_array_memory_size).sum()
}

impl GroupsAccumulator for Kept {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], wanted: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.take(values, groups, wanted, total)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.take(values, groups, None, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.emit(emit_to, &[0])?.remove(0))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.emit(emit_to, &[0, 1])
    }

    fn convert_to_state(&self, values: &[ArrayRef], wanted: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let by = match wanted {
            Some(wanted) => nullif(&values[1], &not(&prep_null_mask_filter(wanted))?)?,
            None => values[1].clone(),
        };
        Ok(vec![values[0].clone(), by])
    }

    fn size(&self) -> usize {
        self.bytes + self.ranks.size() + self.places.capacity() * size_of::<(usize, usize)>()
    }
}

/// Where there are no groups: all rows are of one.
#[derive(Debug)]
pub(crate) struct One(pub(crate) Kept);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values", self.rows)
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.take(values, &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let place = self.0.places.first().copied().unwrap_or(NOWHERE);
        ScalarValue::try_from_array(&self.0.column(0, &[place])?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let place = self.0.places.first().copied().unwrap_or(NOWHERE);
        (0..2).map(|column| ScalarValue::try_from_array(&self.0.column(column, &[place])?, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + GroupsAccumulator::size(&self.0)
    }
}
