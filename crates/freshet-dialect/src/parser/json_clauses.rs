//! The clauses of the JSON functions: `json_object(KEY … VALUE …)`, `json_query(… WITH WRAPPER)` and their like.

use datafusion::sql::sqlparser::ast::{Expr, Value};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::{call, text, type_text};

/// The JSON functions with clauses; `None` leaves a plain call to sqlparser.
pub(super) fn parse_json_function(parser: &mut Parser, name: &str) -> Option<Result<Expr, ParserError>> {
    if matches!(name, "json_objectagg" | "json_arrayagg") {
        return None;
    }
    parser.next_token();
    parser.next_token();
    Some(match name {
        "json_object" | "json_array" => parse_json_build(parser, name),
        _ => parse_json_path(parser, name),
    })
}

fn word(parser: &mut Parser, expected: &str) -> bool {
    let found = matches!(&parser.peek_token_ref().token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected));
    if found {
        parser.next_token();
    }
    found
}

fn words(parser: &mut Parser, expected: &[&str]) -> bool {
    for (at, word) in expected.iter().enumerate() {
        if !matches!(&parser.peek_nth_token_ref(at).token, Token::Word(found) if found.value.eq_ignore_ascii_case(word)) {
            return false;
        }
    }
    for _ in expected {
        parser.next_token();
    }
    true
}

/// `FORMAT JSON` after an input; wraps it so that the binder sees it.
fn formatted(parser: &mut Parser) -> Result<Expr, ParserError> {
    let value = parser.parse_expr()?;
    if words(parser, &["format", "json"]) {
        if word(parser, "encoding") {
            return Err(ParserError::ParserError("ENCODING is not supported".to_owned()));
        }
        return Ok(call("$format_json", vec![value]));
    }
    Ok(value)
}

/// `$json_object('null' or 'absent', returning, key, value, …)`, `$json_array(…)`.
fn parse_json_build(parser: &mut Parser, name: &str) -> Result<Expr, ParserError> {
    let mut members = Vec::new();
    let mut nulls = if name == "json_object" { "null" } else { "absent" };
    let mut returning = "varchar".to_owned();
    let ends = |parser: &mut Parser| -> bool {
        let token = &parser.peek_token_ref().token;
        matches!(token, Token::RParen)
            || matches!(token, Token::Word(word) if word.quote_style.is_none() && matches!(word.value.to_lowercase().as_str(), "null" | "absent" | "with" | "without" | "returning") && is_clause(parser))
    };
    while !ends(parser) {
        if !members.is_empty() {
            parser.expect_token(&Token::Comma)?;
        }
        if name == "json_object" {
            let keyed = word_ahead(parser, "key") && !matches!(parser.peek_nth_token_ref(1).token, Token::Colon | Token::Comma);
            if keyed {
                parser.next_token();
            }
            members.push(key(parser)?);
            if !parser.consume_token(&Token::Colon) && !word(parser, "value") {
                return parser.expected("VALUE or ':'", parser.peek_token());
            }
        }
        members.push(formatted(parser)?);
    }
    if words(parser, &["null", "on", "null"]) {
        nulls = "null";
    } else if words(parser, &["absent", "on", "null"]) {
        nulls = "absent";
    }
    let unique = if words(parser, &["with", "unique", "keys"]) || words(parser, &["with", "unique"]) { "unique" } else { "" };
    let _ = unique.is_empty() && (words(parser, &["without", "unique", "keys"]) || words(parser, &["without", "unique"]));
    if word(parser, "returning") {
        returning = type_text(parser)?;
    }
    parser.expect_token(&Token::RParen)?;
    let mut args = vec![text(nulls), text(unique), text(returning)];
    args.append(&mut members);
    Ok(call(&format!("${name}"), args))
}

/// A member's name before its colon, which sqlparser would take for the way into a value.
fn key(parser: &mut Parser) -> Result<Expr, ParserError> {
    let plain = |token: &Token| matches!(token, Token::SingleQuotedString(_) | Token::Word(_));
    if parser.peek_nth_token_ref(1).token == Token::Colon && plain(&parser.peek_token_ref().token) {
        let token = parser.next_token();
        return Ok(match token.token {
            Token::SingleQuotedString(name) => text(name),
            Token::Word(word) => Expr::Identifier(word.into_ident(token.span)),
            _ => return parser.expected("a member's name", token),
        });
    }
    if let (Token::Word(table), Token::Period, Token::Word(column), Token::Colon) = (
        parser.peek_token_ref().token.clone(),
        &parser.peek_nth_token_ref(1).token,
        parser.peek_nth_token_ref(2).token.clone(),
        &parser.peek_nth_token_ref(3).token,
    ) {
        let span = parser.next_token().span;
        parser.next_token();
        parser.next_token();
        return Ok(Expr::CompoundIdentifier(vec![table.into_ident(span), column.into_ident(span)]));
    }
    parser.parse_subexpr(20)
}

fn word_ahead(parser: &Parser, expected: &str) -> bool {
    matches!(&parser.peek_token_ref().token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
}

/// Whether the word ahead begins a closing clause, and is not a value.
fn is_clause(parser: &Parser) -> bool {
    let next = |at: usize, expected: &str| matches!(&parser.peek_nth_token_ref(at).token, Token::Word(word) if word.value.eq_ignore_ascii_case(expected));
    (word_ahead(parser, "null") || word_ahead(parser, "absent")) && next(1, "on")
        || word_ahead(parser, "returning")
        || word_ahead(parser, "with")
        || word_ahead(parser, "without")
}

/// `$json_value(input, path, returning, on empty, default, on error, default)` and its kin.
fn parse_json_path(parser: &mut Parser, name: &str) -> Result<Expr, ParserError> {
    let input = formatted(parser)?;
    parser.expect_token(&Token::Comma)?;
    let path = parser.parse_expr()?;
    if word(parser, "passing") {
        return Err(ParserError::ParserError("PASSING is not supported".to_owned()));
    }
    let mut returning = "varchar".to_owned();
    let (mut wrapper, mut quotes) = ("without", "keep");
    let (mut empty, mut error) =
        ((if name == "json_exists" { "false" } else { "null" }, None), (if name == "json_exists" { "false" } else { "null" }, None));
    if word(parser, "returning") {
        returning = type_text(parser)?;
    }
    if name == "json_query" {
        let _ = words(parser, &["format", "json"]);
        for (spelling, meaning) in [
            (&["without", "array", "wrapper"][..], "without"),
            (&["without", "wrapper"], "without"),
            (&["with", "conditional", "array", "wrapper"], "conditional"),
            (&["with", "conditional", "wrapper"], "conditional"),
            (&["with", "unconditional", "array", "wrapper"], "with"),
            (&["with", "unconditional", "wrapper"], "with"),
            (&["with", "array", "wrapper"], "with"),
            (&["with", "wrapper"], "with"),
        ] {
            if words(parser, spelling) {
                wrapper = meaning;
                break;
            }
        }
        if words(parser, &["omit", "quotes"]) {
            quotes = "omit";
            words(parser, &["on", "scalar", "string"]);
        } else if words(parser, &["keep", "quotes"]) {
            words(parser, &["on", "scalar", "string"]);
        }
    }
    while !parser.consume_token(&Token::RParen) {
        let behaviour = if word(parser, "null") {
            ("null", None)
        } else if word(parser, "error") {
            ("error", None)
        } else if word(parser, "true") {
            ("true", None)
        } else if word(parser, "false") {
            ("false", None)
        } else if word(parser, "unknown") {
            ("unknown", None)
        } else if words(parser, &["empty", "array"]) {
            ("empty array", None)
        } else if words(parser, &["empty", "object"]) {
            ("empty object", None)
        } else if word(parser, "default") {
            ("default", Some(parser.parse_expr()?))
        } else {
            return parser.expected("ON EMPTY or ON ERROR", parser.peek_token());
        };
        if words(parser, &["on", "empty"]) {
            empty = behaviour;
        } else if words(parser, &["on", "error"]) {
            error = behaviour;
        } else {
            return parser.expected("ON EMPTY or ON ERROR", parser.peek_token());
        }
    }
    let null = || Expr::Value(Value::Null.with_empty_span());
    Ok(call(
        &format!("${name}"),
        vec![
            input,
            path,
            text(returning),
            text(wrapper),
            text(quotes),
            text(empty.0),
            empty.1.unwrap_or_else(null),
            text(error.0),
            error.1.unwrap_or_else(null),
        ],
    ))
}
