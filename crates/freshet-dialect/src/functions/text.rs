//! Text.

use crate::error::{Error, fault};
use crate::kinds::Kind;
use crate::scalar::Call;
use crate::signatures::{Entry, nullable, strict};
use crate::value::Value;

type Answer = Result<Value, Error>;

/// One code point at a time: what becomes several stays as it is.
fn each(text: &str, change: fn(char) -> Option<char>) -> Value {
    Value::from(text.chars().map(|letter| change(letter).unwrap_or(letter)).collect::<String>())
}

fn lower(letter: char) -> Option<char> {
    let mut all = letter.to_lowercase();
    let first = all.next();
    if letter == 'İ' {
        Some('i')
    } else if all.next().is_some() {
        None
    } else {
        first
    }
}

fn upper(letter: char) -> Option<char> {
    let mut all = letter.to_uppercase();
    let first = all.next();
    if all.next().is_some() { None } else { first }
}

fn substr(text: &str, start: i64, length: Option<i64>) -> Value {
    let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let from = if start < 0 { count + start } else { start - 1 };
    if start == 0 || from < 0 || from >= count || length.is_some_and(|length| length <= 0) {
        return Value::from("");
    }
    let take = length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
    Value::from(text.chars().skip(usize::try_from(from).unwrap_or(0)).take(take).collect::<String>())
}

/// Where a text begins for the n-th time, from one; from the end where n is negative.
fn position(text: &str, part: &str, instance: i64) -> Answer {
    if instance == 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "'instance' must be a positive or negative number."));
    }
    if part.is_empty() {
        return Ok(Value::Int(1));
    }
    let mut places: Vec<usize> = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(part) {
        places.push(from + at);
        from += at + text[from + at..].chars().next().map_or(1, char::len_utf8);
    }
    if instance < 0 {
        places.reverse();
    }
    let found = usize::try_from(instance.abs() - 1).ok().and_then(|at| places.get(at));
    Ok(Value::Int(found.map_or(0, |at| i64::try_from(text[..*at].chars().count()).unwrap_or(0) + 1)))
}

fn split(text: &str, by: &str, limit: Option<i64>) -> Answer {
    if by.is_empty() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "The delimiter may not be the empty string"));
    }
    let pieces: Vec<Value> = match limit {
        None => text.split(by).map(Value::from).collect(),
        Some(limit) if limit > 0 => text.splitn(usize::try_from(limit).unwrap_or(usize::MAX), by).map(Value::from).collect(),
        Some(_) => return Err(fault("INVALID_FUNCTION_ARGUMENT", "Limit must be positive")),
    };
    Ok(Value::List(pieces))
}

fn split_part(text: &str, by: &str, at: i64) -> Answer {
    if at < 1 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Index must be greater than zero"));
    }
    let at = usize::try_from(at - 1).unwrap_or(usize::MAX);
    if by.is_empty() {
        return Ok(text.chars().nth(at).map(|letter| letter.to_string()).into());
    }
    Ok(text.split(by).nth(at).into())
}

fn split_to_map(v: &[Value], several: bool) -> Answer {
    let (text, entry, pair) = (v[0].str(), v[1].str(), v[2].str());
    if entry.is_empty() || pair.is_empty() {
        return Err(fault(
            "INVALID_FUNCTION_ARGUMENT",
            if entry.is_empty() { "entryDelimiter is empty" } else { "keyValueDelimiter is empty" },
        ));
    }
    if entry == pair {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "entryDelimiter and keyValueDelimiter must not be the same"));
    }
    let mut entries: Vec<(Value, Vec<Value>)> = Vec::new();
    for piece in text.split(entry) {
        if piece.is_empty() {
            continue;
        }
        let (key, value) = piece.split_once(pair).ok_or_else(|| {
            fault("INVALID_FUNCTION_ARGUMENT", format!("Key-value delimiter must appear exactly once in each entry. Bad input: '{piece}'"))
        })?;
        if value.contains(pair) {
            return Err(fault(
                "INVALID_FUNCTION_ARGUMENT",
                format!("Key-value delimiter must appear exactly once in each entry. Bad input: '{piece}'"),
            ));
        }
        match entries.iter_mut().find(|(known, _)| known.str() == key) {
            Some((_, values)) if several => values.push(Value::from(value)),
            Some(_) => return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Duplicate keys ({key}) are not allowed"))),
            None => entries.push((Value::from(key), vec![Value::from(value)])),
        }
    }
    Ok(Value::Map(
        entries.into_iter().map(|(key, mut values)| (key, if several { Value::List(values) } else { values.swap_remove(0) })).collect(),
    ))
}

fn padded(v: &[Value], left: bool) -> Answer {
    let (text, target, with) = (v[0].str(), v[1].int(), v[2].str());
    if !(0..=i64::from(i32::MAX)).contains(&target) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Target length must be in the range [0..2147483647]"));
    }
    if with.is_empty() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Padding string must not be empty"));
    }
    let target = usize::try_from(target).unwrap_or(0);
    if target > 1_000_000 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "padding is too long"));
    }
    let count = text.chars().count();
    if count >= target {
        return Ok(Value::from(text.chars().take(target).collect::<String>()));
    }
    let fill: String = with.chars().cycle().take(target - count).collect();
    Ok(Value::from(if left { fill + text } else { text.to_owned() + &fill }))
}

fn is_space(letter: char) -> bool {
    letter.is_whitespace() && !matches!(letter, '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{85}') || ('\u{1c}'..='\u{1f}').contains(&letter)
}

fn distance(a: &str, b: &str) -> i64 {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<i64> = (0..=i64::try_from(b.len()).unwrap_or(0)).collect();
    for (at, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i64::try_from(at).unwrap_or(0) + 1;
        for (to, y) in b.iter().enumerate() {
            let cost = before + i64::from(x != *y);
            before = row[to + 1];
            row[to + 1] = cost.min(row[to] + 1).min(before + 1);
        }
    }
    row[b.len()]
}

fn hamming(a: &str, b: &str) -> Answer {
    if a.chars().count() != b.chars().count() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "The input strings to hamming_distance function must have the same length"));
    }
    Ok(Value::Int(i64::try_from(a.chars().zip(b.chars()).filter(|(x, y)| x != y).count()).unwrap_or(0)))
}

fn soundex(text: &str) -> Answer {
    let code = |letter: char| match letter.to_ascii_uppercase() {
        'B' | 'F' | 'P' | 'V' => '1',
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => '2',
        'D' | 'T' => '3',
        'L' => '4',
        'M' | 'N' => '5',
        'R' => '6',
        'H' | 'W' => '-',
        _ => '0',
    };
    let letters: Vec<char> = text.chars().filter(|letter| letter.is_alphabetic()).collect();
    if let Some(foreign) = letters.iter().find(|letter| !letter.is_ascii()) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("The character is not mapped: {foreign}")));
    }
    let Some(first) = letters.first() else { return Ok(Value::from("")) };
    let mut out = first.to_ascii_uppercase().to_string();
    let mut last = code(*first);
    for letter in &letters[1..] {
        let now = code(*letter);
        if now == '-' {
            continue;
        }
        if now != '0' && now != last {
            out.push(now);
        }
        last = now;
        if out.len() == 4 {
            break;
        }
    }
    Ok(Value::from(format!("{out:0<4}")))
}

fn translate(v: &[Value], _: &Call) -> Answer {
    let (from, to): (Vec<char>, Vec<char>) = (v[1].str().chars().collect(), v[2].str().chars().collect());
    Ok(Value::from(
        v[0].str()
            .chars()
            .filter_map(|letter| from.iter().position(|known| *known == letter).map_or(Some(letter), |at| to.get(at).copied()))
            .collect::<String>(),
    ))
}

fn normalize(v: &[Value], _: &Call) -> Answer {
    use unicode_normalization::UnicodeNormalization;
    let text = v[0].str();
    Ok(Value::from(match v.get(1).map_or("NFC", Value::str) {
        "NFC" => text.nfc().collect::<String>(),
        "NFD" => text.nfd().collect(),
        "NFKC" => text.nfkc().collect(),
        "NFKD" => text.nfkd().collect(),
        other => {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Normalization form must be one of [NFD, NFC, NFKD, NFKC]: {other}")));
        }
    }))
}

fn concat_ws(v: &[Value], _: &Call) -> Answer {
    if v[0].is_null() {
        return Ok(Value::Null);
    }
    let pieces: Vec<&str> = v[1..].iter().filter(|value| !value.is_null()).map(Value::str).collect();
    Ok(Value::from(pieces.join(v[0].str())))
}

/// `format('%s %05d %,.2f', …)`: the forms of Java's that numbers, texts and times need.
fn format(v: &[Value], call: &Call) -> Answer {
    let bad = |what: &str| fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid format string: {} ({what})", v[0].str()));
    if v[0].is_null() {
        return Ok(Value::Null);
    }
    let mut out = String::new();
    let mut next = 1;
    let mut rest = v[0].str();
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find(|c: char| c.is_ascii_alphabetic() || c == '%').ok_or_else(|| bad("unfinished"))?;
        let (spec, code) = (&rest[..end], rest[end..].chars().next().unwrap_or('%'));
        rest = &rest[end + 1..];
        if code == '%' || code == 'n' {
            out.push(if code == '%' { '%' } else { '\n' });
            continue;
        }
        let (index, spec) = match spec.split_once('$') {
            Some((index, spec)) => (index.parse::<usize>().map_err(|_| bad("index"))?, spec),
            None => {
                next += 1;
                (next - 1, spec)
            }
        };
        let width_at = spec.find(|c: char| c.is_ascii_digit() && c != '0' || c == '.').unwrap_or(spec.len());
        let (flags, size) = spec.split_at(width_at);
        let (width, precision) = size.split_once('.').map_or((size, None), |(width, precision)| (width, Some(precision)));
        let width: usize = if width.is_empty() { 0 } else { width.parse().map_err(|_| bad("width"))? };
        let precision: Option<usize> = precision.map(str::parse).transpose().map_err(|_| bad("precision"))?;
        if width > 10_000 || precision.is_some_and(|precision| precision > 10_000) {
            return Err(bad("width"));
        }
        let (value, kind) = v.get(index).zip(call.args.get(index)).ok_or_else(|| bad("missing argument"))?;
        let text = conversion(code, flags, precision, value, kind).ok_or_else(|| bad("conversion"))?;
        let missing = width.saturating_sub(text.chars().count());
        if flags.contains('-') {
            out.push_str(&text);
            out.push_str(&" ".repeat(missing));
        } else if flags.contains('0') && matches!(code, 'd' | 'f' | 'x' | 'X' | 'e') {
            let (sign, digits) = if text.starts_with(['-', '+']) { text.split_at(1) } else { ("", text.as_str()) };
            out.push_str(sign);
            out.push_str(&"0".repeat(missing));
            out.push_str(digits);
        } else {
            out.push_str(&" ".repeat(missing));
            out.push_str(&text);
        }
    }
    out.push_str(rest);
    Ok(Value::from(out))
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = if digits.starts_with(['-', '+']) { digits.split_at(1) } else { ("", digits) };
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}{fraction}")
}

fn conversion(code: char, flags: &str, precision: Option<usize>, value: &Value, kind: &Kind) -> Option<String> {
    let signed = |text: String| if flags.contains('+') && !text.starts_with('-') { format!("+{text}") } else { text };
    let commas = |text: String| if flags.contains(',') { grouped(&text) } else { text };
    if value.is_null() {
        return Some(if code.is_uppercase() { "NULL" } else { "null" }.to_owned());
    }
    Some(match code {
        's' | 'S' => {
            let text = match kind {
                Kind::Timestamp(_) => crate::moments::java_clock(value.int()),
                Kind::Zoned(_) => crate::moments::java_zoned(value.int(), if let Value::Zoned(_, zone) = value { zone } else { "UTC" })?,
                _ => crate::text::text_of(value, kind),
            };
            let text = precision.map_or(text.clone(), |precision| text.chars().take(precision).collect());
            if code == 'S' { text.to_uppercase() } else { text }
        }
        'd' if kind.is_integer() => signed(commas(value.int().to_string())),
        'x' if kind.is_integer() && value.int() >= 0 => format!("{:x}", value.int()),
        'X' if kind.is_integer() && value.int() >= 0 => format!("{:X}", value.int()),
        'o' if kind.is_integer() && value.int() >= 0 => format!("{:o}", value.int()),
        'f' => {
            let precision = precision.unwrap_or(6);
            let text = match kind {
                Kind::Decimal(_, scale) => crate::numbers::decimal_text(
                    crate::numbers::rescale(value.decimal(), (*scale).into(), i32::try_from(precision).ok()?)?,
                    u8::try_from(precision).ok()?,
                ),
                Kind::Double | Kind::Real => {
                    if !value.float().is_finite() {
                        return None;
                    }
                    // Java rounds the shortest decimal of the number half up.
                    let (digits, scale) = crate::numbers::read_decimal(&format!("{:?}", value.float()))?;
                    let fixed = crate::numbers::rescale(digits, scale, i32::try_from(precision).ok()?)?;
                    let text = crate::numbers::decimal_text(fixed, u8::try_from(precision).ok()?);
                    if value.float().is_sign_negative() && fixed == 0 { format!("-{text}") } else { text }
                }
                _ => return None,
            };
            signed(commas(text))
        }
        'e' if matches!(kind, Kind::Double | Kind::Real) && value.float().is_finite() => {
            let text = format!("{:.*e}", precision.unwrap_or(6), value.float());
            let (mantissa, exponent) = text.split_once('e')?;
            let exponent: i32 = exponent.parse().ok()?;
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        'b' if *kind == Kind::Boolean => value.bool().to_string(),
        'B' if *kind == Kind::Boolean => value.bool().to_string().to_uppercase(),
        'c' if kind.is_text() => value.str().to_owned(),
        _ => return None,
    })
}

/// The stem of a lower-case word, by Snowball's rules of a language.
fn stem(word: &str, language: &str) -> Answer {
    use rust_stemmers::{Algorithm, Stemmer};
    let algorithm = match language {
        "da" => Algorithm::Danish,
        "de" => Algorithm::German,
        "en" => Algorithm::English,
        "es" => Algorithm::Spanish,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "hu" => Algorithm::Hungarian,
        "it" => Algorithm::Italian,
        "nl" => Algorithm::Dutch,
        "no" => Algorithm::Norwegian,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "ru" => Algorithm::Russian,
        "sv" => Algorithm::Swedish,
        "tr" => Algorithm::Turkish,
        "ca" | "eu" | "hy" | "ir" | "lt" => return Err(crate::error::missing(format!("word_stem for language '{language}'"))),
        other => return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Unknown stemmer language: {other}"))),
    };
    Ok(Value::from(Stemmer::create(algorithm).stem(word).as_ref()))
}

fn luhn(text: &str) -> Answer {
    if text.is_empty() {
        return Ok(Value::Bool(false));
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Input is not numeric"));
    }
    let sum: u32 = text
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, b)| {
            let digit = u32::from(b - b'0');
            if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    Ok(Value::Bool(sum.is_multiple_of(10)))
}

fn count(text: &str) -> Value {
    Value::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
}

fn trim_with(v: &[Value], left: bool, right: bool) -> Answer {
    let letters: Vec<char> = v[1].str().chars().collect();
    let mut text = v[0].str();
    if left {
        text = text.trim_start_matches(|c| letters.contains(&c));
    }
    if right {
        text = text.trim_end_matches(|c| letters.contains(&c));
    }
    Ok(Value::from(text))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("lower", "char -> char", |v, _| Ok(each(v[0].str(), lower))),
    strict("upper", "char -> char", |v, _| Ok(each(v[0].str(), upper))),
    strict("lower", "varchar(x) -> varchar(x)", |v, _| Ok(each(v[0].str(), lower))),
    strict("upper", "varchar(x) -> varchar(x)", |v, _| Ok(each(v[0].str(), upper))),
    strict("length", "char -> bigint", |v, call| {
        Ok(Value::Int(if let Kind::Char(length) = call.args[0] { length.into() } else { 0 }.max(count(v[0].str()).int())))
    }),
    strict("length", "varchar -> bigint", |v, _| Ok(count(v[0].str()))),
    strict("length", "varbinary -> bigint", |v, _| Ok(Value::Int(i64::try_from(v[0].bytes().len()).unwrap_or(0)))),
    strict("reverse", "char -> char", |v, call| {
        let Kind::Char(length) = call.result else { return Ok(Value::Null) };
        let reversed: String = crate::text::pad(v[0].str(), length).chars().rev().collect();
        Ok(Value::from(reversed.trim_end_matches(' ')))
    }),
    strict("reverse", "varchar(x) -> varchar(x)", |v, _| Ok(Value::from(v[0].str().chars().rev().collect::<String>()))),
    strict("substr", "varchar(x), bigint -> varchar(x)", |v, _| Ok(substr(v[0].str(), v[1].int(), None))),
    strict("substr", "varchar(x), bigint, bigint -> varchar(x)", |v, _| Ok(substr(v[0].str(), v[1].int(), Some(v[2].int())))),
    strict("substring", "varchar(x), bigint -> varchar(x)", |v, _| Ok(substr(v[0].str(), v[1].int(), None))),
    strict("substring", "varchar(x), bigint, bigint -> varchar(x)", |v, _| Ok(substr(v[0].str(), v[1].int(), Some(v[2].int())))),
    strict("strpos", "varchar, varchar -> bigint", |v, _| position(v[0].str(), v[1].str(), 1)),
    strict("strpos", "varchar, varchar, bigint -> bigint", |v, _| position(v[0].str(), v[1].str(), v[2].int())),
    strict("starts_with", "varchar, varchar -> boolean", |v, _| Ok(Value::Bool(v[0].str().starts_with(v[1].str())))),
    strict("trim", "char -> varchar", |v, _| Ok(Value::from(v[0].str().trim_matches(is_space)))),
    strict("ltrim", "char -> varchar", |v, _| Ok(Value::from(v[0].str().trim_start_matches(is_space)))),
    strict("rtrim", "char -> varchar", |v, _| Ok(Value::from(v[0].str().trim_end_matches(is_space)))),
    strict("trim", "char, varchar -> varchar", |v, _| trim_with(v, true, true)),
    strict("ltrim", "char, varchar -> varchar", |v, _| trim_with(v, true, false)),
    strict("rtrim", "char, varchar -> varchar", |v, _| trim_with(v, false, true)),
    strict("trim", "varchar(x) -> varchar(x)", |v, _| Ok(Value::from(v[0].str().trim_matches(is_space)))),
    strict("ltrim", "varchar(x) -> varchar(x)", |v, _| Ok(Value::from(v[0].str().trim_start_matches(is_space)))),
    strict("rtrim", "varchar(x) -> varchar(x)", |v, _| Ok(Value::from(v[0].str().trim_end_matches(is_space)))),
    strict("trim", "varchar(x), varchar -> varchar(x)", |v, _| trim_with(v, true, true)),
    strict("ltrim", "varchar(x), varchar -> varchar(x)", |v, _| trim_with(v, true, false)),
    strict("rtrim", "varchar(x), varchar -> varchar(x)", |v, _| trim_with(v, false, true)),
    strict("replace", "varchar(x), varchar(y) -> varchar", |v, _| {
        Ok(Value::from(if v[1].str().is_empty() { v[0].str().to_owned() } else { v[0].str().replace(v[1].str(), "") }))
    }),
    strict("replace", "varchar(x), varchar(y), varchar(z) -> varchar", |v, _| Ok(Value::from(v[0].str().replace(v[1].str(), v[2].str())))),
    strict("split", "varchar(x), varchar -> array(varchar(x))", |v, _| split(v[0].str(), v[1].str(), None)),
    strict("split", "varchar(x), varchar, bigint -> array(varchar(x))", |v, _| split(v[0].str(), v[1].str(), Some(v[2].int()))),
    strict("split_part", "varchar(x), varchar, bigint -> varchar(x)", |v, _| split_part(v[0].str(), v[1].str(), v[2].int())),
    strict("split_to_map", "varchar, varchar, varchar -> map(varchar, varchar)", |v, _| split_to_map(v, false)),
    strict("split_to_multimap", "varchar, varchar, varchar -> map(varchar, array(varchar))", |v, _| split_to_map(v, true)),
    strict("lpad", "varchar, bigint, varchar -> varchar", |v, _| padded(v, true)),
    strict("rpad", "varchar, bigint, varchar -> varchar", |v, _| padded(v, false)),
    strict("chr", "bigint -> varchar", |v, _| {
        u32::try_from(v[0].int())
            .ok()
            .and_then(char::from_u32)
            .map(|letter| Value::from(letter.to_string()))
            .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", format!("Not a valid Unicode code point: {}", v[0].int())))
    }),
    strict("codepoint", "varchar -> integer", |v, _| match v[0].str().chars().collect::<Vec<_>>().as_slice() {
        [letter] => Ok(Value::Int(u32::from(*letter).into())),
        _ => Err(fault("INVALID_FUNCTION_ARGUMENT", "Input string must be a single character string")),
    }),
    strict("levenshtein_distance", "varchar, varchar -> bigint", |v, _| Ok(Value::Int(distance(v[0].str(), v[1].str())))),
    strict("hamming_distance", "varchar, varchar -> bigint", |v, _| hamming(v[0].str(), v[1].str())),
    strict("soundex", "varchar -> varchar", |v, _| soundex(v[0].str())),
    strict("translate", "varchar, varchar, varchar -> varchar", translate),
    strict("normalize", "varchar -> varchar", normalize),
    strict("normalize", "varchar, varchar -> varchar", normalize),
    nullable("concat_ws", "varchar, array(varchar) -> varchar", |v, call| {
        if v[1].is_null() {
            return Ok(Value::Null);
        }
        let all: Vec<Value> = [&v[0]].into_iter().chain(v[1].list()).cloned().collect();
        concat_ws(&all, call)
    }),
    nullable("concat_ws", "varchar, varchar... -> varchar", concat_ws),
    nullable("format", "varchar, A, B, C, D, E, F, G, H -> varchar", format),
    nullable("format", "varchar, A, B, C, D, E, F, G -> varchar", format),
    nullable("format", "varchar, A, B, C, D, E, F -> varchar", format),
    nullable("format", "varchar, A, B, C, D, E -> varchar", format),
    nullable("format", "varchar, A, B, C, D -> varchar", format),
    nullable("format", "varchar, A, B, C -> varchar", format),
    nullable("format", "varchar, A, B -> varchar", format),
    nullable("format", "varchar, A -> varchar", format),
    strict("word_stem", "varchar(x) -> varchar(x)", |v, _| stem(v[0].str(), "en")),
    strict("word_stem", "varchar(x), varchar -> varchar(x)", |v, _| stem(v[0].str(), v[1].str())),
    strict("luhn_check", "varchar -> boolean", |v, _| luhn(v[0].str())),
];
