//! Orders that may fail: what Trino sorts and picks extremes by, where a NULL inside an array or a row would decide, and sorts by a
//! caller's own comparison, which need not be an order at all.

use std::cmp::Ordering;

use crate::error::{Error, fault};
use crate::value::{Value, order};

/// As `order`, but an error where a NULL inside an array or a row would decide.
pub(crate) fn rank(a: &Value, b: &Value) -> Result<Ordering, Error> {
    let (one, other, refusal) = match (a, b) {
        (Value::List(a), Value::List(b)) => (a, b, "ARRAY comparison not supported for arrays with null elements"),
        (Value::Row(a), Value::Row(b)) => (a, b, "ROW comparison not supported for fields with null elements"),
        _ => return Ok(order(a, b)),
    };
    for (a, b) in one.iter().zip(other.iter()) {
        if a.is_null() || b.is_null() {
            return Err(fault("NOT_SUPPORTED", refusal));
        }
        let found = rank(a, b)?;
        if found != Ordering::Equal {
            return Ok(found);
        }
    }
    Ok(one.len().cmp(&other.len()))
}

/// As `rank`, with NULL after all else.
pub(crate) fn rank_nulls_last(a: &Value, b: &Value) -> Result<Ordering, Error> {
    if a.is_null() || b.is_null() { Ok(a.is_null().cmp(&b.is_null())) } else { rank(a, b) }
}

/// A NULL inside an array or a row: such values stand in no order for certain.
pub(crate) fn holds_null(value: &Value) -> bool {
    match value {
        Value::List(items) | Value::Row(items) => items.iter().any(|item| item.is_null() || holds_null(item)),
        _ => false,
    }
}

/// How many items a sort places one by one.
const FEW: usize = 32;

/// The items in their order; equal ones stay as they stood. It ends, without a panic, whatever the comparison says. A few items are
/// placed as Java's sort places them (a run at the front, then each by halves: <https://bugs.openjdk.org/browse/JDK-6804124>), so that
/// a comparison that is no order gives what Trino gives.
pub(crate) fn sorted<T>(mut items: Vec<T>, compare: &mut dyn FnMut(&T, &T) -> Result<Ordering, Error>) -> Result<Vec<T>, Error> {
    if items.len() < FEW {
        return placed(items, compare);
    }
    let back = items.split_off(items.len() / 2);
    let mut front = sorted(items, compare)?.into_iter().peekable();
    let mut back = sorted(back, compare)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(front.len() + back.len());
    loop {
        let takes_back = match (front.peek(), back.peek()) {
            (Some(one), Some(other)) => compare(other, one)? == Ordering::Less,
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (None, None) => return Ok(merged),
        };
        merged.extend(if takes_back { back.next() } else { front.next() });
    }
}

fn placed<T>(mut items: Vec<T>, compare: &mut dyn FnMut(&T, &T) -> Result<Ordering, Error>) -> Result<Vec<T>, Error> {
    if items.len() < 2 {
        return Ok(items);
    }
    let falls = compare(&items[1], &items[0])? == Ordering::Less;
    let mut run = 2;
    while run < items.len() && (compare(&items[run], &items[run - 1])? == Ordering::Less) == falls {
        run += 1;
    }
    if falls {
        items[..run].reverse();
    }
    for at in run..items.len() {
        let (mut low, mut high) = (0, at);
        while low < high {
            let middle = usize::midpoint(low, high);
            if compare(&items[at], &items[middle])? == Ordering::Less {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        items[low..=at].rotate_right(1);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sort_is_stable_and_ends_under_any_comparison() {
        let pairs: Vec<(u32, u32)> = (0..500).map(|at| (at * 7919 % 13, at)).collect();
        let mut wanted = pairs.clone();
        wanted.sort_by_key(|pair| pair.0);
        assert_eq!(sorted(pairs, &mut |a, b| Ok(a.0.cmp(&b.0))).unwrap(), wanted);
        let always = sorted((0..500).collect(), &mut |_: &u32, _: &u32| Ok(Ordering::Greater)).unwrap();
        assert_eq!(always.len(), 500);
        assert!(sorted(vec![1, 2, 3], &mut |_, _| Err(fault("NOT_SUPPORTED", "no"))).is_err());
    }
}
