//! A query and values become a statement with execution parameters.

use std::collections::BTreeMap;

use crate::catalogue::listed;
use crate::literal::literal;
use crate::tokens::{TokenKind, line_of, tokens};
use crate::{Error, Parameter, Query};

/// A statement as Athena takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text, with a `?` where a parameter goes.
    pub sql: String,
    /// A literal for each `?`, in order, as SQL text: `DATE '2026-01-01'`, `'it''s'`, `42`.
    pub parameters: Vec<String>,
}

/// Binds values to a query's parameters; a parameter that is left out takes its example.
pub fn bind(query: &Query, values: &BTreeMap<String, String>) -> Result<Statement, Error> {
    if let Some(unknown) = values.keys().find(|name| query.parameter(name).is_none()) {
        return Err(Error::UnknownParameter {
            query: query.name.clone(),
            parameter: unknown.clone(),
            known: listed(query.parameters.iter().map(|parameter| parameter.name.as_str())),
        });
    }
    let mut literals = BTreeMap::new();
    for Parameter { name, kind, example, .. } in &query.parameters {
        let value = values.get(name).unwrap_or(example);
        let literal =
            literal(*kind, value).map_err(|message| Error::Value { query: query.name.clone(), parameter: name.clone(), message })?;
        literals.insert(name.as_str(), literal);
    }
    let fault = |at: usize, message: String| Error::Parse { file: format!("{}.sql", query.name), line: line_of(&query.sql, at), message };
    let pieces = tokens(&query.sql).map_err(|unclosed| fault(unclosed.at, format!("a {} does not end", unclosed.what)))?;
    let mut statement = Statement { sql: String::with_capacity(query.sql.len()), parameters: Vec::new() };
    for piece in pieces {
        let Some(name) = piece.parameter() else {
            statement.sql.push_str(piece.text);
            continue;
        };
        let literal = literals.get(name).ok_or_else(|| fault(piece.at, format!("`:{name}` is not declared")))?;
        statement.sql.push('?');
        statement.parameters.push(literal.clone());
    }
    Ok(statement)
}

/// A statement with its parameters filled in, to paste into Athena's console.
pub fn filled(statement: &Statement) -> String {
    let Ok(pieces) = tokens(&statement.sql) else {
        // A foreign statement that does not end has no parameters that could be told from text.
        return statement.sql.clone();
    };
    let mut parameters = statement.parameters.iter();
    pieces
        .into_iter()
        .map(|piece| match piece.kind {
            TokenKind::Placeholder => parameters.next().map_or(piece.text, String::as_str),
            TokenKind::Word
            | TokenKind::Quoted
            | TokenKind::Literal
            | TokenKind::Comment
            | TokenKind::Space
            | TokenKind::Parameter
            | TokenKind::Symbol => piece.text,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, OutputColumn, ParameterKind, catalogue};

    fn query(sql: &str) -> Query {
        let parameter =
            |name: &str, kind, example: &str| Parameter { name: name.to_owned(), kind, example: example.to_owned(), doc: "d".to_owned() };
        Query {
            name: "q".to_owned(),
            kind: Kind::Query,
            summary: "s".to_owned(),
            parameters: vec![parameter("from", ParameterKind::Date, "2026-01-01"), parameter("shop", ParameterKind::String, "acme")],
            columns: vec![OutputColumn { name: "a".to_owned(), kind: "date".to_owned(), doc: "d".to_owned() }],
            sql: sql.to_owned(),
        }
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_use_of_a_parameter_gets_its_literal_in_order() {
        let query = query("SELECT ':from' FROM t -- :shop ?\nWHERE a = :shop AND dt >= :from AND b <> :shop");
        let statement = bind(&query, &values(&[("shop", "it's ?")])).unwrap();
        assert_eq!(statement.sql, "SELECT ':from' FROM t -- :shop ?\nWHERE a = ? AND dt >= ? AND b <> ?");
        assert_eq!(statement.parameters, ["'it''s ?'", "DATE '2026-01-01'", "'it''s ?'"]);
        assert_eq!(
            filled(&statement),
            "SELECT ':from' FROM t -- :shop ?\nWHERE a = 'it''s ?' AND dt >= DATE '2026-01-01' AND b <> 'it''s ?'"
        );
    }

    #[test]
    fn an_unknown_parameter_and_a_wrong_value_are_refused_by_name() {
        let query = query("SELECT :from, :shop");
        let unknown = bind(&query, &values(&[("form", "x")])).unwrap_err().to_string();
        assert_eq!(unknown, "bind query `q`: it has no parameter `form`, but `from`, `shop`");
        let wrong = bind(&query, &values(&[("from", "1 OR 1=1")])).unwrap_err().to_string();
        assert_eq!(wrong, "bind parameter `from` of query `q`: `1 OR 1=1` is no date: write it as 2026-01-31");
    }

    #[test]
    fn a_foreign_statement_is_left_as_it_is() {
        for sql in ["SELECT '?", "SELECT ? WHERE '?' = ?"] {
            let statement = Statement { sql: sql.to_owned(), parameters: Vec::new() };
            assert_eq!(filled(&statement), sql);
        }
    }

    #[test]
    fn every_query_of_the_catalogue_binds_with_its_examples() {
        for query in catalogue() {
            let statement = bind(query, &BTreeMap::new()).unwrap();
            let placeholders = tokens(&statement.sql).unwrap();
            let count = placeholders.iter().filter(|piece| piece.kind == TokenKind::Placeholder).count();
            assert_eq!(count, statement.parameters.len(), "{}", query.name);
        }
    }
}
