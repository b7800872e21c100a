//! Why a score is what it is, in plain words: what raises it and what lowers it, over the average training row.
//!
//! A reason is a group of features, since windows of 30, 90 and 180 days say one thing and their single weights may
//! point either way; its words are those of the feature that says most. A reason tells what the model looked at. It
//! is never a cause.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::prepare::{Encoding, Prepared};

/// One reason of one score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// The group of features.
    pub group: String,
    /// The feature whose words these are.
    pub feature: String,
    /// The words, with this row's value.
    pub text: String,
    /// What the group adds to the log-odds.
    pub weight: f64,
}

impl Reason {
    /// Whether it raises the score.
    pub fn raises(&self) -> bool {
        self.weight > 0.0
    }

    /// The words and the direction: `ordered 5 times (+)`.
    pub fn sentence(&self) -> String {
        format!("{} ({})", self.text, if self.raises() { '+' } else { '-' })
    }
}

/// A feature's value in a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A number, or `NaN`.
    Number(f64),
    /// A kind, or none.
    Category(Option<&'a str>),
}

/// Below this a group changes no decision and is no reason.
const LEAST: f64 = 0.01;

/// The `most` groups that add most to the log-odds or take most from them, the strongest first; `contributions` has one number
/// a feature.
pub fn reasons<'a>(features: &[Prepared], contributions: &[f64], most: usize, value: impl Fn(usize) -> Value<'a>) -> Vec<Reason> {
    let mut groups: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for (prepared, contribution) in features.iter().zip(contributions) {
        groups.entry(&prepared.feature.group).or_default().0 += contribution;
    }
    for (group, (weight, loudest)) in &mut groups {
        let loudness = |place: usize| contributions[place] * weight.signum();
        let places = (0..features.len()).filter(|&place| features[place].feature.group == *group);
        *loudest = places.max_by(|&a, &b| loudness(a).total_cmp(&loudness(b)).then(b.cmp(&a))).unwrap_or_default();
    }
    let mut groups: Vec<_> = groups.into_iter().filter(|(_, (weight, _))| weight.abs() >= LEAST).collect();
    groups.sort_by(|(group, (weight, _)), (other_group, (other, _))| {
        other.abs().total_cmp(&weight.abs()).then_with(|| group.cmp(other_group))
    });
    let reason = |(group, (weight, loudest)): (&str, (f64, usize))| {
        let prepared = &features[loudest];
        Reason { group: group.to_owned(), feature: prepared.feature.name.clone(), text: say(prepared, &value(loudest)), weight }
    };
    groups.into_iter().take(most).map(reason).collect()
}

fn say(prepared: &Prepared, value: &Value<'_>) -> String {
    let typical = match &prepared.encoding {
        Encoding::Number { typical, .. } => plain(*typical),
        Encoding::Category { kinds } => kinds.first().map_or_else(|| "unknown".to_owned(), |kind| named(&kind.name)),
    };
    let value = match value {
        Value::Number(number) => plain(*number),
        Value::Category(kind) => named(kind.unwrap_or_default()),
    };
    prepared.feature.phrase.replace("{value}", &value).replace("{typical}", &typical)
}

fn named(kind: &str) -> String {
    if kind.is_empty() { "unknown".to_owned() } else { kind.to_owned() }
}

/// A number as one says it: no decimals from a hundred on, at most two below.
pub fn plain(number: f64) -> String {
    if !number.is_finite() {
        return "unknown".to_owned();
    }
    let text = match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.01 => format!("{number:.2}"),
        size if size > 0.0 => return format!("{number:.2e}"),
        _ => return "0".to_owned(),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{Value, plain, reasons};
    use crate::feature::Feature;
    use crate::frame::{Column, Frame};
    use crate::prepare::fit;

    #[test]
    fn windows_of_one_group_are_one_reason_with_the_loudest_words() {
        let names = ["orders_30", "orders_90", "gap"];
        let frame =
            Frame::new(names.iter().map(|name| ((*name).to_owned(), Column::Number(vec![1.0, 2.0, 3.0]))).collect()).expect("a frame");
        let catalogue = [
            Feature::new("orders_30", "orders of 30 days", "orders", "ordered {value} times in 30 days"),
            Feature::new("orders_90", "orders of 90 days", "orders", "ordered {value} times in 90 days"),
            Feature::new("gap", "days since", "gap", "{value} days quiet, typically {typical}"),
        ];
        let of = |most| reasons(&fit(&frame, &catalogue), &[-0.2, 0.9, -0.3], most, |place| Value::Number([1.0, 5.0, 41.04][place]));
        let found = of(3);
        assert_eq!(
            found.iter().map(super::Reason::sentence).collect::<Vec<_>>(),
            ["ordered 5 times in 90 days (+)", "41 days quiet, typically 2 (-)"]
        );
        assert!((found[0].weight - 0.7).abs() < 1e-12);
        assert_eq!(of(1), found[..1]);
    }

    #[test]
    fn numbers_are_said_plainly() {
        assert_eq!(
            [2.0, 0.125, 41.04, 1234.5, f64::NAN, 0.0, 0.000_123].map(plain),
            ["2", "0.12", "41", "1234", "unknown", "0", "1.23e-4"]
        );
    }
}
