//! Where reads, evictions and puts meet scopes and switches.

use std::sync::Arc;
use std::time::Duration;

use super::log::{EnlistResult, Outcome, Seen, TransactionLog};
use super::{off, transaction};
use crate::base::{CacheValue, Error, no_active_scope};
use crate::engine::handle::Engine;
use crate::engine::request::{Mode, Request};
use crate::engine::what::{What, report};
use crate::entry::Stored;
use crate::key::KeyBuf;
use crate::memory::{FenceScope, Ticket};
use crate::tags::TagSnapshot;

/// What a read without a load meets before the cache.
#[inline]
pub(crate) fn seen(engine: &Engine, request: &Request) -> Seen {
    if no_active_scope() { Seen::Through } else { seen_slowly(engine, request) }
}

#[cold]
fn seen_slowly(engine: &Engine, request: &Request) -> Seen {
    if off::is_off(engine) {
        return Seen::Hidden;
    }
    transaction::current().map_or(Seen::Through, |held| held.see(engine, request))
}

/// Whether a read is not to be answered by the cache at once: the cache is off for the caller, or its transaction made the
/// value old or has one of its own.
#[inline]
pub(crate) fn shadowed(engine: &Engine, request: &Request) -> bool {
    !no_active_scope() && !matches!(seen_slowly(engine, request), Seen::Through)
}

/// Whether an entry that the remote tier has is hidden by the tags it was stored with, which the read
/// did not know. The load that may follow must not be stored, so its ticket dies here.
#[inline]
pub(crate) fn hides(engine: &Engine, request: &Request, stamps: &TagSnapshot) -> bool {
    !no_active_scope() && hides_slowly(engine, request, stamps)
}

#[cold]
fn hides_slowly(engine: &Engine, request: &Request, stamps: &TagSnapshot) -> bool {
    let held = transaction::current();
    let hidden = held.is_some_and(|held| held.covers_stamps(engine, stamps));
    if hidden {
        let _ = engine.fences.kill(request.key.id(), FenceScope::Loads, None);
    }
    hidden
}

/// How a read goes that may load.
pub(crate) enum ReadRoute {
    /// As usual.
    Through,
    /// It neither reads nor fills the cache, nor waits for another's load.
    Beside,
    /// To a value of its transaction's own.
    Own(Stored),
    /// It reads the cache, and what it loads is its transaction's own.
    InTransaction(OpenTransaction),
}

/// The transaction that a read belongs to.
#[derive(Clone, Debug)]
pub(crate) struct OpenTransaction(Arc<TransactionLog>);

impl OpenTransaction {
    /// Keeps what was loaded until the transaction ends.
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

/// How a read goes that may load.
pub(crate) async fn way(engine: &Arc<Engine>, request: &Request) -> ReadRoute {
    if no_active_scope() { ReadRoute::Through } else { Box::pin(way_slowly(engine, request)).await }
}

async fn way_slowly(engine: &Arc<Engine>, request: &Request) -> ReadRoute {
    let held = transaction::current();
    if request.mode == Mode::Refresh && (held.is_some() || off::is_off(engine)) {
        // What is cached is known to be old, and what replaces it must not be stored now.
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

async fn evict_quietly(engine: &Arc<Engine>, request: &Request) {
    let evicted = engine.invalidate(What::Key(request.key.clone())).await;
    report(&evicted.map(drop));
}

impl Engine {
    /// The gate of all evictions: held in a transaction, else carried out. Says how many entries went,
    /// as far as that is known.
    pub(crate) async fn invalidate(self: &Arc<Self>, what: What) -> Result<u64, Error> {
        let held = if no_active_scope() { None } else { transaction::current() };
        let Some(held) = held else { return self.carry_out(&what).await };
        match held.evict(self, what) {
            EnlistResult::Held => Ok(0),
            // Whatever the outcome was: an eviction is always safe.
            EnlistResult::Ended(_, what) => self.carry_out(&what).await,
        }
    }

    /// As [`invalidate`](Self::invalidate), of many keys: those that are not held go together.
    pub(crate) async fn invalidate_keys(self: &Arc<Self>, keys: Vec<KeyBuf>) -> Result<u64, Error> {
        if no_active_scope() || transaction::current().is_none() {
            return self.evict_keys(&keys).await;
        }
        let (mut evicted, mut result) = (0, Ok(()));
        for key in keys {
            match self.invalidate(What::Key(key)).await {
                Ok(found) => evicted += found,
                Err(error) => result = result.and(Err(error)),
            }
        }
        result.map(|()| evicted)
    }

    /// Whether puts are written at once, neither held nor turned into evictions.
    pub(crate) fn puts_at_once(&self) -> bool {
        no_active_scope() || (!off::is_off(self) && transaction::current().is_none())
    }

    /// The gate of all puts: an eviction while the cache is off, held in a transaction, else written.
    pub(crate) async fn put<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
        value: T,
    ) -> Result<(), Error> {
        if no_active_scope() {
            return self.write_through(request, value).await;
        }
        if off::is_off(self) {
            return self.invalidate(What::Key(request.key.clone())).await.map(drop);
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
        let entry = self.entry(request, stamps, own, (&request.policy, Duration::ZERO));
        match held.put(self, request.key.clone(), entry, write) {
            EnlistResult::Held => Ok(()),
            EnlistResult::Ended(Outcome::Committed, write) => write().await,
            EnlistResult::Ended(..) => {
                self.invalidate(What::Key(request.key.clone())).await.map(drop)
            }
        }
    }
}
