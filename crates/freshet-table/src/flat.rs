//! A line's keys and values, read in one pass. Lines are flat: texts, numbers, booleans, arrays of texts. What lies
//! deeper belongs to no column and is stepped over.
//!
//! Not a JSON parser for anyone else: it takes what JSON takes, and also control characters inside a text.

/// A value, by its place in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number's text.
    Number {
        start: usize,
        end: usize,
    },
    /// A text between its quotes; `is_plain` where nothing in it is escaped.
    Text {
        start: usize,
        end: usize,
        is_plain: bool,
    },
    /// An array or object, with its brackets.
    Nested {
        start: usize,
        end: usize,
    },
}

/// A place in a line that is being read.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Steps over a byte that has to come next.
    pub(crate) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Steps over a byte where it comes next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        self.expect(byte).is_some()
    }

    /// Whether nothing is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// A key and its colon.
    pub(crate) fn key(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let (start, end, _) = self.text_behind_quote()?;
        self.expect(b':')?;
        Some(&self.text[start..end])
    }

    /// The next value.
    pub(crate) fn value(&mut self) -> Option<Value> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                let (start, end, is_plain) = self.text_behind_quote()?;
                Some(Value::Text { start, end, is_plain })
            }
            b'n' => self.word(b"null", Value::Null),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'[' | b'{' => self.nested(),
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                self.at += self.text[start..].iter().take_while(|byte| is_part(byte)).count();
                Some(Value::Number { start, end: self.at })
            }
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Option<Value> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    /// The place of a text whose quote has been read, and whether it is free of escapes; goes behind its end.
    fn text_behind_quote(&mut self) -> Option<(usize, usize, bool)> {
        let start = self.at;
        let mut is_plain = true;
        loop {
            let found = self.at + memchr::memchr2(b'"', b'\\', &self.text[self.at..])?;
            if self.text[found] == b'"' {
                self.at = found + 1;
                return Some((start, found, is_plain));
            }
            is_plain = false;
            self.at = found + 2;
            if self.at > self.text.len() {
                return None;
            }
        }
    }

    fn nested(&mut self) -> Option<Value> {
        let start = self.at;
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    self.text_behind_quote()?;
                    continue;
                }
                b'[' => open.push(b']'),
                b'{' => open.push(b'}'),
                close @ (b']' | b'}') if open.pop()? != close => return None,
                _ => {}
            }
            self.at += 1;
            if open.is_empty() {
                return Some(Value::Nested { start, end: self.at });
            }
        }
    }
}

/// Appends a text with its escapes resolved; `None` where an escape is none. A surrogate without its other half becomes
/// U+FFFD, as no UTF-8 text can hold it.
pub(crate) fn unescape(text: &str, out: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(found) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..found]);
        let escape = *rest.as_bytes().get(found + 1)?;
        let plain = match escape {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (character, length) = unicode(&rest.as_bytes()[found + 2..])?;
                out.push(character);
                rest = rest.get(found + 2 + length..)?;
                continue;
            }
            _ => return None,
        };
        out.push(plain);
        rest = &rest[found + 2..];
    }
    out.push_str(rest);
    Some(())
}

/// The character of the hex digits behind `\u`, with its other half where it is one of a pair, and how many bytes that took.
fn unicode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = unit(bytes)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 4));
    }
    if first < 0xDC00
        && bytes.get(4..6) == Some(b"\\u")
        && let Some(second) = unit(&bytes[6..]).filter(|second| (0xDC00..0xE000).contains(second))
    {
        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return char::from_u32(code).map(|character| (character, 10));
    }
    Some((char::REPLACEMENT_CHARACTER, 4))
}

fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A decimal's text as an integer of `1 / 10^scale`; `None` where it has more digits behind the point, or too many.
pub(crate) fn decimal(text: &str, precision: u32, scale: u32) -> Option<i64> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 18 || fraction.len() > scale as usize || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction_value =
        if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()? * 10_i64.pow(scale - u32::try_from(fraction.len()).ok()?) };
    let value = whole.parse::<i64>().ok()?.checked_mul(10_i64.pow(scale))?.checked_add(fraction_value)?;
    (value < 10_i64.pow(precision)).then_some(if is_negative { -value } else { value })
}

/// A day's text, `2026-11-24`, as days since 1970.
pub(crate) fn day(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let date = chrono::NaiveDate::from_ymd_opt(i32::try_from(digits(&bytes[..4])?).ok()?, digits(&bytes[5..7])?, digits(&bytes[8..])?)?;
    i32::try_from(date.signed_duration_since(chrono::NaiveDate::default()).num_days()).ok()
}

/// A time's text, `2026-11-24 10:00:00.123`, as microseconds since 1970.
pub(crate) fn time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 23 || !matches!(bytes[10], b' ' | b'T') || bytes[13] != b':' || bytes[16] != b':' || bytes[19] != b'.' {
        return None;
    }
    let day = day(text.get(..10)?)?;
    let (hours, minutes, seconds) = (digits(&bytes[11..13])?, digits(&bytes[14..16])?, digits(&bytes[17..19])?);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let seconds = i64::from(day) * 86_400 + i64::from(hours * 3_600 + minutes * 60 + seconds);
    Some(seconds * 1_000_000 + i64::from(digits(&bytes[20..])?) * 1_000)
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}
