//! The handle of a cache, and the state that its handles share.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::default_ttl::DefaultTtl;
use super::early::RandomSource;
use super::events::Events;
use super::flight::Flights;
use super::scope::Switch;
use super::site::Visitors;
use super::tenant::Tenant;
use crate::backend::Subscription;
use crate::base::{Clock, Policy, Ttl};
use crate::codec::Wire;
use crate::memory::{Fences, MemoryTier};
use crate::remote::Remote;
use crate::stats::{Counters, Signals, WallTimestamp};
use crate::tags::Generations;

/// A cache: a memory tier, a remote tier, or both.
///
/// Cheap to clone; clones are the same cache. All async methods are cancel-safe: a dropped future leaves no
/// waiter behind and loses no eviction.
#[derive(Clone)]
pub struct Cache {
    pub(crate) engine: Arc<Engine>,
    pub(crate) tenant: Option<Arc<Tenant>>,
}

impl From<Arc<Engine>> for Cache {
    /// Makes a handle of the whole cache.
    fn from(engine: Arc<Engine>) -> Self {
        Self { engine, tenant: None }
    }
}

/// The state that the handles share.
pub(crate) struct Engine {
    pub(crate) built: WallTimestamp,
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
    pub(crate) chance: RandomSource,
    /// Identifies this cache among the caches of the remote tier.
    pub(crate) instance: u64,
    /// The encoding of values in the remote tier.
    pub(crate) wire: Wire,
    pub(crate) bus: RwLock<Option<Subscription>>,
    pub(crate) switch: Switch,
    pub(crate) events: Events,
    pub(crate) visitors: Visitors,
}

impl fmt::Debug for Engine {
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
            Some(tenant) => f.debug_tuple("Tenant").field(&tenant).field(&self.engine).finish(),
            None => self.engine.fmt(f),
        }
    }
}

impl Engine {
    /// How long an entry under `policy` is fresh.
    pub(crate) fn ttl(&self, policy: &Policy) -> Option<Duration> {
        match policy.ttl {
            Ttl::Default => self.default_ttl.get(),
            Ttl::For(ttl) => Some(ttl),
            Ttl::Never => None,
        }
    }

    /// Keeps the subscription to the bus while the cache lives.
    pub(crate) fn hold(&self, bus: Subscription) {
        *self.bus.write().unwrap_or_else(PoisonError::into_inner) = Some(bus);
    }
}
