//! What this process knows of the last failover, from any Sentinel and over any connection.
//!
//! Sentinels hear of a failover one after the other, for up to two seconds. Whoever asks them meanwhile, and happens not
//! to hear the one that knows, would go back to the server that was replaced, which may still answer as if it were the
//! master.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::request::Node;

/// So long after anybody said so last. An administrator can make the Sentinels begin again with smaller epochs: then
/// nobody confirms the larger one any more.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// Who a Sentinel takes for the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opinion {
    /// Grows with each failover.
    pub(super) epoch: u64,
    pub(super) node: Node,
}

#[derive(Default)]
pub(super) struct Known(Mutex<Option<Newest>>);

struct Newest {
    epoch: u64,
    /// A Sentinel said that another has taken over from this one, and nobody has told the epoch of that yet.
    replaced: Option<Node>,
    at: Instant,
}

impl Known {
    /// Leaves of what the Sentinels say only the newest, and nothing that is older than what was known before.
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

    /// A Sentinel has said that another has taken over from the server that was named before.
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

    /// What is left of opinions, as epochs and ports.
    fn sifted(known: &Known, said: &[(u64, u16)], now: Instant) -> Vec<(u64, u16)> {
        let mut opinions = said.iter().map(|&(epoch, port)| opinion(epoch, port)).collect();
        known.sift(&mut opinions, now);
        opinions.iter().map(|opinion| (opinion.epoch, opinion.node.port)).collect()
    }

    #[test]
    fn what_is_older_than_what_was_known_is_left_out() {
        let (known, now) = (Known::default(), Instant::now());
        assert_eq!(sifted(&known, &[(1, 1), (2, 2)], now), [(2, 2)]);
        assert_eq!(sifted(&known, &[(1, 1)], now), []);
        assert_eq!(sifted(&known, &[(1, 1), (2, 2)], now), [(2, 2)]);
        assert_eq!(sifted(&known, &[(3, 1)], now), [(3, 1)]);
        // The Sentinels were set up anew.
        assert_eq!(sifted(&known, &[(1, 1)], now + KNOWN_FOR), [(1, 1)]);
    }

    #[test]
    fn who_was_replaced_counts_again_with_the_next_failover() {
        let (known, now) = (Known::default(), Instant::now());
        assert_eq!(sifted(&known, &[(1, 1)], now), [(1, 1)]);
        known.replaced(&opinion(1, 1), now);
        assert_eq!(sifted(&known, &[(1, 1)], now), []);
        assert_eq!(sifted(&known, &[(1, 2), (1, 1)], now), [(1, 2)]);
        assert_eq!(sifted(&known, &[(2, 2)], now), [(2, 2)]);
        assert_eq!(sifted(&known, &[(3, 1)], now), [(3, 1)]);
        // What is heard late of the first failover says nothing of the last.
        known.replaced(&opinion(1, 1), now);
        assert_eq!(sifted(&known, &[(3, 1)], now), [(3, 1)]);
    }
}
