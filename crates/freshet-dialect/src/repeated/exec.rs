//! One of the places at which a shared relation is read, in a plan that runs.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties, apply_expression_roots,
};

use super::Relation;

/// Reads what is worked out once for all places.
#[derive(Debug, Clone)]
pub(super) struct SharedExec {
    relation: Arc<Relation>,
    /// The relation's plan, at one of the places: there it is optimized, and there what it does is counted.
    shown: Option<Arc<dyn ExecutionPlan>>,
    reader: usize,
    properties: Arc<PlanProperties>,
}

impl SharedExec {
    pub(super) fn new(plan: Arc<dyn ExecutionPlan>, relation: Arc<Relation>, shows: bool) -> Self {
        // Which order or which keys the plan that is run gives is not known before it is optimized.
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(relation.schema.inner())),
            Partitioning::UnknownPartitioning(plan.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let reader = relation.rows.reader();
        Self { relation, shown: Some(plan).filter(|_| shows), reader, properties: Arc::new(properties) }
    }

    /// How often memory did not suffice.
    #[cfg(test)]
    pub(super) fn spills(&self) -> usize {
        self.relation.rows.spills()
    }
}

impl DisplayAs for SharedExec {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SharedExec: reader={}", self.reader)
    }
}

impl ExecutionPlan for SharedExec {
    fn name(&self) -> &'static str {
        "SharedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.shown.iter().collect()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let shown = children.pop().filter(|_| children.is_empty());
        if shown.is_some() != self.shown.is_some() {
            return internal_err!("a shared relation is shown at one place");
        }
        if let Some(plan) = &shown {
            self.relation.rows.is_now(plan);
        }
        Ok(Arc::new(Self { shown, ..(*self).clone() }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(&self, each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        apply_expression_roots(std::iter::empty::<&Arc<dyn PhysicalExpr>>(), each)
    }

    fn child_stats_requests(&self, _: Option<usize>) -> Vec<ChildStats> {
        self.shown.iter().map(|_| ChildStats::At(None)).collect()
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], asked: &StatisticsArgs) -> Result<Arc<Statistics>> {
        // The relation may be divided otherwise than its places are.
        let whole = inputs.first().filter(|_| asked.partition().is_none());
        Ok(whole.map_or_else(|| Arc::new(Statistics::new_unknown(&self.schema())), Arc::clone))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if let Some(plan) = &self.shown {
            self.relation.rows.is_now(plan);
        }
        let partitions = self.properties.output_partitioning().partition_count();
        self.relation.rows.read(self.reader, (partition, partitions), &self.schema(), &context)
    }
}
