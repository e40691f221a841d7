//! The newest failover that this process knows, from any Sentinel over any connection.
//!
//! Sentinels learn of a failover one after the other, within up to two seconds. A client that asks
//! in the meantime, and gets no reply from an informed Sentinel, would return to the replaced
//! server, which may still answer as if it were the master.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::request::Node;

/// How long the knowledge is used after a Sentinel last confirmed it. An administrator can reset
/// the Sentinels to smaller epochs: then no Sentinel confirms the larger one.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// The master that one Sentinel names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opinion {
    /// Increases with each failover.
    pub(super) epoch: u64,
    pub(super) node: Node,
}

#[derive(Default)]
pub(super) struct Known(Mutex<Option<Newest>>);

struct Newest {
    epoch: u64,
    /// The server that was replaced according to a Sentinel, while the epoch of its successor is
    /// unknown.
    replaced: Option<Node>,
    at: Instant,
}

impl Known {
    /// Keeps only the newest opinions, and none that is older than what is already known.
    pub(super) fn sift(&self, opinions: &mut Vec<Opinion>, now: Instant) {
        let mut known = self.lock();
        if let Some(known) = known.as_ref().filter(|known| now < known.at + KNOWN_FOR) {
            opinions.retain(|opinion| known.admits(opinion));
        }
        let Some(epoch) = opinions.iter().map(|opinion| opinion.epoch).max() else { return };
        opinions.retain(|opinion| opinion.epoch == epoch);
        let replaced = known.take().filter(|known| known.epoch == epoch);
        *known =
            Some(Newest { epoch, replaced: replaced.and_then(|known| known.replaced), at: now });
    }

    /// Records that, according to a Sentinel, another server has replaced the named one.
    pub(super) fn replaced(&self, named: &Opinion, now: Instant) {
        if let Some(known) = self.lock().as_mut().filter(|known| known.epoch == named.epoch) {
            known.replaced = Some(named.node.clone());
            known.at = now;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Newest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newest {
    fn admits(&self, opinion: &Opinion) -> bool {
        opinion.epoch > self.epoch
            || opinion.epoch == self.epoch && self.replaced.as_ref() != Some(&opinion.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opinion(epoch: u64, port: u16) -> Opinion {
        Opinion { epoch, node: Node { host: "h".to_owned(), port } }
    }

    /// The remaining opinions as epochs and ports.
    fn sifted(known: &Known, said: &[(u64, u16)], now: Instant) -> Vec<(u64, u16)> {
        let mut opinions = said.iter().map(|&(epoch, port)| opinion(epoch, port)).collect();
        known.sift(&mut opinions, now);
        opinions.iter().map(|opinion| (opinion.epoch, opinion.node.port)).collect()
    }

    #[test]
    fn older_opinions_are_dropped() {
        let (known, now) = (Known::default(), Instant::now());
        assert_eq!(sifted(&known, &[(1, 1), (2, 2)], now), [(2, 2)]);
        assert_eq!(sifted(&known, &[(1, 1)], now), []);
        assert_eq!(sifted(&known, &[(1, 1), (2, 2)], now), [(2, 2)]);
        assert_eq!(sifted(&known, &[(3, 1)], now), [(3, 1)]);
        // An administrator has reset the Sentinels.
        assert_eq!(sifted(&known, &[(1, 1)], now + KNOWN_FOR), [(1, 1)]);
    }

    #[test]
    fn a_replaced_server_counts_again_after_the_next_failover() {
        let (known, now) = (Known::default(), Instant::now());
        assert_eq!(sifted(&known, &[(1, 1)], now), [(1, 1)]);
        known.replaced(&opinion(1, 1), now);
        assert_eq!(sifted(&known, &[(1, 1)], now), []);
        assert_eq!(sifted(&known, &[(1, 2), (1, 1)], now), [(1, 2)]);
        assert_eq!(sifted(&known, &[(2, 2)], now), [(2, 2)]);
        assert_eq!(sifted(&known, &[(3, 1)], now), [(3, 1)]);
        // Late news of the first failover does not affect the last one.
        known.replaced(&opinion(1, 1), now);
        assert_eq!(sifted(&known, &[(3, 1)], now), [(3, 1)]);
    }
}
