//! Methods that evict entries.

use crate::api::invalidation::{Evictions, Invalidation};
use crate::base::{Error, Pattern, Selection};
use crate::engine::{Cache, Mutation, PatternEviction};
use crate::key::{EntryKey, IntoKey};
use crate::registry::caches;
use crate::tags::bounded;

/// [Clears](Cache::clear) all [installed caches](crate::caches), in every process.
///
/// Once polled, it clears all of them, even if the future is dropped.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let sessions = Cache::builder().name("sessions").build()?;
/// sessions.install();
/// sessions.insert("ada", 1u64).await?;
/// larder::default_cache().insert("user:7", 7u64).await?;
///
/// larder::clear_all().await?;
/// assert_eq!(sessions.get::<u64>("ada").await?, None);
/// assert_eq!(larder::default_cache().get::<u64>("user:7").await?, None);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The first failure, after all were tried; as [`Cache::remove`].
pub async fn clear_all() -> Result<(), Error> {
    let all = caches().iter().fold(Invalidation::new(), |list, cache| list.cache(cache).all());
    all.run().await
}

impl Cache {
    /// Removes the value under `key`, and revokes all loads of it that have begun. Returns whether there was
    /// a value.
    ///
    /// # Errors
    /// The remote tier failed; the eviction is pending, and this process carries it out before it reads the
    /// tier again.
    #[doc(alias("invalidate", "delete"))]
    pub async fn remove(&self, key: impl IntoKey) -> Result<bool, Error> {
        Ok(self.engine.invalidate(Mutation::evict(self.own(key))).await? > 0)
    }

    /// Removes many values with one request to the remote tier, like [`remove`](Self::remove). Returns how
    /// many there were, as far as the tiers know: if some values are only in memory and others only in the
    /// remote tier, the larger of the two numbers.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert_many([("a", 1u64), ("b", 2), ("c", 3)]).await?;
    /// assert_eq!(cache.remove_many(["a", "b", "absent"]).await?, 2);
    /// assert_eq!(cache.keys("*").await?, ["c"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`remove`](Self::remove), for all keys.
    pub async fn remove_many<K: IntoKey>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64, Error> {
        let mut keys: Vec<EntryKey> = keys.into_iter().map(|key| self.own(key).into()).collect();
        keys.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        keys.dedup_by(|one, other| one.as_str() == other.as_str());
        self.engine.invalidate_keys(&keys).await
    }

    /// Removes all keys that match (`*` is a wildcard), and revokes the loads of such keys that have begun in
    /// this process. Returns how many there were; [`on_progress`](PatternEviction::on_progress) reports the
    /// number in between.
    ///
    /// The search visits all keys of the remote tier page by page, so its duration depends on the number of
    /// all keys and not of the matching ones: some seconds for each million in Redis. In contrast, evicting a
    /// tag takes one operation.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    #[doc(alias("invalidate_pattern", "delete_prefix"))]
    pub fn evict_pattern<'a>(&self, pattern: impl Into<Pattern>) -> PatternEviction<'a> {
        PatternEviction::new(&self.engine, self.own_pattern(pattern))
    }

    /// Evicts all entries with the tag, in every process: one increment for any number of entries.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    #[doc(alias = "invalidate_tag")]
    pub async fn evict_tag(&self, tag: &str) -> Result<(), Error> {
        self.engine.invalidate(Selection::Tag(bounded(tag).into_owned()).into()).await.map(drop)
    }

    /// Evicts many tags, like [`evict_tag`](Self::evict_tag). Once polled, it evicts all of them, even if the
    /// future is dropped.
    ///
    /// # Errors
    /// The first failure, after all were tried.
    pub async fn evict_tags<T: AsRef<str>>(
        &self,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let list = tags.into_iter().fold(Invalidation::new(), |list, tag| list.tag(tag.as_ref()));
        Evictions::at(self, list).carry_out().await
    }

    /// Evicts everything in this cache's namespace, in every process; for a [tenant](Self::tenant), all
    /// entries of the tenant. One increment for any number of entries. Loads that have begun store nothing.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    #[doc(alias("invalidate_all", "flush"))]
    pub async fn clear(&self) -> Result<(), Error> {
        let all = Mutation::from(Selection::All);
        let all = match self.tenant_here() {
            Some(tenant) => tenant.prefix().narrow(all),
            None => all,
        };
        self.engine.invalidate(all).await.map(drop)
    }
}
