//! A table's files, for DataFusion: which of them a query must read, and how. Where the list of files comes from (a Delta
//! log, a folder, partitions of the catalogue) is not its matter.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, ScalarValue, Statistics};
use datafusion::config::{CsvOptions, TableParquetOptions};
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{CsvSource, FileGroup, FileScanConfigBuilder, FileSource, JsonSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use freshet_dialect::is_total;
use object_store::ObjectMeta;

use super::column_names::ColumnNames;

/// How the files are written.
#[derive(Debug, Clone)]
pub(crate) enum Format {
    /// Parquet, with the names that the files give to columns where they are others.
    Parquet(BTreeMap<String, String>),
    /// A JSON object a line.
    Json,
    /// Separated values.
    Csv(Box<CsvOptions>),
}

/// A file of a table.
#[derive(Debug, Clone)]
pub(crate) struct LakeFile {
    /// The bucket.
    pub(crate) bucket: String,
    /// The object.
    pub(crate) meta: ObjectMeta,
    /// The partition's values, in the order of the table's partition columns.
    pub(crate) partition: Vec<ScalarValue>,
    /// How many rows it has, where that is known.
    pub(crate) rows: Option<usize>,
    /// Between which values its columns lie, in the order of the table's schema, for pruning alone.
    pub(crate) bounds: Option<Arc<Statistics>>,
}

/// A table of files.
#[derive(Debug)]
pub(crate) struct LakeTable {
    schema: TableSchema,
    format: Format,
    files: Vec<LakeFile>,
}

impl LakeTable {
    pub(crate) fn new(columns: SchemaRef, partitions: Vec<FieldRef>, format: Format, files: Vec<LakeFile>) -> Self {
        Self { schema: TableSchema::builder(columns).with_table_partition_cols(partitions).build(), format, files }
    }

    /// The files that may hold rows for which the filters are true.
    fn prune(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&LakeFile>> {
        let all = || self.files.iter().collect();
        let Some(filter) = conjunction(filters.iter().cloned()) else {
            return Ok(all());
        };
        let schema = Arc::clone(self.schema.table_schema());
        let predicate = state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(&schema))?)?;
        let Ok(predicate) = PruningPredicateBuilder::new().with_file_schema(Arc::clone(&schema)).try_build(predicate) else {
            // An expression that says nothing about files.
            return Ok(all());
        };
        if predicate.always_true() || self.files.is_empty() {
            return Ok(all());
        }
        let bounds = self.files.iter().map(|file| Arc::new(self.bounds(file))).collect();
        let keep = predicate.prune(&PrunableStatistics::new(bounds, schema))?;
        Ok(self.files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }

    /// A file's bounds, its partition's values among them.
    fn bounds(&self, file: &LakeFile) -> Statistics {
        let unknown = || Statistics::new_unknown(self.schema.table_schema());
        let mut bounds = file.bounds.as_ref().map_or_else(unknown, |bounds| bounds.as_ref().clone());
        let first = self.schema.file_schema().fields().len();
        for (place, value) in file.partition.iter().enumerate() {
            if let Some(column) = bounds.column_statistics.get_mut(first + place)
                && !value.is_null()
            {
                column.min_value = Precision::Exact(value.clone());
                column.max_value = Precision::Exact(value.clone());
                column.null_count = Precision::Exact(0);
            }
        }
        bounds
    }

    fn source(&self, state: &dyn Session, url: &ObjectStoreUrl, filters: &[Expr]) -> Result<Arc<dyn FileSource>> {
        Ok(match &self.format {
            Format::Parquet(_) => {
                let mut options =
                    TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..TableParquetOptions::default() };
                options.global.coerce_int96 = Some("us".to_owned());
                // The reader leaves rows out before it makes texts of them; of a condition that fails it would tell no more than that.
                options.global.pushdown_filters = !filters.is_empty() && filters.iter().all(is_total);
                let store = state.runtime_env().object_store(url)?;
                let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
                let readers = Arc::new(CachedParquetFileReaderFactory::new(store, cache));
                Arc::new(
                    ParquetSource::new(self.schema.clone()).with_table_parquet_options(options).with_parquet_file_reader_factory(readers),
                )
            }
            Format::Json => Arc::new(JsonSource::new(self.schema.clone())),
            Format::Csv(options) => Arc::new(CsvSource::new(self.schema.clone()).with_csv_options(options.as_ref().clone())),
        })
    }

    fn statistics_of(&self, files: &[&LakeFile]) -> Statistics {
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        if let Some(rows) = files.iter().map(|file| file.rows).sum::<Option<usize>>() {
            statistics.num_rows = Precision::Exact(rows);
        }
        let bytes: u64 = files.iter().map(|file| file.meta.size).sum();
        statistics.total_byte_size = usize::try_from(bytes).map_or(Precision::Absent, Precision::Inexact);
        statistics
    }

    /// The scan of files of one bucket that are compressed alike.
    fn scan_files(
        &self,
        state: &dyn Session,
        place: &Place,
        files: &[&LakeFile],
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let url = ObjectStoreUrl::parse(format!("s3://{}", place.bucket))?;
        let partitioned = files.iter().map(|file| self.partitioned(file)).collect();
        let groups = FileGroup::new(partitioned).split_files(state.config().target_partitions());
        let mut builder = FileScanConfigBuilder::new(url.clone(), self.source(state, &url, filters)?)
            .with_file_groups(groups)
            .with_statistics(self.statistics_of(files))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit);
        if let Format::Parquet(names) = &self.format {
            builder = builder.with_expr_adapter(Some(Arc::new(ColumnNames::new(names.clone()))));
        } else {
            builder = builder.with_file_compression_type(place.compression);
        }
        Ok(DataSourceExec::from_data_source(builder.build()))
    }

    fn partitioned(&self, file: &LakeFile) -> PartitionedFile {
        let mut partitioned = PartitionedFile::new_from_meta(file.meta.clone()).with_partition_values(file.partition.clone());
        if let Some(rows) = file.rows {
            // The rows alone: bounds of a Delta log are cut, and must not answer a query.
            let mut statistics = Statistics::new_unknown(self.schema.file_schema());
            statistics.num_rows = Precision::Exact(rows);
            partitioned = partitioned.with_statistics(Arc::new(statistics));
        }
        partitioned
    }
}

/// What the files of one scan share.
#[derive(Debug, PartialEq)]
struct Place {
    bucket: String,
    compression: FileCompressionType,
}

fn compression(format: &Format, key: &str) -> FileCompressionType {
    match format {
        Format::Json | Format::Csv(_) if Path::new(key).extension().is_some_and(|extension| extension == "gz") => FileCompressionType::GZIP,
        Format::Parquet(_) | Format::Json | Format::Csv(_) => FileCompressionType::UNCOMPRESSED,
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut scans: Vec<(Place, Vec<&LakeFile>)> = Vec::new();
        for file in self.prune(state, filters)? {
            let place = Place { bucket: file.bucket.clone(), compression: compression(&self.format, file.meta.location.as_ref()) };
            match scans.iter_mut().find(|(other, _)| *other == place) {
                Some((_, files)) => files.push(file),
                None => scans.push((place, vec![file])),
            }
        }
        let mut plans = scans
            .iter()
            .map(|(place, files)| self.scan_files(state, place, files, projection, filters, limit))
            .collect::<Result<Vec<_>>>()?;
        match plans.pop() {
            None => {
                let schema = projection.map_or_else(|| Ok(self.schema()), |columns| self.schema().project(columns).map(Arc::new))?;
                Ok(Arc::new(EmptyExec::new(schema)))
            }
            Some(plan) if plans.is_empty() => Ok(plan),
            Some(plan) => {
                plans.push(plan);
                UnionExec::try_new(plans)
            }
        }
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.statistics_of(&self.files.iter().collect::<Vec<_>>()))
    }
}

/// A value of a partition from its text; `None` and Hive's default partition are NULL.
pub(crate) fn partition_value(text: Option<&str>, field: &FieldRef) -> Result<ScalarValue, DataFusionError> {
    match text {
        None | Some("__HIVE_DEFAULT_PARTITION__") => ScalarValue::try_from(field.data_type()),
        Some(text) => ScalarValue::try_from_string(text.to_owned(), field.data_type()),
    }
}
