//! The evictions of a mutator: carried out on every way out of its body.
//!
//! By default they come after the body whatever its outcome, because a mutator that failed or was
//! cancelled may have committed. If the body panics, or its future is dropped, the memory half
//! happens in `drop` and the remote half in the background.

use crate::Error;
use crate::cache::Cache;
use crate::call::{Call, Load, Target};
use crate::invalidation::Evict;
use crate::key::KeyBuf;
use crate::pattern::Pattern;
use crate::registry;
use crate::strategy::start_now;

#[derive(Clone, Debug)]
enum What {
    Key(KeyBuf),
    Pattern(KeyBuf),
    Tag(KeyBuf),
    All,
}

/// What a mutator makes old. Made by `#[cache_evict]`.
#[derive(Debug)]
#[must_use]
pub struct Evictions {
    target: Where,
    targets: Vec<(Where, What)>,
}

#[derive(Clone, Debug)]
enum Where {
    Default,
    At(Target),
}

impl Where {
    fn resolve(&self) -> Result<Cache, Error> {
        match self {
            Self::Default => Ok(registry::default_cache()),
            Self::At(target) => target.resolve(),
        }
    }
}

impl Default for Evictions {
    fn default() -> Self {
        Self::new()
    }
}

impl Evictions {
    /// On the default cache.
    pub const fn new() -> Self {
        Self { target: Where::Default, targets: Vec::new() }
    }

    /// On a named cache.
    pub fn named(name: &str) -> Self {
        Self { target: Where::At(Target::Named(name.to_owned())), targets: Vec::new() }
    }

    /// On this cache.
    pub fn on(cache: &Cache) -> Self {
        Self { target: Where::At(Target::Handle(cache.clone())), targets: Vec::new() }
    }

    fn with(mut self, what: What) -> Self {
        let target = self.target.clone();
        self.targets.push((target, what));
        self
    }

    /// What a call of a cached function would read, in that function's cache.
    pub fn call(mut self, call: impl EvictTarget) -> Self {
        let mut evict = call.evict_target();
        evict.key.seal();
        self.targets.push((Where::At(evict.target.clone()), What::Key(evict.key.clone())));
        self
    }

    /// A key.
    pub fn key(self, mut key: KeyBuf) -> Self {
        key.seal();
        self.with(What::Key(key))
    }

    /// A pattern; `*` is a wildcard.
    pub fn pattern(self, pattern: KeyBuf) -> Self {
        self.with(What::Pattern(pattern))
    }

    /// A tag.
    pub fn tag(self, tag: KeyBuf) -> Self {
        self.with(What::Tag(tag))
    }

    /// Everything in the cache.
    pub fn all(self) -> Self {
        self.with(What::All)
    }

    /// Evicts after the body. A failure of the remote tier is logged, and the eviction stays owed.
    pub async fn run(mut self) {
        while let Some((cache, what)) = self.targets.last().cloned() {
            evict(&cache, &what).await;
            // Popped after it was done: dropped half-way, `drop` does it again.
            self.targets.pop();
        }
    }

    /// Evicts nothing.
    pub(crate) fn disarm(mut self) {
        self.targets.clear();
    }

    /// Evicts before the body.
    pub async fn run_before(self) {
        self.run().await;
    }

    /// [`run`](Self::run) for sync functions: memory at once, the remote tier in the background.
    pub fn run_blocking(self) {
        drop(self);
    }

    /// [`run_blocking`](Self::run_blocking), before the body.
    pub fn run_before_blocking(self) {
        drop(self);
    }
}

async fn evict(cache: &Where, what: &What) {
    let result = match cache.resolve() {
        Ok(cache) => apply(&cache, what).await,
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        tracing::warn!(%error, "larder: an eviction was not carried out everywhere");
    }
}

async fn apply(cache: &Cache, what: &What) -> Result<(), Error> {
    match what {
        What::Key(key) => cache.inner.evict_key(key.as_str()).await.map(drop),
        What::Pattern(text) => {
            cache.inner.evict_pattern(&Pattern::new(text.as_str())).await.map(drop)
        }
        What::Tag(tag) => cache.inner.evict_tag(tag.as_str()).await,
        What::All => cache.inner.clear().await,
    }
}

impl Drop for Evictions {
    fn drop(&mut self) {
        for (cache, what) in self.targets.drain(..) {
            match cache.resolve() {
                Ok(cache) => evict_detached(cache, what),
                Err(error) => tracing::warn!(%error, "larder: an eviction was not carried out"),
            }
        }
    }
}

/// The first poll does the memory half (nothing before it waits) and writes the remote half down
/// as owed; what remains goes on in the background.
fn evict_detached(cache: Cache, what: What) {
    start_now(async move {
        if let Err(error) = apply(&cache, &what).await {
            tracing::warn!(%error, "larder: an eviction was not carried out everywhere");
        }
    });
}

/// A call of a cached function, as the target of an eviction.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a call of a cached function",
    label = "this target can't be evicted",
    note = "a target is a call of a `#[cached]` async function; a sync one is written `call!(f(x))`"
)]
pub trait EvictTarget {
    #[doc(hidden)]
    fn evict_target(&self) -> Evict;
}

impl<L: Load> EvictTarget for Call<L> {
    fn evict_target(&self) -> Evict {
        self.evict()
    }
}

impl EvictTarget for Evict {
    fn evict_target(&self) -> Evict {
        Evict::new(self.target.clone(), self.key.clone())
    }
}
