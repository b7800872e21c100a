//! Merging: the small files of a partition become few, sorted as they are, without a change of their rows.
//!
//! The files are read side by side, a batch of each at a time, and written as they come: memory does not grow with them.

use std::collections::BTreeMap;

use deltalake::DeltaTable;
use deltalake::kernel::Action;
use freshet_schema::Table;
use serde_json::Value;

use crate::commit::{DataFile, Operation, Outcome, commit, day_text, files};
use crate::error::Error;
use crate::join::{Candidate, join};
use crate::lake::Lake;
use crate::options::Options;

/// So many small files are worth merging in a day that still fills.
const WORTH: usize = 5;
/// A day that is so long over hardly fills any more: two files are worth merging.
const OVER: i32 = 3;
/// A file is merged with others that are together not much smaller: so a late row does not cost its whole day each time.
const BALANCE: u64 = 4;
/// So many files are read side by side.
const AT_ONCE: usize = 32;
/// What a file that is being read holds in memory at most, packed: a row group.
const ROW_GROUP: u64 = 24 * 1024 * 1024;

/// The partitions that are worth merging today, and which files of each: together no larger than the target, and read
/// within the memory budget.
pub(crate) fn candidates(files: Vec<DataFile>, target: u64, memory_budget: usize, today: i32) -> Vec<Candidate> {
    let mut by_day: BTreeMap<i32, Vec<DataFile>> = BTreeMap::new();
    for file in files.into_iter().filter(|file| file.size < target / 2) {
        by_day.entry(file.day).or_default().push(file);
    }
    let choose = |(day, mut files): (i32, Vec<DataFile>)| {
        files.sort_by(|left, right| (left.size, &left.location).cmp(&(right.size, &right.location)));
        let (mut sum, mut memory, mut count) = (0, 0, 0);
        for file in &files {
            memory += file.size.min(ROW_GROUP);
            let is_balanced = count == 0 || file.size <= BALANCE * sum;
            if count == AT_ONCE || !is_balanced || sum + file.size > target || (count > 1 && memory > memory_budget as u64 / 2) {
                break;
            }
            sum += file.size;
            count += 1;
        }
        files.truncate(count);
        let worth = if day < today - OVER { 2 } else { WORTH };
        (count >= worth).then_some(Candidate { day, files })
    };
    by_day.into_iter().filter_map(choose).collect()
}

/// Merges what is worth it in a table. Returns the table as it is then, and how many files became part of a larger one.
pub(crate) async fn merge(
    lake: &Lake,
    table: &'static Table,
    mut delta: DeltaTable,
    options: &Options,
) -> Result<(DeltaTable, u64), Error> {
    let mut merged = 0;
    let mut lost = 0;
    while lost < 3 && !options.is_late() {
        let found = candidates(files(&delta, table).await?, options.target_file, options.memory_budget, options.today());
        let Some(candidate) = found.into_iter().next() else {
            break;
        };
        let add = join(lake, table, &candidate, options).await?;
        let removes = candidate.files.iter().map(|file| {
            let mut remove = file.remove.clone();
            remove.data_change = false;
            Action::Remove(remove)
        });
        let actions = removes.chain(add.map(Action::Add)).collect();
        match commit(lake, table, &delta, actions, Operation::Merge, Value::Null).await? {
            Outcome::Won => {
                merged += candidate.files.len() as u64;
                tracing::info!(table = table.name, dt = day_text(candidate.day), files = candidate.files.len(), "merged small files");
            }
            Outcome::Lost => lost += 1,
        }
        delta = lake.load(table).await?.unwrap_or(delta);
    }
    Ok((delta, merged))
}

#[cfg(test)]
mod tests {
    use deltalake::kernel::Remove;
    use object_store::path::Path;

    use super::*;

    const TODAY: i32 = 20_000;
    const TARGET: u64 = 256 * 1024 * 1024;

    fn check(day: i32, sizes: &[u64], expected: &[u64]) {
        let file = |(place, size): (usize, &u64)| DataFile {
            location: Path::from(format!("{place}")),
            size: *size,
            day,
            records: 1,
            stats: Value::Null,
            remove: Remove::default(),
        };
        let found = candidates(sizes.iter().enumerate().map(file).collect(), TARGET, 256 * 1024 * 1024, TODAY);
        let found: Vec<u64> = found.into_iter().flat_map(|candidate| candidate.files).map(|file| file.size).collect();
        assert_eq!(found, expected, "{sizes:?}");
    }

    #[test]
    fn a_day_that_fills_is_merged_from_five_small_files_on() {
        check(TODAY, &[10; 4], &[]);
        check(TODAY, &[10; 5], &[10; 5]);
        check(TODAY, &[10; 40], &[10; 32]);
    }

    #[test]
    fn a_day_that_is_over_is_merged_to_one_file() {
        check(TODAY - 4, &[10], &[]);
        check(TODAY - 4, &[10, 20], &[10, 20]);
    }

    #[test]
    fn a_late_row_does_not_cost_its_whole_day() {
        check(TODAY - 4, &[1, 1_000], &[]);
        check(TODAY - 4, &[1, 2, 1_000], &[1, 2]);
        check(TODAY - 4, &[1, 3, 16, 80], &[1, 3, 16, 80]);
    }

    #[test]
    fn merged_files_stay_within_target_and_memory() {
        const MIB: u64 = 1024 * 1024;
        check(TODAY, &[100 * MIB; 9], &[]);
        check(TODAY - 4, &[100 * MIB; 9], &[100 * MIB; 2]);
        check(TODAY - 4, &[20 * MIB; 9], &[20 * MIB; 6]);
        check(TODAY - 4, &[200 * MIB; 3], &[]);
    }
}
