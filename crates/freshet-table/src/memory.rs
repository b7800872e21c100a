//! Memory that is freed goes back to the system, so that a budget of rows bounds what a process holds.
//!
//! glibc keeps a heap for each thread that allocates, up to eight a processor, gives a heap back from its end alone, and
//! takes ever larger pieces from heaps instead of from the system (mallopt(3), `M_ARENA_MAX`, `M_MMAP_THRESHOLD`). A
//! compactor fills record batches on one thread and drops them on another, round after round, so that each heap keeps
//! the most that it ever held: a million rows in a budget of 256 MiB came to 900 MiB and more of resident memory.

/// Pieces from this size on come from the system and go back to it: glibc's own first threshold, which it moves.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FROM_SYSTEM: i32 = 128 * 1024;

/// Limits the heaps of this process, once and for good.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has this one way to say so")]
pub(crate) fn limit_heaps() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the calls take no pointers; each stores a number under malloc's own lock.
        let are_taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) & libc::mallopt(libc::M_MMAP_THRESHOLD, FROM_SYSTEM) };
        if are_taken == 0 {
            tracing::warn!("the C library did not take the limits of its heaps: memory may exceed the budget");
        }
    });
}

/// Other systems' allocators have no such limits to set.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn limit_heaps() {}
