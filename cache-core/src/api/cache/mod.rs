//! The cache itself: keys and values by hand, beside the attributes.
//!
//! | file | idea |
//! | --- | --- |
//! | `read`, `write` | values by key |
//! | `evict`, `life` | what ends them, and when they end |
//! | `keys` | which there are |
//! | `info`, `close` | what the cache is made of; its end |

mod close;
mod evict;
mod info;
mod keys;
mod life;
mod read;
mod write;

pub use info::{Info, MemoryInfo, RemoteInfo};
pub use keys::KeyStream;

use std::sync::Arc;

use crate::base::{Error, Held, KnownResult, Policy, is_quiet};
use crate::codec::RemoteValue;
use crate::engine::{Cache, First, Plan, Rules, Work, reading};
use crate::registry::Builder;

impl Cache {
    /// Begins a cache.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The name it was built with; the default cache has none.
    pub fn name(&self) -> Option<&str> {
        self.inner.name.as_deref()
    }

    /// Whether the two are handles of one cache.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The prefix of its keys in the remote tier.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// Gives back the memory of entries that nobody can be given any more: they expired, or a tag of
    /// theirs was evicted. Says how many went. Nothing else changes: reads know such entries without
    /// it, and a [sweep](crate::memory::Memory::sweep_every) does the same from time to time.
    ///
    /// It looks at every entry of the memory tier, on the caller's thread; the values that go are
    /// dropped there, too. Hits do not wait for it. Without a memory tier it is 0.
    pub fn reclaim(&self) -> u64 {
        self.inner.reclaim()
    }

    /// Whether the remote tier answers; at once `Ok` without one.
    ///
    /// # Errors
    /// What the remote tier says.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.inner.remote {
            Some(remote) => Ok(remote.backend().ping().await?),
            None => Ok(()),
        }
    }

    /// Whether other processes' evictions arrive. Always true without a remote tier.
    pub fn is_linked(&self) -> bool {
        self.inner.generations.is_linked()
    }
}

impl Cache {
    /// A read that may load.
    pub(crate) async fn run<T, E>(
        &self,
        mut plan: Plan,
        work: impl Work<Result<T, E>>,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        match self.inner.first_hit(&mut plan) {
            Some(hit) => Ok(hit.value),
            None => self.run_slowly(plan, work).await,
        }
    }

    /// The same under a policy of the call's own, which a hit does not put on the heap.
    pub(crate) async fn run_under<T, E>(
        &self,
        mut plan: Plan,
        policy: Policy,
        work: impl Work<Result<T, E>>,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        if is_quiet() {
            match self.inner.first_look(&plan, &policy) {
                First::Hit(hit) => return Ok(hit.value),
                First::Early => plan.drawn = true,
                First::Nothing => {}
            }
        }
        plan.policy = Held::Own(Arc::new(policy));
        self.run_slowly(plan, work).await
    }

    async fn run_slowly<T, E>(&self, plan: Plan, work: impl Work<Result<T, E>>) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        let rules = Rules::by_hand(KnownResult::<T, E>::NEW, plan.codec);
        reading(Arc::clone(&self.inner), plan, rules, work).await.value
    }
}
