//! A lease of the remote tier in the hands of one load: renewed while the load runs, given back
//! when it ends without a value.

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

/// A lease is renewed at a third of its time, so that one that is lost with its holder frees the key
/// after so long.
const TERM: Duration = Duration::from_secs(3);
/// Between two looks at a lease that another process holds.
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
    /// How long its load may take.
    until: Timestamp,
    /// Of the batch that its load is one of.
    turns: Option<Arc<Turns>>,
}

/// What came of asking for a lease.
pub(crate) enum Leased {
    Lead(Lease),
    /// Another process has stored a value meanwhile.
    Value(Arrived),
    /// Others held it for as long as there was time to wait.
    Refused,
}

impl Lease {
    /// Asks for the lease of `key`, and waits while another process has it; what `aside` gives is held meanwhile. The
    /// items of a batch ask in `turns`.
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
        // Made before it is asked for: a caller who goes away while the answer is under way may have
        // been given the lease.
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
                    // Spread by half, so that waiting processes do not ask in step.
                    let spread = pause.mul_f64(0.5 + engine.chance.fraction());
                    let wake = now.after(spread.min(left.max(Duration::from_millis(1))));
                    let _aside = aside();
                    engine.clock.sleep_until(wake.min(ask.until)).await;
                    pause = pause.mul_f64(1.6).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// How often in a row the key's load took too long.
    pub(crate) fn takeovers(&self) -> u32 {
        self.takeovers
    }

    /// Whether another process had it first.
    pub(crate) fn has_waited(&self) -> bool {
        self.waited
    }

    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// Runs the load, and renews the lease meanwhile. The lease ends at `until`, or soon after it: another process
    /// then takes it from a load that hangs.
    pub(crate) async fn during<T>(&mut self, until: Timestamp, load: impl Future<Output = T>) -> T {
        self.until = until;
        tokio::select! {
            biased;
            done = load => done,
            never = self.renewing(until) => match never {},
        }
    }

    /// Whether the load took longer than it may: another process may have taken over.
    pub(crate) fn is_late(&self) -> bool {
        self.engine.clock.now() >= self.until
    }

    /// Never ends: the load does.
    async fn renewing(&self, until: Timestamp) -> Infallible {
        let Some(remote) = &self.engine.remote else { return std::future::pending().await };
        let third = self.term / 3;
        loop {
            let next = self.engine.clock.now().after(third);
            if next >= until {
                return std::future::pending().await;
            }
            self.engine.clock.sleep_until(next).await;
            // A whole term could end after `until`. Then processes that asked when this load began would see a lease
            // that is still held after they have waited for the load's whole time.
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

    /// The store has ended it, or will: nothing is left to give back.
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
        // Without a runtime (it may be what is ending) the lease runs out by itself.
        if !self.held || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        // Given back in the background, so that the next load need not wait for it to run out.
        let (engine, key, token) =
            (Arc::clone(&self.engine), std::mem::take(&mut self.key), self.token);
        let turns = self.turns.take();
        // Its first step is taken here: on one connection it then comes before the next caller's question.
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
    /// A number that no other attempt has: this cache's own random sequence, never zero.
    fn token(&self) -> u64 {
        (self.chance.number() ^ self.instance) | 1
    }
}
