//! Reloads: what carries a tag, or matches a pattern, is loaded again.

use std::fmt;
use std::sync::Arc;

use super::one::Ended;
use super::progress::WarmProgress;
use super::report::{Tally, WarmReport};
use super::{CONCURRENCY, OnProgress, carry_out, check};
use crate::base::{BoxFuture, Error, Pattern, Selection, Source};
use crate::engine::{Cache, Engine, Mutation, Outcome, Scheduled, TransactionScope};
use crate::key::EntryKey;
use crate::tags::bounded;

impl Cache {
    /// Loads again what carries the tag: marks all its entries stale, as [`mark_tag_stale`](Self::mark_tag_stale) does, and
    /// then loads those that this process [refreshes on schedule](crate::Policy::refresh_every). See [`Reload`].
    pub fn refresh_tag<'a>(&self, tag: &str) -> Reload<'a> {
        Reload::new(self.clone(), vec![Selection::Tag(bounded(tag).into_owned())])
    }

    /// Loads again what matches the pattern, as [`refresh_tag`](Self::refresh_tag) does for a tag. Like
    /// [`mark_pattern_stale`](Self::mark_pattern_stale), it visits all keys of the remote tier.
    pub fn refresh_pattern<'a>(&self, pattern: impl Into<Pattern>) -> Reload<'a> {
        Reload::new(self.clone(), vec![Selection::Pattern(self.own_pattern(pattern))])
    }
}

/// A reload that has not started; made by [`Cache::refresh_tag`], [`Cache::refresh_pattern`], and `refresh` of
/// [`Function`](crate::Function) and [`FunctionEntries`](crate::FunctionEntries).
///
/// A cache has values, and not the functions and the arguments that made them. It knows these only for the keys that it
/// refreshes on schedule ([`refresh_every`](crate::Policy::refresh_every)), and loads these keys again at once. All other entries
/// that are concerned, here and in other processes, are stale: the next read of each loads it, and returns the old value if
/// that fails (`stale_if_error`). To load known keys again, whatever their function, [warm](crate::warm) refreshing calls:
/// `warm(ids.iter().map(|id| get_user(*id).refresh()))`.
///
/// Every load begins after the entries were marked, so no value is older than the start. In a
/// [transaction](crate::transaction()), the entries are marked by its commit, and nothing is loaded.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// let load = || async { Ok::<_, Error>(1.08_f64) };
/// let rates = cache.entry("rate:eur").tag("rates").ttl("5m");
/// rates.or_refresh_every(Duration::from_secs(60), load).await?;
///
/// let report = cache.refresh_tag("rates").concurrency(4).await?;
/// assert_eq!(report.loaded, 1);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is loaded before this is awaited"]
pub struct Reload<'a> {
    cache: Cache,
    what: Vec<Selection<EntryKey>>,
    concurrency: usize,
    on_progress: Option<OnProgress<'a>>,
}

impl fmt::Debug for Reload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload").field("what", &self.what).finish_non_exhaustive()
    }
}

impl<'a> Reload<'a> {
    pub(in crate::api) fn new(cache: Cache, what: Vec<Selection<EntryKey>>) -> Self {
        Self { cache, what, concurrency: CONCURRENCY, on_progress: None }
    }

    /// Sets how many loads are in progress at a time. Default: 16. [`run`](Self::run) refuses zero.
    pub fn concurrency(mut self, loads: usize) -> Self {
        self.concurrency = loads;
        self
    }

    /// Sets a callback that is called after each load. It runs between the loads, so it should be short.
    pub fn on_progress(mut self, told: impl FnMut(&WarmProgress) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(told));
        self
    }

    /// Marks the entries stale, and loads the keys that are refreshed on schedule. In the report, `hits` are keys that another
    /// caller or process has loaded in the meantime.
    ///
    /// If the future is dropped, the loads in progress end; the entries stay stale.
    ///
    /// # Errors
    /// - [`Error::Config`]: the concurrency is zero; nothing is done.
    /// - The remote tier failed: other processes may still use the entries. The marks are pending, and the keys of this
    ///   process were loaded. Loads that fail are in the report.
    pub async fn run(self) -> Result<WarmReport, Error> {
        check(self.concurrency)?;
        let (engine, what) = (&self.cache.engine, self.what);
        // Before the marks: an entry without a window for old values is gone after them.
        let keys = match TransactionScope::current() {
            Some(_) => Vec::new(),
            None => engine.scheduled(|key, tags| what.iter().any(|what| key.is_in(what, tags))),
        };
        let mut marked = Ok(());
        for selection in what {
            marked = marked.and(engine.invalidate(Mutation::MarkStale(selection)).await.map(drop));
        }
        let tally = Tally::new((keys.len(), Some(keys.len())));
        let loads = keys.into_iter().map(|key| one(Arc::clone(engine), key));
        let report = carry_out(loads, self.concurrency, tally, self.on_progress).await;
        marked.map(|()| report)
    }
}

/// As [`Reload::run`].
impl<'a> IntoFuture for Reload<'a> {
    type Output = Result<WarmReport, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

async fn one(engine: Arc<Engine>, key: Arc<Scheduled>) -> Ended {
    let name = key.request().key.as_str().to_owned();
    let (source, failure) = match key.refresh_now(engine).await {
        Some(Outcome::Loaded) => (Source::Loaded, None),
        Some(Outcome::Failed) => (Source::Loaded, Some("the load failed".to_owned())),
        Some(Outcome::Found(_) | Outcome::Gone) | None => (Source::Coalesced, None),
    };
    Ended { key: name, source, failure }
}
