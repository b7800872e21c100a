//! Which tables and views a statement reads: the names after FROM and JOIN that are no common table expressions.

use std::collections::BTreeSet;

use crate::tokens::{Token, TokenKind};

/// Functions whose arguments are separated by FROM.
const FROM_FUNCTIONS: [&str; 4] = ["extract", "trim", "substring", "overlay"];

/// Keywords that end a FROM clause.
const CLAUSES: [&str; 13] =
    ["select", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "union", "except", "intersect", "values"];

/// What is known within one pair of parentheses.
#[derive(Default)]
struct Scope {
    /// It holds the arguments of a function that uses FROM itself.
    is_from_function: bool,
    /// A comma brings the next relation.
    in_from: bool,
    /// The next name is a relation.
    expects: bool,
    /// The place of the name before the parenthesis.
    named_by: Option<usize>,
}

/// The relations that a statement reads, in lower case, without their database.
pub(crate) fn relations(tokens: &[Token<'_>]) -> BTreeSet<String> {
    let tokens: Vec<&Token<'_>> = tokens.iter().filter(|token| !token.is_blank()).collect();
    let is_symbol = |at: usize, symbol: &str| tokens.get(at).is_some_and(|token| token.is_symbol(symbol));
    let is_word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(word));
    let is_name = |at: usize| tokens.get(at).is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted));
    let mut found = BTreeSet::new();
    let mut expressions = BTreeSet::new();
    let mut scopes = vec![Scope::default()];
    let mut at = 0;
    while at < tokens.len() {
        let token = tokens[at];
        let depth = scopes.len();
        let scope = scopes.last_mut().expect("the outermost scope is never closed");
        if token.is_symbol("(") {
            let named_by = at.checked_sub(1).filter(|before| is_name(*before));
            let expects = std::mem::take(&mut scope.expects);
            let is_from_function = named_by.is_some_and(|before| FROM_FUNCTIONS.iter().any(|function| tokens[before].is_word(function)));
            scopes.push(Scope { is_from_function, in_from: expects, expects, named_by });
        } else if token.is_symbol(")") && depth > 1 {
            let closed = scopes.pop().and_then(|scope| scope.named_by);
            if let Some(name) = closed.filter(|_| is_word(at + 1, "as") && is_symbol(at + 2, "(")) {
                expressions.insert(name_of(tokens[name]));
            }
        } else if token.is_symbol(",") {
            scope.expects = scope.in_from;
        } else if token.is_word("from") || token.is_word("join") {
            let compares = at > 0 && is_word(at - 1, "distinct");
            if !scope.is_from_function && !compares {
                scope.in_from = true;
                scope.expects = true;
            }
        } else if CLAUSES.iter().any(|clause| token.is_word(clause)) {
            scope.in_from = false;
            scope.expects = false;
        } else if is_name(at) {
            let expects = std::mem::take(&mut scope.expects);
            while expects && is_symbol(at + 1, ".") && is_name(at + 2) {
                at += 2;
            }
            if is_word(at + 1, "as") && is_symbol(at + 2, "(") {
                expressions.insert(name_of(tokens[at]));
            } else if expects && !is_symbol(at + 1, "(") {
                found.insert(name_of(tokens[at]));
            }
        }
        at += 1;
    }
    found.difference(&expressions).cloned().collect()
}

fn name_of(token: &Token<'_>) -> String {
    token.text.trim_matches('"').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokens;

    #[test]
    fn relations_are_what_is_read_and_not_what_is_named() {
        for (sql, expected) in [
            ("SELECT 1", vec![]),
            ("SELECT a FROM orders o JOIN lake.\"Lines\" AS l ON o.id = l.id, other WHERE a IN (1, 2)", vec!["lines", "orders", "other"]),
            ("WITH x AS (SELECT * FROM a), y (k, v) AS (SELECT 1, 2) SELECT * FROM x CROSS JOIN y LEFT JOIN b USING (k)", vec!["a", "b"]),
            ("SELECT extract(hour FROM t), trim(BOTH 'a' FROM b) FROM c", vec!["c"]),
            ("SELECT a IS DISTINCT FROM b FROM c -- FROM d", vec!["c"]),
            ("SELECT * FROM (SELECT a, b FROM c) AS q CROSS JOIN UNNEST(q.a, q.b) AS u (v, w)", vec!["c"]),
            ("SELECT * FROM (a JOIN b ON true) WHERE EXISTS (SELECT 1 FROM d GROUP BY x, y)", vec!["a", "b", "d"]),
            ("SELECT row_number() OVER (PARTITION BY a, b ORDER BY c) FROM d ORDER BY e, f", vec!["d"]),
            (") SELECT * FROM a", vec!["a"]),
        ] {
            let found: Vec<String> = relations(&tokens(sql).unwrap()).into_iter().collect();
            assert_eq!(found, expected, "{sql}");
        }
    }
}
