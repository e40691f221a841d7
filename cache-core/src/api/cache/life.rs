//! Methods that read and change the lifetime of entries.

use std::time::Duration;

use crate::base::{Error, Expiry, PLAIN, Pattern, PolicyRef, Selection};
use crate::engine::{Cache, Mutation, Request};
use crate::key::IntoKey;
use crate::tags::bounded;

impl Cache {
    /// Returns how long the entry of a key stays fresh, for any type; `None` if there is no fresh one. With a
    /// time to idle: if no read comes before. This call does not count as a read.
    ///
    /// Uses the memory tier's entry if there is one, otherwise reads the remote tier's. Precision:
    /// milliseconds; with the system's clock the result may be some milliseconds late.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Expiry, Policy};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert("plain", 1u64).await?;
    /// cache.entry("hour").policy(Policy::new().ttl(Duration::from_secs(3600))).insert(2u64).await?;
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
    /// The memory tier has no entry and the remote tier failed.
    pub async fn ttl(&self, key: impl IntoKey) -> Result<Option<Expiry>, Error> {
        self.engine.expiry(&Request::by_hand(&self.own(key), PolicyRef::Static(&PLAIN), None)).await
    }

    /// Changes the lifetime of a key's fresh entry: it is fresh for `ttl` from now on, and its stale windows
    /// follow. Returns whether there is such an entry: an outdated one stays outdated. A `ttl` of zero
    /// [removes](Self::remove) the entry.
    ///
    /// Other processes see the change: their memory tiers forget the entry. It applies to this entry only and
    /// does not change the policy: the next load uses its own lifetime. Loads of the key that are in progress
    /// store nothing. A time to idle keeps running.
    ///
    /// The remote tier changes the entry only if it is still the one that was read, so no removed entry is
    /// restored. If the backend cannot do that ([`Backend::replace`](crate::backend::Backend::replace)), the
    /// entry is removed instead, and the result is `false`. Inside a [`transaction`](crate::transaction())
    /// the change waits for the commit, as evictions do; the result is `false` then, too. If the transaction
    /// is cancelled, the entry is evicted.
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
    /// The remote tier failed. In that case, and if the future is dropped half-way, the entry is evicted, as
    /// by [`remove`](Self::remove), so it is never served for longer than requested.
    pub async fn expire(&self, key: impl IntoKey, ttl: Duration) -> Result<bool, Error> {
        let changed =
            self.engine.invalidate(Mutation::Expire(self.own(key).into(), Some(ttl))).await?;
        Ok(changed > 0)
    }

    /// Disables the expiry of a key's entry, like [`expire`](Self::expire) without an end.
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    pub async fn persist(&self, key: impl IntoKey) -> Result<bool, Error> {
        Ok(self.engine.invalidate(Mutation::Expire(self.own(key).into(), None)).await? > 0)
    }

    /// Makes the value of a key old but keeps it for the fail-safe: reads no longer return it, and the next
    /// read loads. If that load fails or takes too long, the policy's fail-safe (`stale_if_error`,
    /// `soft_timeout`) can still serve it, for as long as the value's window, from now on. Returns whether
    /// there was a value. A value without a window, or without a time to live, is [removed](Self::remove).
    ///
    /// It counts as an eviction: loads that have begun store nothing, in this process and (with leases) in
    /// others, whose memory tiers follow; and a [`transaction`](crate::transaction()) holds it until the
    /// commit. A `stale` window does not apply: the value is only served if there is no better one.
    ///
    /// For many values: [`mark_tag_stale`](Self::mark_tag_stale), [`mark_pattern_stale`](Self::mark_pattern_stale) and
    /// [`mark_all_stale`](Self::mark_all_stale).
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Policy};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let rates = Policy::new().ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(3600));
    /// let cache = Cache::builder().build()?;
    /// cache.entry("rates").policy(rates).insert(1.08f64).await?;
    /// assert!(cache.mark_stale("rates").await?);
    ///
    /// assert_eq!(cache.get::<f64>("rates").await?, None);
    /// let load = || async { Err::<f64, _>("the bank is closed") };
    /// assert_eq!(cache.entry("rates").policy(rates).or_load(load).await, Ok(1.08));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The remote tier failed. In that case, and if the future is dropped half-way, this process evicts the
    /// value from the tier before it uses the tier again.
    pub async fn mark_stale(&self, key: impl IntoKey) -> Result<bool, Error> {
        Ok(self
            .engine
            .invalidate(Mutation::MarkStale(Selection::Keys(self.own(key).into())))
            .await?
            > 0)
    }

    /// Makes all values with the tag old but keeps them for the fail-safe, in every process: what
    /// [`mark_stale`](Self::mark_stale) does for a key, as one increment for any number of values. A value is kept to the
    /// end of its own window at most.
    ///
    /// A later [`evict_tag`](Self::evict_tag) ends the values. A custom [`Backend`](crate::Backend) without
    /// [`bump_softly`](crate::Backend::bump_softly) evicts them.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Policy};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let rates = Policy::new().ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(3600));
    /// let cache = Cache::builder().build()?;
    /// cache.entry("rates:eur").policy(rates).tag("bank").insert(1.08f64).await?;
    /// cache.mark_tag_stale("bank").await?;
    ///
    /// assert_eq!(cache.get::<f64>("rates:eur").await?, None);
    /// let load = || async { Err::<f64, _>("the bank is closed") };
    /// assert_eq!(cache.entry("rates:eur").policy(rates).tag("bank").or_load(load).await, Ok(1.08));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`mark_stale`](Self::mark_stale).
    pub async fn mark_tag_stale(&self, tag: &str) -> Result<(), Error> {
        let tag = Selection::Tag(bounded(tag).into_owned());
        self.engine.invalidate(Mutation::MarkStale(tag)).await.map(drop)
    }

    /// Makes all values whose keys match (`*` is a wildcard) old but keeps them for the fail-safe: what
    /// [`mark_stale`](Self::mark_stale) does for a key. Returns how many values there were, as far as the tiers know.
    ///
    /// It searches all keys of the remote tier, as [`evict_pattern`](Self::evict_pattern) does, and reads and writes each
    /// value that matches. Marking a tag takes one operation.
    ///
    /// # Errors
    /// As [`mark_stale`](Self::mark_stale), for all matching keys.
    pub async fn mark_pattern_stale(&self, pattern: impl Into<Pattern>) -> Result<u64, Error> {
        let pattern = Selection::Pattern(self.own_pattern(pattern));
        self.engine.invalidate(Mutation::MarkStale(pattern)).await
    }

    /// Makes all values of this cache's namespace old but keeps them for the fail-safe, in every process; for a
    /// [tenant](Self::tenant), all values of the tenant. As [`mark_tag_stale`](Self::mark_tag_stale).
    ///
    /// # Errors
    /// As [`mark_stale`](Self::mark_stale).
    pub async fn mark_all_stale(&self) -> Result<(), Error> {
        let all = Mutation::MarkStale(Selection::All);
        let all = match self.tenant_here() {
            Some(tenant) => tenant.prefix().narrow(all),
            None => all,
        };
        self.engine.invalidate(all).await.map(drop)
    }
}
