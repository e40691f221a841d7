//! Which keys there are, page by page.

use std::collections::HashSet;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;

use crate::base::{BackendError, BoxFuture, Error, Pattern};
use crate::engine::{Cache, Engine};
use crate::key::{KeyId, TenantPrefix};

/// Keys, as they are found; made by [`Cache::keys`].
///
/// It is awaited for all of them, sorted; asked for [`next`](Self::next); or used as the `Stream` that it is.
#[must_use = "nothing is listed before it is awaited, or asked for `next`"]
pub struct KeyStream {
    engine: Arc<Engine>,
    pattern: Pattern,
    /// What the handle's keys begin with, which is not listed.
    prefix: Option<TenantPrefix>,
    /// Of the current page.
    found: std::vec::IntoIter<String>,
    /// Those of the memory tier, which the remote tier may have too.
    listed: HashSet<KeyId>,
    step: Step,
}

/// Keys, and where those that follow are.
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
    /// The keys that match (`*` is a wildcard), of the memory and the remote tier. It goes through all keys: for
    /// operators and tests, not for every request.
    ///
    /// Awaited, it gives all of them, sorted. One after the other, no more than the keys of the
    /// memory tier and one page of the remote tier's are held:
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
    /// Listed is what lies in the tiers: in the remote tier also what is outdated but kept, and what a tag's
    /// eviction has ended and nothing has removed yet. A key that comes or goes meanwhile may be listed or not; from
    /// a store that is being resized, one may come twice.
    pub fn keys(&self, pattern: impl Into<Pattern>) -> KeyStream {
        KeyStream {
            engine: Arc::clone(&self.engine),
            pattern: self.own_pattern(pattern),
            prefix: self.prefix().cloned(),
            found: Vec::new().into_iter(),
            listed: HashSet::new(),
            step: Step::Memory,
        }
    }
}

impl KeyStream {
    /// The next key, in no order; `None`: that was the last one. Cancel-safe.
    ///
    /// # Errors
    /// The remote tier failed; then there is no next one.
    pub async fn next(&mut self) -> Option<Result<String, Error>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// All keys, sorted, each once.
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
                    if self.engine.remote.is_some() {
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
        self.step = match (&self.engine.remote, cursor) {
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
