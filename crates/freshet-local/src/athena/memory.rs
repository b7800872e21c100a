//! How much memory queries may have: a share of the machine's, or of what its container is given.

use std::fs::read_to_string;

/// What all queries together have at least.
const LEAST: usize = 1 << 30;
/// The part of the memory that they have where there is more: one in so many.
const PART: usize = 4;

/// The memory of all queries together, in bytes. Where neither Linux nor a container says how much there is, it is the least.
pub(crate) fn for_queries() -> usize {
    let machine = read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let container = read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(container).min().map_or(LEAST, |all: usize| (all / PART).max(LEAST))
}

/// The bytes of `MemTotal: 24564820 kB`.
fn total(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::{LEAST, for_queries, total};

    #[test]
    fn queries_have_a_part_of_what_there_is() {
        assert_eq!(total("MemTotal:       24564820 kB\nMemFree:  1 kB\n"), Some(24_564_820 * 1024));
        assert_eq!((total(""), total("MemTotal: much")), (None, None));
        assert!(for_queries() >= LEAST);
    }
}
