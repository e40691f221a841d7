//! Builds caches, and defines the rules for their settings; configurations are checked by the same builder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::base::{Clock, Error};
use crate::codec::{Codec, Compression, Wire};
use crate::engine::{Cache, DefaultTtl, Engine, Parts, Policies, namespaces, test_scope as world};
use crate::key::random;
use crate::memory::{Memory, MemoryTier};
use crate::remote::{BreakerLimits, Remote, RetryLog};
use crate::stats::{CacheListener, Signals};

#[cfg(feature = "encryption")]
use crate::codec::{EncryptionKeys, Seal};

/// The settings of a cache, before it is built; made by [`Cache::builder`].
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
    policies: Policies,
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
        // Caches that a program's setup builds inside a test kit use the kit's clock.
        Self::at(world::current().map(|world| world.clock.clone()).unwrap_or_default())
    }

    pub(crate) fn at(clock: Clock) -> Self {
        Self {
            name: None,
            namespace: None,
            memory: Some(Memory::default()),
            remote: None,
            default_ttl: None,
            policies: Policies::new(),
            clock,
            seed: None,
            wire: Wire::default(),
            listener: None,
            breaker: BreakerLimits::default(),
            trusts: Duration::ZERO,
            retry_log: None,
        }
    }

    /// Sets the name under which [`install`](Cache::install) registers the cache. Default: none; then
    /// `install` makes it the process's default cache. Caches with different names have different
    /// [namespaces](Self::namespace) by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the prefix of all keys in the remote tier; caches that share a remote tier and a namespace share
    /// their entries. Letters, digits, `-`, `_`, `.` and `/`. Default: `larder` for a cache without a name,
    /// `larder/people` for the cache `people`, as in configuration.
    ///
    /// Within a process, a namespace of a store belongs to one cache name: see [`build`](Self::build).
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets the memory tier. Default: 10,000 entries.
    pub fn memory(mut self, memory: Memory) -> Self {
        self.memory = Some(memory);
        self
    }

    /// Changes the settings of the memory tier, for example of one that a configuration has described. Does nothing
    /// without a memory tier.
    ///
    /// ```
    /// # use cache_core as larder;
    /// use larder::{Cache, Memory};
    ///
    /// # fn main() -> Result<(), larder::Error> {
    /// let described = Cache::builder().memory(Memory::max_bytes(64 << 20));
    /// let cache = described
    ///     .change_memory(|memory| memory.weigher(|image: &std::sync::Arc<[u8]>| image.len() as u64))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn change_memory(mut self, change: impl FnOnce(Memory) -> Memory) -> Self {
        self.memory = self.memory.map(change);
        self
    }

    /// Removes the memory tier: every read asks the remote tier.
    pub fn no_memory(mut self) -> Self {
        self.memory = None;
        self
    }

    /// Sets the remote tier. Default: none.
    pub fn remote(mut self, backend: impl Backend) -> Self {
        self.remote = Some(Arc::new(backend));
        self
    }

    /// Sets the policies of functions and models, and the default for everything else in the cache. Default: none; each
    /// function has what its attribute says. [`Cache::set_policies`] replaces them while the cache runs.
    pub fn policies(mut self, policies: Policies) -> Self {
        self.policies = policies;
        self
    }

    /// Sets the time to live of entries whose policy has none. Default: they do not expire.
    #[doc(alias("time_to_live", "expire_after_write"))]
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// Sets the format of values in the remote tier. Default: [`Codec::Postcard`].
    ///
    /// You can change it at any time: entries name their codec.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.wire.codec = codec;
        self
    }

    /// Sets the compression of values in the remote tier. Default: none.
    ///
    /// You can change it at any time: entries name their algorithm.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.wire.compression = compression;
        self
    }

    /// Encrypts values in the remote tier. Default: values are not encrypted, and have a checksum against
    /// damage.
    ///
    /// A cache with encryption treats unencrypted values as misses, and the other way round, so turning it on
    /// or off costs one load per key. [`EncryptionKeys`] explains how to rotate keys, and what stays readable.
    #[cfg(feature = "encryption")]
    pub fn encryption(mut self, keys: EncryptionKeys) -> Self {
        self.wire.seal = Seal::Encryption(keys);
        self
    }

    /// Sets the maximum size of an encoded value before compression, in bytes. Default: 64 MiB.
    ///
    /// A larger value is not stored in the remote tier ([`Error::Encode`] if it is stored by hand), and one
    /// that is found there is a counted miss. The limit bounds the memory that bytes from the remote tier can
    /// make this process allocate.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.wire.limit = bytes;
        self
    }

    /// Sets the listener for entries that leave memory and for changes of state. Default: none; a second
    /// listener replaces the first.
    ///
    /// A closure over [`CacheEvent`](crate::CacheEvent) is a listener. See [`CacheListener`] for when and where it is
    /// called.
    #[doc(alias = "eviction_listener")]
    pub fn listener(mut self, listener: impl CacheListener) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Sets the number of consecutive failures after which the breaker of the remote tier opens: reads then
    /// behave as without a remote tier. Default: 3. Only unreachable tiers and timeouts count as failures; a
    /// refusal is an answer.
    pub fn breaker_threshold(mut self, failures: u32) -> Self {
        self.breaker.threshold = failures;
        self
    }

    /// Sets how long the breaker stays open; after that, one operation tries the remote tier again. Default:
    /// 1 second; minimum: 1 ms.
    pub fn breaker_cool_down(mut self, time: Duration) -> Self {
        self.breaker.cool_down = time;
        self
    }

    /// Sets how long the generations of tags from the remote tier are trusted, that is, used without reading
    /// them again. Default: zero, so they are read together with every value.
    ///
    /// With trust, a read asks the remote tier for its value only (one node of a cluster instead of several),
    /// and keeps working for this long while the node of a tag's generation is unreachable. In return, reads
    /// of the remote tier notice an eviction of a tag (or [`Cache::clear`]) by *another* process as memory
    /// does: when the message arrives on the bus. If a message is lost without a trace, the eviction is
    /// noticed after this time at the latest; while the bus is disconnected, generations are always read.
    /// Evictions by this process, and evictions of keys, always take effect immediately.
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, backend::MemoryBackend};
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

    /// Sets a file for pending evictions, so that they outlive the process. Default: none; then pending
    /// evictions are lost if the process ends before the tier is back, and other processes read the old
    /// values until these expire.
    ///
    /// An eviction is written to the file when an attempt has failed. A cache that is built with the file of
    /// an ended process carries out the evictions in it before it reads or writes the tier. The file contains
    /// keys, patterns and tags, but no values. It has at most 4 MiB: if the pending evictions need more, one
    /// eviction of the whole namespace replaces them. Damaged lines are skipped, with a warning.
    ///
    /// Every cache needs its own file, which is locked while the cache lives (through a second file, with
    /// `.lock` appended to the name). Lines are not synced to disk, except by [`close`](Cache::close): they
    /// survive the end of the process, but the last ones may be missing if the machine stops. If the process
    /// is killed during the first attempt of an eviction, the file does not contain it.
    ///
    /// Has no effect without a remote tier.
    pub fn retry_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.retry_log = Some(path.into());
        self
    }

    /// Sets the clock that decides freshness. Default: the system's; in a test kit, the kit's.
    #[cfg(feature = "testing")]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the seed of the cache's random numbers (jitter, early refresh), for reproducible tests. Default:
    /// random.
    #[cfg(feature = "testing")]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Builds the cache. With a remote tier that several processes share it subscribes to the bus, and must
    /// then be called within a Tokio runtime.
    ///
    /// Two caches with different names in one namespace of one store would read and clear each other's
    /// entries: the second one is refused while the first one is in use. Caches with the same name (or
    /// without one) may share a namespace, like those of several processes, so that you can rebuild a cache,
    /// and a test can simulate several processes. [`Backend::store`] identifies a store.
    ///
    /// # Errors
    /// [`Error::Config`] with the field (also if the [retry log](Self::retry_log) cannot be used), or the
    /// backend's error if it refuses the subscription.
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
        if let (Some(remote), Some((log, pending))) = (cache.engine.remote(), log) {
            remote.with_retry_log(log, pending);
        }
        if let Some(backend) = backend {
            namespaces::claim(&cache.engine, &*backend)?;
            cache.engine.listen(&*backend)?;
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
        let namespace = self.namespace_or_default();
        let engine = Engine::new(Parts {
            name: self.name,
            namespace,
            memory,
            remote,
            default_ttl: self.default_ttl,
            policies: self.policies,
            clock: self.clock,
            signals,
            instance,
            wire: self.wire,
            seed: self.seed.unwrap_or_else(random),
        });
        Cache::from(engine)
    }

    fn namespace_or_default(&self) -> String {
        self.namespace.clone().unwrap_or_else(|| namespaces::of(self.name.as_deref()))
    }

    /// Returns an [`Error::Config`] for every setting that [`build`](Self::build) refuses; none if all are
    /// accepted. Does not open the retry log and does not subscribe to the bus.
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
            self.policies.check(),
            self.wire.check_limit(),
            self.wire.seal.check(),
            memory.map_or_else(|| self.some_tier(), Memory::check_bound),
            memory.map_or(Ok(()), Memory::check_ttl),
            memory.map_or(Ok(()), Memory::check_sweep),
            self.breaker.check_threshold(),
            self.breaker.check_cool_down(),
        ];
        rules.into_iter().filter_map(Result::err).collect()
    }

    /// Checks that a cache without a memory tier has a remote one.
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
    /// The default cache of a program that installs none.
    pub(crate) fn embedded() -> Self {
        let builder = Builder::new();
        // No check needed: `build` accepts the defaults.
        let signals = Arc::new(Signals::new(None, None));
        let memory = builder.memory.as_ref().map(|memory| MemoryTier::new(memory, &signals));
        builder.assemble(memory, None, signals, 0)
    }
}
