//! Which relations a query reads several times, and what of them.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerContext, OptimizerRule};

use super::fallible::has_errors;
use super::rows::Rows;
use super::{Relation, Shared};
use crate::decorrelate::{is_correlated, repeats};

/// Attempts, each without the relations that were not worth to be shared in the one before.
const ATTEMPTS: usize = 4;
/// How often DataFusion's rules work on a plan: mostly once is enough to tell what is not worth to be shared; at last as in its sessions.
const GLANCE: u8 = 1;
const PASSES: u8 = 3;

/// Puts [`Shared`] in the places of relations that are read several times, and optimizes. It is a session's one rule, and works before all
/// of DataFusion's, since these make one relation differ from place to place; it lets them work on what is around the places, to learn
/// which columns each place needs and which place filters, and then on each relation by itself.
#[derive(Debug)]
pub(crate) struct ShareRepeated;

impl OptimizerRule for ShareRepeated {
    fn name(&self) -> &'static str {
        "share_repeated"
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let mut known = Known::default();
        repeated(&plan)?.into_iter().for_each(|relation| known.add(relation));
        let mut optimized = Optimized {
            context: OptimizerContext::new_with_config_options(config.options()),
            passes: GLANCE,
            before: Known::default(),
            after: Vec::new(),
        };
        let mut left_out = HashSet::new();
        for _ in 0..ATTEMPTS {
            if left_out.len() == known.plans.len() {
                break;
            }
            if let Some(shared) = share(&plan, &known, &mut left_out, &mut optimized)? {
                if optimized.passes == PASSES {
                    return Ok(Transformed::yes(shared));
                }
                optimized.passes = PASSES;
            }
        }
        optimized.pass(plan, PASSES).map(Transformed::yes)
    }
}

/// What plans come to. An attempt mostly asks for what the one before asked for, or for more passes over it.
struct Optimized {
    /// Of all of them, so that no name is made twice.
    context: OptimizerContext,
    passes: u8,
    before: Known,
    after: Vec<(u8, LogicalPlan)>,
}

impl Optimized {
    fn of(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let at = self.before.find(&plan).unwrap_or_else(|| {
            self.before.add(plan.clone());
            self.after.push((0, plan));
            self.after.len() - 1
        });
        let (done, optimized) = &mut self.after[at];
        if *done < self.passes {
            let (plan, passes) = (std::mem::take(optimized), self.passes - *done);
            self.after[at] = (self.passes, self.pass(plan, passes)?);
        }
        Ok(self.after[at].1.clone())
    }

    /// More passes over a plan, of which nothing is kept.
    fn pass(&mut self, plan: LogicalPlan, passes: u8) -> Result<LogicalPlan> {
        self.context = std::mem::take(&mut self.context).with_max_passes(passes);
        Optimizer::new().optimize(plan, &self.context, |_, _| ())
    }
}

/// The largest relations that a plan holds several times, each before those that it holds itself.
fn repeated(plan: &LogicalPlan) -> Result<Vec<LogicalPlan>> {
    let mut seen = Known::default();
    let mut counts: Vec<usize> = Vec::new();
    let mut repeated: Vec<(usize, LogicalPlan)> = Vec::new();
    let mut is_ready = true;
    plan.apply_with_subqueries(|node| {
        is_ready &= !matches!(node, LogicalPlan::RecursiveQuery(_)) && shared(node).is_none();
        let Some(at) = seen.find(node) else {
            seen.add(node.clone());
            counts.push(1);
            return Ok(TreeNodeRecursion::Continue);
        };
        counts[at] += 1;
        if counts[at] == 2 && is_worth(node)? {
            repeated.push((size(node)?, node.clone()));
        }
        // What is in it is as often there as it is itself.
        Ok(TreeNodeRecursion::Jump)
    })?;
    if !is_ready {
        return Ok(Vec::new());
    }
    repeated.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    Ok(repeated.into_iter().map(|(_, relation)| relation).collect())
}

/// Plans that are known, by their columns' names, which tell most apart: a plan's own hash goes down to its scans, and would be taken at
/// each step of it.
#[derive(Debug, Default)]
struct Known {
    plans: Vec<LogicalPlan>,
    by_columns: HashMap<u64, Vec<usize>>,
}

impl Known {
    fn key(plan: &LogicalPlan) -> u64 {
        let mut hasher = DefaultHasher::new();
        discriminant(plan).hash(&mut hasher);
        plan.schema().columns().hash(&mut hasher);
        hasher.finish()
    }

    /// Which of them a plan is the same as, in the order in which they were added.
    fn find(&self, plan: &LogicalPlan) -> Option<usize> {
        self.by_columns.get(&Self::key(plan))?.iter().copied().find(|at| self.plans[*at] == *plan)
    }

    fn add(&mut self, plan: LogicalPlan) {
        self.by_columns.entry(Self::key(&plan)).or_default().push(self.plans.len());
        self.plans.push(plan);
    }
}

fn size(plan: &LogicalPlan) -> Result<usize> {
    let mut nodes = 0;
    plan.apply_with_subqueries(|_| {
        nodes += 1;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(nodes)
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

/// The plan with the repeated relations shared, but for those that are left out; `None` if more of them are to be left out.
fn share(plan: &LogicalPlan, repeated: &Known, left_out: &mut HashSet<usize>, optimized: &mut Optimized) -> Result<Option<LogicalPlan>> {
    let mut places: Vec<Places> = repeated.plans.iter().map(|_| Places::default()).collect();
    let around = optimized.of(mark(plan.clone(), repeated, left_out)?)?;
    learn(&around, &mut places)?;
    let mut relations = Vec::new();
    let mut unworthy = Vec::new();
    for (id, relation) in repeated.plans.iter().enumerate().filter(|(id, _)| !left_out.contains(id)) {
        // All that hold it are larger, and known by now.
        let Some(columns) = places[id].columns(relation)? else {
            unworthy.push(id);
            continue;
        };
        let inside = below(relation.clone(), &mut |input| mark(input, repeated, left_out))?;
        let narrow = LogicalPlanBuilder::from(inside).project(columns.into_iter().map(Expr::Column))?.build()?;
        let schema = Arc::clone(narrow.schema());
        let inside = optimized.of(narrow)?;
        learn(&inside, &mut places)?;
        relations.push((id, inside, schema));
    }
    if !unworthy.is_empty() {
        left_out.extend(unworthy);
        return Ok(None);
    }
    // The smallest hold none of the others.
    let mut settled: Vec<Option<Arc<Relation>>> = vec![None; places.len()];
    let mut shown: Vec<bool> = vec![false; places.len()];
    for (id, relation, schema) in relations.into_iter().rev() {
        settled[id] = Some(Arc::new(Relation { plan: settle(relation, &settled, &mut shown)?, schema, rows: Rows::default() }));
    }
    settle(around, &settled, &mut shown).map(Some)
}

/// Marks each place of the repeated relations.
fn mark(plan: LogicalPlan, repeated: &Known, left_out: &HashSet<usize>) -> Result<LogicalPlan> {
    match repeated.find(&plan).filter(|id| !left_out.contains(id)) {
        Some(id) => Ok(place(Shared { id, schema: Arc::clone(plan.schema()), relation: None, shows: false })),
        None => below(plan, &mut |input| mark(input, repeated, left_out)),
    }
}

fn place(shared: Shared) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(shared) })
}

/// A plan of which each input and subquery is another.
fn below(plan: LogicalPlan, map: &mut dyn FnMut(LogicalPlan) -> Result<LogicalPlan>) -> Result<LogicalPlan> {
    let plan = plan.map_children(|input| map(input).map(Transformed::yes))?.data;
    Ok(plan.map_subqueries(|subquery| map(subquery).map(Transformed::yes))?.data)
}

/// What the places of a relation ask for.
#[derive(Debug, Default)]
struct Places {
    count: usize,
    columns: HashSet<Column>,
    /// Of the places that need every row; `None` while there is none.
    of_all_rows: Option<HashSet<Column>>,
}

impl Places {
    fn add(&mut self, columns: HashSet<Column>, filters: bool) {
        self.count += 1;
        if !filters {
            self.of_all_rows.get_or_insert_default().extend(columns.iter().cloned());
        }
        self.columns.extend(columns);
    }

    /// The columns that some place needs, if the relation is to be shared.
    fn columns(&self, relation: &LogicalPlan) -> Result<Option<Vec<Column>>> {
        let Some(of_all_rows) = self.of_all_rows.as_ref().filter(|_| self.count > 1) else {
            // Each place filters, and reads less for it.
            return Ok(None);
        };
        for column in self.columns.difference(of_all_rows) {
            if has_errors(relation, column)? {
                return Ok(None);
            }
        }
        let columns = relation.schema().columns().into_iter().filter(|column| self.columns.contains(column));
        Ok(Some(columns.collect::<Vec<_>>()).filter(|columns| !columns.is_empty()))
    }
}

/// Learns what each place in a plan asks for.
fn learn(plan: &LogicalPlan, places: &mut [Places]) -> Result<()> {
    // Down to a place: the columns that are asked for there, and whether a condition stands above it.
    let (mut node, mut columns, mut filters) = (plan, None::<HashSet<Column>>, false);
    loop {
        node.apply_subqueries(|subquery| learn(subquery, places).map(|()| TreeNodeRecursion::Continue))?;
        let of_exprs = |exprs: &[Expr]| exprs.iter().flat_map(Expr::column_refs).cloned().collect::<HashSet<Column>>();
        node = match node {
            LogicalPlan::Projection(projection) => {
                columns = Some(of_exprs(&projection.expr));
                &projection.input
            }
            LogicalPlan::Filter(filter) => {
                filters = true;
                columns = columns.map(|columns| &columns | &of_exprs(std::slice::from_ref(&filter.predicate)));
                &filter.input
            }
            _ => break,
        };
    }
    if let Some(found) = shared(node) {
        places[found.id].add(columns.unwrap_or_else(|| found.schema.columns().into_iter().collect()), filters);
    }
    node.inputs().into_iter().try_for_each(|input| learn(input, places))
}

/// A plan with the relations in their places. The first place of each shows it.
fn settle(plan: LogicalPlan, relations: &[Option<Arc<Relation>>], shown: &mut [bool]) -> Result<LogicalPlan> {
    if let Some(found) = shared(&plan)
        && let Some(relation) = &relations[found.id]
    {
        let shows = !std::mem::replace(&mut shown[found.id], true);
        let schema = Arc::clone(&relation.schema);
        return Ok(place(Shared { id: found.id, schema, relation: Some(Arc::clone(relation)), shows }));
    }
    below(plan, &mut |input| settle(input, relations, shown))
}
