//! The best row so far of each partition: batches as they came, and where in them the best rows are.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

/// Rows that are kept beside the best ones before they are dropped: as many again, and a few batches.
const SLACK: usize = 1 << 16;
/// Batches are put together up to so many rows.
const ROWS: usize = 8192;

/// Where a row is.
#[derive(Debug, Clone, Copy)]
struct Place {
    batch: u32,
    row: u32,
}

impl Place {
    /// Of a partition without any row.
    const NOWHERE: Self = Self { batch: u32::MAX, row: u32::MAX };
}

/// The best rows of all that was pushed.
pub(super) struct Keeper {
    schema: SchemaRef,
    partition: Vec<Arc<dyn PhysicalExpr>>,
    order: Vec<PhysicalSortExpr>,
    converter: RowConverter,
    /// Numbers partitions from 0 on.
    partitions: Box<dyn GroupValues>,
    /// The best row of each partition.
    best: Vec<Place>,
    ranks: Ranks,
    batches: Vec<RecordBatch>,
    /// Rows of all batches.
    rows: usize,
    /// Bytes of all batches.
    bytes: usize,
}

impl Keeper {
    pub(super) fn new(input: &SchemaRef, partition: &[Arc<dyn PhysicalExpr>], order: &[PhysicalSortExpr]) -> Result<Self> {
        let keys = partition
            .iter()
            .enumerate()
            .map(|(place, key)| Ok(Field::new(format!("key_{place}"), key.data_type(input)?, key.nullable(input)?)));
        let keys = Schema::new(keys.collect::<Result<Vec<Field>>>()?);
        let fields = order.iter().map(|order| Ok(SortField::new_with_options(order.expr.data_type(input)?, order.options)));
        Ok(Self {
            schema: Arc::clone(input),
            partition: partition.to_vec(),
            order: order.to_vec(),
            converter: RowConverter::new(fields.collect::<Result<Vec<SortField>>>()?)?,
            partitions: new_group_values(Arc::new(keys), &GroupOrdering::None)?,
            best: Vec::new(),
            ranks: Ranks::default(),
            batches: Vec::new(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Takes rows; those that are beaten by what is known are not kept.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let evaluate = |expression: &Arc<dyn PhysicalExpr>| expression.evaluate(&batch)?.into_array(batch.num_rows());
        let keys: Vec<ArrayRef> = self.partition.iter().map(evaluate).collect::<Result<_>>()?;
        let order: Vec<ArrayRef> = self.order.iter().map(|order| evaluate(&order.expr)).collect::<Result<_>>()?;
        let mut partitions = Vec::with_capacity(batch.num_rows());
        self.partitions.intern(&keys, &mut partitions)?;
        self.best.resize(self.partitions.len(), Place::NOWHERE);
        self.ranks.spans.resize(self.partitions.len(), (0, 0));
        let ranks = (!order.is_empty()).then(|| self.converter.convert_columns(&order)).transpose()?;
        let here = u32::try_from(self.batches.len()).unwrap_or(u32::MAX);
        for (row, &partition) in (0_u32..).zip(&partitions) {
            let rank = ranks.as_ref().map_or(&[][..], |ranks| ranks.row(row as usize).data());
            let best = &mut self.best[partition];
            if best.batch == u32::MAX || rank < self.ranks.get(partition) {
                *best = Place { batch: here, row };
                self.ranks.set(partition, rank);
            }
        }
        self.keep(batch, &partitions)?;
        if self.rows > 2 * self.best.len() + SLACK { self.drop_beaten() } else { Ok(()) }
    }

    /// Keeps those rows of a batch, each of a partition, that are the best ones.
    fn keep(&mut self, batch: RecordBatch, partitions: &[usize]) -> Result<()> {
        let here = u32::try_from(self.batches.len()).unwrap_or(u32::MAX);
        let mut is_best = BooleanBufferBuilder::new(batch.num_rows());
        let mut kept = 0;
        for (row, &partition) in (0_u32..).zip(partitions) {
            // A partition may have several rows here, of which one is its best.
            let place = &mut self.best[partition];
            let is_kept = place.batch == here && place.row == row;
            is_best.append(is_kept);
            kept += u32::from(is_kept);
        }
        if kept == 0 {
            return Ok(());
        }
        let is_best = is_best.finish();
        let batch = if kept as usize == batch.num_rows() {
            batch
        } else {
            let mut next = 0;
            for row in is_best.set_indices() {
                self.best[partitions[row]].row = next;
                next += 1;
            }
            filter_record_batch(&batch, &BooleanArray::new(is_best, None))?
        };
        self.rows += batch.num_rows();
        self.bytes += get_record_batch_memory_size(&batch);
        self.batches.push(batch);
        Ok(())
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        self.bytes + self.partitions.size() + self.ranks.size() + self.best.capacity() * size_of::<Place>()
    }

    /// Drops all rows that were beaten later on.
    pub(super) fn drop_beaten(&mut self) -> Result<()> {
        if self.rows == self.best.len() {
            return Ok(());
        }
        // Rows stay in their order, so that a partition's number follows from its row's.
        let mut owners: Vec<Vec<(u32, usize)>> = vec![Vec::new(); self.batches.len()];
        for (partition, place) in self.best.iter().enumerate() {
            owners[place.batch as usize].push((place.row, partition));
        }
        let (mut whole, mut parts, mut waiting) = (Vec::new(), Vec::new(), 0);
        for (batch, mut owners) in std::mem::take(&mut self.batches).into_iter().zip(owners) {
            owners.sort_unstable();
            let batch = only(&batch, owners.iter().map(|(row, _)| *row as usize))?;
            if waiting + batch.num_rows() > ROWS && waiting > 0 {
                whole.push(concat_batches(&self.schema, &std::mem::take(&mut parts))?);
                waiting = 0;
            }
            let here = u32::try_from(whole.len()).unwrap_or(u32::MAX);
            for (row, (_, partition)) in (waiting..).zip(owners) {
                self.best[partition] = Place { batch: here, row: u32::try_from(row).unwrap_or(u32::MAX) };
            }
            waiting += batch.num_rows();
            parts.push(batch);
        }
        if waiting > 0 {
            whole.push(concat_batches(&self.schema, &parts)?);
        }
        self.rows = self.best.len();
        self.bytes = whole.iter().map(get_record_batch_memory_size).sum();
        self.batches = whole;
        self.ranks.drop_replaced();
        Ok(())
    }

    /// The best rows in batches, each with the bytes that go with it.
    pub(super) fn into_batches(self) -> impl Iterator<Item = Result<(RecordBatch, usize)>> + Send + 'static {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.batches.len()];
        for place in &self.best {
            rows[place.batch as usize].push(place.row);
        }
        self.batches.into_iter().zip(rows).filter(|(_, rows)| !rows.is_empty()).map(|(batch, rows)| {
            let bytes = get_record_batch_memory_size(&batch);
            Ok((only(&batch, rows.into_iter().map(|row| row as usize))?, bytes))
        })
    }
}

/// These rows of a batch, in its order.
fn only(batch: &RecordBatch, rows: impl ExactSizeIterator<Item = usize>) -> Result<RecordBatch> {
    if rows.len() == batch.num_rows() {
        return Ok(batch.clone());
    }
    let mut wanted = BooleanBufferBuilder::new(batch.num_rows());
    wanted.append_n(batch.num_rows(), false);
    rows.for_each(|row| wanted.set_bit(row, true));
    Ok(filter_record_batch(batch, &BooleanArray::new(wanted.finish(), None))?)
}

/// How far in front each best row is: bytes that compare as the rows do.
#[derive(Debug, Default)]
struct Ranks {
    bytes: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Ranks {
    fn get(&self, place: usize) -> &[u8] {
        let (begin, end) = self.spans[place];
        &self.bytes[begin..end]
    }

    /// A better one, in the place of the one before where it fits.
    fn set(&mut self, place: usize, rank: &[u8]) {
        let (begin, end) = self.spans[place];
        let begin = if rank.len() <= end - begin {
            self.bytes[begin..begin + rank.len()].copy_from_slice(rank);
            begin
        } else {
            self.bytes.extend_from_slice(rank);
            self.bytes.len() - rank.len()
        };
        self.spans[place] = (begin, begin + rank.len());
    }

    /// Gives back what replaced ones took.
    fn drop_replaced(&mut self) {
        let lasting: usize = self.spans.iter().map(|(begin, end)| end - begin).sum();
        if lasting < self.bytes.len() {
            let mut bytes = Vec::with_capacity(lasting);
            for (begin, end) in &mut self.spans {
                let at = bytes.len();
                bytes.extend_from_slice(&self.bytes[*begin..*end]);
                (*begin, *end) = (at, bytes.len());
            }
            self.bytes = bytes;
        }
    }

    fn size(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<(usize, usize)>()
    }
}
