//! Athena's grammar for queries over sqlparser's: typed literals, `CAST` to Trino's types, intervals, the JSON functions'
//! clauses, lambdas and `UNNEST`. What it builds of its own are calls of functions whose names begin with `$`.

mod json_clauses;
mod predicates;
mod tokens;

use std::any::TypeId;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Query, TypedString,
    UnaryOperator, Value, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::{Error, missing, refuse};
use json_clauses::parse_json_function;

/// How deep expressions and queries may nest.
const DEPTH: usize = 120;

#[derive(Debug)]
struct Athena;

impl Dialect for Athena {
    // `UNNEST` as a table and a few more are behind a list of dialects.
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_identifier_start(&self, letter: char) -> bool {
        letter.is_alphabetic() || letter == '_' || letter == '$'
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        letter.is_alphanumeric() || letter == '_' || letter == '$' || letter == '@'
    }

    fn is_delimited_identifier_start(&self, letter: char) -> bool {
        letter == '"'
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_match_recognize(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn supports_boolean_literals(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn supports_left_associative_joins_without_parens(&self) -> bool {
        true
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let [first, second] = parser.peek_tokens_ref::<2>();
        let Token::Word(word) = &first.token else { return None };
        if word.quote_style.is_some() {
            return None;
        }
        let name = word.value.to_lowercase();
        match &second.token {
            Token::LParen => match name.as_str() {
                "cast" | "try_cast" => Some(parse_cast(parser, &name)),
                "trim" => parse_bare_trim(parser),
                "json_object" | "json_array" | "json_value" | "json_query" | "json_exists" | "json_objectagg" | "json_arrayagg" => {
                    parse_json_function(parser, &name)
                }
                _ => None,
            },
            Token::SingleQuotedString(text) if is_literal_type(&name) => {
                let data_type = DataType::Custom(ObjectName::from(vec![Ident::new(name)]), vec![]);
                let text = text.clone();
                parser.next_token();
                let value = parser.next_token();
                Some(Ok(Expr::TypedString(TypedString {
                    data_type,
                    value: datafusion::sql::sqlparser::ast::ValueWithSpan { value: Value::SingleQuotedString(text), span: value.span },
                    uses_odbc_syntax: false,
                })))
            }
            Token::SingleQuotedString(_) | Token::Minus | Token::Plus if name == "interval" => Some(parse_interval(parser)),
            _ => None,
        }
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        predicates::parse(parser, expr)
    }
}

fn is_literal_type(name: &str) -> bool {
    matches!(
        name,
        "decimal"
            | "real"
            | "double"
            | "bigint"
            | "integer"
            | "int"
            | "smallint"
            | "tinyint"
            | "varchar"
            | "char"
            | "json"
            | "time"
            | "timestamp"
            | "date"
            | "boolean"
            | "varbinary"
            | "ipaddress"
            | "uuid"
    )
}

/// A call that this grammar makes.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// A text that the grammar passes on as a literal.
pub(crate) fn text(text: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.into()).with_empty_span())
}

/// `CAST(value AS type)` becomes `$cast(value, 'type')`.
fn parse_cast(parser: &mut Parser, name: &str) -> Result<Expr, ParserError> {
    parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let value = parser.parse_expr()?;
    parser.expect_keyword_is(Keyword::AS)?;
    let kind = type_text(parser)?;
    parser.expect_token(&Token::RParen)?;
    Ok(call(if name == "cast" { "$cast" } else { "$try_cast" }, vec![value, text(kind)]))
}

/// `TRIM(LEADING FROM text)`, which sqlparser has not; `None` leaves the other forms to it.
fn parse_bare_trim(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let is = |at: usize, keyword: Keyword| matches!(&parser.peek_nth_token_ref(at).token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword);
    let side = match (is(2, Keyword::LEADING), is(2, Keyword::TRAILING), is(2, Keyword::BOTH)) {
        (true, ..) => "ltrim",
        (_, true, _) => "rtrim",
        (.., true) => "$trim",
        _ => return None,
    };
    if !is(3, Keyword::FROM) {
        return None;
    }
    for _ in 0..4 {
        parser.next_token();
    }
    let value = match parser.parse_expr() {
        Ok(value) => value,
        Err(error) => return Some(Err(error)),
    };
    Some(parser.expect_token(&Token::RParen).map(|_| call(side.trim_start_matches('$'), vec![value])))
}

/// A type's words up to the parenthesis or comma that ends it.
fn type_text(parser: &mut Parser) -> Result<String, ParserError> {
    let mut words = Vec::new();
    let mut depth = 0;
    loop {
        match &parser.peek_token_ref().token {
            Token::EOF => return Err(ParserError::ParserError("type expected".to_owned())),
            Token::RParen if depth == 0 => break,
            Token::Comma if depth == 0 => break,
            Token::Word(word)
                if depth == 0
                    && matches!(word.keyword, Keyword::FORMAT | Keyword::NULL | Keyword::ERROR | Keyword::DEFAULT | Keyword::EMPTY) =>
            {
                break;
            }
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        words.push(parser.next_token().token.to_string());
    }
    if words.is_empty() {
        return Err(ParserError::ParserError("type expected".to_owned()));
    }
    Ok(words.join(" "))
}

/// `INTERVAL '1' DAY` becomes `$interval('1', 'day', 'day')`.
fn parse_interval(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.next_token();
    let negative = parser.consume_token(&Token::Minus);
    if !negative {
        let _ = parser.consume_token(&Token::Plus);
    }
    let value = parser.parse_literal_string()?;
    let unit = |parser: &mut Parser| -> Result<String, ParserError> {
        let token = parser.next_token();
        match &token.token {
            Token::Word(word) if matches!(word.value.to_lowercase().as_str(), "year" | "month" | "day" | "hour" | "minute" | "second") => {
                Ok(word.value.to_lowercase())
            }
            other => Err(ParserError::ParserError(format!(
                "mismatched input '{other}'. Expecting: 'DAY', 'HOUR', 'MINUTE', 'MONTH', 'SECOND', 'YEAR'{}",
                token.span.start
            ))),
        }
    };
    let from = unit(parser)?;
    let to = if parser.parse_keyword(Keyword::TO) {
        // A range of one unit is none.
        Some(unit(parser)?).filter(|to| *to != from).unwrap_or_default()
    } else {
        from.clone()
    };
    let interval = call("$interval", vec![text(value), text(from), text(to)]);
    Ok(if negative { Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(interval) } } else { interval })
}

/// Reads one query, with its `?` taken by the parameters' literals.
pub(crate) fn parse(sql: &str, parameters: &[String]) -> Result<Query, Error> {
    let mut tokens = tokenize(sql)?;
    tokens::refuse_late_offsets(&tokens)?;
    let mut places = 0;
    for token in &mut tokens {
        if let Token::Placeholder(mark) = &mut token.token {
            *mark = format!("?{places}");
            places += 1;
        }
        if matches!(&token.token, Token::Word(word) if word.quote_style == Some('`')) {
            return Err(syntax("backquoted identifiers are not supported; use double quotes to quote identifiers"));
        }
    }
    if places != parameters.len() {
        return Err(refuse(
            "INVALID_PARAMETER_USAGE",
            format!("Incorrect number of parameters: expected {places} but found {}", parameters.len()),
        ));
    }
    let tokens = tokens::rows_in_parentheses(tokens::tables_as_queries(tokens::numbers(sql, tokens)?));
    let mut parser = Parser::new(&Athena).with_recursion_limit(DEPTH).with_tokens_with_locations(tokens);
    let first = parser.peek_token();
    if !matches!(&first.token, Token::LParen)
        && !matches!(&first.token, Token::Word(word) if matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE))
    {
        return Err(syntax(&format!(
            "line {}:{}: mismatched input '{}'. Expecting: <query>",
            first.span.start.line, first.span.start.column, first.token
        )));
    }
    let mut query = parser.parse_query().map_err(|error| place(&error))?;
    let _ = parser.consume_token(&Token::SemiColon);
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(syntax(&format!(
            "line {}:{}: mismatched input '{}'. Expecting: <EOF>",
            rest.span.start.line, rest.span.start.column, rest.token
        )));
    }
    let literals = parameters.iter().map(|text| parameter(text)).collect::<Result<Vec<_>, _>>()?;
    let _ = visit_expressions_mut(&mut query, |expr: &mut Expr| {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(mark) = &value.value
            && let Some(literal) = mark.strip_prefix('?').and_then(|at| at.parse::<usize>().ok()).and_then(|at| literals.get(at))
        {
            *expr = literal.clone();
        }
        ControlFlow::<()>::Continue(())
    });
    Ok(*query)
}

fn tokenize(sql: &str) -> Result<Vec<TokenWithSpan>, Error> {
    Tokenizer::new(&Athena, sql)
        .tokenize_with_location()
        .map_err(|error| syntax(&format!("line {}:{}: {}", error.location.line, error.location.column, error.message)))
}

/// An execution parameter's text: one literal, which is not spliced into the query's text.
fn parameter(text: &str) -> Result<Expr, Error> {
    let mut parser = Parser::new(&Athena).with_recursion_limit(DEPTH).with_tokens_with_locations(tokenize(text)?);
    let literal = parser.parse_expr().map_err(|error| place(&error))?;
    if parser.peek_token().token != Token::EOF || !is_literal(&literal) {
        return Err(refuse("INVALID_PARAMETER_USAGE", "an execution parameter must be a literal"));
    }
    Ok(literal)
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        Expr::TypedString(_) => true,
        Expr::Nested(inner) => is_literal(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_literal(expr),
        Expr::Array(array) => array.elem.iter().all(is_literal),
        Expr::Function(function) if matches!(function.name.to_string().as_str(), "$cast" | "$interval" | "$try_cast") => {
            match &function.args {
                FunctionArguments::List(list) => {
                    list.args.iter().all(|arg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) if is_literal(arg)))
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn syntax(message: &str) -> Error {
    Error::Syntax { message: message.to_owned() }
}

/// A parser's message, with its place in front.
fn place(error: &ParserError) -> Error {
    let text = match error {
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => return missing("queries that nest this deep"),
    };
    if let Some((message, at)) = text.rsplit_once(" at Line: ") {
        return syntax(&format!("line {}: {message}", at.replace(", Column: ", ":")));
    }
    syntax(&text)
}
