//! A lease of the remote tier during one load: renewed while the load runs, given back when the load ends
//! without a value.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::handle::Engine;
use super::spawn::start_now;
use super::table::{Registered, Table};
use super::together::parts;
use crate::backend::LeaseOutcome;
use crate::base::{BackendError, Timestamp};
use crate::remote::{Arrived, Ask, LeaseQuestion};

/// The time of a lease. It is renewed after a third of it. If its holder is lost, the key is free after this
/// time.
const TERM: Duration = Duration::from_secs(3);
/// The first and the longest pause between two requests for a lease that another process holds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The right to fill one key of the remote tier.
pub(crate) struct Lease {
    engine: Arc<Engine>,
    key: Arc<str>,
    token: u64,
    term: Duration,
    takeovers: u32,
    waited: bool,
    /// Whether the store may have granted it: then it is given back when this is dropped.
    held: bool,
    /// When it was requested.
    asked: Timestamp,
    /// When its load must have ended.
    until: Timestamp,
    /// The turns of its batch, if the load belongs to one.
    table: Option<Arc<Table>>,
}

/// The result of a request for a lease.
pub(crate) enum Leased {
    Lead(Lease),
    /// Another process has stored a value meanwhile.
    Value(Arrived),
    /// Others held the lease for the whole time that could be waited.
    Refused,
}

/// A lease that is requested until the store grants it, has a value, or there is no more time to wait.
pub(crate) struct Claim {
    lease: Lease,
    ask: Ask,
    pause: Duration,
}

/// What the store has answered to a claim.
pub(crate) enum Answer {
    Done(Leased),
    /// Another process holds the lease: it is requested again at this time.
    Again(Claim, Timestamp),
}

impl Claim {
    pub(super) fn new(
        engine: &Arc<Engine>,
        key: &str,
        ask: Ask,
        table: Option<Arc<Table>>,
    ) -> Self {
        let lease = Lease {
            engine: Arc::clone(engine),
            key: key.into(),
            token: engine.token(),
            term: TERM.min(ask.lease),
            takeovers: 0,
            waited: false,
            held: false,
            asked: Timestamp::NEVER,
            until: Timestamp::NEVER,
            table,
        };
        Self { lease, ask, pause: FIRST_PAUSE }
    }

    /// Records that it is requested now.
    pub(super) fn sent(&mut self) {
        // Before the answer: if the caller is dropped while the answer is on its way, the lease may have been given.
        self.lease.held = true;
        self.lease.asked = self.lease.engine.clock.now();
    }

    pub(super) fn question(&self) -> LeaseQuestion<'_> {
        let Lease { key, token, term, .. } = &self.lease;
        LeaseQuestion { key, token: *token, ttl: *term, ask: self.ask }
    }

    /// `fraction` makes the pauses random, so that waiting processes do not ask at the same time.
    pub(super) fn answered(mut self, acquired: LeaseOutcome, fraction: f64) -> Answer {
        let asked = self.lease.asked;
        match acquired {
            LeaseOutcome::Lead { takeovers } => {
                self.lease.takeovers = takeovers;
                Answer::Done(Leased::Lead(self.lease))
            }
            LeaseOutcome::Value(read) => {
                self.lease.held = false;
                Answer::Done(Leased::Value(Arrived { read, asked }))
            }
            LeaseOutcome::Wait(left) => {
                self.lease.held = false;
                self.lease.waited = true;
                let now = self.lease.engine.clock.now();
                if now >= self.ask.until {
                    return Answer::Done(Leased::Refused);
                }
                let spread = self.pause.mul_f64(0.5 + fraction);
                let wake = now.after(spread.min(left.max(Duration::from_millis(1))));
                let wake = wake.min(self.ask.until);
                self.pause = self.pause.mul_f64(1.6).min(LONGEST_PAUSE);
                Answer::Again(self, wake)
            }
        }
    }

    /// Records that the store has not granted it.
    pub(super) fn unneeded(mut self) {
        self.lease.held = false;
    }

    /// Requests the lease, and waits while another process has it.
    async fn ask(mut self) -> Result<Leased, BackendError> {
        let engine = Arc::clone(&self.lease.engine);
        let Some(remote) = &engine.remote else { return Ok(Leased::Refused) };
        loop {
            self.sent();
            let acquired = remote.acquire(self.question()).await?;
            match self.answered(acquired, engine.chance.fraction()) {
                Answer::Done(leased) => return Ok(leased),
                Answer::Again(again, wake) => {
                    self = again;
                    engine.clock.sleep_until(wake).await;
                }
            }
        }
    }
}

impl Answer {
    /// Goes on with an answer that came with a read: waits and asks again if another process has the lease.
    pub(super) async fn go_on(self, ask: Ask) -> Result<Leased, BackendError> {
        match self {
            Self::Done(leased) => Ok(leased),
            Self::Again(mut claim, wake) => {
                let engine = Arc::clone(&claim.lease.engine);
                engine.clock.sleep_until(wake).await;
                claim.ask = ask;
                claim.ask().await
            }
        }
    }
}

/// Requests the leases of the items of a batch. Items whose leases other processes hold wait, and the others go on.
pub(super) async fn ask_each(
    engine: Arc<Engine>,
    mut claims: Vec<Registered<Claim, Result<Leased, BackendError>>>,
) {
    let Some(remote) = &engine.remote else { return };
    loop {
        claims.retain(|claim| !claim.item.is_gone());
        if claims.is_empty() {
            return;
        }
        let fraction = engine.chance.fraction();
        let (mut waiting, mut wake) = (Vec::new(), Timestamp::NEVER);
        for mut part in parts(claims) {
            part.iter_mut().for_each(|claim| claim.question.sent());
            let questions: Vec<_> = part.iter().map(|claim| claim.question.question()).collect();
            let acquired = remote.acquire_each(&questions).await;
            for (Registered { question: claim, item }, acquired) in part.into_iter().zip(acquired) {
                match acquired.map(|acquired| claim.answered(acquired, fraction)) {
                    Ok(Answer::Done(leased)) => item.goes_on(Ok(leased)),
                    Err(error) => item.goes_on(Err(error)),
                    Ok(Answer::Again(question, at)) => {
                        item.waits();
                        wake = wake.min(at);
                        waiting.push(Registered { question, item });
                    }
                }
            }
        }
        claims = waiting;
        if !claims.is_empty() {
            engine.clock.sleep_until(wake).await;
        }
    }
}

impl Lease {
    /// Requests the lease of `key`, and waits while another process has it.
    pub(crate) async fn ask(
        engine: &Arc<Engine>,
        key: &str,
        ask: Ask,
    ) -> Result<Leased, BackendError> {
        Claim::new(engine, key, ask, None).ask().await
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

    /// The load begins. The lease ends at `until`, or soon after: then another process can take it from a load
    /// that hangs.
    pub(crate) fn begin(&mut self, until: Timestamp) -> LeaseRenewal {
        self.until = until;
        LeaseRenewal {
            engine: Arc::clone(&self.engine),
            key: Arc::clone(&self.key),
            token: self.token,
            term: self.term,
            asked: self.asked,
            until,
            table: self.table.clone(),
        }
    }

    /// Whether the load took longer than allowed: another process may have taken over.
    pub(crate) fn is_late(&self) -> bool {
        self.engine.clock.now() >= self.until
    }

    /// Records that the store has ended the lease, or will: there is nothing to give back.
    pub(crate) fn spent(mut self) {
        self.held = false;
    }
}

/// The renewal of a lease while its load runs.
pub(crate) struct LeaseRenewal {
    engine: Arc<Engine>,
    key: Arc<str>,
    token: u64,
    term: Duration,
    asked: Timestamp,
    until: Timestamp,
    table: Option<Arc<Table>>,
}

impl LeaseRenewal {
    /// Renews the lease until this is dropped.
    pub(crate) async fn run(self) -> Infallible {
        let until = self.until;
        let Some(remote) = &self.engine.remote else { return std::future::pending().await };
        let third = self.term / 3;
        // Counted from the request, which the items of a batch send together: so they renew together.
        let mut next = self.asked.after(third);
        loop {
            if next >= until {
                return std::future::pending().await;
            }
            self.engine.clock.sleep_until(next).await;
            // A whole term could end after `until`. Processes that asked when this load began would then
            // still see a held lease after they have waited for the load's whole time.
            let now = self.engine.clock.now();
            let left = until.since(now).unwrap_or(self.term);
            if left.is_zero() {
                return std::future::pending().await;
            }
            let ttl = self.term.min(left);
            let renewed = match &self.table {
                Some(table) => table.renew(&self.key, self.token, ttl).await,
                None => remote.renew(&self.key, self.token, ttl).await,
            };
            // A renewal that comes late, because the caller was not polled, is not made up for.
            next = if next.after(third) > now { next.after(third) } else { now.after(third) };
            if let Ok(false) = renewed {
                // Lost: an eviction came, or another process leads. The commit will be refused.
                return std::future::pending().await;
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Without a runtime (it may be ending) the lease expires.
        if !self.held || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        // Given back in the background, so that the next load need not wait until it expires.
        let (engine, key, token) = (Arc::clone(&self.engine), Arc::clone(&self.key), self.token);
        if let Some(table) = &self.table {
            table.abort(key.to_string(), token);
            return;
        }
        // The first step is taken here, so that on one connection it comes before the next caller's request.
        start_now(async move {
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
