//! The table of functions: each line a name, Trino's argument types and result type, and what computes it. What is not in
//! the table is refused by its name.
//!
//! A signature reads `array(T), fn(T):U -> array(U)`: capital letters stand for any type, `varchar(x)` keeps a length,
//! `varchar`, `decimal`, `timestamp`, `zoned`, `time` and `row` take any length, precision or fields, `T...` repeats.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::error::{Error, refuse};
use crate::kinds::{Kind, coercible, common};
use crate::scalar::Body;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) body: Body,
    /// Whether NULL in gives NULL out.
    pub(crate) strict: bool,
}

/// A function that gives NULL where an argument is NULL.
pub(crate) const fn strict(name: &'static str, text: &'static str, body: Body) -> Entry {
    Entry { name, text, body, strict: true }
}

/// A function that sees NULL.
pub(crate) const fn nullable(name: &'static str, text: &'static str, body: Body) -> Entry {
    Entry { name, text, body, strict: false }
}

/// A type with holes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    Exact(Kind),
    Any(char),
    Varchar(Option<char>),
    Char,
    Decimal,
    Timestamp,
    Zoned,
    Time,
    Row,
    Array(Box<Pattern>),
    Map(Box<Pattern>, Box<Pattern>),
    Function(Vec<Pattern>, Box<Pattern>),
}

/// A line's signature.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Pattern>,
    /// Whether the last parameter may repeat.
    pub(crate) repeats: bool,
    pub(crate) result: Pattern,
    pub(crate) entry: &'static Entry,
}

/// What the holes of a signature are.
#[derive(Debug, Default, Clone)]
pub(crate) struct Holes {
    kinds: HashMap<char, Kind>,
    lengths: HashMap<char, Option<u32>>,
    decimal: Option<(u8, u8)>,
    precision: Option<u8>,
    row: Option<Kind>,
    char: Option<u32>,
}

impl Signature {
    fn read(entry: &'static Entry) -> Signature {
        let (parameters, result) = entry.text.split_once("->").unwrap_or(("", entry.text));
        let mut reader = Reader { rest: parameters.trim() };
        let mut patterns = Vec::new();
        let mut repeats = false;
        while !reader.rest.is_empty() {
            patterns.push(reader.pattern());
            repeats = reader.take("...");
            reader.take(",");
        }
        Signature { parameters: patterns, repeats, result: Reader { rest: result.trim() }.pattern(), entry }
    }

    /// The pattern of an argument's place.
    pub(crate) fn parameter(&self, at: usize) -> &Pattern {
        &self.parameters[at.min(self.parameters.len() - 1)]
    }

    pub(crate) fn takes(&self, count: usize) -> bool {
        if self.repeats { count + 1 >= self.parameters.len() } else { count == self.parameters.len() }
    }
}

impl Holes {
    /// Fits a value's type into a pattern; `exactly` allows no coercion.
    pub(crate) fn fit(&mut self, pattern: &Pattern, kind: &Kind, exactly: bool) -> bool {
        if *kind == Kind::Unknown && !exactly {
            if let Pattern::Any(hole) = pattern {
                self.kinds.entry(*hole).or_insert(Kind::Unknown);
            }
            return true;
        }
        match pattern {
            Pattern::Exact(wanted) => wanted == kind || (!exactly && coercible(kind, wanted)),
            Pattern::Any(hole) => match self.kinds.get(hole) {
                Some(known) => match common(known, kind) {
                    Some(both) if !exactly || known == kind || (matches!((known, kind), (Kind::Varchar(_), Kind::Varchar(_)))) => {
                        self.kinds.insert(*hole, both);
                        true
                    }
                    _ => false,
                },
                None => {
                    self.kinds.insert(*hole, kind.clone());
                    true
                }
            },
            Pattern::Varchar(hole) => {
                let length = match kind {
                    Kind::Varchar(length) => *length,
                    Kind::Char(length) if !exactly => Some(*length),
                    _ => return false,
                };
                if let Some(hole) = hole {
                    let known = self.lengths.get(hole).copied();
                    self.lengths.insert(*hole, known.map_or(length, |known| known.zip(length).map(|(a, b)| a.max(b))));
                }
                true
            }
            Pattern::Char => {
                if let Kind::Char(length) = kind {
                    self.char = Some(*length);
                }
                matches!(kind, Kind::Char(_))
            }
            Pattern::Decimal => match (kind, kind.as_decimal()) {
                (Kind::Decimal(..), _) => self.decimals(kind),
                (_, Some(_)) if !exactly => self.decimals(kind),
                _ => false,
            },
            Pattern::Timestamp => match kind {
                Kind::Timestamp(precision) => self.precisions(*precision),
                Kind::Date if !exactly => self.precisions(3),
                _ => false,
            },
            Pattern::Zoned => match kind {
                Kind::Zoned(precision) => self.precisions(*precision),
                Kind::Timestamp(precision) if !exactly => self.precisions(*precision),
                Kind::Date if !exactly => self.precisions(3),
                _ => false,
            },
            Pattern::Time => match kind {
                Kind::Time(precision) => self.precisions(*precision),
                _ => false,
            },
            Pattern::Row => {
                let fits = matches!(kind, Kind::Row(_));
                if fits {
                    self.row = Some(kind.clone());
                }
                fits
            }
            Pattern::Array(of) => {
                matches!(kind, Kind::Array(_))
                    && if let Kind::Array(item) = kind { self.fit(of, item, exactly && **item != Kind::Unknown) } else { false }
            }
            Pattern::Map(key, value) => match kind {
                Kind::Map(k, v) => self.fit(key, k, exactly && **k != Kind::Unknown) && self.fit(value, v, exactly && **v != Kind::Unknown),
                _ => false,
            },
            Pattern::Function(..) => false,
        }
    }

    fn decimals(&mut self, kind: &Kind) -> bool {
        let known = self.decimal.map_or(Some(kind.clone()), |(p, s)| common(&Kind::Decimal(p, s), kind));
        self.decimal = known.and_then(|known| known.as_decimal());
        self.decimal.is_some()
    }

    fn precisions(&mut self, precision: u8) -> bool {
        self.precision = Some(self.precision.map_or(precision, |known| known.max(precision)));
        true
    }

    /// The type that a pattern is, with its holes filled.
    pub(crate) fn fill(&self, pattern: &Pattern) -> Kind {
        match pattern {
            Pattern::Exact(kind) => kind.clone(),
            Pattern::Any(hole) => self.kinds.get(hole).cloned().unwrap_or(Kind::Unknown),
            Pattern::Varchar(hole) => Kind::Varchar(hole.and_then(|hole| self.lengths.get(&hole).copied().flatten())),
            Pattern::Char => Kind::Char(self.char.unwrap_or(1)),
            Pattern::Decimal => self.decimal.map_or(Kind::Decimal(38, 0), |(p, s)| Kind::Decimal(p, s)),
            Pattern::Timestamp => Kind::Timestamp(self.precision.unwrap_or(3)),
            Pattern::Zoned => Kind::Zoned(self.precision.unwrap_or(3)),
            Pattern::Time => Kind::Time(self.precision.unwrap_or(3)),
            Pattern::Row => self.row.clone().unwrap_or(Kind::Unknown),
            Pattern::Array(of) => Kind::array(self.fill(of)),
            Pattern::Map(key, value) => Kind::map(self.fill(key), self.fill(value)),
            Pattern::Function(_, result) => self.fill(result),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn pattern(&mut self) -> Pattern {
        if self.take("fn(") {
            let mut parameters = Vec::new();
            while !self.take(")") {
                parameters.push(self.pattern());
                self.take(",");
            }
            self.take(":");
            return Pattern::Function(parameters, Box::new(self.pattern()));
        }
        if self.take("array(") {
            let of = self.pattern();
            self.take(")");
            return Pattern::Array(Box::new(of));
        }
        if self.take("map(") {
            let key = self.pattern();
            self.take(",");
            let value = self.pattern();
            self.take(")");
            return Pattern::Map(Box::new(key), Box::new(value));
        }
        for (word, kind) in [("interval day to second", Kind::DayTime), ("interval year to month", Kind::YearMonth)] {
            if self.take(word) {
                return Pattern::Exact(kind);
            }
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.rest = self.rest[end..].trim_start();
        match word {
            "varchar" if self.rest.starts_with('(') => {
                let hole = self.rest.chars().nth(1);
                self.rest = self.rest[3..].trim_start();
                Pattern::Varchar(hole)
            }
            "varchar" => Pattern::Varchar(None),
            "char" => Pattern::Char,
            "decimal" => Pattern::Decimal,
            "timestamp" => Pattern::Timestamp,
            "zoned" => Pattern::Zoned,
            "time" => Pattern::Time,
            "row" => Pattern::Row,
            _ if word.len() == 1 => Pattern::Any(word.chars().next().unwrap_or('T')),
            _ => Pattern::Exact(crate::type_names::parse(word).unwrap_or(Kind::Unknown)),
        }
    }
}

fn table() -> &'static HashMap<&'static str, Vec<Signature>> {
    static TABLE: OnceLock<HashMap<&'static str, Vec<Signature>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<&'static str, Vec<Signature>> = HashMap::new();
        for entry in crate::functions::all() {
            table.entry(entry.name).or_default().push(Signature::read(entry));
        }
        table
    })
}

/// The signatures of a name.
pub(crate) fn of(name: &str) -> Option<&'static [Signature]> {
    table().get(name).map(Vec::as_slice)
}

/// Every line of the table: a function's name and its signature.
pub fn supported() -> Vec<(&'static str, &'static str)> {
    let mut lines: Vec<_> =
        crate::functions::all().filter(|entry| !entry.name.starts_with('$')).map(|entry| (entry.name, entry.text)).collect();
    lines.extend(crate::binder::special_forms());
    lines.sort_unstable();
    lines
}

/// The error of a call whose arguments fit no line of its name.
pub(crate) fn mismatch(place: &str, name: &str, kinds: &[String], expected: &[&str]) -> Error {
    let expected = expected
        .iter()
        .map(|text| format!("{name}({})", text.split_once("->").map_or(*text, |(args, _)| args.trim())))
        .collect::<Vec<_>>()
        .join(", ");
    refuse("FUNCTION_NOT_FOUND", format!("{place}Unexpected parameters ({}) for function {name}. Expected: {expected}", kinds.join(", ")))
}
