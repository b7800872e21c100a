//! Arrays.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::error::{Error, fault};
use crate::gather::key;
use crate::kinds::Kind;
use crate::moments::{self, DAY};
use crate::scalar::Call;
use crate::signatures::{Entry, nullable, strict};
use crate::sorting::{rank, rank_nulls_last, sorted};
use crate::text::text_of;
use crate::value::{Value, equal, same};

type Answer = Result<Value, Error>;

/// The longest array that a function makes.
const LONGEST: usize = 1_000_000;

fn count(items: &[Value]) -> Value {
    Value::Int(i64::try_from(items.len()).unwrap_or(i64::MAX))
}

fn distinct(items: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(key(std::slice::from_ref(item)))).collect()
}

/// Whether an item is what is looked for; an error where a NULL inside the two leaves that open.
fn found(item: &Value, wanted: &Value, name: &str) -> Result<bool, Error> {
    match equal(item, wanted) {
        Some(answer) => Ok(answer),
        None if item.is_null() => Ok(false),
        None => Err(fault("NOT_SUPPORTED", format!("{name} does not support arrays with elements that are null or contain null"))),
    }
}

fn contains(v: &[Value], _: &Call) -> Answer {
    for item in v[0].list() {
        if found(item, &v[1], "contains")? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(if v[0].list().iter().any(Value::is_null) { Value::Null } else { Value::Bool(false) })
}

fn element_at(v: &[Value], _: &Call) -> Answer {
    let (items, at) = (v[0].list(), v[1].int());
    if at == 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "SQL array indices start at 1"));
    }
    let place = if at > 0 {
        usize::try_from(at - 1).ok()
    } else {
        usize::try_from(at.unsigned_abs()).ok().and_then(|back| items.len().checked_sub(back))
    };
    Ok(place.and_then(|place| items.get(place)).cloned().unwrap_or(Value::Null))
}

fn position(v: &[Value], _: &Call) -> Answer {
    for (place, item) in (1..).zip(v[0].list()) {
        if found(item, &v[1], "array_position")? {
            return Ok(Value::Int(place));
        }
    }
    Ok(Value::Int(0))
}

fn extreme(items: &[Value], wanted: Ordering) -> Answer {
    if items.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    let is_nan = |item: &Value| matches!(item, Value::Float(value) if value.is_nan());
    let mut best: Option<&Value> = None;
    for item in items {
        // NaN is the answer only where there is nothing else.
        let is_better = match best {
            None => true,
            Some(best) => is_nan(best) || (!is_nan(item) && rank(item, best)? == wanted),
        };
        if is_better {
            best = Some(item);
        }
    }
    Ok(best.cloned().unwrap_or(Value::Null))
}

fn slice(v: &[Value], _: &Call) -> Answer {
    let (items, start, length) = (v[0].list(), v[1].int(), v[2].int());
    if length < 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "length must be greater than or equal to 0"));
    }
    if start == 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "SQL array indices start at 1"));
    }
    let from = if start > 0 {
        usize::try_from(start - 1).unwrap_or(usize::MAX)
    } else {
        match items.len().checked_sub(usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX)) {
            Some(from) => from,
            None => return Ok(Value::List(Vec::new())),
        }
    };
    Ok(Value::List(items.iter().skip(from).take(usize::try_from(length).unwrap_or(usize::MAX)).cloned().collect()))
}

fn join(v: &[Value], call: &Call) -> Answer {
    let Kind::Array(of) = &call.args[0] else { return Ok(Value::Null) };
    let replacement = v.get(2);
    if v[0].is_null() || v[1].is_null() {
        return Ok(Value::Null);
    }
    let mut pieces = Vec::new();
    for item in v[0].list() {
        if item.is_null() {
            if let Some(replacement) = replacement {
                pieces.push(replacement.str().to_owned());
            }
        } else {
            pieces.push(match &**of {
                of if of.is_text() || of.is_integer() || matches!(of, Kind::Boolean) => text_of(item, of),
                of => crate::casts::cast(item, of, &Kind::Varchar(None))?.str().to_owned(),
            });
        }
    }
    Ok(Value::from(pieces.join(v[1].str())))
}

fn sequence(start: i64, stop: i64, step: i64) -> Answer {
    if step == 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "step must not be zero"));
    }
    if (stop > start && step < 0) || (stop < start && step > 0) {
        return Err(fault(
            "INVALID_FUNCTION_ARGUMENT",
            "sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start",
        ));
    }
    let length = (i128::from(stop) - i128::from(start)) / i128::from(step) + 1;
    if length > 10_000 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "result of sequence function must not have more than 10000 entries"));
    }
    Ok(Value::List((0..length).map(|at| Value::Int(start + i64::try_from(at).unwrap_or(0) * step)).collect()))
}

fn sequence_by_months(start: i64, stop: i64, months: i64, is_date: bool) -> Answer {
    let unit = if is_date { DAY } else { 1 };
    if months == 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "interval must not be zero"));
    }
    if (stop > start && months < 0) || (stop < start && months > 0) {
        return Err(fault(
            "INVALID_FUNCTION_ARGUMENT",
            "sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start",
        ));
    }
    let mut items = Vec::new();
    loop {
        let at = moments::add_months(start * unit, months * i64::try_from(items.len()).unwrap_or(0))? / unit;
        if (months > 0 && at > stop) || (months < 0 && at < stop) {
            return Ok(Value::List(items));
        }
        if items.len() >= 10_000 {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", "result of sequence function must not have more than 10000 entries"));
        }
        items.push(Value::Int(at));
    }
}

fn whole_days(millis: i64) -> Result<i64, Error> {
    if millis % 86_400_000 != 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "sequence step must be a day interval if start and end values are dates"));
    }
    Ok(millis / 86_400_000)
}

fn sort(v: &[Value], _: &Call) -> Answer {
    Ok(Value::List(sorted(v[0].list().to_vec(), &mut rank_nulls_last)?))
}

fn sort_by(v: &[Value], call: &Call) -> Answer {
    let sorted = sorted(v[0].list().to_vec(), &mut |a: &Value, b: &Value| match call.lambdas[0].one(v, vec![a.clone(), b.clone()])? {
        Value::Int(found @ -1..=1) => Ok(found.cmp(&0)),
        _ => Err(fault("INVALID_FUNCTION_ARGUMENT", "Lambda comparator must return either -1, 0, or 1")),
    });
    Ok(Value::List(sorted?))
}

fn overlap(v: &[Value], _: &Call) -> Answer {
    let mut null = false;
    for a in v[0].list() {
        for b in v[1].list() {
            match equal(a, b) {
                Some(true) => return Ok(Value::Bool(true)),
                None => null = true,
                Some(false) => {}
            }
        }
    }
    Ok(if null { Value::Null } else { Value::Bool(false) })
}

fn ngrams(v: &[Value], _: &Call) -> Answer {
    let (items, size) = (v[0].list(), v[1].int());
    if size <= 0 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "N must be positive"));
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size >= items.len() {
        return Ok(Value::List(vec![Value::List(items.to_vec())]));
    }
    Ok(Value::List(items.windows(size).map(|window| Value::List(window.to_vec())).collect()))
}

fn combinations(v: &[Value], _: &Call) -> Answer {
    let (items, size) = (
        v[0].list(),
        usize::try_from(v[1].int()).map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", "combination size must not be negative"))?,
    );
    if size > 5 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "combination size must not exceed 5"));
    }
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        let mut longer = Vec::new();
        for chosen in &all {
            // Trino gives them in order of their last place.
            for at in chosen.last().map_or(0, |last| last + 1)..items.len() {
                longer.push(chosen.iter().copied().chain([at]).collect());
            }
        }
        if longer.len() > 100_000 {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", "combinations exceed max size"));
        }
        all = longer;
    }
    all.sort_by(|a: &Vec<usize>, b: &Vec<usize>| a.iter().rev().cmp(b.iter().rev()));
    Ok(Value::List(all.into_iter().map(|places| Value::List(places.into_iter().map(|at| items[at].clone()).collect())).collect()))
}

fn zip(v: &[Value], _: &Call) -> Answer {
    if v.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    let length = v.iter().map(|value| value.list().len()).max().unwrap_or(0);
    Ok(Value::List(
        (0..length).map(|at| Value::Row(v.iter().map(|value| value.list().get(at).cloned().unwrap_or(Value::Null)).collect())).collect(),
    ))
}

fn transform(v: &[Value], call: &Call) -> Answer {
    Ok(Value::List(call.lambdas[0].apply(v, vec![v[0].list().to_vec()])?))
}

fn filter(v: &[Value], call: &Call) -> Answer {
    let kept = call.lambdas[0].apply(v, vec![v[0].list().to_vec()])?;
    Ok(Value::List(v[0].list().iter().zip(kept).filter(|(_, kept)| kept.bool()).map(|(item, _)| item.clone()).collect()))
}

fn reduce(v: &[Value], call: &Call) -> Answer {
    if v[0].is_null() {
        return Ok(Value::Null);
    }
    let mut state = v[1].clone();
    for item in v[0].list() {
        state = call.lambdas[0].one(v, vec![state, item.clone()])?;
    }
    call.lambdas[1].one(v, vec![state])
}

fn zip_with(v: &[Value], call: &Call) -> Answer {
    let length = v[0].list().len().max(v[1].list().len());
    let side = |value: &Value| (0..length).map(|at| value.list().get(at).cloned().unwrap_or(Value::Null)).collect();
    Ok(Value::List(call.lambdas[0].apply(v, vec![side(&v[0]), side(&v[1])])?))
}

fn matched(v: &[Value], call: &Call, wanted: bool) -> Answer {
    let facts = call.lambdas[0].apply(v, vec![v[0].list().to_vec()])?;
    Ok(if facts.contains(&Value::Bool(wanted)) {
        Value::Bool(true)
    } else if facts.iter().any(Value::is_null) {
        Value::Null
    } else {
        Value::Bool(false)
    })
}

fn not(answer: Value) -> Value {
    if let Value::Bool(fact) = answer { Value::Bool(!fact) } else { answer }
}

fn contains_sequence(v: &[Value], _: &Call) -> Answer {
    let (items, part) = (v[0].list(), v[1].list());
    Ok(Value::Bool(part.is_empty() || items.windows(part.len()).any(|window| window.iter().zip(part).all(|(a, b)| same(a, b)))))
}

fn repeat(v: &[Value], _: &Call) -> Answer {
    if v[1].is_null() {
        return Ok(Value::Null);
    }
    let times = usize::try_from(v[1].int())
        .map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", "count argument of repeat function must be greater than or equal to 0"))?;
    if times > 10_000 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "count argument of repeat function must be less than or equal to 10000"));
    }
    Ok(Value::List(vec![v[0].clone(); times]))
}

fn flatten(v: &[Value], _: &Call) -> Answer {
    let items: Vec<Value> = v[0].list().iter().flat_map(|inner| inner.list().iter().cloned()).collect();
    if items.len() > LONGEST {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "result of flatten is too long"));
    }
    Ok(Value::List(items))
}

fn shuffle(v: &[Value], _: &Call) -> Answer {
    let mut keyed: Vec<(u64, Value)> = v[0].list().iter().map(|item| (rand::random(), item.clone())).collect();
    keyed.sort_by_key(|(place, _)| *place);
    Ok(Value::List(keyed.into_iter().map(|(_, item)| item).collect()))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("cardinality", "array(T) -> bigint", |v, _| Ok(count(v[0].list()))),
    strict("contains", "array(T), T -> boolean", contains),
    strict("contains_sequence", "array(T), array(T) -> boolean", contains_sequence),
    strict("element_at", "array(T), bigint -> T", element_at),
    strict("array_distinct", "array(T) -> array(T)", |v, _| Ok(Value::List(distinct(v[0].list().iter().cloned())))),
    strict("array_union", "array(T), array(T) -> array(T)", |v, _| {
        Ok(Value::List(distinct(v[0].list().iter().chain(v[1].list()).cloned())))
    }),
    strict("array_intersect", "array(T), array(T) -> array(T)", |v, _| {
        Ok(Value::List(distinct(v[0].list().iter().filter(|item| v[1].list().iter().any(|other| same(item, other))).cloned())))
    }),
    strict("array_except", "array(T), array(T) -> array(T)", |v, _| {
        if v[1].list().is_empty() {
            Ok(v[0].clone())
        } else {
            Ok(Value::List(distinct(v[0].list().iter().filter(|item| !v[1].list().iter().any(|other| same(item, other))).cloned())))
        }
    }),
    strict("array_remove", "array(T), T -> array(T)", |v, _| {
        let mut kept = Vec::new();
        for item in v[0].list() {
            if !found(item, &v[1], "array_remove")? {
                kept.push(item.clone());
            }
        }
        Ok(Value::List(kept))
    }),
    strict("array_max", "array(T) -> T", |v, _| extreme(v[0].list(), Ordering::Greater)),
    strict("array_min", "array(T) -> T", |v, _| extreme(v[0].list(), Ordering::Less)),
    strict("array_position", "array(T), T -> bigint", position),
    strict("array_sort", "array(T) -> array(T)", sort),
    strict("array_sort", "array(T), fn(T, T):integer -> array(T)", sort_by),
    nullable("array_join", "array(T), varchar -> varchar", join),
    nullable("array_join", "array(T), varchar, varchar -> varchar", join),
    strict("arrays_overlap", "array(T), array(T) -> boolean", overlap),
    strict("slice", "array(T), bigint, bigint -> array(T)", slice),
    strict("trim_array", "array(T), bigint -> array(T)", |v, _| {
        let keep = usize::try_from(v[1].int())
            .map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", format!("size must not be negative: {}", v[1].int())))?;
        let keep = v[0].list().len().checked_sub(keep).ok_or_else(|| {
            fault("INVALID_FUNCTION_ARGUMENT", format!("size must not exceed array cardinality {}: {keep}", v[0].list().len()))
        })?;
        Ok(Value::List(v[0].list()[..keep].to_vec()))
    }),
    strict("reverse", "array(T) -> array(T)", |v, _| Ok(Value::List(v[0].list().iter().rev().cloned().collect()))),
    strict("shuffle", "array(T) -> array(T)", shuffle),
    strict("flatten", "array(array(T)) -> array(T)", flatten),
    nullable("repeat", "T, bigint -> array(T)", repeat),
    strict("ngrams", "array(T), bigint -> array(array(T))", ngrams),
    strict("combinations", "array(T), bigint -> array(array(T))", combinations),
    strict("sequence", "bigint, bigint -> array(bigint)", |v, _| {
        sequence(v[0].int(), v[1].int(), if v[1].int() >= v[0].int() { 1 } else { -1 })
    }),
    strict("sequence", "bigint, bigint, bigint -> array(bigint)", |v, _| sequence(v[0].int(), v[1].int(), v[2].int())),
    strict("sequence", "date, date -> array(date)", |v, _| sequence(v[0].int(), v[1].int(), if v[1].int() >= v[0].int() { 1 } else { -1 })),
    strict("sequence", "date, date, interval day to second -> array(date)", |v, _| {
        sequence(v[0].int(), v[1].int(), whole_days(v[2].int())?)
    }),
    strict("sequence", "date, date, interval year to month -> array(date)", |v, _| {
        sequence_by_months(v[0].int(), v[1].int(), v[2].int(), true)
    }),
    strict("sequence", "timestamp, timestamp, interval day to second -> array(timestamp)", |v, _| {
        sequence(v[0].int(), v[1].int(), v[2].int() * 1000)
    }),
    strict("sequence", "timestamp, timestamp, interval year to month -> array(timestamp)", |v, _| {
        sequence_by_months(v[0].int(), v[1].int(), v[2].int(), false)
    }),
    strict("transform", "array(T), fn(T):U -> array(U)", transform),
    strict("filter", "array(T), fn(T):boolean -> array(T)", filter),
    nullable("reduce", "array(T), S, fn(S, T):S, fn(S):R -> R", reduce),
    strict("zip_with", "array(T), array(U), fn(T, U):R -> array(R)", zip_with),
    strict("any_match", "array(T), fn(T):boolean -> boolean", |v, call| matched(v, call, true)),
    strict("all_match", "array(T), fn(T):boolean -> boolean", |v, call| matched(v, call, false).map(not)),
    strict("none_match", "array(T), fn(T):boolean -> boolean", |v, call| matched(v, call, true).map(not)),
    nullable("$zip", "T... -> unknown", zip),
];
