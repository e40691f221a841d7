//! The life of a read: look, join or lead, ask the remote tier, load, commit.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use super::flight::{Landing, Lead, Role};
use super::lookup::{Look, promote};
use super::{Work, spawn};
use crate::cache::Inner;
use crate::call::Tags;
use crate::codec::{self, Codec};
use crate::entry::{Entry, Freshness, Lifetime, Stored};
use crate::invalidation::{Committed, Ticket};
use crate::key::{KeyBuf, KeyId};
use crate::policy::Policy;
use crate::scope;
use crate::value::{CacheValue, Detached, Shape};
use crate::{Cached, Source};

/// What a read is to do: key, rules and the call's own directions.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) key: KeyBuf,
    pub(crate) tags: Tags,
    pub(crate) policy: Policy,
    pub(crate) codec: Option<Codec>,
    pub(crate) mode: Mode,
    /// A sync function's: its caller's thread waits.
    pub(crate) blocking: bool,
}

/// Whether the cache is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Normal,
    Refresh,
    Bypass,
}

impl Plan {
    pub(crate) fn new(key: KeyBuf, policy: Policy, codec: Option<Codec>) -> Self {
        Self { key, tags: Tags::new(), policy, codec, mode: Mode::Normal, blocking: false }
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.policy.tags.iter().copied().chain(self.tags.iter())
    }

    /// The codec, if the value may go to a remote tier.
    fn remote_codec(&self, inner: &Inner) -> Option<Codec> {
        let remote = inner.remote.is_some() && !self.policy.local;
        self.codec.filter(|_| remote)
    }

    /// Which flight the plan's load is. A sync caller blocks its thread while it waits, so it never
    /// waits for an async load, which may need that very thread.
    fn flight<V: 'static>(&self, id: KeyId) -> (KeyId, TypeId) {
        struct Blocking<V>(V);
        let kind = if self.blocking { TypeId::of::<Blocking<V>>() } else { TypeId::of::<V>() };
        (id, kind)
    }

    /// A ticket for a load that begins now.
    pub(crate) fn ticket(&self, inner: &Inner, id: KeyId) -> Ticket {
        inner.fences.issue(id, self.key.as_str(), inner.generations.stamp(self.tags()))
    }
}

fn cached<S: Shape>(inner: &Inner, entry: &Stored, source: Source) -> Option<Cached<S::Output>>
where
    S::Value: CacheValue,
{
    let value = S::join(entry.value::<S::Value>()?.clone());
    let age = inner.clock.now().since(entry.life.created).unwrap_or_default();
    Some(Cached { value, source, age })
}

fn loaded<O>(value: O, source: Source) -> Cached<O> {
    Cached { value, source, age: Duration::ZERO }
}

/// A read with everything that may happen to it. The memory tier was not asked yet.
pub(crate) async fn read<S, W>(inner: Arc<Inner>, plan: Plan, work: W) -> Cached<S::Output>
where
    S: Shape,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    if plan.mode == Mode::Bypass || scope::beside(&inner, &plan).await {
        return loaded(work.start().await, Source::Bypassed);
    }
    let id = plan.key.id();
    let flight_key = plan.flight::<S::Value>(id);
    let mut work = work;
    if plan.mode == Mode::Refresh {
        // Older loads of the key may still end, but not store over what this one brings.
        let _ = inner.fences.kill(id, None);
    } else {
        match inner.look::<S::Value>(id) {
            Look::Fresh(hit) => {
                inner.counters.memory_hits();
                return hit.map(S::join);
            }
            Look::Stale(hit) => match refresh_behind::<S, W>(&inner, &plan, id, work) {
                Ok(()) => {
                    inner.counters.stale_hits();
                    return hit.map(S::join);
                }
                Err(back) => work = back,
            },
            Look::Unverified | Look::Nothing => {}
        }
    }
    loop {
        let issue = || plan.ticket(&inner, id);
        let joining = (plan.mode == Mode::Normal).then_some(&inner.generations);
        match inner.flights.join(flight_key, joining, issue) {
            Role::Lead(lead, ticket) => {
                return load::<S, _, _>(&inner, &plan, id, lead, ticket, || work.start()).await;
            }
            Role::Wait(flight) => match flight.landing().await {
                Landing::Value(entry) => {
                    if let Some(hit) = cached::<S>(&inner, &entry, Source::Coalesced) {
                        inner.counters.coalesced();
                        return hit;
                    }
                }
                Landing::Failed(Some(failure)) => {
                    if let Some(output) = S::unshare(&failure) {
                        inner.counters.coalesced();
                        return loaded(output, Source::Coalesced);
                    }
                }
                Landing::Failed(None) => {
                    // The error can't be shared, so each waiter tries for itself, a few at a time;
                    // a try that succeeds fills the cache for those behind it. (A closed
                    // semaphore, which nobody closes, would only lift the bound.)
                    let _turn = flight.retries.acquire().await;
                    let lead = Lead::alone(&inner.flights, flight_key);
                    let ticket = plan.ticket(&inner, id);
                    return load::<S, _, _>(&inner, &plan, id, lead, ticket, || work.start()).await;
                }
                Landing::Abandoned => {}
            },
        }
    }
}

/// Starts the one background refresh of a stale entry, unless one is under way. Gives the work
/// back if it can't be detached.
fn refresh_behind<S, W>(inner: &Arc<Inner>, plan: &Plan, id: KeyId, work: W) -> Result<(), W>
where
    S: Shape,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    let flight_key = plan.flight::<S::Value>(id);
    let issue = || plan.ticket(inner, id);
    let Role::Lead(lead, ticket) = inner.flights.join(flight_key, Some(&inner.generations), issue)
    else {
        return Ok(());
    };
    // Dropping the lead on the way back lands the flight as abandoned.
    let again = work.detach()?;
    let again = async move { S::split(again.await).map_err(|failed| S::share(&failed)) };
    let (inner, plan) = (Arc::clone(inner), plan.clone());
    spawn(async move {
        drop(load::<Detached<S>, _, _>(&inner, &plan, id, lead, ticket, || again).await);
    });
    Ok(())
}

/// What the leader of a flight does.
async fn load<S, M, F>(
    inner: &Arc<Inner>,
    plan: &Plan,
    id: KeyId,
    lead: Lead,
    mut ticket: Ticket,
    start: M,
) -> Cached<S::Output>
where
    S: Shape,
    S::Value: CacheValue,
    M: FnOnce() -> F,
    F: Future<Output = S::Output>,
{
    let codec = plan.remote_codec(inner);
    if plan.mode == Mode::Normal {
        // Another leader may have landed between this caller's look and its lead.
        if let Some(entry) = inner.verified(id)
            && let Some(hit) = cached::<S>(inner, &entry, Source::Memory)
        {
            inner.counters.memory_hits();
            lead.land(Landing::Value(entry));
            return hit;
        }
        if let Some(codec) = codec {
            let found = inner.look_remote(plan, codec, &mut ticket).await;
            lead.restamp(&ticket.stamps);
            let (entry, source) = match found {
                Ok(entry) => (entry, Source::Remote),
                // The remote tier can't be asked: memory keeps serving.
                Err(_) => (inner.unverified(id), Source::Memory),
            };
            if let Some(entry) = entry
                && let Some(hit) = cached::<S>(inner, &entry, source)
            {
                // Landed while the ticket lives: an eviction must find the fence to end the flight by.
                lead.land(Landing::Value(Arc::clone(&entry)));
                if source == Source::Remote {
                    inner.counters.remote_hits();
                    promote(inner, ticket, &entry);
                } else {
                    inner.counters.memory_hits();
                }
                return hit;
            }
        }
        if codec.is_none()
            && !inner.generations.is_linked()
            && let Some(entry) = inner.unverified(id)
            && let Some(hit) = cached::<S>(inner, &entry, Source::Memory)
        {
            // Kept in memory only, so there is nobody to verify it with while the bus is down. Once
            // it is back, what may have missed an eviction is loaded anew.
            inner.counters.memory_hits();
            lead.land(Landing::Value(entry));
            return hit;
        }
        inner.counters.misses();
    } else if codec.is_some() {
        // A refresh does not read, but what it stores is judged by the fleet's generations.
        inner.stamp_remotely(plan, &mut ticket).await;
        lead.restamp(&ticket.stamps);
    }
    inner.counters.loads();
    match S::split(start().await) {
        Ok(value) => {
            let answer = loaded(S::join(value.clone()), Source::Loaded);
            let entry = inner.entry(plan, &ticket, value);
            let committed = ticket.commit(inner.memory.as_ref(), &entry);
            lead.land(Landing::Value(Arc::clone(&entry)));
            store(inner, plan, committed, codec, &entry).await;
            answer
        }
        Err(output) => {
            inner.counters.load_failures();
            lead.land(Landing::Failed(S::share(&output)));
            loaded(output, Source::Loaded)
        }
    }
}

/// The remote half of a commit.
async fn store(
    inner: &Arc<Inner>,
    plan: &Plan,
    committed: Option<Committed>,
    codec: Option<Codec>,
    entry: &Stored,
) {
    let Some(committed) = committed else {
        inner.counters.fenced();
        return;
    };
    inner.counters.stores();
    if let Some(codec) = codec {
        // A fill that replaces a value others may hold in memory tells them; a first fill does not.
        let replaces = plan.mode == Mode::Refresh;
        if let Err(error) = inner.write_remote(committed, codec, entry, replaces).await {
            tracing::warn!(%error, "larder: a loaded value was not stored remotely");
        }
    }
}

impl Inner {
    /// The memory tier's entry, if it is fresh and no eviction is known or possible.
    fn verified(&self, id: KeyId) -> Option<Stored> {
        if !self.generations.is_linked() {
            return None;
        }
        let entry = self.memory.as_ref()?.get(id)?;
        let valid = self.generations.check(&entry.stamps) == crate::invalidation::Validity::Valid
            && entry.life.at(self.clock.now()) == Freshness::Fresh;
        valid.then_some(entry)
    }

    /// An entry for a value that was loaded under `ticket`.
    pub(crate) fn entry<V: CacheValue>(&self, plan: &Plan, ticket: &Ticket, value: V) -> Stored {
        let ttl = plan.policy.ttl.or(self.default_ttl);
        let life = Lifetime::new(self.clock.now(), ttl, &plan.policy);
        let stamps = ticket.stamps.clone();
        Arc::new(Entry { life, stamps, key: plan.key.as_str().into(), value })
    }

    /// The generations of the plan's tags as the fleet has them, for a load that is about to begin.
    pub(crate) async fn stamp_remotely(&self, plan: &Plan, ticket: &mut Ticket) {
        let Some(remote) = &self.remote else { return };
        let tags: Vec<&str> = plan.tags().collect();
        match remote.learn(&tags, &self.generations).await {
            Ok(learned) => {
                ticket.stamps.space = learned.space;
                for ((_, seen), current) in ticket.stamps.tags.iter_mut().zip(&learned.tags) {
                    *seen = *current;
                }
            }
            Err(_) => self.counters.remote_errors(),
        }
    }

    /// Writes to the remote tier, in a task of its own where there is a runtime: an eviction waits for
    /// the writes under way, so these must not depend on a caller who may stop polling.
    pub(crate) async fn write_remote(
        self: &Arc<Self>,
        committed: Committed,
        codec: Codec,
        entry: &Stored,
        replaces: bool,
    ) -> Result<(), crate::Error> {
        let (inner, entry) = (Arc::clone(self), Arc::clone(entry));
        let writing = async move { inner.write_now(committed, codec, &entry, replaces).await };
        match tokio::runtime::Handle::try_current() {
            // A task that was cancelled with its runtime has dropped its guard: the eviction is owed.
            Ok(runtime) => runtime.spawn(writing).await.unwrap_or(Ok(())),
            Err(_) => writing.await,
        }
    }

    async fn write_now(
        &self,
        committed: Committed,
        codec: Codec,
        entry: &Stored,
        replaces: bool,
    ) -> Result<(), crate::Error> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let owing = Some(remote.owing(&entry.key));
        let mut unsure = Unsure { committed: &committed, replaces, owing };
        let encode = |message| crate::Error::Encode { key: entry.key.to_string(), message };
        let payload = (codec.encode)(&entry.value).map_err(encode)?;
        let envelope = self.envelope((codec.fingerprint)(), &entry.life, committed.stamps());
        let bytes = codec::seal(&entry.key, &envelope, &payload).map_err(encode)?;
        let ttl = entry.life.stale_until.since(self.clock.now());
        let writing = remote.write(&entry.key, bytes, ttl, replaces);
        match committed.write(replaces, writing).await {
            Some(Err(error)) => {
                self.counters.remote_errors();
                return Err(error.into());
            }
            Some(Ok(())) => {}
            None => {
                // An eviction came first: nothing was sent, and it has seen to the remote tier.
                self.counters.fenced();
                unsure.settle();
            }
        }
        unsure.replaces = false;
        Ok(())
    }
}

/// A write to the remote tier whose outcome is not known. Dropped, it leaves the key's eviction owed:
///
/// - if an eviction came while it ran, because the old value may arrive after that one's removal;
/// - if it was to replace a value and is not known to have done so.
struct Unsure<'a> {
    committed: &'a Committed,
    replaces: bool,
    owing: Option<crate::hierarchy::Trying<'a>>,
}

impl Unsure<'_> {
    fn settle(&mut self) {
        if let Some(owing) = self.owing.take() {
            owing.settled();
        }
    }
}

impl Drop for Unsure<'_> {
    fn drop(&mut self) {
        if self.committed.is_alive() && !self.replaces {
            self.settle();
        }
    }
}
