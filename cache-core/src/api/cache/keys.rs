//! Lists the keys of a cache, page by page.

use std::collections::HashSet;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use serde::Serialize;

use crate::base::{BackendError, BoxFuture, Error, Pattern};
use crate::engine::{Cache, Engine};
use crate::key::{KeyId, TenantPrefix};

/// A stream of keys, made by [`Cache::keys`].
///
/// Await it for all keys, sorted; call [`next`](Self::next) for one key at a time; or use it as a `Stream`.
#[must_use = "nothing is listed before it is awaited, or asked for `next`"]
pub struct KeyStream {
    engine: Arc<Engine>,
    pattern: Pattern,
    /// The prefix of the handle's keys, which is removed from the listed keys.
    prefix: Option<TenantPrefix>,
    /// The rest of the current page.
    found: std::vec::IntoIter<String>,
    /// The keys of the memory tier, which may also be in the remote tier.
    listed: HashSet<KeyId>,
    step: Step,
}

/// Keys, and the cursor of the next page.
type Page = (Vec<String>, Option<u64>);

enum Step {
    Memory,
    Remote(BoxFuture<'static, Result<Page, BackendError>>),
    Done,
}

impl fmt::Debug for KeyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStream").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

impl Cache {
    /// Lists the keys that match (`*` is a wildcard), of the memory tier and the remote tier. It visits all
    /// keys, so it is meant for operators and tests, and not for every request.
    ///
    /// Awaited, it returns all keys, sorted. Used as a stream, it holds only the keys of the memory tier and
    /// one page of the remote tier's:
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert_many([("user:7", 7u64), ("user:8", 8), ("page:1", 1)]).await?;
    /// assert_eq!(cache.keys("user:*").await?, ["user:7", "user:8"]);
    ///
    /// let mut keys = cache.keys("user:*");
    /// while let Some(key) = keys.next().await.transpose()? {
    ///     println!("{key}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The keys are those of stored entries. In the remote tier this includes outdated values that are kept,
    /// and values that the eviction of a tag has ended but that are still stored. A key that comes or goes
    /// during the listing may be listed or not; if the store is being resized, a key may come twice.
    #[doc(alias("iter", "scan"))]
    pub fn keys(&self, pattern: impl Into<Pattern>) -> KeyStream {
        let prefix = self.tenant_here().map(|tenant| tenant.prefix().clone());
        KeyStream { prefix, ..self.whole_keys(self.own_pattern(pattern)) }
    }

    /// Lists the keys of the whole cache.
    pub(crate) fn whole_keys(&self, pattern: Pattern) -> KeyStream {
        KeyStream {
            engine: Arc::clone(&self.engine),
            pattern,
            prefix: None,
            found: Vec::new().into_iter(),
            listed: HashSet::new(),
            step: Step::Memory,
        }
    }
}

/// The number of keys in each tier; returned by [`Cache::count_keys`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyCount {
    /// The number of keys with a fresh value in the memory tier.
    pub memory: u64,
    /// The number of keys in the remote tier; `None` without one.
    pub remote: Option<u64>,
}

impl Cache {
    /// Counts the keys that match (`*` is a wildcard) in each tier. What counts as a key is the same as for
    /// [`keys`](Self::keys); no key is held. It visits all keys: some seconds for each million in Redis.
    /// [`Stats::entries`](crate::Stats::entries) is the size of the memory tier without a visit.
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, backend::MemoryBackend};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().remote(MemoryBackend::new()).build()?;
    /// cache.insert_many([("user:7", 7u64), ("user:8", 8), ("page:1", 1)]).await?;
    /// let users = cache.count_keys("user:*").await?;
    /// assert_eq!((users.memory, users.remote), (2, Some(2)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The remote tier failed.
    #[doc(alias("len", "entry_count"))]
    pub async fn count_keys(&self, pattern: impl Into<Pattern>) -> Result<KeyCount, Error> {
        let pattern = self.own_pattern(pattern);
        let mut memory = 0;
        self.engine.each_key_in_memory(&pattern, |_| memory += 1);
        let Some(remote) = self.engine.remote() else {
            return Ok(KeyCount { memory, remote: None });
        };
        let (mut count, mut cursor) = (0, Some(0));
        while let Some(at) = cursor {
            let (keys, next) = remote.keys(&pattern, at).await?;
            count += keys.len() as u64;
            cursor = next;
        }
        Ok(KeyCount { memory, remote: Some(count) })
    }
}

impl KeyStream {
    /// Returns the next key, in no order; `None` after the last one. Cancel-safe.
    ///
    /// # Errors
    /// The remote tier failed; the stream ends then.
    pub async fn next(&mut self) -> Option<Result<String, Error>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Returns all keys, sorted, each once.
    ///
    /// # Errors
    /// The remote tier failed.
    pub async fn collect(mut self) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        while let Some(key) = self.next().await.transpose()? {
            keys.push(key);
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, Error>>> {
        loop {
            if let Some(key) = self.found.next() {
                return Poll::Ready(Some(Ok(self.without_prefix(key))));
            }
            match &mut self.step {
                Step::Done => return Poll::Ready(None),
                Step::Memory => {
                    let keys = self.engine.keys_in_memory(&self.pattern);
                    if self.engine.remote().is_some() {
                        self.listed = keys.iter().map(|key| KeyId::of(key)).collect();
                    }
                    self.found = keys.into_iter();
                    self.ask(Some(0));
                }
                Step::Remote(asking) => match ready!(asking.as_mut().poll(cx)) {
                    Ok((mut keys, next)) => {
                        keys.retain(|key| !self.listed.contains(&KeyId::of(key)));
                        self.found = keys.into_iter();
                        self.ask(next);
                    }
                    Err(error) => {
                        self.step = Step::Done;
                        return Poll::Ready(Some(Err(error.into())));
                    }
                },
            }
        }
    }

    fn without_prefix(&self, key: String) -> String {
        let own = self.prefix.as_ref().and_then(|prefix| prefix.strip(&key)).map(str::to_owned);
        own.unwrap_or(key)
    }

    fn ask(&mut self, cursor: Option<u64>) {
        self.step = match (self.engine.remote(), cursor) {
            (Some(remote), Some(cursor)) => {
                let (remote, pattern) = (Arc::clone(remote), self.pattern.clone());
                Step::Remote(Box::pin(async move { remote.keys(&pattern, cursor).await }))
            }
            _ => Step::Done,
        };
    }
}

impl Stream for KeyStream {
    type Item = Result<String, Error>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl IntoFuture for KeyStream {
    type Output = Result<Vec<String>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.collect())
    }
}
