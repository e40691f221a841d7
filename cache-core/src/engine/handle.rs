//! The handle of a cache, and the state that its handles share.

use std::fmt;
use std::sync::{Arc, RwLock, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::default_ttl::DefaultTtl;
use super::early::RandomSource;
use super::events::Events;
use super::flight::Flights;
use super::policies::{InUse, Policies};
use super::refresher::Refresher;
use super::scope::Switch;
use super::site::{Site, Visitors};
use super::tenant::Tenant;
use crate::backend::Subscription;
use crate::base::{Clock, Error, Policy, Ttl};
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

#[doc(hidden)]
impl From<Arc<Engine>> for Cache {
    /// Makes a handle of the whole cache.
    fn from(engine: Arc<Engine>) -> Self {
        Self { engine, tenant: None }
    }
}

/// The state that the handles share.
pub(crate) struct Engine {
    pub(super) built: WallTimestamp,
    pub(super) name: Option<String>,
    pub(super) namespace: String,
    pub(super) memory: Option<MemoryTier>,
    pub(super) remote: Option<Arc<Remote>>,
    pub(super) default_ttl: DefaultTtl,
    pub(super) policies: ArcSwapOption<InUse>,
    pub(super) clock: Clock,
    pub(super) fences: Arc<Fences>,
    pub(super) flights: Arc<Flights>,
    pub(super) generations: Arc<Generations>,
    pub(super) counters: Counters,
    pub(super) signals: Arc<Signals>,
    pub(super) chance: RandomSource,
    /// Identifies this cache among the caches of the remote tier.
    pub(super) instance: u64,
    /// The encoding of values in the remote tier.
    pub(super) wire: Wire,
    pub(super) bus: RwLock<Option<Subscription>>,
    pub(super) switch: Switch,
    pub(super) events: Events,
    pub(super) visitors: Visitors,
    pub(super) refresher: Refresher,
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

/// What an engine is made of.
pub(crate) struct Parts {
    pub(crate) name: Option<String>,
    pub(crate) namespace: String,
    pub(crate) memory: Option<MemoryTier>,
    pub(crate) remote: Option<Remote>,
    pub(crate) default_ttl: Option<Duration>,
    pub(crate) policies: Policies,
    pub(crate) clock: Clock,
    pub(crate) signals: Arc<Signals>,
    /// Identifies the cache among the caches of the remote tier.
    pub(crate) instance: u64,
    pub(crate) wire: Wire,
    /// The start of its random sequence.
    pub(crate) seed: u64,
}

impl Engine {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let generations = Arc::default();
        let engine = Arc::new(Self {
            built: WallTimestamp::now(&parts.clock),
            name: parts.name,
            namespace: parts.namespace,
            memory: parts.memory,
            remote: parts.remote.map(|remote| remote.teaching(&generations).shared()),
            default_ttl: DefaultTtl::new(parts.default_ttl),
            policies: ArcSwapOption::new(InUse::new(parts.policies)),
            clock: parts.clock,
            fences: Fences::new(),
            flights: Flights::new(),
            generations,
            counters: Counters::new(),
            signals: parts.signals,
            chance: RandomSource::new(parts.seed),
            instance: parts.instance,
            wire: parts.wire,
            bus: RwLock::new(None),
            switch: Switch::default(),
            events: Events::default(),
            visitors: Visitors::default(),
            refresher: Refresher::default(),
        });
        if let Some(memory) = &engine.memory {
            let owner: Weak<Self> = Arc::downgrade(&engine);
            memory.owned_by(owner);
        }
        engine
    }

    /// How long an entry under `policy` is fresh.
    pub(crate) fn ttl(&self, policy: &Policy) -> Option<Duration> {
        match policy.ttl {
            Ttl::Default | Ttl::Computed => self.default_ttl.get(),
            Ttl::For(ttl) => Some(ttl),
            Ttl::Never => None,
        }
    }

    /// How long the memory tier serves an entry under `policy` before the remote tier must confirm it.
    pub(crate) fn memory_ttl(&self, policy: &Policy) -> Option<Duration> {
        policy.memory_ttl.or_else(|| self.memory.as_ref()?.ttl())
    }

    /// How many loads and writes may still fill the memory tier.
    pub(crate) fn fills(&self) -> usize {
        self.fences.len()
    }

    /// Records that a reader declares a tag.
    pub(crate) fn declare(&self, tag: &str) {
        self.generations.declare(tag);
    }

    /// Lets a function use the cache, unless its keys could be those of another one.
    pub(crate) fn admit(&self, site: &'static Site) -> Result<(), Error> {
        self.visitors.admit(site)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(crate) fn built(&self) -> &WallTimestamp {
        &self.built
    }

    pub(crate) fn memory(&self) -> Option<&MemoryTier> {
        self.memory.as_ref()
    }

    pub(crate) fn remote(&self) -> Option<&Arc<Remote>> {
        self.remote.as_ref()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(crate) fn default_ttl(&self) -> &DefaultTtl {
        &self.default_ttl
    }

    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// The keys that are refreshed on schedule.
    pub(crate) fn refresher(&self) -> &Refresher {
        &self.refresher
    }

    pub(crate) fn switch(&self) -> &Switch {
        &self.switch
    }
}
