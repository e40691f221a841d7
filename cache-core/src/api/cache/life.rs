//! How long entries live: asked, and changed.

use std::time::Duration;

use crate::base::{Error, PLAIN, PolicyRef};
use crate::engine::{Cache, Expiry, Request, What};
use crate::key::KeyBuf;

impl Cache {
    /// For how long the entry of a key stays fresh, whatever its type; `None` if there is no fresh one. With a
    /// time to idle: if it is not read before that. To look does not count as reading.
    ///
    /// The memory tier's entry if there is one, else the remote tier's, whose value is read from there.
    /// To the millisecond; a cache without a clock of its own may be some milliseconds late.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Expiry, Policy};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert("plain", 1u64).await?;
    /// cache.insert_with("hour", 2u64, Policy::new().ttl(Duration::from_secs(3600))).await?;
    ///
    /// assert_eq!(cache.ttl("absent").await?, None);
    /// assert_eq!(cache.ttl("plain").await?, Some(Expiry::Never));
    /// let left = cache.ttl("hour").await?.and_then(Expiry::left);
    /// assert!(left.is_some_and(|left| left > Duration::from_secs(3590)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The memory tier has nothing and the remote tier failed.
    pub async fn ttl(&self, key: impl Into<KeyBuf>) -> Result<Option<Expiry>, Error> {
        self.engine.expiry(&Request::new(self.own(key), PolicyRef::Static(&PLAIN), None)).await
    }

    /// Lets the fresh entry of a key live for `ttl` from now on, instead of what is left; its stale windows
    /// follow. Says whether there is such an entry: one that is outdated already stays so. A `ttl` of zero
    /// [removes](Self::remove) it.
    ///
    /// Other processes see it: their memory tiers forget what they have of the entry. It is the entry that is there whose life
    /// changes, not the policy: the next load stores by its own. Loads under way of the key store
    /// nothing any more. A time to idle goes on.
    ///
    /// The remote tier changes the entry only if it is still the one that was read, so that nothing is
    /// brought back. A backend that can't do that ([`Backend::replace`](crate::backend::Backend::replace)) forgets
    /// the entry instead, and the answer is `false`. In a [`transaction`](crate::transaction()) it waits for the commit, as
    /// evictions do; then the answer is `false`, too. If the transaction is cancelled, the entry is evicted.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Expiry};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert("token", "abc".to_owned()).await?;
    /// assert!(cache.expire("token", Duration::from_secs(60)).await?);
    /// assert!(cache.ttl("token").await? <= Some(Expiry::In(Duration::from_secs(60))));
    /// assert!(!cache.expire("absent", Duration::from_secs(60)).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The remote tier failed. Then, and if the future is dropped half-way, the entry is evicted, as by
    /// [`remove`](Self::remove): it is not served for longer than was asked for.
    pub async fn expire(&self, key: impl Into<KeyBuf>, ttl: Duration) -> Result<bool, Error> {
        let changed = self.engine.invalidate(What::Life(self.own(key), Some(ttl))).await?;
        Ok(changed > 0)
    }

    /// [`expire`](Self::expire) without an end: from now on the entry does not end by itself.
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    pub async fn persist(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        Ok(self.engine.invalidate(What::Life(self.own(key), None)).await? > 0)
    }

    /// Makes the value of a key old without losing it: nobody is given it any more, and the next read loads.
    /// But if that load fails or takes too long, the policy's fail-safe (`stale_if_error`, `soft_timeout`) still has a value to
    /// serve, for as long as the window that the value was stored with, from now on. Says whether
    /// there was a value. One without a window, or without a time to live, is [removed](Self::remove).
    ///
    /// It counts as an eviction: loads that began before store nothing any more, in this process and (with
    /// leases) in others, whose memory tiers follow; and a [`transaction`](crate::transaction()) holds it until the commit.
    /// Not even a `stale` window is used up: a value that was said to be old is served for want of a better one only.
    ///
    /// For many values, go through their [`keys`](Self::keys); loads of keys that have no value yet go on. There is none of it for a tag:
    /// that is evicted by one number, which does not reach the entries, and nothing is kept.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Policy};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let rates = Policy::new().ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(3600));
    /// let cache = Cache::builder().build()?;
    /// cache.insert_with("rates", 1.08f64, rates).await?;
    /// assert!(cache.mark_stale("rates").await?);
    ///
    /// assert_eq!(cache.get::<f64>("rates").await?, None);
    /// let load = || async { Err::<f64, _>("the bank is closed") };
    /// assert_eq!(cache.get_or_load_with("rates", rates, load).await, Ok(1.08));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The remote tier failed. Then, and if the future is dropped half-way, the value is evicted from there
    /// before this process uses the tier again.
    pub async fn mark_stale(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        Ok(self.engine.invalidate(What::Stale(self.own(key))).await? > 0)
    }
}
