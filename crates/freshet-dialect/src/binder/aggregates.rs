//! Aggregates: those of the engine where they agree with Trino's, and gathered ones for the rest.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, i256};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::{bool_and_or, correlation, count, covariance, min_max, regr, stddev, sum, variance};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{AggregateUDF, Expr, cast};
use datafusion::sql::sqlparser::ast::{
    self, DuplicateTreatment, Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, OrderByExpr,
};

use super::calls::arguments;
use super::{Binder, Bound, Scope, literal, literals, place};
use crate::conform::{group_key, order_key};
use crate::error::{Error, fault, missing, refuse};
use crate::folds;
use crate::gather::Gather;
use crate::kinds::{Kind, coercible};
use crate::numbers::divide_wide;
use crate::scalar::{Call, of_values};
use crate::value::Value;

/// The aggregates that are known.
pub(super) const NAMES: &[&str] = &[
    "count",
    "count_if",
    "sum",
    "avg",
    "min",
    "max",
    "min_by",
    "max_by",
    "bool_and",
    "bool_or",
    "every",
    "arbitrary",
    "any_value",
    "array_agg",
    "listagg",
    "map_agg",
    "multimap_agg",
    "map_union",
    "histogram",
    "approx_distinct",
    "approx_percentile",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "variance",
    "var_samp",
    "var_pop",
    "corr",
    "covar_samp",
    "covar_pop",
    "regr_slope",
    "regr_intercept",
    "geometric_mean",
    "skewness",
    "kurtosis",
    "bitwise_and_agg",
    "bitwise_or_agg",
    "bitwise_xor_agg",
];

/// What stands beside an aggregate's arguments.
struct Clauses {
    distinct: bool,
    filter: Option<Box<Expr>>,
    orders: Vec<(Bound, bool, bool)>,
}

impl Clauses {
    fn call(&self, udf: Arc<AggregateUDF>, args: Vec<Expr>) -> Expr {
        Expr::AggregateFunction(AggregateFunction::new_udf(udf, args, self.distinct, self.filter.clone(), vec![], None))
    }
}

impl Binder {
    pub(super) fn aggregate_call(&self, name: &str, function: &Function, ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        let windowed = function.over.is_some();
        let inner = Scope {
            columns: scope.columns.clone(),
            outer: scope.outer,
            is_lambda: scope.is_lambda,
            ctes: scope.ctes.clone(),
            aliases: if windowed { scope.aliases.clone() } else { Vec::new() },
            windows: scope.windows.clone(),
            aggregates: windowed && scope.aggregates,
        };
        let star = matches!(&function.args, FunctionArguments::List(list) if matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]));
        if star && name != "count" {
            return Err(refuse("FUNCTION_NOT_FOUND", format!("{}Unexpected parameters (*) for function {name}", place(ast))));
        }
        let args = if star { Vec::new() } else { arguments(function)? };
        let args = args.into_iter().map(|arg| self.expr(arg, &inner)).collect::<Result<Vec<_>, _>>()?;
        let mut distinct = false;
        let mut order: Vec<&OrderByExpr> = function.within_group.iter().collect();
        if let FunctionArguments::List(list) = &function.args {
            distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
            for clause in &list.clauses {
                match clause {
                    FunctionArgumentClause::OrderBy(list) => order.extend(list),
                    FunctionArgumentClause::OnOverflow(ast::ListAggOnOverflow::Error) => {}
                    other => return Err(missing(format!("{other} in {name}"))),
                }
            }
        }
        let mut orders = Vec::new();
        for item in order {
            let bound = self.expr(&item.expr, &inner)?;
            if distinct && !args.iter().any(|arg| arg.expr == bound.expr) {
                return Err(refuse(
                    "EXPRESSION_NOT_IN_DISTINCT",
                    "For aggregate function with DISTINCT, ORDER BY expressions must appear in arguments",
                ));
            }
            if !bound.kind.is_orderable() {
                return Err(refuse("TYPE_MISMATCH", format!("ORDER BY can only be applied to orderable types (actual: {})", bound.kind)));
            }
            orders.push((bound, item.options.asc.unwrap_or(true), item.options.nulls_first.unwrap_or(false)));
        }
        let filter = function.filter.as_ref().map(|filter| self.condition(filter, &inner).map(Box::new)).transpose()?;
        let clauses = Clauses { distinct, filter, orders };
        self.aggregate_of(name, args, star, &clauses, windowed).map_err(|error| super::expressions::at(error, ast))
    }

    #[expect(clippy::too_many_lines, reason = "one arm an aggregate")]
    fn aggregate_of(&self, name: &str, mut args: Vec<Bound>, star: bool, clauses: &Clauses, windowed: bool) -> Result<Bound, Error> {
        let kinds: Vec<Kind> = args.iter().map(|arg| arg.kind.clone()).collect();
        let wrong = || {
            refuse(
                "FUNCTION_NOT_FOUND",
                format!(
                    "Unexpected parameters ({}) for function {name}",
                    kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                ),
            )
        };
        let bound = |expr: Expr, kind: Kind| Ok(Bound { expr, kind });
        // The engine's windows know no DISTINCT.
        let gathered_distinct = windowed && clauses.distinct;
        match (name, kinds.as_slice()) {
            ("count", []) if star || kinds.is_empty() => {
                bound(clauses.call(count::count_udaf(), vec![literal(ScalarValue::Int64(Some(1)))]), Kind::BigInt)
            }
            ("count", [_]) => {
                let Bound { expr, kind } = args.remove(0);
                let expr = if clauses.distinct { order_key(group_key(expr, &kind), &kind, false) } else { expr };
                if gathered_distinct || (clauses.distinct && matches!(kind, Kind::Map(..))) {
                    let kind = if matches!(kind, Kind::Zoned(_)) { Kind::Timestamp(6) } else { kind };
                    return self.gathered("count_distinct", vec![Bound { expr, kind }], Kind::BigInt, clauses);
                }
                bound(clauses.call(count::count_udaf(), vec![expr]), Kind::BigInt)
            }
            ("count_if", [Kind::Boolean | Kind::Unknown]) if !clauses.distinct => {
                let condition = self.coerce(args.remove(0), &Kind::Boolean)?.expr;
                let one = literals::constant(crate::value::Value::Int(1), Kind::BigInt)?;
                let counted = self.case(vec![(condition, one)], None)?;
                bound(clauses.call(count::count_udaf(), vec![counted.expr]), Kind::BigInt)
            }
            ("approx_distinct", [_, rest @ ..]) if rest.len() <= 1 => {
                let exact = Clauses { distinct: true, filter: clauses.filter.clone(), orders: Vec::new() };
                self.aggregate_of("count", vec![args.remove(0)], false, &exact, windowed)
            }
            ("sum", [Kind::DayTime | Kind::YearMonth]) => self.gathered("sum_interval", args, kinds[0].clone(), clauses),
            ("avg", [Kind::DayTime | Kind::YearMonth]) => self.gathered("avg_interval", args, kinds[0].clone(), clauses),
            ("sum" | "avg", [_]) if gathered_distinct => Err(missing(format!("{name}(DISTINCT …) OVER"))),
            // Four thousand million rows of the largest integers fit.
            ("sum", [Kind::TinyInt | Kind::SmallInt | Kind::Integer]) => {
                let arg = self.coerce(args.remove(0), &Kind::BigInt)?;
                bound(clauses.call(sum::sum_udaf(), vec![arg.expr]), Kind::BigInt)
            }
            ("sum", [Kind::BigInt]) => {
                let arg = self.coerce(args.remove(0), &Kind::BigInt)?;
                // Summed wide, so that what does not fit is an error and not another number.
                let wide = self.coerce(arg, &Kind::Decimal(38, 0))?;
                let total = Bound { expr: clauses.call(sum::sum_udaf(), vec![wide.expr]), kind: Kind::Decimal(38, 0) };
                self.cast(total, &Kind::BigInt)
            }
            ("sum", [Kind::Decimal(precision, scale)]) => {
                let kind = Kind::Decimal(38, *scale);
                let arg = self.coerce(args.remove(0), &kind)?;
                bound(total(arg.expr, *precision, *scale, clauses), kind)
            }
            ("sum", [Kind::Double]) => bound(clauses.call(sum::sum_udaf(), vec![args.remove(0).expr]), Kind::Double),
            ("sum" | "avg", [Kind::Real]) => {
                let arg = self.coerce(args.remove(0), &Kind::Double)?;
                let wide = self.aggregate_of(name, vec![arg], false, clauses, windowed)?;
                self.cast(wide, &Kind::Real)
            }
            ("avg", [Kind::Decimal(precision, scale)]) => {
                let kind = kinds[0].clone();
                let arg = self.coerce(args.remove(0), &Kind::Decimal(38, *scale))?;
                let many = Bound { expr: clauses.call(count::count_udaf(), vec![arg.expr.clone()]), kind: Kind::BigInt };
                if *precision > SUMMED_AS_IT_IS {
                    return self.cast(wide_mean(arg.expr, *scale, many.expr, clauses), &kind);
                }
                let total = Bound { expr: total(arg.expr, *precision, *scale, clauses), kind: Kind::Decimal(38, *scale) };
                let zero = self.compare(datafusion::logical_expr::Operator::Gt, many.clone(), literals::number("0")?)?.expr;
                let mean = self.arithmetic(&ast::BinaryOperator::Divide, total, many)?;
                let mean = self.cast(mean, &kind)?;
                self.case(vec![(zero, mean)], None)
            }
            ("avg", [kind]) if kind.is_integer() || matches!(kind, Kind::Double) => {
                let arg = self.coerce(args.remove(0), &Kind::Double)?;
                bound(clauses.call(datafusion::functions_aggregate::average::avg_udaf(), vec![arg.expr]), Kind::Double)
            }
            ("min" | "max", [kind]) => {
                if !kind.is_orderable() {
                    return Err(wrong());
                }
                let kind = kind.clone();
                let any = Clauses { distinct: false, filter: clauses.filter.clone(), orders: Vec::new() };
                let udf = if name == "min" { min_max::min_udaf() } else { min_max::max_udaf() };
                if matches!(kind, Kind::Real | Kind::Double) {
                    let place = crate::extremes::place_on_line(args.remove(0).expr, &kind, name == "max");
                    return bound(crate::extremes::at_place(any.call(udf, vec![place]), &kind), kind);
                }
                if !kind.compares_as_it_lies() {
                    return self.gathered(name, args, kind, &any);
                }
                bound(any.call(udf, vec![args.remove(0).expr]), kind)
            }
            ("min" | "max", [kind, count]) if coercible(count, &Kind::BigInt) && kind.is_orderable() => {
                let result = Kind::array(kind.clone());
                let args = vec![args[0].clone(), self.coerce(args[1].clone(), &Kind::BigInt)?];
                self.gathered(&format!("{name}_n"), args, result, clauses)
            }
            ("min_by" | "max_by", [kind, by]) if by.is_orderable() => {
                let result = kind.clone();
                self.gathered(name, args, result, clauses)
            }
            ("min_by" | "max_by", [kind, by, count]) if by.is_orderable() && coercible(count, &Kind::BigInt) => {
                let result = Kind::array(kind.clone());
                let args = vec![args[0].clone(), args[1].clone(), self.coerce(args[2].clone(), &Kind::BigInt)?];
                self.gathered(&format!("{name}_n"), args, result, clauses)
            }
            ("bool_and" | "every" | "bool_or", [Kind::Boolean | Kind::Unknown]) if !gathered_distinct => {
                let arg = self.coerce(args.remove(0), &Kind::Boolean)?;
                let udf = if name == "bool_or" { bool_and_or::bool_or_udaf() } else { bool_and_or::bool_and_udaf() };
                bound(clauses.call(udf, vec![arg.expr]), Kind::Boolean)
            }
            ("arbitrary" | "any_value", [kind]) => {
                let result = kind.clone();
                self.gathered(name, args, result, clauses)
            }
            ("array_agg", [kind]) => {
                let result = Kind::array(kind.clone());
                self.gathered(name, args, result, clauses)
            }
            ("listagg", [text, rest @ ..]) if rest.len() <= 1 && text.is_text() && rest.iter().all(Kind::is_text) => {
                let mut args = args.into_iter().map(|arg| self.coerce(arg, &Kind::Varchar(None))).collect::<Result<Vec<_>, _>>()?;
                if args.len() == 1 {
                    args.push(self.coerce(literals::text(""), &Kind::Varchar(None))?);
                }
                self.gathered(name, args, Kind::Varchar(None), clauses)
            }
            ("map_agg", [key, value]) => {
                let result = Kind::map(key.clone(), value.clone());
                self.gathered(name, args, result, clauses)
            }
            ("multimap_agg", [key, value]) => {
                let result = Kind::map(key.clone(), Kind::array(value.clone()));
                self.gathered(name, args, result, clauses)
            }
            ("map_union", [Kind::Map(..)]) => {
                let result = kinds[0].clone();
                self.gathered(name, args, result, clauses)
            }
            ("histogram", [kind]) => {
                let result = Kind::map(kind.clone(), Kind::BigInt);
                self.gathered(name, args, result, clauses)
            }
            ("bitwise_and_agg" | "bitwise_or_agg" | "bitwise_xor_agg", [kind]) if kind.is_integer() => {
                let args = vec![self.coerce(args.remove(0), &Kind::BigInt)?];
                self.gathered(name, args, Kind::BigInt, clauses)
            }
            ("approx_percentile", [value, rest @ .., share]) if value.is_number() && rest.len() <= 1 => {
                let kind = match value {
                    Kind::Double => Kind::Double,
                    Kind::Real | Kind::Decimal(..) => Kind::Real,
                    _ => Kind::BigInt,
                };
                let mut bound = vec![self.coerce(args[0].clone(), &kind)?];
                if rest.len() == 1 {
                    bound.push(self.coerce(args[1].clone(), &Kind::Double)?);
                }
                let (share_kind, result) =
                    if matches!(share, Kind::Array(_)) { (Kind::array(Kind::Double), Kind::array(kind)) } else { (Kind::Double, kind) };
                bound.push(self.coerce(args.pop().unwrap_or_else(literals::null), &share_kind)?);
                let name = if self.reads.get() { "approx_percentile_of_tables" } else { name };
                self.gathered(name, bound, result, clauses)
            }
            ("stddev" | "stddev_samp" | "stddev_pop" | "variance" | "var_samp" | "var_pop", [kind]) if kind.is_number() => {
                let arg = self.coerce(args.remove(0), &Kind::Double)?;
                let udf = match name {
                    "stddev_pop" => stddev::stddev_pop_udaf(),
                    "stddev" | "stddev_samp" => stddev::stddev_udaf(),
                    "var_pop" => variance::var_pop_udaf(),
                    _ => variance::var_samp_udaf(),
                };
                bound(clauses.call(udf, vec![arg.expr]), Kind::Double)
            }
            ("corr" | "covar_samp" | "covar_pop" | "regr_slope" | "regr_intercept", [a, b]) if a.is_number() && b.is_number() => {
                let kind = if matches!(a, Kind::Double) || matches!(b, Kind::Double) { Kind::Double } else { Kind::Real };
                let args = args
                    .into_iter()
                    .map(|arg| self.coerce(arg, &kind).and_then(|arg| self.coerce(arg, &Kind::Double)).map(|arg| arg.expr))
                    .collect::<Result<Vec<_>, _>>()?;
                let udf = match name {
                    "corr" => correlation::corr_udaf(),
                    "covar_samp" => covariance::covar_samp_udaf(),
                    "covar_pop" => covariance::covar_pop_udaf(),
                    "regr_slope" => regr::regr_slope_udaf(),
                    _ => regr::regr_intercept_udaf(),
                };
                let wide = Bound { expr: clauses.call(udf, args), kind: Kind::Double };
                self.cast(wide, &kind)
            }
            ("geometric_mean" | "skewness" | "kurtosis", [kind]) if kind.is_number() => {
                let args = vec![self.coerce(args.remove(0), &Kind::Double)?];
                self.gathered(name, args, Kind::Double, clauses)
            }
            _ => Err(wrong()),
        }
    }

    /// An aggregate that gathers its rows.
    fn gathered(&self, name: &str, args: Vec<Bound>, result: Kind, clauses: &Clauses) -> Result<Bound, Error> {
        let folding = folds::of(name).ok_or_else(|| missing(format!("aggregate {name}")))?;
        let call = Call { args: args.iter().map(|arg| arg.kind.clone()).collect(), result: result.clone(), lambdas: Vec::new() };
        let mut kinds = call.args.clone();
        let mut exprs: Vec<Expr> = args.into_iter().map(|arg| arg.expr).collect();
        let mut orders = Vec::new();
        for (key, ascending, nulls_first) in &clauses.orders {
            kinds.push(key.kind.clone());
            exprs.push(key.expr.clone());
            orders.push((*ascending, *nulls_first));
        }
        let udf = Gather::make(name, call, folding, clauses.distinct, orders, kinds);
        Ok(Bound {
            expr: Expr::AggregateFunction(AggregateFunction::new_udf(udf, exprs, false, clauses.filter.clone(), vec![], None)),
            kind: result,
        })
    }

    /// A gathered aggregate without clauses, for subqueries.
    pub(super) fn gather(&self, name: &str, args: Vec<Bound>, result: Kind, _keeps_null: bool) -> Result<Expr, Error> {
        Ok(self.gathered(name, args, result, &Clauses { distinct: false, filter: None, orders: Vec::new() })?.expr)
    }
}

/// Digits that a decimal may have so that no table's sum of it needs more than 38.
const SUMMED_AS_IT_IS: u8 = 28;

/// The sum of decimals. Where it may need more than 38 digits, a sum of doubles beside it tells whether it has, which is an error.
fn total(arg: Expr, precision: u8, scale: u8, clauses: &Clauses) -> Expr {
    if precision <= SUMMED_AS_IT_IS {
        return clauses.call(sum::sum_udaf(), vec![arg]);
    }
    let kind = Kind::Decimal(38, scale);
    let check = |values: &[Value], call: &Call| match wide_sum(values, call).to_i128() {
        Some(sum) if sum.unsigned_abs() < 10_u128.pow(38) => Ok(Value::Decimal(sum)),
        _ => Err(overflow()),
    };
    let call = Call { args: vec![kind.clone(), Kind::Double], result: kind, lambdas: Vec::new() };
    of_values("$total", check, call, true, sums(arg, clauses))
}

fn overflow() -> Error {
    fault("NUMERIC_VALUE_OUT_OF_RANGE", "Decimal overflow")
}

/// The mean of decimals whose sum may need more than 38 digits.
fn wide_mean(arg: Expr, scale: u8, many: Expr, clauses: &Clauses) -> Bound {
    let kind = Kind::Decimal(38, scale);
    let mean =
        |values: &[Value], call: &Call| divide_wide(wide_sum(values, call), values[2].decimal()).map(Value::Decimal).ok_or_else(overflow);
    let call = Call { args: vec![kind.clone(), Kind::Double, Kind::BigInt], result: kind.clone(), lambdas: Vec::new() };
    let mut args = sums(arg, clauses);
    args.push(many);
    Bound { expr: of_values("$mean", mean, call, true, args), kind }
}

/// A sum of decimals, which wraps, and the sum of them as doubles.
fn sums(arg: Expr, clauses: &Clauses) -> Vec<Expr> {
    let about = clauses.call(sum::sum_udaf(), vec![cast(arg.clone(), DataType::Float64)]);
    vec![clauses.call(sum::sum_udaf(), vec![arg]), about]
}

/// The sum of which these are [`sums`]: each time that it has wrapped, it is off by 2 to the 128th.
fn wide_sum(values: &[Value], call: &Call) -> i256 {
    let Kind::Decimal(_, scale) = call.result else { return i256::ZERO };
    let (exact, about) = (values[0].decimal(), values[1].float() * 10_f64.powi(scale.into()));
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "doubles tell multiples of 2 to the 128th apart")]
    let wraps = ((about - exact as f64) / 2_f64.powi(128)).round() as i128;
    i256::from_i128(exact).wrapping_add(i256::from_parts(0, wraps))
}
