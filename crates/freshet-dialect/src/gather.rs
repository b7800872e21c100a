//! Aggregates that gather their group's rows and fold them at the end, with `DISTINCT` and `ORDER BY` of their own. What
//! can be kept small on the way (the largest, the first) is.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

use crate::error::Error;
use crate::kept::{Kept, One};
use crate::kinds::Kind;
use crate::scalar::Call;
use crate::sorting::{rank, sorted};
use crate::value::{Value, read, write};

/// A row of arguments, then of sort keys.
pub(crate) type Row = Vec<Value>;

/// What an aggregate does with its rows.
pub(crate) struct Folding {
    /// From all rows to the answer.
    pub(crate) fold: fn(Vec<Row>, &Call) -> Result<Value, Error>,
    /// Drops rows that can no longer matter.
    pub(crate) shrink: Option<fn(&mut Vec<Row>, &Call)>,
    /// Leaves out rows whose first argument is NULL.
    pub(crate) skips_null: bool,
}

/// An aggregate over gathered rows.
pub(crate) struct Gather {
    pub(crate) name: String,
    pub(crate) call: Call,
    pub(crate) folding: Folding,
    pub(crate) distinct: bool,
    /// Ascending and NULLs first, for each sort key after the arguments.
    pub(crate) orders: Vec<(bool, bool)>,
    /// The kinds of the arguments and sort keys.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) signature: Signature,
    /// Whether the value beside the largest, or the smallest, is all that is kept, by columns.
    pub(crate) keeps_largest: Option<bool>,
}

impl Gather {
    pub(crate) fn make(
        name: &str,
        call: Call,
        folding: Folding,
        distinct: bool,
        orders: Vec<(bool, bool)>,
        kinds: Vec<Kind>,
    ) -> Arc<AggregateUDF> {
        let is_plain = matches!(kinds.as_slice(), [_, by] if by.compares_as_it_lies()) && !distinct && orders.is_empty();
        let keeps_largest = (is_plain && matches!(name, "max_by" | "min_by")).then_some(name == "max_by");
        Arc::new(AggregateUDF::new_from_impl(Gather {
            name: name.to_owned(),
            call,
            folding,
            distinct,
            orders,
            kinds,
            signature: Signature::user_defined(Volatility::Immutable),
            keeps_largest,
        }))
    }

    fn identity(&self) -> String {
        format!("{} {:?} {} {} {:?}", self.name, self.kinds, self.call.result, self.distinct, self.orders)
    }
}

impl fmt::Debug for Gather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity())
    }
}

impl PartialEq for Gather {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Gather {}

impl Hash for Gather {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

fn rows_kind(kinds: &[Kind]) -> Kind {
    Kind::array(Kind::Row(kinds.iter().map(|kind| (None, kind.clone())).collect()))
}

impl AggregateUDFImpl for Gather {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> datafusion::common::Result<DataType> {
        Ok(self.call.result.arrow())
    }

    fn coerce_types(&self, types: &[DataType]) -> datafusion::common::Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> datafusion::common::Result<Vec<FieldRef>> {
        if self.keeps_largest.is_some() {
            let field = |(name, kind): (&str, &Kind)| Arc::new(Field::new(format_state_name(args.name, name), kind.arrow(), true));
            return Ok(["value", "by"].into_iter().zip(&self.kinds).map(field).collect());
        }
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "rows"), rows_kind(&self.kinds).arrow(), true))])
    }

    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        datafusion::logical_expr::utils::AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, _: AccumulatorArgs) -> datafusion::common::Result<Box<dyn Accumulator>> {
        Ok(match self.kept()? {
            Some(kept) => Box::new(One(kept)),
            None => Box::new(self.rows(true)),
        })
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        self.keeps_largest.is_some()
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> datafusion::common::Result<Box<dyn GroupsAccumulator>> {
        match self.kept()? {
            Some(kept) => Ok(Box::new(kept)),
            None => internal_err!("{} gathers rows", self.name),
        }
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs) -> datafusion::common::Result<Box<dyn Accumulator>> {
        Ok(Box::new(self.rows(false)))
    }
}

impl Gather {
    fn kept(&self) -> datafusion::common::Result<Option<Kept>> {
        let types = |kinds: &[Kind]| [kinds[0].arrow(), kinds[1].arrow()];
        self.keeps_largest.map(|largest| Kept::new(types(&self.kinds), largest)).transpose()
    }

    fn rows(&self, shrinks: bool) -> Rows {
        Rows {
            rows: Vec::new(),
            kinds: self.kinds.clone(),
            call: Arc::new(Call { args: self.call.args.clone(), result: self.call.result.clone(), lambdas: Vec::new() }),
            fold: self.folding.fold,
            shrink: self.folding.shrink.filter(|_| shrinks && !self.distinct && self.orders.is_empty()),
            skips_null: self.folding.skips_null,
            distinct: self.distinct,
            orders: self.orders.clone(),
            size: 0,
        }
    }
}

struct Rows {
    rows: Vec<Row>,
    kinds: Vec<Kind>,
    call: Arc<Call>,
    fold: fn(Vec<Row>, &Call) -> Result<Value, Error>,
    shrink: Option<fn(&mut Vec<Row>, &Call)>,
    skips_null: bool,
    distinct: bool,
    orders: Vec<(bool, bool)>,
    size: usize,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.rows.len())
    }
}

impl Rows {
    fn settle(&mut self, added: usize) {
        if let Some(shrink) = self.shrink {
            shrink(&mut self.rows, &self.call);
        }
        self.size += added;
        if self.shrink.is_some() {
            self.size = self.rows.len() * 64;
        }
    }

    fn answer(&self) -> Result<Value, Error> {
        let mut rows = self.rows.clone();
        if self.skips_null {
            rows.retain(|row| row.first().is_some_and(|value| !value.is_null()));
        }
        let width = self.call.args.len();
        if !self.orders.is_empty() {
            rows = sorted(rows, &mut |a: &Row, b: &Row| {
                for (at, (ascending, nulls_first)) in self.orders.iter().enumerate() {
                    let (x, y) = (&a[width + at], &b[width + at]);
                    let ordering = match (x.is_null(), y.is_null()) {
                        (true, true) => Ordering::Equal,
                        (true, false) => {
                            if *nulls_first {
                                Ordering::Less
                            } else {
                                Ordering::Greater
                            }
                        }
                        (false, true) => {
                            if *nulls_first {
                                Ordering::Greater
                            } else {
                                Ordering::Less
                            }
                        }
                        (false, false) if *ascending => rank(x, y)?,
                        (false, false) => rank(y, x)?,
                    };
                    if ordering != Ordering::Equal {
                        return Ok(ordering);
                    }
                }
                Ok(Ordering::Equal)
            })?;
        }
        if self.distinct {
            let mut seen = HashSet::new();
            rows.retain(|row| seen.insert(key(&row[..width])));
        }
        (self.fold)(rows, &self.call)
    }
}

/// Bytes that are the same for the same values.
pub(crate) fn key(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        put(value, &mut bytes);
    }
    bytes
}

fn put(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(value) => out.extend([1, u8::from(*value)]),
        Value::Int(value) | Value::Zoned(value, _) => {
            out.push(2);
            out.extend(value.to_le_bytes());
        }
        Value::Float(value) => {
            let value = if *value == 0.0 {
                0.0
            } else if value.is_nan() {
                f64::NAN
            } else {
                *value
            };
            out.push(3);
            out.extend(value.to_le_bytes());
        }
        Value::Decimal(value) => {
            out.push(4);
            out.extend(value.to_le_bytes());
        }
        Value::Text(_) | Value::Bytes(_) => {
            out.push(5);
            out.extend(value.bytes().len().to_le_bytes());
            out.extend(value.bytes());
        }
        Value::List(items) | Value::Row(items) => {
            out.push(6);
            out.extend(items.len().to_le_bytes());
            for item in items {
                put(item, out);
            }
        }
        Value::Map(entries) => {
            let mut members: Vec<Vec<u8>> = entries.iter().map(|(k, v)| key(&[k.clone(), v.clone()])).collect();
            members.sort();
            out.push(7);
            out.extend(members.len().to_le_bytes());
            for member in members {
                out.extend(member);
            }
        }
    }
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> datafusion::common::Result<()> {
        let count = values.first().map_or(0, Array::len);
        for row in 0..count {
            self.rows.push(values.iter().map(|array| read(array, row)).collect());
        }
        self.settle(values.iter().map(|array| array.get_array_memory_size().min(count * 64)).sum());
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> datafusion::common::Result<()> {
        let count = values.first().map_or(0, Array::len).min(self.rows.len());
        self.rows.drain(..count);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.shrink.is_none()
    }

    fn evaluate(&mut self) -> datafusion::common::Result<ScalarValue> {
        let array = write(vec![self.answer()?], &self.call.result)?;
        ScalarValue::try_from_array(&array, 0)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.size + self.rows.capacity() * size_of::<Row>()
    }

    fn state(&mut self) -> datafusion::common::Result<Vec<ScalarValue>> {
        let rows = std::mem::take(&mut self.rows).into_iter().map(Value::Row).collect();
        let array = write(vec![Value::List(rows)], &rows_kind(&self.kinds))?;
        Ok(vec![ScalarValue::try_from_array(&array, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> datafusion::common::Result<()> {
        let mut added = 0;
        for row in 0..states[0].len() {
            if let Value::List(rows) = read(&states[0], row) {
                for row in rows {
                    if let Value::Row(values) = row {
                        added += 64;
                        self.rows.push(values);
                    }
                }
            }
        }
        self.settle(added);
        Ok(())
    }
}
