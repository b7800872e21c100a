//! How a sequence is cut into runs that each keep a limit of count and of bytes. Arithmetic on lengths only.

use std::ops::Range;

/// What one run may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most items.
    pub items: usize,
    /// The most bytes, all items together.
    pub bytes: usize,
}

/// The most bytes of one record, before base64: 1,000 KiB (Firehose's limit).
pub const RECORD_BYTES: usize = 1_000 * 1024;

/// The most that one `PutRecordBatch` takes: 500 records and 4 MiB (Firehose's limit).
pub const CALL: Limit = Limit { items: 500, bytes: 4 * 1024 * 1024 };

/// Cuts items of these lengths into runs, in order and as long as the limit allows.
///
/// An item longer than the limit gets a run of its own: whether it may exist is for the caller to say.
///
/// ```
/// use freshet_firehose::plan::{Limit, plan};
/// assert_eq!(plan([40, 40, 40], Limit { items: 9, bytes: 100 }), [0..2, 2..3]);
/// ```
pub fn plan(lengths: impl IntoIterator<Item = usize>, limit: Limit) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    let mut bytes = 0_usize;
    let mut end = 0;
    for length in lengths {
        let full = end - start >= limit.items || bytes.saturating_add(length) > limit.bytes;
        if end > start && full {
            runs.push(start..end);
            start = end;
            bytes = 0;
        }
        bytes = bytes.saturating_add(length);
        end += 1;
    }
    if end > start {
        runs.push(start..end);
    }
    runs
}

/// Cuts records of these lengths into the calls that Firehose takes.
pub fn split(lengths: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    plan(lengths, CALL)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_no_call() {
        assert!(split([]).is_empty());
    }

    #[test]
    fn a_call_holds_500_records_and_the_501st_starts_another() {
        assert_eq!(split([1; 501]), [0..500, 500..501]);
    }

    #[test]
    fn a_call_holds_exactly_four_mebibytes() {
        assert_eq!(split([1024 * 1024; 4]), vec![0..4]);
        assert_eq!(split([1024 * 1024, 1024 * 1024, 1024 * 1024, 1024 * 1024 + 1]), [0..3, 3..4]);
    }

    proptest! {
        #[test]
        fn every_item_is_in_one_run_and_no_run_breaks_a_limit(
            lengths in prop::collection::vec(0_usize..5_000, 0..400),
            items in 1_usize..60,
            bytes in 0_usize..20_000,
        ) {
            let runs = plan(lengths.iter().copied(), Limit { items, bytes });
            let visited: Vec<usize> = runs.iter().cloned().flatten().collect();
            prop_assert_eq!(visited, (0..lengths.len()).collect::<Vec<_>>());
            for run in &runs {
                let total: usize = lengths[run.clone()].iter().sum();
                prop_assert!(!run.is_empty() && run.len() <= items);
                prop_assert!(total <= bytes || run.len() == 1);
            }
            for pair in runs.windows(2) {
                let total: usize = lengths[pair[0].start..=pair[1].start].iter().sum();
                prop_assert!(pair[0].len() == items || total > bytes, "a run could have been longer");
            }
        }
    }
}
