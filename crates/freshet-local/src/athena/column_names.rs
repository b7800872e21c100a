//! Which column of a Parquet file is meant: files name columns in any case (Athena's names are lower case), and a Delta
//! table with column mapping gives its files names of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory};
use datafusion::physical_plan::PhysicalExpr;

/// The files' names of columns, by the table's names; a column without one has its own name in any case.
#[derive(Debug, Clone)]
pub(crate) struct ColumnNames(Arc<BTreeMap<String, String>>);

impl ColumnNames {
    pub(crate) fn new(names: BTreeMap<String, String>) -> Self {
        Self(Arc::new(names))
    }
}

impl PhysicalExprAdapterFactory for ColumnNames {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        // The file's schema with the table's names: the rest (casts, missing columns) is DataFusion's.
        let mut names: Vec<String> = physical.fields().iter().map(|field| field.name().clone()).collect();
        for field in logical.fields() {
            let place = match self.0.get(field.name()) {
                Some(mapped) => names.iter().position(|name| name == mapped),
                None => names
                    .iter()
                    .position(|name| name == field.name())
                    .or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(field.name()))),
            };
            if let Some(place) = place {
                names[place].clone_from(field.name());
            }
        }
        if physical.fields().iter().zip(&names).all(|(field, name)| field.name() == name) {
            return DefaultPhysicalExprAdapterFactory.create(logical, physical);
        }
        let fields: Vec<Field> = physical.fields().iter().zip(names).map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
        let renamed = Arc::new(Schema::new_with_metadata(fields, physical.metadata().clone()));
        let inner = DefaultPhysicalExprAdapterFactory.create(logical, renamed)?;
        Ok(Arc::new(Renamed { inner, physical }))
    }
}

/// Gives the file's names back to the columns of an adapted expression.
#[derive(Debug)]
struct Renamed {
    inner: Arc<dyn PhysicalExprAdapter>,
    physical: SchemaRef,
}

impl PhysicalExprAdapter for Renamed {
    fn rewrite(&self, expression: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let adapted = self.inner.rewrite(expression)?;
        adapted
            .transform(|expression| {
                let Some(column) = expression.downcast_ref::<Column>() else {
                    return Ok(Transformed::no(expression));
                };
                let field = self.physical.field(column.index());
                Ok(Transformed::yes(Arc::new(Column::new(field.name(), column.index())) as Arc<dyn PhysicalExpr>))
            })
            .data()
    }
}
