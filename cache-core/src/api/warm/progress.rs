//! How far a warming is.

use std::time::Duration;

/// How far a warming is; told after each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmProgress {
    /// Calls that have ended, failed ones included.
    pub done: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// How many there are in all, if the iterator knows.
    pub total: Option<u64>,
    /// Since the first call began.
    pub elapsed: Duration,
}

impl WarmProgress {
    /// Calls a second, on average since the beginning; zero while no time has passed.
    #[allow(clippy::cast_precision_loss)]
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.done as f64 / seconds } else { 0.0 }
    }

    /// How long the rest will take at this rate; `None` if the total or the rate is not known.
    #[allow(clippy::cast_precision_loss)]
    pub fn left(&self) -> Option<Duration> {
        let rest = self.total?.saturating_sub(self.done);
        let seconds = self.elapsed.as_secs_f64() * rest as f64 / self.done as f64;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn progress(done: u64, total: Option<u64>, seconds: u64) -> WarmProgress {
        WarmProgress { done, failed: 0, total, elapsed: Duration::from_secs(seconds) }
    }

    #[test]
    fn rate_and_rest() {
        let half = progress(50, Some(100), 10);
        assert!((half.rate() - 5.0).abs() < 1e-9);
        assert_eq!(half.left(), Some(Duration::from_secs(10)));
        assert_eq!(progress(100, Some(100), 10).left(), Some(Duration::ZERO));
        // An iterator that promised less than it gives.
        assert_eq!(progress(200, Some(100), 10).left(), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        assert_eq!(progress(50, None, 10).left(), None);
        assert_eq!(progress(0, Some(100), 0).left(), None);
        assert_eq!(progress(0, Some(0), 0).left(), None);
        assert!(progress(3, None, 0).rate().abs() < f64::EPSILON);
    }
}
