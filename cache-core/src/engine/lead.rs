//! The guard of a load: whoever has it loads, and gives the value or the failure to it. Dropping it abandons
//! the flight, so that a waiting caller can load, and gives the lease back.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::answer::{Answer, Detached, Hit, Loaded, NotLoaded};
use super::find::{Miss, ReadPurpose};
use super::flight::{Flight, FlightLeader, FlightResult};
use super::lease::Lease;
use super::nesting::Nesting;
use super::read_context::ReadContext;
use super::spawn::{spawn, start_now};
use super::store::FillTarget;
use super::terms::{Keep, Terms};
use super::timeouts::Timeouts;
use super::verdict::StoreDecision;
use crate::base::{
    BoxFuture, NoValue, PLAIN, Policy, SharedFailure, Source, Stopwatch, Timestamp, boxed,
};
use crate::entry::{Offer, Stored};
use crate::memory::{Committed, StoreHere, Superseded, Ticket};
use crate::stats::log_failure;

/// A flight whose leader has found no value.
pub(crate) struct Opening {
    pub(super) leader: FlightLeader,
    pub(super) ticket: Ticket,
    pub(super) missing: Miss,
    pub(super) purpose: ReadPurpose,
}

/// The right and the duty to load.
pub(crate) struct Lead {
    /// Renews the lease while the load runs.
    renewal: Option<BoxFuture<'static, Infallible>>,
    /// The answer for the caller when its time runs out.
    timeout: Option<BoxFuture<'static, Answer>>,
    patience: Option<Timeouts>,
    /// When `timeout` was polled.
    polled: Timestamp,
    /// Dropped before the flight lands: otherwise the next leader could ask for the lease before it is given
    /// back, and would wait.
    fill: FillTarget,
    opening: Opening,
    nesting: Nesting,
    began: Timestamp,
    stopwatch: Stopwatch,
    /// Measures how long the caller waits; `None` if no one does.
    waits: Option<Stopwatch>,
    /// Dropped after the lease: it has the seat in the batch, and the last item that leaves its seat ends the
    /// leases of all.
    job: Arc<ReadContext>,
}

/// What remains to do after a load, before the caller continues.
pub(crate) type Rest = Option<BoxFuture<'static, ()>>;

/// When the caller of a load leaves it. Items of a batch whose callers leave at different times do not share a load: what goes on for
/// one of them would also load the ids of the others, after their flights have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// When its time runs out.
    Late,
    /// At the soft timeout, because there is an old value.
    Early,
    /// At once: the load replaces a value that the caller takes.
    AtOnce,
}

impl Lead {
    /// The load begins now.
    pub(super) fn new(job: Arc<ReadContext>, opening: Opening, mut fill: FillTarget) -> Self {
        job.tally().loads();
        let clock = &job.engine.clock;
        let (began, stopwatch) = (clock.now(), clock.stopwatch());
        let elsewhere = fill.held().map_or(0, Lease::takeovers);
        let until = opening.leader.begin(began, job.request.policy.lease, elsewhere);
        let renewal = fill.held_mut().map(|lease| {
            let renewal = lease.begin(until);
            let renewal: BoxFuture<'static, Infallible> = boxed(|| renewal.run());
            renewal
        });
        let nesting = Nesting::begin(opening.leader.flight());
        let (timeout, patience, waits, polled) = (None, None, None, began);
        Self {
            renewal,
            timeout,
            patience,
            polled,
            fill,
            opening,
            nesting,
            began,
            stopwatch,
            waits,
            job,
        }
    }

    /// The caller waits, since `waits` began.
    pub(super) fn answers(&mut self, waits: Stopwatch) {
        self.waits = Some(waits);
    }

    /// The caller stops waiting when its time runs out. Then the load continues without it.
    pub(super) fn bound(&mut self, mut patience: Timeouts) {
        if self.job.caller.shares && !self.job.has_old_value() {
            // An old value that comes later does not let an item leave before the others with which it loads.
            patience.ignore_soft();
        }
        if !patience.is_bounded() {
            return;
        }
        self.patience = Some(patience);
        let job = Arc::clone(&self.job);
        self.timeout = Some(boxed(|| async move {
            match job.patiently(std::future::pending::<Infallible>(), &mut patience).await {
                Ok(never) => match never {},
                Err(instead) => instead,
            }
        }));
    }

    /// When the caller leaves the load, which may have to continue without it. (An item of a batch has a soft timeout only if there
    /// was an old value when the load began: see [`bound`](Self::bound).)
    pub(crate) fn leaves(&self) -> Option<Leaves> {
        let soft = self.patience?.has_soft();
        Some(if soft { Leaves::Early } else { Leaves::Late })
    }

    /// The value that the load replaces, if the load asks for it.
    pub(crate) fn previous(&self) -> Option<Stored> {
        let Opening { ticket, missing, .. } = &self.opening;
        self.job.rules.revalidates.then(|| self.job.old(ticket, missing)).flatten()
    }

    /// Runs a part of the load.
    pub(crate) fn enter<T>(&self, load: impl FnOnce() -> T) -> T {
        self.nesting.enter(load)
    }

    /// Renews the lease. Ready when the caller's time runs out: then it gets this answer, and the load is to
    /// [continue](Self::goes_on) without it.
    pub(crate) fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        if let Some(renewal) = &mut self.renewal
            && let Poll::Ready(never) = renewal.as_mut().poll(cx)
        {
            match never {}
        }
        let Some(timeout) = &mut self.timeout else { return Poll::Pending };
        self.polled = self.job.engine.clock.now();
        let answer = timeout.as_mut().poll(cx);
        if let Poll::Ready(answer) = &answer
            && let Some(since) = self.waits.take()
        {
            self.job.answered(&since, answer.source);
        }
        answer
    }

    /// Continues a load that has begun, without its caller.
    pub(crate) fn goes_on(self: Box<Self>, load: Detached) {
        if let Some(flight) = self.opening.leader.flight() {
            flight.goes_on();
        }
        spawn(self.run(load));
    }

    /// Loads without a caller.
    pub(super) async fn run(mut self: Box<Self>, load: Detached) {
        (self.timeout, self.patience, self.waits) = (None, None, None);
        let mut load = boxed(|| self.nesting.clone().around(load));
        let loaded = poll_fn(|cx| match load.as_mut().poll(cx) {
            Poll::Ready(loaded) => Poll::Ready(loaded),
            Poll::Pending => {
                self.poll_timeout(cx).map(|_| Err(NotLoaded::Failed(None, Terms::default())))
            }
        });
        let rest = match loaded.await {
            Ok(Loaded { value, decision }) => self.commit(Offer::Given(value), decision),
            Err(NotLoaded::Absent) => self.absent(),
            Err(NotLoaded::Failed(failure, terms)) => {
                drop(self.fail(failure, terms));
                None
            }
        };
        if let Some(rest) = rest {
            rest.await;
        }
    }

    /// The load has brought this value. Commits it in memory, if the policy keeps it and no eviction came, and
    /// answers the waiters. The rest is the write to the remote tier, if the caller is to wait for it.
    pub(crate) fn commit(self: Box<Self>, value: Offer<'_>, decision: StoreDecision) -> Rest {
        let Ended { job, opening, fill, cost, caller } = self.ended();
        let rest = match job.keep(decision, value.value()) {
            Keep::No => {
                // See `Lead::fill`.
                drop(fill);
                job.pass_on(opening, value)
            }
            Keep::Under(policy) => {
                let entry = job.entry(&opening.ticket, value, (&policy, cost));
                job.commit(opening, fill, entry)
            }
        };
        caller.waits_for(&job, rest)
    }

    /// The load failed. Returns an old value if there is one, and pauses its loads; otherwise all waiters get
    /// the failure.
    pub(crate) fn fail(
        self: Box<Self>,
        failure: Option<SharedFailure>,
        terms: Terms,
    ) -> Option<Hit> {
        let Ended { job, opening, fill, caller, .. } = self.ended();
        // See `Lead::fill`.
        drop(fill);
        let Opening { mut leader, ticket, missing, purpose } = opening;
        job.engine.load_failed(&job.request);
        if terms.serves_old()
            && let Some(served) = job.old_instead(&mut leader, &ticket, &missing, purpose)
        {
            caller.answered(&job, served.source);
            return Some(served);
        }
        // A transaction's failure may result from its uncommitted data. A fresh value is better than the failure to replace it.
        let replaces_fresh = matches!(purpose, ReadPurpose::Renew { fresh: Some(_) });
        if !job.is_refresh() && job.transaction.is_none() && !replaces_fresh {
            job.keep_failure(&ticket, failure.as_ref(), terms);
        }
        leader.land(FlightResult::Failed(failure));
        caller.answered(&job, Source::Loaded);
        None
    }

    /// The load succeeded, but without a value for this item of a batch.
    pub(crate) fn absent(self: Box<Self>) -> Rest {
        let Ended { job, opening, fill, caller, .. } = self.ended();
        // See `Lead::fill`.
        drop(fill);
        let rest = job.end(opening, FlightResult::Failed(Some(Arc::new(NoValue))));
        caller.waits_for(&job, rest)
    }

    fn ended(self: Box<Self>) -> Ended {
        let Self { job, opening, fill, began, stopwatch, patience, polled, waits, .. } = *self;
        job.engine.loaded_in(&job.request, stopwatch.elapsed());
        let cost = job.engine.clock.now().since(began).unwrap_or_default();
        // A limit that passed before the last poll has found nothing to serve, and is over. One that passed
        // since then is not: the caller does not wait any longer.
        let patience = patience.map(|patience| patience.left(polled));
        let flight = patience.and_then(|_| opening.leader.flight());
        let caller = WaitingCaller { patience, flight, since: waits };
        Ended { job, opening, fill, cost, caller }
    }
}

/// A load that has ended, and its cost.
struct Ended {
    job: Arc<ReadContext>,
    opening: Opening,
    fill: FillTarget,
    cost: Duration,
    caller: WaitingCaller,
}

/// The caller of a load.
struct WaitingCaller {
    patience: Option<Timeouts>,
    /// The flight, if there is a timeout.
    flight: Option<Arc<Flight>>,
    /// When it began to wait. `None` if no one waits.
    since: Option<Stopwatch>,
}

impl WaitingCaller {
    fn answered(self, job: &ReadContext, source: Source) {
        if let Some(since) = self.since {
            job.answered(&since, source);
        }
    }

    /// The caller waits for `rest`, until its time runs out.
    fn waits_for(self, job: &Arc<ReadContext>, rest: Rest) -> Rest {
        let Some(mut rest) = rest else {
            self.answered(job, Source::Loaded);
            return None;
        };
        let job = Arc::clone(job);
        Some(boxed(|| async move {
            let until = self.patience.map_or(Timestamp::NEVER, |patience| patience.next());
            if job.engine.clock.timeout_at(until, &mut rest).await.is_err() {
                self.flight.iter().for_each(|flight| flight.goes_on());
                spawn(rest);
            }
            self.answered(&job, Source::Loaded);
        }))
    }
}

impl ReadContext {
    fn commit(self: &Arc<Self>, opening: Opening, fill: FillTarget, entry: Stored) -> Rest {
        let Opening { leader, ticket, .. } = opening;
        // Dropped first if the weigher panics: see `Lead::fill`.
        let fill = fill;
        if let Some(transaction) = &self.transaction {
            // A commit publishes the value to memory.
            if self.request.uses_memory() {
                transaction.keep(&self.engine, &self.request, ticket, entry);
            }
            return None;
        }
        self.keep_reads(&entry);
        let stays = fill.codec().is_none() && !self.is_refresh();
        let here = match self.request.place(&self.engine) {
            // The remote tier failed: the value is stored nowhere, and what memory has is still the best there is.
            StoreHere::Leaves(_) if stays => StoreHere::Nothing,
            here => here,
        };
        // Until it lands, an eviction must find the fence through which it ends the flight; the ticket goes
        // to the store.
        let fence = self.is_strict().then(|| self.request.ticket(&self.engine));
        let committed = match self.is_refresh() {
            // Reads that found the old value in the remote tier must not promote it over this one.
            true => ticket.commit_over(here, &entry),
            false => ticket.commit(here, &entry),
        };
        self.store(leader, committed, fill, entry, fence)
    }

    /// Lands the flight and stores the value remotely. The caller does not wait for that if memory has the
    /// value, but evictions of the key and the cache's `close` do. A refresh waits, so that other processes
    /// find the new value when it returns.
    fn store(
        &self,
        mut leader: FlightLeader,
        committed: Result<Committed, Superseded>,
        fill: FillTarget,
        entry: Stored,
        fence: Option<Ticket>,
    ) -> Rest {
        let (engine, replaces) = (Arc::clone(&self.engine), self.is_refresh());
        let about = (self.seat().cloned(), self.request.site);
        let writes = fill.codec().is_some() && committed.is_ok();
        // Without a runtime no task would drive the write.
        let runtime = tokio::runtime::Handle::try_current().is_ok();
        let behind = writes && runtime && engine.memory.is_some() && !replaces;
        if self.is_strict() {
            // Waiters at a strict tier look again, so the value must be stored before they do.
            return Some(boxed(|| async move {
                engine.store(committed, fill, &entry, (replaces, false), about).await;
                leader.land(FlightResult::Value(entry));
                drop(fence);
            }));
        }
        leader.land_before_storing(&entry, behind);
        if fill.codec().is_none() {
            return self.store_here(leader, committed, &fill, entry);
        }
        // Callers can join the flight until the value is stored, but not after an eviction can no longer end
        // it.
        let (committed, leader) = match committed {
            Ok(committed) => (Ok(committed.holding(leader)), None),
            // Waiters behind a refresh get no turn before the old value is evicted.
            Err(overtaken) => (Err(overtaken), Some(leader)),
        };
        // A fill that replaces a value in other processes' memory is announced; a first fill is not.
        let batch = about.0.is_some();
        let storing: BoxFuture<'static, ()> = boxed(|| async move {
            engine.store(committed, fill, &entry, (replaces, behind), about).await;
            drop(leader);
        });
        match behind {
            // It is written with the batch's other items, when these have their values, too.
            true if batch => spawn(storing),
            // A store inside this process has the value when this returns.
            true => start_now(storing),
            false => return Some(storing),
        }
        None
    }

    /// [`store`](Self::store) for a value that stays in this process. A refresh removes the older value of a remote tier
    /// that it leaves out; the caller waits for that.
    fn store_here(
        &self,
        leader: FlightLeader,
        committed: Result<Committed, Superseded>,
        fill: &FillTarget,
        entry: Stored,
    ) -> Rest {
        let (engine, replaces) = (Arc::clone(&self.engine), self.is_refresh());
        let about = (self.seat().cloned(), self.request.site);
        if !(replaces && self.request.skips_remote(&engine)) {
            drop(leader);
            let _ = engine.stored_here(committed, fill, &entry, replaces, &about);
            return None;
        }
        let committed = engine.stored_here(committed, fill, &entry, replaces, &about);
        let request = self.request.clone();
        Some(boxed(|| async move {
            let evicted = match committed {
                Ok(committed) => engine.evict_skipped(committed, &request, &entry).await,
                // An eviction or a put of this process updates the remote tier itself.
                Err(overtaken) if overtaken.here => Ok(()),
                // As in `Engine::store`: the event may be older than this refresh.
                Err(_) => engine.evict_replaced(&entry.key).await,
            };
            if let Err(error) = evicted {
                log_failure("an older value was not evicted everywhere", &error);
            }
            // Waiters behind the refresh get no turn before the older value is evicted.
            drop(leader);
        }))
    }

    /// Returns a value that is not stored to the waiters.
    fn pass_on(self: &Arc<Self>, opening: Opening, value: Offer<'_>) -> Rest {
        let entry = self.entry(&opening.ticket, value, (&PLAIN, Duration::ZERO));
        self.end(opening, FlightResult::Value(entry))
    }

    fn entry(&self, ticket: &Ticket, value: Offer<'_>, terms: (&Policy, Duration)) -> Stored {
        let (of, kind) = (ticket.of_entry(), value.value().value_type().id);
        value.under(self.engine.header(&self.request, of, kind, terms))
    }

    /// Ends a load that stores nothing. Waiters behind a refresh get no turn before older values are evicted.
    fn end(self: &Arc<Self>, opening: Opening, landing: FlightResult) -> Rest {
        let Opening { mut leader, ticket, missing, .. } = opening;
        let turn = leader.take_turn();
        leader.land(landing.clone());
        let rest = self.forget_older(ticket, &missing);
        let Some(turn) = turn else { return rest };
        let ends = move || turn.brought(Some(&landing));
        match rest {
            Some(rest) => Some(boxed(|| async move {
                rest.await;
                ends();
            })),
            None => {
                ends();
                None
            }
        }
    }

    /// Removes older values after a load that stored nothing.
    fn forget_older(self: &Arc<Self>, ticket: Ticket, missing: &Miss) -> Rest {
        // There is nothing to write: the other items of the batch do not wait for the eviction.
        if let Some(seat) = self.seat() {
            seat.waits();
        }
        if self.transaction.is_some() || !self.stores() {
            // Other callers' values do not depend on the transaction's own data, and a read that may store nothing
            // leaves the tiers as they are.
            return None;
        }
        let engine = &self.engine;
        let older = self.is_refresh()
            || missing.mark.is_some()
            || engine.memory.as_ref().is_some_and(|memory| memory.get(self.id()).is_some());
        // A value that came meanwhile is newer than this load.
        if !older || !ticket.is_alive() {
            return None;
        }
        drop(ticket);
        let job = Arc::clone(self);
        Some(boxed(|| async move {
            let key = std::slice::from_ref(&job.request.key);
            if let Err(error) = job.engine.evict_keys(key).await {
                log_failure("an older value was not evicted everywhere", &error);
            }
        }))
    }
}
