//! From a query's syntax to DataFusion's plan, with Trino's names, scopes and types; nothing is left to DataFusion's own
//! SQL planner or its coercions.
//!
//! Every column of every relation has a name of its own in the plan (`c7`), so that no name is ever ambiguous below; what
//! a query calls a column is kept beside it in [`Column`].

mod aggregates;
mod calls;
mod constants;
mod expressions;
mod from;
mod grouping;
mod guards;
mod json_forms;
mod lambdas;
mod literals;
mod membership;
mod operators;
mod query;
mod select;
mod subqueries;
mod windows;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::{Column as PlanColumn, DFSchema, ScalarValue};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Projection, TableSource, Window};
use datafusion::sql::sqlparser::ast::{Expr as Ast, Query, Spanned};

use crate::error::{Error, refuse};
use crate::kinds::Kind;

pub(crate) use calls::special_forms;
pub(crate) use guards::can_fail_itself;
pub use guards::is_total;
pub(crate) use windows::row_number;

/// An expression with its type.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) expr: Expr,
    pub(crate) kind: Kind,
}

/// A column of a relation.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// What the query calls it; `None` for an unnamed one.
    pub(crate) name: Option<String>,
    /// The relation's name and what stands before it, last part first.
    pub(crate) relation: Vec<String>,
    /// Its name in the plan.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// Left out of `*`.
    pub(crate) hidden: bool,
}

/// A plan and what its columns are called.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) plan: LogicalPlan,
    pub(crate) columns: Vec<Column>,
}

/// A `WITH` query, or the work table of a recursive one.
#[derive(Debug)]
pub(crate) enum Named {
    /// `bound` is what it was found to be, once it is known and takes nothing of what is around it.
    Query {
        query: Box<Query>,
        columns: Vec<String>,
        ctes: Ctes,
        bound: RefCell<Option<Relation>>,
    },
    Relation(Relation),
}

/// The `WITH` queries in sight.
pub(crate) type Ctes = Rc<HashMap<String, Rc<Named>>>;

/// What names mean at a place.
pub(crate) struct Scope<'a> {
    pub(crate) columns: Vec<Column>,
    pub(crate) outer: Option<&'a Scope<'a>>,
    /// A lambda's parameters: what is around them is of the same query.
    pub(crate) is_lambda: bool,
    pub(crate) ctes: Ctes,
    /// The select list's names, for `ORDER BY`.
    pub(crate) aliases: Vec<(String, Bound)>,
    pub(crate) windows: Rc<HashMap<String, datafusion::sql::sqlparser::ast::WindowSpec>>,
    pub(crate) aggregates: bool,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(columns: Vec<Column>, outer: Option<&'a Scope<'a>>, ctes: Ctes) -> Self {
        Scope { columns, outer, is_lambda: false, ctes, aliases: Vec::new(), windows: Rc::default(), aggregates: false }
    }
}

/// A table of the catalogue that the query names.
pub(crate) struct Table {
    pub(crate) reference: datafusion::common::TableReference,
    pub(crate) source: Arc<dyn TableSource>,
}

/// Everything that binding needs beside the syntax.
pub(crate) struct Binder {
    pub(crate) tables: HashMap<Vec<String>, Table>,
    pub(crate) information: crate::information::Information,
    pub(crate) catalog: String,
    pub(crate) schema: String,
    /// The query's time, in microseconds.
    pub(crate) now: i64,
    pub(crate) next: Cell<usize>,
    pub(crate) kinds: RefCell<HashMap<String, Kind>>,
    /// Whether a table is read, as several readers do.
    pub(crate) reads: Cell<bool>,
    /// Columns of subqueries that conditions guard.
    pub(crate) fenced: RefCell<HashSet<String>>,
    pub(crate) names: crate::decorrelate::Names,
}

impl Binder {
    /// A name in the plan for a column of a type.
    pub(crate) fn id(&self, kind: &Kind) -> String {
        let id = format!("c{}", self.next.get());
        self.next.set(self.next.get() + 1);
        self.kinds.borrow_mut().insert(id.clone(), kind.clone());
        id
    }

    pub(crate) fn column(&self, name: Option<String>, relation: Vec<String>, kind: Kind) -> Column {
        let id = self.id(&kind);
        Column { name, relation, id, kind, hidden: false }
    }

    /// The schema of the columns that an expression takes.
    pub(crate) fn schema_of(&self, expr: &Expr) -> Result<DFSchema, Error> {
        let kinds = self.kinds.borrow();
        let mut names: Vec<String> = expr.column_refs().into_iter().map(|column| column.name.clone()).collect();
        names.sort();
        let fields: Vec<Field> =
            names.into_iter().filter_map(|name| kinds.get(&name).map(|kind| Field::new(&name, kind.arrow(), true))).collect();
        Ok(DFSchema::from_unqualified_fields(fields.into(), HashMap::new())?)
    }

    /// The Arrow type of an expression, taken as one of Trino's.
    pub(crate) fn kind_of(&self, expr: &Expr) -> Result<Kind, Error> {
        match expr {
            Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => {
                if let Some(kind) = self.kinds.borrow().get(&column.name) {
                    return Ok(kind.clone());
                }
            }
            _ => {}
        }
        let data_type = expr.get_type(&self.schema_of(expr)?)?;
        Kind::of_arrow(&data_type).ok_or_else(|| refuse("TYPE_MISMATCH", "a type that Trino has not"))
    }
}

/// A reference to a column of the plan.
pub(crate) fn reference(id: &str) -> Expr {
    Expr::Column(PlanColumn::new_unqualified(id))
}

/// These expressions over a plan. What is bound names the columns as the plan has them, mostly: DataFusion's builder looks into all of
/// the plan for each expression, which is half of the time that binding a long statement takes.
pub(crate) fn project(plan: LogicalPlan, exprs: impl IntoIterator<Item = Expr>) -> Result<LogicalPlan, Error> {
    if is_qualified(&plan) {
        return Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?);
    }
    Ok(LogicalPlan::Projection(Projection::try_new(exprs.into_iter().collect(), Arc::new(plan))?))
}

/// The groups of a plan and what is worked out of each, as [`project`].
pub(crate) fn aggregate(plan: LogicalPlan, groups: Vec<Expr>, calls: Vec<Expr>) -> Result<LogicalPlan, Error> {
    if is_qualified(&plan) {
        return Ok(LogicalPlanBuilder::from(plan).aggregate(groups, calls)?.build()?);
    }
    Ok(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(plan), groups, calls)?))
}

/// The rows of a plan of which a condition is true, as [`project`].
pub(crate) fn filter(plan: LogicalPlan, condition: Expr) -> Result<LogicalPlan, Error> {
    if is_qualified(&plan) {
        return Ok(LogicalPlanBuilder::from(plan).filter(condition)?.build()?);
    }
    Ok(LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?))
}

/// A plan and window functions over it, as [`project`].
pub(crate) fn windows(plan: LogicalPlan, calls: Vec<Expr>) -> Result<LogicalPlan, Error> {
    if is_qualified(&plan) {
        return Ok(LogicalPlanBuilder::from(plan).window(calls)?.build()?);
    }
    Ok(LogicalPlan::Window(Window::try_new(calls, Arc::new(plan))?))
}

fn is_qualified(plan: &LogicalPlan) -> bool {
    plan.schema().iter().any(|(qualifier, _)| qualifier.is_some())
}

/// A constant.
pub(crate) fn literal(value: ScalarValue) -> Expr {
    Expr::Literal(value, None)
}

/// `line 1:8: ` for a piece of syntax, or nothing.
pub(crate) fn place(ast: &Ast) -> String {
    let start = ast.span().start;
    if start.line == 0 { String::new() } else { format!("line {}:{}: ", start.line, start.column) }
}

/// A row of texts and whole numbers as constants.
pub(crate) fn literal_row(row: &[Option<String>], columns: &[Column]) -> Vec<Expr> {
    row.iter()
        .zip(columns)
        .map(|(cell, column)| match column.kind {
            Kind::BigInt => literal(ScalarValue::Int64(cell.as_ref().and_then(|cell| cell.parse().ok()))),
            _ => literal(ScalarValue::Utf8(cell.clone())),
        })
        .collect()
}
