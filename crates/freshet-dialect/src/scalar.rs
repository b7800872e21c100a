//! Functions of ours as DataFusion's scalar functions: value by value, or over whole arrays; lambdas are compiled
//! expressions that such a function holds.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr::PhysicalExpr;

use crate::error::Error;
use crate::kinds::Kind;
use crate::value::{Value, read, write};

/// What a function knows of its call beside the values.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) args: Vec<Kind>,
    pub(crate) result: Kind,
    pub(crate) lambdas: Vec<Lambda>,
}

/// A function of values.
pub(crate) type Body = fn(&[Value], &Call) -> Result<Value, Error>;
/// A function of arrays, all of the same length.
pub(crate) type Columns = Arc<dyn Fn(&[ColumnarValue], usize) -> Result<ColumnarValue, Error> + Send + Sync>;

/// A lambda: its body over its parameters and over what it takes from around it.
#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) body: Arc<dyn PhysicalExpr>,
    /// The body over columns that are named by their places: two lambdas that say the same have the same shape.
    pub(crate) shape: Expr,
    pub(crate) schema: SchemaRef,
    pub(crate) parameters: Vec<Kind>,
    pub(crate) captured: Vec<(usize, Kind)>,
}

impl Lambda {
    /// The body's value for each row of the parameters' columns.
    pub(crate) fn apply(&self, args: &[Value], columns: Vec<Vec<Value>>) -> Result<Vec<Value>, Error> {
        let rows = columns.first().map_or(1, Vec::len);
        if rows == 0 {
            return Ok(Vec::new());
        }
        let mut arrays = Vec::with_capacity(columns.len() + self.captured.len());
        for (column, kind) in columns.into_iter().zip(&self.parameters) {
            arrays.push(write(column, kind)?);
        }
        for (at, kind) in &self.captured {
            arrays.push(write(vec![args[*at].clone(); rows], kind)?);
        }
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &RecordBatchOptions::new().with_row_count(Some(rows)))?;
        let answer = self.body.evaluate(&batch)?.into_array(rows)?;
        Ok((0..rows).map(|row| read(&answer, row)).collect())
    }

    pub(crate) fn one(&self, args: &[Value], parameters: Vec<Value>) -> Result<Value, Error> {
        let columns = parameters.into_iter().map(|value| vec![value]).collect();
        Ok(self.apply(args, columns)?.pop().unwrap_or(Value::Null))
    }
}

#[derive(Clone)]
enum Work {
    Values { body: Body, call: Arc<Call>, strict: bool },
    Columns(Columns),
}

struct Scalar {
    name: String,
    identity: String,
    /// What it evaluates itself: the lambdas' bodies, or that of `TRY`.
    shapes: Vec<Expr>,
    result: DataType,
    work: Work,
    signature: Signature,
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity && self.result == other.result && self.shapes == other.shapes
    }
}

impl Eq for Scalar {}

// All that tells two apart: where a plan looks for what is written twice, functions of a name are compared by their hashes alone.
impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
        self.result.hash(state);
        self.shapes.hash(state);
    }
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> datafusion::common::Result<DataType> {
        Ok(self.result.clone())
    }

    fn coerce_types(&self, types: &[DataType]) -> datafusion::common::Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion::common::Result<ColumnarValue> {
        match &self.work {
            Work::Columns(work) => work(&args.args, args.number_rows).map_err(DataFusionError::from),
            Work::Values { body, call, strict } => invoke(*body, call, *strict, &args).map_err(DataFusionError::from),
        }
    }
}

fn invoke(body: Body, call: &Call, strict: bool, args: &ScalarFunctionArgs) -> Result<ColumnarValue, Error> {
    let constant = !args.args.is_empty() && args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { args.number_rows };
    let mut values = Vec::with_capacity(args.args.len());
    let mut columns: Vec<(usize, &ArrayRef)> = Vec::with_capacity(args.args.len());
    for (at, arg) in args.args.iter().enumerate() {
        values.push(match arg {
            ColumnarValue::Array(array) => {
                columns.push((at, array));
                Value::Null
            }
            ColumnarValue::Scalar(scalar) => read(&scalar.to_array()?, 0),
        });
    }
    let mut answers = Vec::with_capacity(rows);
    for row in 0..rows {
        for (at, array) in &columns {
            values[*at] = read(array, row);
        }
        answers.push(if strict && values[..call.args.len().min(values.len())].iter().any(Value::is_null) {
            Value::Null
        } else {
            body(&values, call)?
        });
    }
    let array = write(answers, &call.result)?;
    Ok(if constant { ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?) } else { ColumnarValue::Array(array) })
}

fn make(name: &str, identity: String, shapes: Vec<Expr>, result: DataType, work: Work, args: Vec<Expr>, volatile: bool) -> Expr {
    let volatility = if volatile { Volatility::Volatile } else { Volatility::Immutable };
    let signature = if args.is_empty() { Signature::nullary(volatility) } else { Signature::user_defined(volatility) };
    let udf = ScalarUDF::from(Scalar { name: name.to_owned(), identity, shapes, result, work, signature });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(udf), args))
}

/// What tells a function of ours from others of its name: `cast(varchar)->integer`.
pub(crate) fn identity(call: &ScalarFunction) -> Option<&str> {
    call.func.inner().downcast_ref::<Scalar>().map(|scalar| scalar.identity.as_str())
}

/// A call of a function of values; a strict one gives NULL where an argument is NULL.
pub(crate) fn of_values(name: &str, body: Body, call: Call, strict: bool, args: Vec<Expr>) -> Expr {
    let kinds = call.args.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let shapes = call.lambdas.iter().map(|lambda| lambda.shape.clone()).collect();
    let identity = format!("{name}({kinds})->{}", call.result);
    let volatile = matches!(name, "random" | "rand" | "shuffle" | "uuid");
    make(name, identity, shapes, call.result.arrow(), Work::Values { body, call: Arc::new(call), strict }, args, volatile)
}

/// A call of a function of whole arrays; the identity tells two functions of a name apart.
pub(crate) fn of_columns(name: &str, identity: &str, result: &Kind, work: Columns, args: Vec<Expr>) -> Expr {
    make(name, format!("{name}:{identity}"), Vec::new(), result.arrow(), Work::Columns(work), args, false)
}

/// The name of [`fence()`].
pub(crate) const FENCE: &str = "fence";

/// The same value, before which the engine moves no condition: it takes it for one that is another each time.
pub(crate) fn fence(value: Expr, result: &DataType) -> Expr {
    let work: Columns = Arc::new(|args, _| Ok(args[0].clone()));
    make(FENCE, format!("{FENCE}:{result}"), Vec::new(), result.clone(), Work::Columns(work), vec![value], true)
}

/// All arguments as arrays.
pub(crate) fn arrays(args: &[ColumnarValue], rows: usize) -> Result<Vec<ArrayRef>, Error> {
    args.iter().map(|arg| arg.to_array(rows).map_err(Error::from)).collect()
}

/// `TRY(body)`: the body over what it takes; a row that fails is NULL. The shape is as a lambda's.
pub(crate) fn attempt(body: Arc<dyn PhysicalExpr>, shape: Expr, schema: SchemaRef, result: &Kind, args: Vec<Expr>) -> Expr {
    let kind = result.clone();
    let work: Columns = Arc::new(move |args, rows| {
        let arrays = arrays(args, rows)?;
        let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &RecordBatchOptions::new().with_row_count(Some(rows)))?;
        if let Ok(answer) = body.evaluate(&batch) {
            return Ok(answer);
        }
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            match body.evaluate(&batch.slice(row, 1)).and_then(|answer| answer.into_array(1)) {
                Ok(answer) => values.push(read(&answer, 0)),
                Err(error) => match crate::error::explain(&error) {
                    Error::Execution { message } if is_caught(&message) => values.push(Value::Null),
                    other => return Err(other),
                },
            }
        }
        Ok(ColumnarValue::Array(write(values, &kind)?))
    });
    make("try", format!("try->{result}"), vec![shape], result.arrow(), Work::Columns(work), args, false)
}

fn is_caught(message: &str) -> bool {
    ["DIVISION_BY_ZERO", "INVALID_CAST_ARGUMENT", "INVALID_FUNCTION_ARGUMENT", "NUMERIC_VALUE_OUT_OF_RANGE", "INVALID_LITERAL"]
        .iter()
        .any(|code| message.starts_with(code))
}
