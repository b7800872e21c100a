//! Walking over the tokens of a statement.

use super::tokens::{Kind, Token, place};

/// A statement that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misread {
    /// What is wrong, with its place in front.
    pub(crate) message: String,
}

/// Where reading has come to.
pub(crate) struct Cursor<'a> {
    sql: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(sql: &'a str, tokens: &'a [Token]) -> Self {
        Self { sql, tokens, at: 0 }
    }

    /// The next token.
    pub(crate) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    /// The token after so many others.
    pub(crate) fn peek_at(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead)
    }

    /// Takes the next token.
    pub(crate) fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at);
        self.at += usize::from(token.is_some());
        token
    }

    /// Takes these words, if they are next.
    pub(crate) fn take(&mut self, words: &[&str]) -> bool {
        let follow = words.iter().enumerate().all(|(ahead, word)| self.peek_at(ahead).is_some_and(|token| token.is_word(word)));
        self.at += if follow { words.len() } else { 0 };
        follow
    }

    /// Takes a sign, if it is next.
    pub(crate) fn take_sign(&mut self, sign: char) -> bool {
        let follows = self.peek().is_some_and(|token| token.is_sign(sign));
        self.at += usize::from(follows);
        follows
    }

    /// Takes these words or says what is there instead.
    pub(crate) fn expect(&mut self, words: &[&str]) -> Result<(), Misread> {
        if self.take(words) { Ok(()) } else { Err(self.misread(&format!("'{}'", words.join(" ")))) }
    }

    /// Takes a sign or says what is there instead.
    pub(crate) fn expect_sign(&mut self, sign: char) -> Result<(), Misread> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.misread(&format!("'{sign}'"))) }
    }

    /// Whether all is read.
    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Nothing may follow.
    pub(crate) fn expect_end(&self) -> Result<(), Misread> {
        if self.is_done() { Ok(()) } else { Err(self.misread("<EOF>")) }
    }

    /// Takes a name in any quotes, in lower case.
    pub(crate) fn identifier(&mut self) -> Result<String, Misread> {
        match self.peek() {
            Some(token) if matches!(token.kind, Kind::Word | Kind::Backticked | Kind::DoubleQuoted) => {
                self.at += 1;
                Ok(token.text.to_lowercase())
            }
            _ => Err(self.misread("<identifier>")),
        }
    }

    /// Takes a text in single or, as Hive has it, double quotes.
    pub(crate) fn text(&mut self) -> Result<String, Misread> {
        match self.peek() {
            Some(token) if matches!(token.kind, Kind::Text | Kind::DoubleQuoted) => {
                self.at += 1;
                Ok(token.text.clone())
            }
            _ => Err(self.misread("<string>")),
        }
    }

    /// Where the next token begins, in bytes; the end if there is none.
    pub(crate) fn offset(&self) -> usize {
        self.peek().map_or_else(|| self.end(), |token| token.start)
    }

    /// Where the last token ends.
    pub(crate) fn end(&self) -> usize {
        self.tokens.last().map_or(0, |token| token.end)
    }

    /// What is left, as it is written.
    pub(crate) fn rest(&self) -> &'a str {
        self.sql.get(self.offset()..self.end()).unwrap_or_default()
    }

    /// Takes what stands between the parentheses that open here, as it is written.
    pub(crate) fn parenthesised(&mut self) -> Result<&'a str, Misread> {
        let open = self.offset();
        self.expect_sign('(')?;
        let mut depth = 1;
        while let Some(token) = self.next() {
            depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
            if depth == 0 {
                return Ok(&self.sql[open + 1..token.start]);
            }
        }
        Err(self.misread("')'"))
    }

    /// What was expected and is not there, in the words of Athena's parser.
    pub(crate) fn misread(&self, expected: &str) -> Misread {
        let (line, column) = place(self.sql, self.offset());
        let found = self.peek().map_or("<EOF>", |token| &self.sql[token.start..token.end]);
        Misread { message: format!("line {line}:{column}: mismatched input '{found}'. Expecting: {expected}") }
    }
}
