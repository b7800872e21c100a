//! Calls of functions: special forms, then aggregates and windows, then the table of signatures.

use datafusion::logical_expr::{Expr, Operator};
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value as AstValue,
};

use super::expressions::at;
use super::{Binder, Bound, Scope, literals, place};
use crate::error::{Error, missing, refuse};
use crate::kinds::{Kind, common};
use crate::scalar::{Call, of_values};
use crate::signatures::{self, Holes, Pattern, mismatch};
use crate::value::Value;

/// The plain arguments of a call.
pub(super) fn arguments(function: &Function) -> Result<Vec<&Ast>, Error> {
    match &function.args {
        FunctionArguments::None => Ok(Vec::new()),
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast)) => Ok(ast),
                _ => Err(Error::Syntax { message: "an argument of this form is not Athena's".to_owned() }),
            })
            .collect(),
        FunctionArguments::Subquery(_) => Err(Error::Syntax { message: "a subquery as an argument needs parentheses".to_owned() }),
    }
}

/// A literal text that the grammar put into a call.
pub(super) fn literal_text(ast: &Ast) -> &str {
    match ast {
        Ast::Value(value) => match &value.value {
            AstValue::SingleQuotedString(text) => text,
            _ => "",
        },
        _ => "",
    }
}

/// Forms that are no lines of the table, for its listing.
pub(crate) fn special_forms() -> Vec<(&'static str, &'static str)> {
    let mut forms = vec![
        ("coalesce", "T... -> T"),
        ("nullif", "T, U -> T"),
        ("if", "boolean, T, T -> T"),
        ("try", "T -> T"),
        ("typeof", "T -> varchar"),
        ("concat", "varchar..., array(T)... -> the same"),
        ("row", "any... -> row"),
        ("grouping", "any... -> integer"),
        ("current_date", "-> date"),
        ("current_timestamp", "-> timestamp with time zone"),
        ("now", "-> timestamp with time zone"),
        ("localtimestamp", "-> timestamp"),
    ];
    forms.extend(super::aggregates::NAMES.iter().map(|name| (*name, "aggregate")));
    forms.extend(super::windows::NAMES.iter().map(|name| (*name, "window")));
    forms
}

impl Binder {
    pub(super) fn call(&self, function: &Function, ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        let name = match function.name.0.as_slice() {
            [part] => part.as_ident().map(|word| word.value.to_lowercase()).unwrap_or_default(),
            _ => return Err(refuse("FUNCTION_NOT_FOUND", format!("{}Function '{}' not registered", place(ast), function.name))),
        };
        if function.over.is_some() {
            return self.window(&name, function, ast, scope);
        }
        if super::aggregates::NAMES.contains(&name.as_str()) {
            if !scope.aggregates {
                return Err(refuse("EXPRESSION_NOT_SCALAR", format!("{}an aggregation is not allowed here: {name}", place(ast))));
            }
            return self.aggregate_call(&name, function, ast, scope);
        }
        if super::windows::NAMES.contains(&name.as_str()) {
            return Err(refuse("MISSING_OVER", format!("{}Window function {name} requires OVER clause", place(ast))));
        }
        if function.filter.is_some() || !function.within_group.is_empty() || function.null_treatment.is_some() {
            return Err(refuse("FUNCTION_NOT_AGGREGATE", format!("{}FILTER and ordering belong to aggregations: {name}", place(ast))));
        }
        if let FunctionArguments::List(list) = &function.args
            && (matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct)) || !list.clauses.is_empty())
        {
            return Err(refuse("FUNCTION_NOT_AGGREGATE", format!("{}DISTINCT and clauses belong to aggregations: {name}", place(ast))));
        }
        let args = arguments(function)?;
        if let Some(bound) = self.special(&name, &args, ast, scope)? {
            return Ok(bound);
        }
        if args.iter().any(|arg| matches!(arg, Ast::Lambda(_))) {
            return self.lambda_call(&name, &args, ast, scope);
        }
        let bound = args.iter().map(|arg| self.expr(arg, scope)).collect::<Result<Vec<_>, _>>()?;
        self.function(&name, bound, ast)
    }

    /// Forms that bind their arguments in their own way.
    #[expect(clippy::too_many_lines, reason = "one arm a form")]
    fn special(&self, name: &str, args: &[&Ast], ast: &Ast, scope: &Scope) -> Result<Option<Bound>, Error> {
        let wrong = |expected: &str| {
            refuse("FUNCTION_NOT_FOUND", format!("{}Unexpected parameters for function {name}. Expected: {expected}", place(ast)))
        };
        Ok(Some(match (name, args) {
            ("$cast", [value, kind]) => {
                let kind = crate::type_names::parse(literal_text(kind)).map_err(|error| at(error, ast))?;
                // In Athena the clock of `CAST(x AT TIME ZONE z AS timestamp)` is UTC's, not the zone's
                // (github.com/cube-js/cube/issues/10779).
                if let (Kind::Timestamp(_), Ast::AtTimeZone { timestamp, .. }) = (&kind, value) {
                    let value = self.expr(timestamp, scope)?;
                    let value = self
                        .cast(value, &Kind::Zoned(6))
                        .and_then(|value| self.function("at_timezone", vec![value, literals::text("UTC")], ast))?;
                    return Ok(Some(self.cast(value, &kind).map_err(|error| at(error, ast))?));
                }
                let value = match (&kind, parsed_text(value)) {
                    // What is parsed only to be cast keeps its members' order; a constant is parsed before that is seen.
                    (Kind::Array(_) | Kind::Map(..) | Kind::Row(_), Some(text)) => {
                        let text = self.expr(text, scope)?;
                        let is_constant = text.expr.column_refs().is_empty() && !text.expr.contains_outer();
                        self.function(if is_constant { "json_parse" } else { "$json_parse" }, vec![text], ast)?
                    }
                    _ => self.expr(value, scope)?,
                };
                self.cast(value, &kind).map_err(|error| at(error, ast))?
            }
            ("$try_cast", [value, kind]) => {
                let kind = crate::type_names::parse(literal_text(kind)).map_err(|error| at(error, ast))?;
                let value = self.expr(value, scope)?;
                self.try_cast(value, &kind).map_err(|error| at(error, ast))?
            }
            ("$interval", args) => literals::interval(args)?,
            ("try", [value]) => self.attempt(value, scope)?,
            ("typeof", [value]) => {
                // The value stays, so that an aggregation in it still groups.
                let value = self.expr(value, scope)?;
                let call = Call { args: vec![value.kind], result: Kind::Varchar(None), lambdas: Vec::new() };
                let body = |_: &[Value], call: &Call| Ok(Value::from(call.args[0].to_string()));
                Bound { expr: of_values("typeof", body, call, false, vec![value.expr]), kind: Kind::Varchar(None) }
            }
            ("coalesce", args) if args.len() > 1 => {
                let values = args.iter().map(|arg| self.expr(arg, scope)).collect::<Result<Vec<_>, _>>()?;
                self.coalesce(values).map_err(|error| at(error, ast))?
            }
            ("coalesce", _) => return Err(wrong("coalesce(T, T...)")),
            ("nullif", [a, b]) => {
                let (a, b) = (self.expr(a, scope)?, self.expr(b, scope)?);
                let equal = self.compare(Operator::Eq, a.clone(), b).map_err(|error| at(error, ast))?.expr;
                let kind = a.kind.clone();
                let none = self.coerce(literals::null(), &kind)?;
                self.case(vec![(equal, none)], Some(a))?
            }
            ("if", [condition, yes, rest @ ..]) if rest.len() <= 1 => {
                let condition = self.condition(condition, scope)?;
                let yes = self.expr(yes, scope)?;
                let no = rest.first().map(|no| self.expr(no, scope)).transpose()?;
                self.case(vec![(condition, yes)], no).map_err(|error| at(error, ast))?
            }
            ("row", args) if !args.is_empty() => {
                let members = args.iter().map(|arg| self.expr(arg, scope)).collect::<Result<Vec<_>, _>>()?;
                let names = vec![None; members.len()];
                self.row(members, names)?
            }
            ("grouping", args) if !args.is_empty() => {
                let args = args.iter().map(|arg| self.expr(arg, scope).map(|bound| bound.expr)).collect::<Result<Vec<_>, _>>()?;
                Bound {
                    expr: Expr::AggregateFunction(datafusion::logical_expr::expr::AggregateFunction::new_udf(
                        datafusion::functions_aggregate::grouping::grouping_udaf(),
                        args,
                        false,
                        None,
                        vec![],
                        None,
                    )),
                    kind: Kind::Integer,
                }
            }
            ("concat", args) => {
                let values = args.iter().map(|arg| self.expr(arg, scope)).collect::<Result<Vec<_>, _>>()?;
                if values.len() < 2 {
                    return Err(refuse("INVALID_FUNCTION_ARGUMENT", "There must be two or more concatenation arguments"));
                }
                self.concat(values).map_err(|error| at(error, ast))?
            }
            ("mod", [a, b]) => {
                let (a, b) = (self.expr(a, scope)?, self.expr(b, scope)?);
                self.arithmetic(&datafusion::sql::sqlparser::ast::BinaryOperator::Modulo, a, b).map_err(|error| at(error, ast))?
            }
            ("ceil", [value]) => {
                let value = self.expr(value, scope)?;
                self.function("ceiling", vec![value], ast)?
            }
            ("normalize", [value, Ast::Identifier(form)]) => {
                let args = vec![self.expr(value, scope)?, literals::text(&form.value.to_uppercase())];
                self.function("normalize", args, ast)?
            }
            ("current_date", []) => literals::constant(Value::Int(self.now.div_euclid(crate::moments::DAY)), Kind::Date)?,
            ("current_timestamp" | "now", []) => {
                literals::constant(Value::Zoned(crate::moments::round(self.now, 3), "UTC".into()), Kind::Zoned(3))?
            }
            ("current_timestamp" | "localtimestamp", [Ast::Value(precision)]) => {
                let precision: u8 = precision.value.to_string().parse().map_err(|_| wrong("a precision"))?;
                if precision > 6 {
                    return Err(missing(format!("{name} of more than six decimals")));
                }
                let now = crate::moments::round(self.now, precision);
                match name {
                    "localtimestamp" => literals::constant(Value::Int(now), Kind::Timestamp(precision))?,
                    _ => literals::constant(Value::Zoned(now, "UTC".into()), Kind::Zoned(precision))?,
                }
            }
            ("localtimestamp", []) => literals::constant(Value::Int(crate::moments::round(self.now, 3)), Kind::Timestamp(3))?,
            ("localtime", []) => {
                literals::constant(Value::Int(crate::moments::round(self.now, 3).rem_euclid(crate::moments::DAY) * 1000), Kind::Time(3))?
            }
            ("current_timezone", []) => literals::text("UTC"),
            ("current_catalog", []) => literals::text(&self.catalog),
            ("current_schema", []) => literals::text(&self.schema),
            ("$json_value" | "$json_query" | "$json_exists" | "$json_object" | "$json_array", args) => {
                self.json_form(name, args, ast, scope)?
            }
            _ => return Ok(None),
        }))
    }

    /// A call by the table.
    pub(super) fn function(&self, name: &str, args: Vec<Bound>, ast: &Ast) -> Result<Bound, Error> {
        if args.is_empty()
            && let Some(bound) = self.special(name, &[], ast, &Scope::new(Vec::new(), None, std::rc::Rc::default()))?
        {
            return Ok(bound);
        }
        if name == "date" && args.len() == 1 {
            let value = args.into_iter().next().unwrap_or_else(literals::null);
            return self.cast(value, &Kind::Date);
        }
        self.resolve(name, args).map_err(|error| at(error, ast))
    }

    pub(super) fn resolve(&self, name: &str, args: Vec<Bound>) -> Result<Bound, Error> {
        let Some(lines) = signatures::of(name) else {
            return match self.of_rows(name, &args)? {
                Some(bound) => Ok(bound),
                None => Err(refuse("FUNCTION_NOT_FOUND", format!("Function '{name}' not registered"))),
            };
        };
        for exactly in [true, false] {
            for line in lines {
                if !line.takes(args.len()) || line.parameters.iter().any(|pattern| matches!(pattern, Pattern::Function(..))) {
                    continue;
                }
                let mut holes = Holes::default();
                if !args.iter().enumerate().all(|(at, arg)| holes.fit(line.parameter(at), &arg.kind, exactly)) {
                    continue;
                }
                let kinds: Vec<Kind> = (0..args.len()).map(|at| holes.fill(line.parameter(at))).collect();
                if exactly
                    && args.iter().zip(&kinds).any(|(arg, kind)| {
                        !matches!((&arg.kind, kind), (Kind::Varchar(_), Kind::Varchar(_))) && common(&arg.kind, kind).as_ref() != Some(kind)
                    })
                {
                    continue;
                }
                let Ok(args) = args.iter().cloned().zip(&kinds).map(|(arg, kind)| self.coerce(arg, kind)).collect::<Result<Vec<_>, _>>()
                else {
                    continue;
                };
                let result = crate::functions::result(name, &kinds, holes.fill(&line.result));
                let call = Call { args: kinds, result: result.clone(), lambdas: Vec::new() };
                return Ok(Bound {
                    expr: of_values(name, line.entry.body, call, line.entry.strict, args.into_iter().map(|arg| arg.expr).collect()),
                    kind: result,
                });
            }
        }
        if let Some(bound) = self.of_rows(name, &args)? {
            return Ok(bound);
        }
        let kinds: Vec<String> = args.iter().map(|arg| arg.kind.to_string()).collect();
        Err(mismatch("", name, &kinds, &lines.iter().map(|line| line.entry.text).collect::<Vec<_>>()))
    }

    /// Functions whose types have rows in them, which no signature can write.
    fn of_rows(&self, name: &str, args: &[Bound]) -> Result<Option<Bound>, Error> {
        let kinds: Vec<Kind> = args.iter().map(|arg| arg.kind.clone()).collect();
        let (line, result) = match (name, kinds.as_slice()) {
            ("zip", kinds) if kinds.len() > 1 && kinds.iter().all(|kind| matches!(kind, Kind::Array(_))) => {
                let members =
                    kinds.iter().map(|kind| (None, if let Kind::Array(of) = kind { (**of).clone() } else { Kind::Unknown })).collect();
                ("$zip", Kind::array(Kind::Row(members)))
            }
            ("map_entries", [Kind::Map(key, value)]) => {
                ("$map_entries", Kind::array(Kind::Row(vec![(None, (**key).clone()), (None, (**value).clone())])))
            }
            ("map_from_entries" | "multimap_from_entries", [Kind::Array(of)]) => match &**of {
                Kind::Row(fields) if fields.len() == 2 && name == "map_from_entries" => {
                    ("$map_from_entries", Kind::map(fields[0].1.clone(), fields[1].1.clone()))
                }
                Kind::Row(fields) if fields.len() == 2 => {
                    ("$multimap_from_entries", Kind::map(fields[0].1.clone(), Kind::array(fields[1].1.clone())))
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Some([line, ..]) = signatures::of(line) else { return Ok(None) };
        let call = Call { args: kinds, result: result.clone(), lambdas: Vec::new() };
        Ok(Some(Bound {
            expr: of_values(name, line.entry.body, call, line.entry.strict, args.iter().map(|arg| arg.expr.clone()).collect()),
            kind: result,
        }))
    }

    /// `a || b`: texts, arrays, an array and an element, bytes.
    pub(super) fn concat(&self, values: Vec<Bound>) -> Result<Bound, Error> {
        let mut values = values.into_iter();
        let Some(mut whole) = values.next() else { return Err(missing("concat of nothing")) };
        for next in values {
            whole = self.join_two(whole, next)?;
        }
        Ok(whole)
    }

    fn join_two(&self, a: Bound, b: Bound) -> Result<Bound, Error> {
        if let (Kind::Char(n), Kind::Char(m)) = (&a.kind, &b.kind) {
            let kind = Kind::Char(n + m);
            let call = Call { args: vec![a.kind.clone(), b.kind.clone()], result: kind.clone(), lambdas: Vec::new() };
            let body = |values: &[Value], call: &Call| {
                let Kind::Char(length) = call.args[0] else { return Ok(Value::Null) };
                Ok(Value::from(format!("{}{}", crate::text::pad(values[0].str(), length), values[1].str()).trim_end_matches(' ')))
            };
            return Ok(Bound { expr: of_values("concat", body, call, true, vec![a.expr, b.expr]), kind });
        }
        if a.kind.is_text() && b.kind.is_text() && (matches!(a.kind, Kind::Char(_)) || matches!(b.kind, Kind::Char(_))) {
            let both = common(&a.kind, &b.kind).unwrap_or(Kind::Varchar(None));
            if let Kind::Char(_) = both {
                let (n, m) = (length_of(&a.kind), length_of(&b.kind));
                let (a, b) = (self.coerce(a, &Kind::Char(n))?, self.coerce(b, &Kind::Char(m))?);
                return self.join_two(a, b);
            }
            let (a, b) = (self.coerce(a, &both)?, self.coerce(b, &both)?);
            return self.join_two(a, b);
        }
        if matches!((&a.kind, &b.kind), (Kind::Array(_), Kind::Unknown) | (Kind::Unknown, Kind::Array(_))) {
            return Err(refuse(
                "AMBIGUOUS_FUNCTION_CALL",
                "Could not choose a best candidate operator. Explicit type casts must be added.",
            ));
        }
        self.resolve("$concat", vec![a, b])
    }
}

/// The text that `json_parse` is called with.
fn parsed_text(ast: &Ast) -> Option<&Ast> {
    match ast {
        Ast::Nested(inner) => parsed_text(inner),
        Ast::Function(function) if function.name.to_string().eq_ignore_ascii_case("json_parse") => {
            match arguments(function).ok()?.as_slice() {
                [text] => Some(text),
                _ => None,
            }
        }
        _ => None,
    }
}

fn length_of(kind: &Kind) -> u32 {
    match kind {
        Kind::Varchar(Some(length)) | Kind::Char(length) => *length,
        _ => 0,
    }
}
