//! The state of one read.

use std::any::TypeId;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use smol_str::SmolStr;

use super::answer::Hit;
use super::early::jittered;
use super::handle::Engine;
use super::pulse::Pulse;
use super::request::{Mode, Request};
use super::scope::OpenTransaction;
use super::table::{Aside, Seat};
use super::terms::Keep;
use super::verdict::{ReadRules, StoreDecision};
use crate::base::{CacheValue, Cached, Policy, Source};
use crate::entry::{EntryHeader, Lifetime, Stored, Value};
use crate::key::KeyId;
use crate::stats::Tally;
use crate::tags::TagSnapshot;

/// One read of one key, without the body of its load. Everything that works for the read shares it.
pub(crate) struct ReadContext {
    pub(super) engine: Arc<Engine>,
    pub(super) request: Request,
    pub(super) rules: ReadRules,
    pub(super) caller: Caller,
    /// The transaction to which it belongs: until the commit only that one sees the loaded value.
    pub(super) transaction: Option<OpenTransaction>,
    /// For a refresh: when it was requested.
    pub(super) requested: u64,
    /// Why it refreshes without a reader, if it does.
    pub(super) unasked: Option<Unasked>,
}

/// Why a value is refreshed without a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// The turn of its schedule has come.
    Turn,
    /// A reload, which has marked the old value stale.
    Reload,
}

/// The caller of a read.
pub(crate) struct Caller {
    /// Whether the load can run with its own inputs, without the caller.
    pub(crate) detaches: bool,
    /// Whether it is an item of a batch, whose load is that of other items, too.
    pub(crate) shares: bool,
    /// Its place among the items of a batch, if it is one. An item that the first request of the batch answers needs none.
    pub(crate) seat: OnceLock<Arc<Seat>>,
    /// Tells whether the caller is polled.
    pub(crate) pulse: Option<Arc<Pulse>>,
}

impl ReadContext {
    pub(crate) fn new(
        engine: Arc<Engine>,
        request: Request,
        rules: ReadRules,
        caller: Caller,
    ) -> Self {
        let requested = if request.mode == Mode::Refresh { engine.flights.request() } else { 0 };
        let (transaction, unasked) = (None, None);
        Self { engine, request, rules, caller, transaction, requested, unasked }
    }

    /// The identity of its key.
    pub(super) fn id(&self) -> KeyId {
        self.request.key.id()
    }

    /// Its place among the items of a batch, if it is one.
    pub(super) fn seat(&self) -> Option<&Arc<Seat>> {
        self.caller.seat.get()
    }

    /// While the read waits for another caller, the other items of its batch do not wait for it.
    pub(super) fn aside(&self) -> Option<Aside> {
        self.seat().map(Seat::aside)
    }

    /// The counters of its function.
    pub(super) fn tally(&self) -> &Tally {
        self.engine.counters.of(self.request.site)
    }

    pub(super) fn is_refresh(&self) -> bool {
        self.request.mode == Mode::Refresh
    }

    /// Whether the caller takes a value that is not fresh.
    pub(super) fn accepts_stale(&self) -> bool {
        self.request.mode == Mode::AcceptStale
    }

    /// Whether each read asks the store, so no value may be older than the store's: there is no memory tier
    /// that follows the store through the bus, or the read does not use it.
    pub(super) fn is_strict(&self) -> bool {
        self.request.memory(&self.engine).is_none()
            && self.request.remote_codec(&self.engine).is_some()
    }

    /// The entry, if its value has this read's type.
    pub(super) fn cached(&self, entry: &Stored, source: Source) -> Option<Hit> {
        let value = Arc::clone(entry);
        let age = self.engine.clock.now().since(entry.created).unwrap_or_default();
        entry.is(self.rules.kind).then_some(Cached { value, source, age })
    }

    /// Whether a loaded value is stored, after the decision of the function's rules about it.
    pub(super) fn keep(&self, decision: StoreDecision, value: &dyn Value) -> Keep {
        match self.stores() {
            true => self.request.keep(decision, value),
            false => Keep::No,
        }
    }

    /// Whether there is a tier in which the read may store a value.
    pub(super) fn stores(&self) -> bool {
        let (request, engine) = (&self.request, &*self.engine);
        !request.is_read_only() && (request.uses_memory() || request.remote_codec(engine).is_some())
    }
}

impl Engine {
    /// The header of an entry of the request's key, for a value of this type whose load took `cost`, with the
    /// generations from before the load.
    pub(crate) fn header(
        &self,
        request: &Request,
        (key, stamps): (SmolStr, TagSnapshot),
        kind: TypeId,
        (policy, cost): (&Policy, Duration),
    ) -> EntryHeader {
        self.learn_weight(kind, request);
        let ttl = self.ttl(policy).map(|ttl| jittered(ttl, policy.jitter, &self.chance));
        if ttl.is_none() {
            self.advise_on_windows(request.site, policy);
        }
        let (now, here) = (self.clock.now(), self.memory_ttl(policy));
        let life = match request.remote_codec(self) {
            Some(_) => Lifetime::new(now, ttl, policy).confirmed_for(here, now),
            // There is nothing that could confirm it.
            None => Lifetime::new(now, ttl.into_iter().chain(here).min(), policy),
        };
        let life = Lifetime { cost: cost.into(), ..life };
        let (read, counts_reads) = (life.created, policy.refresh_every.is_some());
        EntryHeader { life, stamps, key, read, counts_reads }
    }

    /// An entry for a value that no load has brought.
    pub(crate) fn entry<T: CacheValue>(
        &self,
        request: &Request,
        of: (SmolStr, TagSnapshot),
        value: T,
        terms: (&Policy, Duration),
    ) -> Stored {
        self.header(request, of, TypeId::of::<T>(), terms).around(value)
    }

    /// Tells the memory tier how to weigh values of this type, before it weighs one.
    pub(super) fn learn_weight(&self, kind: TypeId, request: &Request) {
        if let (Some(memory), Some(coder)) = (&self.memory, request.codec) {
            memory.learn(kind, coder);
        }
    }
}
