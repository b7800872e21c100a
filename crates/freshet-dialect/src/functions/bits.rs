//! Bits of whole numbers.

use crate::error::{Error, fault};
use crate::kinds::Kind;
use crate::scalar::Call;
use crate::signatures::{Entry, strict};
use crate::value::Value;

type Answer = Result<Value, Error>;

fn width(kind: &Kind) -> u32 {
    match kind {
        Kind::TinyInt => 8,
        Kind::SmallInt => 16,
        Kind::Integer => 32,
        _ => 64,
    }
}

/// Cuts a number to a width, with its sign.
fn cut(value: i64, width: u32) -> Value {
    let spare = 64 - width;
    Value::Int(value << spare >> spare)
}

fn left(v: &[Value], call: &Call) -> Answer {
    let width = width(&call.args[0]);
    Ok(match u32::try_from(v[1].int()) {
        Ok(by) if by < width => cut(v[0].int() << by, width),
        _ => Value::Int(0),
    })
}

fn right(v: &[Value], call: &Call) -> Answer {
    let width = width(&call.args[0]);
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    Ok(match u32::try_from(v[1].int()) {
        Ok(by) if by < width => cut(((v[0].int().cast_unsigned() & mask) >> by).cast_signed(), width),
        _ => Value::Int(0),
    })
}

fn arithmetic(v: &[Value], _: &Call) -> Answer {
    Ok(Value::Int(match u32::try_from(v[1].int()) {
        Ok(by) if by < 64 => v[0].int() >> by,
        _ if v[0].int() < 0 => -1,
        _ => 0,
    }))
}

fn bit_count(v: &[Value], _: &Call) -> Answer {
    let (value, bits) = (v[0].int(), v[1].int());
    if !(2..=64).contains(&bits) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Bits specified in bit_count must be between 2 and 64, got {bits}")));
    }
    let low = -(1_i128 << (bits - 1));
    let high = (1_i128 << (bits - 1)) - 1;
    if !(low..=high).contains(&i128::from(value)) {
        return Err(fault(
            "INVALID_FUNCTION_ARGUMENT",
            format!("Number must be representable with the bits specified. {value} cannot be represented with {bits} bits"),
        ));
    }
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    Ok(Value::Int((value.cast_unsigned() & mask).count_ones().into()))
}

macro_rules! shifts {
    ($($kind:literal),*) => {
        &[$(
            strict("bitwise_left_shift", concat!($kind, ", bigint -> ", $kind), left),
            strict("bitwise_right_shift", concat!($kind, ", bigint -> ", $kind), right),
            strict("bitwise_right_shift_arithmetic", concat!($kind, ", bigint -> ", $kind), arithmetic),
        )*]
    };
}

/// Shifts keep their number's type.
pub(crate) const SHIFTS: &[Entry] = shifts!("tinyint", "smallint", "integer", "bigint");

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("bitwise_and", "bigint, bigint -> bigint", |v, _| Ok(Value::Int(v[0].int() & v[1].int()))),
    strict("bitwise_or", "bigint, bigint -> bigint", |v, _| Ok(Value::Int(v[0].int() | v[1].int()))),
    strict("bitwise_xor", "bigint, bigint -> bigint", |v, _| Ok(Value::Int(v[0].int() ^ v[1].int()))),
    strict("bitwise_not", "bigint -> bigint", |v, _| Ok(Value::Int(!v[0].int()))),
    strict("bit_count", "bigint, bigint -> bigint", bit_count),
];
