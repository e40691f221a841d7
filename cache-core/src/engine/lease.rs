//! A lease of the remote tier during one load: renewed while the load runs, given back when the load ends
//! without a value.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::handle::Engine;
use super::spawn::start_now;
use super::table::Turns;
use crate::backend::LeaseOutcome;
use crate::base::{BackendError, Timestamp};
use crate::remote::{Arrived, Ask};

/// The time of a lease. It is renewed after a third of it. If its holder is lost, the key is free after this
/// time.
const TERM: Duration = Duration::from_secs(3);
/// The first and the longest pause between two checks of a lease that another process holds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The right to fill one key of the remote tier.
pub(crate) struct Lease {
    engine: Arc<Engine>,
    key: String,
    token: u64,
    term: Duration,
    takeovers: u32,
    waited: bool,
    held: bool,
    /// When its load must have ended.
    until: Timestamp,
    /// The turns of its batch, if the load belongs to one.
    turns: Option<Arc<Turns>>,
}

/// The result of asking for a lease.
pub(crate) enum Leased {
    Lead(Lease),
    /// Another process has stored a value meanwhile.
    Value(Arrived),
    /// Others held the lease for the whole time that could be waited.
    Refused,
}

impl Lease {
    /// Asks for the lease of `key`, and waits while another process has it; the result of `aside` is held
    /// meanwhile. The items of a batch ask in `turns`.
    pub(crate) async fn ask<A>(
        engine: &Arc<Engine>,
        key: &str,
        ask: Ask,
        turns: Option<Arc<Turns>>,
        aside: impl Fn() -> A,
    ) -> Result<Leased, BackendError> {
        let Some(remote) = &engine.remote else { return Ok(Leased::Refused) };
        let token = engine.token();
        let term = TERM.min(ask.lease);
        // Made before the request: if the caller is dropped while the answer is on its way, the lease may
        // have been given.
        let mut lease = Lease {
            engine: Arc::clone(engine),
            key: key.to_owned(),
            token,
            term,
            takeovers: 0,
            waited: false,
            held: true,
            until: Timestamp::NEVER,
            turns,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let (asked, acquired) = {
                let _turn = foreground(&lease.turns).await;
                (engine.clock.now(), remote.acquire(key, token, term, &ask).await?)
            };
            match acquired {
                LeaseOutcome::Lead { takeovers } => {
                    lease.takeovers = takeovers;
                    return Ok(Leased::Lead(lease));
                }
                LeaseOutcome::Value(read) => {
                    lease.held = false;
                    return Ok(Leased::Value(Arrived { read, asked }));
                }
                LeaseOutcome::Wait(left) => {
                    lease.waited = true;
                    let now = engine.clock.now();
                    if now >= ask.until {
                        lease.held = false;
                        return Ok(Leased::Refused);
                    }
                    // Random by half, so that waiting processes do not ask at the same time.
                    let spread = pause.mul_f64(0.5 + engine.chance.fraction());
                    let wake = now.after(spread.min(left.max(Duration::from_millis(1))));
                    let _aside = aside();
                    engine.clock.sleep_until(wake.min(ask.until)).await;
                    pause = pause.mul_f64(1.6).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// How many times in a row the key's load took too long.
    pub(crate) fn takeovers(&self) -> u32 {
        self.takeovers
    }

    /// Whether another process had the lease before.
    pub(crate) fn has_waited(&self) -> bool {
        self.waited
    }

    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// Runs the load, and renews the lease meanwhile. The lease ends at `until`, or soon after: then another
    /// process can take it from a load that hangs.
    pub(crate) async fn during<T>(&mut self, until: Timestamp, load: impl Future<Output = T>) -> T {
        self.until = until;
        tokio::select! {
            biased;
            done = load => done,
            never = self.renewing(until) => match never {},
        }
    }

    /// Whether the load took longer than allowed: another process may have taken over.
    pub(crate) fn is_late(&self) -> bool {
        self.engine.clock.now() >= self.until
    }

    /// Never ends; the load does.
    async fn renewing(&self, until: Timestamp) -> Infallible {
        let Some(remote) = &self.engine.remote else { return std::future::pending().await };
        let third = self.term / 3;
        loop {
            let next = self.engine.clock.now().after(third);
            if next >= until {
                return std::future::pending().await;
            }
            self.engine.clock.sleep_until(next).await;
            // A whole term could end after `until`. Processes that asked when this load began would then
            // still see a held lease after they have waited for the load's whole time.
            let renewed = {
                let _turn = foreground(&self.turns).await;
                let left = until.since(self.engine.clock.now()).unwrap_or(self.term);
                if left.is_zero() {
                    return std::future::pending().await;
                }
                remote.renew(&self.key, self.token, self.term.min(left)).await
            };
            if let Ok(false) = renewed {
                // Lost: an eviction came, or another process leads. The commit will be refused.
                return std::future::pending().await;
            }
        }
    }

    /// Records that the store has ended the lease, or will: there is nothing to give back.
    pub(crate) fn spent(mut self) {
        self.held = false;
    }
}

async fn foreground(turns: &Option<Arc<Turns>>) -> Option<SemaphorePermit<'_>> {
    match turns {
        Some(turns) => turns.foreground().await,
        None => None,
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Without a runtime (it may be ending) the lease expires.
        if !self.held || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        // Given back in the background, so that the next load need not wait until it expires.
        let (engine, key, token) =
            (Arc::clone(&self.engine), std::mem::take(&mut self.key), self.token);
        let turns = self.turns.take();
        // The first step is taken here, so that on one connection it comes before the next caller's request.
        start_now(async move {
            let _turn = match &turns {
                Some(turns) => turns.background().await,
                None => None,
            };
            if let Some(remote) = &engine.remote {
                let _ = remote.abort(&key, token).await;
            }
        });
    }
}

impl Engine {
    /// A number that no other attempt has, from this cache's own random sequence; never zero.
    fn token(&self) -> u64 {
        (self.chance.number() ^ self.instance) | 1
    }
}
