//! Rewrites of a query's tokens before sqlparser reads them: numbers, `TABLE t` and the rows of `VALUES`.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace};

use super::syntax;
use crate::error::Error;

/// The text from a place on.
fn text_at(sql: &str, place: Location) -> impl Iterator<Item = char> {
    let line = usize::try_from(place.line).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(place.column).unwrap_or(1).saturating_sub(1);
    sql.split('\n').nth(line).unwrap_or_default().chars().skip(column)
}

/// Refuses an `OFFSET` behind a `LIMIT`: in Athena it comes before.
pub(super) fn refuse_late_offsets(tokens: &[TokenWithSpan]) -> Result<(), Error> {
    let is =
        |token: &TokenWithSpan, keyword| matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword);
    let words: Vec<&TokenWithSpan> = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    for three in words.windows(3) {
        let [limit, count, offset] = three else { continue };
        let is_count = matches!(count.token, Token::Number(..) | Token::Placeholder(_)) || is(count, Keyword::ALL);
        if is(limit, Keyword::LIMIT) && is_count && is(offset, Keyword::OFFSET) {
            let place = offset.span.start;
            return Err(syntax(&format!("line {}:{}: mismatched input '{}'. Expecting: <EOF>", place.line, place.column, offset.token)));
        }
    }
    Ok(())
}

/// `0x1F`, `0b101` and `0o17` as plain numbers; refuses `==` and words that begin with a digit.
pub(super) fn numbers(sql: &str, tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, Error> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for mut token in tokens {
        let at = |message: &str| syntax(&format!("line {}:{}: {message}", token.span.start.line, token.span.start.column));
        match &token.token {
            Token::DoubleEq => return Err(at("mismatched input '='. Expecting: <expression>")),
            Token::HexStringLiteral(digits) if text_at(sql, token.span.start).next() == Some('0') => {
                let value = i64::from_str_radix(&digits.replace('_', ""), 16).map_err(|_| at("Invalid numeric literal"))?;
                token.token = Token::Number(value.to_string(), false);
            }
            Token::Word(word) if word.quote_style.is_none() => {
                if let Some(TokenWithSpan { token: Token::Number(number, false), .. }) = out.last() {
                    let radix = match (number.as_str(), word.value.chars().next()) {
                        ("0", Some('b' | 'B')) => 2,
                        ("0", Some('o' | 'O')) => 8,
                        _ => 0,
                    };
                    let value = if radix == 0 { None } else { i64::from_str_radix(&word.value[1..].replace('_', ""), radix).ok() };
                    let value =
                        value.ok_or_else(|| at("identifiers must not start with a digit; surround the identifier with double quotes"))?;
                    if let Some(last) = out.last_mut() {
                        last.token = Token::Number(value.to_string(), false);
                    }
                    continue;
                }
            }
            _ => {}
        }
        out.push(token);
    }
    Ok(out)
}

/// Makes `TABLE t` the query `SELECT * FROM t`.
pub(super) fn tables_as_queries(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let is_table = matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.keyword == Keyword::TABLE);
        let before = out.iter().rev().map(|token| &token.token).find(|token| !matches!(token, Token::Whitespace(_)));
        let begins = match before {
            None | Some(Token::LParen) => true,
            Some(Token::Word(word)) => {
                matches!(word.keyword, Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::ALL | Keyword::DISTINCT)
            }
            _ => false,
        };
        let named = tokens[at + 1..].iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
        if is_table && begins && matches!(named.map(|token| &token.token), Some(Token::Word(_))) {
            for word in [
                Token::make_keyword("SELECT"),
                Token::Whitespace(Whitespace::Space),
                Token::Mul,
                Token::Whitespace(Whitespace::Space),
                Token::make_keyword("FROM"),
            ] {
                out.push(TokenWithSpan { token: word, span: token.span });
            }
            continue;
        }
        out.push(token.clone());
    }
    out
}

/// Puts each row of `VALUES 1, 2` into parentheses, which sqlparser asks for.
pub(super) fn rows_in_parentheses(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let sign = |token: Token, like: &TokenWithSpan| TokenWithSpan { token, span: like.span };
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // For each open parenthesis, where the row began that is being read, if rows are.
    let mut open: Vec<Option<usize>> = vec![None];
    // The depths at which `ANY (VALUES …)` was made `ANY (SELECT * FROM (VALUES …))`.
    let mut wrapped: Vec<usize> = Vec::new();
    for token in tokens {
        let here = open.len() - 1;
        let ends = match &token.token {
            Token::Comma | Token::RParen | Token::RBracket | Token::EOF | Token::SemiColon => true,
            Token::Word(word) => {
                word.quote_style.is_none()
                    && matches!(
                        word.keyword,
                        Keyword::ORDER
                            | Keyword::LIMIT
                            | Keyword::UNION
                            | Keyword::EXCEPT
                            | Keyword::INTERSECT
                            | Keyword::OFFSET
                            | Keyword::FETCH
                    )
            }
            _ => false,
        };
        if let (Some(start), true) = (open[here], ends) {
            if !is_one_group(&out[start..]) && out[start..].iter().any(|token| !matches!(token.token, Token::Whitespace(_))) {
                let place = sign(Token::LParen, &token);
                out.insert(start, place);
                out.push(sign(Token::RParen, &token));
            }
            open[here] = (token.token == Token::Comma).then(|| out.len() + 1);
        }
        match &token.token {
            Token::LParen | Token::LBracket => open.push(None),
            Token::RParen | Token::RBracket if open.len() > 1 => {
                open.pop();
                if wrapped.last() == Some(&open.len()) {
                    wrapped.pop();
                    out.push(sign(Token::RParen, &token));
                }
            }
            Token::Word(word)
                if word.quote_style.is_none()
                    && word.keyword == Keyword::VALUES
                    && !matches!(
                        out.iter().rev().find(|token| !matches!(token.token, Token::Whitespace(_))).map(|token| &token.token),
                        Some(Token::Period)
                    ) =>
            {
                let before: Vec<&Token> =
                    out.iter().rev().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_))).take(2).collect();
                if matches!(before.as_slice(), [Token::LParen, Token::Word(word)] if matches!(word.keyword, Keyword::ANY | Keyword::ALL | Keyword::SOME))
                {
                    for token_text in [
                        Token::make_keyword("SELECT"),
                        Token::Whitespace(Whitespace::Space),
                        Token::Mul,
                        Token::Whitespace(Whitespace::Space),
                        Token::make_keyword("FROM"),
                        Token::LParen,
                    ] {
                        out.push(sign(token_text, &token));
                    }
                    wrapped.push(here);
                }
                out.push(token);
                open[here] = Some(out.len());
                continue;
            }
            _ => {}
        }
        out.push(token);
    }
    if let Some(start) = open.last().copied().flatten()
        && let Some(last) = out.last().cloned()
        && out.len() > start
        && !is_one_group(&out[start..])
    {
        out.insert(start, sign(Token::LParen, &last));
        out.push(sign(Token::RParen, &last));
    }
    out
}

/// Whether tokens are one pair of parentheses around a row, and not around a query.
fn is_one_group(tokens: &[TokenWithSpan]) -> bool {
    let tokens: Vec<&Token> = tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    if tokens.first() != Some(&&Token::LParen) {
        return false;
    }
    if matches!(tokens.get(1), Some(Token::Word(word)) if word.quote_style.is_none() && matches!(word.keyword, Keyword::SELECT | Keyword::VALUES | Keyword::WITH))
    {
        return false;
    }
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1 == tokens.len();
        }
    }
    false
}
