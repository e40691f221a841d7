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

use crate::base::{Error, KnownResult, Policy, PolicyRef, no_active_scope};
use crate::codec::RemoteValue;
use crate::engine::{Cache, FirstLookup, Request, Rules, Work, reading};
use crate::registry::Builder;

impl Cache {
    /// Begins a cache.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The name it was built with; the default cache has none.
    pub fn name(&self) -> Option<&str> {
        self.engine.name.as_deref()
    }

    /// Whether the two are handles of one cache.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }

    /// The prefix of its keys in the remote tier.
    pub fn namespace(&self) -> &str {
        &self.engine.namespace
    }

    /// Gives back the memory of entries that nobody can be given any more: they expired, or a tag of
    /// theirs was evicted. Says how many went. Nothing else changes: reads know such entries without
    /// it, and a [sweep](crate::memory::Memory::sweep_every) does the same from time to time.
    ///
    /// It looks at every entry of the memory tier, on the caller's thread; the values that go are
    /// dropped there, too. Hits do not wait for it. Without a memory tier it is 0.
    pub fn reclaim(&self) -> u64 {
        self.engine.reclaim()
    }

    /// Whether the remote tier answers; at once `Ok` without one.
    ///
    /// # Errors
    /// What the remote tier says.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.engine.remote {
            Some(remote) => Ok(remote.backend().ping().await?),
            None => Ok(()),
        }
    }

    /// Whether other processes' evictions arrive. Always true without a remote tier.
    pub fn is_linked(&self) -> bool {
        self.engine.generations.is_linked()
    }
}

impl Cache {
    /// A read that may load.
    pub(crate) async fn run<T, E>(
        &self,
        mut request: Request,
        work: impl Work<Result<T, E>>,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        match self.engine.first_hit(&mut request) {
            Some(hit) => Ok(hit.value),
            None => self.run_slowly(request, work).await,
        }
    }

    /// The same under a policy of the call's own, which a hit does not put on the heap.
    pub(crate) async fn run_under<T, E>(
        &self,
        mut request: Request,
        policy: Policy,
        work: impl Work<Result<T, E>>,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        if no_active_scope() {
            match self.engine.first_look(&request, &policy) {
                FirstLookup::Hit(hit) => return Ok(hit.value),
                FirstLookup::Early => request.drawn = true,
                FirstLookup::Nothing => {}
            }
        }
        request.policy = PolicyRef::Own(Arc::new(policy));
        self.run_slowly(request, work).await
    }

    async fn run_slowly<T, E>(
        &self,
        request: Request,
        work: impl Work<Result<T, E>>,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        let rules = Rules::by_hand(KnownResult::<T, E>::NEW, request.codec);
        reading(Arc::clone(&self.engine), request, rules, work).await.value
    }
}
