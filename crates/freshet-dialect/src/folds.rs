//! The folds of gathered rows: what each such aggregate makes of its group.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use crate::digest::Digest;
use crate::error::{Error, fault};
use crate::gather::{Folding, Row, key};
use crate::kinds::Kind;
use crate::numbers::divide;
use crate::scalar::Call;
use crate::sorting::{rank, sorted};
use crate::value::{Value, same};

fn folding(fold: fn(Vec<Row>, &Call) -> Result<Value, Error>) -> Folding {
    Folding { fold, shrink: None, skips_null: false }
}

fn skipping(fold: fn(Vec<Row>, &Call) -> Result<Value, Error>) -> Folding {
    Folding { fold, shrink: None, skips_null: true }
}

/// The fold of a name.
pub(crate) fn of(name: &str) -> Option<Folding> {
    Some(match name {
        "array_agg" => folding(|rows, _| Ok(if rows.is_empty() { Value::Null } else { Value::List(firsts(rows)) })),
        "arbitrary" | "any_value" => Folding {
            fold: |rows, _| Ok(rows.into_iter().flatten().find(|value| !value.is_null()).unwrap_or(Value::Null)),
            shrink: Some(keep_first),
            skips_null: true,
        },
        "single_value" => folding(|rows, _| {
            if rows.len() > 1 {
                return Err(fault("SUBQUERY_MULTIPLE_ROWS", "Scalar sub-query has returned multiple rows"));
            }
            Ok(firsts(rows).pop().unwrap_or(Value::Null))
        }),
        "max" => Folding {
            fold: |rows, _| first_of_best(&rows, 0, Ordering::Greater),
            shrink: Some(|rows, _| keep_best(rows, 0, Ordering::Greater)),
            skips_null: true,
        },
        "min" => Folding {
            fold: |rows, _| first_of_best(&rows, 0, Ordering::Less),
            shrink: Some(|rows, _| keep_best(rows, 0, Ordering::Less)),
            skips_null: true,
        },
        "max_by" => Folding {
            fold: |rows, _| first_of_best(&rows, 1, Ordering::Greater),
            shrink: Some(|rows, _| keep_best(rows, 1, Ordering::Greater)),
            skips_null: false,
        },
        "min_by" => Folding {
            fold: |rows, _| first_of_best(&rows, 1, Ordering::Less),
            shrink: Some(|rows, _| keep_best(rows, 1, Ordering::Less)),
            skips_null: false,
        },
        "max_n" => skipping(|rows, _| top(rows, 0, 1, true)),
        "min_n" => skipping(|rows, _| top(rows, 0, 1, false)),
        "max_by_n" => folding(|rows, _| top(rows, 1, 2, true)),
        "min_by_n" => folding(|rows, _| top(rows, 1, 2, false)),
        "sum_interval" => {
            skipping(|rows, _| Ok(if rows.is_empty() { Value::Null } else { Value::Int(rows.iter().map(|row| row[0].int()).sum()) }))
        }
        "avg_interval" => skipping(|rows, _| Ok(average(&rows))),
        "count_distinct" => skipping(|rows, _| Ok(Value::Int(i64::try_from(rows.len()).unwrap_or(0)))),
        "map_agg" => folding(map_agg),
        "multimap_agg" => folding(multimap_agg),
        "map_union" => skipping(map_union),
        "histogram" => skipping(histogram),
        "listagg" => skipping(listagg),
        "bitwise_and_agg" => skipping(|rows, _| Ok(rows.into_iter().map(|row| row[0].int()).reduce(|a, b| a & b).into())),
        "bitwise_or_agg" => skipping(|rows, _| Ok(rows.into_iter().map(|row| row[0].int()).reduce(|a, b| a | b).into())),
        "bitwise_xor_agg" => skipping(|rows, _| Ok(rows.into_iter().map(|row| row[0].int()).reduce(|a, b| a ^ b).into())),
        "geometric_mean" => skipping(|rows, _| Ok(geometric(&rows))),
        "skewness" => skipping(|rows, _| Ok(skewness(&rows))),
        "kurtosis" => skipping(|rows, _| Ok(kurtosis(&rows))),
        "approx_percentile" => folding(|rows, call| percentile(&rows, call, false)),
        "approx_percentile_of_tables" => folding(|rows, call| percentile(&rows, call, true)),
        _ => return None,
    })
}

fn firsts(rows: Vec<Row>) -> Vec<Value> {
    rows.into_iter().filter_map(|row| row.into_iter().next()).collect()
}

fn keep_first(rows: &mut Vec<Row>, _: &Call) {
    if let Some(at) = rows.iter().position(|row| !row[0].is_null()) {
        rows.swap(0, at);
    }
    rows.truncate(1);
}

/// Whether a value is a number that is none.
fn is_nan(value: &Value) -> bool {
    match value {
        Value::Float(value) => value.is_nan(),
        Value::List(items) | Value::Row(items) => items.iter().any(is_nan),
        _ => false,
    }
}

/// The row whose value at a place is the best; NULL never is, NaN only alone. Two rows that stand in no order are given back as they
/// clash.
fn best(rows: &[Row], at: usize, wanted: Ordering) -> Result<Option<&Row>, ([&Row; 2], Error)> {
    let mut best: Option<&Row> = None;
    for row in rows.iter().filter(|row| !row[at].is_null()) {
        best = Some(match best {
            None => row,
            Some(known) if is_nan(&known[at]) => row,
            Some(known) if is_nan(&row[at]) => known,
            Some(known) => match rank(&row[at], &known[at]) {
                Ok(found) if found == wanted => row,
                Ok(_) => known,
                Err(error) => return Err(([known, row], error)),
            },
        });
    }
    Ok(best)
}

fn first_of_best(rows: &[Row], at: usize, wanted: Ordering) -> Result<Value, Error> {
    let found = best(rows, at, wanted).map_err(|(_, error)| error)?;
    Ok(found.map_or(Value::Null, |row| row[0].clone()))
}

/// Keeps the best row; two that clash instead, so that the answer is their error.
fn keep_best(rows: &mut Vec<Row>, at: usize, wanted: Ordering) {
    let kept: Vec<Row> = match best(rows, at, wanted) {
        Ok(found) => found.cloned().into_iter().collect(),
        Err((clash, _)) => clash.into_iter().cloned().collect(),
    };
    *rows = kept;
}

/// The first values by another, as many as the last argument says.
fn top(mut rows: Vec<Row>, by: usize, count: usize, descending: bool) -> Result<Value, Error> {
    rows.retain(|row| !row[by].is_null());
    let Some(limit) = rows.first().map(|row| row[count].int()) else { return Ok(Value::Null) };
    if !(1..=10_000).contains(&limit) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("third argument of max_by/min_by must be between 1 and 10000: {limit}")));
    }
    // NaN comes last either way.
    let mut rows = sorted(rows, &mut |a, b| match (is_nan(&a[by]), is_nan(&b[by])) {
        (false, false) if descending => rank(&b[by], &a[by]),
        (false, false) => rank(&a[by], &b[by]),
        (one, other) => Ok(one.cmp(&other)),
    })?;
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(Value::List(firsts(rows)))
}

fn average(rows: &[Row]) -> Value {
    if rows.is_empty() {
        return Value::Null;
    }
    let sum: i128 = rows.iter().map(|row| i128::from(row[0].int())).sum();
    i64::try_from(divide(sum, rows.len() as i128)).ok().into()
}

fn map_agg(rows: Vec<Row>, _: &Call) -> Result<Value, Error> {
    let mut entries: Vec<(Value, Value)> = Vec::new();
    let mut seen = HashSet::new();
    for mut row in rows {
        let (item, name) = (row.swap_remove(1), row.swap_remove(0));
        if !name.is_null() && seen.insert(key(std::slice::from_ref(&name))) {
            entries.push((name, item));
        }
    }
    Ok(if entries.is_empty() { Value::Null } else { Value::Map(entries) })
}

fn multimap_agg(rows: Vec<Row>, _: &Call) -> Result<Value, Error> {
    let mut entries: Vec<(Value, Vec<Value>)> = Vec::new();
    let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
    for mut row in rows {
        let (item, name) = (row.swap_remove(1), row.swap_remove(0));
        if name.is_null() {
            continue;
        }
        let at = *seen.entry(key(std::slice::from_ref(&name))).or_insert(entries.len());
        match entries.get_mut(at) {
            Some((_, items)) => items.push(item),
            None => entries.push((name, vec![item])),
        }
    }
    Ok(if entries.is_empty() {
        Value::Null
    } else {
        Value::Map(entries.into_iter().map(|(name, items)| (name, Value::List(items))).collect())
    })
}

/// NULL where no map has an entry, as Trino has it.
fn map_union(rows: Vec<Row>, _: &Call) -> Result<Value, Error> {
    let mut all: Vec<(Value, Value)> = Vec::new();
    for row in rows {
        for (name, item) in row[0].entries() {
            if !all.iter().any(|(known, _)| same(known, name)) {
                all.push((name.clone(), item.clone()));
            }
        }
    }
    Ok(if all.is_empty() { Value::Null } else { Value::Map(all) })
}

fn histogram(rows: Vec<Row>, _: &Call) -> Result<Value, Error> {
    let mut counts: Vec<(Value, i64)> = Vec::new();
    let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
    for value in firsts(rows) {
        let at = *seen.entry(key(std::slice::from_ref(&value))).or_insert(counts.len());
        match counts.get_mut(at) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    Ok(if counts.is_empty() {
        Value::Null
    } else {
        Value::Map(counts.into_iter().map(|(value, count)| (value, Value::Int(count))).collect())
    })
}

fn listagg(rows: Vec<Row>, _: &Call) -> Result<Value, Error> {
    if rows.is_empty() {
        return Ok(Value::Null);
    }
    let separator = rows[0].get(1).cloned().unwrap_or(Value::from(""));
    let texts: Vec<&str> = rows.iter().map(|row| row[0].str()).collect();
    Ok(Value::from(texts.join(separator.str())))
}

fn numbers(rows: &[Row]) -> Vec<f64> {
    rows.iter().map(|row| row[0].float()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows is small")]
fn geometric(rows: &[Row]) -> Value {
    if rows.is_empty() {
        return Value::Null;
    }
    let values = numbers(rows);
    Value::Float((values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp())
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows is small")]
fn moments(rows: &[Row]) -> (f64, f64, f64, f64) {
    let values = numbers(rows);
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let power = |exponent: i32| values.iter().map(|value| (value - mean).powi(exponent)).sum::<f64>();
    (count, power(2), power(3), power(4))
}

fn skewness(rows: &[Row]) -> Value {
    if rows.len() < 3 {
        return Value::Null;
    }
    let (count, m2, m3, _) = moments(rows);
    Value::Float(count.sqrt() * m3 / m2.powf(1.5))
}

fn kurtosis(rows: &[Row]) -> Value {
    if rows.len() < 4 {
        return Value::Null;
    }
    let (n, m2, _, m4) = moments(rows);
    let variance = m2 / (n - 1.0);
    Value::Float(
        n * (n + 1.0) / ((n - 1.0) * (n - 2.0) * (n - 3.0)) * m4 / (variance * variance)
            - 3.0 * (n - 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0)),
    )
}

/// `approx_percentile(x, p)` and `(x, weight, p)`, of rows that one reader saw, or that several handed on.
fn percentile(rows: &[Row], call: &Call, is_handed_on: bool) -> Result<Value, Error> {
    let weighted = call.args.len() == 3;
    let mut digest = Digest::default();
    let mut wanted = Value::Null;
    for row in rows.iter().filter(|row| row[..row.len() - 1].iter().all(|value| !value.is_null())) {
        let weight = if weighted { row[1].float() } else { 1.0 };
        let value = match row[0] {
            // Doubles have whole numbers of 53 bits.
            Value::Int(value) if value.unsigned_abs() > 1 << 53 && value.trailing_zeros() + value.unsigned_abs().leading_zeros() < 11 => {
                return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("no exact double representation for long: {value}")));
            }
            ref other => other.float(),
        };
        if weighted && (weight < 1.0 || weight.is_nan()) {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("weight must be >= 1, was {weight:?}")));
        }
        if !value.is_finite() || !weight.is_finite() {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", if value.is_nan() { "value is NaN" } else { "value must be finite" }));
        }
        digest.add(value, weight);
        wanted = row.last().cloned().unwrap_or(Value::Null);
    }
    if wanted.is_null() {
        return Ok(Value::Null);
    }
    digest.finish(is_handed_on);
    let at = |share: &Value| -> Result<Value, Error> {
        let share = share.float();
        if !(0.0..=1.0).contains(&share) {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", "Percentile must be between 0 and 1"));
        }
        let kind = match &call.result {
            Kind::Array(of) => of,
            other => other,
        };
        #[expect(clippy::cast_possible_truncation, reason = "between values that were whole, or reals")]
        Ok(digest.value_at(share).map_or(Value::Null, |value| match kind {
            Kind::BigInt => Value::Int((value + 0.5).floor() as i64),
            Kind::Real => Value::Float(f64::from(value as f32)),
            _ => Value::Float(value),
        }))
    };
    match (&wanted, &call.result) {
        (Value::List(shares), Kind::Array(_)) => Ok(Value::List(shares.iter().map(at).collect::<Result<_, _>>()?)),
        (share, _) => at(share),
    }
}
