//! Lambdas and `TRY`: expressions that a function evaluates itself, over parameters and over what is around them.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::sql::sqlparser::ast::{Expr as Ast, LambdaFunction, OneOrManyWithParens};

use super::{Binder, Bound, Column, Scope, place, reference};
use crate::error::{Error, missing, refuse};
use crate::kinds::{Kind, common};
use crate::scalar::{Call, Lambda, attempt, of_values};
use crate::signatures::{self, Holes, Pattern, mismatch};

struct Compiled {
    body: Arc<dyn PhysicalExpr>,
    shape: Expr,
    schema: DFSchema,
    captured: Vec<(Expr, Kind)>,
}

impl Binder {
    /// `TRY(value)`.
    pub(super) fn attempt(&self, value: &Ast, scope: &Scope) -> Result<Bound, Error> {
        let bound = self.expr(value, scope)?;
        let compiled = self.compile(bound.expr, &[])?;
        let args = compiled.captured.into_iter().map(|(expr, _)| expr).collect::<Vec<_>>();
        let schema = Arc::new(compiled.schema.as_arrow().clone());
        Ok(Bound { expr: attempt(compiled.body, compiled.shape, schema, &bound.kind, args), kind: bound.kind })
    }

    /// An expression over parameters; columns, aggregates and subqueries of the query around it become arguments.
    fn compile(&self, body: Expr, parameters: &[Column]) -> Result<Compiled, Error> {
        let mut captured: Vec<(Expr, Kind, String)> = Vec::new();
        let body = body
            .transform_down(|node| {
                let take = match &node {
                    Expr::Column(column) => {
                        !parameters.iter().any(|parameter| parameter.id == column.name)
                            && !captured.iter().any(|(_, _, id)| *id == column.name)
                    }
                    Expr::OuterReferenceColumn(..) | Expr::AggregateFunction(_) | Expr::WindowFunction(_) | Expr::ScalarSubquery(_) => true,
                    Expr::InSubquery(_) | Expr::Exists(_) => {
                        return Err(missing("subqueries with EXISTS or IN inside TRY or a lambda").into());
                    }
                    _ => false,
                };
                if !take {
                    return Ok(Transformed::no(node));
                }
                let id = match captured.iter().find(|(known, _, _)| *known == node) {
                    Some((_, _, id)) => id.clone(),
                    None => {
                        let kind = self.kind_of(&node)?;
                        let id = self.id(&kind);
                        captured.push((node, kind, id.clone()));
                        id
                    }
                };
                Ok(Transformed::new(reference(&id), true, TreeNodeRecursion::Jump))
            })?
            .data;
        let fields: Vec<Field> = parameters
            .iter()
            .map(|parameter| Field::new(&parameter.id, parameter.kind.arrow(), true))
            .chain(captured.iter().map(|(_, kind, id)| Field::new(id, kind.arrow(), true)))
            .collect();
        let schema = DFSchema::from_unqualified_fields(fields.into(), std::collections::HashMap::new())?;
        let shape = body
            .clone()
            .transform_up(|node| {
                let Expr::Column(column) = &node else { return Ok(Transformed::no(node)) };
                let place = schema.index_of_column(column)?;
                Ok(Transformed::yes(reference(&format!("${place}"))))
            })?
            .data;
        let body = create_physical_expr(&body, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
        Ok(Compiled { body, shape, schema, captured: captured.into_iter().map(|(expr, kind, _)| (expr, kind)).collect() })
    }

    /// A call with lambdas among its arguments.
    pub(super) fn lambda_call(&self, name: &str, args: &[&Ast], ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        let Some(lines) = signatures::of(name) else {
            return Err(refuse("FUNCTION_NOT_FOUND", format!("{}Function '{name}' not registered", place(ast))));
        };
        let plain: Vec<Option<Bound>> = args
            .iter()
            .map(|arg| if matches!(arg, Ast::Lambda(_)) { Ok(None) } else { self.expr(arg, scope).map(Some) })
            .collect::<Result<_, _>>()?;
        let mut last: Option<Error> = None;
        for line in lines {
            let fits = line.takes(args.len())
                && plain.iter().enumerate().all(|(at, arg)| arg.is_none() == matches!(line.parameter(at), Pattern::Function(..)));
            if !fits {
                continue;
            }
            let mut holes = Holes::default();
            if !plain.iter().enumerate().all(|(at, arg)| arg.as_ref().is_none_or(|arg| holes.fit(line.parameter(at), &arg.kind, false))) {
                continue;
            }
            match self.lambda_line(name, line, &plain, args, holes, scope) {
                Ok(bound) => return Ok(bound),
                Err(error) => last = Some(error),
            }
        }
        let kinds: Vec<String> = plain.iter().map(|arg| arg.as_ref().map_or("function".to_owned(), |arg| arg.kind.to_string())).collect();
        Err(last.unwrap_or_else(|| mismatch(&place(ast), name, &kinds, &lines.iter().map(|line| line.entry.text).collect::<Vec<_>>())))
    }

    fn lambda_line(
        &self,
        name: &str,
        line: &signatures::Signature,
        plain: &[Option<Bound>],
        args: &[&Ast],
        mut holes: Holes,
        scope: &Scope,
    ) -> Result<Bound, Error> {
        let mut bodies = Vec::new();
        for (at, arg) in args.iter().enumerate() {
            let (Ast::Lambda(lambda), Pattern::Function(parameters, result)) = (arg, line.parameter(at)) else { continue };
            let mut kinds: Vec<Kind> = parameters.iter().map(|pattern| holes.fill(pattern)).collect();
            let mut tries = 0;
            let (columns, body, before, wanted) = loop {
                let (columns, body) = self.lambda(lambda, &kinds, scope)?;
                let before = holes.fill(result);
                if !holes.fit(result, &body.kind, false) {
                    return Err(refuse("TYPE_MISMATCH", format!("{}lambda of {name} gives {}", place(arg), body.kind)));
                }
                let wider: Vec<Kind> = parameters.iter().map(|pattern| holes.fill(pattern)).collect();
                tries += 1;
                if name != "reduce" || wider == kinds || tries == 3 {
                    break (columns, body, before, holes.fill(result));
                }
                // An accumulator that began with less is of the wider type.
                kinds = wider;
            };
            // An accumulator keeps its type.
            if name == "reduce"
                && before != Kind::Unknown
                && bodies.is_empty()
                && common(&before, &body.kind).as_ref() != Some(&before)
                && !matches!((&before, &body.kind), (Kind::Varchar(_), Kind::Varchar(_)))
            {
                return Err(refuse(
                    "FUNCTION_NOT_FOUND",
                    format!(
                        "{}Unexpected parameters for function reduce: the lambda gives {} for a state of {before}",
                        place(arg),
                        body.kind
                    ),
                ));
            }
            bodies.push((columns, body, wanted));
        }
        let kinds: Vec<Kind> = (0..args.len()).filter(|at| plain[*at].is_some()).map(|at| holes.fill(line.parameter(at))).collect();
        let mut exprs = Vec::new();
        for (arg, kind) in plain.iter().flatten().zip(&kinds) {
            exprs.push(self.coerce(arg.clone(), kind)?.expr);
        }
        let mut lambdas = Vec::new();
        for (columns, body, wanted) in bodies {
            // A hole may have grown after the body was bound.
            let body = self.coerce(body, &wanted)?;
            let compiled = self.compile(body.expr, &columns)?;
            let mut captured = Vec::new();
            for (expr, kind) in compiled.captured {
                captured.push((exprs.len(), kind));
                exprs.push(expr);
            }
            lambdas.push(Lambda {
                body: compiled.body,
                shape: compiled.shape,
                schema: Arc::new(compiled.schema.as_arrow().clone()),
                parameters: columns.into_iter().map(|column| column.kind).collect(),
                captured,
            });
        }
        let result = holes.fill(&line.result);
        let call = Call { args: kinds, result: result.clone(), lambdas };
        Ok(Bound { expr: of_values(name, line.entry.body, call, line.entry.strict, exprs), kind: result })
    }

    fn lambda(&self, lambda: &LambdaFunction, kinds: &[Kind], scope: &Scope) -> Result<(Vec<Column>, Bound), Error> {
        let names: Vec<String> = match &lambda.params {
            OneOrManyWithParens::One(parameter) => vec![parameter.name.value.to_lowercase()],
            OneOrManyWithParens::Many(parameters) => parameters.iter().map(|parameter| parameter.name.value.to_lowercase()).collect(),
        };
        if names.len() != kinds.len() {
            return Err(refuse(
                "INVALID_PARAMETER_USAGE",
                format!("Expected a lambda that takes {} argument(s) but got {}", kinds.len(), names.len()),
            ));
        }
        let columns: Vec<Column> = names.into_iter().zip(kinds).map(|(name, kind)| self.column(Some(name), vec![], kind.clone())).collect();
        let inner = Scope {
            columns: columns.clone(),
            outer: Some(scope),
            is_lambda: true,
            ctes: scope.ctes.clone(),
            aliases: Vec::new(),
            windows: scope.windows.clone(),
            aggregates: false,
        };
        let body = self.expr(&lambda.body, &inner)?;
        Ok((columns, body))
    }
}
