//! Builds a cache, and holds the rules for its settings: a configuration asks this builder for them, too.

use std::path::PathBuf;
use std::sync::{Arc, RwLock, Weak};
use std::time::Duration;

use crate::backend::Backend;
use crate::base::{BackendErrorKind, Clock, Error};
use crate::codec::{Codec, Compression, Wire};
use crate::engine::{
    Bus, Cache, DefaultTtl, Engine, Events, Flights, RandomSource, Switch, Visitors, namespaces,
    test_scope as world,
};
use crate::key::random;
use crate::memory::{Fences, Memory, MemoryTier};
use crate::remote::{BreakerLimits, Remote, RetryLog};
use crate::stats::{CacheListener, Counters, Signals, WallTimestamp};

#[cfg(feature = "encryption")]
use crate::codec::{Keys, Seal};

/// Builds a [`Cache`].
///
/// ```
/// # use cache_core as larder;
/// use larder::{Cache, Memory};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), larder::Error> {
/// let cache = Cache::builder()
///     .namespace("shop")
///     .memory(Memory::max_entries(100_000))
///     .default_ttl(Duration::from_secs(300))
///     .build()?;
/// cache.install();
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Builder {
    name: Option<String>,
    namespace: Option<String>,
    memory: Option<Memory>,
    remote: Option<Arc<dyn Backend>>,
    default_ttl: Option<Duration>,
    clock: Clock,
    seed: Option<u64>,
    wire: Wire,
    listener: Option<Box<dyn CacheListener>>,
    breaker: BreakerLimits,
    trusts: Duration,
    retry_log: Option<PathBuf>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        // What a program's set-up builds in a test kit goes by the kit's clock.
        Self::at(world::current().map(|world| world.clock.clone()).unwrap_or_default())
    }

    pub(crate) fn at(clock: Clock) -> Self {
        Self {
            name: None,
            namespace: None,
            memory: Some(Memory::default()),
            remote: None,
            default_ttl: None,
            clock,
            seed: None,
            wire: Wire::default(),
            listener: None,
            breaker: BreakerLimits::default(),
            trusts: Duration::ZERO,
            retry_log: None,
        }
    }

    /// The name under which [`install`](Cache::install) makes it known. Default: none, and then it
    /// is installed as the process's default cache. Caches with different names have different
    /// [namespaces](Self::namespace) unless they are given.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The prefix of all keys in the remote tier; caches that share a remote tier and a namespace
    /// share their entries. Letters, digits, `-`, `_`, `.` and `/`. Default: `larder` for a cache without a name, `larder/people` for
    /// the cache `people`, as in configuration.
    ///
    /// A process has one name for a namespace of a store: see [`build`](Self::build).
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// The memory tier. Default: 10,000 entries.
    pub fn memory(mut self, memory: Memory) -> Self {
        self.memory = Some(memory);
        self
    }

    /// No memory tier: every read asks the remote tier.
    pub fn no_memory(mut self) -> Self {
        self.memory = None;
        self
    }

    /// The remote tier. Default: none.
    pub fn remote(mut self, backend: impl Backend) -> Self {
        self.remote = Some(Arc::new(backend));
        self
    }

    /// The time to live of entries whose policy names none. Default: they do not expire.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// The format of values in the remote tier. Default: [`Codec::Postcard`].
    ///
    /// It may be changed at any time: entries name the codec they were written with.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.wire.codec = codec;
        self
    }

    /// Whether values are compressed in the remote tier. Default: they are not.
    ///
    /// It may be changed at any time: entries name the algorithm they were compressed by.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.wire.compression = compression;
        self
    }

    /// Encrypts values in the remote tier. Default: they lie there in the clear, with a sum against damage.
    ///
    /// A cache that encrypts takes what is in the clear for a miss, and one that does not takes what is
    /// encrypted for one, so that the change costs a load per key. [`Keys`] tells how keys are rotated, and what
    /// stays readable.
    #[cfg(feature = "encryption")]
    pub fn encryption(mut self, keys: Keys) -> Self {
        self.wire.seal = Seal::Encryption(keys);
        self
    }

    /// The most bytes that an encoded value may have, before it is compressed. Default: 64 MiB.
    ///
    /// A larger one is not stored in the remote tier ([`Error::Encode`] where it is stored by hand), and one
    /// that is found there is a counted miss. It bounds what bytes from the remote tier can make this
    /// process set aside.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.wire.limit = bytes;
        self
    }

    /// Who is told what leaves memory, and of changes of state. Default: nobody; a second one replaces the first.
    ///
    /// A closure over [`Signal`](crate::Signal) is one, too. See [`CacheListener`] for when and where it is called.
    pub fn listener(mut self, listener: impl CacheListener) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// After so many failures in a row the remote tier is left alone for a while: its breaker opens, and a
    /// read then costs what it costs without a remote tier. Default: 3. Only a tier that can't be reached or
    /// does not answer in time has failed; one that refuses has answered.
    pub fn breaker_threshold(mut self, failures: u32) -> Self {
        self.breaker.threshold = failures;
        self
    }

    /// For how long the remote tier is left alone after it failed repeatedly; then one operation tries it
    /// again. Default: 1 second; the least is 1 ms.
    pub fn breaker_cool_down(mut self, time: Duration) -> Self {
        self.breaker.cool_down = time;
        self
    }

    /// For how long the generations of tags, once they were read from the remote tier, are taken for the current ones. Default:
    /// zero, they are read with every value that is read there.
    ///
    /// A read then asks the remote tier for its value alone, of one node of a cluster instead of several, and goes on for
    /// so long while the node of a tag's generation is away. In return an eviction of a tag (or [`Cache::clear`]) by
    /// *another* process is followed by reads of the remote tier as it is by memory: when the bus brings it. Should a message
    /// be lost without a trace, it is noticed after this time at the latest; while the link of the bus is down, generations are
    /// read as ever. This process's own evictions, and those of keys, hold at once in any case.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, MemoryBackend};
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), Error> {
    /// # let backend = MemoryBackend::new();
    /// let cache = Cache::builder()
    ///     .remote(backend)
    ///     .trust_tags(Duration::from_secs(2))
    ///     .build()?;
    /// # drop(cache);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trust_tags(mut self, time: Duration) -> Self {
        self.trusts = time;
        self
    }

    /// A file for evictions that the remote tier missed, so that they outlive the process. Default: none, and then they
    /// are lost if the process ends before the tier is back: other processes read the old values until these expire.
    ///
    /// An eviction is written to the file when an attempt has failed. A cache that is built with the file of a process that
    /// has ended carries out what is pending there before it reads or writes the tier. The file holds keys, patterns and
    /// tags, and no values. It has 4 MiB at most: where that is too little for what is pending, all of the namespace is
    /// evicted in its place. Damaged lines are left out, with a warning.
    ///
    /// Every cache needs a file of its own; it is locked (by a file beside it, `.lock` at the end of its name) for as long
    /// as the cache lives. Lines are not waited for until they are on the disk, except by [`close`](Cache::close): they
    /// outlive the process, however that ends, but the last ones may be missing if the machine stops. An eviction that is
    /// under way for the first time when the process is killed is in no file.
    ///
    /// Without a remote tier it does nothing.
    pub fn retry_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.retry_log = Some(path.into());
        self
    }

    /// The clock that freshness is measured by. Default: the system's; in a test kit the kit's.
    #[cfg(feature = "testing")]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Where the cache's random numbers begin (jitter, early refresh), for tests that are to go the
    /// same way each time. Default: anywhere.
    #[cfg(feature = "testing")]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The cache. With a remote tier that several processes share it subscribes to the bus, for
    /// which it must be called within a tokio runtime.
    ///
    /// Two caches with different names in one namespace of one store would read and clear each other's entries: the second one is
    /// refused while the first one is in use. Caches with the same name (or without one) may share a namespace, as
    /// those of several processes do, so that a cache can be built again, and a test can stand for several processes. A store is known by
    /// [`Backend::store`].
    ///
    /// # Errors
    /// [`Error::Config`], naming the field (also if the [retry log](Self::retry_log) can't be used), or the backend's
    /// refusal of the subscription.
    pub fn build(mut self) -> Result<Cache, Error> {
        if let Some(wrong) = self.check().into_iter().next() {
            return Err(wrong);
        }
        let signals = Arc::new(Signals::new(self.name.as_deref(), self.listener.take()));
        let memory = self.memory.as_ref().map(|memory| MemoryTier::new(memory, &signals));
        let instance = random();
        let backend = self.remote.clone();
        let namespace = self.namespace_or_default();
        let remote = self.remote.clone().map(|backend| {
            Remote::new(backend, (&namespace, instance), &self.clock, &signals)
                .with_breaker(self.breaker)
                .trusting(self.trusts)
                .reading_at_most(self.wire.most())
        });
        let log = self.retry_log.take().filter(|_| remote.is_some());
        let log = log.map(|path| RetryLog::open(&path, &namespace)).transpose()?;
        let cache = self.assemble(memory, remote, signals, instance);
        if let (Some(remote), Some((log, pending))) = (&cache.engine.remote, log) {
            remote.with_retry_log(log, pending);
        }
        if let Some(backend) = backend {
            namespaces::claim(&cache.engine, &*backend)?;
            cache.listen(&backend, instance)?;
        }
        Ok(cache)
    }

    fn assemble(
        self,
        memory: Option<MemoryTier>,
        remote: Option<Remote>,
        signals: Arc<Signals>,
        instance: u64,
    ) -> Cache {
        let generations = Arc::default();
        let namespace = self.namespace_or_default();
        let engine = Engine {
            built: WallTimestamp::now(&self.clock),
            name: self.name,
            namespace,
            memory,
            remote: remote.map(|remote| remote.teaching(&generations).shared()),
            default_ttl: DefaultTtl::new(self.default_ttl),
            clock: self.clock,
            fences: Fences::new(),
            flights: Flights::new(),
            generations,
            counters: Counters::new(),
            signals,
            instance,
            wire: self.wire,
            chance: RandomSource::new(self.seed.unwrap_or_else(random)),
            bus: RwLock::new(None),
            switch: Switch::default(),
            events: Events::default(),
            visitors: Visitors::default(),
        };
        let engine = Arc::new(engine);
        if let Some(memory) = &engine.memory {
            let owner: Weak<Engine> = Arc::downgrade(&engine);
            memory.owned_by(owner);
        }
        Cache::from(engine)
    }

    fn namespace_or_default(&self) -> String {
        self.namespace.clone().unwrap_or_else(|| namespaces::of(self.name.as_deref()))
    }

    /// Every setting that [`build`](Self::build) refuses, as an [`Error::Config`] each; none if all are accepted. It does
    /// not open the retry log and does not subscribe to the bus.
    ///
    /// ```
    /// # use cache_core as larder;
    /// use larder::{Cache, Memory};
    /// use std::time::Duration;
    ///
    /// let builder = Cache::builder().memory(Memory::max_entries(0)).default_ttl(Duration::ZERO);
    /// assert_eq!(builder.check().len(), 2);
    /// ```
    #[must_use]
    pub fn check(&self) -> Vec<Error> {
        let memory = self.memory.as_ref();
        let rules = [
            self.name.as_deref().map_or(Ok(()), named),
            self.namespace.as_deref().map_or(Ok(()), namespaces::check),
            DefaultTtl::check(self.default_ttl),
            self.wire.check_limit(),
            self.wire.seal.check(),
            memory.map_or_else(|| self.some_tier(), Memory::check_bound),
            memory.map_or(Ok(()), Memory::check_sweep),
            self.breaker.check_threshold(),
            self.breaker.check_cool_down(),
        ];
        rules.into_iter().filter_map(Result::err).collect()
    }

    /// Whether a cache without a memory tier has a remote one.
    fn some_tier(&self) -> Result<(), Error> {
        if self.remote.is_some() {
            return Ok(());
        }
        let message = "there is neither a memory tier nor a remote tier; remove `no_memory()` or add `remote(..)`";
        Err(Error::config("memory", message))
    }
}

fn named(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        let message = "a name can't be empty; leave it out for the default cache";
        return Err(Error::config("name", message));
    }
    Ok(())
}

impl Cache {
    /// The cache that needs no set-up.
    pub(crate) fn embedded() -> Self {
        let builder = Builder::new();
        // Needs no check: `build` accepts the defaults.
        let signals = Arc::new(Signals::new(None, None));
        let memory = builder.memory.as_ref().map(|memory| MemoryTier::new(memory, &signals));
        builder.assemble(memory, None, signals, 0)
    }

    /// Subscribes to the bus: until it is connected, memory is not trusted. Without a memory tier too:
    /// evictions end the loads that others would wait for.
    fn listen(&self, backend: &Arc<dyn Backend>, instance: u64) -> Result<(), Error> {
        let Some(remote) = &self.engine.remote else { return Ok(()) };
        self.engine.generations.link(false);
        let bus = Arc::new(Bus { cache: Arc::downgrade(&self.engine), instance });
        match backend.subscribe(&remote.channel(), bus) {
            Ok(subscription) => self.engine.hold(subscription),
            Err(error) if error.kind() == BackendErrorKind::Unsupported => {
                self.engine.needs_no_bus();
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
