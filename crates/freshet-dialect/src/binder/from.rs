//! `FROM`: tables, views, `WITH` queries, subqueries, joins, `UNNEST` and `LATERAL`.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column as PlanColumn, UnnestOptions};
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias};
use datafusion::sql::sqlparser::ast::{
    Expr as Ast, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins,
};

use super::{Binder, Bound, Column, Ctes, Named, Relation, Scope, project, reference};
use crate::error::{Error, missing, refuse};
use crate::kinds::{Kind, common};
use crate::type_names;

impl Binder {
    /// The relation of a `FROM` list; without one, a single row.
    pub(super) fn from(&self, tables: &[TableWithJoins], outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        let mut relation: Option<Relation> = None;
        for table in tables {
            let next = self.joined(relation, table, outer, ctes)?;
            relation = Some(next);
        }
        match relation {
            Some(relation) => Ok(relation),
            None => Ok(Relation { plan: LogicalPlanBuilder::empty(true).build()?, columns: Vec::new() }),
        }
    }

    fn joined(&self, left: Option<Relation>, table: &TableWithJoins, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        let mut relation = match left {
            None => self.factor(&table.relation, outer, ctes)?,
            Some(left) => self.cross(left, &table.relation, outer, ctes)?,
        };
        for join in &table.joins {
            relation = self.join(relation, join, outer, ctes)?;
        }
        Ok(relation)
    }

    fn cross(&self, left: Relation, right: &TableFactor, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        if let TableFactor::UNNEST { .. } = right {
            return self.unnest(left, right, false, outer, ctes);
        }
        if let TableFactor::Derived { lateral: true, .. } = right {
            return self.lateral(left, right, JoinType::Inner, outer, ctes);
        }
        let right = self.factor(right, outer, ctes)?;
        let plan = LogicalPlanBuilder::from(left.plan).cross_join(right.plan)?.build()?;
        Ok(Relation { plan, columns: left.columns.into_iter().chain(right.columns).collect() })
    }

    fn join(&self, left: Relation, join: &Join, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        let (kind, constraint) = match &join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (JoinType::Inner, constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (JoinType::Left, constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (JoinType::Right, constraint),
            JoinOperator::FullOuter(constraint) => (JoinType::Full, constraint),
            JoinOperator::CrossJoin(JoinConstraint::None) => return self.cross(left, &join.relation, outer, ctes),
            other => return Err(Error::Syntax { message: format!("join not known to Athena: {other:?}").chars().take(60).collect() }),
        };
        let laterals = matches!(&join.relation, TableFactor::UNNEST { .. } | TableFactor::Derived { lateral: true, .. });
        if laterals {
            let on_true = matches!(constraint, JoinConstraint::On(Ast::Value(value)) if matches!(value.value, datafusion::sql::sqlparser::ast::Value::Boolean(true)));
            if !on_true || !matches!(kind, JoinType::Inner | JoinType::Left) {
                return Err(missing(format!("{kind} JOIN involving UNNEST or LATERAL is only supported with condition ON TRUE")));
            }
            if matches!(&join.relation, TableFactor::UNNEST { .. }) {
                return self.unnest(left, &join.relation, kind == JoinType::Left, outer, ctes);
            }
            return self.lateral(left, &join.relation, kind, outer, ctes);
        }
        let right = self.factor(&join.relation, outer, ctes)?;
        match constraint {
            JoinConstraint::On(condition) => {
                let columns: Vec<Column> = left.columns.iter().chain(&right.columns).cloned().collect();
                let scope = Scope::new(columns.clone(), outer, ctes.clone());
                let condition = self.condition(condition, &scope)?;
                if kind == JoinType::Inner && super::subqueries::has_subquery(&condition) {
                    let plan = LogicalPlanBuilder::from(left.plan).cross_join(right.plan)?.filter(condition)?.build()?;
                    return Ok(Relation { plan, columns });
                }
                let (asking, conditions): (Vec<Expr>, Vec<Expr>) =
                    split_conjunction_owned(condition).into_iter().partition(super::subqueries::has_subquery);
                let (mut left, mut right) = (left.plan, right.plan);
                for condition in asking {
                    // What is asked of the side that need not match may be asked before.
                    let side = match kind {
                        JoinType::Left => &mut right,
                        JoinType::Right => &mut left,
                        _ => return Err(missing("a subquery in the condition of a FULL JOIN")),
                    };
                    if !super::subqueries::is_of(&condition, side.schema()) {
                        return Err(missing("a subquery about both sides in the condition of an outer join"));
                    }
                    *side = LogicalPlanBuilder::from(side.clone()).filter(condition)?.build()?;
                }
                let plan = LogicalPlanBuilder::from(left).join_on(right, kind, conditions)?.build()?;
                Ok(Relation { plan, columns })
            }
            JoinConstraint::Using(names) => self.using(left, right, kind, names),
            JoinConstraint::Natural => Err(missing("NATURAL JOIN")),
            JoinConstraint::None => Err(Error::Syntax { message: "mismatched input. Expecting: 'ON', 'USING'".to_owned() }),
        }
    }

    /// `USING (k)`: the keys come first, once, and belong to neither side.
    fn using(&self, left: Relation, right: Relation, kind: JoinType, names: &[ObjectName]) -> Result<Relation, Error> {
        let mut keys = Vec::new();
        let mut conditions = Vec::new();
        for (at, name) in names.iter().enumerate() {
            if names[..at].iter().any(|before| before.to_string().eq_ignore_ascii_case(&name.to_string())) {
                return Err(refuse("DUPLICATE_COLUMN_NAME", format!("Column '{name}' appears multiple times in USING clause")));
            }
            let name = name.to_string().trim_matches('"').to_lowercase();
            let find = |relation: &Relation| -> Result<Column, Error> {
                let mut found = relation.columns.iter().filter(|column| column.name.as_deref() == Some(&name));
                let column =
                    found.next().ok_or_else(|| refuse("COLUMN_NOT_FOUND", format!("Column '{name}' is missing from a side of join")))?;
                if found.next().is_some() {
                    return Err(refuse("AMBIGUOUS_NAME", format!("Column '{name}' is ambiguous")));
                }
                Ok(column.clone())
            };
            let (a, b) = (find(&left)?, find(&right)?);
            let both = common(&a.kind, &b.kind)
                .ok_or_else(|| refuse("TYPE_MISMATCH", format!("Cannot apply operator: {} = {}", a.kind, b.kind)))?;
            let x = self.coerce(Bound { expr: reference(&a.id), kind: a.kind.clone() }, &both)?;
            let y = self.coerce(Bound { expr: reference(&b.id), kind: b.kind.clone() }, &both)?;
            conditions.push(self.compare(datafusion::logical_expr::Operator::Eq, x.clone(), y.clone())?.expr);
            keys.push((name, a, b, x, y, both));
        }
        let plan = LogicalPlanBuilder::from(left.plan).join_on(right.plan, kind, conditions)?.build()?;
        let mut columns = Vec::new();
        let mut exprs = Vec::new();
        for (name, _, _, x, y, both) in &keys {
            let merged = match kind {
                JoinType::Inner | JoinType::Left => x.expr.clone(),
                JoinType::Right => y.expr.clone(),
                _ => self.coalesce(vec![x.clone(), y.clone()])?.expr,
            };
            let column = self.column(Some(name.clone()), vec![], both.clone());
            exprs.push(merged.alias(&column.id));
            columns.push(column);
        }
        for column in left.columns.iter().chain(&right.columns) {
            if keys.iter().any(|(_, a, b, ..)| a.id == column.id || b.id == column.id) {
                continue;
            }
            exprs.push(reference(&column.id));
            columns.push(column.clone());
        }
        let plan = project(plan, exprs)?;
        Ok(Relation { plan, columns })
    }

    fn factor(&self, factor: &TableFactor, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        match factor {
            TableFactor::Table { name, alias, args: None, version: None, with_ordinality: false, sample, .. } => {
                if sample.is_some() {
                    return Err(missing("TABLESAMPLE"));
                }
                let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.to_lowercase()).collect();
                let relation = self.named(&parts, outer, ctes)?;
                rename(relation, alias.as_ref())
            }
            TableFactor::Table { version: Some(_), .. } => Err(missing("time travel on tables")),
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let relation = self.query(subquery, outer, ctes)?;
                let relation = Relation { plan: self.keep_in_front(relation.plan)?, ..relation };
                rename(unqualified(relation), alias.as_ref())
            }
            TableFactor::Derived { lateral: true, subquery, alias, sample: None } => {
                let relation = self.query(subquery, outer, ctes)?;
                rename(unqualified(relation), alias.as_ref())
            }
            TableFactor::UNNEST { .. } => {
                let row = Relation { plan: LogicalPlanBuilder::empty(true).build()?, columns: Vec::new() };
                self.unnest(row, factor, false, outer, ctes)
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let relation = self.joined(None, table_with_joins, outer, ctes)?;
                if alias.is_some() { rename(relation, alias.as_ref()) } else { Ok(relation) }
            }
            TableFactor::MatchRecognize { .. } => Err(missing("MATCH_RECOGNIZE")),
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => Err(missing(format!("table function {name}"))),
            _ => Err(missing("this kind of relation in FROM")),
        }
    }

    /// A `WITH` query, a table, a view, or a table of `information_schema`.
    pub(super) fn named(&self, parts: &[String], outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        if let [name] = parts
            && let Some(named) = ctes.get(name)
        {
            let mut relation = match &**named {
                Named::Query { query, columns, ctes, bound } => {
                    let known = bound.borrow().clone();
                    match known {
                        Some(relation) => self.again(&relation)?,
                        None => {
                            let mut relation = unqualified(self.query(query, outer, ctes)?);
                            relation.plan = self.keep_in_front(relation.plan)?;
                            call(&mut relation, columns)?;
                            if !crate::decorrelate::is_correlated(&relation.plan)? {
                                *bound.borrow_mut() = Some(relation.clone());
                            }
                            self.again(&relation)?
                        }
                    }
                }
                Named::Relation(relation) => self.again(relation)?,
            };
            for column in &mut relation.columns {
                column.relation = vec![name.clone()];
            }
            return Ok(relation);
        }
        let mut path = parts.to_vec();
        if path.len() == 1 {
            path.insert(0, self.schema.clone());
        }
        if path.len() == 2 {
            path.insert(0, self.catalog.clone());
        }
        let [catalog, schema, table] = path.as_slice() else {
            return Err(Error::Syntax { message: format!("Too many dots in table name: {}", parts.join(".")) });
        };
        // A column is called by as much of its table's name as the query gives.
        let qualifier: Vec<String> = parts.iter().rev().cloned().collect();
        if schema == "information_schema" {
            return self.information_table(catalog, table, &qualifier);
        }
        let Some(found) = self.tables.get(&path) else {
            if catalog != &self.catalog {
                return Err(refuse("CATALOG_NOT_FOUND", format!("Catalog '{catalog}' not found")));
            }
            return Err(refuse("TABLE_NOT_FOUND", format!("Table '{catalog}.{schema}.{table}' does not exist")));
        };
        self.reads.set(true);
        let plan = LogicalPlanBuilder::scan(found.reference.clone(), found.source.clone(), None)?.build()?;
        let mut columns = Vec::new();
        let mut exprs = Vec::new();
        let told = Arc::clone(plan.schema());
        let plan = untold(plan)?;
        for (qualified, field) in told.iter() {
            let Some(kind) = type_names::of_field(field) else { continue };
            let name = field.name().to_lowercase();
            let hidden = name.starts_with('$');
            let column = Column { hidden, ..self.column(Some(name), qualifier.clone(), kind.clone()) };
            let expr = Expr::Column(PlanColumn::new(qualified.cloned(), field.name()));
            exprs.push(crate::conform::conform(expr, field.data_type(), &kind).alias(&column.id));
            columns.push(column);
        }
        let plan = project(plan, exprs)?;
        Ok(Relation { plan, columns })
    }

    /// A relation under names of its own, so that a query may hold it twice.
    fn again(&self, relation: &Relation) -> Result<Relation, Error> {
        let columns: Vec<Column> = relation.columns.iter().map(|column| Column { id: self.id(&column.kind), ..column.clone() }).collect();
        self.fence_too(relation.columns.iter().zip(&columns).map(|(from, to)| (&*from.id, &*to.id)));
        let mut exprs = Vec::with_capacity(columns.len());
        for (from, to) in relation.columns.iter().zip(&columns) {
            let field = relation.plan.schema().qualified_field_with_unqualified_name(&from.id)?;
            exprs.push(Expr::Column(PlanColumn::from(field)).alias(&to.id));
        }
        Ok(Relation { plan: project(relation.plan.clone(), exprs)?, columns })
    }

    fn lateral(&self, left: Relation, right: &TableFactor, kind: JoinType, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        let TableFactor::Derived { subquery, alias, .. } = right else { return Err(missing("LATERAL of this relation")) };
        let scope = Scope::new(left.columns.clone(), outer, ctes.clone());
        let relation = rename(unqualified(self.query(subquery, Some(&scope), ctes)?), alias.as_ref())?;
        let plan = crate::decorrelate::lateral(left.plan, relation.plan, kind, &self.names)?;
        Ok(Relation { plan, columns: left.columns.into_iter().chain(relation.columns).collect() })
    }

    /// `UNNEST` beside a relation: one row an element; an array of rows gives one column a field, a map its keys and values.
    fn unnest(&self, left: Relation, factor: &TableFactor, keep: bool, outer: Option<&Scope>, ctes: &Ctes) -> Result<Relation, Error> {
        let TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_ordinality, .. } = factor else {
            return Err(Error::Syntax { message: "UNNEST WITH OFFSET is not Athena's".to_owned() });
        };
        let scope = Scope::new(left.columns.clone(), outer, ctes.clone());
        let mut kinds = Vec::new();
        let mut args = Vec::new();
        let mut members: Vec<Kind> = Vec::new();
        let mut called: Vec<Option<String>> = Vec::new();
        for ast in array_exprs {
            let bound = self.expr(ast, &scope)?;
            match &bound.kind {
                Kind::Array(of) => match &**of {
                    Kind::Row(fields) => {
                        members.extend(fields.iter().map(|(_, kind)| kind.clone()));
                        called.extend(fields.iter().map(|(name, _)| name.clone()));
                    }
                    other => {
                        members.push(other.clone());
                        called.push(None);
                    }
                },
                Kind::Map(key, value) => {
                    members.extend([(**key).clone(), (**value).clone()]);
                    called.extend([None, None]);
                }
                other => return Err(refuse("TYPE_MISMATCH", format!("Cannot unnest type: {other}"))),
            }
            kinds.push(bound.kind);
            args.push(bound.expr);
        }
        if *with_ordinality {
            members.push(Kind::BigInt);
        }
        let row = Kind::Row(members.iter().map(|kind| (None, kind.clone())).collect());
        let list = Kind::array(row.clone());
        let zipped = crate::unnesting::zip(kinds, *with_ordinality, keep, &list, args);
        let id = self.id(&row);
        let groups = left.plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_))))?;
        let plan = LogicalPlanBuilder::from(left.plan).project(
            left.columns
                .iter()
                .map(|column| {
                    let value = reference(&column.id);
                    if groups { crate::conform::repeated(value, &column.kind).alias(&column.id) } else { value }
                })
                .chain([zipped.alias(&id)]),
        )?;
        let options = UnnestOptions::new().with_preserve_nulls(false);
        let plan = plan.unnest_columns_with_options(vec![PlanColumn::new_unqualified(&id)], options)?;
        let names = alias
            .as_ref()
            .map(|alias| alias.columns.iter().map(|column| column.name.value.to_lowercase()).collect::<Vec<_>>())
            .unwrap_or_default();
        if !names.is_empty() && names.len() != members.len() {
            return Err(refuse(
                "MISMATCHED_COLUMN_ALIASES",
                format!(
                    "Column alias list has {} entries but '{}' has {} columns available",
                    names.len(),
                    alias.as_ref().map_or("unnest", |alias| &alias.name.value),
                    members.len()
                ),
            ));
        }
        let qualifier: Vec<String> = alias.iter().map(|alias| alias.name.value.to_lowercase()).collect();
        let mut columns = left.columns.clone();
        let mut exprs: Vec<Expr> = left.columns.iter().map(|column| reference(&column.id)).collect();
        for (at, kind) in members.into_iter().enumerate() {
            let column = self.column(names.get(at).cloned().or_else(|| called.get(at).cloned().flatten()), qualifier.clone(), kind.clone());
            exprs.push(crate::conform::field(reference(&id), at, &kind).alias(&column.id));
            columns.push(column);
        }
        Ok(Relation { plan: plan.project(exprs)?.build()?, columns })
    }
}

/// A view's plan without the types that its columns tell, once they are known: DataFusion lets no projection past one that tells something
/// of its columns, and a join below would hand on its keys.
fn untold(plan: LogicalPlan) -> Result<LogicalPlan, Error> {
    Ok(match plan {
        LogicalPlan::SubqueryAlias(named) => {
            let input = untold(Arc::unwrap_or_clone(named.input))?;
            LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input), named.alias)?)
        }
        LogicalPlan::Projection(projection) => {
            let input = untold(Arc::unwrap_or_clone(projection.input))?;
            let exprs = projection.expr.into_iter().map(|expr| match expr {
                Expr::Alias(alias) => Expr::Alias(Alias { metadata: None, ..alias }),
                other => other,
            });
            LogicalPlan::Projection(Projection::try_new(exprs.collect(), Arc::new(input))?)
        }
        other => other,
    })
}

/// The relation under an alias, with the alias's column names.
fn rename(mut relation: Relation, alias: Option<&TableAlias>) -> Result<Relation, Error> {
    let Some(alias) = alias else { return Ok(relation) };
    let names: Vec<String> = alias.columns.iter().map(|column| column.name.value.to_lowercase()).collect();
    call(&mut relation, &names).map_err(|error| match error {
        Error::Refused { code, message } => {
            Error::Refused { code, message: message.replace("relation", &format!("'{}'", alias.name.value)) }
        }
        other => other,
    })?;
    for column in &mut relation.columns {
        column.relation = vec![alias.name.value.to_lowercase()];
    }
    Ok(relation)
}

/// Gives a relation's columns other names.
fn call(relation: &mut Relation, names: &[String]) -> Result<(), Error> {
    let visible = relation.columns.iter().filter(|column| !column.hidden).count();
    if names.is_empty() {
        return Ok(());
    }
    if names.len() != visible {
        return Err(refuse(
            "MISMATCHED_COLUMN_ALIASES",
            format!("Column alias list has {} entries but relation has {visible} columns available", names.len()),
        ));
    }
    for (column, name) in relation.columns.iter_mut().filter(|column| !column.hidden).zip(names) {
        column.name = Some(name.clone());
    }
    Ok(())
}

/// A subquery's columns lose what stood before their names; its hidden ones stay behind.
fn unqualified(mut relation: Relation) -> Relation {
    relation.columns.retain(|column| !column.hidden);
    for column in &mut relation.columns {
        column.relation = Vec::new();
    }
    relation
}
