//! The cache itself: keys and values by hand, beside the attributes.
//!
//! | file | idea |
//! | --- | --- |
//! | `read`, `write`, `many` | values by key |
//! | `evict`, `life` | what ends them, and when they end |
//! | `keys` | which there are |
//! | `tenant` | a handle for one tenant's entries |
//! | `info`, `close` | what the cache is made of; its end |

mod close;
mod evict;
mod info;
mod keys;
mod life;
mod read;
mod tenant;
mod write;

pub use info::{Info, MemoryInfo, RemoteInfo};
pub use keys::KeyStream;
pub use life::Expiry;

use tenant::Tenant;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::adjust::DefaultTtl;
use crate::backend::Subscription;
use crate::builder::Builder;
use crate::call::Rules;
use crate::clock::Clock;
use crate::codec::{RemoteValue, Wire};
use crate::hierarchy::Remote;
use crate::invalidation::{Events, Fences, Generations};
use crate::memory::MemoryTier;
use crate::observe::{Counters, Moment, Signals};
use crate::policy::{Held, Ttl};
use crate::scope::{Switch, is_quiet};
use crate::site::Visitors;
use crate::strategy::{Chance, First, Flights, Plan, Work, reading};
use crate::value::KnownResult;
use crate::{Error, Policy};

/// A cache: a memory tier, a remote tier, or both.
///
/// Cheap to clone; clones are the same cache. Everything async here is cancel-safe: a dropped
/// future leaves nobody waiting and loses no eviction.
#[derive(Clone)]
pub struct Cache {
    pub(crate) inner: Arc<Inner>,
    tenant: Option<Arc<Tenant>>,
}

impl From<Arc<Inner>> for Cache {
    /// The handle for everything in the cache.
    fn from(inner: Arc<Inner>) -> Self {
        Self { inner, tenant: None }
    }
}

/// What the handles share.
pub(crate) struct Inner {
    pub(crate) built: Moment,
    pub(crate) name: Option<String>,
    pub(crate) namespace: String,
    pub(crate) memory: Option<MemoryTier>,
    pub(crate) remote: Option<Arc<Remote>>,
    pub(crate) default_ttl: DefaultTtl,
    pub(crate) clock: Clock,
    pub(crate) fences: Arc<Fences>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) generations: Arc<Generations>,
    pub(crate) counters: Counters,
    pub(crate) signals: Arc<Signals>,
    pub(crate) chance: Chance,
    /// This cache among those that share the remote tier.
    pub(crate) instance: u64,
    /// How values are written in the remote tier.
    pub(crate) wire: Wire,
    pub(crate) bus: RwLock<Option<Subscription>>,
    pub(crate) switch: Switch,
    pub(crate) events: Events,
    pub(crate) visitors: Visitors,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("memory", &self.memory)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tenant_name() {
            Some(tenant) => f.debug_tuple("Tenant").field(&tenant).field(&self.inner).finish(),
            None => self.inner.fmt(f),
        }
    }
}

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
    /// it, and a [sweep](crate::Memory::sweep_every) does the same from time to time.
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

impl Inner {
    /// How long an entry under `policy` is fresh.
    pub(crate) fn ttl(&self, policy: &Policy) -> Option<Duration> {
        match policy.ttl {
            Ttl::Default => self.default_ttl.get(),
            Ttl::For(ttl) => Some(ttl),
            Ttl::Never => None,
        }
    }

    /// Keeps the subscription to the bus as long as the cache.
    pub(crate) fn hold(&self, bus: Subscription) {
        *self.bus.write().unwrap_or_else(PoisonError::into_inner) = Some(bus);
    }
}
