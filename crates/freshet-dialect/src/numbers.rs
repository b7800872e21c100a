//! Numbers as text and back, as Java prints and reads them, and decimals' rounding.

use datafusion::arrow::datatypes::i256;

/// `Double.toString`: plain between a thousandth and ten million, otherwise `1.5E10`.
pub(crate) fn double_text(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        // Here Rust prints what Java prints: the shortest digits, and one at least after the point.
        return format!("{value:?}");
    }
    java(value, &shortest(value.abs()), true)
}

/// The shortest digits that are the number's own; where one is enough, the nearer of two is taken, as Java does.
fn shortest(value: f64) -> String {
    let digits = format!("{value:e}");
    if digits.find('e') != Some(1) {
        return digits;
    }
    let two = format!("{value:.1e}");
    if two.parse() == Ok(value) { two.replace(".0e", "e") } else { digits }
}

/// `Float.toString`.
pub(crate) fn real_text(value: f32) -> String {
    let digits = format!("{:e}", value.abs());
    java(value.into(), &digits, value != 0.0 && (value.abs() < 1e-3 || value.abs() >= 1e7))
}

/// `CAST(double AS varchar)`: always with an exponent, `1.0E0`.
pub(crate) fn double_cast(value: f64) -> String {
    java(value, &shortest(value.abs()), true)
}

/// `CAST(real AS varchar)`.
pub(crate) fn real_cast(value: f32) -> String {
    let shortest = format!("{:e}", value.abs());
    // At most seven digits.
    let digits = if shortest.bytes().filter(u8::is_ascii_digit).count() > 8 && value.is_finite() {
        let rounded = format!("{:.6e}", value.abs());
        let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
        format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
    } else {
        shortest
    };
    java(value.into(), &digits, true)
}

fn java(value: f64, digits: &str, scientific: bool) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}Infinity");
    }
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((digits, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 {
        return format!("{sign}{}", if scientific { "0E0" } else { "0.0" });
    }
    if scientific {
        let mantissa = if mantissa.contains('.') { mantissa.to_owned() } else { format!("{mantissa}.0") };
        return format!("{sign}{mantissa}E{exponent}");
    }
    let all: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let text = if exponent < 0 {
        format!("0.{}{all}", "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0)))
    } else {
        let whole = usize::try_from(exponent).unwrap_or(0) + 1;
        if all.len() <= whole { format!("{all:0<whole$}.0") } else { format!("{}.{}", &all[..whole], &all[whole..]) }
    };
    format!("{sign}{text}")
}

/// A decimal with its scale's digits.
pub(crate) fn decimal_text(value: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// Reads `-12.345`, with an exponent too: its digits and its scale; `None` where it is no number or too long.
pub(crate) fn read_decimal(text: &str) -> Option<(i128, i32)> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].strip_prefix('+').unwrap_or(&text[at + 1..]).parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, body) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    if (whole.is_empty() && fraction.is_empty()) || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    Some((if negative { -value } else { value }, i32::try_from(fraction.len()).ok()? - exponent))
}

pub(crate) fn power(exponent: u32) -> i128 {
    10_i128.checked_pow(exponent).unwrap_or(i128::MAX)
}

/// Moves a decimal to another scale, rounding half away from zero; `None` where it grows too large.
pub(crate) fn rescale(value: i128, from: i32, to: i32) -> Option<i128> {
    if to >= from {
        return if value == 0 { Some(0) } else { value.checked_mul(10_i128.checked_pow(u32::try_from(to - from).ok()?)?) };
    }
    let Some(unit) = 10_i128.checked_pow(u32::try_from(from - to).ok()?) else { return Some(0) };
    Some(divide(value, unit))
}

/// Division that rounds half away from zero.
pub(crate) fn divide(value: i128, by: i128) -> i128 {
    let (quotient, rest) = (value / by, value % by);
    if rest.unsigned_abs() * 2 >= by.unsigned_abs() { quotient + if (value < 0) == (by < 0) { 1 } else { -1 } } else { quotient }
}

/// A value of twice the width, divided, half away from zero.
pub(crate) fn divide_wide(value: i256, by: i128) -> Option<i128> {
    let by = i256::from_i128(by);
    let (quotient, rest) = (value.checked_div(by)?, value.checked_rem(by)?);
    let step = if value.is_negative() == by.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    let is_up = rest.wrapping_add(rest).wrapping_abs() >= by.wrapping_abs();
    if is_up { quotient.checked_add(step)? } else { quotient }.to_i128()
}

/// `a × 10^shift ÷ b`, half away from zero, also where the product is larger than the type.
pub(crate) fn quotient(a: i128, shift: u32, b: i128) -> Option<i128> {
    match 10_i128.checked_pow(shift).and_then(|unit| a.checked_mul(unit)) {
        Some(product) => Some(divide(product, b)),
        None => divide_wide(raised(a, shift)?, b),
    }
}

/// What `a × 10^up ÷ (b × 10^shift)` leaves, also where the products are larger than the type. The quotient has to fit it: Trino
/// refuses the larger ones too (476, seen: of ten times the type, not of a little more).
pub(crate) fn remainder(a: i128, up: u32, b: i128, shift: u32) -> Option<i128> {
    let narrow = |value: i128, up| value.checked_mul(10_i128.checked_pow(up)?);
    if let (Some(a), Some(b)) = (narrow(a, up), narrow(b, shift)) {
        return a.checked_rem(b);
    }
    let (a, b) = (raised(a, up)?, raised(b, shift)?);
    a.checked_div(b)?.to_i128()?;
    a.checked_rem(b)?.to_i128()
}

fn raised(value: i128, shift: u32) -> Option<i256> {
    i256::from_i128(value).checked_mul(i256::from_i128(10).checked_pow(shift)?)
}

/// A double as a decimal of a scale, from the shortest text that is its own, half away from zero.
pub(crate) fn double_to_decimal(value: f64, scale: u8) -> Option<i128> {
    let (digits, at) = read_decimal(&format!("{value:e}"))?;
    rescale(digits, at, scale.into())
}

/// A real as a decimal of a scale.
pub(crate) fn real_to_decimal(value: f32, scale: u8) -> Option<i128> {
    let (digits, at) = read_decimal(&format!("{value:e}"))?;
    rescale(digits, at, scale.into())
}

/// A decimal as the nearest double.
pub(crate) fn decimal_to_double(value: i128, scale: u8) -> f64 {
    decimal_text(value, scale).parse().unwrap_or(f64::NAN)
}

/// `Double.parseDouble`.
pub(crate) fn read_double(text: &str) -> Option<f64> {
    let text = text.trim();
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    match body {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => {}
    }
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text).parse().ok()
}

/// Rounds half away from zero, for casts of doubles to integers.
pub(crate) fn round_half_up(value: f64) -> f64 {
    value.round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_java_prints_them() {
        for (value, text, cast) in [
            (1.0, "1.0", "1.0E0"),
            (0.25, "0.25", "2.5E-1"),
            (1e7, "1.0E7", "1.0E7"),
            (123_456.5, "123456.5", "1.234565E5"),
            (0.001, "0.001", "1.0E-3"),
            (-7.5853e-4, "-7.5853E-4", "-7.5853E-4"),
            (0.0, "0.0", "0E0"),
            (1e-323, "9.9E-324", "9.9E-324"),
            (f64::from_bits(1), "4.9E-324", "4.9E-324"),
            (1e23, "1.0E23", "1.0E23"),
        ] {
            assert_eq!((double_text(value), double_cast(value)), (text.to_owned(), cast.to_owned()));
        }
    }

    /// The plain ones go their own way, to the same text as the others'.
    #[test]
    fn plain_doubles_have_the_shortest_digits() {
        let mut bits = 0x3f50_0000_0000_0000_u64;
        let mut seen = 0;
        while f64::from_bits(bits) < 2e7 {
            for value in [f64::from_bits(bits), -f64::from_bits(bits), (f64::from_bits(bits) * 1e4).round() / 1e4] {
                let is_scientific = value != 0.0 && !(1e-3..1e7).contains(&value.abs());
                assert_eq!(double_text(value), java(value, &shortest(value.abs()), is_scientific), "{value:e}");
                seen += 1;
            }
            bits += 0x0000_7a3f_91c5_d6b7;
        }
        assert!(seen > 3_000, "{seen}");
    }

    #[test]
    fn decimals_round_half_away_from_zero() {
        assert_eq!(rescale(125, 2, 1), Some(13));
        assert_eq!(rescale(-125, 2, 1), Some(-13));
        assert_eq!(rescale(5, 0, 2), Some(500));
        assert_eq!(read_decimal("-12.50e1"), Some((-1250, 1)));
        assert_eq!((double_to_decimal(1.005, 2), double_to_decimal(1e-300, 2), double_to_decimal(f64::NAN, 2)), (Some(101), Some(0), None));
    }
}
