//! Cuts a statement into the pieces that binding needs to tell apart.
//!
//! No parser: it knows where literals, quoted names and comments end, so that a `:name` or a `?` inside one of them
//! is text. The pieces joined together are the statement.

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: TokenKind,
    /// Where it starts, in bytes.
    pub(crate) at: usize,
    /// Its text, quotes included.
    pub(crate) text: &'a str,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword, a plain name or a number.
    Word,
    /// A name in double quotes.
    Quoted,
    /// Text in single quotes.
    Literal,
    /// `-- …` or `/* … */`.
    Comment,
    /// Blanks and line ends.
    Space,
    /// `:name`.
    Parameter,
    /// `?`.
    Placeholder,
    /// Anything else.
    Symbol,
}

/// A literal, a quoted name or a comment that does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unclosed {
    /// Where it starts, in bytes.
    pub(crate) at: usize,
    /// What it is.
    pub(crate) what: &'static str,
}

impl<'a> Token<'a> {
    /// A parameter's name, without its colon.
    pub(crate) fn parameter(&self) -> Option<&'a str> {
        (self.kind == TokenKind::Parameter).then(|| &self.text[1..])
    }

    /// Whether it is this keyword, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this symbol.
    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text == symbol
    }

    /// Whether it says nothing.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.kind, TokenKind::Space | TokenKind::Comment)
    }
}

/// The pieces of a statement, in order and without a gap.
pub(crate) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Unclosed> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = sql[at..].chars().next() {
        let (kind, length) = piece(&sql[at..], first).map_err(|what| Unclosed { at, what })?;
        found.push(Token { kind, at, text: &sql[at..at + length] });
        at += length;
    }
    Ok(found)
}

/// A statement without the semicolons and comments behind it, to be put into parentheses; as it is where something does not end.
pub fn bare(sql: &str) -> &str {
    let pieces = tokens(sql).unwrap_or_default();
    let last = pieces.iter().rev().find(|piece| !piece.is_blank() && !piece.is_symbol(";"));
    match last {
        Some(last) => &sql[..last.at + last.text.len()],
        None => sql,
    }
}

/// The line of a place in a text, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn piece(rest: &str, first: char) -> Result<(TokenKind, usize), &'static str> {
    Ok(match first {
        '-' if rest.starts_with("--") => (TokenKind::Comment, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (TokenKind::Comment, rest[2..].find("*/").map(|end| end + 4).ok_or("comment")?),
        '\'' => (TokenKind::Literal, quoted(rest, b'\'').ok_or("literal")?),
        '"' => (TokenKind::Quoted, quoted(rest, b'"').ok_or("quoted name")?),
        ':' if rest.starts_with("::") => (TokenKind::Symbol, 2),
        ':' if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
            (TokenKind::Parameter, 1 + run_of(&rest[1..], is_word))
        }
        '?' => (TokenKind::Placeholder, 1),
        c if c.is_whitespace() => (TokenKind::Space, run_of(rest, char::is_whitespace)),
        c if is_word(c) => (TokenKind::Word, run_of(rest, is_word)),
        c => (TokenKind::Symbol, c.len_utf8()),
    })
}

/// The length of a quoted piece; a doubled quote is a quote inside it.
fn quoted(rest: &str, quote: u8) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 1;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == quote)? + 1;
        if bytes.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

fn run_of(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !belongs(c)).unwrap_or(rest.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(sql: &str) -> Vec<&str> {
        tokens(sql).unwrap().iter().filter_map(Token::parameter).collect()
    }

    #[test]
    fn parameters_are_found_only_where_they_are_parameters() {
        for (sql, expected) in [
            ("SELECT :a, :b_2", vec!["a", "b_2"]),
            ("SELECT ':a', 'it''s :b', :c", vec!["c"]),
            ("SELECT \":a\", \"x\"\":b\" FROM t -- :c\nWHERE d = :d", vec!["d"]),
            ("SELECT /* :a ' */ x::date, :b", vec!["b"]),
            ("SELECT TIMESTAMP '2026-01-01 00:00:00', a[1 : 2], '::' , : a", vec![]),
            ("é = :a AND '' = :b", vec!["a", "b"]),
        ] {
            assert_eq!(parameters(sql), expected, "{sql}");
        }
    }

    #[test]
    fn the_pieces_joined_are_the_statement() {
        for sql in ["", "SELECT 'a''b' || \"c\" -- d", "a\r\n:b?/**/'😀'%", "::::a"] {
            let joined: String = tokens(sql).unwrap().iter().map(|token| token.text).collect();
            assert_eq!(joined, sql);
        }
    }

    #[test]
    fn what_does_not_end_is_said_with_its_place() {
        for (sql, at, what) in [("a 'b", 2, "literal"), ("/* *", 0, "comment"), ("'' \"a\"\"", 3, "quoted name")] {
            assert_eq!(tokens(sql), Err(Unclosed { at, what }), "{sql}");
        }
    }
}
