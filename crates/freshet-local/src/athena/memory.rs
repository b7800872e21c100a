//! How much memory queries may have, a share of the machine's or of what its container is given; and how it goes back to the system.

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

/// Gives the system back what is free within the heaps of this process, between what is in use (`malloc_trim(3)`): after a thousand
/// queries side by side, two heaps held 90 MiB each, with 30 MiB in use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has this one way to say so")]
pub(crate) fn give_back() {
    // SAFETY: the call takes no pointer, and each heap's own lock while it is at it.
    unsafe { libc::malloc_trim(0) };
}

/// Other systems' allocators have no such call.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}

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
