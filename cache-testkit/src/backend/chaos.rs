//! Random faults, reproducible by seed.

use std::time::Duration;

use super::operation::Operation;
use crate::dice::Dice;

/// The probabilities of random faults: see [`Faults::chaos`](super::faults::Faults::chaos). Each is a
/// fraction of the operations, from 0.0 (never) to 1.0 (always). Default: no faults.
///
/// ```
/// use larder::testing::FaultRates;
///
/// let weather = FaultRates { down: 0.1, lost: 0.05, ..FaultRates::default() };
/// assert_eq!(weather.damaged, 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultRates {
    /// The operation fails without effect.
    pub down: f64,
    /// The operation takes effect, but its answer is lost.
    pub lost: f64,
    /// The operation takes up to [`delay`](Self::delay) longer.
    pub slow: f64,
    /// The maximum additional time of a slow operation, by the backend's clock.
    pub delay: Duration,
    /// The values in the answer are damaged.
    pub damaged: f64,
    /// A message of the bus is lost without a notification. Real backends must not do that, so an effect of
    /// the message may be delayed until entries expire.
    pub unheard: f64,
}

/// The faults of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Fate {
    pub(super) down: bool,
    pub(super) lost: bool,
    pub(super) damaged: bool,
    pub(super) delay: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Chaos {
    seed: u64,
    weather: FaultRates,
}

impl Chaos {
    pub(super) fn new(seed: u64, weather: FaultRates) -> Self {
        Self { seed, weather }
    }

    /// The faults of the `turn`th call of the operation. They depend on nothing else, so other operations in
    /// between change nothing.
    pub(super) fn fate(&self, operation: Operation, turn: u64) -> Fate {
        let mut dice = Dice::new(self.seed ^ (operation as u64 + 1) << 48 ^ turn);
        let weather = &self.weather;
        let (down, lost) = (dice.falls(weather.down), dice.falls(weather.lost));
        let (damaged, slow) = (dice.falls(weather.damaged), dice.falls(weather.slow));
        let delay = if slow { weather.delay.mul_f64(dice.roll()) } else { Duration::ZERO };
        Fate { down, lost, damaged, delay }
    }

    pub(super) fn is_unheard(&self, turn: u64) -> bool {
        Dice::new(self.seed ^ turn.rotate_left(32)).falls(self.weather.unheard)
    }
}
