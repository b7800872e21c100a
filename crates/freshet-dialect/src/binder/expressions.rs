//! Expressions: names, operators' syntax, `CASE`, `IN`, `BETWEEN`, `LIKE`, rows and arrays.

use datafusion::common::{Column as PlanColumn, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, Like, Operator};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CeilFloorKind, DateTimeField, Expr as Ast, Ident, Subscript, TrimWhereField, UnaryOperator,
};

use super::{Binder, Bound, Column, Scope, guards, literals, place, reference};
use crate::error::{Error, missing, refuse};
use crate::kinds::{Kind, common};
use crate::value::Value;

/// Whether the engine's own `LIKE` reads a pattern as Athena does: it is known, and has none of the escapes that are the engine's alone.
fn is_plain_pattern(pattern: &Expr) -> bool {
    matches!(pattern, Expr::Literal(ScalarValue::Utf8(Some(pattern)), _) if !pattern.contains('\\'))
}

impl Binder {
    /// A condition: its parts joined by `AND` may hold `IN (SELECT …)` as joins.
    pub(super) fn condition(&self, ast: &Ast, scope: &Scope) -> Result<Expr, Error> {
        let bound = self.bind(ast, scope, true)?;
        if !matches!(bound.kind, Kind::Boolean | Kind::Unknown) {
            return Err(refuse(
                "TYPE_MISMATCH",
                format!("{}WHERE clause must evaluate to a boolean: actual type {}", place(ast), bound.kind),
            ));
        }
        Ok(self.coerce(bound, &Kind::Boolean)?.expr)
    }

    pub(super) fn expr(&self, ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        self.bind(ast, scope, false)
    }

    fn boolean(&self, ast: &Ast, scope: &Scope, condition: bool) -> Result<Expr, Error> {
        let bound = self.bind(ast, scope, condition)?;
        if !matches!(bound.kind, Kind::Boolean | Kind::Unknown) {
            return Err(refuse(
                "TYPE_MISMATCH",
                format!("{}Logical expression term must evaluate to a boolean (actual: {})", place(ast), bound.kind),
            ));
        }
        Ok(self.coerce(bound, &Kind::Boolean)?.expr)
    }

    #[expect(clippy::too_many_lines, reason = "one arm a kind of syntax")]
    fn bind(&self, ast: &Ast, scope: &Scope, condition: bool) -> Result<Bound, Error> {
        let truth = |expr: Expr| Ok(Bound { expr, kind: Kind::Boolean });
        match ast {
            Ast::Nested(inner) => self.bind(inner, scope, condition),
            Ast::Identifier(word) => self.name(std::slice::from_ref(word), ast, scope),
            Ast::CompoundIdentifier(words) => self.name(words, ast, scope),
            Ast::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope),
            Ast::Value(value) => self.value(&value.value),
            Ast::TypedString(typed) => self.typed(typed),
            Ast::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                let is_and = *op == BinaryOperator::And;
                let mut conditions = Vec::new();
                for term in terms(ast, op) {
                    conditions.push(self.boolean(term, scope, condition && is_and)?);
                }
                truth(guards::chain(conditions, is_and)?)
            }
            Ast::BinaryOp { left, op, right } => {
                let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
                self.binary(op, left, right).map_err(|error| at(error, ast))
            }
            Ast::UnaryOp { op: UnaryOperator::Not, expr } => truth(Expr::Not(Box::new(self.boolean(expr, scope, false)?))),
            Ast::UnaryOp { op: UnaryOperator::Minus, expr } => self.negative(expr, scope),
            Ast::UnaryOp { op: UnaryOperator::Plus, expr } => self.expr(expr, scope),
            Ast::IsNull(inner) => truth(Expr::IsNull(Box::new(self.expr(inner, scope)?.expr))),
            Ast::IsNotNull(inner) => truth(Expr::IsNotNull(Box::new(self.expr(inner, scope)?.expr))),
            Ast::IsDistinctFrom(left, right) => self.distinct(self.expr(left, scope)?, self.expr(right, scope)?, true),
            Ast::IsNotDistinctFrom(left, right) => self.distinct(self.expr(left, scope)?, self.expr(right, scope)?, false),
            Ast::Between { expr, negated, low, high } => {
                let (value, low, high) = (self.expr(expr, scope)?, self.expr(low, scope)?, self.expr(high, scope)?);
                let between = self.compare(Operator::GtEq, value.clone(), low)?.expr.and(self.compare(Operator::LtEq, value, high)?.expr);
                truth(if *negated { Expr::Not(Box::new(between)) } else { between })
            }
            Ast::InList { expr, list, negated } => self.in_list(expr, list, *negated, scope),
            Ast::InSubquery { expr, subquery, negated } => self.in_subquery(expr, subquery, *negated, condition, scope),
            Ast::AnyOp { left, compare_op, right, .. } => self.comparison(left, operator(compare_op)?, right, false, scope),
            Ast::AllOp { left, compare_op, right } => self.comparison(left, operator(compare_op)?, right, true, scope),
            Ast::Exists { subquery, negated } => self.exists(subquery, *negated, condition, scope),
            Ast::Subquery(query) => self.scalar(query, scope),
            Ast::Case { operand, conditions, else_result, .. } => {
                let operand = operand.as_ref().map(|operand| self.expr(operand, scope)).transpose()?;
                let mut branches = Vec::new();
                for branch in conditions {
                    let when = match &operand {
                        Some(operand) => self.compare(Operator::Eq, operand.clone(), self.expr(&branch.condition, scope)?)?.expr,
                        None => self.boolean(&branch.condition, scope, false)?,
                    };
                    branches.push((when, self.expr(&branch.result, scope)?));
                }
                let last = else_result.as_ref().map(|last| self.expr(last, scope)).transpose()?;
                self.case(branches, last)
            }
            Ast::Function(function) => self.call(function, ast, scope),
            Ast::AtTimeZone { timestamp, time_zone } => {
                let args = vec![self.expr(timestamp, scope)?, self.expr(time_zone, scope)?];
                self.function("at_timezone", args, ast)
            }
            Ast::Extract { field, expr, .. } => {
                let value = self.expr(expr, scope)?;
                if value.kind == Kind::Date && matches!(field, DateTimeField::Hour | DateTimeField::Minute | DateTimeField::Second) {
                    return Err(refuse("TYPE_MISMATCH", format!("{}Cannot extract {field} from date", place(ast))));
                }
                self.function(extract_name(field)?, vec![value], ast)
            }
            Ast::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                let value = self.expr(expr, scope)?;
                self.function("ceiling", vec![value], ast)
            }
            Ast::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                let value = self.expr(expr, scope)?;
                self.function("floor", vec![value], ast)
            }
            Ast::Position { expr, r#in } => {
                let args = vec![self.expr(r#in, scope)?, self.expr(expr, scope)?];
                self.function("strpos", args, ast)
            }
            Ast::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let mut args = vec![self.expr(expr, scope)?, self.expr(from, scope)?];
                if let Some(length) = substring_for {
                    args.push(self.expr(length, scope)?);
                }
                self.function("substr", args, ast)
            }
            Ast::Trim { trim_where, trim_what, expr, trim_characters: None } => {
                let mut args = vec![self.expr(expr, scope)?];
                if let Some(what) = trim_what {
                    args.push(self.expr(what, scope)?);
                }
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "trim",
                };
                self.function(name, args, ast)
            }
            Ast::Trim { trim_where: None, trim_what: None, expr, trim_characters: Some(characters) } if characters.len() == 1 => {
                let args = vec![self.expr(expr, scope)?, self.expr(&characters[0], scope)?];
                self.function("trim", args, ast)
            }
            Ast::Tuple(members) => {
                let members = members.iter().map(|member| self.expr(member, scope)).collect::<Result<Vec<_>, _>>()?;
                let names = vec![None; members.len()];
                self.row(members, names)
            }
            Ast::Array(array) if array.named => {
                let members = array.elem.iter().map(|member| self.expr(member, scope)).collect::<Result<Vec<_>, _>>()?;
                self.array(members)
            }
            Ast::Like { negated, any: false, expr, pattern, escape_char } => {
                let mut args = vec![self.expr(expr, scope)?, self.expr(pattern, scope)?];
                if let Some(escape) = escape_char {
                    args.push(self.value(&escape.value)?);
                }
                let like = match args.as_slice() {
                    [text, pattern] if matches!(text.kind, Kind::Varchar(_)) && is_plain_pattern(&pattern.expr) => {
                        let [text, pattern] = [text, pattern].map(|arg| Box::new(arg.expr.clone()));
                        Expr::Like(Like::new(false, text, pattern, None, false))
                    }
                    _ => self.function("$like", args, ast)?.expr,
                };
                truth(if *negated { Expr::Not(Box::new(like)) } else { like })
            }
            Ast::IsTrue(_) | Ast::IsNotTrue(_) | Ast::IsFalse(_) | Ast::IsNotFalse(_) | Ast::IsUnknown(_) | Ast::IsNotUnknown(_) => {
                Err(Error::Syntax { message: format!("{}mismatched input. Expecting: 'DISTINCT', 'NOT', 'NULL'", place(ast)) })
            }
            Ast::ILike { .. }
            | Ast::SimilarTo { .. }
            | Ast::RLike { .. }
            | Ast::Cast { .. }
            | Ast::Collate { .. }
            | Ast::Struct { .. }
            | Ast::Dictionary(_)
            | Ast::Map(_)
            | Ast::Array(_)
            | Ast::Overlay { .. } => Err(Error::Syntax {
                message: format!("{}mismatched input: not Athena's grammar: {}", place(ast), shorten(&ast.to_string())),
            }),
            Ast::Lambda(_) => {
                Err(refuse("TYPE_MISMATCH", format!("{}Lambda expression should always be used inside a function", place(ast))))
            }
            other => Err(missing(format!("{}{}", place(other), shorten(&other.to_string())))),
        }
    }

    /// What a name means: a column, then a field of it.
    fn name(&self, words: &[Ident], ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        let parts: Vec<String> = words.iter().map(|word| word.value.to_lowercase()).collect();
        if let [name] = parts.as_slice() {
            let mut found = scope.aliases.iter().filter(|(alias, _)| alias == name).map(|(_, bound)| bound);
            if let Some(first) = found.next() {
                if found.any(|other| other.expr != first.expr) {
                    return Err(refuse("AMBIGUOUS_NAME", format!("{}Column '{name}' is ambiguous", place(ast))));
                }
                return Ok(first.clone());
            }
        }
        let mut here = Some(scope);
        let mut outside = false;
        while let Some(scope) = here {
            for used in (1..=parts.len()).rev() {
                let qualifier: Vec<&String> = parts[..used - 1].iter().rev().collect();
                let mut found = scope.columns.iter().filter(|column| {
                    column.name.as_ref() == Some(&parts[used - 1])
                        && column.relation.len() >= qualifier.len()
                        && column.relation.iter().zip(&qualifier).all(|(a, b)| a == *b)
                });
                let Some(column) = found.next() else { continue };
                if found.next().is_some() {
                    return Err(refuse("AMBIGUOUS_NAME", format!("{}Column '{}' is ambiguous", place(ast), parts[..used].join("."))));
                }
                let mut bound = self.reach(column, outside);
                for name in &parts[used..] {
                    bound = self.member(bound, name, ast)?;
                }
                return Ok(bound);
            }
            outside |= !scope.is_lambda;
            here = scope.outer;
        }
        if let ([name], None) = (parts.as_slice(), words[0].quote_style)
            && matches!(
                name.as_str(),
                "current_date"
                    | "current_time"
                    | "current_timestamp"
                    | "localtime"
                    | "localtimestamp"
                    | "current_user"
                    | "current_catalog"
                    | "current_schema"
            )
        {
            return self.function(name, Vec::new(), ast);
        }
        Err(refuse("COLUMN_NOT_FOUND", format!("{}Column '{}' cannot be resolved", place(ast), parts.join("."))))
    }

    fn reach(&self, column: &Column, outside: bool) -> Bound {
        let expr = if outside {
            let field = datafusion::arrow::datatypes::Field::new(&column.id, column.kind.arrow(), true);
            Expr::OuterReferenceColumn(field.into(), PlanColumn::new_unqualified(&column.id))
        } else {
            reference(&column.id)
        };
        Bound { expr, kind: column.kind.clone() }
    }

    /// `row.field`.
    fn member(&self, row: Bound, name: &str, ast: &Ast) -> Result<Bound, Error> {
        let Kind::Row(fields) = &row.kind else {
            return Err(refuse("TYPE_MISMATCH", format!("{}Expression is not of type ROW: {}", place(ast), row.kind)));
        };
        let mut found =
            fields.iter().enumerate().filter(|(_, (known, _))| known.as_ref().is_some_and(|known| known.to_lowercase() == name));
        let Some((at, (_, kind))) = found.next() else {
            return Err(refuse("COLUMN_NOT_FOUND", format!("{}Column '{name}' cannot be resolved", place(ast))));
        };
        if found.next().is_some() {
            return Err(refuse("AMBIGUOUS_NAME", format!("{}Ambiguous row field reference: {name}", place(ast))));
        }
        Ok(Bound { expr: crate::conform::field(row.expr, at, kind), kind: kind.clone() })
    }

    /// `value[1].field`.
    fn access(&self, root: &Ast, chain: &[AccessExpr], scope: &Scope) -> Result<Bound, Error> {
        let mut bound = self.expr(root, scope)?;
        for step in chain {
            bound = match step {
                AccessExpr::Dot(Ast::Identifier(word)) => self.member(bound, &word.value.to_lowercase(), root)?,
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    let position = self.expr(index, scope)?;
                    match &bound.kind {
                        Kind::Row(fields) => {
                            let Ast::Value(value) = index else {
                                return Err(refuse("INVALID_ARGUMENTS", "Subscript expression on ROW requires a constant index"));
                            };
                            let at: usize = value
                                .value
                                .to_string()
                                .parse()
                                .map_err(|_| refuse("INVALID_ARGUMENTS", "Subscript expression on ROW requires a constant index"))?;
                            let (_, kind) = at.checked_sub(1).and_then(|at| fields.get(at)).cloned().ok_or_else(|| {
                                refuse(
                                    "INVALID_FUNCTION_ARGUMENT",
                                    format!("Invalid subscript index: {at}. ROW has {} fields", fields.len()),
                                )
                            })?;
                            Bound { expr: crate::conform::field(bound.expr, at - 1, &kind), kind }
                        }
                        _ => self.function("$subscript", vec![bound, position], root)?,
                    }
                }
                _ => return Err(Error::Syntax { message: "mismatched input in a subscript".to_owned() }),
            };
        }
        Ok(bound)
    }

    fn negative(&self, ast: &Ast, scope: &Scope) -> Result<Bound, Error> {
        if let Ast::Value(value) = ast
            && let datafusion::sql::sqlparser::ast::Value::Number(text, false) = &value.value
        {
            return literals::number(&format!("-{text}"));
        }
        let value = self.expr(ast, scope)?;
        self.negate(value).map_err(|error| at(error, ast))
    }

    /// `CASE`: the first branch whose condition is true, in the type that takes all results.
    pub(super) fn case(&self, branches: Vec<(Expr, Bound)>, last: Option<Bound>) -> Result<Bound, Error> {
        let mut kind = Kind::Unknown;
        for (_, bound) in &branches {
            kind = common(&kind, &bound.kind).ok_or_else(|| refuse("TYPE_MISMATCH", format!("All CASE results must be the same type or coercible to a common type. Cannot find common type between {kind} and {}", bound.kind)))?;
        }
        if let Some(bound) = &last {
            kind = common(&kind, &bound.kind).ok_or_else(|| refuse("TYPE_MISMATCH", format!("All CASE results must be the same type or coercible to a common type. Cannot find common type between {kind} and {}", bound.kind)))?;
        }
        let mut when_then_expr = Vec::new();
        for (when, bound) in branches {
            when_then_expr.push((Box::new(when), Box::new(self.coerce(bound, &kind)?.expr)));
        }
        let else_expr = Box::new(self.coerce(last.unwrap_or_else(literals::null), &kind)?.expr);
        let case = Case { expr: None, when_then_expr, else_expr: Some(else_expr) };
        let expr = if kind == Kind::Boolean { guards::case(case)? } else { Expr::Case(case) };
        Ok(Bound { expr, kind })
    }

    pub(super) fn coalesce(&self, values: Vec<Bound>) -> Result<Bound, Error> {
        let mut branches = Vec::new();
        let mut values = values;
        let last = values.pop();
        for value in values {
            branches.push((Expr::IsNotNull(Box::new(value.expr.clone())), value));
        }
        match (branches.is_empty(), last) {
            (true, Some(last)) => Ok(last),
            (_, last) => self.case(branches, last),
        }
    }

    pub(super) fn row(&self, members: Vec<Bound>, names: Vec<Option<String>>) -> Result<Bound, Error> {
        let kind = Kind::Row(names.into_iter().zip(&members).map(|(name, member)| (name, member.kind.clone())).collect());
        let call = crate::scalar::Call {
            args: members.iter().map(|member| member.kind.clone()).collect(),
            result: kind.clone(),
            lambdas: Vec::new(),
        };
        let expr = crate::scalar::of_values(
            "row",
            |values, _| Ok(Value::Row(values.to_vec())),
            call,
            false,
            members.into_iter().map(|member| member.expr).collect(),
        );
        Ok(Bound { expr, kind })
    }

    pub(super) fn array(&self, members: Vec<Bound>) -> Result<Bound, Error> {
        let mut of = Kind::Unknown;
        for member in &members {
            of = common(&of, &member.kind).ok_or_else(|| refuse("TYPE_MISMATCH", format!("All ARRAY elements must be the same type or coercible to a common type. Cannot find common type between {of} and {}", member.kind)))?;
        }
        let members = members.into_iter().map(|member| self.coerce(member, &of)).collect::<Result<Vec<_>, _>>()?;
        let kind = Kind::array(of);
        let call = crate::scalar::Call {
            args: members.iter().map(|member| member.kind.clone()).collect(),
            result: kind.clone(),
            lambdas: Vec::new(),
        };
        let expr = crate::scalar::of_values(
            "array",
            |values, _| Ok(Value::List(values.to_vec())),
            call,
            false,
            members.into_iter().map(|member| member.expr).collect(),
        );
        if call_is_empty(&expr) {
            return literals::constant(Value::List(Vec::new()), kind);
        }
        Ok(Bound { expr, kind })
    }
}

fn call_is_empty(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(function) if function.args.is_empty())
}

/// Puts the place of the syntax in front of a refusal that has none.
pub(super) fn at(error: Error, ast: &Ast) -> Error {
    match error {
        Error::Refused { code, message } if !message.starts_with("line ") => {
            Error::Refused { code, message: format!("{}{message}", place(ast)) }
        }
        other => other,
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

pub(super) fn operator(op: &BinaryOperator) -> Result<Operator, Error> {
    Ok(match op {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        other => return Err(Error::Syntax { message: format!("mismatched input '{other}'") }),
    })
}

fn extract_name(field: &DateTimeField) -> Result<&'static str, Error> {
    let name = field.to_string().to_lowercase();
    Ok(match name.as_str() {
        "year" => "year",
        "quarter" => "quarter",
        "month" => "month",
        "week" => "week",
        "day" | "day_of_month" => "day",
        "dow" | "day_of_week" => "day_of_week",
        "doy" | "day_of_year" => "day_of_year",
        "yow" | "year_of_week" => "year_of_week",
        "hour" => "hour",
        "minute" => "minute",
        "second" => "second",
        "timezone_hour" => "timezone_hour",
        "timezone_minute" => "timezone_minute",
        _ => return Err(Error::Syntax { message: format!("Invalid EXTRACT field: {name}") }),
    })
}

/// The terms of a chain of one operator, in their order.
fn terms<'a>(ast: &'a Ast, op: &BinaryOperator) -> Vec<&'a Ast> {
    let mut found = Vec::new();
    let mut left = ast;
    while let Ast::BinaryOp { left: more, op: same, right } = left
        && same == op
    {
        found.push(&**right);
        left = more;
    }
    found.push(left);
    found.reverse();
    found
}
