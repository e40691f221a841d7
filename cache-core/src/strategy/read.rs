//! The life of a read: look, join or lead, ask the remote tier, load, commit.

use std::sync::Arc;

use super::desk::Ask;
use super::find::{Finding, Missing, Purpose};
use super::flight::{Flight, Landing, Lead, Role};
use super::job::{Job, loaded};
use super::load::Refusal;
use super::lookup::Look;
use super::patience::{Patience, Waited};
use super::plan::{Mode, Plan};
use super::{boxed, spawn};
use crate::cache::Inner;
use crate::call::Rules;
use crate::clock::Timestamp;
use crate::entry::{Freshness, Stored};
use crate::invalidation::Ticket;
use crate::policy::Stampede;
use crate::registry::complain;
use crate::scope::{self, Way};
use crate::value::{CacheValue, Shape};
use crate::{Cached, Source};

/// A read with everything that may happen to it. The memory tier was not asked yet.
///
/// No `async fn`, whose future would hold what it is given twice: there may be ten thousand who wait for one load.
pub(super) fn read<S>(
    inner: Arc<Inner>,
    plan: Plan,
    rules: Rules<S>,
    work: Ask<S::Output>,
) -> impl Future<Output = Cached<S::Output>> + Send
where
    S: Shape<Output: Send + 'static> + 'static,
    S::Value: CacheValue,
{
    let mut job = Job::new(inner, plan, rules, work.seat());
    async move {
        if job.plan.mode == Mode::Bypass {
            return loaded(work.start().await, Source::Bypassed);
        }
        match scope::way(&job.inner, &job.plan).await {
            Way::Through => {}
            Way::Inside(inside) => job.inside = Some(inside),
            Way::Beside => return loaded(work.start().await, Source::Bypassed),
            Way::Own(entry) => match job.cached(&entry, Source::Memory) {
                Some(own) => {
                    job.tally().memory_hits();
                    return own;
                }
                // The transaction has stored another type under the key.
                None => return loaded(work.start().await, Source::Bypassed),
            },
        }
        let (inner, plan) = (&job.inner, &job.plan);
        if let Err(error) = plan.policy.check() {
            complain("calls with this policy run uncached", &error.into());
            return loaded(work.start().await, Source::Bypassed);
        }
        let reads = plan.mode == Mode::Normal;
        let work = match job.at_once(work) {
            Ok(served) => return served,
            Err(work) => work,
        };
        // What memory answers at once does not read a precise clock.
        let stopwatch = inner.clock.stopwatch();
        let done = job.read(work).await;
        if reads {
            inner.answered_in(plan, stopwatch.elapsed());
        }
        if reads && matches!(done.source, Source::Loaded | Source::TimedOut | Source::Refused) {
            job.tally().misses();
        }
        done
    }
}

impl<S> Job<S>
where
    S: Shape<Output: Send + 'static> + 'static,
    S::Value: CacheValue,
{
    /// What the memory tier has, for a read that asks it.
    fn at_once(&self, work: Ask<S::Output>) -> Result<Cached<S::Output>, Ask<S::Output>> {
        if self.is_refresh() { Err(work) } else { self.serve(work, self.plan.drawn) }
    }

    /// The memory tier was asked.
    async fn read(&self, mut work: Ask<S::Output>) -> Cached<S::Output> {
        let mut patience = Patience::new(&self.inner.clock, &self.plan.policy);
        let mut again = false;
        // The flight that is under way when a read begins is older than the read.
        let mut older = self.is_strict();
        loop {
            if std::mem::replace(&mut again, true) && !self.is_refresh() {
                work = match self.serve(work, false) {
                    Ok(served) => return served,
                    Err(work) => work,
                };
            }
            match self.role() {
                Role::Lead(mut lead, mut ticket) => {
                    let purpose =
                        Purpose::Answer { stale: work.detaches() && self.inside.is_none() };
                    let find = boxed(|| self.find(&mut lead, &mut ticket, purpose));
                    let found = match self.patiently(find, &mut patience, || None).await {
                        Ok(found) => found,
                        Err(instead) => return instead,
                    };
                    match found {
                        Finding::Hit(hit) => return hit.map(S::join),
                        Finding::Stale(hit) => {
                            // It can be detached: that is what was asked for.
                            drop((lead, ticket));
                            let _ = self.renew_behind(work, hit.source, hit.age);
                            return hit.map(S::join);
                        }
                        Finding::Missing(missing) => {
                            let lead = || self.lead(lead, ticket, missing, work, patience);
                            return boxed(lead).await;
                        }
                    }
                }
                Role::Wait(flight) => {
                    let older = std::mem::take(&mut older);
                    // In a block, so that an output which is served instead is not held across the next wait: it
                    // need not be `Send`.
                    let landing = {
                        let aside = self.aside();
                        let waited = boxed(|| self.await_flight(&flight, &mut patience)).await;
                        drop(aside);
                        match waited {
                            Waited::Instead(instead) => return instead,
                            Waited::Overdue => continue,
                            Waited::Landed(landing) => landing,
                        }
                    };
                    if let Landing::Failed(None) = landing {
                        return boxed(|| self.retry(&flight, work, patience)).await;
                    }
                    if let Landing::Value(entry) = &landing
                        && self.looks_again(older, entry)
                    {
                        continue;
                    }
                    if let Some(taken) = self.take(landing) {
                        return taken;
                    }
                }
            }
        }
    }

    /// Serves what the memory tier has, and starts a refresh where it is time for one; else gives the
    /// work back.
    fn serve(
        &self,
        mut work: Ask<S::Output>,
        drawn: bool,
    ) -> Result<Cached<S::Output>, Ask<S::Output>> {
        let inner = &self.inner;
        if let Some(site) = self.plan.site {
            site.caches::<S::Value>();
        }
        let hit =
            match inner.look::<S::Value>(self.id, self.plan.declared(), &self.plan.policy, drawn) {
                Look::Hit(hit) => hit,
                // A refresh in the background could see what the transaction has not committed, and would store it.
                Look::Renew(hit) if self.inside.is_some() => match hit.source {
                    Source::Memory => hit,
                    _ => return self.kept_failure().ok_or(work),
                },
                Look::Renew(hit) => match self.renew_behind(work, hit.source, hit.age) {
                    Ok(()) => hit,
                    // Fresh, only early: served all the same.
                    Err(_) if hit.source == Source::Memory => hit,
                    Err(back) => {
                        work = back;
                        return self.kept_failure().ok_or(work);
                    }
                },
                Look::Unverified => match self.resting() {
                    Some(hit) => hit,
                    None => return self.kept_failure().ok_or(work),
                },
                Look::Mistyped(found) => {
                    inner.mistyped(&self.plan, found);
                    return self.kept_failure().ok_or(work);
                }
                Look::Nothing => return self.kept_failure().ok_or(work),
            };
        match hit.source {
            Source::Memory => self.tally().memory_hits(),
            Source::Stale => self.tally().stale_hits(),
            _ => self.tally().fail_safe_hits(),
        }
        Ok(hit.map(S::join))
    }

    /// What this caller is to do; without protection every one loads for itself.
    fn role(&self) -> Role {
        // A transaction neither waits for others, who may wait for its locks, nor lets them have what it loads.
        if self.plan.policy.stampede != Stampede::Off && self.inside.is_none() {
            return self.join();
        }
        let key = self.plan.flight::<S::Value>(self.id);
        let ticket = self.plan.ticket(&self.inner, self.id);
        Role::Lead(Lead::alone(&self.inner.flights, key), ticket)
    }

    fn join(&self) -> Role {
        let (inner, policy) = (&self.inner, &self.plan.policy);
        let key = self.plan.flight::<S::Value>(self.id);
        let issue = || self.plan.ticket(inner, self.id);
        let joining = (!self.is_refresh()).then(|| (&*inner.generations, self.plan.declared()));
        inner.flights.join(key, joining, (inner.clock.now(), policy.lease), issue)
    }

    /// Whether a read looks again after it has waited for a flight, which may be `older` than the read. Another process may
    /// have evicted after the flight had read or loaded its value and before the read began, and the news may be under
    /// way. All who waited look again together.
    fn looks_again(&self, older: bool, entry: &Stored) -> bool {
        let expired = || entry.at(self.inner.clock.now()) == Freshness::Expired;
        self.is_strict() && (older && !self.inner.remote_fails() || expired())
    }

    /// What a landed flight brings to those who waited.
    fn take(&self, landing: Landing) -> Option<Cached<S::Output>> {
        let taken = match landing {
            Landing::Value(entry) => {
                let served = self.served(&entry)?;
                let fresh = served.source == Source::Memory;
                let source = if fresh { Source::Coalesced } else { served.source };
                Cached { source, ..served }
            }
            Landing::Failed(failure) => {
                let failure = failure?;
                if let Some(Refusal(error)) = failure.downcast_ref() {
                    // Who may load without the cache tries for itself.
                    let refused = self.rules.refusal(&self.plan.policy)?;
                    return Some(loaded(refused(error.clone()), Source::Refused));
                }
                let failed = loaded(self.rules.unshare(&failure)?, Source::Coalesced);
                // A read that brings no value is none of the hits.
                self.tally().misses();
                return Some(failed);
            }
            Landing::Abandoned => return None,
        };
        self.tally().coalesced();
        Some(taken)
    }

    /// Loads; in such a way that it can go on without this caller, if the caller's patience is bounded.
    async fn lead(
        &self,
        lead: Lead,
        ticket: Ticket,
        missing: Missing,
        work: Ask<S::Output>,
        patience: Patience,
    ) -> Cached<S::Output> {
        let purpose = Purpose::Answer { stale: false };
        if !patience.is_bounded() || !work.detaches() {
            let start = || work.start();
            return boxed(|| self.load(lead, ticket, missing, purpose, start)).await;
        }
        let (job, flight) = (self.again(), lead.flight());
        let attempt =
            boxed(
                || async move { job.load(lead, ticket, missing, purpose, || work.along()).await },
            );
        boxed(|| self.await_own(attempt, flight, patience)).await
    }

    /// The failure that was waited for can't be shared, so each waiter tries for itself, a few at a time; a
    /// try that succeeds fills the cache for those behind it.
    async fn retry(
        &self,
        flight: &Flight,
        work: Ask<S::Output>,
        patience: Patience,
    ) -> Cached<S::Output> {
        // A turn that does not come within the lease is not waited for: those before may hang.
        let until = self.inner.clock.now().after(self.plan.policy.lease);
        let aside = self.aside();
        let _turn = self.inner.clock.timeout_at(until, flight.retries.acquire()).await;
        drop(aside);
        let work = match self.serve(work, false) {
            Ok(served) => return served,
            Err(work) => work,
        };
        let mut lead = Lead::alone(&self.inner.flights, self.plan.flight::<S::Value>(self.id));
        let mut ticket = self.plan.ticket(&self.inner, self.id);
        let purpose = Purpose::Answer { stale: false };
        match boxed(|| self.find(&mut lead, &mut ticket, purpose)).await {
            Finding::Hit(hit) | Finding::Stale(hit) => hit.map(S::join),
            Finding::Missing(missing) => {
                boxed(|| self.lead(lead, ticket, missing, work, patience)).await
            }
        }
    }

    /// Starts the one background refresh of an entry, unless one is under way. Gives the work back if it
    /// can't be detached.
    fn renew_behind(
        &self,
        work: Ask<S::Output>,
        source: Source,
        age: std::time::Duration,
    ) -> Result<(), Ask<S::Output>> {
        if !work.detaches() {
            return Err(work);
        }
        let Role::Lead(mut lead, mut ticket) = self.join() else { return Ok(()) };
        let again = work.behind();
        let made: Option<Timestamp> =
            (source == Source::Memory).then(|| self.inner.clock.now().before(age));
        let purpose = Purpose::Renew { fresh: made };
        if made.is_some() {
            self.tally().early_refreshes();
        }
        let job = self.for_nobody();
        spawn(async move {
            if let Finding::Missing(missing) = job.find(&mut lead, &mut ticket, purpose).await {
                drop(job.load(lead, ticket, missing, purpose, || again).await);
            }
        });
        Ok(())
    }
}
