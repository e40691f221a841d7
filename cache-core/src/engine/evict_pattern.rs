//! The eviction of a pattern, with progress reports: in a large store it takes some time.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::handle::Engine;
use super::mutation::Mutation;
use crate::base::{BoxFuture, Error, Pattern, Selection};
use crate::remote::{EvictionProgress, StepQueue, StepSink};

type OnProgress<'a> = Box<dyn FnMut(&EvictionProgress) + Send + 'a>;

/// The future of [`Cache::evict_pattern`](super::handle::Cache::evict_pattern). Its output is the number of
/// evicted keys.
///
/// Nothing happens before it is polled. If it is dropped after that, memory has already forgotten the
/// matching entries, and a background task evicts them from the remote tier, without progress reports.
#[must_use = "nothing is evicted before it is awaited"]
pub struct PatternEviction<'a> {
    engine: Arc<Engine>,
    pattern: Pattern,
    on_progress: Option<OnProgress<'a>>,
    steps: Arc<StepQueue>,
    running: Option<BoxFuture<'static, Result<u64, Error>>>,
}

impl fmt::Debug for PatternEviction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternEviction").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

impl<'a> PatternEviction<'a> {
    pub(crate) fn new(engine: &Arc<Engine>, pattern: Pattern) -> Self {
        let (engine, steps) = (Arc::clone(engine), Arc::default());
        Self { engine, pattern, on_progress: None, steps, running: None }
    }

    /// Sets a callback that is called for each step: when memory has forgotten the entries, and after each
    /// request that searches some of the remote tier's keys or removes some (at most 500). The masters of a
    /// cluster are asked one after the other.
    ///
    /// The callback runs while the future is polled, under no lock, so it may use the cache; it should be
    /// short. If it panics, the panic is logged, the callback is not called again, and the eviction
    /// continues. In a transaction, which holds evictions until its end, it is not called.
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, backend::MemoryBackend};
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
        self.on_progress = Some(Box::new(told));
        self
    }

    /// Reports the steps since the last call.
    fn report(&mut self) {
        for progress in self.steps.take() {
            let Some(told) = &mut self.on_progress else { return };
            if catch_unwind(AssertUnwindSafe(|| told(&progress))).is_err() {
                self.on_progress = None;
                tracing::error!(
                    target: "larder::eviction",
                    "larder: the progress callback of an eviction panicked; the eviction goes on"
                );
            }
        }
    }
}

impl Future for PatternEviction<'_> {
    type Output = Result<u64, Error>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let running = this.running.get_or_insert_with(|| {
            let progress = match this.on_progress {
                Some(_) => this.steps.sink(),
                None => StepSink::default(),
            };
            let (engine, what) = (Arc::clone(&this.engine), this.pattern.clone());
            Box::pin(async move {
                engine.invalidate(Mutation::Evict(Selection::Pattern(what), progress)).await
            })
        });
        let polled = running.as_mut().poll(cx);
        this.report();
        polled
    }
}
