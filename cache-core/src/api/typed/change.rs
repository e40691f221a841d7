//! Changes of an id's value that depend on the old one.

use serde::Serialize;

use super::ModelCache;
use crate::api::entry::CacheEntry;
use crate::base::Error;
use crate::codec::RemoteValue;

impl<K: Serialize + ?Sized, V: RemoteValue> ModelCache<K, V> {
    /// The entry of an id, with the view's tags and policy.
    fn entry(&self, id: &K) -> CacheEntry<'_> {
        let key = self.buf(id).with_tags(&self.names.tags);
        CacheEntry::new(&self.cache, key).policy(*self.policy)
    }

    /// Replaces the fresh value, or its absence, by what `change` makes of it; `None` removes it. Returns the new
    /// value. See [`CacheEntry::update`].
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let visits = Cache::builder().build()?.typed::<u64, u64>("visits")?;
    /// assert_eq!(visits.update(&7, |old| Some(old.unwrap_or(0) + 1)).await?, Some(1));
    /// assert_eq!(visits.update(&7, |old| Some(old.unwrap_or(0) + 1)).await?, Some(2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`CacheEntry::update`].
    pub async fn update(
        &self,
        id: &K,
        change: impl FnMut(Option<V>) -> Option<V>,
    ) -> Result<Option<V>, Error> {
        self.entry(id).update(change).await
    }

    /// Stores a value if there is no fresh one, and returns whether it did. See
    /// [`CacheEntry::insert_if_absent`].
    ///
    /// # Errors
    /// As [`CacheEntry::insert_if_absent`].
    pub async fn insert_if_absent(&self, id: &K, value: V) -> Result<bool, Error> {
        self.entry(id).insert_if_absent(value).await
    }

    /// Removes the fresh value and returns it. Of several callers at the same time one gets it. See
    /// [`CacheEntry::take`].
    ///
    /// # Errors
    /// As [`CacheEntry::take`].
    pub async fn take(&self, id: &K) -> Result<Option<V>, Error> {
        self.entry(id).take().await
    }
}
