//! Maps.

use crate::error::{Error, fault};
use crate::scalar::Call;
use crate::signatures::{Entry, nullable, strict};
use crate::text::text_of;
use crate::value::{Value, same};

type Answer = Result<Value, Error>;

fn pairs(call: &Call, entries: Vec<(Value, Value)>) -> Answer {
    let mut seen = std::collections::HashSet::new();
    for (key, _) in &entries {
        if key.is_null() {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", "map key cannot be null"));
        }
        if !seen.insert(crate::gather::key(std::slice::from_ref(key))) {
            let kind = if let crate::kinds::Kind::Map(kind, _) = &call.result { text_of(key, kind) } else { String::new() };
            return Err(fault("INVALID_FUNCTION_ARGUMENT", format!("Duplicate map keys ({kind}) are not allowed")));
        }
    }
    Ok(Value::Map(entries))
}

fn map(v: &[Value], call: &Call) -> Answer {
    if v[0].list().len() != v[1].list().len() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Key and value arrays must be the same length"));
    }
    pairs(call, v[0].list().iter().cloned().zip(v[1].list().iter().cloned()).collect())
}

fn from_entries(v: &[Value], call: &Call) -> Answer {
    let mut entries = Vec::new();
    for entry in v[0].list() {
        match entry {
            Value::Row(fields) => entries.push((fields[0].clone(), fields[1].clone())),
            _ => return Err(fault("INVALID_FUNCTION_ARGUMENT", "map entry cannot be null")),
        }
    }
    pairs(call, entries)
}

fn multimap_from_entries(v: &[Value], _: &Call) -> Answer {
    let mut entries: Vec<(Value, Vec<Value>)> = Vec::new();
    for entry in v[0].list() {
        let Value::Row(fields) = entry else { return Err(fault("INVALID_FUNCTION_ARGUMENT", "map entry cannot be null")) };
        if fields[0].is_null() {
            return Err(fault("INVALID_FUNCTION_ARGUMENT", "map key cannot be null"));
        }
        match entries.iter_mut().find(|(known, _)| same(known, &fields[0])) {
            Some((_, items)) => items.push(fields[1].clone()),
            None => entries.push((fields[0].clone(), vec![fields[1].clone()])),
        }
    }
    Ok(Value::Map(entries.into_iter().map(|(key, items)| (key, Value::List(items))).collect()))
}

fn concat(v: &[Value], _: &Call) -> Answer {
    let mut all: Vec<(Value, Value)> = Vec::new();
    for map in v {
        for (key, item) in map.entries() {
            match all.iter_mut().find(|(known, _)| same(known, key)) {
                Some((_, known)) => *known = item.clone(),
                None => all.push((key.clone(), item.clone())),
            }
        }
    }
    Ok(Value::Map(all))
}

fn keys(value: &Value) -> Vec<Value> {
    value.entries().iter().map(|(key, _)| key.clone()).collect()
}

fn values(value: &Value) -> Vec<Value> {
    value.entries().iter().map(|(_, item)| item.clone()).collect()
}

fn filter(v: &[Value], call: &Call) -> Answer {
    let kept = call.lambdas[0].apply(v, vec![keys(&v[0]), values(&v[0])])?;
    Ok(Value::Map(v[0].entries().iter().zip(kept).filter(|(_, kept)| kept.bool()).map(|(entry, _)| entry.clone()).collect()))
}

fn transform_keys(v: &[Value], call: &Call) -> Answer {
    let fresh = call.lambdas[0].apply(v, vec![keys(&v[0]), values(&v[0])])?;
    pairs(call, fresh.into_iter().zip(values(&v[0])).collect())
}

fn transform_values(v: &[Value], call: &Call) -> Answer {
    let fresh = call.lambdas[0].apply(v, vec![keys(&v[0]), values(&v[0])])?;
    Ok(Value::Map(keys(&v[0]).into_iter().zip(fresh).collect()))
}

fn zip_with(v: &[Value], call: &Call) -> Answer {
    let mut all = keys(&v[0]);
    for key in keys(&v[1]) {
        if !all.iter().any(|known| same(known, &key)) {
            all.push(key);
        }
    }
    let side = |map: &Value| {
        all.iter()
            .map(|key| map.entries().iter().find(|(known, _)| same(known, key)).map_or(Value::Null, |(_, item)| item.clone()))
            .collect::<Vec<_>>()
    };
    let fresh = call.lambdas[0].apply(v, vec![all.clone(), side(&v[0]), side(&v[1])])?;
    Ok(Value::Map(all.into_iter().zip(fresh).collect()))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("cardinality", "map(K, V) -> bigint", |v, _| Ok(Value::Int(i64::try_from(v[0].entries().len()).unwrap_or(0)))),
    strict("element_at", "map(K, V), K -> V", |v, _| {
        Ok(v[0].entries().iter().find(|(key, _)| same(key, &v[1])).map_or(Value::Null, |(_, item)| item.clone()))
    }),
    strict("map", "array(K), array(V) -> map(K, V)", map),
    nullable("map", "-> map(unknown, unknown)", |_, _| Ok(Value::Map(Vec::new()))),
    strict("map_keys", "map(K, V) -> array(K)", |v, _| Ok(Value::List(keys(&v[0])))),
    strict("map_values", "map(K, V) -> array(V)", |v, _| Ok(Value::List(values(&v[0])))),
    strict("$map_entries", "map(K, V) -> unknown", |v, _| {
        Ok(Value::List(v[0].entries().iter().map(|(key, item)| Value::Row(vec![key.clone(), item.clone()])).collect()))
    }),
    strict("$map_from_entries", "T -> unknown", from_entries),
    strict("$multimap_from_entries", "T -> unknown", multimap_from_entries),
    strict("map_concat", "map(K, V), map(K, V)... -> map(K, V)", concat),
    strict("map_filter", "map(K, V), fn(K, V):boolean -> map(K, V)", filter),
    strict("transform_keys", "map(K, V), fn(K, V):L -> map(L, V)", transform_keys),
    strict("transform_values", "map(K, V), fn(K, V):W -> map(K, W)", transform_values),
    strict("map_zip_with", "map(K, V), map(K, W), fn(K, V, W):R -> map(K, R)", zip_with),
];
