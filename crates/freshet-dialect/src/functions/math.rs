//! Numbers.

use crate::error::{Error, fault};
use crate::kinds::Kind;
use crate::numbers::{divide, power};
use crate::scalar::Call;
use crate::signatures::{Entry, nullable, strict};
use crate::value::Value;

type Answer = Result<Value, Error>;

fn scale(call: &Call) -> u8 {
    if let Kind::Decimal(_, scale) = call.args[0] { scale } else { 0 }
}

/// Rounds half away from zero, as Trino does with doubles: exact where the decimal text is.
#[expect(clippy::cast_possible_truncation, reason = "the places are few")]
fn round_double(value: f64, places: i64) -> f64 {
    if !value.is_finite() {
        return value;
    }
    if places == 0 {
        return value.round();
    }
    let factor = 10_f64.powi(places.clamp(-400, 400) as i32);
    if value < 0.0 { -(-value * factor).round() / factor } else { (value * factor).round() / factor }
}

fn round_double_checked(value: f64, places: i64) -> f64 {
    let rounded = round_double(value, places);
    if rounded.is_finite() { rounded } else { value }
}

fn round_int(value: i64, places: i64) -> Answer {
    if places >= 0 {
        return Ok(Value::Int(value));
    }
    if places < -18 {
        return Err(fault("NUMERIC_VALUE_OUT_OF_RANGE", "numerical overflow"));
    }
    let unit = power(u32::try_from(-places).unwrap_or(18));
    i64::try_from(divide(value.into(), unit).saturating_mul(unit))
        .map(Value::Int)
        .map_err(|_| fault("NUMERIC_VALUE_OUT_OF_RANGE", "numerical overflow"))
}

fn round_decimal(v: &[Value], call: &Call) -> Answer {
    let scale = i64::from(scale(call));
    let places = v.get(1).map_or(0, Value::int);
    let value = v[0].decimal();
    if v.len() == 1 {
        return Ok(Value::Decimal(divide(value, power(u32::try_from(scale).unwrap_or(0)))));
    }
    if places >= scale {
        return Ok(Value::Decimal(value));
    }
    let drop = u32::try_from(scale - places).unwrap_or(39);
    if drop > 38 {
        return Ok(Value::Decimal(0));
    }
    let unit = power(drop);
    Ok(Value::Decimal(divide(value, unit).saturating_mul(unit)))
}

fn floor_decimal(v: &[Value], call: &Call) -> Answer {
    Ok(Value::Decimal(v[0].decimal().div_euclid(power(scale(call).into()))))
}

fn ceiling_decimal(v: &[Value], call: &Call) -> Answer {
    Ok(Value::Decimal(-(-v[0].decimal()).div_euclid(power(scale(call).into()))))
}

fn truncate_decimal(v: &[Value], call: &Call) -> Answer {
    let scale = i64::from(scale(call));
    if v.len() == 1 {
        return Ok(Value::Decimal(v[0].decimal() / power(u32::try_from(scale).unwrap_or(0))));
    }
    let drop = scale - v[1].int();
    if drop <= 0 {
        return Ok(v[0].clone());
    }
    if drop > 38 {
        return Ok(Value::Decimal(0));
    }
    let unit = power(u32::try_from(drop).unwrap_or(38));
    Ok(Value::Decimal(v[0].decimal() / unit * unit))
}

fn abs_int(v: &[Value], call: &Call) -> Answer {
    let value = v[0]
        .int()
        .checked_abs()
        .ok_or_else(|| fault("NUMERIC_VALUE_OUT_OF_RANGE", format!("Value {} is out of range for abs({})", v[0].int(), call.args[0])))?;
    Ok(Value::Int(value))
}

fn to_base(value: i64, radix: i64) -> Answer {
    let radix = radix_of(radix)?;
    let mut digits = Vec::new();
    let mut rest = value.unsigned_abs();
    while rest > 0 || digits.is_empty() {
        digits.push(char::from_digit(u32::try_from(rest % u64::from(radix)).unwrap_or(0), radix).unwrap_or('0'));
        rest /= u64::from(radix);
    }
    if value < 0 {
        digits.push('-');
    }
    Ok(Value::from(digits.into_iter().rev().collect::<String>()))
}

fn radix_of(radix: i64) -> Result<u32, Error> {
    u32::try_from(radix)
        .ok()
        .filter(|radix| (2..=36).contains(radix))
        .ok_or_else(|| fault("INVALID_FUNCTION_ARGUMENT", "Radix must be between 2 and 36"))
}

fn from_base(text: &str, radix: i64) -> Answer {
    let radix = radix_of(radix)?;
    i64::from_str_radix(text, radix)
        .map(Value::Int)
        .map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", format!("Not a valid base-{radix} number: {text}")))
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a count of buckets")]
fn bucket(v: &[Value], _: &Call) -> Answer {
    let (value, low, high, count) = (v[0].float(), v[1].float(), v[2].float(), v[3].int());
    if count <= 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "bucketCount must be greater than 0"));
    }
    if value.is_nan() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "operand must not be NaN"));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "bounds must be finite"));
    }
    if (low - high).abs() == 0.0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "bounds cannot equal each other"));
    }
    let (least, most) = (low.min(high), low.max(high));
    let place = if value < least {
        0
    } else if value >= most {
        count.checked_add(1).ok_or_else(|| fault("NUMERIC_VALUE_OUT_OF_RANGE", "Bucket for value is out of range"))?
    } else {
        (count as f64 * (value - least) / (most - least) + 1.0) as i64
    };
    Ok(Value::Int(if low > high { count - place + 1 } else { place }))
}

fn bucket_array(v: &[Value], _: &Call) -> Answer {
    let value = v[0].float();
    let bins = v[1].list();
    if bins.is_empty() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Bins cannot be an empty array"));
    }
    if value.is_nan() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Operand cannot be NaN"));
    }
    if bins.iter().any(|bin| bin.is_null() || !bin.float().is_finite()) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Bin values must be finite"));
    }
    if bins.windows(2).any(|pair| pair[0].float() > pair[1].float()) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Bin values are not sorted in ascending order"));
    }
    Ok(Value::Int(i64::try_from(bins.partition_point(|bin| bin.float() <= value)).unwrap_or(0)))
}

fn random(low: i64, high: i64) -> Answer {
    if low >= high {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "bound must be positive and start less than stop"));
    }
    let share: f64 = rand::random();
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a random place in a range")]
    Ok(Value::Int((low + ((high - low) as f64 * share) as i64).min(high - 1)))
}

fn normal_cdf(mean: f64, deviation: f64, value: f64) -> Answer {
    if deviation <= 0.0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "standardDeviation must be > 0"));
    }
    Ok(Value::Float(0.5 * (1.0 + erf((value - mean) / (deviation * std::f64::consts::SQRT_2)))))
}

/// The error function: its series, and its continued fraction far out.
fn erf(x: f64) -> f64 {
    if x.abs() < 3.0 {
        let (mut sum, mut term) = (x, x);
        for n in 1..200 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        return sum * 2.0 / std::f64::consts::PI.sqrt();
    }
    let mut fraction = 0.0;
    for n in (1..=60).rev() {
        fraction = f64::from(n) / 2.0 / (x.abs() + fraction);
    }
    let tail = (-x * x).exp() / ((x.abs() + fraction) * std::f64::consts::PI.sqrt());
    (1.0 - tail).copysign(x)
}

fn vector(value: &Value) -> Vec<f64> {
    value.list().iter().map(Value::float).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let length = norm(a) * norm(b);
    (length != 0.0).then(|| dot / length)
}

macro_rules! doubles {
    ($($name:literal $function:expr),*) => {
        &[$(strict($name, "double -> double", |v, _| { let f: fn(f64) -> f64 = $function; Ok(Value::Float(f(v[0].float()))) })),*]
    };
}

/// Functions of one double.
pub(crate) const DOUBLES: &[Entry] = doubles!(
    "sqrt" f64::sqrt, "cbrt" f64::cbrt, "exp" f64::exp, "ln" f64::ln, "log2" f64::log2, "log10" f64::log10, "sin" f64::sin, "cos" f64::cos, "tan" f64::tan, "asin" f64::asin, "acos" f64::acos,
    "atan" f64::atan, "sinh" f64::sinh, "cosh" f64::cosh, "tanh" f64::tanh, "degrees" f64::to_degrees, "radians" f64::to_radians
);

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("abs", "tinyint -> tinyint", abs_int),
    strict("abs", "smallint -> smallint", abs_int),
    strict("abs", "integer -> integer", abs_int),
    strict("abs", "bigint -> bigint", abs_int),
    strict("abs", "decimal -> decimal", |v, _| Ok(Value::Decimal(v[0].decimal().abs()))),
    strict("abs", "real -> real", |v, _| Ok(Value::Float(v[0].float().abs()))),
    strict("abs", "double -> double", |v, _| Ok(Value::Float(v[0].float().abs()))),
    strict("round", "tinyint -> tinyint", |v, _| Ok(v[0].clone())),
    strict("round", "smallint -> smallint", |v, _| Ok(v[0].clone())),
    strict("round", "integer -> integer", |v, _| Ok(v[0].clone())),
    strict("round", "bigint -> bigint", |v, _| Ok(v[0].clone())),
    strict("round", "decimal -> decimal", round_decimal),
    strict("round", "real -> real", |v, _| Ok(Value::Float(v[0].float().round()))),
    strict("round", "double -> double", |v, _| Ok(Value::Float(v[0].float().round()))),
    strict("round", "tinyint, bigint -> tinyint", |v, _| round_int(v[0].int(), v[1].int())),
    strict("round", "smallint, bigint -> smallint", |v, _| round_int(v[0].int(), v[1].int())),
    strict("round", "integer, bigint -> integer", |v, _| round_int(v[0].int(), v[1].int())),
    strict("round", "bigint, bigint -> bigint", |v, _| round_int(v[0].int(), v[1].int())),
    strict("round", "decimal, bigint -> decimal", round_decimal),
    strict("round", "real, bigint -> real", |v, _| Ok(Value::Float(round_double_checked(v[0].float(), v[1].int())))),
    strict("round", "double, bigint -> double", |v, _| Ok(Value::Float(round_double_checked(v[0].float(), v[1].int())))),
    strict("floor", "tinyint -> tinyint", |v, _| Ok(v[0].clone())),
    strict("floor", "smallint -> smallint", |v, _| Ok(v[0].clone())),
    strict("floor", "integer -> integer", |v, _| Ok(v[0].clone())),
    strict("floor", "bigint -> bigint", |v, _| Ok(v[0].clone())),
    strict("floor", "decimal -> decimal", floor_decimal),
    strict("floor", "real -> real", |v, _| Ok(Value::Float(v[0].float().floor()))),
    strict("floor", "double -> double", |v, _| Ok(Value::Float(v[0].float().floor()))),
    strict("ceiling", "tinyint -> tinyint", |v, _| Ok(v[0].clone())),
    strict("ceiling", "smallint -> smallint", |v, _| Ok(v[0].clone())),
    strict("ceiling", "integer -> integer", |v, _| Ok(v[0].clone())),
    strict("ceiling", "bigint -> bigint", |v, _| Ok(v[0].clone())),
    strict("ceiling", "decimal -> decimal", ceiling_decimal),
    strict("ceiling", "real -> real", |v, _| Ok(Value::Float(v[0].float().ceil()))),
    strict("ceiling", "double -> double", |v, _| Ok(Value::Float(v[0].float().ceil()))),
    strict("truncate", "decimal -> decimal", truncate_decimal),
    strict("truncate", "decimal, bigint -> decimal", truncate_decimal),
    strict("truncate", "real -> real", |v, _| Ok(Value::Float(v[0].float().trunc()))),
    strict("truncate", "double -> double", |v, _| Ok(Value::Float(v[0].float().trunc()))),
    strict("sign", "tinyint -> tinyint", |v, _| Ok(Value::Int(v[0].int().signum()))),
    strict("sign", "smallint -> smallint", |v, _| Ok(Value::Int(v[0].int().signum()))),
    strict("sign", "integer -> integer", |v, _| Ok(Value::Int(v[0].int().signum()))),
    strict("sign", "bigint -> bigint", |v, _| Ok(Value::Int(v[0].int().signum()))),
    strict("sign", "decimal -> decimal", |v, _| Ok(Value::Decimal(v[0].decimal().signum()))),
    strict("sign", "real -> real", |v, _| Ok(Value::Float(sign(v[0].float())))),
    strict("sign", "double -> double", |v, _| Ok(Value::Float(sign(v[0].float())))),
    strict("power", "double, double -> double", |v, _| Ok(Value::Float(pow(v[0].float(), v[1].float())))),
    strict("pow", "double, double -> double", |v, _| Ok(Value::Float(pow(v[0].float(), v[1].float())))),
    strict("log", "double, double -> double", |v, _| Ok(Value::Float(v[1].float().ln() / v[0].float().ln()))),
    strict("atan2", "double, double -> double", |v, _| Ok(Value::Float(v[0].float().atan2(v[1].float())))),
    nullable("pi", "-> double", |_, _| Ok(Value::Float(std::f64::consts::PI))),
    nullable("e", "-> double", |_, _| Ok(Value::Float(std::f64::consts::E))),
    nullable("nan", "-> double", |_, _| Ok(Value::Float(f64::NAN))),
    nullable("infinity", "-> double", |_, _| Ok(Value::Float(f64::INFINITY))),
    strict("is_nan", "real -> boolean", |v, _| Ok(Value::Bool(v[0].float().is_nan()))),
    strict("is_nan", "double -> boolean", |v, _| Ok(Value::Bool(v[0].float().is_nan()))),
    strict("is_finite", "double -> boolean", |v, _| Ok(Value::Bool(v[0].float().is_finite()))),
    strict("is_infinite", "double -> boolean", |v, _| Ok(Value::Bool(v[0].float().is_infinite()))),
    strict("to_base", "bigint, bigint -> varchar", |v, _| to_base(v[0].int(), v[1].int())),
    strict("from_base", "varchar, bigint -> bigint", |v, _| from_base(v[0].str(), v[1].int())),
    strict("width_bucket", "double, double, double, bigint -> bigint", bucket),
    strict("width_bucket", "double, array(double) -> bigint", bucket_array),
    nullable("random", "-> double", |_, _| Ok(Value::Float(rand::random()))),
    nullable("rand", "-> double", |_, _| Ok(Value::Float(rand::random()))),
    strict("random", "tinyint -> tinyint", |v, _| random(0, v[0].int())),
    strict("random", "smallint -> smallint", |v, _| random(0, v[0].int())),
    strict("random", "integer -> integer", |v, _| random(0, v[0].int())),
    strict("random", "integer, integer -> integer", |v, _| random(v[0].int(), v[1].int())),
    strict("rand", "tinyint -> tinyint", |v, _| random(0, v[0].int())),
    strict("rand", "smallint -> smallint", |v, _| random(0, v[0].int())),
    strict("rand", "integer -> integer", |v, _| random(0, v[0].int())),
    strict("rand", "integer, integer -> integer", |v, _| random(v[0].int(), v[1].int())),
    strict("random", "bigint -> bigint", |v, _| random(0, v[0].int())),
    strict("rand", "bigint -> bigint", |v, _| random(0, v[0].int())),
    strict("random", "bigint, bigint -> bigint", |v, _| random(v[0].int(), v[1].int())),
    strict("rand", "bigint, bigint -> bigint", |v, _| random(v[0].int(), v[1].int())),
    strict("normal_cdf", "double, double, double -> double", |v, _| normal_cdf(v[0].float(), v[1].float(), v[2].float())),
    strict("cosine_similarity", "array(double), array(double) -> double", |v, _| {
        let (a, b) = (vector(&v[0]), vector(&v[1]));
        if a.len() != b.len() {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", "The arguments must have the same length"));
        }
        Ok(cosine(&a, &b).into())
    }),
    strict("cosine_similarity", "map(varchar, double), map(varchar, double) -> double", |v, _| {
        let norm = |entries: &[(Value, Value)]| entries.iter().map(|(_, item)| item.float() * item.float()).sum::<f64>().sqrt();
        let dot: f64 = v[0]
            .entries()
            .iter()
            .filter_map(|(key, item)| v[1].entries().iter().find(|(other, _)| other == key).map(|(_, other)| item.float() * other.float()))
            .sum();
        let length = norm(v[0].entries()) * norm(v[1].entries());
        Ok(if length == 0.0 { Value::Null } else { Value::Float(dot / length) })
    }),
];

fn sign(value: f64) -> f64 {
    if value == 0.0 || value.is_nan() { value } else { value.signum() }
}

/// Java's `pow`: one to a NaN is NaN there.
fn pow(base: f64, exponent: f64) -> f64 {
    if exponent.is_nan() || (base.abs() == 1.0 && exponent.is_infinite()) { f64::NAN } else { base.powf(exponent) }
}
