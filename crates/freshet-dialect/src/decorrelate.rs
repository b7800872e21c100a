//! Correlated subqueries as joins. What a subquery takes from the relation around it becomes a relation of its own, the
//! distinct values of those columns; the subquery is worked out for all of them at once and joined back by them.
//!
//! What the engine's own optimizer does well stays its own: an aggregation over equalities with columns of the outer
//! relation. A subquery that is not correlated is nobody's business here.

use std::cell::Cell;
use std::collections::BTreeMap;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, NullEquality, ScalarValue};
use datafusion::logical_expr::expr::Exists;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, FetchType, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, SkipType,
};

use crate::binder::{literal, reference, row_number};
use crate::error::{Error, fault, missing};
use crate::folds;
use crate::gather::Gather;
use crate::kinds::Kind;
use crate::scalar::Call;

type Planned = datafusion::common::Result<LogicalPlan>;

/// Gives the columns that are made here names of their own.
#[derive(Debug, Default)]
pub(crate) struct Names(Cell<usize>);

impl Names {
    fn next(&self) -> String {
        self.0.set(self.0.get() + 1);
        format!("d{}", self.0.get())
    }
}

/// The columns that a subquery takes from around it: what each is called there, and in the relation of their values.
type Taken = BTreeMap<String, String>;

/// A plan whose correlated subqueries are joins.
pub(crate) fn resolve(plan: LogicalPlan, names: &Names) -> Result<LogicalPlan, Error> {
    Ok(plan.transform_up_with_subqueries(|node| of_node(node, names))?.data)
}

fn of_node(node: LogicalPlan, names: &Names) -> datafusion::common::Result<Transformed<LogicalPlan>> {
    let passes = match &node {
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => false,
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Window(_) => true,
        _ => return Ok(Transformed::no(node)),
    };
    let Some(outer) = node.inputs().first().map(|input| (*input).clone()) else { return Ok(Transformed::no(node)) };
    let mut found: Vec<Expr> = Vec::new();
    node.apply_expressions(|expr| {
        expr.apply(|part| {
            if is_ours(part, &outer, passes)? && !found.contains(part) {
                found.push(part.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    if found.is_empty() {
        return Ok(Transformed::no(node));
    }
    if !repeats(&outer)? {
        return Err(missing("a correlated subquery over a relation that may differ each time it is read").into());
    }
    let columns: Vec<Expr> = node.schema().columns().into_iter().map(Expr::Column).collect();
    let mut joined = outer.clone();
    let mut answers: Vec<(Expr, Expr)> = Vec::new();
    for part in found {
        let (plan, answer) = answer(joined, &outer, &part, names)?;
        joined = plan;
        answers.push((part, answer));
    }
    let exprs = node
        .expressions()
        .into_iter()
        .map(|expr| {
            let name = expr.name_for_alias()?;
            let replaced = expr.transform_down(|part| match answers.iter().find(|(known, _)| *known == part) {
                Some((_, answer)) => Ok(Transformed::new(answer.clone(), true, TreeNodeRecursion::Jump)),
                None => Ok(Transformed::no(part)),
            })?;
            if replaced.transformed && !passes { replaced.data.alias_if_changed(name) } else { Ok(replaced.data) }
        })
        .collect::<datafusion::common::Result<Vec<_>>>()?;
    let mut plan = node.with_new_exprs(exprs, vec![joined])?;
    if passes {
        plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
    }
    Ok(Transformed::yes(plan))
}

/// Whether an expression is a subquery that takes columns of the outer relation and that the engine cannot do itself.
fn is_ours(part: &Expr, outer: &LogicalPlan, is_condition: bool) -> datafusion::common::Result<bool> {
    Ok(match part {
        Expr::ScalarSubquery(subquery) => !taken(&subquery.subquery, outer)?.is_empty() && !is_simple(&subquery.subquery)?,
        Expr::Exists(exists) => {
            // As a condition, the engine makes them joins itself, where it can.
            let is_engines = is_condition && only_filters(&exists.subquery.subquery)?;
            !is_engines && !taken(&exists.subquery.subquery, outer)?.is_empty()
        }
        _ => false,
    })
}

/// What Trino says of the shapes that it does not do either.
fn not_supported() -> Error {
    missing("Given correlated subquery is not supported")
}

/// Whether a filter stands over the elements of an outer column.
fn filters_elements(plan: &LogicalPlan) -> datafusion::common::Result<bool> {
    let mut filters = false;
    plan.apply(|node| {
        if matches!(node, LogicalPlan::Filter(_)) {
            node.apply(|below| {
                filters |= matches!(below, LogicalPlan::Unnest(unnest) if is_correlated(&unnest.input)?);
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(filters)
}

/// Whether each correlated condition is an equality of something inside with something outside, or all outside.
fn only_equalities(plan: &LogicalPlan) -> datafusion::common::Result<bool> {
    let mut only = true;
    let inside = |expr: &Expr| !expr.column_refs().is_empty();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Filter(filter) = node {
            for condition in datafusion::logical_expr::utils::split_conjunction(&filter.predicate) {
                only &= !condition.contains_outer()
                    || !inside(condition)
                    || matches!(condition, Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right })
                        if inside(left) != inside(right) && left.contains_outer() != right.contains_outer());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(only)
}

/// Whether a plan takes a column from around it.
pub(crate) fn is_correlated(plan: &LogicalPlan) -> datafusion::common::Result<bool> {
    let mut correlated = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            correlated |= expr.contains_outer();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(correlated)
}

/// The names of the outer relation's columns that a plan takes, nested subqueries included.
fn taken(plan: &LogicalPlan, outer: &LogicalPlan) -> datafusion::common::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::OuterReferenceColumn(_, column) = part
                    && outer.schema().has_column(column)
                    && !names.contains(&column.name)
                {
                    names.push(column.name.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(names)
}

fn takes(plan: &LogicalPlan, columns: &Taken) -> datafusion::common::Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                found |= matches!(part, Expr::OuterReferenceColumn(_, column) if columns.contains_key(&column.name));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// Whether the outer references of a plan stand in filters alone, each an equality with a column.
pub(crate) fn only_filters(plan: &LogicalPlan) -> datafusion::common::Result<bool> {
    let mut only = true;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Filter(filter) = node {
            for condition in datafusion::logical_expr::utils::split_conjunction(&filter.predicate) {
                only &= !condition.contains_outer()
                    || matches!(condition, Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if matches!((&**left, &**right), (Expr::Column(_), Expr::OuterReferenceColumn(..)) | (Expr::OuterReferenceColumn(..), Expr::Column(_))));
            }
        } else {
            node.apply_expressions(|expr| {
                only &= !expr.contains_outer();
                Ok(TreeNodeRecursion::Continue)
            })?;
            only &= !matches!(node, LogicalPlan::Limit(_) | LogicalPlan::Unnest(_) | LogicalPlan::Distinct(_) | LogicalPlan::Union(_) | LogicalPlan::Window(_) | LogicalPlan::Join(_));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(only)
}

/// One aggregation over filters: the engine's own optimizer knows it.
fn is_simple(plan: &LogicalPlan) -> datafusion::common::Result<bool> {
    Ok(match plan {
        LogicalPlan::Projection(projection) => is_simple(&projection.input)?,
        LogicalPlan::Aggregate(aggregate) => {
            let mut inside = 0;
            aggregate.input.apply(|node| {
                inside += usize::from(matches!(node, LogicalPlan::Aggregate(_)));
                Ok(TreeNodeRecursion::Continue)
            })?;
            aggregate.group_expr.is_empty() && inside == 0 && only_filters(plan)?
        }
        _ => false,
    })
}

/// Whether a relation has the same rows each time that it is read.
pub(crate) fn repeats(plan: &LogicalPlan) -> datafusion::common::Result<bool> {
    let mut same = true;
    plan.apply_with_subqueries(|node| {
        same &= !matches!(node, LogicalPlan::Limit(_));
        node.apply_expressions(|expr| {
            // A fence only seems to give another value each time.
            let is_fence = |expr: &Expr| matches!(expr, Expr::ScalarFunction(call) if call.name() == crate::scalar::FENCE);
            same &= !expr.exists(|node| Ok(node.is_volatile_node() && !is_fence(node)))?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(same)
}

/// The distinct values of the columns that a subquery takes.
fn domain(outer: &LogicalPlan, columns: &[String], names: &Names) -> datafusion::common::Result<(LogicalPlan, Taken)> {
    let taken: Taken = columns.iter().map(|name| (name.clone(), names.next())).collect();
    let exprs: Vec<Expr> = taken.iter().map(|(from, to)| reference(from).alias(to)).collect();
    Ok((LogicalPlanBuilder::from(outer.clone()).project(exprs)?.distinct()?.build()?, taken))
}

/// Joins by the taken columns, NULL with NULL.
fn join_back(left: LogicalPlan, right: LogicalPlan, kind: JoinType, taken: &Taken) -> Planned {
    let keys: (Vec<Column>, Vec<Column>) =
        taken.iter().map(|(from, to)| (Column::new_unqualified(from), Column::new_unqualified(to))).unzip();
    LogicalPlanBuilder::from(left).join_detailed(right, kind, keys, None, NullEquality::NullEqualsNull)?.build()
}

/// The relation with a subquery's answer beside it, and the expression of the answer.
fn answer(joined: LogicalPlan, outer: &LogicalPlan, part: &Expr, names: &Names) -> datafusion::common::Result<(LogicalPlan, Expr)> {
    let (subquery, negated) = match part {
        Expr::ScalarSubquery(subquery) => (subquery, None),
        Expr::Exists(Exists { subquery, negated }) => (subquery, Some(*negated)),
        _ => return Err(missing("this kind of correlated subquery").into()),
    };
    if filters_elements(&subquery.subquery)? {
        return Err(not_supported().into());
    }
    let (values, taken) = domain(outer, &taken(&subquery.subquery, outer)?, names)?;
    let plan = resolve(pull(&subquery.subquery, &values, &taken, names)?, names)?;
    let keys: Vec<Expr> = taken.values().map(|name| reference(name)).collect();
    let id = names.next();
    if let Some(negated) = negated {
        let found = LogicalPlanBuilder::from(plan)
            .project(keys.clone())?
            .distinct()?
            .project(keys.into_iter().chain([literal(ScalarValue::Boolean(Some(true))).alias(&id)]))?
            .build()?;
        let plan = join_back(joined, found, JoinType::Left, &taken)?;
        let answer = if negated { reference(&id).is_null() } else { reference(&id).is_not_null() };
        return Ok((plan, answer));
    }
    let value = subquery.subquery.schema().columns().into_iter().next().map(Expr::Column);
    let value = value.ok_or_else(|| missing("a subquery without a column"))?;
    let one = if has_one_row(&subquery.subquery) {
        LogicalPlanBuilder::from(plan).project(keys.into_iter().chain([value.alias(&id)]))?.build()?
    } else {
        let kind = Kind::of_arrow(subquery.subquery.schema().field(0).data_type()).ok_or_else(|| missing("a type that Trino has not"))?;
        LogicalPlanBuilder::from(plan).aggregate(keys, vec![single(value, kind)?.alias(&id)])?.build()?
    };
    Ok((join_back(joined, one, JoinType::Left, &taken)?, reference(&id)))
}

/// The only value of a group; of several, an error.
fn single(value: Expr, kind: Kind) -> Result<Expr, Error> {
    let folding = folds::of("single_value").ok_or_else(|| fault("GENERIC_INTERNAL_ERROR", "no fold for a single value"))?;
    let call = Call { args: vec![kind.clone()], result: kind.clone(), lambdas: Vec::new() };
    let udf = Gather::make("single_value", call, folding, false, Vec::new(), vec![kind]);
    Ok(Expr::AggregateFunction(datafusion::logical_expr::expr::AggregateFunction::new_udf(udf, vec![value], false, None, vec![], None)))
}

fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_one_row(&projection.input),
        LogicalPlan::Filter(filter) => has_one_row(&filter.input),
        LogicalPlan::Sort(sort) => has_one_row(&sort.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Limit(limit) => matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1)))),
        LogicalPlan::EmptyRelation(_) => true,
        _ => false,
    }
}

/// `LATERAL`: the relation joined with a subquery over each of its rows.
pub(crate) fn lateral(left: LogicalPlan, right: LogicalPlan, kind: JoinType, names: &Names) -> Result<LogicalPlan, Error> {
    let right = resolve(right, names)?;
    let columns = taken(&right, &left)?;
    if columns.is_empty() {
        let on = literal(ScalarValue::Boolean(Some(true)));
        return Ok(match kind {
            JoinType::Inner => LogicalPlanBuilder::from(left).cross_join(right)?.build()?,
            _ => LogicalPlanBuilder::from(left).join_on(right, kind, [on])?.build()?,
        });
    }
    if filters_elements(&right)? {
        return Err(not_supported());
    }
    if !repeats(&left)? {
        return Err(missing("LATERAL beside a relation that may differ each time it is read"));
    }
    let (values, taken) = domain(&left, &columns, names)?;
    let kept: Vec<Expr> = left.schema().columns().into_iter().chain(right.schema().columns()).map(Expr::Column).collect();
    let right = resolve(pull(&right, &values, &taken, names)?, names)?;
    let plan = join_back(left, right, kind, &taken)?;
    Ok(LogicalPlanBuilder::from(plan).project(kept)?.build()?)
}

/// A subquery's expression over the taken columns, which are columns of its own input now.
fn settle(expr: Expr, taken: &Taken) -> datafusion::common::Result<Expr> {
    Ok(expr
        .transform_up(|part| {
            Ok(match part {
                Expr::OuterReferenceColumn(_, column) if taken.contains_key(&column.name) => {
                    Transformed::yes(reference(&taken[&column.name]))
                }
                Expr::ScalarSubquery(subquery)
                | Expr::Exists(Exists { subquery, .. })
                | Expr::InSubquery(datafusion::logical_expr::expr::InSubquery { subquery, .. })
                    if takes(&subquery.subquery, taken)? =>
                {
                    return Err(not_supported().into());
                }
                other => Transformed::no(other),
            })
        })?
        .data)
}

/// The subquery worked out for every row of `values`, whose columns stand behind its own.
fn pull(plan: &LogicalPlan, values: &LogicalPlan, taken: &Taken, names: &Names) -> Planned {
    if !takes(plan, taken)? {
        if matches!(plan, LogicalPlan::EmptyRelation(empty) if empty.produce_one_row) {
            return Ok(values.clone());
        }
        return LogicalPlanBuilder::from(plan.clone()).cross_join(values.clone())?.build();
    }
    let keys: Vec<Expr> = taken.values().map(|name| reference(name)).collect();
    let all = |exprs: &[Expr]| exprs.iter().cloned().map(|expr| settle(expr, taken)).collect::<datafusion::common::Result<Vec<_>>>();
    match plan {
        LogicalPlan::Projection(projection) => {
            let input = pull(&projection.input, values, taken, names)?;
            let mut exprs = Vec::new();
            for (expr, (_, field)) in projection.expr.iter().zip(projection.schema.iter()) {
                exprs.push(settle(expr.clone(), taken)?.alias_if_changed(field.name().clone())?);
            }
            LogicalPlanBuilder::from(input).project(exprs.into_iter().chain(keys))?.build()
        }
        LogicalPlan::Filter(filter) => {
            let input = pull(&filter.input, values, taken, names)?;
            LogicalPlanBuilder::from(input).filter(settle(filter.predicate.clone(), taken)?)?.build()
        }
        LogicalPlan::Subquery(subquery) => pull(&subquery.subquery, values, taken, names),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => pull(&sort.input, values, taken, names),
        LogicalPlan::Unnest(unnest) => {
            let input = pull(&unnest.input, values, taken, names)?;
            let mut exprs = Vec::new();
            for (relation, field) in input.schema().iter() {
                let column = Expr::Column(Column::new(relation.cloned(), field.name()));
                exprs.push(match (taken.values().any(|name| name == field.name()), Kind::of_arrow(field.data_type())) {
                    (true, Some(kind)) => crate::conform::repeated(column, &kind).alias(field.name()),
                    _ => column,
                });
            }
            LogicalPlanBuilder::from(input)
                .project(exprs)?
                .unnest_columns_with_options(unnest.exec_columns.clone(), unnest.options.clone())?
                .build()
        }
        LogicalPlan::Distinct(Distinct::All(input)) => LogicalPlanBuilder::from(pull(input, values, taken, names)?).distinct()?.build(),
        LogicalPlan::Aggregate(aggregate) => {
            if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
                return Err(missing("grouping sets in a correlated subquery").into());
            }
            let input = pull(&aggregate.input, values, taken, names)?;
            let groups: Vec<Expr> = all(&aggregate.group_expr)?.into_iter().chain(keys.clone()).collect();
            let grouped = LogicalPlanBuilder::from(input).aggregate(groups, all(&aggregate.aggr_expr)?)?.build()?;
            if aggregate.group_expr.is_empty() {
                with_empty(&aggregate.aggr_expr, grouped, values, taken, names)
            } else {
                let order: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).chain(keys).collect();
                LogicalPlanBuilder::from(grouped).project(order)?.build()
            }
        }
        LogicalPlan::Limit(limit) => {
            if !only_equalities(&limit.input)? {
                return Err(not_supported().into());
            }
            let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
                return Err(missing("this LIMIT in a correlated subquery").into());
            };
            let (input, order, kept) = match &*limit.input {
                LogicalPlan::Sort(sort) => (&sort.input, sort.expr.clone(), None),
                LogicalPlan::Projection(projection) => match &*projection.input {
                    LogicalPlan::Sort(sort) => (&sort.input, sort.expr.clone(), Some(projection.expr.clone())),
                    _ => (&limit.input, Vec::new(), None),
                },
                _ => (&limit.input, Vec::new(), None),
            };
            let input = pull(input, values, taken, names)?;
            let number = names.next();
            let columns: Vec<Expr> = match kept {
                Some(kept) => kept.into_iter().chain(keys.clone()).collect(),
                None => input.schema().columns().into_iter().map(Expr::Column).collect(),
            };
            let order = order
                .into_iter()
                .map(|key| Ok(datafusion::logical_expr::expr::Sort { expr: settle(key.expr, taken)?, ..key }))
                .collect::<datafusion::common::Result<Vec<_>>>()?;
            let count = |count: usize| literal(ScalarValue::UInt64(u64::try_from(count).ok()));
            let mut condition = reference(&number).gt(count(skip));
            if let Some(fetch) = fetch {
                condition = condition.and(reference(&number).lt_eq(count(skip + fetch)));
            }
            LogicalPlanBuilder::from(input)
                .window(vec![row_number(keys, order).alias(&number)])?
                .filter(condition)?
                .project(columns)?
                .build()
        }
        LogicalPlan::Join(join) => of_join(join, values, taken, names),
        _ => Err(not_supported().into()),
    }
}

fn of_join(join: &Join, values: &LogicalPlan, taken: &Taken, names: &Names) -> Planned {
    let pairs = join.on.iter().map(|(a, b)| {
        let op = if join.null_equality == NullEquality::NullEqualsNull { Operator::IsNotDistinctFrom } else { Operator::Eq };
        Expr::BinaryExpr(BinaryExpr::new(Box::new(a.clone()), op, Box::new(b.clone())))
    });
    let conditions = pairs.chain(join.filter.clone()).map(|expr| settle(expr, taken)).collect::<datafusion::common::Result<Vec<_>>>()?;
    match join.join_type {
        JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => {}
        other => return Err(missing(format!("{other} JOIN in a correlated subquery")).into()),
    }
    if takes(&join.right, taken)? {
        return Err(not_supported().into());
    }
    let left = pull(&join.left, values, taken, names)?;
    let plan = LogicalPlanBuilder::from(left).join_on(join.right.as_ref().clone(), join.join_type, conditions)?.build()?;
    behind(plan, join, taken)
}

/// A join's columns in their order, with the taken ones behind.
fn behind(plan: LogicalPlan, join: &Join, taken: &Taken) -> Planned {
    let keys = taken.values().map(|name| reference(name));
    LogicalPlanBuilder::from(plan).project(join.schema.columns().into_iter().map(Expr::Column).chain(keys))?.build()
}

/// An aggregation of everything has a row also where there is nothing: counts are zero there, all else is NULL.
fn with_empty(calls: &[Expr], grouped: LogicalPlan, values: &LogicalPlan, taken: &Taken, names: &Names) -> Planned {
    let again: Taken = taken.values().map(|name| (name.clone(), names.next())).collect();
    let columns: Vec<Column> = grouped.schema().columns().into_iter().filter(|column| !again.contains_key(&column.name)).collect();
    let renamed = columns.iter().cloned().map(Expr::Column).chain(again.iter().map(|(from, to)| reference(from).alias(to)));
    let grouped = LogicalPlanBuilder::from(grouped).project(renamed)?.build()?;
    let plan = join_back(values.clone(), grouped, JoinType::Left, &again)?;
    let mut exprs = Vec::new();
    for (call, column) in calls.iter().zip(columns) {
        let counts = call
            .exists(|part| Ok(matches!(part, Expr::AggregateFunction(call) if matches!(call.func.name(), "count" | "count_distinct"))))?;
        let value = Expr::Column(column.clone());
        exprs.push(if counts {
            let zero = literal(ScalarValue::Int64(Some(0)));
            datafusion::logical_expr::when(value.clone().is_null(), zero).otherwise(value)?.alias(&column.name)
        } else {
            value
        });
    }
    LogicalPlanBuilder::from(plan).project(exprs.into_iter().chain(taken.values().map(|name| reference(name))))?.build()
}
