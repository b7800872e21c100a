//! `information_schema`: the catalogue's databases, tables and columns with Trino's types.

use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, TableType};

use crate::binder::{Binder, Relation, literal_row};
use crate::error::{Error, refuse};
use crate::kinds::Kind;
use crate::type_names;

/// What `information_schema` tells: filled only where a query asks.
#[derive(Debug, Default)]
pub(crate) struct Information {
    /// Each database, and its tables: name, whether it is a view, its columns.
    pub(crate) schemas: Vec<(String, Vec<Known>)>,
}

/// A table of the catalogue.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) is_view: bool,
    pub(crate) columns: Vec<(String, String)>,
}

impl Information {
    /// Asks the catalogue for everything that it has.
    pub(crate) async fn load(state: &SessionState, catalog: &str) -> Result<Information, Error> {
        let mut information = Information::default();
        let Some(catalog) = state.catalog_list().catalog(catalog) else { return Ok(information) };
        let mut schemas = catalog.schema_names();
        schemas.sort();
        for schema in schemas {
            let mut tables = Vec::new();
            if let Some(provider) = catalog.schema(&schema) {
                let mut names = provider.table_names();
                names.sort();
                for name in names {
                    let Some(table) = provider.table(&name).await? else { continue };
                    let columns = table
                        .schema()
                        .fields()
                        .iter()
                        .filter(|field| !field.name().starts_with('$'))
                        .filter_map(|field| type_names::of_field(field).map(|kind| (field.name().to_lowercase(), kind.to_string())))
                        .collect();
                    tables.push(Known { name: name.to_lowercase(), is_view: table.table_type() == TableType::View, columns });
                }
            }
            information.schemas.push((schema.to_lowercase(), tables));
        }
        Ok(information)
    }
}

impl Binder {
    /// A table of `information_schema` as constant rows.
    pub(crate) fn information_table(&self, catalog: &str, table: &str, qualifier: &[String]) -> Result<Relation, Error> {
        let text = |text: &str| Some(text.to_owned());
        let mut rows: Vec<Vec<Option<String>>> = Vec::new();
        let names: &[&str] = match table {
            "schemata" => {
                for (schema, _) in &self.information.schemas {
                    rows.push(vec![text(catalog), text(schema)]);
                }
                rows.push(vec![text(catalog), text("information_schema")]);
                &["catalog_name", "schema_name"]
            }
            "tables" => {
                for (schema, tables) in &self.information.schemas {
                    for known in tables {
                        rows.push(vec![
                            text(catalog),
                            text(schema),
                            text(&known.name),
                            text(if known.is_view { "VIEW" } else { "BASE TABLE" }),
                        ]);
                    }
                }
                &["table_catalog", "table_schema", "table_name", "table_type"]
            }
            "views" => {
                for (schema, tables) in &self.information.schemas {
                    for known in tables.iter().filter(|known| known.is_view) {
                        rows.push(vec![text(catalog), text(schema), text(&known.name), None]);
                    }
                }
                &["table_catalog", "table_schema", "table_name", "view_definition"]
            }
            "columns" => {
                for (schema, tables) in &self.information.schemas {
                    for known in tables {
                        for (at, (name, kind)) in known.columns.iter().enumerate() {
                            rows.push(vec![
                                text(catalog),
                                text(schema),
                                text(&known.name),
                                text(name),
                                Some((at + 1).to_string()),
                                None,
                                text("YES"),
                                text(kind),
                            ]);
                        }
                    }
                }
                &[
                    "table_catalog",
                    "table_schema",
                    "table_name",
                    "column_name",
                    "ordinal_position",
                    "column_default",
                    "is_nullable",
                    "data_type",
                ]
            }
            _ => return Err(refuse("TABLE_NOT_FOUND", format!("Table '{catalog}.information_schema.{table}' does not exist"))),
        };
        let mut columns = Vec::new();
        for name in names {
            let kind = if *name == "ordinal_position" { Kind::BigInt } else { Kind::Varchar(None) };
            columns.push(self.column(Some((*name).to_owned()), qualifier.to_vec(), kind));
        }
        let empty = rows.is_empty();
        if empty {
            rows.push(vec![None; names.len()]);
        }
        let values = rows.into_iter().map(|row| literal_row(&row, &columns)).collect();
        let builder = LogicalPlanBuilder::values(values)?;
        let from = builder.schema().columns();
        let mut builder = builder
            .project(from.into_iter().zip(&columns).map(|(column, own)| datafusion::logical_expr::Expr::Column(column).alias(&own.id)))?;
        if empty {
            builder = builder.limit(0, Some(0))?;
        }
        Ok(Relation { plan: builder.build()?, columns })
    }
}
