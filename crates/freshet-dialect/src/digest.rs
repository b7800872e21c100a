//! Quantiles by a t-digest: clusters of values, the smaller the nearer to an end.
//!
//! After Dunning and Ertl 2019, "Computing extremely accurate quantiles using t-digests" (arXiv:1902.04023), with the scale and the
//! numbers of the one that Trino has (`io.airlift.stats.TDigest`), so that a quantile is Trino's where one reader saw all rows.
//! Where several did, Trino's depends on who saw what, and lies near.

/// How many clusters there are, about: Trino's.
const COMPRESSION: f64 = 100.0;
/// Twice as many while rows come in.
const WHILE_ADDING: f64 = 2.0 * COMPRESSION;
/// So many clusters and new values are held before they are put together.
const ROOM: usize = 6 * (200 + 10);

/// A cluster: its mean and its weight.
type Cluster = (f64, f64);

/// Values with weights, in clusters.
#[derive(Debug, Default)]
pub(crate) struct Digest {
    clusters: Vec<Cluster>,
    total: f64,
    is_backwards: bool,
    ends: Option<(f64, f64)>,
}

impl Digest {
    /// Takes a finite value.
    pub(crate) fn add(&mut self, value: f64, weight: f64) {
        if self.clusters.len() == ROOM {
            self.merge(WHILE_ADDING);
        }
        self.clusters.push((value, weight));
        self.total += weight;
        let (least, greatest) = self.ends.unwrap_or((value, value));
        self.ends = Some((least.min(value), greatest.max(value)));
    }

    /// Ends it: as what one of several readers hands on, or as all there is.
    pub(crate) fn finish(&mut self, is_handed_on: bool) {
        self.merge(if is_handed_on { COMPRESSION } else { WHILE_ADDING });
    }

    fn merge(&mut self, compression: f64) {
        self.clusters.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        if self.is_backwards {
            self.clusters.reverse();
        }
        let normalizer = compression / (4.0 * (self.total / compression).ln() + 24.0);
        let largest = |quantile: f64| quantile * (1.0 - quantile) / normalizer;
        let mut merged: Vec<Cluster> = Vec::new();
        let mut before = 0.0;
        for &(mean, weight) in &self.clusters {
            let Some((last_mean, last_weight)) = merged.last_mut() else {
                merged.push((mean, weight));
                continue;
            };
            let together = *last_weight + weight;
            let quantile = ((before + together) / self.total).min(1.0);
            if together <= self.total * largest(before / self.total).min(largest(quantile)) {
                *last_mean += (mean - *last_mean) * weight / together;
                *last_weight = together;
            } else {
                before += *last_weight;
                merged.push((mean, weight));
            }
        }
        if self.is_backwards {
            merged.reverse();
        }
        self.is_backwards = !self.is_backwards;
        self.clusters = merged;
    }

    /// The value at a share of the weights, from 0 to 1, once it is finished; `None` of nothing.
    pub(crate) fn value_at(&self, share: f64) -> Option<f64> {
        let ((least, greatest), &(first_mean, first), &(last_mean, last)) = (self.ends?, self.clusters.first()?, self.clusters.last()?);
        if self.clusters.len() == 1 {
            return Some(first_mean);
        }
        let offset = share * self.total;
        let from_end = self.total - offset;
        if offset < 1.0 {
            return Some(least);
        }
        if offset < first / 2.0 {
            return Some(least + between(offset, (1.0, least), (first / 2.0, first_mean)));
        }
        if from_end >= 1.0 && from_end <= last / 2.0 && last / 2.0 > 1.0 {
            return Some(greatest + between(from_end, (1.0, greatest), (last / 2.0, last_mean)));
        }
        if offset >= self.total - 1.0 {
            return Some(greatest);
        }
        let mut passed = first / 2.0;
        for pair in self.clusters.windows(2) {
            let ((left_mean, left), (right_mean, right)) = (pair[0], pair[1]);
            let width = f64::midpoint(left, right);
            if passed + width <= offset {
                passed += width;
                continue;
            }
            let within = offset - passed;
            return Some(if is_single(left) && within < left / 2.0 {
                left_mean
            } else if is_single(right) && within >= left / 2.0 {
                right_mean
            } else {
                // A single value takes its own half and no more.
                let (from, length) = match (is_single(left), is_single(right)) {
                    (true, _) => (within - left / 2.0, right / 2.0),
                    (false, true) => (within, left / 2.0),
                    (false, false) => (within, width),
                };
                left_mean + between(from, (0.0, left_mean), (length, right_mean))
            });
        }
        Some(if last / 2.0 > 1.0 { greatest + between(from_end, (1.0, greatest), (last / 2.0, last_mean)) } else { greatest })
    }
}

fn is_single(weight: f64) -> bool {
    (weight - 1.0).abs() < f64::EPSILON
}

/// How far above the first point's height a straight line to the second is at `x`.
fn between(x: f64, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    (x - x0) / (x1 - x0) * (y1 - y0)
}

#[cfg(test)]
mod tests {
    use super::Digest;

    fn digest(values: impl IntoIterator<Item = f64>, is_handed_on: bool) -> Digest {
        let mut digest = Digest::default();
        values.into_iter().for_each(|value| digest.add(value, 1.0));
        digest.finish(is_handed_on);
        digest
    }

    #[test]
    fn quantiles_are_near_the_exact_ones_and_ends_are_exact() {
        for rows in [10_u32, 1_000, 100_000] {
            for is_handed_on in [false, true] {
                // In no order.
                let values = (0..rows).map(|row| f64::from(row.wrapping_mul(7_919) % rows));
                let digest = digest(values, is_handed_on);
                for share in [0.01, 0.25, 0.5, 0.9, 0.999] {
                    let (found, exact) = (digest.value_at(share).unwrap(), share * f64::from(rows));
                    assert!((found - exact).abs() <= 1.0 + 0.01 * f64::from(rows), "{rows} {share}: {found}");
                }
                assert_eq!(digest.value_at(0.0), Some(0.0));
                assert_eq!(digest.value_at(1.0), Some(f64::from(rows - 1)));
                assert!(digest.clusters.len() < 300);
            }
        }
        assert_eq!(digest([], true).value_at(0.5), None);
    }

    #[test]
    fn it_is_as_trino_has_it() {
        // Of `SELECT approx_percentile(CAST(x AS double), 0.5) FROM UNNEST(sequence(1, 1000)) t (x)`, and of weights.
        assert_eq!(digest((1..=1_000).map(f64::from), false).value_at(0.5), Some(500.5));
        for (rows, expected) in [
            (vec![(1.5, 1.0), (2.5, 1.0), (3.5, 2.0)], 2.5),
            (vec![(1.0, 1.0), (2.0, 1.0), (3.0, 2.0)], 2.0),
            (vec![(1.0, 1.0), (2.0, 3.0), (3.0, 1.0), (10.0, 5.0)], 3.0),
        ] {
            let mut digest = Digest::default();
            for (value, weight) in &rows {
                digest.add(*value, *weight);
            }
            digest.finish(false);
            assert_eq!(digest.value_at(0.5), Some(expected), "{rows:?}");
        }
    }
}
