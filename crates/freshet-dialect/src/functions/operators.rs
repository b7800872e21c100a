//! Operators between values that are not numbers, as functions whose names begin with `$`.

use crate::casts::wall;
use crate::error::{Error, fault};
use crate::kinds::Kind;
use crate::moments::{self, DAY};
use crate::scalar::Call;
use crate::signatures::{Entry, nullable, strict};
use crate::sorting::rank;
use crate::value::{Value, same};

type Answer = Result<Value, Error>;

fn whole_days(millis: i64) -> Result<i64, Error> {
    if millis % 86_400_000 != 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Cannot add hour, minutes or seconds to a date"));
    }
    Ok(millis / 86_400_000)
}

fn months_on_date(days: i64, months: i64) -> Answer {
    Ok(Value::Int(moments::days(moments::month_later(moments::date(days)?, months)?)))
}

fn months_on_zoned(value: &Value, months: i64) -> Answer {
    let Value::Zoned(_, zone) = value else { return Ok(Value::Null) };
    Ok(Value::Zoned(moments::instant(moments::add_months(wall(value)?, months)?, zone)?, zone.clone()))
}

fn shift(value: &Value, millis: i64) -> Answer {
    let Value::Zoned(instant, zone) = value else { return Ok(Value::Null) };
    Ok(Value::Zoned(instant + millis * 1000, zone.clone()))
}

fn scale(value: i64, by: f64) -> Answer {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a length of time, rounded")]
    Ok(Value::Int((value as f64 * by).round() as i64))
}

fn subscript_array(v: &[Value], _: &Call) -> Answer {
    let at = v[1].int();
    if at == 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "SQL array indices start at 1"));
    }
    if at < 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Array subscript is negative: ".to_owned() + &at.to_string()));
    }
    let items = v[0].list();
    usize::try_from(at - 1).ok().and_then(|at| items.get(at)).cloned().ok_or_else(|| {
        fault("INVALID_FUNCTION_ARGUMENT", format!("Array subscript must be less than or equal to array length: {at} > {}", items.len()))
    })
}

fn subscript_map(v: &[Value], call: &Call) -> Answer {
    let found = v[0].entries().iter().find(|(key, _)| same(key, &v[1])).map(|(_, item)| item.clone());
    found.ok_or_else(|| {
        fault("INVALID_FUNCTION_ARGUMENT", format!("Key not present in map: {}", crate::text::text_of(&v[1], &call.args[1])))
    })
}

fn join_arrays(v: &[Value], _: &Call) -> Answer {
    Ok(Value::List(v[0].list().iter().chain(v[1].list()).cloned().collect()))
}

fn append(v: &[Value], _: &Call) -> Answer {
    Ok(Value::List(v[0].list().iter().chain([&v[1]]).cloned().collect()))
}

fn prepend(v: &[Value], _: &Call) -> Answer {
    Ok(Value::List([&v[0]].into_iter().chain(v[1].list()).cloned().collect()))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("$add", "date, interval day to second -> date", |v, _| Ok(Value::Int(v[0].int() + whole_days(v[1].int())?))),
    strict("$add", "interval day to second, date -> date", |v, _| Ok(Value::Int(v[1].int() + whole_days(v[0].int())?))),
    strict("$add", "date, interval year to month -> date", |v, _| months_on_date(v[0].int(), v[1].int())),
    strict("$add", "interval year to month, date -> date", |v, _| months_on_date(v[1].int(), v[0].int())),
    strict("$add", "timestamp, interval day to second -> timestamp", |v, _| Ok(Value::Int(v[0].int() + v[1].int() * 1000))),
    strict("$add", "interval day to second, timestamp -> timestamp", |v, _| Ok(Value::Int(v[1].int() + v[0].int() * 1000))),
    strict("$add", "timestamp, interval year to month -> timestamp", |v, _| moments::add_months(v[0].int(), v[1].int()).map(Value::Int)),
    strict("$add", "interval year to month, timestamp -> timestamp", |v, _| moments::add_months(v[1].int(), v[0].int()).map(Value::Int)),
    strict("$add", "zoned, interval day to second -> zoned", |v, _| shift(&v[0], v[1].int())),
    strict("$add", "interval day to second, zoned -> zoned", |v, _| shift(&v[1], v[0].int())),
    strict("$add", "zoned, interval year to month -> zoned", |v, _| months_on_zoned(&v[0], v[1].int())),
    strict("$add", "interval year to month, zoned -> zoned", |v, _| months_on_zoned(&v[1], v[0].int())),
    strict("$add", "time, interval day to second -> time", |v, _| {
        Ok(Value::Int((v[0].int() + v[1].int() % 86_400_000 * 1_000_000).rem_euclid(DAY * 1000)))
    }),
    strict("$add", "interval day to second, time -> time", |v, _| {
        Ok(Value::Int((v[1].int() + v[0].int() % 86_400_000 * 1_000_000).rem_euclid(DAY * 1000)))
    }),
    strict("$add", "interval day to second, interval day to second -> interval day to second", |v, _| {
        Ok(Value::Int(v[0].int() + v[1].int()))
    }),
    strict("$add", "interval year to month, interval year to month -> interval year to month", |v, _| {
        Ok(Value::Int(v[0].int() + v[1].int()))
    }),
    strict("$subtract", "date, interval day to second -> date", |v, _| Ok(Value::Int(v[0].int() - whole_days(v[1].int())?))),
    strict("$subtract", "date, interval year to month -> date", |v, _| months_on_date(v[0].int(), -v[1].int())),
    strict("$subtract", "timestamp, interval day to second -> timestamp", |v, _| Ok(Value::Int(v[0].int() - v[1].int() * 1000))),
    strict("$subtract", "timestamp, interval year to month -> timestamp", |v, _| {
        moments::add_months(v[0].int(), -v[1].int()).map(Value::Int)
    }),
    strict("$subtract", "zoned, interval day to second -> zoned", |v, _| shift(&v[0], -v[1].int())),
    strict("$subtract", "zoned, interval year to month -> zoned", |v, _| months_on_zoned(&v[0], -v[1].int())),
    strict("$subtract", "time, interval day to second -> time", |v, _| {
        Ok(Value::Int((v[0].int() - v[1].int() % 86_400_000 * 1_000_000).rem_euclid(DAY * 1000)))
    }),
    strict("$subtract", "interval day to second, interval day to second -> interval day to second", |v, _| {
        Ok(Value::Int(v[0].int() - v[1].int()))
    }),
    strict("$subtract", "interval year to month, interval year to month -> interval year to month", |v, _| {
        Ok(Value::Int(v[0].int() - v[1].int()))
    }),
    strict("$subtract", "date, date -> interval day to second", |v, _| Ok(Value::Int((v[0].int() - v[1].int()) * 86_400_000))),
    strict("$subtract", "timestamp, timestamp -> interval day to second", |v, _| {
        Ok(Value::Int(moments::round(v[0].int() - v[1].int(), 3) / 1000))
    }),
    strict("$subtract", "zoned, zoned -> interval day to second", |v, _| Ok(Value::Int(moments::round(v[0].int() - v[1].int(), 3) / 1000))),
    strict("$subtract", "time, time -> interval day to second", |v, _| {
        Ok(Value::Int(moments::round((v[0].int() - v[1].int()) / 1000, 3) / 1000))
    }),
    strict("$multiply", "interval day to second, bigint -> interval day to second", |v, _| Ok(Value::Int(v[0].int() * v[1].int()))),
    strict("$multiply", "bigint, interval day to second -> interval day to second", |v, _| Ok(Value::Int(v[0].int() * v[1].int()))),
    strict("$multiply", "interval year to month, bigint -> interval year to month", |v, _| Ok(Value::Int(v[0].int() * v[1].int()))),
    strict("$multiply", "bigint, interval year to month -> interval year to month", |v, _| Ok(Value::Int(v[0].int() * v[1].int()))),
    strict("$multiply", "interval day to second, double -> interval day to second", |v, _| scale(v[0].int(), v[1].float())),
    strict("$multiply", "double, interval day to second -> interval day to second", |v, _| scale(v[1].int(), v[0].float())),
    strict("$multiply", "interval year to month, double -> interval year to month", |v, _| scale(v[0].int(), v[1].float())),
    strict("$multiply", "double, interval year to month -> interval year to month", |v, _| scale(v[1].int(), v[0].float())),
    strict("$divide", "interval day to second, double -> interval day to second", |v, _| {
        if v[1].float() == 0.0 { Err(fault("DIVISION_BY_ZERO", "Division by zero")) } else { scale(v[0].int(), 1.0 / v[1].float()) }
    }),
    strict("$divide", "interval year to month, double -> interval year to month", |v, _| {
        if v[1].float() == 0.0 { Err(fault("DIVISION_BY_ZERO", "Division by zero")) } else { scale(v[0].int(), 1.0 / v[1].float()) }
    }),
    strict("$subscript", "array(T), bigint -> T", subscript_array),
    strict("$subscript", "map(K, V), K -> V", subscript_map),
    strict("$concat", "varchar, varchar -> varchar", |v, _| Ok(Value::from(format!("{}{}", v[0].str(), v[1].str())))),
    strict("$concat", "varbinary, varbinary -> varbinary", |v, _| Ok(Value::from([v[0].bytes(), v[1].bytes()].concat()))),
    strict("$concat", "array(T), array(T) -> array(T)", join_arrays),
    strict("$concat", "array(T), T -> array(T)", append),
    strict("$concat", "T, array(T) -> array(T)", prepend),
    nullable("greatest", "T... -> T", |v, call| extreme(v, call, std::cmp::Ordering::Greater)),
    nullable("least", "T... -> T", |v, call| extreme(v, call, std::cmp::Ordering::Less)),
];

fn is_nan(value: &Value) -> bool {
    match value {
        Value::Float(value) => value.is_nan(),
        Value::List(items) | Value::Row(items) => items.iter().any(is_nan),
        _ => false,
    }
}

/// `greatest` and `least`: NULL where an argument is; NaN only where all are.
fn extreme(values: &[Value], call: &Call, wanted: std::cmp::Ordering) -> Answer {
    if values.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    if call.args.iter().any(|kind| !Kind::is_orderable(kind)) {
        return Err(fault("FUNCTION_NOT_FOUND", "greatest and least need types that can be ordered"));
    }
    let mut best = &values[0];
    for value in &values[1..] {
        if is_nan(best) || (!is_nan(value) && rank(value, best)? == wanted) {
            best = value;
        }
    }
    Ok(best.clone())
}
