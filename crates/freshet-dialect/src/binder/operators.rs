//! Operators and coercions: what Trino applies between two types, and nothing else.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Datum, Decimal128Array};
use datafusion::arrow::compute::kernels::{arity::try_binary, numeric};
use datafusion::arrow::datatypes::{Decimal128Type, Float32Type, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Cast, ColumnarValue, Expr, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::expressions::operator;
use super::{Binder, Bound, literal, literals};
use crate::casts;
use crate::error::{Error, fault, refuse};
use crate::kinds::{Kind, common};
use crate::numbers::{power, quotient, remainder, rescale};
use crate::scalar::{Call, Columns, arrays, of_columns, of_values};
use crate::value::{Value, equal, fact, same};

impl Binder {
    /// The value as a type that takes it without a cast.
    pub(super) fn coerce(&self, bound: Bound, to: &Kind) -> Result<Bound, Error> {
        if bound.kind == *to {
            return Ok(bound);
        }
        if bound.kind == Kind::Unknown {
            let expr = if let Expr::Literal(ScalarValue::Null, _) = bound.expr {
                literal(ScalarValue::try_from(&to.arrow())?)
            } else {
                Expr::Cast(Cast::new(Box::new(bound.expr), to.arrow()))
            };
            return Ok(Bound { expr, kind: to.clone() });
        }
        self.convert(bound, to)
    }

    /// `CAST(value AS type)`.
    pub(super) fn cast(&self, bound: Bound, to: &Kind) -> Result<Bound, Error> {
        if !casts::exists(&bound.kind, to) {
            return Err(refuse("TYPE_MISMATCH", format!("Cannot cast {} to {to}", bound.kind)));
        }
        self.coerce(bound, to)
    }

    fn convert(&self, bound: Bound, to: &Kind) -> Result<Bound, Error> {
        let from = bound.kind.clone();
        let width = |kind: &Kind| match kind {
            Kind::TinyInt => 1,
            Kind::SmallInt => 2,
            Kind::Integer => 3,
            Kind::BigInt => 4,
            _ => 0,
        };
        let plain = match (&from, to) {
            (a, b) if a.is_integer() && b.is_integer() => width(a) < width(b),
            (a, Kind::Double) => a.is_integer() || *a == Kind::Real,
            (a, Kind::Real) => a.is_integer(),
            (Kind::Decimal(p, s), Kind::Decimal(q, t)) => t >= s && q - t >= p - s,
            (a, Kind::Decimal(q, t)) => a.as_decimal().is_some_and(|(p, _)| q - t >= p),
            (Kind::Date, Kind::Timestamp(_)) => true,
            _ => false,
        };
        if plain {
            return Ok(Bound { expr: Expr::Cast(Cast::new(Box::new(bound.expr), to.arrow())), kind: to.clone() });
        }
        let same_form = match (&from, to) {
            (Kind::Varchar(a), Kind::Varchar(b)) => b.is_none_or(|b| a.is_some_and(|a| a <= b)),
            (Kind::Timestamp(p), Kind::Timestamp(q)) | (Kind::Zoned(p), Kind::Zoned(q)) | (Kind::Time(p), Kind::Time(q)) => p <= q,
            (Kind::Char(a), Kind::Char(b)) => a <= b,
            _ => false,
        };
        if same_form {
            return Ok(Bound { expr: bound.expr, kind: to.clone() });
        }
        let call = Call { args: vec![from], result: to.clone(), lambdas: Vec::new() };
        Ok(Bound {
            expr: of_values(
                "cast",
                |values, call| casts::cast(&values[0], &call.args[0], &call.result),
                call,
                *to != Kind::Json,
                vec![bound.expr],
            ),
            kind: to.clone(),
        })
    }

    /// `TRY_CAST(value AS type)`.
    pub(super) fn try_cast(&self, bound: Bound, to: &Kind) -> Result<Bound, Error> {
        if !casts::exists(&bound.kind, to) {
            return Err(refuse("TYPE_MISMATCH", format!("Cannot cast {} to {to}", bound.kind)));
        }
        let call = Call { args: vec![bound.kind], result: to.clone(), lambdas: Vec::new() };
        Ok(Bound {
            expr: of_values(
                "try_cast",
                |values, call| Ok(casts::cast(&values[0], &call.args[0], &call.result).unwrap_or(Value::Null)),
                call,
                true,
                vec![bound.expr],
            ),
            kind: to.clone(),
        })
    }

    pub(super) fn binary(&self, op: &BinaryOperator, left: Bound, right: Bound) -> Result<Bound, Error> {
        match op {
            BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => {
                self.arithmetic(op, left, right)
            }
            BinaryOperator::StringConcat => self.concat(vec![left, right]),
            other => self.compare(operator(other)?, left, right),
        }
    }

    /// `=`, `<` and their kin.
    pub(super) fn compare(&self, op: Operator, left: Bound, right: Bound) -> Result<Bound, Error> {
        let inapplicable = || refuse("TYPE_MISMATCH", format!("Cannot apply operator: {} {op} {}", left.kind, right.kind));
        let both = common(&left.kind, &right.kind).ok_or_else(inapplicable)?;
        let equality = matches!(op, Operator::Eq | Operator::NotEq);
        if !equality && !both.is_orderable() {
            return Err(inapplicable());
        }
        let (mut a, mut b) = (self.coerce(left, &both)?, self.coerce(right, &both)?);
        if matches!(both, Kind::Char(_)) && !equality {
            // In order, a `char` counts with its spaces.
            (a, b) = (self.coerce(a, &Kind::Varchar(None))?, self.coerce(b, &Kind::Varchar(None))?);
        }
        let (a, b) = (a.expr, b.expr);
        let expr = match &both {
            Kind::Unknown => literal(ScalarValue::Boolean(None)),
            Kind::Zoned(_) => binary(crate::conform::instant(a), op, crate::conform::instant(b)),
            Kind::Real | Kind::Double => floats(op, &both, a, b),
            Kind::Array(_) | Kind::Map(..) | Kind::Row(_) => {
                let body = match op {
                    Operator::Eq => |values: &[Value], _: &Call| Ok(equal(&values[0], &values[1]).into()),
                    Operator::NotEq => |values: &[Value], _: &Call| Ok(equal(&values[0], &values[1]).map(|same| !same).into()),
                    Operator::Lt => |values: &[Value], _: &Call| Ok(fact(&values[0], &values[1], std::cmp::Ordering::is_lt)?.into()),
                    Operator::LtEq => |values: &[Value], _: &Call| Ok(fact(&values[0], &values[1], std::cmp::Ordering::is_le)?.into()),
                    Operator::Gt => |values: &[Value], _: &Call| Ok(fact(&values[0], &values[1], std::cmp::Ordering::is_gt)?.into()),
                    _ => |values: &[Value], _: &Call| Ok(fact(&values[0], &values[1], std::cmp::Ordering::is_ge)?.into()),
                };
                of_values(
                    &format!("compare {op}"),
                    body,
                    Call { args: vec![both.clone(), both.clone()], result: Kind::Boolean, lambdas: Vec::new() },
                    true,
                    vec![a, b],
                )
            }
            _ => binary(a, op, b),
        };
        Ok(Bound { expr, kind: Kind::Boolean })
    }

    /// `IS DISTINCT FROM`, or its negation.
    pub(super) fn distinct(&self, left: Bound, right: Bound, distinct: bool) -> Result<Bound, Error> {
        let both = common(&left.kind, &right.kind)
            .ok_or_else(|| refuse("TYPE_MISMATCH", format!("Cannot apply operator: {} IS DISTINCT FROM {}", left.kind, right.kind)))?;
        if both == Kind::Unknown {
            return literals::constant(Value::Bool(!distinct), Kind::Boolean);
        }
        let args = vec![self.coerce(left, &both)?.expr, self.coerce(right, &both)?.expr];
        let body = if distinct {
            |values: &[Value], _: &Call| Ok(Value::Bool(!same(&values[0], &values[1])))
        } else {
            |values: &[Value], _: &Call| Ok(Value::Bool(same(&values[0], &values[1])))
        };
        Ok(Bound {
            expr: of_values(
                if distinct { "is distinct" } else { "is not distinct" },
                body,
                Call { args: vec![both.clone(), both], result: Kind::Boolean, lambdas: Vec::new() },
                false,
                args,
            ),
            kind: Kind::Boolean,
        })
    }

    pub(super) fn negate(&self, value: Bound) -> Result<Bound, Error> {
        match &value.kind {
            Kind::DayTime | Kind::YearMonth => {
                let kind = value.kind.clone();
                let body = |values: &[Value], _: &Call| Ok(Value::Int(-values[0].int()));
                Ok(Bound {
                    expr: of_values(
                        "negate",
                        body,
                        Call { args: vec![kind.clone()], result: kind.clone(), lambdas: Vec::new() },
                        true,
                        vec![value.expr],
                    ),
                    kind,
                })
            }
            kind if kind.is_number() => {
                let kind = kind.clone();
                let work: Columns = Arc::new(move |args, rows| {
                    let array = &arrays(args, rows)?[0];
                    Ok(ColumnarValue::Array(numeric::neg(array).map_err(|_| fault("NUMERIC_VALUE_OUT_OF_RANGE", "negation overflow"))?))
                });
                Ok(Bound { expr: of_columns("negate", &kind.to_string(), &kind, work, vec![value.expr]), kind })
            }
            Kind::Unknown => Ok(value),
            other => Err(refuse("TYPE_MISMATCH", format!("Cannot negate {other}"))),
        }
    }

    pub(super) fn arithmetic(&self, op: &BinaryOperator, left: Bound, right: Bound) -> Result<Bound, Error> {
        let inapplicable = || refuse("TYPE_MISMATCH", format!("Cannot apply operator: {} {op} {}", left.kind, right.kind));
        let numbers = |kind: &Kind| kind.is_number() || *kind == Kind::Unknown;
        if !numbers(&left.kind) || !numbers(&right.kind) {
            let name = match op {
                BinaryOperator::Plus => "$add",
                BinaryOperator::Minus => "$subtract",
                BinaryOperator::Multiply => "$multiply",
                BinaryOperator::Divide => "$divide",
                _ => return Err(inapplicable()),
            };
            let error = inapplicable();
            return self.resolve(name, vec![left, right]).map_err(|_| error);
        }
        let both = common(&left.kind, &right.kind).ok_or_else(inapplicable)?;
        match both {
            Kind::Unknown => self.coerce(literals::null(), &Kind::Integer),
            Kind::Decimal(..) => {
                let decimal =
                    |bound: &Bound| bound.kind.as_decimal().or(if bound.kind == Kind::Unknown { both.as_decimal() } else { None });
                let (Some(p), Some(q)) = (decimal(&left), decimal(&right)) else { return Err(inapplicable()) };
                let (a, b) = (self.coerce(left, &Kind::Decimal(p.0, p.1))?, self.coerce(right, &Kind::Decimal(q.0, q.1))?);
                decimals(op, p, q, a.expr, b.expr)
            }
            kind => {
                let (a, b) = (self.coerce(left, &kind)?.expr, self.coerce(right, &kind)?.expr);
                let (op, name) = (op.clone(), op.to_string());
                let told = kind.clone();
                let work: Columns = Arc::new(move |args, rows| {
                    let (x, y) = (datum(&args[0])?, datum(&args[1])?);
                    let (x, y): (&dyn Datum, &dyn Datum) = (x.as_ref(), y.as_ref());
                    let result = match op {
                        BinaryOperator::Plus => numeric::add(x, y),
                        BinaryOperator::Minus => numeric::sub(x, y),
                        BinaryOperator::Multiply => numeric::mul(x, y),
                        BinaryOperator::Divide => numeric::div(x, y),
                        _ => numeric::rem(x, y),
                    };
                    let result = result.map_err(|error| match error {
                        ArrowError::DivideByZero => fault("DIVISION_BY_ZERO", "Division by zero"),
                        _ => fault("NUMERIC_VALUE_OUT_OF_RANGE", format!("{told} overflow: {op}")),
                    })?;
                    scalar_or_array(args, result, rows)
                });
                Ok(Bound { expr: of_columns(&name, &kind.to_string(), &kind, work, vec![a, b]), kind })
            }
        }
    }
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn datum(value: &ColumnarValue) -> Result<Box<dyn Datum>, Error> {
    Ok(match value {
        ColumnarValue::Array(array) => Box::new(array.clone()),
        ColumnarValue::Scalar(scalar) => Box::new(scalar.to_scalar()?),
    })
}

/// A constant where all arguments are.
fn scalar_or_array(args: &[ColumnarValue], result: ArrayRef, rows: usize) -> Result<ColumnarValue, Error> {
    if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
    }
    debug_assert_eq!(result.len(), rows);
    Ok(ColumnarValue::Array(result))
}

/// Comparison of doubles and reals as IEEE has it: NaN equals nothing, the two zeros are equal.
fn floats(op: Operator, kind: &Kind, left: Expr, right: Expr) -> Expr {
    let test: fn(f64, f64) -> bool = match op {
        Operator::Eq => |a, b| a == b,
        Operator::NotEq => |a, b| a != b,
        Operator::Lt => |a, b| a < b,
        Operator::LtEq => |a, b| a <= b,
        Operator::Gt => |a, b| a > b,
        _ => |a, b| a >= b,
    };
    let work: Columns = Arc::new(move |args, rows| {
        let arrays = arrays(args, rows)?;
        let answers = match arrays[0].as_primitive_opt::<Float64Type>() {
            Some(left) => BooleanArray::from_binary(left, arrays[1].as_primitive::<Float64Type>(), test),
            None => {
                let [left, right] = [0, 1].map(|at| arrays[at].as_primitive::<Float32Type>());
                BooleanArray::from_binary(left, right, |a: f32, b: f32| test(a.into(), b.into()))
            }
        };
        Ok(ColumnarValue::Array(Arc::new(answers)))
    });
    of_columns(&format!("compare {op}"), &kind.to_string(), &Kind::Boolean, work, vec![left, right])
}

/// Decimal arithmetic with Trino's precision and scale; division rounds half away from zero.
fn decimals(op: &BinaryOperator, (p1, s1): (u8, u8), (p2, s2): (u8, u8), left: Expr, right: Expr) -> Result<Bound, Error> {
    let scale = s1.max(s2);
    let (precision, scale) = match op {
        BinaryOperator::Plus | BinaryOperator::Minus => ((p1 - s1).max(p2 - s2) + scale + 1, scale),
        BinaryOperator::Multiply => (p1 + p2, s1 + s2),
        BinaryOperator::Divide => (p1 + s2 + s2.saturating_sub(s1), scale),
        _ => ((p1 - s1).min(p2 - s2) + scale, scale),
    };
    if scale > 38 {
        return Err(refuse("INVALID_FUNCTION_ARGUMENT", format!("DECIMAL scale must be in range [0, precision (38)]: {scale}")));
    }
    let precision = precision.clamp(1, 38);
    let limit = power(precision.into());
    let kind = Kind::Decimal(precision, scale);
    let name = op.to_string();
    let identity = format!("{p1},{s1},{p2},{s2}");
    let op = op.clone();
    let overflow = || fault("NUMERIC_VALUE_OUT_OF_RANGE", "Decimal overflow");
    let work: Columns = Arc::new(move |args, rows| {
        let one = |a: i128, b: i128| -> Result<i128, Error> {
            let lift = |value: i128, from: u8| rescale(value, from.into(), scale.into()).ok_or_else(overflow);
            let result = match op {
                BinaryOperator::Plus => lift(a, s1)?.checked_add(lift(b, s2)?),
                BinaryOperator::Minus => lift(a, s1)?.checked_sub(lift(b, s2)?),
                BinaryOperator::Multiply => a.checked_mul(b),
                _ if b == 0 => return Err(fault("DIVISION_BY_ZERO", "Division by zero")),
                BinaryOperator::Divide => quotient(a, u32::from(scale - s1 + s2), b),
                _ => remainder(a, u32::from(scale - s1), b, u32::from(scale - s2)),
            };
            result.filter(|value| value.abs() < limit).ok_or_else(overflow)
        };
        let arrays = arrays(args, if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) { 1 } else { rows })?;
        let (a, b) = (arrays[0].as_primitive::<Decimal128Type>(), arrays[1].as_primitive::<Decimal128Type>());
        let values: Decimal128Array = try_binary(a, b, |a, b| one(a, b).map_err(|error| ArrowError::ExternalError(Box::new(error))))?;
        let values = values.with_precision_and_scale(precision, i8::try_from(scale).unwrap_or(0))?;
        scalar_or_array(args, Arc::new(values), rows)
    });
    Ok(Bound { expr: of_columns(&name, &identity, &kind, work, vec![left, right]), kind })
}
