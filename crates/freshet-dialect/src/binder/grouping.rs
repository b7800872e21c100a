//! `GROUP BY`: plain groups, `GROUPING SETS`, `ROLLUP`, `CUBE`, and what a select list over groups may name.

use std::collections::HashMap;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlan};
use datafusion::sql::sqlparser::ast::{Expr as Ast, GroupByExpr};

use super::query::ordinal;
use super::select::replace;
use super::{Binder, Bound, Scope, project, reference};
use crate::conform::group_key;
use crate::error::{Error, missing, refuse};
use crate::kinds::Kind;

/// The expressions that are grouped by, and the sets of them: one set of all for a plain `GROUP BY`.
#[derive(Debug, Default)]
pub(super) struct Groups {
    keys: Vec<Bound>,
    sets: Vec<Vec<usize>>,
}

impl Binder {
    pub(super) fn group_by(&self, clause: &GroupByExpr, items: &[Bound], scope: &Scope) -> Result<Option<Groups>, Error> {
        let GroupByExpr::Expressions(exprs, modifiers) = clause else { return Err(missing("GROUP BY ALL")) };
        if !modifiers.is_empty() {
            return Err(Error::Syntax { message: "WITH ROLLUP, CUBE and TOTALS are not Athena's".to_owned() });
        }
        if exprs.is_empty() {
            return Ok(None);
        }
        let inner = Scope {
            columns: scope.columns.clone(),
            outer: scope.outer,
            is_lambda: false,
            ctes: scope.ctes.clone(),
            aliases: Vec::new(),
            windows: scope.windows.clone(),
            aggregates: false,
        };
        let mut groups = Groups { keys: Vec::new(), sets: vec![Vec::new()] };
        for expr in exprs {
            let sets: Vec<Vec<usize>> = match expr {
                Ast::GroupingSets(sets) => {
                    sets.iter().map(|set| self.columns_of(set, &inner, &mut groups.keys)).collect::<Result<_, _>>()?
                }
                Ast::Rollup(parts) => {
                    let parts = parts.iter().map(|set| self.columns_of(set, &inner, &mut groups.keys)).collect::<Result<Vec<_>, _>>()?;
                    (0..=parts.len()).rev().map(|count| parts[..count].concat()).collect()
                }
                Ast::Cube(parts) => {
                    let parts = parts.iter().map(|set| self.columns_of(set, &inner, &mut groups.keys)).collect::<Result<Vec<_>, _>>()?;
                    (0..1_usize << parts.len())
                        .rev()
                        .map(|mask| {
                            parts
                                .iter()
                                .enumerate()
                                .filter(|(at, _)| mask >> (parts.len() - 1 - at) & 1 == 1)
                                .flat_map(|(_, part)| part.clone())
                                .collect()
                        })
                        .collect()
                }
                Ast::Tuple(members) => vec![self.keys(members, items, &inner, &mut groups.keys)?],
                other => vec![self.keys(std::slice::from_ref(other), items, &inner, &mut groups.keys)?],
            };
            groups.sets =
                groups.sets.iter().flat_map(|before| sets.iter().map(move |set| before.iter().chain(set).copied().collect())).collect();
        }
        for set in &mut groups.sets {
            set.sort_unstable();
            set.dedup();
        }
        Ok(Some(groups))
    }

    /// The members of a grouping set, which are columns.
    fn columns_of(&self, members: &[Ast], scope: &Scope, keys: &mut Vec<Bound>) -> Result<Vec<usize>, Error> {
        for member in members {
            if !matches!(member, Ast::Identifier(_) | Ast::CompoundIdentifier(_) | Ast::Nested(_))
                || !matches!(self.expr(member, scope)?.expr, Expr::Column(_))
            {
                return Err(refuse(
                    "INVALID_COLUMN_REFERENCE",
                    format!("{}GROUP BY expression must be a column reference: {member}", super::place(member)),
                ));
            }
        }
        self.keys(members, &[], scope, keys)
    }

    fn keys(&self, members: &[Ast], items: &[Bound], scope: &Scope, keys: &mut Vec<Bound>) -> Result<Vec<usize>, Error> {
        let mut places = Vec::new();
        for member in members {
            let bound = match ordinal(member)? {
                Some(at) => at
                    .checked_sub(1)
                    .and_then(|at| items.get(at))
                    .cloned()
                    .ok_or_else(|| refuse("INVALID_COLUMN_REFERENCE", format!("GROUP BY position {at} is not in select list")))?,
                None => self.expr(member, scope)?,
            };
            if bound.expr.exists(|node| Ok(matches!(node, Expr::AggregateFunction(_) | Expr::WindowFunction(_))))? {
                return Err(refuse(
                    "EXPRESSION_NOT_SCALAR",
                    "GROUP BY clause cannot contain aggregations, window functions or grouping operations",
                ));
            }
            places.push(match keys.iter().position(|known| known.expr == bound.expr) {
                Some(at) => at,
                None => {
                    keys.push(bound);
                    keys.len() - 1
                }
            });
        }
        Ok(places)
    }

    /// Groups a plan and puts columns in the places of groups and aggregates.
    pub(super) fn aggregate(
        &self,
        plan: LogicalPlan,
        groups: Groups,
        aggregates: Vec<Expr>,
        exprs: Vec<Expr>,
    ) -> Result<(LogicalPlan, Vec<Expr>), Error> {
        let mut replaced: HashMap<Expr, Expr> = HashMap::new();
        let mut ids: Vec<String> = Vec::new();
        let mut computed: Vec<Expr> = Vec::new();
        for key in &groups.keys {
            let by = group_key(key.expr.clone(), &key.kind);
            if let Expr::Column(column) = &by {
                ids.push(column.name.clone());
                replaced.insert(key.expr.clone(), key.expr.clone());
                continue;
            }
            let id = self.id(&key.kind);
            computed.push(by.alias(&id));
            replaced.insert(key.expr.clone(), reference(&id));
            ids.push(id);
        }
        let mut plan = plan;
        if !computed.is_empty() {
            let below: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).chain(computed).collect();
            plan = project(plan, below)?;
        }
        let is_plain = groups.sets.len() <= 1;
        let group_exprs: Vec<Expr> = if is_plain {
            groups.sets.first().map(|set| set.iter().map(|at| reference(&ids[*at])).collect()).unwrap_or_default()
        } else {
            vec![Expr::GroupingSet(GroupingSet::GroupingSets(
                groups.sets.iter().map(|set| set.iter().map(|at| reference(&ids[*at])).collect()).collect(),
            ))]
        };
        let mut calls = Vec::new();
        for aggregate in aggregates {
            let kind = self.kind_of(&aggregate)?;
            let is_grouping = matches!(&aggregate, Expr::AggregateFunction(call) if call.func.name() == "grouping");
            if is_grouping && is_plain {
                replaced.insert(aggregate, Expr::Literal(datafusion::common::ScalarValue::Int32(Some(0)), None));
                continue;
            }
            let id = self.id(&if is_grouping { Kind::Integer } else { kind });
            // The arguments of `grouping` are groups.
            let call = if is_grouping {
                let Expr::AggregateFunction(mut call) = aggregate.clone() else { continue };
                call.params.args = call.params.args.into_iter().map(|arg| replace(arg, &replaced)).collect::<Result<_, _>>()?;
                if call.params.args.iter().any(|arg| !matches!(arg, Expr::Column(column) if ids.contains(&column.name))) {
                    return Err(refuse(
                        "INVALID_ARGUMENTS",
                        "The arguments to GROUPING() must be expressions referenced by the GROUP BY at the associated query level",
                    ));
                }
                Expr::AggregateFunction(call)
            } else {
                aggregate.clone()
            };
            calls.push(call.alias(&id));
            replaced.insert(aggregate, reference(&id));
        }
        let plan = super::aggregate(plan, group_exprs, calls)?;
        let known = plan.schema().clone();
        let mut out = Vec::new();
        for expr in exprs {
            let expr = replace(expr, &replaced)?;
            expr.apply(|node| {
                if let Expr::Column(column) = node
                    && known.index_of_column(column).is_err()
                {
                    return Err(refuse(
                        "EXPRESSION_NOT_AGGREGATE",
                        "an expression of the select list must be an aggregate expression or appear in GROUP BY clause",
                    )
                    .into());
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
            out.push(expr);
        }
        Ok((plan, out))
    }
}
