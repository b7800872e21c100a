//! `SELECT`: from a relation through its filter, groups, windows and select list to its order.

use std::collections::HashMap;
use std::rc::Rc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr as Ast, GroupByExpr, Ident, NamedWindowExpr, OrderByExpr, Select, SelectItem, SelectItemQualifiedWildcardKind,
    WildcardAdditionalOptions,
};

use super::query::ordinal;
use super::{Binder, Bound, Column, Ctes, Relation, Scope, filter, project, reference, windows};
use crate::conform::group_key;
use crate::error::{Error, missing, refuse};
use crate::kinds::Kind;

/// One item of the select list.
struct Item {
    name: Option<String>,
    bound: Bound,
}

impl Binder {
    pub(super) fn select(&self, select: &Select, order: &[&OrderByExpr], outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        refuse_foreign(select)?;
        let relation = self.from(&select.from, outer, ctes)?;
        let mut scope = Scope::new(relation.columns.clone(), outer, ctes.clone());
        scope.windows = Rc::new(named_windows(select)?);
        let mut plan = relation.plan;
        if let Some(condition) = &select.selection {
            let condition = self.stay(self.condition(condition, &scope)?);
            plan = filter(plan, condition)?;
        }
        scope.aggregates = true;
        let mut items = self.items(select, &scope)?;
        let having = select.having.as_ref().map(|having| self.condition(having, &scope)).transpose()?;
        scope.aliases = items.iter().filter_map(|item| item.name.clone().map(|name| (name, item.bound.clone()))).collect();
        let mut sorts = Vec::new();
        for item in order {
            let bound = match ordinal(&item.expr)? {
                Some(at) => at
                    .checked_sub(1)
                    .and_then(|at| items.get(at))
                    .map(|item| item.bound.clone())
                    .ok_or_else(|| refuse("INVALID_COLUMN_REFERENCE", format!("ORDER BY position {at} is not in select list")))?,
                None => {
                    refuse_grouping_of_output(&item.expr, &scope)?;
                    self.expr(&item.expr, &scope)?
                }
            };
            sorts.push(bound);
        }
        scope.aliases.clear();

        let groups = self.group_by(&select.group_by, &items.iter().map(|item| item.bound.clone()).collect::<Vec<_>>(), &scope)?;
        let mut exprs: Vec<Expr> = items.iter().map(|item| item.bound.expr.clone()).collect();
        exprs.extend(sorts.iter().map(|bound| bound.expr.clone()));
        let having_at = exprs.len();
        exprs.extend(having);
        let aggregates = aggregates_in(&exprs);
        if groups.is_some() || !aggregates.is_empty() || exprs.len() > having_at {
            (plan, exprs) = self.aggregate(plan, groups.unwrap_or_default(), aggregates, exprs)?;
        }
        if exprs.len() > having_at
            && let Some(having) = exprs.pop()
        {
            plan = filter(plan, having)?;
        }
        (plan, exprs) = self.apply_windows(plan, exprs)?;

        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => return Err(Error::Syntax { message: "DISTINCT ON is not Athena's".to_owned() }),
        };
        let sort_exprs = exprs.split_off(items.len());
        let mut columns = Vec::new();
        let mut projected = Vec::new();
        for (item, expr) in items.iter_mut().zip(&exprs) {
            let column = self.column(item.name.take(), vec![], item.bound.kind.clone());
            let kept = if distinct { group_key(expr.clone(), &column.kind) } else { expr.clone() };
            projected.push(kept.alias(&column.id));
            columns.push(column);
        }
        let mut keys: Vec<Sort> = Vec::new();
        let visible = projected.len();
        for ((bound, expr), item) in sorts.into_iter().zip(sort_exprs).zip(order) {
            let id = match exprs.iter().position(|known| *known == expr) {
                Some(at) => columns[at].id.clone(),
                None if distinct => {
                    return Err(refuse(
                        "EXPRESSION_NOT_IN_DISTINCT",
                        "For SELECT DISTINCT, ORDER BY expressions must appear in select list",
                    ));
                }
                None => {
                    let id = self.id(&bound.kind);
                    projected.push(expr.alias(&id));
                    id
                }
            };
            keys.push(self.sort(Bound { expr: reference(&id), kind: bound.kind }, item)?);
        }
        let hidden = projected.len() > visible;
        let mut builder = LogicalPlanBuilder::from(project(plan, projected)?);
        if distinct {
            builder = builder.distinct()?;
        }
        if !keys.is_empty() {
            builder = builder.sort(keys)?;
        }
        if hidden {
            builder = builder.project(columns.iter().map(|column| reference(&column.id)))?;
        }
        Ok(Relation { plan: builder.build()?, columns })
    }

    fn items(&self, select: &Select, scope: &Scope) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(ast) => items.push(Item { name: name_of(ast), bound: self.expr(ast, scope)? }),
                SelectItem::ExprWithAlias { expr, alias } => {
                    refuse_reserved(alias)?;
                    items.push(Item { name: Some(alias.value.to_lowercase()), bound: self.expr(expr, scope)? });
                }
                SelectItem::Wildcard(options) => {
                    plain(options)?;
                    if scope.columns.is_empty() && select.from.is_empty() {
                        return Err(refuse("COLUMN_NOT_FOUND", "SELECT * not allowed in queries without FROM clause"));
                    }
                    items.extend(star(scope.columns.iter().filter(|column| !column.hidden)));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    plain(options)?;
                    let parts: Vec<String> =
                        name.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.to_lowercase()).rev().collect();
                    let found: Vec<&Column> =
                        scope.columns.iter().filter(|column| !column.hidden && column.relation.starts_with(&parts)).collect();
                    if found.is_empty() {
                        // One word is a relation's name; a row's takes more, or brackets.
                        match self.expr(&row_reference(name), scope) {
                            Ok(bound) if parts.len() > 1 => self.row_fields(bound, &mut items)?,
                            Ok(_) | Err(_) => return Err(refuse("TABLE_NOT_FOUND", format!("Unable to resolve reference {name}"))),
                        }
                    } else {
                        items.extend(star(found.into_iter()));
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(ast), options) => {
                    plain(options)?;
                    let bound = self.expr(ast, scope)?;
                    self.row_fields(bound, &mut items)?;
                }
                SelectItem::ExprWithAliases { .. } => return Err(Error::Syntax { message: "several names for one expression".to_owned() }),
            }
        }
        Ok(items)
    }

    /// `row.*`: one item a field.
    fn row_fields(&self, bound: Bound, items: &mut Vec<Item>) -> Result<(), Error> {
        let Kind::Row(fields) = &bound.kind else { return Err(refuse("TYPE_MISMATCH", format!("Cannot expand type {}", bound.kind))) };
        for (at, (name, kind)) in fields.iter().enumerate() {
            items.push(Item {
                name: name.clone(),
                bound: Bound { expr: crate::conform::field(bound.expr.clone(), at, kind), kind: kind.clone() },
            });
        }
        Ok(())
    }

    /// Computes the windows of the expressions and puts columns in their places.
    pub(super) fn apply_windows(&self, plan: LogicalPlan, exprs: Vec<Expr>) -> Result<(LogicalPlan, Vec<Expr>), Error> {
        let mut found: Vec<Expr> = Vec::new();
        for expr in &exprs {
            expr.apply(|node| {
                if matches!(node, Expr::WindowFunction(_)) {
                    if !found.contains(node) {
                        found.push(node.clone());
                    }
                    return Ok(TreeNodeRecursion::Jump);
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        if found.is_empty() {
            return Ok((plan, exprs));
        }
        let mut replaced: HashMap<Expr, Expr> = HashMap::new();
        let mut groups: Vec<(Vec<Expr>, Vec<Sort>, Vec<Expr>)> = Vec::new();
        for expr in found {
            let Expr::WindowFunction(window) = &expr else { continue };
            let kind = self.kind_of_window(&expr)?;
            let id = self.id(&kind);
            replaced.insert(expr.clone(), reference(&id));
            let (partition, order) = (window.params.partition_by.clone(), window.params.order_by.clone());
            let aliased = expr.clone().alias(&id);
            match groups.iter_mut().find(|(p, o, _)| *p == partition && *o == order) {
                Some((_, _, members)) => members.push(aliased),
                None => groups.push((partition, order, vec![aliased])),
            }
        }
        let mut plan = plan;
        for (_, _, members) in groups {
            plan = windows(plan, members)?;
        }
        let exprs = exprs.into_iter().map(|expr| replace(expr, &replaced)).collect::<Result<_, _>>()?;
        Ok((plan, exprs))
    }
}

/// Puts columns in the places of expressions that are computed below.
pub(super) fn replace(expr: Expr, by: &HashMap<Expr, Expr>) -> Result<Expr, Error> {
    Ok(expr
        .transform_down(|node| match by.get(&node) {
            Some(other) => Ok(Transformed::new(other.clone(), true, TreeNodeRecursion::Jump)),
            None => Ok(Transformed::no(node)),
        })?
        .data)
}

/// The calls of aggregates in expressions, each once.
fn aggregates_in(exprs: &[Expr]) -> Vec<Expr> {
    let mut found: Vec<Expr> = Vec::new();
    for expr in exprs {
        let _ = expr.apply(|node| {
            if matches!(node, Expr::AggregateFunction(_)) {
                if !found.contains(node) {
                    found.push(node.clone());
                }
                return Ok(TreeNodeRecursion::Jump);
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    found
}

/// The name that an unnamed item has from its expression.
fn name_of(ast: &Ast) -> Option<String> {
    match ast {
        Ast::Identifier(word) => Some(word.value.to_lowercase()),
        Ast::CompoundIdentifier(words) => words.last().map(|word| word.value.to_lowercase()),
        Ast::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(datafusion::sql::sqlparser::ast::AccessExpr::Dot(Ast::Identifier(word))) => Some(word.value.to_lowercase()),
            _ => None,
        },
        Ast::Nested(inner) => name_of(inner),
        _ => None,
    }
}

fn row_reference(name: &datafusion::sql::sqlparser::ast::ObjectName) -> Ast {
    let words: Vec<_> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
    match words.as_slice() {
        [word] => Ast::Identifier(word.clone()),
        _ => Ast::CompoundIdentifier(words),
    }
}

fn star<'a>(columns: impl Iterator<Item = &'a Column>) -> Vec<Item> {
    columns
        .map(|column| Item { name: column.name.clone(), bound: Bound { expr: reference(&column.id), kind: column.kind.clone() } })
        .collect()
}

fn plain(options: &WildcardAdditionalOptions) -> Result<(), Error> {
    if options.opt_ilike.is_some()
        || options.opt_exclude.is_some()
        || options.opt_except.is_some()
        || options.opt_replace.is_some()
        || options.opt_rename.is_some()
    {
        return Err(Error::Syntax { message: "EXCLUDE, EXCEPT, REPLACE and RENAME after * are not Athena's".to_owned() });
    }
    Ok(())
}

fn named_windows(select: &Select) -> Result<HashMap<String, datafusion::sql::sqlparser::ast::WindowSpec>, Error> {
    let mut windows = HashMap::new();
    for definition in &select.named_window {
        let name = definition.0.value.to_lowercase();
        let spec = match &definition.1 {
            NamedWindowExpr::WindowSpec(spec) => spec.clone(),
            NamedWindowExpr::NamedWindow(other) => windows
                .get(&other.value.to_lowercase())
                .cloned()
                .ok_or_else(|| refuse("INVALID_WINDOW_REFERENCE", format!("Cannot resolve WINDOW name {other}")))?,
        };
        if windows.insert(name.clone(), spec).is_some() {
            return Err(refuse("DUPLICATE_WINDOW_NAME", format!("WINDOW name '{name}' specified more than once")));
        }
    }
    Ok(windows)
}

/// Words that name nothing unless they are quoted ([Trino](https://trino.io/docs/current/language/reserved.html)).
const RESERVED: [&str; 82] = [
    "alter",
    "and",
    "as",
    "between",
    "by",
    "case",
    "cast",
    "constraint",
    "create",
    "cross",
    "cube",
    "current_catalog",
    "current_date",
    "current_path",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "deallocate",
    "delete",
    "describe",
    "distinct",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "execute",
    "exists",
    "extract",
    "false",
    "for",
    "from",
    "full",
    "group",
    "grouping",
    "having",
    "in",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "join",
    "json_array",
    "json_exists",
    "json_object",
    "json_query",
    "json_table",
    "json_value",
    "left",
    "like",
    "listagg",
    "localtime",
    "localtimestamp",
    "natural",
    "normalize",
    "not",
    "null",
    "on",
    "or",
    "order",
    "outer",
    "prepare",
    "recursive",
    "right",
    "rollup",
    "select",
    "skip",
    "table",
    "then",
    "trim",
    "true",
    "uescape",
    "union",
    "unnest",
    "using",
    "values",
    "when",
    "where",
    "with",
];

fn refuse_reserved(name: &Ident) -> Result<(), Error> {
    let is_reserved = name.quote_style.is_none() && RESERVED.contains(&name.value.to_lowercase().as_str());
    if !is_reserved {
        return Ok(());
    }
    Err(Error::Syntax { message: format!("mismatched input '{}'. Expecting: <identifier>", name.value) })
}

/// `ORDER BY grouping(x)` where `x` is the name of a column of the result.
fn refuse_grouping_of_output(ast: &Ast, scope: &Scope) -> Result<(), Error> {
    let found = datafusion::sql::sqlparser::ast::visit_expressions(ast, |expr| {
        if let Ast::Function(function) = expr
            && function.name.to_string().eq_ignore_ascii_case("grouping")
            && super::calls::arguments(function).is_ok_and(|args| {
                args.iter().any(|arg| name_of(arg).is_some_and(|name| scope.aliases.iter().any(|(alias, _)| *alias == name)))
            })
        {
            return std::ops::ControlFlow::Break(());
        }
        std::ops::ControlFlow::Continue(())
    });
    if found.is_break() {
        return Err(refuse("INVALID_ARGUMENTS", "Invalid reference to output of SELECT clause from grouping() expression in ORDER BY"));
    }
    Ok(())
}

/// Clauses that sqlparser knows and Athena does not.
fn refuse_foreign(select: &Select) -> Result<(), Error> {
    let foreign = select.top.is_some()
        || select.into.is_some()
        || !select.lateral_views.is_empty()
        || select.prewhere.is_some()
        || !select.connect_by.is_empty()
        || !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
        || select.qualify.is_some()
        || select.value_table_mode.is_some()
        || select.exclude.is_some()
        || select.projection.is_empty();
    if foreign {
        return Err(Error::Syntax { message: "mismatched input: a clause that is not Athena's".to_owned() });
    }
    if let GroupByExpr::All(_) = select.group_by {
        return Err(missing("GROUP BY ALL"));
    }
    Ok(())
}
