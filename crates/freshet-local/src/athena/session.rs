//! The catalogue as DataFusion asks for it: databases and tables by name, loaded when a query names them. What a query
//! named and was not there is noted, so that the answer can say so in Athena's words.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use url::Url;

use super::catalogue::{Catalogue, Table};
use super::delta::Deltas;
use super::failure::Failure;
use super::location::Location;
use super::stop::Stop;
use super::tokens::{Escapes, place, tokens};
use super::view::View;
use crate::buckets::Buckets;

/// The name of the data catalogue.
pub(crate) const CATALOG: &str = "awsdatacatalog";
/// Views within views, at most.
const DEPTH: usize = 16;

/// What queries run on.
pub(crate) struct Engine {
    pub(crate) context: SessionContext,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) buckets: Buckets,
    pub(crate) deltas: Deltas,
}

/// One query's view of the engine.
pub(crate) struct Session {
    pub(crate) state: SessionState,
    /// What stops its query.
    pub(crate) stop: Arc<Stop>,
    absent: Arc<Mutex<Vec<Absent>>>,
}

/// What a query named and is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Absent {
    Schema(String),
    Table { database: String, table: String },
    Broken { table: String, failure: Failure },
}

impl Engine {
    /// A session in which names without a database mean this one.
    pub(crate) fn session(self: &Arc<Self>, database: Option<&str>, stop: &Arc<Stop>) -> Session {
        let absent = Arc::default();
        Session { state: self.state(database.unwrap_or("default"), &absent, 0), stop: Arc::clone(stop), absent }
    }

    fn state(self: &Arc<Self>, database: &str, absent: &Arc<Mutex<Vec<Absent>>>, depth: usize) -> SessionState {
        let mut state = self.context.state();
        let options = &mut state.config_mut().options_mut().catalog;
        CATALOG.clone_into(&mut options.default_catalog);
        options.default_schema = database.to_lowercase();
        let catalogues = Catalogues { engine: Arc::clone(self), absent: Arc::clone(absent), depth };
        state.register_catalog_list(Arc::new(catalogues));
        state
    }

    /// Makes a bucket known to DataFusion.
    pub(crate) fn know(&self, bucket: &str) -> Result<(), Failure> {
        let url = Url::parse(&format!("s3://{bucket}")).map_err(|error| Failure::user(format!("bucket {bucket}: {error}")))?;
        if self.context.runtime_env().object_store_registry.get_store(&url).is_err() {
            self.context.runtime_env().register_object_store(&url, self.buckets.get(bucket));
        }
        Ok(())
    }

    /// A table or a view, ready to be read.
    async fn provider(
        self: &Arc<Self>,
        table: &Table,
        absent: &Arc<Mutex<Vec<Absent>>>,
        depth: usize,
    ) -> Result<Arc<dyn TableProvider>, Failure> {
        if table.is_view() {
            return self.view(table, absent, depth).await;
        }
        self.know(&Location::parse(table.location())?.bucket)?;
        if table.is_delta() {
            let snapshot = self.deltas.load(&self.buckets, table).await?;
            let snapshot = snapshot.ok_or_else(|| {
                Failure::user(format!(
                    "DELTA_LAKE_INVALID_SCHEMA: Metadata not found in transaction log for {}.{}",
                    table.database_name, table.name
                ))
            })?;
            return Ok(snapshot.table.clone()?);
        }
        for partition in self.catalogue.partitions(&table.database_name, &table.name).into_values() {
            self.know(&Location::parse(partition.storage_descriptor.location.as_deref().unwrap_or_default())?.bucket)?;
        }
        super::hive::table(&self.catalogue, &self.buckets, table).await
    }

    async fn view(
        self: &Arc<Self>,
        table: &Table,
        absent: &Arc<Mutex<Vec<Absent>>>,
        depth: usize,
    ) -> Result<Arc<dyn TableProvider>, Failure> {
        if depth >= DEPTH {
            return Err(Failure::user(format!("VIEW_IS_RECURSIVE: View '{CATALOG}.{}.{}' is recursive", table.database_name, table.name)));
        }
        let view = View::of(table)?;
        let state = self.state(view.schema.as_deref().unwrap_or(&table.database_name), absent, depth + 1);
        let invalid = |failure: Failure| {
            Failure::user(format!(
                "INVALID_VIEW: Failed analyzing stored view '{CATALOG}.{}.{}': {failure}",
                table.database_name, table.name
            ))
        };
        let plan = Box::pin(freshet_dialect::plan(&state, &view.sql, &[])).await.map_err(|error| invalid(error.into()))?;
        let plan = named(plan, &view.columns).map_err(invalid)?;
        Ok(Arc::new(ViewTable::new(plan, Some(view.sql))))
    }
}

/// Gives a plan's columns these names.
pub(crate) fn named(plan: LogicalPlan, names: &[String]) -> Result<LogicalPlan, Failure> {
    let fields = plan.schema().fields().len();
    if fields != names.len() {
        return Err(Failure::user(format!("it has {fields} columns, not the {} that were stored", names.len())));
    }
    if plan.schema().fields().iter().zip(names).all(|(field, name)| field.name() == name) {
        return Ok(plan);
    }
    let columns: Vec<_> = plan.schema().columns();
    let renamed = columns.into_iter().zip(names).map(|(column, name)| datafusion::logical_expr::Expr::Column(column).alias(name));
    Ok(LogicalPlanBuilder::from(plan.clone()).project(renamed)?.build()?)
}

impl Session {
    /// Plans a query.
    pub(crate) async fn plan(&self, sql: &str, parameters: &[String]) -> Result<LogicalPlan, Failure> {
        match freshet_dialect::plan(&self.state, sql, parameters).await {
            Ok(plan) => Ok(plan),
            Err(error) => Err(self.explain(sql, &error)),
        }
    }

    /// An error of planning, told by what was not there.
    fn explain(&self, sql: &str, error: &freshet_dialect::Error) -> Failure {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        let message = error.to_string();
        for absent in absent.iter() {
            match absent {
                Absent::Broken { table, failure } if message.contains(table.as_str()) => return failure.clone(),
                Absent::Table { database, table } if message.contains(table.as_str()) => {
                    return Failure::user(format!(
                        "TABLE_NOT_FOUND: {}Table '{CATALOG}.{database}.{table}' does not exist",
                        at(sql, table)
                    ));
                }
                Absent::Schema(schema) if message.contains(schema.as_str()) => {
                    return Failure::user(format!("SCHEMA_NOT_FOUND: {}Schema '{schema}' does not exist", at(sql, schema)));
                }
                Absent::Table { .. } | Absent::Schema(_) | Absent::Broken { .. } => {}
            }
        }
        Failure::user(message)
    }
}

/// `line 1:15: ` of the place where a query first names something (with its database, if that is in front of it).
fn at(sql: &str, name: &str) -> String {
    let Ok(tokens) = tokens(sql, Escapes::Doubled) else {
        return String::new();
    };
    let Some(mut found) = tokens.iter().position(|token| token.text.eq_ignore_ascii_case(name)) else {
        return String::new();
    };
    while found >= 2 && tokens[found - 1].is_sign('.') {
        found -= 2;
    }
    let (line, column) = place(sql, tokens[found].start);
    format!("line {line}:{column}: ")
}

struct Catalogues {
    engine: Arc<Engine>,
    absent: Arc<Mutex<Vec<Absent>>>,
    depth: usize,
}

#[derive(Clone)]
struct Databases {
    engine: Arc<Engine>,
    absent: Arc<Mutex<Vec<Absent>>>,
    depth: usize,
}

struct Tables {
    databases: Databases,
    database: String,
}

macro_rules! named_in_debug {
    ($($kind:ident),+) => {
        $(impl std::fmt::Debug for $kind {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(stringify!($kind))
            }
        })+
    };
}
named_in_debug!(Catalogues, Databases, Tables, Engine);

impl CatalogProviderList for Catalogues {
    fn register_catalog(&self, _name: String, _catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let databases = || Databases { engine: Arc::clone(&self.engine), absent: Arc::clone(&self.absent), depth: self.depth };
        name.eq_ignore_ascii_case(CATALOG).then(|| Arc::new(databases()) as _)
    }
}

impl CatalogProvider for Databases {
    fn schema_names(&self) -> Vec<String> {
        self.engine.catalogue.databases().into_iter().map(|database| database.name).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let name = name.to_lowercase();
        if self.engine.catalogue.database(&name).is_none() {
            self.absent.lock().unwrap_or_else(PoisonError::into_inner).push(Absent::Schema(name));
            return None;
        }
        Some(Arc::new(Tables { databases: self.clone(), database: name }))
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.databases.engine.catalogue.tables(&self.database).into_iter().map(|table| table.name).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Databases { engine, absent, depth } = &self.databases;
        let note = |found| absent.lock().unwrap_or_else(PoisonError::into_inner).push(found);
        let Some(table) = engine.catalogue.table(&self.database, name) else {
            note(Absent::Table { database: self.database.clone(), table: name.to_lowercase() });
            return Ok(None);
        };
        match engine.provider(&table, absent, *depth).await {
            Ok(provider) => Ok(Some(provider)),
            Err(failure) => {
                // Not an error here: `information_schema` asks for every table, and one that cannot be read must not hide the others.
                note(Absent::Broken { table: table.name, failure });
                Ok(None)
            }
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.databases.engine.catalogue.table(&self.database, name).is_some()
    }
}
