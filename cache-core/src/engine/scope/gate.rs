//! Where reads, evictions and puts meet scopes and switches.

use std::sync::Arc;
use std::time::Duration;

use super::held::{Held, Holding, Outcome, Seen};
use super::{off, transaction};
use crate::base::{CacheValue, Error, is_quiet};
use crate::engine::handle::Inner;
use crate::engine::plan::{Mode, Plan};
use crate::engine::what::{What, report};
use crate::entry::Stored;
use crate::key::KeyBuf;
use crate::memory::{Reach, Ticket};
use crate::tags::Stamps;

/// What a read without a load meets before the cache.
#[inline]
pub(crate) fn seen(inner: &Inner, plan: &Plan) -> Seen {
    if is_quiet() { Seen::Through } else { seen_slowly(inner, plan) }
}

#[cold]
fn seen_slowly(inner: &Inner, plan: &Plan) -> Seen {
    if off::is_off(inner) {
        return Seen::Hidden;
    }
    transaction::current().map_or(Seen::Through, |held| held.see(inner, plan))
}

/// Whether a read is not to be answered by the cache at once: the cache is off for the caller, or its transaction made the
/// value old or has one of its own.
#[inline]
pub(crate) fn shadowed(inner: &Inner, plan: &Plan) -> bool {
    !is_quiet() && !matches!(seen_slowly(inner, plan), Seen::Through)
}

/// Whether an entry that the remote tier has is hidden by the tags it was stored with, which the read
/// did not know. The load that may follow must not be stored, so its ticket dies here.
#[inline]
pub(crate) fn hides(inner: &Inner, plan: &Plan, stamps: &Stamps) -> bool {
    !is_quiet() && hides_slowly(inner, plan, stamps)
}

#[cold]
fn hides_slowly(inner: &Inner, plan: &Plan, stamps: &Stamps) -> bool {
    let held = transaction::current();
    let hidden = held.is_some_and(|held| held.covers_stamps(inner, stamps));
    if hidden {
        let _ = inner.fences.kill(plan.key.id(), Reach::Loads, None);
    }
    hidden
}

/// How a read goes that may load.
pub(crate) enum Way {
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
pub(crate) struct OpenTransaction(Arc<Held>);

impl OpenTransaction {
    /// Keeps what was loaded until the transaction ends.
    pub(crate) fn keep(&self, cache: &Arc<Inner>, plan: &Plan, ticket: Ticket, entry: Stored) {
        self.0.keep(cache, plan, ticket, entry);
    }
}

/// How a read goes that may load.
pub(crate) async fn way(inner: &Arc<Inner>, plan: &Plan) -> Way {
    if is_quiet() { Way::Through } else { Box::pin(way_slowly(inner, plan)).await }
}

async fn way_slowly(inner: &Arc<Inner>, plan: &Plan) -> Way {
    let held = transaction::current();
    if plan.mode == Mode::Refresh && (held.is_some() || off::is_off(inner)) {
        // What is cached is known to be old, and what replaces it must not be stored now.
        evict_quietly(inner, plan).await;
        return Way::Beside;
    }
    match seen_slowly(inner, plan) {
        Seen::Hidden => Way::Beside,
        Seen::Own(entry) => Way::Own(entry),
        Seen::Through => match held.and_then(|held| held.open()) {
            Some(open) => Way::InTransaction(OpenTransaction(open)),
            None => Way::Through,
        },
    }
}

async fn evict_quietly(inner: &Arc<Inner>, plan: &Plan) {
    let evicted = inner.invalidate(What::Key(plan.key.clone())).await;
    report(&evicted.map(drop));
}

impl Inner {
    /// The gate of all evictions: held in a transaction, else carried out. Says how many entries went,
    /// as far as that is known.
    pub(crate) async fn invalidate(self: &Arc<Self>, what: What) -> Result<u64, Error> {
        let held = if is_quiet() { None } else { transaction::current() };
        let Some(held) = held else { return self.carry_out(&what).await };
        match held.evict(self, what) {
            Holding::Held => Ok(0),
            // Whatever the outcome was: an eviction is always safe.
            Holding::Ended(_, what) => self.carry_out(&what).await,
        }
    }

    /// As [`invalidate`](Self::invalidate), of many keys: those that are not held go together.
    pub(crate) async fn invalidate_keys(self: &Arc<Self>, keys: Vec<KeyBuf>) -> Result<u64, Error> {
        if is_quiet() || transaction::current().is_none() {
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
        is_quiet() || (!off::is_off(self) && transaction::current().is_none())
    }

    /// The gate of all puts: an eviction while the cache is off, held in a transaction, else written.
    pub(crate) async fn put<T: CacheValue>(
        self: &Arc<Self>,
        plan: &Plan,
        value: T,
    ) -> Result<(), Error> {
        if is_quiet() {
            return self.write_through(plan, value).await;
        }
        if off::is_off(self) {
            return self.invalidate(What::Key(plan.key.clone())).await.map(drop);
        }
        let Some(held) = transaction::current() else {
            return self.write_through(plan, value).await;
        };
        plan.policy.check()?;
        let (inner, kept, own) = (Arc::clone(self), plan.clone(), value.clone());
        let write = Box::new(move || {
            let written = async move { inner.write_through(&kept, value).await };
            Box::pin(written) as crate::base::BoxFuture<'static, _>
        });
        let stamps = self.generations.stamp(plan.tags());
        let entry = self.entry(plan, stamps, own, (&plan.policy, Duration::ZERO));
        match held.put(self, plan.key.clone(), entry, write) {
            Holding::Held => Ok(()),
            Holding::Ended(Outcome::Committed, write) => write().await,
            Holding::Ended(..) => self.invalidate(What::Key(plan.key.clone())).await.map(drop),
        }
    }
}
