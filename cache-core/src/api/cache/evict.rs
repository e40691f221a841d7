//! What ends entries.

use crate::api::invalidation::{Evictions, Invalidation};
use crate::base::{Error, Pattern};
use crate::engine::{Cache, PatternEviction, What};
use crate::key::KeyBuf;
use crate::tags::bounded;

impl Cache {
    /// Forgets the value under `key`, and beats every load of it that has begun. Says whether there
    /// was one.
    ///
    /// # Errors
    /// The remote tier failed; the eviction stays owed, and is carried out before the tier is read
    /// again by this process.
    pub async fn remove(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        Ok(self.engine.invalidate(What::Key(self.own(key))).await? > 0)
    }

    /// [`remove`](Self::remove) for many: one request to the remote tier. Says how many there were, as far
    /// as the tiers can tell: where some are in memory alone and others in the remote tier alone, it is the
    /// larger number of the two.
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
    /// As [`remove`](Self::remove), for all of them.
    pub async fn remove_many<K: Into<KeyBuf>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64, Error> {
        let mut keys: Vec<KeyBuf> = keys.into_iter().map(|key| self.own(key)).collect();
        keys.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        keys.dedup_by(|one, other| one.as_str() == other.as_str());
        self.engine.invalidate_keys(keys).await
    }

    /// Forgets all keys that match (`*` is a wildcard), and beats the loads of such keys that have
    /// begun in this process. Says how many there were, and on the way, if you like, how many are gone:
    /// [`on_progress`](PatternEviction::on_progress).
    ///
    /// The remote tier's keys are gone through page by page, which takes time for all of its keys, not for those that
    /// match: some seconds for each million in Redis. A tag is evicted at once.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub fn evict_pattern<'a>(&self, pattern: impl Into<Pattern>) -> PatternEviction<'a> {
        PatternEviction::new(&self.engine, self.own_pattern(pattern))
    }

    /// Forgets all that carries the tag, in every process: one increment, however many entries.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn evict_tag(&self, tag: &str) -> Result<(), Error> {
        self.engine.invalidate(What::Tag(bounded(tag).into_owned())).await.map(drop)
    }

    /// [`evict_tag`](Self::evict_tag) for many. Once it is polled it holds for all, also if it is dropped.
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

    /// Forgets everything in this cache's namespace, in every process; of a [tenant](Self::tenant) what is the tenant's: one
    /// increment, however many entries. Loads that have begun store nothing more.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn clear(&self) -> Result<(), Error> {
        let all = self.prefix().map_or(What::All, |prefix| prefix.narrow(What::All));
        self.engine.invalidate(all).await.map(drop)
    }
}
