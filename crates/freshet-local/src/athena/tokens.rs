//! Words, names, texts and signs of a statement, with their places. Not a lexer of queries: those go to the dialect as
//! they are; this reads what stands around them and the statements that are not queries.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare word or number.
    Word,
    /// A name in backticks.
    Backticked,
    /// A name (or, in Hive's statements, a text) in double quotes.
    DoubleQuoted,
    /// A text in single quotes.
    Text,
    /// One sign.
    Sign,
}

/// A token of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its content, without quotes.
    pub(crate) text: String,
    /// Where it begins, in bytes.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

impl Token {
    /// Whether it is this bare word, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this sign.
    pub(crate) fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign && self.text.chars().eq([sign])
    }
}

/// How texts are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// `''` alone (Trino).
    Doubled,
    /// `\'` and `''` (Hive).
    Backslash,
}

/// The tokens of a statement; `Err` says where a quote or comment stays open.
pub(crate) fn tokens(sql: &str, escapes: Escapes) -> Result<Vec<Token>, usize> {
    let mut found = Vec::new();
    let mut characters = sql.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let rest = &sql[start..];
        if character.is_whitespace() {
            continue;
        }
        if rest.starts_with("--") {
            while characters.next_if(|(_, next)| *next != '\n').is_some() {}
            continue;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            let length = comment.find("*/").ok_or(start)? + 4;
            while characters.next_if(|(at, _)| *at < start + length).is_some() {}
            continue;
        }
        let (kind, text, end) = match character {
            '\'' | '"' | '`' => {
                let with_backslash = escapes == Escapes::Backslash && character != '`';
                let (text, length) = quoted(rest, character, with_backslash).ok_or(start)?;
                let kind = match character {
                    '\'' => Kind::Text,
                    '"' => Kind::DoubleQuoted,
                    _ => Kind::Backticked,
                };
                (kind, text, start + length)
            }
            _ if is_word(character) => {
                let length = rest.find(|next: char| !is_word(next)).unwrap_or(rest.len());
                (Kind::Word, rest[..length].to_owned(), start + length)
            }
            _ => (Kind::Sign, character.to_string(), start + character.len_utf8()),
        };
        while characters.next_if(|(at, _)| *at < end).is_some() {}
        found.push(Token { kind, text, start, end });
    }
    Ok(found)
}

/// Line and column of a place, both from 1, as Trino counts.
pub(crate) fn place(sql: &str, at: usize) -> (usize, usize) {
    let before = &sql[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// The content of a quoted thing at the beginning, and how many bytes it takes with its quotes.
fn quoted(rest: &str, quote: char, with_backslash: bool) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if with_backslash && character == '\\' {
            let (_, escaped) = characters.next()?;
            match escaped {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                '0' => text.push('\0'),
                '\\' | '\'' | '"' => text.push(escaped),
                // Hive keeps an escape that it does not know: a regular expression's `\d`.
                other => text.extend(['\\', other]),
            }
        } else if character == quote {
            if characters.next_if(|(_, next)| *next == quote).is_some() {
                text.push(quote);
            } else {
                return Some((text, at + 1));
            }
        } else {
            text.push(character);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn texts(sql: &str, escapes: Escapes) -> Vec<String> {
        tokens(sql, escapes).unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_are_skipped_and_quotes_are_read() {
        assert_eq!(
            texts("-- {\"app\": 'x'}\nSELECT /* ; */ 'it''s', \"a\"\"b\" FROM `t`;", Escapes::Doubled),
            ["SELECT", "it's", ",", "a\"b", "FROM", "t", ";"]
        );
        assert_eq!(texts(r"'a\'b' '\d\\'", Escapes::Backslash), [r"a'b", r"\d\"]);
        assert_eq!(texts("naïve='ü'", Escapes::Doubled), ["naïve", "=", "ü"]);
    }

    #[test]
    fn an_open_quote_says_where() {
        assert_eq!(tokens("SELECT 'x", Escapes::Doubled), Err(7));
        assert_eq!(tokens("/* x", Escapes::Doubled), Err(0));
    }

    #[test]
    fn places_count_lines_and_characters() {
        assert_eq!(place("a\nüb", 4), (2, 2));
        assert_eq!(place("a", 0), (1, 1));
    }
}
