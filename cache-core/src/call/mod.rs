//! A call of a cached function: a future that takes directions before it is awaited.

mod background;
mod batch;
mod body;
mod describe;
mod direct;
mod directed;
mod evict;
mod fetch;
mod function;
mod head;
mod load;
mod output;
mod previous;
mod put_target;
mod reading;
mod rules;
mod schedule;
mod target;
mod tenant;
mod work;

pub use background::{Background, NeverCopied};
pub use batch::{
    Asked, Batch, BatchInner, Each, EvictEach, FetchEach, Found, Ids, KeyOf, LoadEach, Pairs,
    PeekEach, PutEach, Repeat, TracedBatch, again, asked, found, repeats,
};
pub(crate) use batch::{Asking, Wanted, in_foreground};
pub use describe::{CallExpiry, Inspect};
pub use direct::{Peek, Put};
pub use directed::{Directed, ttl};
pub use evict::{Evict, EvictTarget};
pub use fetch::Fetch;
pub(crate) use function::inside;
pub use function::{
    CachedFunction, Described, Lead, LeadDisplay, LeadExact, LeadSerialize, LeadSkipped,
    LeadUnwritten, NoSuchParameter, Parameters, Returned, lead_texts,
};
use head::{CallState, Head};
pub use load::{Known, Load, awaited};
pub use previous::Previous;
pub use put_target::{PutProbe, PutSame, PutSome, PutTarget, Puts, PutsSame, PutsSome, put_same};
pub(crate) use put_target::{Write, Writing};
pub(crate) use reading::reading;
pub use rules::Rules;
pub use target::IntoCache;
pub(crate) use target::{CacheChoice, CacheRef};
pub(crate) use work::{Once, Owned, Repeating, Work};

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::base::{Access, CacheValue, Cached, IntoTtl, Tiers, block_on};
use crate::engine::{Judge, Mode};
use crate::key::{EntryKey, IntoKey};

/// A call of a cached function.
///
/// It is a future with the function's output. Nothing happens before it is polled. Dropping it
/// cancels the call; if it was loading, a waiting caller takes the load over.
///
/// Before it is awaited it takes directions:
///
/// ```ignore
/// get_user(&db, 7).refresh().await?;          // load now and replace
/// get_user(&db, 7).bypass().await?;           // neither read nor write the cache
/// get_user(&db, 7).peek().await?;             // what is cached, without loading
/// get_user(&db, 7).evict().await?;            // forget it
/// get_user(&db, 7).put(user).await?;          // write through
/// get_user(&db, 7).tenant("acme").await?;     // that tenant's own entry
/// get_user(&db, 7).tiers(Tiers::Remote).await?;       // as Redis has it, without memory
/// get_user(&db, 7).access(Access::ReadOnly).await?;   // load on a miss, and store nothing
/// get_user(&db, 7).cache_key()?;              // user:7, without running it
/// get_user(&db, 7).expiry().await?;           // how long what is cached stays fresh
/// let Cached { value, source, age, .. } = get_user(&db, 7).traced().await;
/// ```
#[must_use = "a call does nothing unless it is awaited"]
pub struct Call<L> {
    whole: CallInner<L>,
}

/// What [`Call`]s of functions with any output have in common; see there.
pub struct CallInner<L> {
    head: Head,
    load: L,
}

impl<L: Load> fmt::Debug for Call<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole.fmt(f)
    }
}

impl<L: Load> fmt::Debug for CallInner<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.state().request.key;
        f.debug_struct("Call").field("key", &key.as_str()).finish_non_exhaustive()
    }
}

impl<L: Load> CallInner<L> {
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Cached<L::Output>> {
        self.load.poll(&self.head, cx)
    }

    fn state(&self) -> CallState {
        self.load.state(&self.head)
    }

    fn read_as<T: CacheValue>(&self) -> Peek<T> {
        let CallState { request, target } = self.state();
        Peek::new(target, request)
    }

    fn write<T: CacheValue>(&self, value: T) -> Put {
        let CallState { request, target } = self.state();
        Put::new(target, request, value, self.load.judge())
    }

    fn forget(&self) -> Evict {
        let CallState { request, target } = self.state();
        Evict::new(target, request.key)
    }

    /// Returns the fresh cached value, or `None`. It never loads, and it has no side effects: it is not counted, does not renew the
    /// time to idle, does not keep the entry in memory, and does not promote a value of the remote tier to memory.
    ///
    /// # Errors
    /// If the remote tier fails and the memory tier has no value.
    pub fn peek(&self) -> Peek<L::Output>
    where
        L::Output: CacheValue,
    {
        self.read_as()
    }

    /// Stores a value in every tier, as if the function had returned it now.
    ///
    /// # Errors
    /// If no codec can represent the value, or the remote tier fails. The memory tier has the value nevertheless.
    pub fn put(&self, value: L::Output) -> Put
    where
        L::Output: CacheValue,
    {
        self.write(value)
    }
}

impl<L, T, E> Call<L>
where
    L: Load<Output = Result<T, E>>,
    T: CacheValue,
{
    /// Returns the fresh cached value, or `None`. It never loads, and it has no side effects: it is not counted, does not renew the
    /// time to idle, does not keep the entry in memory, and does not promote a value of the remote tier to memory.
    ///
    /// # Errors
    /// If the remote tier fails and the memory tier has no value.
    pub fn peek(&self) -> Peek<T> {
        self.whole.read_as()
    }

    /// Stores a value in every tier, as if the function had returned it now.
    ///
    /// # Errors
    /// If no codec can represent the value, or the remote tier fails. The memory tier has the value nevertheless.
    pub fn put(&self, value: T) -> Put {
        self.whole.write(value)
    }
}

/// Calls whose output is not a `Result` have their `peek` and `put` here.
impl<L> Deref for Call<L> {
    type Target = CallInner<L>;
    fn deref(&self) -> &CallInner<L> {
        &self.whole
    }
}

impl<L: Load> Call<L> {
    /// The function's rules for a value that is put.
    pub(crate) fn judge(&self) -> Judge {
        self.whole.load.judge()
    }

    /// The request and the cache, with all directions applied.
    pub(crate) fn state(&self) -> CallState {
        self.whole.state()
    }
}

impl<L: Load> Call<L> {
    /// Loads now and replaces the cached value in every tier. Loads of the key that began earlier store nothing. Calls that
    /// request a refresh while one runs wait for its end and share the next one, so the value always comes from a load that began
    /// after the request. Has no effect on a call that bypasses the cache, by [`bypass`](Self::bypass) or by the function's `skip_if`.
    #[doc(alias("reload", "prime_cache"))]
    pub fn refresh(mut self) -> Self {
        if self.whole.head.mode != Mode::Bypass {
            self.whole.head.mode = Mode::Refresh;
        }
        self
    }

    /// Also takes a value that is not fresh, and then does not wait for a load: one in its `stale` or `stale_if_error` window, or
    /// one that was [marked stale](Self::mark_stale). One refresh runs in the background, if the function's loads can run there (it
    /// has an option such as `stale` or `soft_timeout`); otherwise nothing is loaded. Without any value, the call loads.
    ///
    /// A value that was evicted is never returned. Has no effect on a call that refreshes or bypasses the cache.
    pub fn accept_stale(mut self) -> Self {
        if self.whole.head.mode == Mode::Normal {
            self.whole.head.mode = Mode::AcceptStale;
        }
        self
    }

    /// Runs the function without the cache: the call neither reads nor writes it, and does not wait for other callers.
    #[doc(alias = "no_cache")]
    pub fn bypass(mut self) -> Self {
        self.whole.head.mode = Mode::Bypass;
        self
    }

    /// Sets the time to live of the value that this call stores: a [`Duration`](std::time::Duration), or text such as `"1m 30s"` and
    /// `"never"`; see [`IntoTtl`]. It takes the place of the function's own, also if `ttl_with` computes that.
    ///
    /// Text that is not a duration changes nothing, and is reported once (to `tracing`, or to standard error).
    pub fn ttl(mut self, ttl: impl IntoTtl) -> Self {
        match ttl.into_ttl() {
            Ok(ttl) => self.whole.head.options().ttl = ttl,
            Err(error) => crate::base::warn_once("a call keeps its function's ttl", &error),
        }
        self
    }

    /// Sets the tiers that this call reads and fills, instead of those of its function: see [`Tiers`]. A put or a refresh removes
    /// the older value from a tier that is left out. Evictions reach every tier.
    ///
    /// A value without serde (`local`) never goes to a remote tier: with [`Tiers::Remote`] the call stores nothing then.
    pub fn tiers(mut self, tiers: Tiers) -> Self {
        self.whole.head.options().usage.tiers = Some(tiers);
        self
    }

    /// Sets whether this call reads and stores the cached value, instead of what its function says: see [`Access`].
    pub fn access(mut self, access: Access) -> Self {
        self.whole.head.options().usage.access = Some(access);
        self
    }

    /// Replaces the function's key: the whole text without the namespace.
    pub fn key(mut self, key: impl IntoKey) -> Self {
        self.whole.head.options().key = Some(key.into_key_buf());
        self
    }

    /// Uses another cache: a handle, or a name.
    pub fn cache(mut self, cache: impl IntoCache) -> Self {
        self.whole.head.choose(cache.into_choice());
        self
    }

    /// Returns the output together with its source and age.
    pub fn traced(self) -> Traced<L> {
        Traced(self)
    }

    /// Evicts the key's entry from every tier, and wins over every load that has begun. Returns whether there was an entry.
    ///
    /// # Cancellation
    /// Once the future was polled, the eviction takes place, even if the future is dropped.
    ///
    /// # Errors
    /// If the remote tier fails. The eviction is pending then: this process carries it out before it reads the tier again.
    #[doc(alias("invalidate", "remove"))]
    pub fn evict(&self) -> Evict {
        self.whole.forget()
    }

    /// Makes the key's value old but keeps it for the fail-safe (`stale_if_error`, `soft_timeout`): the next call loads, and can
    /// still return the value if its load fails. Returns whether there was a value. See [`Cache::mark_stale`](crate::Cache::mark_stale).
    ///
    /// # Cancellation
    /// As [`evict`](Self::evict).
    ///
    /// # Errors
    /// As [`evict`](Self::evict).
    pub fn mark_stale(&self) -> Evict {
        self.whole.forget().softly()
    }
}

impl<L: Load> Future for Call<L> {
    type Output = L::Output;
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<L::Output> {
        self.whole.poll(cx).map(|cached| cached.value)
    }
}

/// The future of [`Call::traced`], which returns the output with its source and age.
#[must_use = "a call does nothing unless it is awaited"]
pub struct Traced<L>(Call<L>);

impl<L: Load> fmt::Debug for Traced<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traced").field(&self.0).finish()
    }
}

impl<L: Load> Traced<L> {
    /// The key it reads, with all directions applied.
    pub(crate) fn key(&self) -> EntryKey {
        self.0.whole.state().request.key
    }
}

impl<L: Load> Future for Traced<L> {
    type Output = Cached<L::Output>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Cached<L::Output>> {
        self.0.whole.poll(cx)
    }
}

/// Runs a call of a sync function that waits for the remote tier, on this thread.
pub fn wait_blocking<C: Future + Unpin>(call: C) -> C::Output {
    block_on(call)
}

/// Runs a call of a sync function on this thread.
pub fn wait<C: Future + Unpin>(mut call: C) -> C::Output {
    // A hit, and a load that no one else leads, are ready at once: no parking, no allocation.
    let mut nobody = Context::from_waker(std::task::Waker::noop());
    match Pin::new(&mut call).poll(&mut nobody) {
        Poll::Ready(output) => output,
        // By reference: a copy would double the stack that a recursion needs.
        Poll::Pending => pollster::block_on(&mut call),
    }
}
