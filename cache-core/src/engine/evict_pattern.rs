//! The eviction of a pattern, and what it tells while it goes on: a large store takes a while to go through.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::handle::Inner;
use super::what::What;
use crate::base::{BoxFuture, Error, Pattern};
use crate::remote::{EvictionProgress, Teller};

/// The future of [`Cache::evict_pattern`](super::handle::Cache::evict_pattern): how many keys there were.
///
/// Nothing happens before it is polled. Dropped after that, nothing is lost: memory has forgotten what matches, and the
/// remote tier's part is done in the background, of which nothing is told.
#[must_use = "nothing is evicted before it is awaited"]
pub struct PatternEviction<'a> {
    inner: Arc<Inner>,
    pattern: Pattern,
    teller: Option<Teller<'a>>,
    running: Option<BoxFuture<'a, Result<u64, Error>>>,
}

impl fmt::Debug for PatternEviction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternEviction").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

impl<'a> PatternEviction<'a> {
    pub(crate) fn new(inner: &Arc<Inner>, pattern: Pattern) -> Self {
        let (inner, teller) = (Arc::clone(inner), Some(Teller::default()));
        Self { inner, pattern, teller, running: None }
    }

    /// Told after each step: when memory has forgotten, and after each request that goes through some of the remote
    /// tier's keys or removes some (500 at most). On a cluster these are the masters' one after the other.
    ///
    /// It is called by whoever polls, under no lock, so it may use the cache; it should be short. If it panics, that is
    /// logged, it is not called again, and the eviction goes on. In a transaction, which holds evictions
    /// until its end, it is not called.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, MemoryBackend};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let backend = MemoryBackend::new();
    /// let cache = Cache::builder().remote(backend).build()?;
    /// cache.insert_many((0..2_000).map(|n| (format!("user:{n}"), n))).await?;
    ///
    /// let mut steps = Vec::new();
    /// let removed = cache
    ///     .evict_pattern("user:*")
    ///     .on_progress(|progress| steps.push(progress.removed))
    ///     .await?;
    /// assert_eq!(removed, 2_000);
    /// assert_eq!(steps.last(), Some(&2_000));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_progress(mut self, told: impl FnMut(&EvictionProgress) + Send + 'a) -> Self {
        if let Some(teller) = &mut self.teller {
            teller.told = Some(Box::new(told));
        }
        self
    }
}

impl Future for PatternEviction<'_> {
    type Output = Result<u64, Error>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let running = this.running.get_or_insert_with(|| {
            let (inner, what) = (Arc::clone(&this.inner), What::Pattern(this.pattern.clone()));
            let mut teller = this.teller.take().unwrap_or_default();
            Box::pin(async move { inner.invalidate_telling(what, &mut teller).await })
        });
        running.as_mut().poll(cx)
    }
}
