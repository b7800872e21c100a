//! JSON as Trino keeps it: parsed with its numbers' text, its members in their order, written with Java's numbers.

use crate::error::{Error, fault};
use crate::numbers;

/// A JSON value; a number keeps its text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Json::Array(_) | Json::Object(_))
    }
}

const DEPTH: usize = 500;

/// Reads a JSON text; `None` where it is none.
pub(crate) fn read(text: &str) -> Option<Json> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    (reader.at == reader.text.len()).then_some(value)
}

/// Reads a JSON text, or says that it is none.
pub(crate) fn parse(text: &str) -> Result<Json, Error> {
    read(text).ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", format!("Cannot convert value to JSON: '{text}'")))
}

/// The value with the members of each object in the order of their names, as `json_parse` and a literal have them.
pub(crate) fn sorted(json: Json) -> Json {
    match json {
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        Json::Object(members) => {
            let mut members: Vec<(String, Json)> = members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            Json::Object(members)
        }
        other => other,
    }
}

/// The members in the order in which Java's `HashMap` walks them, which `json_object` shows.
pub(crate) fn hashed(members: Vec<(String, Json)>) -> Vec<(String, Json)> {
    let mut buckets = 16_usize;
    while members.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    let mut placed: Vec<(usize, (String, Json))> = members
        .into_iter()
        .map(|member| {
            let hash = member.0.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
            ((hash ^ (hash >> 16)) as usize & (buckets - 1), member)
        })
        .collect();
    placed.sort_by_key(|(bucket, _)| *bucket);
    placed.into_iter().map(|(_, member)| member).collect()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEPTH {
            return None;
        }
        match self.text.get(self.at)? {
            b'n' => self.take(b"null").map(|()| Json::Null),
            b't' => self.take(b"true").map(|()| Json::Bool(true)),
            b'f' => self.take(b"false").map(|()| Json::Bool(false)),
            b'"' => self.string().map(Json::Text),
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                self.space();
                if self.take(b"]").is_some() {
                    return Some(Json::Array(items));
                }
                loop {
                    self.space();
                    items.push(self.value(depth + 1)?);
                    self.space();
                    if self.take(b",").is_none() {
                        self.take(b"]")?;
                        return Some(Json::Array(items));
                    }
                }
            }
            b'{' => {
                self.at += 1;
                let mut members: Vec<(String, Json)> = Vec::new();
                self.space();
                if self.take(b"}").is_some() {
                    return Some(Json::Object(members));
                }
                loop {
                    self.space();
                    let key = self.string()?;
                    self.space();
                    self.take(b":")?;
                    self.space();
                    let value = self.value(depth + 1)?;
                    match members.iter_mut().find(|(known, _)| *known == key) {
                        Some(member) => member.1 = value,
                        None => members.push((key, value)),
                    }
                    self.space();
                    if self.take(b",").is_none() {
                        self.take(b"}")?;
                        return Some(Json::Object(members));
                    }
                }
            }
            _ => self.number(),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.at;
        let _ = self.take(b"-");
        let first = *self.text.get(self.at)?;
        let whole = self.digits();
        if whole == 0 || (first == b'0' && whole > 1) {
            return None;
        }
        if self.take(b".").is_some() && self.digits() == 0 {
            return None;
        }
        if self.take(b"e").or_else(|| self.take(b"E")).is_some() {
            let _ = self.take(b"+").or_else(|| self.take(b"-"));
            if self.digits() == 0 {
                return None;
            }
        }
        Some(Json::Number(String::from_utf8_lossy(&self.text[start..self.at]).into_owned()))
    }

    fn string(&mut self) -> Option<String> {
        self.take(b"\"")?;
        let mut bytes = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(bytes).ok(),
                b'\\' => {
                    let escape = *self.text.get(self.at)?;
                    self.at += 1;
                    let letter = match escape {
                        b'n' => '\n',
                        b't' => '\t',
                        b'r' => '\r',
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'"' | b'\\' | b'/' => char::from(escape),
                        b'u' => self.unicode()?,
                        _ => return None,
                    };
                    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return None,
                other => bytes.push(other),
            }
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = std::str::from_utf8(self.text.get(self.at..self.at + 4)?).ok()?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if (0xD800..0xDC00).contains(&first) && self.take(b"\\u").is_some() {
            let second = self.hex()?;
            return char::from_u32(0x10000 + ((first - 0xD800) << 10) + second.wrapping_sub(0xDC00));
        }
        Some(char::from_u32(first).unwrap_or('\u{FFFD}'))
    }
}

/// How JSON is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As `json_parse` has it: numbers as Java writes them.
    Parsed,
    /// As a part that a cast takes out of JSON: numbers as Java writes them, and nothing escaped that need not be.
    Part,
    /// As `CAST(… AS json)` has it: numbers as they are.
    Cast,
}

/// The text of a value.
pub(crate) fn write(json: &Json, style: Style) -> String {
    let mut text = String::new();
    put(json, style, &mut text);
    text
}

fn put(json: &Json, style: Style, out: &mut String) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(text) if style == Style::Cast => out.push_str(text),
        Json::Number(text) => out.push_str(&number(text)),
        Json::Text(text) => quote(text, style, out),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                put(item, style, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                quote(key, style, out);
                out.push(':');
                put(value, style, out);
            }
            out.push('}');
        }
    }
}

/// A number as Java writes it: whole ones as they are, others as doubles.
pub(crate) fn number(text: &str) -> String {
    if text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
        return text.parse().map_or_else(|_| text.to_owned(), numbers::double_text);
    }
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A text in quotes; what lies beyond the basic plane is escaped, but not in a part.
fn quote(text: &str, style: Style, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            other if u32::from(other) < 0x20 => out.push_str(&format!("\\u{:04X}", u32::from(other))),
            other if u32::from(other) > 0xFFFF && style != Style::Part => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
