//! Which relations a query reads several times, and what of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};

use super::Shared;
use super::fallible::has_errors;
use super::rows::Rows;
use crate::decorrelate::{is_correlated, repeats};

/// Puts [`Shared`] over the places of relations that are read several times. It stands before all other rules, since these make
/// one relation differ from place to place; it lets them do so on trial, to learn which columns each place needs and which place
/// filters.
#[derive(Debug)]
pub(crate) struct ShareRepeated;

impl OptimizerRule for ShareRepeated {
    fn name(&self) -> &'static str {
        "share_repeated"
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let Some(repeated) = repeated(&plan)? else { return Ok(Transformed::no(plan)) };
        let ids: HashMap<&LogicalPlan, usize> = repeated.iter().enumerate().map(|(id, relation)| (relation, id)).collect();
        let optimizer = Optimizer::new();
        let tried = optimizer.optimize(mark(plan.clone(), &ids)?, config, |_, _| ())?;
        let wanted = wanted(&tried, &repeated)?;
        if wanted.iter().all(Option::is_none) {
            return Ok(Transformed::no(plan));
        }
        // Each relation once, of the columns that some place needs; then the places in their stead.
        let mut relations = Vec::new();
        for (id, columns) in wanted.iter().enumerate() {
            let Some(columns) = columns else {
                relations.push(None);
                continue;
            };
            let inside = below(repeated[id].clone(), &mut |input| mark(input, &ids))?;
            let narrow = LogicalPlanBuilder::from(inside).project(columns.iter().cloned().map(Expr::Column))?.build()?;
            relations.push(Some(Relation { plan: optimizer.optimize(narrow, config, |_, _| ())?, rows: Arc::new(Rows::new()) }));
        }
        Ok(Transformed::yes(settle(tried, &relations)?))
    }
}

struct Relation {
    plan: LogicalPlan,
    rows: Arc<Rows>,
}

/// The largest relations that a plan holds several times, if there are any.
fn repeated(plan: &LogicalPlan) -> Result<Option<Vec<LogicalPlan>>> {
    let mut counts: HashMap<LogicalPlan, usize> = HashMap::new();
    let mut repeated: Vec<LogicalPlan> = Vec::new();
    let mut is_ready = true;
    plan.apply_with_subqueries(|node| {
        is_ready &= !matches!(node, LogicalPlan::RecursiveQuery(_)) && shared(node).is_none();
        let count = counts.entry(node.clone()).or_default();
        *count += 1;
        if *count == 2 && is_worth(node)? {
            repeated.push(node.clone());
        }
        // What is in it is as often there as it is itself.
        Ok(if *count > 1 { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
    })?;
    Ok(Some(repeated).filter(|repeated| is_ready && !repeated.is_empty()))
}

/// Whether a relation is more than a scan, and the same each time.
fn is_worth(plan: &LogicalPlan) -> Result<bool> {
    let (mut works, mut reads) = (false, false);
    plan.apply_with_subqueries(|node| {
        works |= matches!(node, LogicalPlan::Join(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Distinct(_));
        reads |= matches!(node, LogicalPlan::TableScan(_));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(works && reads && !plan.schema().fields().is_empty() && !is_correlated(plan)? && repeats(plan)?)
}

fn shared(plan: &LogicalPlan) -> Option<&Shared> {
    let LogicalPlan::Extension(extension) = plan else { return None };
    extension.node.as_any().downcast_ref::<Shared>()
}

/// Marks each place of the repeated relations.
fn mark(plan: LogicalPlan, ids: &HashMap<&LogicalPlan, usize>) -> Result<LogicalPlan> {
    match ids.get(&plan).copied() {
        Some(id) => Ok(place(id, below(plan, &mut |input| mark(input, ids))?, None)),
        None => below(plan, &mut |input| mark(input, ids)),
    }
}

/// A plan of which each input and subquery is another.
fn below(plan: LogicalPlan, map: &mut dyn FnMut(LogicalPlan) -> Result<LogicalPlan>) -> Result<LogicalPlan> {
    let plan = plan.map_children(|input| map(input).map(Transformed::yes))?.data;
    Ok(plan.map_subqueries(|subquery| map(subquery).map(Transformed::yes))?.data)
}

fn place(id: usize, input: LogicalPlan, rows: Option<Arc<Rows>>) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(Shared { id, input, rows }) })
}

/// Of each relation the columns that its places need, if it is to be shared.
fn wanted(tried: &LogicalPlan, repeated: &[LogicalPlan]) -> Result<Vec<Option<Vec<Column>>>> {
    #[derive(Default)]
    struct Places {
        count: usize,
        all: HashSet<Column>,
        /// Of places that need every row; `None` while there is none.
        of_all_rows: Option<HashSet<Column>>,
    }
    let mut places: Vec<Places> = repeated.iter().map(|_| Places::default()).collect();
    let mut learn = |shared: &Shared, filters: bool| {
        let places = &mut places[shared.id];
        let columns = shared.input.schema().columns();
        places.count += 1;
        if !filters {
            places.of_all_rows.get_or_insert_default().extend(columns.iter().cloned());
        }
        places.all.extend(columns);
    };
    let mut filtered: HashSet<*const Shared> = HashSet::new();
    tried.apply_with_subqueries(|node| {
        if let LogicalPlan::Filter(filter) = node
            && let Some(below) = shared(&filter.input)
        {
            filtered.insert(std::ptr::from_ref(below));
        }
        if let Some(place) = shared(node) {
            learn(place, filtered.contains(&std::ptr::from_ref(place)));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let mut wanted = Vec::new();
    for (relation, places) in repeated.iter().zip(places) {
        let Some(of_all_rows) = places.of_all_rows.filter(|_| places.count > 1) else {
            // Each place filters, and reads less for it.
            wanted.push(None);
            continue;
        };
        let mut is_safe = true;
        for column in places.all.difference(&of_all_rows) {
            is_safe = is_safe && !has_errors(relation, column)?;
        }
        let columns = || relation.schema().columns().into_iter().filter(|column| places.all.contains(column)).collect::<Vec<_>>();
        wanted.push(Some(columns()).filter(|columns| is_safe && !columns.is_empty()));
    }
    Ok(wanted)
}

/// A plan on trial with the relations in their places; what is not shared is as it was found there.
fn settle(plan: LogicalPlan, relations: &[Option<Relation>]) -> Result<LogicalPlan> {
    if let Some(found) = shared(&plan) {
        let columns = found.input.schema().columns();
        if let Some(relation) = &relations[found.id]
            && columns.iter().all(|column| relation.plan.schema().has_column(column))
        {
            let inside = settle(relation.plan.clone(), relations)?;
            let all = place(found.id, inside, Some(Arc::clone(&relation.rows)));
            return LogicalPlanBuilder::from(all).project(columns.into_iter().map(Expr::Column))?.build();
        }
        return settle(found.input.clone(), relations);
    }
    below(plan, &mut |input| settle(input, relations))
}
