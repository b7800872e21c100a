//! Predicates as Trino's grammar has them: a value, and after it at most one comparison, `IS …`, `BETWEEN`, `IN` or `LIKE`.
//!
//! sqlparser chains them (`a = b = c`), and reads what follows `IS DISTINCT FROM` up to the end of the condition,
//! `AND` and `OR` with it.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};
use datafusion::sql::sqlparser::dialect::{Dialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Reads `IS [NOT] DISTINCT FROM value` and refuses a second predicate; `None` leaves the rest to sqlparser.
pub(super) fn parse(parser: &mut Parser, left: &Expr) -> Option<Result<Expr, ParserError>> {
    let next = parser.peek_token_ref();
    let begins = match &next.token {
        Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => true,
        Token::Word(word) if word.quote_style.is_none() => {
            matches!(word.keyword, Keyword::IS | Keyword::BETWEEN | Keyword::IN | Keyword::LIKE | Keyword::NOT)
        }
        _ => false,
    };
    if begins && is_predicate(left) {
        let message = format!("mismatched input '{}'. Expecting: <EOF>{}", next.token, next.span.start);
        return Some(Err(ParserError::ParserError(message)));
    }
    let negated = if parser.parse_keywords(&[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM]) {
        true
    } else if parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]) {
        false
    } else {
        return None;
    };
    let level = super::Athena.prec_value(Precedence::Eq);
    Some(parser.parse_subexpr(level).map(|right| {
        let (left, right) = (Box::new(left.clone()), Box::new(right));
        if negated { Expr::IsNotDistinctFrom(left, right) } else { Expr::IsDistinctFrom(left, right) }
    }))
}

/// Whether an expression that stands in no parentheses is a predicate.
fn is_predicate(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        ),
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Like { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. } => true,
        _ => false,
    }
}
