//! Where reads, evictions and puts meet scopes and switches.

use std::sync::Arc;

use super::held::{CarryOut, Holding, Outcome};
use super::{is_quiet, off, transaction};
use crate::Error;
use crate::cache::Inner;
use crate::invalidation::{Reach, Stamps, Teller, What, report};
use crate::key::KeyBuf;
use crate::strategy::{Mode, Plan};
use crate::value::CacheValue;

/// Whether a read is to find nothing: the cache is off for the caller, or its transaction made the
/// value old.
#[inline]
pub(crate) fn shadowed(inner: &Inner, plan: &Plan) -> bool {
    !is_quiet() && shadowed_slowly(inner, plan)
}

#[cold]
fn shadowed_slowly(inner: &Inner, plan: &Plan) -> bool {
    off::is_off(inner)
        || transaction::current().is_some_and(|held| held.any(inner, |shadow| shadow.covers(plan)))
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
    let hidden = held.is_some_and(|held| held.any(inner, |shadow| shadow.covers_stamps(stamps)));
    if hidden {
        let _ = inner.fences.kill(plan.key.id(), Reach::Loads, None);
    }
    hidden
}

/// Whether a read is to go beside the cache: neither read nor fill it, nor wait for another's load.
pub(crate) async fn beside(inner: &Arc<Inner>, plan: &Plan) -> bool {
    !is_quiet() && Box::pin(beside_slowly(inner, plan)).await
}

async fn beside_slowly(inner: &Arc<Inner>, plan: &Plan) -> bool {
    let held = transaction::current();
    if plan.mode == Mode::Refresh && (held.is_some() || off::is_off(inner)) {
        // What is cached is known to be old, and what replaces it must not be stored now.
        evict_quietly(inner, plan).await;
        return true;
    }
    if shadowed(inner, plan) {
        return true;
    }
    if let Some(held) = held {
        held.loads(inner, plan);
    }
    false
}

async fn evict_quietly(inner: &Arc<Inner>, plan: &Plan) {
    let evicted = inner.invalidate(What::Key(plan.key.clone())).await;
    report(&evicted.map(drop));
}

impl Inner {
    /// The gate of all evictions: held in a transaction, else carried out. Says how many entries went,
    /// as far as that is known.
    pub(crate) async fn invalidate(self: &Arc<Self>, what: What) -> Result<u64, Error> {
        self.invalidate_telling(what, &mut Teller::default()).await
    }

    /// The same; what is carried out now is told of on the way.
    pub(crate) async fn invalidate_telling(
        self: &Arc<Self>,
        what: What,
        teller: &mut Teller<'_>,
    ) -> Result<u64, Error> {
        let held = if is_quiet() { None } else { transaction::current() };
        let Some(held) = held else { return self.carry_out_telling(&what, teller).await };
        match held.evict(self, what) {
            Holding::Held(early) => evict_early(early).await.map(|()| 0),
            // Whatever the outcome was: an eviction is always safe.
            Holding::Ended(_, what) => self.carry_out_telling(&what, teller).await,
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
        let (inner, kept) = (Arc::clone(self), plan.clone());
        let write = Box::new(move || {
            let written = async move { inner.write_through(&kept, value).await };
            Box::pin(written) as crate::backend::BoxFuture<'static, _>
        });
        match held.put(self, plan.key.clone(), write) {
            Holding::Held(early) => evict_early(early).await,
            Holding::Ended(Outcome::Committed, write) => write().await,
            Holding::Ended(..) => self.invalidate(What::Key(plan.key.clone())).await.map(drop),
        }
    }
}

/// What the scope itself loaded before it evicted it: it may have seen uncommitted data, so it goes
/// now, before anybody else reads it. A failure stays owed, and is no reason to roll back.
async fn evict_early(early: CarryOut) -> Result<(), Error> {
    report(&early.run().await);
    Ok(())
}
