//! From a frame's columns to numbers of one scale, fitted on training rows alone.
//!
//! A skewed feature without negative values goes through a logarithm, a skewed one with negative values through the
//! inverse hyperbolic sine. Then the median is 0 and the quartile range is that of a normal distribution, wider where more
//! than a twentieth of the rows lay beyond the limit; where half of the rows have one value, mean and standard deviation serve. A missing number is the median, and, where
//! training rows lack it often enough, an input of its own. A category is an input for each kind that is common.
//! Inputs are kept within `LIMIT`, so that one odd row has no say over all others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digits::{keep, read};
use crate::feature::Feature;
use crate::frame::{Column, Frame};

/// Scaled inputs lie within this many deviations.
const LIMIT: f64 = 10.0;
/// A kind, or a gap, is an input of its own from this share of the training rows on.
const COMMON: f64 = 0.005;
/// At most so many kinds of a category.
const KINDS: usize = 30;
/// Beyond this a number is taken for this one, so that sums of squares stay finite.
const LARGEST: f64 = 1e100;
/// From this skewness on a feature is bent.
const SKEWED: f64 = 0.5;

/// A feature and how it becomes inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepared {
    /// The feature.
    pub feature: Feature,
    /// Its inputs.
    pub encoding: Encoding,
}

/// How a feature becomes inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Encoding {
    /// One input, and one for gaps where they are common.
    Number {
        /// What bends it.
        bend: Bend,
        /// The training rows' median, as given.
        #[serde(deserialize_with = "read")]
        typical: f64,
        /// Bent values around their middle.
        scale: Scale,
        /// The input for gaps.
        gap: Option<Scale>,
    },
    /// One input a kind.
    Category {
        /// The common kinds.
        kinds: Vec<Kind>,
    },
}

/// A kind of a category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Its name; empty for missing.
    pub name: String,
    /// Its input.
    pub scale: Scale,
}

/// What bends a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bend {
    /// Nothing.
    Plain,
    /// ln(1 + x / unit), of what is above 0.
    Log {
        /// 1, or a hundredth of what is typical where that is below 1: shares and rates bend as counts do.
        #[serde(deserialize_with = "read")]
        unit: f64,
    },
    /// The inverse hyperbolic sine, for both signs.
    Asinh,
}

impl Bend {
    fn apply(self, value: f64) -> f64 {
        let value = value.clamp(-LARGEST, LARGEST);
        match self {
            Self::Plain => value,
            Self::Log { unit } => (value.max(0.0) / unit).ln_1p(),
            Self::Asinh => value.asinh(),
        }
    }
}

/// A middle and a spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Becomes 0.
    #[serde(deserialize_with = "read")]
    pub centre: f64,
    /// Becomes 1.
    #[serde(deserialize_with = "read")]
    pub spread: f64,
    /// The training rows' mean after scaling, from which reasons are counted.
    #[serde(deserialize_with = "read")]
    pub mean: f64,
}

impl Scale {
    /// The value on this scale, within the limit.
    pub fn apply(&self, value: f64) -> f64 {
        ((value - self.centre) / self.spread).clamp(-LIMIT, LIMIT)
    }

    /// Median and quartile range, which is widened until a twentieth of the values at most lie beyond the limit; else mean and
    /// deviation. `None` where all values are one.
    pub fn fit(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let quartiles = (sorted[last * 3 / 4] - sorted[last / 4]) / 1.349;
        let (mean, deviation) = moments(values);
        if deviation <= 1e-12 * mean.abs().max(1e-12) {
            return None;
        }
        let (centre, spread) = if quartiles > deviation / 100.0 {
            let centre = sorted[last / 2];
            let mut away: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
            away.sort_by(f64::total_cmp);
            (centre, quartiles.max(away[last * 19 / 20] / LIMIT))
        } else {
            (mean, deviation)
        };
        let mut scale = Self { centre: keep(centre), spread: keep(spread), mean: 0.0 };
        scale.mean = keep(moments(&values.iter().map(|&value| scale.apply(value)).collect::<Vec<_>>()).0);
        Some(scale)
    }

    fn is_sound(&self) -> bool {
        self.centre.is_finite() && self.spread.is_finite() && self.spread > 0.0 && self.mean.is_finite()
    }
}

/// Fits every feature of a frame; those that say nothing are left out.
pub fn fit(frame: &Frame, catalogue: &[Feature]) -> Vec<Prepared> {
    let encode = |column: &Column| match column {
        Column::Number(values) => fit_number(values),
        Column::Category(values) => fit_category(values),
    };
    frame
        .columns()
        .iter()
        .filter_map(|(name, column)| Some(Prepared { feature: Feature::find(catalogue, name), encoding: encode(column)? }))
        .collect()
}

fn fit_number(values: &[f64]) -> Option<Encoding> {
    let mut there: Vec<f64> =
        values.iter().copied().filter(|value| value.is_finite()).map(|value| value.clamp(-LARGEST, LARGEST)).collect();
    there.sort_by(f64::total_cmp);
    let bend = if skewness(&there).abs() <= SKEWED {
        Bend::Plain
    } else if there.first().is_some_and(|&least| least >= 0.0) {
        Bend::Log { unit: unit(&there) }
    } else {
        Bend::Asinh
    };
    let typical = there.get(there.len().checked_sub(1)? / 2).copied().map(keep)?;
    let filled: Vec<f64> = values.iter().map(|&value| bend.apply(if value.is_finite() { value } else { typical })).collect();
    let gaps: Vec<f64> = values.iter().map(|value| f64::from(u8::from(!value.is_finite()))).collect();
    let gap = if moments(&gaps).0 >= COMMON { Scale::fit(&gaps) } else { None };
    match (Scale::fit(&filled), gap) {
        (Some(scale), gap) => Some(Encoding::Number { bend, typical, scale, gap }),
        (None, Some(gap)) => {
            Some(Encoding::Number { bend, typical, scale: Scale { centre: bend.apply(typical), spread: 1.0, mean: 0.0 }, gap: Some(gap) })
        }
        (None, None) => None,
    }
}

/// Values in rising order, none below 0: 1 where the typical value above 0 is at least 1, else its hundredth.
fn unit(rising: &[f64]) -> f64 {
    let above = &rising[rising.partition_point(|&value| value <= 0.0)..];
    match above.get(above.len() / 2) {
        Some(&typical) if typical < 1.0 => keep(typical / 100.0).max(1e-100),
        Some(_) | None => 1.0,
    }
}

fn fit_category(values: &[Option<String>]) -> Option<Encoding> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value.as_deref().unwrap_or_default()).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let kinds: Vec<Kind> = counts
        .into_iter()
        .take(KINDS)
        .filter(|&(_, rows)| share(rows, values.len()) >= COMMON)
        .filter_map(|(name, _)| {
            let inputs: Vec<f64> = values.iter().map(|value| is_kind(value.as_deref(), name)).collect();
            Some(Kind { name: name.to_owned(), scale: Scale::fit(&inputs)? })
        })
        .collect();
    (!kinds.is_empty()).then_some(Encoding::Category { kinds })
}

impl Encoding {
    /// How many inputs it makes.
    pub fn width(&self) -> usize {
        match self {
            Self::Number { gap, .. } => 1 + usize::from(gap.is_some()),
            Self::Category { kinds } => kinds.len(),
        }
    }

    /// What kind of column it takes.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Number { .. } => "a number",
            Self::Category { .. } => "a category",
        }
    }

    /// Whether it takes this column.
    pub fn takes(&self, column: &Column) -> bool {
        matches!((self, column), (Self::Number { .. }, Column::Number(_)) | (Self::Category { .. }, Column::Category(_)))
    }

    /// Whether its numbers are ones that a fit gives.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Number { bend, typical, scale, gap } => {
                !matches!(bend, Bend::Log { unit } if *unit <= 0.0)
                    && typical.is_finite()
                    && scale.is_sound()
                    && gap.as_ref().is_none_or(Scale::is_sound)
            }
            Self::Category { kinds } => !kinds.is_empty() && kinds.iter().all(|kind| kind.scale.is_sound()),
        }
    }

    /// The means of its scaled inputs.
    pub fn means(&self) -> Vec<f64> {
        match self {
            Self::Number { scale, gap, .. } => std::iter::once(scale.mean).chain(gap.as_ref().map(|gap| gap.mean)).collect(),
            Self::Category { kinds } => kinds.iter().map(|kind| kind.scale.mean).collect(),
        }
    }

    /// Adds a row's scaled inputs, all finite.
    pub fn scaled(&self, column: &Column, row: usize, into: &mut Vec<f64>) {
        match (self, column) {
            (Self::Number { bend, typical, scale, gap }, Column::Number(values)) => {
                let value = values[row];
                into.push(scale.apply(bend.apply(if value.is_finite() { value } else { *typical })));
                if let Some(gap) = gap {
                    into.push(gap.apply(f64::from(u8::from(!value.is_finite()))));
                }
            }
            (Self::Category { kinds }, Column::Category(values)) => {
                into.extend(kinds.iter().map(|kind| kind.scale.apply(is_kind(values[row].as_deref(), &kind.name))));
            }
            (Self::Number { .. }, Column::Category(_)) | (Self::Category { .. }, Column::Number(_)) => into.extend(self.means()),
        }
    }

    /// Adds a row's inputs as trees take them: as given, gaps as `NaN`.
    pub fn plain(&self, column: &Column, row: usize, into: &mut Vec<f64>) {
        match (self, column) {
            (Self::Number { .. }, Column::Number(values)) => into.push(values[row]),
            (Self::Category { kinds }, Column::Category(values)) => {
                into.extend(kinds.iter().map(|kind| is_kind(values[row].as_deref(), &kind.name)));
            }
            (Self::Number { .. }, Column::Category(_)) => into.push(f64::NAN),
            (Self::Category { kinds }, Column::Number(_)) => into.extend(kinds.iter().map(|_| f64::NAN)),
        }
    }

    /// How many inputs trees take.
    pub fn plain_width(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::Category { kinds } => kinds.len(),
        }
    }
}

fn is_kind(value: Option<&str>, kind: &str) -> f64 {
    f64::from(u8::from(value.unwrap_or_default() == kind))
}

#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
fn share(some: usize, all: usize) -> f64 {
    some as f64 / all.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
fn moments(values: &[f64]) -> (f64, f64) {
    let rows = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / rows;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / rows).sqrt())
}

#[expect(clippy::cast_precision_loss, reason = "no frame has 2^53 rows")]
fn skewness(values: &[f64]) -> f64 {
    let (mean, deviation) = moments(values);
    if deviation <= 0.0 {
        return 0.0;
    }
    values.iter().map(|value| ((value - mean) / deviation).powi(3)).sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{Bend, Encoding, LIMIT, fit};
    use crate::frame::{Column, Frame};

    fn encoding(column: Column) -> Option<Encoding> {
        fit(&Frame::new(vec![("a".to_owned(), column)]).expect("a frame"), &[]).pop().map(|prepared| prepared.encoding)
    }

    #[test]
    fn outliers_and_gaps_stay_within_limits() {
        let mut values: Vec<f64> = (0..200).map(f64::from).collect();
        values[7] = f64::NAN;
        values[9] = f64::NAN;
        values[11] = 1e300;
        let column = Column::Number(values);
        let encoding = encoding(column.clone()).expect("a feature");
        assert!(matches!(&encoding, Encoding::Number { bend: Bend::Log { .. }, gap: Some(_), .. }));
        for row in 0..200 {
            let mut inputs = Vec::new();
            encoding.scaled(&column, row, &mut inputs);
            assert_eq!(inputs.len(), encoding.width());
            assert!(inputs.iter().all(|input| input.abs() <= LIMIT), "{row}: {inputs:?}");
        }
    }

    #[test]
    fn a_feature_of_one_value_says_nothing() {
        assert!(encoding(Column::Number(vec![4.0; 9])).is_none());
        assert!(encoding(Column::Number(vec![f64::NAN; 9])).is_none());
        assert!(encoding(Column::Category(vec![Some("web".to_owned()); 9])).is_none());
    }

    #[test]
    fn kinds_that_training_never_saw_are_no_kind() {
        let column = |names: &[&str]| Column::Category(names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect());
        let encoding = encoding(column(&["web", "shop", "web", "", "web", "shop"])).expect("a feature");
        assert_eq!(encoding.width(), 3);
        let mut inputs = Vec::new();
        encoding.plain(&column(&["fair"]), 0, &mut inputs);
        assert_eq!(inputs, [0.0; 3]);
    }
}
