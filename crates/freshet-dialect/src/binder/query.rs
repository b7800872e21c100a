//! Queries: `WITH`, set operations, `VALUES`, `ORDER BY`, `LIMIT` and the names of the columns that a client sees.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use datafusion::common::metadata::FieldMetadata;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    Expr as Ast, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier, UnaryOperator,
    Value as AstValue, With,
};

use super::{Binder, Bound, Column, Ctes, Named, Relation, Scope, project, reference};
use crate::conform::{group_key, order_key};
use crate::error::{Error, fault, missing, refuse};
use crate::kinds::{KEY, Kind, common};
use crate::scalar::{Call, of_values};
use crate::sorting::holds_null;
use crate::value::Value;

impl Binder {
    /// The whole query, with the names and types that a client is told.
    pub(crate) fn statement(&self, query: &Query) -> Result<LogicalPlan, Error> {
        let relation = self.query(query, None, &Rc::default())?;
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut names: HashMap<String, usize> = HashMap::new();
        for (at, column) in relation.columns.iter().filter(|column| !column.hidden).enumerate() {
            *names.entry(column.name.clone().unwrap_or_else(|| format!("_col{at}"))).or_default() += 1;
        }
        let mut exprs = Vec::new();
        for (at, column) in relation.columns.iter().filter(|column| !column.hidden).enumerate() {
            let name = column.name.clone().unwrap_or_else(|| format!("_col{at}"));
            let metadata = FieldMetadata::from(BTreeMap::from([(KEY.to_owned(), column.kind.to_string())]));
            let times = seen.entry(name.clone()).or_default();
            // DataFusion refuses two columns of one name, unless they are of different relations.
            let relation = (names[&name] > 1).then(|| format!("_{times}"));
            *times += 1;
            exprs.push(reference(&column.id).alias_qualified_with_metadata(relation, name, Some(metadata)));
        }
        project(relation.plan, exprs)
    }

    pub(crate) fn query(&self, query: &Query, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        if !query.locks.is_empty()
            || query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return Err(Error::Syntax { message: "unexpected clause at the end of the query".to_owned() });
        }
        let ctes = match &query.with {
            Some(with) => self.with(with, outer, ctes)?,
            None => ctes.clone(),
        };
        let order = order_list(query.order_by.as_ref())?;
        let relation = match &*query.body {
            SetExpr::Select(select) => self.select(select, &order, outer, &ctes)?,
            body => {
                let relation = self.body(body, outer, &ctes)?;
                self.order_output(relation, &order, outer, &ctes)?
            }
        };
        self.limit(relation, query, &order, outer, &ctes)
    }

    fn with(&self, with: &With, outer: Option<&Scope>, ctes: &Ctes) -> Result<Ctes, Error> {
        let mut sight = ctes.clone();
        let mut own = Vec::new();
        for cte in &with.cte_tables {
            let name = cte.alias.name.value.to_lowercase();
            if own.contains(&name) {
                return Err(refuse("DUPLICATE_NAMED_QUERY", format!("WITH query name '{name}' specified more than once")));
            }
            own.push(name.clone());
            let columns: Vec<String> = cte.alias.columns.iter().map(|column| column.name.value.to_lowercase()).collect();
            let named = if with.recursive && mentions(&cte.query, &name) {
                Named::Relation(self.recursive(&name, &columns, &cte.query, outer, &sight)?)
            } else {
                Named::Query { query: cte.query.clone(), columns, ctes: sight.clone(), bound: RefCell::default() }
            };
            let mut all: HashMap<_, _> = (*sight).clone();
            all.insert(name, Rc::new(named));
            sight = Rc::new(all);
        }
        Ok(sight)
    }

    fn recursive(&self, name: &str, columns: &[String], query: &Query, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        let SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } = &*query.body else {
            return Err(missing("recursive queries that are not a UNION of an anchor and a step"));
        };
        if query.order_by.is_some() || query.limit_clause.is_some() || query.fetch.is_some() || query.with.is_some() {
            return Err(missing("ORDER BY, LIMIT or WITH in a recursive query"));
        }
        if columns.is_empty() {
            return Err(refuse("MISSING_COLUMN_ALIASES", "missing column aliases in recursive WITH query"));
        }
        let anchor = self.body(left, outer, ctes)?;
        if columns.len() != anchor.columns.len() {
            return Err(refuse(
                "MISMATCHED_COLUMN_ALIASES",
                format!("Column alias list has {} entries but relation has {} columns", columns.len(), anchor.columns.len()),
            ));
        }
        let work: Vec<Column> = anchor
            .columns
            .iter()
            .zip(columns)
            .map(|(column, called)| self.column(Some(called.clone()), vec![], column.kind.clone()))
            .collect();
        let anchor_plan = rename(&anchor, &work)?;
        let table = format!("{name}_{}", self.next.get());
        let schema = anchor_plan.schema().as_arrow().clone();
        let schema = datafusion::arrow::datatypes::Schema::new(
            schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect::<Vec<_>>(),
        );
        let provider = std::sync::Arc::new(datafusion::catalog::cte_worktable::CteWorkTable::new(&table, schema.into()));
        let source = datafusion::datasource::provider_as_source(provider);
        let scan = LogicalPlanBuilder::scan(table.clone(), source, None)?.build()?;
        let mut sight: HashMap<_, _> = (**ctes).clone();
        sight.insert(name.to_owned(), Rc::new(Named::Relation(Relation { plan: scan, columns: work.clone() })));
        let step = self.body(right, outer, &Rc::new(sight))?;
        if step.columns.len() != work.len() {
            return Err(refuse("TYPE_MISMATCH", "base and step relations of recursion have different number of fields"));
        }
        let mut exprs = Vec::new();
        for (column, target) in step.columns.iter().zip(&work) {
            if !crate::kinds::coercible(&column.kind, &target.kind)
                || matches!((&column.kind, &target.kind), (Kind::Varchar(None), Kind::Varchar(Some(_))))
            {
                return Err(refuse(
                    "TYPE_MISMATCH",
                    format!(
                        "recursion step relation output type ({}) is not coercible to recursion base relation output type ({})",
                        column.kind, target.kind
                    ),
                ));
            }
            exprs.push(self.coerce(Bound { expr: reference(&column.id), kind: column.kind.clone() }, &target.kind)?.expr.alias(&target.id));
        }
        let step = project(step.plan, exprs)?;
        let distinct = !matches!(set_quantifier, SetQuantifier::All);
        let plan = LogicalPlanBuilder::from(anchor_plan).to_recursive_query(table, step, distinct)?.build()?;
        Ok(Relation { plan, columns: work })
    }

    pub(super) fn body(&self, body: &SetExpr, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        match body {
            SetExpr::Select(select) => self.select(select, &[], outer, ctes),
            SetExpr::Query(query) => self.query(query, outer, ctes),
            SetExpr::Values(values) => self.values(&values.rows.iter().map(|row| row.content.clone()).collect::<Vec<_>>(), outer, ctes),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let left = self.body(left, outer, ctes)?;
                let right = self.body(right, outer, ctes)?;
                self.set_operation(left, *op, *set_quantifier, right)
            }
            SetExpr::Table(table) => {
                let parts = table.schema_name.iter().chain(table.table_name.iter()).map(|part| part.to_lowercase()).collect::<Vec<_>>();
                self.named(&parts, outer, ctes)
            }
            _ => Err(Error::Syntax { message: "a query was expected".to_owned() }),
        }
    }

    fn values(&self, rows: &[Vec<Ast>], outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        let scope = Scope::new(Vec::new(), outer, ctes.clone());
        let mut bound: Vec<Vec<Bound>> = Vec::new();
        for row in rows {
            if let [single] = row.as_slice()
                && !matches!(single, Ast::Tuple(_))
                && !matches!(single, Ast::Function(function) if function.name.to_string().eq_ignore_ascii_case("row"))
            {
                // A row as an expression is a row of the relation.
                let cell = self.expr(single, &scope)?;
                bound.push(match &cell.kind {
                    Kind::Row(fields) => fields
                        .iter()
                        .enumerate()
                        .map(|(at, (_, kind))| Bound { expr: crate::conform::field(cell.expr.clone(), at, kind), kind: kind.clone() })
                        .collect(),
                    _ => vec![cell],
                });
                continue;
            }
            let cells: Vec<&Ast> = match row.as_slice() {
                [Ast::Tuple(cells)] => cells.iter().collect(),
                [Ast::Function(function)] if function.name.to_string().eq_ignore_ascii_case("row") => super::calls::arguments(function)?,
                cells => cells.iter().collect(),
            };
            bound.push(cells.into_iter().map(|cell| self.expr(cell, &scope)).collect::<Result<_, _>>()?);
        }
        let width = bound[0].len();
        if bound.iter().any(|row| row.len() != width) {
            return Err(refuse("TYPE_MISMATCH", "Values rows have mismatched sizes"));
        }
        let mut kinds: Vec<Kind> = bound[0].iter().map(|cell| cell.kind.clone()).collect();
        for row in &bound[1..] {
            for (kind, cell) in kinds.iter_mut().zip(row) {
                *kind = common(kind, &cell.kind)
                    .ok_or_else(|| refuse("TYPE_MISMATCH", format!("Values rows have mismatched types: {kind} vs {}", cell.kind)))?;
            }
        }
        let columns: Vec<Column> = kinds.iter().map(|kind| self.column(None, vec![], kind.clone())).collect();
        let mut coerced: Vec<Vec<Expr>> = Vec::new();
        for row in bound {
            coerced.push(
                row.into_iter().zip(&kinds).map(|(cell, kind)| self.coerce(cell, kind).map(|cell| cell.expr)).collect::<Result<_, _>>()?,
            );
        }
        let constant = coerced
            .iter()
            .flatten()
            .all(|expr| expr.column_refs().is_empty() && !super::subqueries::has_subquery(expr) && !expr.is_volatile());
        if constant && coerced.len() > 1 {
            let builder = LogicalPlanBuilder::values(coerced)?;
            let names: Vec<_> = builder.schema().columns();
            let plan =
                builder.project(names.into_iter().zip(&columns).map(|(column, own)| Expr::Column(column).alias(&own.id)))?.build()?;
            return Ok(Relation { plan, columns });
        }
        let mut plan: Option<LogicalPlan> = None;
        for row in coerced {
            let one =
                project(LogicalPlanBuilder::empty(true).build()?, row.into_iter().zip(&columns).map(|(expr, own)| expr.alias(&own.id)))?;
            plan = Some(match plan {
                None => one,
                Some(before) => LogicalPlanBuilder::from(before).union(one)?.build()?,
            });
        }
        plan.map(|plan| Relation { plan, columns }).ok_or_else(|| Error::Syntax { message: "VALUES needs a row".to_owned() })
    }

    fn set_operation(&self, left: Relation, op: SetOperator, quantifier: SetQuantifier, right: Relation) -> Result<Relation, Error> {
        let all = match quantifier {
            SetQuantifier::All => true,
            SetQuantifier::None | SetQuantifier::Distinct => false,
            _ => return Err(Error::Syntax { message: "BY NAME is not Athena's".to_owned() }),
        };
        let (left_columns, right_columns): (Vec<_>, Vec<_>) =
            (left.columns.iter().filter(|c| !c.hidden).collect(), right.columns.iter().filter(|c| !c.hidden).collect());
        if left_columns.len() != right_columns.len() {
            return Err(refuse(
                "TYPE_MISMATCH",
                format!("{op} query has different number of fields: {}, {}", left_columns.len(), right_columns.len()),
            ));
        }
        let mut columns = Vec::new();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (at, (x, y)) in left_columns.iter().zip(&right_columns).enumerate() {
            let kind = common(&x.kind, &y.kind).ok_or_else(|| {
                refuse("TYPE_MISMATCH", format!("column {} in {op} query has incompatible types: {}, {}", at + 1, x.kind, y.kind))
            })?;
            let column = self.column(x.name.clone(), vec![], kind.clone());
            for (side, from) in [(&mut a, x), (&mut b, y)] {
                let expr = self.coerce(Bound { expr: reference(&from.id), kind: from.kind.clone() }, &kind)?.expr;
                let kept = if op == SetOperator::Union && all { expr } else { group_key(expr, &kind) };
                side.push(kept.alias(&column.id));
            }
            columns.push(column);
        }
        if op != SetOperator::Union && columns.iter().any(|column| matches!(column.kind, Kind::Zoned(_))) {
            return Err(missing(format!("{op} of times with time zone")));
        }
        let mut left = project(left.plan, a)?;
        let mut right = project(right.plan, b)?;
        if op == SetOperator::Union {
            let union = LogicalPlanBuilder::from(left).union(right)?;
            let plan = if all { union.build()? } else { union.distinct()?.build()? };
            return Ok(Relation { plan, columns });
        }
        let counter = self.column(None, vec![], Kind::BigInt);
        if all {
            left = self.count_copies(left, &columns, &counter)?;
            right = self.count_copies(right, &columns, &counter)?;
        }
        let plan = match op {
            SetOperator::Intersect => LogicalPlanBuilder::intersect(left, right, false)?,
            _ => LogicalPlanBuilder::except(left, right, false)?,
        };
        let names = plan.schema().columns();
        let own: Vec<Column> = columns.iter().map(|column| Column { id: self.id(&column.kind), ..column.clone() }).collect();
        let plan = project(plan, names.into_iter().zip(&own).map(|(name, own)| Expr::Column(name).alias(&own.id)))?;
        Ok(Relation { plan, columns: own })
    }

    /// Numbers the copies of each row, so that `ALL` tells them apart.
    fn count_copies(&self, plan: LogicalPlan, columns: &[Column], counter: &Column) -> Result<LogicalPlan, Error> {
        let number = super::windows::row_number(columns.iter().map(|column| reference(&column.id)).collect(), Vec::new());
        let plan = LogicalPlanBuilder::from(plan).window(vec![number.alias("copies")])?;
        let copies =
            Expr::Cast(datafusion::logical_expr::Cast::new(Box::new(reference("copies")), datafusion::arrow::datatypes::DataType::Int64));
        Ok(plan.project(columns.iter().map(|column| reference(&column.id)).chain([copies.alias(&counter.id)]))?.build()?)
    }

    /// `ORDER BY` over a relation's own columns: of a set operation, `VALUES` or `TABLE`.
    fn order_output(&self, relation: Relation, order: &[&OrderByExpr], outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        if order.is_empty() {
            return Ok(relation);
        }
        let scope = Scope::new(relation.columns.clone(), outer, ctes.clone());
        let mut sorts = Vec::new();
        for item in order {
            let bound = match ordinal(&item.expr)? {
                Some(at) => column_at(&relation.columns, at)?,
                None => self.expr(&item.expr, &scope)?,
            };
            sorts.push(self.sort(bound, item)?);
        }
        let plan = LogicalPlanBuilder::from(relation.plan).sort(sorts)?.build()?;
        Ok(Relation { plan, ..relation })
    }

    /// A sort key: NULLs last unless said otherwise.
    pub(super) fn sort(&self, bound: Bound, item: &OrderByExpr) -> Result<Sort, Error> {
        if item.with_fill.is_some() {
            return Err(Error::Syntax { message: "WITH FILL is not Athena's".to_owned() });
        }
        if !bound.kind.is_orderable() {
            return Err(refuse("TYPE_MISMATCH", format!("Type {} is not orderable, and therefore cannot be used in ORDER BY", bound.kind)));
        }
        let nulls_first = item.options.nulls_first.unwrap_or(false);
        let key = match bound.kind {
            Kind::Array(_) | Kind::Row(_) => orderly(bound),
            _ => order_key(bound.expr, &bound.kind, nulls_first),
        };
        Ok(Sort::new(key, item.options.asc.unwrap_or(true), nulls_first))
    }

    fn limit(
        &self,
        relation: Relation,
        query: &Query,
        order: &[&OrderByExpr],
        outer: Option<&Scope>,
        ctes: &Ctes,
    ) -> Result<Relation, Error> {
        let (mut skip, mut fetch) = (0, None);
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                if let Some(offset) = offset {
                    skip = count(&offset.value)?.unwrap_or(0);
                }
                if let Some(limit) = limit {
                    fetch = count(limit)?;
                }
            }
            Some(_) => return Err(Error::Syntax { message: "mismatched input ','. Expecting: <EOF>".to_owned() }),
        }
        let mut ties = false;
        if let Some(clause) = &query.fetch {
            if clause.percent {
                return Err(Error::Syntax { message: "mismatched input 'PERCENT'".to_owned() });
            }
            fetch = match &clause.quantity {
                Some(quantity) => count(quantity)?,
                None => Some(1),
            };
            ties = clause.with_ties;
        }
        if ties {
            return self.with_ties(relation, skip, fetch.unwrap_or(1), order, outer, ctes);
        }
        if skip == 0 && fetch.is_none() {
            return Ok(relation);
        }
        let plan = LogicalPlanBuilder::from(relation.plan).limit(skip, fetch)?.build()?;
        Ok(Relation { plan, ..relation })
    }

    /// `FETCH FIRST n ROWS WITH TIES`: the rows whose rank is among the first.
    fn with_ties(
        &self,
        relation: Relation,
        skip: usize,
        fetch: usize,
        order: &[&OrderByExpr],
        _outer: Option<&Scope>,
        _ctes: &Ctes,
    ) -> Result<Relation, Error> {
        if order.is_empty() {
            return Err(refuse("MISSING_ORDER_BY", "FETCH FIRST WITH TIES clause requires ORDER BY"));
        }
        let LogicalPlan::Sort(sort) = top_sort(&relation.plan) else { return Err(missing("FETCH FIRST WITH TIES here")) };
        if skip > 0 {
            return Err(missing("OFFSET with FETCH FIRST WITH TIES"));
        }
        let keys = sort.expr.clone();
        let input = (*sort.input).clone();
        let rank = super::windows::rank(keys.clone());
        let limit = Expr::Literal(datafusion::common::ScalarValue::UInt64(Some(fetch as u64)), None);
        let plan = LogicalPlanBuilder::from(input).window(vec![rank.alias("tied")])?.filter(reference("tied").lt_eq(limit))?.sort(keys)?;
        let plan = plan.project(relation.columns.iter().map(|column| reference(&column.id)))?.build()?;
        Ok(Relation { plan, ..relation })
    }
}

/// A sort key that is an array or a row: refused where a NULL inside may decide, as Trino refuses to compare such.
fn orderly(bound: Bound) -> Expr {
    let call = Call { args: vec![bound.kind.clone()], result: bound.kind, lambdas: Vec::new() };
    let check = |values: &[Value], _: &Call| {
        if holds_null(&values[0]) {
            return Err(fault("NOT_SUPPORTED", "ORDER BY of arrays and rows is not supported for values with null elements"));
        }
        Ok(values[0].clone())
    };
    of_values("$orderly", check, call, true, vec![bound.expr])
}

/// The sort at the top of a plan, under the projection that drops its hidden keys.
fn top_sort(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Projection(projection) => &projection.input,
        other => other,
    }
}

/// The same relation under other column names.
pub(super) fn rename(relation: &Relation, columns: &[Column]) -> Result<LogicalPlan, Error> {
    let exprs: Vec<Expr> = relation.columns.iter().zip(columns).map(|(from, to)| reference(&from.id).alias(&to.id)).collect();
    project(relation.plan.clone(), exprs)
}

pub(super) fn order_list(order: Option<&OrderBy>) -> Result<Vec<&OrderByExpr>, Error> {
    match order {
        None => Ok(Vec::new()),
        Some(OrderBy { kind: OrderByKind::Expressions(list), interpolate: None }) => Ok(list.iter().collect()),
        Some(_) => Err(Error::Syntax { message: "ORDER BY ALL is not Athena's".to_owned() }),
    }
}

/// A literal position in the select list.
pub(super) fn ordinal(ast: &Ast) -> Result<Option<usize>, Error> {
    match ast {
        Ast::Value(value) => match &value.value {
            // Only whole numbers are positions; other numbers are constants.
            AstValue::Number(text, _) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| refuse("TYPE_MISMATCH", format!("a position was expected: {text}")))
            }
            _ => Ok(None),
        },
        // A number with a sign is a position too, and there is none such.
        Ast::UnaryOp { op: UnaryOperator::Minus, expr } => match ordinal(expr)? {
            Some(at) => Err(refuse("INVALID_COLUMN_REFERENCE", format!("position -{at} is not in select list"))),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

pub(super) fn column_at(columns: &[Column], at: usize) -> Result<Bound, Error> {
    let visible: Vec<_> = columns.iter().filter(|column| !column.hidden).collect();
    let column = at
        .checked_sub(1)
        .and_then(|at| visible.get(at))
        .ok_or_else(|| refuse("INVALID_COLUMN_REFERENCE", format!("ORDER BY position {at} is not in select list")))?;
    Ok(Bound { expr: reference(&column.id), kind: column.kind.clone() })
}

/// A count of rows; `None` for `ALL`.
fn count(ast: &Ast) -> Result<Option<usize>, Error> {
    match ast {
        Ast::Nested(inner) => count(inner),
        Ast::Value(value) => match &value.value {
            AstValue::Number(text, _) => text.parse().map(Some).map_err(|_| refuse("TYPE_MISMATCH", format!("Invalid row count: {text}"))),
            AstValue::Null => Err(refuse("INVALID_LIMIT_CLAUSE", "a row count cannot be NULL")),
            _ => Err(refuse("TYPE_MISMATCH", "a row count was expected")),
        },
        Ast::Identifier(word) if word.value.eq_ignore_ascii_case("all") => Ok(None),
        _ => Err(Error::Syntax { message: "a row count was expected".to_owned() }),
    }
}

/// Whether a query names a relation of this name anywhere.
fn mentions(query: &Query, name: &str) -> bool {
    let flow = datafusion::sql::sqlparser::ast::visit_relations(query, |relation| {
        if relation.0.len() == 1 && relation.to_string().trim_matches('"').eq_ignore_ascii_case(name) {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    });
    flow.is_break()
}
