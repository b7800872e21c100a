//! Waits between attempts: exponential, with full jitter, and never past a point in time.

use std::time::Duration;

use tokio::time::Instant;

/// The longest wait before the first repetition.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait before any repetition.
const LONGEST: Duration = Duration::from_millis(400);

/// Time below which another attempt is not worth starting.
const TOO_SHORT: Duration = Duration::from_millis(20);

/// The attempts at one thing, until a point in time.
#[derive(Debug)]
pub(crate) struct Attempts {
    until: Instant,
    longest: Duration,
    ceiling: Duration,
}

impl Attempts {
    /// Attempts until then, none of which takes longer than `longest`: one hanging connection must leave time for another.
    pub(crate) fn new(until: Instant, longest: Duration) -> Self {
        Self { until, longest, ceiling: FIRST }
    }

    /// How long an attempt that starts now may take; none when there is no time left.
    pub(crate) fn time_for_one(&self) -> Option<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        (left >= TOO_SHORT).then(|| left.min(self.longest))
    }

    /// Waits before a repetition, unless nothing could follow; says whether it waited.
    pub(crate) async fn wait(&mut self) -> bool {
        let pause = self.ceiling.mul_f64(rand::random::<f64>());
        self.ceiling = (self.ceiling * 2).min(LONGEST);
        let left = self.until.saturating_duration_since(Instant::now());
        if left < pause + TOO_SHORT {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_attempt_is_longer_than_the_time_left_or_than_asked() {
        let now = Instant::now();
        let short = Attempts::new(now + Duration::from_mins(1), Duration::from_secs(1));
        assert_eq!(short.time_for_one(), Some(Duration::from_secs(1)));
        let late = Attempts::new(now + Duration::from_mins(1), Duration::from_mins(10));
        assert!(late.time_for_one().is_some_and(|time| time <= Duration::from_mins(1)));
        assert_eq!(Attempts::new(now, Duration::from_secs(1)).time_for_one(), None);
    }

    #[tokio::test]
    async fn there_is_no_wait_that_nothing_can_follow() {
        assert!(!Attempts::new(Instant::now(), Duration::from_secs(1)).wait().await);
    }
}
