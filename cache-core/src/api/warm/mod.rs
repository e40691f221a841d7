//! Warming, and reloads: many calls, of which a bounded number is in progress at a time.

mod one;
mod progress;
mod reload;
mod report;
mod several;

pub use progress::WarmProgress;
pub use reload::Reload;
pub use report::WarmReport;
pub use several::Warmup;

use std::fmt;
use std::fmt::Display;
use std::ops::{Deref, DerefMut};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::base::{BoxFuture, Error};
use crate::call::{Call, Load};
use crate::engine::Cache;
use one::{Ended, One};
use report::Tally;

/// The default concurrency.
const CONCURRENCY: usize = 16;
/// After this many calls, which may all have been hits, the task yields.
const TURN: u64 = 128;

type OnProgress<'a> = Box<dyn FnMut(&WarmProgress) + Send + 'a>;
/// Returns a message if an output counts as failed.
type Failed<O> = fn(O) -> Option<String>;

/// Warms the cache: runs all calls, 16 at a time unless [`concurrency`](Warm::concurrency) says otherwise,
/// and returns a report. A value that is already cached is a hit and not loaded again. [`Warmup`] warms different
/// functions together.
///
/// Calls are taken from the iterator as earlier ones end, so it may be long and lazy. Nothing happens before the warming is
/// awaited: directly, or by [`run`](Warm::run) if the calls return no `Result`. All work runs in that future: if it is dropped, it stops, and loads in
/// progress are cancelled like any dropped call. A call that fails does not stop the others; a call that
/// panics does.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error, __private as p};
/// # fn square(cache: &Cache, n: u64) -> larder::Call<impl p::Load<Output = Result<u64, String>>> {
/// #     use p::{ShapePlain as _, ShapeResult as _, ShapeShared as _};
/// #     static SITE: p::Site = p::Site::new("square", larder::Policy::new());
/// #     struct Square;
/// #     impl p::Described for Square {
/// #         const LEADS: usize = 1;
/// #         fn site() -> &'static p::Site {
/// #             &SITE
/// #         }
/// #     }
/// #     let shape = (&&&p::Probe::<Result<u64, String>>::new()).shape();
/// #     let write = |n: &u64, key: &mut p::KeyBuf, _: &mut p::Tags| {
/// #         key.literal("square:");
/// #         key.literal(&n.to_string());
/// #     };
/// #     let load = |n| async move { Ok(n * n) };
/// #     p::Fetch::<Square>::new().cache(cache).call(move || p::Rules::new(shape, None), n, write, load)
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # let cache = Cache::builder().build()?;
/// // #[cached] async fn square(n: u64) -> Result<u64, String>
/// let calls = (0..1_000).map(|n| square(&cache, n));
/// let report = larder::warm(calls)
///     .concurrency(8)
///     .on_progress(|progress| println!("{} done, {:?} left", progress.done, progress.left()))
///     .await?;
/// assert_eq!((report.loaded, report.hits, report.failures), (1_000, 0, 0));
/// # Ok(())
/// # }
/// ```
pub fn warm<'a, L, I>(calls: I) -> Warm<'a, I::IntoIter>
where
    L: Load,
    I: IntoIterator<Item = Call<L>>,
{
    Warm::new(calls.into_iter(), None)
}

impl Cache {
    /// Warms this cache, like [`warm`], instead of the functions' own caches.
    pub fn warm<'a, L, I>(&self, calls: I) -> Warm<'a, I::IntoIter>
    where
        L: Load,
        I: IntoIterator<Item = Call<L>>,
    {
        Warm::new(calls.into_iter(), Some(self.clone()))
    }
}

/// A warming that has not started; made by [`warm`].
#[must_use = "nothing is warmed before this, or its `run()`, is awaited"]
pub struct Warm<'a, I> {
    whole: WarmInner<'a, I>,
}

/// The common part of [`Warm`]s, for functions with any output; see there.
pub struct WarmInner<'a, I> {
    calls: Option<I>,
    cache: Option<Cache>,
    concurrency: usize,
    on_progress: Option<OnProgress<'a>>,
}

impl<I> fmt::Debug for Warm<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warm").field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for WarmInner<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarmInner").field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}

impl<'a, I> Warm<'a, I> {
    fn new(calls: I, cache: Option<Cache>) -> Self {
        let concurrency = CONCURRENCY;
        Self { whole: WarmInner { calls: Some(calls), cache, concurrency, on_progress: None } }
    }

    /// Sets how many calls are in progress at a time. Default: 16. [`run`](Self::run) refuses zero.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.whole.concurrency = calls;
        self
    }

    /// Sets a callback that is called after each call. It runs between the calls, so it should be short.
    pub fn on_progress(mut self, told: impl FnMut(&WarmProgress) + Send + 'a) -> Self {
        self.whole.on_progress = Some(Box::new(told));
        self
    }
}

impl<'a, L, T, E, I> Warm<'a, I>
where
    L: Load<Output = Result<T, E>>,
    E: Display,
    I: Iterator<Item = Call<L>>,
{
    /// Runs all calls. (The warming is empty afterwards: another `run` does nothing.)
    ///
    /// # Errors
    /// [`Error::Config`]: the concurrency is zero. Calls that fail are in the report.
    pub fn run(&mut self) -> impl Future<Output = Result<WarmReport, Error>> + use<'a, L, T, E, I> {
        self.whole.run_with(|output| output.err().map(|error| error.to_string()))
    }
}

/// As [`Warm::run`].
impl<'a, L, T, E, I> IntoFuture for Warm<'a, I>
where
    L: Load<Output = Result<T, E>> + Send + 'a,
    T: 'a,
    E: Display + 'a,
    I: Iterator<Item = Call<L>> + Send + 'a,
{
    type Output = Result<WarmReport, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<'a, L, I> WarmInner<'a, I>
where
    L: Load,
    I: Iterator<Item = Call<L>>,
{
    /// Runs all calls, like [`Warm::run`], for outputs that are not a `Result`, or whose error has no
    /// `Display` and so no message.
    ///
    /// # Errors
    /// As [`Warm::run`].
    pub fn run(&mut self) -> impl Future<Output = Result<WarmReport, Error>> + use<'a, L, I> {
        self.run_with(|output| L::is_failure(output).then(|| "the load failed".to_owned()))
    }

    fn run_with(
        &mut self,
        failed: Failed<L::Output>,
    ) -> impl Future<Output = Result<WarmReport, Error>> + use<'a, L, I> {
        let (calls, cache) = (self.calls.take(), self.cache.clone());
        let (concurrency, on_progress) = (self.concurrency, self.on_progress.take());
        async move {
            check(concurrency)?;
            // Before the iterator adapters, which do not know the size.
            let tally = Tally::new(calls.as_ref().map_or((0, Some(0)), Iterator::size_hint));
            let calls = calls.into_iter().flatten().map(|call| match &cache {
                Some(cache) => One::new(call.cache(cache), failed),
                None => One::new(call, failed),
            });
            Ok(carry_out(calls, concurrency, tally, on_progress).await)
        }
    }
}

/// Makes `run` available for outputs that are not a `Result`.
impl<'a, I> Deref for Warm<'a, I> {
    type Target = WarmInner<'a, I>;
    fn deref(&self) -> &WarmInner<'a, I> {
        &self.whole
    }
}

impl<I> DerefMut for Warm<'_, I> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.whole
    }
}

/// Checks the number of calls in progress.
fn check(concurrency: usize) -> Result<(), Error> {
    if concurrency == 0 {
        let message = "no call could ever begin; at least 1 is needed";
        return Err(Error::config("concurrency", message));
    }
    Ok(())
}

async fn carry_out<C: Future<Output = Ended>>(
    mut calls: impl Iterator<Item = C>,
    concurrency: usize,
    mut tally: Tally,
    mut on_progress: Option<OnProgress<'_>>,
) -> WarmReport {
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < concurrency
            && let Some(call) = calls.next()
        {
            running.push(call);
        }
        let Some(ended) = running.next().await else { return tally.report() };
        tally.count(ended);
        if let Some(told) = &mut on_progress {
            told(&tally.progress());
        }
        if tally.is_turn(TURN) {
            tokio::task::yield_now().await;
        }
    }
}
