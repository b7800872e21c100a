//! Subqueries in expressions: `EXISTS`, `IN`, comparisons with `ANY` and `ALL`, and scalar ones.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Spans};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Operator, Subquery};
use datafusion::sql::sqlparser::ast::{Expr as Ast, Query};

use super::{Binder, Bound, Relation, Scope, project, reference};
use crate::error::{Error, refuse};
use crate::kinds::{Kind, common};
use crate::scalar::{Call, fence, of_values};
use crate::value::{Value, equal, fact};

/// Whether an expression holds a subquery.
pub(super) fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|node| Ok(matches!(node, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_))))
        .unwrap_or(true)
}

/// Whether an expression takes columns of one relation alone, its subqueries none.
pub(super) fn is_of(expr: &Expr, schema: &DFSchema) -> bool {
    let correlated = expr.exists(|node| match node {
        Expr::ScalarSubquery(subquery) | Expr::InSubquery(InSubquery { subquery, .. }) | Expr::Exists(Exists { subquery, .. }) => {
            crate::decorrelate::is_correlated(&subquery.subquery)
        }
        other => Ok(matches!(other, Expr::SetComparison(_))),
    });
    !correlated.unwrap_or(true) && expr.column_refs().into_iter().all(|column| schema.has_column(column))
}

fn wrap(relation: &Relation) -> Result<Subquery, Error> {
    let columns: Vec<Expr> = relation.columns.iter().filter(|column| !column.hidden).map(|column| reference(&column.id)).collect();
    let plan = if columns.len() == relation.plan.schema().fields().len() {
        relation.plan.clone()
    } else {
        project(relation.plan.clone(), columns)?
    };
    Ok(Subquery { outer_ref_columns: plan.all_out_ref_exprs(), subquery: Arc::new(plan), spans: Spans::new() })
}

/// A subquery as a value may have no row: its column is one that may be NULL, whatever it is made of.
fn maybe_none(relation: Relation) -> Result<Relation, Error> {
    let (id, kind) = (relation.columns[0].id.clone(), relation.columns[0].kind.clone());
    let has_one_row = |plan: &LogicalPlan| {
        let mut node = plan;
        while let LogicalPlan::Projection(projection) = node {
            node = &projection.input;
        }
        matches!(node, LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty())
    };
    if relation.plan.schema().field_with_unqualified_name(&id)?.is_nullable() || has_one_row(&relation.plan) {
        return Ok(relation);
    }
    let plan = project(relation.plan, [fence(reference(&id), &kind.arrow()).alias(&id)])?;
    Ok(Relation { plan, ..relation })
}

impl Binder {
    pub(super) fn exists(&self, query: &Query, negated: bool, condition: bool, scope: &Scope) -> Result<Bound, Error> {
        let relation = self.query(query, Some(scope), &scope.ctes)?;
        if !condition && !crate::decorrelate::is_correlated(&relation.plan)? {
            // As a value: whether one row can be counted.
            let id = self.id(&Kind::BigInt);
            let counted = datafusion::functions_aggregate::count::count_all().alias(&id);
            let plan = LogicalPlanBuilder::from(relation.plan).limit(0, Some(1))?.aggregate(Vec::<Expr>::new(), vec![counted])?.build()?;
            let subquery = Subquery { outer_ref_columns: Vec::new(), subquery: Arc::new(plan), spans: Spans::new() };
            let count = Bound { expr: Expr::ScalarSubquery(subquery), kind: Kind::BigInt };
            let op = if negated { Operator::Eq } else { Operator::Gt };
            return self.compare(op, count, super::literals::number("0")?);
        }
        Ok(Bound { expr: Expr::Exists(Exists { subquery: wrap(&relation)?, negated }), kind: Kind::Boolean })
    }

    /// `(SELECT …)` as a value; of several columns, a row.
    pub(super) fn scalar(&self, query: &Query, scope: &Scope) -> Result<Bound, Error> {
        let relation = self.query(query, Some(scope), &scope.ctes)?;
        let several = relation.columns.iter().filter(|column| !column.hidden).count() > 1;
        let relation = self.single(relation)?;
        let kind = relation.columns[0].kind.clone();
        let expr = Expr::ScalarSubquery(wrap(&maybe_none(relation)?)?);
        if !several {
            return Ok(Bound { expr, kind });
        }
        // No row is a row of NULLs.
        let body = |values: &[Value], call: &Call| {
            let Kind::Row(fields) = &call.result else { return Ok(Value::Null) };
            Ok(if values[0].is_null() { Value::Row(vec![Value::Null; fields.len()]) } else { values[0].clone() })
        };
        let call = Call { args: vec![kind.clone()], result: kind.clone(), lambdas: Vec::new() };
        Ok(Bound { expr: of_values("row_of_subquery", body, call, false, vec![expr]), kind })
    }

    /// A relation of one column; several become one row.
    fn single(&self, relation: Relation) -> Result<Relation, Error> {
        let columns: Vec<_> = relation.columns.iter().filter(|column| !column.hidden).cloned().collect();
        if columns.len() == 1 {
            return Ok(Relation { columns, ..relation });
        }
        let members = columns.iter().map(|column| Bound { expr: reference(&column.id), kind: column.kind.clone() }).collect();
        let row = self.row(members, columns.iter().map(|column| column.name.clone()).collect())?;
        let column = self.column(None, vec![], row.kind);
        let plan = project(relation.plan, [row.expr.alias(&column.id)])?;
        Ok(Relation { plan, columns: vec![column] })
    }

    /// The relation as one column that compares with a value: of rows, where the value is one.
    fn comparable(&self, relation: Relation, left: &Kind) -> Result<Relation, Error> {
        let columns: Vec<_> = relation.columns.iter().filter(|column| !column.hidden).cloned().collect();
        let (Kind::Row(fields), [column]) = (left, columns.as_slice()) else { return self.single(relation) };
        if fields.len() != 1 || matches!(column.kind, Kind::Row(_)) {
            return self.single(relation);
        }
        let row = self.row(vec![Bound { expr: reference(&column.id), kind: column.kind.clone() }], vec![None])?;
        let whole = self.column(None, vec![], row.kind);
        let plan = project(relation.plan, [row.expr.alias(&whole.id)])?;
        Ok(Relation { plan, columns: vec![whole] })
    }

    /// `x IN (SELECT …)`: a join where it stands as a condition, else a search in the subquery's values.
    pub(super) fn in_subquery(&self, left: &Ast, query: &Query, negated: bool, condition: bool, scope: &Scope) -> Result<Bound, Error> {
        let left = self.expr(left, scope)?;
        let relation = self.comparable(self.query(query, Some(scope), &scope.ctes)?, &left.kind)?;
        let column = relation.columns[0].clone();
        let both = common(&left.kind, &column.kind).ok_or_else(|| {
            refuse(
                "TYPE_MISMATCH",
                format!("value and result of subquery must be of the same type for IN expression: {} vs {}", left.kind, column.kind),
            )
        })?;
        // The engine's join forgets NULLs where what is looked for is of no row, or of an outer one too.
        let is_correlated = crate::decorrelate::is_correlated(&relation.plan)?;
        let simple = condition
            && (!is_correlated || (!negated && crate::decorrelate::only_filters(&relation.plan)?))
            && (!negated || left.expr.any_column_refs())
            && !matches!(both, Kind::Row(_) | Kind::Array(_) | Kind::Map(..) | Kind::Double | Kind::Real | Kind::Zoned(_) | Kind::Unknown);
        if !simple {
            return self.quantified(left, Operator::Eq, relation, negated, false);
        }
        let left = self.coerce(left, &both)?;
        let right = self.coerce(Bound { expr: reference(&column.id), kind: column.kind }, &both)?;
        let id = self.id(&both);
        let plan = project(relation.plan, [right.expr.alias(&id)])?;
        let subquery = Subquery { outer_ref_columns: plan.all_out_ref_exprs(), subquery: Arc::new(plan), spans: Spans::new() };
        Ok(Bound { expr: Expr::InSubquery(InSubquery { expr: Box::new(left.expr), subquery, negated }), kind: Kind::Boolean })
    }

    /// `x op ANY (SELECT …)` and `x op ALL (SELECT …)`.
    pub(super) fn comparison(&self, left: &Ast, op: Operator, right: &Ast, all: bool, scope: &Scope) -> Result<Bound, Error> {
        let left = self.expr(left, scope)?;
        let query = match right {
            Ast::Subquery(query) => query,
            Ast::Nested(inner) => match &**inner {
                Ast::Subquery(query) => query,
                _ => return Err(Error::Syntax { message: "a subquery was expected after ANY or ALL".to_owned() }),
            },
            _ => return Err(Error::Syntax { message: "a subquery was expected after ANY or ALL".to_owned() }),
        };
        let relation = self.comparable(self.query(query, Some(scope), &scope.ctes)?, &left.kind)?;
        self.quantified(left, op, relation, false, all)
    }

    /// Compares with all values of a relation, gathered into one array.
    fn quantified(&self, left: Bound, op: Operator, relation: Relation, negated: bool, all: bool) -> Result<Bound, Error> {
        let column = relation.columns[0].clone();
        let both = common(&left.kind, &column.kind)
            .ok_or_else(|| refuse("TYPE_MISMATCH", format!("Cannot apply operator: {} {op} {}", left.kind, column.kind)))?;
        let left = self.coerce(left, &both)?;
        let right = self.coerce(Bound { expr: reference(&column.id), kind: column.kind }, &both)?;
        let list = Kind::array(both.clone());
        let gathered = self.gather("array_agg", vec![right], list.clone(), true)?;
        let id = self.id(&list);
        let plan = LogicalPlanBuilder::from(relation.plan).aggregate(Vec::<Expr>::new(), vec![gathered.alias(&id)])?.build()?;
        let values =
            Expr::ScalarSubquery(Subquery { outer_ref_columns: plan.all_out_ref_exprs(), subquery: Arc::new(plan), spans: Spans::new() });
        let body = match (op, all, negated) {
            (Operator::Eq, false, false) => any_equal,
            (Operator::Eq, false, true) => none_equal,
            (Operator::NotEq, true, _) => none_equal,
            (Operator::Eq, true, _) => all_equal,
            (Operator::NotEq, false, _) => any_unequal,
            (Operator::Lt, false, _) => any_less,
            (Operator::LtEq, false, _) => any_less_or_equal,
            (Operator::Gt, false, _) => any_greater,
            (Operator::GtEq, false, _) => any_greater_or_equal,
            (Operator::Lt, true, _) => all_less,
            (Operator::LtEq, true, _) => all_less_or_equal,
            (Operator::Gt, true, _) => all_greater,
            (Operator::GtEq, true, _) => all_greater_or_equal,
            _ => return Err(refuse("TYPE_MISMATCH", format!("operator {op} with a subquery"))),
        };
        let name = format!("compare_{op:?}_{all}_{negated}");
        let call = Call { args: vec![both, list], result: Kind::Boolean, lambdas: Vec::new() };
        Ok(Bound { expr: of_values(&name, body, call, false, vec![left.expr, values]), kind: Kind::Boolean })
    }
}

fn any(args: &[Value], test: impl Fn(&Value, &Value) -> Result<Option<bool>, Error>) -> Result<Value, Error> {
    let mut answer = Some(false);
    for item in args[1].list() {
        match test(&args[0], item)? {
            Some(true) => return Ok(Value::Bool(true)),
            None => answer = None,
            Some(false) => {}
        }
    }
    Ok(answer.into())
}

fn all(args: &[Value], test: impl Fn(&Value, &Value) -> Result<Option<bool>, Error>) -> Result<Value, Error> {
    let found = any(args, |a, b| Ok(test(a, b)?.map(|fact| !fact)))?;
    Ok(match found {
        Value::Bool(value) => Value::Bool(!value),
        other => other,
    })
}

macro_rules! comparisons {
    ($($name:ident $quantifier:ident $fact:expr;)*) => {
        $(fn $name(args: &[Value], _: &Call) -> Result<Value, Error> {
            $quantifier(args, $fact)
        })*
    };
}

comparisons! {
    any_equal any |a, b| Ok(equal(a, b));
    none_equal all |a, b| Ok(equal(a, b).map(|same| !same));
    all_equal all |a, b| Ok(equal(a, b));
    any_unequal any |a, b| Ok(equal(a, b).map(|same| !same));
    any_less any |a, b| fact(a, b, std::cmp::Ordering::is_lt);
    any_less_or_equal any |a, b| fact(a, b, std::cmp::Ordering::is_le);
    any_greater any |a, b| fact(a, b, std::cmp::Ordering::is_gt);
    any_greater_or_equal any |a, b| fact(a, b, std::cmp::Ordering::is_ge);
    all_less all |a, b| fact(a, b, std::cmp::Ordering::is_lt);
    all_less_or_equal all |a, b| fact(a, b, std::cmp::Ordering::is_le);
    all_greater all |a, b| fact(a, b, std::cmp::Ordering::is_gt);
    all_greater_or_equal all |a, b| fact(a, b, std::cmp::Ordering::is_ge);
}
