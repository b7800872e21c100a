//! The best rows so far of each partition: batches as they came, without what is beaten already.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::Ties;
use crate::ranks::Ranks;

/// Rows that may be added before beaten ones are dropped: as many as there were, and a few batches.
const SLACK: usize = 1 << 16;
/// Batches are put together up to so many rows.
const ROWS: usize = 8192;

/// Rows, and of each its partition and how often the best row of that had been beaten when it came, from 1 on: a row is one of the
/// best as long as that is the partition's number still.
struct Kept {
    batch: RecordBatch,
    of: Vec<(u32, u32)>,
}

/// The best rows of all that was pushed.
pub(super) struct Keeper {
    schema: SchemaRef,
    partition: Vec<Arc<dyn PhysicalExpr>>,
    order: Vec<PhysicalSortExpr>,
    ties: Ties,
    converter: RowConverter,
    /// Numbers partitions from 0 on.
    partitions: Box<dyn GroupValues>,
    /// How often the best row of a partition was beaten.
    beaten: Vec<u32>,
    ranks: Ranks,
    kept: Vec<Kept>,
    rows: usize,
    bytes: usize,
    /// Rows at which beaten ones are dropped.
    enough: usize,
}

impl Keeper {
    pub(super) fn new(input: &SchemaRef, partition: &[Arc<dyn PhysicalExpr>], order: &[PhysicalSortExpr], ties: Ties) -> Result<Self> {
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
            ties,
            converter: RowConverter::new(fields.collect::<Result<Vec<SortField>>>()?)?,
            partitions: new_group_values(Arc::new(keys), &GroupOrdering::None)?,
            beaten: Vec::new(),
            ranks: Ranks::default(),
            kept: Vec::new(),
            rows: 0,
            bytes: 0,
            enough: SLACK,
        })
    }

    /// Takes rows; those that are beaten by what is known are not kept.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let evaluate = |expression: &Arc<dyn PhysicalExpr>| expression.evaluate(&batch)?.into_array(batch.num_rows());
        let keys: Vec<ArrayRef> = self.partition.iter().map(evaluate).collect::<Result<_>>()?;
        let order: Vec<ArrayRef> = self.order.iter().map(|order| evaluate(&order.expr)).collect::<Result<_>>()?;
        let mut partitions = Vec::with_capacity(batch.num_rows());
        self.partitions.intern(&keys, &mut partitions)?;
        self.beaten.resize(self.partitions.len(), 0);
        self.ranks.grow(self.partitions.len());
        let ranks = (!order.is_empty()).then(|| self.converter.convert_columns(&order)).transpose()?;
        let of = (0..).zip(&partitions).map(|(row, &partition)| {
            let rank = ranks.as_ref().map_or(&[][..], |ranks| ranks.row(row).data());
            let beaten = &mut self.beaten[partition];
            let best = self.ranks.get(partition);
            let is_best = if *beaten == 0 || rank < best {
                *beaten += 1;
                self.ranks.set(partition, rank);
                true
            } else {
                self.ties == Ties::Kept && rank == best
            };
            (u32::try_from(partition).unwrap_or(u32::MAX), if is_best { *beaten } else { 0 })
        });
        let of = of.collect();
        if let Some(kept) = self.best_of(Kept { batch, of })? {
            self.rows += kept.of.len();
            self.bytes += kept.size();
            self.kept.push(kept);
        }
        if self.rows > self.enough { self.drop_beaten() } else { Ok(()) }
    }

    /// Those of the rows that are the best ones still.
    fn best_of(&self, kept: Kept) -> Result<Option<Kept>> {
        let is_best: Vec<bool> = kept.of.iter().map(|&(partition, beaten)| self.beaten[partition as usize] == beaten).collect();
        let count = is_best.iter().filter(|&&is_best| is_best).count();
        if count == is_best.len() || count == 0 {
            return Ok((count > 0).then_some(kept));
        }
        let of = kept.of.into_iter().zip(&is_best).filter_map(|(of, is_best)| is_best.then_some(of)).collect();
        Ok(Some(Kept { batch: filter_record_batch(&kept.batch, &BooleanArray::from(is_best))?, of }))
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        self.bytes + self.partitions.size() + self.ranks.size() + self.beaten.capacity() * size_of::<u32>()
    }

    /// Drops all rows that were beaten later on, and puts what is left of small batches together.
    pub(super) fn drop_beaten(&mut self) -> Result<()> {
        let (mut whole, mut parts, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for kept in std::mem::take(&mut self.kept) {
            let Some(best) = self.best_of(kept)? else { continue };
            if of.len() + best.of.len() > ROWS && !of.is_empty() {
                let batch = concat_batches(&self.schema, &std::mem::take(&mut parts))?;
                whole.push(Kept { batch, of: std::mem::take(&mut of) });
            }
            parts.push(best.batch);
            of.extend(best.of);
        }
        if !of.is_empty() {
            whole.push(Kept { batch: concat_batches(&self.schema, &parts)?, of });
        }
        self.rows = whole.iter().map(|kept| kept.of.len()).sum();
        self.bytes = whole.iter().map(Kept::size).sum();
        self.enough = 2 * self.rows + SLACK;
        self.kept = whole;
        self.ranks.drop_replaced();
        Ok(())
    }

    /// The best rows in batches, each with the bytes that go with it.
    pub(super) fn into_batches(mut self) -> impl Iterator<Item = Result<(RecordBatch, usize)>> + Send + 'static {
        std::mem::take(&mut self.kept).into_iter().filter_map(move |kept| {
            let bytes = kept.size();
            Some(self.best_of(kept).transpose()?.map(|best| (best.batch, bytes)))
        })
    }
}

impl Kept {
    fn size(&self) -> usize {
        get_record_batch_memory_size(&self.batch) + self.of.capacity() * size_of::<(u32, u32)>()
    }
}
