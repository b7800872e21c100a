//! Window functions: `OVER (…)`, frames, ranks and values of other rows.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions_window::{cume_dist, lead_lag, nth_value, ntile, rank as ranks, row_number as numbers};
use datafusion::logical_expr::expr::{NullTreatment, Sort, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Cast, Expr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition, WindowUDF};
use datafusion::sql::sqlparser::ast::{self, Expr as Ast, Function, FunctionArgumentClause, FunctionArguments, WindowSpec, WindowType};

use super::calls::arguments;
use super::constants::folded;
use super::{Binder, Bound, Scope, literal, place};
use crate::conform::{group_key, order_key};
use crate::error::{Error, missing, refuse};
use crate::kinds::{Kind, common};

/// Functions that only stand over windows.
pub(super) const NAMES: &[&str] =
    &["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value", "last_value", "nth_value"];

/// A window's parts, bound.
struct Over {
    partition: Vec<Expr>,
    order: Vec<Sort>,
    frame: WindowFrame,
}

fn build(
    definition: WindowFunctionDefinition,
    args: Vec<Expr>,
    partition_by: Vec<Expr>,
    order_by: Vec<Sort>,
    window_frame: WindowFrame,
    null_treatment: Option<NullTreatment>,
) -> Expr {
    Expr::WindowFunction(Box::new(WindowFunction {
        fun: definition,
        params: WindowFunctionParams { args, partition_by, order_by, window_frame, filter: None, null_treatment, distinct: false },
    }))
}

fn whole() -> WindowFrame {
    WindowFrame::new_bounds(
        WindowFrameUnits::Rows,
        WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
        WindowFrameBound::Following(ScalarValue::UInt64(None)),
    )
}

fn up_to_here() -> WindowFrame {
    WindowFrame::new_bounds(WindowFrameUnits::Rows, WindowFrameBound::Preceding(ScalarValue::UInt64(None)), WindowFrameBound::CurrentRow)
}

fn range_to_here() -> WindowFrame {
    WindowFrame::new_bounds(WindowFrameUnits::Range, WindowFrameBound::Preceding(ScalarValue::Null), WindowFrameBound::CurrentRow)
}

/// The number of each row within equal ones.
pub(crate) fn row_number(partition: Vec<Expr>, order: Vec<Sort>) -> Expr {
    build(WindowFunctionDefinition::WindowUDF(numbers::row_number_udwf()), vec![], partition, order, up_to_here(), None)
}

/// The rank of each row.
pub(super) fn rank(order: Vec<Sort>) -> Expr {
    build(WindowFunctionDefinition::WindowUDF(ranks::rank_udwf()), vec![], vec![], order, range_to_here(), None)
}

impl Binder {
    pub(super) fn window(&self, name: &str, function: &Function, ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        let spec = match &function.over {
            Some(WindowType::WindowSpec(spec)) => self.inherit(spec, scope)?,
            Some(WindowType::NamedWindow(name)) => self.named_window(&name.value, scope)?,
            None => return Err(missing("a window")),
        };
        let over = self.over(&spec, scope)?;
        let mut nulls = match function.null_treatment {
            Some(ast::NullTreatment::IgnoreNulls) => Some(NullTreatment::IgnoreNulls),
            _ => None,
        };
        if let FunctionArguments::List(list) = &function.args {
            for clause in &list.clauses {
                if let FunctionArgumentClause::IgnoreOrRespectNulls(ast::NullTreatment::IgnoreNulls) = clause {
                    nulls = Some(NullTreatment::IgnoreNulls);
                }
            }
        }
        if super::aggregates::NAMES.contains(&name) {
            let inner = Scope {
                columns: scope.columns.clone(),
                outer: scope.outer,
                is_lambda: scope.is_lambda,
                ctes: scope.ctes.clone(),
                aliases: scope.aliases.clone(),
                windows: scope.windows.clone(),
                aggregates: scope.aggregates,
            };
            if function.filter.is_some() {
                return Err(refuse("NOT_SUPPORTED", format!("{}FILTER is not yet supported for window functions", place(ast))));
            }
            let bound = self.aggregate_call(name, function, ast, &inner)?;
            return Ok(Bound { expr: widen(bound.expr, &over)?, kind: bound.kind });
        }
        if function.filter.is_some() {
            return Err(refuse("FUNCTION_NOT_AGGREGATE", format!("{}FILTER is only for aggregations: {name}", place(ast))));
        }
        if !matches!(name, "first_value" | "last_value" | "nth_value") && spec.window_frame.is_some() && NAMES.contains(&name) {
            return Err(refuse("INVALID_WINDOW_FRAME", format!("{}Cannot specify window frame for {name} function", place(ast))));
        }
        if matches!(name, "lag" | "lead") && spec.order_by.is_empty() {
            return Err(refuse("MISSING_ORDER_BY", format!("{}{name} function requires an ORDER BY window clause", place(ast))));
        }
        let args = arguments(function)?.into_iter().map(|arg| self.expr(arg, scope)).collect::<Result<Vec<_>, _>>()?;
        self.window_call(name, args, over, nulls, ast)
    }

    fn window_call(&self, name: &str, mut args: Vec<Bound>, over: Over, nulls: Option<NullTreatment>, ast: &Ast) -> Result<Bound, Error> {
        let wrong = || refuse("FUNCTION_NOT_FOUND", format!("{}Unexpected parameters for function {name}", place(ast)));
        let count = args.len();
        let counting = |udf: std::sync::Arc<WindowUDF>, args: Vec<Expr>, frame: WindowFrame| {
            let call = build(WindowFunctionDefinition::WindowUDF(udf), args, over.partition.clone(), over.order.clone(), frame, None);
            Bound { expr: Expr::Cast(Cast::new(Box::new(call), DataType::Int64)), kind: Kind::BigInt }
        };
        let share = |udf: std::sync::Arc<WindowUDF>, frame: WindowFrame| Bound {
            expr: build(WindowFunctionDefinition::WindowUDF(udf), vec![], over.partition.clone(), over.order.clone(), frame, None),
            kind: Kind::Double,
        };
        let peers = || if over.order.is_empty() { whole() } else { range_to_here() };
        Ok(match (name, count) {
            ("row_number", 0) => counting(numbers::row_number_udwf(), vec![], up_to_here()),
            ("rank", 0) => counting(ranks::rank_udwf(), vec![], peers()),
            ("dense_rank", 0) => counting(ranks::dense_rank_udwf(), vec![], peers()),
            ("percent_rank", 0) => share(ranks::percent_rank_udwf(), whole()),
            ("cume_dist", 0) => share(cume_dist::cume_dist_udwf(), whole()),
            ("ntile", 1) => {
                let buckets = self.coerce(args.remove(0), &Kind::BigInt)?;
                let Some(buckets) = constant(&buckets.expr) else { return Err(missing("ntile of a number that is no literal")) };
                counting(ntile::ntile_udwf(), vec![literal(ScalarValue::Int64(Some(buckets)))], whole())
            }
            ("lag" | "lead", 1..=3) => {
                let udf = if name == "lag" { lead_lag::lag_udwf() } else { lead_lag::lead_udwf() };
                let value = args.remove(0);
                let offset = if args.is_empty() {
                    1
                } else {
                    constant(&self.coerce(args.remove(0), &Kind::BigInt)?.expr)
                        .ok_or_else(|| missing(format!("{name} by an offset that is no literal")))?
                };
                if offset < 0 {
                    return Err(refuse("INVALID_FUNCTION_ARGUMENT", "Offset must be at least 0"));
                }
                let mut kind = value.kind.clone();
                let mut call_args = Vec::new();
                let fallback = args.pop();
                if let Some(fallback) = &fallback {
                    kind = common(&kind, &fallback.kind).ok_or_else(wrong)?;
                }
                call_args.push(self.coerce(value, &kind)?.expr);
                call_args.push(literal(ScalarValue::Int64(Some(offset))));
                if let Some(fallback) = fallback {
                    let fallback = self.coerce(fallback, &kind)?.expr;
                    let Some(fallback) = folded(&fallback) else {
                        return Err(missing(format!("{name} with a default that is no literal")));
                    };
                    call_args.push(literal(fallback));
                }
                Bound { expr: build(WindowFunctionDefinition::WindowUDF(udf), call_args, over.partition, over.order, whole(), nulls), kind }
            }
            ("first_value" | "last_value", 1) => {
                let udf = if name == "first_value" { nth_value::first_value_udwf() } else { nth_value::last_value_udwf() };
                let value = args.remove(0);
                Bound {
                    expr: build(WindowFunctionDefinition::WindowUDF(udf), vec![value.expr], over.partition, over.order, over.frame, nulls),
                    kind: value.kind,
                }
            }
            ("nth_value", 2) => {
                let (value, at) = (args.remove(0), self.coerce(args.remove(0), &Kind::BigInt)?);
                let Some(at) = constant(&at.expr) else { return Err(missing("nth_value of a place that is no literal")) };
                if at < 1 {
                    return Err(refuse("INVALID_FUNCTION_ARGUMENT", "Offset must be at least 1"));
                }
                Bound {
                    expr: build(
                        WindowFunctionDefinition::WindowUDF(nth_value::nth_value_udwf()),
                        vec![value.expr, literal(ScalarValue::Int64(Some(at)))],
                        over.partition,
                        over.order,
                        over.frame,
                        nulls,
                    ),
                    kind: value.kind,
                }
            }
            (
                "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" | "lag" | "lead" | "first_value"
                | "last_value" | "nth_value",
                _,
            ) => return Err(wrong()),
            _ => return Err(refuse("FUNCTION_NOT_FOUND", format!("{}Function '{name}' not registered", place(ast)))),
        })
    }

    fn named_window(&self, name: &str, scope: &Scope) -> Result<WindowSpec, Error> {
        let spec = scope
            .windows
            .get(&name.to_lowercase())
            .ok_or_else(|| refuse("INVALID_WINDOW_REFERENCE", format!("Cannot resolve WINDOW name {name}")))?;
        self.inherit(spec, scope)
    }

    /// `OVER (w ORDER BY …)`: the named window's parts and its own.
    fn inherit(&self, spec: &WindowSpec, scope: &Scope) -> Result<WindowSpec, Error> {
        let Some(name) = &spec.window_name else { return Ok(spec.clone()) };
        let base = self.named_window(&name.value, scope)?;
        if !spec.partition_by.is_empty() {
            return Err(refuse("INVALID_PARTITION_BY", "WINDOW specification with named WINDOW reference cannot specify PARTITION BY"));
        }
        if !base.order_by.is_empty() && !spec.order_by.is_empty() {
            return Err(refuse("INVALID_ORDER_BY", "Cannot specify ORDER BY if referenced named WINDOW specifies ORDER BY"));
        }
        if base.window_frame.is_some() {
            return Err(refuse("INVALID_WINDOW_REFERENCE", "Cannot reference named WINDOW containing frame specification"));
        }
        let order_by = if spec.order_by.is_empty() { base.order_by } else { spec.order_by.clone() };
        Ok(WindowSpec { window_name: None, partition_by: base.partition_by, order_by, window_frame: spec.window_frame.clone() })
    }

    fn over(&self, spec: &WindowSpec, scope: &Scope) -> Result<Over, Error> {
        let mut partition = Vec::new();
        for ast in &spec.partition_by {
            let bound = self.expr(ast, scope)?;
            partition.push(order_key(group_key(bound.expr, &bound.kind), &bound.kind, false));
        }
        let mut order = Vec::new();
        let mut keys = Vec::new();
        for item in &spec.order_by {
            let bound = self.expr(&item.expr, scope)?;
            keys.push(bound.kind.clone());
            order.push(self.sort(bound, item)?);
        }
        let frame = match &spec.window_frame {
            None if order.is_empty() => whole(),
            None => range_to_here(),
            Some(frame) => self.frame(frame, &keys, scope)?,
        };
        Ok(Over { partition, order, frame })
    }

    fn frame(&self, frame: &ast::WindowFrame, keys: &[Kind], scope: &Scope) -> Result<WindowFrame, Error> {
        let units = match frame.units {
            ast::WindowFrameUnits::Rows => WindowFrameUnits::Rows,
            ast::WindowFrameUnits::Range => WindowFrameUnits::Range,
            ast::WindowFrameUnits::Groups => WindowFrameUnits::Groups,
        };
        if units == WindowFrameUnits::Groups && keys.is_empty() {
            return Err(refuse("MISSING_ORDER_BY", "Window frame of type GROUPS requires ORDER BY"));
        }
        let current = ast::WindowFrameBound::CurrentRow;
        let (start, end) = (&frame.start_bound, frame.end_bound.as_ref().unwrap_or(&current));
        let place_of = |bound: &ast::WindowFrameBound| match bound {
            ast::WindowFrameBound::Preceding(None) => 0,
            ast::WindowFrameBound::Preceding(Some(_)) => 1,
            ast::WindowFrameBound::CurrentRow => 2,
            ast::WindowFrameBound::Following(Some(_)) => 3,
            ast::WindowFrameBound::Following(None) => 4,
        };
        if place_of(start) == 4 || place_of(end) == 0 || place_of(start) > place_of(end) {
            return Err(refuse("INVALID_WINDOW_FRAME", "Window frame starting from a place cannot end before it"));
        }
        let start = self.bound(start, units, keys, scope)?;
        let end = self.bound(end, units, keys, scope)?;
        if units == WindowFrameUnits::Range && keys.is_empty() {
            // Without an order all rows of a partition are the current row's peers.
            return Ok(whole());
        }
        Ok(WindowFrame::new_bounds(units, start, end))
    }

    fn bound(
        &self,
        bound: &ast::WindowFrameBound,
        units: WindowFrameUnits,
        keys: &[Kind],
        scope: &Scope,
    ) -> Result<WindowFrameBound, Error> {
        let distance = |value: Option<&Ast>| -> Result<ScalarValue, Error> {
            let Some(ast) = value else {
                return Ok(if units == WindowFrameUnits::Range { ScalarValue::Null } else { ScalarValue::UInt64(None) });
            };
            let bound = self.expr(ast, scope)?;
            let value = folded(&bound.expr).ok_or_else(|| missing("window frames of a width that is no literal"))?;
            if value.is_null() {
                return Err(refuse("INVALID_WINDOW_FRAME", "Window frame offset value must not be negative or null"));
            }
            if units != WindowFrameUnits::Range {
                let count =
                    self.coerce(bound, &Kind::BigInt).ok().and_then(|bound| constant(&bound.expr)).ok_or_else(|| {
                        refuse("TYPE_MISMATCH", "Window frame ROWS start value type must be exact numeric type with scale 0")
                    })?;
                let count = u64::try_from(count)
                    .map_err(|_| refuse("INVALID_WINDOW_FRAME", "Window frame offset value must not be negative or null"))?;
                return Ok(ScalarValue::UInt64(Some(count)));
            }
            let [key] = keys else {
                return Err(refuse(
                    "INVALID_ORDER_BY",
                    "Window frame of type RANGE PRECEDING or FOLLOWING requires single sort item in ORDER BY",
                ));
            };
            let text = match (&bound.kind, key) {
                (Kind::DayTime, Kind::Date | Kind::Timestamp(_) | Kind::Zoned(_)) => format!("{} milliseconds", value_of(&value)),
                (Kind::YearMonth, Kind::Date | Kind::Timestamp(_)) => format!("{} months", value_of(&value)),
                (a, b) if a.is_number() && b.is_number() && common(a, b).as_ref() == Some(b) => {
                    crate::text::text_of(&crate::value::read(&value.to_array()?, 0), a)
                }
                (a, b) => {
                    return Err(refuse(
                        "TYPE_MISMATCH",
                        format!("Window frame of type RANGE does not match types of the ORDER BY and frame column: {b}, {a}"),
                    ));
                }
            };
            if text.starts_with('-') {
                return Err(refuse("INVALID_WINDOW_FRAME", "Window frame offset value must not be negative or null"));
            }
            Ok(ScalarValue::Utf8(Some(text)))
        };
        Ok(match bound {
            ast::WindowFrameBound::CurrentRow => WindowFrameBound::CurrentRow,
            ast::WindowFrameBound::Preceding(value) => WindowFrameBound::Preceding(distance(value.as_deref())?),
            ast::WindowFrameBound::Following(value) => WindowFrameBound::Following(distance(value.as_deref())?),
        })
    }

    /// The type of a window function's own column, before any cast around it.
    pub(super) fn kind_of_window(&self, expr: &Expr) -> Result<Kind, Error> {
        self.kind_of(expr)
    }
}

fn value_of(value: &ScalarValue) -> i64 {
    value.to_array().map_or(0, |array| crate::value::read(&array, 0).int())
}

/// A literal whole number.
fn constant(expr: &Expr) -> Option<i64> {
    folded(expr)
        .and_then(|value| value.to_array().ok())
        .map(|array| crate::value::read(&array, 0))
        .filter(|value| !value.is_null())
        .map(|value| value.int())
}

/// Puts a window over each aggregate of an expression.
fn widen(expr: Expr, over: &Over) -> Result<Expr, Error> {
    use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
    // Only the outermost call is the window's; one in its arguments is an aggregate of the query.
    Ok(expr
        .transform_down(|node| match node {
            Expr::AggregateFunction(call) => {
                let params = call.params;
                let window = WindowFunction {
                    fun: WindowFunctionDefinition::AggregateUDF(call.func),
                    params: WindowFunctionParams {
                        args: params.args,
                        partition_by: over.partition.clone(),
                        order_by: over.order.clone(),
                        window_frame: over.frame.clone(),
                        filter: None,
                        null_treatment: params.null_treatment,
                        distinct: params.distinct,
                    },
                };
                Ok(Transformed::new(Expr::WindowFunction(Box::new(window)), true, TreeNodeRecursion::Jump))
            }
            other => Ok(Transformed::no(other)),
        })?
        .data)
}
