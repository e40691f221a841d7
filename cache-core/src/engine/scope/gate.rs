//! Applies transactions and off switches to reads, evictions and puts.

use std::sync::Arc;
use std::time::Duration;

use super::log::{EnlistResult, Outcome, Seen, TransactionLog};
use super::{off, transaction};
use crate::base::{CacheValue, Error, no_active_scope};
use crate::engine::handle::Engine;
use crate::engine::mutation::{Mutation, report};
use crate::engine::request::{Mode, Request};
use crate::entry::Stored;
use crate::key::EntryKey;
use crate::memory::{Fate, FenceScope, Ticket};
use crate::tags::TagSnapshot;

/// The scope's answer to a read without a load, before the cache is asked.
#[inline]
pub(crate) fn seen(engine: &Engine, request: &Request) -> Seen {
    if no_active_scope() { Seen::Through } else { seen_slowly(engine, request) }
}

#[cold]
fn seen_slowly(engine: &Engine, request: &Request) -> Seen {
    if off::is_off(engine) || engine.disables(request) {
        return Seen::Hidden;
    }
    transaction::current().map_or(Seen::Through, |held| held.see(engine, request))
}

/// Whether the cache must not answer a read immediately: the cache is off for the caller, or its transaction
/// evicted the value or has its own.
#[inline]
pub(crate) fn shadowed(engine: &Engine, request: &Request) -> bool {
    !no_active_scope() && !matches!(seen_slowly(engine, request), Seen::Through)
}

/// Whether the transaction hides a remote entry because of tags that the read did not know. The load that may
/// follow must not be stored, so its ticket ends here.
#[inline]
pub(crate) fn hides(engine: &Engine, request: &Request, stamps: &TagSnapshot) -> bool {
    !no_active_scope() && hides_slowly(engine, request, stamps)
}

#[cold]
fn hides_slowly(engine: &Engine, request: &Request, stamps: &TagSnapshot) -> bool {
    let held = transaction::current();
    let hidden = held.is_some_and(|held| held.covers_stamps(engine, stamps));
    if hidden {
        let _ = engine.fences.kill(request.key.id(), FenceScope::Loads, None, &Fate::Stays);
    }
    hidden
}

/// The route of a read that may load.
pub(crate) enum ReadRoute {
    /// The usual one.
    Through,
    /// It neither reads nor fills the cache, and waits for no other load.
    Beside,
    /// The transaction's own value.
    Own(Stored),
    /// It reads the cache, and its load's value belongs to the transaction.
    InTransaction(OpenTransaction),
}

/// The transaction to which a read belongs.
#[derive(Clone, Debug)]
pub(crate) struct OpenTransaction(Arc<TransactionLog>);

impl OpenTransaction {
    /// Keeps the loaded value until the transaction ends.
    pub(crate) fn keep(
        &self,
        cache: &Arc<Engine>,
        request: &Request,
        ticket: Ticket,
        entry: Stored,
    ) {
        self.0.keep(cache, request, ticket, entry);
    }
}

/// Chooses the route of a read that may load.
pub(crate) async fn way(engine: &Arc<Engine>, request: &Request) -> ReadRoute {
    if no_active_scope() { ReadRoute::Through } else { Box::pin(way_slowly(engine, request)).await }
}

async fn way_slowly(engine: &Arc<Engine>, request: &Request) -> ReadRoute {
    let held = transaction::current();
    if request.mode == Mode::Refresh
        && (held.is_some() || off::is_off(engine) || engine.disables(request))
    {
        // The cached value is known to be old, and its replacement must not be stored now.
        evict_quietly(engine, request).await;
        return ReadRoute::Beside;
    }
    match seen_slowly(engine, request) {
        Seen::Hidden => ReadRoute::Beside,
        Seen::Own(entry) => ReadRoute::Own(entry),
        Seen::Through => match held.and_then(|held| held.open()) {
            Some(open) => ReadRoute::InTransaction(OpenTransaction(open)),
            None => ReadRoute::Through,
        },
    }
}

/// Evicts the request's key, for a read whose caller gets no error of the cache.
pub(crate) async fn evict_quietly(engine: &Arc<Engine>, request: &Request) {
    let evicted = engine.invalidate(Mutation::evict(request.key.clone())).await;
    report(&evicted.map(drop));
}

impl Engine {
    /// The entry point of all evictions: held in a transaction, otherwise carried out. Returns how many
    /// entries were removed, as far as that is known.
    pub(crate) async fn invalidate(self: &Arc<Self>, what: Mutation) -> Result<u64, Error> {
        let held = if no_active_scope() { None } else { transaction::current() };
        let Some(held) = held else { return self.carry_out(&what).await };
        match held.evict(self, what) {
            EnlistResult::Held => Ok(0),
            // For every outcome: an eviction is always safe.
            EnlistResult::Ended(_, what) => self.carry_out(&what).await,
        }
    }

    /// Like [`invalidate`](Self::invalidate), for many keys: keys that no transaction holds are evicted
    /// together.
    pub(crate) async fn invalidate_keys(self: &Arc<Self>, keys: &[EntryKey]) -> Result<u64, Error> {
        if no_active_scope() || transaction::current().is_none() {
            return self.evict_keys(keys).await;
        }
        let (mut evicted, mut result) = (0, Ok(()));
        for key in keys {
            match self.invalidate(Mutation::evict(key.clone())).await {
                Ok(found) => evicted += found,
                Err(error) => result = result.and(Err(error)),
            }
        }
        result.map(|()| evicted)
    }

    /// Whether puts are written immediately, neither held nor replaced by evictions.
    pub(crate) fn puts_at_once(&self) -> bool {
        no_active_scope()
            || (!off::is_off(self) && !self.disables_any() && transaction::current().is_none())
    }

    /// The entry point of all puts: an eviction while the cache is off, held in a transaction, otherwise
    /// written.
    pub(crate) async fn put<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
        value: T,
    ) -> Result<(), Error> {
        if request.is_read_only() {
            // The cached value is known to be old.
            return self.invalidate(Mutation::evict(request.key.clone())).await.map(drop);
        }
        if no_active_scope() {
            return self.write_through(request, value).await;
        }
        if off::is_off(self) || self.disables(request) {
            return self.invalidate(Mutation::evict(request.key.clone())).await.map(drop);
        }
        let Some(held) = transaction::current() else {
            return self.write_through(request, value).await;
        };
        request.policy.check()?;
        let (engine, kept, own) = (Arc::clone(self), request.clone(), value.clone());
        let write = Box::new(move || {
            let written = async move { engine.write_through(&kept, value).await };
            Box::pin(written) as crate::base::BoxFuture<'static, _>
        });
        let stamps = self.generations.stamp(request.tags());
        let of = (request.key.text(), stamps);
        let entry = self.entry(request, of, own, (&request.policy, Duration::ZERO));
        match held.put(self, request.key.clone(), entry, write) {
            EnlistResult::Held => Ok(()),
            EnlistResult::Ended(Outcome::Committed, write) => write().await,
            EnlistResult::Ended(..) => {
                self.invalidate(Mutation::evict(request.key.clone())).await.map(drop)
            }
        }
    }
}
