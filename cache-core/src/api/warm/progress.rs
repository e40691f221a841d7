//! The progress of a warming.

use std::time::Duration;

/// The progress of a warming, reported after each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmProgress {
    /// The number of ended calls, including failed ones.
    pub done: u64,
    /// The number of failed calls.
    pub failed: u64,
    /// The number of all calls, if the iterator knows it.
    pub total: Option<u64>,
    /// The time since the first call began.
    pub elapsed: Duration,
}

impl WarmProgress {
    /// Returns the calls per second, on average since the start; zero while no time has passed.
    #[allow(clippy::cast_precision_loss)]
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.done as f64 / seconds } else { 0.0 }
    }

    /// Returns how long the rest will take at this rate; `None` if the total or the rate is unknown.
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
        // An iterator that returns more than its size hint.
        assert_eq!(progress(200, Some(100), 10).left(), Some(Duration::ZERO));
    }

    #[test]
    fn unknown_values_are_none() {
        assert_eq!(progress(50, None, 10).left(), None);
        assert_eq!(progress(0, Some(100), 0).left(), None);
        assert_eq!(progress(0, Some(0), 0).left(), None);
        assert!(progress(3, None, 0).rate().abs() < f64::EPSILON);
    }
}
