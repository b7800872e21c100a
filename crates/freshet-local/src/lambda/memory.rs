//! What a process holds in memory, as far as the system tells.
//!
//! It is looked at again and again: a process can hold more between two looks, where Lambda's limit is hard. Pages of files
//! do not count, since they can be dropped; a binary with debug information would not fit otherwise.

use std::time::Duration;

/// How long it is from look to look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks at a process until it holds more than `limit` bytes, and keeps the most that it was seen to hold. Where the system
/// does not tell, it looks for ever.
pub(super) async fn outgrown(id: u32, limit: u64, peak: &mut Option<u64>) {
    loop {
        let Some(held) = held(id) else {
            return std::future::pending().await;
        };
        *peak = (*peak).max(Some(held));
        if held > limit {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The bytes of a process that no file backs.
fn held(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let kibibytes = |name: &str| -> Option<u64> {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().trim_end_matches(" kB").parse().ok()
    };
    Some((kibibytes("RssAnon:")? + kibibytes("RssShmem:").unwrap_or(0)) * 1024)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};

    use super::held;

    #[test]
    fn what_is_written_to_counts() {
        // A process of its own: in this one other tests give memory back meanwhile.
        let script = "echo; read go; text=$(head -c 33554432 /dev/zero | tr '\\0' a); echo; read go";
        let mut shell = Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(shell.stdout.take().unwrap()).lines();
        let (id, mut ask) = (shell.id(), shell.stdin.take().unwrap());
        let mut now_held = || {
            told.next().unwrap().unwrap();
            held(id).unwrap()
        };
        let before = now_held();
        ask.write_all(b"\n").unwrap();
        assert!(now_held() >= before + 32 * 1024 * 1024);
        drop(ask);
        shell.wait().unwrap();
        assert_eq!(held(0), None);
    }
}
